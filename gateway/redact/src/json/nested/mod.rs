//! Strings with a treatment of their own: JSON in a string, free text, an HTML fragment.
//!
//! Such a string is held as it is spelled, up to a bound, and looked into when it is complete. One in which
//! nothing is hidden leaves byte for byte; of another only the hidden ranges are spelled anew. JSON inside is
//! redacted by the same plan from its root, by a fresh rewriter, and so are the strings within it that the plan
//! names, down to `Limits::nesting`. What claims to be JSON, or markup, and cannot be read as such is hidden as a
//! whole: it never fails the body, since any client can write it.

use std::{fmt::Write, sync::Arc};

use super::{
    Cursor, Rewriter, State, align,
    edit::{Edits, Sense, Spelling, Unit},
    text::{Ignore, TextLexer},
};
use crate::{
    copies::is_mark,
    error::RedactError,
    fragment,
    plan::{Inner, Plan},
    redactor::{Limits, Summary},
    text,
};

/// The spelling of a string's inside, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// `bytes.len() <= bound`
    bytes: Vec<u8>,
    bound: usize,
    is_over: bool,
}

impl Raw {
    pub(super) fn begin(&mut self, bound: usize) {
        self.bytes.clear();
        self.bound = bound;
        self.is_over = false;
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.is_over || bytes.len() > self.bound - self.bytes.len() {
            self.is_over = true;
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

impl Rewriter {
    /// At the opening quote of a string to look into.
    pub(super) fn begin_inner(&mut self, inner: Inner, cursor: &mut Cursor) -> Result<(), RedactError> {
        cursor.pass();
        cursor.at += 1;
        self.raw.get_or_insert_default().begin(self.limits.inner_bytes);
        self.read_inner(TextLexer::Plain, inner, cursor).map(drop)
    }

    pub(super) fn read_inner(
        &mut self,
        mut lexer: TextLexer,
        inner: Inner,
        cursor: &mut Cursor,
    ) -> Result<bool, RedactError> {
        let start = cursor.at;
        let result = lexer.advance(cursor.chunk, &mut cursor.at, &mut Ignore);
        self.state = State::Inner { lexer, inner };
        let ended = result?;
        let mut raw = self.raw.take().unwrap_or_default();
        raw.push(&cursor.chunk[start..cursor.at - usize::from(ended)]);
        if ended {
            cursor.passed = cursor.at;
            let has_copies = !self.is_marked();
            self.show_inner(inner, (!raw.is_over).then_some(&raw.bytes), has_copies, cursor.out);
            self.state = State::After;
        }
        self.raw = Some(raw);
        Ok(ended)
    }

    /// Emits what becomes of a string, given its inside as it is spelled, or `None` if that is over the limit.
    pub(super) fn show_inner(
        &mut self,
        inner: Inner,
        raw: Option<&[u8]>,
        has_copies: bool,
        out: &mut Vec<u8>,
    ) {
        let raw = raw.filter(|raw| raw.len() <= self.limits.inner_bytes);
        out.push(b'"');
        rewrite(inner, raw, has_copies, &self.plan, self.limits, &mut self.values.summary, out);
        out.push(b'"');
    }
}

/// Appends what becomes of a string's inside, given as it is spelled, or `None` if it was too long to hold.
pub(crate) fn rewrite(
    inner: Inner,
    raw: Option<&[u8]>,
    has_copies: bool,
    plan: &Arc<Plan>,
    limits: Limits,
    summary: &mut Summary,
    out: &mut Vec<u8>,
) {
    let raw = raw.and_then(|raw| std::str::from_utf8(raw).ok());
    match raw.and_then(|raw| Some((raw, changes(inner, raw, has_copies, plan, limits)?))) {
        Some((raw, edits)) => {
            edits.apply(raw, out);
            summary.add(edits.summary());
        }
        None => {
            out.extend_from_slice(UNSCANNED.as_bytes());
            summary.unscanned += 1;
        }
    }
}

/// Appends a string's inside, given as it is spelled, with its text as `redact` appends it. What stays of the text
/// keeps its spelling.
pub(crate) fn rewrite_text(
    raw: &[u8],
    levels: usize,
    out: &mut Vec<u8>,
    redact: impl FnOnce(&str, &mut Vec<u8>) -> Result<(), RedactError>,
) -> Result<(), RedactError> {
    let raw = std::str::from_utf8(raw).map_err(|_| RedactError::InvalidUtf8)?;
    // Half a pair behind a backslash is no escape of the text within.
    let text = JsonText::INNER.decode(raw).ok_or(RedactError::InvalidEscape)?;
    let mut redacted = Vec::with_capacity(text.len());
    redact(&text, &mut redacted)?;
    let redacted = std::str::from_utf8(&redacted).map_err(|_| RedactError::InvalidUtf8)?;
    let mut outer = Edits::default();
    if redacted != text {
        align::changes(&text, redacted, levels).lift(raw, &JsonText::INNER, 0, &mut outer);
    }
    outer.apply(raw, out);
    Ok(())
}

/// What stands in the place of a string that cannot be looked into.
pub(crate) const UNSCANNED: &str = "hidden";

/// The edits of a string's spelling; `None` if it cannot be looked into.
fn changes(inner: Inner, raw: &str, has_copies: bool, plan: &Arc<Plan>, limits: Limits) -> Option<Edits> {
    let (spelling, edits) = match inner {
        Inner::Json => {
            let text = JsonText::INNER.decode(raw)?;
            if begins_as_json(&text) {
                (JsonText::INNER, document(&text, plan, limits)?)
            } else {
                return changes(Inner::Text, raw, has_copies, plan, limits);
            }
        }
        Inner::Text => {
            let text = JsonText::PLAIN.decode(raw)?;
            let mut edits = Edits::default();
            text::scan_text(plan, &text, has_copies, &mut edits);
            (JsonText::PLAIN, edits)
        }
        Inner::Id(class) => {
            let text = JsonText::PLAIN.decode(raw)?;
            let mut edits = Edits::default();
            edits.seal(plan, class, &text);
            (JsonText::PLAIN, edits)
        }
        Inner::Fragment => {
            let text = JsonText::PLAIN.decode(raw)?;
            let mut edits = Edits::default();
            fragment::scan(plan, &text, has_copies, &mut edits)?;
            (JsonText::PLAIN, edits)
        }
    };
    let mut outer = Edits::default();
    edits.lift(raw, &spelling, 0, &mut outer);
    Some(outer)
}

/// Whether a reader would take the text for JSON that holds strings. Blanks are taken generously: what only a
/// lenient reader would skip makes the text unreadable, which is the safe side.
pub(crate) fn begins_as_json(text: &str) -> bool {
    text.trim_start_matches(is_blank).starts_with(['{', '[', '"'])
}

/// Whether some reader may skip the character before JSON.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}')
}

/// The edits of a JSON text within a string; `None` if it is not well-formed, or is nested too deep.
pub(crate) fn document(text: &str, plan: &Arc<Plan>, limits: Limits) -> Option<Edits> {
    let limits = Limits { nesting: limits.nesting.checked_sub(1)?, ..limits };
    let (mut redacted, mut summary) = redact(text, plan, limits)?;
    // A document that is nothing but a string was spelled once more than it had to be.
    let blanks = text.len() - text.trim_start().len();
    let trimmed = text.trim();
    if redacted == text.as_bytes()
        && let Some(inside) = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
    {
        redacted.truncate(blanks + 1);
        rewrite(Inner::Json, Some(inside.as_bytes()), true, plan, limits, &mut summary, &mut redacted);
        redacted.extend_from_slice(&text.as_bytes()[blanks + 1 + inside.len()..]);
    }
    let mut edits = Edits::default();
    if redacted != text.as_bytes() {
        edits = align::changes(text, std::str::from_utf8(&redacted).ok()?, limits.nesting);
    }
    edits.count(&summary);
    Some(edits)
}

fn redact(text: &str, plan: &Arc<Plan>, limits: Limits) -> Option<(Vec<u8>, Summary)> {
    let mut rewriter = Rewriter::new(Arc::clone(plan), limits);
    // Free text in it has no copies where operators wrote it: that is known by the marks, whose work is done then.
    let is_marked = plan.learnt().is_some() && plan.marks_inner();
    if is_marked {
        rewriter.mark();
    }
    let mut out = Vec::with_capacity(text.len());
    rewriter.write(text.as_bytes(), &mut out).ok()?;
    let summary = rewriter.finish(&mut out).ok()?;
    if is_marked {
        out.retain(|byte| !is_mark(*byte));
    }
    Some((out, summary))
}

/// The edits that take copies out of JSON in a string, given as it is spelled; `None` if it is no JSON, or is nested too
/// deep. `sweep` gets the JSON with its marks and returns it without them and without copies.
pub(crate) fn sweep(
    raw: &str,
    plan: &Plan,
    limits: Limits,
    sweep: impl FnOnce(&[u8], Limits) -> Vec<u8>,
) -> Option<Edits> {
    let text = JsonText::INNER.decode(raw)?;
    let limits = Limits { nesting: limits.nesting.checked_sub(1)?, ..limits };
    let mut rewriter = Rewriter::new(Arc::clone(plan.marking()?), limits);
    rewriter.mark();
    let mut marked = Vec::with_capacity(text.len());
    rewriter.write(text.as_bytes(), &mut marked).ok()?;
    rewriter.finish(&mut marked).ok()?;
    let swept = sweep(&marked, limits);
    let mut outer = Edits::default();
    if swept != text.as_bytes() {
        let edits = align::changes(&text, std::str::from_utf8(&swept).ok()?, limits.nesting);
        edits.lift(raw, &JsonText::INNER, 0, &mut outer);
    }
    Some(outer)
}

/// The spelling of strings in JSON (RFC 8259 §7), whose lexer has judged it already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonText {
    keeps_halves: bool,
}

impl JsonText {
    /// Half surrogate pairs become escapes, as JSON within the text would spell them.
    pub(crate) const INNER: JsonText = JsonText { keeps_halves: true };
    /// Half surrogate pairs become U+FFFD.
    pub(crate) const PLAIN: JsonText = JsonText { keeps_halves: false };

    fn half(self, half: u16) -> Sense {
        match self.keeps_halves {
            true => Sense::Half(half),
            false => Sense::Character(char::REPLACEMENT_CHARACTER),
        }
    }
}

impl Spelling for JsonText {
    fn unit(&self, raw: &str) -> Unit {
        let sense = match raw.as_bytes() {
            [b'\\', b'u', rest @ ..] => {
                let Some(unit) = hex(rest) else { return ITSELF };
                let low = match rest[4..] {
                    [b'\\', b'u', ref low @ ..] => hex(low),
                    _ => None,
                };
                let character = match low {
                    Some(low @ 0xdc00..0xe000) if (0xd800..0xdc00).contains(&unit) => {
                        char::decode_utf16([unit, low]).next().and_then(Result::ok)
                    }
                    Some(_) | None => None,
                };
                if let Some(character) = character {
                    return Unit { len: 12, sense: Sense::Character(character) };
                }
                let sense = char::from_u32(u32::from(unit)).map_or(self.half(unit), Sense::Character);
                return Unit { len: 6, sense };
            }
            [b'\\', b'b', ..] => Sense::Character('\u{8}'),
            [b'\\', b'f', ..] => Sense::Character('\u{c}'),
            [b'\\', b'n', ..] => Sense::Character('\n'),
            [b'\\', b'r', ..] => Sense::Character('\r'),
            [b'\\', b't', ..] => Sense::Character('\t'),
            [b'\\', same @ (b'"' | b'\\' | b'/'), ..] => Sense::Character(char::from(*same)),
            [b'\\', ..] => return ITSELF,
            bytes => {
                let len = memchr::memchr(b'\\', bytes).unwrap_or(bytes.len());
                return Unit { len, sense: Sense::Itself };
            }
        };
        Unit { len: 2, sense }
    }

    fn spell(&self, text: &str, out: &mut String) {
        for character in text.chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\0'..' ' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(character)); // writing to a String cannot fail
                }
                _ => out.push(character),
            }
        }
    }
}

/// A backslash that begins no escape; no string that the lexer has judged has one.
const ITSELF: Unit = Unit { len: 1, sense: Sense::Itself };

fn hex(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | super::text::hex_digit(digit)?))
}

pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
