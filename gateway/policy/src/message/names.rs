//! The names of events in a message.
//!
//! Where real-time protocols have them: Socket.IO `42["name", …]`, Phoenix `[…, …, topic, "name", payload]`, and members
//! of an object ([`MEMBERS`]) for DDP, ActionCable, SignalR and apps of their own; also in JSON that is a string of an
//! array (SockJS) or the member `data` (ActionCable). What looks like JSON and is not is an error, so that nothing is
//! guessed from a part of it.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A message that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Whether a message is an event of one of these names.
pub(super) fn holds(message: &[u8], names: &[String]) -> Result<bool, Unreadable> {
    if names.is_empty() {
        return Ok(false);
    }
    let text = std::str::from_utf8(message).map_err(|_| Unreadable)?;
    // Records of Engine.IO 4 and SignalR.
    let mut found = false;
    for record in text.split('\u{1e}') {
        let Some(begin) = record.find(['{', '[']) else { continue };
        let (head, json) = record.split_at(begin);
        if head.len() > MAX_HEAD || !head.bytes().all(is_head) {
            return Err(Unreadable);
        }
        found |= search(json, names, NESTING).map_err(|_| Unreadable)?;
    }
    Ok(found)
}

/// JSON texts one after another.
fn search(text: &str, names: &[String], levels: u8) -> serde_json::Result<bool> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut found = false;
    loop {
        match deserializer.end() {
            Ok(()) => return Ok(found),
            Err(_) => found |= Search { names, levels, place: Place::Text }.deserialize(&mut deserializer)?,
        }
    }
}

/// Reads one value, and says whether it is an event that is looked for.
#[derive(Clone, Copy)]
struct Search<'n> {
    names: &'n [String],
    /// How many levels of JSON in strings are looked into.
    levels: u8,
    place: Place,
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the message.
    Text,
    /// Where a name may be.
    Name,
    /// Where JSON may be in a string.
    Nested,
    /// Both.
    Either,
}

impl Search<'_> {
    fn look(self, text: &str) -> bool {
        let is_name = matches!(self.place, Place::Name | Place::Either);
        let is_nested = matches!(self.place, Place::Nested | Place::Either);
        if is_name && self.names.iter().any(|name| name == text) {
            return true;
        }
        // A string that is no JSON is a string.
        is_nested
            && self.levels > 0
            && text.trim_start().starts_with(['{', '['])
            && search(text, self.names, self.levels - 1).unwrap_or(false)
    }

    fn at(self, place: Place) -> Self {
        Search { place, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(self.look(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        if self.place != Place::Text {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(false);
        }
        let (mut found, mut index) = (false, 0_usize);
        loop {
            let place = if matches!(index, 0 | PHOENIX_EVENT) { Place::Either } else { Place::Nested };
            match items.next_element_seed(self.at(place))? {
                Some(one) => found |= one,
                None => return Ok(found),
            }
            index = index.checked_add(1).ok_or_else(|| A::Error::custom("too long"))?;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(key) = members.next_key::<Cow<'_, str>>()? {
            let is_name = MEMBERS.contains(&&*key);
            if self.place == Place::Text && (is_name || key == "data") {
                let place = if is_name { Place::Name } else { Place::Nested };
                found |= members.next_value_seed(self.at(place))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Types, numbers of attachments and answers, a namespace; letters of SockJS; blanks.
fn is_head(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" \t\r\n/_-.,:?=&".contains(&byte)
}

const MEMBERS: [&str; 7] = ["event", "type", "action", "msg", "method", "command", "target"];
/// `[join_ref, ref, topic, event, payload]`.
const PHOENIX_EVENT: usize = 3;
const NESTING: u8 = 2;
const MAX_HEAD: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn find(message: &str) -> Result<bool, Unreadable> {
        holds(message.as_bytes(), &["upload:auth".to_owned(), "ufsCreate".to_owned()])
    }

    #[test]
    fn names_are_found_where_protocols_have_them() {
        for message in [
            r#"42["upload:auth"]"#,
            r#"42/chat,17["upload:auth",{"a":[1]}]"#,
            r#"451-["upload:auth",{"_placeholder":true,"num":0}]"#,
            "2\u{1e}42[\"a\"]\u{1e}42[\"upload:auth\"]",
            r#"["3","7","room:1","upload:auth",{}]"#,
            r#"{"msg":"method","method":"ufsCreate","params":[]}"#,
            r#"["{\"msg\":\"method\",\"method\":\"ufsCreate\"}"]"#,
            r#"{"command":"message","identifier":"{}","data":"{\"action\":\"upload:auth\"}"}"#,
            "{\"type\":1,\"target\":\"upload:auth\",\"arguments\":[]}\u{1e}",
            r#"{"type":"upload:auth"}"#,
            r#" { "event" : "upload\u003aauth" } "#,
            r#"{"event":"other","event":"upload:auth"}"#,
            r#"{"a":1}{"action":"upload:auth"}"#,
        ] {
            assert_eq!(find(message), Ok(true), "{message}");
        }
    }

    #[test]
    fn other_places_are_no_events() {
        for message in [
            "",
            "2",
            "3probe",
            "upload:auth",
            r#"42["message",{"text":"upload:auth"}]"#,
            r#"42["message","upload:auth"]"#,
            r#"{"type":"message","text":"upload:auth"}"#,
            r#"{"data":{"type":"upload:auth"}}"#,
            r#"{"type":{"type":"upload:auth"},"data":"{no json"}"#,
            r#"["upload:auth2", null, true, -1, 1.5e3]"#,
        ] {
            assert_eq!(find(message), Ok(false), "{message}");
        }
        assert_eq!(holds(br#"{"type":"a"}"#, &[]), Ok(false));
        assert_eq!(holds(b"{never read", &[]), Ok(false));
    }

    #[test]
    fn what_looks_like_json_and_is_not_cannot_be_read() {
        let deep = "[".repeat(200);
        for message in [
            "42[\"upload:auth\"",
            "{\"type\":'upload:auth'}",
            "SEND\0{}",
            "<a>[1]",
            "{} x",
            "\u{feff}[]",
            &deep,
        ] {
            assert_eq!(find(message), Err(Unreadable), "{message}");
        }
        assert_eq!(holds(b"\xff", &["a".to_owned()]), Err(Unreadable));
    }
}
