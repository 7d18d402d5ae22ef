//! Who is calling: sign-in, sign-out, the session cookie and the app's "who am I".

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::answer::{self, error};
use super::app::Shared;
use super::recorder::lock;
use super::state::Operator;

/// The operator whose session came with the request; without one the app answers 401.
pub(super) struct Caller(pub(super) Operator);

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Caller, Response> {
        whoever(&parts.headers, shared)
            .map(Caller)
            .ok_or_else(|| error(StatusCode::UNAUTHORIZED, "Empty token"))
    }
}

/// The signed-in operator, if any; the first one when the app was started open.
pub(super) fn whoever(headers: &HeaderMap, shared: &Shared) -> Option<Operator> {
    let state = lock(&shared.state);
    let known = session(headers).and_then(|token| state.sessions.operator(token));
    match known {
        Some(id) => state.operators.iter().find(|operator| operator.id == id).cloned(),
        None if shared.open => state.operators.first().cloned(),
        None => None,
    }
}

/// `POST /login` with `{email, password}` as JSON or as a form.
pub(super) async fn sign_in(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let from_form = is_form(&headers);
    let given = fields(&headers, &body);
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let (email, password) = (text("email"), text("password"));
    let mut state = lock(&shared.state);
    let operator = state.operators.iter().find(|operator| operator.email.eq_ignore_ascii_case(&email));
    let Some(operator) = operator.filter(|_| password == PASSWORD).cloned() else {
        return match from_form {
            true => Redirect::to("/login?failed").into_response(),
            false => error(StatusCode::UNAUTHORIZED, "Wrong e-mail or password"),
        };
    };
    let Some(token) = state.sessions.open(operator.id) else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "No randomness");
    };
    let mut response = match from_form {
        true => Redirect::to("/").into_response(),
        false => answer::data(json!({ "id": operator.id, "name": operator.name, "role": operator.role })),
    };
    set_cookie(&mut response, &format!("session={token}; Path=/; HttpOnly; SameSite=Lax"));
    response
}

/// `* /logout`: a browser goes back to the sign-in page, a program gets JSON.
pub(super) async fn sign_out(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(token) = session(&headers) {
        lock(&shared.state).sessions.close(token);
    }
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = match accept.contains("text/html") {
        true => Redirect::to("/login").into_response(),
        false => answer::data(Value::Null),
    };
    set_cookie(&mut response, "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    response
}

/// `GET /api/me`: the caller's own account, with the caller's own phone.
pub(super) async fn me(Caller(operator): Caller) -> Response {
    answer::bare(&json!({
        "id": operator.id,
        "name": operator.name,
        "email": operator.email,
        "phone": operator.phone,
        "role": operator.role,
        "avatar": operator.avatar(),
        "groups": operator.groups.iter().map(|title| json!({ "title": title })).collect::<Vec<_>>(),
    }))
}

/// Session tokens, newest last; the oldest give way.
#[derive(Default)]
pub(super) struct Sessions {
    operators: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Sessions {
    fn operator(&self, token: &str) -> Option<u64> {
        self.operators.get(token).copied()
    }

    fn open(&mut self, operator: u64) -> Option<String> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).ok()?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        if self.order.len() == SESSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.operators.remove(&oldest);
        }
        self.order.push_back(token.clone());
        self.operators.insert(token.clone(), operator);
        Some(token)
    }

    fn close(&mut self, token: &str) {
        self.operators.remove(token);
        self.order.retain(|other| other != token);
    }
}

/// The members of a JSON object, or the fields of a form. Anything else has none.
pub(super) fn fields(headers: &HeaderMap, body: &[u8]) -> Map<String, Value> {
    match is_form(headers) {
        true => form(&String::from_utf8_lossy(body)),
        false => serde_json::from_slice(body).unwrap_or_default(),
    }
}

/// `application/x-www-form-urlencoded` text; a repeated name becomes a list.
pub(super) fn form(text: &str) -> Map<String, Value> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut fields = Map::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), Value::from(decode(value)));
        if let Some(Value::Array(values)) = fields.get_mut(&name) {
            values.push(value);
        } else {
            let value = match fields.remove(&name) {
                Some(first) => Value::Array(vec![first, value]),
                None => value,
            };
            fields.insert(name, value);
        }
    }
    fields
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"))
}

/// The session token: from the cookie, or from `Authorization: Bearer` for programs.
fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let from_cookie =
        cookies.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix("session="));
    from_cookie.or_else(|| headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer "))
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The password of every sample account: printed on the sign-in page, protects nothing.
const PASSWORD: &str = "demo";
const SESSIONS: usize = 4096;
