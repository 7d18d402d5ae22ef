//! The body of the table fuzz target.
//!
//! It takes any bytes: one picks a plan, two seed the cuts, the rest is the table. A panic is a finding.

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

/// Redacts a table whole and in pieces, and asserts what must hold of both.
pub fn fuzz_csv(data: &[u8]) {
    let [pick, high, low, table @ ..] = data else { return };
    let plan = &PLANS[usize::from(*pick) % PLANS.len()];
    let mut random = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact(plan, table, |_| table.len());
    let pieces = redact(plan, table, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 9
    });
    assert!(pieces == whole, "the output depends on the cuts");
    assert!(redact(plan, table, |_| 1) == whole, "the output depends on the cuts");
    if let Ok(summary) = whole.result {
        let again = redact_under(Limits::DEFAULT, plan, &whole.out, |_| table.len());
        assert!(again.result.is_ok(), "a redacted table is not well-formed");
        if summary.total() == 0 {
            let without = |table: &[u8]| table.iter().filter(|&&byte| byte != b'"').count();
            assert!(without(&whole.out) <= without(table), "a table with nothing to hide has grown");
        }
    }
}

/// What became of a table.
#[derive(PartialEq, Eq)]
struct Outcome {
    out: Vec<u8>,
    offset: u64,
    result: Result<Summary, RedactError>,
}

fn redact(plan: &Arc<Plan>, table: &[u8], cut: impl FnMut(usize) -> usize) -> Outcome {
    redact_under(LIMITS, plan, table, cut)
}

fn redact_under(
    limits: Limits,
    plan: &Arc<Plan>,
    table: &[u8],
    mut cut: impl FnMut(usize) -> usize,
) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Csv, limits);
    let mut out = Vec::new();
    let mut at = 0;
    let mut written = Ok(());
    while at < table.len() && written.is_ok() {
        let end = table.len().min(at + cut(at));
        written = redactor.write(&table[at..end], &mut out);
        at = end;
    }
    let offset = redactor.offset();
    let result = written.and_then(|()| redactor.finish(&mut out));
    Outcome { out, offset, result }
}

/// Small, so that short tables reach them.
const LIMITS: Limits = Limits { held_object: 60, value_bytes: 20, copies_window: 80, ..Limits::DEFAULT };

/// Columns, columns and fields in JSON, free text, and columns with copies. All show constants.
static PLANS: LazyLock<[Arc<Plan>; 4]> = LazyLock::new(|| {
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
    let phone = Selector::parse("$..phone").expect("the selector parses");
    let hidden =
        || Class::ALL.into_iter().fold(Plan::builder(), |plan, class| plan.display(class, Display::Hidden));
    let columns = || hidden().column("Phone", Class::Phone).column("e-mail", Class::Email);
    [
        columns(),
        columns().column("name", Class::Name).field(Class::Phone, &phone),
        hidden().column("x", Class::Name).patterns(true),
        columns().column("name", Class::Name).field(Class::Phone, &phone).copies(true),
    ]
    .map(|builder| Arc::new(builder.build(&key).expect("the plans of this file are small")))
});
