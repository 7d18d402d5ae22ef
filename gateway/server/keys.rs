//! The alias keys: those that config.yaml lists, or the one that the gateway makes for itself in `state/keys`.
//!
//! The first of them makes aliases, all of them know theirs again. Where nothing is listed, a key is made once; but not
//! where there is a vault already, since that was made with a key that is then lost.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chatwarden_redact::{AliasKey, Code, Digest, KeyRing, Vault, VaultError};
use tracing::warn;

use crate::{
    config::Config,
    durable,
    secret::{SecretError, read_secret},
    vault,
};

/// What aliases are made with, and where they find their values again.
#[derive(Clone, Debug)]
pub struct Aliases {
    /// The keys that make them and know them.
    pub keys: Arc<KeyRing>,
    /// Where what they stand for is kept.
    pub vault: Arc<dyn Vault>,
}

impl Aliases {
    /// Aliases without a way back, for a command that shows and does not serve: they take no memory.
    pub fn unkept(keys: impl Into<KeyRing>) -> Aliases {
        Aliases { keys: Arc::new(keys.into()), vault: Arc::new(Unkept) }
    }
}

/// Keeps nothing: every value has the first code that is drawn for it.
#[derive(Debug)]
struct Unkept;

impl Vault for Unkept {
    fn keep(
        &self,
        _digest: Digest,
        _value: &[u8],
        draw: &dyn Fn(u32) -> Option<Code>,
    ) -> Result<Code, VaultError> {
        draw(0).ok_or(VaultError::Exhausted)
    }

    fn value(&self, _code: Code) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(None)
    }
}

/// The keys of a configuration.
///
/// # Errors
/// The first that cannot be read, or made, or is too short.
pub fn key_ring(config: &Config) -> Result<KeyRing, KeyFileError> {
    let mut keys = Vec::new();
    for file in &config.alias_keys {
        keys.push(read(file)?);
    }
    if keys.is_empty() {
        keys.push(own_key(&config.state)?);
    }
    let first = keys.remove(0);
    Ok(KeyRing::new(first, keys))
}

/// The file of the key that the gateway makes for itself.
pub fn own_key_file(state: &Path) -> PathBuf {
    state.join("keys").join("alias.key")
}

/// Writes a new key for the owner alone; a file that is there stays as it is.
///
/// # Errors
/// A file that is there, or cannot be written.
pub fn make(file: &Path) -> Result<(), KeyFileError> {
    let made = || {
        if file.exists() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        durable::make_directory(file.parent().unwrap_or(Path::new("")))?;
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        durable::create_whole(file, format!("base64:{}\n", STANDARD.encode(key)).as_bytes())
    };
    made().map_err(|error| {
        let file = file.to_owned();
        if error.kind() == ErrorKind::AlreadyExists {
            KeyFileError::Exists { file }
        } else {
            KeyFileError::Unwritable { file, error }
        }
    })
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the key {} {error}", file.display())]
    Unreadable {
        /// The key's file.
        file: PathBuf,
        /// What is wrong with it.
        error: SecretError,
    },
    /// It cannot be made.
    #[error("the key {} cannot be made: {error}", file.display())]
    Unwritable {
        /// The key's file.
        file: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There is one already.
    #[error("the key {} is there already, and a key is never overwritten", file.display())]
    Exists {
        /// The key's file.
        file: PathBuf,
    },
    /// It is gone, and there is a vault that was made with it.
    #[error(
        "the key {} is gone, but the vault `{}` was made with it: put the key back from a backup, or list the key of the \
         vault under `keys:`",
        file.display(), vault.display()
    )]
    Gone {
        /// The key's file.
        file: PathBuf,
        /// The vault's.
        vault: PathBuf,
    },
    /// It is too short to be a key.
    #[error("the key {} is shorter than 32 bytes", file.display())]
    Short {
        /// The key's file.
        file: PathBuf,
    },
}

/// The key in `state/keys`, made there first if there has never been one.
fn own_key(state: &Path) -> Result<AliasKey, KeyFileError> {
    let file = own_key_file(state);
    let vault = state.join(vault::FILE);
    if vault.exists() && !file.exists() {
        return Err(KeyFileError::Gone { file, vault });
    }
    match make(&file) {
        Ok(()) => warn!(
            file = %file.display(),
            "Made a new alias key: back it up, as without it aliases neither come back nor can be made again"
        ),
        Err(KeyFileError::Exists { .. }) => {}
        Err(error) => return Err(error),
    }
    read(&file)
}

fn read(file: &Path) -> Result<AliasKey, KeyFileError> {
    let secret =
        read_secret(file).map_err(|error| KeyFileError::Unreadable { file: file.to_owned(), error })?;
    if secret.readable_by_others {
        warn!(file = %file.display(), "Others may read the alias key; make its mode 0600");
    }
    AliasKey::new(secret.secret.expose()).map_err(|_| KeyFileError::Short { file: file.to_owned() })
}
