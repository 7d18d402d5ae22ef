//! Carriers: by which grammar the body of an answer is read, told by its type and, where that is not enough, by its first
//! bytes.
//!
//! Types lie: frameworks send JSON as HTML, and long polls of Engine.IO as plain text. So the first bytes decide wherever
//! two grammars share a type. What none of them fits is `Unknown`; whoever may not see contact data does not see that.

use chatwarden_redact::Format;

use crate::{
    format,
    media_type::{self, MediaClass},
};

/// How the body of an answer is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// By the grammar of its type.
    Typed(Format),
    /// By what its first bytes say.
    Sniffed(Guess),
}

/// What a body calls itself, where that does not tell its grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// JSON, which may stand behind a guard.
    Json,
    /// A page.
    Page,
    /// Plain text, or nothing at all.
    Anything,
    /// A script, which may be a call of one of these functions: JSON with padding names what the query asked for.
    Script {
        /// The values of the query that are names of functions.
        callbacks: Vec<String>,
    },
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing yet.
    More,
    /// It is read by this grammar.
    As(Format),
    /// It is a script of the application, or nothing but blanks: there is nothing in it to hide.
    Clear,
    /// No grammar fits.
    Unknown,
}

/// The most that is held before the first bytes decide.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

impl Carrier {
    /// The carrier of a body of this type, if such bodies are rewritten; `query` is the request's.
    pub fn of(content_type: Option<&str>, query: Option<&str>) -> Option<Carrier> {
        let sniffed = |guess| Some(Carrier::Sniffed(guess));
        match (media_type::classify(content_type), content_type.and_then(format::of)) {
            (MediaClass::Missing, _) => sniffed(Guess::Anything),
            // In whatever charset a script is a script; WebAssembly is none that could be JSON.
            (MediaClass::Script, _) if media_type::is_text_script(content_type) => {
                sniffed(Guess::Script { callbacks: callbacks(query.unwrap_or_default()) })
            }
            // In another charset than UTF-8, or none that is known.
            (_, None) => None,
            (_, Some(Format::Json)) => sniffed(Guess::Json),
            (_, Some(Format::Html)) => sniffed(Guess::Page),
            (_, Some(Format::Text)) => sniffed(Guess::Anything),
            (
                _,
                Some(
                    format @ (Format::JsonSequence
                    | Format::Jsonp
                    | Format::Framed
                    | Format::EventStream
                    | Format::Form
                    | Format::Csv),
                ),
            ) => Some(Carrier::Typed(format)),
        }
    }
}

impl Guess {
    /// Judges the first bytes of a body, all there are if `is_end`.
    pub fn judge(&self, head: &[u8], is_end: bool) -> Judged {
        let is_full = is_end || head.len() >= MAX_HEAD_BYTES;
        if !is_full && BYTE_ORDER_MARK.starts_with(head) {
            return Judged::More;
        }
        let marked = head.strip_prefix(&BYTE_ORDER_MARK);
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || (*self == Guess::Anything && *byte == 0x1e);
        let text = marked.unwrap_or(head);
        let text =
            text.iter().position(|byte| !is_blank(byte)).and_then(|at| text.get(at..)).unwrap_or_default();
        let Some(&first) = text.first() else {
            return match (is_end, is_full, self) {
                (true, _, _) => Judged::Clear,
                // Blanks without end are taken for what reads them or refuses.
                (false, true, _) => Judged::As(Format::Json),
                (false, false, _) => Judged::More,
            };
        };
        match self {
            Guess::Json => json(text, is_full),
            Guess::Page if matches!(first, b'{' | b'[') => Judged::As(Format::Json),
            Guess::Page => Judged::As(Format::Html),
            Guess::Anything if first == b'<' => Judged::As(Format::Html),
            Guess::Anything => framed(text, is_full),
            Guess::Script { callbacks } => script(text, callbacks, is_full),
        }
    }
}

/// JSON, unless it begins like one of the guards against being run as a script.
fn json(text: &[u8], is_full: bool) -> Judged {
    match begins(text, &GUARDS) {
        Some(true) => Judged::As(Format::Framed),
        None if !is_full => Judged::More,
        None | Some(false) => Judged::As(Format::Json),
    }
}

/// The guards against being run as a script.
pub(crate) const GUARDS: [&[u8]; 4] = [b")]}'", b"for(;;);", b"while(1);", b"{}&&"];

/// A frame, or JSON, or a guard before it; plain text begins otherwise.
pub(crate) fn framed(text: &[u8], is_full: bool) -> Judged {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let fits = match text.get(digits) {
        None if digits > 0 => None,
        Some(b'{' | b'[' | b'"' | b'\n' | 0x1e | b':' | b'/' | b',') if digits > 0 => Some(true),
        // The number of attachments, and a probe of the transport.
        Some(b'-') if (1..=3).contains(&digits) => {
            text.get(digits + 1).map(|next| next.is_ascii_digit() || matches!(next, b'[' | b'/'))
        }
        Some(b'p') if digits == 1 => begins(text.get(1..).unwrap_or_default(), &[b"probe"]),
        Some(b'{' | b'[' | b'"') => Some(true),
        None | Some(_) => begins(text, FRAMES),
    };
    match fits {
        None if !is_full => Judged::More,
        // A number is a packet; any other beginning was cut short.
        None if digits == 0 || digits != text.len() => Judged::Unknown,
        None | Some(true) => Judged::As(Format::Framed),
        Some(false) => Judged::Unknown,
    }
}

/// What guards, frames of SockJS and STOMP begin with, and the answer of Engine.IO to a POST.
const FRAMES: &[&[u8]] = &[
    b")]}'",
    b"for(;;);",
    b"while(1);",
    b"o\n",
    b"ok",
    b"h\n",
    b"hh",
    b"a[",
    b"c[",
    b"m\"",
    b"CONNECTED\n",
    b"MESSAGE\n",
    b"RECEIPT\n",
    b"ERROR\n",
    b"CONNECTED\r",
    b"MESSAGE\r",
    b"RECEIPT\r",
    b"ERROR\r",
];

/// Whether a text begins with one of these; none where it is too short to tell.
pub(crate) fn begins(text: &[u8], with: &[&[u8]]) -> Option<bool> {
    if with.iter().any(|one| text.starts_with(one)) {
        return Some(true);
    }
    if with.iter().any(|one| one.starts_with(text)) { None } else { Some(false) }
}

/// JSON with padding, a frame of SockJS, or else a script of the application.
///
/// A call is taken for padding if the query asked for its name, or if its first argument begins like an object or a list of
/// them. Modules that wrap a bundle begin with a list of names or numbers.
fn script(text: &[u8], callbacks: &[String], is_full: bool) -> Judged {
    match begins(text, &[b"o\n", b"h\n", b"hh", b"a[\"", b"c[", b"m\""]) {
        Some(true) => return Judged::As(Format::Framed),
        None if !is_full => return Judged::More,
        None | Some(false) => {}
    }
    match begins(text, &GUARDS) {
        Some(true) => return Judged::As(Format::Framed),
        None if !is_full => return Judged::More,
        None | Some(false) => {}
    }
    match is_document(text) {
        Some(true) => return Judged::As(Format::Json),
        None if !is_full => return Judged::More,
        // What was cut short begins as JSON does.
        None => return Judged::As(Format::Json),
        Some(false) => {}
    }
    // A comment or a semicolon before the call keeps the answer from being taken for another kind of file.
    let call = text.strip_prefix(b"/**/").unwrap_or(text).trim_ascii_start();
    let call = call.strip_prefix(b";").unwrap_or(call);
    if !is_full && b"/**/".starts_with(text) {
        return Judged::More;
    }
    if call.starts_with(b"typeof ") {
        return Judged::As(Format::Jsonp);
    }
    let end = call.iter().position(|&byte| !is_name_part(byte)).unwrap_or(call.len());
    let (name, rest) = call.split_at(end);
    let rest = rest.trim_ascii_start();
    let argument = rest.strip_prefix(b"(").unwrap_or_default().trim_ascii_start();
    let inner = argument.get(1..).unwrap_or_default().trim_ascii_start();
    let is_call = rest.first() == Some(&b'(');
    let is_known = is_call && callbacks.iter().any(|known| known.as_bytes() == name);
    let is_object = matches!(
        (argument.first(), inner.first()),
        (Some(b'{'), Some(b'"' | b'}')) | (Some(b'['), Some(b'{' | b'[' | b']'))
    );
    if is_known || (is_call && !name.is_empty() && is_object) {
        return Judged::As(Format::Jsonp);
    }
    let is_open = name.len() <= MAX_NAME_BYTES && (rest.is_empty() || (is_call && inner.is_empty()));
    if is_open && !is_full { Judged::More } else { Judged::Clear }
}

/// Whether a script is JSON that is sent as one; none where it is too short to tell.
///
/// Hardly a script begins with a list, and none with a text that a colon follows: a block may begin with a text, but its
/// labels are names.
pub(crate) fn is_document(text: &[u8]) -> Option<bool> {
    let inside = text.get(1..).unwrap_or_default().trim_ascii_start();
    match (text.first(), inside.first()) {
        (Some(b'{' | b'['), None) => None,
        (Some(b'{'), Some(b'"')) => {
            let mut is_escaped = false;
            let end = inside.iter().skip(1).position(|&byte| {
                let is_end = byte == b'"' && !is_escaped;
                is_escaped = byte == b'\\' && !is_escaped;
                is_end
            })?;
            inside.get(end + 2..)?.trim_ascii_start().first().map(|&byte| byte == b':')
        }
        (Some(b'['), Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9')) => Some(true),
        (Some(b'['), Some(_)) => begins(inside, &[b"null", b"true", b"false"]),
        (Some(_) | None, _) => Some(false),
    }
}

/// The values of a query, as far as they can be the name of a function.
fn callbacks(query: &str) -> Vec<String> {
    let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let decoded = values.map(|value| percent_encoding::percent_decode_str(value).decode_utf8_lossy());
    let names = decoded.filter(|name| !name.is_empty() && name.len() <= MAX_NAME_BYTES);
    names.filter(|name| name.bytes().all(is_name_part)).map(Into::into).collect()
}

fn is_name_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'[' | b']')
}

/// U+FEFF in UTF-8.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
const MAX_NAME_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = "text/html; charset=utf-8";
    const SCRIPT: &str = "application/javascript";

    fn judged(content_type: &str, query: &str, body: &str) -> Judged {
        match Carrier::of(Some(content_type), Some(query)) {
            Some(Carrier::Sniffed(guess)) => guess.judge(body.as_bytes(), true),
            Some(Carrier::Typed(format)) => Judged::As(format),
            None => Judged::Unknown,
        }
    }

    #[test]
    fn the_first_bytes_tell_where_types_do_not() {
        let cases = [
            ("application/json", "", "{\"a\":1}", Judged::As(Format::Json)),
            ("application/json", "", " [1]", Judged::As(Format::Json)),
            ("application/json", "", "false", Judged::As(Format::Json)),
            ("application/json", "", "{}", Judged::As(Format::Json)),
            ("application/json", "", ")]}',\n{\"a\":1}", Judged::As(Format::Framed)),
            ("application/json", "", "for(;;);{\"a\":1}", Judged::As(Format::Framed)),
            ("application/json", "", "{}&& {\"a\":1}", Judged::As(Format::Framed)),
            ("application/x-ndjson", "", "x", Judged::As(Format::JsonSequence)),
            (HTML, "", "<!doctype html>", Judged::As(Format::Html)),
            (HTML, "", "Hello", Judged::As(Format::Html)),
            (HTML, "", "\u{feff} [{\"a\":1}]", Judged::As(Format::Json)),
            ("text/plain", "", "{\"a\":1}", Judged::As(Format::Framed)),
            ("text/plain", "", "42[\"msg\"]", Judged::As(Format::Framed)),
            ("text/plain", "", "\u{1e}a[\"x\"]", Judged::As(Format::Framed)),
            ("text/plain", "", "ok", Judged::As(Format::Framed)),
            ("text/plain", "", "<p>", Judged::As(Format::Html)),
            ("text/plain", "", "0{\"sid\":\"x\"}", Judged::As(Format::Framed)),
            ("text/plain", "", "96:0{}", Judged::As(Format::Framed)),
            ("text/plain", "", "451-[\"x\"]", Judged::As(Format::Framed)),
            ("text/plain", "", "3probe", Judged::As(Format::Framed)),
            ("text/plain", "", "6", Judged::As(Format::Framed)),
            ("text/plain", "", "MESSAGE\na:b\n\n\0", Judged::As(Format::Framed)),
            ("text/plain", "", "is it so", Judged::Unknown),
            ("text/plain", "", "hello", Judged::Unknown),
            ("text/plain", "", "a", Judged::Unknown),
            ("text/plain", "", "2026-11-28", Judged::Unknown),
            ("text/plain", "", "6 of 7", Judged::Unknown),
            ("text/plain", "", "Anna", Judged::Unknown),
            ("text/plain", "", "\u{416}", Judged::Unknown),
            ("", "", "{\"a\":1}", Judged::As(Format::Framed)),
            ("", "", "", Judged::Clear),
            ("text/plain", "", " \r\n", Judged::Clear),
            (SCRIPT, "callback=show", "show({\"a\":1})", Judged::As(Format::Jsonp)),
            (SCRIPT, "cb=a.b%5B0%5D&x=1", "/**/ a.b[0] ({\"a\":1});", Judged::As(Format::Jsonp)),
            (SCRIPT, "c=show", "/**/typeof show === 'function' && show({})", Judged::As(Format::Jsonp)),
            (SCRIPT, "callback=show", "(function(){show({})})()", Judged::Clear),
            (SCRIPT, "v=3", "show({\"a\":1})", Judged::As(Format::Jsonp)),
            (SCRIPT, "callback=sh%3Cow&x=%zz", "show([{\"a\":1}])", Judged::As(Format::Jsonp)),
            (SCRIPT, "v=3", "define([\"jquery\"],function($){})", Judged::Clear),
            (SCRIPT, "v=3", "webpackJsonp([0],{12:function(){}})", Judged::Clear),
            (SCRIPT, "v=3", "import(a)", Judged::Clear),
            (SCRIPT, "", "o\n", Judged::As(Format::Framed)),
            (SCRIPT, "", "a[\"{}\"]\n", Judged::As(Format::Framed)),
            (SCRIPT, "", "hhhhhh\n", Judged::As(Format::Framed)),
            (SCRIPT, "", "[{\"a\":1}]", Judged::As(Format::Json)),
            (SCRIPT, "", "[ {\"a\":1}]", Judged::As(Format::Json)),
            (SCRIPT, "", "[\n\"x\"]", Judged::As(Format::Json)),
            (SCRIPT, "", "[[1]]", Judged::As(Format::Json)),
            (SCRIPT, "", "[null,{\"a\":1}]", Judged::As(Format::Json)),
            (SCRIPT, "", "{\"a\\\"\\\\\" : 1}", Judged::As(Format::Json)),
            (SCRIPT, "", "{\n \"a\":1}", Judged::As(Format::Json)),
            (SCRIPT, "", "{\"a", Judged::As(Format::Json)),
            (SCRIPT, "", "for(;;);{\"a\":1}", Judged::As(Format::Framed)),
            (SCRIPT, "", ")]}'\n[1]", Judged::As(Format::Framed)),
            (SCRIPT, "", "{\"use strict\";var a}", Judged::Clear),
            (SCRIPT, "", "{ let a = 1 }", Judged::Clear),
            (SCRIPT, "", "[].slice.call(a)", Judged::Clear),
            (SCRIPT, "", "[name].map(f)", Judged::Clear),
            ("text/csv", "", "a;b", Judged::As(Format::Csv)),
            ("text/html; charset=windows-1251", "", "<p>", Judged::Unknown),
            ("application/xml", "", "<a/>", Judged::Unknown),
            ("application/pdf", "", "%PDF", Judged::Unknown),
        ];
        for (content_type, query, body, expected) in cases {
            assert_eq!(judged(content_type, query, body), expected, "{content_type} {query} {body:?}");
        }
    }

    #[test]
    fn a_judgement_does_not_depend_on_the_cut() {
        let script = Guess::Script { callbacks: vec!["show".into()] };
        for (guess, body) in [
            (Guess::Json, "for(;;);{}"),
            (Guess::Json, "false"),
            (Guess::Json, "{}&&[1]"),
            (Guess::Page, " \n [1]"),
            (Guess::Anything, "\u{feff}{}"),
            (Guess::Anything, "okay"),
            (Guess::Anything, "451-[1]"),
            (Guess::Anything, "2probe"),
            (Guess::Anything, "MESSAGES"),
            (Guess::Anything, "a[\"b\"]"),
            (script.clone(), "/**/show ({\"a\":1})"),
            (script.clone(), "show([1])"),
            (script.clone(), "{\n \"a\\\"b\" : 1}"),
            (script.clone(), "{ \"use strict\" ; }"),
            (script.clone(), "[ null]"),
            (script.clone(), "[name]"),
            (script.clone(), "[\n{\"a\":1}]"),
            (script.clone(), "while(1);[]"),
            (script, "var show = 1;"),
        ] {
            let whole = guess.judge(body.as_bytes(), true);
            for cut in 0..body.len() {
                let part = guess.judge(&body.as_bytes()[..cut], false);
                assert!(part == Judged::More || part == whole, "{guess:?} {body:?} at {cut}: {part:?}");
            }
        }
    }

    #[test]
    fn blanks_without_end_are_not_held_for_ever() {
        let blanks = vec![b' '; MAX_HEAD_BYTES];
        assert_eq!(Guess::Page.judge(&blanks, false), Judged::As(Format::Json));
        assert_eq!(Guess::Page.judge(&blanks[1..], false), Judged::More);
    }
}
