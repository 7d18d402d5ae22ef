//! The way of a request that no rule minds, and what every answer carries.

use chatwarden::gateway::StartError;
use serde_json::json;

use crate::harness::{Gateway, Persona};

#[tokio::test]
async fn everybody_signs_in_and_sees_the_inbox() {
    let gateway = Gateway::start().await;
    for persona in Persona::ALL {
        let client = gateway.client().sign_in(persona).await;
        let me = client.get("/api/me").await;
        me.assert_passed(200);
        assert_eq!(me.json()["email"], persona.email());
        client.get("/").await.assert_passed(200);
        client.get("/api/conversations").await.assert_passed(200);
    }
}

#[tokio::test]
async fn the_app_knows_the_gateway_by_a_secret_that_no_caller_has() {
    let secret = "0123456789abcdef0123456789abcdef";
    let headers = json!({ "headers": { "X-Gateway-Key": { "file": "upstream.key" } } });
    let builder = || Gateway::builder().config("upstream", headers.clone());
    let gateway = builder().file("upstream.key", &format!("{secret}\n")).start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    let answer =
        client.get("/odd/echo").header("x-gateway-key", "guess").header("x_gateway_key", "guess").await;
    let seen = answer.assert_passed(200).seen().unwrap();
    assert_eq!(seen.headers["x-gateway-key"], secret);
    assert!(!seen.headers.contains_key("x_gateway_key"));
    assert_eq!(seen.headers.get_all("x-gateway-key").iter().count(), 1);
    let asked = gateway.seen().into_iter().filter(|seen| seen.target == "/api/me");
    assert!(asked.into_iter().all(|seen| seen.headers["x-gateway-key"] == secret));
    for (text, expected) in [
        ("short", "a secret needs at least 32"),
        ("\u{7}123456789abcdef0123456789abcdef", "no header may hold"),
    ] {
        let Err(StartError::Files(problems)) = builder().file("upstream.key", text).try_start().await else {
            panic!("{text} is taken")
        };
        assert!(
            problems[0].code == "upstream-header" && problems[0].message.contains(expected),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn the_app_is_told_the_address_of_the_client_and_not_what_the_client_says() {
    let gateway = Gateway::start().await;
    let client = gateway.client_at([127, 0, 0, 7]).sign_in(Persona::SuperAdmin).await;
    let answer = client
        .get("/odd/echo")
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9")
        .header("x-request-id", "mine")
        .await;
    let seen = answer.assert_passed(200).seen().unwrap();
    assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.7");
    assert_eq!(seen.headers["x-real-ip"], "127.0.0.7");
    let host = gateway.address();
    assert_eq!(seen.headers["forwarded"], format!("for=127.0.0.7;host=\"{host}\";proto=http").as_str());
    assert_eq!(seen.headers["x-forwarded-host"], host.to_string().as_str());
    assert_eq!(seen.headers.get_all("x-request-id").iter().count(), 1);
}

#[tokio::test]
async fn a_request_on_a_raw_connection_is_answered_and_the_connection_kept() {
    let gateway = Gateway::start().await;
    let mut raw = gateway.client().raw().await;
    for _ in 0..2 {
        raw.write(format!("GET /login HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address())).await;
        raw.response().await.unwrap().assert_passed(200);
    }
}

#[tokio::test]
async fn a_browser_is_refused_with_a_page_of_the_same_reason() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let page = trainee.get("/files/invoice.pdf").header("accept", "text/html,*/*;q=0.8").await;
    assert_eq!(page.status(), 403);
    assert_eq!(page.header("x-chatwarden-reason"), Some("file-receive-blocked"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(
        page.text().contains(page.request_id()) && page.text().contains("your administrator"),
        "{}",
        page.text()
    );
    assert!(page.seen().is_none());
}
