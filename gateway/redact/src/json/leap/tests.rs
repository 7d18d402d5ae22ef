//! Leaps of every instruction set against the exact machine, at the edges of blocks, windows and chunks.
//!
//! Few documents, which Miri can run; `tests/redact/differential.rs` has many.

use std::sync::Arc;

use super::*;
use crate::{AliasKey, Class, Display, RedactError, Selector, Summary};

#[test]
fn every_instruction_set_leaps_over_edges_to_what_the_exact_machine_says() {
    let plans = [plan(&ANYWHERE, Display::Hidden), plan(&SOMEWHERE, Display::Alias)];
    for (number, [head, member, tail]) in DOCUMENTS.into_iter().enumerate() {
        let places = [BLOCK, 3 * BLOCK, WINDOW * BLOCK].map(|edge| edge - head.len() - member.len() / 2);
        // Miri goes over one edge with each document.
        let rounds = if cfg!(miri) { number % 3..number % 3 + 1 } else { 0..places.len() };
        for (round, place) in rounds.map(|round| (round, places[round])) {
            let plan = &plans[(number + round) % 2];
            let body = [head, &"x".repeat(place), member, tail].concat();
            let expected = redact(Set::widest(), plan, body.as_bytes().chunks(1), 0);
            let cut = head.len() + place + member.len() / 2;
            for set in Set::all() {
                let whole = redact(set, plan, [body.as_bytes()], body.len());
                assert!(whole == expected, "{set:?} of {body}");
                let (front, rest) = body.as_bytes().split_at(cut);
                assert!(redact(set, plan, [front, rest], 0) == expected, "{set:?} of {body}, cut at {cut}");
            }
        }
    }
}

#[test]
fn a_value_is_hidden_at_every_distance_from_the_end_of_the_chunk() {
    let plan = plan(&ANYWHERE, Display::Hidden);
    // Behind a piece that is appended there is as much as a step of it takes, a byte less, and nothing.
    for behind in [0, 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1] {
        let body = [r#"{"text":"some text","phone":"+37061234567","#, r#""t":""#, &"y".repeat(behind), "\"}"];
        let body = body.concat();
        let expected = body.replace("+37061234567", "hidden");
        for set in Set::all() {
            for room in [0, expected.len(), expected.len() + 2 * BLOCK] {
                let (out, result) = redact(set, &plan, [body.as_bytes()], room);
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{set:?}");
                assert_eq!(result.map(|summary| summary.total()), Ok(1));
            }
        }
    }
}

#[test]
fn a_leap_reads_a_whole_document() {
    for set in Set::all() {
        let mut rewriter = Rewriter::new(plan(&ANYWHERE, Display::Hidden), Limits::default());
        rewriter.set = set;
        let chunk = br#"{"phone":"1","items":[1,true,{"name":"Anna"}],"text":"a \"text\" over an edge"}"#;
        let out = &mut Vec::new();
        let mut cursor = Cursor { whole: chunk, chunk, at: 0, passed: 0, text: None, may_leap: true, out };
        assert!(rewriter.can_leap(cursor.rest()));
        rewriter.leap(&mut cursor);
        assert_eq!(cursor.at, chunk.len(), "{set:?}");
    }
}

/// What comes out of pieces, each in an allocation of its own, into a vector with room for some bytes.
fn redact<'p>(
    set: Set,
    plan: &Arc<Plan>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
    room: usize,
) -> (Vec<u8>, Result<Summary, RedactError>) {
    let mut rewriter = Rewriter::new(Arc::clone(plan), Limits::default());
    rewriter.set = set;
    let mut out = Vec::with_capacity(room);
    let written =
        pieces.into_iter().map(Box::<[u8]>::from).try_for_each(|piece| rewriter.write(&piece, &mut out));
    let result = written.and_then(|()| rewriter.finish(&mut out));
    (out, result)
}

fn plan(fields: &[(Class, &str)], display: Display) -> Arc<Plan> {
    let builder = fields.iter().fold(Plan::builder(), |builder, (class, selector)| {
        builder.field(*class, &Selector::parse(selector).unwrap()).display(*class, display)
    });
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

/// Fields that are the same in every container, which are hidden in one loop.
const ANYWHERE: [(Class, &str); 2] = [(Class::Phone, "$..phone"), (Class::Name, "$..['name', 'é']")];

const SOMEWHERE: [(Class, &str); 3] =
    [(Class::Phone, "$..phone"), (Class::Name, "$.*.name"), (Class::Handle, "$.list[1]")];

/// What stands before a filling, what an edge runs through, and what stands behind.
const DOCUMENTS: [[&str; 3]; 9] = [
    [r#"{"a":""#, r#"","phone":"+37061234567","b":[1,2]"#, "}"],
    [r#"{"a":""#, r#"","name":"Anna \u0041 \\ \"é\" 😀","phone":79161112233"#, r#","end":null}"#],
    [r#"{"a":[{"phone":""#, r#"","name":null}],"list":["a","b"],"phone":{"deep":["1"]}"#, r#","b":{}}  "#],
    [r#"{"list":[""#, "\" , \"b\" , {\n\t\"name\" : \"Anna\" , \"phon\\u0065\" : \"1\"\r\n} , [ ]", " ]}"],
    [r#"[{"name":""#, r#"\\\\\\\""},{"é":"1","phone":true},-12.5e+3,false"#, r#",{"phone":"2","c":"d"}]"#],
    // Not JSON.
    [r#"{"a":""#, r#"","phone":"1","b":01,"name":"2""#, "}"],
    [r#"{"phone":""#, r#"","b":[1,2},"phone":"3"]"#, "}"],
    [r#"{"phone":""#, "\",\"name\":\"a\tb\",\"phone\":\"3\"", "}"],
    [r#"{"phone":""#, r#"","name":"Anna","a":tru,"phone":"#, ""],
];
