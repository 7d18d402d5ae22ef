//! Close frames (RFC 6455 §5.5.1) and the codes in them.

use super::{WebSocketError, frame};

/// A code that the gateway closes with (RFC 6455 §7.4.1, and the registry that §11.7 made).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// 1001: the other side has gone.
    GoingAway,
    /// 1002: the peer does not keep to the protocol.
    Protocol,
    /// 1007: a message is not of its type.
    InvalidPayload,
    /// 1008: a message is against the rules.
    Policy,
    /// 1009: a message is too big.
    TooBig,
    /// 1011: the server cannot do what it should.
    Internal,
    /// 1012: the connection is to be opened anew.
    Restart,
}

impl CloseCode {
    /// The code as it is sent.
    pub const fn number(self) -> u16 {
        match self {
            CloseCode::GoingAway => 1001,
            CloseCode::Protocol => 1002,
            CloseCode::InvalidPayload => 1007,
            CloseCode::Policy => 1008,
            CloseCode::TooBig => 1009,
            CloseCode::Internal => 1011,
            CloseCode::Restart => 1012,
        }
    }
}

/// Appends a close frame: of a server, or masked of a client. Of a reason that is too long, as much as fits.
pub fn write_close(code: CloseCode, reason: &str, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let fits = (0..=reason.len().min(MAX_REASON)).rev().find_map(|end| reason.get(..end));
    write(code.number(), fits.unwrap_or_default(), mask, out);
}

/// Appends a close frame with a code that a peer has given.
pub(super) fn write(code: u16, reason: &str, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    debug_assert!(reason.len() <= MAX_REASON);
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    frame::write(frame::Shape::whole(frame::Opcode::Close, false), &payload, mask, out);
}

/// What a close frame says: nothing, or a code and a reason.
pub(super) fn read(payload: &[u8]) -> Result<Option<(u16, &str)>, WebSocketError> {
    match payload {
        [] => Ok(None),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent(code) {
                return Err(WebSocketError::MalformedClose);
            }
            let reason = simdutf8::basic::from_utf8(reason).map_err(|_| WebSocketError::InvalidUtf8)?;
            Ok(Some((code, reason)))
        }
        [_] => Err(WebSocketError::MalformedClose),
    }
}

/// RFC 6455 §7.4: 1005, 1006 and 1015 never stand in a frame, 1004 has no meaning, and what is below 3000 is for the
/// protocol and its registry, which ends at 1014.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Whether a reason is one word, too plain for contact data: letters and a few digits, without blanks.
pub(super) fn is_plain(reason: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
    reason.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
        && reason.bytes().filter(u8::is_ascii_digit).count() <= MAX_DIGITS
}

/// RFC 6455 §5.5: a control frame of 125 bytes, less the code.
const MAX_REASON: usize = 123;
/// Fewer than any phone number has.
const MAX_DIGITS: usize = 5;
