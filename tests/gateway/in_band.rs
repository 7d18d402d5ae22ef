//! Apps that sign in by messages: whose a stream is, over long polls and WebSockets, and what is spent with a ticket.

use futures_util::{SinkExt, StreamExt};
use percent_encoding::percent_decode_str;
use serde_json::json;

use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::harness::{Builder, Client, Gateway, Origin, Persona, Response};

type Socket = WebSocketStream<TcpStream>;

const PHONE: &str = "+37061234567";
const MESSAGE: &str = r#"42["msg",{"phone":"+37061234567"}]"#;
const TAKEN: &str = r#"42["taken"]"#;
const OWNER: &str = "owner@example.com";
const TRAINEE: &str = "1043";
const OPERATOR: &str = "ieva";
const POLL: &str = "/live/?transport=polling";

/// An app that answers a poll with the messages that its query says, and takes what is sent to it. Over a WebSocket it says
/// what it is told to by `say`.
async fn app() -> Origin {
    Origin::start(|mut exchange| async move {
        if exchange.head.to_ascii_lowercase().contains("upgrade: websocket") {
            let mut socket = exchange.websocket("", b"").await;
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else { continue };
                let Some(said) = text.strip_prefix("42").and_then(said) else { continue };
                for message in said {
                    socket.feed(Message::text(message)).await.unwrap();
                }
                let _ = socket.flush().await;
            }
            return None;
        }
        exchange.read_body().await;
        let said = exchange.target().split("say=").nth(1).unwrap_or_default();
        let said = percent_decode_str(said).decode_utf8().unwrap().into_owned();
        exchange.answer("text/plain; charset=UTF-8", &said).await;
        Some(exchange)
    })
    .await
}

fn gateway(app: &Origin) -> Builder {
    let events = r#"app: blinger
events:
  sign_in: [ { name: ask, account: "$[1].user", confirmed: taken, refused: not_taken } ]
  file: [upload]
streams: [ { route: "* /live/**", session: sid } ]
tickets: [ { event: ticket, token: "$[1]", spend: "POST /upload/{token}" } ]
"#;
    Gateway::builder().upstream(app.address()).edit_profile("app: blinger\n", events).edit_rule(
        "groups",
        "# super_admins:",
        "super_admins:",
    )
}

/// Sends messages in a stream.
async fn send(client: &Client, stream: &str, messages: &[&str]) -> Response {
    client
        .post(&format!("{POLL}&sid={stream}"))
        .body("text/plain;charset=UTF-8", messages.join("\u{1e}"))
        .await
}

/// What comes of messages that the app says in a stream.
async fn poll(client: &Client, stream: &str, messages: &[&str]) -> Response {
    let encoded: String = messages.join("\u{1e}").bytes().map(|byte| format!("%{byte:02X}")).collect();
    client.get(&format!("{POLL}&sid={stream}&say={encoded}")).await
}

fn ask(account: &str) -> String {
    format!(r#"42["ask",{{"user":"{account}","password":"p"}}]"#)
}

async fn sign_in(client: &Client, stream: &str, account: &str) {
    assert_eq!(send(client, stream, &[&ask(account)]).await.status(), 200);
    assert_eq!(poll(client, stream, &[TAKEN]).await.status(), 200);
}

#[tokio::test]
async fn a_stream_is_judged_as_the_account_that_its_messages_sign_in() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    assert!(!poll(&client, "s1", &[MESSAGE]).await.text().contains(PHONE), "nobody has signed in");
    send(&client, "s1", &[&ask(OWNER)]).await;
    let answer = poll(&client, "s1", &[MESSAGE, TAKEN, MESSAGE]).await;
    let messages: Vec<&str> = answer.text().split('\u{1e}').collect();
    assert_eq!(messages[1..], [TAKEN, MESSAGE], "from the message that takes it on");
    assert!(!messages[0].contains(PHONE), "and not before");
    assert_eq!(poll(&client, "s1", &[MESSAGE]).await.text(), MESSAGE);
    assert!(!poll(&client, "s2", &[MESSAGE]).await.text().contains(PHONE), "another stream");

    sign_in(&client, "s2", OPERATOR).await;
    assert!(!poll(&client, "s2", &[MESSAGE]).await.text().contains(PHONE));
}

#[tokio::test]
async fn what_the_app_has_not_taken_opens_nothing() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    send(&client, "s1", &[&ask(OWNER)]).await;
    for said in [r#"42["not_taken"]"#, r#"431["taken"]"#, r#"42["msg","taken"]"#] {
        assert!(!poll(&client, "s1", &[said, MESSAGE]).await.text().contains(PHONE), "{said}");
    }
    // Two accounts at once: nobody can tell which one is taken.
    send(&client, "s2", &[&ask(OPERATOR), &ask(OWNER)]).await;
    assert!(!poll(&client, "s2", &[TAKEN, MESSAGE, TAKEN, MESSAGE]).await.text().contains(PHONE));
}

#[tokio::test]
async fn an_answer_that_passes_ends_where_the_stream_becomes_a_masked_accounts() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    sign_in(&client, "s1", OWNER).await;
    send(&client, "s1", &[&ask(OPERATOR)]).await;
    assert_eq!(poll(&client, "s1", &[MESSAGE]).await.text(), MESSAGE, "the app has not taken it yet");
    // Nothing has left yet, so it is refused rather than cut.
    let answer = poll(&client, "s1", &[TAKEN, MESSAGE]).await;
    assert_eq!((answer.status().as_u16(), answer.text().contains(PHONE)), (502, false));
    assert!(!poll(&client, "s1", &[MESSAGE]).await.text().contains(PHONE));
}

#[tokio::test]
async fn what_cannot_be_read_or_sends_a_file_does_not_reach_the_app() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    let refused = |answer: Response, status: u16, code: &str| {
        assert_eq!((answer.status().as_u16(), answer.header("x-chatwarden-reason")), (status, Some(code)));
    };
    for unreadable in ["d=42[\"ask\"]", "42[\"ask\",{\"user\":\"x\"}", "b4AAA", "42[\"\\ud800\"]"] {
        refused(send(&client, "s1", &[unreadable]).await, 415, "unscannable-body");
    }
    let coded = client.post(&format!("{POLL}&sid=s1")).header("content-encoding", "gzip");
    refused(coded.body("text/plain", ask(OWNER)).await, 415, "unscannable-body");
    for query in ["&sid=s1&sid=s2", "&sid=s1&s%69d=s2", "&sid=%ff"] {
        refused(client.get(&format!("{POLL}{query}")).await, 400, "request-ambiguous");
    }
    let file = r#"42["upload"]"#;
    refused(send(&client, "s1", &[file]).await, 403, "file-send-blocked");
    sign_in(&client, "s2", TRAINEE).await;
    refused(send(&client, "s2", &["2", file]).await, 403, "file-send-blocked");
    sign_in(&client, "s3", OPERATOR).await;
    assert_eq!(send(&client, "s3", &[file]).await.status(), 200);
    let picture = client.post(&format!("{POLL}&sid=s3")).body("image/png", ask(OWNER));
    refused(picture.await, 415, "unscannable-body");
    let came = app.seen().into_iter().filter(|arrival| arrival.line().starts_with("POST"));
    let came: Vec<_> = came.map(|arrival| String::from_utf8(arrival.body).unwrap()).collect();
    assert_eq!(came, [ask(TRAINEE), ask(OPERATOR), file.to_owned()]);
}

#[tokio::test]
async fn a_request_that_two_accounts_send_is_ambiguous() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    sign_in(&client, "s1", OWNER).await;
    let operator = client.with("cookie", Persona::Operator.at_origin());
    let answer = poll(&operator, "s1", &[MESSAGE]).await;
    assert_eq!(answer.header("x-chatwarden-reason"), Some("request-ambiguous"));
    // Who HTTP knows stays who it is.
    let owner = client.with("cookie", Persona::SuperAdmin.at_origin());
    assert_eq!(poll(&owner, "s2", &[MESSAGE]).await.text(), MESSAGE);
}

#[tokio::test]
async fn a_ticket_is_spent_as_the_account_that_it_was_handed_to() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    let spend = async |ticket: &str| {
        let call = client.post(&format!("/upload/{ticket}")).body("image/png", "\u{1}\u{2}");
        call.await.header("x-chatwarden-reason").map(str::to_owned)
    };
    let ticket = |name: &str| format!(r#"42["ticket","{name}"]"#);
    poll(&client, "s0", &[&ticket("t0")]).await;
    assert_eq!(spend("t0").await.as_deref(), Some("file-send-blocked"), "handed to nobody who is known");
    for (account, name, expected) in
        [(OWNER, "t1", None), (OPERATOR, "t2", None), (TRAINEE, "t3", Some("file-send-blocked"))]
    {
        sign_in(&client, name, account).await;
        poll(&client, name, &[&ticket(name)]).await;
        assert_eq!(spend(name).await.as_deref(), expected, "{account}");
    }
    assert_eq!(spend("t4").await.as_deref(), Some("file-send-blocked"));
}

/// Opens a WebSocket of the stream, or of none that has a name.
async fn open(client: &Client, query: &str) -> Socket {
    let answer = client.websocket(&format!("/live/?transport=websocket{query}")).await;
    answer.unwrap_or_else(|answer| panic!("{}", answer.text()))
}

/// What `["say", […]]` has the app say.
fn said(event: &str) -> Option<Vec<String>> {
    let (name, messages): (String, Vec<String>) = serde_json::from_str(event).ok()?;
    (name == "say").then_some(messages)
}

/// Has the app say messages at once, and tells which of them show what is hidden from operators.
async fn hear(socket: &mut Socket, messages: &[&str]) -> Vec<bool> {
    socket.send(Message::text(format!("42{}", json!(["say", messages])))).await.unwrap();
    let mut shown = Vec::new();
    for _ in messages {
        let message = socket.next().await.unwrap().unwrap();
        shown.push(message.to_text().unwrap().contains(PHONE));
    }
    shown
}

/// The close frame that comes next.
async fn closed(socket: &mut Socket) -> (u16, String) {
    match socket.next().await {
        Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => (code.into(), reason.to_string()),
        other => panic!("no close frame: {other:?}"),
    }
}

#[tokio::test]
async fn a_websocket_is_judged_as_the_account_that_its_messages_sign_in() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let mut socket = open(&gateway.client(), "").await;
    assert_eq!(hear(&mut socket, &[MESSAGE]).await, [false], "nobody has signed in");
    socket.send(Message::text(ask(OWNER))).await.unwrap();
    assert_eq!(hear(&mut socket, &[MESSAGE, r#"42["not_taken"]"#, TAKEN, MESSAGE]).await, [false; 4]);
    socket.send(Message::text(ask(OWNER))).await.unwrap();
    assert_eq!(hear(&mut socket, &[MESSAGE, TAKEN, MESSAGE]).await, [false, false, true]);
    assert_eq!(hear(&mut socket, &[MESSAGE]).await, [true]);
    socket.send(Message::text(ask(OPERATOR))).await.unwrap();
    assert_eq!(hear(&mut socket, &[MESSAGE, TAKEN, MESSAGE]).await, [true, false, false]);
}

/// The method of DDP, and the subscription of ActionCable.
#[tokio::test]
async fn an_answer_is_known_by_the_number_of_what_it_answers() {
    let app = app().await;
    let profile = r#"app: blinger
events:
  sign_in:
    - { name: login, answered_account: $.result.id, id: $.id, confirmed: result }
    - { name: subscribe, account: $.identifier.user, id: $.identifier, confirmed: confirm_subscription, refused: reject_subscription }
"#;
    let gateway = Gateway::builder()
        .upstream(app.address())
        .edit_profile("app: blinger\n", profile)
        .edit_rule("groups", "# super_admins:", "super_admins:")
        .start()
        .await;
    let login =
        |id: &str| format!(r#"{{"msg":"method","method":"login","params":[{{"resume":"t"}}],"id":"{id}"}}"#);
    let result = |id: &str| format!(r#"{{"msg":"result","id":"{id}","result":{{"id":"{OWNER}"}}}}"#);
    let mut socket = open(&gateway.client(), "").await;
    let other = r#"{"msg":"method","method":"show","params":[],"id":"1"}"#;
    for sent in [other, &login("2")] {
        socket.send(Message::text(sent)).await.unwrap();
    }
    assert_eq!(hear(&mut socket, &[&result("1"), MESSAGE]).await, [false, false], "of another method");
    assert_eq!(hear(&mut socket, &[&result("2"), MESSAGE]).await, [false, true]);

    let identifier = json!(json!({ "channel": "Room", "user": OWNER }).to_string());
    let subscribe = json!({ "command": "subscribe", "identifier": identifier }).to_string();
    let answer = |kind: &str| json!({ "identifier": identifier, "type": kind }).to_string();
    let mut socket = open(&gateway.client(), "").await;
    for (kind, expected) in [("reject_subscription", false), ("confirm_subscription", true)] {
        socket.send(Message::text(&subscribe)).await.unwrap();
        assert_eq!(hear(&mut socket, &[&answer(kind), MESSAGE]).await, [false, expected], "{kind}");
    }
}

#[tokio::test]
async fn a_binary_message_may_hold_a_sign_in_that_nobody_has_read() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let mut socket = open(&gateway.client(), "").await;
    socket.send(Message::text(ask(OWNER))).await.unwrap();
    hear(&mut socket, &[TAKEN]).await;
    socket.send(Message::binary(&b"\x82\xa4"[..])).await.unwrap();
    assert_eq!(hear(&mut socket, &[MESSAGE]).await, [true]);
    socket.send(Message::text(ask(OWNER))).await.unwrap();
    assert_eq!(hear(&mut socket, &[TAKEN, MESSAGE]).await, [false, false]);
}

#[tokio::test]
async fn polls_and_a_websocket_of_one_name_are_one_stream() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let client = gateway.client();
    let mut socket = open(&client, "&sid=s1").await;
    // Asked for here, and taken there.
    send(&client, "s1", &[&ask(OWNER)]).await;
    assert_eq!(hear(&mut socket, &[MESSAGE, TAKEN, MESSAGE]).await, [false, false, true]);
    assert_eq!(poll(&client, "s1", &[MESSAGE]).await.text(), MESSAGE);
    let mut other = open(&client, "&sid=s2").await;
    sign_in(&client, "s2", OWNER).await;
    assert_eq!(hear(&mut other, &[MESSAGE]).await, [true], "known before the app speaks again");
}

#[tokio::test]
async fn what_may_not_pass_closes_the_websocket() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    for (account, message, expected) in [
        (OPERATOR, "42[\"ask\",{\"user\"", "unscannable-body"),
        (OWNER, "42[\"ask\",{\"user\"", "unscannable-body"),
        (TRAINEE, r#"42["upload"]"#, "file-send-blocked"),
    ] {
        let mut socket = open(&gateway.client(), "").await;
        socket.send(Message::text(ask(account))).await.unwrap();
        hear(&mut socket, &[TAKEN]).await;
        socket.send(Message::text(message)).await.unwrap();
        assert_eq!(closed(&mut socket).await, (1008, expected.to_owned()), "{account}");
    }
}

#[tokio::test]
async fn an_open_websocket_follows_the_rights_of_its_account() {
    let app = app().await;
    let gateway = gateway(&app).start().await;
    let mut socket = open(&gateway.client(), "").await;
    socket.send(Message::text(ask(OWNER))).await.unwrap();
    hear(&mut socket, &[TAKEN]).await;
    let mut stranger = open(&gateway.client(), "").await;
    let before = gateway.read_rule("groups");
    gateway.write_rule(
        "groups",
        &before.replace("super_admins: [owner@example.com]", "super_admins: [nobody@example.com]"),
    );
    assert_eq!(closed(&mut socket).await, (1012, "rules-changed".to_owned()));
    // Of whom nothing has changed goes on.
    assert_eq!(hear(&mut stranger, &[MESSAGE]).await, [false]);
}
