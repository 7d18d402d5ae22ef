//! A glance at what calls itself a picture, a font, sound, film or a style: whether it begins as a text does that is read
//! elsewhere.
//!
//! Such bodies pass to everybody as they came, since nothing in them is written for people to read by an application. An
//! application that sends JSON under such a type, by mistake or by a client's wish, must not pass with them. The types
//! have no grammar here, so what begins like JSON, a frame of a live connection or a page is what is looked for, and
//! everything else is what it calls itself.

use chatwarden_redact::codings::Coding;

use crate::{
    carrier::{self, GUARDS, Judged, MAX_HEAD_BYTES},
    media_type::MediaClass,
};

/// A body that passes if its first bytes let it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// What it calls itself.
    pub kind: Kind,
    /// The codings to undo before the first bytes can be seen, in the order in which they were applied.
    pub codings: Vec<Coding>,
}

/// What a body calls itself, as far as beginnings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes: a picture, a font, sound, film, WebAssembly.
    Bytes,
    /// CSS, which may begin with `[` as JSON does.
    Style,
}

impl Kind {
    /// What bodies of a class are glanced at as; none where they are read or refused.
    pub fn of(class: MediaClass) -> Option<Kind> {
        match class {
            MediaClass::Style => Some(Kind::Style),
            // Scripts of text are read elsewhere; only WebAssembly gets here.
            MediaClass::Script
            | MediaClass::Font
            | MediaClass::Picture
            | MediaClass::Audio
            | MediaClass::Video => Some(Kind::Bytes),
            MediaClass::Json
            | MediaClass::Html
            | MediaClass::Text
            | MediaClass::Events
            | MediaClass::Document
            | MediaClass::Form
            | MediaClass::Multipart
            | MediaClass::Other
            | MediaClass::Missing => None,
        }
    }

    /// Judges the first bytes of a body, all there are if `is_end`: [`Judged::Clear`] if it is what it calls itself,
    /// [`Judged::Unknown`] if it is a text.
    pub fn judge(self, head: &[u8], is_end: bool) -> Judged {
        let is_full = is_end || head.len() >= MAX_HEAD_BYTES;
        if !is_full && carrier::BYTE_ORDER_MARK.starts_with(head) {
            return Judged::More;
        }
        let text = head.strip_prefix(&carrier::BYTE_ORDER_MARK).unwrap_or(head);
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x1e;
        let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
        let text = &text[start..];
        if text.is_empty() {
            return match (is_end, is_full) {
                (true, _) => Judged::Clear,
                (false, true) => Judged::Unknown,
                (false, false) => Judged::More,
            };
        }
        let begins = match self {
            Kind::Bytes => begins_as_text(text, is_full),
            Kind::Style => begins_otherwise_than_css(text),
        };
        let begins = match carrier::begins(&text[..text.len().min(LONGEST)].to_ascii_lowercase(), TEXTS) {
            Some(false) => begins,
            known => known,
        };
        match begins {
            Some(true) => Judged::Unknown,
            Some(false) => Judged::Clear,
            None if !is_full => Judged::More,
            // A text that was cut short is a text.
            None if self == Kind::Style && text.starts_with(b"{\"") => Judged::Unknown,
            None => Judged::Clear,
        }
    }
}

/// Whether bytes begin as JSON or a frame does. No format of pictures, fonts, sound or film does.
fn begins_as_text(text: &[u8], is_full: bool) -> Option<bool> {
    match carrier::framed(text, is_full) {
        Judged::As(_) => Some(true),
        Judged::More => None,
        Judged::Clear | Judged::Unknown => Some(false),
    }
}

/// Whether a text begins as no style does (CSS Syntax 3 §4): with an object, an array of what is no name, or a number.
///
/// A style may begin with a selector by an attribute, `[type="a"]`, and a name may be `null`; an empty array is no
/// selector.
fn begins_otherwise_than_css(text: &[u8]) -> Option<bool> {
    let inside = text.get(1..).unwrap_or_default().trim_ascii_start();
    match (text.first(), inside.first()) {
        (Some(b'{' | b'['), None) => None,
        (Some(b'{'), Some(b'"')) => carrier::is_document(text),
        // An empty object tells nothing, but what follows it may.
        (Some(b'{'), Some(b'}')) => {
            let rest = inside.get(1..).unwrap_or_default().trim_ascii_start();
            rest.first().map(|next| matches!(next, b'{' | b'[' | b',' | b'&' | b'"'))
        }
        (Some(b'['), Some(b'{' | b'[' | b']' | b'"' | b'0'..=b'9')) => Some(true),
        (Some(b'['), Some(b'-')) => inside.get(1).map(u8::is_ascii_digit),
        (Some(b'['), Some(_)) => {
            let word = inside.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            match inside.get(..word) {
                Some(b"null" | b"true" | b"false") => {
                    let next = inside.get(word..).unwrap_or_default().trim_ascii_start().first();
                    next.map(|next| *next == b',')
                }
                // It may be one of these yet.
                Some(part) if word == inside.len() => {
                    let may_be =
                        [&b"null"[..], b"true", b"false"].iter().any(|known| known.starts_with(part));
                    if may_be { None } else { Some(false) }
                }
                Some(_) | None => Some(false),
            }
        }
        (Some(b'0'..=b'9'), _) => begins_as_text(text, false),
        (Some(_) | None, _) => carrier::begins(text, OF_SOCKJS),
    }
}

/// What pages, event streams and guarded JSON begin with, in lower case.
const TEXTS: &[&[u8]] = &[
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<body",
    b"data: {",
    b"data: [",
    b"data:{",
    b"data:[",
    b"event: ",
    GUARDS[0],
    GUARDS[1],
    GUARDS[2],
    GUARDS[3],
];

/// The longest of them.
const LONGEST: usize = 16;

/// Frames that hold a string at once.
const OF_SOCKJS: &[&[u8]] = &[b"a[\"", b"m\""];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[&str] = &[
        r#"{"phone":"+37061234567"}"#,
        " \r\n\t{\n \"phone\": 1}",
        "\u{feff}[{\"phone\":1}]",
        "[ \"+37061234567\" ]",
        "[[1]]",
        "[37061234567]",
        "[-1]",
        "[null, {\"a\":1}]",
        "[]\n[{\"a\":1}]",
        "{}\n{\"a\":1}",
        "{}&&{\"a\":1}",
        ")]}',\n{\"a\":1}",
        "for(;;);{\"a\":1}",
        "while(1);[]",
        "42[\"message\",{}]",
        "0{\"sid\":\"x\"}",
        "a[\"{}\"]",
        "\u{1e}{\"a\":1}",
        "data: {\"a\":1}\n\n",
        "event: message\ndata: x\n\n",
        "<!DOCTYPE html><p>+37061234567",
        "<html lang=en>",
        "{\"a",
    ];

    const STYLES: &[&str] = &[
        "",
        " \n",
        "@charset \"utf-8\";",
        "/* a */ body{}",
        "body { color: red }",
        "[data-x]{}",
        "[ data-x ]{}",
        "[type=\"button\" i]{}",
        "[*|a]{}",
        "[|a]{}",
        "[--x]{}",
        "[-moz-a]{}",
        "[\\31 a]{}",
        "[null]{}",
        "[true] a, b{}",
        "[nullable]{}",
        "[falsy~=\"a\"]{}",
        "{}",
        "{} a{}",
        "{color:red}",
        "a[href]{}",
        "a[",
        "m{}",
        "data{}",
        "data:hover{}",
        "event:hover{}",
        "html{}",
        "<!-- a{} -->",
        "MESSAGE\n{}",
        "hh{}",
        "ok{}",
        "*{}",
        ":root{}",
        "#a{}",
        ".a{}",
    ];

    const BYTES: &[&[u8]] = &[
        b"",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"GIF89a\x01\0",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"\0\0\x01\0\x01\0",
        b"BM\x36\0\0\0",
        b"\0\0\0 ftypavif",
        b"\n\x05\x01\x08\0\0\0\0",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><text>x</text></svg>",
        b"<?xml version=\"1.0\"?><svg/>",
        b"<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\"><svg/>",
        b"\n  <!-- drawn --><svg/>",
        b"P6 1 1 255\n\0\0\0",
        b"#EXTM3U\n",
        b"ID3\x04\0",
        b"\xff\xfb\x90\0",
        b"OggS\0\x02",
        b"fLaC\0",
        b"#!AMR\n",
        b"\x1aE\xdf\xa3",
        b"FLV\x01",
        b"G@\0\x10",
        b"wOF2\0\x01\0\0",
        b"OTTO\0\x0b",
        b"\0\x01\0\0\0\x0f",
        b"true\0\x0f",
        b"\0asm\x01\0\0\0",
    ];

    #[test]
    fn a_text_is_known_under_whatever_name_and_nothing_else_is() {
        for text in TEXT {
            for kind in [Kind::Bytes, Kind::Style] {
                assert_eq!(kind.judge(text.as_bytes(), true), Judged::Unknown, "{kind:?} {text:?}");
            }
        }
        for style in STYLES {
            assert_eq!(Kind::Style.judge(style.as_bytes(), true), Judged::Clear, "{style:?}");
        }
        for bytes in BYTES {
            assert_eq!(Kind::Bytes.judge(bytes, true), Judged::Clear, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_judgement_does_not_depend_on_the_cut() {
        let texts = || TEXT.iter().chain(STYLES).map(|text| text.as_bytes());
        let of_style = texts().map(|text| (Kind::Style, text));
        let of_bytes = texts().chain(BYTES.iter().copied()).map(|bytes| (Kind::Bytes, bytes));
        for (kind, body) in of_style.chain(of_bytes) {
            let whole = kind.judge(body, true);
            for cut in 0..body.len() {
                let part = kind.judge(&body[..cut], false);
                let body = body.escape_ascii();
                assert!(part == Judged::More || part == whole, "{kind:?} {body} at {cut}: {part:?}");
            }
        }
    }

    #[test]
    fn blanks_without_end_do_not_pass() {
        for kind in [Kind::Bytes, Kind::Style] {
            assert_eq!(kind.judge(&vec![b' '; MAX_HEAD_BYTES - 1], false), Judged::More);
            assert_eq!(kind.judge(&vec![b' '; MAX_HEAD_BYTES], false), Judged::Unknown);
        }
    }
}
