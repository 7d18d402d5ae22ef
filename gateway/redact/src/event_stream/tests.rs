//! Tests of event streams: framing to the byte, events as JSON and as text, and every cut in between.

use super::*;
use crate::{AliasKey, Class, Display, Format, Redactor, Selector};

fn plan(fields: &[(Class, &str)]) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    for class in Class::ALL {
        builder = builder.display(class, Display::Hidden);
    }
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

fn phones() -> Arc<Plan> {
    plan(&[(Class::Phone, "$..phone")])
}

fn small() -> Limits {
    Limits { value_bytes: 100, message: 300, ..Limits::default() }
}

type Outcome = (Vec<u8>, Result<Summary, RedactError>);

fn redact(plan: &Arc<Plan>, limits: Limits, stream: &[u8], cuts: &[usize]) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::EventStream, limits);
    let mut out = Vec::new();
    let mut from = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        if let Err(error) = redactor.write(&stream[from..cut], &mut out) {
            return (out, Err(error));
        }
        from = cut;
    }
    let result = redactor.finish(&mut out);
    (out, result)
}

/// The outcome, whole, cut in two at every place, and byte by byte.
#[track_caller]
fn outcome(plan: &Arc<Plan>, limits: Limits, stream: &[u8]) -> Outcome {
    let whole = redact(plan, limits, stream, &[]);
    for cut in 0..=stream.len() {
        assert_eq!(redact(plan, limits, stream, &[cut]), whole, "cut at {cut}");
    }
    let every: Vec<_> = (0..stream.len()).collect();
    assert_eq!(redact(plan, limits, stream, &every), whole, "byte by byte");
    whole
}

#[track_caller]
fn check(stream: &str, expected: &str) {
    let (out, result) = outcome(&phones(), small(), stream.as_bytes());
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert!(result.is_ok(), "{result:?}");
}

#[track_caller]
fn passes(stream: &str) {
    check(stream, stream);
}

#[test]
fn a_field_of_an_event_is_hidden_in_its_framing() {
    check(
        "id: 7\nevent: message\ndata: {\"phone\": \"+37061234567\"}\nretry: 10\n\n",
        "id: 7\nevent: message\ndata: {\"phone\": \"hidden\"}\nretry: 10\n\n",
    );
}

#[test]
fn line_ends_of_every_kind_are_kept() {
    for end in ["\n", "\r", "\r\n"] {
        let stream = "\u{feff}: hello\ndata:{\"phone\":\ndata:  \"1\", \"a\":\ndata: 1}\n\n\n\ndata: [1]\n\n";
        check(&stream.replace('\n', end), &stream.replace("\"1\"", "\"hidden\"").replace('\n', end));
    }
    check(
        "data: {\"phone\"\r\ndata: :\rdata: 1\ndata:}\r\r\ndata: 2\r\n\r",
        "data: {\"phone\"\r\ndata: :\rdata: 0\ndata:}\r\r\ndata: 2\r\n\r",
    );
}

#[test]
fn lines_between_data_lines_stay_in_their_places() {
    check(
        "data: {\"phone\": 12\n: note\nid: 1\ndata\ndata:,\"phone\":[\nevent: x\ndata: \"a\"]}\nid:2\n\n",
        "data: {\"phone\": 0\n: note\nid: 1\ndata\ndata:,\"phone\":[\nevent: x\ndata: \"hidden\"]}\nid:2\n\n",
    );
}

#[test]
fn every_event_begins_anew() {
    check(
        "data: {\"phone\": \"1\"}\n\ndata: \"phone\"\n\n\n: x\n\ndata: {\"phone\": \"2\"}\n\n",
        "data: {\"phone\": \"hidden\"}\n\ndata: \"phone\"\n\n\n: x\n\ndata: {\"phone\": \"hidden\"}\n\n",
    );
}

#[test]
fn names_that_only_look_like_data_are_not_data() {
    passes(
        "dat: {\"phone\": \"1\"}\ndata2: {\"phone\": \"1\"}\n data: {\"phone\": \"1\"}\nDATA: {\"phone\": \"1\"}\n\n",
    );
    passes("dat\ndata\ndata:\ndata: \n\n");
    passes("\u{feff}\u{feff}data: {\"phone\": \"1\"}\n\n");
    let (out, result) =
        outcome(&phones(), small(), b"\xef\xbbdata: {\"phone\": 1}\n\n\xef\n\ndata: {\"phone\": 1}\n\n");
    assert_eq!(out, b"\xef\xbbdata: {\"phone\": 1}\n\n\xef\n\ndata: {\"phone\": 0}\n\n");
    assert!(result.is_ok());
}

#[test]
fn a_byte_order_mark_hides_no_data() {
    check("\u{feff}data: {\"phone\": \"1\"}\n\n", "\u{feff}data: {\"phone\": \"hidden\"}\n\n");
}

#[test]
fn words_pings_and_sentinels_pass() {
    for text in [
        "ping",
        "[DONE]",
        "{{x}}",
        "[12:30] closed",
        "true",
        "null",
        "1700000000",
        "2",
        "\"x\"",
        "a\ndata: b",
    ] {
        passes(&format!("data: {text}\n\ndata:{text}\r\n\r\n"));
    }
}

#[test]
fn contacts_in_text_are_hidden_and_the_text_around_them_stays() {
    check("data: call +370 612 34567 now\n\n", "data: call hidden now\n\n");
    check(
        "data: mail\ndata: anna@example.com\nid: 4\n\n",
        "data: mail\ndata: hidden@client.invalid\nid: 4\n\n",
    );
    check("data: {anna@example.com}\n\n", "data: {hidden@client.invalid}\n\n");
}

#[test]
fn frames_of_real_time_protocols_are_redacted_as_such() {
    check(
        "data: 42[\"a\",{\"phone\":\"1\"}]\n\ndata: h\n\n",
        "data: 42[\"a\",{\"phone\":\"hidden\"}]\n\ndata: h\n\n",
    );
    check("data: a[\"{\\\"phone\\\":1}\"]\n\n", "data: a[\"{\\\"phone\\\":0}\"]\n\n");
}

#[test]
fn short_text_with_the_quotes_of_json_is_hidden_whole() {
    check("data: {\"name\": \"Anna\", oops\n\n", "data: hidden\n\n");
    check("data: {\ndata: \"phone\": \"12\ndata: 34567\"}\n\n", "data: hidden\ndata: \ndata: \n\n");
    let (_, result) = outcome(&phones(), small(), b"data: [\"\n\n");
    assert_eq!(result.unwrap().unscanned, 1);
}

#[test]
fn broken_json_is_hidden_where_it_is_short_enough_to_be_held() {
    let long = "x".repeat(70);
    check(&format!("data: {{\"a\": \"{long}\"; 1}}\n\n"), "data: hidden\n\n");
    check(&format!("data: {{\"a\": \"{long}\"\n\n"), "data: hidden\n\n");
    check(&format!("data: {long}{long}\n\n"), "data: hidden\n\n");
}

#[test]
fn broken_json_that_is_too_long_to_be_held_is_an_error() {
    let long = "x".repeat(110);
    let (out, result) =
        outcome(&phones(), small(), format!("data: {{\"phone\": \"{long}\"; 1}}\n\n").as_bytes());
    assert_eq!(result, Err(RedactError::MissingComma));
    assert_eq!(out, b"data: {\"phone\": \"hidden\"");
    let (_, result) = outcome(&phones(), small(), format!("data: {{\"phone\": \"{long}\"\n\n").as_bytes());
    assert_eq!(result, Err(RedactError::Truncated));
}

#[test]
fn an_event_over_the_limit_is_an_error_whatever_it_is_made_of() {
    let long = "x".repeat(290);
    for event in
        ["id: ", ": ", "data: ", "data: [1, 2, 3, \"", "data:\ndata:\n", "event: a\ndata: [1,\ndata: \""]
    {
        let stream = format!("data: 1\n\n{event}{long}\n\n");
        let (out, result) = outcome(&phones(), small(), stream.as_bytes());
        let is_over = event.len() + 290 + 1 > 300;
        assert_eq!(result.err(), is_over.then_some(RedactError::EventTooLarge), "{event}");
        assert!(out.starts_with(b"data: 1\n\n"));
    }
}

#[test]
fn a_stream_may_end_between_events_and_nowhere_within_one() {
    passes("");
    passes("data: {\"a\": 1}");
    passes("data: {\"a\": 1}\n: x\nid");
    for stream in ["data: {\"a\"", "data: {\"phone\": \"1", "data: 1\n\ndata: [\n"] {
        let (out, result) = outcome(&phones(), small(), stream.as_bytes());
        assert_eq!(result, Err(RedactError::Truncated));
        assert!(stream.as_bytes().starts_with(&out));
    }
    check("data: {\"phone\": 1}\n\ndata: +37061234567", "data: {\"phone\": 0}\n\ndata: hidden");
}

#[test]
fn hidden_values_of_all_events_are_counted() {
    let (_, result) =
        outcome(&phones(), small(), b"data: {\"phone\": 1}\n\ndata: {\"phone\": [1, \"2\"]}\n\n");
    assert_eq!(result.unwrap().total(), 3);
    let (_, result) = outcome(&phones(), small(), b"data: {\"phone\": 1}; no JSON\n\n");
    assert_eq!(result.unwrap().unscanned, 1);
}

#[test]
fn a_number_for_which_the_root_is_a_field_is_hidden() {
    let plan = plan(&[(Class::Phone, "$")]);
    let (out, _) = outcome(&plan, small(), b"data: 37061234567\n\n");
    assert_eq!(out, b"data: 0\n\n");
}
