//! The numbers and words of blocks.

use super::read::Window;
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
        // Up to where they are right.
        let mut end = self.base;
        let rows = self.window.starts.iter().zip(&self.window.others).zip(&self.window.scalar);
        for (block, ((&starts, &others), &scalar)) in rows.take(self.count).enumerate() {
            let base = self.base + block * BLOCK;
            let (mut words, mut is_odd) = (0, false);
            if let Some(bytes) = self.chunk[base..].first_chunk::<{ BLOCK + 8 }>() {
                let mut starts = starts;
                while starts != 0 {
                    let place = (starts.trailing_zeros() & 63) as usize;
                    starts &= starts - 1;
                    let word: &[u8; 8] =
                        bytes[place..].first_chunk().expect("a block and more bytes behind it");
                    let word = u64::from_le_bytes(*word);
                    match word as u32 {
                        NULL | TRUE => words |= 0xf << place,
                        FALS if word >> 32 & 0xff == u64::from(b'e') => words |= 0x1f << place,
                        // A zero that digits may follow.
                        _ if word as u8 == b'0' => is_odd |= (word >> 8 & 0xff).wrapping_sub(48) < 10,
                        _ => {}
                    }
                }
            } else {
                is_odd = true;
            }
            // Words that nothing follows, and numbers of digits, are right; all else is looked at by itself.
            let follows = words << 1 & scalar & !words;
            if is_odd || (others & !words) | follows | words >> 63 != 0 {
                match self.exactly_all(scalar, end, base) {
                    Some(exact) => end = exact,
                    None => return false,
                }
            }
        }
        true
    }
}

impl Scalars<'_> {
    /// Looks at all numbers and words of the block at `base` that are not right up to `end`. Returns up to where they
    /// are.
    #[inline(never)]
    fn exactly_all(&self, scalar: u64, mut end: usize, base: usize) -> Option<usize> {
        let mut rest = scalar & above(end, base);
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
