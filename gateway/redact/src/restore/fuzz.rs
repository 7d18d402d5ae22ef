//! The bodies of the fuzz targets of the way back.
//!
//! Any bytes as a request. What must hold of every one is asserted here, so that cargo-fuzz and the tests over the
//! committed corpus look for the same faults.

use std::sync::{Arc, LazyLock};

use super::{Found, MultipartWatch, OnMasked, RestoreError, RestoreOptions, Restored, Restorer, Wanted};
use crate::{
    alias::AliasKey, class::Class, plan::Plan, redactor::Limits, selector::Selector, token::KeyRing,
    vault::MemoryVault,
};

/// A JSON body behind a byte of options.
pub fn fuzz_restore(data: &[u8]) {
    let [options, body @ ..] = data else { return };
    check(*options, body, |restorer, body| restorer.json(body, &|_| None));
    check(*options, body, |restorer, body| restorer.message(body, &|_| None));
}

/// A byte of options and of format, then a form, a query, a path or a multipart body with the boundary `b`.
pub fn fuzz_restore_form(data: &[u8]) {
    let [options, body @ ..] = data else { return };
    let wanted = |number: usize| (number == 1).then_some(Wanted::Any);
    let text = std::str::from_utf8(body).is_ok();
    match options >> 2 & 3 {
        0 => check(*options, body, |restorer, body| restorer.form(body, &|_| None)),
        1 if text => check(*options, body, |restorer, body| {
            let query = std::str::from_utf8(body).unwrap_or_default();
            restorer.query(query, &|name| (name == "q").then_some(Wanted::Any))
        }),
        2 if text => check(*options, body, |restorer, body| {
            restorer.path(std::str::from_utf8(body).unwrap_or_default(), &wanted)
        }),
        3 => {
            check(*options, body, |restorer, body| restorer.multipart("b", body, &|_| None));
            watched(body);
        }
        _ => {}
    }
}

/// A watched body is judged as a whole one, however it is cut.
fn watched(body: &[u8]) {
    let restorer = &RESTORERS[2];
    let whole = restorer.multipart("b", body, &|_| None);
    let whole = whole.is_ok_and(|restored| restored.into_body().is_ok());
    for size in [1, 7, body.len().max(1)] {
        let mut watch = MultipartWatch::new(restorer, "b").expect("the boundary is short");
        let passes = body.chunks(size).all(|chunk| watch.write(chunk).is_ok());
        let passes = passes && watch.finish().is_ok();
        assert!(passes == whole || body.len() > 8 << 10, "a watched body is judged in another way");
    }
}

fn check(
    options: u8,
    body: &[u8],
    restore: impl for<'b> Fn(&Restorer, &'b [u8]) -> Result<Restored<'b>, RestoreError>,
) {
    let restorer = &RESTORERS[usize::from(options & 3)];
    let Ok(restored) = restore(restorer, body) else { return };
    let findings = restored.findings().clone();
    if findings.count(Found::Restored) > 0 {
        assert!(restorer.options.restores, "an alias is restored where none may be");
    }
    if findings.count(Found::Dropped) > 0 {
        assert!(restorer.options.on_masked == OnMasked::Drop, "something is dropped where nothing may be");
    }
    let Ok(out) = restored.into_body() else { return };
    if findings.is_empty() {
        assert!(*out == *body, "a body without marks is changed");
        return;
    }
    assert!(out.len() <= body.len() + restorer.options.growth_bytes, "the body grows beyond its bound");
    // What is left holds nothing more to drop; what it restores again is a value that is an alias itself.
    let again = restore(restorer, &out).expect("a restored body is well-formed");
    assert!(again.findings().count(Found::Dropped) == 0, "something that is to be dropped is left");
    assert!(again.findings().refusal().is_none(), "something that is to be refused is left");
    assert!(again.findings().count(Found::Restored) == 0, "an alias is left");
}

/// Restoring or not, refusing or dropping.
static RESTORERS: LazyLock<[Restorer; 4]> = LazyLock::new(|| {
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).expect("the key is long enough");
    let mut builder = Plan::builder().vault(Arc::new(MemoryVault::new(1 << 20)));
    let fields = [
        (Class::Phone, "$..phone"),
        (Class::Email, "$..['email', 'e/m']"),
        (Class::Name, "$.name"),
        (Class::Handle, "$..ids[*]"),
        (Class::Avatar, "$.contact.avatar"),
    ];
    for (class, selector) in fields {
        builder = builder.field(class, &Selector::parse(selector).expect("the selectors of this file parse"));
    }
    let plan = Arc::new(builder.build(&key).expect("the plan of this file is small"));
    // The corpus has their aliases.
    for (class, value) in
        [(Class::Phone, "+37061234567"), (Class::Email, "anna@example.com"), (Class::Name, "Anna \"K\"")]
    {
        let mut shown = String::new();
        plan.write_text(class, value.as_bytes(), &mut shown);
    }
    let keys = Arc::new(KeyRing::from(key));
    [(true, OnMasked::Refuse), (true, OnMasked::Drop), (false, OnMasked::Refuse), (false, OnMasked::Drop)]
        .map(|(restores, on_masked)| {
            let limits = Limits { depth: 12, ..Limits::default() };
            let options = RestoreOptions {
                restores,
                opens: restores,
                opens_queries: restores,
                on_masked,
                limits,
                growth_bytes: 64,
            };
            Restorer::new(Arc::clone(&plan), Arc::clone(&keys), options).expect("the plan compiles twice")
        })
});
