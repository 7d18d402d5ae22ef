//! The names a plan knows, found by their bytes.
//!
//! An open-addressed table at most a quarter full, hashed over the length and three bytes: a probe decides
//! about most members of a document, and nothing is read of those longer than every name. The names are the
//! profile's own, so no document can choose collisions.

use super::Label;

#[derive(Debug)]
pub(super) struct Names {
    /// A power of two of slots; at least one of them is free.
    slots: Vec<Option<(Box<[u8]>, Label)>>,
    count: usize,
    longest: usize,
    endings: Endings,
}

/// The names by their last bytes, as they stand in a document: behind the opening quote.
#[derive(Debug)]
struct Endings {
    /// The first entry of each bucket plus one.
    buckets: Box<[u16; 1 << BUCKET_BITS]>,
    entries: Vec<Ending>,
    /// The bits of the last four bytes that every entry has.
    mask: u32,
}

/// A name as it stands in a document.
#[derive(Debug)]
struct Ending {
    /// The opening quote and the name.
    quoted: Box<[u8]>,
    /// Its last eight bytes, and which of them there are.
    last: u64,
    mask: u64,
    label: Label,
    /// The next entry of the bucket plus one.
    next: u16,
}

impl Names {
    pub(super) fn new() -> Names {
        Names { slots: vec![None; 16], count: 0, longest: 0, endings: Endings::default() }
    }

    /// Gives a name its label, or returns `false` if it has one.
    pub(super) fn insert(&mut self, name: &str, label: Label) -> bool {
        if self.label(name.as_bytes()).is_some() {
            return false;
        }
        self.count += 1;
        self.longest = self.longest.max(name.len());
        if self.count * 4 > self.slots.len() {
            let grown = vec![None; self.slots.len() * 2];
            for (name, label) in std::mem::replace(&mut self.slots, grown).into_iter().flatten() {
                self.place(name, label);
            }
        }
        self.place(name.as_bytes().into(), label);
        true
    }

    /// Makes the table of endings, when all names are known.
    pub(super) fn seal(&mut self) {
        let mut endings = Endings::default();
        let names = || self.slots.iter().flatten();
        let shortest = names().map(|(name, _)| name.len() + 1).min().unwrap_or(4).min(4);
        endings.mask = !0 << (32 - 8 * shortest);
        for (name, label) in names() {
            let quoted: Box<[u8]> = [b"\"", &**name].concat().into();
            let bucket = Endings::bucket(last_four(&quoted) & endings.mask);
            let next = std::mem::replace(&mut endings.buckets[bucket], endings.entries.len() as u16 + 1);
            let length = quoted.len().min(8);
            let mut last = [0; 8];
            last[8 - length..].copy_from_slice(&quoted[quoted.len() - length..]);
            let (last, mask) = (u64::from_le_bytes(last), !0 << (64 - 8 * length));
            endings.entries.push(Ending { quoted, last, mask, label: *label, next });
        }
        self.endings = endings;
    }

    /// See `Automaton::keys_before`.
    #[inline(always)]
    pub(super) fn keys_before(&self, bytes: &[u8; BEFORE + 64], mut colons: u64) -> u64 {
        let Endings { buckets, mask, .. } = &self.endings;
        let mut keys = 0;
        while colons != 0 {
            let place = (colons.trailing_zeros() & 63) as usize;
            let last = [bytes[place + 3], bytes[place + 4], bytes[place + 5], bytes[place + 6]];
            let bucket = buckets[Endings::bucket(u32::from_le_bytes(last) & mask)];
            // Where blanks are between, it is not the closing quote that is before the colon.
            let may_be = bucket != 0 || bytes[place + 7] != b'"';
            keys |= u64::from(may_be) << place;
            colons &= colons - 1;
        }
        keys
    }

    /// The label of the name whose key ends before the colon at the end of `before`.
    #[inline(always)]
    pub(super) fn quoted(&self, before: &[u8]) -> Option<Label> {
        if let Some([name @ .., b'"']) = before.last_chunk::<5>() {
            let bucket = Endings::bucket(u32::from_le_bytes(*name) & self.endings.mask);
            return match self.endings.buckets[bucket] {
                0 => None,
                first => self.ending(first, &before[..before.len() - 1]),
            };
        }
        let key = before.trim_ascii_end().strip_suffix(b"\"")?;
        self.ending(self.endings.buckets[Endings::bucket(last_four(key) & self.endings.mask)], key)
    }

    #[inline(always)]
    fn ending(&self, mut next: u16, key: &[u8]) -> Option<Label> {
        while let Some(entry) = usize::from(next).checked_sub(1) {
            let Ending { quoted, last, mask, label, next: later } = &self.endings.entries[entry];
            let is_last = key.last_chunk().is_none_or(|word| u64::from_le_bytes(*word) & mask == *last);
            if is_last
                && (key.len() >= 8 && quoted.len() <= 8 || key.ends_with(quoted))
                // A backslash before the quote makes it a part of a longer key.
                && key.len().checked_sub(quoted.len() + 1).is_none_or(|before| key[before] != b'\\')
            {
                return Some(*label);
            }
            next = *later;
        }
        None
    }

    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn label(&self, name: &[u8]) -> Option<Label> {
        if name.len() > self.longest {
            return None;
        }
        let mut slot = self.first_slot(name);
        while let Some((known, label)) = &self.slots[slot] {
            if **known == *name {
                return Some(*label);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        None
    }

    fn place(&mut self, name: Box<[u8]>, label: Label) {
        let mut slot = self.first_slot(&name);
        while self.slots[slot].is_some() {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.slots[slot] = Some((name, label));
    }

    fn first_slot(&self, name: &[u8]) -> usize {
        let at = |place: usize| name.get(place).map_or(0, |&byte| u64::from(byte));
        let sample = at(0) | at(name.len() / 2) << 8 | at(name.len().wrapping_sub(1)) << 16;
        let mixed = (sample | (name.len() as u64) << 24).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }
}

impl Endings {
    /// The bucket of what ends in these four bytes, masked.
    #[inline(always)]
    fn bucket(last: u32) -> usize {
        (last.wrapping_mul(0x9e37_79b1) >> (32 - BUCKET_BITS)) as usize
    }
}

impl Default for Endings {
    fn default() -> Endings {
        Endings { buckets: Box::new([0; 1 << BUCKET_BITS]), entries: Vec::new(), mask: 0 }
    }
}

/// The last four bytes, with zeros before them where there are fewer.
fn last_four(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .take(4)
        .enumerate()
        .fold(0, |word, (place, &byte)| word | u32::from(byte) << (24 - 8 * place))
}

/// Bytes before a block in which the end of a key is looked for.
pub(crate) const BEFORE: usize = 8;

const BUCKET_BITS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_inserted_name_is_found_and_no_other() {
        let mut names = Names::new();
        assert_eq!(names.label(b""), None);
        for number in 0..500 {
            assert!(names.insert(&format!("name{number}"), Label(number)));
            assert!(!names.insert(&format!("name{number}"), Label(7)));
        }
        for number in 0..500 {
            assert_eq!(names.label(format!("name{number}").as_bytes()), Some(Label(number)));
        }
        assert_eq!(names.label(b"name500"), None);
        assert_eq!(names.label(b"name"), None);
        assert_eq!(names.label(b""), None);
        assert_eq!(names.label(&[b'n'; 100]), None);
        assert_eq!(names.longest(), 7);
    }

    #[test]
    fn the_empty_name_is_a_name() {
        let mut names = Names::new();
        assert!(names.insert("", Label(3)));
        assert_eq!(names.label(b""), Some(Label(3)));
        assert_eq!(names.label(b"a"), None);
    }
}
