//! Which texts around an `@` are mail addresses.
//!
//! An address is read in both directions from its `@`: letters of any script (RFC 6531), digits and the signs that
//! addresses have in use, plain or encoded; a quoted local part (RFC 5321 §4.1.2); a domain of two labels or more,
//! of which one behind the first begins with letters. Ids of messengers (`79161234567@s.whatsapp.net`) are phone
//! numbers with a server behind: the number is what is found. What an alias of an address looks like is none, and
//! neither is the `@2x` of a picture's file name.

use std::ops::Range;

use super::{
    glyph::{self, Glyph, Kind},
    run::Run,
};
use crate::class::Class;

/// Judges the `@` at `at`: the address around it and its class.
pub(super) fn read(text: &str, at: usize) -> Option<(Range<usize>, Class)> {
    let (range, domain) = read_any(text, at)?;
    if SERVERS.contains(&domain.as_str()) {
        return number(text, range.start, at).map(|range| (range, Class::Phone));
    }
    let is_picture =
        domain.starts_with(|digit: char| digit.is_ascii_digit()) && domain.get(1..3) == Some("x.");
    let is_alias = domain == "client.invalid";
    (!is_picture && !is_alias).then_some((range, Class::Email))
}

/// The address around the `@` at `at`, whatever it is, and its domain in lower case.
pub(crate) fn read_any(text: &str, at: usize) -> Option<(Range<usize>, String)> {
    let sign = glyph::next(text, at)?;
    let start = local(text, at)?;
    let (end, domain) = domain(text, at + sign.len)?;
    Some((start..end, domain))
}

/// Where the local part begins.
fn local(text: &str, at: usize) -> Option<usize> {
    let first = glyph::previous(text, at)?;
    if first.char == '"' {
        let inside = &text[..at - first.len];
        let opening = inside.bytes().rev().take(MAX_LOCAL).take_while(|byte| *byte != b'\n');
        let len = opening.take_while(|byte| *byte != b'"').count();
        let start = (at - first.len).checked_sub(len + 1).filter(|start| text.as_bytes()[*start] == b'"');
        return start.filter(|_| len > 0);
    }
    let (mut start, mut seen, mut kept) = (at, 0, None);
    while let Some(glyph) = glyph::previous(text, start) {
        if !is_local(glyph) || seen == MAX_LOCAL {
            break;
        }
        start -= glyph.len;
        seen += 1;
        // A local part begins with a letter, a digit, or one of few signs.
        if matches!(glyph.kind(), Kind::Letter | Kind::Digit(_) | Kind::Plus) {
            kept = Some(start);
        }
    }
    kept
}

/// Where the domain ends, and what it is in lower case.
fn domain(text: &str, start: usize) -> Option<(usize, String)> {
    let mut domain = String::new();
    let (mut at, mut end, mut labels) = (start, None, 0);
    let (mut label, mut letters) = (0, 0);
    for _ in 0..MAX_DOMAIN {
        let Some(glyph) = glyph::next(text, at) else { break };
        match glyph.kind() {
            Kind::Dot if label > 0 => {
                domain.push('.');
                (label, letters, labels) = (0, 0, labels + 1);
            }
            Kind::Letter | Kind::Digit(_) => {
                letters += usize::from(label == letters && glyph.kind() == Kind::Letter);
                label += 1;
                domain.extend(glyph.char.to_lowercase());
                if labels > 0 && letters >= 2 {
                    end = Some((at + glyph.len, domain.len()));
                }
            }
            Kind::Dash if label > 0 => {
                label += 1;
                domain.push('-');
            }
            Kind::Invisible => {}
            Kind::Dot
            | Kind::Dash
            | Kind::Plus
            | Kind::Space
            | Kind::Slash
            | Kind::Open
            | Kind::Close
            | Kind::At
            | Kind::Other => break,
        }
        at += glyph.len;
    }
    let (end, len) = end?;
    domain.truncate(len);
    Some((end, domain))
}

fn is_local(glyph: Glyph) -> bool {
    match glyph.kind() {
        Kind::Letter | Kind::Digit(_) | Kind::Plus | Kind::Dot | Kind::Dash | Kind::Invisible => true,
        Kind::Other => matches!(glyph.char, '%' | '\'' | '~' | '!' | '#' | '$' | '^' | '*' | '\u{2019}'),
        Kind::Space | Kind::Slash | Kind::Open | Kind::Close | Kind::At => false,
    }
}

/// The number in a messenger's id: `79161234567-1620000000@g.us` has two, and the first is the person's.
fn number(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let mut at = start;
    while at < end {
        let glyph = glyph::next(text, at)?;
        if let Kind::Digit(_) = glyph.kind() {
            let run = Run::read(text, at);
            let first =
                run.groups().first().filter(|group| (7..=15).contains(&group.len()) && group.end <= end);
            if let Some(group) = first {
                return Some(group.start..group.end);
            }
            at = run.first_end()?.max(at + glyph.len);
        } else {
            at += glyph.len;
        }
    }
    None
}

/// The servers in the ids of messengers that are made of phone numbers.
const SERVERS: [&str; 5] = ["s.whatsapp.net", "whatsapp.net", "c.us", "g.us", "hosted.lid"];

/// RFC 5321 §4.5.3.1.1, in characters.
const MAX_LOCAL: usize = 64;

/// RFC 5321 §4.5.3.1.2, in characters.
const MAX_DOMAIN: usize = 255;
