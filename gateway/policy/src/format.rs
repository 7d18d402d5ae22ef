//! From a media type to the grammar that a body is rewritten by.
//!
//! One table for every place that rewrites. A type that is not in it is not rewritten, and so shown to nobody from
//! whom anything is hidden.

use chatwarden_redact::Format;

use crate::media_type;

/// The grammar of bodies of a `Content-Type`; none for other types, and for charsets other than UTF-8.
pub fn of(content_type: &str) -> Option<Format> {
    let essence = media_type::essence(content_type)?;
    let charset = media_type::charset(Some(content_type));
    let utf8 = ["utf-8", "utf8", "us-ascii"];
    if charset.is_some_and(|name| !utf8.contains(&name.as_str())) {
        return None;
    }
    match essence.as_str() {
        "application/json" | "text/json" => Some(Format::Json),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines"
        | "application/json-seq" => Some(Format::JsonSequence),
        // A script that is no call with JSON as its arguments is refused by the grammar.
        "application/javascript" | "text/javascript" | "application/x-javascript" => Some(Format::Jsonp),
        "text/event-stream" => Some(Format::EventStream),
        "text/html" | "application/xhtml+xml" => Some(Format::Html),
        "application/x-www-form-urlencoded" => Some(Format::Form),
        "text/csv" | "text/tab-separated-values" => Some(Format::Csv),
        "text/plain" => Some(Format::Text),
        _ if essence.ends_with("+json-seq") => Some(Format::JsonSequence),
        _ if essence.ends_with("+json") => Some(Format::Json),
        _ => None,
    }
}

/// Whether a `Content-Type` is that of lines of JSON.
pub fn is_lines(content_type: &str) -> bool {
    let essence = media_type::essence(content_type);
    let lines =
        ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];
    essence.is_some_and(|essence| lines.contains(&&*essence))
}

/// The media type that the ending of a file's name stands for.
pub fn media_type_of(file_name: &str) -> Option<&'static str> {
    let (_, ending) = file_name.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, media_type)| *media_type)
}

/// The types that are rewritten, for messages; there are more spellings of some.
pub const TYPES: [&str; 9] = [
    "application/json",
    "application/x-ndjson",
    "application/json-seq",
    "application/javascript",
    "text/event-stream",
    "text/html",
    "application/x-www-form-urlencoded",
    "text/csv",
    "text/plain",
];

const ENDINGS: [(&str, &str); 10] = [
    ("json", "application/json"),
    ("ndjson", "application/x-ndjson"),
    ("jsonl", "application/x-ndjson"),
    ("jsonp", "application/javascript"),
    ("sse", "text/event-stream"),
    ("html", "text/html"),
    ("htm", "text/html"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("txt", "text/plain"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_grammar() {
        for (content_type, format) in [
            ("application/json", Some(Format::Json)),
            ("Application/JSON; charset=\"UTF-8\"", Some(Format::Json)),
            ("application/problem+json", Some(Format::Json)),
            ("application/x-ndjson", Some(Format::JsonSequence)),
            ("application/json-seq", Some(Format::JsonSequence)),
            ("text/event-stream", Some(Format::EventStream)),
            ("text/html;charset=utf-8", Some(Format::Html)),
            ("application/javascript", Some(Format::Jsonp)),
            ("application/x-www-form-urlencoded", Some(Format::Form)),
            ("text/csv", Some(Format::Csv)),
            ("text/plain", Some(Format::Text)),
            ("application/json; charset=utf-16", None),
            ("text/html; charset=windows-1251", None),
            ("application/pdf", None),
            ("json", None),
            ("", None),
        ] {
            assert_eq!(of(content_type), format, "{content_type}");
        }
    }

    #[test]
    fn every_ending_has_a_grammar() {
        for (ending, media_type) in ENDINGS {
            assert_eq!(media_type_of(&format!("clients.{}", ending.to_uppercase())), Some(media_type));
            assert!(of(media_type).is_some(), "{media_type}");
        }
        assert!(TYPES.iter().all(|media_type| of(media_type).is_some()));
        assert_eq!((media_type_of("clients"), media_type_of("clients.pdf")), (None, None));
    }
}
