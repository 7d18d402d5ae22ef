//! `multipart/form-data` to the letter (RFC 7578, RFC 2046 §5.1).
//!
//! Servers disagree on nearly everything outside the letter, and each disagreement has carried a file past somebody's
//! filter: folded headers, single quotes, backslashes, `filename*`, repeated parameters, bare line feeds, text before
//! the first boundary. All of it is an error here, and for a group that may not send files an error is a refusal.

mod header;

#[cfg(test)]
mod tests;

use std::str;

use memchr::memmem::Finder;

use crate::media_type;

/// The most parts that one body may have.
pub const MAX_PARTS: usize = 1024;

/// One part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'b> {
    /// The name of its field.
    pub name: String,
    /// Whether it names a file. A file input that was left empty (no name, no bytes) does not.
    pub file_name: bool,
    /// Its media type, `type/subtype` in lower case.
    pub content_type: Option<String>,
    /// Its bytes.
    pub body: &'b [u8],
}

/// Reads a whole body.
///
/// # Errors
///
/// Where anything is not to the letter.
pub fn parts<'b>(content_type: &str, body: &'b [u8]) -> Result<Vec<Part<'b>>, MultipartError> {
    let delimiter = format!("--{}", boundary(content_type)?);
    let mut parts = Vec::new();
    let finder = Finder::new(&delimiter);
    let mut places = finder.find_iter(body);
    if places.next() != Some(0) {
        return Err(MultipartError::Preamble);
    }
    let mut start = delimiter.len();
    loop {
        let rest = body.get(start..).unwrap_or_default();
        if let Some(end) = rest.strip_prefix(b"--") {
            return if matches!(end, b"" | b"\r\n") { Ok(parts) } else { Err(MultipartError::Epilogue) };
        }
        if !rest.starts_with(b"\r\n") {
            return Err(MultipartError::BoundaryLine);
        }
        // Every place where the delimiter stands must be one: a bare line feed before it is one to some servers.
        let place = places.next().ok_or(MultipartError::Unfinished)?;
        let part = body.get(start + 2..place).and_then(|part| part.strip_suffix(b"\r\n"));
        if parts.len() == MAX_PARTS {
            return Err(MultipartError::TooMany);
        }
        parts.push(header::part(part.ok_or(MultipartError::BoundaryLine)?)?);
        start = place + delimiter.len();
    }
}

/// Whether a file travels in any of the parts: one with a file name, of a type that is not text, or of bytes that are
/// not text.
pub fn has_file(parts: &[Part<'_>]) -> bool {
    parts.iter().any(|part| {
        let text = part.content_type.as_deref().is_none_or(|kind| kind.starts_with("text/"));
        part.file_name || !text || part.body.contains(&0) || str::from_utf8(part.body).is_err()
    })
}

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    /// The `Content-Type` is not `multipart/form-data` with one boundary and nothing else of weight.
    #[error("the content type is not `multipart/form-data` with one plain boundary")]
    ContentType,
    /// Something stands before the first boundary, or the body is empty.
    #[error("the body does not begin with its boundary")]
    Preamble,
    /// Something stands after the last boundary.
    #[error("something stands after the last boundary")]
    Epilogue,
    /// The last boundary is missing.
    #[error("the last boundary is missing")]
    Unfinished,
    /// A boundary that is not alone on its line between CRLFs.
    #[error("a boundary is not alone on its line")]
    BoundaryLine,
    /// Headers that do not end, are folded, malformed, unknown or repeated.
    #[error("a header of a part is malformed, folded, repeated or unknown")]
    Header,
    /// A part without a `Content-Disposition`, or with one that two servers may read differently.
    #[error("the `Content-Disposition` of a part is missing or ambiguous")]
    Disposition,
    /// A `Content-Type` of a part that is malformed, nested, or of another charset than UTF-8.
    #[error("the `Content-Type` of a part is malformed, nested or of another charset")]
    PartType,
    /// A transfer encoding that changes the bytes.
    #[error("a part has a transfer encoding")]
    TransferEncoding,
    /// More than [`MAX_PARTS`].
    #[error("the body has too many parts")]
    TooMany,
}

/// Body of the fuzz target: a line of content type, then the body.
#[doc(hidden)]
pub fn fuzz_multipart(data: &[u8]) {
    let Some(line) = memchr::memchr(b'\n', data) else { return };
    let (content_type, body) = data.split_at(line);
    let (Ok(content_type), Some(body)) = (str::from_utf8(content_type), body.get(1..)) else { return };
    let Ok(parts) = parts(content_type, body) else { return };
    assert!(parts.iter().map(|part| part.body.len()).sum::<usize>() <= body.len());
    let holds = |part: &Part<'_>| {
        boundary(content_type).is_ok_and(|boundary| {
            memchr::memmem::find(part.body, format!("--{boundary}").as_bytes()).is_some()
        })
    };
    assert!(!parts.iter().any(holds), "no part holds the delimiter");
}

/// The boundary that a `Content-Type` names.
pub(crate) fn boundary(content_type: &str) -> Result<String, MultipartError> {
    let (essence, parameters) = content_type.split_once(';').ok_or(MultipartError::ContentType)?;
    if media_type::essence(essence).as_deref() != Some("multipart/form-data") || parameters.contains('\\') {
        return Err(MultipartError::ContentType);
    }
    let mut boundary = None;
    for (name, value) in media_type::parameters(parameters).ok_or(MultipartError::ContentType)? {
        match &*name {
            "boundary" if boundary.is_none() && is_boundary(&value) => boundary = Some(value),
            "charset" if value.eq_ignore_ascii_case("utf-8") => {}
            _ => return Err(MultipartError::ContentType),
        }
    }
    boundary.ok_or(MultipartError::ContentType)
}

/// RFC 2046 §5.1.1, without the space.
fn is_boundary(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(allowed)
}
