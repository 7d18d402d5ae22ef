//! Aliases: short, speakable stand-ins for hidden values.
//!
//! An alias is a keyed digest of the value, so it is the same everywhere in a deployment and tells nothing
//! without the key. It ends in check characters: whoever mistypes one on the phone names no other client.
//! The digest is HMAC-SHA256 (RFC 2104) over the class and the exact decoded value; nothing is kept here, and
//! this module does not know which values have been seen.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::class::Class;

/// The deployment's key for aliases.
#[derive(Clone)]
pub struct AliasKey {
    /// The digest after it has taken in the key, so that no value pays for that again.
    keyed: Hmac<Sha256>,
}

impl AliasKey {
    /// The fewest bytes a key may have.
    pub const MIN_BYTES: usize = 32;

    /// Makes a key from secret bytes.
    pub fn new(bytes: &[u8]) -> Result<AliasKey, KeyError> {
        if bytes.len() < Self::MIN_BYTES {
            return Err(KeyError { length: bytes.len() });
        }
        let keyed = Hmac::new_from_slice(bytes).map_err(|_| KeyError { length: bytes.len() })?;
        Ok(AliasKey { keyed })
    }

    /// The ten lower-case characters of a value's alias: eight of value, two of check.
    pub(crate) fn code(&self, class: Class, value: &[u8]) -> [u8; CODE_LENGTH] {
        let [a, b, c, d, e, ..] = self.digest(class, value);
        spell(class, u64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
    }

    /// The twelve digits of a phone's alias, below 10^12: ten of value, two of check.
    pub(crate) fn digits(&self, value: &[u8]) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.digest(Class::Phone, value);
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 10_u64.pow(10);
        // ISO 7064 MOD 97-10: the whole, check digits included, is 1 modulo 97.
        number * 100 + (98 - number * 100 % 97)
    }

    fn digest(&self, class: Class, value: &[u8]) -> [u8; 32] {
        let mut digest = self.keyed.clone();
        digest.update(class.name().as_bytes());
        digest.update(&[0]);
        digest.update(value);
        digest.finalize().into_bytes().into()
    }
}

impl fmt::Debug for AliasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AliasKey(***)")
    }
}

/// A key that is too short to keep aliases from being guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an alias key needs at least 32 bytes, this one has {length}")]
pub struct KeyError {
    /// How many bytes the key has.
    pub length: usize,
}

/// The code that stands for no value in particular, where a class has no constant of its own to show.
pub(crate) fn no_code(class: Class) -> [u8; CODE_LENGTH] {
    spell(class, 0)
}

/// Spells 40 bits and their check in Crockford's base 32.
fn spell(class: Class, value: u64) -> [u8; CODE_LENGTH] {
    debug_assert!(value < 1 << 40);
    let mut rest = value << 10 | check(class, value);
    let mut code = [0; CODE_LENGTH];
    for place in code.iter_mut().rev() {
        *place = ALPHABET[(rest % 32) as usize];
        rest /= 32;
    }
    code
}

/// The check of a value: the remainder by the largest prime of ten bits.
///
/// 32 and 31 have no factor in common with it, so each wrong character and each swap of two neighbours
/// changes the remainder; the class is a digit before the first, so a code of another class fails, too.
fn check(class: Class, value: u64) -> u64 {
    let class = class.index() as u64 + 1;
    (class << 40 | value) % 1021
}

/// Characters of a code: eight of value, two of check.
pub(crate) const CODE_LENGTH: usize = 10;

/// Crockford's base 32 in lower case: no `i`, `l`, `o` and `u`, which are misread or spell words.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key() -> AliasKey {
        AliasKey::new(&[7; 32]).unwrap()
    }

    fn is_valid(class: Class, code: &[u8]) -> bool {
        let number = code.iter().fold(0_u64, |number, byte| {
            number * 32 + ALPHABET.iter().position(|known| known == byte).unwrap() as u64
        });
        check(class, number >> 10) == number % 1024
    }

    #[test]
    fn a_key_shorter_than_32_bytes_is_refused() {
        assert_eq!(AliasKey::new(&[1; 31]).unwrap_err(), KeyError { length: 31 });
        assert!(AliasKey::new(&[1; 32]).is_ok());
    }

    #[test]
    fn a_key_prints_stars() {
        assert_eq!(format!("{:?}", key()), "AliasKey(***)");
    }

    #[test]
    fn a_code_depends_on_key_class_and_value() {
        let other = AliasKey::new(&[8; 32]).unwrap();
        let codes = HashSet::from([
            key().code(Class::Name, b"Anna"),
            key().code(Class::Name, b"anna"),
            key().code(Class::Handle, b"Anna"),
            other.code(Class::Name, b"Anna"),
        ]);
        assert_eq!(codes.len(), 4);
        assert_eq!(key().code(Class::Name, b"Anna"), key().code(Class::Name, b"Anna"));
    }

    #[test]
    fn every_wrong_character_and_every_swap_of_neighbours_is_noticed() {
        for value in [&b"Anna"[..], b"", b"+37061234567", "Пётр".as_bytes()] {
            let code = key().code(Class::Name, value);
            assert!(is_valid(Class::Name, &code));
            for place in 0..CODE_LENGTH {
                for &character in ALPHABET {
                    let mut wrong = code;
                    wrong[place] = character;
                    assert_eq!(is_valid(Class::Name, &wrong), wrong == code);
                }
                if place > 0 {
                    let mut wrong = code;
                    wrong.swap(place - 1, place);
                    assert_eq!(is_valid(Class::Name, &wrong), wrong == code);
                }
            }
        }
    }

    #[test]
    fn a_code_is_not_valid_in_another_class() {
        let code = key().code(Class::Name, b"Anna");
        for class in Class::ALL {
            assert_eq!(is_valid(class, &code), class == Class::Name, "{class}");
        }
    }

    #[test]
    fn digits_of_a_phone_are_one_modulo_97_and_fit_twelve_places() {
        for value in 0..1000_u32 {
            let digits = key().digits(value.to_string().as_bytes());
            assert_eq!(digits % 97, 1);
            assert!(digits < 10_u64.pow(12));
        }
    }
}
