//! Chatwoot by its bundled profile: who is calling is told by headers, and administrators are super-admins.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Exchange, Gateway, Origin};

const CONTACTS: &str = include_str!("../payloads/chatwoot/contacts_list.json");
const PROFILE: &str = include_str!("../payloads/chatwoot/profile.json");
const CARD: &str = "/api/v1/accounts/1/contacts/101";
const ROUTE: &str = "/api/v1/accounts/1/contacts?page=1";

#[tokio::test]
async fn a_session_and_a_token_of_a_program_tell_who_calls() {
    let (gateway, origin) = start().await;
    let session = |client: &str| session(&gateway, client);
    let token = |token: &str| gateway.client().with("api_access_token", token);
    for agent in [session("agent"), token("agent")] {
        let shown = agent.get(ROUTE).await;
        assert!(
            !shown.text().contains("+4179") && shown.text().contains("@client.invalid"),
            "{}",
            shown.text()
        );
        assert_eq!(agent.get("/api/v1/profile").await.text(), PROFILE);
        let panel = agent.get("/api/v1/accounts/1/webhooks").await;
        assert_eq!(
            (panel.status().as_u16(), panel.header("x-chatwarden-reason")),
            (403, Some("webhooks-panel-restricted"))
        );
    }
    for administrator in [session("administrator"), token("administrator")] {
        assert_eq!(administrator.get(ROUTE).await.text(), CONTACTS);
        assert_eq!(administrator.get("/api/v1/accounts/1/webhooks").await.text(), CONTACTS);
    }
    // What the application needs of a session goes with the question.
    let asked = origin.seen();
    let asked =
        asked.iter().find(|asked| asked.field("x-request-id").is_none() && asked.field("uid").is_some());
    let asked = asked.expect("nobody was asked about a session");
    assert_eq!((asked.line(), asked.field("client")), ("GET /api/v1/profile HTTP/1.1", Some("agent")));
    assert_eq!((asked.field("access-token"), asked.field("token-type")), (Some("secret"), Some("Bearer")));
}

#[tokio::test]
async fn whom_the_app_does_not_know_sees_no_contact() {
    let (gateway, _origin) = start().await;
    for nobody in
        [gateway.client(), gateway.client().with("api_access_token", "guess"), session(&gateway, "guess")]
    {
        let shown = nobody.get(ROUTE).await;
        assert!(
            !shown.text().contains("+4179") && shown.text().contains("@client.invalid"),
            "{}",
            shown.text()
        );
    }
    // A session is told of by all of its headers.
    let part = gateway.client().with("client", "administrator").with("uid", "op1@company.example");
    assert!(!part.get(ROUTE).await.text().contains("+4179"));
}

#[tokio::test]
async fn agents_find_and_save_contacts_by_what_they_see() {
    let (gateway, origin) = start().await;
    let agent = session(&gateway, "agent");
    let card = agent.get(ROUTE).await.json()["payload"][0].clone();
    let text = |name: &str| card[name].as_str().unwrap().to_owned();
    let (name, phone, email) = (text("name"), text("phone_number"), text("email"));
    // The card is saved as it is shown.
    let saved = json!({ "name": name, "phone_number": phone, "email": email, "custom_attributes": { "plan": "silver" } });
    assert_eq!(agent.call(Method::PATCH, CARD).json(&saved).await.status(), 200);
    let arrived: Value = serde_json::from_slice(&origin.seen().last().unwrap().body).unwrap();
    assert_eq!((&arrived["name"], &arrived["phone_number"]), (&json!("Zoë Müller"), &json!("+41791234567")));
    assert_eq!(
        (&arrived["email"], &arrived["custom_attributes"]["plan"]),
        (&json!("zoë.müller@example.ch"), &json!("silver"))
    );
    // The contact is found by what the card shows, and by no part of what it hides.
    let search = |q: &str, sort: &str| {
        let q: String = q.bytes().map(|byte| format!("%{byte:02X}")).collect();
        agent.get(&format!("/api/v1/accounts/1/contacts/search?q={q}&sort={sort}"))
    };
    assert_eq!(search(&phone, "-last_activity_at").await.status(), 200);
    let asked = origin.seen().last().unwrap().line().to_owned();
    assert!(asked.contains("q=%2B41791234567&"), "{asked}");
    for (q, sort) in [("+4179", "name"), (&phone, "-email")] {
        assert_eq!(
            search(q, sort).await.header("x-chatwarden-reason"),
            Some("hidden-field-query"),
            "{q} {sort}"
        );
    }
    let filter =
        json!({ "payload": [{ "attribute_key": "email", "filter_operator": "contains", "values": ["zo"] }] });
    let refused = agent.post("/api/v1/accounts/1/contacts/filter").json(&filter).await;
    assert_eq!(refused.header("x-chatwarden-reason"), Some("hidden-field-query"));
    // A client is not greeted by an alias.
    let message = json!({ "content": format!("Hello {name}") });
    let refused = agent.post("/api/v1/accounts/1/conversations/55/messages").json(&message).await;
    assert_eq!(refused.header("x-chatwarden-reason"), Some("alias-in-message"));
}

/// The application, in front of which the gateway is told nothing of Chatwoot but the profile.
async fn start() -> (Gateway, Origin) {
    let origin = Origin::start(answer).await;
    let profile = include_str!("../../profiles/chatwoot.yaml");
    let profile: Value = serde_yaml::from_str(profile).unwrap();
    let mut builder = Gateway::builder();
    for kind in ["iframe", "downloads"] {
        builder = builder.without_rule(kind);
    }
    let gateway = builder
        .config("profile", json!("chatwoot"))
        .config("super_admin_roles", json!(["administrator"]))
        .config("identity", json!([profile["identity"]]))
        .upstream(origin.address())
        .start()
        .await;
    (gateway, origin)
}

fn session(gateway: &Gateway, client: &str) -> Client {
    let client = gateway.client().with("access-token", "secret").with("client", client);
    client.with("uid", "op1@company.example").with("token-type", "Bearer").with("expiry", "1795300000")
}

async fn answer(mut exchange: Exchange) -> Option<Exchange> {
    exchange.read_body().await;
    let field = |name: &str| {
        let mut lines = exchange.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let is_session = field("access-token").is_some_and(|token| token == "secret");
    let role = field("api_access_token").or(field("client").filter(|_| is_session));
    let body = match (exchange.target(), role.as_deref()) {
        ("/api/v1/profile", Some("agent")) => PROFILE.to_owned(),
        ("/api/v1/profile", Some("administrator")) => PROFILE
            .replacen("\"role\":\"agent\"", "\"role\":\"administrator\"", 1)
            .replacen("\"id\":7", "\"id\":8", 1),
        ("/api/v1/profile", _) => {
            exchange.send("HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n").await;
            return Some(exchange);
        }
        _ => CONTACTS.to_owned(),
    };
    exchange.answer("application/json; charset=utf-8", &body).await;
    Some(exchange)
}
