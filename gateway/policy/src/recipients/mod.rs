//! To whom a download goes: every mail address anywhere in the query or body of a request.
//!
//! No list of member names is needed, and none could be whole: whatever holds an at sign, in whatever spelling, is a
//! recipient or a reason to refuse. Members without case, repeated ones, lists, objects and member names themselves
//! all count. A body that is not JSON, a form or multipart, by its type and by its bytes, cannot be judged.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, str};

use percent_encoding::percent_decode_str;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{
    address::{Address, is_at, parse_recipients},
    extract::pairs,
    media_type::{MediaClass, charset, classify},
    multipart,
};

/// The recipients that a request names; none, where it names none.
///
/// The query comes without its `?`, the body whole and without content codings.
///
/// # Errors
///
/// Where the request cannot be read, or something in it looks like an address and is not one.
pub fn recipients(
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Vec<Address>, RecipientError> {
    let mut found = Vec::new();
    if let Some(query) = query {
        from_pairs(query, &mut found)?;
    }
    if body.is_empty() {
        return Ok(found);
    }
    if charset(content_type).is_some_and(|charset| !matches!(&*charset, "utf-8" | "us-ascii")) {
        return Err(RecipientError::Unscannable);
    }
    match classify(content_type) {
        MediaClass::Json => from_json(body, &mut found)?,
        MediaClass::Form => from_form(body, &mut found)?,
        MediaClass::Multipart => from_multipart(content_type.unwrap_or_default(), body, &mut found)?,
        MediaClass::Html
        | MediaClass::Text
        | MediaClass::Events
        | MediaClass::Style
        | MediaClass::Script
        | MediaClass::Font
        | MediaClass::Picture
        | MediaClass::Audio
        | MediaClass::Video
        | MediaClass::Document
        | MediaClass::Other
        | MediaClass::Missing => return Err(RecipientError::Unscannable),
    }
    Ok(found)
}

/// The recipients that one text names: all of it is a list of addresses, or there is no at sign in it.
///
/// # Errors
///
/// Where there is one, and the text is not a list of addresses from end to end.
pub fn recipients_in(text: &str) -> Result<Vec<Address>, RecipientError> {
    let mut found = Vec::new();
    from_text(text, &mut found)?;
    Ok(found)
}

/// Why the recipients of a request are not known. No text quotes the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipientError {
    /// The query or the body cannot be read to the letter.
    #[error("the request is not a form, multipart or JSON that can be read to the letter")]
    Unscannable,
    /// A text with an at sign is not a list of addresses.
    #[error("a text with an at sign is not a list of addresses")]
    NotAnAddress,
}

/// Body of the fuzz target: a line of content type, a line of query, then the body.
#[doc(hidden)]
pub fn fuzz_recipients(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut text = || lines.next().and_then(|line| str::from_utf8(line).ok());
    let (Some(content_type), Some(query)) = (text(), text()) else { return };
    let body = lines.next().unwrap_or_default();
    let Ok(found) = recipients(Some(query), Some(content_type), body) else { return };
    let plain =
        matches!(classify(Some(content_type)), MediaClass::Json | MediaClass::Form) && body.contains(&b'@');
    assert!(!found.is_empty() || !(plain || query.contains('@')), "an at sign is a recipient");
}

fn from_text(text: &str, found: &mut Vec<Address>) -> Result<(), RecipientError> {
    if holds_at(text) {
        found.extend(parse_recipients(text).map_err(|_| RecipientError::NotAnAddress)?);
    }
    Ok(())
}

/// Whether there is an at sign in it, also after decoding it once more, and more than once.
fn holds_at(text: &str) -> bool {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_ROUNDS {
        if text.chars().any(is_at) {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy();
        if decoded == text {
            return false;
        }
        text = Cow::Owned(decoded.into_owned());
    }
    // Nobody encodes so often in good faith.
    true
}

const MAX_ROUNDS: usize = 8;

fn from_pairs(text: &str, found: &mut Vec<Address>) -> Result<(), RecipientError> {
    for (name, value) in pairs(text).map_err(|_| RecipientError::Unscannable)? {
        from_text(&name, found)?;
        from_text(&value, found)?;
    }
    Ok(())
}

/// A form is graphic ASCII (WHATWG URL §5.2) and begins like none of the others.
fn from_form(body: &[u8], found: &mut Vec<Address>) -> Result<(), RecipientError> {
    if !body.iter().all(u8::is_ascii_graphic)
        || body.starts_with(b"--")
        || body.first().is_some_and(|first| b"{[<\"".contains(first))
    {
        return Err(RecipientError::Unscannable);
    }
    from_pairs(str::from_utf8(body).map_err(|_| RecipientError::Unscannable)?, found)
}

fn from_multipart(content_type: &str, body: &[u8], found: &mut Vec<Address>) -> Result<(), RecipientError> {
    let parts = multipart::parts(content_type, body).map_err(|_| RecipientError::Unscannable)?;
    if multipart::has_file(&parts) {
        return Err(RecipientError::Unscannable);
    }
    for part in parts {
        from_text(&part.name, found)?;
        from_text(str::from_utf8(part.body).map_err(|_| RecipientError::Unscannable)?, found)?;
    }
    Ok(())
}

fn from_json(body: &[u8], found: &mut Vec<Address>) -> Result<(), RecipientError> {
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Strings { found, refused: &mut refused }.deserialize(&mut reader).and_then(|()| reader.end());
    match (read, refused) {
        (Ok(()), None) => Ok(()),
        (_, Some(error)) => Err(error),
        (Err(_), None) => Err(RecipientError::Unscannable),
    }
}

/// Visits every string and member name as it stands, so that repeated members all count.
struct Strings<'f> {
    found: &'f mut Vec<Address>,
    /// The first text that was refused.
    refused: &'f mut Option<RecipientError>,
}

impl Strings<'_> {
    fn again(&mut self) -> Strings<'_> {
        Strings { found: self.found, refused: self.refused }
    }
}

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        from_text(text, self.found).map_err(|error| {
            self.refused.get_or_insert(error);
            E::custom("refused")
        })
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while members.next_key_seed(self.again())?.is_some() {
            members.next_value_seed(self.again())?;
        }
        Ok(())
    }
}
