//! What is written and not sent yet: the head of an answer waits for what follows, so that both go in one packet.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

/// A little that waits for a flush, or for more.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    /// Of them, `sent <= bytes.len()`.
    sent: usize,
}

/// More is sent at once: a copy of it would cost more than a call.
const MOST: usize = 4096;

impl Unsent {
    /// Takes bytes if they are few.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let fits = self.bytes.len() + bytes.len() <= MOST;
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    /// Sends all of them; nothing of them stays in memory then.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => self.sent += length,
            }
        }
        *self = Self::default();
        Poll::Ready(Ok(()))
    }

    /// Takes out what is left.
    pub(super) fn take_out(&mut self) -> Vec<u8> {
        let Self { mut bytes, sent } = mem::take(self);
        bytes.drain(..sent);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn little_waits_and_much_does_not() {
        let mut unsent = Unsent::default();
        assert!(unsent.take(b"head ") && unsent.take(&[b'x'; MOST - 5]) && !unsent.take(b"y"));
        let mut stream = Vec::new();
        let sent = std::future::poll_fn(|cx| unsent.poll_send(&mut stream, cx));
        sent.now_or_never().unwrap().unwrap();
        assert_eq!((stream.len(), &stream[..5], unsent.bytes.capacity()), (MOST, &b"head "[..], 0));
        assert!(unsent.take(b"next"));
        assert_eq!((unsent.take_out(), unsent.take_out()), (b"next".to_vec(), Vec::new()));
    }
}
