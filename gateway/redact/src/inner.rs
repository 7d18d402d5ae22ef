//! A text within a format that is not JSON: the value of a form field, the cell of a table.
//!
//! What the plan says of it is done: it is free text, HTML or JSON. Where the plan says nothing, the text decides: if
//! it begins as JSON it is redacted as JSON, from the root of the plan. One that turns out malformed then is plain
//! if no reader, however lenient, finds a member in it, as in `[photo]` or `[12:30] Good morning`, else unreadable.

use std::sync::Arc;

use crate::{
    copies::Swept,
    fragment,
    json::{edit::Edits, nested},
    plan::{Inner, Plan},
    redactor::{Limits, Summary},
    text::{scan_copies, scan_text},
};

/// Looks into a text and appends it to `out` if something in it is hidden. Copies are not looked for where there are
/// to be none: in what operators wrote.
pub(crate) fn look_into(
    text: &str,
    inner: Option<Inner>,
    has_copies: bool,
    plan: &Arc<Plan>,
    limits: Limits,
    summary: &mut Summary,
    out: &mut Vec<u8>,
) -> Seen {
    let mut edits = Edits::default();
    match inner {
        Some(Inner::Json) | None if nested::begins_as_json(text) => {
            match nested::document(text, plan, limits) {
                Some(document) if has_copies && plan.learnt().is_some() => {
                    return sweep(text, &document, plan, limits, summary, out);
                }
                Some(document) => edits = document,
                None if inner.is_none() && !may_hold_members(text) => {
                    if has_copies {
                        scan_copies(plan, text, &mut edits);
                    }
                }
                None => return Seen::Unreadable,
            }
        }
        None if has_copies => scan_copies(plan, text, &mut edits),
        None => {}
        Some(Inner::Id(class)) => edits.seal(plan, class, text),
        Some(Inner::Json | Inner::Text) => scan_text(plan, text, has_copies, &mut edits),
        Some(Inner::Fragment) if fragment::scan(plan, text, has_copies, &mut edits).is_none() => {
            return Seen::Unreadable;
        }
        Some(Inner::Fragment) => {}
    }
    finish(text, &edits, summary, out)
}

fn finish(text: &str, edits: &Edits, summary: &mut Summary, out: &mut Vec<u8>) -> Seen {
    if edits.is_empty() {
        return Seen::Plain;
    }
    edits.apply(text, out);
    summary.add(edits.summary());
    Seen::Redacted
}

/// Looks for copies in JSON whose fields are hidden by `edits`.
fn sweep(
    text: &str,
    edits: &Edits,
    plan: &Arc<Plan>,
    limits: Limits,
    summary: &mut Summary,
    out: &mut Vec<u8>,
) -> Seen {
    // A document that is a string holds one that is spelled once more, and is swept as text.
    if text.trim_start().starts_with('"') {
        let mut hidden = Vec::with_capacity(text.len());
        edits.apply(text, &mut hidden);
        let mut copies = Edits::default();
        let hidden = String::from_utf8_lossy(&hidden);
        scan_copies(plan, &hidden, &mut copies);
        copies.count(edits.summary());
        return match edits.is_empty() && copies.is_empty() {
            true => Seen::Plain,
            false => {
                copies.apply(&hidden, out);
                summary.add(copies.summary());
                Seen::Redacted
            }
        };
    }
    let limits = Limits { nesting: limits.nesting.saturating_sub(1), ..limits };
    let mut swept = Swept::new(Arc::clone(plan), limits);
    let mut shown = Vec::with_capacity(text.len());
    match swept.write(text.as_bytes(), &mut shown).and_then(|()| swept.finish(&mut shown)) {
        Ok(_) if shown == text.as_bytes() => Seen::Plain,
        Ok(hidden) => {
            out.append(&mut shown);
            summary.add(&hidden);
            Seen::Redacted
        }
        Err(_) => Seen::Unreadable,
    }
}

/// What a text turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing in it is hidden.
    Plain,
    /// Something in it is.
    Redacted,
    /// Nobody can say.
    Unreadable,
}

/// Whether some reader may find a member of an object in what is not JSON.
fn may_hold_members(text: &str) -> bool {
    text.contains('{') && text.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AliasKey, Class, Display, Selector};

    #[test]
    fn an_undeclared_text_is_redacted_plain_or_unreadable() {
        let cases = [
            ("", Seen::Plain),
            ("Anna", Seen::Plain),
            ("+37061234567", Seen::Plain),
            ("\"Well\", she said", Seen::Plain),
            ("[photo]", Seen::Plain),
            ("[12:30] She said \"yes\"", Seen::Plain),
            ("{", Seen::Plain),
            ("{}", Seen::Plain),
            (r#"{"id": 7}"#, Seen::Plain),
            (r#"{"phone": "+37061234567"}"#, Seen::Redacted),
            (r#" [{"phone": 37061234567}]"#, Seen::Redacted),
            (r#""{\"phone\": 37061234567}""#, Seen::Redacted),
            (r#"{"phone": "+37061234567",}"#, Seen::Unreadable),
            ("{'phone': '+37061234567'}", Seen::Unreadable),
            ("{phone: +37061234567}", Seen::Unreadable),
            ("\u{feff}{\"phone\": \"+37061234567\"}", Seen::Unreadable),
            ("{\"id\": 7}\n{\"phone\": \"+37061234567\"}", Seen::Unreadable),
        ];
        let plan = Plan::builder().field(Class::Phone, &Selector::parse("$..phone").unwrap());
        let plan = plan.display(Class::Phone, Display::Hidden).build(&AliasKey::new(&[7; 32]).unwrap());
        let plan = Arc::new(plan.unwrap());
        for (text, expected) in cases {
            let mut out = b"before ".to_vec();
            let mut summary = Summary::default();
            let seen = look_into(text, None, true, &plan, Limits::default(), &mut summary, &mut out);
            assert_eq!(seen, expected, "{text}");
            assert_eq!(summary.total(), u64::from(seen == Seen::Redacted), "{text}");
            assert_eq!(out.len() > 7, seen == Seen::Redacted, "{text}");
            assert!(out.starts_with(b"before ") && !out.windows(5).any(|window| window == b"61234"));
        }
    }

    #[test]
    fn a_text_declared_as_json_that_is_none_is_unreadable() {
        let plan = Arc::new(Plan::builder().build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
        let mut out = Vec::new();
        for (text, expected) in [("[photo]", Seen::Unreadable), ("photo", Seen::Plain), ("[1]", Seen::Plain)]
        {
            let limits = Limits::default();
            let seen =
                look_into(text, Some(Inner::Json), true, &plan, limits, &mut Summary::default(), &mut out);
            assert_eq!(seen, expected, "{text}");
        }
    }
}
