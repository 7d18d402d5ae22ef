//! One client connection, as pingora reads and writes it.
//!
//! Everything passes through to the socket. What pingora's parser refuses by itself never reaches a phase of the proxy;
//! it is recognised here, by an error head that lacks the request id which every answer of the gateway carries. And what
//! may not go on is ended here ([`Switch`]): a WebSocket with a close frame, if none of the app's is half written.

pub(crate) mod announcement;
mod ending;
mod frames;
mod switch;
mod tls;
mod unsent;

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use async_trait::async_trait;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType, raw_connect::ProxyDigest, tls::SslDigest,
};
use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use self::{ending::Ending, frames::Written, unsent::Unsent};
pub(crate) use self::{
    switch::{End, Installed, Switch, Switches},
    tls::Tls,
};

use crate::proxy::REQUEST_ID_HEADER;

/// A client connection, over a socket or under TLS.
#[derive(Debug)]
pub(crate) struct Connection<S: IO> {
    stream: S,
    refused_by_parser: Counter,
    installed: Installed,
    written: Written,
    unsent: Unsent,
    ending: Option<Ending>,
    head: HeadDeadline,
}

impl<S: IO> Connection<S> {
    /// A connection whose heads may take so long each.
    pub(crate) fn new(
        stream: S,
        refused_by_parser: Counter,
        installed: Installed,
        head_timeout: Duration,
    ) -> Self {
        // HTTP/2 has other messages between its heads, and limits of its own.
        let is_h2 = stream.selected_alpn_proto() == Some(ALPN::H2);
        let head = HeadDeadline { timeout: (!is_h2).then_some(head_timeout), sleep: None };
        let (written, unsent) = (Written::default(), Unsent::default());
        Self { stream, refused_by_parser, installed, written, unsent, ending: None, head }
    }

    fn look_at(&mut self, written: &[u8], length: usize) {
        if is_parser_refusal(written) {
            self.refused_by_parser.inc();
        }
        self.written.take(written.get(..length).unwrap_or(written));
    }

    /// Whether the connection is ending: what is written then is dropped, and what is read is not handed on.
    fn is_ending(&mut self, cx: &Context<'_>) -> bool {
        if self.ending.is_none()
            && let Some(end) = self.installed.switch().look(cx.waker())
        {
            let unsent = self.unsent.take_out();
            self.ending = Some(Ending::new(end, self.written.is_between_frames(), unsent));
        }
        self.ending.is_some()
    }
}

impl<S: IO> Drop for Connection<S> {
    /// A head whose answer is cut before anything follows: the client is told as much as there is.
    fn drop(&mut self) {
        let _ = self.unsent.poll_send(&mut self.stream, &mut Context::from_waker(Waker::noop()));
    }
}

/// Reads from a stream that may be silent for long.
///
/// pingora keeps a buffer of 64 KiB for each direction of a tunnel. What no message has been read into takes no memory,
/// so a long message is read into the same few pages, piece by piece.
pub(crate) fn poll_read_some<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    Pin::new(&mut stream.take(READ_AT_ONCE)).poll_read(cx, buf)
}

/// Of a tunnel's buffer.
const READ_AT_ONCE: u64 = 8 * 1024;

fn is_parser_refusal(written: &[u8]) -> bool {
    written.starts_with(b"HTTP/1.1 4")
        && !written.windows(REQUEST_ID_HEADER.len()).any(|window| window == REQUEST_ID_HEADER.as_bytes())
}

impl<S: IO> AsyncRead for Connection<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_ending(cx)
            && let Some(ending) = &mut this.ending
        {
            return ending.poll(&mut this.stream, cx);
        }
        if this.written.is_switched() {
            return poll_read_some(&mut this.stream, cx, buf);
        }
        if this.head.has_passed(this.installed.switch(), cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_ready() && buf.filled().len() > before {
            this.head.begin(this.installed.switch());
        }
        read
    }
}

/// The time by which the head of a request has to be complete, from its first byte on.
#[derive(Debug)]
struct HeadDeadline {
    timeout: Option<Duration>,
    /// Kept for the next head.
    sleep: Option<(Pin<Box<Sleep>>, bool)>,
}

impl HeadDeadline {
    /// Begins, where a head has and no deadline is running.
    fn begin(&mut self, switch: &Switch) {
        let Some(timeout) = self.timeout.filter(|_| switch.reads()) else { return };
        match &mut self.sleep {
            Some((_, true)) => {}
            Some((sleep, runs)) => {
                sleep.as_mut().reset(Instant::now() + timeout);
                *runs = true;
            }
            None => self.sleep = Some((Box::pin(sleep(timeout)), true)),
        }
    }

    fn has_passed(&mut self, switch: &Switch, cx: &mut Context<'_>) -> bool {
        match &mut self.sleep {
            Some((sleep, true)) if switch.is_in_head() => sleep.as_mut().poll(cx).is_ready(),
            Some((_, runs)) => {
                *runs = false;
                false
            }
            None => false,
        }
    }
}

impl<S: IO> AsyncWrite for Connection<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_ending(cx) {
            return Poll::Ready(Ok(buf.len()));
        }
        if !this.written.is_switched() && this.unsent.take(buf) {
            this.look_at(buf, buf.len());
            return Poll::Ready(Ok(buf.len()));
        }
        ready!(this.unsent.poll_send(&mut this.stream, cx))?;
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(length)) = written {
            this.look_at(buf, length);
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_ending(cx) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        ready!(this.unsent.poll_send(&mut this.stream, cx))?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(mut length)) = written {
            for buf in bufs {
                this.look_at(buf, length.min(buf.len()));
                length = length.saturating_sub(buf.len());
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.unsent.poll_send(&mut this.stream, cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.unsent.poll_send(&mut this.stream, cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[async_trait]
impl<S: IO> Shutdown for Connection<S> {
    async fn shutdown(&mut self) {
        // Who has gone has no use for it.
        let _ = poll_fn(|cx| self.unsent.poll_send(&mut self.stream, cx)).await;
        Shutdown::shutdown(&mut self.stream).await;
    }
}

#[async_trait]
impl<S: IO> Peek for Connection<S> {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buf).await
    }
}

impl<S: IO> UniqueID for Connection<S> {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl<S: IO> Ssl for Connection<S> {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.selected_alpn_proto()
    }
}

impl<S: IO> GetTimingDigest for Connection<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl<S: IO> GetProxyDigest for Connection<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl<S: IO> GetSocketDigest for Connection<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_tunnel_reads_a_long_message_in_pieces() {
        let message: Vec<u8> = (0..100_000).map(|n| n as u8).collect();
        let (mut rest, mut read) = (message.as_slice(), Vec::new());
        while !rest.is_empty() {
            let mut space = [0; 64 * 1024];
            let mut buf = ReadBuf::new(&mut space);
            let reading = poll_fn(|cx| poll_read_some(&mut rest, cx, &mut buf));
            reading.now_or_never().unwrap().unwrap();
            assert!((1..=8 * 1024).contains(&buf.filled().len()));
            read.extend_from_slice(buf.filled());
        }
        assert_eq!(read, message);
    }

    #[test]
    fn only_a_head_that_is_not_the_gateways_own_is_the_parsers() {
        assert!(is_parser_refusal(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        assert!(!is_parser_refusal(b"HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\n\r\n"));
        assert!(!is_parser_refusal(b"HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!is_parser_refusal(b"a body that begins otherwise"));
    }
}
