//! Header fields of an answer that a masked caller gets: contact data in them is hidden too.
//!
//! Which fields hold contacts by themselves the profile says. In addresses and names of files contacts and copies of
//! learnt values are looked for; what such a field says besides stays, so that redirects and downloads go on working.

use std::sync::Arc;

use chatwarden_policy::verdict::Masking;
use chatwarden_redact::{Class, Format, Learnt, Limits, Plan, Redactor};
use http::{HeaderName, HeaderValue, header};
use pingora::http::ResponseHeader;

/// Fields that quote what was asked for, or name what is sent.
const QUOTING: [HeaderName; 5] =
    [header::LOCATION, header::CONTENT_LOCATION, header::REFRESH, header::LINK, header::CONTENT_DISPOSITION];

/// Fields for developers, with texts of the application's own.
const TELLING: [HeaderName; 2] =
    [HeaderName::from_static("server-timing"), HeaderName::from_static("x-debug-info")];

/// Hides contact data in the header of an answer.
///
/// A value that cannot be read is removed.
pub(crate) fn mask(
    header: &mut ResponseHeader,
    masking: &Masking,
    declared: &[(String, Class)],
    learnt: Option<&Arc<Learnt>>,
) -> pingora::Result<()> {
    let Some(plan) = &masking.text else { return Ok(()) };
    for name in &TELLING {
        header.remove_header(name);
    }
    for (name, class) in declared {
        let Ok(name) = HeaderName::try_from(name.as_str()) else { continue };
        rewrite(header, &name, |value| Some(plan.show(*class, value)))?;
    }
    for name in &QUOTING {
        rewrite(header, name, |value| read(plan, learnt, value))?;
    }
    Ok(())
}

fn rewrite(
    header: &mut ResponseHeader,
    name: &HeaderName,
    show: impl Fn(&str) -> Option<String>,
) -> pingora::Result<()> {
    let values: Vec<HeaderValue> = header.headers.get_all(name).iter().cloned().collect();
    if values.is_empty() {
        return Ok(());
    }
    header.remove_header(name);
    for value in values {
        let shown = std::str::from_utf8(value.as_bytes()).ok().and_then(&show);
        if let Some(shown) = shown.and_then(|shown| HeaderValue::from_bytes(shown.as_bytes()).ok()) {
            header.append_header(name.clone(), shown)?;
        }
    }
    Ok(())
}

/// Hides contacts in a value by their shape, and copies of what was learnt.
fn read(plan: &Arc<Plan>, learnt: Option<&Arc<Learnt>>, value: &str) -> Option<String> {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Text, Limits::default());
    if let Some(learnt) = learnt {
        redactor = redactor.with_copies(Arc::clone(learnt));
    }
    let mut out = Vec::with_capacity(value.len());
    redactor.write(value.as_bytes(), &mut out).ok()?;
    redactor.finish(&mut out).ok()?;
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use chatwarden_redact::{AliasKey, mask as show};

    use super::*;

    fn masking() -> Masking {
        let plan = Plan::builder().patterns(true).copies(true).build(&key()).unwrap();
        Masking { text: Some(Arc::new(plan)), ..Masking::default() }
    }

    fn key() -> AliasKey {
        AliasKey::new(&[7; 32]).unwrap()
    }

    fn masked(name: &'static str, value: &[u8]) -> Vec<String> {
        let mut header = ResponseHeader::build(200, None).unwrap();
        header.append_header(name, value).unwrap();
        let declared = [("x-caller".to_owned(), Class::Phone)];
        mask(&mut header, &masking(), &declared, None).unwrap();
        header
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect()
    }

    #[test]
    fn a_declared_field_shows_what_a_field_of_a_body_shows() {
        let alias = show(Class::Phone, chatwarden_redact::Display::Alias, "+37061234567", &key());
        assert_eq!(masked("x-caller", b"+37061234567"), [alias]);
        assert!(masked("x-caller", b"\xff37061234567").is_empty());
    }

    #[test]
    fn addresses_and_names_of_files_lose_their_contacts_and_nothing_else() {
        for (name, value) in [
            ("location", "/clients?phone=%2B37061234567&sort=name"),
            ("location", "/clients/+37061234567/card"),
            ("refresh", "0; url=/clients?mail=jurate.k@example.com"),
            ("link", "</clients?phone=37061234567&page=2>; rel=\"next\""),
            ("content-disposition", "attachment; filename=\"jurate.k@example.com.pdf\""),
        ] {
            let shown = masked(name, value.as_bytes()).concat();
            assert!(!shown.contains("1234567") && !shown.contains("jurate"), "{name}: {shown}");
        }
        for (name, value) in [
            ("location", "/conversations/901?after=1795300000000"),
            ("link", "</api/users?page=2>; rel=\"next\""),
            ("content-disposition", "attachment; filename=\"invoice A-20981.pdf\""),
            ("x-request", "+37061234567"),
        ] {
            assert_eq!(masked(name, value.as_bytes()), [value], "{name}");
        }
        assert!(masked("server-timing", b"db;desc=\"+37061234567\"").is_empty());
    }
}
