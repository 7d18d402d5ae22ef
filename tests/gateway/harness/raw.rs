//! A connection for bytes as they are: what no proper client sends.

use std::{io, sync::Arc};

use bytes::Bytes;
use chatwarden::demo::App;
use http::{HeaderName, HeaderValue, Version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{PATIENCE, Response, until};

/// A connection to the gateway.
pub(crate) struct Raw {
    stream: TcpStream,
    app: Arc<App>,
    /// Read, and not yet part of an answer.
    held: Vec<u8>,
    ended: bool,
}

impl Raw {
    pub(super) fn new(stream: TcpStream, app: Arc<App>) -> Raw {
        Raw { stream, app, held: Vec::new(), ended: false }
    }

    /// Sends bytes; a peer that has hung up is told by what is read next.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("nobody reads");
    }

    /// Sends these bytes again and again until the peer answers or hangs up.
    pub(crate) async fn drip(&mut self, bytes: &[u8]) {
        until(PATIENCE, async || {
            self.write(bytes).await;
            if self.has_come() { Ok(()) } else { Err("the peer goes on reading".to_owned()) }
        })
        .await;
    }

    /// Whether the peer has sent something, or hung up; does not wait for it.
    fn has_come(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.stream.try_read(&mut bytes) {
            Ok(0) => self.ended = true,
            Ok(length) => self.held.extend_from_slice(&bytes[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => self.ended = true,
        }
        true
    }

    /// Ends the sending half.
    pub(crate) async fn end(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads one answer. None: the connection ended before it.
    pub(crate) async fn response(&mut self) -> Option<Response> {
        self.answer(true).await
    }

    /// Reads one answer to a HEAD request.
    pub(crate) async fn head_response(&mut self) -> Option<Response> {
        self.answer(false).await
    }

    /// The connection, and what was read and is in no answer.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.held)
    }

    /// The next bytes, so many.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        assert!(self.fill_to(length).await, "the connection ended: {:?}", self.held);
        self.held.drain(..length).collect()
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await {}
        std::mem::take(&mut self.held)
    }

    async fn answer(&mut self, has_body: bool) -> Option<Response> {
        let end = loop {
            if let Some(at) = find(&self.held, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill().await {
                assert!(self.held.is_empty(), "half an answer: {:?}", String::from_utf8_lossy(&self.held));
                return None;
            }
        };
        let head: Vec<u8> = self.held.drain(..end).collect();
        let head = parse(&head);
        let field = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let empty = matches!(head.status.as_u16(), 100..200 | 204 | 304) || !has_body;
        let (body, complete) = if empty {
            (Vec::new(), true)
        } else if field("transfer-encoding").is_some() {
            self.chunked().await
        } else if let Some(length) = field("content-length") {
            let length = length.parse().unwrap();
            let complete = self.fill_to(length).await;
            (self.held.drain(..length.min(self.held.len())).collect(), complete)
        } else {
            (self.rest().await, true)
        };
        Some(Response::new(head, body, complete, Arc::clone(&self.app)))
    }

    async fn chunked(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = find(&self.held, b"\r\n") {
                    break self.held.drain(..at + 2).collect::<Vec<u8>>();
                }
                if !self.fill().await {
                    return (body, false);
                }
            };
            let digits = std::str::from_utf8(&line[..line.len() - 2]).unwrap();
            let size = usize::from_str_radix(digits.split(';').next().unwrap(), 16).unwrap();
            if !self.fill_to(size + 2).await {
                return (body, false);
            }
            body.extend(self.held.drain(..size));
            self.held.drain(..2);
            if size == 0 {
                return (body, true);
            }
        }
    }

    async fn fill_to(&mut self, length: usize) -> bool {
        while self.held.len() < length {
            if !self.fill().await {
                return false;
            }
        }
        true
    }

    async fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("no more of the answer") {
            Ok(0) => self.ended = true,
            Ok(read) => self.held.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.ended = true,
            Err(error) => panic!("{error}"),
        }
        !self.ended
    }
}

fn parse(head: &[u8]) -> http::response::Parts {
    let text = std::str::from_utf8(head).unwrap();
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut answer = http::Response::builder().version(Version::HTTP_11).status(status);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let name = HeaderName::try_from(name).unwrap();
        answer = answer.header(
            name,
            HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value.trim().as_bytes())).unwrap(),
        );
    }
    answer.body(()).unwrap().into_parts().0
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
