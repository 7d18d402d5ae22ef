//! The committed corpus and its mutations, through the body of the fuzz target.
//!
//! Besides what that body asserts, serde_json is asked which documents are well-formed.

use std::{fs, path::Path, sync::Arc};

use chatwarden_redact::{AliasKey, Format, Limits, Plan, Redactor, fuzz_json};

#[test]
fn the_corpus_holds_what_must_hold() {
    for (name, data) in corpus("json") {
        println!("{name}");
        fuzz_json(&data);
        agrees_with_serde_json(&data);
    }
}

#[test]
fn mutations_of_the_corpus_hold_what_must_hold() {
    mutations("json", 6_000, |data| {
        fuzz_json(data);
        agrees_with_serde_json(data);
    });
}

/// Runs a fuzz body over its corpus and over mutations of it.
pub(crate) fn holds(name: &str, rounds: usize, body: fn(&[u8])) {
    for (name, data) in corpus(name) {
        println!("{name}");
        body(&data);
    }
    mutations(name, rounds, body);
}

fn mutations(name: &str, rounds: usize, body: impl Fn(&[u8])) {
    let corpus = corpus(name);
    let mut random = Random(0x5eed);
    for round in 0..rounds {
        let mut data = random.pick(&corpus).1.clone();
        for _ in 0..=random.below(4) {
            random.mutate(&mut data, &corpus);
        }
        println!("round {round}: {}", data.escape_ascii());
        body(&data);
    }
}

/// Compares which documents are taken: all that serde_json takes, and of the rest only those it refuses by
/// choice: half surrogate pairs, and numbers and nesting over its own limits.
fn agrees_with_serde_json(data: &[u8]) {
    let Some(document) = data.get(3..) else { return };
    let key = AliasKey::new(&[7; 32]).unwrap();
    let plan = Arc::new(Plan::builder().build(&key).unwrap());
    let limits = Limits { depth: 1 << 20, ..Limits::default() };
    let mut redactor = Redactor::new(plan, Format::Json, limits);
    let mut out = Vec::new();
    let ours = redactor.write(document, &mut out).and_then(|()| redactor.finish(&mut out));
    match serde_json::from_slice::<serde_json::Value>(document) {
        Ok(_) => assert!(ours.is_ok(), "{ours:?}"),
        Err(error) => {
            let error = error.to_string();
            let by_choice = ["surrogate", "lone leading", "hex escape", "out of range", "recursion limit"];
            let is_choice = by_choice.iter().any(|choice| error.contains(choice));
            assert!(ours.is_err() || is_choice, "{error}");
        }
    }
}

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").join(name);
    let mut corpus: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    corpus.sort();
    assert!(corpus.len() > 9, "the corpus is in the tree");
    corpus
}

/// A small generator with a seed of its own: the same rounds on every machine.
struct Random(u64);

impl Random {
    fn mutate(&mut self, data: &mut Vec<u8>, corpus: &[(String, Vec<u8>)]) {
        let at = self.below(data.len() + 1);
        match self.below(6) {
            0 => data.truncate(at),
            1 => {
                let token = *self.pick(&TOKENS);
                data.splice(at..at, token.iter().copied());
            }
            2 => {
                let end = at + self.below(data.len() - at + 1).min(8);
                data.drain(at..end);
            }
            3 => {
                let other = &self.pick(corpus).1;
                let from = self.below(other.len());
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
            4 => {
                let end = at + self.below(data.len() - at + 1);
                let copy = data[at..end].to_vec();
                data.splice(at..at, copy);
            }
            _ => {
                if let Some(byte) = data.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
        data.truncate(4096);
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound.max(1)
    }
}

const TOKENS: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"\\u0070",
    b"\"phone\":",
    b"\"a\":",
    b"\"e\\/m\":",
    b"true",
    b"false",
    b"null",
    b"0",
    b"-",
    b"1.5e-7",
    b"E",
    b" ",
    b"\n",
    b"/*",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"[[[[[[[[[[[[",
    b"hidden@client.invalid",
];
