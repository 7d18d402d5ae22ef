//! What holds for every value, class, display and format on the way back.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Found, KeyRing, MemoryVault, OnMasked, Plan, Redactor, RestoreOptions,
    Restorer, Selector, Wanted, fuzz_restore, fuzz_restore_form, mask,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use crate::corpus;

/// The classes whose aliases stand for something.
const CLASSES: [Class; 5] = [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Avatar];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn masked_and_restored_json_holds_what_it_held(
        class in select(&CLASSES[..]),
        value in value(),
        change in 0..CHANGES,
        name in select(vec!["field", "\\u0066ield"]),
    ) {
        let gateway = Gateway::new(class, Display::Alias);
        let body = format!(r#" {{"id" : 1.0, "{name}":{}}}"#, serde_json::to_string(&value)?);
        let masked = gateway.masked(body.as_bytes());
        let masked: Value = serde_json::from_slice(&masked)?;
        let shown = changed(masked["field"].as_str().unwrap(), change);
        let sent = format!(r#" {{"id" : 1.0, "{name}":{}}}"#, serde_json::to_string(&shown)?);
        let restored = gateway.restorer(OnMasked::Refuse).json(sent.as_bytes(), &|_| None)?;
        let restored: Value = serde_json::from_slice(&restored.into_body().unwrap())?;
        prop_assert_eq!(&restored["field"], &Value::String(value));
    }

    #[test]
    fn masked_and_restored_numbers_are_spelled_as_they_were(number in 10_000_u64.., class in select(vec![Class::Phone, Class::Name])) {
        let gateway = Gateway::new(class, Display::Alias);
        let body = format!(r#"[{{"field":{number}}}]"#);
        let masked = gateway.masked(body.as_bytes());
        let restored = gateway.restorer(OnMasked::Refuse).json(&masked, &|_| None)?;
        prop_assert_eq!(&*restored.into_body().unwrap(), body.as_bytes());
    }

    #[test]
    fn masked_and_restored_forms_queries_paths_and_parts_hold_what_they_held(
        class in select(&CLASSES[..]),
        value in value(),
        change in 0..CHANGES,
    ) {
        let gateway = Gateway::new(class, Display::Alias);
        let restorer = gateway.restorer(OnMasked::Refuse);
        let shown = changed(&gateway.shown(&value), change);
        let escaped: String = shown.bytes().map(|byte| format!("%{byte:02X}")).collect();

        let form = format!("a=1&field={escaped}&b=2");
        let restored = restorer.form(form.as_bytes(), &|_| None)?.into_body().unwrap();
        let pair = String::from_utf8(restored.to_vec())?;
        let restored = pair.strip_prefix("a=1&field=").and_then(|rest| rest.strip_suffix("&b=2")).unwrap();
        prop_assert_eq!(&decoded(restored), &value);

        let part = |value: &str| format!("--b\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\n{value}\r\n--b--\r\n");
        prop_assert_eq!(
            restorer.multipart("b", part(&shown).as_bytes(), &|_| None)?.into_body().unwrap().to_vec(),
            part(&value).into_bytes()
        );

        // What has no spelling as one segment is refused; what has one is itself again.
        let is_plain = !value.contains(|c: char| "/\\%?#".contains(c) || c.is_control()) && value != "." && value != "..";
        let path = format!("/clients/{escaped}");
        let restored = restorer.path(&path, &|number| (number == 1).then_some(Wanted::Only(class)));
        prop_assert_eq!(restored.is_ok(), is_plain);
        if let Ok(restored) = restored {
            let path = String::from_utf8(restored.into_body().unwrap().to_vec())?;
            prop_assert_eq!(&decoded(path.strip_prefix("/clients/").unwrap()), &value);
        }
        let query = format!("q={escaped}");
        let restored = restorer.query(&query, &|_| Some(Wanted::Any));
        prop_assert_eq!(restored.is_ok(), is_plain);
        if let Ok(restored) = restored {
            let query = String::from_utf8(restored.into_body().unwrap().to_vec())?;
            prop_assert_eq!(decoded(query.strip_prefix("q=").unwrap()), value);
        }
    }

    #[test]
    fn what_is_shown_partially_or_hidden_is_never_written(
        class in select(&CLASSES[..]),
        display in select(vec![Display::Partial, Display::Hidden]),
        value in value(),
        change in 0..CHANGES,
    ) {
        let gateway = Gateway::new(class, display);
        let shown = changed(&gateway.shown(&value), change);
        // A shortened avatar is an alias.
        prop_assume!(class != Class::Avatar || display == Display::Hidden);
        let body = format!(r#"{{"id":1,"field":{}}}"#, serde_json::to_string(&shown)?);
        let refused = gateway.restorer(OnMasked::Refuse);
        prop_assert!(refused.json(body.as_bytes(), &|_| None)?.into_body().is_err(), "{shown:?}");
        let dropped = gateway.restorer(OnMasked::Drop).json(body.as_bytes(), &|_| None)?;
        prop_assert_eq!(dropped.findings().count(Found::Dropped), 1);
        let dropped = dropped.into_body().unwrap();
        prop_assert_eq!(&*dropped, br#"{"id":1}"#);
        let form = format!("id=1&field={}", shown.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
        let dropped = gateway.restorer(OnMasked::Drop).form(form.as_bytes(), &|_| None)?.into_body().unwrap();
        prop_assert_eq!(&*dropped, b"id=1");
    }

    #[test]
    fn nothing_but_an_exact_alias_is_restored(
        class in select(&CLASSES[..]),
        value in value(),
        place: prop::sample::Index,
        by in select(b"0123456789abcdefghjkmnpqrstvwxyzXYZ-+@. ".to_vec()),
    ) {
        let gateway = Gateway::new(class, Display::Alias);
        let shown = gateway.shown(&value);
        let mut wrong = shown.clone().into_bytes();
        let place = place.index(wrong.len());
        wrong[place] = by;
        let wrong = String::from_utf8(wrong)?;
        let alike = |text: &str| text.to_lowercase().replace([' ', '-'], "");
        prop_assume!(alike(&wrong) != alike(&shown));
        let body = serde_json::to_vec(&serde_json::json!({ "field": wrong }))?;
        let restored = gateway.restorer(OnMasked::Refuse).json(&body, &|_| None)?;
        // What may be lost of an alias without harm: its plus, its slash, and the separators of a number.
        let separates = "+-. ".contains(char::from(by)) || place == 0;
        prop_assert!(restored.findings().count(Found::Restored) == 0 || separates, "{shown} {wrong}");
    }
}

#[test]
fn restored_bodies_hold_what_must_hold() {
    corpus::holds("restore", 4_000, fuzz_restore);
}

#[test]
fn restored_forms_queries_paths_and_parts_hold_what_must_hold() {
    corpus::holds("restore_form", 4_000, fuzz_restore_form);
}

/// One declared field, and the two ways through the gateway.
struct Gateway {
    plan: Arc<Plan>,
    keys: Arc<KeyRing>,
    class: Class,
}

impl Gateway {
    fn new(class: Class, display: Display) -> Gateway {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let mut builder = Plan::builder().vault(Arc::new(MemoryVault::new(1 << 20)));
        for other in Class::ALL {
            builder = builder.display(other, display);
        }
        let plan = builder.field(class, &Selector::parse("$..field").unwrap()).build(&key).unwrap();
        Gateway { plan: Arc::new(plan), keys: Arc::new(key.into()), class }
    }

    fn masked(&self, body: &[u8]) -> Vec<u8> {
        let mut redactor = Redactor::json(Arc::clone(&self.plan));
        let mut out = Vec::new();
        redactor.write(body, &mut out).unwrap();
        redactor.finish(&mut out).unwrap();
        out
    }

    fn shown(&self, value: &str) -> String {
        if self.plan.display(self.class) != Display::Alias {
            return mask(self.class, self.plan.display(self.class), value, self.keys.first());
        }
        let body = serde_json::to_vec(&serde_json::json!({ "field": value })).unwrap();
        let shown: Value = serde_json::from_slice(&self.masked(&body)).unwrap();
        shown["field"].as_str().unwrap().to_owned()
    }

    fn restorer(&self, on_masked: OnMasked) -> Restorer {
        let options = RestoreOptions { on_masked, ..RestoreOptions::default() };
        Restorer::new(Arc::clone(&self.plan), Arc::clone(&self.keys), options).unwrap()
    }
}

/// Names, numbers, addresses, and anything at all.
fn value() -> impl Strategy<Value = String> {
    let word = "[A-Za-zА-яé]{3,9}";
    prop_oneof![
        "\\+?[0-9]{7,15}",
        "\\+[0-9]{3} \\([0-9]{2}\\) [0-9]{3}-[0-9]{2}",
        "[a-z.]{3,9}@[a-z]{2,9}\\.(com|org)",
        vec(word, 1..4).prop_map(|words| words.join(" ")),
        "@[a-z_]{4,12}",
        "https://[a-z]{3,9}\\.example/[a-z]{1,9}\\.jpg",
        "\\PC{1,12}",
        any::<String>().prop_filter("an empty value stays", |text| !text.is_empty()),
    ]
}

const CHANGES: usize = 10;

/// What an app makes of a value on its way.
fn changed(text: &str, change: usize) -> String {
    match change {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        2 => format!(" {text}\n"),
        3 => text.replace(' ', "\u{a0}"),
        4 => text.replace(' ', "  "),
        5 => format!("\u{200b}{text}\u{feff}"),
        6 => text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        7 => text.chars().map(|character| format!("&#x{:x};", u32::from(character))).collect(),
        8 => text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect(),
        _ => text.to_owned(),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        match byte {
            b'%' => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&more[..2]).unwrap(), 16).unwrap());
                rest = &more[2..];
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
