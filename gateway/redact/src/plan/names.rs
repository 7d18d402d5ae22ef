//! The names a plan knows, found by their bytes.
//!
//! An open-addressed table at most a quarter full, hashed over the length and three bytes: a probe decides
//! about most members of a document, and nothing is read of those longer than every name. The names are the
//! profile's own, so no document can choose collisions.

use super::Label;
use crate::class::Class;

#[derive(Debug, Default)]
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
    /// The bits of the last eight bytes that every entry has.
    mask: u64,
}

/// A name as it stands in a document.
#[derive(Debug)]
struct Ending {
    /// The opening quote and the name.
    quoted: Box<[u8]>,
    /// Its last sixteen bytes, and which of them there are.
    last: u128,
    mask: u128,
    /// The next entry of the bucket plus one.
    next: u16,
    key: Key,
}

/// What the last bytes of a key say of which key of the plan it is: the first entry to compare it with plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clue(pub(crate) u16);

impl Clue {
    /// It is no key of the plan.
    pub(crate) const NONE: Clue = Clue(0);
}

/// Finds clues.
#[derive(Clone, Copy)]
pub(crate) struct Clues<'n> {
    buckets: &'n [u16; 1 << BUCKET_BITS],
    mask: u64,
}

impl Clues<'_> {
    /// What the eight bytes before the closing quote of a key say of it.
    #[inline(always)]
    pub(crate) fn of(self, bytes: &[u8; 8]) -> Clue {
        Clue(self.buckets[Endings::bucket(u64::from_le_bytes(*bytes) & self.mask)])
    }
}

/// A key of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) label: Label,
    /// The class as which its value is hidden wherever the key stands, if that is so.
    pub(crate) everywhere: Option<Class>,
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

    /// Makes the table of endings, when all names are known, and with it what is hidden everywhere.
    pub(super) fn seal(&mut self, everywhere: impl Fn(Label) -> Option<Class>) {
        let mut endings = Endings::default();
        let names = || self.slots.iter().flatten();
        let shortest = names().map(|(name, _)| name.len() + 1).min().unwrap_or(8).min(8);
        endings.mask = !0 << (64 - 8 * shortest);
        for (name, label) in names() {
            let quoted: Box<[u8]> = [b"\"", &**name].concat().into();
            let length = quoted.len().min(16);
            let mut last = [0; 16];
            last[16 - length..].copy_from_slice(&quoted[quoted.len() - length..]);
            let (last, mask) = (u128::from_le_bytes(last), !0 << (128 - 8 * length));
            let bucket = Endings::bucket((last >> 64) as u64 & endings.mask);
            let next = std::mem::replace(&mut endings.buckets[bucket], endings.entries.len() as u16 + 1);
            let key = Key { label: *label, everywhere: everywhere(*label) };
            endings.entries.push(Ending { quoted, last, mask, next, key });
        }
        self.endings = endings;
    }

    /// See `Automaton::clues`.
    #[inline(always)]
    pub(super) fn clues(&self) -> Clues<'_> {
        Clues { buckets: &self.endings.buckets, mask: self.endings.mask }
    }

    /// See `Automaton::key`.
    #[inline(always)]
    pub(super) fn key(&self, clue: Clue, before: &[u8]) -> Option<Key> {
        match before.last_chunk::<17>() {
            Some([last @ .., b'"']) => {
                let clue = match (clue, last) {
                    (Clue::NONE, [.., a, b, c, d, e, f, g, h]) => {
                        self.clues().of(&[*a, *b, *c, *d, *e, *f, *g, *h])
                    }
                    (clue, _) => clue,
                };
                self.ending(clue, u128::from_le_bytes(*last), &before[..before.len() - 1])
            }
            Some(_) | None => self.far(before),
        }
    }

    /// The same where there are blanks between, few bytes, or no clue.
    #[inline(never)]
    fn far(&self, before: &[u8]) -> Option<Key> {
        let key = before.trim_ascii_end().strip_suffix(b"\"")?;
        let mut last = [0; 16];
        let length = key.len().min(16);
        last[16 - length..].copy_from_slice(&key[key.len() - length..]);
        let [.., a, b, c, d, e, f, g, h] = last;
        self.ending(self.clues().of(&[a, b, c, d, e, f, g, h]), u128::from_le_bytes(last), key)
    }

    /// The entry that `key` ends in, of which `last` are the last bytes.
    #[inline(always)]
    fn ending(&self, clue: Clue, last: u128, key: &[u8]) -> Option<Key> {
        let mut next = clue.0;
        while let Some(entry) =
            usize::from(next).checked_sub(1).and_then(|entry| self.endings.entries.get(entry))
        {
            if last & entry.mask == entry.last && (entry.quoted.len() <= 16 || key.ends_with(&entry.quoted)) {
                return Some(entry.key);
            }
            next = entry.next;
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
    /// The bucket of what ends in these eight bytes, masked.
    #[inline(always)]
    fn bucket(last: u64) -> usize {
        (last.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BUCKET_BITS)) as usize
    }
}

impl Default for Endings {
    fn default() -> Endings {
        Endings { buckets: Box::new([0; 1 << BUCKET_BITS]), entries: Vec::new(), mask: 0 }
    }
}

/// Bytes before a block in which the end of a key is looked for: eight and the closing quote.
pub(crate) const BEFORE: usize = 9;

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
