//! Oddities that a gateway must survive, all under `/odd/`: for tests, reachable without signing in.
//!
//! `gzip text-json untyped latin1 broken cut spellings slow large ndjson csv octets archive redirect two-policies
//! no-policy echo` and `status/{code}`. Their JSON carries contact data in the fields that the API uses, too.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderName, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::Shared;
use super::coding;

pub(super) fn routes() -> Router<Arc<Shared>> {
    let json = "application/json";
    Router::new()
        .route("/odd/gzip", get(|| async { coded() }))
        .route("/odd/text-json", fixed("text/plain; charset=utf-8", CARD))
        .route("/odd/untyped", get(|| async { Response::new(Body::from(CARD)) }))
        .route("/odd/latin1", fixed("application/json; charset=iso-8859-1", LATIN1))
        .route("/odd/broken", fixed(json, r#"{"client_phone":"+37061234567","client_name":}"#))
        .route("/odd/cut", get(|| async { cut() }))
        .route("/odd/spellings", fixed(json, SPELLINGS))
        .route("/odd/slow", get(slow))
        .route("/odd/large", get(large))
        .route("/odd/ndjson", fixed("application/x-ndjson", NDJSON))
        .route("/odd/csv", fixed("text/csv; charset=utf-8", CSV))
        .route("/odd/octets", fixed("application/octet-stream", "\u{0}\u{1}\u{2}\u{3}"))
        .route("/odd/archive", fixed("application/zip", EMPTY_ZIP))
        .route("/odd/redirect", get(|| async { redirect() }))
        .route("/odd/two-policies", get(|| async { two_policies() }))
        .route("/odd/no-policy", fixed("text/html; charset=utf-8", "<!doctype html><title>No policy</title>"))
        .route("/odd/echo", any(echo))
        .route("/odd/status/{code}", any(status))
}

fn fixed(
    content_type: &'static str,
    body: impl AsRef<[u8]> + 'static,
) -> axum::routing::MethodRouter<Arc<Shared>> {
    let body = Bytes::copy_from_slice(body.as_ref());
    get(move || async move { typed(content_type, body) })
}

fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// Compressed, whatever the caller accepts.
fn coded() -> Response {
    let mut response = typed("application/json", coding::gzip(CARD.as_bytes()));
    response.headers_mut().insert(header::CONTENT_ENCODING, http::HeaderValue::from_static("gzip"));
    response
}

/// The connection fails in the middle of a body.
fn cut() -> Response {
    let pieces = [Ok(Bytes::from_static(br#"{"client_phone":"+3706123"#)), Err(io::Error::other("cut"))];
    typed(
        "application/json",
        Body::from_stream(stream::iter(pieces).then(|piece| async {
            // The head must leave before the failure, or the caller sees no answer at all.
            tokio::time::sleep(Duration::from_millis(20)).await;
            piece
        })),
    )
}

#[derive(Deserialize)]
struct Pace {
    /// Bytes of one chunk.
    bytes: Option<usize>,
    /// Pause before each chunk.
    ms: Option<u64>,
}

/// `?bytes=1&ms=5`: the card, a few bytes at a time.
async fn slow(Query(pace): Query<Pace>) -> Response {
    let pause = Duration::from_millis(pace.ms.unwrap_or(5).min(10_000));
    let chunks = CARD.as_bytes().chunks(pace.bytes.unwrap_or(1).max(1));
    let body = stream::iter(chunks).then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(Bytes::from_static(chunk))
    });
    typed("application/json", Body::from_stream(body))
}

#[derive(Deserialize)]
struct Size {
    /// Million bytes, about.
    mb: Option<usize>,
}

/// `?mb=8`: a list of clients, streamed in chunks of about 64 KB.
async fn large(Query(size): Query<Size>) -> Response {
    const CHUNK: usize = 64_000;
    let chunks = size.mb.unwrap_or(1).min(100_000) * 1_000_000 / CHUNK;
    let entry = format!("{CARD},");
    let chunk = Bytes::from(entry.repeat(CHUNK / entry.len() + 1));
    let open = stream::iter([Bytes::from_static(b"{\"status\":200,\"data\":[")]);
    let middle = stream::iter((0..chunks).map(move |_| chunk.clone()));
    let close = stream::iter([Bytes::from_static(b"null]}")]);
    let body = open.chain(middle).chain(close).map(Ok::<_, Infallible>);
    typed("application/json", Body::from_stream(body))
}

fn redirect() -> Response {
    (
        StatusCode::FOUND,
        [(header::LOCATION, "https://storage.example.com/bucket/invoice.pdf?signature=sample")],
    )
        .into_response()
}

/// Two fields and, in one of them, two policies separated by a comma.
fn two_policies() -> Response {
    let mut response = typed("text/html; charset=utf-8", "<!doctype html><title>Two policies</title>");
    for policy in [
        "default-src 'self'; frame-ancestors 'none', script-src 'self'",
        "frame-ancestors https://old.example.com",
    ] {
        response
            .headers_mut()
            .append(header::CONTENT_SECURITY_POLICY, http::HeaderValue::from_static(policy));
    }
    response
}

/// What reached the app: method, target, header fields and the length of the body.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let length = axum::body::to_bytes(body, usize::MAX).await.map(|body| body.len()).ok();
    let text = |name: &HeaderName| {
        parts
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect::<Vec<_>>()
    };
    let headers: serde_json::Map<String, Value> =
        parts.headers.keys().map(|name| (name.to_string(), json!(text(name)))).collect();
    let seen = json!({
        "method": parts.method.as_str(),
        "target": parts.uri.to_string(),
        "headers": headers,
        "body_len": length,
    });
    typed("application/json", seen.to_string())
}

async fn status(Path(code): Path<u16>) -> Response {
    let status = StatusCode::from_u16(code).ok().filter(|status| status.as_u16() >= 200);
    match status {
        Some(status) => (status, typed("application/json", CARD)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

const CARD: &str = r#"{"client_name":"Jūratė Kazlauskienė","client_phone":"+37061234567","client_email":"jurate.k@example.com","from_user":{"user_id":501,"role":"default","title":"Jūratė Kazlauskienė","avatar":"/avatars/501","service_user_id":"37061234567"},"operator":{"id":1005,"name":"Ieva Žukė","desk_phone":"+37060000105","email":"ieva@example.com"}}"#;

/// The same card as bytes of ISO 8859-1, as far as it goes.
const LATIN1: &[u8] = b"{\"client_name\":\"Zo\xeb O'Connor\",\"client_phone\":\"+37061234570\"}";

/// Legal, and seldom seen together: escaped keys, escaped slashes, numbers, nulls, duplicates, nesting, white space.
const SPELLINGS: &str = "{ \"\\u0063lient_phone\" : \"+370\\u0036\\u00312 34567\",\n\
    \t\"client_phone\":37061234570, \"client_phone\" : 3.7061234571E10,\n\
    \"client_name\":\"J\\u016brat\\u0117 \\u004bazlauskien\\u0117\", \"client_email\":null,\r\n\
    \"from_user\":{\"title\":\"\\ud83d\\ude00 Zo\\u00eb\",\"avatar\":\"\\/avatars\\/503\",\"service_user_id\":[\"@zoe\",{\"alt\":37061234570}]},\n\
    \"list\":[[{\"client_phone\":{\"home\":\"+37061234572\",\"work\":[\"+37061234573\",null]}}]],\n\
    \"lone\":\"\\ud800\", \"order\":1.0e2, \"zero\":-0, \"big\":12345678901234567890123 }\n";

const NDJSON: &str = "{\"client_phone\":\"+37061234567\"}\n{\"client_name\":\"Łukasz Wójcik\"}\n";
const CSV: &str = "Client,Phone,E-mail\r\nJūratė Kazlauskienė,+37061234567,jurate.k@example.com\r\n";
const EMPTY_ZIP: &str = "PK\u{5}\u{6}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
