//! How fast is a body redacted?
//!
//! Contact-dense and contact-sparse JSON, large and small, with set-up included, next to a copy of the same bytes,
//! a bare structural scan of them and what everybody would do first: parse with serde_json, replace, print.
//! `cargo bench -p chatwarden-redact`. The other libraries compete in benches/contest, instructions are counted by benches/instructions.sh.

use std::{hint::black_box, sync::Arc};

use chatwarden_redact::{AliasKey, Class, Display, Plan, Redactor, Selector};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use documents::{DOCUMENTS, KEYS};
use serde_json::Value;

mod documents;
mod scan;

criterion_group!(benches, redact);
criterion_main!(benches);

fn redact(criterion: &mut Criterion) {
    let aliases = plan(&KEYS, Display::Alias);
    let constants = plan(&KEYS, Display::Hidden);
    let no_such_key = plan(&["absent"], Display::Alias);
    let nothing = plan(&[], Display::Alias);
    let plans = [
        ("aliases", aliases),
        ("constants", constants),
        ("no such key", no_such_key),
        ("nothing to hide", nothing),
    ];
    for (name, _) in DOCUMENTS {
        let body = &documents::document(name).expect("the document is in the list");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut out = Vec::with_capacity(body.len() * 2);
        for (way, plan) in &plans {
            group.bench_function(*way, |bencher| {
                bencher.iter(|| {
                    out.clear();
                    stream(plan, body, &mut out);
                    black_box(out.len())
                });
            });
        }
        group.bench_function("memcpy", |bencher| {
            bencher.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(body));
                black_box(out.len())
            });
        });
        group.bench_function("bare scan", |bencher| {
            bencher.iter(|| black_box(scan::scan(black_box(body))));
        });
        group.bench_function("serde_json", |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut document = serde_json::from_slice(body).expect("the document is JSON");
                hide(&mut document);
                serde_json::to_writer(&mut out, &document).expect("writing to memory");
                black_box(out.len())
            });
        });
    }
}

/// As a proxy does: chunks of 16 KB.
fn stream(plan: &Arc<Plan>, body: &[u8], out: &mut Vec<u8>) {
    let mut redactor = Redactor::json(Arc::clone(plan));
    for chunk in body.chunks(16 * 1024) {
        redactor.write(chunk, out).expect("the document is JSON");
    }
    redactor.finish(out).expect("the document is JSON");
}

/// The naive way: a constant for every value under one of the keys.
fn hide(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(members) => {
            for (name, member) in members {
                if KEYS.contains(&name.as_str()) && !member.is_null() {
                    *member = Value::String("hidden".to_owned());
                } else {
                    hide(member);
                }
            }
        }
    }
}

fn plan(keys: &[&str], display: Display) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for (key, class) in keys.iter().zip(CLASSES) {
        let selector = Selector::parse(&format!("$..{key}")).expect("the selector parses");
        builder = builder.field(class, &selector).display(class, display);
    }
    let key = AliasKey::new(&[7; 32]).expect("the key is long enough");
    Arc::new(builder.build(&key).expect("the plan is small"))
}

const CLASSES: [Class; 7] =
    [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Handle, Class::Avatar, Class::Avatar];
