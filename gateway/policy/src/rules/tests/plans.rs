//! What plans make of documents: conditions, channels, what is kept, what stands in strings.

use std::sync::Arc;

use chatwarden_redact::{Class, Code, Redactor};

use super::*;
use crate::path::CanonicalPath;

/// What an operator sees of an answer to a request for the path, under a profile and `personal-data.yaml`.
fn shown(text: &str, rule: &str, path: &str, answer: &str) -> String {
    let mut fixture = Fixture::new([("personal-data.yaml", rule)]);
    fixture.profile = profile(&format!("app: x\n{text}"));
    let rules = fixture.rules();
    let scope = fixture.profile.classify("GET", &CanonicalPath::parse(path).unwrap()).scope;
    let Some(plan) = rules.plans.plan(scope, true, false) else { return answer.to_owned() };
    let mut redactor = Redactor::json(Arc::clone(plan));
    let mut out = Vec::new();
    redactor.write(answer.as_bytes(), &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const HIDDEN: &str = "display: { name: hidden, phone: hidden, email: hidden, handle: hidden }\n";

#[test]
fn a_field_is_hidden_where_the_members_around_it_say_so() {
    let profile =
        r#"contact_fields: { name: [{ path: $..name, when: { role: [client, 3], ../archived: false } }] }"#;
    for (answer, expected) in [
        (r#"{"u":{"name":"Anna","role":"client"},"archived":false}"#, "hidden"),
        (r#"{"u":{"role":3,"name":"Anna"},"archived":false}"#, "hidden"),
        (r#"{"u":{"role":"operator","name":"Anna"},"archived":false}"#, "Anna"),
        (r#"{"u":{"role":"client","name":"Anna"},"archived":true}"#, "Anna"),
        (r#"{"u":{"role":"client","name":"Anna","archived":false}}"#, "Anna"),
        (r#"{"u":{"role":"client","role":"operator","name":"Anna"},"archived":false}"#, "hidden"),
    ] {
        assert_eq!(shown(profile, HIDDEN, "/", answer), answer.replace("Anna", expected));
    }
}

const CHANNELS: &str = "contact_fields: { phone: [$..phone] }\n\
    channel: { path: $..application, values: { wa: whatsapp, wa2: whatsapp, tg: telegram, mail: email } }\n";

#[test]
fn contacts_are_hidden_of_listed_channels_and_of_unknown_ones() {
    let rule = format!("{HIDDEN}channels: [whatsapp, telegram]\n");
    for (application, expected) in [
        (r#""tg""#, "hidden"),
        (r#""wa2""#, "hidden"),
        (r#""mail""#, "+37061234567"),
        (r#""vk""#, "hidden"),
        (r#""MAIL""#, "hidden"),
        ("null", "hidden"),
        (r#"["mail"]"#, "hidden"),
    ] {
        let answer = format!(r#"{{"application":{application},"m":[{{"u":{{"phone":"+37061234567"}}}}]}}"#);
        assert_eq!(shown(CHANNELS, &rule, "/", &answer), answer.replace("+37061234567", expected));
        assert!(shown(CHANNELS, HIDDEN, "/", &answer).contains("hidden"), "all channels");
    }
    let unknown = r#"{"phone":"+37061234567"}"#;
    assert_eq!(shown(CHANNELS, &rule, "/", unknown), r#"{"phone":"hidden"}"#);
}

#[test]
fn what_is_kept_stays_on_exactly_its_routes() {
    let profile = "contact_fields: { name: [$..name], phone: [$..phone] }\n\
        keep: [$..operator, { path: $.company, routes: [\"GET /api/settings\"] }]\n";
    let answer = r#"{"name":"Anna","operator":{"name":"Ieva","phone":"1"},"company":{"phone":"+370"}}"#;
    let clear = answer.replace("Anna", "hidden");
    assert_eq!(shown(profile, HIDDEN, "/api/settings", answer), clear);
    for path in ["/", "/api/settings/", "/API/settings"] {
        assert_eq!(shown(profile, HIDDEN, path, answer), clear.replace("+370", "hidden"), "{path}");
    }
}

#[test]
fn json_in_strings_holds_the_same_fields() {
    let profile = "contact_fields: { phone: [$..phone] }\njson_in_string: [$..payload]\n";
    let answer = r#"{"payload":"{\"phone\":\"+370\",\"id\":1}","other":"{\"phone\":\"+370\"}"}"#;
    let expected = answer.replacen("+370", "hidden", 1);
    assert_eq!(shown(profile, HIDDEN, "/", answer), expected);
}

#[test]
fn keys_that_are_contacts_become_aliases() {
    let profile = "contact_fields: { name: [$..name] }\ncontact_keys: { phone: [$..by_phone] }\n";
    let answer = r#"{"by_phone":{"+37061234567":{"name":"Anna"}}}"#;
    let shown = shown(profile, HIDDEN, "/", answer);
    assert!(
        shown.starts_with(r#"{"by_phone":{"+999"#) && shown.ends_with(r#"":{"name":"hidden"}}}"#),
        "{shown}"
    );
}

#[test]
fn messages_are_looked_into_where_the_rule_says_so() {
    let profile = "contact_fields: { phone: [$..phone] }\nmessage_text: [$..text]\n";
    let answer = r#"{"text":"Call +370 612 34567, order 20981, or anna.k@example.com","id":"+37061234567"}"#;
    assert_eq!(shown(profile, HIDDEN, "/", answer), answer);
    let rule = format!("{HIDDEN}message_text: hide\n");
    let shown = shown(profile, &rule, "/", answer);
    assert!(!shown.contains("612 34567") && !shown.contains("anna.k"), "{shown}");
    assert!(shown.contains("order 20981") && shown.contains(r#""id":"+37061234567""#), "{shown}");
}

#[test]
fn what_an_alias_stands_for_is_kept_in_the_vault() {
    let mut fixture = Fixture::new([("personal-data.yaml", "enabled: true\n")]);
    fixture.profile = profile("app: x\ncontact_fields: { handle: [$.telegram] }\n");
    let rules = fixture.rules();
    let plan = rules.plans.plan(0, true, false).expect("there is a field to hide");
    let mut redactor = Redactor::json(Arc::clone(plan));
    let mut out = Vec::new();
    redactor.write(br#"{"telegram":"anna_k"}"#, &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let alias = shown["telegram"].as_str().unwrap().strip_prefix("c_").unwrap();
    let code = Code::parse(Class::Handle, alias.as_bytes()).unwrap();
    assert_eq!(fixture.vault.value(code).unwrap().as_deref(), Some(&b"anna_k"[..]));
}
