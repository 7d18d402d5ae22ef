//! What is JSON (RFC 8259) and what is not: a table of documents in tests/corpus/acceptance.
//!
//! Valid ones leave byte for byte where nothing is hidden, invalid ones are refused by the name in the table, and
//! for those about which the standard leaves a choice the table says ours and why. All of it at any cut and under
//! any plan, for a plan must not decide what is JSON.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use chatwarden_redact::{Class, Display, Limits, Plan, RedactError};
use serde_json::Value;

use crate::cuts::{Cuts, Outcome, plan, redact, redact_alike};

#[test]
fn valid_documents_with_nothing_to_hide_leave_byte_for_byte() {
    let cases = cases("valid");
    assert!(cases.len() > 100);
    for case in cases {
        assert_eq!(case.error, None, "{}", case.is);
        let accepted = serde_json::from_slice::<Value>(&case.body);
        assert!(accepted.is_ok(), "{}: {accepted:?}", case.is);
        passes(&case.is, &case.body);
    }
}

#[test]
fn valid_documents_stay_valid_within_others() {
    for case in cases("valid") {
        for (before, after) in [
            ("[", "]"),
            (" [ ", " ] "),
            ("{\"k\":", "}"),
            ("{\"k\" :\n", "\n,\"l\":[]}"),
            ("[[],", ",{\"k\":\"v\"}]"),
        ] {
            let body = [before.as_bytes(), &case.body, after.as_bytes()].concat();
            passes(&case.is, &body);
        }
    }
}

#[test]
fn valid_documents_stay_valid_with_everything_hidden() {
    for case in cases("valid") {
        for display in [Display::Alias, Display::Partial, Display::Hidden] {
            let plan = plan(&[(Class::Name, "$"), (Class::Phone, "$..*")], display);
            let outcome = at_any_cut(&plan, &case.body);
            assert!(outcome.result.is_ok(), "{}: {:?}", case.is, outcome.result);
            let output = serde_json::from_slice::<Value>(&outcome.out);
            assert!(output.is_ok(), "{}: {output:?}: {}", case.is, outcome.out.escape_ascii());
        }
    }
}

#[test]
fn invalid_documents_are_refused_by_name() {
    let cases = cases("invalid");
    assert!(cases.len() > 150);
    for case in cases {
        let accepted = serde_json::from_slice::<Value>(&case.body);
        assert!(accepted.is_err(), "{} is JSON", case.is);
        let error = case.error.unwrap_or_else(|| panic!("{} has no error", case.is));
        is_refused(&case.is, &case.body, &error);
    }
}

#[test]
fn what_the_standard_leaves_open_is_decided_as_the_table_says() {
    for case in cases("indeterminate") {
        match &case.error {
            Some(error) => is_refused(&case.is, &case.body, error),
            None => passes(&case.is, &case.body),
        }
    }
}

#[test]
fn every_beginning_of_a_document_is_refused_and_so_is_what_left_of_it_a_beginning() {
    let document = concat!(
        r#" {"text":"a \"b\" \\ \/ \n \u00e9 \ud83d\ude00 é€😀","numbers":[0,-1,2.5,-3.5e+10,1E-2],"#,
        r#""words":[true,false,null],"empty":[[],{},""],"deep":[[{"a":{"b":[{}]}}]],"#,
        "\n\t\"blanks\" : [ 1 , 2 ] ,\r\n",
        r#""phone":"+37061234567","list":[{"phone":79001234567},{"phone":null},{"phone":[true,"x"]}]} "#,
    )
    .as_bytes();
    let last = document.len() - 1;
    for plan in plans() {
        let whole = at_any_cut(plan, document);
        assert!(whole.result.is_ok());
        for end in 0..last {
            let outcome =
                redact_alike(plan, Limits::default(), &document[..end], &[Cuts::Whole, Cuts::Every(7)]);
            let expected = if end <= 1 { RedactError::EmptyBody } else { RedactError::Truncated };
            assert_eq!(outcome.result, Err(expected), "{}", document[..end].escape_ascii());
            assert!(whole.out.starts_with(&outcome.out), "{}", outcome.out.escape_ascii());
        }
    }
}

#[test]
fn every_other_byte_in_the_place_of_a_document_is_judged_as_serde_json_does() {
    let nothing = &plans()[0];
    for first in 0..=255_u8 {
        for second in 0..=255_u8 {
            for body in
                [vec![first, second], vec![b'[', first, second, b']'], vec![b'"', first, second, b'"']]
            {
                let ours = redact(nothing, Limits::default(), &body, Cuts::Whole);
                let theirs = serde_json::from_slice::<Value>(&body);
                assert_eq!(ours.result.is_ok(), theirs.is_ok(), "{}", body.escape_ascii());
            }
        }
    }
}

#[test]
fn containers_are_nested_up_to_the_limit_and_no_deeper() {
    for limit in [1, 2, 63, 64, 65, 128, 1_000] {
        let limits = Limits { depth: limit, ..Limits::default() };
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"phone\":", "}]"), (" [\n", "\n] ")] {
            let levels = if open.starts_with("[{") { 2 } else { 1 };
            for plan in plans() {
                let nested = |depth: usize| {
                    let times = depth / levels;
                    [open.repeat(times), "1".to_owned(), close.repeat(times)].concat().into_bytes()
                };
                let fits = limit - limit % levels;
                if fits > 0 {
                    let outcome = redact_alike(plan, limits, &nested(fits), &[Cuts::Whole, Cuts::Every(64)]);
                    assert!(outcome.result.is_ok(), "{limit} of {open}: {:?}", outcome.result);
                }
                let outcome =
                    redact_alike(plan, limits, &nested(fits + levels), &[Cuts::Whole, Cuts::Every(64)]);
                assert_eq!(outcome.result, Err(RedactError::TooDeep), "{limit} of {open}");
            }
        }
    }
}

#[test]
fn a_hundred_thousand_levels_are_too_deep_and_as_many_siblings_are_not() {
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    is_refused("a hundred thousand arrays", deep.as_bytes(), "too-deep");
    let deep = ["{\"phone\":".repeat(100_000), "1".to_owned(), "}".repeat(100_000)].concat();
    is_refused("a hundred thousand objects", deep.as_bytes(), "too-deep");
    let wide = format!("[{}[]]", "[],{},".repeat(50_000));
    let outcome = redact_alike(&plans()[0], Limits::default(), wide.as_bytes(), &[Cuts::Whole]);
    assert!(outcome.result.is_ok() && outcome.out == wide.as_bytes());
}

/// Asserts that a document leaves byte for byte where nothing is hidden.
fn passes(is: &str, body: &[u8]) {
    for plan in &plans()[..2] {
        let outcome = at_any_cut(plan, body);
        assert_eq!(outcome.result.map(|summary| summary.total()), Ok(0), "{is}");
        assert_eq!(outcome.out, body, "{is}");
        assert_eq!(outcome.offset, body.len() as u64, "{is}");
    }
}

/// Asserts that a document is refused, and that no more of it left than came before the fault.
fn is_refused(is: &str, body: &[u8], name: &str) {
    let mut offsets = Vec::new();
    for (number, plan) in plans().iter().enumerate() {
        let outcome = at_any_cut(plan, body);
        let found = outcome.result.map_err(RedactError::name);
        assert_eq!(found.map(|_| "none"), Err(name), "{is}: {}", body[..body.len().min(400)].escape_ascii());
        if number < 2 {
            let before = usize::try_from(outcome.offset).unwrap();
            assert!(body[..before].starts_with(&outcome.out), "{is}: more left than was read");
        }
        offsets.push(outcome.offset);
    }
    assert!(offsets.iter().all(|offset| *offset == offsets[0]), "{is}: the plan decides where the fault is");
}

fn at_any_cut(plan: &Arc<Plan>, body: &[u8]) -> Outcome {
    let mut cuts = vec![Cuts::Whole, Cuts::Every(3), Cuts::Every(64), Cuts::Drawn { seed: 7, longest: 40 }];
    if body.len() < 300 {
        cuts.extend((1..body.len()).map(Cuts::Once));
    }
    redact_alike(plan, Limits::default(), body, &cuts)
}

/// Nothing, a name that no document has, everything.
fn plans() -> &'static [Arc<Plan>; 3] {
    static PLANS: OnceLock<[Arc<Plan>; 3]> = OnceLock::new();
    PLANS.get_or_init(|| {
        [
            plan(&[], Display::Alias),
            plan(&[(Class::Phone, "$..absent"), (Class::Name, "$.absent.absent")], Display::Alias),
            plan(&[(Class::Phone, "$"), (Class::Phone, "$..*")], Display::Hidden),
        ]
    })
}

struct Case {
    is: String,
    body: Vec<u8>,
    error: Option<String>,
}

/// A table: what a document is, its text or its bytes, and the name of the error, if it is refused.
fn cases(table: &str) -> Vec<Case> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/corpus/acceptance/{table}.json"));
    let rows: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    rows.iter()
        .map(|row| Case {
            is: text(row, "is").unwrap(),
            body: match text(row, "hex") {
                Some(hex) => hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect(),
                None => text(row, "text").unwrap().into_bytes(),
            },
            error: text(row, "error"),
        })
        .collect()
}
