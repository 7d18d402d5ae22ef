//! The shipped profiles and rule files against what the app really sends.

use std::sync::Arc;

use chatwarden_policy::path::CanonicalPath;
use chatwarden_policy::profile::Profile;
use chatwarden_redact::{AliasKey, Plan, Redactor};

use super::*;

#[tokio::test]
async fn the_blinger_profile_names_every_client_contact_and_no_colleagues() {
    let client = Client::signed_in("ieva@example.com").await;
    let profile = profile("blinger");
    let contacts = contacts(&client).await;
    assert!(contacts.len() > 20, "{contacts:?}");
    for target in READS {
        assert_clean(&profile, target, &client.get(target).await, &contacts);
    }
    for (target, body) in WRITES {
        let answer = client.send(Method::POST, target, JSON, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{target}");
        assert_clean(&profile, target, &answer, &contacts);
    }
}

#[tokio::test]
async fn live_events_carry_contacts_in_the_named_fields_only() {
    let client = Client::signed_in("ieva@example.com").await;
    let profile = profile("blinger");
    let contacts = contacts(&client).await;
    let mut events = client.open("/events").await;
    for _ in 0..2 {
        let event = events.next_text().await;
        let body = event.strip_prefix("data: ").unwrap().trim_end().as_bytes().to_vec();
        let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body };
        assert_clean(&profile, "/events", &answer, &contacts);
        client.send(Method::POST, "/widget/messages", JSON, r#"{"text":"Hello?"}"#).await;
    }
}

#[test]
fn the_profiles_are_free_of_warnings() {
    for name in ["blinger", "chatwoot", "generic", "thelounge"] {
        assert_eq!(profile(name).app, name);
    }
}

#[test]
fn the_blinger_profile_knows_the_apps_routes() {
    let profile = profile("blinger");
    let classified = |method, path| profile.classify(method, &CanonicalPath::parse(path).unwrap());
    assert!(classified("POST", "/upload").file_send && classified("GET", "/files/invoice.pdf").file_receive);
    assert!(classified("POST", "/conversations/901/download").download.is_some());
    assert!(classified("GET", "/settings/webhooks").webhooks_panel);
    assert!(classified("DELETE", "/api/webhooks/1").webhooks_panel);
    assert!(classified("GET", "/widget").public && classified("POST", "/hooks/telegram").public);
    assert!(!classified("GET", "/api/conversations").public && !classified("GET", "/hooks/telegram").public);
    assert!(classified("GET", "/assets/app.js").asset && classified("GET", "/favicon.ico").asset);
    assert!(classified("GET", "/login").sign_in && classified("GET", "/logout").sign_out);
    assert!(classified("GET", "/api/me").who_am_i);
    assert_eq!(classified("GET", "/").area, Some("inbox"));
    let action = classified("POST", "/api/operators/delete").action.unwrap();
    assert_eq!(action.action_type, "operator.delete");
}

#[test]
fn every_thing_to_try_names_a_rule_file_and_a_line_of_it() {
    let attempts = things_to_try("http://127.0.0.1:8080", "http://localhost:8091", "http://localhost:8092");
    for attempt in &attempts {
        let text = shipped(&format!("rules/{}", attempt.rule_file));
        assert!(text.lines().any(|line| line.trim_start().starts_with(attempt.needle)), "{attempt:?}");
    }
    for setting in ["ip-whitelist", "files", "downloads", "personal-data", "iframe", "webhooks", "action-log"]
    {
        assert!(attempts.iter().any(|attempt| attempt.rule_file == format!("{setting}.yaml")), "{setting}");
    }
}

#[test]
fn every_rule_file_names_its_schema_in_the_first_line() {
    for kind in
        ["groups", "ip-whitelist", "files", "downloads", "personal-data", "iframe", "webhooks", "action-log"]
    {
        let first = format!("# yaml-language-server: $schema=.schema/{kind}.schema.json\n");
        assert!(shipped(&format!("rules/{kind}.yaml")).starts_with(&first), "{kind}");
    }
}

/// Redacts an answer as for a masked operator: no contact is left, and what is not a contact stays.
#[track_caller]
fn assert_clean(profile: &Profile, target: &str, answer: &Answer, contacts: &[String]) {
    let path = CanonicalPath::parse(target).unwrap();
    let classified = profile.classify("GET", &path);
    if classified.who_am_i {
        // The gateway redacts nothing of what operators see of their own account.
        return;
    }
    let fields = profile.scopes()[classified.scope].fields.iter();
    let plan = fields.fold(Plan::builder(), |plan, field| plan.field(field.class, &field.selector));
    let plan = plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap();
    let mut redactor = Redactor::json(Arc::new(plan));
    let mut out = Vec::new();
    redactor.write(&answer.body, &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    // Re-spelled, so that escapes hide nothing from the search.
    let before: Value = serde_json::from_slice(&answer.body).unwrap();
    let after: Value = serde_json::from_slice(&out).unwrap();
    for contact in contacts {
        assert!(!strings(&after).contains(contact), "{target} shows {contact}");
    }
    let colleagues = |value: &Value| strings(value).into_iter().filter(|text| is_colleagues(text)).count();
    assert_eq!(colleagues(&before), colleagues(&after), "{target} hides a colleague or the company");
}

/// What the cards and the list say of clients: everything that may not be seen anywhere.
async fn contacts(client: &Client) -> Vec<String> {
    let mut contacts = Vec::new();
    for id in 501..=506 {
        let card = client.get(&format!("/api/users/{id}")).await.json()["data"].clone();
        let sender = &card["from_user"];
        for field in [&card["client_phone"], &card["client_email"], &card["client_name"], &card["avatar"]] {
            contacts.extend(strings(field));
        }
        contacts.extend(strings(&json!([sender["title"], sender["service_user_id"], sender["avatar"]])));
    }
    contacts.sort();
    contacts.dedup();
    contacts
}

/// All strings and numbers below a value, as text.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

fn is_colleagues(text: &str) -> bool {
    text.starts_with("+370600001") || text.starts_with("/avatars/operator-") || text == "support@example.com"
}

fn profile(name: &str) -> Profile {
    let file = format!("profiles/{name}.yaml");
    let (profile, warnings) =
        Profile::parse(&file, shipped(&file).as_bytes(), &|_| None).unwrap_or_else(|problems| {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<String>())
        });
    assert!(warnings.is_empty(), "{}", warnings[0]);
    profile
}

fn shipped(file: &str) -> String {
    std::fs::read_to_string(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

const READS: [&str; 11] = [
    "/api/conversations",
    "/api/conversations/901/messages",
    "/api/conversations/903/messages",
    "/api/conversations/906/messages",
    "/api/users/501",
    "/api/users/503",
    "/api/users/506",
    "/api/operators/all",
    "/api/operators/groups",
    "/api/settings",
    "/api/me",
];

const WRITES: [(&str, &str); 5] = [
    ("/api/conversations/start", r#"{"user_id":503,"text":"Good morning"}"#),
    ("/api/conversations/send-message", r#"{"conversation_id":901,"text":"Good morning"}"#),
    ("/api/conversations/send-file-message", r#"{"conversation_id":901,"file_url":"/files/invoice.pdf"}"#),
    ("/api/conversations/close", r#"{"conversation_id":901}"#),
    ("/api/users/update", r#"{"user_id":501,"language":"lt"}"#),
];
