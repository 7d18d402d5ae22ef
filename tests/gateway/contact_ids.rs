//! Ids that are contacts: a masked operator works with tokens, and the app gets its own ids.

use chatwarden_redact::{AliasKey, Class};
use futures_util::{SinkExt, StreamExt};
use http::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Arrival, Client, Gateway, Origin, Persona, Response};

const JID: &str = "79161112233@s.whatsapp.net";
const ENCODED: &str = "79161112233%40s.whatsapp.net";
const MASKED: &str = "masked-value";
const IN_TEXT: &str = "alias-in-message";

const PROFILE: &str = r#"
app: chats
extends: blinger
who_am_i: ["GET /chats/self"]
contact_ids:
  handle: ["$..chats[*].id", "$..chatId", "$..jid"]
contact_keys:
  handle: ["$..unread"]
"#;

/// An app whose chats are named by JIDs, and a gateway in front of it.
struct Place {
    origin: Origin,
    gateway: Gateway,
}

impl Place {
    async fn start() -> Place {
        let origin = Origin::start(|mut exchange| async move {
            exchange.read_body().await;
            if exchange.target() == "/live" {
                let mut socket = exchange.websocket("", b"").await;
                socket.send(Message::text(format!("42[\"chats\",{}]", chats()))).await.unwrap();
                // What comes is told again, so that a test sees how it came.
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let seen = text.contains(JID) && !text.contains("ct_");
                    socket.send(Message::text(json!({ "seen": seen }).to_string())).await.unwrap();
                }
                return None;
            }
            match exchange.target() {
                "/moved" => {
                    let to = format!("Location: /chats/{ENCODED}?page=2\r\nContent-Length: 0\r\n\r\n");
                    exchange.send(format!("HTTP/1.1 302 Found\r\n{to}")).await;
                }
                "/events" => exchange.answer("text/event-stream", &format!("data: {}\n\n", chats())).await,
                _ => exchange.answer("application/json", &chats().to_string()).await,
            }
            Some(exchange)
        })
        .await;
        let gateway = Gateway::builder()
            .upstream(origin.address())
            .file("profiles/chats.yaml", PROFILE)
            .file("alias.key", NEW)
            .file("old.key", OLD)
            .config("profile", json!("profiles/chats.yaml"))
            .config("keys", json!({ "alias": [{ "file": "alias.key" }, { "file": "old.key" }] }))
            .start()
            .await;
        Place { origin, gateway }
    }

    fn client(&self, persona: Persona) -> Client {
        self.gateway.client().with("cookie", persona.at_origin())
    }

    /// The last request that reached the app.
    fn last(&self) -> Arrival {
        self.origin.seen().pop().unwrap()
    }
}

/// What the app answers.
fn chats() -> Value {
    json!({ "chats": [{ "id": JID, "name": "x" }, { "id": 7 }], "unread": { JID: 2 }, "text": "hello", "next": format!("/chats/{ENCODED}/messages?page=2") })
}

#[tokio::test]
async fn a_masked_operator_finds_opens_and_answers_chats_by_tokens() {
    let place = Place::start().await;
    let operator = place.client(Persona::Operator);
    let shown = operator.get("/chats").await;
    let token = shown.json()["chats"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(token, AliasKey::new(NEW.as_bytes()).unwrap().seal(Class::Handle, JID.as_bytes()));
    assert_eq!(shown.json()["unread"], json!({ &token: 2 }));
    assert!(!shown.text().contains("1112233"), "{}", shown.text());
    assert!(operator.get("/events").await.text().contains(&format!("\"id\":\"{token}\"")));
    assert_eq!(shown.json()["next"], format!("/chats/{token}/messages?page=2"));
    let moved = operator.get("/moved").await;
    assert_eq!(moved.header("location"), Some(&*format!("/chats/{token}?page=2")));

    let mut socket = operator.websocket("/live").await.ok().unwrap();
    let message = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(message.contains(&format!("\"id\":\"{token}\"")) && !message.contains("1112233"), "{message}");
    let sent = json!(["send", { "chatId": token, "text": "hi" }]);
    socket.send(Message::text(format!("42{sent}"))).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap().as_str(), r#"{"seen":true}"#);
    let sent = json!(["send", { "text": format!("Dear {token}") }]);
    socket.send(Message::text(format!("42{sent}"))).await.unwrap();
    let Message::Close(Some(close)) = socket.next().await.unwrap().unwrap() else { panic!("it was sent") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, IN_TEXT));

    let opened = operator.get(&format!("/chats/{token}/messages?around={token}&n=1")).await;
    assert_eq!(opened.status(), 200, "{}", opened.text());
    assert_eq!(opened.json()["chats"][0]["id"], token);
    let target = place.last().line().split(' ').nth(1).unwrap().to_owned();
    assert_eq!(target.replace('@', "%40"), format!("/chats/{ENCODED}/messages?around={ENCODED}&n=1"));

    let send = async |content_type: &str, body: String| {
        told(&operator.post(&format!("/chats/{token}/messages")).body(content_type, body).await)
    };
    assert_eq!(
        send("application/json", json!({ "chatId": token, "text": "hi" }).to_string()).await,
        passed()
    );
    assert_eq!(place.last().body, json!({ "chatId": JID, "text": "hi" }).to_string().into_bytes());
    assert!(place.last().line().replace('@', "%40").starts_with(&format!("POST /chats/{ENCODED}/messages ")));
    assert_eq!(send("application/json", json!({ "unread": { &token: 0 } }).to_string()).await, passed());
    assert_eq!(place.last().body, json!({ "unread": { JID: 0 } }).to_string().into_bytes());
    assert_eq!(send("application/x-www-form-urlencoded", format!("a=1&chatId={token}")).await, passed());
    assert_eq!(place.last().body, format!("a=1&chatId={ENCODED}").into_bytes());
    let part = |value: &str| {
        format!("--b7\r\nContent-Disposition: form-data; name=\"chatId\"\r\n\r\n{value}\r\n--b7--\r\n")
    };
    assert_eq!(send("multipart/form-data; boundary=b7", part(&token)).await, passed());
    assert_eq!(place.last().body, part(JID).into_bytes());

    // In free text it greets nobody, and no other field tells what it holds.
    let before = place.origin.seen().len();
    for (body, reason) in [
        (json!({ "chatId": token, "text": format!("Dear {token}") }), IN_TEXT),
        (json!({ "text": token }), MASKED),
        (json!({ "client_phone": token }), MASKED),
        (json!({ "title": token }), MASKED),
    ] {
        assert_eq!(send("application/json", body.to_string()).await, refused(reason), "{body}");
    }
    assert_eq!(place.origin.seen().len(), before);

    // Who sees ids may follow a link that somebody else was shown.
    let supervisor = place.client(Persona::Supervisor);
    assert_eq!(supervisor.get("/chats").await.json(), chats());
    assert_eq!(told(&supervisor.get(&format!("/chats/{token}")).await), passed());
    assert_eq!(place.last().line().replace('@', "%40"), format!("GET /chats/{ENCODED} HTTP/1.1"));
}

#[tokio::test]
async fn a_token_opens_where_nobody_is_told_by_it_alone() {
    let place = Place::start().await;
    let operator = place.client(Persona::Operator);
    let [new, old] = [NEW, OLD].map(|key| AliasKey::new(key.as_bytes()).unwrap());
    let token = |id: &str| new.seal(Class::Handle, id.as_bytes());
    let ours = token(JID);
    for target in [
        format!("/api/me?id={ours}"),
        format!("/conversations/{ours}/download"),
        format!("/settings/webhooks/{ours}"),
        format!("/api/webhooks?id={ours}"),
        // Where it leads once it is open.
        format!("/chats/{}", token("self")),
        format!("/chats/{}", token("..")),
        format!("/chats/{}", token("../api/me")),
        format!("/chats/{}", token("a%2fb")),
        format!("/chats/{}", token("a\u{1}")),
    ] {
        let method = if target.ends_with("/download") { Method::POST } else { Method::GET };
        assert_eq!(
            told(&place.client(Persona::SuperAdmin).call(method, &target).await),
            refused(MASKED),
            "{target}"
        );
    }
    assert_eq!(told(&place.gateway.client().get(&format!("/chats/{ours}")).await), refused(MASKED));
    assert_eq!(told(&operator.post(&format!("/chats?tag={ours}")).await), refused(MASKED));
    assert_eq!(told(&operator.post(&format!("/chats?chatId={ours}")).await), passed());
    assert_eq!(told(&operator.get(&format!("/chats/{ours}.json")).await), refused(IN_TEXT));
    assert!(place.origin.seen().iter().all(|seen| !seen.line().contains("ct_")));

    // A token of the key that was in use before.
    let token = old.seal(Class::Handle, JID.as_bytes());
    assert_eq!(told(&operator.get(&format!("/chats/{token}")).await), passed());
    assert_eq!(place.last().line().replace('@', "%40"), format!("GET /chats/{ENCODED} HTTP/1.1"));
    let foreign = AliasKey::new(&[3; 32]).unwrap().seal(Class::Handle, JID.as_bytes());
    assert_eq!(told(&operator.get(&format!("/chats/{foreign}")).await), refused(IN_TEXT));
}

/// Status and reason.
fn told(answer: &Response) -> (u16, String) {
    (answer.status().as_u16(), answer.header("x-chatwarden-reason").unwrap_or_default().to_owned())
}

fn passed() -> (u16, String) {
    (200, String::new())
}

fn refused(reason: &str) -> (u16, String) {
    (409, reason.to_owned())
}

const NEW: &str = "the alias key of these tests, 32 bytes and more";
const OLD: &str = "the alias key before that, 32 bytes and more too";
