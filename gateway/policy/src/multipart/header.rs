//! The headers of one part.

use std::str;

use super::{MultipartError, Part};
use crate::media_type::{self, is_token};

/// The longest that the headers of one part may be.
const MAX_HEADERS: usize = 8 * 1024;

/// Reads what stands between two boundary lines.
pub(super) fn part(bytes: &[u8]) -> Result<Part<'_>, MultipartError> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n").filter(|end| *end <= MAX_HEADERS);
    let (headers, body) = bytes.split_at(end.ok_or(MultipartError::Header)?);
    let body = body.strip_prefix(b"\r\n\r\n").unwrap_or_default();
    let headers = str::from_utf8(headers).map_err(|_| MultipartError::Header)?;
    let (mut disposition, mut content_type, mut encoding) = (None, None, None);
    for line in headers.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(MultipartError::Header)?;
        if !is_token(name) || value.chars().any(|character| character.is_control() && character != '\t') {
            return Err(MultipartError::Header);
        }
        let slot = match &*name.to_ascii_lowercase() {
            "content-disposition" => &mut disposition,
            "content-type" => &mut content_type,
            "content-transfer-encoding" => &mut encoding,
            // Says nothing that the boundary does not; HTTP libraries of telephones send it.
            "content-length" => continue,
            _ => return Err(MultipartError::Header),
        };
        if slot.replace(value.trim_matches([' ', '\t'])).is_some() {
            return Err(MultipartError::Header);
        }
    }
    if encoding.is_some_and(changes_bytes) {
        return Err(MultipartError::TransferEncoding);
    }
    let (name, file_name) = read_disposition(disposition.ok_or(MultipartError::Disposition)?)?;
    let content_type = content_type.map(read_type).transpose()?;
    // What browsers send for a file input in which nothing was chosen.
    let chosen = file_name.as_ref().is_some_and(|file_name| !file_name.is_empty() || !body.is_empty());
    let content_type = if file_name.is_some() && !chosen { None } else { content_type };
    Ok(Part { name, file_name: chosen, content_type, body })
}

/// RFC 2046 §6.1: these three leave the bytes alone.
fn changes_bytes(encoding: &str) -> bool {
    !["7bit", "8bit", "binary"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain))
}

/// The name, and the file name where there is one.
fn read_disposition(value: &str) -> Result<(String, Option<String>), MultipartError> {
    let (kind, parameters) = value.split_once(';').ok_or(MultipartError::Disposition)?;
    let kind = kind.trim_end_matches([' ', '\t']);
    if !kind.eq_ignore_ascii_case("form-data") || value.contains('\\') || has_single_quote_outside(value) {
        return Err(MultipartError::Disposition);
    }
    let (mut name, mut file_name) = (None, None);
    for (key, value) in media_type::parameters(parameters).ok_or(MultipartError::Disposition)? {
        let slot = match &*key {
            "name" => &mut name,
            "filename" => &mut file_name,
            // `filename*` among them (RFC 7578 §4.2 forbids it).
            _ => return Err(MultipartError::Disposition),
        };
        if slot.replace(value).is_some() {
            return Err(MultipartError::Disposition);
        }
    }
    Ok((name.ok_or(MultipartError::Disposition)?, file_name))
}

/// A single quote is a letter to the standard and a quote to some servers. There are no backslashes in `value`.
fn has_single_quote_outside(value: &str) -> bool {
    value.split('"').step_by(2).any(|outside| outside.contains('\''))
}

fn read_type(value: &str) -> Result<String, MultipartError> {
    let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
    let essence = media_type::essence(essence).ok_or(MultipartError::PartType)?;
    let parameters = media_type::parameters(parameters).ok_or(MultipartError::PartType)?;
    let mut charsets = parameters.iter().filter(|(name, _)| name == "charset");
    let plain = |value: &str| value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii");
    let charset = charsets.next().is_none_or(|(_, value)| plain(value));
    if !charset
        || charsets.next().is_some()
        || essence.starts_with("multipart/")
        || essence.starts_with("message/")
    {
        return Err(MultipartError::PartType);
    }
    Ok(essence)
}
