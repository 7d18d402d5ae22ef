//! The way back in messages: aliases reach the app as what they stand for where the route restores, and nowhere else.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{
    messages::{EVENT, assert_hidden, closed, open, text},
    refused::{Heard, assert_heard, listening, operator},
};
use crate::harness::{Builder, Gateway, Origin, Persona};

const PHONE: &str = "+37061234567";

/// A gateway that restores in messages of `/live`.
fn restoring(origin: &Origin) -> Builder {
    let more = "restore:\n  - \"GET /live\"\n";
    Gateway::builder().edit_profile("restore:\n", more).upstream(origin.address())
}

/// The event as a masked operator sees it.
async fn shown(gateway: &Gateway, heard: &Heard) -> Value {
    let mut socket = open(operator(gateway, Persona::Operator).websocket("/live").await);
    socket.send(Message::text(format!("42[\"say\",{EVENT:?}]"))).await.unwrap();
    let event = text(&mut socket).await;
    assert_hidden(&event);
    socket.close(None).await.unwrap();
    assert_eventually!(heard.lock().unwrap().len() >= 2);
    heard.lock().unwrap().clear();
    serde_json::from_str::<Value>(event.strip_prefix("42").unwrap()).unwrap()[1].take()
}

#[tokio::test]
async fn what_a_masked_operator_saves_arrives_as_it_really_is() {
    let (origin, heard) = listening().await;
    let gateway = restoring(&origin).start().await;
    let card = shown(&gateway, &heard).await;
    let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
    let saved = |card: &Value| format!("42{}", json!(["save", card]));
    let real: Value = serde_json::from_str::<Value>(EVENT.strip_prefix("42").unwrap()).unwrap()[1].take();
    let escaped = saved(&card).replace('+', "\\u002b");
    for message in [saved(&card), escaped] {
        socket.send(Message::text(message)).await.unwrap();
        assert_heard(&heard, &[&format!("text {}", saved(&real))]).await;
    }
    // What the app repeats of it is hidden again, wherever it stands.
    let repeats = format!("42[\"say\",\"42[\\\"error\\\",\\\"no such client: {PHONE}\\\"]\"]");
    socket.send(Message::text(&repeats)).await.unwrap();
    let repeated = text(&mut socket).await;
    assert!(repeated.contains("no such client") && !repeated.contains(PHONE), "{repeated}");
}

#[tokio::test]
async fn an_alias_goes_nowhere_but_into_its_own_field() {
    let (origin, heard) = listening().await;
    let restores = restoring(&origin).start().await;
    let card = shown(&restores, &heard).await;
    let phone = card["client_phone"].as_str().unwrap();
    let cases = [
        (r#"42["send",{"text":"Call ALIAS"}]"#, "alias-in-message"),
        (r#"42["send",{"note":"ALIAS"}]"#, "masked-value"),
        (r#"42["send",{"note":"ESCAPED"}]"#, "masked-value"),
        (r#"42["save",{"client_email":"ALIAS"}]"#, "masked-value"),
        (r#"42["save",{"client_phone":"+•••••••67"}]"#, "masked-value"),
        (r#"42["save","{\"client_phone\":\"ALIAS\"}"]"#, "alias-in-message"),
        (r#"{"client_phone":"ALIAS""#, "alias-in-message"),
        ("Call ALIAS", "alias-in-message"),
    ];
    for persona in [Persona::Operator, Persona::Supervisor, Persona::SuperAdmin] {
        for (message, reason) in cases {
            let message = message.replace("ALIAS", phone).replace("ESCAPED", &phone.replace('9', "\\u0039"));
            let mut socket = open(operator(&restores, persona).websocket("/live").await);
            socket.send(Message::text(&message)).await.unwrap();
            assert_eq!(closed(&mut socket).await, (1008, reason.to_owned()), "{persona:?} {message}");
            assert_heard(&heard, &["close 1001 "]).await;
        }
    }
    // On a route that does not restore, not even there.
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let phone = &shown(&gateway, &heard).await["client_phone"];
    let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
    socket.send(Message::text(format!("42{}", json!(["save", { "client_phone": phone }])))).await.unwrap();
    assert_eq!(closed(&mut socket).await, (1008, "masked-value".to_owned()));
}

#[tokio::test]
async fn whoever_writes_numbers_into_contacts_is_slowed_down() {
    let (origin, heard) = listening().await;
    let gateway = restoring(&origin).config("limits", json!({ "contact_writes": "2/h" })).start().await;
    let guess = |last: u8| Message::text(format!(r#"42["save",{{"client_phone":"+3706123456{last}"}}]"#));
    let mut socket = open(operator(&gateway, Persona::Operator).websocket("/live").await);
    for last in 0..3 {
        socket.send(guess(last)).await.unwrap();
    }
    assert_eq!(closed(&mut socket).await, (1008, "limit-reached".to_owned()));
    let mut socket = open(operator(&gateway, Persona::Supervisor).websocket("/live").await);
    for last in 0..3 {
        socket.send(guess(last)).await.unwrap();
    }
    assert_eventually!(heard.lock().unwrap().iter().filter(|line| line.starts_with("text")).count() == 5);
}
