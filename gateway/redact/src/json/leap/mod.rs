//! The fast way: whole blocks of 64 bytes at a time, a window of some blocks after another.
//!
//! A window is gone through in steps, and each sees all of it: [`read`] finds tokens and judges each by the one before
//! it (RFC 8259), [`keys`] the keys that may be of the plan, [`walk`] hides what is to be hidden, [`scalars`] judges
//! numbers and words. Where something needs more, a leap leaves at an exact place ([`leave`]) to the exact machine. It
//! promises nothing about malformed documents: where anything is odd it gives up without a trace, and the exact machine
//! reads the same bytes again.

use std::cell::RefCell;

use super::{Cursor, Kind, Rewriter, State, TextLexer, number, show::Values, stack::Stack};
use crate::{
    plan::{Label, Plan},
    redactor::Limits,
    scan::{BLOCK, Set, ones},
};

use keys::{Find, Keys};
use nest::Nest;
use read::{Carry, Ended, Found, Read};
use scalars::Scalars;
use walk::{End, Open, Walk};
use window::Window;

mod keys;
mod leave;
mod nest;
mod read;
mod scalars;
#[cfg(test)]
mod tests;
mod walk;
mod window;

/// Fewer bytes are not worth the way in and out.
const WORTH: usize = 40;

/// Blocks that are read together.
const WINDOW: usize = 16;

impl Rewriter {
    /// Whether the next token may be read by a leap.
    #[inline]
    pub(in crate::json) fn can_leap(&self, rest: &[u8]) -> bool {
        if rest.len() < WORTH || self.stack.depth() >= Nest::DEEPEST {
            return false;
        }
        match self.state {
            State::Value => match self.stack.kind() {
                // What a key said of its value is known to the exact machine alone.
                Some(Kind::Object) => false,
                Some(Kind::Array) => self.stack.is_calm(),
                None => matches!(rest.first(), Some(b'{' | b'[')) && self.plan.automaton().root().is_none(),
            },
            State::FirstItem | State::FirstMember | State::Member => self.stack.is_calm(),
            State::After => !self.stack.is_empty() && self.stack.is_calm(),
            State::Text { lexer: TextLexer::Plain, class: None } => {
                !self.stack.is_empty() && self.stack.is_calm()
            }
            State::Key { .. }
            | State::Colon
            | State::Text { .. }
            | State::Inner { .. }
            | State::Number { .. }
            | State::Word { .. } => false,
        }
    }

    /// Reads as far as it can. Returns whether another leap in this chunk may be worth it.
    pub(in crate::json) fn leap(&mut self, cursor: &mut Cursor) -> bool {
        let text = cursor.text();
        if text < cursor.at + WORTH {
            return false;
        }
        let text = without_cut_escape(&cursor.chunk[..text]);
        self.before.copy_from(&self.stack);
        let nest = self.stack.kinds().fold(Nest::EMPTY, |nest, kind| nest.open(kind == Kind::Object));
        let (out, passed, summary) = (cursor.out.len(), cursor.passed, self.values.summary);
        let leap = Leap {
            plan: &self.plan,
            limits: &self.limits,
            state: self.state,
            is_marking: self.marks.is_some(),
            stack: &mut self.stack,
            values: &mut self.values,
            chunk: text,
            out: cursor.out,
            start: cursor.at,
            base: cursor.at,
            passed: cursor.passed,
            open: None,
            nest,
            walked: cursor.at,
            label_at: usize::MAX,
            label: Label::OTHER,
            is_container_ahead: false,
        };
        let set = self.set;
        let place = SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => leap.run(set, &mut scratch),
            Err(_) => {
                let mut scratch = Scratch::EMPTY;
                leap.run(set, &mut scratch)
            }
        });
        match place {
            Some(place) => {
                cursor.at = place.at;
                cursor.passed = place.passed;
                self.state = place.state;
                self.member = place.member;
                !place.is_end
            }
            None => {
                cursor.out.truncate(out);
                cursor.passed = passed;
                self.values.summary = summary;
                std::mem::swap(&mut self.stack, &mut self.before);
                false
            }
        }
    }
}

/// One run of blocks.
struct Leap<'l, 'c> {
    plan: &'l Plan,
    limits: &'l Limits,
    /// The state at its start.
    state: State,
    /// Whether what is kept is marked, which the exact machine does.
    is_marking: bool,
    stack: &'l mut Stack,
    values: &'l mut Values,
    /// Valid UTF-8 from `start` on.
    chunk: &'c [u8],
    out: &'l mut Vec<u8>,
    /// Where the leap began.
    start: usize,
    /// Where the next block begins.
    base: usize,
    /// What has been emitted or replaced.
    passed: usize,
    /// The hidden string whose closing quote is still to come.
    open: Option<Open>,
    /// The containers that are open at `walked`. Those deeper than the stack are not on it yet.
    nest: Nest,
    walked: usize,
    /// Where the value of the last key of the plan begins, and what the key is.
    label_at: usize,
    label: Label,
    /// Whether that value is a container, and is still to come.
    is_container_ahead: bool,
}

/// What a leap writes down of a window. It is of no use behind it.
struct Scratch {
    window: Window,
    keys: Keys,
}

impl Scratch {
    const EMPTY: Scratch = Scratch { window: Window::EMPTY, keys: Keys::NONE };
}

thread_local! {
    /// One for all streams of a worker: to clear it would cost a short message as much as to read it.
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::EMPTY) };
}

/// Where the exact machine goes on.
struct Place {
    at: usize,
    passed: usize,
    state: State,
    member: Label,
    /// A leap from here on finds no more.
    is_end: bool,
}

/// As much of a chunk as does not end within an escape; the exact machine reads that.
#[inline]
fn without_cut_escape(chunk: &[u8]) -> &[u8] {
    // An escape has up to six bytes.
    let from = chunk.len().saturating_sub(5);
    match memchr::memchr(b'\\', &chunk[from..]) {
        Some(at) => &chunk[..from + at],
        None => chunk,
    }
}

/// A place where the exact machine goes on, and how.
#[derive(Clone, Copy)]
struct Stop {
    at: usize,
    state: State,
}

impl Leap<'_, '_> {
    fn run(mut self, set: Set, scratch: &mut Scratch) -> Option<Place> {
        let Scratch { window, keys } = scratch;
        let mut carry = Carry::of(self.state, self.nest);
        let deepest = Nest::at(self.limits.depth);
        let mut edge = [b' '; BLOCK];
        loop {
            let rest = &self.chunk[self.base..];
            let (blocks, tail) = rest.as_chunks::<BLOCK>();
            let blocks = &blocks[..blocks.len().min(WINDOW)];
            let is_last = rest.len() <= WINDOW * BLOCK;
            let mut last = None;
            if is_last
                && !tail.is_empty()
                && (blocks.is_empty() || rest.ends_with(b"}") || rest.ends_with(b"]"))
            {
                // Blanks follow, which no string or number ends with.
                edge[..tail.len()].copy_from_slice(tail);
                last = Some(&edge);
            }
            let before = carry;
            let floor = Nest::at(self.stack.depth().max(1));
            let mut found = set.run(Read { blocks, last, window, carry: &mut carry, deepest, floor });
            if found.count > blocks.len()
                && matches!(found.end, Ended::Whole | Ended::Key)
                && (carry.string != 0 || rest.last().is_none_or(|&byte| !number::is_end(byte)))
            {
                // The end of what the last block ends in is not known.
                carry = before;
                if blocks.is_empty() {
                    return self.leave(&carry);
                }
                found = set.run(Read { blocks, last: None, window, carry: &mut carry, deepest, floor });
            }
            if found.count == 0 || found.end == Ended::Odd {
                return if found.end == Ended::Odd { None } else { self.leave(&before) };
            }
            if !self.are_escapes(window, &found) || !self.are_right_over_blanks(window, &found) {
                return None;
            }
            let automaton = self.plan.automaton();
            let is_live = self.stack.is_live() || !automaton.is_dead() && self.is_wary(&found);
            keys.clear();
            if is_live {
                let (chunk, base) = (self.chunk, self.base);
                set.run(Find { automaton, chunk, base, window, found: &found, keys });
            }
            let end = self.base + (found.count * BLOCK).min(rest.len());
            let stop = match set.run(Walk { leap: &mut self, window, found: &found, keys }) {
                Some(End::Odd) => return None,
                Some(End::Stop(stop)) => Some(stop),
                None => match found.end {
                    Ended::Whole | Ended::Deep | Ended::Odd => None,
                    Ended::Root(last) => {
                        let at = self.base + (found.count - 1) * BLOCK + last + 1;
                        Some(Stop { at, state: State::After })
                    }
                    // The exact machine decodes the key.
                    Ended::Key if self.stack.is_live() => {
                        Some(Stop { at: self.key_start(end), state: State::Member })
                    }
                    Ended::Key => None,
                },
            };
            let read = match stop {
                None => found.count,
                Some(Stop { at, .. }) => at.saturating_sub(self.base).div_ceil(BLOCK).min(found.count),
            };
            if !set.run(Scalars { window, count: read, chunk: self.chunk, base: self.base }) {
                return None;
            }
            if let Some(stop) = stop {
                self.walk_to(window, &found, stop.at);
                return Some(self.stop(stop));
            }
            (self.nest, self.walked, self.base) = (carry.nest, end, end);
        }
    }

    /// Looks at the escapes (RFC 8259 §7) of blocks from `base` on.
    #[inline(never)]
    fn are_escapes(&self, window: &Window, found: &Found) -> bool {
        found.blocks(found.escapes).all(|block| {
            let (base, escaped) = (self.base + block * BLOCK, window.escaped[block]);
            // None stands outside of strings.
            escaped & !window.string[block] == 0 && ones(escaped).all(|place| self.is_escape(base + place))
        })
    }

    /// Whether the letter at `at` may stand behind a backslash.
    #[inline]
    fn is_escape(&self, at: usize) -> bool {
        match self.chunk.get(at) {
            Some(&letter) if ESCAPES[usize::from(letter)] => true,
            Some(b'u') => {
                self.chunk.get(at + 1..at + 5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }
            Some(_) | None => false,
        }
    }

    /// Whether what is odd of blocks from `base` on is right over blanks or the edge of a block.
    #[inline(never)]
    fn are_right_over_blanks(&self, window: &Window, found: &Found) -> bool {
        found.blocks(found.odd).all(|block| {
            let base = self.base + block * BLOCK;
            ones(window.odd[block]).all(|place| self.is_right_over_blanks(base + place))
        })
    }

    /// Whether a closing bracket at `at` follows an opening one, or a colon the closing quote of a key. Anything else is
    /// not right.
    fn is_right_over_blanks(&self, at: usize) -> bool {
        let before = &self.chunk[self.start..at];
        let last = before.iter().rfind(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        match (self.chunk.get(at), last) {
            (Some(b':'), last) => last == Some(&b'"'),
            (Some(b']' | b'}'), Some(last)) => matches!(last, b'{' | b'['),
            (Some(b']' | b'}'), None) => matches!(self.state, State::FirstItem | State::FirstMember),
            (Some(_) | None, _) => false,
        }
    }
}

/// The letters that stand for a character behind a backslash, but for the `u`.
static ESCAPES: [bool; 256] = {
    let mut escapes = [false; 256];
    let letters = b"\"\\/bfnrt";
    let mut at = 0;
    while at < letters.len() {
        escapes[letters[at] as usize] = true;
        at += 1;
    }
    escapes
};
