//! Messages that do not pass: the client is told why, the app is told that he has gone, and nothing else passes.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use super::messages::{EVENT, assert_hidden, closed, open, serving, text, within};
use crate::harness::{Builder, Client, Exchange, Gateway, Origin, Persona, lines_with};

/// What the app has heard on its WebSockets, in words.
pub(super) type Heard = Arc<Mutex<Vec<String>>>;

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).start().await;
    let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
    socket.send(Message::text("[1]")).await.unwrap();
    socket.send(Message::text(format!("\"{}\"", "a".repeat(5000)))).await.unwrap();
    assert_eq!(closed(&mut socket).await, (1009, "limit-reached".to_owned()));
    assert_heard(&heard, &["text [1]", "close 1001 "]).await;
}

#[tokio::test]
async fn a_message_without_end_is_answered_before_it_is_sent() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).start().await;
    let (answer, mut raw) = open(operator(&gateway, Persona::Operator).raw_websocket("/live").await);
    // A gigabyte is announced, and some of it sent without looking at what comes.
    raw.write([0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]).await;
    for _ in 0..30 {
        raw.write([b'a'; 64 * 1024]).await;
    }
    raw.end().await;
    assert_eq!(close_frame(&raw.rest().await), (1009, "limit-reached".to_owned()));
    assert_heard(&heard, &["gone"]).await;
    let reason = |line: &String| line.contains("limit-reached");
    assert_eventually!(lines_with(answer.request_id()).iter().any(reason));
}

#[tokio::test]
async fn what_breaks_the_protocol_closes_with_its_code() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).start().await;
    let cases: [(&[u8], u16); 7] = [
        // Text that is not UTF-8, whole and in its first bytes.
        (b"\x81\x82\0\0\0\0\xce\xff", 1007),
        (b"\x01\x82\0\0\0\0\xf4\x90", 1007),
        (b"\x88\x85\0\0\0\0\x03\xe8\xce\xba\xed", 1007),
        // A reserved bit, an unknown opcode, a frame without a mask, a code that must not be sent.
        (b"\xc1\x81\0\0\0\0a", 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x81\x01a", 1002),
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),
    ];
    for (bytes, code) in cases {
        let (_, mut raw) = open(operator(&gateway, Persona::Operator).raw_websocket("/live").await);
        raw.write(bytes).await;
        raw.end().await;
        assert_eq!(close_frame(&raw.rest().await), (code, "malformed-message".to_owned()), "{bytes:?}");
        assert_heard(&heard, &["gone"]).await;
    }
}

#[tokio::test]
async fn where_nothing_is_hidden_from_anybody_the_app_is_spoken_to_itself() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).without_rule("personal-data").start().await;
    let (_, mut raw) = open(operator(&gateway, Persona::Supervisor).raw_websocket("/live").await);
    raw.write(b"\x81\x82\0\0\0\0\xce\xff").await;
    raw.end().await;
    let seen = raw.rest().await;
    assert!(!String::from_utf8_lossy(&seen).contains("malformed-message"), "{seen:?}");
    assert_eventually!(!heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn files_rules_hold_for_binary_messages_of_operators() {
    let gateway = Gateway::start().await;
    for (persona, is_blocked) in [
        (Persona::Trainee, true),
        (Persona::Partner, true),
        (Persona::Operator, false),
        (Persona::SuperAdmin, false),
    ] {
        let client = gateway.client().sign_in(persona).await;
        let mut socket = open(client.websocket("/live").await);
        text(&mut socket).await;
        socket.send(Message::binary(b"%PDF-1.7".to_vec())).await.unwrap();
        if is_blocked {
            assert_eq!(closed(&mut socket).await, (1008, "file-send-blocked".to_owned()));
        } else {
            assert_eq!(text(&mut socket).await, r#"{"size":8,"type":"file"}"#);
        }
    }
    let denied = async || {
        let entries = gateway.actions().await;
        entries.iter().filter(|entry| entry["type"] == "file.send.denied").count()
    };
    assert_eventually!(denied().await == 2);
}

#[tokio::test]
async fn files_rules_hold_for_events_that_the_profile_names() {
    let (origin, heard) = listening().await;
    let events = "app: blinger\nevents: { file: [\"upload:auth\"] }\n";
    let gateway =
        Gateway::builder().edit_profile("app: blinger\n", events).upstream(origin.address()).start().await;
    let upload = r#"42["upload:auth",{"size":4}]"#;
    let mut socket = open(operator(&gateway, Persona::Partner).websocket("/live").await);
    socket.send(Message::text(r#"42["message",{"text":"upload:auth"}]"#)).await.unwrap();
    socket.send(Message::text(upload)).await.unwrap();
    assert_eq!(closed(&mut socket).await, (1008, "file-send-blocked".to_owned()));
    assert_heard(&heard, &[r#"text 42["message",{"text":"upload:auth"}]"#, "close 1001 "]).await;
    // What looks like JSON and is not might be an event to the app.
    let mut socket = open(operator(&gateway, Persona::Partner).websocket("/live").await);
    socket.send(Message::text("{type:'upload:auth'}")).await.unwrap();
    assert_eq!(closed(&mut socket).await, (1008, "unscannable-body".to_owned()));
    assert_heard(&heard, &["close 1001 "]).await;
    let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
    socket.send(Message::text(upload)).await.unwrap();
    assert_heard(&heard, &[&format!("text {upload}")]).await;
}

#[tokio::test]
async fn binary_messages_of_the_app_reach_nobody_from_whom_something_is_kept() {
    let origin = serving(async |mut socket| {
        socket.send(Message::text(EVENT)).await.unwrap();
        socket.send(Message::binary(b"+37061234567".to_vec())).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for (persona, reason) in
        [(Persona::Trainee, "file-receive-blocked"), (Persona::Operator, "unscannable-stream")]
    {
        let mut socket = open(operator(&gateway, persona).websocket("/live").await);
        assert_hidden(&text(&mut socket).await);
        assert_eq!(closed(&mut socket).await, (1008, reason.to_owned()));
    }
    let mut socket = open(operator(&gateway, Persona::Supervisor).websocket("/live").await);
    assert_eq!(text(&mut socket).await, EVENT);
    assert_eq!(within(socket.next()).await.unwrap().unwrap(), Message::binary(b"+37061234567".to_vec()));
}

#[tokio::test]
async fn a_message_of_the_app_that_cannot_be_read_closes_with_1011() {
    for message in ["Anna K +37061234567 is waiting", r#"{"client_phone":"+37061234567""#, "[\"\u{1}\"]"] {
        let origin = serving(move |mut socket| async move {
            socket.send(Message::text(EVENT)).await.unwrap();
            socket.send(Message::text(message)).await.unwrap();
            socket.send(Message::text(EVENT)).await.unwrap();
            let closed = socket.next().await.unwrap().unwrap();
            assert!(
                matches!(closed, Message::Close(Some(CloseFrame { code, .. })) if u16::from(code) == 1001)
            );
        })
        .await;
        let gateway = Gateway::builder().upstream(origin.address()).start().await;
        let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
        assert_hidden(&text(&mut socket).await);
        assert_eq!(closed(&mut socket).await, (1011, "unscannable-stream".to_owned()), "{message}");
    }
}

#[tokio::test]
async fn frames_of_the_app_that_break_the_protocol_close_with_1011() {
    for bytes in [&b"\x81\x82\0\0\0\0[]"[..], b"\xc1\x02[]", b"\x85\x00", b"\x80\x00", b"\x81\x7e\x00\x02[]"]
    {
        let origin = Origin::start(move |mut exchange: Exchange| async move {
            exchange.switch("", &[b"\x81\x03[1]", bytes].concat()).await;
            exchange.rest().await;
            None
        })
        .await;
        let gateway = Gateway::builder().upstream(origin.address()).start().await;
        let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
        assert_eq!(text(&mut socket).await, "[1]");
        assert_eq!(closed(&mut socket).await, (1011, "unscannable-stream".to_owned()), "{bytes:?}");
    }
}

#[tokio::test]
async fn behind_a_refused_message_nothing_passes() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).start().await;
    let (_, mut raw) = open(operator(&gateway, Persona::Trainee).raw_websocket("/live").await);
    // A file and a message behind it, in one write and the next.
    raw.write(b"\x82\x81\0\0\0\0a\x81\x83\0\0\0\0[1]").await;
    raw.write(b"\x81\x83\0\0\0\0[2]\x88\x82\0\0\0\0\x03\xe8\x81\x83\0\0\0\0[3]").await;
    assert_eq!(close_frame(&raw.rest().await), (1008, "file-send-blocked".to_owned()));
    assert_heard(&heard, &["close 1001 "]).await;
}

#[tokio::test]
async fn a_client_who_does_not_answer_the_close_frame_is_cut() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).start().await;
    let (_, mut raw) = open(operator(&gateway, Persona::Trainee).raw_websocket("/live").await);
    raw.write(b"\x82\x81\0\0\0\0a").await;
    assert_eq!(close_frame(&raw.rest().await), (1008, "file-send-blocked".to_owned()));
    assert_heard(&heard, &["gone"]).await;
}

#[tokio::test]
async fn a_rule_that_only_monitors_closes_nothing() {
    let (origin, heard) = listening().await;
    let gateway = limited(&origin).monitor("files").monitor("personal-data").start().await;
    let mut socket = open(operator(&gateway, Persona::Trainee).websocket("/live").await);
    socket.send(Message::binary(b"a".to_vec())).await.unwrap();
    socket.send(Message::text("Client 7F3KQ-2MX9T")).await.unwrap();
    assert_heard(&heard, &["binary 1", "text Client 7F3KQ-2MX9T"]).await;
}

/// An app that says nothing but what `["say", …]` tells it to, and what it hears.
pub(super) async fn listening() -> (Origin, Heard) {
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    let origin = serving(move |mut socket| {
        let heard = Arc::clone(&kept);
        async move {
            let note = |words: String| heard.lock().unwrap().push(words);
            loop {
                match socket.next().await {
                    Some(Ok(Message::Text(text))) => {
                        note(format!("text {text}"));
                        let said = text.strip_prefix("42").and_then(|event| serde_json::from_str(event).ok());
                        if let Some((true, words)) =
                            said.map(|(name, words): (String, String)| (name == "say", words))
                        {
                            socket.send(Message::text(words)).await.unwrap();
                        }
                    }
                    Some(Ok(Message::Binary(bytes))) => note(format!("binary {}", bytes.len())),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        note(format!("close {} {}", u16::from(frame.code), frame.reason));
                        while socket.next().await.is_some_and(|message| message.is_ok()) {}
                        return;
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return note("gone".to_owned()),
                }
            }
        }
    })
    .await;
    (origin, heard)
}

/// Waits until the app has heard this and nothing else, and forgets it.
pub(super) async fn assert_heard(heard: &Heard, expected: &[&str]) {
    assert_eventually!(heard.lock().unwrap().len() >= expected.len(), "{:?}", heard.lock().unwrap());
    assert_eq!(*heard.lock().unwrap(), expected);
    heard.lock().unwrap().clear();
}

fn limited(origin: &Origin) -> Builder {
    Gateway::builder().upstream(origin.address()).config("limits", json!({ "message": "4KiB" }))
}

pub(super) fn operator(gateway: &Gateway, persona: Persona) -> Client {
    gateway.client().with("cookie", persona.at_origin())
}

/// Code and reason of the one frame that a connection has ended with.
fn close_frame(bytes: &[u8]) -> (u16, String) {
    match bytes {
        [0x88, length, high, low, reason @ ..] if reason.len() + 2 == usize::from(*length) => {
            (u16::from_be_bytes([*high, *low]), String::from_utf8(reason.to_vec()).unwrap())
        }
        _ => panic!("no close frame: {bytes:?}"),
    }
}
