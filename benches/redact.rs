//! How fast is a body redacted?
//!
//! Contact-dense and contact-sparse JSON, large and small, with set-up included, next to a copy of the same bytes
//! and to what everybody would do first: parse with serde_json, replace, print. The documents are generated here
//! and the same in every run. `cargo bench -p chatwarden-redact`

use std::{hint::black_box, sync::Arc};

use chatwarden_redact::{AliasKey, Class, Display, Plan, Redactor, Selector};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;

criterion_group!(benches, redact);
criterion_main!(benches);

fn redact(criterion: &mut Criterion) {
    let bodies =
        [("dense 100 KB", dense(100_000)), ("sparse 100 KB", sparse(100_000)), ("dense 2 KB", dense(2_000))];
    let aliases = plan(&KEYS, Display::Alias);
    let constants = plan(&KEYS, Display::Hidden);
    let nothing = plan(&["absent"], Display::Alias);
    for (name, body) in &bodies {
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let mut out = Vec::with_capacity(body.len() * 2);
        for (way, plan) in [("aliases", &aliases), ("constants", &constants), ("nothing to hide", &nothing)] {
            group.bench_function(way, |bencher| {
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

/// A page of messages: a contact value in every hundred bytes or so.
fn dense(bytes: usize) -> Vec<u8> {
    let mut out = String::from("{\"messages\":[");
    let mut number = 0;
    while out.len() < bytes {
        if number > 0 {
            out.push(',');
        }
        out += &format!(
            r#"{{"id":{number},"created":"2026-07-28T23:01:{:02}Z","text":"Здравствуйте! Заказ №{number} отправлен,\nспасибо за ожидание","sender":{{"name":"Пётр Иванов {number}","phone":"+7900{:07}","email":"petr{number}@example.com","avatar":"https:\/\/example.com\/avatars\/{number}.jpg","username":null}},"status":"delivered","unread":{}}}"#,
            number % 60,
            number * 7919 % 10_000_000,
            number % 2 == 0,
        );
        number += 1;
    }
    out.push_str("]}");
    out.into_bytes()
}

/// A page of orders: a contact value in every few thousand bytes.
fn sparse(bytes: usize) -> Vec<u8> {
    let mut out = String::from("{\n  \"orders\": [");
    let mut number = 0;
    while out.len() < bytes {
        if number > 0 {
            out.push(',');
        }
        out += &format!(
            "\n    {{\n      \"id\": {number},\n      \"state\": \"closed\",\n      \"tags\": [\"vip\", \"late\"],\n      \"amount\": {}.50,\n      \"note\": \"A text of some length, in plain words, as notes are: {number}.\"\n    }}",
            number * 31,
        );
        if number % 20 == 0 {
            out += ",\n    {\"phone\": \"+37061234567\"}";
        }
        number += 1;
    }
    out.push_str("\n  ]\n}\n");
    out.into_bytes()
}

const KEYS: [&str; 7] = ["phone", "email", "name", "username", "screen_name", "avatar", "profile_image_url"];
const CLASSES: [Class; 7] =
    [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Handle, Class::Avatar, Class::Avatar];
