//! JSON in strings, 1–3 levels deep, against serde_json and against the spelling that came in.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Format, Limits, Plan, Redactor, Selector, Summary, fuzz_nested,
};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;

use crate::{
    corpus,
    documents::{selector, tree},
    reference::{Rules, hide},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_level_is_redacted_as_the_reference_redacts_it(
        trees in vec((tree(), any::<u64>()), 1..=4),
        fields in vec(selector(), 1..4),
        cuts in vec(1_usize..60, 1..20),
    ) {
        // Each document holds the one before in a string.
        let mut body = Vec::new();
        for (tree, seed) in &trees {
            let document = tree.spell(*seed);
            body = match body.is_empty() {
                true => document,
                false => {
                    let inner = spell(&String::from_utf8(body).unwrap(), *seed);
                    [&br#"{"own":"#[..], &document, br#", "raw":"#, inner.as_bytes(), b"}"].concat()
                }
            };
        }
        let rules = Rules {
            fields: fields.iter().map(|text| (Class::Phone, Selector::parse(text).unwrap())).collect(),
            display: Display::Hidden,
            key: AliasKey::new(&[7; 32]).unwrap(),
        };
        let (out, _) = redact(&plan(&rules), Limits::default(), &body, &cuts);
        let before: Value = serde_json::from_slice(&body)?;
        let after: Value = serde_json::from_slice(&out)?;
        check_levels(&rules, &before, &after, trees.len())?;
    }

    #[test]
    fn all_but_the_hidden_values_keeps_its_spelling_at_every_level(
        levels in 0_usize..=3,
        texts in vec(("[a-zé/\"\\\\\n😀 ]{0,12}", 0_u8..3), 1..6),
        seed: u64,
        cuts in vec(1_usize..60, 1..20),
    ) {
        // A document in pieces, of which the odd ones are hidden; each piece is spelled by itself.
        let mut random = Random(seed | 1);
        let mut pieces = vec!["{".to_owned()];
        for (place, (text, kind)) in texts.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let name = if *kind == 0 { "phone" } else { "a" };
            let (name, text) = (random.spell(name), random.spell(text));
            match kind {
                0 => {
                    pieces.last_mut().unwrap().push_str(&format!("{comma}{name}:\""));
                    pieces.push(format!("+37061{place}"));
                    pieces.push("\"".to_owned());
                }
                1 => pieces.last_mut().unwrap().push_str(&format!("{comma} {name} : {text}")),
                // A half pair of this level.
                _ => pieces.last_mut().unwrap().push_str(&format!("{comma}{name}:\"\\uD83D\\n\"")),
            }
        }
        pieces.last_mut().unwrap().push('}');
        let mut expected: Vec<String> = pieces.clone();
        for _ in 0..levels {
            for (place, piece) in pieces.iter_mut().enumerate() {
                let spelled = random.spell(piece);
                *piece = spelled[1..spelled.len() - 1].to_owned();
                expected[place] = piece.clone();
            }
            for side in [&mut pieces, &mut expected] {
                side.first_mut().unwrap().insert_str(0, "{\"raw\" : \"");
                side.last_mut().unwrap().push_str("\", \"b\":\"\\udc00\\/\"}");
            }
        }
        for hidden in expected.iter_mut().skip(1).step_by(2) {
            *hidden = "hidden".to_owned();
        }
        let rules = Rules {
            fields: vec![(Class::Phone, Selector::parse("$..phone").unwrap())],
            display: Display::Hidden,
            key: AliasKey::new(&[7; 32]).unwrap(),
        };
        let (out, summary) = redact(&plan(&rules), Limits::default(), pieces.concat().as_bytes(), &cuts);
        prop_assert_eq!(String::from_utf8(out)?, expected.concat());
        prop_assert_eq!(summary.total(), (pieces.len() / 2) as u64);
    }
}

#[test]
fn the_corpus_of_nested_documents_and_its_mutations_hold_what_must_hold() {
    corpus::holds("nested", 3_000, fuzz_nested);
}

/// Compares a document and its redaction level by level.
fn check_levels(rules: &Rules, before: &Value, after: &Value, levels: usize) -> Result<(), TestCaseError> {
    let (expected, _) = hide(rules, before);
    // The string that holds the next level is compared as what it holds.
    let (Some(inner), true) = (before.get("raw").and_then(Value::as_str), levels > 1) else {
        prop_assert_eq!(after, &expected);
        return Ok(());
    };
    let (mut expected, mut shown) = (expected, after.clone());
    let was_hidden = expected["raw"] != before["raw"];
    if was_hidden {
        prop_assert_eq!(&shown, &expected);
        return Ok(());
    }
    let redacted = shown["raw"].take();
    expected["raw"].take();
    prop_assert_eq!(&shown, &expected);
    let redacted = redacted.as_str().unwrap_or_default();
    let inner_before: Value = serde_json::from_str(inner)?;
    if let Value::Number(_) | Value::Bool(_) | Value::Null = inner_before {
        // A scalar is text.
        prop_assert_eq!(redacted, inner);
        return Ok(());
    }
    if let Value::String(text) = &inner_before
        && text.trim_start().starts_with(['{', '[', '"'])
        && serde_json::from_str::<Value>(text).is_err()
    {
        // A string spelled once more is looked into once more, and this one cannot be.
        prop_assert_eq!(redacted, r#""hidden""#);
        return Ok(());
    }
    check_levels(rules, &inner_before, &serde_json::from_str(redacted)?, levels - 1)
}

fn plan(rules: &Rules) -> Arc<Plan> {
    let mut builder = Plan::builder().json_in_string(&Selector::parse("$.raw").unwrap());
    for (class, selector) in &rules.fields {
        builder = builder.field(*class, selector).display(*class, rules.display);
    }
    Arc::new(builder.build(&rules.key).unwrap())
}

/// Redacts in chunks of these lengths, and byte by byte.
fn redact(plan: &Arc<Plan>, limits: Limits, body: &[u8], cuts: &[usize]) -> (Vec<u8>, Summary) {
    let by = |cuts: &[usize]| {
        let mut redactor = Redactor::new(Arc::clone(plan), Format::Json, limits);
        let (mut out, mut rest) = (Vec::new(), body);
        for &cut in cuts.iter().cycle() {
            let (chunk, later) = rest.split_at(cut.min(rest.len()));
            redactor.write(chunk, &mut out).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let summary = redactor.finish(&mut out).unwrap();
        (out, summary)
    };
    let whole = by(&[body.len()]);
    assert_eq!(by(cuts), whole);
    assert_eq!(by(&[1]), whole);
    whole
}

fn spell(text: &str, seed: u64) -> String {
    Random(seed | 1).spell(text)
}

struct Random(u64);

impl Random {
    /// Spells a text as a JSON string, with drawn freedom.
    fn spell(&mut self, text: &str) -> String {
        let mut out = String::from("\"");
        for character in text.chars() {
            match (character, self.draw() % 6) {
                ('/' | '"' | '\\', 1) | ('"' | '\\', 1..) => out.extend(['\\', character]),
                ('\n', 1..) => out.push_str("\\n"),
                (_, 0) | ('\0'..' ', _) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let upper = self.draw().is_multiple_of(2);
                        let escape = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                        out.push_str(&escape);
                    }
                }
                (_, _) => out.push(character),
            }
        }
        out.push('"');
        out
    }

    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }
}
