//! The events of a row of messages, read as the bytes pass.
//!
//! What the application sends is not held, so a message that is longer than this keeps tells nothing. Signing in is
//! short.

use super::{Event, events};

/// Reads the messages of one body, or of one side of a stream.
#[derive(Debug, Default)]
pub struct Watch {
    /// The message under way; `None` where it is longer than is kept.
    message: Option<Vec<u8>>,
    started: bool,
}

/// The longest message that is read.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024;

impl Watch {
    /// Takes the next bytes of the message under way.
    pub fn write(&mut self, bytes: &[u8]) {
        if !self.started {
            self.started = true;
            self.message = Some(Vec::new());
        }
        match &mut self.message {
            Some(message) if message.len() + bytes.len() <= MAX_MESSAGE_BYTES => {
                message.extend_from_slice(bytes)
            }
            Some(_) | None => self.message = None,
        }
    }

    /// Ends the message, and tells its events: none where it is too long, or not understood.
    pub fn end(&mut self) -> Vec<Event> {
        self.started = false;
        self.message.take().and_then(|message| events(&message).ok()).unwrap_or_default()
    }
}
