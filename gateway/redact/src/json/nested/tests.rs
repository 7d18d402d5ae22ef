//! Tests of strings that are looked into: what is hidden in them, and that all else keeps its spelling.

use super::*;
use crate::{AliasKey, Class, Display, Format, PlanBuilder, Redactor, Selector, json::tests::few};

fn fields() -> PlanBuilder {
    let selector = |text| Selector::parse(text).unwrap();
    Plan::builder()
        .field(Class::Phone, &selector("$..phone"))
        .field(Class::Name, &selector("$..name"))
        .json_in_string(&selector("$..raw"))
        .json_in_string(&selector("$[0]"))
        .display(Class::Phone, Display::Hidden)
        .display(Class::Name, Display::Hidden)
}

fn plan(builder: PlanBuilder) -> Arc<Plan> {
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn try_redact(plan: &Arc<Plan>, limits: Limits, body: &[u8]) -> Result<(String, Summary), RedactError> {
    let by = |size: usize| {
        let mut redactor = Redactor::new(Arc::clone(plan), Format::Json, limits);
        let mut out = Vec::new();
        body.chunks(size).try_for_each(|chunk| redactor.write(chunk, &mut out))?;
        redactor.finish(&mut out).map(|summary| (String::from_utf8(out).unwrap(), summary))
    };
    let whole = by(body.len().max(1));
    for size in (1..body.len().min(40)).step_by(STEP) {
        assert_eq!(by(size), whole, "{} by {size}", body.escape_ascii());
    }
    whole
}

/// From one size of chunks to the next: Miri, which takes some thousand times as long, tries few.
const STEP: usize = if cfg!(miri) { 38 } else { 1 };

fn redact_under(limits: Limits, body: &str) -> (String, Summary) {
    try_redact(&plan(fields()), limits, body.as_bytes()).unwrap()
}

fn redact(body: &str) -> String {
    redact_under(Limits::default(), body).0
}

/// Puts a text into a string of a document.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    JsonText::PLAIN.spell(text, &mut out);
    out.push('"');
    out
}

#[test]
fn json_in_a_string_is_redacted_from_the_root_of_the_plan() {
    let body = r#"{"id": 1, "raw": "{\"phone\": \"+370\", \"id\": 1.0, \"name\": null}", "phone": "+371"}"#;
    let expected =
        r#"{"id": 1, "raw": "{\"phone\": \"hidden\", \"id\": 1.0, \"name\": null}", "phone": "hidden"}"#;
    let (out, summary) = redact_under(Limits::default(), body);
    assert_eq!(out, expected);
    assert_eq!((summary.hidden[Class::Phone.index()], summary.total()), (2, 2));
}

#[test]
fn strings_in_which_nothing_is_hidden_leave_byte_for_byte() {
    let bodies = [
        r#"{"raw": ""}"#,
        r#"{"raw": " "}"#,
        r#"{"raw": "{}"}"#,
        r#"{"raw": "\u007b\u0022\/\u0022:\u005b\u005d}"}"#,
        r#"{"raw": "{\"channel\":\"RoomChannel\",\"token\":\"pK4\\\/\",\"id\":7}"}"#,
        r#"{"raw": "{\"a\":\"\\ud83d\"}"}"#,
        r#"{"raw": "{\"a\":\"\ud83d\"}"}"#,
        r#"{"raw": "{\"a\":\"\ud83d\ude00 \ud83d\"}"}"#,
        r#"{"raw": "\"\\\"\\\\\\\"a\\\\\\\"\\\"\""}"#,
        r#"{"raw": "no JSON \ud83d \\ at all"}"#,
        r#"{"raw": "+37061234507"}"#,
        r#"{"raw": 1, "name": null}"#,
        r#"{"raw": ["{\"a\":1}"], "other": "{\"phone\":\"+370\"}"}"#,
        r#"["{\"raw\":\"{\\\"raw\\\":\\\"plain\\\"}\"}"]"#,
    ];
    for body in few(bodies) {
        let (out, summary) = redact_under(Limits::default(), body);
        assert_eq!(out, body);
        assert_eq!(summary, Summary::default(), "{body}");
    }
}

#[test]
fn what_stays_of_a_changed_string_keeps_its_spelling_at_every_level() {
    // Escapes of the outer string, of the inner one, and half pairs of both, around two hidden values.
    let body = concat!(
        r#"{"raw":"\u007b \"\u0061\":\"\/\\\/\\u0041\ud83d\\ud83d\u00e9\",\"phone\":\"+37\u0030\","#,
        r#"\"b\":\"\ud83d\ude00\\n\",\u0022name\u0022:\"\\u0041nna\" , \"c\":\"\ud83d\"\u007d\n"}"#,
    );
    let expected = concat!(
        r#"{"raw":"\u007b \"\u0061\":\"\/\\\/\\u0041\ud83d\\ud83d\u00e9\",\"phone\":\"hidden\","#,
        r#"\"b\":\"\ud83d\ude00\\n\",\u0022name\u0022:\"hidden\" , \"c\":\"\ud83d\"\u007d\n"}"#,
    );
    assert_eq!(redact(body), expected);
}

#[test]
fn json_is_followed_as_deep_as_the_limit_says() {
    let document = |levels: usize| {
        let mut text = r#"{"phone":"+370","a":"\\"}"#.to_owned();
        for _ in 0..levels {
            text = format!(r#"{{"raw":{},"phone":1}}"#, quoted(&text));
        }
        text
    };
    for levels in few(0..=3) {
        let out = redact(&document(levels));
        let expected = document(levels).replace("+370", "hidden").replace("\"phone\":1", "\"phone\":0");
        // The numbers of inner levels have more backslashes around their names.
        let expected = (0..4).fold(expected, |text, level| {
            let slashes = "\\".repeat((1 << level) - 1);
            text.replace(&format!("phone{slashes}\":1"), &format!("phone{slashes}\":0"))
        });
        assert_eq!(out, expected);
    }
    let (out, summary) = redact_under(Limits::default(), &document(4));
    assert!(!out.contains("+370") && out.contains("hidden"), "{out}");
    assert_eq!(summary.unscanned, 1);
    let limits = Limits { nesting: 0, ..Limits::default() };
    assert_eq!(redact_under(limits, r#"{"raw":"[]"}"#).0, r#"{"raw":"hidden"}"#);
    assert_eq!(redact_under(limits, r#"{"raw":"text"}"#).0, r#"{"raw":"text"}"#);
}

#[test]
fn a_string_spelled_twice_is_looked_into_twice() {
    let inner = r#"{"phone":"+370"}"#;
    let twice = quoted(&quoted(inner));
    assert_eq!(
        redact(&format!(r#"{{"raw":{twice}}}"#)),
        format!(r#"{{"raw":{}}}"#, twice.replace("+370", "hidden"))
    );
    let spaced = quoted(&format!(" \n{} ", quoted(inner)));
    assert_eq!(
        redact(&format!(r#"{{"raw":{spaced}}}"#)),
        format!(r#"{{"raw":{}}}"#, spaced.replace("+370", "hidden"))
    );
}

#[test]
fn a_string_that_claims_to_be_json_and_is_not_is_hidden() {
    let texts = [
        "{",
        "{'phone':'+370'}",
        "[1,]",
        "[NaN]",
        "\"+370",
        "\"+370\" x",
        " \u{a0}{\"phone\":\"+370\"}",
        "\u{feff}{\"phone\":\"+370\"}",
        "{\"phone\":\"+370\"} and more",
        "/**/{\"phone\":\"+370\"}\n[",
        "{} // +370",
    ];
    for text in few(texts.iter().filter(|text| !text.starts_with('/'))) {
        let body = format!(r#"{{"raw":{}}}"#, quoted(text));
        let (out, summary) = redact_under(Limits::default(), &body);
        assert_eq!(out, r#"{"raw":"hidden"}"#, "{text}");
        assert_eq!((summary.unscanned, summary.total()), (1, 1));
    }
    // A half pair behind a backslash has no spelling as JSON.
    assert_eq!(redact(r#"{"raw":"{\"a\":\"\\\ud83d\"}"}"#), r#"{"raw":"hidden"}"#);
}

#[test]
fn a_string_over_the_limit_is_hidden_and_one_at_it_is_not() {
    let limits = Limits { inner_bytes: 10, ..Limits::default() };
    assert_eq!(redact_under(limits, r#"{"raw":"[1,2,3,45]"}"#).0, r#"{"raw":"[1,2,3,45]"}"#);
    assert_eq!(redact_under(limits, r#"{"raw":"[1,2,3,456]"}"#).0, r#"{"raw":"hidden"}"#);
    assert_eq!(redact_under(limits, r#"{"raw":"12345678901"}"#).0, r#"{"raw":"hidden"}"#);
}

#[test]
fn a_field_that_hides_goes_before_one_that_looks_inside() {
    let selector = |text| Selector::parse(text).unwrap();
    let builder = Plan::builder()
        .json_in_string(&selector("$..*"))
        .keep(&selector("$.kept"))
        .field(Class::Phone, &selector("$..phone"))
        .display(Class::Phone, Display::Hidden);
    let body = br#"{"phone":"[]","kept":"{\"phone\":\"+370\"}","other":"{\"phone\":\"+370\"}"}"#;
    let expected = r#"{"phone":"hidden","kept":"{\"phone\":\"+370\"}","other":"{\"phone\":\"hidden\"}"}"#;
    assert_eq!(try_redact(&plan(builder), Limits::default(), body).unwrap().0, expected);
}

#[test]
fn a_body_that_ends_or_breaks_within_a_string_is_an_error_and_nothing_of_the_string_leaves() {
    let cases = [
        (&br#"{"raw":"{\"phone\""#[..], RedactError::Truncated),
        (b"{\"raw\":\"{\n\"}", RedactError::ControlCharacter),
        (br#"{"raw":"\x"}"#, RedactError::InvalidEscape),
        (b"{\"raw\":\"\xff\"}", RedactError::InvalidUtf8),
    ];
    for (body, expected) in few(cases) {
        assert_eq!(try_redact(&plan(fields()), Limits::default(), body), Err(expected));
        let mut out = Vec::new();
        let mut redactor = Redactor::json(plan(fields()));
        let _ = redactor.write(body, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"raw":"#.to_owned());
    }
}

#[test]
fn strings_that_wait_for_a_condition_are_looked_into_when_it_is_not_met() {
    use crate::{Condition, Test};
    let selector = |text| Selector::parse(text).unwrap();
    let is_contact =
        Condition { member: "type".into(), levels: 0..=1, test: Test::OneOf(vec!["contact".into()]) };
    let builder = Plan::builder()
        .json_in_string(&selector("$..raw"))
        .field_when(Class::Name, &selector("$..raw"), std::slice::from_ref(&is_contact))
        .field_when(Class::Handle, &selector("$..around"), &[is_contact])
        .field(Class::Phone, &selector("$..phone"));
    let plan =
        plan(Class::ALL.into_iter().fold(builder, |builder, class| builder.display(class, Display::Hidden)));
    let padding = "\\u00e9".repeat(40);
    let raw = format!(r#""{{\"phone\":\"+370\", \"a\":\"\/{padding}\"}}""#);
    let seen = raw.replace("+370", "hidden");
    let hidden = "\"hidden\"".to_owned();
    let cases = [
        ("{'raw':@,'type':'contact'}", &hidden),
        ("{'type':'contact','raw':@}", &hidden),
        ("{'raw':@,'type':'agent','id':1}", &seen),
        ("{'type':'agent','raw':@}", &seen),
        ("{'a':1,'raw':@}", &seen),
        ("[{'around':{'b':[{'raw':@}]},'type':'agent'}]", &seen),
        ("[{'around':{'b':[@,'x']},'type':'agent'}]", &raw),
    ];
    for (body, expected) in few(cases) {
        let body = body.replace('\'', "\"");
        let redact = |held_object| {
            let limits = Limits { held_object, ..Limits::default() };
            try_redact(&plan, limits, body.replace('@', &raw).as_bytes()).unwrap().0
        };
        assert_eq!(redact(64 * 1024), body.replace('@', expected));
        // With less room some of it is hidden without waiting.
        for room in (0..700).step_by(if cfg!(miri) { 400 } else { 10 }) {
            let out = redact(room);
            assert!(*expected == raw || !out.contains("+370"), "{out} of {body} in {room}");
            serde_json::from_str::<serde_json::Value>(&out).unwrap();
        }
    }
}
