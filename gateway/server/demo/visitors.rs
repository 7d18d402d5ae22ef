//! The public area: the live-chat widget of a web shop's visitors, and the callback of a messenger.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::{data, error};
use super::app::Shared;
use super::caller::fields;
use super::recorder::lock;
use super::state::{Kind, Message};

/// What the visitor and the operators wrote to each other; the visitor sees their own name.
pub(super) async fn messages(State(shared): State<Arc<Shared>>) -> Response {
    let state = lock(&shared.state);
    let conversation = state.conversations.iter().find(|conversation| conversation.id == WIDGET_CONVERSATION);
    let lines = conversation.iter().flat_map(|conversation| &conversation.messages);
    let shown = lines.filter(|message| message.kind != Kind::Note).map(|message| {
        json!({ "from": if message.operator.is_some() { "operator" } else { "visitor" }, "text": message.text })
    });
    let visitor = conversation.and_then(|conversation| state.client(conversation.client));
    data(json!({
        "visitor": visitor.map(|client| json!({ "client_name": client.name, "client_phone": client.phone })),
        "messages": shown.collect::<Vec<_>>(),
    }))
}

/// `{text}` from the widget.
pub(super) async fn write(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    receive(&shared, WIDGET_CONVERSATION, fields(&headers, &body).get("text"))
}

/// `{message: {text}}` from the messenger.
pub(super) async fn telegram(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let update = fields(&headers, &body);
    receive(&shared, TELEGRAM_CONVERSATION, update.get("message").and_then(|message| message.get("text")))
}

fn receive(shared: &Shared, conversation: u64, text: Option<&Value>) -> Response {
    let Some(text) = text.and_then(Value::as_str).filter(|text| !text.trim().is_empty()) else {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "text is required");
    };
    let added = lock(&shared.state).add_message(conversation, Message::text(Kind::Text, None, text));
    match added {
        Some((_, event)) => {
            shared.tell(&event);
            data(json!({ "received": true }))
        }
        None => error(StatusCode::NOT_FOUND, "No such conversation"),
    }
}

const WIDGET_CONVERSATION: u64 = 904;
const TELEGRAM_CONVERSATION: u64 = 902;
