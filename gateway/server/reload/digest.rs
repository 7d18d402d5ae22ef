//! The name of a rule set: SHA-256 over the names and bytes of everything in it.
//!
//! Names and contents are counted in, so that no two sets share the bytes that are hashed. Equal digests mean equal
//! rules, and equal rules are not a reload.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a rule set or of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of one file's bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// The first twelve digits: enough to tell rule sets apart in names of directories and in logs.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Digest, NotADigest> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotADigest);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotADigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotADigest)?;
        }
        Ok(Digest(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256 digest")]
pub struct NotADigest;

/// Hashes a set of named parts.
#[derive(Default)]
pub(super) struct Digester(Sha256);

impl Digester {
    /// Adds a part; `kind` keeps a rule file and a list of the same name apart.
    pub(super) fn part(&mut self, kind: u8, name: &str, bytes: &[u8]) {
        self.0.update([kind]);
        for field in [name.as_bytes(), bytes] {
            self.0.update((field.len() as u64).to_le_bytes());
            self.0.update(field);
        }
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[(u8, &str, &str)]) -> Digest {
        let mut digester = Digester::default();
        for (kind, name, bytes) in parts {
            digester.part(*kind, name, bytes.as_bytes());
        }
        digester.finish()
    }

    #[test]
    fn bytes_do_not_slide_between_names_and_files() {
        let sets: [&[(u8, &str, &str)]; 6] = [
            &[],
            &[(0, "a", "bc")],
            &[(0, "ab", "c")],
            &[(1, "a", "bc")],
            &[(0, "a", "b"), (0, "c", "")],
            &[(0, "a", ""), (0, "bc", "")],
        ];
        for (i, one) in sets.iter().enumerate() {
            for (j, other) in sets.iter().enumerate() {
                assert_eq!(digest(one) == digest(other), i == j, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn text_and_digest_are_the_same() {
        let digest = Digest::of(b"rules");
        let text = digest.to_string();
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.short(), text[..12]);
        assert!("abc".parse::<Digest>().is_err());
        assert!("+1".repeat(32).parse::<Digest>().is_err());
    }
}
