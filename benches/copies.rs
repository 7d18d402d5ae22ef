//! What looking for contacts costs: texts with nothing in them, chat with much in it, pages with and without copies.

use std::{hint::black_box, sync::Arc};

use chatwarden_redact::{AliasKey, Class, Detector, Format, Learnt, Limits, Plan, Redactor, Selector};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn shapes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("shapes");
    let texts = [
        (
            "latin, nothing",
            "The quick brown fox jumps over the lazy dog, and nobody called. ".repeat(16 * 1024),
        ),
        ("cyrillic, nothing", "Съешь же ещё этих мягких французских булок, да выпей чаю. ".repeat(10 * 1024)),
        ("chat, dense", CHAT.repeat(2 * 1024)),
    ];
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(*name, |bencher| {
            let mut found = Vec::new();
            bencher.iter(|| {
                found.clear();
                Detector.find(black_box(text), &mut found);
                found.len()
            });
        });
    }
    group.finish();
}

fn copies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copies");
    let page = page(400);
    group.throughput(Throughput::Bytes(page.len() as u64));
    for (name, copies, patterns) in [
        ("page, fields", false, false),
        ("page, copies", true, false),
        ("page, copies and shapes", true, true),
    ] {
        let plan = plan(copies, patterns);
        group.bench_function(name, |bencher| {
            bencher.iter(|| redact(&plan, Format::Json, page.as_bytes(), None))
        });
    }
    let plan = plan(true, true);
    let learnt = Arc::new(Learnt::default());
    redact(&plan, Format::Json, page.as_bytes(), Some(&learnt));
    let text = CHAT.repeat(1024);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("text, 1200 values learnt", |bencher| {
        bencher.iter(|| redact(&plan, Format::Text, text.as_bytes(), Some(&learnt)));
    });
    group.finish();
}

fn redact(plan: &Arc<Plan>, format: Format, body: &[u8], learnt: Option<&Arc<Learnt>>) -> usize {
    let mut redactor = Redactor::new(Arc::clone(plan), format, Limits::default());
    if let Some(learnt) = learnt {
        redactor = redactor.with_copies(Arc::clone(learnt));
    }
    let mut out = Vec::with_capacity(body.len() * 2);
    for chunk in body.chunks(64 * 1024) {
        redactor.write(black_box(chunk), &mut out).expect("the bodies of this bench are well-formed");
    }
    redactor.finish(&mut out).expect("the bodies of this bench are well-formed");
    out.len()
}

fn plan(copies: bool, patterns: bool) -> Arc<Plan> {
    let parse = |selector| Selector::parse(selector).expect("the selectors of this bench parse");
    let plan = Plan::builder()
        .field(Class::Phone, &parse("$.data[*].client.phone"))
        .field(Class::Name, &parse("$.data[*].client.name"))
        .field(Class::Email, &parse("$.data[*].client.email"))
        .text(&parse("$.data[*].text"))
        .copies(copies)
        .patterns(patterns);
    let key = AliasKey::new(&[7; 32]).expect("the key is long enough");
    Arc::new(plan.build(&key).expect("the plan is small"))
}

/// Messages as chats list them, each with its client.
fn page(messages: u32) -> String {
    let mut page = String::from("{\"data\":[");
    for message in 0..messages {
        let separator = if message == 0 { "" } else { "," };
        page.push_str(&format!(
            concat!(
                r#"{}{{"id":{},"text":"Здравствуйте, это Клиент{} Иванов, мой номер 8 900 {:03} 45 67, заказ №{} на 1 234 ₽","#,
                r#""transport":"whatsapp","type":"from_client","read":"1","created":"2026-07-28T23:01:40Z","pdf":null,"#,
                r#""remote_id":"wamid.HBgLNzkwMDEyMzQ1NjcVAgASGBQzQTg","attachments":[],"operator_id":null,"#,
                r#""channel_id":17404,"dialog_id":4324035,"request_id":8725057,"client":{{"id":{},"#,
                r#""name":"Клиент{} Иванов","phone":"+7900{:03}4567","email":"client{}@example.com","tags":["vip","new"]}}}}"#
            ),
            separator,
            106_773_169 + message,
            message,
            message,
            79_001_234 + message,
            17_340_089 + message,
            message,
            message,
            message,
        ));
    }
    page + "],\"meta\":{\"total\":3,\"limit\":20,\"offset\":0},\"status\":\"success\"}"
}

const CHAT: &str = "28.07.2026 23:01 Анна: здравствуйте, мой номер 8 (916) 111-22-33 или anna@example.com\n\
    28.07.2026 23:02 Op One: заказ №79001234 на 1 234 567 ₽ отправлен, трек 8090012345678901\n\
    28.07.2026 23:05 Анна: спасибо! перезвоните мужу +41 79 123 45 67, https://x.example/orders/89161112233\n";

criterion_group!(benches, shapes, copies);
criterion_main!(benches);
