//! How values and the ways to them are spelled: JSON strings, percent escapes, names of form fields.

use std::{borrow::Cow, str};

use super::RestoreError;
use crate::json::text;

/// A step of a way that a name spells.
pub(super) struct Step<'n> {
    pub(super) name: Cow<'n, str>,
    /// Its number, if it may be an index; that of `[]` is 0.
    pub(super) index: Option<usize>,
}

/// The way that the name of a form field or parameter spells: `contact[phone]`, `contact.phone`, `phones[]`.
pub(super) fn steps(name: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for (place, piece) in name.split(['.', '[']).enumerate() {
        let piece = piece.trim_end_matches(']');
        let index = match piece {
            "" if place > 0 => Some(0),
            // An index behind the last is like any other that no selector names.
            _ => piece.parse().ok().filter(|_| place > 0).map(|index: usize| index.min(MAX_INDEX)),
        };
        steps.push(Step { name: Cow::Borrowed(piece), index });
    }
    steps
}

/// The JSON text in which a string stands at the end of a way.
pub(super) fn document(steps: &[Step<'_>], indexes: bool) -> Vec<u8> {
    let mut document = Vec::new();
    let mut ends = Vec::new();
    for step in steps {
        match step.index.filter(|_| indexes) {
            Some(index) => {
                document.push(b'[');
                document.extend(b"0,".repeat(index));
                ends.push(b']');
            }
            None => {
                document.extend_from_slice(b"{\"");
                text::push_escaped(&step.name, &mut document);
                document.extend_from_slice(b"\":");
                ends.push(b'}');
            }
        }
    }
    document.extend_from_slice(b"\"value\"");
    document.extend(ends.into_iter().rev());
    document
}

/// The text of a JSON string's inside. Halves of surrogate pairs become replacement characters: no mark has any.
pub(super) fn unescaped(inside: &[u8]) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', inside) else { return String::from_utf8_lossy(inside) };
    let mut text = String::from_utf8_lossy(&inside[..first]).into_owned();
    let mut rest = &inside[first..];
    let mut units: Vec<u16> = Vec::new();
    while let Some((&byte, more)) = rest.split_first() {
        let (unit, length) = match (byte, more.first()) {
            (b'\\', Some(b'u')) => {
                let digits = more.get(1..5).and_then(|digits| str::from_utf8(digits).ok());
                let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
                (Some(unit.unwrap_or(0xfffd)), 6)
            }
            (b'\\', Some(&escaped)) => {
                let unit = match escaped {
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => 10,
                    b'r' => 13,
                    b't' => 9,
                    same => u16::from(same),
                };
                (Some(unit), 2)
            }
            _ => (None, memchr::memchr(b'\\', rest).unwrap_or(rest.len()).max(1)),
        };
        let (piece, later) = rest.split_at(length.min(rest.len()));
        match unit {
            Some(unit) => units.push(unit),
            None => {
                text.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or('\u{fffd}')));
                text.push_str(&String::from_utf8_lossy(piece));
            }
        }
        rest = later;
    }
    text.extend(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')));
    Cow::Owned(text)
}

/// Appends a JSON string of a value in WTF-8.
pub(super) fn push_json(value: &[u8], out: &mut Vec<u8>) -> Result<(), RestoreError> {
    out.push(b'"');
    let mut rest = value;
    loop {
        match str::from_utf8(rest) {
            Ok(valid) => {
                text::push_escaped(valid, out);
                break;
            }
            Err(error) => {
                let (valid, odd) = rest.split_at(error.valid_up_to());
                text::push_escaped(str::from_utf8(valid).unwrap_or_default(), out);
                let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, later @ ..] = odd else {
                    return Err(RestoreError::Unrepresentable);
                };
                let unit = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                rest = later;
            }
        }
    }
    out.push(b'"');
    Ok(())
}

/// Whether JSON spells a number so (RFC 8259 §6).
pub(super) fn is_number(value: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = value.strip_prefix(b"-").unwrap_or(value);
    match (digits(rest), rest.first()) {
        (0, _) | (2.., Some(b'0')) => return false,
        (length, _) => rest = &rest[length..],
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        match digits(fraction) {
            0 => return false,
            length => rest = &fraction[length..],
        }
    }
    if let [b'e' | b'E', power @ ..] = rest {
        let power = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
        match digits(power) {
            0 => return false,
            length => rest = &power[length..],
        }
    }
    rest.is_empty()
}

/// Decodes percent escapes, and `+` as a blank in forms; what is no escape stands for itself (WHATWG URL).
pub(super) fn percent_decoded(text: &[u8], is_form: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, more)) = rest.split_first() {
        let hex = |place: usize| more.get(place).and_then(|&digit| char::from(digit).to_digit(16));
        let decoded = match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                rest = &more[2..];
                (high << 4 | low) as u8
            }
            _ => {
                rest = more;
                if byte == b'+' && is_form { b' ' } else { byte }
            }
        };
        out.push(decoded);
    }
    out
}

/// Encodes all but the unreserved characters (RFC 3986 §2.3).
pub(super) fn percent_encoded(value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        }
    }
    out
}

/// The highest index that is told apart in the name of a form field.
const MAX_INDEX: usize = 64;
