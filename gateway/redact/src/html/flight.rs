//! The rows in which React streams a page to its own code (`self.__next_f.push([1, "…"])`).
//!
//! A row is a number in hexadecimal digits, a colon, letters that say what it is, and JSON up to the line feed; rows
//! of text and bytes say how long they are instead and pass. The rows of a page come as pieces, cut anywhere, in
//! scripts of their own: a value that begins in one may be hidden in the next.

use super::Context;
use crate::{copies::Swept, error::RedactError, redactor::Summary};

/// Redacts the rows of one page.
#[derive(Debug, Default)]
pub(super) struct Flight {
    row: Row,
    summary: Summary,
}

/// Where in a row the pieces are.
#[derive(Debug, Default)]
enum Row {
    /// In its number.
    #[default]
    Number,
    /// Behind the colon, and so many letters.
    Kind { letters: u8 },
    /// In the length of a row that has one.
    Length(u64),
    /// In a row with a length, so many bytes before its end.
    Bytes(u64),
    /// In JSON.
    Json(Box<Swept>),
    /// In anything else, up to the line feed.
    Rest,
}

impl Flight {
    /// Takes the next piece.
    pub(super) fn write(
        &mut self,
        context: &Context,
        piece: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RedactError> {
        let mut rest = piece;
        while let Some(&byte) = rest.first() {
            let row = std::mem::take(&mut self.row);
            let (row, taken) = match row {
                Row::Number => (if byte == b':' { Row::Kind { letters: 0 } } else { Row::Number }, 1),
                Row::Kind { letters } => match byte {
                    b'\n' => (Row::Number, 1),
                    _ if letters == 0 && LENGTHS.contains(&byte) => (Row::Length(0), 1),
                    b'A'..=b'Z' if letters < 2 => (Row::Kind { letters: letters + 1 }, 1),
                    b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                        let inner = Swept::new(context.plan.clone(), context.limits);
                        (Row::Json(Box::new(inner)), 0)
                    }
                    _ => (Row::Rest, 0),
                },
                Row::Length(length) => match char::from(byte).to_digit(16) {
                    Some(digit) if length < MAX_LENGTH => (Row::Length(length << 4 | u64::from(digit)), 1),
                    None if byte == b',' && length == 0 => (Row::Number, 1),
                    None if byte == b',' => (Row::Bytes(length), 1),
                    Some(_) | None => return Err(RedactError::UnscannableMarkup),
                },
                Row::Bytes(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - taken as u64;
                    (if left == 0 { Row::Number } else { Row::Bytes(left) }, taken)
                }
                Row::Json(mut inner) => {
                    let end = memchr::memchr(b'\n', rest);
                    let text = &rest[..end.unwrap_or(rest.len())];
                    inner.write(text, out)?;
                    rest = &rest[text.len()..];
                    if end.is_none() {
                        (Row::Json(inner), 0)
                    } else {
                        self.summary.add(&inner.finish(out)?);
                        (Row::Number, 1)
                    }
                }
                Row::Rest => (if byte == b'\n' { Row::Number } else { Row::Rest }, 1),
            };
            self.row = row;
            out.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// Ends the page. Nothing can leave any more.
    pub(super) fn finish(mut self) -> Result<Summary, RedactError> {
        if let Row::Json(inner) = self.row {
            let mut left = Vec::new();
            self.summary.add(&inner.finish(&mut left)?);
            if !left.is_empty() {
                return Err(RedactError::Truncated);
            }
        }
        Ok(self.summary)
    }
}

/// The text of a piece in code: the string in the argument `[1, "…"]` whose bracket is at `bracket`, by the place of
/// its quote.
pub(super) fn piece_at(code: &[u8], bracket: usize) -> Option<usize> {
    let before = code[..bracket].trim_ascii_end().strip_suffix(b"(")?.trim_ascii_end();
    before.strip_suffix(b"__next_f.push")?;
    let rest = code[bracket + 1..].trim_ascii_start().strip_prefix(b"1")?;
    let rest = rest.trim_ascii_start().strip_prefix(b",")?.trim_ascii_start();
    matches!(rest.first(), Some(b'"' | b'\'')).then(|| code.len() - rest.len())
}

/// The letters of rows that say how long they are: text, and arrays of numbers of each kind.
const LENGTHS: &[u8] = b"TAOobUSsLlGgMmV";

/// Beyond any page.
const MAX_LENGTH: u64 = 1 << 40;
