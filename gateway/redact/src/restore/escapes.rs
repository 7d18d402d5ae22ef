//! How JSON spells values: strings with their escapes, and numbers.

use std::{borrow::Cow, str};

use super::RestoreError;
use crate::json::text;

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
