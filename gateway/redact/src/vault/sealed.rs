//! Values sealed for a store.
//!
//! AES-256-SIV (RFC 5297) under a key derived from the deployment's, with the code, in which its class is, and the digest
//! as associated data: what is changed on disk, or moved to another entry, does not open. Values are padded to whole
//! blocks of sixteen bytes, so that a length tells little. Code and digest are keyed themselves and may stand beside the
//! value in the clear.

use aes_siv::{KeyInit, siv::Aes256Siv};

use crate::alias::{AliasKey, Code, Digest};

impl AliasKey {
    /// Seals the value that a code stands for.
    pub fn seal_value(&self, code: Code, digest: Digest, value: &[u8]) -> Vec<u8> {
        let length = (value.len() / PAD + 1) * PAD;
        let mut padded = Vec::with_capacity(length);
        padded.extend_from_slice(value);
        padded.push(END);
        padded.resize(length, 0);
        // It fails for more than 126 headers (RFC 5297 §7); there are two.
        Aes256Siv::new(self.vault_key().into())
            .encrypt(headers(code, digest).each_ref(), &padded)
            .unwrap_or_default()
    }

    /// Opens what [`seal_value`](Self::seal_value) sealed for this code and digest.
    pub fn open_value(&self, code: Code, digest: Digest, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut siv = Aes256Siv::new(self.vault_key().into());
        let mut value = siv.decrypt(headers(code, digest).each_ref(), sealed).ok()?;
        let length = memchr::memrchr(END, &value)?;
        value.truncate(length);
        Some(value)
    }
}

/// Associated data: the code, in which its class is, and what the value is looked up by.
fn headers(code: Code, digest: Digest) -> [[u8; 16]; 2] {
    [code.to_bits().to_be_bytes(), digest.0.to_be_bytes()]
}

/// Values are padded to a multiple of it.
const PAD: usize = 16;
/// Ends a value; only zeros follow (ISO/IEC 7816-4).
const END: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Class;

    fn key(byte: u8) -> AliasKey {
        AliasKey::new(&[byte; 32]).unwrap()
    }

    fn named(class: Class, value: &[u8]) -> (Code, Digest) {
        (key(7).draw(class, value, 0).unwrap(), key(7).digest(class, value))
    }

    #[test]
    fn a_value_opens_byte_for_byte_and_only_its_length_in_blocks_shows() {
        for length in 0..100_u8 {
            let value: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(128)).collect();
            let (code, digest) = named(Class::Name, &value);
            let sealed = key(7).seal_value(code, digest, &value);
            assert_eq!(key(7).open_value(code, digest, &sealed), Some(value));
            assert_eq!(sealed.len(), 32 + usize::from(length) / 16 * 16);
        }
    }

    #[test]
    fn nothing_opens_under_another_key_code_or_digest_or_after_a_change() {
        let (code, digest) = named(Class::Phone, b"+37061234567");
        let (other_code, other_digest) = named(Class::Phone, b"+37061234568");
        let sealed = key(7).seal_value(code, digest, b"+37061234567");
        assert!(key(7).open_value(code, digest, &sealed).is_some());
        assert_eq!(key(8).open_value(code, digest, &sealed), None);
        assert_eq!(key(7).open_value(other_code, digest, &sealed), None);
        assert_eq!(key(7).open_value(code, other_digest, &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(key(7).open_value(code, digest, &changed), None, "{place}");
            assert_eq!(key(7).open_value(code, digest, &sealed[..place]), None, "{place}");
        }
    }

    #[test]
    fn sealing_never_changes_between_releases() {
        let (code, digest) = named(Class::Phone, b"+37061234567");
        let sealed = key(7).seal_value(code, digest, b"+37061234567");
        let spelled: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((key(7).id().to_string().as_str(), spelled.as_str()), (ID, SEALED));
    }

    const ID: &str = "9f156e9a50938f8b";
    const SEALED: &str = "4fda6004a1401ca9a9604475ed5ee6e8129bef865df840b088d4b7208bf3b365";
}
