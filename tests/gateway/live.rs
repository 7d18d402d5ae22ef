//! Open streams follow the rules: an event stream or a WebSocket does not outlive what it was opened under.

use std::{
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant, SystemTime},
};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use crate::harness::{Client, Gateway, Persona, Stream};

type Socket = WebSocketStream<TcpStream>;

/// An event stream and a WebSocket of one client, both at work.
async fn open(client: &Client) -> (Stream, Socket) {
    let mut events = client.get("/events").open().await;
    assert_eq!(events.status(), 200);
    events.next().await.unwrap().unwrap();
    let mut socket = client.websocket("/live").await.unwrap_or_else(|answer| panic!("{}", answer.text()));
    socket.next().await.unwrap().unwrap();
    (events, socket)
}

/// The close frame that a WebSocket ends with.
async fn closed(socket: &mut Socket) -> (u16, String) {
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                return (code.into(), reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("ended without a close frame: {other:?}"),
        }
    }
}

/// Waits for the end of an event stream, which is none of its own.
async fn cut(events: &mut Stream) {
    while let Ok(chunk) = events.next().await {
        assert!(chunk.is_some(), "the stream ended as if it were complete");
    }
}

async fn echo(socket: &mut Socket) {
    let text = r#"{"type":"echo","n":1}"#;
    socket.send(Message::text(text)).await.unwrap();
    loop {
        let message = socket.next().await.unwrap().unwrap();
        if message == Message::text(text) {
            return;
        }
    }
}

fn replaced(gateway: &Gateway, kind: &str, changes: &[(&str, &str)]) {
    let before = gateway.read_rule(kind);
    let after = changes.iter().fold(before.clone(), |text, (from, to)| text.replace(from, to));
    assert_ne!(before, after);
    gateway.write_rule(kind, &after);
}

/// Of the notice of a change: the watcher's, and the quiet that it waits for.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn streams_end_when_their_address_is_taken_off_the_whitelist() {
    let gateway = Gateway::start().await;
    let client = gateway.client_at(Ipv4Addr::new(127, 0, 1, 20)).sign_in(Persona::SuperAdmin).await;
    let (mut events, mut socket) = open(&client).await;
    let before = Instant::now();
    replaced(
        &gateway,
        "ip-whitelist",
        &[
            ("  - 127.0.0.0/8", "  - 127.0.9.0/24"),
            ("{ from: 127.0.0.1, expect: allowed }", "{ from: 127.0.9.1, expect: allowed }"),
        ],
    );
    assert_eq!(closed(&mut socket).await, (1008, "ip-not-whitelisted".to_owned()));
    cut(&mut events).await;
    assert!(before.elapsed() < SOON, "{:?}", before.elapsed());
    assert_eventually!(gateway.status()["open_streams"] == 0, "{}", gateway.status());
}

#[tokio::test]
async fn streams_end_when_their_account_signs_out() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    let other = gateway.client().sign_in(Persona::Supervisor).await;
    let (mut events, mut socket) = open(&client).await;
    let (_, mut others) = open(&other).await;
    assert_eq!(gateway.status()["open_streams"], 4);
    client.post("/logout").await;
    assert_eq!(closed(&mut socket).await, (1008, "session-ended".to_owned()));
    cut(&mut events).await;
    echo(&mut others).await;
}

#[tokio::test]
async fn streams_that_would_hide_more_have_to_start_anew() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let (mut events, mut socket) = open(&client).await;
    replaced(
        &gateway,
        "personal-data",
        &[
            ("exempt_groups: [supervisors]", "exempt_groups: []"),
            (
                "group: supervisors, phone: \"+37061234567\", expect: shown",
                "group: supervisors, phone: \"+37061234567\", expect: hidden",
            ),
        ],
    );
    assert_eq!(closed(&mut socket).await, (1012, "rules-changed".to_owned()));
    cut(&mut events).await;
    let (_, mut socket) = open(&client).await;
    echo(&mut socket).await;
    let mut events = client.get("/events").open().await;
    let first = events.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("Client "), "{first:?}");
}

#[tokio::test]
async fn streams_go_on_through_edits_that_do_not_concern_them() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    let masked = gateway.client().sign_in(Persona::Operator).await;
    let (mut events, mut socket) = open(&client).await;
    let mut hidden = masked.get("/events").open().await;
    hidden.next().await.unwrap().unwrap();
    for (kind, from, to) in [
        ("ip-whitelist", "  - 203.0.113.0/24", "  - 203.0.113.0/24\n  - 198.51.100.128/25"),
        ("iframe", "enabled: true", "enabled: true # as before"),
    ] {
        let generation = gateway.generation();
        replaced(&gateway, kind, &[(from, to)]);
        assert_eventually!(gateway.generation() > generation, "{}", gateway.status());
    }
    echo(&mut socket).await;
    let text = json!({ "text": "Is anybody there?" });
    gateway.client().post("/widget/messages").json(&text).await.assert_passed(200);
    for stream in [&mut events, &mut hidden] {
        let event = stream.next().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&event).contains("Is anybody there?"));
    }
}

#[tokio::test]
async fn streams_end_when_the_app_forgets_the_session() {
    let source = json!({
        "path": "/api/me",
        "from": [{ "cookie": "*" }],
        "account": "$.id",
        "role": "$.role",
        "groups": "$.groups[*].title",
        "cache_ttl": "1s",
    });
    let gateway = Gateway::builder().config("identity", json!([{ "introspection": source }])).start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    let (mut events, mut socket) = open(&client).await;
    client.behind().post("/logout").await;
    assert_eq!(closed(&mut socket).await, (1008, "session-ended".to_owned()));
    cut(&mut events).await;
}

#[tokio::test]
async fn streams_of_a_trusted_proxy_last_as_long_as_it_is_trusted() {
    let source = json!({ "account": "X-Auth-User", "role": "X-Auth-Role", "peers": ["127.0.0.9"] });
    let gateway =
        Gateway::builder().open_app().config("identity", json!([{ "trusted_header": source }])).start().await;
    let proxy = gateway.client_at([127, 0, 0, 9]).with("x-auth-user", "1").with("x-auth-role", "super_admin");
    let (mut events, mut socket) = open(&proxy).await;
    // Judged anew, and nothing else than before.
    let generation = gateway.generation();
    replaced(&gateway, "iframe", &[("enabled: true", "enabled: true # as before")]);
    assert_eventually!(gateway.generation() > generation, "{}", gateway.status());
    echo(&mut socket).await;
    let config = fs::read_to_string(gateway.path("config.yaml")).unwrap();
    fs::write(gateway.path("config.yaml"), config.replace("127.0.0.9", "127.0.0.8")).unwrap();
    gateway.product().reload().await;
    assert_eq!(closed(&mut socket).await, (1008, "session-ended".to_owned()));
    cut(&mut events).await;
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    let source = json!({
        "from": [{ "cookie": "session" }],
        "keys": { "secret_file": "jwt.secret" },
        "algorithms": ["HS256"],
        "claims": { "account": "sub", "role": "role" },
    });
    let gateway = Gateway::builder()
        .open_app()
        .config("identity", json!([{ "jwt": source }]))
        .file("jwt.secret", SECRET)
        .start()
        .await;
    // The gateway allows for clocks that are half a minute apart.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "sub": "1001", "role": "super_admin", "exp": now - 28 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
    let client = gateway.client().with("cookie", &format!("session={token}"));
    let (mut events, mut socket) = open(&client).await;
    assert_eq!(closed(&mut socket).await, (1008, "session-ended".to_owned()));
    cut(&mut events).await;
}
