//! Sample payloads of real applications: contacts in declared fields vanish, everything on the keep list stays.
//!
//! Contacts outside of declared fields are named with the reason why a plan of fields cannot see them.

use std::{fs, path::PathBuf, sync::Arc};

use chatwarden_redact::{
    AliasKey, Class, Condition, Display, Format, Limits, Plan, Redactor, Selector, Test,
};
use serde_json::Value;

#[test]
fn contacts_in_declared_fields_vanish_and_the_rest_stays() {
    for case in CASES {
        for display in [Display::Alias, Display::Partial, Display::Hidden] {
            let out = redact(case.payload, case.fields, display);
            let texts = texts(&out);
            let is_shown = |value: &str| texts.iter().any(|text| text.contains(value));
            for secret in list(case.payload, "contacts").into_iter().chain(list(case.payload, "names")) {
                match case.outside.iter().find(|(outside, _)| *outside == secret) {
                    None => assert!(
                        !is_shown(&secret),
                        "{}: {secret} is shown as {}",
                        case.payload,
                        display.name()
                    ),
                    Some((_, why)) => {
                        assert!(is_shown(&secret), "{}: {secret} is gone, though {why}", case.payload);
                    }
                }
            }
            for kept in list(case.payload, "keep") {
                assert!(is_shown(&kept), "{}: {kept} is gone", case.payload);
            }
        }
    }
}

#[test]
fn every_payload_leaves_byte_for_byte_where_nothing_is_declared() {
    let mut count = 0;
    for folder in ["chat2desk", "chatwoot", "thelounge"] {
        for entry in fs::read_dir(payloads().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let name = format!("{folder}/{}", path.file_stem().unwrap().to_string_lossy());
                assert_eq!(redact(&name, &[], Display::Alias), fs::read(&path).unwrap(), "{name}");
                let is_known = CASES.iter().any(|case| case.payload == name);
                assert!(is_known || FRAMED.contains(&name.as_str()), "{name} is in no test");
                count += 1;
            }
        }
    }
    assert_eq!(count, CASES.len() + FRAMED.len());
}

#[test]
fn masked_payloads_differ_from_the_original_in_hidden_values_alone() {
    let out = redact("chat2desk/client", CASES[0].fields, Display::Hidden);
    let expected = concat!(
        r#"{"data":{"id":17340089,"name":"hidden","assigned_name":"hidden","phone":"hidden","client_phone":"hidden","#,
        r#""avatar":"/.chatwarden/avatar/"#,
    );
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with(expected), "{out}");
    let rest = concat!(
        r#".svg","comment":null,"region_id":null,"country_id":7,"extra_comment_1":null,"extra_comment_2":null,"#,
        r#""extra_comment_3":null,"external_id":null,"tags":[{"id":5,"label":"VIP","group_id":2}],"channels":["#,
        r#"{"id":17404,"transports":["whatsapp","telegram"],"phone":"79995550000"},{"id":17405,"transports":["#,
        r#""sms"],"phone":"79995550001"},{"id":17406,"transports":["viber_public"],"phone":null}]},"status":"success"}"#,
    );
    assert!(out.trim_end().ends_with(rest), "{out}");
}

#[test]
fn the_identifier_of_every_frame_leaves_byte_for_byte() {
    let before = fs::read_to_string(payloads().join("chatwoot/actioncable_frames.json")).unwrap();
    let case = CASES.iter().find(|case| case.payload == "chatwoot/actioncable_frames").unwrap();
    let after = String::from_utf8(redact(case.payload, case.fields, Display::Alias)).unwrap();
    let identifier = r#"{\"identifier\":\"{\\\"channel\\\":\\\"RoomChannel\\\",\\\"pubsub_token\\\":\\\"pK4xQw\\\",\\\"account_id\\\":1,\\\"user_id\\\":7}\","#;
    assert_ne!(before, after);
    assert_eq!(before.matches(identifier).count(), after.matches(identifier).count());
    assert_eq!(before.matches(identifier).count(), 4);
}

#[test]
fn contacts_in_polled_packets_vanish_and_the_framing_stays() {
    let payload = fs::read_to_string(payloads().join("thelounge/engineio_poll.json")).unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    let body = payload["body"].as_str().unwrap();
    let selector = |text| Selector::parse(text).unwrap();
    let is_guest = Condition { member: "mode".into(), levels: 0..=0, test: Test::NoneOf(vec!["@".into()]) };
    let mut builder = Plan::builder()
        .field(Class::Handle, &selector("$..from.nick"))
        .field_when(Class::Handle, &selector("$..users[*].nick"), &[is_guest])
        .field(Class::Handle, &selector("$..hostmask"))
        .field(Class::Name, &selector("$..gecos"));
    for class in Class::ALL {
        builder = builder.display(class, Display::Hidden);
    }
    let plan = Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    for size in [1, 5, 64, body.len()] {
        let mut redactor = Redactor::new(Arc::clone(&plan), Format::Framed, Limits::default());
        let mut out = Vec::new();
        body.as_bytes().chunks(size).for_each(|chunk| redactor.write(chunk, &mut out).unwrap());
        redactor.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let quoted = "+7 900 123-45-67";
        for secret in list("thelounge/engineio_poll", "contacts").iter().filter(|secret| *secret != quoted) {
            assert!(!out.contains(secret), "{secret} is in {out}");
        }
        for kept in list("thelounge/engineio_poll", "keep") {
            assert!(out.contains(&kept), "{kept} is not in {out}");
        }
        let heads = |text: &str| -> Vec<String> {
            text.split('\u{1e}').map(|packet| packet.chars().take(8).collect()).collect()
        };
        assert_eq!(heads(&out), heads(body));
    }
}

pub(crate) struct Case {
    pub(crate) payload: &'static str,
    pub(crate) fields: &'static [(Class, &'static str)],
    /// Values that also stand outside of declared fields, and why the plan cannot see them there.
    outside: &'static [(&'static str, &'static str)],
}

const QUOTED: &str = "it is quoted in free text";
const NAMED_FILE: &str = "it is part of a file's name and link";
const UNDECIDED: &str = "only a sibling tells whether this id is a contact";

pub(crate) const CASES: &[Case] = &[
    Case {
        payload: "chat2desk/client",
        fields: &[
            (Class::Phone, "$.data['phone', 'client_phone']"),
            (Class::Name, "$.data['name', 'assigned_name']"),
            (Class::Avatar, "$.data.avatar"),
        ],
        outside: &[],
    },
    Case {
        payload: "chat2desk/clients_list",
        fields: &[
            (Class::Phone, "$.data[*]['phone', 'client_phone']"),
            (Class::Name, "$.data[*]['name', 'assigned_name']"),
            (Class::Avatar, "$.data[*].avatar"),
            (
                Class::Handle,
                "$.data[*]['extra_comment_1', 'extra_comment_2', 'extra_comment_3', 'external_id']",
            ),
            (Class::Handle, "$.data[*].custom_fields['1']"),
        ],
        outside: &[("8 900 123-45-67", QUOTED), ("petr@primer.ru", QUOTED)],
    },
    Case {
        payload: "chat2desk/dialogs_list",
        fields: &[(Class::Phone, "$..phone")],
        outside: &[("petr@primer.ru", QUOTED), ("+5491155512345", QUOTED)],
    },
    Case {
        payload: "chat2desk/messages_list",
        fields: &[
            (Class::Handle, "$.data[*].remote_id"),
            // In `extra_data.raw`.
            (Class::Handle, "$.from"),
            (Class::Name, "$.notifyName"),
        ],
        outside: &[
            ("8\u{a0}900\u{a0}123\u{2011}45\u{2011}67", QUOTED),
            ("79001234567", NAMED_FILE),
            ("5491155512345", QUOTED),
            ("+54 9 11 5551-2345", QUOTED),
            ("jose@nandu.example", QUOTED),
            ("Пётр Иванов", QUOTED),
            ("José Ñandú", QUOTED),
        ],
    },
    Case { payload: "chat2desk/operators_list", fields: &[(Class::Phone, "$..client_phone")], outside: &[] },
    Case {
        payload: "chat2desk/webhook_events",
        fields: &[
            (Class::Phone, "$[*].client['phone', 'client_phone']"),
            (Class::Phone, "$[*]['phone', 'client_phone']"),
            (Class::Name, "$[*].client['name', 'assigned_name']"),
            (Class::Name, "$[*]['name', 'assigned_name']"),
            (Class::Handle, "$[*].client.external_id"),
            (Class::Avatar, "$[*].avatar"),
        ],
        outside: &[("+7 900 123 45 67", QUOTED)],
    },
    Case {
        payload: "chatwoot/contacts_list",
        fields: &[
            (Class::Email, "$.payload[*].email"),
            (Class::Phone, "$.payload[*].phone_number"),
            (Class::Phone, "$.payload[*].custom_attributes.alt_phone"),
            (Class::Name, "$.payload[*].name"),
            (Class::Handle, "$.payload[*].identifier"),
            (Class::Handle, "$.payload[*].additional_attributes.social_profiles.*"),
            (
                Class::Handle,
                "$.payload[*].additional_attributes['social_telegram_user_id', 'social_telegram_user_name']",
            ),
            (Class::Avatar, "$.payload[*].thumbnail"),
        ],
        outside: &[("41791234567", UNDECIDED), ("807892411", UNDECIDED)],
    },
    Case {
        payload: "chatwoot/conversation_messages",
        fields: &[
            (Class::Email, "$.meta.contact.email"),
            (Class::Phone, "$.meta.contact.phone_number"),
            (Class::Name, "$.meta.contact.name"),
            (Class::Handle, "$.meta.contact.identifier"),
            (Class::Email, "$.payload[*].sender.email"),
            (Class::Phone, "$.payload[*].sender.phone_number"),
            (Class::Handle, "$.payload[*].sender.identifier"),
            (Class::Phone, "$.payload[*].attachments[*].fallback_title"),
            (Class::Name, "$.payload[*].attachments[*].meta['firstName', 'lastName']"),
            (Class::Email, "$.payload[*].content_attributes['cc_emails', 'bcc_emails', 'to_emails'][*]"),
            (Class::Email, "$.payload[*].content_attributes.email.from[*]"),
        ],
        outside: &[
            ("zoë.müller@example.ch", QUOTED),
            ("079 123 45 67", QUOTED),
            ("+41791234567", QUOTED),
            ("41791234567", QUOTED),
            ("+41 79 123 45 67", QUOTED),
            ("Zoë Müller", QUOTED),
            ("Zoë", QUOTED),
            ("Müller", QUOTED),
        ],
    },
    Case {
        payload: "chatwoot/actioncable_frames",
        fields: &[
            (Class::Email, "$..sender.email"),
            (Class::Phone, "$..sender.phone_number"),
            (Class::Name, "$..sender.name"),
            (Class::Handle, "$..sender.identifier"),
            (Class::Phone, "$..custom_attributes.alt_phone"),
            (Class::Handle, "$..social_profiles.*"),
            (Class::Handle, "$..contact_inbox.source_id"),
            (Class::Avatar, "$..thumbnail"),
            (Class::Email, "$.message.data.email"),
            (Class::Phone, "$.message.data.phone_number"),
            (Class::Name, "$.message.data.name"),
        ],
        outside: &[("079 123 45 67", QUOTED)],
    },
    Case { payload: "chatwoot/profile", fields: &[(Class::Email, "$.payload[*].email")], outside: &[] },
];

/// Payloads of a test of their own.
const FRAMED: &[&str] = &["thelounge/engineio_poll"];

/// Strings of these payloads that hold JSON: texts of frames, and what messengers sent.
pub(crate) const JSON_IN_STRINGS: &[&str] = &["$[*]", "$..extra_data.raw"];

fn redact(payload: &str, fields: &[(Class, &str)], display: Display) -> Vec<u8> {
    let body = fs::read(payloads().join(format!("{payload}.json"))).unwrap();
    let mut builder = Plan::builder();
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    for class in Class::ALL {
        builder = builder.display(class, display);
    }
    for selector in JSON_IN_STRINGS {
        builder = builder.json_in_string(&Selector::parse(selector).unwrap());
    }
    let plan = Arc::new(builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let outs = [body.len(), 1, 7, 64].map(|size| {
        let mut redactor = Redactor::json(Arc::clone(&plan));
        let mut out = Vec::new();
        for chunk in body.chunks(size) {
            redactor.write(chunk, &mut out).unwrap();
        }
        redactor.finish(&mut out).unwrap();
        out
    });
    let [whole, pieces @ ..] = outs;
    assert!(pieces.iter().all(|out| *out == whole), "{payload}: the output depends on the cuts");
    whole
}

/// Every name, string and number of a document, decoded, and of JSON in its strings.
pub(crate) fn texts(document: &[u8]) -> Vec<String> {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => texts.push(number.to_string()),
            Value::String(text) => {
                texts.push(text.clone());
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    collect(&inner, texts);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                texts.push(name.clone());
                collect(member, texts);
            }),
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_slice(document).unwrap(), &mut found);
    found
}

pub(crate) fn list(payload: &str, kind: &str) -> Vec<String> {
    let path = payloads().join(format!("{payload}.{kind}.txt"));
    let text = if path.exists() { fs::read_to_string(path).unwrap() } else { String::new() };
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

pub(crate) fn payloads() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads")
}
