//! ETags and gzip of API answers, by hand: the origin's codings are what the gateway has to keep under control.
//!
//! The gzip member holds one stored (uncompressed) deflate block: valid for every reader, and enough for a sample.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};

/// Gives every JSON answer to a GET an ETag, answers 304 to a matching If-None-Match, and compresses for callers
/// that accept gzip.
pub(super) async fn validate_and_compress(request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let get = *request.method() == Method::GET;
    let (mut parts, body) = next.run(request).await.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let compress = accepts_gzip(&asked);
    if get && parts.status == StatusCode::OK {
        let mut tag = String::from("\"");
        tag.extend(Sha256::digest(&body).iter().take(8).map(|byte| format!("{byte:02x}")));
        tag.push_str(if compress { "-gz\"" } else { "\"" });
        if let Ok(value) = HeaderValue::from_str(&tag) {
            parts.headers.insert(header::ETAG, value);
        }
        if mentions(&asked, &tag) {
            parts.status = StatusCode::NOT_MODIFIED;
            return Response::from_parts(parts, Body::empty());
        }
    }
    parts.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie"));
    if !compress {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(gzip(&body)))
}

/// A gzip member (RFC 1952) of stored blocks (RFC 1951 §3.2.4).
pub(super) fn gzip(plain: &[u8]) -> Bytes {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    deflate_stored(plain, &mut out);
    out.extend_from_slice(&crc32(plain).to_le_bytes());
    out.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    out.into()
}

pub(super) fn deflate_stored(plain: &[u8], out: &mut Vec<u8>) {
    let mut blocks = plain.chunks(usize::from(u16::MAX)).peekable();
    if blocks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// The CRC of gzip and PNG (ISO 3309), bit by bit.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        parts.next() == Some("gzip")
            && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn mentions(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| one.trim() == tag || one.trim() == "*")
}
