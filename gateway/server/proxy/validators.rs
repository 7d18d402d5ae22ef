//! Validators: which of the answers that a caller holds are still what he would be shown (RFC 9110 §8.8, §13).
//!
//! The application's entity tags know nothing of rules, so the gateway adds a word of its own to each: a keyed digest of
//! rules, profile, key and the caller's view. Of the tags that a request brings only those with the word of its own
//! view go upstream, without it; so a change of rules is never answered with `304 Not Modified`. Dates cannot carry a
//! word, and conditions on them are removed.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};
use chatwarden_policy::{
    reason::Reason,
    verdict::{Area, Orders, View},
};
use chatwarden_redact::{AliasKey, Class};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use pingora::http::{RequestHeader, ResponseHeader};

use crate::generation::Running;

/// The word of one view under one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word(String);

/// What stands before the word in a tag.
const MARK: &str = "-cw";

impl Word {
    /// The word of a view under rules and profile of this fingerprint.
    pub(crate) fn new(key: &AliasKey, fingerprint: &[u8], view: View) -> Self {
        let mut text = fingerprint.to_vec();
        // Whoever is shown everything is shown the same everywhere.
        let View { scope, contacts, links } = view;
        let scope = if contacts || links { scope } else { 0 };
        text.extend_from_slice(&(scope as u64).to_le_bytes());
        text.extend([u8::from(contacts), u8::from(links)]);
        let mut word = String::from(MARK);
        // A String takes whatever is written.
        let _ = write!(word, "{:016x}", key.digest(Class::Handle, &text).0 as u64);
        Self(word)
    }

    /// The word of the view that orders give; none where nothing is governed.
    pub(crate) fn of(running: &Running, orders: &Orders) -> Option<Self> {
        let generation = &running.generation;
        let key = generation.aliases.keys.first();
        governs(orders).then(|| Self::new(key, generation.shown.to_string().as_bytes(), orders.masking.view))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Adds the word to an entity tag; none where it is not well-formed.
    fn add(&self, tag: &[u8]) -> Option<HeaderValue> {
        let opaque = tag.strip_suffix(b"\"").filter(|opaque| is_opening(opaque))?;
        HeaderValue::from_bytes(&[opaque, self.0.as_bytes(), b"\""].concat()).ok()
    }

    /// The application's tag, if this is one with the word.
    fn remove(&self, tag: &[u8]) -> Option<Vec<u8>> {
        let opaque = tag.strip_suffix(b"\"")?.strip_suffix(self.0.as_bytes())?;
        is_opening(opaque).then(|| [opaque, b"\""].concat())
    }

    /// Of a list of tags those of this view, as the application knows them, and `*` if it may stay.
    fn current(&self, values: &[HeaderValue], any: bool) -> Option<HeaderValue> {
        let mut kept = BytesMut::new();
        for value in values {
            for tag in tags(value.as_bytes()) {
                let known = if tag == b"*" { any.then(|| tag.to_vec()) } else { self.remove(tag) };
                let Some(known) = known else { continue };
                if !kept.is_empty() {
                    kept.put_slice(b", ");
                }
                kept.put_slice(&known);
            }
        }
        if kept.is_empty() { None } else { HeaderValue::from_bytes(&kept).ok() }
    }
}

/// Whether an answer of these orders carries a word.
pub(crate) fn governs(orders: &Orders) -> bool {
    (orders.masking_governed || orders.masking.hide.is_some())
        && matches!(orders.area, Area::Operator | Area::SignIn)
}

/// Adds the view's word to the tag of an answer. A tag that is not well-formed is removed.
pub(crate) fn mark(header: &mut ResponseHeader, word: &Word) -> pingora::Result<()> {
    let Some(tag) = header.headers.get(header::ETAG) else { return Ok(()) };
    match word.add(tag.as_bytes()) {
        Some(marked) => header.insert_header(header::ETAG, marked)?,
        None => drop(header.remove_header(&header::ETAG)),
    }
    Ok(())
}

/// Brings the conditions of a request into the application's words.
///
/// # Errors
/// A condition that does not hold any more (RFC 9110 §13.1.1).
pub(crate) fn restore(request: &mut RequestHeader, word: &Word) -> Result<(), Reason> {
    let values = |headers: &HeaderMap, name: &HeaderName| -> Vec<HeaderValue> {
        headers.get_all(name).iter().cloned().collect()
    };
    let if_match = values(&request.headers, &header::IF_MATCH);
    if !if_match.is_empty() {
        let current = word.current(&if_match, true).ok_or(Reason::PreconditionFailed)?;
        replace(request, header::IF_MATCH, Some(current));
    }
    let if_none_match = values(&request.headers, &header::IF_NONE_MATCH);
    if !if_none_match.is_empty() {
        // Of a read, `*` would ask whether there is anything at all, whatever the caller was shown of it.
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        let current = word.current(&if_none_match, !is_read);
        replace(request, header::IF_NONE_MATCH, current);
    }
    let if_range = values(&request.headers, &header::IF_RANGE);
    if let Some(tag) = if_range.first() {
        let current = word.remove(tag.as_bytes()).and_then(|tag| HeaderValue::from_bytes(&tag).ok());
        if current.is_none() || if_range.len() > 1 {
            replace(request, header::RANGE, None);
            replace(request, header::IF_RANGE, None);
        } else {
            replace(request, header::IF_RANGE, current);
        }
    }
    replace(request, header::IF_MODIFIED_SINCE, None);
    Ok(())
}

fn replace(request: &mut RequestHeader, name: HeaderName, value: Option<HeaderValue>) {
    request.remove_header(&name);
    if let Some(value) = value {
        // A value that was read from a header can be written to one.
        let _ = request.insert_header(name, value);
    }
}

/// What stands before the closing quote of an entity tag: `"` or `W/"`, and characters of it (RFC 9110 §8.8.3).
fn is_opening(opaque: &[u8]) -> bool {
    let inner = opaque.strip_prefix(b"W/").unwrap_or(opaque).strip_prefix(b"\"");
    inner.is_some_and(|inner| inner.iter().all(|&byte| byte == 0x21 || (byte > 0x22 && byte != 0x7f)))
}

/// The members of a list of entity tags. A comma may stand within the quotes.
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    list.split(move |&byte| {
        is_quoted ^= byte == b'"';
        byte == b',' && !is_quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASKED: View = View { scope: 1, contacts: true, links: false };

    fn word(fingerprint: &[u8], view: View) -> Word {
        Word::new(&AliasKey::new(&[7; 32]).unwrap(), fingerprint, view)
    }

    fn request(fields: &[(&'static str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        request
    }

    fn restored(fields: &[(&'static str, &str)], word: &Word) -> Result<Vec<(String, String)>, Reason> {
        let mut request = request(fields);
        restore(&mut request, word)?;
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        Ok(request.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect())
    }

    #[test]
    fn a_tag_comes_back_as_it_was_under_its_own_view_alone() {
        let own = word(b"rules", MASKED);
        for tag in ["\"a\"", "W/\"a\"", "\"\"", "\"a-cw0\"", "\"x,y\""] {
            let marked = own.add(tag.as_bytes()).unwrap();
            assert_ne!(marked.as_bytes(), tag.as_bytes());
            assert_eq!(own.remove(marked.as_bytes()).unwrap(), tag.as_bytes());
            let others = [
                word(b"other rules", MASKED),
                word(b"rules", View { scope: 2, ..MASKED }),
                word(b"rules", View { links: true, ..MASKED }),
                word(b"rules", View::default()),
            ];
            assert!(others.iter().all(|other| other.remove(marked.as_bytes()).is_none()), "{tag}");
        }
        for tag in ["a", "\"a", "W\"a\"", "\"a\"b\"", "w/\"a\"", ""] {
            assert_eq!(own.add(tag.as_bytes()), None, "{tag}");
        }
    }

    #[test]
    fn all_who_see_everything_share_a_view() {
        let everywhere = word(b"rules", View { scope: 3, ..View::default() });
        assert_eq!(everywhere, word(b"rules", View::default()));
    }

    #[test]
    fn conditions_of_other_views_do_not_go_upstream() {
        let (own, other) = (word(b"rules", MASKED), word(b"rules", View::default()));
        let of = |word: &Word, tag: &str| word.add(tag.as_bytes()).unwrap().to_str().unwrap().to_owned();
        let list =
            format!("\"plain\", {} , {},, {}", of(&own, "\"a,b\""), of(&other, "\"c\""), of(&own, "W/\"d\""));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            restored(&[("if-none-match", &list)], &own),
            Ok(vec![pair("if-none-match", "\"a,b\", W/\"d\"")])
        );
        assert_eq!(restored(&[("if-none-match", &of(&other, "\"c\""))], &own), Ok(vec![]));
        assert_eq!(restored(&[("if-none-match", "*")], &own), Ok(vec![]));
        let mut put = request(&[("if-none-match", "*")]);
        put.set_method(Method::PUT);
        restore(&mut put, &own).unwrap();
        assert_eq!(put.headers["if-none-match"], "*");
        assert_eq!(restored(&[("if-match", &of(&own, "\"a\""))], &own), Ok(vec![pair("if-match", "\"a\"")]));
        assert_eq!(restored(&[("if-match", "\"a\"")], &own), Err(Reason::PreconditionFailed));
        let range = ("range", "bytes=0-9");
        let kept = restored(&[range, ("if-range", &of(&own, "\"a\""))], &own).unwrap();
        assert_eq!(kept, [pair("range", "bytes=0-9"), pair("if-range", "\"a\"")]);
        assert_eq!(restored(&[range, ("if-range", &of(&other, "\"a\""))], &own), Ok(vec![]));
        assert_eq!(restored(&[range, ("if-range", "Mon, 05 Jan 2026 08:00:00 GMT")], &own), Ok(vec![]));
        assert_eq!(restored(&[("if-modified-since", "Mon, 05 Jan 2026 08:00:00 GMT")], &own), Ok(vec![]));
    }
}
