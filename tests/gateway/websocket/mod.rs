//! WebSockets: how they open, whatever the app's timing; and what of their messages passes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::tungstenite::Message;

pub(crate) mod compressed;
mod messages;
mod refused;
mod way_back;

use crate::harness::{Arrival, Builder, Exchange, Gateway, Origin, Persona, free};

/// pingora took the end of a handshake's empty body for the end of the tunnel where it had read the 101 first, and closed
/// one in four of these connections before their first message (cloudflare/pingora#946).
#[tokio::test]
async fn a_websocket_stays_open_when_the_app_answers_before_it_reads() {
    for pieces in [1, 2] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = open().upstream(listener.local_addr().unwrap()).start().await;
        let app = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_first(stream, pieces));
            }
        });
        for round in 0..50 {
            let mut socket = gateway
                .client()
                .websocket("/live")
                .await
                .unwrap_or_else(|answer| panic!("{}", answer.text()));
            let hello =
                socket.next().await.unwrap().unwrap_or_else(|error| panic!("{pieces}, {round}: {error}"));
            assert_eq!(hello.into_text().unwrap(), "hello");
            socket.send(Message::text("Is anybody there?")).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "heard");
        }
        app.abort();
    }
}

#[tokio::test]
async fn the_connection_of_a_refused_handshake_is_closed_and_no_other() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let origin = Origin::start(move |mut exchange| {
        let count = Arc::clone(&count);
        async move {
            exchange.answer("text/css", "{}").await;
            if exchange.target() != "/live" {
                return Some(exchange);
            }
            exchange.wait_for_the_peer_to_go().await;
            count.fetch_add(1, Ordering::Relaxed);
            None
        }
    })
    .await;
    let gateway = open().upstream(origin.address()).start().await;
    for _ in 0..3 {
        let refused = gateway.client().websocket("/live").await.err().unwrap();
        assert_eq!((refused.status().as_u16(), refused.text()), (200, "{}"));
        assert_eq!(gateway.client().get("/any").await.status(), 200);
    }
    assert_eventually!(closed.load(Ordering::Relaxed) == 3);
    let seen = origin.seen();
    for (index, handshake) in seen.iter().enumerate().filter(|(_, arrival)| arrival.line().contains("/live"))
    {
        let alone = |(other, arrival): (usize, &Arrival)| {
            other == index || arrival.connection != handshake.connection
        };
        assert!(seen.iter().enumerate().all(alone), "{seen:?}");
    }
}

#[tokio::test]
async fn a_handshake_with_an_app_that_is_gone_is_refused_like_any_request() {
    let gateway = open().upstream(free()).start().await;
    gateway.client().websocket("/live").await.err().unwrap().assert_refused(502, "upstream-unavailable");
}

/// A refusal was written into the stream of a WebSocket that nobody used for long.
#[tokio::test]
async fn a_websocket_that_is_cut_gets_no_answer_into_its_stream() {
    let origin = Origin::start(async |mut exchange: Exchange| {
        exchange.switch("", b"").await;
        if exchange.target() == "/live?ends" {
            return None;
        }
        exchange.rest().await;
        None
    })
    .await;
    let limits = json!({ "stream_idle_timeout": "1s" });
    let gateway = Gateway::builder().upstream(origin.address()).config("limits", limits).start().await;
    for persona in [Persona::Operator, Persona::SuperAdmin] {
        let client = gateway.client().with("cookie", persona.at_origin());
        for target in ["/live", "/live?ends"] {
            let (_, mut raw) =
                client.raw_websocket(target).await.unwrap_or_else(|answer| panic!("{}", answer.text()));
            assert_eq!(raw.rest().await, b"", "{persona:?} {target}");
        }
    }
}

/// A gateway that lets everybody open a WebSocket, so that the app is not asked who they are.
fn open() -> Builder {
    let off = "enabled: false\n";
    Gateway::builder().rule("personal-data", off).rule("files", off)
}

/// Opens a WebSocket and says hello before a byte of the request is read, then waits for a message and answers it.
async fn answer_first(mut stream: TcpStream, pieces: usize) {
    stream.set_nodelay(true).unwrap();
    let answer = [SWITCH, HELLO].concat();
    for piece in answer.chunks(answer.len().div_ceil(pieces)) {
        stream.write_all(piece).await.unwrap();
    }
    let mut read = Vec::new();
    while read.windows(4).position(|four| four == b"\r\n\r\n").is_none_or(|at| at + 4 == read.len()) {
        if stream.read_buf(&mut read).await.unwrap() == 0 {
            return;
        }
    }
    stream.write_all(HEARD).await.unwrap();
    while stream.read_buf(&mut read).await.is_ok_and(|read| read > 0) {}
}

const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Text frames (RFC 6455 §5.2).
const HELLO: &[u8] = b"\x81\x05hello";
const HEARD: &[u8] = b"\x81\x05heard";
