//! Everybody's way to mask seven keys at any depth, over the same documents, side by side.
//!
//!     cargo run --release --manifest-path benches/contest/Cargo.toml [--] [rounds] [document…]
//!
//! Prints, for each document, the median and the best of alternated rounds in GB/s of CPU time, and the ratios of
//! the medians to a copy of the same bytes and to serde_json's parse, mutate, print. Before that it asserts that
//! every contestant's output parses, hides as many values as the others and leaves the rest as it was.
//! CHATWARDEN_BENCH_DATA names a folder from which `twitter.json` and `citm_catalog.json` join, if they are there.

use std::{env, fs, hint::black_box, path::Path, time::Duration};

use cpu_time::ThreadTime;
use serde_json::Value;

use contestants::{CONTESTANTS, Contestant};
use documents::{DOCUMENTS, KEYS};

mod contestants;
#[path = "../../documents.rs"]
mod documents;
#[path = "../../scan.rs"]
mod scan;

fn main() {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    let rounds = arguments.first().and_then(|first| first.parse().ok());
    if rounds.is_some() {
        arguments.remove(0);
    }
    for (name, what, body) in bodies() {
        if arguments.is_empty() || arguments.contains(&name) {
            let values = check(&name, &body);
            println!(
                "\n### {name}: {what}; {} B, {values} masked values, one in {} B\n",
                body.len(),
                body.len() / values.max(1)
            );
            contest(&body, rounds.unwrap_or(21));
        }
    }
}

fn bodies() -> Vec<(String, String, Vec<u8>)> {
    let made = DOCUMENTS
        .into_iter()
        .filter_map(|(name, what)| Some((name.to_owned(), what.to_owned(), documents::document(name)?)));
    let folder = env::var_os("CHATWARDEN_BENCH_DATA");
    let read = folder.into_iter().flat_map(|folder| {
        ["twitter.json", "citm_catalog.json"].into_iter().filter_map(move |name| {
            let body = fs::read(Path::new(&folder).join(name)).ok()?;
            Some((name.to_owned(), "the original".to_owned(), body))
        })
    });
    made.chain(read).collect()
}

/// Asserts that all do the same, and returns how many values they mask.
fn check(document: &str, body: &[u8]) -> usize {
    let original: Value = serde_json::from_slice(body).expect("the document is JSON");
    let expected = masked(&original);
    assert_eq!(scan::scan(body), scan::bytewise(body), "the scan of {document}");
    for contestant in CONTESTANTS.iter().filter(|contestant| contestant.masks) {
        let mut out = Vec::new();
        let count = contestant.ready(body)(body, &mut out);
        let output: Value = serde_json::from_slice(&out)
            .unwrap_or_else(|error| panic!("{} on {document}: {error}", contestant.name));
        assert_eq!(count, masked(&original), "{} on {document} masks others", contestant.name);
        assert!(is_masked(&original, &output), "{} on {document} changes other values", contestant.name);
    }
    expected
}

/// How many values stand under one of the keys.
fn masked(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        Value::Array(items) => items.iter().map(masked).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match KEYS.contains(&name.as_str()) && !value.is_null() {
                true => 1,
                false => masked(value),
            })
            .sum(),
    }
}

/// Whether every value under one of the keys is another string, and every other value the same.
fn is_masked(original: &Value, output: &Value) -> bool {
    match (original, output) {
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(before, after)| is_masked(before, after))
        }
        (Value::Object(before), Value::Object(after)) => {
            before.len() == after.len()
                && before.iter().all(|(name, before)| {
                    let after = &after[name];
                    match KEYS.contains(&name.as_str()) && !before.is_null() {
                        true => after.is_string() && before != after,
                        false => is_masked(before, after),
                    }
                })
        }
        (before, after) => before == after,
    }
}

fn contest(body: &[u8], rounds: usize) {
    let mut runs: Vec<_> = CONTESTANTS.iter().map(|contestant| contestant.ready(body)).collect();
    let mut times = vec![Vec::new(); runs.len()];
    let mut out = Vec::with_capacity(body.len() * 2 + 1024);
    let repeats: Vec<u32> = runs.iter_mut().map(|run| repeats(run, body, &mut out)).collect();
    for _ in 0..rounds {
        for ((run, times), &repeats) in runs.iter_mut().zip(&mut times).zip(&repeats) {
            times.push(time(run, body, &mut out, repeats));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let median = |place: usize| times[place][times[place].len() / 2];
    let place =
        |name: &str| CONTESTANTS.iter().position(|contestant| contestant.name == name).expect("a contestant");
    let (copy, tree) = (median(place("memcpy")), median(place("serde_json Value")));
    println!("| contestant | GB/s median | best | ns each | of memcpy | x serde_json |");
    println!("|---|---|---|---|---|---|");
    for (number, Contestant { name, .. }) in CONTESTANTS.iter().enumerate() {
        let speed = |nanos: f64| body.len() as f64 / nanos;
        println!(
            "| {name} | {:.3} | {:.3} | {:.0} | {:.4} | {:.1} |",
            speed(median(number)),
            speed(times[number][0]),
            median(number),
            copy / median(number),
            tree / median(number),
        );
    }
}

type Run = Box<dyn FnMut(&[u8], &mut Vec<u8>) -> usize>;

/// How often a run fits into a round.
fn repeats(run: &mut Run, body: &[u8], out: &mut Vec<u8>) -> u32 {
    let mut repeats = 1;
    while time(run, body, out, repeats) * f64::from(repeats) < ROUND.as_nanos() as f64 {
        repeats *= 2;
    }
    repeats
}

/// Nanoseconds of CPU time for each of some runs.
fn time(run: &mut Run, body: &[u8], out: &mut Vec<u8>, repeats: u32) -> f64 {
    let start = ThreadTime::now();
    for _ in 0..repeats {
        out.clear();
        black_box(run(black_box(body), out));
        black_box(&out);
    }
    start.elapsed().as_nanos() as f64 / f64::from(repeats)
}

const ROUND: Duration = Duration::from_millis(8);
