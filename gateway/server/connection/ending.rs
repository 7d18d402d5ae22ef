//! The end of a connection that may not go on.
//!
//! A close frame is written and the client given a moment to read and answer it: a connection closed while bytes of the
//! client's are unread is reset, and the frame could be lost (RFC 9112 §9.6). Then the proxy reads its end.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::End;

/// How long a client may take to read a close frame and to answer it.
const LINGER: Duration = Duration::from_secs(2);

/// How far the end is.
#[derive(Debug)]
pub(super) struct Ending {
    frame: Vec<u8>,
    /// `written <= frame.len()`.
    written: usize,
    is_flushed: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl Ending {
    /// Begins; `between` tells whether a frame may stand where the connection is, behind what is unsent.
    pub(super) fn new(end: End, between: bool, unsent: Vec<u8>) -> Self {
        let frame = match end {
            End::Close { code, reason } if between => [unsent, close_frame(code, reason)].concat(),
            End::Close { .. } | End::Cut => Vec::new(),
        };
        Self { frame, written: 0, is_flushed: false, linger: None }
    }

    /// Goes on; ready when there is nothing more to read, as far as the proxy is concerned.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.frame.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if linger.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest) = self.frame.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest)) {
                Ok(length) if length > 0 => self.written += length,
                Ok(_) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
        if !self.is_flushed {
            if ready!(Pin::new(&mut *stream).poll_flush(cx)).is_err() {
                return Poll::Ready(Ok(()));
            }
            self.is_flushed = true;
        }
        let mut dropped = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut dropped);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// A close frame of the server's (RFC 6455 §5.5.1).
fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    debug_assert!(reason.len() <= 123);
    let mut frame = vec![0x88, (2 + reason.len().min(123)) as u8];
    frame.extend_from_slice(&code.to_be_bytes());
    frame.extend(reason.bytes().take(123));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_frame_stands_between_frames_alone() {
        let close = End::Close { code: 1008, reason: "ip-not-whitelisted" };
        let frame = |end, between, unsent: &[u8]| Ending::new(end, between, unsent.to_vec()).frame;
        assert_eq!(frame(close, true, b""), b"\x88\x14\x03\xf0ip-not-whitelisted");
        assert_eq!(frame(close, true, b"\x81\0"), b"\x81\0\x88\x14\x03\xf0ip-not-whitelisted");
        assert!(frame(close, false, b"").is_empty());
        assert!(frame(End::Cut, true, b"x").is_empty());
    }
}
