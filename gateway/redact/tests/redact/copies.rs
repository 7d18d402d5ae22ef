//! Copies of fields' values in the rest of a document, and contacts by shape in plain text.

use std::{fs, path::PathBuf, sync::Arc};

use chatwarden_redact::{
    AliasKey, Class, Condition, Detector, Display, Format, Learnt, Limits, Plan, PlanBuilder, Redactor,
    Selector, Test, fuzz_text, mask,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::corpus;

#[test]
fn copies_are_hidden_before_and_behind_the_field() {
    let body = concat!(
        r#"{"text": "call 8 900 123-45-67", "79001234567": 79001234567, "id": 17340089, "#,
        r#""phone": "+7 (900) 123-45-67", "name": "Пётр Иванов", "jid": "79001234567@s.whatsapp.net", "#,
        r#""raw": "{\"from\":\"79001234567@c.us\",\"n\":\"\\u041f\\u0451\\u0442\\u0440 \\u0418\\u0432\\u0430\\u043d\\u043e\\u0432\"}", "#,
        r#""link": "https:\/\/x.example\/79001234567_n.jpg", "n": [9001234567, 79001234567.0, -79001234567]}"#,
    );
    let phone = mask(Class::Phone, Display::Alias, "+7 (900) 123-45-67", &key());
    let name = mask(Class::Name, Display::Alias, "Пётр Иванов", &key());
    let digits = &phone[1..];
    let expected = [
        r#"{"text": "call P", "P": D, "id": 17340089, "phone": "P", "name": "N", "jid": "P@s.whatsapp.net", "#,
        r#""raw": "{\"from\":\"P@c.us\",\"n\":\"N\"}", "link": "https:\/\/x.example\/P_n.jpg", "#,
        r#""n": [D, 79001234567.0, -79001234567]}"#,
    ]
    .concat()
    .replace("\"N\"", &format!("\"{name}\""))
    .replace("\\\"N\\\"", &format!("\\\"{name}\\\""))
    .replace("call P", &format!("call {phone}"))
    .replace("\"P\"", &format!("\"{phone}\""))
    .replace("P@", &format!("{phone}@"))
    .replace("/P_", &format!("/{phone}_"))
    .replace(": D", &format!(": {digits}"))
    .replace("[D", &format!("[{digits}"));
    let plan = copies(&[(Class::Phone, "$.phone"), (Class::Name, "$.name")]);
    assert_eq!(String::from_utf8(redact(&plan, body.as_bytes())).unwrap(), expected);
}

#[test]
fn what_is_kept_or_written_by_operators_is_no_place_for_copies() {
    let build = |builder: PlanBuilder| {
        let parse = |selector| Selector::parse(selector).unwrap();
        builder
            .field(Class::Name, &parse("$..client.name"))
            .field(Class::Phone, &parse("$..client.phone"))
            .keep(&parse("$..agent"))
            .keep(&parse("$..note"))
            .operator_text(&parse("$..answers[*]"))
            .copies(true)
    };
    let body = concat!(
        r#"{"client": {"name": "Anna Kovalenko", "phone": "79001234567"}, "#,
        r#""other": {"client": {"name": "Op One", "phone": "79995550000"}}, "#,
        r#""texts": ["Anna Kovalenko, Op One, 79995550000", "8 900 123 45 67"], "note": "call 8 900 123 45 67", "#,
        r#""agent": {"name": "Op One", "about": ["of Anna Kovalenko"], "phone": "+7 999 555-00-00"}, "#,
        r#""answers": ["Anna Kovalenko?", {"text": "8 900 123 45 67", "client": {"name": "Bob Jones"}}, "Op One"], "#,
        r#""end": "Anna Kovalenko, Bob Jones"}"#,
    );
    let plan = Arc::new(build(Plan::builder()).build(&key()).unwrap());
    let out = String::from_utf8(redact(&plan, body.as_bytes())).unwrap();
    let shown = |class, value| mask(class, Display::Alias, value, &key());
    let (anna, bob) = (shown(Class::Name, "Anna Kovalenko"), shown(Class::Name, "Bob Jones"));
    let phone = shown(Class::Phone, "79001234567");
    let one = (shown(Class::Name, "Op One"), shown(Class::Phone, "79995550000"));
    let expected = body
        .replace(
            r#""name": "Anna Kovalenko", "phone": "79001234567""#,
            &format!(r#""name": "{anna}", "phone": "{phone}""#),
        )
        .replace(
            r#"{"name": "Op One", "phone": "79995550000"}"#,
            &format!(r#"{{"name": "{}", "phone": "{}"}}"#, one.0, one.1),
        )
        .replace(
            r#"["Anna Kovalenko, Op One, 79995550000", "8 900 123 45 67"]"#,
            &format!(r#"["{anna}, Op One, 79995550000", "{phone}"]"#),
        )
        .replace(r#"{"name": "Bob Jones"}"#, &format!(r#"{{"name": "{bob}"}}"#))
        .replace(r#""end": "Anna Kovalenko, Bob Jones""#, &format!(r#""end": "{anna}, {bob}""#));
    assert_eq!(out, expected);
}

#[test]
fn free_text_that_operators_wrote_is_read_by_shape_and_has_no_copies() {
    let parse = |selector| Selector::parse(selector).unwrap();
    let test = Test::OneOf(vec!["contact".to_owned()]);
    let condition = Condition { member: "type".to_owned(), levels: 0..=0, test };
    let builder = Plan::builder()
        .field(Class::Name, &parse("$..client"))
        .field(Class::Phone, &parse("$..phone"))
        .field_when(Class::Name, &parse("$..text"), &[condition])
        .text(&parse("$..text"))
        .text(&parse("$..free"))
        .operator_text(&parse("$..text"))
        .operator_text(&parse("$..answer"))
        .copies(true);
    let body = concat!(
        r#"{"client": "Anna Kovalenko", "phone": "79001234567", "#,
        r#""a": {"text": "Anna Kovalenko, anna@example.com"}, "b": {"text": ["Anna Kovalenko", 79001234567]}, "#,
        r#""c": {"text": "Anna Kovalenko", "type": "user"}, "d": {"answer": {"free": "Anna Kovalenko"}}, "#,
        r#""e": {"text": {"client": "Bob Jones", "x": "Anna Kovalenko"}}, "text": 79001234567, "#,
        r#""f": {"free": "Anna Kovalenko"}, "end": "Anna Kovalenko, Bob Jones"}"#,
    );
    let shown = |class, value| mask(class, Display::Alias, value, &key());
    let (anna, bob) = (shown(Class::Name, "Anna Kovalenko"), shown(Class::Name, "Bob Jones"));
    let fields = body
        .replace(r#""client": "Anna Kovalenko""#, &format!(r#""client": "{anna}""#))
        .replace(
            r#""phone": "79001234567""#,
            &format!(r#""phone": "{}""#, shown(Class::Phone, "79001234567")),
        )
        .replace(r#""client": "Bob Jones""#, &format!(r#""client": "{bob}""#));
    let copied = fields
        .replace(r#"{"free": "Anna Kovalenko"}, "end""#, &format!(r#"{{"free": "{anna}"}}, "end""#))
        .replace(r#""end": "Anna Kovalenko, Bob Jones""#, &format!(r#""end": "{anna}, {bob}""#));
    let shaped = copied.replace("anna@example.com", &shown(Class::Email, "anna@example.com"));
    for (patterns, expected) in [(true, shaped), (false, copied)] {
        let plan = Arc::new(builder.clone().patterns(patterns).build(&key()).unwrap());
        assert_eq!(String::from_utf8(redact(&plan, body.as_bytes())).unwrap(), expected, "{patterns}");
    }
}

#[test]
fn json_in_a_string_has_no_copies_in_what_operators_wrote() {
    let parse = |selector| Selector::parse(selector).unwrap();
    let plan = Plan::builder()
        .field(Class::Name, &parse("$..client"))
        .json_in_string(&parse("$..wrapped"))
        .text(&parse("$..text"))
        .operator_text(&parse("$..text"))
        .keep(&parse("$..agent"))
        .patterns(true)
        .copies(true);
    let plan = Arc::new(plan.build(&key()).unwrap());
    let wrap = |value: Value| serde_json::json!({ "wrapped": value.to_string() });
    let body = |name: &str| {
        let inner =
            serde_json::json!({ "a": name, "text": ["Anna Kovalenko"], "agent": "to Anna Kovalenko" });
        let deeper =
            serde_json::json!({ "b": ["at\n", name], "c": wrap(inner.clone()), "text": "Anna Kovalenko" });
        let odd = format!("{{ {name}");
        serde_json::json!([{ "client": name }, wrap(inner), wrap(deeper), { "wrapped": odd }, name])
            .to_string()
    };
    // The odd one claims to be JSON.
    let odd = |text: String, name: &str| text.replace(&format!("{{ {name}"), "hidden");
    let alias = mask(Class::Name, Display::Alias, "Anna Kovalenko", &key());
    let shown = String::from_utf8(redact(&plan, body("Anna Kovalenko").as_bytes())).unwrap();
    assert_eq!(shown, odd(body(&alias), &alias));
}

#[test]
fn a_form_has_no_copies_in_what_operators_wrote() {
    let parse = |selector| Selector::parse(selector).unwrap();
    let plan = Plan::builder()
        .field(Class::Name, &parse("$..client"))
        .text(&parse("$..text"))
        .operator_text(&parse("$..text"))
        .copies(true)
        .patterns(true);
    let plan = Arc::new(plan.build(&key()).unwrap());
    let mut redactor = Redactor::new(plan, Format::Form, Limits::default()).with_copies(Arc::default());
    let mut out = Vec::new();
    let body = "client=Anna+Kovalenko&x[text]=Anna+Kovalenko+at+anna%40example.com&y=Anna+Kovalenko+here";
    redactor.write(body.as_bytes(), &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    let name = mask(Class::Name, Display::Alias, "Anna Kovalenko", &key()).replace(' ', "+");
    let mail = mask(Class::Email, Display::Alias, "anna@example.com", &key()).replace('@', "%40");
    let expected = format!("client={name}&x[text]=Anna+Kovalenko+at+{mail}&y={name}+here");
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn marks_do_not_disturb_conditions() {
    let parse = |selector| Selector::parse(selector).unwrap();
    let test = Test::OneOf(vec!["contact".to_owned()]);
    let condition = Condition { member: "type".to_owned(), levels: 0..=0, test };
    let plan = Plan::builder()
        .field_when(Class::Name, &parse("$..sender.name"), &[condition])
        .keep(&parse("$..sender.note"))
        .operator_text(&parse("$..sender"))
        .copies(true);
    let plan = Arc::new(plan.build(&key()).unwrap());
    let body = r#"[{"sender": {"name": "Anna Kovalenko", "note": "to Anna Kovalenko", "type": "contact"}}, {"sender": {"name": "Op One", "type": "user"}}, "Anna Kovalenko and Op One"]"#;
    let anna = mask(Class::Name, Display::Alias, "Anna Kovalenko", &key());
    let expected = body
        .replace(r#"{"name": "Anna Kovalenko""#, &format!(r#"{{"name": "{anna}""#))
        .replace("\"Anna Kovalenko and", &format!("\"{anna} and"));
    assert_eq!(String::from_utf8(redact(&plan, body.as_bytes())).unwrap(), expected);
}

#[test]
fn bodies_of_an_account_share_what_they_learnt() {
    let plan = copies(&[(Class::Email, "$.email")]);
    let learnt = Arc::new(Learnt::default());
    let run = |body: &str| {
        let mut redactor = Redactor::json(Arc::clone(&plan)).with_copies(Arc::clone(&learnt));
        let mut out = Vec::new();
        redactor.write(body.as_bytes(), &mut out).unwrap();
        redactor.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let later = r#"["anna@example.com"]"#;
    assert_eq!(run(later), later);
    run(r#"{"email": "anna@example.com"}"#);
    assert_ne!(run(later), later);
    let mut redactor = Redactor::new(plan, Format::Text, Limits::default()).with_copies(learnt);
    let mut out = Vec::new();
    redactor.write(b"hi anna@example.com", &mut out).unwrap();
    assert_eq!(redactor.finish(&mut out).unwrap().hidden[Class::Email.index()], 1);
    let shown = mask(Class::Email, Display::Alias, "anna@example.com", &key());
    assert_eq!(out, format!("hi {shown}").into_bytes());
}

#[test]
fn an_alias_in_its_field_is_no_copy_and_leaves_no_mark() {
    let [phone, short] = ["+7 900 123-45-67", "12"];
    let [alias, of_short] = [phone, short].map(|value| mask(Class::Phone, Display::Alias, value, &key()));
    let body = |phone: &str, short: &str| {
        format!(r#"[{{"phone": "{phone}", "waits": "{short}", "kind": "a"}}, {{"text": "{alias}"}}]"#)
    };
    let selector = |selector| Selector::parse(selector).unwrap();
    let test = Test::OneOf(vec!["a".to_owned()]);
    let is_a = Condition { member: "kind".to_owned(), levels: 0..=0, test };
    let plan = Plan::builder()
        .field(Class::Phone, &selector("$[*].phone"))
        .field_when(Class::Phone, &selector("$[*].waits"), &[is_a])
        .copies(true);
    let plan = Arc::new(plan.build(&key()).unwrap());
    assert_eq!(redact(&plan, body(short, short).as_bytes()), body(&of_short, &of_short).into_bytes());
    // Somebody wrote the alias itself into a field once.
    let learnt = Arc::new(Learnt::default());
    learnt.learn(&key(), Class::Phone, alias.as_bytes());
    let mut redactor = Redactor::json(plan).with_copies(learnt);
    let mut out = Vec::new();
    redactor.write(body(phone, short).as_bytes(), &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    let again = mask(Class::Phone, Display::Alias, &alias, &key());
    let text = format!(r#""text": "{alias}""#);
    let expected = body(&alias, &of_short).replace(&text, &text.replace(&alias, &again));
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn a_body_longer_than_the_window_is_swept_as_it_goes_on() {
    let limits = Limits { copies_window: 2_000, ..Limits::default() };
    let plan = copies(&[(Class::Phone, "$[*].phone")]);
    let long = "x".repeat(90_000);
    let mut body = String::from("[");
    for index in 0..300 {
        body.push_str(&format!(
            r#"{{"a":"8 900 {:07}","phone":"+7900{:07}","b":"8 900 {:07}"}},"#,
            index, index, index
        ));
    }
    body.push_str(&format!(r#""{long} 8 900 0000007 {long} 89000000008{long}","{long}"]"#));
    let mut outs: Vec<(Vec<u8>, u64)> = Vec::new();
    for size in [body.len(), 1, 7, 1_999, 2_001, 20_000] {
        let mut redactor = Redactor::new(Arc::clone(&plan), Format::Json, limits);
        let mut out = Vec::new();
        let mut held = 0;
        let mut taken = 0;
        for chunk in body.as_bytes().chunks(size) {
            redactor.write(chunk, &mut out).unwrap();
            taken += chunk.len();
            held = held.max(taken.saturating_sub(out.len()));
        }
        assert!(size > 100 || held < 120_000, "{held} bytes are held");
        let summary = redactor.finish(&mut out).unwrap();
        outs.push((out, summary.hidden[Class::Phone.index()]));
    }
    assert!(outs.iter().all(|out| *out == outs[0]), "the output depends on the cuts");
    let out = String::from_utf8(outs[0].0.clone()).unwrap();
    assert!(!out.contains(r#""b":"8 900"#), "a copy behind its field is shown");
    assert!(!out.contains("8 900 0000007 ") && !out.contains("89000000008"));
    // In the window a copy before its field is hidden, too.
    assert!(!out.contains(r#""a":"8 900 0000003""#));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap().as_array().unwrap().len(), 302);
}

#[test]
fn payloads_show_no_copy_and_what_is_kept_stays() {
    for (payload, fields) in PAYLOADS {
        let body = fs::read(payloads().join(format!("{payload}.json"))).unwrap();
        let out = String::from_utf8(redact(&copies(fields), &body)).unwrap();
        let texts = texts(&out);
        let is_shown = |value: &str| texts.iter().any(|text| text.contains(value));
        for secret in list(payload, "contacts").iter().filter(|secret| !UNDECLARED.contains(&secret.as_str()))
        {
            assert!(!is_shown(secret), "{payload}: {secret} is shown");
        }
        for kept in list(payload, "keep") {
            assert!(is_shown(&kept), "{payload}: {kept} is gone");
        }
    }
}

#[test]
fn no_kept_text_of_any_payload_has_the_shape_of_a_contact() {
    let mut seen = 0;
    for folder in ["chat2desk", "chatwoot", "thelounge"] {
        for entry in fs::read_dir(payloads().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let payload = format!("{folder}/{}", path.file_stem().unwrap().to_string_lossy());
            let (kept, contacts) = (list(&payload, "keep"), list(&payload, "contacts"));
            for text in texts(&fs::read_to_string(&path).unwrap()) {
                let mut found = Vec::new();
                Detector.find(&text, &mut found);
                for found in found {
                    let found = &text[found.range];
                    if contacts.iter().any(|contact| contact.contains(found)) {
                        seen += 1;
                        continue;
                    }
                    let kept = kept.iter().find(|kept| kept.contains(found) || found.contains(kept.as_str()));
                    assert!(
                        kept.is_none_or(|kept| OWN.contains(&kept.as_str())),
                        "{payload}: {found} is {kept:?}"
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 40, "contacts are found, too: {seen}");
}

#[test]
fn each_text_of_a_sequence_is_swept_and_learnt_from() {
    let plan = copies(&[(Class::Phone, "$.phone"), (Class::Name, "$.name")]);
    let body = concat!(
        "{\"t\": \"8 900 123-45-67\", \"phone\": \"+79001234567\"}\n",
        "{\"t\": \"8 900 123-45-67 and Anna Kovalenko\"}\n",
        "{\"t\": \"Anna Kovalenko\", \"name\": \"Anna Kovalenko\"}\n",
        "{\"t\": \"Anna Kovalenko\"}\n",
    );
    let mut redactor = Redactor::new(plan, Format::JsonSequence, Limits::default());
    let mut out = Vec::new();
    for line in body.split_inclusive('\n') {
        let before = out.len();
        redactor.write(line.as_bytes(), &mut out).unwrap();
        assert_eq!(out[before..].iter().filter(|byte| **byte == b'\n').count(), 1, "a line is held");
    }
    let summary = redactor.finish(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains("8 900 123"), "{out}");
    assert_eq!(out.matches("Anna Kovalenko").count(), 1, "{out}");
    assert_eq!((summary.hidden[Class::Phone.index()], summary.hidden[Class::Name.index()]), (3, 3));
}

#[test]
fn events_and_scripts_of_pages_are_swept() {
    let plan = copies(&[(Class::Phone, "$.phone")]);
    let phone = mask(Class::Phone, Display::Alias, "+79001234567", &key());
    let events = concat!(
        "event: a\ndata: {\"t\": \"8 900 123-45-67\",\ndata: \"phone\": \"+79001234567\"}\n\n",
        "data: {\"t\": \"8 900 123-45-67\"}\n\n",
    );
    let page = concat!(
        "<p>Hi</p><script type=\"application/json\">{\"t\": \"8 900 123-45-67\", ",
        "\"phone\": \"+79001234567\"}</script>",
    );
    for (format, body) in [(Format::EventStream, events), (Format::Html, page)] {
        let outs = [body.len(), 1, 7].map(|size| {
            let mut redactor = Redactor::new(Arc::clone(&plan), format, Limits::default());
            let mut out = Vec::new();
            for chunk in body.as_bytes().chunks(size) {
                redactor.write(chunk, &mut out).unwrap();
            }
            redactor.finish(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        });
        let expected = body.replace("8 900 123-45-67", &phone).replace("+79001234567", &phone);
        for out in outs {
            assert_eq!(out, expected);
        }
    }
}

#[test]
fn free_text_shows_the_alias_of_the_field() {
    let parse = |selector| Selector::parse(selector).unwrap();
    let plan = Plan::builder().field(Class::Phone, &parse("$.phone")).text(&parse("$.text"));
    let body = r#"{"phone": "+79161112233", "text": "8 (916) 111-22-33, bob\u0040example.org, 28.07.2026"}"#;
    let phone = mask(Class::Phone, Display::Alias, "+79161112233", &key());
    let mail = mask(Class::Email, Display::Alias, "bob@example.org", &key());
    let hidden = format!(r#"{{"phone": "{phone}", "text": "{phone}, {mail}, 28.07.2026"}}"#);
    let shown = body.replace(r#""phone": "+79161112233""#, &format!(r#""phone": "{phone}""#));
    for (patterns, expected) in [(true, hidden), (false, shown)] {
        let plan = Arc::new(plan.clone().patterns(patterns).build(&key()).unwrap());
        assert_eq!(String::from_utf8(redact(&plan, body.as_bytes())).unwrap(), expected);
    }
}

#[test]
fn plain_text_is_redacted_alike_at_every_cut() {
    let plan = copies(&[]);
    let learnt = Arc::new(Learnt::default());
    let mut teacher = Redactor::json(copies(&[(Class::Name, "$[*]")])).with_copies(Arc::clone(&learnt));
    teacher.write("[\"Пётр Иванов\", \"Anna Maria Kovalenko\"]".as_bytes(), &mut Vec::new()).unwrap();
    let numbers: String = (0..900).map(|number| format!("{number} ")).collect();
    let text = format!(
        "Hi, this is Anna Maria Kovalenko, call me at 8 (916) 111-22-33 or mail anna@example.com today please now\n\
         Пётр\nИванов и Пётр Иванов, order 41791234 on 28.07.2026 for 1 234 567 RUB\n{numbers} +7 916 111-22-33 {numbers}{}89161112233 {}",
        "word ".repeat(5_000),
        "x@y".repeat(9_000),
    );
    let run = |size: usize| {
        let mut redactor = Redactor::new(Arc::clone(&plan), Format::Text, Limits::default())
            .with_copies(Arc::clone(&learnt));
        let mut out = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            redactor.write(chunk, &mut out).unwrap();
        }
        let summary = redactor.finish(&mut out).unwrap();
        (String::from_utf8(out).unwrap(), summary)
    };
    let (whole, summary) = run(text.len());
    for size in [13, 64, 5_000, 16_384, 40_000] {
        assert!(run(size) == (whole.clone(), summary), "by {size}");
    }
    assert_eq!(summary.hidden[Class::Phone.index()], 3);
    assert_eq!(summary.hidden[Class::Name.index()], 2);
    assert_eq!(summary.hidden[Class::Email.index()], 1);
    assert!(whole.contains("Пётр\nИванов и Client "));
    assert!(whole.contains("order 41791234 on 28.07.2026 for 1 234 567 RUB"));
}

#[test]
fn a_line_of_words_leaves_before_its_end() {
    let mut redactor = Redactor::new(copies(&[]), Format::Text, Limits::default());
    let mut out = Vec::new();
    redactor.write(b"one two three four five six seven eight nine call 8 916 111", &mut out).unwrap();
    assert_eq!(out, b"one two three four five ");
    redactor.write(b"-22-33 one two three four five six seven", &mut out).unwrap();
    let shown = mask(Class::Phone, Display::Alias, "+79161112233", &key());
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains(&shown) && out.ends_with("one "), "{out}");
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let mut redactor = Redactor::new(copies(&[]), Format::Text, Limits::default());
    let error = redactor.write(b"ok \xcf\xf0\xe8\xe2\xe5\xf2", &mut Vec::new()).unwrap_err();
    assert_eq!(error.name(), "invalid-utf-8");
    let mut redactor = Redactor::new(copies(&[]), Format::Text, Limits::default());
    redactor.write(b"ok \xd0", &mut Vec::new()).unwrap();
    assert_eq!(redactor.finish(&mut Vec::new()).unwrap_err().name(), "invalid-utf-8");
}

#[test]
fn texts_of_the_corpus_and_their_mutations_hold_what_must_hold() {
    corpus::holds("text", 800, fuzz_text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn text_loses_nothing_but_what_is_found(text in text(), cuts in proptest::collection::vec(1_usize..60, 1..20)) {
        let plan = hidden();
        let mut found = Vec::new();
        Detector.find(&text, &mut found);
        let (mut expected, mut at) = (String::new(), 0);
        for found in &found {
            prop_assert!(found.range.start >= at && found.range.end > found.range.start);
            expected.push_str(&text[at..found.range.start]);
            expected.push_str(&mask(found.class, Display::Hidden, "x", &key()));
            at = found.range.end;
        }
        expected.push_str(&text[at..]);
        let mut redactor = Redactor::new(plan, Format::Text, Limits::default());
        let mut out = Vec::new();
        let mut rest = text.as_bytes();
        for &cut in cuts.iter().cycle() {
            let (chunk, later) = rest.split_at(cut.min(rest.len()));
            redactor.write(chunk, &mut out).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        redactor.finish(&mut out).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_learnt_number_is_found_in_every_spelling(
        digits in "9[0-9]{9}",
        field in 0..8_usize,
        copy in 0..8_usize,
    ) {
        let spell = |form: usize| {
            let (a, b, c, d) = (&digits[..3], &digits[3..6], &digits[6..8], &digits[8..]);
            match form {
                0 => format!("+7{digits}"),
                1 => format!("8 ({a}) {b}-{c}-{d}"),
                2 => format!("7{digits}@s.whatsapp.net"),
                3 => format!("%2B7%20{a}%20{b}{c}{d}"),
                4 => format!("&#43;7&nbsp;{a}&nbsp;{b}-{c}-{d}"),
                5 => format!("007{digits}"),
                6 => format!("{a} {b} {c} {d}"),
                _ => format!("+7\u{2009}{a}\u{2011}{b}\u{2011}{c}{d}"),
            }
        };
        let body = format!(r#"{{"t": "a {} b", "phone": "{}", "u": "{}"}}"#, spell(copy), spell(field), spell(copy));
        let out = redact(&copies(&[(Class::Phone, "$.phone")]), body.as_bytes());
        let out = String::from_utf8(out).unwrap();
        let shown = mask(Class::Phone, Display::Alias, &spell(field), &key());
        let copies = out.matches(&shown).count() + out.matches(&shown.replace('+', "%2B")).count();
        prop_assert_eq!(copies, 3, "{}", out);
    }
}

/// Texts of contacts, near contacts and words.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("8 916 111-22-33".to_owned()),
        Just("+7916".to_owned()),
        Just("111 22 33".to_owned()),
        Just("anna@".to_owned()),
        Just("anna@example.com".to_owned()),
        Just("28.07.2026".to_owned()),
        Just("тел".to_owned()),
        Just("№ ".to_owned()),
        Just("%2B".to_owned()),
        Just("&#43;".to_owned()),
        Just("\\u002b".to_owned()),
        Just("https://x.example/".to_owned()),
        Just("слово word ".to_owned()),
        "[0-9]{1,12}",
        "[ \\-.,:/()@+\n]{1,3}",
        "[a-zа-я]{1,8} ",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Values that no field of these payloads declares, and that are no copies of one that is declared.
const UNDECLARED: [&str; 3] = ["petr@primer.ru", "zoe_m", "zmueller_ch"];

/// What is kept by its place, though it has the shape of a contact: colleagues and numbers of the company.
const OWN: [&str; 7] = [
    "op1@company.example",
    "super@company.example",
    "admin@company.example",
    "79991112233",
    "79995550000",
    "79995550001",
    "users",
];

const PAYLOADS: &[(&str, &[(Class, &str)])] = &[
    (
        "chat2desk/client",
        &[
            (Class::Phone, "$.data['phone', 'client_phone']"),
            (Class::Name, "$.data['name', 'assigned_name']"),
            (Class::Avatar, "$.data.avatar"),
        ],
    ),
    (
        "chatwoot/conversation_messages",
        &[
            (Class::Email, "$.meta.contact.email"),
            (Class::Phone, "$.meta.contact.phone_number"),
            (Class::Name, "$.meta.contact.name"),
            (Class::Handle, "$.meta.contact.identifier"),
        ],
    ),
];

fn copies(fields: &[(Class, &str)]) -> Arc<Plan> {
    let mut builder = Plan::builder().copies(true).patterns(true);
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    Arc::new(builder.build(&key()).unwrap())
}

fn hidden() -> Arc<Plan> {
    let mut builder = Plan::builder().patterns(true);
    for class in Class::ALL {
        builder = builder.display(class, Display::Hidden);
    }
    Arc::new(builder.build(&key()).unwrap())
}

/// Redacts at several cuts, whose outputs are the same.
fn redact(plan: &Arc<Plan>, body: &[u8]) -> Vec<u8> {
    let outs = [body.len(), 1, 7, 64].map(|size| {
        let mut redactor = Redactor::json(Arc::clone(plan));
        let mut out = Vec::new();
        for chunk in body.chunks(size.max(1)) {
            redactor.write(chunk, &mut out).unwrap();
        }
        redactor.finish(&mut out).unwrap();
        out
    });
    let [whole, pieces @ ..] = outs;
    assert!(pieces.iter().all(|out| *out == whole), "the output depends on the cuts");
    whole
}

/// Every name, string and number of a document, decoded.
fn texts(document: &str) -> Vec<String> {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => texts.push(number.to_string()),
            Value::String(text) => texts.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                texts.push(name.clone());
                collect(member, texts);
            }),
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(document).unwrap(), &mut found);
    found
}

fn list(payload: &str, kind: &str) -> Vec<String> {
    let path = payloads().join(format!("{payload}.{kind}.txt"));
    let text = if path.exists() { fs::read_to_string(path).unwrap() } else { String::new() };
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn payloads() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/payloads")
}

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}
