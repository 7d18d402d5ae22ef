//! Leaks: whether any contact of the sample payloads, or any hidden value of a generated document, can be read
//! from the output in whatever spelling, and whether everything on the keep lists survives.
//!
//! Each payload is redacted by everything a plan can say today. What can still be read is named with the reason,
//! and must be there: a layer that begins to hide it takes its name off this list.

use std::{fs, sync::Arc};

use chatwarden_redact::{
    AliasKey, Class, Condition, Display, Format, HtmlRule, HtmlTarget, Limits, Plan, PlanBuilder, Redactor,
    Selector, Test,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use crate::{
    documents::{selector, tree},
    oracle::Views,
    payloads::{CASES, JSON_IN_STRINGS, list, payloads, texts},
    reference::{Rules, hide},
    spelled::{CARRIED, Spell, form, known_class, page, table},
};

#[test]
fn no_contact_of_a_payload_can_be_read_in_any_spelling() {
    for case in CASES {
        let body = fs::read(payloads().join(format!("{}.json", case.payload))).unwrap();
        assert_no_leak(case.payload, case.fields, Format::Json, &body);
    }
}

#[test]
fn no_contact_of_polled_packets_can_be_read_in_any_spelling() {
    let payload = fs::read(payloads().join("thelounge/engineio_poll.json")).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    let fields =
        &[(Class::Handle, "$..from.nick"), (Class::Handle, "$..hostmask"), (Class::Name, "$..gecos")];
    assert_no_leak(
        "thelounge/engineio_poll",
        fields,
        Format::Framed,
        payload["body"].as_str().unwrap().as_bytes(),
    );
}

#[test]
fn no_copy_of_a_contact_can_be_read_in_pages_forms_and_tables() {
    let (mut hidden, mut kept) = (0, 0);
    for case in CASES {
        let texts = texts(&fs::read(payloads().join(format!("{}.json", case.payload))).unwrap());
        // What begins as JSON is none here; ids of one transport hold a number in base64, which no copy is found in.
        let is_text = |text: &&String| !text.contains(['{', '[', '"']) && !text.contains("wamid");
        let texts: Vec<&String> = texts.iter().filter(is_text).collect();
        let secrets = list(case.payload, "contacts").into_iter().chain(list(case.payload, "names"));
        let secrets: Vec<(Class, String)> =
            secrets.filter_map(|secret| Some((known_class(&secret)?, secret))).collect();
        for (format, spell) in CARRIERS {
            let body = spell(&secrets, &texts);
            let before = Views::of(body.as_bytes());
            for display in [Display::Alias, Display::Partial, Display::Hidden] {
                let plan = carrier_plan(display);
                let after = Views::of(&redact_alike(&plan, format, body.as_bytes()));
                for (_, secret) in &secrets {
                    assert!(before.show(secret), "{}: {secret} is not in {format:?}", case.payload);
                    let place =
                        format!("{}: {secret} can be read in {format:?}, {}", case.payload, display.name());
                    assert!(!after.show(secret), "{place}");
                    hidden += 1;
                }
                for kept_text in list(case.payload, "keep").iter().filter(|kept| before.show(kept)) {
                    assert!(after.show(kept_text), "{}: {kept_text} is gone in {format:?}", case.payload);
                    kept += 1;
                }
            }
        }
    }
    assert!(hidden > 300 && kept > 300, "{hidden} hidden, {kept} kept");
}

const CARRIERS: [(Format, Spell); 3] = [(Format::Html, page), (Format::Form, form), (Format::Csv, table)];

fn carrier_plan(display: Display) -> Arc<Plan> {
    let mut builder = Plan::builder().copies(true);
    for class in CARRIED {
        let target = match class {
            Class::Avatar => HtmlTarget::Attribute("src".to_owned()),
            Class::Phone | Class::Email | Class::Name | Class::Handle | Class::FileUrl => HtmlTarget::Text,
        };
        builder = builder
            .display(class, display)
            .field(class, &Selector::parse(&format!("$..{}", class.name())).unwrap())
            .column(class.name(), class)
            .html(HtmlRule { select: format!(".{}", class.name()), target, class });
    }
    Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap())
}

/// Redacts a payload by its declared fields and by all that finds contacts elsewhere, in every display, and
/// asserts that nothing but the known leaks of the payload can be read.
fn assert_no_leak(payload: &str, fields: &[(Class, &str)], format: Format, body: &[u8]) {
    let secrets: Vec<String> = list(payload, "contacts").into_iter().chain(list(payload, "names")).collect();
    let known: Vec<_> = KNOWN.iter().filter(|leak| leak.payload == payload).collect();
    for known in known.iter().flat_map(|leak| leak.secrets) {
        assert!(secrets.iter().any(|secret| secret == known), "{payload}: {known} is no secret");
    }
    let before = Views::of(body);
    for secret in &secrets {
        assert!(before.show(secret), "{payload}: the oracle does not find {secret} in what came");
    }
    let mut faults = Vec::new();
    for display in [Display::Alias, Display::Partial, Display::Hidden] {
        let out = redact(payload, fields, display, format, body);
        let views = Views::of(&out);
        for secret in &secrets {
            // A partial name shows its first word.
            let is_first_word = |other: &String| other.starts_with(&format!("{secret} "));
            if display == Display::Partial && secrets.iter().any(is_first_word) {
                continue;
            }
            match (views.show(secret), known.iter().find(|leak| leak.secrets.contains(&secret.as_str()))) {
                (true, None) => faults.push(format!("{secret} can be read as {}", display.name())),
                (false, Some(leak)) => faults.push(format!("{secret} is hidden now, though {}", leak.why)),
                (true, Some(_)) | (false, None) => {}
            }
        }
        let texts = if format == Format::Json { texts(&out) } else { vec![show(&out)] };
        let gone =
            list(payload, "keep").into_iter().filter(|kept| !texts.iter().any(|text| text.contains(kept)));
        faults.extend(gone.map(|kept| format!("{kept} is gone")));
    }
    faults.dedup();
    assert!(faults.is_empty(), "{payload}:\n{}", faults.join("\n"));
}

/// Everything that finds contacts outside of declared fields.
fn layers(payload: &str, mut builder: PlanBuilder) -> PlanBuilder {
    let parse = |text: &str| Selector::parse(text).unwrap();
    builder = builder.copies(true).patterns(true);
    for selector in JSON_IN_STRINGS {
        builder = builder.json_in_string(&parse(selector));
    }
    for selector in TEXTS {
        builder = builder.text(&parse(selector));
    }
    match payload {
        "thelounge/engineio_poll" => {
            let is_guest =
                Condition { member: "mode".into(), levels: 0..=0, test: Test::NoneOf(vec!["@".into()]) };
            builder.field_when(Class::Handle, &parse("$..users[*].nick"), &[is_guest])
        }
        // The operator's own mail address, which has the shape of any other.
        "chatwoot/profile" => builder.keep(&parse("$['email', 'uid']")),
        "chatwoot/actioncable_frames" | "chatwoot/conversation_messages" => builder
            .field(Class::Handle, &parse("$..source_id"))
            .html_in_string(&parse("$..html_content.full")),
        _ => builder,
    }
}

/// Strings of free text.
const TEXTS: &[&str] = &[
    "$..['text', 'content', 'processed_message_content', 'comment', 'vcard', 'referer']",
    "$..text_content.full",
    "$..last_message",
];

/// Secrets that can still be read, and why.
struct Leak {
    payload: &'static str,
    why: &'static str,
    secrets: &'static [&'static str],
}

const CALLED: &str = "it is a name in free text, which has no shape, and no field of the payload holds it";
const BESIDE: &str = "only a member of an object beside it tells whether this id is a contact";

const KNOWN: &[Leak] = &[
    leak("chat2desk/messages_list", CALLED, &["José Ñandú"]),
    leak("chatwoot/contacts_list", BESIDE, &["807892411"]),
];

const fn leak(payload: &'static str, why: &'static str, secrets: &'static [&'static str]) -> Leak {
    Leak { payload, why, secrets }
}

fn redact(payload: &str, fields: &[(Class, &str)], display: Display, format: Format, body: &[u8]) -> Vec<u8> {
    let mut builder = Plan::builder();
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    for class in Class::ALL {
        builder = builder.display(class, display);
    }
    let plan = Arc::new(layers(payload, builder).build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    redact_alike(&plan, format, body)
}

/// Redacts whole and byte by byte.
fn redact_alike(plan: &Arc<Plan>, format: Format, body: &[u8]) -> Vec<u8> {
    let [whole, bytes] = [body.len(), 1].map(|size| {
        let mut redactor = Redactor::new(Arc::clone(plan), format, Limits::default());
        let mut out = Vec::new();
        body.chunks(size).for_each(|chunk| redactor.write(chunk, &mut out).unwrap());
        redactor.finish(&mut out).unwrap();
        out
    });
    assert!(whole == bytes, "the output depends on the cuts");
    whole
}

fn show(out: &[u8]) -> String {
    String::from_utf8_lossy(out).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_hidden_value_of_a_generated_document_can_be_read_in_any_spelling(
        tree in tree(),
        seed: u64,
        fields in vec((select(&Class::ALL[..]), selector()), 1..6),
        display in select(vec![Display::Alias, Display::Partial, Display::Hidden]),
    ) {
        let body = tree.spell(seed);
        let parsed = fields.iter().map(|(class, text)| (*class, Selector::parse(text).unwrap())).collect();
        let rules = Rules { fields: parsed, display, key: AliasKey::new(&[7; 32]).unwrap() };
        let (_, hidden) = hide(&rules, &serde_json::from_slice(&body)?);
        let fields: Vec<_> = fields.iter().map(|(class, text)| (*class, text.as_str())).collect();
        let out = redact("", &fields, display, Format::Json, &body);
        let (before, after) = (Views::of(&body), Views::of(&out));
        for value in hidden.iter().filter(|value| value.chars().count() > 4) {
            prop_assert!(before.show(value), "the oracle does not find {value:?} in what came");
            prop_assert!(!after.show(value), "{value:?} can be read in {}", show(&out));
        }
    }
}
