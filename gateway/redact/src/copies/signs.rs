//! Where quotes and backslashes stand in what a trail holds, found a block at a time.
//!
//! A page has a string in every twenty bytes or so, and to begin a search takes longer than to go through one.

use crate::scan::{BLOCK, Lanes, Set, Work};

/// The places of quotes and backslashes, one bit for each byte.
#[derive(Debug, Default)]
pub(super) struct Signs {
    blocks: Vec<u64>,
}

impl Signs {
    /// Finds those of these bytes, and forgets all others.
    pub(super) fn read(&mut self, set: Set, bytes: &[u8]) {
        self.blocks.clear();
        set.run(Read { bytes, blocks: &mut self.blocks });
    }

    /// The first one from a place on.
    #[inline]
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        let mut block = from / BLOCK;
        let mut bits = self.blocks.get(block)? & u64::MAX << (from % BLOCK);
        while bits == 0 {
            block += 1;
            bits = *self.blocks.get(block)?;
        }
        Some(block * BLOCK + bits.trailing_zeros() as usize)
    }
}

struct Read<'r> {
    bytes: &'r [u8],
    blocks: &'r mut Vec<u64>,
}

impl Work for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let (blocks, rest) = self.bytes.as_chunks();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        let mut lowest = lanes.highest();
        // Loops, because closures are not compiled for the set.
        self.blocks.resize(blocks.len() + 1, 0);
        for (block, signs) in blocks.iter().zip(&mut *self.blocks) {
            let masks = lanes.masks(block, &mut lowest);
            *signs = masks.quote | masks.backslash;
        }
        let masks = lanes.masks(&last, &mut lowest);
        self.blocks[blocks.len()] = masks.quote | masks.backslash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_found_from_every_place() {
        let text = [r#"{"a\"b": ""#, &"long ".repeat(40), r#"", "c\\": 1}"#].concat();
        let bytes = text.as_bytes();
        for set in Set::all() {
            let mut signs = Signs::default();
            signs.read(set, b"\"\"\"");
            signs.read(set, bytes);
            for from in 0..bytes.len() + 100 {
                let rest = bytes.get(from..).unwrap_or_default();
                let expected = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
                assert_eq!(signs.next(from), expected.map(|place| from + place), "{set:?} {from}");
            }
        }
    }
}
