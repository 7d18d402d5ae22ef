//! The invariants of every request, each under attack: closed on failure; judged is sent; any cut; the peer is not the
//! client; a refusal has its rule; nothing private in logs. The bounds stand in `limits`, the framing in `hygiene`.

use std::sync::Arc;

use bytes::Bytes;
use chatwarden::demo::App;
use serde_json::{Value, json};

use crate::harness::{Client, Gateway, Origin, Persona, Place, Response, get, lines_with};

/// Contact data of the demo's first client, as the app's oddities carry it.
const PHONE: &str = "+37061234567";

// 1. Closed on failure.

#[tokio::test]
async fn broken_json_never_passes_to_a_masked_caller() {
    let gateway = Gateway::start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    // Short: nothing has left when it breaks.
    let refused = operator.get("/odd/broken").await;
    refused.assert_answer_refused(502, "unscannable-body");
    // Long: what has left was masked, and the rest is cut off.
    let card = format!("{{\"client_phone\":\"{PHONE}\"}},");
    let text = format!("[{}{{\"client_phone\":\"{PHONE}\"]", card.repeat(20_000));
    let length = text.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let origin = Origin::answering(head + &text).await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let operator = gateway.client().with("cookie", Persona::Operator.at_origin());
    let answer = operator.get("/api/any").await;
    let passed = String::from_utf8_lossy(answer.assert_cut());
    assert!(passed.len() > 100_000 && !passed.contains("6123"), "{}", passed.len());
    for id in [refused.request_id(), answer.request_id()] {
        assert_eventually!(lines_with(id).iter().any(|line| {
            line.contains("\"reason\":\"unscannable-body\"") && line.contains("personal-data.yaml:")
        }));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_to_a_masked_caller_and_passes_to_an_exempt_one() {
    let gateway = Gateway::start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    for what in ["latin1", "broken", "octets", "archive"] {
        let target = format!("/odd/{what}");
        operator.get(&target).await.assert_answer_refused(502, "unscannable-body");
        let clear = supervisor.get(&target).await;
        clear.assert_passed(200);
        assert_eq!(clear.bytes(), supervisor.behind().get(&target).await.bytes(), "{what}");
    }
}

#[tokio::test]
async fn an_app_that_does_not_say_who_calls_gets_the_strictest_treatment() {
    let card = json!({ "client_phone": PHONE, "file_url": "/files/invoice.pdf" }).to_string();
    let origin = Origin::start(move |mut exchange| {
        let card = card.clone();
        async move {
            exchange.read_body().await;
            exchange.answer("application/json", &card).await;
            Some(exchange)
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let silent = gateway.client().with("cookie", "session=silent");
    let shown = silent.get("/api/card").await;
    assert_eq!(shown.status(), 200);
    assert!(!shown.text().contains(PHONE) && !shown.text().contains("invoice"), "{}", shown.text());
    let before = origin.seen().len();
    let write = silent.post("/api/conversations/close").json(&json!({ "conversation_id": 1 })).await;
    assert_eq!(
        (write.status().as_u16(), write.header("x-chatwarden-reason")),
        (503, Some("identity-unavailable"))
    );
    for target in ["/files/invoice.pdf", "/api/webhooks", "/settings/webhooks"] {
        assert_eq!(silent.get(target).await.status(), 403, "{target}");
    }
    assert_eq!(origin.seen().len(), before, "the app saw what was refused");
    // The same bytes for somebody who is known.
    let known = gateway.client().with("cookie", Persona::Supervisor.at_origin());
    assert!(known.get("/api/card").await.text().contains(PHONE));
}

#[tokio::test]
async fn an_app_that_is_gone_is_an_honest_502() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::builder().upstream(nobody).start().await;
    let answer = gateway.client().get("/assets/app.js").await;
    assert_eq!(
        (answer.status().as_u16(), answer.header("x-chatwarden-reason")),
        (502, Some("upstream-unavailable"))
    );
    let write =
        gateway.client().with("cookie", "session=x").post("/api/conversations/close").json(&json!({})).await;
    assert_eq!(
        (write.status().as_u16(), write.header("x-chatwarden-reason")),
        (503, Some("identity-unavailable"))
    );
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_refused() {
    let leak = format!(
        "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{{\"client_phone\":\"{PHONE}\"}}"
    );
    let origin = Origin::start(move |mut exchange| {
        let leak = leak.clone();
        async move {
            exchange.send(leak).await;
            None
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for persona in [Persona::Operator, Persona::SuperAdmin] {
        let mut raw = gateway.client().raw().await;
        raw.write(format!(
            "GET /api/card HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nConnection: close\r\n\r\n",
            persona.at_origin()
        ))
        .await;
        let answer = String::from_utf8_lossy(&raw.rest().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 502") && !answer.contains(PHONE), "{persona:?}: {answer}");
    }
}

// 2. What is judged is what is sent.

/// Sends a request whose target no proper client would send, and reads the answer.
async fn ask(client: &Client, line: &str, fields: &str) -> Response {
    let mut raw = client.raw().await;
    let cookie = client.cookie();
    raw.write(format!("{line} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n{fields}\r\n")).await;
    raw.response().await.unwrap_or_else(|| panic!("no answer: {line}"))
}

#[tokio::test]
async fn every_path_reaches_the_app_in_its_one_form_or_not_at_all() {
    let gateway = Gateway::start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    for (sent, received) in [
        ("/api/me", Some("/api/me")),
        ("/%61pi/%6de", Some("/api/me")),
        ("/api/./me", Some("/api/me")),
        ("/x/../api/me", Some("/api/me")),
        ("/x/%2e%2E/api/me", Some("/api/me")),
        ("/api/me/.", Some("/api/me/")),
        ("/api//me", Some("/api//me")),
        ("//api/me", Some("//api/me")),
        ("/api/me;v=1", Some("/api/me;v=1")),
        ("/api/me.json", Some("/api/me.json")),
        ("/API/Me", Some("/API/Me")),
        ("/a%3fb%c3%a9", Some("/a%3Fb%C3%A9")),
        ("/a?b=%2e%2e/%2F&c=%25%32", Some("/a?b=%2e%2e/%2F&c=%25%32")),
        ("/a?", Some("/a?")),
        ("http://a/api/./me?x=1", Some("/api/me?x=1")),
        ("http://a", Some("/")),
        ("/..", None),
        ("/../api/me", None),
        ("/a/../../api/me", None),
        ("/%2e%2e/api/me", None),
        ("/a%2Fb", None),
        ("/a%2fb", None),
        ("/a%5Cb", None),
        ("/a\\b", None),
        ("/a%00b", None),
        ("/a%0d%0ab", None),
        ("/a%7f", None),
        ("/a%252e%252e/b", None),
        ("/a%25%32%65", None),
        ("/a%c0%ae%c0%ae/b", None),
        ("/a%e0%80%af", None),
        ("/a%ff", None),
        ("/a%c2%85", None),
        ("/a%", None),
        ("/a%2", None),
        ("/a%zz", None),
        ("/a/..;/b", None),
        ("/a/.;x/b", None),
        ("/a#b", None),
        ("/a?b=1#&email=x", None),
    ] {
        let answer = ask(&owner, &format!("GET {sent}"), "").await;
        match received {
            Some(target) => assert_eq!(answer.seen().expect(sent).target, target, "{sent}"),
            None => {
                answer.assert_refused(400, "path-ambiguous");
            }
        }
    }
}

#[tokio::test]
async fn a_query_reaches_the_app_byte_for_byte_as_it_was_judged() {
    let gateway = Gateway::start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    for query in ["a=b;c=d", "a=%00", "a=../..", "a[]=1&a[]=2", "%61=1", "a=b?c", "=", "&&", "a=\u{e9}"] {
        let answer = ask(&owner, &format!("GET /odd/echo?{query}"), "").await;
        let seen = answer.seen().unwrap();
        assert_eq!(seen.target, format!("/odd/echo?{query}"));
    }
}

#[tokio::test]
async fn a_restricting_route_matches_whatever_a_lenient_app_takes_for_it() {
    let gateway = Gateway::start().await;
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    for target in [
        "/api/webhooks",
        "/API/WebHooks",
        "/api//webhooks",
        "//api/webhooks",
        "/api/webhooks/",
        "/api/webhooks//",
        "/api/webhooks.json",
        "/api/webhooks;jsessionid=1",
        "/api;v=1/webhooks",
        "/api/webhooks;v=1.json",
        "/api/%77ebhooks",
        "/api/x/../webhooks",
        "/api/web%E2%80%8Bhooks/../webhooks",
        "/Api/Webhooks.JSON/",
        "/settings/webhooks?tab=1",
        "/SETTINGS//WEBHOOKS;a/5",
        "http://a/api/webhooks",
    ] {
        ask(&supervisor, &format!("GET {target}"), "").await.assert_refused(403, "webhooks-panel-restricted");
    }
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    for target in ["/files/invoice.pdf", "/FILES/invoice.pdf", "//files//invoice.pdf", "/files;x/invoice.pdf"]
    {
        ask(&trainee, &format!("GET {target}"), "").await.assert_refused(403, "file-receive-blocked");
    }
}

#[tokio::test]
async fn a_granting_route_matches_only_to_the_letter() {
    let gateway = Gateway::builder().rule("ip-whitelist", "addresses: [203.0.113.0/24]\n").start().await;
    let stranger = gateway.client().with("cookie", "none=1");
    ask(&stranger, "GET /widget", "").await.assert_passed(200);
    ask(&stranger, "GET /widget/messages", "").await;
    for line in [
        "GET /Widget",
        "GET /widget;x",
        "GET /widget.json",
        "GET //widget",
        "GET /widget/../api/me",
        "GET /widget/%2e%2e/api/me",
        "GET /hooks/telegram",
        "POST /Hooks/telegram",
        "POST //hooks/telegram",
    ] {
        ask(&stranger, line, "").await.assert_refused(403, "ip-not-whitelisted");
    }
}

#[tokio::test]
async fn headers_that_name_another_target_never_reach_the_app() {
    let gateway = Gateway::start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    let names = [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Original-URI",
        "X_Rewrite_URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
    ];
    for name in names {
        let answer = ask(&owner, "GET /odd/echo", &format!("{name}: /api/webhooks\r\n")).await;
        let seen = answer.assert_passed(200).seen().unwrap();
        let passed = seen.headers.values().any(|value| value == "/api/webhooks");
        assert!(!passed, "{name} reached the app: {:?}", seen.headers);
    }
}

#[tokio::test]
async fn a_second_method_is_refused_wherever_it_stands() {
    let gateway = Gateway::start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    for (line, fields) in [
        ("POST /odd/echo", "X-HTTP-Method-Override: DELETE\r\n"),
        ("POST /odd/echo", "x-http-method: DELETE\r\n"),
        ("POST /odd/echo", "X-Method-Override: POST\r\n"),
        ("POST /odd/echo", "X_HTTP_METHOD_OVERRIDE: DELETE\r\n"),
        ("POST /odd/echo?_method=DELETE", ""),
        ("POST /odd/echo?a=1&_METHOD=delete", ""),
        ("POST /odd/echo?%5f%6Dethod=delete", ""),
        ("POST /odd/echo?a=1;_method=delete", ""),
        ("POST /odd/echo?.method=delete", ""),
        ("GET /odd/echo?_method=POST", ""),
        ("post /odd/echo", ""),
        ("Get /odd/echo", ""),
    ] {
        ask(&owner, line, fields).await.assert_refused(400, "request-ambiguous");
    }
    ask(&owner, "POST /odd/echo?method=DELETE", "Content-Length: 0\r\n").await.assert_passed(200);
}

#[tokio::test]
async fn a_field_that_connection_names_is_not_judged_and_then_dropped() {
    let gateway = Gateway::start().await;
    let partner = gateway.client().sign_in(Persona::Partner).await;
    let body = "hello";
    for name in ["Content-Type", "content-length", "cookie", "X-Custom"] {
        let fields = format!(
            "Content-Type: text/plain\r\nX-Custom: 1\r\nContent-Length: {}\r\nConnection: close, {name}\r\n",
            body.len()
        );
        let mut raw = partner.raw().await;
        raw.write(format!(
            "POST /odd/echo HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n{fields}\r\n{body}",
            partner.cookie()
        ))
        .await;
        raw.response().await.unwrap().assert_refused(400, "request-ambiguous");
    }
}

#[tokio::test]
async fn a_coded_body_is_not_judged_as_if_it_were_plain() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n";
    for coding in ["gzip", "identity", "br"] {
        let call = trainee.post("/odd/echo").body("multipart/form-data; boundary=b", form);
        call.header("content-encoding", coding).await.assert_refused(415, "unscannable-body");
        let download =
            trainee.post("/conversations/901/download").json(&json!({ "email": "archive@example.com" }));
        download.header("content-encoding", coding).await.assert_refused(415, "unscannable-body");
    }
    trainee.post("/odd/echo").body("multipart/form-data; boundary=b", form).await.assert_passed(200);
}

// 3. Any cut.

#[tokio::test]
async fn an_answer_is_masked_alike_however_the_app_cuts_it() {
    let gateway = Gateway::start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    let whole = operator.get("/odd/slow?bytes=100000&ms=0").await;
    whole.assert_passed(200);
    assert!(!whole.text().contains(PHONE), "{}", whole.text());
    for bytes in [1, 2, 3, 7, 16] {
        let cut = operator.get(&format!("/odd/slow?bytes={bytes}&ms=0")).await;
        assert_eq!(cut.text(), whole.text(), "in chunks of {bytes}");
    }
}

#[tokio::test]
async fn an_answer_that_arrives_byte_by_byte_is_masked_alike() {
    let card = json!({ "client_phone": PHONE, "client_name": "Jūratė Kazlauskienė", "order": 1 }).to_string();
    let origin = Origin::start(move |mut exchange| {
        let card = card.clone();
        async move {
            let length = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{card}",
                card.len()
            );
            let until_closed = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{card}"
            );
            match exchange.target() {
                "/api/whole" => exchange.send(length).await,
                "/api/bytes" => exchange.trickle(length).await,
                _ => {
                    exchange.trickle(until_closed).await;
                    return None;
                }
            }
            Some(exchange)
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let operator = gateway.client().with("cookie", Persona::Operator.at_origin());
    let whole = operator.get("/api/whole").await;
    assert!(!whole.text().contains("6123") && !whole.text().contains("Jūratė"), "{}", whole.text());
    assert_eq!(whole.json()["order"], 1);
    for target in ["/api/bytes", "/api/closed"] {
        assert_eq!(operator.get(target).await.text(), whole.text(), "{target}");
    }
}

#[tokio::test]
async fn a_form_is_judged_alike_however_the_client_cuts_it() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let part = |disposition: &str| {
        format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\nx\r\n--b--\r\n")
    };
    let (file, text) = (part("name=\"a\"; filename=\"a.txt\""), part("name=\"a\""));
    let kind = "multipart/form-data; boundary=b";
    for size in [1, 3, 1000] {
        let pieces =
            |form: &str| form.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        trainee.post("/odd/echo").chunks(kind, pieces(&file)).await.assert_refused(403, "file-send-blocked");
        let passed = trainee.post("/odd/echo").chunks(kind, pieces(&text)).await;
        assert_eq!(passed.assert_passed(200).seen().unwrap().body, text.as_bytes());
    }
    // And byte by byte on the wire, head and all.
    for (form, status) in [(&file, 403), (&text, 200)] {
        let mut raw = trainee.raw().await;
        let head = format!(
            "POST /odd/echo HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            trainee.cookie(),
            form.len()
        );
        for byte in (head + form).bytes() {
            raw.write([byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.response().await.unwrap().status(), status);
    }
}

// 5. The peer is not the client.

#[tokio::test]
async fn what_is_said_of_the_client_is_the_gateways_word_alone() {
    let gateway = Gateway::start().await;
    let client = gateway.client_at([127, 0, 0, 9]).sign_in(Persona::SuperAdmin).await;
    let mut fields = String::new();
    let lies = [
        "X-Forwarded-For",
        "x-forwarded-for",
        "X_Forwarded_For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "Forwarded",
        "X-Real-IP",
        "X_Real_IP",
        "Client-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Request-Id",
        "X-Chatwarden-Reason",
    ];
    for name in lies {
        fields.push_str(&format!("{name}: 203.0.113.66\r\n"));
    }
    let seen = ask(&client, "GET /odd/echo", &fields).await.assert_passed(200).seen().unwrap();
    assert!(!seen.headers.values().any(|value| value == "203.0.113.66"), "{:?}", seen.headers);
    assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.9");
    assert_eq!(seen.headers["x-real-ip"], "127.0.0.9");
    assert_eq!(seen.headers["x-forwarded-proto"], "http");
    assert_eq!(seen.headers.get_all("x-forwarded-for").iter().count(), 1);
}

#[tokio::test]
async fn an_address_in_a_header_opens_no_whitelist() {
    let gateway = Gateway::builder().rule("ip-whitelist", "addresses: [127.0.0.8]\n").start().await;
    let inside = gateway.client_at([127, 0, 0, 8]).sign_in(Persona::SuperAdmin).await;
    inside.get("/").await.assert_passed(200);
    let outside = gateway.client_at([127, 0, 0, 9]).with("cookie", inside.cookie());
    for name in
        ["x-forwarded-for", "x-real-ip", "forwarded", "client-ip", "true-client-ip", "cf-connecting-ip"]
    {
        let value = if name == "forwarded" { "for=127.0.0.8" } else { "127.0.0.8" };
        let refused = outside.get("/").header(name, value).await;
        refused.assert_refused(403, "ip-not-whitelisted");
        assert!(refused.text().contains("127.0.0.9"), "the judged address is named: {}", refused.text());
    }
}

// 6. A refusal has a reason and a rule.

#[tokio::test]
async fn every_refusal_by_a_rule_is_logged_with_its_file_and_line() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    let outsider = gateway.client_at([127, 0, 0, 1]);
    let boss = json!({ "email": "boss@evil.example" });
    let refusals: Vec<(Response, &str, &str)> = vec![
        (trainee.get("/files/invoice.pdf").await, "files.yaml", "group: trainees"),
        (trainee.post("/upload").body("image/png", "x").await, "files.yaml", "group: trainees"),
        (operator.post("/conversations/901/download").json(&boss).await, "downloads.yaml", "emails:"),
        (operator.post("/conversations/901/download").json(&json!({})).await, "downloads.yaml", "direct:"),
        (operator.get("/api/webhooks").await, "webhooks.yaml", "panel:"),
        (operator.get("/odd/octets").await, "personal-data.yaml", "enabled:"),
    ];
    drop(outsider);
    for (answer, file, text) in refusals {
        let (id, code) = (answer.request_id(), answer.header("x-chatwarden-reason").unwrap());
        let line =
            gateway.read_rule(file.trim_end_matches(".yaml")).lines().position(|line| line.contains(text));
        let rule = format!("{file}:{}", line.unwrap() + 1);
        let found = || lines_with(id).into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        assert_eventually!(
            found().any(|line| line["rule"] == rule.as_str() && line["reason"] == code),
            "{code} by {rule}: {:?}",
            lines_with(id)
        );
    }
}

#[tokio::test]
async fn a_refused_address_is_logged_with_the_whitelists_line() {
    let gateway =
        Gateway::builder().rule("ip-whitelist", "enabled: true\naddresses: [203.0.113.0/24]\n").start().await;
    let refused = gateway.client().get("/").await;
    refused.assert_refused(403, "ip-not-whitelisted");
    assert_eventually!(
        lines_with(refused.request_id()).iter().any(|line| line.contains("ip-whitelist.yaml:"))
    );
}

// 7. Nothing private in logs, metrics, errors or the action log.

#[tokio::test]
async fn a_whole_shift_leaves_nothing_private_behind() {
    let app = Arc::new(App::start("127.0.0.1:0".parse().unwrap()).await.unwrap());
    let place = Place::write(Gateway::builder(), app.addr());
    let mut process = place.run(Some("trace")).await;
    let client = process.client(Arc::clone(&app));
    let mut private: Vec<String> = [
        "61234567",
        "jurate.k@example.com",
        "Kazlauskien",
        "Łukasz",
        "lukasz_w",
        "boss@evil.example",
        "Tr0ub4dor-secret",
        "eyJhbGciOi.secret.token",
        "c0ntact-in-the-path",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut answers = Vec::new();
    let wrong = json!({ "email": "owner@example.com", "password": "Tr0ub4dor-secret" });
    answers.push(client.post("/login").json(&wrong).await);
    answers.push(client.post("/login").form("email=owner%40example.com&password=Tr0ub4dor-secret").await);
    answers
        .push(client.with("authorization", "Bearer eyJhbGciOi.secret.token").get("/api/conversations").await);
    for persona in Persona::ALL {
        let person = client.sign_in(persona).await;
        private.push(person.cookie().trim_start_matches("session=").to_owned());
        for target in [
            "/",
            "/api/me",
            "/api/conversations",
            "/api/conversations/901/messages",
            "/api/users/501",
            "/odd/broken",
            "/odd/gzip",
            "/odd/csv",
            "/odd/cut",
            "/files/invoice.pdf",
            "/api/webhooks",
            "/events",
            "/avatars/501",
            "/c0ntact-in-the-path/+37061234567?phone=%2B37061234567&q=jurate.k@example.com",
            "/a%2F61234567",
        ] {
            let answer = person.get(target).open().await;
            if target != "/events" {
                let answer = answer.read().await;
                if answer.header("x-chatwarden-reason").is_some() {
                    answers.push(answer);
                }
            }
        }
        let boss = json!({ "email": ["boss@evil.example"] });
        answers.push(person.post("/conversations/901/download").json(&boss).await);
        let text = json!({ "conversation_id": 901, "text": "Call Kazlauskienė on +37061234567" });
        person.post("/api/conversations/send-message").json(&text).await;
        let start = json!({ "client_phone": "+37061234567", "text": "jurate.k@example.com" });
        person.post("/api/conversations/start").json(&start).await;
        person.post("/api/users/update").json(&json!({ "user_id": 501, "client_name": "Łukasz" })).await;
        let form = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"61234567.txt\"\r\n\r\nx\r\n--b--\r\n";
        answers.push(person.post("/upload").body("multipart/form-data; boundary=b", form).await);
        let mut raw = person.raw().await;
        raw.write(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nX: +37061234567\r\nBad Header\r\n\r\n",
            person.cookie()
        ))
        .await;
        raw.rest().await;
        person.post("/logout").await;
    }
    let token = place.read("state/admin.token");
    private.push(token.trim().to_owned());
    let bearer = format!("Bearer {}", token.trim());
    let (status, _, told) = get(process.admin, "/status", &[("authorization", &bearer)]).await;
    assert_eq!(status, 200);
    let metrics = get(process.metrics, "/metrics", &[]).await.2;
    process.signal("TERM");
    let (code, _) = process.ended().await;
    assert!(code.success());
    let actions = place.chatwarden(&["log", "--format", "json", "--limit", "1000"]);
    assert_eq!(actions.code, 0, "{}", actions.err);
    assert!(actions.out.lines().count() > 20, "the shift is not in the action log: {}", actions.out);
    let refusals: Vec<String> = answers
        .iter()
        .filter(|answer| answer.header("x-chatwarden-reason").is_some())
        .map(|answer| format!("{:?} {}", answer.headers(), answer.text()))
        .collect();
    assert!(refusals.len() > 15, "{}", refusals.len());
    let log = process.log();
    assert!(log.contains("Request refused") && log.contains("Request allowed"), "the log is not at DEBUG");
    for (place, text) in [
        ("the log", &log),
        ("/status", &told),
        ("/metrics", &metrics),
        ("the action log", &actions.out),
        ("refusals", &refusals.join("\n")),
    ] {
        for secret in &private {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert!(line.is_none(), "{secret} stands in {place}: {}", line.unwrap_or_default());
        }
    }
}
