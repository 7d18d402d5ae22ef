//! The connection to the application that a WebSocket handshake goes out on.
//!
//! pingora writes the head of a request and then waits at once for the end of its body from the client's side and for the
//! answer. Where it sees the 101 before the end of the empty body, it takes that end for the end of the tunnel and
//! closes a WebSocket that has just opened (cloudflare/pingora#946). So the answer is kept from it until the request has
//! ended. One connection is for one handshake: what was refused is not kept for the next.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use pingora::{
    Error, ErrorType,
    connectors::L4Connect,
    protocols::l4::{
        socket::SocketAddr,
        stream::Stream,
        virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream},
    },
    upstreams::peer::HttpPeer,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::connection::poll_read_some;

/// Sends the request to this peer over a connection of its own that holds back an early answer.
pub(super) fn prepare(peer: &mut HttpPeer) {
    peer.options.custom_l4 = Some(Arc::new(Connector));
    peer.options.idle_timeout = Some(Duration::ZERO);
    peer.group_key = GROUP;
}

/// Apart from the connections that are kept, all of which have 0.
const GROUP: u64 = 1;

#[derive(Debug)]
struct Connector;

#[async_trait]
impl L4Connect for Connector {
    async fn connect(&self, address: &SocketAddr) -> pingora::Result<Stream> {
        let failed = |error| Error::because(ErrorType::ConnectError, "connecting for a handshake", error);
        let address = address.as_inet().ok_or_else(|| failed(io::ErrorKind::Unsupported.into()))?;
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        Ok(VirtualSocketStream::new(Box::new(Handshake::new(stream))).into())
    }
}

/// A connection that nothing is read from before the request that is written to it has ended.
#[derive(Debug)]
struct Handshake {
    stream: TcpStream,
    request: Request,
    /// Whether the client's side has its turn before the next read.
    has_read: bool,
    /// Who wanted to read too early.
    early: Option<Waker>,
}

/// How far the request is. pingora flushes the head that it has written, and flushes once more at the end of the body,
/// which for a body without bytes is a flush of nothing.
#[derive(Debug)]
enum Request {
    Unflushed,
    Flushed,
    Ended,
}

impl Handshake {
    fn new(stream: TcpStream) -> Self {
        Self { stream, request: Request::Unflushed, has_read: false, early: None }
    }

    fn end(&mut self) {
        self.request = Request::Ended;
        if let Some(early) = self.early.take() {
            early.wake();
        }
    }
}

impl AsyncRead for Handshake {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.request {
            Request::Unflushed | Request::Flushed => {
                this.early = Some(cx.waker().clone());
                Poll::Pending
            }
            // What is read before anything is written on is put together by pingora in a buffer that it keeps.
            Request::Ended if std::mem::take(&mut this.has_read) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Request::Ended => {
                let read = poll_read_some(&mut this.stream, cx, buf);
                this.has_read = read.is_ready();
                read
            }
        }
    }
}

impl AsyncWrite for Handshake {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.request {
            Request::Unflushed | Request::Flushed => this.request = Request::Unflushed,
            Request::Ended => {}
        }
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_ready() {
            match this.request {
                Request::Unflushed => this.request = Request::Flushed,
                Request::Flushed | Request::Ended => this.end(),
            }
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl VirtualSocket for Handshake {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        // The only one that pingora sets unless the peer asks for more.
        let VirtualSockOpt::NoDelay = option else { return Err(io::ErrorKind::Unsupported.into()) };
        self.stream.set_nodelay(true)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_there_first_is_read_after_the_end_of_the_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut app, _) = listener.accept().await.unwrap();
        app.write_all(b"answer").await.unwrap();
        stream.readable().await.unwrap();
        let mut handshake = Handshake::new(stream);
        let mut answer = [0; 6];
        assert!(handshake.read_exact(&mut answer).now_or_never().is_none());
        // The head, in two writes, and the end of a body of no bytes.
        for part in ["he", "ad"] {
            handshake.write_all(part.as_bytes()).await.unwrap();
            handshake.flush().await.unwrap();
            assert!(handshake.read_exact(&mut answer).now_or_never().is_none());
        }
        let mut head = [0; 4];
        app.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"head");
        handshake.flush().await.unwrap();
        handshake.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
        // Nothing is held back any more, whatever is written.
        handshake.write_all(b"frame").await.unwrap();
        app.write_all(b"answer").await.unwrap();
        handshake.read_exact(&mut answer).await.unwrap();
    }

    #[tokio::test]
    async fn another_has_its_turn_between_two_reads() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut app, _) = listener.accept().await.unwrap();
        app.write_all(b"answer").await.unwrap();
        stream.readable().await.unwrap();
        let mut handshake = Handshake { request: Request::Ended, ..Handshake::new(stream) };
        let mut part = [0; 3];
        assert!(handshake.read_exact(&mut part).now_or_never().is_some());
        assert!(handshake.read_exact(&mut part).now_or_never().is_none());
        handshake.read_exact(&mut part).await.unwrap();
        assert_eq!(&part, b"wer");
    }

    #[tokio::test]
    async fn who_waits_for_the_answer_is_woken_by_the_end_of_the_request() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut app, _) = listener.accept().await.unwrap();
        app.write_all(b"answer").await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(Handshake::new(stream));
        let reading = tokio::spawn(async move {
            let mut answer = [0; 6];
            reader.read_exact(&mut answer).await.unwrap();
            answer
        });
        // On this runtime of one thread the reader waits by the time that this task goes on.
        tokio::task::yield_now().await;
        writer.write_all(b"head").await.unwrap();
        writer.flush().await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(&reading.await.unwrap(), b"answer");
    }
}
