//! The body of the fuzz target for framings.
//!
//! One byte picks the format and a plan, two seed the cuts, the rest is the body. A panic is a finding.

use std::sync::{Arc, LazyLock};

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    json::fuzz::{redact, redact_in_pieces},
    plan::Plan,
    redactor::{Format, Limits},
    selector::Selector,
};

/// Redacts a body of framed JSON, and asserts what must hold of it.
pub fn fuzz_framed(data: &[u8]) {
    let [pick, high, low, body @ ..] = data else { return };
    let format = [Format::Framed, Format::JsonSequence, Format::Jsonp][usize::from(pick >> 1) % 3];
    let plan = &PLANS[usize::from(pick & 1)];
    let seed = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact_in_pieces(plan, format, LIMITS, body, seed);
    let plain = redact(&PLANS[0], format, LIMITS, body, |_| body.len());
    assert!(plain.result.err() == whole.result.err(), "the plan decides whether a body is well-formed");
    match plain.result {
        Ok(_) => assert!(plain.out == body, "a body with nothing to hide is changed"),
        Err(_) => assert!(body.starts_with(&plain.out), "more left than came in"),
    }
    if whole.result.is_ok() {
        let limits = Limits { message: 1 << 20, ..LIMITS };
        let again = redact(plan, format, limits, &whole.out, |_| whole.out.len());
        assert!(again.result.is_ok(), "a redacted body is not well-formed");
        assert!(again.out == whole.out, "something hidden is left");
    }
}

const LIMITS: Limits = Limits {
    depth: 12,
    value_bytes: 16,
    held_object: 600,
    inner_bytes: 200,
    nesting: 3,
    message: 200,
    ..Limits::DEFAULT
};

/// Nothing, and fields.
static PLANS: LazyLock<[Arc<Plan>; 2]> = LazyLock::new(|| {
    let selector = |text| Selector::parse(text).expect("the selectors of this file parse");
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
    let fields =
        Plan::builder().field(Class::Phone, &selector("$..phone")).field(Class::Email, &selector("$..a"));
    let fields = Class::ALL.into_iter().fold(fields, |fields, class| fields.display(class, Display::Hidden));
    [Plan::builder(), fields].map(|builder| Arc::new(builder.build(&key).expect("the plans are small")))
});
