//! A vault in memory.
//!
//! Two tables: from digests to codes, asked for every value that is shown, and from codes to values, asked when
//! something comes back. Readers share; writers stand in one line, so that a code is given once. The bound counts values
//! and what the tables take for them.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    hash::{BuildHasherDefault, Hasher},
    sync::{Mutex, RwLock},
};

use super::{Vault, VaultError};
use crate::alias::{Code, Digest};

/// Keeps values as long as the process lives, up to a bound.
pub struct MemoryVault {
    /// By the low bits of the digest, so that streams on many cores do not wait for one lock.
    codes: [RwLock<HashMap<Digest, Code, Uniform>>; SHARDS],
    values: RwLock<HashMap<Code, Box<[u8]>>>,
    /// `used <= bound`; whoever holds it may write.
    used: Mutex<usize>,
    bound: usize,
}

impl MemoryVault {
    /// Makes a vault that takes about this many bytes at most.
    pub fn new(bound: usize) -> MemoryVault {
        MemoryVault { codes: Default::default(), values: RwLock::default(), used: Mutex::new(0), bound }
    }

    fn known(&self, digest: Digest) -> Result<Option<Code>, VaultError> {
        let codes = self.shard(digest).read().map_err(|_| VaultError::Unavailable)?;
        Ok(codes.get(&digest).copied())
    }

    fn shard(&self, digest: Digest) -> &RwLock<HashMap<Digest, Code, Uniform>> {
        &self.codes[digest.0 as usize % SHARDS]
    }
}

impl Vault for MemoryVault {
    fn keep(
        &self,
        digest: Digest,
        value: &[u8],
        draw: &dyn Fn(u32) -> Option<Code>,
    ) -> Result<Code, VaultError> {
        if let Some(code) = self.known(digest)? {
            return Ok(code);
        }
        let mut used = self.used.lock().map_err(|_| VaultError::Unavailable)?;
        // Another stream may have shown the value while this one waited.
        if let Some(code) = self.known(digest)? {
            return Ok(code);
        }
        let after = used.saturating_add(value.len()).saturating_add(ENTRY_BYTES);
        if after > self.bound {
            return Err(VaultError::Full);
        }
        let mut values = self.values.write().map_err(|_| VaultError::Unavailable)?;
        for code in (0..).map_while(draw) {
            if let Entry::Vacant(free) = values.entry(code) {
                free.insert(value.into());
                drop(values);
                self.shard(digest).write().map_err(|_| VaultError::Unavailable)?.insert(digest, code);
                *used = after;
                return Ok(code);
            }
        }
        Err(VaultError::Exhausted)
    }

    fn value(&self, code: Code) -> Result<Option<Vec<u8>>, VaultError> {
        let values = self.values.read().map_err(|_| VaultError::Unavailable)?;
        Ok(values.get(&code).map(|value| value.to_vec()))
    }
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryVault").field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// A power of two.
const SHARDS: usize = 16;

/// What the tables take for a value besides itself: two entries of 48 bytes in tables at least half full.
const ENTRY_BYTES: usize = 192;

/// Hashes digests, which are uniform already, by their upper half.
type Uniform = BuildHasherDefault<UpperHalf>;

#[derive(Default)]
struct UpperHalf(u64);

impl Hasher for UpperHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, digest: u128) {
        self.0 = (digest >> 64) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{alias::AliasKey, class::Class};

    #[test]
    fn it_keeps_the_contract_of_vaults() {
        super::super::contract(&MemoryVault::new(1 << 20));
    }

    #[test]
    fn a_full_vault_takes_no_new_value_and_knows_the_old_ones() {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let vault = MemoryVault::new(4 * (ENTRY_BYTES + 1));
        let keep = |value: &[u8]| {
            let draw = |attempt| key.draw(Class::Name, value, attempt);
            vault.keep(key.digest(Class::Name, value), value, &draw)
        };
        let code = keep(b"a").unwrap();
        for value in [b"b", b"c", b"d"] {
            keep(value).unwrap();
        }
        assert_eq!(keep(b"e"), Err(VaultError::Full));
        assert_eq!(keep(b"a"), Ok(code));
        assert_eq!(vault.value(code).unwrap().as_deref(), Some(&b"a"[..]));
    }

    #[test]
    fn it_prints_no_values() {
        assert_eq!(format!("{:?}", MemoryVault::new(9)), "MemoryVault { bound: 9, .. }");
    }
}
