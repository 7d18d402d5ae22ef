//! The body of the fuzz target of texts and copies.
//!
//! It takes any bytes: one picks how the rest is read, two seed the cuts. As text it is searched by shape and for
//! copies of some values; as JSON it teaches and is swept. A panic is a finding.

use std::sync::{Arc, LazyLock};

use super::Learnt;
use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    error::RedactError,
    patterns::Detector,
    plan::Plan,
    redactor::{Format, Limits, Redactor, Summary},
    selector::Selector,
};

/// Redacts a text or a document whole and in pieces, and asserts what must hold of both.
pub fn fuzz_text(data: &[u8]) {
    let [pick, high, low, body @ ..] = data else { return };
    let seed = u64::from(*high) << 8 | u64::from(*low);
    match pick % 2 {
        0 => text(body, seed),
        _ => document(body, seed),
    }
}

fn text(body: &[u8], seed: u64) {
    let whole = agree(Format::Text, body, seed);
    let Ok(text) = std::str::from_utf8(body) else {
        assert!(whole.is_err(), "what is not UTF-8 is taken");
        return;
    };
    let mut found = Vec::new();
    Detector.find(text, &mut found);
    let mut at = 0;
    for found in &found {
        assert!(at <= found.range.start && found.range.start < found.range.end, "ranges overlap");
        assert!(text.get(found.range.clone()).is_some(), "a range cuts a character");
        at = found.range.end;
    }
    let (out, summary) = whole.expect("UTF-8 is taken");
    if summary.total() == 0 {
        assert!(out == body, "a text with nothing to hide is changed");
        assert!(found.is_empty(), "something found is not hidden");
    }
}

fn document(body: &[u8], seed: u64) {
    let plain = redact(&PLANS[1], Format::Json, body, |_| body.len());
    let whole = agree(Format::Json, body, seed);
    match (plain, whole) {
        (Ok(_), Ok((out, _))) => {
            assert!(std::str::from_utf8(&out).is_ok(), "a mark is left");
            let again = redact(&PLANS[1], Format::Json, &out, |_| out.len());
            assert!(again.is_ok(), "a swept document is not well-formed");
        }
        (Err(plain), Err(whole)) => assert!(plain == whole, "copies decide what is wrong"),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("copies decide whether a document is well-formed"),
    }
}

/// What becomes of a body, which is the same at every cut.
fn agree(format: Format, body: &[u8], seed: u64) -> Result<(Vec<u8>, Summary), RedactError> {
    let whole = redact(&PLANS[0], format, body, |_| body.len());
    let mut random = seed;
    let pieces = redact(&PLANS[0], format, body, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 50
    });
    assert!(pieces == whole, "the output depends on the cuts");
    assert!(redact(&PLANS[0], format, body, |_| 1) == whole, "the output depends on the cuts");
    whole
}

fn redact(
    plan: &Arc<Plan>,
    format: Format,
    body: &[u8],
    mut cut: impl FnMut(usize) -> usize,
) -> Result<(Vec<u8>, Summary), RedactError> {
    let learnt = Arc::new(Learnt::new(32));
    for (class, value) in VALUES {
        learnt.learn(plan.key(), class, value.as_bytes());
    }
    let limits = Limits { copies_window: 64, ..Limits::default() };
    let mut redactor = Redactor::new(Arc::clone(plan), format, limits).with_copies(learnt);
    let mut out = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let end = body.len().min(at + cut(at));
        redactor.write(&body[at..end], &mut out)?;
        at = end;
    }
    let summary = redactor.finish(&mut out)?;
    Ok((out, summary))
}

const VALUES: [(Class, &str); 5] = [
    (Class::Phone, "+7 900 123-45-67"),
    (Class::Email, "zoë@example.ch"),
    (Class::Name, "Пётр Иванов"),
    (Class::Handle, "807892411"),
    (Class::Avatar, "https://example.com/a.jpg"),
];

/// With copies, and without.
static PLANS: LazyLock<[Arc<Plan>; 2]> = LazyLock::new(|| {
    [true, false].map(|copies| {
        let parse = |selector| Selector::parse(selector).expect("the selectors of this file parse");
        let mut builder = Plan::builder()
            .field(Class::Phone, &parse("$..phone"))
            .field(Class::Name, &parse("$..name"))
            .field(Class::Email, &parse("$..email"))
            .keep(&parse("$..kept"))
            .operator_text(&parse("$..written"))
            .text(&parse("$..text"))
            .copies(copies)
            .patterns(true);
        for class in Class::ALL {
            builder = builder.display(class, Display::Hidden);
        }
        let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
        Arc::new(builder.build(&key).expect("the plans of this file are small"))
    })
});
