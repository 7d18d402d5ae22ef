//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692): what the two sides of a tunnel say, checked and rewritten.
//!
//! A tunnel has a transformer for each direction. [`ServerMessages`] rewrites text messages under a plan as they
//! stream past: nothing but what the plan holds is held. [`ClientMessages`] holds a message until it is whole, up to a
//! limit, and lets a [`Judge`] of the caller say what becomes of it. Both check the grammar of all that passes and let
//! control frames overtake a message that is under way, as RFC 6455 §5.4 allows. Bytes leave as they came where nothing
//! was to be changed; the frames that a message leaves in do not depend on how it was cut into chunks.
//!
//! After an error nothing more is emitted. An error knows the code that its connection is to be closed with
//! ([`WebSocketError::close_code`]); [`write_close`] spells the frame. Which extension there is, and with which
//! parameters, is settled by [`Offers`] in the handshake. The memory of compression is counted and shared out by
//! [`Contexts`].
//!
//! It knows no HTTP, sockets or clocks; masking keys are drawn by the caller.

pub use client::{Admission, ClientMessages, Judge, Verdict};
pub use close::{CloseCode, write_close};
pub use deflate::{Contexts, Reservation};
pub use error::{Refusal, WebSocketError};
pub use extensions::{Deflate, ExtensionError, Offers};
pub use server::{Binary, ServerMessages};

use crate::redactor;

mod client;
mod close;
mod deflate;
mod error;
mod extensions;
mod frame;
pub(crate) mod fuzz;
mod server;
#[cfg(test)]
mod tests;
mod utf8;

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Its frames are masked (RFC 6455 §5.3).
    Client,
    /// Its frames are not.
    Server,
}

/// What a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// The bounds of one tunnel's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message of a client, which is held whole, and the longest compressed message of either side when it
    /// is inflated, in bytes. A longer one is an error. What a server sends uncompressed is not held and has no bound.
    pub message: usize,
    /// How many bytes one compressed byte may become, on average, in a message of more than 1 MiB.
    pub ratio: u32,
    /// The bounds of the redactor that rewrites a message.
    pub redact: redactor::Limits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { message: 16 * 1024 * 1024, ratio: 1000, redact: redactor::Limits::default() }
    }
}
