//! Strings: the inside of a key or a value, from behind the opening quote to the closing one.
//!
//! The lexer validates, resumes at any byte and hands what it decodes to a sink; what the sink keeps is the
//! sink's affair. Halves of surrogate pairs are legal as escapes (RFC 8259 §8.2) and decode to WTF-8.

use super::scan;
use crate::error::RedactError;

/// Reads one string across chunks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TextLexer {
    /// Between two characters.
    Plain,
    /// Behind a backslash.
    Escape,
    /// Within the four digits of `\u`.
    Hex { digits: u8, unit: u16 },
    /// Within a character of UTF-8 that is cut off, or malformed.
    Character { lead: u8, left: u8, is_second: bool },
}

impl TextLexer {
    /// Reads on from `at`. Returns whether the string has ended; then `at` is behind its quote, else at the end
    /// of the chunk. On an error `at` is at the byte that is wrong.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        sink: &mut impl Sink,
    ) -> Result<bool, RedactError> {
        loop {
            if let TextLexer::Plain = self {
                let run = scan::text(&chunk[*at..]);
                if run > 0 {
                    sink.bytes(&chunk[*at..*at + run]);
                    *at += run;
                }
            }
            let Some(&byte) = chunk.get(*at) else { return Ok(false) };
            let ended = self.step(byte, sink)?;
            *at += 1;
            if ended {
                return Ok(true);
            }
        }
    }

    /// Takes one byte that is not part of a run.
    fn step(&mut self, byte: u8, sink: &mut impl Sink) -> Result<bool, RedactError> {
        *self = match *self {
            TextLexer::Plain => match byte {
                b'"' => return Ok(true),
                b'\\' => TextLexer::Escape,
                0..0x20 => return Err(RedactError::ControlCharacter),
                lead => {
                    let left = scan::continuations(lead).ok_or(RedactError::InvalidUtf8)?;
                    sink.bytes(&[lead]);
                    TextLexer::Character { lead, left, is_second: true }
                }
            },
            TextLexer::Character { lead, left, is_second } => {
                let fits = if is_second { scan::is_second(lead, byte) } else { scan::is_continuation(byte) };
                if !fits {
                    return Err(RedactError::InvalidUtf8);
                }
                sink.bytes(&[byte]);
                match left {
                    1 => TextLexer::Plain,
                    _ => TextLexer::Character { lead, left: left - 1, is_second: false },
                }
            }
            TextLexer::Escape => match byte {
                b'u' => TextLexer::Hex { digits: 0, unit: 0 },
                _ => {
                    sink.bytes(&[unescaped(byte).ok_or(RedactError::InvalidEscape)?]);
                    TextLexer::Plain
                }
            },
            TextLexer::Hex { digits, unit } => {
                let digit = hex_digit(byte).ok_or(RedactError::InvalidEscape)?;
                let unit = unit << 4 | digit;
                match digits {
                    3 => {
                        sink.unit(unit);
                        TextLexer::Plain
                    }
                    _ => TextLexer::Hex { digits: digits + 1, unit },
                }
            }
        };
        Ok(false)
    }
}

/// Takes what a string decodes to.
pub(crate) trait Sink {
    /// Takes bytes that stand for themselves.
    fn bytes(&mut self, bytes: &[u8]);
    /// Takes a UTF-16 code unit, as escapes spell them.
    fn unit(&mut self, unit: u16);
}

/// Keeps nothing.
pub(crate) struct Ignore;

impl Sink for Ignore {
    #[inline]
    fn bytes(&mut self, _: &[u8]) {}
    #[inline]
    fn unit(&mut self, _: u16) {}
}

/// Keeps up to a bound of decoded bytes, and nothing at all of what is longer.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// `bytes.len() <= bound`
    bytes: Vec<u8>,
    bound: usize,
    is_over: bool,
    /// The first half of a surrogate pair, until its second or something else follows.
    high: Option<u16>,
}

impl Held {
    pub(super) fn begin(&mut self, bound: usize) {
        self.bytes.clear();
        self.bound = bound;
        self.is_over = false;
        self.high = None;
    }

    /// What was kept, or `None` if there was more than the bound.
    pub(super) fn end(&mut self) -> Option<&[u8]> {
        self.settle();
        (!self.is_over).then_some(&self.bytes)
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.is_over || bytes.len() > self.bound - self.bytes.len() {
            self.is_over = true;
            self.bytes.clear();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        debug_assert!(self.bytes.len() <= self.bound);
    }

    /// Writes a half pair as what it is.
    fn settle(&mut self) {
        if let Some(high) = self.high.take() {
            self.push_code(u32::from(high));
        }
    }

    /// Encodes as UTF-8 does, surrogates included (WTF-8).
    fn push_code(&mut self, code: u32) {
        let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
        match code {
            0..0x80 => self.push(&[code as u8]),
            0x80..0x800 => self.push(&[0xc0 | (code >> 6) as u8, tail(0)]),
            0x800..0x10000 => self.push(&[0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
            _ => self.push(&[0xf0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
        }
    }
}

impl Sink for Held {
    fn bytes(&mut self, bytes: &[u8]) {
        self.settle();
        self.push(bytes);
    }

    fn unit(&mut self, unit: u16) {
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..0xe000) => {
                let code = 0x10000 + (u32::from(high & 0x3ff) << 10 | u32::from(unit & 0x3ff));
                self.push_code(code);
            }
            (high, _) => {
                self.high = high;
                self.settle();
                match unit {
                    0xd800..0xdc00 => self.high = Some(unit),
                    _ => self.push_code(u32::from(unit)),
                }
            }
        }
    }
}

/// Appends a string's inside, escaped where JSON demands it.
pub(crate) fn push_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let run = scan::text(rest);
        out.extend_from_slice(&rest[..run]);
        match rest[run..] {
            [] => return,
            [byte @ (b'"' | b'\\'), ..] => out.extend_from_slice(&[b'\\', byte]),
            [byte, ..] => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte)]);
            }
        }
        rest = &rest[run + 1..];
    }
}

/// What a letter behind a backslash stands for, but for the `u`.
pub(super) fn unescaped(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' | b'/' => Some(byte),
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

pub(super) fn hex_digit(byte: u8) -> Option<u16> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a string's inside at one cut size.
    fn decode(inside: &[u8], bound: usize, size: usize) -> Result<Option<Vec<u8>>, RedactError> {
        let quoted = [inside, b"\""].concat();
        let mut lexer = TextLexer::Plain;
        let mut held = Held::default();
        held.begin(bound);
        for chunk in quoted.chunks(size) {
            let mut at = 0;
            if lexer.advance(chunk, &mut at, &mut held)? {
                assert_eq!(at, chunk.len());
                return Ok(held.end().map(<[u8]>::to_vec));
            }
        }
        panic!("the string has no end")
    }

    #[test]
    fn strings_decode_alike_at_every_cut() {
        let cases: [(&str, &[u8]); 11] = [
            ("", b""),
            ("plain text, longer than a word", b"plain text, longer than a word"),
            (r#"\"\\\/\b\f\n\r\t"#, b"\"\\/\x08\x0c\n\r\t"),
            (r"\u0070hone", b"phone"),
            (r"\u00e9\u20AC", "é€".as_bytes()),
            (r"\ud83d\ude00", "😀".as_bytes()),
            (r"\ud800\udc00", "\u{10000}".as_bytes()),
            (r"\udbff\udfff", "\u{10ffff}".as_bytes()),
            (r"\ud83d", b"\xed\xa0\xbd"),
            (r"\ude00\ud83dx\ud83d\u0041", b"\xed\xb8\x80\xed\xa0\xbdx\xed\xa0\xbdA"),
            ("é€😀", "é€😀".as_bytes()),
        ];
        for (inside, expected) in cases {
            for size in 1..=inside.len() + 1 {
                let decoded = decode(inside.as_bytes(), 64, size);
                assert_eq!(decoded.as_ref().map(Option::as_deref), Ok(Some(expected)), "{inside} by {size}");
            }
        }
    }

    #[test]
    fn more_than_the_bound_is_not_kept() {
        for size in 1..8 {
            assert_eq!(decode(b"12345", 5, size), Ok(Some(b"12345".to_vec())));
            assert_eq!(decode(b"123456", 5, size), Ok(None));
            assert_eq!(decode(b"123456789", 5, size), Ok(None));
            assert_eq!(decode(br"1234\ud83d", 5, size), Ok(None));
            assert_eq!(decode(br"\u0031\u0032", 2, size), Ok(Some(b"12".to_vec())));
        }
    }

    #[test]
    fn malformed_strings_are_named_alike_at_every_cut() {
        use RedactError::{ControlCharacter, InvalidEscape, InvalidUtf8};
        let cases: [(&[u8], RedactError); 12] = [
            (b"a\nb", ControlCharacter),
            (b"\0", ControlCharacter),
            (b"\\x41", InvalidEscape),
            (b"\\u00g0", InvalidEscape),
            (b"\\u00", InvalidEscape),
            (b"\\U0041", InvalidEscape),
            (b"\x80", InvalidUtf8),
            (b"\xc0\x80", InvalidUtf8),
            (b"\xe2\x82", InvalidUtf8),
            (b"\xed\xa0\xbd", InvalidUtf8),
            (b"\xf4\x90\x80\x80", InvalidUtf8),
            (b"\xff", InvalidUtf8),
        ];
        for (inside, expected) in cases {
            for size in 1..=inside.len() + 1 {
                assert_eq!(decode(inside, 64, size), Err(expected), "{inside:x?} by {size}");
            }
        }
    }

    #[test]
    fn what_is_escaped_decodes_to_itself() {
        let text = "plain \"quoted\" \\ \n \u{1f} é 😀 \u{7f}";
        let mut escaped = Vec::new();
        push_escaped(text, &mut escaped);
        assert_eq!(decode(&escaped, 64, 3), Ok(Some(text.as_bytes().to_vec())));
    }
}
