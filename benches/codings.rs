//! What do content codings cost?
//!
//! Each coding at the level that an answer is made with, there and back: a page of 100 KB in writes of 16 KB, as a
//! proxy sees it, and an answer of 2 KB, where setting up is the cost. The bodies are generated here and the same in
//! every run. `cargo bench -p chatwarden-redact --bench codings`

use std::hint::black_box;

use chatwarden_redact::codings::{Coding, CodingLimits, Decoder, Encoder, Progress};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

criterion_group!(benches, codings);
criterion_main!(benches);

fn codings(criterion: &mut Criterion) {
    for (name, length) in [("100 KB", 100_000), ("2 KB", 2_000)] {
        let body = body(length);
        for (way, is_encoding) in [("encode", true), ("decode", false)] {
            let mut group = criterion.benchmark_group(format!("{way} {name}"));
            group.throughput(Throughput::Bytes(body.len() as u64));
            for coding in Coding::ALL {
                let mut out = Vec::with_capacity(4 * body.len());
                let mut coded = Vec::new();
                encode(coding, &body, &mut coded);
                group.bench_function(format!("{coding} ({} bytes)", coded.len()), |bencher| {
                    bencher.iter(|| {
                        out.clear();
                        match is_encoding {
                            true => encode(coding, &body, &mut out),
                            false => decode(coding, &coded, &mut out),
                        }
                        black_box(out.len())
                    });
                });
            }
        }
    }
}

fn encode(coding: Coding, body: &[u8], out: &mut Vec<u8>) {
    let mut encoder = Encoder::new(coding);
    for chunk in body.chunks(16 * 1024) {
        encoder.write(chunk, out).expect("memory suffices");
    }
    encoder.finish(out).expect("memory suffices");
}

fn decode(coding: Coding, coded: &[u8], out: &mut Vec<u8>) {
    let mut decoder = Decoder::new(&[coding], CodingLimits::default());
    for mut chunk in coded.chunks(16 * 1024) {
        while decoder.decode(&mut chunk, out, 16 * 1024).expect("the body is sound") == Progress::NeedsRoom {}
    }
    decoder.finish().expect("the body is whole");
}

/// A page of messages: names and phrases that repeat, ids and times that do not.
fn body(length: usize) -> Vec<u8> {
    let phrases =
        ["Good morning", "Where is my order?", "Thank you!", "It was sent today.", "One moment, please"];
    let mut body = Vec::with_capacity(length + 300);
    let mut state = 7_u64;
    while body.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (id, minute) = (state >> 20, state >> 33);
        let phrase = phrases[(minute % 5) as usize];
        body.extend_from_slice(
            format!(
                "{{\"id\":\"{id:x}\",\"at\":\"2026-03-{:02}T{:02}:{:02}:00Z\",\"text\":\"{phrase}\",\
                 \"from\":{{\"name\":\"Client {}\",\"phone\":\"+3706{:07}\"}}}},",
                minute % 28 + 1,
                minute % 24,
                minute % 60,
                minute % 40,
                minute % 10_000_000,
            )
            .as_bytes(),
        );
    }
    body.truncate(length);
    body
}
