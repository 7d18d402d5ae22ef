//! A connection under TLS, as pingora's own streams are.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType, l4::stream::Stream, raw_connect::ProxyDigest, tls::SslDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::server::TlsStream;

/// A connection whose handshake is done.
pub(crate) struct Tls {
    stream: TlsStream<Stream>,
    digest: Arc<SslDigest>,
}

impl Tls {
    pub(crate) fn new(stream: TlsStream<Stream>) -> Self {
        let (_, session) = stream.get_ref();
        let suite = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let version = session.protocol_version().map(|version| format!("{version:?}"));
        let (suite, version) = (suite.unwrap_or_default(), version.unwrap_or_default());
        let digest = Arc::new(SslDigest::new(suite, version, None, None, Vec::new()));
        Self { stream, digest }
    }

    fn socket(&self) -> &Stream {
        self.stream.get_ref().0
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(self.socket()).finish()
    }
}

impl AsyncRead for Tls {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
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
impl Shutdown for Tls {
    async fn shutdown(&mut self) {
        // Who has gone needs no notice that the connection closes (RFC 8446 §6.1).
        let _ = self.stream.shutdown().await;
    }
}

#[async_trait]
impl Peek for Tls {}

impl UniqueID for Tls {
    fn id(&self) -> UniqueIDType {
        self.socket().id()
    }
}

impl Ssl for Tls {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        Some(Arc::clone(&self.digest))
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        let (_, session) = self.stream.get_ref();
        Some(if session.alpn_protocol() == Some(b"h2") { ALPN::H2 } else { ALPN::H1 })
    }
}

impl GetTimingDigest for Tls {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.socket().get_timing_digest()
    }
}

impl GetProxyDigest for Tls {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.socket().get_proxy_digest()
    }
}

impl GetSocketDigest for Tls {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.socket().get_socket_digest()
    }
}
