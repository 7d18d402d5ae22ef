//! Tests of the JSON scanner: what is hidden, what passes to the byte, and every cut in between.

use super::*;
use crate::{AliasKey, Display, Format, Redactor, Selector, mask};

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}

fn plan(fields: &[(Class, &str)], display: Display) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    for class in Class::ALL {
        builder = builder.display(class, display);
    }
    Arc::new(builder.build(&key()).unwrap())
}

/// The output for input cut into chunks of one size; on an error what had left until then.
fn redact_by(
    plan: &Arc<Plan>,
    limits: Limits,
    body: &[u8],
    size: usize,
) -> (Vec<u8>, Result<Summary, RedactError>) {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Json, limits);
    let mut out = Vec::new();
    let written = body.chunks(size).try_for_each(|chunk| redactor.write(chunk, &mut out));
    let result = written.and_then(|()| redactor.finish(&mut out));
    (out, result)
}

/// The output, the same at every cut.
fn redact_under(plan: &Arc<Plan>, limits: Limits, body: &[u8]) -> (Vec<u8>, Result<Summary, RedactError>) {
    let whole = redact_by(plan, limits, body, body.len().max(1));
    for size in (1..body.len().min(40)).step_by(STEP) {
        assert_eq!(redact_by(plan, limits, body, size), whole, "{} by {size}", body.escape_ascii());
    }
    whole
}

/// From one size of chunks to the next: Miri, which takes some thousand times as long, tries few.
const STEP: usize = if cfg!(miri) { 20 } else { 1 };

/// All cases; under Miri some.
pub(super) fn few<T>(cases: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    cases.into_iter().step_by(if cfg!(miri) { 6 } else { 1 })
}

fn redact(fields: &[(Class, &str)], display: Display, body: &str) -> String {
    let (out, result) = redact_under(&plan(fields, display), Limits::default(), body.as_bytes());
    result.unwrap_or_else(|error| panic!("{body}: {error}"));
    String::from_utf8(out).unwrap()
}

#[test]
fn well_formed_documents_with_nothing_to_hide_leave_as_they_came() {
    let documents: [&[u8]; 40] = [
        b"{}",
        b"[]",
        b"null",
        b"true",
        b"false",
        b"0",
        b"-0",
        b"42",
        b"-1.5e+10",
        b"1E5",
        b"0.000e-7",
        b"1e999999",
        b"123456789012345678901234567890.5",
        b"\"\"",
        b"\"text\"",
        b" \t\r\n [ ] \t\r\n ",
        b"[[[[]]]]",
        b"[{}]",
        b"{\"\":{}}",
        b"{\"a\":1,\"a\":2,\"a\":3}",
        b"{ \"a\" : [ 1 , 2 , { \"b\" : null } ] , \"c\" : \"d\" }",
        br#""\"\\\/\b\f\n\r\t\u0000\uFFFF\uaBcD""#,
        br#""\ud83d\ude00""#,
        br#""\ud83d""#,
        br#""\ude00\ud83d\u0041""#,
        br#"{"\ud83d":1}"#,
        br#""\u0000""#,
        "\"é€😀\u{7f}\u{2028}\u{fffe}\"".as_bytes(),
        "{\"é€😀\":\"\u{feff}\"}".as_bytes(),
        b"\"/* no comment */ // none, either\"",
        b"[1,2.0,3e0,-4]",
        b"[true,false,null]",
        b"{\"a\":true,\"b\":false,\"c\":null,\"d\":-0.0}",
        b"\"a run longer than one word, and then \\\" a quote\"",
        b"[\"\",\"\",\"\"]",
        b"1 ",
        b"\n1",
        b"{\"key longer than any name of the plan\":1}",
        b"[[],[],{},{}]",
        b"{\"a\":{\"b\":{\"c\":[{\"d\":[]}]}}}",
    ];
    let plans = [plan(&[], Display::Alias), plan(&[(Class::Phone, "$..absent")], Display::Alias)];
    for document in documents {
        for plan in &plans {
            let (out, result) = redact_under(plan, Limits::default(), document);
            assert_eq!(result, Ok(Summary::default()), "{}", document.escape_ascii());
            assert_eq!(out, document, "{}", document.escape_ascii());
        }
    }
}

#[test]
fn what_is_not_json_is_refused_by_name() {
    use RedactError::{
        ByteOrderMark, Comment, ControlCharacter, EmptyBody, InvalidEscape, InvalidKey, InvalidLiteral,
        InvalidNumber, InvalidUtf8, InvalidValue, MismatchedBracket, MissingColon, MissingComma,
        TrailingComma, TrailingData, Truncated, WrongCharset,
    };
    let documents: [(&[u8], RedactError); 84] = [
        (b"", EmptyBody),
        (b" \n\t ", EmptyBody),
        (b"{", Truncated),
        (b"[", Truncated),
        (b"[1", Truncated),
        (b"[1,", Truncated),
        (b"{\"a\"", Truncated),
        (b"{\"a", Truncated),
        (b"{\"a\":", Truncated),
        (b"{\"a\":1", Truncated),
        (b"{\"a\":1,", Truncated),
        (b"\"abc", Truncated),
        (b"\"abc\\\"", Truncated),
        (b"\"abc\\", Truncated),
        (b"\"\\u00", Truncated),
        (b"\"\xe2\x82", Truncated),
        (b"tru", Truncated),
        (b"-", Truncated),
        (b"1.", Truncated),
        (b"1e", Truncated),
        (b"1e+", Truncated),
        (b"{} {}", TrailingData),
        (b"{}]", TrailingData),
        (b"1 2", TrailingData),
        (b"null,", TrailingData),
        (b"\"a\" b", TrailingData),
        (b"{}\xff", TrailingData),
        (b"\xef\xbb\xbf{}", ByteOrderMark),
        (b"\xff\xfe{\0}\0", WrongCharset),
        (b"\xfe\xff\0{\0}", WrongCharset),
        (b"{\0}\0", WrongCharset),
        (b"\0{\0}", WrongCharset),
        (b"[\0", WrongCharset),
        (b"1\0", WrongCharset),
        (b"{}\0", WrongCharset),
        (b"\"\xff\"", InvalidUtf8),
        (b"\"\x80\"", InvalidUtf8),
        (b"\"\xc0\xaf\"", InvalidUtf8),
        (b"\"\xe2\x28\xa1\"", InvalidUtf8),
        (b"\"\xed\xa0\x80\"", InvalidUtf8),
        (b"\"\xf5\x80\x80\x80\"", InvalidUtf8),
        (b"\"\xe2\x82\"", InvalidUtf8),
        (b"{\"\xff\":1}", InvalidUtf8),
        (b"/* a */ {}", Comment),
        (b"{} // a", Comment),
        (b"[1, // a\n2]", Comment),
        (b"{/**/}", Comment),
        (b"{\"a\"/**/:1}", Comment),
        (b"[1,]", TrailingComma),
        (b"[1 , ]", TrailingComma),
        (b"{\"a\":1,}", TrailingComma),
        (b"[1 2]", MissingComma),
        (b"[\"a\" \"b\"]", MissingComma),
        (b"{\"a\":1 \"b\":2}", MissingComma),
        (b"[1:2]", MissingComma),
        (b"{\"a\" 1}", MissingColon),
        (b"{\"a\",1}", MissingColon),
        (b"{\"a\"}", MissingColon),
        (b"{a:1}", InvalidKey),
        (b"{'a':1}", InvalidKey),
        (b"{1:1}", InvalidKey),
        (b"{,}", InvalidKey),
        (b"{\"a\":1,,}", InvalidKey),
        (b"NaN", InvalidValue),
        (b"[Infinity]", InvalidValue),
        (b"undefined", InvalidValue),
        (b"'a'", InvalidValue),
        (b"+1", InvalidValue),
        (b".5", InvalidValue),
        (b"[,1]", InvalidValue),
        (b"{\"a\":}", InvalidValue),
        (b"\xa0", InvalidValue),
        (b"nul", Truncated),
        (b"nil", InvalidLiteral),
        (b"True", InvalidValue),
        (b"falsy", InvalidLiteral),
        (b"01", InvalidNumber),
        (b"-01", InvalidNumber),
        (b"1.e5", InvalidNumber),
        (b"-Infinity", InvalidNumber),
        (b"\"\\x41\"", InvalidEscape),
        (b"\"a\tb\"", ControlCharacter),
        (b"{\"a\":[1}", MismatchedBracket),
        (b"[{\"a\":1]", MismatchedBracket),
    ];
    let plans = [
        plan(&[], Display::Alias),
        plan(&[(Class::Phone, "$..absent")], Display::Alias),
        plan(&[(Class::Phone, "$"), (Class::Phone, "$..*")], Display::Alias),
    ];
    for (document, expected) in few(documents) {
        for plan in &plans {
            let (out, result) = redact_under(plan, Limits::default(), document);
            assert_eq!(result, Err(expected), "{}", document.escape_ascii());
            if plan.automaton().root().is_none() {
                assert!(document.starts_with(&out), "{}", document.escape_ascii());
            }
        }
    }
}

#[test]
fn error_names_are_kebab_case() {
    for error in [RedactError::EmptyBody, RedactError::InvalidUtf8, RedactError::TooDeep] {
        assert!(error.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'8'));
    }
}

#[test]
fn hidden_values_keep_their_shape() {
    let fields = [(Class::Phone, "$..phone"), (Class::Name, "$..name")];
    let cases = [
        (r#"{"phone":"+37061234567"}"#, r#"{"phone":"hidden"}"#),
        (r#"{"phone":79161112233}"#, r#"{"phone":0}"#),
        (r#"{"phone":-7.9e10 }"#, r#"{"phone":0 }"#),
        (r#"{"phone":null}"#, r#"{"phone":null}"#),
        (r#"{"phone":true,"id":true}"#, r#"{"phone":false,"id":true}"#),
        (r#"{"phone":""}"#, r#"{"phone":""}"#),
        (r#"{"phone":[]}"#, r#"{"phone":[]}"#),
        (r#"{"phone":{}}"#, r#"{"phone":{}}"#),
        (r#"{"phone":["1",[2, null]]}"#, r#"{"phone":["hidden",[0, null]]}"#),
        (
            r#"{"phone":{"a":"1","b":{"c":[true]}},"d":"2"}"#,
            r#"{"phone":{"a":"hidden","b":{"c":[false]}},"d":"2"}"#,
        ),
        (r#"{"phone" : "1" , "phone":"2"}"#, r#"{"phone" : "hidden" , "phone":"hidden"}"#),
        (r#"[{"phone":"1"},{"name":"2"}]"#, r#"[{"phone":"hidden"},{"name":"hidden"}]"#),
    ];
    for (document, expected) in few(cases) {
        assert_eq!(redact(&fields, Display::Hidden, document), expected);
    }
}

#[test]
fn a_hidden_number_that_is_a_phone_stays_a_number_with_its_alias() {
    let out =
        redact(&[(Class::Phone, "$.phone")], Display::Alias, r#"{"phone":79161112233,"id":79161112233}"#);
    let alias = mask(Class::Phone, Display::Alias, "79161112233", &key());
    assert_eq!(out, format!(r#"{{"phone":{},"id":79161112233}}"#, &alias[1..]));
}

#[test]
fn keys_are_compared_decoded() {
    let fields = [(Class::Phone, "$..phone"), (Class::Handle, "$['a/b','😀','\"\\\\','é']")];
    let cases = [
        (r#"{"\u0070hone":"1"}"#, r#"{"\u0070hone":"hidden"}"#),
        (r#"{"phon\u0065":"1"}"#, r#"{"phon\u0065":"hidden"}"#),
        (r#"{"\u0070\u0068\u006f\u006E\u0065":"1"}"#, r#"{"\u0070\u0068\u006f\u006E\u0065":"hidden"}"#),
        (r#"{"a\/b":"1","a/b":"2"}"#, r#"{"a\/b":"hidden","a/b":"hidden"}"#),
        (r#"{"\ud83d\ude00":"1","😀":"2"}"#, r#"{"\ud83d\ude00":"hidden","😀":"hidden"}"#),
        (r#"{"\"\\":"1"}"#, r#"{"\"\\":"hidden"}"#),
        (r#"{"\u00e9":"1"}"#, r#"{"\u00e9":"hidden"}"#),
        (r#"{"\ud83d":"1","phone\n":"2","Phone":"3"}"#, r#"{"\ud83d":"1","phone\n":"2","Phone":"3"}"#),
        (r#"{"\"phone":"1","pho\u006e":"2"}"#, r#"{"\"phone":"1","pho\u006e":"2"}"#),
    ];
    for (document, expected) in few(cases) {
        assert_eq!(redact(&fields, Display::Hidden, document), expected);
    }
}

#[test]
fn a_name_inside_a_string_is_no_key() {
    let document = r#"{"a":"\"phone\":\"1\"","b":["phone","1"]}"#;
    assert_eq!(redact(&[(Class::Phone, "$..phone")], Display::Hidden, document), document);
}

#[test]
fn selectors_reach_where_they_say_in_a_document() {
    let document = r#"{"a":"1","b":[{"a":"2"},["3"],"4"],"c":{"a":{"a":"5"}}}"#;
    let cases = [
        ("$.a", r#"{"a":"","b":[{"a":"2"},["3"],"4"],"c":{"a":{"a":"5"}}}"#),
        ("$..a", r#"{"a":"","b":[{"a":""},["3"],"4"],"c":{"a":{"a":""}}}"#),
        ("$.b[*]", r#"{"a":"1","b":[{"a":""},[""],""],"c":{"a":{"a":"5"}}}"#),
        ("$.b[1]", r#"{"a":"1","b":[{"a":"2"},[""],"4"],"c":{"a":{"a":"5"}}}"#),
        ("$.b[0,2]", r#"{"a":"1","b":[{"a":""},["3"],""],"c":{"a":{"a":"5"}}}"#),
        ("$..[0]", r#"{"a":"1","b":[{"a":""},[""],"4"],"c":{"a":{"a":"5"}}}"#),
        ("$.b[0].a", r#"{"a":"1","b":[{"a":""},["3"],"4"],"c":{"a":{"a":"5"}}}"#),
        ("$.*.a", r#"{"a":"1","b":[{"a":"2"},["3"],"4"],"c":{"a":{"a":""}}}"#),
        ("$.c..a", r#"{"a":"1","b":[{"a":"2"},["3"],"4"],"c":{"a":{"a":""}}}"#),
        ("$['a','c']", r#"{"a":"","b":[{"a":"2"},["3"],"4"],"c":{"a":{"a":""}}}"#),
        ("$", r#"{"a":"","b":[{"a":""},[""],""],"c":{"a":{"a":""}}}"#),
        ("$..*", r#"{"a":"","b":[{"a":""},[""],""],"c":{"a":{"a":""}}}"#),
        ("$[0]", document),
        ("$.b.a", document),
    ];
    for (selector, expected) in few(cases) {
        assert_eq!(redact(&[(Class::FileUrl, selector)], Display::Hidden, document), expected, "{selector}");
    }
}

#[test]
fn a_document_that_is_one_value_can_be_hidden() {
    let root = [(Class::Email, "$")];
    let cases = [
        ("\"anna@example.com\"", "\"hidden@client.invalid\""),
        (" 7 ", " 0 "),
        ("7", "0"),
        ("true", "false"),
        ("null", "null"),
    ];
    for (document, expected) in few(cases) {
        assert_eq!(redact(&root, Display::Hidden, document), expected);
    }
}

#[test]
fn the_outermost_hidden_container_decides_and_then_the_first_declared_field() {
    let document = r#"{"user":{"phone":"1"},"phone":"2"}"#;
    let hidden = r#"{"user":{"phone":"hidden@client.invalid"},"phone":"hidden"}"#;
    let fields = [(Class::Phone, "$..phone"), (Class::Email, "$.user")];
    assert_eq!(redact(&fields, Display::Hidden, document), hidden);
    let fields = [(Class::Email, "$.phone"), (Class::Phone, "$..phone")];
    let hidden = r#"{"user":{"phone":"hidden"},"phone":"hidden@client.invalid"}"#;
    assert_eq!(redact(&fields, Display::Hidden, document), hidden);
}

#[test]
fn an_alias_is_made_of_the_decoded_value() {
    let fields = [(Class::Name, "$[*]")];
    let out = redact(&fields, Display::Alias, r#"["Ann\u0061","Anna","\u0041nna","Anna "]"#);
    let alias = mask(Class::Name, Display::Alias, "Anna", &key());
    let other = mask(Class::Name, Display::Alias, "Anna ", &key());
    assert_eq!(out, format!(r#"["{alias}","{alias}","{alias}","{other}"]"#));
}

#[test]
fn half_a_surrogate_pair_in_a_hidden_value_is_hidden_like_any_other() {
    let fields = [(Class::Name, "$[*]")];
    let document = r#"["\ud83d","\ud83dx","\ude00\ud83d","\ud83d\ude00"]"#;
    let out = redact(&fields, Display::Alias, document);
    let aliases: Vec<&str> = out.trim_matches(['[', ']']).split(',').collect();
    assert_eq!(aliases.len(), 4);
    for (place, alias) in aliases.iter().enumerate() {
        assert!(alias.starts_with("\"Client "), "{out}");
        assert!(!aliases[..place].contains(alias), "{out}");
    }
}

#[test]
fn a_hidden_value_over_the_limit_shows_the_hidden_form_and_is_not_kept() {
    let limits = Limits { value_bytes: 8, ..Limits::default() };
    let plan = plan(&[(Class::Name, "$.n"), (Class::Phone, "$.p"), (Class::Avatar, "$.a")], Display::Alias);
    let redact = |body: &str| {
        let (out, result) = redact_under(&plan, limits, body.as_bytes());
        result.unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(redact(r#"{"n":"12345678"}"#).starts_with(r#"{"n":"+999"#));
    assert_eq!(redact(r#"{"n":"123456789"}"#), r#"{"n":"hidden"}"#);
    assert!(redact(r#"{"n":"\u0031\u0032345678"}"#).starts_with(r#"{"n":"+999"#));
    assert_eq!(redact(r#"{"n":"1234567é"}"#), r#"{"n":"hidden"}"#);
    assert!(redact(r#"{"p":12345678}"#).starts_with(r#"{"p":999"#));
    assert_eq!(redact(r#"{"p":123456789}"#), r#"{"p":0}"#);
    assert!(redact(r#"{"a":"data:image/png;base64,"}"#).starts_with(r#"{"a":"/.chatwarden/avatar/00000000"#));

    let mut redactor = Redactor::json(Arc::clone(&plan));
    let mut out = Vec::new();
    redactor.write(b"{\"n\":\"", &mut out).unwrap();
    for _ in 0..if cfg!(miri) { 2 } else { 256 } {
        redactor.write(&[b'x'; 64 * 1024], &mut out).unwrap();
    }
    assert_eq!(out, b"{\"n\":");
    redactor.write(b"\"}", &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    assert_eq!(out, b"{\"n\":\"hidden\"}");
}

#[test]
fn nothing_of_a_hidden_value_leaves_before_it_is_complete() {
    let plan = plan(&[(Class::Phone, "$..*")], Display::Hidden);
    for (body, before) in [
        (&b"{\"a\":\"+3706123\xff"[..], &b"{\"a\":"[..]),
        (b"{\"a\":\"+3706123\n", b"{\"a\":"),
        (b"{\"a\":\"+3706123\\q", b"{\"a\":"),
        (b"{\"a\":7916111.x", b"{\"a\":"),
        (b"{\"a\":trUe", b"{\"a\":"),
        (b"{\"a\":\"+3706123", b"{\"a\":"),
        (b"{\"a\":7916111", b"{\"a\":"),
    ] {
        let (out, result) = redact_under(&plan, Limits::default(), body);
        assert!(result.is_err());
        assert_eq!(out, before, "{}", body.escape_ascii());
    }
}

#[test]
fn after_an_error_nothing_more_is_emitted_and_the_error_repeats() {
    let mut redactor = Redactor::json(plan(&[], Display::Alias));
    let mut out = Vec::new();
    assert_eq!(redactor.write(b"[1,]", &mut out), Err(RedactError::TrailingComma));
    assert_eq!(redactor.offset(), 3);
    let emitted = out.clone();
    assert_eq!(redactor.write(b"2]", &mut out), Err(RedactError::TrailingComma));
    assert_eq!(redactor.write(b"", &mut out), Err(RedactError::TrailingComma));
    assert_eq!(redactor.finish(&mut out), Err(RedactError::TrailingComma));
    assert_eq!(out, emitted);
}

#[test]
fn nesting_is_limited_exactly() {
    let plan = plan(&[(Class::Phone, "$..phone")], Display::Alias);
    let limits = Limits { depth: 3, ..Limits::default() };
    assert!(redact_under(&plan, limits, b"[[[1]]]").1.is_ok());
    assert!(redact_under(&plan, limits, b"{\"a\":{\"b\":[]}}").1.is_ok());
    assert_eq!(redact_under(&plan, limits, b"[[[[]]]]").1, Err(RedactError::TooDeep));
    let deep = vec![b'['; 100_000];
    assert_eq!(redact_by(&plan, Limits::default(), &deep, 4096).1, Err(RedactError::TooDeep));
    let hidden = [b"{\"phone\":".as_slice(), &[b'['; 100_000]].concat();
    assert_eq!(redact_by(&plan, Limits::default(), &hidden, 4096).1, Err(RedactError::TooDeep));
}

#[test]
fn floods_of_white_space_keys_and_items_need_no_memory() {
    const ITEMS: usize = if cfg!(miri) { 70 } else { 70_000 };
    let item = format!("$..[{ITEMS}]");
    let plan = plan(&[(Class::Phone, "$..phone"), (Class::Email, &item)], Display::Hidden);
    let blanks = vec![b' '; if cfg!(miri) { 1 << 10 } else { 1 << 20 }];
    let body = [b"{\"phone\"".as_slice(), &blanks, b":", &blanks, b"\"1\"", &blanks, b"}"].concat();
    let (out, result) = redact_by(&plan, Limits::default(), &body, 4096);
    assert_eq!(result.map(|summary| summary.total()), Ok(1));
    assert!(out.ends_with(&[&blanks[..], b"\"hidden\"", &blanks, b"}"].concat()));

    let mut redactor = Rewriter::new(plan, Limits::default());
    let mut out = Vec::new();
    redactor.write(b"{\"items\":[", &mut out).unwrap();
    for _ in 0..ITEMS {
        redactor.write(b"\"1\",", &mut out).unwrap();
    }
    out.clear();
    redactor.write(b"\"1\",\"1\"],\"", &mut out).unwrap();
    assert_eq!(out, br#""hidden@client.invalid","1"],""#);
    for _ in 0..if cfg!(miri) { 2 } else { 1024 } {
        redactor.write(&[b'k'; 4096], &mut out).unwrap();
    }
    assert!(redactor.values.held.capacity() <= 64, "no more of a key is held than the longest name has");
    redactor.write(b"\":1}", &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
}

#[test]
fn hidden_values_are_counted_by_class() {
    let plan = plan(&[(Class::Phone, "$..phone"), (Class::Name, "$..name")], Display::Alias);
    let body = br#"{"phone":["1",2,true,null,"",{"a":"3"}],"name":"a","id":"b"}"#;
    let summary = redact_under(&plan, Limits::default(), body).1.unwrap();
    assert_eq!(summary.hidden[Class::Phone.index()], 4);
    assert_eq!(summary.hidden[Class::Name.index()], 1);
    assert_eq!(summary.total(), 5);
}

#[test]
fn members_of_objects_that_are_not_on_the_stack_are_judged_as_members() {
    // In a leap an array stood for the objects in it, and its items have no names.
    let select = |text| Selector::parse(text).unwrap();
    let plan = Plan::builder()
        .display(Class::Phone, Display::Hidden)
        .field(Class::Phone, &select("$..phone"))
        .contact_keys(Class::Handle, &select("$..by_handle"));
    let plan = Arc::new(plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let body = r#"[null,{"id":1,"phone": 37061234567,"text":"long enough for a leap"},{"phone": true}]"#;
    let mut redactor = Redactor::json(plan);
    let mut out = Vec::new();
    redactor.write(body.as_bytes(), &mut out).unwrap();
    assert_eq!(redactor.finish(&mut out).unwrap().total(), 2);
    let expected = r#"[null,{"id":1,"phone": 0,"text":"long enough for a leap"},{"phone": false}]"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn a_container_is_judged_by_its_key_wherever_a_window_ends_between_them() {
    let select = |text| Selector::parse(text).unwrap();
    let plan = |kept: bool| {
        let plan = Plan::builder().display(Class::Name, Display::Hidden);
        let plan = if kept {
            plan.keep(&select("$..from")).field(Class::Name, &select("$..title"))
        } else {
            plan.field(Class::Name, &select("$..from.title"))
        };
        Arc::new(plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
    };
    for (plan, hidden) in [(plan(false), 3), (plan(true), 0)] {
        for padding in (0..140).chain(940..1_100) {
            let from = r#""from": {"id":1,"title":"Anna"}"#;
            let body =
                format!(r#"{{"text":"{}",{from},"list":[{{{from}}},{{{from}}}]}} "#, "x".repeat(padding));
            let mut redactor = Redactor::json(Arc::clone(&plan));
            let mut out = Vec::new();
            redactor.write(body.as_bytes(), &mut out).unwrap();
            assert_eq!(redactor.finish(&mut out).unwrap().total(), hidden, "{body}");
        }
    }
}
