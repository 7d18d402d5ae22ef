//! What holds for every document, plan and cut.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Class, Display, Plan, RedactError, Redactor, Selector, Summary};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use crate::{
    documents::{selector, tree},
    reference::{Rules, hide},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_output_is_the_document_but_for_hidden_values_at_every_cut(
        tree in tree(),
        seed: u64,
        rules in rules(),
        cuts in vec(1_usize..40, 1..20),
    ) {
        let body = tree.spell(seed);
        let plan = plan(&rules);
        let (whole, summary) = redact(&plan, &body, &[body.len()])?;
        prop_assert_eq!(&redact(&plan, &body, &cuts)?, &(whole.clone(), summary), "at drawn cuts");
        prop_assert_eq!(&redact(&plan, &body, &[1])?, &(whole.clone(), summary), "byte by byte");

        let document: Value = serde_json::from_slice(&body)?;
        let redacted: Value = serde_json::from_slice(&whole)?;
        let (expected, hidden) = hide(&rules, &document);
        prop_assert_eq!(&redacted, &expected);

        let mut shown = Vec::new();
        collect(&redacted, &mut shown);
        for value in hidden.iter().filter(|value| !value.is_empty()) {
            prop_assert!(!shown.iter().any(|text| text.contains(value.as_str())), "{value:?} is in the output");
        }
    }

    #[test]
    fn a_document_with_nothing_to_hide_leaves_byte_for_byte(
        tree in tree(),
        seed: u64,
        cuts in vec(1_usize..40, 1..20),
    ) {
        let body = tree.spell(seed);
        for selectors in [&[][..], &["$..absent", "$.a.b.absent", "$..phone.absent"]] {
            let fields = selectors.iter().map(|text| (Class::Name, Selector::parse(text).unwrap())).collect();
            let plan = plan(&Rules { fields, display: Display::Alias, key: key() });
            let (out, summary) = redact(&plan, &body, &cuts)?;
            prop_assert_eq!(&out, &body);
            prop_assert_eq!(summary.total(), 0);
        }
    }

    #[test]
    fn a_truncated_document_is_refused_and_a_prefix_of_the_whole_output(
        tree in tree(),
        seed: u64,
        rules in rules(),
        share in 0.0..1.0,
    ) {
        let body = tree.spell(seed);
        let plan = plan(&rules);
        let (whole, _) = redact(&plan, &body, &[body.len()])?;
        let cut = &body[..(body.len() as f64 * share) as usize];
        let mut redactor = Redactor::json(Arc::clone(&plan));
        let mut out = Vec::new();
        redactor.write(cut, &mut out)?;
        prop_assert!(whole.starts_with(&out));
        // The end of a number, or blanks after the value, may be missed by nobody.
        if serde_json::from_slice::<Value>(cut).is_err() {
            let result = redactor.finish(&mut out);
            prop_assert!(matches!(result, Err(RedactError::Truncated | RedactError::EmptyBody)));
            prop_assert!(whole.starts_with(&out));
        }
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let field = (select(&Class::ALL[..]), selector());
    let display = select(vec![Display::Alias, Display::Partial, Display::Hidden]);
    (vec(field, 1..6), display).prop_map(|(fields, display)| {
        let parse = |(class, text): (Class, String)| (class, Selector::parse(&text).unwrap());
        Rules { fields: fields.into_iter().map(parse).collect(), display, key: key() }
    })
}

fn plan(rules: &Rules) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for (class, selector) in &rules.fields {
        builder = builder.field(*class, selector);
    }
    for class in Class::ALL {
        builder = builder.display(class, rules.display);
    }
    Arc::new(builder.build(&rules.key).unwrap())
}

/// Redacts in chunks of these lengths, over and over.
fn redact(plan: &Arc<Plan>, body: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Summary), RedactError> {
    let mut redactor = Redactor::json(Arc::clone(plan));
    let mut out = Vec::new();
    let mut rest = body;
    for &cut in cuts.iter().cycle() {
        let (chunk, later) = rest.split_at(cut.min(rest.len()));
        redactor.write(chunk, &mut out)?;
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    let summary = redactor.finish(&mut out)?;
    Ok((out, summary))
}

/// Every string and name of a document, decoded.
pub(crate) fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => texts.push(number.to_string()),
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => {
            for (name, member) in members {
                texts.push(name.clone());
                collect(member, texts);
            }
        }
    }
}

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}
