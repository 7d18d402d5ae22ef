//! The app's answers: `{"status":200,"data":…}`, and `{"error":…,"status":…}` when something is wrong.
//!
//! Two spellings of JSON are used on purpose, as real apps do: UTF-8 as it is, and PHP's, in which every character
//! beyond ASCII is `\uXXXX` and every slash `\/`. A gateway must read both and change neither.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// `{"status":200,"data":…}` in UTF-8.
pub(super) fn data(data: Value) -> Response {
    json_text(StatusCode::OK, json!({ "status": 200, "data": data }).to_string())
}

/// `{"status":200,"data":…}` in PHP's spelling.
pub(super) fn escaped_data(data: Value) -> Response {
    json_text(StatusCode::OK, escaped(&json!({ "status": 200, "data": data })))
}

/// A bare JSON value.
pub(super) fn bare(value: &Value) -> Response {
    json_text(StatusCode::OK, value.to_string())
}

/// `{"error":…,"status":…}`.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    json_text(status, json!({ "error": message, "status": status.as_u16() }).to_string())
}

pub(super) fn json_text(status: StatusCode, text: impl Into<axum::body::Body>) -> Response {
    let mut response = (status, text.into()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=0"));
    response
}

/// JSON as PHP's `json_encode` spells it. Slashes and characters beyond ASCII occur in strings only.
pub(super) fn escaped(value: &Value) -> String {
    let plain = value.to_string();
    let mut out = String::with_capacity(plain.len() * 2);
    for character in plain.chars() {
        match character {
            '/' => out.push_str("\\/"),
            ascii if ascii.is_ascii() => out.push(ascii),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}
