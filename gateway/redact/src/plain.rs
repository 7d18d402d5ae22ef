//! Plain text, rewritten as it streams past.
//!
//! Contacts are found by their shape, and copies of learnt values where a set of them is given. Nothing spans lines.
//! Within a line no more is held than may still become a contact: the last words, and what has digits in it before
//! them. A line of sixteen KiB and more is decided with [`REACH`] bytes in view, which no contact exceeds.

use std::sync::Arc;

use crate::{
    copies::{Copy, Original, Whole},
    error::RedactError,
    patterns::{self, Detector, REACH, glyph},
    plan::Plan,
    redactor::{Limits, Summary},
};

/// Rewrites one text.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    /// What has come and not left; before `done`, what has left and is context.
    held: Vec<u8>,
    /// `done <= valid <= held.len()`
    done: usize,
    /// How much of it is UTF-8.
    valid: usize,
    summary: Summary,
    offset: u64,
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, _limits: Limits) -> Rewriter {
        Rewriter { plan, held: Vec::new(), done: 0, valid: 0, summary: Summary::default(), offset: 0 }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        for piece in chunk.chunks(PIECE) {
            self.take(piece, out)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if self.valid < self.held.len() {
            return Err(RedactError::InvalidUtf8);
        }
        self.let_go(self.valid, out);
        Ok(self.summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    fn take(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        self.held.extend_from_slice(piece);
        let (more, fault) = match simdutf8::compat::from_utf8(&self.held[self.valid..]) {
            Ok(text) => (text.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        };
        let before = self.held.len() - piece.len();
        self.valid += more;
        if fault {
            self.offset += self.valid.saturating_sub(before) as u64;
            return Err(RedactError::InvalidUtf8);
        }
        self.offset += piece.len() as u64;
        let end = self.decided();
        if end > self.done {
            self.let_go(end, out);
        }
        if self.done > 2 * REACH {
            let context = (self.done - REACH..self.done).find(|at| self.held[*at] & 0xc0 != 0x80);
            let context = context.unwrap_or(self.done);
            self.held.drain(..context);
            self.done -= context;
            self.valid -= context;
        }
        Ok(())
    }

    /// Up to where everything is decided that begins there.
    fn decided(&self) -> usize {
        let rest = &self.held[self.done..self.valid];
        if let Some(line) = memchr::memrchr(b'\n', rest) {
            let after = &rest[line + 1..];
            return self.done + line + 1 + decided_words(after);
        }
        if rest.len() > LONGEST_LINE {
            let latest = self.valid - REACH;
            let is_plain = |at: usize| {
                let near = &self.held[at.saturating_sub(glyph::LONGEST)..at];
                self.held[at] & 0xc0 != 0x80 && !near.iter().any(|byte| matches!(byte, b'\\' | b'%' | b'&'))
            };
            return (self.done..=latest).rev().take(REACH).find(|at| is_plain(*at)).unwrap_or(latest);
        }
        self.done + decided_words(rest)
    }

    /// Emits what begins before `end`, without what is found in it.
    fn let_go(&mut self, end: usize, out: &mut Vec<u8>) {
        let plan = Arc::clone(&self.plan);
        let Ok(text) = std::str::from_utf8(&self.held[..self.valid]) else { return };
        let mut hidden = find(&plan, text, self.done, true);
        hidden.retain(|hidden| hidden.range.start < end);
        let mut passed = self.done;
        for Hidden { range, original } in hidden {
            out.extend_from_slice(&self.held[passed..range.start]);
            let mut shown = String::new();
            plan.show_original(&original, &mut shown);
            out.extend_from_slice(shown.as_bytes());
            self.summary.hidden[original.class.index()] += 1;
            passed = range.end;
        }
        let end = end.max(passed);
        out.extend_from_slice(&self.held[passed..end]);
        self.done = end;
    }
}

/// Something in a text, and whose form is shown for it.
pub(crate) struct Hidden {
    pub(crate) range: std::ops::Range<usize>,
    pub(crate) original: Arc<Original>,
}

/// What is hidden of a free text from `from` on: copies, unless there are to be none, and besides them what has the
/// shape of a contact.
pub(crate) fn find(plan: &Plan, text: &str, from: usize, has_copies: bool) -> Vec<Hidden> {
    let learnt = plan.learnt().filter(|_| has_copies);
    let copies = learnt.map(|learnt| learnt.find(plan, text, from, Whole::Text)).unwrap_or_default();
    let mut found = Vec::new();
    Detector.find_from(text, from, &mut found);
    let copied = |copy: Copy| Hidden { range: copy.range, original: copy.original };
    let mut hidden: Vec<Hidden> = copies.into_iter().map(copied).collect();
    for patterns::Found { range, class } in found {
        let overlapping =
            hidden.iter_mut().find(|known| known.range.start < range.end && range.start < known.range.end);
        match overlapping {
            Some(known) => {
                // What is around the copy belongs to it.
                known.range.start = known.range.start.min(range.start);
                known.range.end = known.range.end.max(range.end);
            }
            None => {
                let value = patterns::value(class, &text[range.clone()]).into();
                let original = Arc::new(Original { class, value, is_id: false });
                hidden.push(Hidden { range, original });
            }
        }
    }
    hidden.sort_by_key(|hidden| hidden.range.start);
    // A contact around two copies joined them.
    hidden.dedup_by(|next, last| {
        let joins = next.range.start < last.range.end;
        if joins {
            last.range.end = last.range.end.max(next.range.end);
        }
        joins
    });
    hidden
}

/// Up to where a line is decided whose end is not seen: before its last four words that can be in no number, nor be
/// in a phrase with what is before them.
fn decided_words(line: &[u8]) -> usize {
    let mut words = 0;
    let mut end = line.len();
    // What is behind the last blank is not complete.
    while let Some(blank) = memchr::memrchr(b' ', &line[..end]) {
        let word = &line[blank + 1..end];
        let is_complete = end < line.len();
        let is_plain = !word.is_empty() && word.iter().all(|byte| is_plain(*byte));
        words = if is_complete && is_plain { words + 1 } else { 0 };
        if words == PLAIN_WORDS {
            return blank + 1;
        }
        end = blank;
    }
    0
}

/// Letters of ASCII, Latin, Greek and Cyrillic, and what ends sentences.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b',' | b'!' | b'?' | 0x80..=0xbf | 0xc3..=0xd4)
}

/// More than the words of a phrase.
const PLAIN_WORDS: usize = 5;

/// How much is taken at once.
const PIECE: usize = 16 * 1024;

/// A line that is longer is not held to its end.
const LONGEST_LINE: usize = 16 * 1024;
