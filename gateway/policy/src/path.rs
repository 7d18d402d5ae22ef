//! The one path: what is judged is what is sent.
//!
//! A request's path becomes canonical here, once, and that form is forwarded: unreserved escapes decoded (RFC 3986
//! §2.3), hex digits in upper case, dot segments resolved, nothing else. What two servers may read differently
//! (an encoded slash, a backslash, a double encoding, an escape above the root) has no canonical form and is refused.
//! Routes that grant compare this form; routes that restrict also compare its loose forms, which meet the habits of
//! lenient routers half-way.

use std::{fmt::Write as _, str};

use percent_encoding::percent_decode_str;

#[cfg(test)]
mod tests;

/// The path of a request in its one canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalPath {
    canonical: String,
    /// The percent-decoded form, where it differs; it has as many segments as `canonical`.
    decoded: Option<String>,
    /// Folded and merged, where that differs from `canonical`.
    folded: Option<String>,
    /// The same without the parameters of each segment, where there are any.
    bare: Option<String>,
}

impl CanonicalPath {
    /// Reads the path of a request target: what stands before the `?`.
    ///
    /// # Errors
    ///
    /// Where the path has no single meaning.
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        if !raw.starts_with('/') {
            return Err(PathError::NotAbsolute);
        }
        let spelled = normalise_escapes(raw)?;
        let decoded = decode(&spelled)?;
        refuse_double_encoding(&spelled)?;
        refuse_dots_with_parameters(decoded.as_deref().unwrap_or(&spelled))?;
        let (canonical, decoded) = match resolve_dots(&spelled)? {
            Some(resolved) => {
                let decoded = decode(&resolved)?;
                (resolved, decoded)
            }
            None => (spelled, decoded),
        };
        let plain = decoded.as_deref().unwrap_or(&canonical);
        let folded = (!is_folded(&canonical)).then(|| fold_path(plain, false));
        let bare = plain.contains(';').then(|| fold_path(plain, true));
        Ok(Self { canonical, decoded, folded, bare })
    }

    /// The canonical form: the one that is judged and forwarded.
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// The percent-decoded form, segment for segment; for reading values, never for forwarding.
    pub fn decoded(&self) -> &str {
        self.decoded.as_deref().unwrap_or(&self.canonical)
    }

    /// The forms that a restricting route also matches: decoded, case-folded, `//` merged, no trailing `/`; each with
    /// and without `.ext` of the last segment, and with and without the `;parameters` of its segments.
    pub fn loose(&self) -> impl Iterator<Item = &str> {
        self.loose_forms().map(|(text, _)| text)
    }

    pub(crate) fn loose_forms(&self) -> impl Iterator<Item = (&str, Form)> {
        let folded = (self.folded.as_deref().unwrap_or(&self.canonical), Form::Folded);
        let bare = self.bare.as_deref().map(|text| (text, Form::Bare));
        [Some(folded), bare].into_iter().flatten().flat_map(|(text, form)| {
            [Some(text), without_extension(text)].into_iter().flatten().map(move |text| (text, form))
        })
    }
}

/// Which form of a path a route matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The canonical one.
    Exact,
    /// Folded and merged.
    Folded,
    /// Without parameters as well.
    Bare,
}

/// Why a path has no canonical form. The texts never quote the path: it may carry contact data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Empty, `*`, or an authority.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// `%` without two hexadecimal digits after it.
    #[error("the path has a `%` without two hexadecimal digits")]
    MalformedEscape,
    /// `\` or `%5C`.
    #[error("the path has a backslash")]
    Backslash,
    /// `%2F`.
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// `%00`.
    #[error("the path has an encoded NUL")]
    Nul,
    /// `%25` before two hexadecimal digits.
    #[error("the path is percent-encoded twice")]
    DoubleEncoding,
    /// A control character, raw or encoded.
    #[error("the path has a control character")]
    Control,
    /// A raw space.
    #[error("the path has a space that is not encoded")]
    Space,
    /// A raw `#` or `?`.
    #[error("the path has a `#` or `?` that is not encoded")]
    Delimiter,
    /// Escapes that decode to invalid or overlong UTF-8.
    #[error("the path is not valid UTF-8")]
    InvalidUtf8,
    /// `..` beyond the first segment.
    #[error("the path leads above the root")]
    AboveRoot,
    /// `..;x` or `.;x`: a dot segment to some servers and a name to others.
    #[error("the path has a dot segment with parameters")]
    DotParameters,
}

/// Folds letters so that spellings which any server may take for the same compare equal.
///
/// Upper case first: `ſ` and `ı` have no lower case of their own, but an upper case that plain letters share.
pub(crate) fn fold(text: &str, out: &mut String) {
    if text.is_ascii() {
        out.extend(text.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
    } else {
        out.extend(text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    }
}

/// Body of the fuzz target: whatever parses is stable, and none of its forms has a dot segment.
#[doc(hidden)]
pub fn fuzz_path(data: &[u8]) {
    let raw = String::from_utf8_lossy(data);
    let Ok(path) = CanonicalPath::parse(&raw) else { return };
    assert_eq!(
        CanonicalPath::parse(path.as_str()).as_ref(),
        Ok(&path),
        "a canonical path is its own canonical form"
    );
    assert_eq!(
        path.as_str().split('/').count(),
        path.decoded().split('/').count(),
        "decoding moves no boundary"
    );
    for form in [path.as_str(), path.decoded()].into_iter().chain(path.loose()) {
        assert!(form.starts_with('/') && !form.contains(['\\', '\0']), "{form:?}");
        assert!(!form.split('/').any(|segment| matches!(segment, "." | "..")), "{form:?}");
    }
}

fn normalise_escapes(raw: &str) -> Result<String, PathError> {
    if raw.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'\\' | b'#' | b'?')) {
        return Ok(raw.to_owned());
    }
    let mut spelled = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(character) = rest.chars().next() {
        if character == '%' {
            let escape = rest.get(1..3).ok_or(PathError::MalformedEscape)?;
            let byte = hex_byte(escape).ok_or(PathError::MalformedEscape)?;
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    spelled.push(char::from(byte))
                }
                b'/' => return Err(PathError::EncodedSlash),
                b'\\' => return Err(PathError::Backslash),
                0 => return Err(PathError::Nul),
                0x01..=0x1f | 0x7f => return Err(PathError::Control),
                _ => write!(spelled, "%{byte:02X}").map_err(|_| PathError::MalformedEscape)?,
            }
            rest = rest.get(3..).unwrap_or_default();
            continue;
        }
        match character {
            '\\' => return Err(PathError::Backslash),
            ' ' => return Err(PathError::Space),
            '#' | '?' => return Err(PathError::Delimiter),
            _ if character.is_control() => return Err(PathError::Control),
            _ => spelled.push(character),
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    Ok(spelled)
}

fn hex_byte(digits: &str) -> Option<u8> {
    // `from_str_radix` would take a sign.
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u8::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

/// The decoded form, or nothing where it is the same.
fn decode(spelled: &str) -> Result<Option<String>, PathError> {
    if !spelled.contains('%') {
        return Ok(None);
    }
    let decoded = percent_decode_str(spelled).decode_utf8().map_err(|_| PathError::InvalidUtf8)?;
    // C1 controls are two octets each, and so were not seen octet by octet.
    if decoded.chars().any(char::is_control) {
        Err(PathError::Control)
    } else {
        Ok(Some(decoded.into_owned()))
    }
}

/// Runs on the spelled form, where `%25%32%65` has already become `%252e`.
fn refuse_double_encoding(spelled: &str) -> Result<(), PathError> {
    let twice =
        |(at, _): (usize, &str)| spelled.get(at + 3..at + 5).is_some_and(|two| hex_byte(two).is_some());
    if spelled.match_indices("%25").any(twice) { Err(PathError::DoubleEncoding) } else { Ok(()) }
}

/// Servlet containers cut `;x` off before they resolve dots; others do not (CVE-2021-29492 and its kin).
fn refuse_dots_with_parameters(decoded: &str) -> Result<(), PathError> {
    let dotted = |segment: &str| segment.split_once(';').is_some_and(|(name, _)| matches!(name, "." | ".."));
    if decoded.contains(';') && decoded.split('/').any(dotted) {
        Err(PathError::DotParameters)
    } else {
        Ok(())
    }
}

/// RFC 3986 §5.2.4, but for one thing: where the RFC stops at the root, this refuses. Nothing where there are no dots.
fn resolve_dots(spelled: &str) -> Result<Option<String>, PathError> {
    if !spelled.contains("/.") || !spelled.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Ok(None);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = spelled.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop().ok_or(PathError::AboveRoot)?;
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    let mut resolved = String::with_capacity(spelled.len());
    for segment in kept {
        resolved.push('/');
        resolved.push_str(segment);
    }
    Ok(Some(resolved))
}

/// Whether folding and merging would leave the path as it is.
fn is_folded(canonical: &str) -> bool {
    let plain = canonical.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase() && byte != b'%');
    plain && !canonical.contains("//") && (canonical.len() == 1 || !canonical.ends_with('/'))
}

fn fold_path(decoded: &str, drop_parameters: bool) -> String {
    let mut folded = String::with_capacity(decoded.len());
    for segment in decoded.split('/') {
        let segment = if drop_parameters { segment.split(';').next().unwrap_or_default() } else { segment };
        if !segment.is_empty() {
            folded.push('/');
            fold(segment, &mut folded);
        }
    }
    if folded.is_empty() {
        folded.push('/');
    }
    folded
}

/// `/leads.json` → `/leads`; nothing where the last segment has no name before its last dot.
fn without_extension(path: &str) -> Option<&str> {
    let start = path.rfind('/')? + 1;
    let dot = path.rfind('.')?;
    let name = path.get(start..dot)?;
    if name.bytes().all(|byte| byte == b'.') { None } else { path.get(..dot) }
}
