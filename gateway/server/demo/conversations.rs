//! Conversations and messages: `/api/conversations/*`, and the download of a conversation.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::answer::{bare, data, error, escaped_data};
use super::app::Shared;
use super::caller::{Caller, fields, form};
use super::people::number;
use super::recorder::lock;
use super::state::{CONVERSATIONS, Conversation, Kind, Mail, Message};

/// All conversations with their clients, newest first, in PHP's spelling.
pub(super) async fn list(State(shared): State<Arc<Shared>>, Caller(_): Caller) -> Response {
    let state = lock(&shared.state);
    let mut newest: Vec<&Conversation> = state.conversations.iter().collect();
    let last =
        |conversation: &Conversation| conversation.messages.back().map(|last| last.date_created.clone());
    newest.sort_by_key(|conversation| std::cmp::Reverse(last(conversation)));
    let shown =
        newest.iter().filter_map(|conversation| Some(conversation.shown(state.client(conversation.client)?)));
    escaped_data(shown.collect())
}

pub(super) async fn messages(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(id): Path<u64>,
) -> Response {
    let state = lock(&shared.state);
    let found = state.conversations.iter().find(|conversation| conversation.id == id);
    let Some((conversation, client)) = found.and_then(|found| Some((found, state.client(found.client)?)))
    else {
        return error(StatusCode::NOT_FOUND, "No such conversation");
    };
    data(conversation.messages.iter().map(|message| message.shown(conversation, client)).collect())
}

/// `{user_id, text?}`: writes to a client first.
pub(super) async fn start(
    State(shared): State<Arc<Shared>>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = fields(&headers, &body);
    let mut state = lock(&shared.state);
    let phone = given.get("client_phone").filter(|phone| !phone.is_null());
    let found = state.clients.iter().find(|client| {
        Some(client.id) == number(given.get("user_id")) || phone.is_some_and(|phone| *phone == client.phone)
    });
    let Some(client) = found.cloned() else {
        return error(StatusCode::NOT_FOUND, "No such user");
    };
    if state.conversations.len() == CONVERSATIONS {
        return error(StatusCode::CONFLICT, "Too many conversations");
    }
    let conversation = Conversation {
        id: state.fresh_id(),
        client: client.id,
        operator: Some(caller.clone()),
        status: "open",
        messages: VecDeque::new(),
    };
    let id = conversation.id;
    let shown = conversation.shown(&client);
    state.conversations.push(conversation);
    if let Some(text) = given.get("text").and_then(Value::as_str) {
        state.add_message(id, Message::text(Kind::Text, Some(caller), text));
    }
    data(shown)
}

pub(super) async fn close(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = number(fields(&headers, &body).get("conversation_id")).unwrap_or_default();
    match lock(&shared.state).conversation(id) {
        Some(conversation) => {
            conversation.status = "closed";
            data(json!({ "conversation_id": id }))
        }
        None => error(StatusCode::NOT_FOUND, "No such conversation"),
    }
}

/// `{conversation_id, text}`.
pub(super) async fn send_message(
    State(shared): State<Arc<Shared>>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = fields(&headers, &body);
    let text = given.get("text").and_then(Value::as_str).unwrap_or_default();
    add(&shared, &given, Message::text(Kind::Text, Some(caller), text))
}

/// `{conversation_id, text}`: seen by colleagues only.
pub(super) async fn send_note(
    State(shared): State<Arc<Shared>>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = fields(&headers, &body);
    let text = given.get("text").and_then(Value::as_str).unwrap_or_default();
    add(&shared, &given, Message::text(Kind::Note, Some(caller), text))
}

/// `{conversation_id, file_url}`: a file by its address.
pub(super) async fn send_file_message(
    State(shared): State<Arc<Shared>>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = fields(&headers, &body);
    match given.get("file_url").and_then(Value::as_str) {
        Some(url) => add(&shared, &given, Message::file(Some(caller), url)),
        None => error(StatusCode::UNPROCESSABLE_ENTITY, "file_url is required"),
    }
}

/// Sends the transcript to the addresses given as `email` in JSON, form or query; without any, answers with it.
pub(super) async fn download(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(id): Path<u64>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&shared.state);
    let Some(text) = state.transcript(id) else {
        return error(StatusCode::NOT_FOUND, "No such conversation");
    };
    let mut to = Vec::new();
    for given in [form(&query.unwrap_or_default()), fields(&headers, &body)] {
        collect(given.get("email"), &mut to);
    }
    if to.is_empty() {
        let name = format!("attachment; filename=\"conversation-{id}.txt\"");
        let headers =
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CONTENT_DISPOSITION, &name)];
        return (headers, text).into_response();
    }
    state.keep_mail(Mail { to: to.clone(), conversation: id, text });
    bare(&json!({ "status": 200, "sent_to": to }))
}

fn add(shared: &Shared, given: &Map<String, Value>, message: Message) -> Response {
    let id = number(given.get("conversation_id")).unwrap_or_default();
    match lock(&shared.state).add_message(id, message) {
        Some((shown, event)) => {
            shared.tell(&event);
            data(shown)
        }
        None => error(StatusCode::NOT_FOUND, "No such conversation"),
    }
}

fn collect(email: Option<&Value>, to: &mut Vec<String>) {
    match email {
        Some(Value::String(text)) if !text.trim().is_empty() => to.push(text.trim().to_owned()),
        Some(Value::Array(list)) => list.iter().for_each(|one| collect(Some(one), to)),
        Some(_) | None => {}
    }
}
