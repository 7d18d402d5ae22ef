//! The body of the JSON fuzz target.
//!
//! It takes any bytes: one picks a plan, two seed the cuts, the rest is the document. What must hold for every
//! document is asserted here, so that cargo-fuzz and the tests over the committed corpus look for the same
//! faults. A panic is a finding.

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

/// Redacts a document whole and in pieces, and asserts what must hold of both.
pub fn fuzz_json(data: &[u8]) {
    let [pick, high, low, document @ ..] = data else { return };
    let plan = &PLANS[usize::from(*pick) % PLANS.len()];
    let seed = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact(plan, document, |_| document.len());
    let mut random = seed;
    let pieces = redact(plan, document, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 9
    });
    assert!(pieces == whole, "the output depends on the cuts");
    assert!(redact(plan, document, |_| 1) == whole, "the output depends on the cuts");

    let plain = redact(&PLANS[0], document, |_| document.len());
    assert!(plain.offset == whole.offset, "the plan decides where a document is faulty");
    assert!(plain.result.err() == whole.result.err(), "the plan decides whether a document is well-formed");
    match plain.result {
        Ok(_) => assert!(plain.out == document, "a document with nothing to hide is changed"),
        Err(_) => assert!(document.starts_with(&plain.out), "more left than came in"),
    }
    if whole.result.is_ok() {
        // Constants hide to themselves. What changes the second time was a value the first time.
        let again = redact(plan, &whole.out, |_| whole.out.len());
        assert!(again.result.is_ok(), "a redacted document is not well-formed");
        assert!(again.out == whole.out, "something hidden is left");
    }
}

/// What became of a document.
#[derive(PartialEq, Eq)]
struct Outcome {
    out: Vec<u8>,
    offset: u64,
    result: Result<Summary, RedactError>,
}

fn redact(plan: &Arc<Plan>, document: &[u8], mut cut: impl FnMut(usize) -> usize) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Json, LIMITS);
    let mut out = Vec::new();
    let mut at = 0;
    let mut written = Ok(());
    while at < document.len() && written.is_ok() {
        let end = document.len().min(at + cut(at));
        written = redactor.write(&document[at..end], &mut out);
        at = end;
    }
    let offset = redactor.offset();
    let result = written.and_then(|()| redactor.finish(&mut out));
    Outcome { out, offset, result }
}

/// Small, so that short documents reach them.
const LIMITS: Limits = Limits { depth: 12, value_bytes: 16, held_object: 600, copies_window: 700 };

/// Nothing; everything; and selectors of each kind. All show constants.
static PLANS: LazyLock<[Arc<Plan>; 4]> = LazyLock::new(|| {
    let plan = |fields: &[(Class, &str)]| {
        let mut builder = Plan::builder();
        for &(class, selector) in fields {
            let selector = Selector::parse(selector).expect("the selectors of this file parse");
            builder = builder.field(class, &selector).display(class, Display::Hidden);
        }
        let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
        Arc::new(builder.build(&key).expect("the plans of this file are small"))
    };
    [
        plan(&[]),
        plan(&[(Class::Name, "$"), (Class::Phone, "$..*")]),
        plan(&[(Class::Phone, "$..phone"), (Class::Email, "$..['a', 'e/m', '😀']"), (Class::Name, "$.name")]),
        plan(&[(Class::Avatar, "$[0]"), (Class::FileUrl, "$..a[1]"), (Class::Handle, "$.*.*..b[*].c")]),
    ]
});
