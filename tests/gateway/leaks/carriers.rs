//! One JSON text, as every carrier spells it.

use serde_json::{Value, json};

use super::samples::Sample;

/// A way to send a payload.
pub(super) struct Carrier {
    pub(super) name: &'static str,
    /// Empty for none.
    pub(super) content_type: &'static str,
    /// What the request asks for besides.
    pub(super) query: &'static str,
    pub(super) spell: fn(&Sample) -> String,
}

pub(super) const CARRIERS: &[Carrier] = &[
    of("JSON", "application/json", |sample| sample.json.clone()),
    of("JSON behind a guard", "application/json; charset=utf-8", |sample| format!(")]}}',\n{}", sample.json)),
    of("JSON of a dialect", "application/vnd.api+json", |sample| sample.json.clone()),
    of("JSON without a type", "", |sample| sample.json.clone()),
    of("JSON called a page", "text/html; charset=utf-8", |sample| sample.json.clone()),
    of("JSON called a text", "text/plain", |sample| sample.json.clone()),
    of("JSON called a script", "text/javascript", |sample| sample.json.clone()),
    of("JSON behind a guard, called a script", "application/x-javascript", |sample| {
        format!("for(;;);{}", sample.json)
    }),
    of("lines of JSON", "application/x-ndjson", |sample| {
        format!("{{\"n\":1}}\n{0}\n\n{0}\r\n{{\"n\":2}}\n", flat(&sample.json))
    }),
    of("a sequence of JSON", "application/json-seq", |sample| {
        format!("\u{1e}{{\"n\":1}}\n\u{1e}{}\n", sample.json)
    }),
    Carrier {
        query: "&callback=app.on_answer",
        ..of("JSON with padding", "application/javascript; charset=utf-8", |sample| {
            format!("/**/ app.on_answer({});", sample.json)
        })
    },
    of("events", "text/event-stream", |sample| {
        let lines: String = broken(&sample.json).lines().map(|line| format!("data: {line}\n")).collect();
        format!(
            ": hello\nretry: 100\n\nid: 1\nevent: message\ndata: {}\n\nid: 2\n{lines}\n",
            flat(&sample.json)
        )
    }),
    of("events of SockJS", "text/event-stream; charset=UTF-8", |sample| {
        format!("\r\ndata: o\r\n\r\ndata: a[{}]\r\n\r\n", quoted(&flat(&sample.json)))
    }),
    of("a page with JSON in a script", "text/html; charset=utf-8", |sample| {
        page(&format!("<script id=s type=\"application/json\">{}</script>", unmarked(&sample.json)))
    }),
    of("a page with JSON in attributes", "text/html; charset=utf-8", |sample| {
        let escaped = sample.json.replace('&', "&amp;").replace('<', "&lt;");
        let (single, double) = (escaped.replace('\'', "&#39;"), escaped.replace('"', "&quot;"));
        page(&format!("<div data-params='{single}'></div><p id=app data-page=\"{double}\">1 &lt; 2</p>"))
    }),
    of("a page with JSON in a variable", "text/html; charset=utf-8", |sample| {
        page(&format!("<script>window.__STATE__ = {};</script>", unmarked(&sample.json)))
    }),
    of("packets of Engine.IO", "text/plain; charset=UTF-8", packets),
    of("packets of Engine.IO 3", "text/plain; charset=UTF-8", |sample| {
        let behind_lengths = |packet: &str| format!("{}:{packet}", packet.encode_utf16().count());
        packets(sample).split('\u{1e}').map(behind_lengths).collect()
    }),
    of("messages of SockJS", "application/javascript; charset=UTF-8", |sample| {
        format!("a[{},{}]\n", quoted("{\"msg\":\"ready\"}"), quoted(&sample.json))
    }),
    of("messages of SignalR", "text/plain", |sample| {
        format!(
            "{{}}\u{1e}{{\"type\":1,\"target\":\"on\",\"arguments\":[{}]}}\u{1e}{{\"type\":6}}\u{1e}",
            sample.json
        )
    }),
    of("a frame of STOMP", "text/plain", |sample| {
        format!("MESSAGE\ndestination:/queue/1\ncontent-type:application/json\n\n{}\0\n", sample.json)
    }),
    of("a message of Phoenix", "application/json", |sample| {
        format!("[null,\"7\",\"room:lobby\",\"shout\",{}]", sample.json)
    }),
    of("JSON in a string", "application/json", |sample| format!("{{\"wrapped\":{}}}", quoted(&sample.json))),
    of("JSON in a string in a string", "application/json", |sample| {
        let inner = json!({ "n": 1, "wrapped": sample.json }).to_string();
        json!({ "ok": true, "wrapped": inner }).to_string()
    }),
];

const fn of(name: &'static str, content_type: &'static str, spell: fn(&Sample) -> String) -> Carrier {
    Carrier { name, content_type, query: "", spell }
}

/// Packets as a long poll answers with them.
fn packets(sample: &Sample) -> String {
    let event =
        || format!("42[\"msg\",{}]\u{1e}2\u{1e}42/live,17[\"users\",{{\"chan\": 2}}]", flat(&sample.json));
    sample.packets.clone().unwrap_or_else(event)
}

fn page(inside: &str) -> String {
    format!(
        "<!doctype html><html><head><title>Inbox &amp; more</title></head><body><!-- 1 -->{inside}</body></html>\n"
    )
}

/// A JSON text on one line.
fn flat(json: &str) -> String {
    json.replace(['\r', '\n'], " ")
}

/// A JSON text on as many lines as it can be.
fn broken(json: &str) -> String {
    let (mut out, mut is_inside, mut is_escaped) = (String::new(), false, false);
    for sign in json.chars() {
        out.push(sign);
        is_inside ^= sign == '"' && !is_escaped;
        is_escaped = sign == '\\' && !is_escaped;
        if !is_inside && matches!(sign, ',' | '{' | '[' | ':') {
            out.push('\n');
        }
    }
    out
}

/// A JSON text without what scripts of pages may not hold.
fn unmarked(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[test]
fn json_stays_the_same_on_lines_of_its_own() {
    let json = r#"{"a":"x,{\"\\","b":[1,{}]}"#;
    let lines = "{\n\"a\":\n\"x,{\\\"\\\\\",\n\"b\":\n[\n1,\n{\n}]}";
    assert_eq!(broken(json), lines);
}
