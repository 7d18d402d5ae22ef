//! The committed corpus and its mutations, through the body of the fuzz target.
//!
//! Besides what that body asserts, serde_json is asked which documents are well-formed.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Format, Limits, Plan, Redactor, fuzz_json};

use crate::mutations;

#[test]
fn the_corpus_and_its_mutations_hold_what_must_hold() {
    holds("json", 6_000, |data| {
        fuzz_json(data);
        agrees_with_serde_json(data);
    });
}

/// Runs a fuzz body over its corpus and over mutations of it with the tokens of JSON.
pub(crate) fn holds(name: &str, rounds: usize, body: fn(&[u8])) {
    mutations::run(name, &TOKENS, rounds, body);
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
