//! STOMP frames (STOMP 1.2): a command, headers, a body that is JSON or empty, and NUL.
//!
//! A frame is held until its NUL, since `content-length` stands before the body that it counts; it is recomputed
//! for the redacted body. A length that was wrong before is an error. Header lines are free text: they leave as
//! they came unless something in them is hidden by its shape.

use std::sync::Arc;

use crate::{
    error::RedactError,
    json::edit::Edits,
    plan::Plan,
    redactor::{Limits, Summary},
    text,
};

use super::value::Value;

/// A frame up to its NUL.
#[derive(Debug, Default)]
pub(super) struct Frame {
    bytes: Vec<u8>,
    has_command: bool,
}

impl Frame {
    /// Reads on from `at`. Returns whether the NUL stands at `at`; else the chunk is used up. On an error `at` is
    /// at the byte it was found at.
    pub(super) fn read(&mut self, chunk: &[u8], at: &mut usize, bound: usize) -> Result<bool, RedactError> {
        while let Some(&byte) = chunk.get(*at) {
            if self.has_command {
                let rest = &chunk[*at..];
                let run = memchr::memchr(0, rest).unwrap_or(rest.len());
                let room = bound.saturating_sub(self.bytes.len());
                if run > room {
                    *at += room;
                    return Err(RedactError::MessageTooLong);
                }
                self.bytes.extend_from_slice(&rest[..run]);
                *at += run;
                return Ok(run < rest.len());
            }
            let command = self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes);
            match byte {
                b'\n' if COMMANDS.iter().any(|known| known.as_bytes() == command) => self.has_command = true,
                b'\r' if command.len() == self.bytes.len() => {}
                b'A'..=b'Z' if command.len() == self.bytes.len() && command.len() < LONGEST_COMMAND => {}
                _ => return Err(RedactError::UnknownFraming),
            }
            self.bytes.push(byte);
            *at += 1;
        }
        Ok(false)
    }

    /// Appends the frame, redacted, with its NUL.
    pub(super) fn redact(
        self,
        plan: &Arc<Plan>,
        limits: Limits,
        out: &mut Vec<u8>,
    ) -> Result<Summary, RedactError> {
        let mut summary = Summary::default();
        let mut head = Vec::new();
        let mut length = None;
        let mut rest = &*self.bytes;
        loop {
            let end = memchr::memchr(b'\n', rest).ok_or(RedactError::Truncated)?;
            let (line, later) = rest.split_at(end + 1);
            let is_first = head.is_empty();
            rest = later;
            match line {
                _ if is_first => head.extend_from_slice(line),
                b"\n" | b"\r\n" => {
                    head.extend_from_slice(line);
                    break;
                }
                _ => match line.strip_prefix(b"content-length:") {
                    Some(value) if length.is_none() => {
                        let digits = value.trim_ascii_end();
                        length = Some((head.len() + line.len() - value.len(), digits));
                        head.extend_from_slice(line);
                    }
                    // Of repeated headers the first counts; this one could not be right.
                    Some(_) => return Err(RedactError::WrongLength),
                    None => summary.add(&write_header(plan, line, &mut head)?),
                },
            }
        }

        let mut body = Vec::with_capacity(rest.len());
        if !rest.is_empty() {
            let mut value = Value::new(Arc::clone(plan), limits);
            if value.write(rest, &mut 0, &mut body)? {
                return Err(RedactError::TrailingData);
            }
            summary.add(&value.finish(&mut body)?);
        }
        if let Some((at, digits)) = length {
            if digits != rest.len().to_string().as_bytes() {
                return Err(RedactError::WrongLength);
            }
            head.splice(at..at + digits.len(), body.len().to_string().into_bytes());
        }
        out.append(&mut head);
        out.append(&mut body);
        out.push(0);
        Ok(summary)
    }
}

/// Appends a header line.
fn write_header(plan: &Plan, line: &[u8], out: &mut Vec<u8>) -> Result<Summary, RedactError> {
    let line = std::str::from_utf8(line).map_err(|_| RedactError::InvalidUtf8)?;
    if !line.contains(':') {
        return Err(RedactError::UnknownFraming);
    }
    let mut edits = Edits::default();
    text::scan_text(plan, line, true, &mut edits);
    edits.apply(line, out);
    Ok(*edits.summary())
}

const COMMANDS: [&str; 15] = [
    "CONNECTED",
    "MESSAGE",
    "RECEIPT",
    "ERROR",
    "CONNECT",
    "STOMP",
    "SEND",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "ACK",
    "NACK",
    "BEGIN",
    "COMMIT",
    "ABORT",
    "DISCONNECT",
];

const LONGEST_COMMAND: usize = "UNSUBSCRIBE".len();
