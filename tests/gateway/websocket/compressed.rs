//! permessage-deflate (RFC 7692) through the gateway: what is offered, agreed upon and sent.

use std::sync::{Arc, Mutex};

use chatwarden_redact::codings::{Coding, CodingLimits, Decoder, Encoder, Progress};
use serde_json::json;

use super::messages::{EVENT, assert_hidden, open};
use crate::harness::{Builder, Exchange, Gateway, Origin, Persona, Raw, Response};

const OFFER: &str = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame";
/// What of it goes upstream of a caller whose messages are read.
const READABLE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
    client_max_window_bits, permessage-deflate; client_max_window_bits";

#[tokio::test]
async fn compression_is_offered_as_it_can_be_read() {
    let nothing_hidden = Gateway::builder().without_rule("personal-data");
    let offered = async |builder: Builder, persona: Persona, offer: &str| {
        let origin = Origin::start(async |mut exchange: Exchange| {
            exchange.switch("", b"").await;
            exchange.rest().await;
            None
        })
        .await;
        let gateway = builder.upstream(origin.address()).start().await;
        let client = gateway.client().with("cookie", persona.at_origin());
        let (answer, _raw) =
            open(client.with("sec-websocket-extensions", offer).raw_websocket("/live").await);
        assert_eq!(answer.header("sec-websocket-extensions"), None);
        origin.seen()[0].field("sec-websocket-extensions").map(str::to_owned)
    };
    assert_eq!(offered(nothing_hidden, Persona::SuperAdmin, OFFER).await.as_deref(), Some(OFFER));
    // What they write is read for aliases.
    assert_eq!(offered(Gateway::builder(), Persona::SuperAdmin, OFFER).await.as_deref(), Some(READABLE));
    assert_eq!(offered(Gateway::builder(), Persona::Operator, OFFER).await.as_deref(), Some(READABLE));
    assert_eq!(offered(Gateway::builder(), Persona::Operator, "x-mystery").await, None);
    assert_eq!(offered(Gateway::builder(), Persona::Operator, "permessage-deflate; mystery").await, None);
    // No room for contexts, no compression.
    let none = Gateway::builder().config("limits", json!({ "deflate_contexts": 1 }));
    assert_eq!(offered(none, Persona::Operator, OFFER).await, None);
}

#[tokio::test]
async fn compressed_messages_are_rewritten_with_and_without_context_takeover() {
    let no_takeover = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for accepted in [no_takeover, "permessage-deflate", "permessage-deflate; client_max_window_bits=10"] {
        let takeover = accepted != no_takeover;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        let origin = Origin::start(move |mut exchange: Exchange| {
            let kept = Arc::clone(&kept);
            async move {
                let mut deflater = Deflater::new(takeover);
                let frames = [EVENT, EVENT, "[]"].map(|text| frame(0xc1, &deflater.deflate(text), None));
                let lines = format!("Sec-WebSocket-Extensions: {accepted}\r\n");
                exchange.switch(&lines, &frames.concat()).await;
                *kept.lock().unwrap() = exchange.rest().await;
                None
            }
        })
        .await;
        let gateway = Gateway::builder().upstream(origin.address()).start().await;
        let client = gateway.client().with("cookie", Persona::Operator.at_origin());
        let client = client.with("sec-websocket-extensions", OFFER);
        let (answer, mut raw) = open(client.raw_websocket("/live").await);
        assert_eq!(answer.header("sec-websocket-extensions"), Some(accepted));
        let mut inflater = Inflater::new(takeover);
        for _ in 0..2 {
            assert_hidden(&inflater.inflate(&message(&mut raw, 0xc1).await));
        }
        assert_eq!(inflater.inflate(&message(&mut raw, 0xc1).await), "[]");
        let mut deflater = Deflater::new(takeover);
        for text in ["[1,1,1,1,1,1]", "[1,1,1,1,1,2]"] {
            raw.write(frame(0xc1, &deflater.deflate(text), Some([7, 7, 7, 7]))).await;
        }
        raw.write(frame(0x88, b"\x03\xe8", Some([1, 2, 3, 4]))).await;
        raw.end().await;
        raw.rest().await;
        assert_eventually!(!heard.lock().unwrap().is_empty());
        let heard = heard.lock().unwrap().clone();
        let mut inflater = Inflater::new(takeover);
        let mut rest = heard.as_slice();
        for expected in ["[1,1,1,1,1,1]", "[1,1,1,1,1,2]"] {
            assert_eq!(inflater.inflate(&take_masked(&mut rest, 0xc1)), expected);
        }
        assert_eq!(take_masked(&mut rest, 0x88), b"\x03\xe8");
    }
}

#[tokio::test]
async fn a_bomb_is_refused_either_way() {
    let bomb = Arc::new(Deflater::new(false).deflate(&" ".repeat(1 << 20)));
    assert!(bomb.len() < 4096);
    let sent = Arc::clone(&bomb);
    let origin = Origin::start(move |mut exchange: Exchange| {
        let sent = Arc::clone(&sent);
        async move {
            let first = if exchange.target() == "/live?bomb" { frame(0xc1, &sent, None) } else { Vec::new() };
            exchange.switch("Sec-WebSocket-Extensions: permessage-deflate\r\n", &first).await;
            exchange.rest().await;
            None
        }
    })
    .await;
    let limits = json!({ "message": "64KiB" });
    let gateway = Gateway::builder().upstream(origin.address()).config("limits", limits).start().await;
    let client = gateway.client().with("cookie", Persona::Operator.at_origin());
    let client = client.with("sec-websocket-extensions", "permessage-deflate");
    let (_, mut raw) = open(client.raw_websocket("/live?bomb").await);
    assert_eq!(message(&mut raw, 0x88).await, b"\x03\xf3unscannable-stream");
    let (_, mut raw) = open(client.raw_websocket("/live").await);
    raw.write(frame(0xc1, &bomb, Some([9, 8, 7, 6]))).await;
    assert_eq!(message(&mut raw, 0x88).await, b"\x03\xf1limit-reached");
}

#[tokio::test]
async fn an_app_that_accepts_what_was_not_offered_is_not_let_through() {
    for accepted in
        ["x-webkit-deflate-frame", "permessage-deflate; client_max_window_bits=9", "permessage-deflate,"]
    {
        let origin = Origin::start(move |mut exchange: Exchange| async move {
            exchange.switch(&format!("Sec-WebSocket-Extensions: {accepted}\r\n"), b"").await;
            exchange.rest().await;
            None
        })
        .await;
        let gateway = Gateway::builder().upstream(origin.address()).start().await;
        let client = gateway.client().with("cookie", Persona::Operator.at_origin());
        let offering = client.with("sec-websocket-extensions", "permessage-deflate");
        let handshake = offering.raw_websocket("/live").await;
        if accepted == "permessage-deflate," {
            open(handshake);
            assert_unscannable(client.raw_websocket("/live").await);
        } else {
            assert_unscannable(handshake);
        }
    }
}

#[track_caller]
fn assert_unscannable(handshake: Result<(Response, Raw), Response>) {
    let answer = handshake.err().expect("the connection is open");
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.header("x-chatwarden-reason"), Some("unscannable-stream"));
}

/// One end's compressor: the coding `deflate` without its head.
pub(crate) struct Deflater {
    takeover: bool,
    encoder: Encoder,
    has_head: bool,
}

impl Deflater {
    pub(crate) fn new(takeover: bool) -> Deflater {
        Deflater { takeover, encoder: Encoder::new(Coding::Deflate), has_head: true }
    }

    pub(crate) fn deflate(&mut self, text: &str) -> Vec<u8> {
        if !self.takeover {
            *self = Deflater::new(false);
        }
        let mut out = Vec::new();
        self.encoder.write(text.as_bytes(), &mut out).unwrap();
        self.encoder.flush(&mut out).unwrap();
        if std::mem::take(&mut self.has_head) {
            out.drain(..2);
        }
        assert_eq!(out.split_off(out.len() - 4), [0, 0, 0xff, 0xff]);
        out
    }
}

/// One end's decompressor.
pub(crate) struct Inflater {
    takeover: bool,
    decoder: Decoder,
    has_head: bool,
}

impl Inflater {
    pub(crate) fn new(takeover: bool) -> Inflater {
        let decoder = Decoder::new(&[Coding::Deflate], CodingLimits::default());
        Inflater { takeover, decoder, has_head: false }
    }

    pub(crate) fn inflate(&mut self, coded: &[u8]) -> String {
        if !self.takeover {
            *self = Inflater::new(false);
        }
        let head: &[u8] = if std::mem::replace(&mut self.has_head, true) { &[] } else { &[0x78, 0x9c] };
        let coded = [head, coded, &[0, 0, 0xff, 0xff]].concat();
        let (mut input, mut out) = (coded.as_slice(), Vec::new());
        while self.decoder.decode(&mut input, &mut out, 1 << 16).unwrap() == Progress::NeedsRoom {}
        String::from_utf8(out).unwrap()
    }
}

pub(crate) fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        length @ ..126 => out.push(masked | length as u8),
        length => {
            out.push(masked | 126);
            out.extend((length as u16).to_be_bytes());
        }
    }
    out.extend(key.into_iter().flatten());
    let key = key.unwrap_or_default();
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    out
}

/// The payload of the next frame, which must be of this kind.
async fn message(raw: &mut Raw, first: u8) -> Vec<u8> {
    let head = raw.take(2).await;
    assert_eq!(head[0], first, "{head:?}");
    let length = match head[1] {
        126 => {
            let long = raw.take(2).await;
            usize::from(u16::from_be_bytes([long[0], long[1]]))
        }
        short => usize::from(short),
    };
    raw.take(length).await
}

/// The payload of a masked frame at the front of bytes.
fn take_masked(rest: &mut &[u8], first: u8) -> Vec<u8> {
    assert_eq!(rest[0], first);
    let length = usize::from(rest[1] & 0x7f);
    let (key, payload) = (&rest[2..6], &rest[6..6 + length]);
    let payload = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
    *rest = &rest[6 + length..];
    payload
}
