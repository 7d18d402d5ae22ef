//! What stands before the JSON of a frame: a guard, the numbers of a packet, a letter.
//!
//! A head is held until it is clear what it is, and judged byte by byte. It holds no contact data: numbers are
//! bounded, a row of digits without JSON behind it is a type of one or two, a namespace has no long number.

use crate::error::RedactError;

use super::is_between;

#[derive(Debug, Default)]
pub(super) struct Head {
    /// What has been taken.
    bytes: Vec<u8>,
    form: Form,
    /// Whether this is the start of the body, where a guard may stand.
    may_guard: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// JSON, from this byte on.
    Value,
    /// JSON, from the first byte of the head on.
    Again,
    /// The frame is over before this byte.
    End,
    /// Any number of `h`.
    Beats,
    /// The packet that the head tells the length of, behind this byte.
    Payload,
    /// An array of strings, each a frame.
    Messages,
    /// A string that is a frame.
    Message,
    /// A STOMP frame, from this byte on.
    Stomp,
}

#[derive(Clone, Copy, Debug, Default)]
enum Form {
    /// Nothing has been read.
    #[default]
    First,
    /// This much of a guard.
    Guard(&'static [u8]),
    /// `{`, which may begin the guard `{}&&`.
    Braces,
    /// Types, attachments, a length, or the number of an answer.
    Digits,
    /// Behind the dash that ends the number of attachments.
    Dash,
    /// A namespace of Socket.IO, with this many digits.
    Namespace(u8),
    /// Behind the comma that ends it.
    Comma,
    /// The number of an answer, with this many digits.
    Answer(u8),
    /// `2probe` or `3probe`.
    Probe,
    /// The letter of a SockJS frame.
    Letter(u8),
    /// `ok`, what Engine.IO answers a POST with.
    Done,
}

impl Head {
    pub(super) fn new(may_guard: bool) -> Head {
        Head { may_guard, ..Head::default() }
    }

    /// What has been taken.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Judges the next byte: takes it if it is part of the head, else says what follows.
    pub(super) fn take(&mut self, byte: u8) -> Result<Option<Next>, RedactError> {
        let begins_json = matches!(byte, b'{' | b'[' | b'"');
        let form = match (self.form, byte) {
            (Form::First, b'{') if self.may_guard => Form::Braces,
            (Form::First, b')') if self.may_guard => Form::Guard(b")]}'"),
            (Form::First, b'f') if self.may_guard => Form::Guard(b"for(;;);"),
            (Form::First, b'w') if self.may_guard => Form::Guard(b"while(1);"),
            (Form::First, b'0'..=b'9') => Form::Digits,
            (Form::First, b'a' | b'c' | b'h' | b'm' | b'o') => Form::Letter(byte),
            (Form::First, b'A'..=b'Z') => return Ok(Some(Next::Stomp)),

            (Form::Braces, _) => match (self.bytes.len(), byte) {
                (1, b'}') | (2 | 3, b'&') => Form::Braces,
                (4, _) => return Ok(Some(Next::Value)),
                (3, _) => return Err(RedactError::UnknownFraming),
                (_, _) => return Ok(Some(Next::Again)),
            },
            (Form::Guard(guard), _) => match guard.get(self.bytes.len()) {
                Some(&expected) if byte == expected => self.form,
                Some(_) => return Err(RedactError::UnknownFraming),
                None if byte == b',' && self.bytes == b")]}'" => self.form,
                None => return Ok(Some(Next::Value)),
            },

            (Form::Digits, b'0'..=b'9') if self.bytes.len() < MAX_DIGITS => Form::Digits,
            (Form::Digits, b'-') if (2..=5).contains(&self.bytes.len()) => Form::Dash,
            (Form::Digits, b':') if self.bytes.len() <= MAX_LENGTH_DIGITS => return Ok(Some(Next::Payload)),
            (Form::Digits, b'p') if matches!(*self.bytes, [b'2' | b'3']) => Form::Probe,
            (Form::Digits | Form::Dash, b'/') => Form::Namespace(0),
            (Form::Dash | Form::Comma, b'0'..=b'9') => Form::Answer(1),
            (Form::Answer(digits @ ..MAX_ANSWER_DIGITS), b'0'..=b'9') => Form::Answer(digits + 1),
            (Form::Namespace(_), b',') => Form::Comma,
            (Form::Namespace(digits), _) if self.bytes.len() < MAX_BYTES => match byte {
                b'0'..=b'9' if digits < MAX_NAME_DIGITS => Form::Namespace(digits + 1),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-' | b'.' | b'/' => Form::Namespace(digits),
                _ if is_between(byte) && self.is_whole() => return Ok(Some(Next::End)),
                _ => return Err(RedactError::UnknownFraming),
            },
            (Form::Probe, _) => match b"probe".get(self.bytes.len() - 1) {
                Some(&expected) if byte == expected => Form::Probe,
                None if is_between(byte) => return Ok(Some(Next::End)),
                Some(_) | None => return Err(RedactError::UnknownFraming),
            },

            (Form::Letter(b'h'), _) => return Ok(Some(Next::Beats)),
            (Form::Letter(b'o'), b'k') => Form::Done,
            (Form::Letter(b'o') | Form::Done, _) => return Ok(Some(Next::End)),
            (Form::Letter(b'a'), b'[') => return Ok(Some(Next::Messages)),
            (Form::Letter(b'm'), b'"') => return Ok(Some(Next::Message)),
            (Form::Letter(b'c'), b'[') => return Ok(Some(Next::Value)),
            (Form::Letter(_), _) => return Err(RedactError::UnknownFraming),

            (Form::First | Form::Digits | Form::Dash | Form::Comma | Form::Answer(_), _) if begins_json => {
                return Ok(Some(Next::Value));
            }
            (Form::Digits | Form::Comma, _) if is_between(byte) && self.is_whole() => {
                return Ok(Some(Next::End));
            }
            (_, _) => return Err(RedactError::UnknownFraming),
        };
        self.form = form;
        self.bytes.push(byte);
        Ok(None)
    }

    /// Ends a head that is a frame of its own.
    pub(super) fn end(self, out: &mut Vec<u8>) -> Result<(), RedactError> {
        if !self.is_whole() {
            return Err(RedactError::Truncated);
        }
        out.extend_from_slice(&self.bytes);
        Ok(())
    }

    /// Whether the head may stand without JSON behind it.
    fn is_whole(&self) -> bool {
        match self.form {
            Form::Digits | Form::Namespace(_) | Form::Comma => {
                let digits = self.bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
                digits <= 2 && self.bytes.get(digits) != Some(&b'-')
            }
            Form::Probe => self.bytes.len() == "2probe".len(),
            Form::Letter(letter) => matches!(letter, b'h' | b'o'),
            Form::Done => true,
            // An object without members.
            Form::Braces => self.bytes == b"{}",
            Form::First | Form::Guard(_) | Form::Dash | Form::Answer(_) => false,
        }
    }
}

/// A type of two digits, and the number of an answer.
const MAX_DIGITS: usize = 10;
const MAX_ANSWER_DIGITS: u8 = 8;
const MAX_LENGTH_DIGITS: usize = 8;
/// In a namespace; fewer than any phone number has.
const MAX_NAME_DIGITS: u8 = 5;
const MAX_BYTES: usize = 80;
