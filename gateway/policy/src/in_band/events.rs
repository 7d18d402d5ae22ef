//! The events of a message: names and values, out of JSON in the framings of real-time protocols.
//!
//! Whoever decides by what a client sends must read no less in it than the application does. So a frame that is not
//! understood makes the message unreadable, and a repeated member is kept as a list of its values.

use std::{borrow::Cow, sync::Arc};

use chatwarden_redact::Selector;
use serde_json::Value;

use crate::extract;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    value: Value,
    is_answer: bool,
}

/// A message of which somebody else might read more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be read for its events")]
pub struct Unreadable;

impl Event {
    /// Whether the event bears this name: the first text of a list, or what a member of an object says that usually
    /// holds it. Where such a member is repeated, each of its values is a name.
    pub fn is(&self, name: &str) -> bool {
        let says = |value: &Value| match value {
            Value::String(text) => text == name,
            Value::Array(texts) => texts.iter().any(|text| text.as_str() == Some(name)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        match &self.value {
            Value::Array(items) => items.first().and_then(Value::as_str) == Some(name),
            Value::Object(members) => MEMBERS.iter().filter_map(|member| members.get(*member)).any(says),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// The JSON of the event, its name included: `$[1]` is the first argument of a Socket.IO event.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The account that it names: one text or whole number. The selector goes on in strings that are JSON themselves, as
    /// the `identifier` of ActionCable is.
    pub fn account(&self, selector: &Selector) -> Option<Arc<str>> {
        match *extract::find(selector, &opened(&self.value, MAX_NESTED)) {
            [Value::String(id)] if !id.is_empty() => Some(id.as_str().into()),
            [Value::Number(id)] if !id.is_f64() => Some(id.to_string().into()),
            _ => None,
        }
    }

    /// The one scalar that a selector finds, as text.
    pub fn text(&self, selector: &Selector) -> Option<String> {
        match *extract::find(selector, &self.value) {
            [value] => extract::text(value).map(Cow::into_owned),
            _ => None,
        }
    }

    /// Whether it answers a message of the other side (Socket.IO's ACK): what stands in it may be an echo.
    pub fn is_answer(&self) -> bool {
        self.is_answer
    }
}

/// The members that hold the name of an event.
const MEMBERS: [&str; 7] = ["event", "type", "msg", "method", "command", "action", "cmd"];

/// How deep JSON in strings is read.
const MAX_NESTED: usize = 3;

/// The value with strings that hold an object or a list as what they hold.
fn opened(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) if depth > 0 && text.trim_start().starts_with(['{', '[']) => {
            extract::json(text.as_bytes()).map_or_else(|_| value.clone(), |inner| opened(&inner, depth - 1))
        }
        Value::Array(items) => items.iter().map(|item| opened(item, depth)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), opened(member, depth))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The events of a message, or of a row of messages with U+001E between them, as Engine.IO polls hold them.
///
/// # Errors
/// A frame that is neither JSON nor a packet of Engine.IO and Socket.IO with JSON, or none, behind its head.
pub fn events(message: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let frames = message.split(|byte| *byte == SEPARATOR);
    frames.filter_map(|frame| event(frame).transpose()).collect()
}

/// Between the packets of a poll (Engine.IO protocol 4).
const SEPARATOR: u8 = 0x1e;

fn event(frame: &[u8]) -> Result<Option<Event>, Unreadable> {
    let head = frame.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (packet, mut rest) = frame.split_at(head);
    if rest == b"probe" && matches!(packet, b"2" | b"3") {
        return Ok(None);
    }
    if let Some(attachments) = rest.strip_prefix(b"-").filter(|_| head > 0) {
        rest = attachments;
    }
    if rest.starts_with(b"/") && head > 0 {
        let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    let number = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest.get(number..).filter(|_| head > 0).unwrap_or(rest);
    if rest.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let value = extract::json(rest).map_err(|_| Unreadable)?;
    // Types 3 and 6 of Socket.IO, in a packet of type 4 of Engine.IO.
    let is_answer = matches!(packet, [b'4', b'3' | b'6', ..]);
    Ok(Some(Event { value, is_answer }))
}
