//! Aliases: short, speakable stand-ins for hidden values.
//!
//! A code is a keyed digest of the exact decoded value, so it is the same everywhere in a deployment, tells nothing
//! without the key, and two spellings of a number are two values. It ends in check characters: whoever mistypes one on
//! the phone names no other client. The digest is SipHash-2-4 with 128 bits of output, under a key for each purpose and
//! class that HMAC-SHA256 (RFC 2104) derives from the deployment's key once. What an alias looks like in its field is
//! [`mask`](crate::mask)'s affair; which values have been seen is the [`Vault`](crate::Vault)'s.
//!
//! The grammar of a code, all in lower case:
//!
//! ```text
//! code   = 8*24 base32  2 base32      ; an even number of characters: 8 of value, or 10, 12 … 24; 2 of check
//!        / 10 DIGIT     2 DIGIT       ; phones
//! base32 = Crockford's, without i, l, o and u
//! ```
//!
//! A code that is taken by another value is lengthened by two characters. Those of phones are drawn anew instead: with
//! `+999` they have the fifteen digits that a number may have (ITU-T E.164 §6), and are below 2^53 in JSON.

use std::{fmt, str};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use siphasher::sip128::SipHasher24;

use crate::class::Class;

/// The deployment's key: what aliases, look-ups and tokens are made with.
#[derive(Clone)]
pub struct AliasKey {
    /// For what aliases spell, by [`Class::index`].
    codes: [SipKey; Class::ALL.len()],
    /// For what values are looked up by, by [`Class::index`].
    digests: [SipKey; Class::ALL.len()],
    /// For tokens (AES-256-SIV, RFC 5297 §2.2).
    token: [u8; 64],
    /// For the values of a vault that is stored (AES-256-SIV, too).
    vault: [u8; 64],
    id: KeyId,
}

impl AliasKey {
    /// The fewest bytes a key may have.
    pub const MIN_BYTES: usize = 32;

    /// Makes a key from secret bytes.
    pub fn new(bytes: &[u8]) -> Result<AliasKey, KeyError> {
        let too_short = KeyError { length: bytes.len() };
        if bytes.len() < Self::MIN_BYTES {
            return Err(too_short);
        }
        let keyed = Hmac::<Sha256>::new_from_slice(bytes).map_err(|_| too_short)?;
        let derive = |purpose: &str, of: &str| -> [u8; 32] {
            let mut derived = keyed.clone();
            derived.update(purpose.as_bytes());
            derived.update(&[0]);
            derived.update(of.as_bytes());
            derived.finalize().into_bytes().into()
        };
        let sip = |purpose: &str| Class::ALL.map(|class| SipKey::new(derive(purpose, class.name())));
        let siv = |purpose: &str| {
            let mut siv = [0; 64];
            siv[..32].copy_from_slice(&derive(purpose, "authenticate"));
            siv[32..].copy_from_slice(&derive(purpose, "encrypt"));
            siv
        };
        let [a, b, c, d, e, f, g, h, ..] = derive("key", "id");
        Ok(AliasKey {
            codes: sip("alias"),
            digests: sip("look-up"),
            token: siv("token"),
            vault: siv("vault"),
            id: KeyId([a, b, c, d, e, f, g, h]),
        })
    }

    /// What a value is looked up by: two values of a class share one with a chance of 2^-128.
    pub fn digest(&self, class: Class, value: &[u8]) -> Digest {
        let (low, high) = self.digests[class.index()].hash(value);
        Digest(u128::from(high) << 64 | u128::from(low))
    }

    /// The code of a value where every attempt before `attempt` drew one that is taken; none from
    /// [`Code::ATTEMPTS`] on.
    pub fn draw(&self, class: Class, value: &[u8], attempt: u32) -> Option<Code> {
        if attempt >= Code::ATTEMPTS {
            return None;
        }
        let (low, high) = self.codes[class.index()].hash(value);
        Some(match class {
            Class::Phone => {
                let drawn = low.wrapping_add((high | 1).wrapping_mul(u64::from(attempt)));
                Code { class, width: PHONE_DIGITS, value: u128::from(drawn % 10_u64.pow(10)) }
            }
            Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl => {
                let width = Code::SHORTEST + 2 * attempt as u8;
                let digest = u128::from(high) << 64 | u128::from(low);
                // Zero is the code that stands for nobody.
                Code { class, width, value: (digest >> (128 - 5 * u32::from(width))).max(1) }
            }
        })
    }

    /// The code of a value where none is taken.
    #[inline]
    pub(crate) fn code(&self, class: Class, value: &[u8]) -> Code {
        self.draw(class, value, 0).unwrap_or(Code::nobody(class))
    }

    /// What a store names the key by.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn token_key(&self) -> &[u8; 64] {
        &self.token
    }

    pub(crate) fn vault_key(&self) -> &[u8; 64] {
        &self.vault
    }
}

impl fmt::Debug for AliasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AliasKey(***)")
    }
}

/// What a key is named by where it must not be told: derived from it, and no way back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A key that is too short to keep aliases from being guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an alias key needs at least 32 bytes, this one has {length}")]
pub struct KeyError {
    /// How many bytes the key has.
    pub length: usize,
}

/// What a value is looked up by. It tells nothing of the value without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub u128);

/// What an alias stands for its value with: its characters without those of check and without its dress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    class: Class,
    /// How many characters of base 32, or digits, it has without those of check.
    width: u8,
    /// `value < 32^width`, or `10^width` for a phone.
    value: u128,
}

impl Code {
    /// How many codes are drawn for a value before it is given up.
    pub const ATTEMPTS: u32 = 9;
    /// Characters of value in a code that was drawn first.
    const SHORTEST: u8 = 8;
    /// Characters of value in a code that was drawn last.
    const LONGEST: u8 = 24;

    /// The class whose values it stands for.
    pub const fn class(self) -> Class {
        self.class
    }

    /// The code that stands for no value in particular, where a class has no constant of its own to show.
    pub(crate) const fn nobody(class: Class) -> Code {
        match class {
            Class::Phone => Code { class, width: PHONE_DIGITS, value: 0 },
            Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl => {
                Code { class, width: Code::SHORTEST, value: 0 }
            }
        }
    }

    /// The code as a number that no other code has: class, width and value.
    pub const fn to_bits(self) -> u128 {
        (self.class.index() as u128) << 125 | (self.width as u128) << 120 | self.value
    }

    /// The code of [`to_bits`](Self::to_bits).
    pub fn from_bits(bits: u128) -> Option<Code> {
        let class = *Class::ALL.get((bits >> 125) as usize)?;
        let (width, value) = ((bits >> 120 & 31) as u8, bits & ((1 << 120) - 1));
        let bound = match class {
            Class::Phone if width == PHONE_DIGITS => 10_u128.pow(10),
            Class::Phone => return None,
            Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl => {
                if !(Code::SHORTEST..=Code::LONGEST).contains(&width) || width % 2 != 0 {
                    return None;
                }
                1 << (5 * u32::from(width))
            }
        };
        (value < bound).then_some(Code { class, width, value })
    }

    /// Reads a code with its check characters, in lower case and nothing else.
    pub fn parse(class: Class, text: &[u8]) -> Option<Code> {
        let width = u8::try_from(text.len().checked_sub(2)?).ok()?;
        let (text, given) = text.split_at(usize::from(width));
        let (base, digit): (u128, fn(u8) -> Option<u8>) = match class {
            Class::Phone if width == PHONE_DIGITS => (10, decimal),
            Class::Phone => return None,
            Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl => {
                if !(Code::SHORTEST..=Code::LONGEST).contains(&width) || width % 2 != 0 {
                    return None;
                }
                (32, base32)
            }
        };
        let number = |text: &[u8]| {
            text.iter().try_fold(0_u128, |number, &byte| Some(number * base + u128::from(digit(byte)?)))
        };
        let code = Code { class, width, value: number(text)? };
        (number(given)? == u128::from(code.check())).then_some(code)
    }

    /// How many characters it is spelled with.
    pub(crate) const fn length(self) -> usize {
        self.width as usize + 2
    }

    /// Spells the code and its check at the front of `place` and returns them.
    #[inline]
    pub(crate) fn spell(self, place: &mut [u8; Code::MAX_LENGTH]) -> &mut [u8] {
        let place = &mut place[..self.length()];
        match self.class {
            Class::Phone => {
                let mut rest = self.digits();
                for place in place.iter_mut().rev() {
                    *place = b'0' + (rest % 10) as u8;
                    rest /= 10;
                }
            }
            Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl => {
                let (value, check) = place.split_at_mut(usize::from(self.width));
                match u64::try_from(self.value) {
                    Ok(mut rest) => spell32(value, || rest_of(&mut rest)),
                    Err(_) => {
                        let mut rest = self.value;
                        spell32(value, || {
                            let digit = (rest % 32) as usize;
                            rest /= 32;
                            digit
                        });
                    }
                }
                let mut rest = self.check();
                spell32(check, || rest_of(&mut rest));
            }
        }
        place
    }

    /// The most characters that a code is spelled with.
    pub(crate) const MAX_LENGTH: usize = Code::LONGEST as usize + 2;

    /// The twelve digits of a phone's code as a number: below 10^12, and 1 modulo 97 (ISO 7064, MOD 97-10).
    pub(crate) fn digits(self) -> u64 {
        debug_assert_eq!(self.class, Class::Phone);
        self.low() * 100 + self.check()
    }

    /// The check: for a phone what makes the whole 1 modulo 97; else the remainder by the largest prime of ten bits.
    ///
    /// 32 and 31 have no factor in common with it, so each wrong character and each swap of two neighbours changes the
    /// remainder; the class is a digit before the first, so a code of another class fails, too.
    fn check(self) -> u64 {
        match (self.class, u32::from(self.width)) {
            (Class::Phone, _) => 98 - self.low() * 100 % 97,
            (class, width @ ..12) => ((class.index() as u64 + 1) << (5 * width) | self.low()) % 1021,
            (class, width) => (((class.index() as u128 + 1) << (5 * width) | self.value) % 1021) as u64,
        }
    }

    /// The value, where it is known to fit.
    fn low(self) -> u64 {
        debug_assert!(u64::try_from(self.value).is_ok());
        self.value as u64
    }
}

/// The code with its check, as a store may keep it; [`Code::parse`] reads it.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = [0; Code::MAX_LENGTH];
        f.write_str(str::from_utf8(self.spell(&mut place)).unwrap_or_default()) // digits and letters
    }
}

/// The key of a SipHash.
#[derive(Clone, Copy)]
struct SipKey(u64, u64);

impl SipKey {
    fn new(derived: [u8; 32]) -> SipKey {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = derived;
        SipKey(u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes([i, j, k, l, m, n, o, p]))
    }

    #[inline]
    fn hash(self, value: &[u8]) -> (u64, u64) {
        let hash = SipHasher24::new_with_keys(self.0, self.1).hash(value);
        (hash.h1, hash.h2)
    }
}

/// Spells from the last character to the first.
#[inline]
pub(crate) fn spell32(place: &mut [u8], mut last: impl FnMut() -> usize) {
    for place in place.iter_mut().rev() {
        *place = ALPHABET[last() % 32];
    }
}

#[inline]
fn rest_of(rest: &mut u64) -> usize {
    let digit = (*rest % 32) as usize;
    *rest /= 32;
    digit
}

/// What a lower-case character of base 32 stands for.
pub(crate) fn base32(byte: u8) -> Option<u8> {
    let place = memchr::memchr(byte, ALPHABET)?;
    u8::try_from(place).ok()
}

fn decimal(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// Digits of value in a phone's code.
const PHONE_DIGITS: u8 = 10;

/// Crockford's base 32 in lower case: no `i`, `l`, `o` and `u`, which are misread or spell words.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

#[cfg(test)]
mod tests;
