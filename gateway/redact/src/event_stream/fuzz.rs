//! The body of the event stream fuzz target.
//!
//! A second reading of the standard, over the whole stream at once, says which events there are before and after;
//! each must be what its data alone is redacted to, in the same framing, at any cut.

use std::sync::{Arc, LazyLock};

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    error::RedactError,
    plan::Plan,
    redactor::{Format, Limits, Redactor, Summary},
    selector::Selector,
};

/// Redacts a stream whole and in pieces, and asserts what must hold of both.
pub fn fuzz_event_stream(data: &[u8]) {
    let [pick, high, low, stream @ ..] = data else { return };
    let plan = &PLANS[usize::from(*pick) % PLANS.len()];
    let mut random = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact(plan, Format::EventStream, stream, |_| stream.len());
    let pieces = redact(plan, Format::EventStream, stream, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 9
    });
    assert!(pieces == whole, "the output depends on the cuts");
    let bytes = redact(plan, Format::EventStream, stream, |_| 1);
    assert!(bytes == whole, "the output depends on the cuts");
    if whole.result.is_err() {
        return;
    }

    let (before, after) = (events(stream), events(&whole.out));
    assert_eq!(before.len(), after.len(), "events join or part");
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.others, after.others, "the framing of an event is changed");
        let alone = redact(plan, Format::Json, &before.data, |_| before.data.len());
        if alone.result.is_ok() {
            assert_eq!(after.data, alone.out, "an event is not redacted as its data is");
        } else if before.data == after.data {
            // Blanks before a text pass as they come.
            let text = before.data.trim_ascii_start();
            assert!(text.len() <= LIMITS.value_bytes.max(64), "a long text passes");
        }
    }
    let again = redact(plan, Format::EventStream, &whole.out, |_| whole.out.len());
    // What is shown may be longer than what was hidden, and the event then be over the limit.
    if again.result != Err(RedactError::EventTooLarge) {
        assert!(again.out == whole.out && again.result.is_ok(), "something hidden is left");
    }
}

/// What became of a stream.
#[derive(PartialEq, Eq)]
struct Outcome {
    out: Vec<u8>,
    offset: u64,
    result: Result<Summary, RedactError>,
}

fn redact(plan: &Arc<Plan>, format: Format, body: &[u8], mut cut: impl FnMut(usize) -> usize) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), format, *LIMITS);
    let mut out = Vec::new();
    let mut at = 0;
    let mut written = Ok(());
    while at < body.len() && written.is_ok() {
        let end = body.len().min(at + cut(at));
        written = redactor.write(&body[at..end], &mut out);
        at = end;
    }
    let offset = redactor.offset();
    let result = written.and_then(|()| redactor.finish(&mut out));
    Outcome { out, offset, result }
}

/// An event as a browser sees it.
#[derive(Debug, Default)]
struct Seen {
    data: Vec<u8>,
    /// The lines that are no data, comments included.
    others: Vec<Vec<u8>>,
}

/// All events that end in a blank line, also those without data.
fn events(stream: &[u8]) -> Vec<Seen> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut events = Vec::new();
    let mut event = Seen::default();
    let mut has_data = false;
    let mut rest = stream;
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = &rest[..end];
        rest = rest[end..].strip_prefix(b"\r\n").unwrap_or(&rest[end + 1..]);
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        if line.is_empty() {
            events.push(std::mem::take(&mut event));
            has_data = false;
        } else if name == b"data" {
            if std::mem::replace(&mut has_data, true) {
                event.data.push(b'\n');
            }
            event.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        } else {
            event.others.push(line.to_vec());
        }
    }
    events
}

/// Small, so that short streams reach them.
static LIMITS: LazyLock<Limits> =
    LazyLock::new(|| Limits { depth: 12, value_bytes: 100, message: 400, ..Limits::default() });

/// Nothing; everything; and a few fields. All show constants.
static PLANS: LazyLock<[Arc<Plan>; 3]> = LazyLock::new(|| {
    let plan = |fields: &[(Class, &str)]| {
        let mut builder = Plan::builder();
        for &(class, selector) in fields {
            let selector = Selector::parse(selector).expect("the selectors of this file parse");
            builder = builder.field(class, &selector);
        }
        for class in Class::ALL {
            builder = builder.display(class, Display::Hidden);
        }
        let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
        Arc::new(builder.build(&key).expect("the plans of this file are small"))
    };
    [
        plan(&[]),
        plan(&[(Class::Name, "$"), (Class::Phone, "$..*")]),
        plan(&[(Class::Phone, "$..phone"), (Class::Email, "$..['a', '😀']"), (Class::Name, "$[0].name")]),
    ]
});
