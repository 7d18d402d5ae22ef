//! Numbers and words: the values without a closing mark of their own.
//!
//! Both resume at any byte. A number ends where something else begins, so it is the one value whose end is not
//! known until then.

use crate::error::RedactError;

/// Reads one number across chunks (RFC 8259 §6). The variants are what has been read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberLexer {
    /// Nothing yet.
    Start,
    /// The sign.
    Minus,
    /// A zero that begins the number: no digit may follow.
    Zero,
    /// A digit before the point.
    Integer,
    /// The point.
    Point,
    /// A digit behind the point.
    Fraction,
    /// The `e`.
    Exponent,
    /// The sign of the exponent.
    Sign,
    /// A digit of the exponent.
    Power,
}

impl NumberLexer {
    /// Reads on from `at`. Returns whether something that is no part of the number stands at `at`; else the
    /// chunk is used up. On an error `at` is at the byte that is wrong.
    pub(super) fn advance(&mut self, chunk: &[u8], at: &mut usize) -> Result<bool, RedactError> {
        use NumberLexer::{Exponent, Fraction, Integer, Minus, Point, Power, Sign, Start, Zero};
        while let Some(&byte) = chunk.get(*at) {
            *self = match (*self, byte) {
                (Start, b'-') => Minus,
                (Start | Minus, b'0') => Zero,
                (Start | Minus, b'1'..=b'9') | (Integer, b'0'..=b'9') => Integer,
                (Zero | Integer, b'.') => Point,
                (Point | Fraction, b'0'..=b'9') => Fraction,
                (Zero | Integer | Fraction, b'e' | b'E') => Exponent,
                (Exponent, b'+' | b'-') => Sign,
                (Exponent | Sign | Power, b'0'..=b'9') => Power,
                (Zero, b'0'..=b'9') => return Err(RedactError::InvalidNumber),
                _ if self.is_complete() => return Ok(true),
                _ => return Err(RedactError::InvalidNumber),
            };
            *at += 1;
        }
        Ok(false)
    }

    /// Whether what has been read is a number.
    pub(super) fn is_complete(self) -> bool {
        use NumberLexer::{Exponent, Fraction, Integer, Minus, Point, Power, Sign, Start, Zero};
        match self {
            Zero | Integer | Fraction | Power => true,
            Start | Minus | Point | Exponent | Sign => false,
        }
    }
}

/// The length of the number or word that `bytes` begin with, as far as it is there; `None` if it is malformed.
pub(super) fn scalar(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    match bytes.first()? {
        b'-' | b'0'..=b'9' => NumberLexer::Start.advance(bytes, &mut at).ok()?,
        first => WordLexer::begin(*first)?.advance(bytes, &mut at).ok()?,
    };
    Some(at)
}

/// Whether `bytes` begin with a number or word that ends where one may, or with the beginning of one.
#[inline(always)]
pub(super) fn is_scalar(bytes: &[u8]) -> bool {
    if let Some(word) = bytes.first_chunk() {
        let word = u64::from_le_bytes(*word);
        let (length, is_right) = match word as u8 {
            b't' => (4, word as u32 == u32::from_le_bytes(*b"true")),
            b'n' => (4, word as u32 == u32::from_le_bytes(*b"null")),
            b'f' => (5, (word >> 8) as u32 == u32::from_le_bytes(*b"alse")),
            first => {
                let others = others(word);
                let digits = others.trailing_zeros() / 8;
                let is_whole = first != b'0' || digits == 1;
                if digits == 8 {
                    return is_whole && is_long_number(bytes);
                }
                if is_whole && digits > 0 && word >> (8 * digits) & 0xff == u64::from(b'.') {
                    let end = (others & (others - 1)).trailing_zeros() / 8;
                    (end, end < 8 && end > digits + 1)
                } else {
                    (digits, is_whole && digits > 0)
                }
            }
        };
        if is_right && ENDS[usize::from((word >> (8 * length)) as u8)] {
            return true;
        }
    }
    is_long_scalar(bytes)
}

/// The same for a number of eight digits or more that begins with no zero.
#[inline(always)]
fn is_long_number(bytes: &[u8]) -> bool {
    if let Some([.., a, b, c, d, e, f, g, h]) = bytes.first_chunk::<16>() {
        let word = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
        let digits = others(word).trailing_zeros() / 8;
        if digits < 8 && ENDS[usize::from((word >> (8 * digits)) as u8)] {
            return true;
        }
    }
    is_long_scalar(bytes)
}

/// The highest bit of each byte that is no digit.
#[inline(always)]
fn others(word: u64) -> u64 {
    let offsets = word ^ 0x3030_3030_3030_3030;
    let sums = (offsets & 0x7f7f_7f7f_7f7f_7f7f).wrapping_add(0x7676_7676_7676_7676);
    (sums | offsets) & 0x8080_8080_8080_8080
}

#[inline(never)]
fn is_long_scalar(bytes: &[u8]) -> bool {
    scalar(bytes).is_some_and(|length| bytes.get(length).is_none_or(|&byte| ENDS[usize::from(byte)]))
}

/// The bytes that end a number or word. Which of them may stand there is for the grammar of tokens to say.
static ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let bytes = b" \t\n\r,:]}[{\"";
    let mut at = 0;
    while at < bytes.len() {
        ends[bytes[at] as usize] = true;
        at += 1;
    }
    ends
};

/// Reads one word across chunks.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordLexer {
    word: &'static [u8],
    /// `read <= word.len()`
    read: usize,
}

impl WordLexer {
    /// Begins the word that `first` begins.
    pub(super) fn begin(first: u8) -> Option<WordLexer> {
        let word: &[u8] = match first {
            b't' => b"true",
            b'f' => b"false",
            b'n' => b"null",
            _ => return None,
        };
        Some(WordLexer { word, read: 0 })
    }

    /// Reads on from `at`, as [`NumberLexer::advance`] does. Returns whether the word is complete.
    pub(super) fn advance(&mut self, chunk: &[u8], at: &mut usize) -> Result<bool, RedactError> {
        while let Some(expected) = self.word.get(self.read) {
            match chunk.get(*at) {
                None => return Ok(false),
                Some(byte) if byte == expected => {
                    self.read += 1;
                    *at += 1;
                }
                Some(_) => return Err(RedactError::InvalidLiteral),
            }
        }
        Ok(true)
    }

    /// Whether the word is `null`.
    pub(super) fn is_null(self) -> bool {
        self.word == b"null"
    }
}
