//! The messages of a SockJS frame: an array of strings (`a`) or one string (`m`), each of them a frame.
//!
//! A string is held until it is complete; between strings there is nothing but what an array has.

use crate::{
    error::RedactError,
    json::{Ignore, TextLexer},
};

#[derive(Debug)]
pub(super) struct Messages {
    state: State,
    is_list: bool,
    /// The inside of the string that is being read, as spelled.
    pub(super) raw: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The opening bracket.
    Open,
    /// A string or the end of the array.
    First,
    /// A string.
    Item,
    /// The rest of a string.
    Text(TextLexer),
    /// A comma or the end of the array.
    After,
    /// Nothing.
    Over,
}

/// How far messages were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// To the end of the chunk, or of the messages.
    All,
    /// Behind the closing quote of a string, whose inside is in `raw`.
    Message,
}

impl Messages {
    /// Begins an array of messages.
    pub(super) fn list() -> Messages {
        Messages { state: State::Open, is_list: true, raw: Vec::new() }
    }

    /// Begins one message.
    pub(super) fn one() -> Messages {
        Messages { state: State::Item, is_list: false, raw: Vec::new() }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Reads on from `at` and passes what is between the insides of strings. On an error `at` is at the byte that
    /// it was found at.
    pub(super) fn read(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        bound: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, RedactError> {
        while let Some(&byte) = chunk.get(*at) {
            self.state = match (self.state, byte) {
                (State::Over, _) => return Ok(Read::All),
                (State::Text(mut lexer), _) => {
                    let start = *at;
                    // Not more than what may be held, and the byte behind it.
                    let room = bound.saturating_sub(self.raw.len()).saturating_add(1);
                    let end = chunk.len().min(start.saturating_add(room));
                    let has_ended = lexer.advance(&chunk[..end], at, &mut Ignore)?;
                    self.raw.extend_from_slice(&chunk[start..*at - usize::from(has_ended)]);
                    if self.raw.len() > bound {
                        *at -= 1;
                        return Err(RedactError::MessageTooLong);
                    }
                    if has_ended {
                        self.state = if self.is_list { State::After } else { State::Over };
                        return Ok(Read::Message);
                    }
                    self.state = State::Text(lexer);
                    continue;
                }
                (_, b' ' | b'\n' | b'\r' | b'\t') => self.state,
                (State::Open, b'[') => State::First,
                (State::First, b']') | (State::After, b']') => State::Over,
                (State::First | State::Item, b'"') => State::Text(TextLexer::Plain),
                (State::After, b',') => State::Item,
                (State::Open | State::First | State::Item, _) => return Err(RedactError::InvalidValue),
                (State::After, _) => return Err(RedactError::MissingComma),
            };
            out.push(byte);
            *at += 1;
        }
        Ok(Read::All)
    }
}
