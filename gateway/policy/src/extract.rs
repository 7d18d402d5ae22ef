//! Values out of requests: JSON by selector, forms and queries by pairs.
//!
//! What cannot be read to the letter is an error, so that nobody decides on half of a request.

use std::{borrow::Cow, fmt};

use chatwarden_redact::{Pick, Segment, Selector};
use percent_encoding::percent_decode_str;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Every value that the selector selects, each once, in the order of the document.
pub fn find<'v>(selector: &Selector, value: &'v Value) -> Vec<&'v Value> {
    search(selector, value, |name, member| name == member)
}

/// The same with member names compared without case, for selectors that guard requests: applications differ in how
/// they spell the members that they accept.
pub fn find_without_case<'v>(selector: &Selector, value: &'v Value) -> Vec<&'v Value> {
    search(selector, value, |name, member| {
        let lower = |text: &str| text.to_lowercase();
        name.eq_ignore_ascii_case(member) || (!member.is_ascii() && lower(name) == lower(member))
    })
}

/// A scalar as text; nothing for null, objects and arrays.
pub fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The scalars that a selector finds, lists among them opened, as one text for people to read; nothing if there are none.
pub fn joined(selector: &Selector, value: &Value) -> Option<String> {
    let found = find_without_case(selector, value);
    let opened = found.into_iter().flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    });
    let texts: Vec<Cow<'_, str>> = opened.filter_map(text).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// The pairs of a query or of an `application/x-www-form-urlencoded` body, decoded, in order, repeated ones too
/// (WHATWG URL §5.1).
///
/// # Errors
///
/// Where the standard would guess: a `%` without two hexadecimal digits, escapes that are not UTF-8.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, PairsError> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    let pair = |field: &str| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        Ok((decode(name)?, decode(value)?))
    };
    fields.map(pair).collect()
}

/// Why a form or query cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairsError {
    /// `%` without two hexadecimal digits after it.
    #[error("a `%` stands without two hexadecimal digits")]
    MalformedEscape,
    /// Escapes that decode to invalid UTF-8.
    #[error("the escapes are not UTF-8")]
    InvalidUtf8,
}

/// Walks each value once, with the set of segments that may come next.
fn search<'v>(selector: &Selector, value: &'v Value, same: impl Fn(&str, &str) -> bool) -> Vec<&'v Value> {
    let search = Search { segments: selector.segments(), same };
    let mut found = Vec::new();
    search.visit(value, &[0], &mut found);
    found
}

struct Search<'s, F> {
    segments: &'s [Segment],
    same: F,
}

impl<F: Fn(&str, &str) -> bool> Search<'_, F> {
    fn visit<'v>(&self, value: &'v Value, states: &[usize], found: &mut Vec<&'v Value>) {
        if states.contains(&self.segments.len()) {
            found.push(value);
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.descend(member, Step::Member(name), states, found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.descend(item, Step::Item(index), states, found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn descend<'v>(&self, value: &'v Value, step: Step<'_>, states: &[usize], found: &mut Vec<&'v Value>) {
        let mut next = Vec::new();
        for state in states {
            let Some(segment) = self.segments.get(*state) else { continue };
            let (picks, stays) = match segment {
                Segment::Child(picks) => (picks, false),
                Segment::Descendant(picks) => (picks, true),
            };
            let goes = picks.iter().any(|pick| self.fits(pick, step));
            let states = [stays.then_some(*state), goes.then_some(state + 1)];
            next.extend(states.into_iter().flatten());
        }
        // Two states may lead to the same one; each is worth one visit.
        next.sort_unstable();
        next.dedup();
        if !next.is_empty() {
            self.visit(value, &next, found);
        }
    }

    fn fits(&self, pick: &Pick, step: Step<'_>) -> bool {
        match (pick, step) {
            (Pick::Any, _) => true,
            (Pick::Name(name), Step::Member(member)) => (self.same)(name, member),
            (Pick::Index(wanted), Step::Item(index)) => {
                u64::try_from(index).is_ok_and(|index| index == *wanted)
            }
            (Pick::Name(_), Step::Item(_)) | (Pick::Index(_), Step::Member(_)) => false,
        }
    }
}

#[derive(Clone, Copy)]
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

fn decode(field: &str) -> Result<String, PairsError> {
    let mut escapes = field.split('%').skip(1);
    let whole =
        |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|digit| digit.is_ascii_hexdigit());
    if !escapes.all(whole) {
        return Err(PairsError::MalformedEscape);
    }
    let spaced = field.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| PairsError::InvalidUtf8)?;
    Ok(decoded.into_owned())
}

/// Reads JSON with every repeated member kept: its values stand in one list, in their order.
///
/// Which of two members an application takes is not ours to guess, so whoever judges a request sees both.
///
/// # Errors
/// The bytes are not one JSON text.
pub fn json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Keeping.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct Keeping;

impl<'de> DeserializeSeed<'de> for Keeping {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keeping {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Keeping)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object: Map<String, Value> = Map::new();
        let mut repeated: Map<String, Value> = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Keeping)?;
            if let Some(first) = object.remove(&name) {
                repeated.insert(name, Value::Array(vec![first, value]));
            } else if let Some(Value::Array(values)) = repeated.get_mut(&name) {
                values.push(value);
            } else {
                object.insert(name, value);
            }
        }
        object.append(&mut repeated);
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repeated_members_are_all_kept() {
        let read = |text: &str| json(text.as_bytes()).map(|value| value.to_string()).ok();
        assert_eq!(
            read(r#"{"a":1,"a":[2],"a":null,"b":{"c":1,"c":2}}"#).as_deref(),
            Some(r#"{"a":[1,[2],null],"b":{"c":[1,2]}}"#)
        );
        assert_eq!(read(r#"{"a":1} x"#), None);
    }

    #[test]
    fn selectors_find_each_value_once() {
        let value = json!({
            "email": "a", "Email": "b",
            "to": [{"email": "c"}, {"email": "d", "deep": {"email": ["e", 1]}}],
            "n": 7, "t": true, "z": null,
        });
        for (selector, expected) in [
            ("$.email", vec!["a"]),
            ("$['Email']", vec!["b"]),
            ("$.to[*].email", vec!["c", "d"]),
            ("$.to[1].email", vec!["d"]),
            ("$.to[9].email", vec![]),
            ("$.to.email", vec![]),
            ("$..email[0]", vec!["e"]),
            ("$..to..email", vec!["c", "d"]),
            ("$..*..email[*]", vec!["e", "1"]),
            ("$['n','t']", vec!["7", "true"]),
            ("$.z", vec![]),
        ] {
            let selector = Selector::parse(selector).unwrap();
            let mut found: Vec<Cow<'_, str>> = find(&selector, &value).into_iter().filter_map(text).collect();
            found.sort();
            let mut expected = expected;
            expected.sort_unstable();
            assert_eq!(found, expected, "{selector}");
        }
        assert_eq!(find(&Selector::parse("$").unwrap(), &value), [&value]);
    }

    #[test]
    fn guards_find_members_without_case() {
        let value = json!({"EMAIL": 1, "email": 2, "\u{c9}tat": 3});
        assert_eq!(find_without_case(&Selector::parse("$.Email").unwrap(), &value).len(), 2);
        assert_eq!(find_without_case(&Selector::parse("$.\u{e9}tat").unwrap(), &value).len(), 1);
    }

    #[test]
    fn pairs_are_decoded_and_all_kept() {
        let read = |text: &str| {
            pairs(text).map(|pairs| {
                pairs.into_iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>()
            })
        };
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(
            read("a=b&a=c&&d&=e&f=g=h"),
            Ok(["a:b", "a:c", "d:", ":e", "f:g=h"].map(String::from).to_vec())
        );
        assert_eq!(read("e+mail=a%40b%2Bc+d%C3%A9"), Ok(vec!["e mail:a@b+c d\u{e9}".to_owned()]));
        for text in ["a=%", "a=%4", "a=%4g", "%=a", "a=%%34"] {
            assert_eq!(read(text), Err(PairsError::MalformedEscape), "{text}");
        }
        for text in ["a=%ff", "a=%c0%ae", "%ed%a0%80=b"] {
            assert_eq!(read(text), Err(PairsError::InvalidUtf8), "{text}");
        }
    }
}
