//! One client connection, as pingora reads and writes it.
//!
//! Everything passes through to the socket. What pingora's parser refuses by itself never reaches a phase of the proxy;
//! it is recognised here, by an error head that lacks the request id which every answer of the gateway carries.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType, l4::stream::Stream, raw_connect::ProxyDigest,
};
use prometheus_client::metrics::counter::Counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proxy::REQUEST_ID_HEADER;

/// A client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    refused_by_parser: Counter,
}

impl Connection {
    pub(crate) fn new(stream: Stream, refused_by_parser: Counter) -> Self {
        Self { stream, refused_by_parser }
    }

    fn look_at(&self, written: &[u8]) {
        if is_parser_refusal(written) {
            self.refused_by_parser.inc();
        }
    }
}

fn is_parser_refusal(written: &[u8]) -> bool {
    written.starts_with(b"HTTP/1.1 4")
        && !written.windows(REQUEST_ID_HEADER.len()).any(|window| window == REQUEST_ID_HEADER.as_bytes())
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        if written.is_ready() {
            this.look_at(buf);
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        if let (true, Some(first)) = (written.is_ready(), bufs.first()) {
            this.look_at(first);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Connection {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(&mut self.stream).await;
    }
}

#[async_trait]
impl Peek for Connection {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buf).await
    }
}

impl UniqueID for Connection {
    fn id(&self) -> UniqueIDType {
        self.stream.id()
    }
}

impl Ssl for Connection {}

impl GetTimingDigest for Connection {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_timing_digest()
    }
}

impl GetProxyDigest for Connection {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_proxy_digest()
    }
}

impl GetSocketDigest for Connection {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_socket_digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_head_that_is_not_the_gateways_own_is_the_parsers() {
        assert!(is_parser_refusal(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        assert!(!is_parser_refusal(b"HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\n\r\n"));
        assert!(!is_parser_refusal(b"HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!is_parser_refusal(b"a body that begins otherwise"));
    }
}
