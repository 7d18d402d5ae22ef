//! Tokens of JSON that is known to be well-formed.
//!
//! The redactor has read it before; whatever it let pass is cut here into pieces by their first and last bytes.

use std::ops::Range;

/// A token and, but for punctuation, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `{` or `[`.
    Open(u8),
    /// `}` or `]`.
    Close,
    Colon,
    Comma,
    /// A string, quotes included.
    Text(Range<usize>),
    /// A number.
    Number(Range<usize>),
    /// `true`, `false` or `null`.
    Word,
}

pub(super) struct Tokens<'b> {
    body: &'b [u8],
    /// Behind the last token.
    pub(super) at: usize,
}

impl<'b> Tokens<'b> {
    pub(super) fn new(body: &'b [u8]) -> Tokens<'b> {
        Tokens { body, at: 0 }
    }

    /// Where the next token begins, or the end.
    pub(super) fn upcoming(&self) -> usize {
        let rest = self.body.get(self.at..).unwrap_or_default();
        self.at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.at = self.upcoming();
        let start = self.at;
        let &byte = self.body.get(start)?;
        self.at += 1;
        Some(match byte {
            b'{' | b'[' => Token::Open(byte),
            b'}' | b']' => Token::Close,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => {
                loop {
                    let rest = self.body.get(self.at..).unwrap_or_default();
                    match memchr::memchr2(b'"', b'\\', rest) {
                        Some(place) if rest[place] == b'\\' => self.at += place + 2,
                        Some(place) => {
                            self.at += place + 1;
                            break;
                        }
                        None => {
                            self.at = self.body.len();
                            break;
                        }
                    }
                }
                Token::Text(start..self.at)
            }
            _ => {
                let rest = &self.body[start..];
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:[]{}\"".contains(byte);
                self.at = start + rest.iter().position(ends).unwrap_or(rest.len());
                if byte.is_ascii_alphabetic() { Token::Word } else { Token::Number(start..self.at) }
            }
        })
    }
}
