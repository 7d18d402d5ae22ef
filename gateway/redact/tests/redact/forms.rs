//! Forms: drawn ones against the crate percent-encoding, and the corpus; and that of content codings.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Format, Limits, Plan, Redactor, Selector, fuzz_codings, fuzz_form, mask,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::corpus;

#[test]
fn the_corpus_of_forms_and_its_mutations_hold_what_must_hold() {
    corpus::holds("form", 4_000, fuzz_form);
}

#[test]
fn the_corpus_of_codings_and_its_mutations_hold_what_must_hold() {
    corpus::holds("codings", 600, fuzz_codings);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_form_is_the_same_but_for_the_values_of_declared_fields(
        pairs in vec((select(NAMES.to_vec()), value(), any::<u8>()), 0..8),
        display in select(vec![Display::Alias, Display::Partial, Display::Hidden]),
        cuts in vec(1_usize..30, 1..10),
    ) {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let selector = |text| Selector::parse(text).unwrap();
        let plan = Plan::builder().field(Class::Phone, &selector("$..phone"));
        let plan = plan.field(Class::Email, &selector("$.contact.email"));
        let plan = plan.field(Class::Name, &selector("$.names[*]"));
        let plan = Class::ALL.into_iter().fold(plan, |plan, class| plan.display(class, display));
        let plan = Arc::new(plan.build(&key).unwrap());

        let spelled: Vec<(String, String)> = pairs
            .iter()
            .map(|((name, _), value, spelling)| (spell(name, *spelling), spell(value, spelling >> 4)))
            .collect();
        let join = |(name, value): &(String, String)| format!("{name}={value}");
        let form = spelled.iter().map(join).collect::<Vec<_>>().join("&");
        let out = redact(&plan, form.as_bytes(), &cuts);
        prop_assert_eq!(&redact(&plan, form.as_bytes(), &[1]), &out, "byte by byte");
        prop_assert_eq!(&redact(&plan, form.as_bytes(), &[form.len()]), &out, "whole");

        let out = String::from_utf8(out)?;
        let shown: Vec<&str> = out.split('&').filter(|_| !pairs.is_empty()).collect();
        prop_assert_eq!(shown.len(), pairs.len());
        for ((((_, class), value, _), shown), spelled) in pairs.iter().zip(shown).zip(&spelled) {
            match class {
                Some(class) => {
                    let (name, shown) = shown.split_once('=').unwrap();
                    prop_assert_eq!(name, &spelled.0);
                    let shown = shown.replace('+', " ");
                    let expected = mask(*class, display, value, &key);
                    prop_assert_eq!(percent_decode_str(&shown).decode_utf8()?, expected);
                }
                None => prop_assert_eq!(shown, join(spelled)),
            }
        }
    }
}

/// Names of fields, and what they are declared as.
const NAMES: [(&str, Option<Class>); 12] = [
    ("phone", Some(Class::Phone)),
    ("contact[phone]", Some(Class::Phone)),
    ("a[0].b[phone][]", Some(Class::Phone)),
    ("contact.email", Some(Class::Email)),
    ("contact[email]", Some(Class::Email)),
    ("email", None),
    ("names[]", Some(Class::Name)),
    ("names[7]", Some(Class::Name)),
    ("names", None),
    ("a b&c=d", None),
    ("Phone", None),
    ("", None),
];

/// Anything but what begins as JSON does.
fn value() -> impl Strategy<Value = String> {
    let letters = vec(select("aZ7+-@. &=%\"\n'{é😀".chars().collect::<Vec<_>>()), 0..12);
    letters
        .prop_map(|letters| letters.into_iter().collect::<String>())
        .prop_filter("JSON", |value| !value.trim_start().starts_with(['{', '"']))
}

/// One of the spellings that decode to a text.
fn spell(text: &str, pick: u8) -> String {
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match pick % 4 {
        0 => encoded,
        1 => encoded.replace("%20", "+"),
        2 => encoded.replace("%5B", "[").replace("%5D", "]").replace("%2E", ".").replace("%2D", "-"),
        _ => encoded.replace("%5B", "%5b").replace('a', "%61").replace('p', "%70"),
    }
}

/// Redacts in chunks of these lengths, over and over.
fn redact(plan: &Arc<Plan>, form: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::clone(plan), Format::Form, Limits::default());
    let mut out = Vec::new();
    let mut rest = form;
    for &cut in cuts.iter().cycle() {
        let (chunk, later) = rest.split_at(cut.min(rest.len()));
        redactor.write(chunk, &mut out).unwrap();
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    redactor.finish(&mut out).unwrap();
    out
}
