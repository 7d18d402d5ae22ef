//! Framings: the corpus and its mutations, and what JSON of any shape becomes in each of them.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Class, Display, Format, Limits, Plan, Redactor, Selector, fuzz_framed};
use proptest::{collection::vec, prelude::*};

use crate::{
    corpus,
    documents::{Tree, selector, tree},
};

#[test]
fn the_corpus_of_framings_and_its_mutations_hold_what_must_hold() {
    corpus::holds("framed", 6_000, fuzz_framed);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_hidden_in_a_document_is_hidden_in_every_framing_of_it(
        documents in vec((tree(), any::<u64>()), 1..4),
        fields in vec(selector(), 1..4),
        cuts in vec(1_usize..40, 1..20),
    ) {
        let is_container = |tree: &Tree| matches!(tree, Tree::Array(_) | Tree::Object(_));
        let documents: Vec<String> = documents
            .iter()
            .map(|(tree, seed)| match is_container(tree) {
                true => tree.spell(*seed),
                false => Tree::Array(vec![tree.clone()]).spell(*seed),
            })
            .map(|document| String::from_utf8(document).unwrap())
            .collect();
        let mut builder = Plan::builder().display(Class::Phone, Display::Hidden);
        for field in &fields {
            builder = builder.field(Class::Phone, &Selector::parse(field).unwrap());
        }
        let plan = Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
        let redacted: Vec<String> =
            documents.iter().map(|document| redact(&plan, Format::Json, document, &[1_000])).collect();

        for (format, frame) in FRAMINGS {
            let body = frame(&documents);
            let expected = frame(&redacted);
            for cuts in [&cuts[..], &[1], &[1 << 20]] {
                let out = redact(&plan, format, &body, cuts);
                if body.starts_with('a') {
                    // Strings are compared as what they hold: their spelling is drawn.
                    let strings = |text: &str| serde_json::from_str::<Vec<String>>(&text[1..]).unwrap();
                    prop_assert_eq!(strings(&out), strings(&expected));
                } else {
                    prop_assert_eq!(&out, &expected);
                }
            }
        }
    }
}

type Frame = fn(&[String]) -> String;

/// Ways to put documents into one body.
const FRAMINGS: [(Format, Frame); 9] = [
    (Format::JsonSequence, |documents| documents.concat()),
    (Format::JsonSequence, |documents| documents.join("\n")),
    (Format::JsonSequence, |documents| documents.iter().map(|one| format!("\u{1e}{one}\n")).collect()),
    (Format::Jsonp, |documents| format!("/**/cb({});\n", documents.join(","))),
    (Format::Framed, |documents| documents.join("\u{1e}")),
    (Format::Framed, |documents| {
        let packets = documents.iter().map(|one| format!("42/a,17{}", one.trim_start()));
        packets.collect::<Vec<_>>().join("\u{1e}")
    }),
    (Format::Framed, |documents| {
        let packet = |one: &String| format!("4{}", one.trim_start());
        documents.iter().map(packet).map(|one| format!("{}:{one}", one.encode_utf16().count())).collect()
    }),
    (Format::Framed, |documents| format!("a{}", serde_json::to_string(documents).unwrap())),
    (Format::Framed, |documents| {
        let frame = |one: &String| format!("MESSAGE\na:b\ncontent-length:{}\n\n{one}\0\n", one.len());
        documents.iter().map(frame).collect()
    }),
];

fn redact(plan: &Arc<Plan>, format: Format, body: &str, cuts: &[usize]) -> String {
    let mut redactor = Redactor::new(Arc::clone(plan), format, Limits::default());
    let (mut out, mut rest) = (Vec::new(), body.as_bytes());
    for &cut in cuts.iter().cycle() {
        let (chunk, later) = rest.split_at(cut.min(rest.len()));
        redactor.write(chunk, &mut out).unwrap();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    redactor.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}
