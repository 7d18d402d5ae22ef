//! ip-whitelist.yaml: operators come in only from listed networks; clients from everywhere.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;

use crate::harness::{Builder, Gateway, Persona, would_be_refused};

/// On the list of `listed()`.
const OFFICE: [u8; 4] = [127, 0, 1, 20];
/// On no list.
const ELSEWHERE: [u8; 4] = [127, 0, 9, 9];
const CODE: &str = "ip-not-whitelisted";

#[tokio::test]
async fn a_listed_address_comes_in_and_another_does_not() {
    let gateway = listed("").start().await;
    for persona in Persona::ALL {
        let inside = gateway.client_at(OFFICE).sign_in(persona).await;
        inside.get("/api/conversations").await.assert_passed(200);
        let outside = gateway.client_at(ELSEWHERE).with("cookie", inside.cookie());
        for path in
            ["/", "/login", "/api/me", "/api/conversations", "/assets/app.js", "/nowhere", "/odd/echo"]
        {
            outside.get(path).await.assert_refused(403, CODE);
        }
        outside.post("/login").json(&json!({})).await.assert_refused(403, CODE);
        outside.websocket("/live").await.err().unwrap().assert_refused(403, CODE);
    }
}

#[tokio::test]
async fn the_app_is_not_even_asked_who_a_stranger_is() {
    let gateway = listed("").start().await;
    let stranger = gateway.client_at(ELSEWHERE).with("cookie", "session=0123456789abcdef");
    stranger.get("/api/conversations").await.assert_refused(403, CODE);
    assert!(gateway.app().seen().is_empty());
}

#[tokio::test]
async fn a_refusal_names_the_address_that_was_judged() {
    let gateway = listed("").start().await;
    let stranger = gateway.client_at(ELSEWHERE);
    let refusal = stranger.get("/").header("x-forwarded-for", "127.0.1.20").await;
    refusal.assert_refused(403, CODE);
    let words = refusal.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(words.contains("127.0.9.9") && !words.contains("127.0.1.20"), "{words}");
    let page = stranger.get("/").header("accept", "text/html").await;
    assert_eq!(page.header("x-chatwarden-reason"), Some(CODE));
    assert!(page.text().contains("127.0.9.9"), "{}", page.text());
}

#[tokio::test]
async fn nobody_speaks_for_another_address() {
    let gateway = listed("").start().await;
    let headers = [
        ("x-forwarded-for", "127.0.1.20"),
        ("forwarded", "for=127.0.1.20"),
        ("x-real-ip", "127.0.1.20"),
        ("cf-connecting-ip", "127.0.1.20"),
        ("true-client-ip", "127.0.1.20"),
        ("x-client-ip", "127.0.1.20"),
        ("x-cluster-client-ip", "127.0.1.20"),
    ];
    for (name, value) in headers {
        gateway.client_at(ELSEWHERE).get("/login").header(name, value).await.assert_refused(403, CODE);
        let honest = gateway.client_at(OFFICE).get("/login").header(name, "127.0.9.9").await;
        honest.assert_passed(200);
    }
}

#[tokio::test]
async fn clients_come_in_from_everywhere() {
    let gateway = listed("").start().await;
    let visitor = gateway.client_at(ELSEWHERE);
    visitor.get("/widget").await.assert_passed(200);
    visitor.get("/widget/messages").await.assert_passed(200);
    visitor.post("/widget/messages").json(&json!({ "text": "Hello?" })).await.assert_passed(200);
    visitor.post("/hooks/telegram").json(&json!({ "message": { "text": "Hi" } })).await.assert_passed(200);
    // The route grants only as it is written.
    for path in ["/Widget", "/widgets", "//widget", "/hooks/telegram"] {
        visitor.get(path).await.assert_refused(403, CODE);
    }
}

#[tokio::test]
async fn an_operator_is_judged_as_one_in_the_public_area_too() {
    // A credential that says what it is; any cookie (`*`) would have the app asked about every visitor.
    let source = json!([{ "introspection": {
        "path": "/api/me",
        "from": [{ "cookie": "session" }],
        "account": "$.id",
        "groups": "$.groups[*].title",
    } }]);
    let gateway = listed("").config("identity", source).start().await;
    let operator = gateway.client_at(OFFICE).sign_in(Persona::Operator).await;
    operator.get("/widget").await.assert_passed(200);
    let elsewhere = gateway.client_at(ELSEWHERE).with("cookie", operator.cookie());
    elsewhere.get("/widget").await.assert_refused(403, CODE);
}

#[tokio::test]
async fn an_entry_of_a_group_lets_everybody_sign_in_and_only_the_group_go_on() {
    let rules = "addresses:\n  - 127.0.1.0/24\n  - { address: 127.0.2.0/24, groups: [support] }\n";
    let gateway = Gateway::builder().rule("ip-whitelist", rules).start().await;
    let home = gateway.client_at([127, 0, 2, 3]);
    home.get("/login").await.assert_passed(200);
    home.get("/assets/login.js").await.assert_passed(200);
    // Nobody is in no group.
    home.get("/api/conversations").await.assert_refused(403, CODE);
    for (persona, admitted) in [
        (Persona::Operator, true),
        (Persona::Supervisor, true),
        (Persona::Trainee, false),
        (Persona::Partner, false),
        (Persona::SuperAdmin, false),
    ] {
        let client = home.sign_in(persona).await;
        let answer = client.get("/api/conversations").await;
        if admitted {
            answer.assert_passed(200);
        } else {
            answer.assert_refused(403, CODE);
        }
        gateway.client_at(OFFICE).sign_in(persona).await.get("/api/conversations").await.assert_passed(200);
    }
}

#[tokio::test]
async fn one_covering_entry_suffices() {
    let rules = "addresses:\n  - { address: 127.0.0.0/8, groups: [partners] }\n  - { address: 127.0.2.0/24, groups: [support] }\n  - 127.0.2.3\n";
    let gateway = Gateway::builder().rule("ip-whitelist", rules).start().await;
    let trainee = gateway.client_at([127, 0, 2, 3]).sign_in(Persona::Trainee).await;
    trainee.get("/").await.assert_passed(200);
    let next_door = gateway.client_at([127, 0, 2, 4]);
    next_door.with("cookie", trainee.cookie()).get("/").await.assert_refused(403, CODE);
    next_door.sign_in(Persona::Operator).await.get("/").await.assert_passed(200);
    next_door.sign_in(Persona::Partner).await.get("/").await.assert_passed(200);
}

#[tokio::test]
async fn an_entry_holds_to_the_end_of_its_last_day() {
    let rules = "addresses:\n  - 203.0.113.0/24\n  - { address: 127.0.0.0/8, expires: 2030-01-31 }\n";
    let at = async |date: &str| Gateway::builder().rule("ip-whitelist", rules).today(date).start().await;
    at("2030-01-31").await.client().get("/login").await.assert_passed(200);
    at("2030-02-01").await.client().get("/login").await.assert_refused(403, CODE);
}

#[tokio::test]
async fn a_list_file_counts_like_the_entries() {
    let gateway = Gateway::builder()
        .rule("ip-whitelist", "addresses: [203.0.113.0/24]\nlists: [lists/home.txt]\n")
        .file("rules/lists/home.txt", "# homes\n127.0.3.1\n127.0.4.0/24   # a street\n")
        .start()
        .await;
    for (address, listed) in [([127, 0, 3, 1], true), ([127, 0, 3, 2], false), ([127, 0, 4, 250], true)] {
        let answer = gateway.client_at(address).get("/login").await;
        if listed {
            answer.assert_passed(200);
        } else {
            answer.assert_refused(403, CODE);
        }
    }
}

#[tokio::test]
async fn an_ipv4_client_of_an_ipv6_listener_is_its_ipv4_address() {
    if std::net::TcpListener::bind("[::]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let gateway = listed("").config("listeners", json!([{ "address": "[::]:0" }])).start().await;
    let port = gateway.address().port();
    let through = (Ipv4Addr::LOCALHOST, port).into();
    gateway.client_by(through, OFFICE).get("/login").await.assert_passed(200);
    let refusal = gateway.client_by(through, ELSEWHERE).get("/login").await;
    refusal.assert_refused(403, CODE);
    assert!(refusal.text().contains("127.0.9.9") && !refusal.text().contains("ffff"), "{}", refusal.text());
    let six: IpAddr = "::1".parse().unwrap();
    gateway.client_by((six, port).into(), six).get("/login").await.assert_refused(403, CODE);
}

#[tokio::test]
async fn an_exempt_super_admin_comes_in_from_everywhere_and_nobody_else() {
    let gateway = listed("exempt_super_admin: true\n").start().await;
    let elsewhere = gateway.client_at(ELSEWHERE);
    elsewhere.get("/login").await.assert_passed(200);
    elsewhere.get("/assets/login.js").await.assert_passed(200);
    elsewhere.get("/api/conversations").await.assert_refused(403, CODE);
    elsewhere.sign_in(Persona::SuperAdmin).await.get("/api/conversations").await.assert_passed(200);
    for persona in [Persona::Supervisor, Persona::Trainee, Persona::Partner, Persona::Operator] {
        let client = elsewhere.sign_in(persona).await;
        client.get("/api/conversations").await.assert_refused(403, CODE);
    }
}

#[tokio::test]
async fn monitoring_tells_and_lets_pass() {
    let gateway = listed("mode: monitor\n").start().await;
    let client = gateway.client_at(ELSEWHERE).sign_in(Persona::Trainee).await;
    let answer = client.get("/api/conversations").await;
    answer.assert_passed(200);
    assert_eq!(would_be_refused(answer.request_id()), [(CODE.to_owned(), "ip-whitelist.yaml:1".to_owned())]);
    let office = gateway.client_at(OFFICE).with("cookie", client.cookie());
    assert_eq!(would_be_refused(office.get("/api/conversations").await.request_id()), []);
}

#[tokio::test]
async fn off_means_that_everybody_comes_in() {
    let gateway = listed("enabled: false\n").start().await;
    gateway.client_at(ELSEWHERE).get("/login").await.assert_passed(200);
}

fn listed(more: &str) -> Builder {
    Gateway::builder().rule("ip-whitelist", &format!("addresses: [127.0.1.0/24]\n{more}"))
}
