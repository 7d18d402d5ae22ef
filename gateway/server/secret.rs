//! Values that must never be seen, and the files they come from.
//!
//! `Secret<T>` is the value itself at run time; printed or serialised it is stars. A secret file is read by one set of
//! rules everywhere: raw bytes less one final newline, `base64:` decodes, at least 32 bytes, and a word of warning when
//! others on the machine can read it.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer};

/// A value that prints as stars.
#[derive(Clone, PartialEq, Eq)]
#[repr(transparent)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(STARS)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(STARS)
    }
}

/// What a secret file holds.
#[derive(Debug)]
pub struct SecretFile {
    /// The secret, at least [`MIN_SECRET`] bytes.
    pub secret: Secret<Vec<u8>>,
    /// Whether accounts of the machine other than owner and group may read the file: worth a warning.
    pub readable_by_others: bool,
}

/// Reads a secret file.
pub fn read_secret(path: &Path) -> Result<SecretFile, SecretError> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode();
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(SecretError::TooLong);
    }
    let secret = parse(&bytes)?;
    Ok(SecretFile { secret: Secret::new(secret), readable_by_others: mode & READ_BY_OTHERS != 0 })
}

/// Why a secret file cannot be used. No text quotes the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// More than a secret has any need of.
    #[error("is longer than 64 KiB")]
    TooLong,
    /// Fewer bytes than [`MIN_SECRET`].
    #[error("holds {0} bytes, a secret needs at least {MIN_SECRET}")]
    TooShort(usize),
    /// Text after `base64:` that is not base64.
    #[error("begins with `base64:` but is not base64 (RFC 4648 §4)")]
    NotBase64,
    /// A PEM block, such as a public key, which is no secret.
    #[error("holds a PEM block, which is a key file and no shared secret")]
    Pem,
}

/// The fewest bytes of a secret.
pub const MIN_SECRET: usize = 32;

fn parse(bytes: &[u8]) -> Result<Vec<u8>, SecretError> {
    let bytes = bytes.strip_suffix(b"\r\n").or_else(|| bytes.strip_suffix(b"\n")).unwrap_or(bytes);
    if bytes.trim_ascii_start().starts_with(b"-----BEGIN ") {
        return Err(SecretError::Pem);
    }
    let secret = match bytes.strip_prefix(b"base64:") {
        Some(text) => STANDARD.decode(text.trim_ascii()).map_err(|_| SecretError::NotBase64)?,
        None => bytes.to_vec(),
    };
    if secret.len() < MIN_SECRET { Err(SecretError::TooShort(secret.len())) } else { Ok(secret) }
}

const STARS: &str = "***";
const MAX_FILE: u64 = 64 * 1024;
const READ_BY_OTHERS: u32 = 0o004;

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_secret_prints_stars_and_nothing_else() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""***""#);
        assert_eq!(size_of::<Secret<[u8; 32]>>(), 32);
    }

    #[test]
    fn one_final_newline_is_not_part_of_the_secret() {
        let raw = [b'k'; 32];
        for end in ["", "\n", "\r\n"] {
            assert_eq!(parse(&[&raw, end.as_bytes()].concat()).unwrap(), raw);
        }
        assert_eq!(parse(&[&raw[..], b"\n\n"].concat()).unwrap().len(), 33);
    }

    #[test]
    fn base64_decodes_to_the_bytes_that_count() {
        let text = format!("base64:{}\n", STANDARD.encode([7; 32]));
        assert_eq!(parse(text.as_bytes()).unwrap(), [7; 32]);
        assert!(matches!(parse(b"base64:****"), Err(SecretError::NotBase64)));
        let short = format!("base64:{}", STANDARD.encode([7; 31]));
        assert!(matches!(parse(short.as_bytes()), Err(SecretError::TooShort(31))));
    }

    #[test]
    fn short_secrets_and_key_files_are_refused() {
        assert!(matches!(parse(b""), Err(SecretError::TooShort(0))));
        assert!(matches!(parse(&[b'x'; 31]), Err(SecretError::TooShort(31))));
        let pem = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
        assert!(matches!(parse(pem), Err(SecretError::Pem)));
    }

    #[test]
    fn a_file_that_others_can_read_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jwt.secret");
        fs::write(&path, [b'k'; 32]).unwrap();
        for (mode, told) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_secret(&path).unwrap().readable_by_others, told, "{mode:o}");
        }
        assert!(matches!(read_secret(&dir.path().join("none")), Err(SecretError::Io(_))));
    }
}
