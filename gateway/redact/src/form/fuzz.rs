//! The body of the form fuzz target.
//!
//! It takes any bytes: one picks a plan, two seed the cuts, the rest is the form. A panic is a finding.

use std::sync::{Arc, LazyLock};

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    plan::Plan,
    redactor::{Format, Limits, Redactor, Summary},
    selector::Selector,
};

/// Redacts a form whole and in pieces, and asserts what must hold of both.
pub fn fuzz_form(data: &[u8]) {
    let [pick, high, low, form @ ..] = data else { return };
    let plan = &PLANS[usize::from(*pick) % PLANS.len()];
    let mut random = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact(plan, form, |_| form.len());
    let pieces = redact(plan, form, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 9
    });
    assert!(pieces == whole, "the output depends on the cuts");
    assert!(redact(plan, form, |_| 1) == whole, "the output depends on the cuts");
    if whole.1.unscanned == 0 {
        // Constants hide to themselves, but may be longer than what they hide.
        let again = redact_under(Limits::DEFAULT, plan, &whole.0, |_| form.len());
        assert!(again.0 == whole.0, "something hidden is left");
    }

    let pairs = |form: &[u8]| form.iter().filter(|&&byte| byte == b'&').count();
    assert!(pairs(&whole.0) == pairs(form), "a pair came or went");
    let names = |form: &[u8]| -> Vec<Vec<u8>> {
        let name = |pair: &[u8]| pair.split(|&byte| byte == b'=').next().unwrap_or_default().to_vec();
        form.split(|&byte| byte == b'&').map(name).collect()
    };
    assert!(names(&whole.0) == names(form), "a name is changed");
    if whole.1.total() == 0 {
        assert!(whole.0 == form, "a form with nothing to hide is changed");
    }
}

fn redact(plan: &Arc<Plan>, form: &[u8], cut: impl FnMut(usize) -> usize) -> (Vec<u8>, Summary) {
    redact_under(LIMITS, plan, form, cut)
}

fn redact_under(
    limits: Limits,
    plan: &Arc<Plan>,
    form: &[u8],
    mut cut: impl FnMut(usize) -> usize,
) -> (Vec<u8>, Summary) {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Form, limits);
    let mut out = Vec::new();
    let mut at = 0;
    while at < form.len() {
        let end = form.len().min(at + cut(at));
        redactor.write(&form[at..end], &mut out).expect("no form is refused");
        at = end;
    }
    assert!(redactor.offset() == form.len() as u64, "a byte is not counted");
    let summary = redactor.finish(&mut out).expect("no form is refused");
    (out, summary)
}

/// Small, so that short forms reach them.
const LIMITS: Limits = Limits { value_bytes: 24, inner_bytes: 60, copies_window: 80, ..Limits::DEFAULT };

/// Everything, and selectors of each kind, without copies and with them hidden. All show constants.
static PLANS: LazyLock<[Arc<Plan>; 3]> = LazyLock::new(|| {
    let plan = |fields: &[(Class, &str)], copies: bool| {
        let kept = Selector::parse("$.kept").expect("the selectors of this file parse");
        let mut builder = Plan::builder().keep(&kept).copies(copies);
        for &(class, selector) in fields {
            let selector = Selector::parse(selector).expect("the selectors of this file parse");
            builder = builder.field(class, &selector).display(class, Display::Hidden);
        }
        let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
        Arc::new(builder.build(&key).expect("the plans of this file are small"))
    };
    let each = [
        (Class::Phone, "$..phone"),
        (Class::Email, "$.a[1]"),
        (Class::Name, "$..b.*"),
        (Class::FileUrl, "$.f"),
    ];
    [plan(&[(Class::Name, "$")], false), plan(&each, false), plan(&each, true)]
});
