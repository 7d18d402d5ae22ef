//! Tests of recipients: every address of a request, in whatever spelling and place.

use super::*;

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const MULTIPART: Option<&str> = Some("multipart/form-data; boundary=XX");

fn texts(found: Result<Vec<Address>, RecipientError>) -> Result<Vec<String>, &'static str> {
    let error = |error| match error {
        RecipientError::Unscannable => "unscannable",
        RecipientError::NotAnAddress => "not an address",
    };
    found.map(|list| list.iter().map(Address::to_text).collect()).map_err(error)
}

fn check(content_type: Option<&str>, body: &str, expected: Result<&[&str], &'static str>) {
    let expected = expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(texts(recipients(None, content_type, body.as_bytes())), expected, "{body}");
}

#[test]
fn every_address_in_json_is_a_recipient() {
    for (body, expected) in [
        (r#"{}"#, &[][..]),
        (r#"{"format":"pdf","n":1,"x":[null,true,1.5,-2,"text"]}"#, &[]),
        (r#"{"email":"a@example.com"}"#, &["a@example.com"]),
        (
            r#"{"to":["a@example.com"],"cc":"b@example.com; c@example.com"}"#,
            &["a@example.com", "b@example.com", "c@example.com"],
        ),
        (
            r#"{"to":[{"email":"a@example.com","name":"A"}],"BCC":{"x":"b@example.com"}}"#,
            &["a@example.com", "b@example.com"],
        ),
        (
            r#"{"to":"a@example.com","to":"b@example.com","TO":"c@example.com"}"#,
            &["a@example.com", "b@example.com", "c@example.com"],
        ),
        (r#"{"to":"Boss <boss@evil.example>"}"#, &["boss@evil.example"]),
        (r#"{"to":"boss\u0040evil.example"}"#, &["boss@evil.example"]),
        (r#"{"options":{"deep":[[{"mail":"a@example.com"}]]}}"#, &["a@example.com"]),
        (r#"{"boss@evil.example":true}"#, &["boss@evil.example"]),
        (r#""a@example.com""#, &["a@example.com"]),
        (" [\"a@example.com\"]\n", &["a@example.com"]),
    ] {
        check(JSON, body, Ok(expected));
    }
}

#[test]
fn what_looks_like_an_address_and_is_none_is_refused() {
    for body in [
        r#"{"note":"see you @ noon"}"#,
        r#"{"to":"boss\uff20evil.example"}"#,
        r#"{"to":"a@example.com, boss\uFE6Bevil.example"}"#,
        r#"{"to":"boss%40evil.example"}"#,
        r#"{"to":"boss%2540evil.example"}"#,
        r#"{"to":"boss%25252540evil.example"}"#,
        r#"{"to":"boss%EF%BC%A0evil.example"}"#,
        r#"{"to":"a@example.com\nbcc: boss@evil.example"}"#,
        r#"{"to":"a@example.com%0abcc:boss@evil.example"}"#,
        r#"{"to":"a@example.com%0d%0aBcc:%20boss%40evil.example"}"#,
        r#"{"payload":"{\"to\":\"boss@evil.example\"}"}"#,
        r#"{"to":"a@example.com","to":"@"}"#,
        r#"{"to":["a@example.com","boss@"]}"#,
        r#"{"a @ b":1}"#,
    ] {
        check(JSON, body, Err("not an address"));
    }
    assert!(recipients_in(&format!("%{}40", "25".repeat(20))).is_err());
    assert!(recipients_in("100 %").unwrap().is_empty());
}

#[test]
fn forms_and_queries_are_read_alike() {
    for (text, expected) in [
        ("format=pdf", Ok(&[][..])),
        ("email=a%40example.com", Ok(&["a@example.com"])),
        ("email=a@example.com&Email=b@example.com", Ok(&["a@example.com", "b@example.com"])),
        (
            "to[]=a%40example.com&to[0][x]=b%40example.com%2Cc%40example.com",
            Ok(&["a@example.com", "b@example.com", "c@example.com"]),
        ),
        ("to=Boss+%3Cboss%40evil.example%3E", Ok(&["boss@evil.example"])),
        ("a%40example.com", Ok(&["a@example.com"])),
        ("a%40example.com=1", Ok(&["a@example.com"])),
        ("to=a%40example.com;cc=boss%40evil.example", Ok(&["a@example.com", "cc=boss@evil.example"])),
        ("to=a%2540example.com", Err("not an address")),
        ("to=a%40example.com%0Abcc:boss%40evil.example", Err("not an address")),
        ("to=a%EF%BC%A0example.com", Err("not an address")),
        ("to=a%4", Err("unscannable")),
        ("to=%ff", Err("unscannable")),
    ] {
        check(FORM, text, expected);
        let expected = expected.map(|list| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(texts(recipients(Some(text), None, b"")), expected, "?{text}");
    }
    let both = recipients(Some("cc=b@example.com"), JSON, br#"{"to":"a@example.com"}"#);
    assert_eq!(texts(both), Ok(vec!["b@example.com".to_owned(), "a@example.com".to_owned()]));
}

#[test]
fn multipart_fields_are_recipients() {
    let body = |headers: &str, value: &str| {
        format!("--XX\r\nContent-Disposition: form-data; {headers}\r\n\r\n{value}\r\n--XX--\r\n")
    };
    check(
        MULTIPART,
        &body("name=\"to\"", "a@example.com, b@example.com"),
        Ok(&["a@example.com", "b@example.com"]),
    );
    check(MULTIPART, &body("name=\"format\"", "pdf"), Ok(&[]));
    check(MULTIPART, &body("name=\"boss@evil.example\"", "x"), Ok(&["boss@evil.example"]));
    check(MULTIPART, &body("name=\"to\"", "{\"to\":\"boss@evil.example\"}"), Err("not an address"));
    check(MULTIPART, &body("name=\"to\"", "a@example.com\r\n"), Err("not an address"));
    check(MULTIPART, &body("name=\"to\"; filename=\"x\"", "a"), Err("unscannable"));
    check(MULTIPART, &body("name=\"to\"; filename*=utf-8''x", "a"), Err("unscannable"));
    check(MULTIPART, "to=a@example.com", Err("unscannable"));
}

#[test]
fn bodies_that_are_not_what_their_type_says_are_unscannable() {
    for (content_type, body) in [
        (JSON, "to=a@example.com"),
        (JSON, r#"{"to":"a@example.com""#),
        (JSON, r#"{"to":"a@example.com"} {"to":"boss@evil.example"}"#),
        (JSON, r#"{"to":"a@example.com"}x"#),
        (JSON, r#"{to:"a@example.com"}"#),
        (JSON, "{'to':'a@example.com'}"),
        (JSON, r#"{"to":"\ud800"}"#),
        (JSON, "\u{feff}{}"),
        (JSON, " "),
        (Some("application/json; charset=utf-7"), "{}"),
        (Some("application/json; charset=utf-16"), "{}"),
        (Some("application/json; charset=utf-8; charset=utf-7"), "{}"),
        (FORM, r#"{"to":"boss@evil.example"}"#),
        (FORM, r#"["boss@evil.example"]"#),
        (FORM, "<to>boss@evil.example</to>"),
        (FORM, "--XX"),
        (FORM, "to=a b"),
        (FORM, "to=a\n"),
        (FORM, "to=\u{e9}"),
        (Some("text/plain"), "{}"),
        (Some("application/xml"), "<a/>"),
        (Some("application/octet-stream"), "{}"),
        (Some("application/x-ndjson"), "{}"),
        (Some("application/json, text/plain"), "{}"),
        (None, "{}"),
        (Some(""), "{}"),
    ] {
        check(content_type, body, Err("unscannable"));
    }
    for content_type in [None, JSON, MULTIPART, Some("text/plain")] {
        check(content_type, "", Ok(&[]));
    }
    let deep = format!("{}\"boss@evil.example\"{}", "[".repeat(200), "]".repeat(200));
    check(JSON, &deep, Err("unscannable"));
}

#[test]
fn errors_hold_no_address() {
    let error = recipients(None, JSON, br#"{"to":"anna@example.com boss"}"#).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("anna"));
}

#[test]
fn seeded_noise_keeps_the_promises() {
    let heads =
        ["application/json\n", "application/x-www-form-urlencoded\n", "multipart/form-data; boundary=XX\n"];
    let alphabet = [
        "@",
        "a",
        "\"",
        "{",
        "}",
        ":",
        ",",
        "%40",
        "&",
        "=",
        "a@b.example",
        "\\u0040",
        "\u{ff20}",
        " ",
        "<",
        ">",
        "[",
        "]",
    ];
    let mut seed: u64 = 0x5eed;
    for round in 0..30_000 {
        let mut text = heads[round % heads.len()].to_owned();
        text.push_str(["\n", "to=a@b.example\n", "@\n"][round % 3]);
        text.push_str(["", "{\"to\":\"", "to="][round % 7 % 3]);
        for _ in 0..6 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(alphabet[(seed >> 33) as usize % alphabet.len()]);
        }
        text.push_str(["", "\"}"][round % 2]);
        fuzz_recipients(text.as_bytes());
    }
}
