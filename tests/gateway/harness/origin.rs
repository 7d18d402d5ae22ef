//! An upstream that does as it is told, byte by byte: what no proper app answers.
//!
//! It knows who the callers are (`GET /api/me` by the cookie `session=trainee`), hands every other request to a script,
//! and keeps what came in: on which connection, with which head and body.

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::Persona;

/// A scripted upstream; it stops when dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Arrival>>>,
    _running: JoinSet<()>,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Which connection, from 0.
    pub(crate) connection: usize,
    /// The head, without its empty line.
    pub(crate) head: String,
    /// As much of the body as was read.
    pub(crate) body: Vec<u8>,
    /// Whether the body was read to its end.
    pub(crate) whole: bool,
}

impl Arrival {
    /// The request line.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The values of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

type Script = dyn Fn(Exchange) -> Pin<Box<dyn Future<Output = Option<Exchange>> + Send>> + Send + Sync;

impl Origin {
    /// Starts an upstream that answers by a script; the script returns the exchange to keep the connection.
    pub(crate) async fn start<F>(script: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Origin
    where
        F: Future<Output = Option<Exchange>> + Send + 'static,
    {
        let script: Arc<Script> = Arc::new(move |exchange| Box::pin(script(exchange)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let numbers = AtomicUsize::new(0);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let connection = numbers.fetch_add(1, Ordering::Relaxed);
                open.spawn(serve(stream, connection, Arc::clone(&kept), Arc::clone(&script)));
            }
        });
        Origin { address, seen, _running: running }
    }

    /// Starts an upstream that reads every request whole and answers with these bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Origin {
        let answer: Arc<[u8]> = answer.into().into();
        Origin::start(move |mut exchange| {
            let answer = Arc::clone(&answer);
            async move {
                exchange.read_body().await;
                exchange.send(&answer).await;
                Some(exchange)
            }
        })
        .await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What came in so far, without the questions who the caller is.
    pub(crate) fn seen(&self) -> Vec<Arrival> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One request, and the connection to answer it on.
pub(crate) struct Exchange {
    stream: TcpStream,
    held: Vec<u8>,
    pub(crate) head: String,
    seen: Arc<Mutex<Vec<Arrival>>>,
    index: usize,
}

impl Exchange {
    /// The request target.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Sends bytes; a peer that has gone does not matter.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends bytes one by one, each in a write of its own.
    pub(crate) async fn trickle(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::task::yield_now().await;
        }
    }

    /// Sends an answer with its length.
    pub(crate) async fn answer(&mut self, content_type: &str, body: &str) {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send(head + body).await;
    }

    /// Switches to a WebSocket, with these further lines of the head, and at once sends the first bytes of it.
    pub(crate) async fn websocket(mut self, lines: &str, first: &[u8]) -> WebSocketStream<TcpStream> {
        self.switch(lines, first).await;
        WebSocketStream::from_partially_read(self.stream, self.held, Role::Server, None).await
    }

    /// The same, for bytes as they are.
    pub(crate) async fn switch(&mut self, lines: &str, first: &[u8]) {
        // RFC 6455 §1.3: the answer to the one key that test clients send.
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{lines}\r\n"
        );
        self.send([head.as_bytes(), first].concat()).await;
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while fill(&mut self.stream, &mut self.held).await {}
        std::mem::take(&mut self.held)
    }

    /// Whether the peer is still there to read.
    pub(crate) async fn wait_for_the_peer_to_go(&mut self) {
        let mut buffer = [0; 4096];
        while self.stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    }

    /// Reads the body to its end, or to the end of the connection.
    pub(crate) async fn read_body(&mut self) {
        let field = |name: &str| {
            let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
            lines
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        if field("transfer-encoding").is_some() {
            while let Some(line) = self.take_line().await {
                let size = usize::from_str_radix(line.trim(), 16)
                    .unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
                let fits = self.take(size, size > 0).await && self.take_line().await.is_some();
                if size == 0 || !fits {
                    self.note(|arrival| arrival.whole = fits);
                    return;
                }
            }
        } else {
            let length = field("content-length").map_or(0, |length| length.parse().unwrap());
            let whole = self.take(length, true).await;
            self.note(|arrival| arrival.whole = whole);
        }
    }

    async fn take_line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.held.windows(2).position(|two| two == b"\r\n") {
                let line = self.held.drain(..at + 2).collect();
                return String::from_utf8(line).ok();
            }
            if !fill(&mut self.stream, &mut self.held).await {
                return None;
            }
        }
    }

    async fn take(&mut self, mut size: usize, keep: bool) -> bool {
        while size > 0 {
            if self.held.is_empty() && !fill(&mut self.stream, &mut self.held).await {
                return false;
            }
            let taken: Vec<u8> = self.held.drain(..size.min(self.held.len())).collect();
            size -= taken.len();
            if keep {
                self.note(|arrival| arrival.body.extend_from_slice(&taken));
            }
        }
        true
    }

    fn note(&self, change: impl FnOnce(&mut Arrival)) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut seen[self.index]);
    }
}

async fn serve(stream: TcpStream, connection: usize, seen: Arc<Mutex<Vec<Arrival>>>, script: Arc<Script>) {
    let (mut stream, mut held) = (stream, Vec::new());
    loop {
        let end = loop {
            if let Some(at) = held.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !fill(&mut stream, &mut held).await {
                return;
            }
        };
        let head = String::from_utf8_lossy(&held.drain(..end).collect::<Vec<u8>>()).trim_end().to_owned();
        if head.starts_with("GET /api/me ") && !head.to_ascii_lowercase().contains("x-request-id") {
            let _ = stream.write_all(who(&head).as_bytes()).await;
            continue;
        }
        let index = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(Arrival { connection, head: head.clone(), body: Vec::new(), whole: false });
            seen.len() - 1
        };
        let exchange = Exchange { stream, held, head, seen: Arc::clone(&seen), index };
        match script(exchange).await {
            Some(kept) => (stream, held) = (kept.stream, kept.held),
            None => return,
        }
    }
}

async fn fill(stream: &mut TcpStream, held: &mut Vec<u8>) -> bool {
    let mut buffer = vec![0; 64 * 1024];
    match stream.read(&mut buffer).await {
        Ok(read @ 1..) => {
            held.extend_from_slice(&buffer[..read]);
            true
        }
        Ok(0) | Err(_) => false,
    }
}

/// The answer to "who am I" for `session=trainee`, and so on; `session=silent` is answered with an error.
fn who(head: &str) -> String {
    let cookie =
        head.split("session=").nth(1).map(|rest| rest.split(['\r', ';', ' ']).next().unwrap_or_default());
    let (role, group) = match cookie {
        Some("super-admin") => ("super_admin", None),
        Some("supervisor") => ("operator", Some("Supervisors")),
        Some("trainee") => ("operator", Some("Trainees")),
        Some("partner") => ("operator", Some("Partners")),
        Some("operator") => ("operator", None),
        Some("silent") => return "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n".to_owned(),
        Some(_) | None => return "HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    let groups: Vec<_> = group.iter().map(|title| json!({ "title": title })).collect();
    let body =
        json!({ "id": 1, "name": "A", "email": "a@example.com", "role": role, "groups": groups }).to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Persona {
    /// The cookie by which an `Origin` knows the persona.
    pub(crate) fn at_origin(self) -> &'static str {
        match self {
            Persona::SuperAdmin => "session=super-admin",
            Persona::Supervisor => "session=supervisor",
            Persona::Trainee => "session=trainee",
            Persona::Partner => "session=partner",
            Persona::Operator => "session=operator",
        }
    }
}
