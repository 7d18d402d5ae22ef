//! The keys that the gateway makes for itself, in `state/keys`.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chatwarden_redact::{AliasKey, KeyRing, MemoryVault, Vault};
use tracing::warn;

use crate::{
    durable,
    secret::{SecretError, read_secret},
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
    /// Aliases that are forgotten when the process ends.
    pub fn in_memory(key: AliasKey) -> Aliases {
        Aliases { keys: Arc::new(key.into()), vault: Arc::new(MemoryVault::new(MEMORY_BYTES)) }
    }
}

/// The bound of a vault in memory.
const MEMORY_BYTES: usize = 256 << 20;

/// The key that aliases are made with: read from `state/keys/alias.key`, made there first if there is none.
///
/// # Errors
/// A key that cannot be made or read, or that is too short.
pub fn alias_key(state: &Path) -> Result<AliasKey, KeyFileError> {
    let file = state.join("keys").join("alias.key");
    match make(&file) {
        Ok(()) => warn!(
            file = %file.display(),
            "Made a new alias key: back it up, as without it the aliases that operators know cannot be made again"
        ),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(KeyFileError::Unwritable { file, error }),
    }
    let secret =
        read_secret(&file).map_err(|error| KeyFileError::Unreadable { file: file.clone(), error })?;
    if secret.readable_by_others {
        warn!(file = %file.display(), "Others may read the alias key; make its mode 0600");
    }
    AliasKey::new(secret.secret.expose()).map_err(|_| KeyFileError::Short { file })
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
    /// It is too short to be a key.
    #[error("the key {} is shorter than 32 bytes", file.display())]
    Short {
        /// The key's file.
        file: PathBuf,
    },
}

fn make(file: &Path) -> io::Result<()> {
    if file.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    durable::make_directory(file.parent().unwrap_or(Path::new("")))?;
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    durable::create_whole(file, format!("base64:{}\n", STANDARD.encode(key)).as_bytes())
}
