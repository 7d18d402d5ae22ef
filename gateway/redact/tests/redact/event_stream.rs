//! Event streams: through the body of their fuzz target, and drawn ones as a small parser of its own sees them.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Format, Limits, Plan, Redactor, Selector, fuzz_event_stream,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::mutations;

#[test]
fn the_corpus_of_event_streams_and_its_mutations_hold_what_must_hold() {
    mutations::run("event-stream", TOKENS, 6_000, fuzz_event_stream);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn browsers_see_the_redacted_events_and_nothing_else_differently(
        events in vec((vec(line(), 0..4), value(), 1_usize..4), 0..6),
        end in select(vec!["\n", "\r", "\r\n"]),
        size in 1_usize..40,
    ) {
        let mut stream = String::new();
        for (others, value, lines) in &events {
            let text = spread(value, *lines);
            let data = text.split('\n').map(|line| format!("data: {line}"));
            for line in others.iter().cloned().chain(data) {
                stream += &line;
                stream += end;
            }
            stream += end;
        }
        let out = redact(stream.as_bytes(), size);
        let (before, after) = (events_of(&stream), events_of(&out));
        prop_assert_eq!(before.len(), events.len());
        prop_assert_eq!(after.len(), events.len());
        for (((others, value, _), before), after) in events.iter().zip(before).zip(after) {
            prop_assert_eq!(&before.0, others);
            prop_assert_eq!(&after.0, others);
            let seen: Value = serde_json::from_str(&after.1)?;
            prop_assert_eq!(seen, hidden(value));
        }
        let line_ends = |text: &str| text.matches(['\r', '\n']).collect::<String>();
        prop_assert_eq!(line_ends(&out), line_ends(&stream));
    }
}

/// A line that is no data.
fn line() -> impl Strategy<Value = String> {
    select(vec![
        ": note",
        "id: 7",
        "event: message",
        "retry: 100",
        ":",
        "id",
        "dat: {\"phone\": 1}",
        "data2: x",
    ])
    .prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let text = select(vec!["", "+37061234567", "a \"quoted\" \u{1f600}", "data: x", "\r\n\n"]);
    let leaf = prop_oneof![text.prop_map(Value::from), any::<i32>().prop_map(Value::from), Just(Value::Null)];
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        let key = select(vec!["phone", "a", "data: "]).prop_map(str::to_owned);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((key, inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    tree.prop_map(|value| json!([value]))
}

/// JSON over several lines.
fn spread(value: &Value, lines: usize) -> String {
    match lines {
        1 => value.to_string(),
        2 => serde_json::to_string_pretty(value).unwrap(),
        _ => format!("\n{}\n", serde_json::to_string_pretty(value).unwrap()),
    }
}

/// What hiding every `phone` makes of a value.
fn hidden(value: &Value) -> Value {
    fn hide(value: &Value) -> Value {
        match value {
            Value::Null => Value::Null,
            Value::Bool(_) => Value::Bool(false),
            Value::Number(_) => Value::from(0),
            Value::String(text) if text.is_empty() => Value::from(""),
            Value::String(_) => Value::from("hidden"),
            Value::Array(items) => items.iter().map(hide).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), hide(value))).collect()
            }
        }
    }
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        Value::Array(items) => items.iter().map(hidden).collect(),
        Value::Object(members) => {
            let show = |(name, value): (&String, &Value)| match name.as_str() {
                "phone" => (name.clone(), hide(value)),
                _ => (name.clone(), hidden(value)),
            };
            members.iter().map(show).collect()
        }
    }
}

/// The events of a stream: the lines that are no data, and the data.
fn events_of(stream: &str) -> Vec<(Vec<String>, String)> {
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut others, mut data) = (Vec::new(), Vec::new());
    for line in stream.split_terminator('\n') {
        match line.strip_prefix("data:").or((line == "data").then_some("")) {
            _ if line.is_empty() => {
                events.push((std::mem::take(&mut others), std::mem::take(&mut data).join("\n")))
            }
            Some(value) => data.push(value.strip_prefix(' ').unwrap_or(value).to_owned()),
            None => others.push(line.to_owned()),
        }
    }
    events
}

fn redact(stream: &[u8], size: usize) -> String {
    let field = Selector::parse("$..phone").unwrap();
    let plan = Plan::builder().field(Class::Phone, &field).display(Class::Phone, Display::Hidden);
    let plan = Arc::new(plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut redactor = Redactor::new(plan, Format::EventStream, Limits::default());
    let mut out = Vec::new();
    for chunk in stream.chunks(size) {
        redactor.write(chunk, &mut out).unwrap();
    }
    redactor.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const TOKENS: &[&[u8]] = &[
    b"data: ",
    b"data:",
    b"data",
    b"id: 1",
    b"event: x",
    b": c",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\r\r",
    b"\r\n\r\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\"phone\":",
    b",",
    b":",
    b"1",
    b"true",
    b"[DONE]",
    b" ",
    b"\t",
    b"@",
    b"+37061234567",
    b"\xef\xbb\xbf",
    b"\xef",
    b"\xff",
    b"\0",
    b"hidden",
    b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];
