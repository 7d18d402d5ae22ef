//! What a stored vault knows without its file: the code of every digest, and the row of every code.
//!
//! Both are maps in many parts, each under a lock of its own, which readers share: a look-up is one of a map, without
//! allocation. Entries are only ever added. An entry takes 58 bytes in maps that are between 7/16 and 7/8 full; a million
//! took 127 bytes each in all (`cargo test --release --lib -- --ignored --nocapture what_a_million`).

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use chatwarden_redact::{Code, Digest, VaultError};

#[derive(Default)]
pub(super) struct Tables {
    codes: Parts<Key>,
    rows: Parts<u32>,
    used: AtomicUsize,
}

impl Tables {
    /// How many codes are taken.
    pub(super) fn len(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The code of a digest.
    pub(super) fn code(&self, digest: Digest) -> Result<Option<Code>, VaultError> {
        Ok(self.codes.get(Key::of(digest.0))?.and_then(|code| Code::from_bits(code.bits())))
    }

    /// The row of a code, if it is taken.
    pub(super) fn row(&self, code: Code) -> Result<Option<u32>, VaultError> {
        self.rows.get(Key::of(code.to_bits()))
    }

    /// Notes an entry; says whether neither its digest nor its code was there.
    pub(super) fn insert(&self, digest: Digest, code: Code, row: u32) -> Result<bool, VaultError> {
        let bits = Key::of(code.to_bits());
        // The code first: whoever finds it by the digest finds its row.
        let is_new = self.rows.insert(bits, row)?;
        self.used.fetch_add(usize::from(is_new), Ordering::Relaxed);
        Ok(is_new && self.codes.insert(Key::of(digest.0), bits)?)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("used", &self.used).finish_non_exhaustive()
    }
}

/// A number of 128 bits that needs no alignment of sixteen.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key([u64; 2]);

impl Key {
    fn of(bits: u128) -> Key {
        Key([(bits >> 64) as u64, bits as u64])
    }

    fn bits(self) -> u128 {
        u128::from(self.0[0]) << 64 | u128::from(self.0[1])
    }

    /// Spreads what is uniform in either half over all bits. Digests and codes are keyed: nobody chooses them.
    fn mixed(self) -> u64 {
        let [high, low] = self.0;
        let mixed = (low ^ high.rotate_left(32)).wrapping_mul(ODD);
        mixed ^ mixed >> 32
    }
}

impl std::hash::Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.mixed());
    }
}

/// Takes what a key has mixed already.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, mixed: u64) {
        self.0 = mixed;
    }
}

type Part<V> = HashMap<Key, V, BuildHasherDefault<Mixed>>;

struct Parts<V>([RwLock<Part<V>>; PARTS]);

impl<V> Default for Parts<V> {
    fn default() -> Self {
        Parts(std::array::from_fn(|_| RwLock::default()))
    }
}

impl<V: Copy> Parts<V> {
    fn get(&self, key: Key) -> Result<Option<V>, VaultError> {
        let part = self.part(key).read().map_err(|_| VaultError::Unavailable)?;
        Ok(part.get(&key).copied())
    }

    /// Says whether the key was not there; one that was stays as it is.
    fn insert(&self, key: Key, value: V) -> Result<bool, VaultError> {
        let mut part = self.part(key).write().map_err(|_| VaultError::Unavailable)?;
        Ok(match part.entry(key) {
            Entry::Vacant(free) => {
                free.insert(value);
                true
            }
            Entry::Occupied(_) => false,
        })
    }

    /// By bits that the map uses neither for its places nor for its tags.
    fn part(&self, key: Key) -> &RwLock<Part<V>> {
        &self.0[(key.mixed() >> 40) as usize % PARTS]
    }
}

/// A power of two.
const PARTS: usize = 64;
/// 2^64 divided by the golden ratio, made odd.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use chatwarden_redact::{AliasKey, Class};

    use super::*;

    #[test]
    fn entries_are_spread_over_parts_and_places() {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let tables = Tables::default();
        for number in 0..20_000_u32 {
            let value = number.to_be_bytes();
            let class = [Class::Phone, Class::Name][number as usize % 2];
            let code = key.draw(class, &value, 1).unwrap();
            assert_eq!(tables.insert(key.digest(class, &value), code, number), Ok(true));
        }
        for part in &tables.rows.0 {
            let part = part.read().unwrap();
            assert!((200..430).contains(&part.len()), "a part with {} of 20,000", part.len());
            let places: std::collections::HashSet<u64> = part.keys().map(|key| key.mixed() % 512).collect();
            assert!(places.len() * 2 > part.len(), "{} places for {}", places.len(), part.len());
            let tags: std::collections::HashSet<u64> = part.keys().map(|key| key.mixed() >> 57).collect();
            assert!(tags.len() > 64, "{} tags", tags.len());
        }
        assert!(tables.codes.0.iter().all(|part| (200..430).contains(&part.read().unwrap().len())));
    }
}
