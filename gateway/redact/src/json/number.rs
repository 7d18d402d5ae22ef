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

/// The length of the number or word that `bytes` begin with, as far as it is there, if it ends where one may.
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.first()? {
        b'-' | b'0'..=b'9' => short(bytes).map_or_else(|| scalar(bytes), Some)?,
        _ => scalar(bytes)?,
    };
    bytes.get(length).is_none_or(|&byte| is_end(byte)).then_some(length)
}

/// The length of a number without an exponent; `None` for what is none, or may be another.
#[inline]
fn short(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let whole = sign + digits(sign);
    if whole == sign || bytes[sign] == b'0' && whole > sign + 1 {
        return None;
    }
    let length = match bytes.get(whole) {
        Some(b'.') => match digits(whole + 1) {
            0 => return None,
            fraction => whole + 1 + fraction,
        },
        Some(_) | None => whole,
    };
    // Within the chunk, so that it cannot go on.
    bytes.get(length).is_some_and(|&byte| is_end(byte)).then_some(length)
}

/// Whether a byte ends a number or word. Whether it may stand there is for the grammar of tokens to say.
#[inline(always)]
pub(super) fn is_end(byte: u8) -> bool {
    ENDS[usize::from(byte)]
}

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
