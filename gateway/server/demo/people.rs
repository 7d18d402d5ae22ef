//! Operators, their groups, and clients: `/api/operators/*`, `/api/users/*`, `/api/clients/*`, `/api/search`.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::answer::{data, error};
use super::app::Shared;
use super::caller::{Caller, fields, form};
use super::recorder::lock;
use super::state::{Client, OPERATORS, Operator};

pub(super) async fn operators(State(shared): State<Arc<Shared>>, Caller(_): Caller) -> Response {
    let state = lock(&shared.state);
    let all = state.operators.iter().map(|operator| {
        json!({
            "id": operator.id,
            "user_id": operator.id,
            "owner_user_id": 1001,
            "name": operator.name,
            "invite_email": operator.email,
            "desk_phone": operator.phone,
            "role": operator.role,
            "groups": operator.groups,
            "avatar": operator.avatar(),
        })
    });
    data(all.collect())
}

pub(super) async fn groups(State(shared): State<Arc<Shared>>, Caller(_): Caller) -> Response {
    data(json!(lock(&shared.state).groups))
}

pub(super) async fn create_operator(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = fields(&headers, &body);
    let Some(email) = given.get("operator_email").and_then(Value::as_str).filter(|email| email.contains('@'))
    else {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "operator_email is required");
    };
    let mut state = lock(&shared.state);
    if state.operators.len() == OPERATORS {
        return error(StatusCode::CONFLICT, "Too many operators");
    }
    if state.operators.iter().any(|operator| operator.email.eq_ignore_ascii_case(email)) {
        return error(StatusCode::CONFLICT, "This operator exists");
    }
    let id = state.fresh_id();
    let name = email.split('@').next().unwrap_or(email).to_owned();
    let operator = Operator {
        id,
        name,
        email: email.to_owned(),
        phone: String::new(),
        role: "operator".to_owned(),
        groups: vec!["Support".to_owned()],
    };
    let shown = operator.shown();
    state.operators.push(operator);
    data(shown)
}

pub(super) async fn delete_operator(
    State(shared): State<Arc<Shared>>,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(id) = number(fields(&headers, &body).get("operator_id")) else {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "operator_id is required");
    };
    if id == caller.id {
        return error(StatusCode::CONFLICT, "Nobody deletes their own account");
    }
    let mut state = lock(&shared.state);
    let before = state.operators.len();
    state.operators.retain(|operator| operator.id != id);
    match state.operators.len() < before {
        true => data(json!({ "operator_id": id })),
        false => error(StatusCode::NOT_FOUND, "No such operator"),
    }
}

/// The client card.
pub(super) async fn user(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(id): Path<u64>,
) -> Response {
    match lock(&shared.state).client(id) {
        Some(client) => data(client.card()),
        None => error(StatusCode::NOT_FOUND, "No such user"),
    }
}

/// Clients by `q` in any of their contacts, or by `phone`, `email`, `name` or `handle` exactly; `sort` names one of
/// them, or `since`.
pub(super) async fn search(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut given = form(&query.unwrap_or_default());
    given.extend(fields(&headers, &body));
    let asked = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let fits = |client: &Client| {
        let found =
            |text: &str| CONTACTS.iter().any(|name| contact(client, name).to_lowercase().contains(text));
        let equal = |name: &&str| asked(name).is_none_or(|text| contact(client, name) == text);
        asked("q").is_none_or(|text| found(&text.to_lowercase())) && CONTACTS.iter().all(equal)
    };
    let state = lock(&shared.state);
    let mut clients: Vec<&Client> = state.clients.iter().filter(|client| fits(client)).collect();
    if let Some(name) = asked("sort") {
        clients.sort_by_key(|client| contact(client, name));
    }
    data(clients.into_iter().map(Client::found).collect())
}

/// A client by the phone number in the path.
pub(super) async fn by_phone(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    Path(phone): Path<String>,
) -> Response {
    let state = lock(&shared.state);
    match state.clients.iter().find(|client| contact(client, "phone") == phone) {
        Some(client) => data(client.found()),
        None => error(StatusCode::NOT_FOUND, "No such client"),
    }
}

/// A contact of a client as text, numbers among them.
fn contact(client: &Client, name: &str) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match name {
        "phone" if client.phone.is_null() => String::new(),
        "phone" => text(&client.phone),
        "email" => client.email.clone().unwrap_or_default(),
        "name" => client.name.clone(),
        "handle" => text(&client.handle),
        "since" => client.since.clone(),
        _ => String::new(),
    }
}

const CONTACTS: [&str; 4] = ["phone", "email", "name", "handle"];

/// Saves the client card; a member that is missing stays as it was.
pub(super) async fn update_user(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let given = fields(&headers, &body);
    let mut state = lock(&shared.state);
    let id = number(given.get("user_id"));
    let Some(client) = state.clients.iter_mut().find(|client| Some(client.id) == id) else {
        return error(StatusCode::NOT_FOUND, "No such user");
    };
    if let Some(name) = given.get("client_name").and_then(Value::as_str) {
        client.name = name.to_owned();
    }
    if let Some(phone) = given.get("client_phone") {
        client.phone = phone.clone();
    }
    if let Some(email) = given.get("client_email") {
        client.email = email.as_str().map(str::to_owned);
    }
    data(client.card())
}

/// An id as apps write it: a number or its text.
pub(super) fn number(value: Option<&Value>) -> Option<u64> {
    value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}
