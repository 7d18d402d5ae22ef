//! Media types: what a `Content-Type` says a body is (RFC 9110 §8.3).
//!
//! Closed on failure: a value that is not one well-formed type is `Other`, and two charsets are no charset that
//! anybody supports. The grammar of parameters that other headers share is here too.

/// What kind of thing a body is, as far as its rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaClass {
    /// One JSON text: `application/json`, `text/json`, `*+json`.
    Json,
    /// HTML and XHTML.
    Html,
    /// Any other `text/*`: plain, CSV, vCard, Markdown.
    Text,
    /// Server-sent events.
    Events,
    /// Style sheets.
    Style,
    /// JavaScript and WebAssembly.
    Script,
    /// Fonts.
    Font,
    /// Pictures, SVG included.
    Picture,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Documents, archives, programs, and bytes that nobody named.
    Document,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/*`.
    Multipart,
    /// Anything else, XML and JSON lines among it, and what is not one well-formed type.
    Other,
    /// No `Content-Type`, or an empty one.
    Missing,
}

/// The class of a `Content-Type` value.
pub fn classify(content_type: Option<&str>) -> MediaClass {
    let Some(value) = content_type.map(trim).filter(|value| !value.is_empty()) else {
        return MediaClass::Missing;
    };
    let Some(essence) = essence(value) else { return MediaClass::Other };
    let Some((kind, subtype)) = essence.split_once('/') else { return MediaClass::Other };
    if subtype.ends_with("+json") {
        return MediaClass::Json;
    }
    match kind {
        "text" => match subtype {
            "json" => MediaClass::Json,
            "html" => MediaClass::Html,
            "css" => MediaClass::Style,
            "event-stream" => MediaClass::Events,
            "xml" => MediaClass::Other,
            _ if is_script(subtype) => MediaClass::Script,
            _ => MediaClass::Text,
        },
        "application" => match subtype {
            "json" => MediaClass::Json,
            "xhtml+xml" => MediaClass::Html,
            "x-www-form-urlencoded" => MediaClass::Form,
            "wasm" => MediaClass::Script,
            "ogg" => MediaClass::Audio,
            "mp4" | "vnd.apple.mpegurl" | "x-mpegurl" | "dash+xml" => MediaClass::Video,
            "vnd.ms-fontobject" => MediaClass::Font,
            _ if is_script(subtype) => MediaClass::Script,
            _ if subtype.starts_with("font-") || subtype.starts_with("x-font-") => MediaClass::Font,
            _ if is_document(subtype) => MediaClass::Document,
            _ => MediaClass::Other,
        },
        "image" => MediaClass::Picture,
        "audio" => MediaClass::Audio,
        "video" => MediaClass::Video,
        "font" => MediaClass::Font,
        "multipart" => MediaClass::Multipart,
        // An e-mail saved as a file; a 3D model.
        "message" | "model" => MediaClass::Document,
        _ => MediaClass::Other,
    }
}

/// Whether a script is of text: JavaScript under any of its names.
pub fn is_text_script(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(essence);
    let subtype = essence.as_deref().and_then(|essence| essence.split_once('/')).map(|(_, subtype)| subtype);
    subtype.is_some_and(is_script)
}

/// The charset of a `Content-Type` value in lower case; several that stand there are joined by a comma, and so are no
/// charset that anybody supports.
pub fn charset(content_type: Option<&str>) -> Option<String> {
    let (_, parameters) = content_type?.split_once(';')?;
    let Some(parameters) = self::parameters(parameters) else { return Some(String::from("unreadable")) };
    let named = parameters.into_iter().filter(|(name, _)| name == "charset");
    let values: Vec<String> = named.map(|(_, value)| value.to_ascii_lowercase()).collect();
    if values.is_empty() { None } else { Some(values.join(",")) }
}

/// `type/subtype` in lower case, where the value begins with one well-formed type.
pub(crate) fn essence(value: &str) -> Option<String> {
    let essence = trim(value.split(';').next()?);
    let (kind, subtype) = essence.split_once('/')?;
    (is_token(kind) && is_token(subtype)).then(|| essence.to_ascii_lowercase())
}

/// `name=value` pairs between semicolons, names in lower case, values without their quotes (RFC 9110 §5.6.6).
///
/// Nothing where any of it is not to the letter, so that no other reader can find something else in it.
pub(crate) fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = trim(text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        if !is_token(name) {
            return None;
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let end = after.find([';', ' ', '\t']).unwrap_or(after.len());
                let (token, after) = after.split_at_checked(end)?;
                if !is_token(token) {
                    return None;
                }
                (token.to_owned(), after)
            }
        };
        found.push((name.to_ascii_lowercase(), value));
        let after = after.trim_start_matches([' ', '\t']);
        rest = match after.strip_prefix(';') {
            Some(more) => more.trim_start_matches([' ', '\t']),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(found)
}

/// Optional white space of RFC 9110 §5.6.3, and no other.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    let tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(tchar)
}

/// What stands before the closing quote, unescaped, and what follows it.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next().filter(|escaped| !escaped.is_control())?),
            other if other.is_control() && other != '\t' => return None,
            other => value.push(other),
        }
    }
}

/// WHATWG MIME Sniffing §4.6, "JavaScript MIME type".
fn is_script(subtype: &str) -> bool {
    let subtype = subtype.strip_prefix("x-").unwrap_or(subtype);
    matches!(subtype, "javascript" | "ecmascript" | "jscript" | "livescript")
        || subtype.starts_with("javascript1.")
}

fn is_document(subtype: &str) -> bool {
    const EXACT: [&str; 26] = [
        "octet-stream",
        "pdf",
        "x-pdf",
        "msword",
        "rtf",
        "postscript",
        "zip",
        "gzip",
        "zstd",
        "zlib",
        "vnd.rar",
        "x-zip",
        "x-gzip",
        "x-tar",
        "x-gtar",
        "x-rar",
        "x-bzip",
        "x-bzip2",
        "x-xz",
        "x-msdownload",
        "x-binary",
        "x-download",
        "force-download",
        "download",
        "java-archive",
        "x-executable",
    ];
    const BEGINNINGS: [&str; 8] = [
        "vnd.openxmlformats",
        "vnd.oasis.opendocument",
        "vnd.ms-",
        "vnd.apple.",
        "vnd.android.package",
        "x-iwork",
        "x-ms",
        "x-apple-diskimage",
    ];
    const ENDINGS: [&str; 4] = ["+zip", "+gzip", "-compressed", "-archive"];
    EXACT.contains(&subtype)
        || BEGINNINGS.iter().any(|beginning| subtype.starts_with(beginning))
        || ENDINGS.iter().any(|ending| subtype.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_class() {
        for (value, expected) in [
            ("application/json", MediaClass::Json),
            ("Application/JSON; charset=utf-8", MediaClass::Json),
            (" application/json ;charset=utf-8", MediaClass::Json),
            ("text/json", MediaClass::Json),
            ("application/problem+json", MediaClass::Json),
            ("application/x-ndjson", MediaClass::Other),
            ("text/html; charset=utf-8", MediaClass::Html),
            ("application/xhtml+xml", MediaClass::Html),
            ("text/plain", MediaClass::Text),
            ("text/csv", MediaClass::Text),
            ("text/event-stream", MediaClass::Events),
            ("text/css", MediaClass::Style),
            ("text/javascript", MediaClass::Script),
            ("application/x-javascript", MediaClass::Script),
            ("application/wasm", MediaClass::Script),
            ("font/woff2", MediaClass::Font),
            ("application/font-woff", MediaClass::Font),
            ("application/vnd.ms-fontobject", MediaClass::Font),
            ("image/svg+xml", MediaClass::Picture),
            ("audio/ogg", MediaClass::Audio),
            ("video/mp4", MediaClass::Video),
            ("application/pdf", MediaClass::Document),
            ("application/octet-stream", MediaClass::Document),
            ("application/vnd.ms-excel", MediaClass::Document),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", MediaClass::Document),
            ("application/x-7z-compressed", MediaClass::Document),
            ("application/epub+zip", MediaClass::Document),
            ("message/rfc822", MediaClass::Document),
            ("application/x-www-form-urlencoded", MediaClass::Form),
            ("multipart/form-data; boundary=x", MediaClass::Multipart),
            ("application/xml", MediaClass::Other),
            ("text/xml", MediaClass::Other),
            ("application/json, text/html", MediaClass::Other),
            ("json", MediaClass::Other),
            ("application/", MediaClass::Other),
            ("application /json", MediaClass::Other),
            ("\"application/json\"", MediaClass::Other),
            ("application/json\u{a0}", MediaClass::Other),
            ("", MediaClass::Missing),
            ("  ", MediaClass::Missing),
        ] {
            assert_eq!(classify(Some(value)), expected, "{value}");
        }
        assert_eq!(classify(None), MediaClass::Missing);
    }

    #[test]
    fn charsets_are_read_to_the_letter() {
        for (value, expected) in [
            ("application/json", None),
            ("application/json; charset=UTF-8", Some("utf-8")),
            ("application/json;version=1; Charset=\"UTF\\-8\"", Some("utf-8")),
            ("application/json; charset=utf-8; charset=utf-7", Some("utf-8,utf-7")),
            ("application/json; x=\"; charset=utf-7\"; charset=utf-8", Some("utf-8")),
            ("application/json; charset='utf-8'", Some("'utf-8'")),
            ("application/json; charset=\"utf-8", Some("unreadable")),
            ("application/json; charset =utf-8", Some("unreadable")),
            ("application/json;", None),
        ] {
            assert_eq!(charset(Some(value)).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn parameters_are_all_or_nothing() {
        let pairs =
            |text| parameters(text).map(|pairs| pairs.into_iter().map(|(n, v)| format!("{n}={v}")).collect());
        for (text, expected) in [
            ("", Some(vec![])),
            (" a=b ; C=\"d;\\\"e\" ", Some(vec!["a=b", "c=d;\"e"])),
            ("a=b;", Some(vec!["a=b"])),
            ("a=\"\"", Some(vec!["a="])),
            ("a=", None),
            ("a", None),
            ("a=b c", None),
            ("a=b,c=d", None),
            ("a=\"b", None),
            ("a=\"b\"c", None),
            ("a=\"b\nc\"", None),
            (";a=b", None),
        ] {
            let expected: Option<Vec<String>> =
                expected.map(|list| list.into_iter().map(String::from).collect());
            assert_eq!(pairs(text), expected, "{text}");
        }
    }
}
