//! Settings of the app and its webhooks panel: `/api/settings`, `/api/webhooks`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{data, error};
use super::app::Shared;
use super::caller::{Caller, fields};
use super::recorder::lock;
use super::state::{WEBHOOKS, Webhook};

/// The company's own phone and e-mail are nobody's secret.
pub(super) async fn settings(Caller(_): Caller) -> Response {
    data(json!({
        "company": "Sample Shop",
        "support_phone": "+37060000100",
        "support_email": "support@example.com",
        "time_zone": "Europe/Vilnius",
        "channels": ["whatsapp", "telegrambot", "viber", "facebook", "livechat", "email"],
    }))
}

pub(super) async fn webhooks(State(shared): State<Arc<Shared>>, Caller(_): Caller) -> Response {
    data(json!(lock(&shared.state).webhooks))
}

pub(super) async fn create_webhook(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some((url, events)) = webhook(&fields(&headers, &body)) else {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "url must begin with https://");
    };
    let mut state = lock(&shared.state);
    if state.webhooks.len() == WEBHOOKS {
        return error(StatusCode::CONFLICT, "Five webhooks at most");
    }
    let webhook = Webhook { id: state.fresh_id(), url, events };
    state.webhooks.push(webhook.clone());
    data(json!(webhook))
}

pub(super) async fn change_webhook(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(id): Path<u64>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some((url, events)) = webhook(&fields(&headers, &body)) else {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "url must begin with https://");
    };
    match lock(&shared.state).webhooks.iter_mut().find(|webhook| webhook.id == id) {
        Some(webhook) => {
            webhook.url = url;
            webhook.events = events;
            data(json!(webhook))
        }
        None => error(StatusCode::NOT_FOUND, "No such webhook"),
    }
}

pub(super) async fn delete_webhook(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(id): Path<u64>,
) -> Response {
    let mut state = lock(&shared.state);
    let before = state.webhooks.len();
    state.webhooks.retain(|webhook| webhook.id != id);
    match state.webhooks.len() < before {
        true => data(json!({ "id": id })),
        false => error(StatusCode::NOT_FOUND, "No such webhook"),
    }
}

fn webhook(given: &Map<String, Value>) -> Option<(String, Vec<String>)> {
    let url = given.get("url")?.as_str().filter(|url| url.starts_with("https://"))?;
    let events = match given.get("events") {
        Some(Value::Array(events)) => events.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(event)) => vec![event.clone()],
        Some(_) | None => vec!["on_incoming_message".to_owned()],
    };
    Some((url.to_owned(), events))
}
