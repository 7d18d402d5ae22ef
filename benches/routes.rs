//! What does a look-up among 300 routes cost, and the canonical path before it?
#![expect(clippy::unwrap_used, reason = "the inputs are fixed")]

use std::hint::black_box;

use chatwarden_policy::{
    path::CanonicalPath,
    route::{Pattern, RouteTable},
};
use criterion::{Criterion, criterion_group, criterion_main};

fn routes(criterion: &mut Criterion) {
    let table = table();
    let requests = [
        ("plain", "GET", "/api/conversations"),
        ("place", "GET", "/api/clients/4711/messages"),
        ("rest", "GET", "/assets/js/vendor/app-5f3c.js"),
        ("miss", "POST", "/nothing/of/this/is/a/route"),
        ("escaped", "GET", "/API//Clients;v=1/anna%40example.com/Messages.json"),
    ];
    let mut group = criterion.benchmark_group("routes");
    for (name, method, raw) in requests {
        let path = CanonicalPath::parse(raw).unwrap();
        group.bench_function(format!("parse/{name}"), |bencher| {
            bencher.iter(|| CanonicalPath::parse(black_box(raw)))
        });
        group.bench_function(format!("exact/{name}"), |bencher| {
            bencher.iter(|| table.exact(black_box(method), black_box(&path)).map(|found| *found.value()));
        });
        group.bench_function(format!("loose/{name}"), |bencher| {
            bencher.iter(|| table.loose(black_box(method), black_box(&path)).map(|found| *found.value()));
        });
    }
}

/// 300 routes over sixty nouns, in the manner of a chat application.
fn table() -> RouteTable<usize> {
    let mut texts = Vec::new();
    let nouns = ["conversations", "clients", "operators", "groups", "channels", "messages"];
    for noun in nouns
        .iter()
        .flat_map(|noun| (0..10).map(move |n| if n == 0 { (*noun).to_owned() } else { format!("{noun}{n}") }))
    {
        texts.push(format!("GET|POST /api/{noun}"));
        texts.push(format!("ANY /api/{noun}/{{id}}"));
        texts.push(format!("GET /api/{noun}/{{id}}/messages"));
        texts.push(format!("POST /api/{noun}/export*"));
    }
    for n in 0..58 {
        texts.push(format!("ANY /panel/section{n}/**"));
    }
    texts.push("GET /assets/**".to_owned());
    texts.push("GET /favicon.ico".to_owned());
    assert_eq!(texts.len(), 300);
    RouteTable::build(texts.iter().enumerate().map(|(at, text)| (Pattern::parse(text).unwrap(), at)))
}

criterion_group!(benches, routes);
criterion_main!(benches);
