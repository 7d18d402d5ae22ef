//! IPv4 ranges: two bits for every /24, boundaries for what is finer.

use super::merge;

#[derive(Clone, Debug, Default)]
pub(super) struct Ranges4 {
    /// How many disjoint ranges it was built from.
    ranges: usize,
    /// Two bits for each of 2^24 blocks, 32 blocks a word; empty for a small set, which has boundaries alone.
    blocks: Vec<u64>,
    /// Sorted; an address is inside where an odd number of them is at or below it. Without blocks they are those of all
    /// ranges, with blocks those of the blocks that are covered in part.
    boundaries: Vec<u32>,
    /// The rank of the first boundary of each /16, and the number of all; empty with `blocks`.
    index: Vec<u32>,
}

/// From here on 4 MiB of blocks are worth their room.
const BLOCKS_FROM: usize = 256;
const BLOCK_COUNT: usize = 1 << 24;
const NONE: u64 = 0;
const ALL: u64 = 0b01;
const SOME: u64 = 0b10;

impl Ranges4 {
    pub(super) fn new(ranges: Vec<(u32, u32)>) -> Self {
        let ranges = merge(ranges, |end: u32| end.checked_add(1));
        if ranges.len() < BLOCKS_FROM {
            let ends = ranges.iter().flat_map(|(start, end)| [Some(*start), end.checked_add(1)]);
            let boundaries = ends.flatten().collect();
            return Self { ranges: ranges.len(), boundaries, ..Self::default() };
        }
        let mut set = Self { ranges: ranges.len(), blocks: vec![NONE; BLOCK_COUNT / 32], ..Self::default() };
        for (start, end) in ranges {
            set.cover(start, end);
        }
        set.boundaries.shrink_to_fit();
        set.index = index(&set.boundaries);
        set
    }

    pub(super) fn contains(&self, address: u32) -> bool {
        if self.blocks.is_empty() {
            return self.boundaries.partition_point(|boundary| *boundary <= address) % 2 == 1;
        }
        let (word, shift) = place(address >> 8);
        match (self.blocks.get(word).copied().unwrap_or(NONE) >> shift) & 0b11 {
            SOME => self.contains_in_part(address),
            state => state == ALL,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ranges
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * 8 + (self.boundaries.capacity() + self.index.capacity()) * 4
    }

    fn contains_in_part(&self, address: u32) -> bool {
        let bucket = (address >> 16) as usize;
        let bounds = (self.index.get(bucket), self.index.get(bucket + 1));
        let (Some(&from), Some(&to)) = bounds else { return false };
        let Some(boundaries) = self.boundaries.get(from as usize..to as usize) else { return false };
        let rank = from as usize + boundaries.partition_point(|boundary| *boundary <= address);
        rank % 2 == 1
    }

    /// Ranges come in order and never touch.
    fn cover(&mut self, start: u32, end: u32) {
        let (first, last) = (start >> 8, end >> 8);
        let whole_first = start & 0xff == 0 && (last > first || end & 0xff == 0xff);
        let whole_last = end & 0xff == 0xff;
        if !whole_first {
            self.cover_part(start, end.min(start | 0xff));
        }
        let from = if whole_first { first } else { first + 1 };
        let to = if whole_last { last + 1 } else { last };
        self.fill(from, to);
        if !whole_last && last > first {
            self.cover_part(end & !0xff, end);
        }
    }

    /// A range inside one block. Parts of one range that meet at the edge of a block leave the same boundary twice,
    /// which does not change the parity.
    fn cover_part(&mut self, start: u32, end: u32) {
        let (word, shift) = place(start >> 8);
        if let Some(word) = self.blocks.get_mut(word) {
            *word |= SOME << shift;
        }
        self.boundaries.push(start);
        self.boundaries.extend(end.checked_add(1));
    }

    /// Marks blocks as covered, from the first up to, but without, the last.
    fn fill(&mut self, from: u32, to: u32) {
        let mut block = from;
        while block < to {
            let (word, shift) = place(block);
            let Some(word) = self.blocks.get_mut(word) else { return };
            if shift == 0 && to - block >= 32 {
                *word = u64::MAX / 0b11 * ALL;
                block += 32;
            } else {
                *word |= ALL << shift;
                block += 1;
            }
        }
    }
}

fn place(block: u32) -> (usize, u32) {
    ((block >> 5) as usize, (block & 31) * 2)
}

fn index(boundaries: &[u32]) -> Vec<u32> {
    let mut index = Vec::with_capacity((1 << 16) + 1);
    let mut rank: u32 = 0;
    let mut rest = boundaries.iter().peekable();
    for bucket in 0..1 << 16 {
        while rest.next_if(|boundary| **boundary >> 16 < bucket).is_some() {
            rank += 1;
        }
        index.push(rank);
    }
    index.push(u32::try_from(boundaries.len()).unwrap_or(u32::MAX));
    index
}
