//! Blocks as the tokens of JSON, and whether each may follow the one before it.
//!
//! Every rule of the grammar (RFC 8259 §2) is one of three, once strings are known:
//!
//! 1. Behind an opening bracket, a comma or a colon a value begins, and nowhere else. Only behind an opening bracket
//!    its closing one may stand instead.
//! 2. Behind a brace and the commas of an object a key comes: the next bracket, comma or colon is a colon. No other is.
//! 3. A closing bracket is of the kind of the last one that was opened.
//!
//! "The next token" is found for all tokens of a block at once, whatever blanks there are between: in an addition, ones
//! between two tokens carry from the first to the second. What numbers, words and escapes there are is not known here;
//! nor is whether a key is a string, which the colon behind it tells.

use super::{WINDOW, nest::Nest, window::Window};
use crate::{
    json::State,
    scan::{BLOCK, Lanes, Work, ones},
};

/// What a block has to know of those before it.
#[derive(Clone, Copy)]
pub(super) struct Carry {
    /// All ones within a string.
    pub(super) string: u64,
    /// One if the last byte was a backslash that escapes the next one.
    pub(super) escape: u64,
    /// The highest bit: the last byte was part of a number or word.
    pub(super) scalar: u64,
    /// The highest bit: the last byte was the closing quote of a string without escapes.
    pub(super) ended: u64,
    /// One where a value is to begin, by the first rule.
    pub(super) value: u64,
    /// One where a colon is to come, by the second.
    pub(super) colon: u64,
    pub(super) nest: Nest,
}

impl Carry {
    pub(super) fn of(state: State, nest: Nest) -> Carry {
        let carry = Carry { string: 0, escape: 0, scalar: 0, ended: 0, value: 0, colon: 0, nest };
        match state {
            State::Value | State::FirstItem => Carry { value: 1, ..carry },
            State::FirstMember | State::Member => Carry { value: 1, colon: 1, ..carry },
            State::Text { .. } => Carry { string: !0, ..carry },
            State::Key { .. }
            | State::Colon
            | State::Inner { .. }
            | State::Number { .. }
            | State::Word { .. }
            | State::After => carry,
        }
    }
}

/// Reads blocks.
pub(super) struct Read<'r> {
    pub(super) blocks: &'r [[u8; BLOCK]],
    /// One more block.
    pub(super) last: Option<&'r [u8; BLOCK]>,
    pub(super) window: &'r mut Window,
    pub(super) carry: &'r mut Carry,
    /// The least nest in which no container may be opened.
    pub(super) deepest: Nest,
    /// The least nest that is no fall.
    pub(super) floor: Nest,
}

/// What was found in blocks.
pub(super) struct Found {
    /// How many of them were read.
    pub(super) count: usize,
    pub(super) end: Ended,
    /// The floor that was given.
    pub(super) floor: Nest,
    /// The place in the window of the first bracket that closes a container of the floor; [`usize::MAX`] if there is
    /// none.
    pub(super) fall: usize,
    /// A bit for each block that has something odd.
    pub(super) odd: u64,
    /// A bit for each block that has backslashes or begins with an escaped byte.
    pub(super) escapes: u64,
}

impl Found {
    /// Those blocks that were read of which there is a bit in `of`.
    pub(super) fn blocks(&self, of: u64) -> impl Iterator<Item = usize> + use<> {
        let count = self.count;
        ones(of).take_while(move |block| *block < count)
    }
}

/// What ended the reading of blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// There are no more.
    Whole,
    /// Behind this place of the last block that was read all containers are closed. What follows was not judged.
    Root(usize),
    /// In the next block containers are nested too deep.
    Deep,
    /// The last block that was read ends in a key that has escapes.
    Key,
    /// It is not JSON.
    Odd,
}

impl Work for Read<'_> {
    type Output = Found;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Found {
        let Read { blocks, last, window, carry, deepest, floor } = self;
        let edge = last.unwrap_or(&[b' '; BLOCK]);
        let mut count = blocks.len().min(WINDOW);
        let mut lowest = lanes.highest();
        for (place, block) in blocks[..count].iter().enumerate() {
            window.look(lanes, place, block, &mut lowest);
        }
        if let Some(last) = last
            && count < WINDOW
        {
            window.look(lanes, count, last, &mut lowest);
            count += 1;
        }
        let before = *carry;
        let escapes = window.strings(lanes, count, carry);
        let mut found = Found { count, end: Ended::Whole, floor, fall: usize::MAX, odd: 0, escapes };
        window.tokens(count, before.scalar);
        carry.value = window.values(count, before.value, before.ended);
        carry.nest = window.brackets(blocks, edge, &mut found, before.nest, deepest, floor);
        carry.colon = window.names(&mut found, before.colon, carry.nest);
        window.cut_at_escaped_key(&mut found, carry.colon);
        if found.fall >= found.count * BLOCK {
            found.fall = usize::MAX;
        }
        *carry = window.carry_behind(&found, count, &before, carry);
        if lanes.has_control(lowest) {
            let blocks = blocks.iter().chain([edge]);
            let controls = blocks
                .zip(&window.string)
                .take(found.count)
                .map(|(block, string)| lanes.controls(block) & string);
            if controls.fold(0, |all, controls| all | controls) != 0 {
                found.end = Ended::Odd;
            }
        }
        found
    }
}
