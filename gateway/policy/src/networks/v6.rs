//! IPv6 ranges: sorted boundaries, and an index over the bits that follow what all of them have in common.

use super::merge;

#[derive(Clone, Debug, Default)]
pub(super) struct Ranges6 {
    /// Sorted, each once; an address is inside where an odd number of them is at or below it.
    boundaries: Vec<u128>,
    /// The last address inside.
    last: u128,
    /// How many leading bits the first and the last address share: without them nearly all of the internet would fall
    /// into few places (2000::/3).
    common: u32,
    /// How many bits after those choose a place in the index; `1 <= bits <= 20`.
    bits: u32,
    /// The rank of the first boundary of each place, and the number of all.
    index: Vec<u32>,
}

impl Ranges6 {
    pub(super) fn new(ranges: Vec<(u128, u128)>) -> Self {
        let ranges = merge(ranges, |end: u128| end.checked_add(1));
        let (Some((first, _)), Some((_, last))) = (ranges.first().copied(), ranges.last().copied()) else {
            return Self::default();
        };
        let mut boundaries = Vec::with_capacity(ranges.len() * 2);
        for (start, end) in ranges {
            boundaries.push(start);
            boundaries.extend(end.checked_add(1));
        }
        // One address alone shares every bit with itself.
        let common = (first ^ last).leading_zeros().min(127);
        let bits = (boundaries.len().ilog2() + 2).min(20);
        let mut set = Self { boundaries, last, common, bits, index: Vec::new() };
        set.index = set.make_index();
        set
    }

    pub(super) fn contains(&self, address: u128) -> bool {
        if self.boundaries.first().is_none_or(|first| address < *first) || address > self.last {
            return false;
        }
        let place = self.place(address);
        let bounds = (self.index.get(place), self.index.get(place + 1));
        let (Some(&from), Some(&to)) = bounds else { return false };
        let Some(boundaries) = self.boundaries.get(from as usize..to as usize) else { return false };
        let rank = from as usize + boundaries.partition_point(|boundary| *boundary <= address);
        rank % 2 == 1
    }

    pub(super) fn len(&self) -> usize {
        self.boundaries.len().div_ceil(2)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.boundaries.capacity() * 16 + self.index.capacity() * 4
    }

    /// Where an address between the first and the last stands in the index.
    fn place(&self, address: u128) -> usize {
        // At most 20 bits are left.
        ((address << self.common) >> (128 - self.bits)) as usize
    }

    fn make_index(&self) -> Vec<u32> {
        let places = 1usize << self.bits;
        let mut index = Vec::with_capacity(places + 1);
        let mut rank: u32 = 0;
        // The boundary after the last address may lie outside the common prefix: it counts for no address inside.
        let mut rest = self.boundaries.iter().filter(|boundary| **boundary <= self.last).peekable();
        for place in 0..places {
            while rest.next_if(|boundary| self.place(**boundary) < place).is_some() {
                rank += 1;
            }
            index.push(rank);
        }
        index.push(rank + u32::try_from(rest.count()).unwrap_or(u32::MAX));
        index
    }
}
