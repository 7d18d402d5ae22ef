//! Messages that pass: rewritten for whom contact data is hidden from, and as they are for everybody else.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use crate::harness::{Exchange, Gateway, Origin, Persona};

type Socket = WebSocketStream<TcpStream>;

/// What an app tells of a client.
pub(super) const EVENT: &str = r#"42["new",{"id":7,"from_user":{"role":"default","title":"Anna K","service_user_id":"37061234567"},"client_phone":"+37061234567"}]"#;

#[tokio::test]
async fn a_masked_operator_gets_aliases_in_live_events() {
    let gateway = Gateway::start().await;
    let aliases = ["Client ", "c_"];
    for persona in Persona::MASKED {
        let client = gateway.client().sign_in(persona).await;
        let mut socket = open(client.websocket("/live").await);
        let hello = text(&mut socket).await;
        assert!(aliases.iter().all(|alias| hello.contains(alias)), "{hello}");
        assert!(!hello.contains("Мария"), "{hello}");
        socket.send(Message::text(r#"{"type":"echo","n":1.0}"#)).await.unwrap();
        assert_eq!(text(&mut socket).await, r#"{"type":"echo","n":1.0}"#, "nothing to hide");
        let said = json!({ "text": "Is anybody there?" });
        gateway.client().post("/widget/messages").json(&said).await.assert_passed(200);
        let event = text(&mut socket).await;
        assert!(event.contains("Is anybody there?"), "{event}");
        assert!(aliases.iter().all(|alias| event.contains(alias)), "{event}");
        socket.close(None).await.unwrap();
    }
    assert!(masked(&gateway).await >= 6);
}

#[tokio::test]
async fn the_same_client_has_the_same_alias_in_a_page_and_in_an_event() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    let hello = text(&mut open(client.websocket("/live").await)).await;
    let waiting = serde_json::from_str::<Value>(&hello).unwrap()["waiting"]["from_user"]["title"].clone();
    let inbox = client.get("/api/conversations").await.text().to_owned();
    assert!(inbox.contains(waiting.as_str().unwrap()), "{waiting} is not in {inbox}");
}

#[tokio::test]
async fn without_a_verified_identity_the_strictest_plan_holds() {
    let origin = speaking(EVENT).await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for cookie in ["session=nobody", "session=silent", "session=operator"] {
        let mut socket = open(gateway.client().with("cookie", cookie).websocket("/live").await);
        assert_hidden(&text(&mut socket).await);
    }
    let admin = gateway.client().with("cookie", Persona::SuperAdmin.at_origin());
    assert_eq!(text(&mut open(admin.websocket("/live").await)).await, EVENT);
}

#[tokio::test]
async fn frames_that_arrive_with_the_101_are_read_too() {
    let frame = [&[0x81, 126][..], &(EVENT.len() as u16).to_be_bytes(), EVENT.as_bytes()].concat();
    let origin = Origin::start(move |exchange| {
        let frame = frame.clone();
        async move {
            let mut socket = exchange.websocket("", &frame).await;
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
            None
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for _ in 0..10 {
        let client = gateway.client().with("cookie", Persona::Operator.at_origin());
        assert_hidden(&text(&mut open(client.websocket("/live").await)).await);
    }
}

#[tokio::test]
async fn fragments_and_what_stands_between_them_pass_in_order() {
    let origin = serving(async |mut socket| {
        for (at, piece) in EVENT.as_bytes().chunks(9).enumerate() {
            let opcode = if at == 0 { Data::Text } else { Data::Continue };
            let is_last = (at + 1) * 9 >= EVENT.len();
            let frame = Frame::message(piece.to_vec(), OpCode::Data(opcode), is_last);
            socket.send(Message::Frame(frame)).await.unwrap();
            socket.send(Message::Ping(vec![at as u8].into())).await.unwrap();
        }
        let mut pongs = 0;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Pong(payload) = message {
                assert_eq!(payload, vec![pongs]);
                pongs += 1;
            } else if let Message::Text(text) = message {
                socket.send(Message::text(format!("[{pongs},{text}]"))).await.unwrap();
            }
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let client = gateway.client().with("cookie", Persona::Operator.at_origin());
    let mut socket = open(client.websocket("/live").await);
    let pings = EVENT.len().div_ceil(9);
    let mut pinged = 0;
    // The last ping stands behind the message.
    while pinged < pings - 1 {
        let message = within(socket.next()).await.unwrap().unwrap();
        assert_eq!(message, Message::Ping(vec![pinged as u8].into()));
        pinged += 1;
    }
    assert_hidden(&text(&mut socket).await);
    // A message of the client in fragments is one for the app.
    let parts =
        [("\"fra", Data::Text, false), ("gme", Data::Continue, false), ("nts\"", Data::Continue, true)];
    for (part, opcode, is_last) in parts {
        socket.send(Message::Frame(Frame::message(part, OpCode::Data(opcode), is_last))).await.unwrap();
    }
    assert_eq!(text(&mut socket).await, format!("[{pinged},\"fragments\"]"));
}

#[tokio::test]
async fn close_codes_are_kept_both_ways() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let origin = serving(move |mut socket| {
        let told = told.clone();
        async move {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => told.send(frame).unwrap(),
                Some(Ok(Message::Text(reason))) => {
                    let frame = CloseFrame { code: 4001.into(), reason: reason.as_str().into() };
                    socket.close(Some(frame)).await.unwrap();
                }
                other => panic!("{other:?}"),
            }
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for persona in [Persona::Operator, Persona::SuperAdmin] {
        let client = gateway.client().with("cookie", persona.at_origin());
        let mut socket = open(client.websocket("/live").await);
        let left = CloseFrame { code: CloseCode::Library(4002), reason: "left".into() };
        socket.close(Some(left.clone())).await.unwrap();
        assert_eq!(heard.recv().await.unwrap(), Some(left));
        for (reason, shown) in [("session-expired", "session-expired"), ("37061234567 has left", "")] {
            let mut socket = open(client.websocket("/live").await);
            socket.send(Message::text(reason)).await.unwrap();
            let expected = if persona == Persona::Operator { shown } else { reason };
            let (code, reason) = closed(&mut socket).await;
            assert_eq!((code, reason.as_str()), (4001, expected));
        }
    }
}

#[tokio::test]
async fn an_app_that_breaks_off_is_seen_to() {
    let origin = Origin::start(async |mut exchange: Exchange| {
        exchange.switch("", b"\x81\x7e\x01\x00\"half").await;
        None
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let client = gateway.client().with("cookie", Persona::Operator.at_origin());
    let mut socket = open(client.websocket("/live").await);
    assert!(socket.next().await.is_none_or(|message| message.is_err()), "no close frame and no half message");
}

/// An app that says this and then waits.
pub(super) async fn speaking(message: &'static str) -> Origin {
    serving(move |mut socket| async move {
        socket.send(Message::text(message)).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    })
    .await
}

/// An app that does this on every WebSocket.
pub(super) async fn serving<F>(script: impl Fn(Socket) -> F + Clone + Send + Sync + 'static) -> Origin
where
    F: Future<Output = ()> + Send + 'static,
{
    Origin::start(move |exchange| {
        let script = script.clone();
        async move {
            script(exchange.websocket("", b"").await).await;
            None
        }
    })
    .await
}

#[track_caller]
pub(super) fn open<T>(handshake: Result<T, crate::harness::Response>) -> T {
    handshake.unwrap_or_else(|answer| panic!("{} {}", answer.status(), answer.text()))
}

/// The next text; pings before it are answered and left out.
pub(super) async fn text(socket: &mut Socket) -> String {
    loop {
        let message = within(socket.next()).await.expect("the connection has ended").unwrap();
        match message {
            Message::Text(text) => return text.as_str().to_owned(),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Binary(_) | Message::Close(_) | Message::Frame(_) => panic!("no text but {message:?}"),
        }
    }
}

/// Code and reason of the close frame, which must come next.
pub(super) async fn closed(socket: &mut Socket) -> (u16, String) {
    let message = within(socket.next()).await.expect("the connection has ended").unwrap();
    let Message::Close(Some(frame)) = message else { panic!("no close frame but {message:?}") };
    // The answer to it leaves, and the connection ends.
    while within(socket.next()).await.is_some_and(|message| message.is_ok()) {}
    (frame.code.into(), frame.reason.as_str().to_owned())
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(crate::harness::PATIENCE, future).await.expect("nothing comes")
}

#[track_caller]
pub(super) fn assert_hidden(event: &str) {
    assert!(!event.contains("Anna K") && !event.contains("37061234567"), "{event}");
    assert!(event.starts_with("42[\"new\",{\"id\":7,") && event.contains("Client "), "{event}");
}

/// How many values the gateway has counted as hidden.
async fn masked(gateway: &Gateway) -> u64 {
    let address = gateway.product().metrics_address().unwrap();
    let metrics = crate::harness::get(address, "/metrics", &[]).await.2;
    let lines = metrics.lines().filter(|line| line.starts_with("chatwarden_masked_values_total{"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
