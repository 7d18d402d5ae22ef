//! The keys of blocks that may be of the plan.

use super::{
    WINDOW,
    read::Found,
    window::{Row, Window},
};
use crate::{
    plan::{Automaton, BEFORE, Clue},
    scan::{BLOCK, Lanes, Work},
};

/// Keys that may be of the plan, in their order.
pub(super) struct Keys {
    keys: [Candidate; MOST],
    count: usize,
}

/// A key that may be of the plan.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    /// The place of its colon in the window.
    pub(super) colon: u16,
    pub(super) clue: Clue,
}

/// More than there are colons in a window: each takes five bytes, a key and a value with it.
const MOST: usize = 256;

impl Keys {
    pub(super) const NONE: Keys = Keys { keys: [Candidate { colon: 0, clue: Clue::NONE }; MOST], count: 0 };

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    #[inline(always)]
    pub(super) fn all(&self) -> &[Candidate] {
        &self.keys[..self.count.min(MOST)]
    }

    /// A bit for the colon of each that is behind the place `seen` of the window.
    #[inline(never)]
    pub(super) fn rows(&self, seen: usize) -> Row {
        let mut rows = [0; WINDOW];
        for key in self.all() {
            let colon = usize::from(key.colon);
            if colon >= seen {
                rows[colon / BLOCK % WINDOW] |= 1 << (colon % BLOCK);
            }
        }
        rows
    }
}

/// Finds keys.
pub(super) struct Find<'f> {
    pub(super) automaton: &'f Automaton,
    pub(super) chunk: &'f [u8],
    /// Where the blocks begin.
    pub(super) base: usize,
    pub(super) window: &'f Window,
    pub(super) found: &'f Found,
    pub(super) keys: &'f mut Keys,
}

impl Work for Find<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Find { automaton, chunk, base, window, found, keys } = self;
        let (rare, clues) = (found.escapes | found.odd, automaton.clues());
        let mut edge = [b' '; BEFORE + BLOCK];
        let mut count = 0;
        for block in 0..found.count.min(WINDOW) {
            let mut colons = window.colon[block];
            let at = base + block * BLOCK;
            let bytes = match at.checked_sub(BEFORE).and_then(|from| chunk[from..].first_chunk()) {
                Some(bytes) => bytes,
                None => {
                    let there = &chunk[at.saturating_sub(BEFORE)..chunk.len().min(at + BLOCK)];
                    edge[BEFORE - at.min(BEFORE)..][..there.len()].copy_from_slice(there);
                    &edge
                }
            };
            // Of keys with escapes in them or blanks behind it is not known yet what they are.
            let unknown = if rare >> block & 1 != 0 { window.rare_keys(block) } else { 0 };
            while colons != 0 {
                let place = (colons.trailing_zeros() & 63) as usize;
                colons &= colons - 1;
                let is_unknown = unknown >> place & 1 != 0;
                let clue = clues.of(bytes[place..].first_chunk().expect("eight bytes before the quote"));
                let clue = if is_unknown { Clue::NONE } else { clue };
                keys.keys[count % MOST] = Candidate { colon: (block * BLOCK + place) as u16, clue };
                count += usize::from(clue != Clue::NONE || is_unknown);
            }
        }
        keys.count = count;
    }
}
