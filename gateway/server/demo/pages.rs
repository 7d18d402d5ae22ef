//! The app's own pages, scripts and styles, with the security headers a careful app sends today.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::answer::error;
use super::app::Shared;
use super::caller::whoever;

pub(super) async fn inbox(state: State<Arc<Shared>>, headers: HeaderMap) -> Response {
    signed_in(&state, &headers, include_str!("pages/inbox.html"))
}

pub(super) async fn webhooks(state: State<Arc<Shared>>, headers: HeaderMap) -> Response {
    signed_in(&state, &headers, include_str!("pages/webhooks.html"))
}

pub(super) async fn sign_in() -> Response {
    page(include_str!("pages/login.html"), NOT_FRAMED)
}

/// The visitor's page may be embedded anywhere: that is its purpose.
pub(super) async fn widget() -> Response {
    page(include_str!("pages/widget.html"), "default-src 'self'; frame-ancestors *")
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let (content_type, text) = match name.as_str() {
        "app.css" => (CSS, include_str!("pages/app.css")),
        "app.js" => (SCRIPT, include_str!("pages/app.js")),
        "inbox.js" => (SCRIPT, include_str!("pages/inbox.js")),
        "login.js" => (SCRIPT, include_str!("pages/login.js")),
        "webhooks.js" => (SCRIPT, include_str!("pages/webhooks.js")),
        "widget.js" => (SCRIPT, include_str!("pages/widget.js")),
        _ => return error(StatusCode::NOT_FOUND, "No such asset"),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("pages/icon.svg")).into_response()
}

/// A page with its security headers.
pub(super) fn page(text: impl Into<axum::body::Body>, policy: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    let mut response = (headers, text.into()).into_response();
    if policy == NOT_FRAMED {
        response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

fn signed_in(shared: &Shared, headers: &HeaderMap, text: &'static str) -> Response {
    match whoever(headers, shared) {
        Some(_) => page(text, NOT_FRAMED),
        None => Redirect::to("/login").into_response(),
    }
}

/// The app refuses every embedder; `iframe.yaml` of the gateway changes that.
const NOT_FRAMED: &str = "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'self'; \
                          object-src 'none'; frame-ancestors 'none'";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
