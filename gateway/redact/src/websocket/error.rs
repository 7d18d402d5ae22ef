//! Why a tunnel cannot go on.

use super::CloseCode;
use crate::error::RedactError;

/// What was found in one direction of a tunnel. Final: nothing more of that direction leaves. It holds no byte of any
/// message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// A reserved bit that no extension has given a meaning (RFC 6455 §5.2).
    #[error("a reserved bit is set")]
    ReservedBit,
    /// An opcode without a meaning (RFC 6455 §5.2).
    #[error("an unknown opcode")]
    UnknownOpcode,
    /// A control frame of more than 125 bytes (RFC 6455 §5.5).
    #[error("a control frame is too long")]
    LongControl,
    /// A control frame in fragments (RFC 6455 §5.5).
    #[error("a control frame in fragments")]
    FragmentedControl,
    /// A client's frame that is not masked, or a server's that is (RFC 6455 §5.1).
    #[error("a frame is masked by the wrong side")]
    WrongMasking,
    /// A length that is not spelled as short as it can be, or has 64 bits (RFC 6455 §5.2).
    #[error("a malformed length")]
    MalformedLength,
    /// A fragment that continues no message (RFC 6455 §5.4).
    #[error("a fragment continues no message")]
    NothingToContinue,
    /// A message that begins within another (RFC 6455 §5.4).
    #[error("a message begins within another")]
    UnfinishedMessage,
    /// A close frame of one byte, or with a code that must not be sent (RFC 6455 §7.4).
    #[error("a malformed close frame")]
    MalformedClose,
    /// Text, or the reason of a close frame, that is not UTF-8 (RFC 6455 §8.1).
    #[error("a text is not valid UTF-8")]
    InvalidUtf8,
    /// A compressed message that cannot be inflated (RFC 7692 §7.2.2).
    #[error("a compressed message is malformed")]
    MalformedDeflate,
    /// A message over [`Limits::message`](super::Limits::message).
    #[error("a message is too long")]
    TooLong,
    /// A compressed message that grows more than [`Limits::ratio`](super::Limits::ratio).
    #[error("a compressed message grows too much")]
    TooDense,
    /// The connection ends within a frame or message.
    #[error("the connection ends within a message")]
    Truncated,
    /// A message that has to be rewritten and cannot be read.
    #[error("{0}")]
    Unscannable(#[from] RedactError),
    /// A message that the caller has refused.
    #[error("a message is refused")]
    Refused(Refusal),
    /// The compressor failed, for want of memory or by a fault of its own.
    #[error("a message cannot be compressed")]
    Encoder,
}

/// How a connection is closed over a message that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The code.
    pub code: CloseCode,
    /// The reason that the close frame gives; at most 123 bytes.
    pub reason: &'static str,
}

impl WebSocketError {
    /// The code that whoever sent this is told (RFC 6455 §7.4.1).
    pub const fn close_code(self) -> CloseCode {
        match self {
            WebSocketError::ReservedBit
            | WebSocketError::UnknownOpcode
            | WebSocketError::LongControl
            | WebSocketError::FragmentedControl
            | WebSocketError::WrongMasking
            | WebSocketError::MalformedLength
            | WebSocketError::NothingToContinue
            | WebSocketError::UnfinishedMessage
            | WebSocketError::MalformedClose
            | WebSocketError::Truncated => CloseCode::Protocol,
            WebSocketError::InvalidUtf8 | WebSocketError::MalformedDeflate => CloseCode::InvalidPayload,
            WebSocketError::TooLong | WebSocketError::TooDense => CloseCode::TooBig,
            WebSocketError::Refused(refusal) => refusal.code,
            WebSocketError::Unscannable(_) | WebSocketError::Encoder => CloseCode::Internal,
        }
    }

    /// Names the error as logs and metrics do.
    pub const fn name(self) -> &'static str {
        match self {
            WebSocketError::ReservedBit => "reserved-bit",
            WebSocketError::UnknownOpcode => "unknown-opcode",
            WebSocketError::LongControl => "long-control-frame",
            WebSocketError::FragmentedControl => "fragmented-control-frame",
            WebSocketError::WrongMasking => "wrong-masking",
            WebSocketError::MalformedLength => "malformed-length",
            WebSocketError::NothingToContinue => "nothing-to-continue",
            WebSocketError::UnfinishedMessage => "unfinished-message",
            WebSocketError::MalformedClose => "malformed-close",
            WebSocketError::InvalidUtf8 => "invalid-utf-8",
            WebSocketError::MalformedDeflate => "malformed-deflate",
            WebSocketError::TooLong => "message-too-long",
            WebSocketError::TooDense => "message-too-dense",
            WebSocketError::Truncated => "truncated",
            WebSocketError::Unscannable(error) => error.name(),
            WebSocketError::Refused(refusal) => refusal.reason,
            WebSocketError::Encoder => "encoder-failed",
        }
    }
}
