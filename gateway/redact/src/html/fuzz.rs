//! The body of the HTML fuzz target: any bytes as a page, whole and in pieces.

use std::sync::{Arc, LazyLock};

use super::rule::{HtmlRule, HtmlTarget};
use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    error::RedactError,
    plan::Plan,
    redactor::{Format, Limits, Redactor, Summary},
    selector::Selector,
};

/// Redacts a page whole and in pieces, and asserts what must hold of both.
pub fn fuzz_html(data: &[u8]) {
    let [pick, high, low, page @ ..] = data else { return };
    let plan = &PLANS[usize::from(*pick) % PLANS.len()];
    let mut random = u64::from(*high) << 8 | u64::from(*low);

    let whole = redact(plan, page, |_| page.len());
    let pieces = redact(plan, page, |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % 9
    });
    assert!(pieces.agrees_with(&whole), "the output depends on the cuts");
    assert!(redact(plan, page, |_| 1).agrees_with(&whole), "the output depends on the cuts");

    let plain = redact(&PLANS[0], page, |_| page.len());
    match plain.result {
        Ok(_) => assert!(plain.out == page, "a page with nothing to hide is changed"),
        Err(_) => assert!(page.starts_with(&plain.out), "more left than came in"),
    }
    if let Ok(summary) = whole.result {
        if summary.total() == 0 {
            assert!(whole.out.len() <= page.len(), "a page grows though nothing was hidden");
        }
        let again = redact(plan, &whole.out, |_| whole.out.len());
        assert!(again.result.is_ok(), "a redacted page cannot be read");
        assert!(again.out == whole.out, "something hidden is left");
    }
}

/// What became of a page.
struct Outcome {
    out: Vec<u8>,
    result: Result<Summary, RedactError>,
}

impl Outcome {
    /// Whether both are one outcome; before an error one may have let go of more than the other.
    fn agrees_with(&self, other: &Outcome) -> bool {
        let outs = match self.result {
            Ok(_) => self.out == other.out,
            Err(_) => self.out.starts_with(&other.out) || other.out.starts_with(&self.out),
        };
        outs && self.result == other.result
    }
}

fn redact(plan: &Arc<Plan>, page: &[u8], mut cut: impl FnMut(usize) -> usize) -> Outcome {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Html, *LIMITS);
    let mut out = Vec::new();
    let mut at = 0;
    let mut written = Ok(());
    while at < page.len() && written.is_ok() {
        let end = page.len().min(at + cut(at));
        written = redactor.write(&page[at..end], &mut out);
        at = end;
    }
    let result = written.and_then(|()| redactor.finish(&mut out));
    Outcome { out, result }
}

/// Small, so that short pages reach them.
static LIMITS: LazyLock<Limits> = LazyLock::new(|| Limits {
    depth: 12,
    value_bytes: 60,
    markup: 600,
    copies_window: 80,
    ..Limits::default()
});

/// Nothing; pages alone; JSON alone; both, without copies and with them hidden. All show constants.
static PLANS: LazyLock<[Arc<Plan>; 5]> = LazyLock::new(|| {
    let plan = |has_rules: bool, has_fields: bool, copies: bool| {
        let mut builder = Plan::builder().html_state("__STATE__").copies(copies);
        for class in Class::ALL {
            builder = builder.display(class, Display::Hidden);
        }
        let attribute = |name: &str| HtmlTarget::Attribute(name.to_owned());
        let rules = [
            (".p", HtmlTarget::Text, Class::Phone),
            ("b", HtmlTarget::Text, Class::Email),
            ("a", attribute("href"), Class::Phone),
            ("img, source", attribute("srcset"), Class::Handle),
            ("i[style]", attribute("style"), Class::Name),
            (".p", attribute("title"), Class::Name),
        ];
        for (select, target, class) in rules.into_iter().filter(|_| has_rules) {
            builder = builder.html(HtmlRule { select: select.to_owned(), target, class });
        }
        if has_fields {
            let selector = Selector::parse("$..phone").expect("the selector parses");
            builder = builder.field(Class::Phone, &selector);
        }
        let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
        Arc::new(builder.build(&key).expect("the plans of this file compile"))
    };
    [
        plan(false, false, false),
        plan(true, false, false),
        plan(false, true, false),
        plan(true, true, false),
        plan(true, true, true),
    ]
});
