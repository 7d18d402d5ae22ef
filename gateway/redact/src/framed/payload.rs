//! A packet behind its length, as Engine.IO 3 puts several into one body (its protocol, "Payload").
//!
//! The length counts UTF-16 code units. It has to come out right for the redacted packet, so the packet is held.

use crate::error::RedactError;

/// A packet, and how much of it is still to come.
#[derive(Debug, Default)]
pub(super) struct Packet {
    /// The length, as it was spelled.
    spelling: Vec<u8>,
    /// The code units that have not begun yet.
    left: usize,
    /// The bytes that are missing from the last character.
    continuations: u8,
    bytes: Vec<u8>,
}

impl Packet {
    /// Begins a packet of a length spelled in a few digits.
    pub(super) fn new(length: &[u8]) -> Packet {
        let digit = |sum: usize, byte: &u8| sum * 10 + usize::from(byte - b'0');
        Packet { spelling: length.to_vec(), left: length.iter().fold(0, digit), ..Packet::default() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads on from `at`. Returns whether the packet ends with the byte at `at`; else the chunk is used up. On an
    /// error `at` is at the byte it was found at.
    pub(super) fn read(&mut self, chunk: &[u8], at: &mut usize, bound: usize) -> Result<bool, RedactError> {
        while let Some(&byte) = chunk.get(*at) {
            let (units, continuations) = match byte {
                0..0x80 => (1, 0),
                0x80..0xc0 => (0, self.continuations.wrapping_sub(1)),
                0xc0..0xe0 => (1, 1),
                0xe0..0xf0 => (1, 2),
                0xf0.. => (2, 3),
            };
            let is_continuation = units == 0;
            if is_continuation == (self.continuations == 0) {
                return Err(RedactError::InvalidUtf8);
            }
            // A length of nothing, or one that ends within a character.
            self.left = self.left.checked_sub(units).ok_or(RedactError::UnknownFraming)?;
            self.continuations = continuations;
            if self.bytes.len() >= bound {
                return Err(RedactError::MessageTooLong);
            }
            self.bytes.push(byte);
            if self.left == 0 && self.continuations == 0 {
                return Ok(true);
            }
            *at += 1;
        }
        Ok(false)
    }

    /// Appends what the packet became, behind its length.
    pub(super) fn write(&self, redacted: &[u8], out: &mut Vec<u8>) {
        if redacted == self.bytes {
            out.extend_from_slice(&self.spelling);
        } else {
            out.extend_from_slice(units(redacted).to_string().as_bytes());
        }
        out.push(b':');
        out.extend_from_slice(redacted);
    }
}

/// The UTF-16 code units of text in UTF-8.
fn units(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
        + text.iter().filter(|&&byte| byte >= 0xf0).count()
}
