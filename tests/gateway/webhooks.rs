//! webhooks.yaml: the app's webhooks panel is for super-admins.

use http::Method;
use serde_json::json;

use crate::harness::{Gateway, Persona, would_be_refused};

const CODE: &str = "webhooks-panel-restricted";
const NOT_ADMINS: [Persona; 4] = [Persona::Supervisor, Persona::Trainee, Persona::Partner, Persona::Operator];

#[tokio::test]
async fn a_super_admin_opens_and_changes_the_panel() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    client.get("/settings/webhooks").await.assert_passed(200);
    client.get("/api/webhooks").await.assert_passed(200);
    let made = client.post("/api/webhooks").json(&json!({ "url": "https://crm.example.com/h" })).await;
    made.assert_passed(200);
    let path = format!("/api/webhooks/{}", made.json()["data"]["id"]);
    client
        .call(Method::PUT, &path)
        .json(&json!({ "url": "https://crm.example.com/i" }))
        .await
        .assert_passed(200);
    client.call(Method::DELETE, &path).await.assert_passed(200);
}

#[tokio::test]
async fn nobody_else_does_by_any_verb() {
    let gateway = Gateway::start().await;
    let paths = ["/settings/webhooks", "/settings/webhooks/1", "/api/webhooks", "/api/webhooks/1"];
    for persona in NOT_ADMINS {
        let client = gateway.client().sign_in(persona).await;
        for path in paths {
            for verb in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
                let method = Method::from_bytes(verb.as_bytes()).unwrap();
                client.call(method, path).await.assert_refused(403, CODE);
            }
            let head = client.call(Method::HEAD, path).await;
            assert_eq!((head.status().as_u16(), head.header("x-chatwarden-reason")), (403, Some(CODE)));
        }
    }
    let stranger = gateway.client();
    stranger.get("/settings/webhooks").await.assert_refused(403, CODE);
    stranger.with("cookie", "session=unknown").get("/api/webhooks").await.assert_refused(403, CODE);
    // The app's own panel is as it was.
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    assert_eq!(admin.get("/api/webhooks").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_spelling_of_the_route_gets_around_it() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    for path in [
        "/api/webhooks/",
        "/api//webhooks",
        "//api/webhooks",
        "/API/Webhooks",
        "/api/./webhooks",
        "/api/x/../webhooks",
        "/api/%77ebhooks",
        "/api/webhooks;v=1",
        "/api;v=1/webhooks",
        "/api/webhooks.json",
        "/api/webhooks/1.json",
        "/api/webhooks?x=/login",
        "/settings/%57EBHOOKS",
        "/settings/webhooks.html",
        "/x/../settings/webhooks",
    ] {
        client.get(path).await.assert_refused(403, CODE);
    }
    for path in ["/api%2Fwebhooks", "/api/%2e%2e/%2e%2e/api/webhooks", "/api\\webhooks", "/api/webhooks%00"] {
        let mut raw = client.raw().await;
        raw.write(format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
            gateway.address(),
            client.cookie()
        ))
        .await;
        raw.response().await.unwrap().assert_refused(400, "path-ambiguous");
    }
    client.get("/api/settings").await.assert_passed(200);
}

#[tokio::test]
async fn monitoring_tells_and_lets_pass() {
    let gateway = Gateway::builder().monitor("webhooks").start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let answer = client.get("/api/webhooks").await;
    answer.assert_passed(200);
    let told = would_be_refused(answer.request_id());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, CODE);
    assert!(told[0].1.starts_with("webhooks.yaml:"), "{told:?}");
}

#[tokio::test]
async fn off_leaves_the_panel_to_the_app() {
    for gateway in [
        Gateway::builder().rule("webhooks", "enabled: false\n").start().await,
        Gateway::builder().without_rule("webhooks").start().await,
    ] {
        let client = gateway.client().sign_in(Persona::Trainee).await;
        client.get("/api/webhooks").await.assert_passed(200);
    }
}
