//! Ids that are contacts: shown as tokens, in whatever they stand, and back again.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Condition, Display, Format, KeyRing, Learnt, Limits, MemoryVault, Plan, PlanBuilder,
    Redactor, RestoreOptions, Restorer, Selector, Test, mask,
};
use serde_json::{Value, json};

const JID: &str = "79161112233@s.whatsapp.net";

#[test]
fn ids_become_tokens_whatever_the_display_and_other_values_what_fields_become() {
    let body = concat!(
        r#"{"chats": [{"id": "79161112233@s.whatsapp.net", "n": 1}, {"id": "[tg] 80\u00378\"92"}, {"id": ""}, "#,
        r#"{"id": null}, {"id": true}, {"id": 79161112233}, {"id": ["79161112233@s.whatsapp.net", {"x": 1}]}], "#,
        r#""wrapped": "{\"id\":\"79161112233@s.whatsapp.net\"}", "mine": {"id": "kept"}, "name": "Anna K"}"#,
    );
    for display in [Display::Alias, Display::Partial, Display::Hidden] {
        let shown = |value: &str| mask(Class::Handle, display, value, &key());
        let plan = plan(|builder| builder.display(Class::Handle, display).display(Class::Name, display));
        let out = redact(&plan, body.as_bytes());
        let parsed: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(parsed["chats"][0]["id"], token(JID));
        assert_eq!(parsed["chats"][1]["id"], token("[tg] 8078\"92"));
        assert_eq!(parsed["chats"][2]["id"], "");
        assert_eq!(parsed["chats"][3]["id"], Value::Null);
        assert_eq!(parsed["chats"][4]["id"], false);
        let number = parsed["chats"][5]["id"].as_u64().unwrap();
        assert_ne!(number, 79_161_112_233);
        assert_eq!(parsed["chats"][6]["id"][0], shown(JID).as_str());
        assert_eq!(parsed["wrapped"], json!({ "id": token(JID) }).to_string());
        assert_eq!(parsed["mine"]["id"], "kept");
        assert!(!out.contains("1112233"), "{out}");
    }
}

#[test]
fn an_id_goes_before_a_field_and_within_a_hidden_container_it_is_hidden_with_it() {
    let test = Test::OneOf(vec!["contact".to_owned()]);
    let condition = Condition { member: "type".to_owned(), levels: 0..=0, test };
    let selector = |text| Selector::parse(text).unwrap();
    let plan = plan(|builder| {
        let builder = builder.field(Class::Handle, &selector("$..id"));
        let builder = builder.field_when(Class::Name, &selector("$..who"), std::slice::from_ref(&condition));
        let builder = builder.field_when(Class::Name, &selector("$..name"), &[condition]);
        builder.contact_id(Class::Handle, &selector("$..name"))
    });
    // Every value waits for the type behind it.
    let body = r#"[{"id": "a-b", "name": "Anna", "type": "contact"}, {"name": "Anna", "n": 1, "type": "user"},
        {"who": {"id": "a-b"}, "type": "contact"}, {"who": {"id": "a-b"}, "type": "user"}]"#;
    let parsed: Value = serde_json::from_str(&redact(&plan, body.as_bytes())).unwrap();
    assert_eq!(parsed[0]["id"], token("a-b"));
    assert_eq!(parsed[0]["name"], mask(Class::Name, Display::Alias, "Anna", &key()).as_str());
    assert_eq!(parsed[1]["name"], token("Anna"));
    assert_eq!(parsed[2]["who"]["id"], mask(Class::Name, Display::Alias, "a-b", &key()).as_str());
    assert_eq!(parsed[3]["who"]["id"], token("a-b"));
}

#[test]
fn keys_are_tokens_where_ids_are() {
    let selector = |text| Selector::parse(text).unwrap();
    let plan = plan(|builder| {
        let builder = builder.contact_keys(Class::Handle, &selector("$.by_jid")).seal_keys(Class::Handle);
        builder.contact_keys(Class::Phone, &selector("$.by_phone"))
    });
    let body =
        r#"{"by_jid": {"79161112233@s.whatsapp.net": {"n": 1}, "": 2}, "by_phone": {"+79161112233": 1}}"#;
    let phone = mask(Class::Phone, Display::Alias, "+79161112233", &key());
    let expected = body.replace(JID, &token(JID)).replace("+79161112233", &phone);
    assert_eq!(redact(&plan, body.as_bytes()), expected);
    let restored = restorer(&plan, &[7]).json(expected.as_bytes(), &|_| None).unwrap();
    // An alias that is a key stays refused.
    assert!(restored.into_body().is_err());
    let sent = format!(r#"{{"by_jid": {{"{}": 1}}}}"#, token(JID));
    let restored = restorer(&plan, &[7]).json(sent.as_bytes(), &|_| None).unwrap().into_body().unwrap();
    assert_eq!(String::from_utf8(restored.into_owned()).unwrap(), format!(r#"{{"by_jid": {{"{JID}": 1}}}}"#));
    let sent = format!(r#"{{"by_name": {{"{}": 1}}}}"#, token(JID));
    assert!(restorer(&plan, &[7]).json(sent.as_bytes(), &|_| None).unwrap().into_body().is_err());
}

#[test]
fn forms_and_every_framing_show_tokens_and_so_do_copies_of_a_whole_id() {
    let plan = plan(|builder| builder.copies(true));
    let learnt = Arc::new(Learnt::default());
    let run = |format, body: &str| {
        let redactor = Redactor::new(Arc::clone(&plan), format, Limits::default());
        let mut redactor = redactor.with_copies(Arc::clone(&learnt));
        let mut out = Vec::new();
        body.as_bytes().iter().for_each(|byte| redactor.write(&[*byte], &mut out).unwrap());
        redactor.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let object = format!(r#"{{"id":"{JID}"}}"#);
    let shown = format!(r#"{{"id":"{}"}}"#, token(JID));
    for (format, body) in [
        (Format::Json, object.clone()),
        (Format::JsonSequence, format!("{object}\n{object}\n")),
        (Format::Framed, format!("42[\"chat\",{object}]")),
        (Format::Jsonp, format!("show({object});")),
        (Format::EventStream, format!("data: {object}\n\n")),
        (Format::Html, format!("<script type=\"application/json\">{object}</script>")),
    ] {
        assert_eq!(run(format, &body), body.replace(&object, &shown), "{format:?}");
    }
    let form = run(Format::Form, "chat[id]=79161112233%40s.whatsapp.net&id[x]=1-2");
    assert_eq!(form, format!("chat[id]={}&id[x]={}", token(JID), token("1-2")));
    let (token, alias) = (token(JID), mask(Class::Handle, Display::Alias, JID, &key()));
    for (text, expected) in [
        (JID, token.as_str()),
        ("of 79161112233@s.whatsapp.net.", &format!("of {token}.")),
        (
            "https://x.example/chats/79161112233%40s.whatsapp.net?a=1",
            &format!("https://x.example/chats/{token}?a=1"),
        ),
        (
            "/chats/79161112233@s.whatsapp.net/m?id=79161112233@s.whatsapp.net&b",
            &format!("/chats/{token}/m?id={token}&b"),
        ),
        ("79161112233@s.whatsapp.net_1", &format!("{alias}@s.whatsapp.net_1")),
        ("7 916 111-22-33", &alias),
    ] {
        let body = |text: &str| json!({ "x": text }).to_string();
        assert_eq!(run(Format::Json, &body(text)), body(expected));
        let page = |text: &str| format!("<p>{text}</p>");
        assert_eq!(run(Format::Html, &page(text)), page(expected));
        // In plain text this is an address by its shape, all of it.
        if !text.ends_with("_1") {
            assert_eq!(run(Format::Text, &format!("{text}\n")), format!("{expected}\n"));
        }
    }
    // An id of few letters or digits is too short to be a copy.
    let short = r#"{"id": "chat-7", "other": "chat-7", "n": "/1234567/"}"#;
    let shown = run(Format::Json, short);
    assert!(shown.ends_with(r#""other": "chat-7", "n": "/1234567/"}"#), "{shown}");
}

#[test]
fn a_token_becomes_its_id_where_it_is_whole_and_in_no_text() {
    let plan = plan(|builder| {
        let selector = |text| Selector::parse(text).unwrap();
        builder.field(Class::Phone, &selector("$..phone")).text(&selector("$..text"))
    });
    let token = token(JID);
    let phone = key().seal(Class::Phone, b"+79161112233");
    let restorer = restorer(&plan, &[9, 7]);
    let open = |restores, opens, opens_queries| {
        let options = RestoreOptions { restores, opens, opens_queries, ..RestoreOptions::default() };
        restorer.with_options(options)
    };
    type Result<'b> = std::result::Result<chatwarden_redact::Restored<'b>, chatwarden_redact::RestoreError>;
    let outcome = |restored: Result<'_>| match restored.map(|restored| restored.into_body()) {
        Ok(Ok(body)) => String::from_utf8(body.into_owned()).unwrap(),
        Ok(Err(refusal)) => refusal.name().to_owned(),
        Err(error) => error.to_string(),
    };
    let encoded = "79161112233%40s.whatsapp.net";
    let (masked, text) = ("masked-value", "alias-in-message");
    // It needs no route that restores.
    let [opens, closed] = [open(false, true, false), open(false, false, false)];
    let path = |restorer: &Restorer, path: &str| outcome(restorer.path(path, &|_| None));
    assert_eq!(path(&opens, &format!("/chats/{token}/messages")), format!("/chats/{encoded}/messages"));
    assert_eq!(path(&opens, &format!("/chats/{}", token.to_uppercase())), format!("/chats/{encoded}"));
    assert_eq!(path(&opens, &format!("/{phone}")), "/%2B79161112233");
    assert_eq!(path(&opens, &format!("/chats/{token}.json")), text);
    assert_eq!(path(&opens, &format!("/chats/x{token}")), format!("/chats/x{token}"));
    assert_eq!(path(&closed, &format!("/chats/{token}")), masked);
    for odd in [".", "..", "a/b", "a\\b", "a%2fb", "a?b", "a#b", "a\nb"] {
        let token = key().seal(Class::Handle, odd.as_bytes());
        assert_eq!(
            path(&opens, &format!("/chats/{token}")),
            "a value cannot be spelled in its place",
            "{odd:?}"
        );
    }
    let query = |restorer: &Restorer, query: &str| outcome(restorer.query(query, &|_| None));
    assert_eq!(query(&open(false, true, true), &format!("a={token}&b=1")), format!("a={encoded}&b=1"));
    assert_eq!(query(&opens, &format!("a={token}")), masked);
    assert_eq!(query(&opens, &format!("chat[id]={token}")), format!("chat[id]={encoded}"));
    assert_eq!(query(&open(false, true, true), &format!("a=to+{token}")), text);
    assert_eq!(query(&closed, &format!("id={token}")), masked);
    let form = |body: &str| outcome(opens.form(body.as_bytes(), &|_| None));
    assert_eq!(form(&format!("id={token}&phone={phone}")), format!("id={encoded}&phone=%2B79161112233"));
    assert_eq!(form(&format!("phone={token}")), masked);
    assert_eq!(form(&format!("note={token}")), masked);
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n")
    };
    let multipart = |body: String| outcome(opens.multipart("b", body.as_bytes(), &|_| None));
    assert_eq!(multipart(part("id", &token)), part("id", JID));
    assert_eq!(multipart(part("title", &token)), masked);
    let sent = |body: Value| outcome(opens.json(body.to_string().as_bytes(), &|_| None));
    assert_eq!(sent(json!([{ "id": token }, "x"])), json!([{ "id": JID }, "x"]).to_string());
    assert_eq!(sent(json!({ "phone": token })), masked);
    assert_eq!(sent(json!({ "text": token })), masked);
    assert_eq!(sent(json!({ "text": format!("to {token}") })), text);
    assert_eq!(sent(json!({ "text": phone })), text);
    let message = format!("42[\"send\",{{\"id\":\"{token}\"}}]");
    assert_eq!(outcome(opens.message(message.as_bytes(), &|_| None)), message.replace(&token, JID));
    // One character of another.
    let wrong = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    assert_eq!(path(&opens, &format!("/chats/{wrong}")), text);
    assert_eq!(sent(json!({ "id": wrong })), masked);
    assert_eq!(
        outcome(self::restorer(&plan, &[9]).json(json!({ "id": token }).to_string().as_bytes(), &|_| None)),
        masked
    );
}

fn plan(declare: impl FnOnce(PlanBuilder) -> PlanBuilder) -> Arc<Plan> {
    let selector = |text| Selector::parse(text).unwrap();
    let builder = Plan::builder()
        .keep(&selector("$.mine"))
        .contact_id(Class::Handle, &selector("$..id"))
        .json_in_string(&selector("$..wrapped"))
        .vault(Arc::new(MemoryVault::new(1 << 16)));
    Arc::new(declare(builder).build(&key()).unwrap())
}

fn redact(plan: &Arc<Plan>, body: &[u8]) -> String {
    let outs = [body.len(), 1, 7, 64].map(|size| {
        let mut redactor = Redactor::json(Arc::clone(plan));
        let mut out = Vec::new();
        body.chunks(size).for_each(|chunk| redactor.write(chunk, &mut out).unwrap());
        redactor.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    });
    let [whole, pieces @ ..] = outs;
    assert!(pieces.iter().all(|out| *out == whole), "the output depends on the cuts");
    whole
}

fn restorer(plan: &Arc<Plan>, keys: &[u8]) -> Restorer {
    let mut keys = keys.iter().map(|byte| AliasKey::new(&[*byte; 32]).unwrap());
    let ring = KeyRing::new(keys.next().unwrap(), keys.collect());
    Restorer::new(Arc::clone(plan), Arc::new(ring), RestoreOptions::default()).unwrap()
}

fn token(value: &str) -> String {
    key().seal(Class::Handle, value.as_bytes())
}

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}
