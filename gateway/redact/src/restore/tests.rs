//! Tests of the way back: what is restored, dropped and refused in each format.

use super::*;
use crate::{
    alias::AliasKey, mask::mask, plan::Condition, plan::Test, selector::Selector, vault::MemoryVault,
};

/// A plan with a vault, and restorers for it.
struct Gateway {
    plan: Arc<Plan>,
    key: AliasKey,
}

impl Gateway {
    fn new() -> Gateway {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let selector = |text| Selector::parse(text).unwrap();
        let role = Condition {
            member: "role".to_owned(),
            levels: 0..=0,
            test: Test::OneOf(vec!["default".to_owned()]),
        };
        let plan = Plan::builder()
            .keep(&selector("$.me"))
            .field(Class::Phone, &selector("$..phone"))
            .field(Class::Email, &selector("$..email"))
            .field(Class::Name, &selector("$..name"))
            .field(Class::Handle, &selector("$..handle"))
            .field(Class::Avatar, &selector("$..avatar"))
            .field(Class::Phone, &selector("$.phones[*]"))
            .field_when(Class::Name, &selector("$..title"), &[role])
            .vault(Arc::new(MemoryVault::new(1 << 20)))
            .build(&key)
            .unwrap();
        Gateway { plan: Arc::new(plan), key }
    }

    fn shown(&self, class: Class, value: &str) -> String {
        let mut shown = String::new();
        self.plan.write_text(class, value.as_bytes(), &mut shown);
        shown
    }

    fn restorer(&self, restores: bool, on_masked: OnMasked) -> Restorer {
        let keys = Arc::new(KeyRing::from(self.key.clone()));
        let options = RestoreOptions { restores, on_masked, ..RestoreOptions::default() };
        Restorer::new(Arc::clone(&self.plan), keys, options).unwrap()
    }
}

/// What goes upstream, or why nothing does.
fn outcome(restored: Result<Restored<'_>, RestoreError>) -> Result<String, String> {
    let restored = restored.map_err(|error| error.to_string())?;
    let body = restored.into_body().map_err(|refusal| refusal.name().to_owned())?;
    Ok(String::from_utf8(body.into_owned()).unwrap())
}

const REFUSED: Result<&str, &str> = Err("masked-value");

#[test]
fn an_alias_in_a_declared_field_of_its_class_becomes_its_value() {
    let gateway = Gateway::new();
    let phone = gateway.shown(Class::Phone, "+370 612 34567");
    let number = gateway.plan.number(Class::Phone, b"79161112233");
    let odd = gateway.plan.number(Class::Phone, b"7.9e10");
    let name = gateway.shown(Class::Name, "Anna \"K\" \\ \u{1}Пётр");
    let called = gateway.shown(Class::Name, "+37061234567");
    let avatar = gateway.shown(Class::Avatar, "https://example.com/a.jpg");
    let handle = gateway.key.seal(Class::Handle, b"79161112233@c.us");
    let cases = [
        (
            format!(r#" {{ "phone" : "{phone}" , "id":1.0 }} "#),
            r#" { "phone" : "+370 612 34567" , "id":1.0 } "#,
        ),
        (
            format!(r#"{{"a":[{{"\u0070hone":" {} "}}]}}"#, phone.replace('+', "\\u002b")),
            r#"{"a":[{"\u0070hone":"+370 612 34567"}]}"#,
        ),
        (format!(r#"{{"phone":{number}}}"#), r#"{"phone":79161112233}"#),
        (format!(r#"{{"phone":{odd}}}"#), r#"{"phone":7.9e10}"#),
        (format!(r#"{{"phone":"{number}"}}"#), r#"{"phone":"79161112233"}"#),
        (format!(r#"{{"phone":{}}}"#, &phone[1..]), r#"{"phone":"+370 612 34567"}"#),
        (
            format!(r#"{{"name":"{}"}}"#, name.to_lowercase()),
            "{\"name\":\"Anna \\\"K\\\" \\\\ \\u0001Пётр\"}",
        ),
        (format!(r#"{{"name":"{called}"}}"#), r#"{"name":"+37061234567"}"#),
        (
            format!(r#"{{"avatar":"https:\/\/chat.example.com{avatar}"}}"#),
            r#"{"avatar":"https://example.com/a.jpg"}"#,
        ),
        (format!(r#"{{"handle":"{handle}"}}"#), r#"{"handle":"79161112233@c.us"}"#),
        (
            format!(r#"{{"phone":{{"a":["{phone}",null,true]}}}}"#),
            r#"{"phone":{"a":["+370 612 34567",null,true]}}"#,
        ),
        (format!(r#"{{"phone":"{phone}","phone":"{phone}"}}"#), ""),
        (format!(r#"{{"title":"{name}","role":["default"]}}"#), ""),
        (
            format!(r#"{{"title":"{name}","role":"default"}}"#),
            "{\"title\":\"Anna \\\"K\\\" \\\\ \\u0001Пётр\",\"role\":\"default\"}",
        ),
    ];
    for (body, expected) in cases {
        let got = outcome(gateway.restorer(true, OnMasked::Refuse).json(body.as_bytes(), &|_| None));
        if expected.is_empty() {
            assert_eq!(got, Err("the body decides in two ways what is declared".to_owned()), "{body}");
        } else {
            assert_eq!(got.as_deref(), Ok(expected), "{body}");
        }
    }
}

#[test]
fn a_body_without_marks_leaves_as_it_came_and_uncopied() {
    let gateway = Gateway::new();
    let body = br#" {"phone":"+37061234567","name":"Anna K.","note":"hidden","count":0,"a":"+\u2022\u2022\u2022\u2022"} "#;
    let restored = gateway.restorer(true, OnMasked::Refuse).json(body, &|_| None).unwrap();
    assert!(restored.findings().is_empty());
    assert!(matches!(restored.into_body(), Ok(Cow::Borrowed(same)) if same == body));
}

#[test]
fn what_must_not_be_written_is_refused() {
    let gateway = Gateway::new();
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let name = gateway.shown(Class::Name, "Anna");
    let stranger = mask(Class::Phone, Display::Alias, "never seen", &gateway.key);
    let bodies = [
        r#"{"phone":"hidden"}"#.to_owned(),
        r#"{"phone":"+•••••••07"}"#.to_owned(),
        r#"{"phone":"+\u2022\u2022\u2022\u2022\u2022\u2022\u202207"}"#.to_owned(),
        r#"{"phone":0}"#.to_owned(),
        r#"{"email":"HIDDEN@client.invalid"}"#.to_owned(),
        format!(r#"{{"phone":"{stranger}"}}"#),
        r#"{"name":"Client 7F3KQ-2MX9U"}"#.to_owned(),
        // In another field, in none, on a route of one's own, and in a key.
        format!(r#"{{"email":"{phone}"}}"#),
        format!(r#"{{"name":"{}"}}"#, gateway.shown(Class::Phone, "none")),
        format!(r#"{{"handle":"{name}"}}"#),
        format!(r#"{{"other":"{name}"}}"#),
        format!(r#"{{"other":{}}}"#, &phone[1..]),
        format!(r#"{{"me":{{"name":"{name}"}}}}"#),
        format!(r#"{{"{phone}":1}}"#),
        format!("\"{phone}\""),
        // Under a condition that is not met.
        format!(r#"{{"title":"{name}","role":"operator"}}"#),
        format!(r#"{{"title":"{name}"}}"#),
    ];
    for body in bodies {
        let got = outcome(gateway.restorer(true, OnMasked::Refuse).json(body.as_bytes(), &|_| None));
        assert_eq!(got.as_deref(), REFUSED.map_err(str::to_owned).as_ref().map(|s| &**s), "{body}");
    }
    for body in [
        format!(r#"{{"text":"Dear {name}, hello"}}"#),
        format!(r#"{{"name":"Dear {name}"}}"#),
        format!(r#"{{"payload":"{{\"phone\":\"{phone}\"}}"}}"#),
    ] {
        let got = outcome(gateway.restorer(true, OnMasked::Drop).json(body.as_bytes(), &|_| None));
        assert_eq!(got, Err("alias-in-message".to_owned()), "{body}");
    }
}

#[test]
fn where_nothing_is_restored_an_alias_is_refused_or_dropped() {
    let gateway = Gateway::new();
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let body = format!(r#"{{"id":1,"phone":"{phone}"}}"#);
    let got = |on_masked| outcome(gateway.restorer(false, on_masked).json(body.as_bytes(), &|_| None));
    assert_eq!(got(OnMasked::Refuse), Err("masked-value".to_owned()));
    assert_eq!(got(OnMasked::Drop), Ok(r#"{"id":1}"#.to_owned()));
}

#[test]
fn a_masked_member_of_an_update_is_left_out_with_its_comma() {
    let gateway = Gateway::new();
    let alias = gateway.shown(Class::Phone, "+37061234567");
    let cases = [
        (r#"{"phone":"hidden"}"#, "{}"),
        (r#"{ "phone" : "hidden" }"#, "{ }"),
        (r#"{"phone":0,"id":1}"#, r#"{"id":1}"#),
        (r#"{ "phone" : 0 , "id" : 1 }"#, r#"{ "id" : 1 }"#),
        (r#"{"id":1,"phone":0}"#, r#"{"id":1}"#),
        (r#"{"id":1 , "phone":0 , "b":2}"#, r#"{"id":1 , "b":2}"#),
        (r#"{"phone":0,"email":"hidden@client.invalid","name":"m•••@•••.com"}"#, "{}"),
        (r#"{"phone":0,"email":"hidden@client.invalid","id":1}"#, r#"{"id":1}"#),
        (r#"{"phone":0,"id":1,"name":"hidden"}"#, r#"{"id":1}"#),
        (r#"{"id":1,"phone":0,"name":"hidden","b":{"phone":0}}"#, r#"{"id":1,"b":{}}"#),
        (r#"{"phone":{"a":0,"b":"x"},"id":1}"#, r#"{"phone":{"b":"x"},"id":1}"#),
        (r#"{"phone":0,"name":"ALIAS","id":1}"#, r#"{"id":1}"#),
        (r#"{"phone":"ALIAS","name":"hidden","other":"ALIAS"}"#, r#"{"phone":"+37061234567"}"#),
    ];
    for (body, expected) in cases {
        let body =
            body.replace("\"name\":\"ALIAS\"", &format!("\"email\":\"{alias}\"")).replace("ALIAS", &alias);
        let got = outcome(gateway.restorer(true, OnMasked::Drop).json(body.as_bytes(), &|_| None));
        assert_eq!(got.as_deref(), Ok(expected), "{body}");
    }
    // An array replaces the one that is there, so nothing can be left out of it.
    for body in [r#"{"phones":["+37061234567","hidden"]}"#, r#"{"a":[{"phone":0}]}"#, r#"[{"phone":0}]"#] {
        let got = outcome(gateway.restorer(true, OnMasked::Drop).json(body.as_bytes(), &|_| None));
        assert_eq!(got, Err("masked-value".to_owned()), "{body}");
    }
}

#[test]
fn forms_are_restored_by_the_ways_that_their_names_spell() {
    let gateway = Gateway::new();
    let phone = gateway.shown(Class::Phone, "+370 (612) 34567 & more");
    let sent = phone.replace('+', "%2B");
    let name = gateway.shown(Class::Name, "Anna").replace(' ', "+");
    let cases: Vec<(String, Result<&str, &str>)> = vec![
        (
            format!("id=1&contact[phone]={sent}&x=a+b"),
            Ok("id=1&contact[phone]=%2B370%20%28612%29%2034567%20%26%20more&x=a+b"),
        ),
        (
            format!("contact%5Bphone%5D={phone}"),
            Ok("contact%5Bphone%5D=%2B370%20%28612%29%2034567%20%26%20more"),
        ),
        (format!("contact.name={name}"), Ok("contact.name=Anna")),
        (
            format!("phones[]={sent}&phones[7]={sent}"),
            Ok(
                "phones[]=%2B370%20%28612%29%2034567%20%26%20more&phones[7]=%2B370%20%28612%29%2034567%20%26%20more",
            ),
        ),
        ("phone=hidden".to_owned(), Ok("")),
        ("phone=0&id=1".to_owned(), Ok("id=1")),
        ("id=1&phone=%2B%E2%80%A2%E2%80%A2%E2%80%A207&b=2&".to_owned(), Ok("id=1&b=2&")),
        ("id=1&name=Anna+K%E2%81%A0.".to_owned(), Ok("id=1")),
        ("phone=0&name=hidden&email=hidden%40client.invalid".to_owned(), Ok("")),
        ("phones[]=0".to_owned(), Err("masked-value")),
        (format!("text=Dear+{name},+hello"), Err("alias-in-message")),
        (format!("{name}=1"), Err("masked-value")),
        ("".to_owned(), Ok("")),
        ("&&=&a&%zz=%".to_owned(), Ok("&&=&a&%zz=%")),
    ];
    for (body, expected) in cases {
        let got = outcome(gateway.restorer(true, OnMasked::Drop).form(body.as_bytes(), &|_| None));
        assert_eq!(got.as_deref().map_err(|e| &**e), expected, "{body}");
    }
}

#[test]
fn a_query_is_restored_value_by_value_and_nothing_is_dropped_from_it() {
    let gateway = Gateway::new();
    let restorer = gateway.restorer(true, OnMasked::Drop);
    let mail = gateway.shown(Class::Email, "anna@example.com");
    let url = gateway.shown(Class::Avatar, "https://example.com/a.jpg");
    let token = gateway.key.seal(Class::Handle, b"anna");
    let search = |name: &str| (name == "q").then_some(Wanted::Any);
    let cases: Vec<(String, Result<&str, &str>)> = vec![
        (format!("q={mail}&page=2"), Ok("q=anna%40example.com&page=2")),
        (format!("q={token}"), Ok("q=anna")),
        (format!("email={mail}"), Ok("email=anna%40example.com")),
        ("q=hidden+treasure&page=0&q=0".to_owned(), Ok("q=hidden+treasure&page=0&q=0")),
        ("phone=0".to_owned(), Err("masked-value")),
        ("q=%2B%E2%80%A2%E2%80%A2%E2%80%A207".to_owned(), Err("masked-value")),
        (format!("other={mail}"), Err("masked-value")),
        (format!("q={url}"), Err("a value cannot be spelled in its place")),
    ];
    for (query, expected) in cases {
        let got = outcome(restorer.query(&query, &search));
        assert_eq!(got.as_deref().map_err(|e| &**e), expected, "{query}");
    }
}

#[test]
fn a_segment_of_a_path_is_one_segment_still() {
    let gateway = Gateway::new();
    let restorer = gateway.restorer(true, OnMasked::Refuse);
    let declared = |number: usize| (number == 1).then_some(Wanted::Only(Class::Handle));
    let path = |value: &str| format!("/clients/{}/card", gateway.shown(Class::Handle, value));
    assert_eq!(
        outcome(restorer.path(&path("anna k@7:ü"), &declared)).as_deref(),
        Ok("/clients/anna%20k%407%3A%C3%BC/card")
    );
    for value in [".", "..", "a/b", "a\\b", "50%", "a?b", "a#b", "a\nb", "a\u{85}b"] {
        let got = outcome(restorer.path(&path(value), &declared));
        assert_eq!(got, Err("a value cannot be spelled in its place".to_owned()), "{value}");
    }
    assert_eq!(outcome(restorer.path("/clients/7/card", &declared)).as_deref(), Ok("/clients/7/card"));
    assert_eq!(outcome(restorer.path(&path("anna"), &|_| None)), Err("masked-value".to_owned()));
}

#[test]
fn text_parts_are_restored_and_files_are_not_read() {
    let gateway = Gateway::new();
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let part =
        |head: &str, body: &str| format!("--b7\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let file = format!(
        "--b7\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{phone}.txt\"\r\nContent-Type: text/plain\r\n\r\n{phone}\r\n"
    );
    let body = part("name=\"contact[phone]\"", &phone) + &part("name=\"id\"", "1") + &file + "--b7--\r\n";
    let expected =
        part("name=\"contact[phone]\"", "+37061234567") + &part("name=\"id\"", "1") + &file + "--b7--\r\n";
    let restorer = gateway.restorer(true, OnMasked::Drop);
    assert_eq!(outcome(restorer.multipart("b7", body.as_bytes(), &|_| None)), Ok(expected));

    let body = part("name=\"id\"", "1") + &part("name=phone", "hidden") + "--b7--";
    assert_eq!(
        outcome(restorer.multipart("b7", body.as_bytes(), &|_| None)),
        Ok(part("name=\"id\"", "1") + "--b7--")
    );

    let trap = gateway.shown(Class::Name, "x\r\n--b7--");
    let body = part("name=\"name\"", &trap) + "--b7--";
    let got = outcome(restorer.multipart("b7", body.as_bytes(), &|_| None));
    assert_eq!(got, Err("a value cannot be spelled in its place".to_owned()));

    for body in [
        "",
        "--b7",
        "preamble\r\n--b7--",
        "--b7--epilogue",
        "--b7\r\n\r\nno head\r\n--b7--",
        "--b7\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\nx\r\n--b7--",
        "--b7\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--b7--",
        "--b7\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b7--",
        "--b7\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\nx\r\n--b7--",
        "--b7\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset=utf-16\r\n\r\nx\r\n--b7--",
    ] {
        assert!(
            matches!(restorer.multipart("b7", body.as_bytes(), &|_| None), Err(RestoreError::Multipart)),
            "{body}"
        );
    }
}

#[test]
fn what_is_no_json_is_an_error() {
    let restorer = Gateway::new().restorer(true, OnMasked::Drop);
    for body in ["", "{", "{\"a\":1,}", "[1] 2", "\u{feff}{}"] {
        assert!(
            matches!(restorer.json(body.as_bytes(), &|_| None), Err(RestoreError::Malformed(_))),
            "{body}"
        );
    }
}

#[test]
fn a_request_grows_within_its_bound_only() {
    let gateway = Gateway::new();
    let name = gateway.shown(Class::Name, &"Anna ".repeat(10_000));
    let body = format!("[{}{{}}]", format!(r#"{{"name":"{name}"}},"#).repeat(20));
    let got = gateway.restorer(true, OnMasked::Refuse).json(body.as_bytes(), &|_| None);
    assert!(matches!(got, Err(RestoreError::TooLarge)));
}

#[test]
fn findings_are_counted_beyond_those_that_are_kept() {
    let gateway = Gateway::new();
    let body = format!("[{}1]", r#"{"phone":0},"#.repeat(1000));
    let restored = gateway.restorer(true, OnMasked::Drop).json(body.as_bytes(), &|_| None).unwrap();
    assert_eq!(restored.findings().count(Found::MaskedForm), 1000);
    assert_eq!(restored.findings().first().len(), Findings::MAX);
    let first = Finding { found: Found::MaskedForm, class: Some(Class::Phone), at: 10 };
    assert_eq!(restored.findings().first()[0], first);
}

#[test]
fn half_a_surrogate_pair_comes_back_as_it_was() {
    let gateway = Gateway::new();
    let mut shown = String::new();
    gateway.plan.write_text(Class::Name, b"Anna \xed\xa0\xbd!", &mut shown);
    let restorer = gateway.restorer(true, OnMasked::Refuse);
    let json = format!(r#"{{"name":"{shown}"}}"#);
    assert_eq!(
        outcome(restorer.json(json.as_bytes(), &|_| None)).as_deref(),
        Ok(r#"{"name":"Anna \ud83d!"}"#)
    );
    let form = format!("name={shown}");
    assert!(matches!(restorer.form(form.as_bytes(), &|_| None), Err(RestoreError::Unrepresentable)));
}

#[test]
fn a_vault_that_does_not_answer_is_an_error() {
    #[derive(Debug)]
    struct Broken;
    impl crate::vault::Vault for Broken {
        fn keep(
            &self,
            _: crate::Digest,
            _: &[u8],
            _: &dyn Fn(u32) -> Option<Code>,
        ) -> Result<Code, VaultError> {
            Err(VaultError::Unavailable)
        }
        fn value(&self, _: Code) -> Result<Option<Vec<u8>>, VaultError> {
            Err(VaultError::Unavailable)
        }
    }
    let key = AliasKey::new(&[7; 32]).unwrap();
    let selector = Selector::parse("$.phone").unwrap();
    let plan = Plan::builder().field(Class::Phone, &selector).vault(Arc::new(Broken)).build(&key).unwrap();
    let mut shown = String::new();
    plan.write_text(Class::Phone, b"+37061234567", &mut shown);
    assert_eq!(shown, "hidden");
    assert_eq!(plan.number(Class::Phone, b"37061234567"), 0);
    let alias = mask(Class::Phone, Display::Alias, "+37061234567", &key);
    let keys = Arc::new(KeyRing::from(key));
    let restorer = Restorer::new(Arc::new(plan), keys, RestoreOptions::default()).unwrap();
    let body = format!(r#"{{"phone":"{alias}"}}"#);
    let got = restorer.json(body.as_bytes(), &|_| None);
    assert!(matches!(got, Err(RestoreError::Vault(VaultError::Unavailable))));
}

#[test]
fn a_condition_is_decided_however_far_its_member_stands() {
    let gateway = Gateway::new();
    let name = gateway.shown(Class::Name, "Anna");
    let far = format!(r#""a":"{}","b":[{}0]"#, "x".repeat(200_000), r#"{"name":"x"},"#.repeat(5_000));
    for (role, expected) in [("default", Ok("Anna")), ("operator", Err("masked-value"))] {
        let body = format!(r#"{{"title":"{name}",{far},"role":"{role}"}}"#);
        let got = outcome(gateway.restorer(true, OnMasked::Refuse).json(body.as_bytes(), &|_| None));
        let title = got.as_deref().map(|body| &body[10..14]).map_err(|refusal| &**refusal);
        assert_eq!(title, expected, "{role}");
    }
}

#[test]
fn nothing_is_restored_within_texts_whatever_is_hidden_there() {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let selector = |text| Selector::parse(text).unwrap();
    let plan = Plan::builder()
        .text(&selector("$..text"))
        .json_in_string(&selector("$..payload"))
        .html_in_string(&selector("$..html"))
        .operator_text(&selector("$..note"))
        .field(Class::Phone, &selector("$..phone"))
        .patterns(true)
        .copies(true)
        .vault(Arc::new(MemoryVault::new(1 << 20)))
        .build(&key)
        .unwrap();
    let gateway = Gateway { plan: Arc::new(plan), key };
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let restorer = gateway.restorer(true, OnMasked::Refuse);
    let body = format!(r#"{{"phone":"{phone}"}}"#);
    assert_eq!(
        outcome(restorer.json(body.as_bytes(), &|_| None)).as_deref(),
        Ok(r#"{"phone":"+37061234567"}"#)
    );
    for body in [
        format!(r#"{{"text":"{phone}"}}"#),
        format!(r#"{{"phone":"{phone}","text":"call {phone}"}}"#),
        format!(r#"{{"payload":"{{\"phone\":\"{phone}\"}}"}}"#),
        format!(r#"{{"payload":"{phone}"}}"#),
        format!(r#"{{"html":"<a href='tel:{phone}'>{phone}</a>"}}"#),
        format!(r#"{{"note":"{phone}"}}"#),
    ] {
        assert!(outcome(restorer.json(body.as_bytes(), &|_| None)).is_err(), "{body}");
    }
}

#[test]
fn a_search_wants_what_its_member_holds_at_any_depth() {
    let gateway = Gateway::new();
    let restorer = gateway.restorer(true, OnMasked::Refuse);
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let declared = |name: &str| match name {
        "q" => Some(Wanted::Any),
        "tel" => Some(Wanted::Only(Class::Phone)),
        _ => None,
    };
    let cases = [
        (r#"{"q":"ALIAS","page":0}"#, Ok(r#"{"q":"+37061234567","page":0}"#)),
        (
            r#"{"q":{"like":["ALIAS",7]},"a":{"tel":"ALIAS"}}"#,
            Ok(r#"{"q":{"like":["+37061234567",7]},"a":{"tel":"+37061234567"}}"#),
        ),
        (r#"{"q":"hidden treasure","b":0}"#, Ok(r#"{"q":"hidden treasure","b":0}"#)),
        (r#"{"q":{"a":1},"b":"ALIAS"}"#, Err("masked-value")),
        (r#"[{"q":1},"ALIAS"]"#, Err("masked-value")),
    ];
    for (body, expected) in cases {
        let body = body.replace("ALIAS", &phone);
        let got = outcome(restorer.json(body.as_bytes(), &declared));
        assert_eq!(got.as_deref().map_err(|e| &**e), expected, "{body}");
    }
    assert!(
        restorer.is_exact(&format!(" {phone}")) && restorer.is_exact(&gateway.key.seal(Class::Name, b"Anna"))
    );
    for text in ["", "+370", "hidden", "0", "m\u{2022}\u{2022}\u{2022}", &format!("{phone} x"), &phone[..8]] {
        assert!(!restorer.is_exact(text), "{text}");
    }
    assert_eq!((restorer.class_of("contact[phone]"), restorer.class_of("id")), (Some(Class::Phone), None));
}

#[test]
fn values_that_somebody_wrote_into_declared_fields_are_counted() {
    let gateway = Gateway::new();
    let restorer = gateway.restorer(true, OnMasked::Drop);
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let body = format!(
        r#"{{"phone":"{phone}","email":"a@b.example","name":"hidden","handle":"","other":"x","avatar":null}}"#
    );
    assert_eq!(restorer.json(body.as_bytes(), &|_| None).unwrap().findings().plain(), 1);
    assert_eq!(restorer.form(b"phone=%2B370&name=&id=7", &|_| None).unwrap().findings().plain(), 1);
}

#[test]
fn messages_are_restored_behind_their_heads() {
    let gateway = Gateway::new();
    let restorer = gateway.restorer(true, OnMasked::Refuse);
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let cases = [
        (r#"42["save",{"phone":"ALIAS"}]"#, Ok(r#"42["save",{"phone":"+37061234567"}]"#)),
        (
            "42/ns,7[{\"phone\":\"ALIAS\"}]\x1e2\x1e{\"phone\":\"ALIAS\"}",
            Ok("42/ns,7[{\"phone\":\"+37061234567\"}]\x1e2\x1e{\"phone\":\"+37061234567\"}"),
        ),
        (r#"{"phone":"ALIAS"}"#, Ok(r#"{"phone":"+37061234567"}"#)),
        ("2probe", Ok("2probe")),
        ("", Ok("")),
        ("\x1e\x1e", Ok("\x1e\x1e")),
        ("Dear ALIAS", Err("alias-in-message")),
        ("ALIAS", Err("masked-value")),
        (r#"ALIAS{"a":1}"#, Err("masked-value")),
        (r#"{"phone":"ALIAS""#, Err("alias-in-message")),
        (r#"42["save",{"phone":"hidden"}]"#, Err("masked-value")),
        (r#"42["say","Dear ALIAS"]"#, Err("alias-in-message")),
    ];
    for (body, expected) in cases {
        let body = body.replace("ALIAS", &phone);
        let got = outcome(restorer.message(body.as_bytes(), &|_| None));
        assert_eq!(got.as_deref().map_err(|e| &**e), expected, "{body}");
    }
}

#[test]
fn a_watched_body_is_judged_as_a_whole_one_however_it_is_cut() {
    let gateway = Gateway::new();
    let phone = gateway.shown(Class::Phone, "+37061234567");
    let part =
        |head: &str, body: &str| format!("--b7\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let file = part("name=\"f\"; filename=\"a.bin\"", &format!("{phone}\r\n-\r\n--b\r\n--"));
    let end = "--b7--\r\n";
    let bodies = [
        part("name=\"id\"", "1") + &file + end,
        file.clone() + "--b7--",
        part("name=\"note\"", "") + end,
        part("name=\"note\"", "call me") + &part("name=\"phone\"", "+37061234567") + end,
        part("name=\"phone\"", &phone) + &file + end,
        file.clone() + &part("name=\"phone\"", "0") + end,
        part("name=\"text\"", &format!("Dear {phone}")) + end,
        part("name=\"id\"", "1"),
        file.clone(),
        file.clone() + "--b7--x",
        format!("x{file}{end}"),
        "--b7--".to_owned(),
        "--b7\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n--b7--".to_owned(),
        "--b7\r\nContent-Disposition: form-data; name=\"a\"\r\n--b7--".to_owned(),
        "--b7\r\n\r\nx\r\n--b7--".to_owned(),
        part("name=\"a\"; filename=\"x\"", "a--b7") + end,
        part("name=\"a\"\r\nContent-Length: 1\r\ncontent-transfer-encoding: Binary", "a") + end,
        part("name=\"a\"\r\nContent-Transfer-Encoding: base64", "a") + end,
    ];
    let restorer = gateway.restorer(false, OnMasked::Refuse);
    for body in &bodies {
        let whole = restorer.multipart("b7", body.as_bytes(), &|_| None);
        let whole = whole
            .map_err(WatchError::from)
            .and_then(|restored| restored.into_body().map(|_| ()).map_err(WatchError::Refused));
        for size in [1, 2, 3, 7, 64, body.len()] {
            let mut watch = MultipartWatch::new(&restorer, "b7").unwrap();
            let mut passed = 0;
            let watched = body.as_bytes().chunks(size).try_for_each(|chunk| {
                watch.write(chunk)?;
                passed += chunk.len();
                Ok(())
            });
            let watched = watched.and_then(|()| watch.finish());
            assert_eq!(watched, whole, "{size} bytes a chunk: {body}");
            let is_refused = matches!(whole, Err(WatchError::Refused(_)));
            assert!(
                !is_refused || passed < body.find("--b7--").unwrap() + "--b7".len(),
                "it passed whole: {body}"
            );
        }
    }
}

#[test]
fn a_watched_body_is_held_within_bounds() {
    let gateway = Gateway::new();
    let restorer = gateway.restorer(true, OnMasked::Refuse);
    let watch = || {
        let mut watch = MultipartWatch::new(&restorer, "b7").unwrap();
        watch.write(b"--b7\r\n").unwrap();
        watch
    };
    let megabyte = vec![b'x'; 1 << 20];
    let mut text = watch();
    text.write(b"Content-Disposition: form-data; name=\"a\"\r\n\r\n").unwrap();
    text.write(&megabyte).unwrap();
    assert_eq!(text.write(&megabyte), Err(WatchError::TooLong));
    assert_eq!(watch().write(&megabyte), Err(WatchError::TooLong));
    let mut file = watch();
    file.write(b"Content-Disposition: form-data; name=\"a\"; filename=\"x\"\r\n\r\n").unwrap();
    for _ in 0..20 {
        file.write(&megabyte).unwrap();
    }
    file.write(b"\r\n--b7--").unwrap();
    assert_eq!(file.finish(), Ok(()));
    assert!(MultipartWatch::new(&restorer, &"b".repeat(71)).is_err());
}
