//! Tokens: values that travel sealed, for ids that are contacts.
//!
//! Where an app's own ids are contacts (a JID, a phone as a primary key), requests carry them by the hundred and a vault
//! would have to know each. A token holds its value itself: AES-256-SIV (RFC 5297) under a key derived from the
//! deployment's, with the class as associated data, so a token of one class opens in no other. It is deterministic, so a
//! value has one token, and of lower-case letters and digits, so it survives URLs and changes of case. It is longer than
//! an alias, and its length tells that of its value.
//!
//! ```text
//! token = "ct_" 26*base32     ; the 16 bytes of the synthetic IV, then the ciphertext; unused bits are zero
//! ```

use aes_siv::{KeyInit, siv::Aes256Siv};

use crate::{
    alias::{self, AliasKey},
    class::Class,
};

impl AliasKey {
    /// Seals a value into its token.
    pub fn seal(&self, class: Class, value: &[u8]) -> String {
        // It fails for more than 126 headers (RFC 5297 §7); there is one.
        let sealed = self.siv().encrypt([class.name()], value).unwrap_or_default();
        let mut token = String::with_capacity(PREFIX.len() + (sealed.len() * 8).div_ceil(5));
        token.push_str(PREFIX);
        let (mut bits, mut count) = (0_u32, 0);
        let mut push = |bits: u32| token.push(char::from(alias::ALPHABET[(bits & 31) as usize]));
        for byte in sealed {
            bits = bits << 8 | u32::from(byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                push(bits >> count);
            }
        }
        if count > 0 {
            push(bits << (5 - count));
        }
        token
    }

    /// Opens a token of the class, in lower case and with its `ct_`. What this key did not seal does not open.
    pub fn open(&self, class: Class, token: &[u8]) -> Option<Vec<u8>> {
        let text = token.strip_prefix(PREFIX.as_bytes())?;
        let mut sealed = Vec::with_capacity(text.len() * 5 / 8);
        let (mut bits, mut count) = (0_u32, 0);
        for &character in text {
            bits = bits << 5 | u32::from(alias::base32(character)?);
            count += 5;
            if count >= 8 {
                count -= 8;
                sealed.push((bits >> count & 0xff) as u8);
            }
        }
        // One spelling for one token.
        if count >= 5 || bits & ((1 << count) - 1) != 0 {
            return None;
        }
        self.siv().decrypt([class.name()], &sealed).ok()
    }

    fn siv(&self) -> Aes256Siv {
        Aes256Siv::new(self.token_key().into())
    }
}

/// The keys of a deployment: the first makes aliases and tokens, and every one opens them.
#[derive(Clone, Debug)]
pub struct KeyRing {
    first: AliasKey,
    older: Vec<AliasKey>,
}

impl KeyRing {
    /// Makes a ring of the key in use and those before it.
    pub fn new(first: AliasKey, older: Vec<AliasKey>) -> KeyRing {
        KeyRing { first, older }
    }

    /// The key that aliases and tokens are made with.
    pub fn first(&self) -> &AliasKey {
        &self.first
    }

    /// All of them, the one in use first.
    pub fn keys(&self) -> impl Iterator<Item = &AliasKey> {
        std::iter::once(&self.first).chain(&self.older)
    }

    /// Opens a token that any of the keys sealed.
    pub fn open(&self, class: Class, token: &[u8]) -> Option<Vec<u8>> {
        self.keys().find_map(|key| key.open(class, token))
    }
}

impl From<AliasKey> for KeyRing {
    fn from(first: AliasKey) -> KeyRing {
        KeyRing::new(first, Vec::new())
    }
}

/// What every token begins with.
pub(crate) const PREFIX: &str = "ct_";

/// The fewest characters behind the prefix: 16 bytes.
pub(crate) const SHORTEST: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> AliasKey {
        AliasKey::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_token_opens_to_exactly_its_value() {
        for length in 0..100_u8 {
            let value: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(151)).collect();
            let token = key(7).seal(Class::Handle, &value);
            assert_eq!(key(7).open(Class::Handle, token.as_bytes()), Some(value));
            assert!(token.len() >= PREFIX.len() + SHORTEST, "{token}");
        }
    }

    #[test]
    fn a_value_has_one_token_and_another_in_each_class_and_key() {
        let token = key(7).seal(Class::Phone, b"79161112233@c.us");
        assert_eq!(token, key(7).seal(Class::Phone, b"79161112233@c.us"));
        assert_ne!(token, key(7).seal(Class::Handle, b"79161112233@c.us"));
        assert_ne!(token, key(8).seal(Class::Phone, b"79161112233@c.us"));
    }

    #[test]
    fn tokens_never_change_between_releases() {
        let token = key(7).seal(Class::Phone, b"79161112233");
        assert_eq!(token, "ct_3x5aqfh20g3ab3ky6v7sac3pp4tv5mzycdvrak0b0nc0");
    }

    #[test]
    fn a_token_opens_in_its_class_and_under_its_key_only() {
        let token = key(7).seal(Class::Phone, b"79161112233@c.us");
        for class in Class::ALL {
            assert_eq!(key(7).open(class, token.as_bytes()).is_some(), class == Class::Phone, "{class}");
        }
        assert_eq!(key(8).open(Class::Phone, token.as_bytes()), None);
        let ring = KeyRing::new(key(8), vec![key(9), key(7)]);
        assert_eq!(ring.open(Class::Phone, token.as_bytes()).as_deref(), Some(&b"79161112233@c.us"[..]));
        assert_eq!(KeyRing::from(key(9)).open(Class::Phone, token.as_bytes()), None);
    }

    #[test]
    fn every_wrong_missing_or_added_character_is_noticed() {
        for value in [&b"7"[..], b"79161112233", b"anna_k"] {
            let token = key(7).seal(Class::Handle, value).into_bytes();
            let opens = |token: &[u8]| key(7).open(Class::Handle, token).is_some();
            for place in PREFIX.len()..token.len() {
                for &character in alias::ALPHABET {
                    let mut wrong = token.clone();
                    wrong[place] = character;
                    assert_eq!(opens(&wrong), wrong == token);
                }
                let mut shorter = token.clone();
                shorter.remove(place);
                assert!(!opens(&shorter));
                let mut longer = token.clone();
                longer.insert(place, b'0');
                assert!(!opens(&longer));
            }
        }
        for text in ["", "ct_", "ct", "ct_0", "ct_00000000000000000000000000", "ct_UPPER", "79161112233"] {
            assert_eq!(key(7).open(Class::Handle, text.as_bytes()), None, "{text}");
        }
    }
}
