//! Strings that were looked at and have no copies: the keys of a row, words of closed sets, links to nobody's picture.
//!
//! Pages are rows, and most strings of a row stand in the one before. A table has the place of a string for each of few
//! hashes, and what stands there now is compared byte by byte, so a hash that others share costs a look and no more.
//! What has no copy in one place has none in another as long as nothing is learnt, which is one step of a trail.

use std::ops::Range;

/// Places of strings in what a trail holds.
pub(super) struct Repeated {
    places: [Place; PLACES],
}

#[derive(Clone, Copy, Default)]
struct Place {
    start: u32,
    len: u32,
}

impl Default for Repeated {
    fn default() -> Repeated {
        Repeated { places: [Place::default(); PLACES] }
    }
}

impl Repeated {
    /// Whether the string in this range is equal to one that was noted.
    #[inline]
    pub(super) fn has(&self, held: &[u8], range: &Range<usize>) -> bool {
        let string = &held[range.clone()];
        let Place { start, len } = self.places[slot(string)];
        held.get(start as usize..start as usize + len as usize) == Some(string)
    }

    /// Notes the string in this range.
    #[inline]
    pub(super) fn note(&mut self, held: &[u8], range: &Range<usize>) {
        // A string that is farther in than 4 GB is not remembered, and looked at again.
        if let (Ok(start), Ok(len)) = (u32::try_from(range.start), u32::try_from(range.len())) {
            self.places[slot(&held[range.clone()])] = Place { start, len };
        }
    }
}

/// By length and both ends. Whoever makes all strings share a slot has each looked at, as without a table.
#[inline]
fn slot(string: &[u8]) -> usize {
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let ends = match (string.first_chunk(), string.last_chunk()) {
        (None, _) | (_, None) => string.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        (first, last) => word(first) ^ word(last).rotate_left(24),
    };
    let mixed = (ends ^ string.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - PLACES.ilog2())) as usize
}

/// A power of two; a row has a dozen or two of strings that repeat.
const PLACES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_known_again_and_no_other_one_is() {
        let strings =
            ["id", "conversation_id", "conversation-id", "2026-07-28T23:01:40Z", "2026-07-29T23:01:40Z"];
        let held = strings.concat().repeat(2).into_bytes();
        let mut ranges = Vec::new();
        let mut at = 0;
        for string in strings.iter().chain(&strings) {
            ranges.push(at..at + string.len());
            at += string.len();
        }
        let (first, second) = ranges.split_at(strings.len());
        for (known, again) in first.iter().zip(second) {
            let mut repeated = Repeated::default();
            repeated.note(&held, known);
            for range in second {
                assert_eq!(repeated.has(&held, range), range == again, "{known:?} {range:?}");
            }
        }
    }
}
