//! Contacts by shape alone: phone numbers and mail addresses in free text.
//!
//! Where nobody declared a field, a text is searched for what looks like a contact, in the spellings that chats and
//! their transports use: separators of any width, digits of other scripts, percent-encoding, character references.
//! Ids, dates, orders, amounts and links stay, which decides most of the rules in [`phone`]. It knows nothing of
//! values that were seen elsewhere: those are [`copies`](crate::copies).

use std::ops::Range;

use glyph::Kind;

use crate::class::Class;

mod context;
pub(crate) mod glyph;
pub(crate) mod mail;
pub(crate) mod numbering;
pub(crate) mod phone;
pub(crate) mod run;
#[cfg(test)]
mod tests;

/// Finds contacts by their shape.
///
/// ```
/// use chatwarden_redact::{Class, Detector};
///
/// let mut found = Vec::new();
/// Detector.find("mail anna@example.com or call 8 (916) 111-22-33", &mut found);
/// assert_eq!((found[0].class, found[0].range.clone()), (Class::Email, 5..21));
/// assert_eq!((found[1].class, found[1].range.clone()), (Class::Phone, 30..47));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Detector;

/// A contact in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it stands, in bytes; at borders of characters.
    pub range: Range<usize>,
    /// What it is.
    pub class: Class,
}

impl Detector {
    /// Appends what is found in a text, in order and apart from each other.
    pub fn find(&self, text: &str, found: &mut Vec<Found>) {
        self.find_from(text, 0, found);
    }

    /// Appends what is found from `from` on. What stands before is read as context alone.
    ///
    /// What is decided at a place depends on no more than [`REACH`] bytes to either side of it, so that a stream
    /// that keeps as many decides as the whole text does.
    pub(crate) fn find_from(&self, text: &str, from: usize, found: &mut Vec<Found>) {
        let first = found.len();
        let mut at = from;
        while let Some(place) = next_sign(text.as_bytes(), at) {
            let Some(glyph) = glyph::next(text, place) else { return };
            at = match glyph.kind() {
                Kind::Digit(_) | Kind::Plus => match phone::read(text, place) {
                    Ok(range) => {
                        let end = range.end;
                        let start =
                            range.start.max(found[first..].last().map_or(from, |last| last.range.end));
                        found.push(Found { range: start..end, class: Class::Phone });
                        end
                    }
                    Err(next) => next,
                },
                Kind::At => match mail::read(text, place) {
                    Some((range, class)) => {
                        push_address(range, class, from, first, found).max(place + glyph.len)
                    }
                    None => place + glyph.len,
                },
                Kind::Space
                | Kind::Dash
                | Kind::Dot
                | Kind::Slash
                | Kind::Open
                | Kind::Close
                | Kind::Invisible
                | Kind::Letter
                | Kind::Other => place + glyph.len,
            };
            debug_assert!(at > place);
        }
    }
}

/// What a contact is, apart from how a text spells it: what its alias is made of.
///
/// A phone is its digits behind a `+` where they begin with a country code, so that all spellings share an alias
/// with a field that has the number in the form of E.164.
pub(crate) fn value(class: Class, spelling: &str) -> String {
    let mut value = String::new();
    let mut at = 0;
    while let Some(glyph) = glyph::next(spelling, at) {
        match (class, glyph.kind()) {
            (_, Kind::Invisible) => {}
            (Class::Phone, Kind::Digit(digit)) => value.push(char::from(b'0' + digit)),
            (Class::Phone, _) => {}
            (_, Kind::At) => value.push('@'),
            (_, Kind::Dot) => value.push('.'),
            _ => value.push(glyph.char),
        }
        at += glyph.len;
    }
    if class == Class::Phone {
        if let Some(rest) = value.strip_prefix("00") {
            value = rest.to_owned();
        } else if value.len() == 11 && value.starts_with('8') {
            value.replace_range(..1, "7");
        }
        if value.len() >= 11 && !value.starts_with('0') {
            value.insert(0, '+');
        }
    }
    value
}

/// An address is found at its sign, behind numbers that were found in its local part. Returns its end.
fn push_address(
    mut range: Range<usize>,
    class: Class,
    from: usize,
    first: usize,
    found: &mut Vec<Found>,
) -> usize {
    range.start = range.start.max(from);
    while found.len() > first {
        let Some(last) = found.last() else { break };
        if last.range.end <= range.start {
            break;
        }
        range.start = range.start.min(last.range.start);
        range.end = range.end.max(last.range.end);
        found.pop();
    }
    let end = range.end;
    found.push(Found { range, class });
    end
}

/// Where the next byte stands that can begin a number or be the sign of an address.
///
/// A block in which no byte is one is judged as a whole, without a branch for each byte, so that compilers use the
/// vectors of the machine.
#[inline]
pub(crate) fn next_sign(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        let mut blocks = rest.chunks_exact(BLOCK);
        let clean = blocks
            .by_ref()
            .take_while(|block| !block.iter().fold(false, |any, byte| any | is_sign(*byte)))
            .count();
        at += clean * BLOCK;
        let near = &bytes[at..bytes.len().min(at + BLOCK)];
        if let Some(place) = near.iter().position(|byte| is_sign(*byte)) {
            return Some(at + place);
        }
        at += near.len();
        if near.is_empty() {
            return None;
        }
    }
}

/// Digits, `+`, `@`, what escapes begin with, and what digits and signs of other scripts begin with in UTF-8.
#[inline]
fn is_sign(byte: u8) -> bool {
    // No branches: a block is judged by vectors.
    (byte.wrapping_sub(b'0') < 10)
        | (byte == b'+')
        | (byte == b'@')
        | (byte == b'%')
        | (byte == b'&')
        | (byte == b'\\')
        | (byte == 0xd9)
        | (byte == 0xdb)
        | (byte.wrapping_sub(0xdf) < 4)
        | (byte.wrapping_sub(0xef) < 2)
}

/// How many bytes are judged at once.
const BLOCK: usize = 64;

/// How far around a place the text can matter, in bytes: the longest address, each character of it encoded.
pub(crate) const REACH: usize = 4 * 1024;
