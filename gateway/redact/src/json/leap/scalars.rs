//! The numbers and words of blocks.

use super::{WINDOW, window::Window};
use crate::{
    json::number,
    scan::{BLOCK, Lanes, Work},
};

/// Looks at the numbers and words of blocks that were read. Numbers of digits alone have been found right.
pub(super) struct Scalars<'s> {
    pub(super) window: &'s Window,
    /// How many of the blocks.
    pub(super) count: usize,
    pub(super) chunk: &'s [u8],
    /// Where the blocks begin.
    pub(super) base: usize,
}

impl Work for Scalars<'_> {
    /// Whether all of them are right.
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> bool {
        const NULL: u32 = u32::from_le_bytes(*b"null");
        const TRUE: u32 = u32::from_le_bytes(*b"true");
        const FALS: u32 = u32::from_le_bytes(*b"fals");
        // What is known to be right: bytes of words, here and in the next block, and up to where. Before the blocks there
        // may be a word that something follows.
        let is_word = matches!(self.chunk[..self.base].last(), Some(b'e' | b'l'));
        let (mut words, mut over, mut end) = (u64::from(is_word) << 63, 0_u64, self.base);
        for block in 0..self.count.min(WINDOW) {
            let base = self.base + block * BLOCK;
            let scalar = self.window.scalar[block];
            let mut follows = words >> 63;
            (words, over) = (over, 0);
            let mut odd = 0;
            let mut starts = self.window.starts[block];
            if let Some(bytes) = self.chunk[base..].first_chunk::<{ BLOCK + 8 }>() {
                while starts != 0 {
                    let place = (starts.trailing_zeros() & 63) as usize;
                    starts &= starts - 1;
                    let word: &[u8; 8] =
                        bytes[place..].first_chunk().expect("a block and more bytes behind it");
                    let word = u64::from_le_bytes(*word);
                    let letters = match word as u32 {
                        NULL | TRUE => 0xf,
                        FALS if word >> 32 & 0xff == u64::from(b'e') => 0x1f,
                        // A digit behind a zero; what is in one row with digits is odd anyhow.
                        _ if word & 0xf0ff == 0x3030 => {
                            odd |= 1 << place;
                            continue;
                        }
                        _ => continue,
                    };
                    words |= letters << place;
                    over |= letters >> 1 >> (63 - place);
                }
            }
            follows = (words << 1 | follows) & !words;
            // Words that nothing follows, and numbers of digits, are right; all else is looked at by itself.
            odd = (odd | starts | self.window.others[block] | follows) & scalar & !words;
            if odd != 0 {
                match self.exactly(odd, end, base) {
                    Some(exact) => end = exact,
                    None => return false,
                }
            }
        }
        true
    }
}

impl Scalars<'_> {
    /// Looks at those numbers and words of the block at `base` that have an odd byte, and are not right up to `end`.
    /// Returns up to where they are.
    #[inline(never)]
    fn exactly(&self, odd: u64, mut end: usize, base: usize) -> Option<usize> {
        let mut rest = odd & above(end, base);
        while rest != 0 {
            let at = base + rest.trailing_zeros() as usize;
            let start =
                self.chunk[..at].iter().rposition(|&byte| number::is_end(byte)).map_or(0, |end| end + 1);
            end = start + number::whole(&self.chunk[start..])?;
            rest &= above(end, base);
        }
        Some(end)
    }
}

/// The bits of the block at `base` from the place `at` on.
#[inline(always)]
fn above(at: usize, base: usize) -> u64 {
    match at.checked_sub(base) {
        Some(place @ 0..BLOCK) => !0 << place,
        Some(_) => 0,
        None => !0,
    }
}
