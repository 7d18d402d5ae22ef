//! `multipart/form-data` (RFC 7578): parts of text; files pass byte for byte.
//!
//! The body is read to the letter, as the rules about files read it before: what two servers may read differently is an
//! error. A part is left out with the boundary before it.

use std::str;

use memchr::memmem;

use super::{Act, Declared, Edits, Place, RestoreError, Restored, Restorer, findings::Findings};

impl Restorer {
    /// Restores a multipart body with this boundary.
    pub fn multipart<'b>(
        &self,
        boundary: &str,
        body: &'b [u8],
        declared: Declared<'_>,
    ) -> Result<Restored<'b>, RestoreError> {
        let delimiter = delimiter(boundary)?;
        let mut edits = Edits::default();
        let mut findings = Findings::default();
        if !body.starts_with(&delimiter) {
            return Err(RestoreError::Multipart);
        }
        let mut start = 0;
        loop {
            let rest = body.get(start + delimiter.len()..).unwrap_or_default();
            if let Some(end) = rest.strip_prefix(b"--") {
                let is_end = matches!(end, b"" | b"\r\n");
                return if is_end { Ok(edits.apply(body, findings)) } else { Err(RestoreError::Multipart) };
            }
            let length = memmem::find(rest, &delimiter).ok_or(RestoreError::Multipart)?;
            let next = start + delimiter.len() + length;
            let part = rest[..length].strip_prefix(b"\r\n").and_then(|part| part.strip_suffix(b"\r\n"));
            let part = part.ok_or(RestoreError::Multipart)?;
            // A part without headers has no name.
            let head = memmem::find(part, b"\r\n\r\n").ok_or(RestoreError::Multipart)?;
            let content = start + delimiter.len() + 2 + head + 4..next - 2;
            if let Some(name) = text_part(&part[..head])? {
                let text = String::from_utf8_lossy(&body[content.clone()]);
                let place = Place { wanted: None, opens: false, may_drop: true, at: content.start };
                match self.named(&name, &text, place, declared, &mut findings)? {
                    Act::Keep => {}
                    Act::Drop => edits.remove(start..next),
                    Act::Replace(value) => {
                        let spells_boundary = memmem::find(&value, &delimiter).is_some();
                        if spells_boundary || str::from_utf8(&value).is_err() {
                            return Err(RestoreError::Unrepresentable);
                        }
                        edits.replace(content, value, self.options.growth_bytes)?;
                    }
                }
            }
            start = next;
        }
    }
}

/// What every boundary line begins with.
pub(super) fn delimiter(boundary: &str) -> Result<Vec<u8>, RestoreError> {
    match boundary.len() {
        1..=70 => Ok(format!("--{boundary}").into_bytes()), // RFC 2046 §5.1.1
        _ => Err(RestoreError::Multipart),
    }
}

/// The name of a part, or none if it is a file.
pub(super) fn text_part(head: &[u8]) -> Result<Option<String>, RestoreError> {
    let head = str::from_utf8(head).map_err(|_| RestoreError::Multipart)?;
    let mut name = None;
    let mut is_file = false;
    for line in head.split("\r\n") {
        let (key, value) = line.split_once(':').ok_or(RestoreError::Multipart)?;
        match key.to_ascii_lowercase().as_str() {
            "content-disposition" if name.is_none() => {
                let (kind, mut rest) = value.split_at(value.find(';').unwrap_or(value.len()));
                if !kind.trim().eq_ignore_ascii_case("form-data") {
                    return Err(RestoreError::Multipart);
                }
                while let Some((parameter, more)) = parameter(rest)? {
                    match parameter {
                        ("name", value) if name.is_none() => name = Some(value),
                        ("filename" | "filename*", _) => is_file = true,
                        _ => return Err(RestoreError::Multipart),
                    }
                    rest = more;
                }
            }
            "content-type" => {
                let kind = value.trim().to_ascii_lowercase();
                let is_utf8 = match kind.split_once("charset") {
                    Some((_, charset)) => charset.trim_matches(['=', '"', ' ']) == "utf-8",
                    None => true,
                };
                is_file |= !kind.starts_with("text/") && !kind.starts_with("application/json");
                if !is_file && !is_utf8 {
                    return Err(RestoreError::Multipart);
                }
            }
            // Says nothing that the boundary does not; HTTP libraries of telephones send it.
            "content-length" => {}
            // RFC 2046 §6.1: these leave the bytes alone.
            "content-transfer-encoding"
                if ["7bit", "8bit", "binary"]
                    .iter()
                    .any(|plain| value.trim().eq_ignore_ascii_case(plain)) => {}
            _ => return Err(RestoreError::Multipart),
        }
    }
    let name = name.ok_or(RestoreError::Multipart)?;
    Ok((!is_file).then(|| name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")))
}

/// A parameter and its value.
type Parameter<'h> = (&'h str, String);

/// The next parameter, and what follows it.
fn parameter(rest: &str) -> Result<Option<(Parameter<'_>, &str)>, RestoreError> {
    let rest = rest.trim();
    if rest.is_empty() {
        return Ok(None);
    }
    let rest = rest.strip_prefix(';').ok_or(RestoreError::Multipart)?;
    let (key, value) = rest.split_once('=').ok_or(RestoreError::Multipart)?;
    let (value, more) = match value.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or(RestoreError::Multipart)?,
        None => value.split_at(value.find(';').unwrap_or(value.len())),
    };
    if value.contains('\\') {
        return Err(RestoreError::Multipart);
    }
    Ok(Some(((key.trim(), value.to_owned()), more)))
}
