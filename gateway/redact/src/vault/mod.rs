//! Vaults: where aliases find their values again.
//!
//! A digest cannot be undone, so whoever wants an alias restored must have kept its value. A vault keeps every value
//! that was shown as an alias, with the code that was given to it: one code never stands for two values, and a code that
//! is not kept stands for none. A vault is asked in the middle of a stream, so it is synchronous, and bounded: a full one
//! refuses, and the value is shown `hidden`, since an alias without a way back would be written into the app one day.
//!
//! [`MemoryVault`] lives as long as the process; one on disk is the server's affair and passes the same `contract`. How
//! a value is sealed for it is said here, since keys stay in this room.

use std::fmt;

use crate::{
    alias::{AliasKey, Code, Digest},
    class::Class,
};

pub use contract::contract;
pub use memory::MemoryVault;

mod contract;
mod memory;
mod sealed;

/// Keeps values under the codes of their aliases.
pub trait Vault: fmt::Debug + Send + Sync {
    /// The code of the value with this digest, which is given one now if it has none.
    ///
    /// `draw` yields codes of the value's class until there are no more: the first that stands for no other value is
    /// the value's from now on. It is not asked where the digest is known; such a call is one look-up and allocates
    /// nothing. Digests are keyed and of 128 bits: an equal digest is an equal value.
    fn keep(
        &self,
        digest: Digest,
        value: &[u8],
        draw: &dyn Fn(u32) -> Option<Code>,
    ) -> Result<Code, VaultError>;

    /// The value that the code stands for, or none if there is none.
    fn value(&self, code: Code) -> Result<Option<Vec<u8>>, VaultError>;
}

/// Why a vault does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// No room for another value.
    #[error("the vault is full")]
    Full,
    /// Every code that was drawn for a value stands for another one.
    #[error("no free code was drawn for a value")]
    Exhausted,
    /// The vault cannot be asked.
    #[error("the vault is out of order")]
    Unavailable,
}

/// Where the aliases of a plan come from: its key, and the vault that keeps what they stand for, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'s> {
    pub(crate) key: &'s AliasKey,
    pub(crate) vault: Option<&'s dyn Vault>,
}

impl Source<'_> {
    /// The code to show for a value, or none where the vault refuses it.
    #[inline]
    pub(crate) fn code(self, class: Class, value: &[u8]) -> Option<Code> {
        match self.vault {
            Some(_) => self.digested_code(class, value, self.key.digest(class, value)),
            None => Some(self.key.code(class, value)),
        }
    }

    /// The same for a value whose digest is known.
    #[inline]
    pub(crate) fn digested_code(self, class: Class, value: &[u8], digest: Digest) -> Option<Code> {
        match self.vault {
            Some(vault) => vault.keep(digest, value, &|attempt| self.key.draw(class, value, attempt)).ok(),
            None => Some(self.key.code(class, value)),
        }
    }
}
