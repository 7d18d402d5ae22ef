//! The body of the fuzz target for strings that are looked into.
//!
//! One byte picks a plan, two seed the cuts, the rest is a JSON document. A panic is a finding.

use std::sync::{Arc, LazyLock};

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    json::fuzz::{redact, redact_in_pieces},
    plan::{Plan, PlanBuilder},
    redactor::{Format, Limits},
    selector::Selector,
};

/// Redacts a document with strings to look into, and asserts what must hold of it.
pub fn fuzz_nested(data: &[u8]) {
    let [pick, high, low, document @ ..] = data else { return };
    let [plan, nothing, bare] = &PLANS[usize::from(*pick) % PLANS.len()];
    let seed = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact_in_pieces(plan, Format::Json, LIMITS, document, seed);
    let bare = redact(bare, Format::Json, LIMITS, document, |_| document.len());
    assert!(
        bare.result.err() == whole.result.err(),
        "what a string holds decides whether a body is well-formed"
    );

    let plain = redact(nothing, Format::Json, LIMITS, document, |_| document.len());
    if plain.result.is_ok_and(|summary| summary.total() == 0) {
        assert!(plain.out == document, "a document with nothing to hide is changed");
    }
    if whole.result.is_ok() {
        // What is shown may be longer than what is hidden.
        let limits = Limits { inner_bytes: 1 << 20, ..LIMITS };
        let again = redact(plan, Format::Json, limits, &whole.out, |_| whole.out.len());
        assert!(again.result.is_ok(), "a redacted document is not well-formed");
        assert!(again.out == whole.out, "something hidden is left");
    }
}

const LIMITS: Limits = Limits {
    depth: 12,
    value_bytes: 16,
    held_object: 600,
    inner_bytes: 200,
    nesting: 3,
    message: 64,
    ..Limits::DEFAULT
};

/// Plans: with fields; without; and without strings to look into.
static PLANS: LazyLock<[[Arc<Plan>; 3]; 3]> = LazyLock::new(|| {
    let selector = |text| Selector::parse(text).expect("the selectors of this file parse");
    let plan = |builder: PlanBuilder| {
        let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
        Arc::new(builder.build(&key).expect("the plans of this file are small"))
    };
    let fields = |builder: PlanBuilder| {
        let builder =
            builder.field(Class::Phone, &selector("$..phone")).field(Class::Email, &selector("$..a"));
        Class::ALL.into_iter().fold(builder, |builder, class| builder.display(class, Display::Hidden))
    };
    let looks: [fn(PlanBuilder, &Selector) -> PlanBuilder; 3] =
        [PlanBuilder::json_in_string, PlanBuilder::html_in_string, |builder, selector| {
            builder.html_in_string(selector).json_in_string(&Selector::parse("$..raw").expect("it parses"))
        }];
    let places = ["$..*", "$..b", "$..b"];
    [0, 1, 2].map(|pick| {
        let look = |builder| looks[pick](builder, &selector(places[pick]));
        [plan(look(fields(Plan::builder()))), plan(look(Plan::builder())), plan(Plan::builder())]
    })
});
