//! Tests of framings: what is hidden in each, what passes, and what is refused, at every cut.

use super::*;
use crate::{AliasKey, Class, Display, Format, Plan, Redactor, Selector};

fn plan() -> Arc<Plan> {
    let selector = |text| Selector::parse(text).unwrap();
    let builder = Plan::builder()
        .field(Class::Phone, &selector("$..phone"))
        .json_in_string(&selector("$..raw"))
        .display(Class::Phone, Display::Hidden);
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

/// The output, the same at every cut; on an error with what had left and the offset.
fn try_redact(format: Format, limits: Limits, body: &[u8]) -> Result<(String, Summary), (RedactError, u64)> {
    let plan = plan();
    let by = |size: usize| {
        let mut redactor = Redactor::new(Arc::clone(&plan), format, limits);
        let mut out = Vec::new();
        let written = body.chunks(size).try_for_each(|chunk| redactor.write(chunk, &mut out));
        let offset = redactor.offset();
        let result = written.and_then(|()| redactor.finish(&mut out));
        (out, offset, result)
    };
    let whole = by(body.len().max(1));
    for size in 1..body.len().min(40) {
        assert_eq!(by(size), whole, "{} by {size}", body.escape_ascii());
    }
    let (out, offset, result) = whole;
    result.map(|summary| (String::from_utf8(out).unwrap(), summary)).map_err(|error| (error, offset))
}

/// Checks bodies in which `@` is a hidden value, before and after.
fn hides(format: Format, bodies: &[&str]) {
    for body in bodies {
        let count = body.matches('@').count() as u64;
        let (out, summary) = try_redact(format, Limits::default(), body.replace('@', "+370 6").as_bytes())
            .unwrap_or_else(|error| panic!("{body}: {error:?}"));
        assert_eq!(out, body.replace('@', "hidden"), "{body}");
        assert_eq!(summary.total(), count, "{body}");
    }
}

fn refuses(format: Format, bodies: &[(&str, RedactError)]) {
    for (body, expected) in bodies {
        let result = try_redact(format, Limits::default(), body.as_bytes());
        assert_eq!(result.map_err(|(error, _)| error), Err(*expected), "{body}");
    }
}

#[test]
fn sequences_are_redacted_text_by_text() {
    hides(
        Format::JsonSequence,
        &[
            "",
            " \n",
            "{\"phone\":\"@\"}",
            "{\"phone\":\"@\"}\n{\"phone\":\"@\",\"id\":1}\n",
            "{\"phone\":\"@\"}\r\n\r\n[{\"phone\":\"@\"}]\r\n",
            "\u{1e}{\"phone\":\"@\"}\n\u{1e}{\"phone\":\"@\"}\n",
            "\u{1e}\u{1e}{}\u{1e}{\"phone\":\"@\"}",
            "{\"phone\":\"@\"}{\"phone\":\"@\"}[]{}",
            "1\n2\n \"a\" null\n[] true\n{}",
            "1\u{1e}2\u{1e}",
            "{} 1\n{}",
            "{\"phone\": {\"a\": \"@\"}}\n{\"a\": {\"phone\": \"@\"}}",
        ],
    );
    use RedactError::{
        ControlCharacter, InvalidNumber, InvalidValue, MissingComma, TrailingComma, TrailingData, Truncated,
    };
    refuses(
        Format::JsonSequence,
        &[
            ("{}1", TrailingData),
            ("1{}", TrailingData),
            ("\"a\"\"b\"", TrailingData),
            ("[]null", TrailingData),
            ("{} ,", InvalidValue),
            ("01", InvalidNumber),
            ("{},{}", TrailingData),
            ("{\"a\":1\n{\"a\":1}", MissingComma),
            ("\u{1e}{\"a\":1,\u{1e}{}", RedactError::InvalidKey),
            ("\u{1e}[\"a\u{1e}\"]", ControlCharacter),
            ("{}\n{\"a\":", Truncated),
            ("{}\n[1,]", TrailingComma),
            ("{}\n\"a", Truncated),
            ("{}\n-", Truncated),
        ],
    );
}

#[test]
fn calls_are_redacted_argument_by_argument() {
    hides(
        Format::Jsonp,
        &[
            "callback({\"phone\":\"@\"})",
            "/**/jQuery341_1795300001({\"phone\":\"@\"});",
            " /**/ window.parent[\"a\"]['b'][0].$_( {\"phone\":\"@\"} , [1, {\"phone\":\"@\"}],3,null ) ; \n",
            "/**/ typeof cb === 'function' && cb({\"phone\":\"@\"});",
            "_(1)",
        ],
    );
    use RedactError::{EmptyBody, InvalidValue, MissingComma, TrailingData, Truncated, UnknownFraming};
    refuses(
        Format::Jsonp,
        &[
            ("", EmptyBody),
            (" \n", EmptyBody),
            ("cb", Truncated),
            ("cb(", Truncated),
            ("cb({}", Truncated),
            ("cb({},", Truncated),
            ("cb({\"a\":1)", MissingComma),
            ("cb()", InvalidValue),
            ("cb(1,)", InvalidValue),
            ("cb(1 2)", TrailingData),
            ("cb(1);;", TrailingData),
            ("cb(1)x", TrailingData),
            ("({})", UnknownFraming),
            ("{}", Truncated),
            ("1cb({})", UnknownFraming),
            ("/* +370 */cb({})", UnknownFraming),
            ("var a='+370';cb({})", UnknownFraming),
            ("typeof a === 'function' && b({})", UnknownFraming),
            ("cb([1 2])", MissingComma),
        ],
    );
    let long = format!("{}({{}})", "a".repeat(600));
    refuses(Format::Jsonp, &[(&long, UnknownFraming)]);
}

#[test]
fn frames_of_each_kind_are_redacted() {
    hides(
        Format::Framed,
        &[
            "",
            // JSON itself.
            "{}",
            "{\"phone\":\"@\"}",
            " \n[\"1\",\"2\",\"room:1\",\"new\",{\"phone\":\"@\"}]",
            "{\"type\":1,\"phone\":\"@\"}\u{1e}{}\u{1e}{\"phone\":\"@\"}\u{1e}",
            "{\"phone\":\"@\"}\n{\"phone\":\"@\"}",
            // Guards.
            ")]}'\n{\"phone\":\"@\"}",
            ")]}',\n{\"phone\":\"@\"}",
            ")]}'{\"phone\":\"@\"}",
            "for(;;);{\"phone\":\"@\"}",
            "while(1);[{\"phone\":\"@\"}]\n",
            "{}&&{\"phone\":\"@\"}",
            "{} {\"phone\":\"@\"}",
            // Engine.IO and Socket.IO.
            "0{\"sid\":\"a\",\"phone\":\"@\"}",
            "1",
            "2probe",
            "3probe\u{1e}6",
            "40",
            "40/admin,",
            "40/admin\u{1e}41/admin",
            "40/admin,{\"sid\":\"a\"}",
            "42[\"message\",{\"phone\":\"@\"}]",
            "42/chat-room.1/a,[\"message\",{\"phone\":\"@\"}]",
            "42/chat,17[\"message\",{\"phone\":\"@\"}]",
            "4312[{\"phone\":\"@\"}]",
            "451-[\"file\",{\"_placeholder\":true,\"num\":0,\"phone\":\"@\"}]",
            "4610-/a,13[{\"phone\":\"@\"}]",
            "44\"not authorized\"",
            "2[\"message\",{\"phone\":\"@\"}]",
            "4{\"phone\":\"@\"}",
            "42[\"a\",{\"phone\":\"@\"}]\u{1e}42[\"b\",{\"phone\":\"@\"}]\u{1e}2",
            // SockJS.
            "o",
            "ok",
            "h",
            "hhhhhh\no\nh\n",
            "c[3000,\"Go away!\"]",
            "a[]",
            "a[\"{\\\"phone\\\":\\\"@\\\"}\"]\n",
            "a[ \"{\\\"msg\\\":\\\"\\ud83d\\\\ud83d\\/\\\"}\" , \"{\\u0022phone\\u0022:\\\"@\\\"}\" ]\na[\"{}\"]",
            "a[\"42[\\\"message\\\",{\\\"phone\\\":\\\"@\\\"}]\"]",
            "m\"{\\\"phone\\\":\\\"@\\\"}\"",
            "a[\"{\\\"raw\\\":\\\"{\\\\\\\"phone\\\\\\\":\\\\\\\"@\\\\\\\"}\\\"}\"]",
            // STOMP.
            "MESSAGE\ndestination:/topic/a\n\n{\"phone\":\"@\"}\0",
            "MESSAGE\r\ndestination:/topic/a\r\n\r\n{\"phone\":\"@\"}\0\n\nRECEIPT\nreceipt-id:1\n\n\0\n",
            "a[\"MESSAGE\\ndestination:\\/a\\n\\n{\\\"phone\\\":\\\"@\\\"}\\u0000\"]",
        ],
    );
}

#[test]
fn lengths_are_counted_anew() {
    let cases = [
        // Engine.IO 3: UTF-16 code units.
        ("2:40", "2:40"),
        ("18:42[{\"phone\":\"12\"}]1:2", "22:42[{\"phone\":\"hidden\"}]1:2"),
        ("25:42[{\"a\":\"é😀\",\"phone\":1}]", "25:42[{\"a\":\"é😀\",\"phone\":0}]"),
        ("30:42[{\"a\":\"é😀\",\"phone\":\"1234\"}]", "32:42[{\"a\":\"é😀\",\"phone\":\"hidden\"}]"),
        ("09:{\"a\":\"é\"}", "09:{\"a\":\"é\"}"),
        // STOMP: bytes.
        (
            "MESSAGE\ncontent-length:24\na:b\n\n{\"a\":\"é\",\"phone\":\"123\"}\0",
            "MESSAGE\ncontent-length:27\na:b\n\n{\"a\":\"é\",\"phone\":\"hidden\"}\0",
        ),
        ("SEND\ncontent-length:0\n\n\0", "SEND\ncontent-length:0\n\n\0"),
    ];
    for (body, expected) in cases {
        let result = try_redact(Format::Framed, Limits::default(), body.as_bytes());
        assert_eq!(result.map(|(out, _)| out), Ok(expected.to_owned()));
    }
}

#[test]
fn what_is_no_known_framing_is_refused() {
    use RedactError::{
        InvalidUtf8, InvalidValue, MissingComma, TrailingData, Truncated, UnknownFraming, WrongLength,
    };
    refuses(
        Format::Framed,
        &[
            ("+37061234507", UnknownFraming),
            ("37061234507", UnknownFraming),
            ("3706123", Truncated),
            ("370\u{1e}", UnknownFraming),
            ("7061234507 ", UnknownFraming),
            ("hello", TrailingData),
            ("okay", TrailingData),
            ("Anna", UnknownFraming),
            ("ANNA KOVALENKO", UnknownFraming),
            ("<html>", UnknownFraming),
            ("bAQID", UnknownFraming),
            ("true", UnknownFraming),
            ("42hello", UnknownFraming),
            ("42/a?phone=1,[]", UnknownFraming),
            ("42/79001234507,[]", UnknownFraming),
            ("42/a,790012345[]", UnknownFraming),
            ("42[1]x", TrailingData),
            ("42[1][2]", TrailingData),
            ("{}{}", TrailingData),
            ("451-", Truncated),
            ("4-[]", UnknownFraming),
            ("2prob", Truncated),
            ("2probes", UnknownFraming),
            ("1probe", UnknownFraming),
            (")]}", Truncated),
            (")]}'+370", InvalidValue),
            ("for(;;);", Truncated),
            ("while(2)", UnknownFraming),
            ("{}&{}", UnknownFraming),
            ("{} )]}'{}", UnknownFraming),
            ("a", Truncated),
            ("a[1]", InvalidValue),
            ("a[\"{}\"", Truncated),
            ("a[\"{}\" \"{}\"]", MissingComma),
            ("a[\"{}\",]", InvalidValue),
            ("a[\"hello\"]", TrailingData),
            ("a[\"{\"]", Truncated),
            ("a[\"a[\\\"{}\\\"]\"]", UnknownFraming),
            ("m\"{}\"x", TrailingData),
            ("ox", TrailingData),
            ("c\"x\"", UnknownFraming),
            ("3:42[", Truncated),
            ("0:", Truncated),
            ("0:1", UnknownFraming),
            ("2:42hello", TrailingData),
            ("2:4😀", UnknownFraming),
            ("3:1:1", UnknownFraming),
            ("123456789:", UnknownFraming),
            ("MESSAGE\n\n{}", Truncated),
            ("MESSAGE\n\n{\0", Truncated),
            ("MESSAGE\n\nhello\0", InvalidValue),
            ("MESSAGE\nno header\n\n{}\0", UnknownFraming),
            ("MESSAGE\n{}\0", Truncated),
            ("MESSAGES\n\n{}\0", UnknownFraming),
            ("MESSAGE\ncontent-length:3\n\n{}\0", WrongLength),
            ("MESSAGE\ncontent-length:2\ncontent-length:2\n\n{}\0", WrongLength),
        ],
    );
    let result = try_redact(Format::Framed, Limits::default(), b"3:4\xffa");
    assert_eq!(result, Err((InvalidUtf8, 4)));
}

#[test]
fn what_must_be_held_is_bounded() {
    let limits = Limits { message: 10, ..Limits::default() };
    let bodies = [
        ("10:42[\"abcde\"", "11:42[\"abcdef\"]"),
        ("a[\"[\\\"abcd\\\"]\"]", "a[\"[\\\"abcde\\\"]\"]"),
        ("SEND\na:b\n\n\0", "SEND\na:bc\n\n\0"),
    ];
    for (held, too_long) in bodies {
        let result = try_redact(Format::Framed, limits, held.as_bytes());
        assert_ne!(result.map_err(|(error, _)| error), Err(RedactError::MessageTooLong), "{held}");
        let result = try_redact(Format::Framed, limits, too_long.as_bytes());
        assert_eq!(result.map_err(|(error, _)| error), Err(RedactError::MessageTooLong), "{too_long}");
    }
}

#[test]
fn errors_are_found_at_the_byte_that_is_wrong() {
    for (format, body, expected) in [
        (Format::Framed, "42[1]\u{1e}42[\"a\" 1]", (RedactError::MissingComma, 13)),
        (Format::Framed, "42[1]\u{1e}x", (RedactError::UnknownFraming, 6)),
        (Format::JsonSequence, "{}\n[1,]", (RedactError::TrailingComma, 6)),
        (Format::Jsonp, "cb(1]", (RedactError::TrailingData, 4)),
    ] {
        assert_eq!(try_redact(format, Limits::default(), body.as_bytes()), Err(expected), "{body}");
    }
}
