//! The body of the JSON fuzz target.
//!
//! It takes any bytes: one picks a plan, two seed the cuts and what the document is lengthened by, the rest is the
//! document. What must hold for every document is asserted here, so that cargo-fuzz and the tests over the committed
//! corpus look for the same faults. A panic is a finding.

use std::{
    slice::from_ref,
    sync::{Arc, LazyLock},
};

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    error::RedactError,
    plan::{Condition, Plan, PlanBuilder, Test},
    redactor::{Format, Limits, Redactor, Summary},
    scan::Set,
    selector::Selector,
};

/// Redacts a document whole, in pieces and on every instruction set, and asserts what must hold of all.
pub fn fuzz_json(data: &[u8]) {
    let [pick, high, low, document @ ..] = data else { return };
    let plan = &PLANS[usize::from(*pick) % 8 % PLANS.len()];
    let seed = u64::from(*high) << 8 | u64::from(*low);
    let document = lengthened(document, seed);
    let document = document.as_slice();

    let whole = redact_in_pieces(plan, Format::Json, LIMITS, document, seed);

    for set in Set::all() {
        let mut rewriter = super::Rewriter::new(Arc::clone(plan), LIMITS);
        rewriter.set = set;
        let mut out = Vec::new();
        let written = rewriter.write(document, &mut out);
        let offset = rewriter.offset();
        let result = written.and_then(|()| rewriter.finish(&mut out));
        assert!(whole == Outcome { out, offset, result }, "{set:?} says otherwise");
    }

    let plain = redact(&PLANS[0], Format::Json, LIMITS, document, |_| document.len());
    assert!(plain.offset == whole.offset, "the plan decides where a document is faulty");
    assert!(plain.result.err() == whole.result.err(), "the plan decides whether a document is well-formed");
    match plain.result {
        Ok(_) => assert!(plain.out == document, "a document with nothing to hide is changed"),
        Err(_) => assert!(document.starts_with(&plain.out), "more left than came in"),
    }
    if whole.result.is_ok() {
        let again = redact(plan, Format::Json, LIMITS, &whole.out, |_| whole.out.len());
        assert!(again.result.is_ok(), "a redacted document is not well-formed");
        // Constants hide to themselves. What changes the second time was a value the first time. Names change every
        // time, and members that are asked may have been hidden themselves.
        if plan.conditions().is_empty() && plan.contact_keys().next().is_none() {
            assert!(again.out == whole.out, "something hidden is left");
        }
    }
}

/// Puts as much behind the first bracket as the seed says, so that short documents too stand over the edges of windows:
/// blanks, or strings with a quote at every offset of a block.
fn lengthened(document: &[u8], seed: u64) -> Vec<u8> {
    let (length, has_strings) = (seed as usize & 0xfff, seed >> 14 & 1 != 0);
    match document {
        [first @ (b'{' | b'['), rest @ ..] if seed >> 15 != 0 => {
            let string: &[u8] = if *first == b'{' { br#""":"","# } else { br#""","# };
            let strings = if has_strings { string.repeat(length / string.len()) } else { Vec::new() };
            let blanks = b" ".repeat(length - strings.len());
            [from_ref(first), &strings, &blanks, rest].concat()
        }
        _ => document.to_vec(),
    }
}

/// Redacts a document whole, in two pieces, in short ones and byte by byte, and asserts that it makes no difference.
pub(crate) fn redact_in_pieces(
    plan: &Arc<Plan>,
    format: Format,
    limits: Limits,
    document: &[u8],
    seed: u64,
) -> Outcome {
    let whole = redact(plan, format, limits, document, |_| document.len());
    let mut random = seed;
    let pieces = redact(plan, format, limits, document, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 9
    });
    assert!(pieces == whole, "the output depends on the cuts");
    let place = (random >> 33) as usize % (document.len() + 1);
    let halves = redact(plan, format, limits, document, |at| if at < place { place } else { document.len() });
    assert!(halves == whole, "the output depends on the cut");
    assert!(redact(plan, format, limits, document, |_| 1) == whole, "the output depends on the cuts");
    whole
}

/// What became of a document.
#[derive(PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) out: Vec<u8>,
    pub(crate) offset: u64,
    pub(crate) result: Result<Summary, RedactError>,
}

/// Redacts a document in pieces of the lengths that `cut` gives.
pub(crate) fn redact(
    plan: &Arc<Plan>,
    format: Format,
    limits: Limits,
    document: &[u8],
    mut cut: impl FnMut(usize) -> usize,
) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), format, limits);
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
const LIMITS: Limits = Limits {
    depth: 12,
    value_bytes: 16,
    held_object: 600,
    inner_bytes: 64,
    nesting: 2,
    message: 64,
    ..Limits::DEFAULT
};

/// Nothing; everything; selectors of each kind; fields that wait for members, with names that are hidden and places
/// that are kept; names at any depth below others; names among which some are kept; the same with names that are
/// contacts. All values show constants.
static PLANS: LazyLock<[Arc<Plan>; 8]> = LazyLock::new(|| {
    let plan = |fields: &[(Class, &str)]| {
        let field =
            |builder: PlanBuilder, &(class, text): &(Class, &str)| builder.field(class, &selector(text));
        constant(fields.iter().fold(Plan::builder(), field))
    };
    [
        plan(&[]),
        plan(&[(Class::Name, "$"), (Class::Phone, "$..*")]),
        plan(&[(Class::Phone, "$..phone"), (Class::Email, "$..['a', 'e/m', '😀']"), (Class::Name, "$.name")]),
        plan(&[(Class::Avatar, "$[0]"), (Class::FileUrl, "$..a[1]"), (Class::Handle, "$.*.*..b[*].c")]),
        waiting(),
        plan(&[(Class::Phone, "$..a.phone"), (Class::Name, "$..name..c"), (Class::Handle, "$..d")]),
        keeping(),
        naming(),
    ]
});

fn naming() -> Arc<Plan> {
    let builder = Plan::builder()
        .keep(&selector("$..name"))
        .field(Class::Phone, &selector("$..['phone', 'a']"))
        .contact_keys(Class::Handle, &selector("$..b"));
    constant(builder)
}

fn keeping() -> Arc<Plan> {
    let builder = Plan::builder()
        .keep(&selector("$..d"))
        .field(Class::Phone, &selector("$..phone"))
        .field(Class::Email, &selector("$..name.a"));
    constant(builder)
}

fn waiting() -> Arc<Plan> {
    let condition = |member: &str, levels, test| Condition { member: member.to_owned(), levels, test };
    let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    let is_client = condition("b", 0..=0, Test::OneOf(values(&["c", "1", "null"])));
    let is_shown = condition("a", 0..=255, Test::NoneOf(values(&["x", "true"])));
    let builder = Plan::builder()
        .keep(&selector("$..phone.a"))
        .field_when(Class::Phone, &selector("$..phone"), from_ref(&is_client))
        .field_when(Class::Email, &selector("$..['e/m', 'c']"), from_ref(&is_shown))
        .keep(&selector("$.name"))
        .field_when(Class::Name, &selector("$..[1]"), &[is_client, is_shown])
        .contact_keys(Class::Handle, &selector("$..name"))
        .field(Class::Handle, &selector("$..d"));
    constant(builder)
}

/// The plan in which all values show constants.
fn constant(builder: PlanBuilder) -> Arc<Plan> {
    let builder =
        Class::ALL.into_iter().fold(builder, |builder, class| builder.display(class, Display::Hidden));
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
    Arc::new(builder.build(&key).expect("the plans of this file are small"))
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("the selectors of this file parse")
}
