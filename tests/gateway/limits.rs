//! Bounds: each has a name in config.yaml, and something defined happens at it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chatwarden::demo::App;
use serde_json::json;

use crate::harness::{Gateway, Origin, Persona, Place};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_body_under_inspection_is_bounded_by_inspected_body() {
    let gateway = Gateway::builder().config("limits", json!({ "inspected_body": "64KiB" })).start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    let mail = |size: usize| {
        let text = r#"{"email":"archive@example.com","x":""#.to_owned();
        let fill = "x".repeat(size - text.len() - 2);
        text + &fill + "\"}"
    };
    let target = "/conversations/901/download";
    let kind = "application/json";
    let pieces = |body: &str| body.as_bytes().chunks(1000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
    operator.post(target).body(kind, mail(64 << 10)).await.assert_passed(200);
    operator.post(target).chunks(kind, pieces(&mail(64 << 10))).await.assert_passed(200);
    operator.post(target).body(kind, mail((64 << 10) + 1)).await.assert_refused(413, "limit-reached");
    let grown = operator.post(target).chunks(kind, pieces(&mail(70_000))).await;
    grown.assert_refused_for_its_body(413, "limit-reached");
    // What no rule has to read is not bounded by it: there is no mask in what is shown as it is.
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let open = supervisor.post("/odd/echo").body(kind, mail(300_000)).await;
    assert_eq!(open.assert_passed(200).seen().unwrap().body_len, 300_000);
}

#[tokio::test]
async fn a_head_is_bounded_by_request_header() {
    let gateway = Gateway::builder().config("limits", json!({ "request_header": "2KiB" })).start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    owner.get("/odd/echo").header("x", &"y".repeat(1500)).await.assert_passed(200);
    owner.get("/odd/echo").header("x", &"y".repeat(2000)).await.assert_refused(431, "limit-reached");
    owner.get(&format!("/odd/echo?{}", "y".repeat(2000))).await.assert_refused(431, "limit-reached");
    let mut raw = owner.raw().await;
    raw.write(format!("GET /odd/echo HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(80))).await;
    raw.response().await.unwrap().assert_passed(200);
    // More fields than pingora's parser takes, and more bytes.
    for head in ["a: b\r\n".repeat(300), format!("a: {}\r\n", "b".repeat(2 * MIB))] {
        let mut raw = owner.raw().await;
        raw.write(format!("GET /odd/echo HTTP/1.1\r\nHost: a\r\n{head}\r\n")).await;
        let text = String::from_utf8_lossy(&raw.rest().await).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
}

#[tokio::test]
async fn a_body_under_inspection_has_its_time_and_no_more() {
    let gateway =
        Gateway::builder().config("limits", json!({ "inspected_body_timeout": "1s" })).start().await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    // Short enough to be read ahead, and long enough to be held; silent, and dripping.
    for length in [5_000, 200_000] {
        for drips in [false, true] {
            let mut raw = operator.raw().await;
            raw.write(format!(
                "POST /conversations/901/download HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{",
                operator.cookie()
            ))
            .await;
            let start = std::time::Instant::now();
            if drips {
                raw.drip(b" ").await;
            }
            let refused = raw.response().await.expect("no answer");
            assert_eq!(
                (refused.status().as_u16(), refused.header("x-chatwarden-reason")),
                (408, Some("request-timeout")),
                "{length} {drips}"
            );
            assert!(start.elapsed() < Duration::from_secs(20), "{length} {drips}: {:?}", start.elapsed());
        }
    }
    assert!(gateway.app().outbox().is_empty());
}

#[tokio::test]
async fn a_head_has_its_time_from_its_first_byte_on() {
    let gateway = Gateway::builder().config("limits", json!({ "header_timeout": "1s" })).start().await;
    let owner = gateway.client().sign_in(Persona::SuperAdmin).await;
    let dripping = async |raw: &mut crate::harness::Raw| {
        raw.write(b"GET /odd/echo HTTP/1.1\r\na: ").await;
        raw.drip(b"b").await;
        raw.rest().await
    };
    assert!(dripping(&mut owner.raw().await).await.is_empty());
    // The next one of a connection, too; and a request under way is no head.
    let mut raw = owner.raw().await;
    let slow = format!(
        "POST /odd/echo HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        owner.cookie()
    );
    raw.write(slow).await;
    let start = std::time::Instant::now();
    assert_eventually!({
        raw.write(b"1\r\nx\r\n").await;
        start.elapsed() > Duration::from_millis(1500)
    });
    raw.write(b"0\r\n\r\n").await;
    raw.response().await.unwrap().assert_passed(200);
    assert!(dripping(&mut raw).await.is_empty());
}

#[tokio::test]
async fn clients_and_accounts_have_so_many_requests() {
    let limits = json!({ "requests_per_client": "5/h", "requests_per_account": "3/h" });
    let gateway = Gateway::builder().config("limits", limits).start().await;
    let ask = async |client: &crate::harness::Client| client.get("/odd/echo").await;
    let cookie = gateway.client_at([127, 0, 3, 1]).sign_in(Persona::SuperAdmin).await.cookie().to_owned();
    let from = |last: u8| gateway.client_at([127, 0, 3, last]).with("cookie", &cookie);
    for _ in 0..3 {
        ask(&from(2)).await.assert_passed(200);
    }
    ask(&from(2)).await.assert_refused(429, "limit-reached");
    ask(&from(4)).await.assert_refused(429, "limit-reached");
    let nobody = gateway.client_at([127, 0, 3, 5]);
    for _ in 0..5 {
        nobody.get("/assets/app.js").await.assert_passed(200);
    }
    nobody.get("/assets/app.js").await.assert_refused(429, "limit-reached");
    gateway.client_at([127, 0, 3, 6]).get("/assets/app.js").await.assert_passed(200);
}

#[tokio::test]
async fn a_client_tries_to_sign_in_so_often() {
    let gateway = Gateway::builder().config("limits", json!({ "sign_ins_per_client": "2/h" })).start().await;
    let client = gateway.client_at([127, 0, 3, 1]);
    let guess = json!({ "email": "owner@example.com", "password": "guess" });
    for _ in 0..2 {
        client.post("/login").json(&guess).await.assert_passed(401);
    }
    client.post("/login").json(&guess).await.assert_refused(429, "limit-reached");
    client.get("/login").await.assert_passed(200);
    gateway.client_at([127, 0, 3, 2]).post("/login").json(&guess).await.assert_passed(401);
}

#[tokio::test]
async fn a_client_has_so_many_connections_at_once() {
    let gateway = Gateway::builder().config("limits", json!({ "connections_per_client": 2 })).start().await;
    let client = gateway.client_at([127, 0, 3, 1]);
    let (one, mut other) = (client.raw().await, client.raw().await);
    // Both are in before the third comes.
    other.write(b"GET /assets/app.js HTTP/1.1\r\nHost: a\r\n\r\n").await;
    other.response().await.unwrap().assert_passed(200);
    assert!(client.raw().await.rest().await.is_empty());
    gateway.client_at([127, 0, 3, 2]).get("/assets/app.js").await.assert_passed(200);
    drop(one);
    let comes_in = async || {
        let mut raw = client.raw().await;
        raw.write(b"GET /assets/app.js HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.response().await.is_some()
    };
    assert_eventually!(comes_in().await);
}

#[tokio::test]
async fn connections_are_bounded_and_free_again_when_they_end() {
    let gateway = Gateway::builder().config("limits", json!({ "connections": 3 })).start().await;
    let client = gateway.client();
    let request = "GET /login HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut raw = client.raw().await;
        raw.write(request).await;
        raw.response().await.unwrap().assert_passed(200);
        open.push(raw);
    }
    let mut fourth = client.raw().await;
    fourth.write(request).await;
    assert!(fourth.response().await.is_none(), "a fourth connection is served");
    open.pop();
    assert_eventually!({
        let mut again = client.raw().await;
        again.write(request).await;
        again.response().await.is_some_and(|answer| answer.status() == 200)
    });
}

#[tokio::test]
async fn a_connection_is_closed_after_its_idle_time() {
    let gateway = Gateway::builder().config("limits", json!({ "idle_timeout": "1s" })).start().await;
    let mut raw = gateway.client().raw().await;
    raw.write("GET /login HTTP/1.1\r\nHost: a\r\n\r\n").await;
    raw.response().await.unwrap().assert_passed(200);
    assert!(raw.response().await.is_none());
}

/// Sends a hundred megabytes of one JSON string, in a document that never ends well.
async fn endless(mut exchange: crate::harness::Exchange) -> Option<crate::harness::Exchange> {
    let name = exchange.target().trim_start_matches("/api/").to_owned();
    exchange.send(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{{\"{name}\":\"")).await;
    let piece = vec![b'x'; 64 << 10];
    for _ in 0..100 * MIB / piece.len() {
        exchange.send(&piece).await;
    }
    exchange.send("\"}").await;
    None
}

#[tokio::test]
async fn a_hundred_megabytes_of_one_string_are_masked_in_flat_memory() {
    let origin = Origin::start(endless).await;
    let app = Arc::new(App::start("127.0.0.1:0".parse().unwrap()).await.unwrap());
    let place = Place::write(Gateway::builder(), origin.address());
    let process = place.run(None).await;
    let operator = process.client(app).with("cookie", Persona::Operator.at_origin());
    operator.get("/api/warm").open().await;
    let before = process.peak_memory();
    for name in ["text", "client_phone"] {
        let mut answer = operator.get(&format!("/api/{name}")).open().await;
        assert_eq!(answer.status(), 200);
        let (mut length, mut leaked) = (0, false);
        while let Some(chunk) = answer.next().await.unwrap() {
            length += chunk.len();
            leaked |= name == "client_phone" && chunk.windows(2).any(|two| two == b"xx");
        }
        assert!(!leaked, "a hidden value passed");
        assert_eq!(length > 100 * MIB, name == "text", "{name}: {length} bytes");
    }
    // A client that does not read holds the app back, not memory.
    let mut slow = operator.get("/api/text").open().await;
    slow.next().await.unwrap();
    let held = process.client(Arc::new(App::start("127.0.0.1:0".parse().unwrap()).await.unwrap()));
    held.with("cookie", Persona::Operator.at_origin()).get("/api/client_phone").open().await.read().await;
    let grown = process.peak_memory().saturating_sub(before);
    // The windows of copies and the buffers of three streams, as the allocator keeps them; not of what passes.
    assert!(grown < 40 * MIB, "memory grew by {} KiB", grown >> 10);
}
