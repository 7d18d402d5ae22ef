//! Who is calling: the app is asked, tokens are verified, groups are counted together; closed on failure.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    time::SystemTime,
};

use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Builder, Gateway, Origin, Persona, Response};

const BLOCKED: &str = "file-receive-blocked";
const UNAVAILABLE: &str = "identity-unavailable";
const CARD: &str = r#"{"client_name":"Anna Client","client_phone":"+37061234567"}"#;

#[tokio::test]
async fn the_app_is_asked_once_however_many_requests_come() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in_behind(Persona::Operator).await;
    join_all((0..20).map(|_| async { client.get("/api/conversations").await.assert_passed(200).status() }))
        .await;
    client.get("/api/users/501").await.assert_passed(200);
    assert_eq!(questions(&gateway), 1);
}

#[tokio::test]
async fn an_answer_is_forgotten_with_the_session() {
    let gateway = Gateway::builder().rule("personal-data", "enabled: false\n").start().await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    supervisor.get("/files/invoice.pdf").await.assert_passed(200);
    supervisor.get("/logout").await.assert_passed(200);
    supervisor.get("/files/invoice.pdf").await.assert_refused(403, BLOCKED);
}

#[tokio::test]
async fn an_answer_is_believed_for_its_time_only() {
    let gateway = introspection(json!({ "cache_ttl": "1s" })).start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    client.get("/files/invoice.pdf").await.assert_passed(200);
    // Signed out at the app, past the gateway.
    client.behind().get("/logout").await;
    assert_eventually!(client.get("/files/invoice.pdf").await.header("x-chatwarden-reason") == Some(BLOCKED));
}

#[tokio::test]
async fn without_an_answer_reads_get_the_strictest_plan_and_writes_wait() {
    let origin = Origin::answering(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{CARD}",
        CARD.len()
    ))
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let silent = gateway.client().with("cookie", "session=silent");
    let answer = silent.get("/api/users/501").await;
    assert_eq!(answer.status(), 200);
    assert!(!answer.text().contains("Anna") && !answer.text().contains("+370"), "{}", answer.text());
    silent.get("/files/invoice.pdf").await.assert_refused(403, BLOCKED);
    silent.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        silent.call(method.parse().unwrap(), "/api/users/update").await.assert_refused(503, UNAVAILABLE);
    }
    // Clients and signing in do not wait.
    assert_eq!(silent.post("/widget/messages").json(&json!({})).await.status(), 200);
    assert_eq!(silent.post("/login").json(&json!({})).await.status(), 200);
    // The others are known.
    let admin = gateway.client().with("cookie", Persona::SuperAdmin.at_origin());
    assert_eq!(admin.get("/api/users/501").await.text(), CARD);
    assert_eq!(admin.post("/api/users/update").json(&json!({})).await.status(), 200);
}

#[tokio::test]
async fn every_answer_that_tells_nobody_is_closed() {
    let large = format!(r#"{{"id": 1, "role": "super_admin", "x": "{}"}}"#, "x".repeat(10 << 20));
    let told = r#"{"id": 1, "role": "super_admin"}"#;
    for (status, body) in [
        ("200 OK", large.as_str()),
        ("200 OK", "<!doctype html><title>Sign in</title>"),
        ("302 Found\r\nLocation: /api/me", told),
        ("500 Internal Server Error", told),
        ("200 OK\r\nX-Cut: yes", ""),
    ] {
        let length = if body.is_empty() { 10 } else { body.len() };
        let origin =
            Origin::answering(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        let gateway = Gateway::builder()
            .upstream(origin.address())
            .config("identity", json!([{ "introspection": { "path": "/who", "from": [{ "cookie": "s" }], "account": "$.id", "role": "$.role", "timeout": "1s" } }]))
            .start()
            .await;
        let client = gateway.client().with("cookie", "s=1");
        client.post("/api/users/update").await.assert_refused(503, UNAVAILABLE);
        client.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
        let asked: Vec<_> = origin.seen().iter().map(|seen| seen.line().to_owned()).collect();
        assert!(asked.iter().all(|line| line == "GET /who HTTP/1.1"), "{status}: {asked:?}");
    }
}

#[tokio::test]
async fn tokens_of_100_kilobytes_are_nobodys_and_ask_nobody() {
    let token = "x".repeat(100 << 10);
    let claims = json!({ "sub": "3", "role": "super_admin", "padding": &token });
    for (gateway, limit) in [
        (introspection(json!({ "from": [{ "cookie": "session" }, { "header": "Authorization" }] })), "64KiB"),
        (jwt(), "256KiB"),
    ] {
        let gateway = gateway.config("limits", json!({ "request_header": limit })).start().await;
        let signed = self::token(&claims);
        let answer = gateway
            .client()
            .with("authorization", &format!("Bearer {signed}"))
            .get("/settings/webhooks")
            .await;
        match limit {
            "64KiB" => answer.assert_refused(431, "limit-reached"),
            _ => answer.assert_refused(403, "webhooks-panel-restricted"),
        };
        assert_eq!(questions(&gateway), 0);
    }
}

#[tokio::test]
async fn an_app_that_is_down_is_told_as_such() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::builder().upstream(closed).start().await;
    let client = gateway.client().with("cookie", "session=any");
    for (answer, code) in [
        (client.get("/api/conversations").await, (502, "upstream-unavailable")),
        (client.post("/api/conversations/close").await, (503, UNAVAILABLE)),
        (gateway.client().get("/widget").await, (502, "upstream-unavailable")),
    ] {
        assert_eq!((answer.status().as_u16(), answer.header("x-chatwarden-reason")), (code.0, Some(code.1)));
    }
}

#[tokio::test]
async fn a_signed_token_says_who_calls() {
    let gateway = jwt().start().await;
    let bearer =
        |claims: Value| gateway.client().with("authorization", &format!("Bearer {}", token(&claims)));
    let trainee = bearer(json!({ "sub": "1", "groups": ["trainees"] }));
    trainee.get("/files/invoice.pdf").await.assert_refused(403, BLOCKED);
    assert!(!trainee.get("/api/users/501").await.text().contains("+37061234567"));
    let supervisor = bearer(json!({ "sub": "2", "groups": ["Supervisors"] }));
    supervisor.get("/files/invoice.pdf").await.assert_passed(200);
    supervisor.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
    let admin = bearer(json!({ "sub": "3", "role": "super_admin" }));
    admin.get("/settings/webhooks").await.assert_passed(200);
    let cookie = gateway
        .client()
        .with("cookie", &format!("session={}", token(&json!({ "sub": "3", "role": "super_admin" }))));
    cookie.get("/settings/webhooks").await.assert_passed(200);
    // Nobody had to be asked.
    assert_eq!(questions(&gateway), 0);
}

#[tokio::test]
async fn a_token_that_does_not_verify_is_nobodys() {
    let gateway = jwt().start().await;
    let claims = json!({ "sub": "3", "role": "super_admin", "exp": now() + 600 });
    let sign = |header: &Header, key: &[u8], claims: &Value| {
        encode(header, claims, &EncodingKey::from_secret(key)).unwrap()
    };
    let good = sign(&Header::new(Algorithm::HS256), SECRET.as_bytes(), &claims);
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let mut expired = claims.clone();
    expired["exp"] = json!(now() - 600);
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for token in [
        sign(&Header::new(Algorithm::HS256), b"another secret of 32 bytes or so", &claims),
        sign(&Header::new(Algorithm::HS256), SECRET.as_bytes(), &expired),
        sign(&Header::new(Algorithm::HS512), SECRET.as_bytes(), &claims),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}"),
        "no token at all".to_owned(),
    ] {
        let client = gateway.client().with("authorization", &format!("Bearer {token}"));
        client.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
        client.get("/files/invoice.pdf").await.assert_refused(403, BLOCKED);
    }
    let client = gateway.client().with("authorization", &format!("Bearer {good}"));
    client.get("/settings/webhooks").await.assert_passed(200);
}

#[tokio::test]
async fn a_token_is_verified_by_keys_behind_a_url() {
    let key = EncodingKey::from_ed_pem(include_bytes!("../keys/ed25519.pem")).unwrap();
    let other = EncodingKey::from_ed_pem(include_bytes!("../keys/other.ed25519.pem")).unwrap();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap()).unwrap();
    jwk["kid"] = json!("1");
    let keys = json!({ "keys": [jwk] }).to_string();
    let length = keys.len();
    let origin =
        Origin::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{keys}")).await;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = async |address: SocketAddr| {
        let mut source = jwt_source();
        source["keys"] = json!({ "jwks_url": format!("http://{address}/jwks.json") });
        source["algorithms"] = json!(["EdDSA"]);
        Gateway::builder().open_app().config("identity", json!([{ "jwt": source }])).start().await
    };
    let bearer = |gateway: &Gateway, key: &EncodingKey| {
        let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::EdDSA) };
        let token =
            encode(&header, &json!({ "sub": "3", "role": "super_admin", "exp": now() + 600 }), key).unwrap();
        gateway.client().with("authorization", &format!("Bearer {token}"))
    };
    let there = gateway(origin.address()).await;
    for _ in 0..3 {
        bearer(&there, &key).get("/settings/webhooks").await.assert_passed(200);
    }
    bearer(&there, &other).get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
    let asked: Vec<_> = origin.seen().iter().map(|seen| seen.line().to_owned()).collect();
    assert_eq!(asked, ["GET /jwks.json HTTP/1.1"]);
    let gone = gateway(closed).await;
    bearer(&gone, &key).post("/api/users/update").await.assert_refused(503, UNAVAILABLE);
    bearer(&gone, &key).get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
}

#[tokio::test]
async fn a_listed_token_says_who_calls_until_it_is_taken_off() {
    let gateway =
        tokens(&[("bot-token", "900", "super_admin"), ("desk-token", "901", "operator")]).start().await;
    let bearer = |token: &str| gateway.client().with("authorization", &format!("Bearer {token}"));
    bearer("bot-token").get("/settings/webhooks").await.assert_passed(200);
    bearer("desk-token").get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
    bearer("desk-token").get("/files/invoice.pdf").await.assert_passed(200);
    bearer("bot-token2").get("/files/invoice.pdf").await.assert_refused(403, BLOCKED);
    fs::write(gateway.path("tokens.yaml"), list(&[("desk-token", "901", "operator")])).unwrap();
    gateway.product().reload().await;
    assert_eventually!(bearer("bot-token").get("/settings/webhooks").await.status() == 403);
    bearer("desk-token").get("/files/invoice.pdf").await.assert_passed(200);
}

#[tokio::test]
async fn two_accounts_at_once_are_refused() {
    let gateway = tokens(&[("bot-token", "900", "super_admin"), ("desk-token", "901", "operator")])
        .config(
            "identity",
            json!([
                { "jwt": jwt_source() },
                { "tokens": { "file": "tokens.yaml", "from": [{ "header": "Authorization", "scheme": "Bearer" }, { "header": "X-Api-Key" }] } },
            ]),
        )
        .file("jwt.secret", SECRET)
        .start()
        .await;
    let cookie = |sub: &str| format!("session={}", token(&json!({ "sub": sub, "role": "super_admin" })));
    let both = gateway.client().with("authorization", "Bearer bot-token");
    both.with("cookie", &cookie("7")).get("/api/me").await.assert_refused(400, "request-ambiguous");
    both.with("x-api-key", "desk-token").get("/api/me").await.assert_refused(400, "request-ambiguous");
    let twice = gateway.client().with("cookie", &format!("{}; {}", cookie("7"), cookie("8")));
    twice.get("/api/me").await.assert_refused(400, "request-ambiguous");
    both.with("cookie", &cookie("900")).get("/api/me").await.assert_passed(200);
    both.with("x-api-key", "bot-token").get("/api/me").await.assert_passed(200);
    // What is nobody's does not count.
    both.with("cookie", "session=rubbish").get("/settings/webhooks").await.assert_passed(200);
}

#[tokio::test]
async fn a_proxy_is_believed_by_its_address_alone() {
    let source = json!({ "account": "X-Forwarded-User", "role": "X-Auth-Role", "groups": "X-Auth-Groups", "peers": ["127.0.0.9"] });
    // What a forwarding header says of the client makes nobody the proxy, not even where it is believed.
    let gateway = Gateway::builder()
        .open_app()
        .config("identity", json!([{ "trusted_header": source }]))
        .config("client_address", json!({ "trusted_proxies": ["127.0.0.8"] }))
        .rule("ip-whitelist", "enabled: false\n")
        .start()
        .await;
    let sends = |address: [u8; 4]| {
        let client = gateway.client_at(address).with("x-forwarded-for", "127.0.0.9");
        client.with("x-forwarded-user", "7").with("x-auth-role", "super_admin")
    };
    let (proxy, stranger) = (sends([127, 0, 0, 9]), sends([127, 0, 0, 8]));
    let answer = proxy.with("x_auth_role", "owner").get("/settings/webhooks").await;
    answer.assert_passed(200);
    let seen = answer.seen().unwrap().headers;
    assert_eq!(
        (&seen["x-forwarded-user"], &seen["x-auth-role"]),
        (&"7".parse().unwrap(), &"super_admin".parse().unwrap())
    );
    assert!(!seen.contains_key("x_auth_role"));
    stranger.get("/settings/webhooks").await.assert_refused(403, "webhooks-panel-restricted");
    // Nothing of it reaches the app from a stranger, in no spelling and no area.
    for target in ["/api/me", "/widget", "/login"] {
        let answer = stranger.with("x_forwarded_user", "7").with("x-auth_groups", "a").get(target).await;
        let seen = answer.seen().unwrap().headers;
        let told = |name: &str| name.replace('_', "-").starts_with("x-auth") || name.contains("user");
        assert!(!seen.keys().any(|name| told(name.as_str()) && name != "user-agent"), "{target} {seen:?}");
    }
    // Twice from the proxy: which of the two the app reads is not known.
    for (address, refused) in [([127, 0, 0, 9], true), ([127, 0, 0, 8], false)] {
        let mut raw = gateway.client_at(address).raw().await;
        let (host, line) = (gateway.address(), "X-Forwarded-User: 7\r\n");
        raw.write(format!("GET /api/me HTTP/1.1\r\nHost: {host}\r\n{line}{line}\r\n")).await;
        let answer = raw.response().await.unwrap();
        if refused {
            answer.assert_refused(400, "request-ambiguous");
        } else {
            answer.assert_passed(200);
        }
    }
}

#[tokio::test]
async fn members_of_the_rules_and_groups_of_the_app_add_up() {
    let groups = "groups:\n  trainees: { members: [IEVA@example.com, \"1004\", \"Simon Berg\"] }\n  partners: {}\n  supervisors: {}\n  support: {}\n";
    let gateway = Gateway::builder().rule("groups", groups).start().await;
    for (persona, blocked) in [
        (Persona::Operator, true),
        (Persona::Partner, true),
        (Persona::Trainee, true),
        // Never by the name that people see.
        (Persona::Supervisor, false),
        (Persona::SuperAdmin, false),
    ] {
        let answer = gateway.client().sign_in(persona).await.get("/files/invoice.pdf").await;
        assert_blocked(&answer, blocked);
    }
}

#[tokio::test]
async fn a_change_of_members_holds_from_the_next_request_on() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Operator).await;
    client.get("/files/invoice.pdf").await.assert_passed(200);
    let groups = gateway.read_rule("groups");
    let generation = gateway.generation();
    gateway.write_rule("groups", &groups.replace("\"1043\"", "\"1005\""));
    assert_eventually!(gateway.generation() > generation, "{}", gateway.status());
    client.get("/files/invoice.pdf").await.assert_refused(403, BLOCKED);
    gateway.write_rule("groups", &groups);
    assert_eventually!(gateway.generation() > generation + 1, "{}", gateway.status());
    client.get("/files/invoice.pdf").await.assert_passed(200);
}

#[tokio::test]
async fn super_admins_are_found_by_role_and_by_name_in_the_rules() {
    let gateway = Gateway::builder()
        .edit_rule(
            "groups",
            "# super_admins: [owner@example.com]",
            "super_admins: [Anna@Example.com, \"1004\"]",
        )
        .config("super_admin_roles", json!(["owner"]))
        .start()
        .await;
    for (persona, admin) in [
        (Persona::Trainee, true),
        (Persona::Partner, true),
        (Persona::SuperAdmin, false),
        (Persona::Supervisor, false),
        (Persona::Operator, false),
    ] {
        let client = gateway.client().sign_in(persona).await;
        let answer = client.get("/settings/webhooks").await;
        if admin {
            answer.assert_passed(200);
            client.get("/files/invoice.pdf").await.assert_passed(200);
        } else {
            answer.assert_refused(403, "webhooks-panel-restricted");
        }
    }
}

#[tokio::test]
async fn an_undeclared_group_is_judged_most_strictly() {
    let groups = "groups: { trainees: {}, partners: {}, supervisors: {} }\n";
    let builder = || Gateway::builder().rule("ip-whitelist", "addresses: [127.0.0.0/8]\n");
    let files = "groups: [{ group: trainees, block: [receive] }]\n";
    let gateway = builder().rule("groups", groups).rule("files", files).start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    assert_blocked(&operator.get("/files/invoice.pdf").await, true);
    // Exempt by one group, and still judged by the one that nobody knows.
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    assert_blocked(&supervisor.get("/files/invoice.pdf").await, true);
    assert!(!supervisor.get("/api/users/501").await.text().contains("+37061234567"));
    let partner = gateway.client().sign_in(Persona::Partner).await;
    assert_blocked(&partner.get("/files/invoice.pdf").await, false);
    assert!(
        gateway.status()["undeclared_groups"].as_u64().is_some_and(|count| count > 0),
        "{}",
        gateway.status()
    );
    let ignoring = format!("{groups}undeclared_groups: ignore\n");
    let gateway = builder().rule("groups", &ignoring).rule("files", files).start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    assert_blocked(&operator.get("/files/invoice.pdf").await, false);
}

#[track_caller]
fn assert_blocked(answer: &Response, blocked: bool) {
    if blocked {
        answer.assert_refused(403, BLOCKED);
    } else {
        answer.assert_passed(200);
    }
}

/// How often the gateway asked the app who a caller is.
fn questions(gateway: &Gateway) -> usize {
    let asked = gateway.app().seen().into_iter().filter(|seen| seen.target == "/api/me");
    asked.filter(|seen| !seen.headers.contains_key("x-request-id")).count()
}

fn introspection(more: Value) -> Builder {
    let mut source = json!({
        "path": "/api/me",
        "from": [{ "cookie": "session" }],
        "account": "$.id",
        "role": "$.role",
        "groups": "$.groups[*].title",
    });
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Gateway::builder().config("identity", json!([{ "introspection": source }]))
}

fn jwt() -> Builder {
    Gateway::builder()
        .open_app()
        .config("identity", json!([{ "jwt": jwt_source() }]))
        .file("jwt.secret", SECRET)
}

fn jwt_source() -> Value {
    json!({
        "from": [{ "cookie": "session" }, { "header": "Authorization", "scheme": "Bearer" }],
        "keys": { "secret_file": "jwt.secret" },
        "algorithms": ["HS256"],
        "claims": { "account": "sub", "name": "name", "email": "email", "role": "role", "groups": "groups" },
    })
}

fn token(claims: &Value) -> String {
    let mut claims = claims.clone();
    claims["exp"] = json!(now() + 600);
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn tokens(listed: &[(&str, &str, &str)]) -> Builder {
    Gateway::builder()
        .open_app()
        .config("identity", json!([{ "tokens": { "file": "tokens.yaml" } }]))
        .file("tokens.yaml", &list(listed))
}

fn list(listed: &[(&str, &str, &str)]) -> String {
    let digest =
        |token: &str| Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |(token, account, role): &(&str, &str, &str)| {
        format!("- {{ sha256: {}, account: \"{account}\", role: {role} }}\n", digest(token))
    };
    listed.iter().map(line).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

const SECRET: &str = "a secret of the tests, 32 bytes or more";
