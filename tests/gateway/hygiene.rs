//! Messages that two servers could read differently, and connections that must stay in step.
//!
//! Which of the refusals are pingora's own parser's is said in the tables: those carry no reason and are not logged.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use serde_json::json;

use crate::harness::{Client, Gateway, Origin, Persona, Raw, Response};

/// Who refuses a malformed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// The gateway, with a reason.
    Gateway,
    /// pingora's parser: 400 without a reason.
    Parser,
}

async fn signed_in(persona: Persona) -> (Gateway, Client) {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(persona).await;
    (gateway, client)
}

async fn answer(raw: &mut Raw) -> Response {
    raw.response().await.expect("no answer")
}

#[tokio::test]
async fn a_message_with_two_readings_is_refused_and_nothing_after_it_is_read() {
    let (gateway, owner) = signed_in(Persona::SuperAdmin).await;
    let cookie = owner.cookie();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let chunked = "5\r\nhello\r\n0\r\n\r\n";
    for (name, by, fields, body) in [
        (
            "a length and a coding",
            By::Gateway,
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            chunked,
        ),
        (
            "a coding and a length",
            By::Gateway,
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            chunked,
        ),
        ("two equal lengths", By::Gateway, "Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        ("two equal lengths in one field", By::Parser, "Content-Length: 5, 5\r\n", "hello"),
        ("two lengths", By::Parser, "Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
        ("a signed length", By::Parser, "Content-Length: +5\r\n", "hello"),
        ("a negative length", By::Parser, "Content-Length: -5\r\n", "hello"),
        ("a length in hex", By::Parser, "Content-Length: 0x5\r\n", "hello"),
        ("a twin of the length", By::Gateway, "Content-Length: 5\r\nContent_Length: 0\r\n", "hello"),
        ("gzip, chunked", By::Gateway, "Transfer-Encoding: gzip, chunked\r\n", chunked),
        (
            "chunked twice",
            By::Gateway,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            chunked,
        ),
        ("chunked, identity", By::Parser, "Transfer-Encoding: chunked, identity\r\n", chunked),
        ("xchunked", By::Parser, "Transfer-Encoding: xchunked\r\n", chunked),
        ("a quoted coding", By::Parser, "Transfer-Encoding: \"chunked\"\r\n", chunked),
        ("a space before the colon", By::Parser, "Transfer-Encoding : chunked\r\n", chunked),
        ("a folded line", By::Parser, "X: a\r\n b\r\n", ""),
        ("a folded coding", By::Parser, "Transfer-Encoding:\r\n chunked\r\n", chunked),
        ("a bare LF", By::Gateway, "X: a\nY: b\r\n", ""),
        ("a bare CR", By::Parser, "X: a\rY: b\r\n", ""),
        ("a NUL", By::Parser, "X: a\0b\r\n", ""),
        ("a second Host", By::Parser, "Host: b\r\n", ""),
        (
            "two types",
            By::Gateway,
            "Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 5\r\n",
            "hello",
        ),
        ("a field without a name", By::Parser, ": x\r\n", ""),
    ] {
        let mut raw = owner.raw().await;
        raw.write(format!(
            "POST /odd/echo HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n{fields}\r\n{body}{smuggled}"
        ))
        .await;
        let text = String::from_utf8_lossy(&raw.rest().await).into_owned();
        assert!(text.starts_with("HTTP/1.1 400"), "{name}: {text}");
        let reason = text.contains("x-chatwarden-reason: request-ambiguous");
        assert_eq!(reason, by == By::Gateway, "{name} is refused by another: {text}");
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{name}: more than one answer: {text}");
    }
    let seen: Vec<String> = gateway.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(seen, ["/login"], "the app saw more than the sign-in");
}

#[tokio::test]
async fn a_request_line_with_two_readings_is_refused() {
    let (gateway, owner) = signed_in(Persona::SuperAdmin).await;
    let cookie = owner.cookie();
    for (head, by) in [
        ("GET /odd/echo HTTP/1.1\r\n", By::Gateway),
        ("GET /odd/echo HTTP/1.1\r\nHost:\r\nHost: a\r\n", By::Parser),
        ("GET http://b/odd/echo HTTP/1.1\r\nHost: a\r\n", By::Parser),
        ("GET http://u@a/odd/echo HTTP/1.1\r\nHost: a\r\n", By::Parser),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n", By::Gateway),
        ("GET odd/echo HTTP/1.1\r\nHost: a\r\n", By::Gateway),
        ("POST /odd/echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", By::Parser),
        ("GET /odd/echo HTTP/1.0\r\n", By::Gateway),
        ("GET /odd/echo HTTP/2.0\r\nHost: a\r\n", By::Parser),
        ("GET /odd/echo\r\nHost: a\r\n", By::Parser),
        ("G(T /odd/echo HTTP/1.1\r\nHost: a\r\n", By::Parser),
    ] {
        let mut raw = owner.raw().await;
        raw.write(format!("{head}Cookie: {cookie}\r\nConnection: close\r\n\r\n")).await;
        let text = String::from_utf8_lossy(&raw.rest().await).into_owned();
        assert!(text.starts_with("HTTP/1.1 400"), "{head:?}: {text}");
        assert_eq!(text.contains("x-chatwarden-reason: "), by == By::Gateway, "{head:?}: {text}");
    }
    let mut raw = owner.raw().await;
    raw.write("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").await;
    assert!(String::from_utf8_lossy(&raw.rest().await).starts_with("HTTP/1.1 405"));
    assert_eq!(gateway.seen().len(), 1, "the app saw more than the sign-in");
}

#[tokio::test]
async fn chunk_framing_that_does_not_parse_never_becomes_a_complete_request() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for persona in [Persona::SuperAdmin, Persona::Operator] {
        for target in ["/api/any", "/conversations/1/download"] {
            for body in [
                "5\nhello\n0\n\n",
                "5\r\nhello0\r\n\r\n",
                "zz\r\nhello\r\n0\r\n\r\n",
                "-1\r\n\r\n",
                "ffffffffffffffff1\r\nx",
            ] {
                let mut raw = gateway.client().raw().await;
                let cookie = persona.at_origin();
                raw.write(format!(
                    "POST {target} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
                ))
                .await;
                raw.end().await;
                let text = String::from_utf8_lossy(&raw.rest().await).into_owned();
                assert!(!text.starts_with("HTTP/1.1 200"), "{target} {body:?}: {text}");
                if body.starts_with("zz") {
                    assert!(text.starts_with("HTTP/1.1 400"), "{target} {body:?}: {text}");
                }
            }
        }
    }
    assert!(origin.seen().iter().all(|arrival| !arrival.whole), "{:?}", origin.seen());
}

#[tokio::test]
async fn a_request_pipelined_behind_another_is_judged_on_its_own_or_not_answered() {
    let (gateway, trainee) = signed_in(Persona::Trainee).await;
    let cookie = trainee.cookie();
    let mut raw = trainee.raw().await;
    let one = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n");
    raw.write(one("/api/me") + &one("/files/invoice.pdf") + &one("/api/webhooks")).await;
    answer(&mut raw).await.assert_passed(200);
    while let Some(next) = raw.response().await {
        assert_eq!(next.status(), 403);
    }
    assert!(!gateway.seen().iter().any(|seen| seen.target != "/login" && seen.target != "/api/me"));
}

#[tokio::test]
async fn bytes_sent_before_a_switch_of_protocols_is_accepted_do_not_become_a_request() {
    let origin = Origin::start(|mut exchange| async move {
        exchange.read_body().await;
        exchange.answer("application/json", "{}").await;
        Some(exchange)
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for upgrade in ["websocket", "h2c", "foo"] {
        let mut raw = gateway.client().raw().await;
        raw.write(format!(
            "GET /live HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nConnection: Upgrade\r\nUpgrade: {upgrade}\r\n\r\n\
             GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
            Persona::SuperAdmin.at_origin()
        ))
        .await;
        let _ = raw.rest().await;
    }
    let lines: Vec<String> = origin.seen().iter().map(|arrival| arrival.line().to_owned()).collect();
    assert!(lines.iter().all(|line| line == "GET /live HTTP/1.1"), "{lines:?}");
    for arrival in origin.seen() {
        assert!(!arrival.head.contains("smuggled"), "{}", arrival.head);
        assert!(arrival.field("upgrade").is_none_or(|value| value == "websocket"), "{}", arrival.head);
    }
}

#[tokio::test]
async fn two_requests_on_one_upstream_connection_stay_in_step() {
    let origin =
        Origin::answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let owner = gateway.client().with("cookie", Persona::SuperAdmin.at_origin());
    let operator = gateway.client().with("cookie", Persona::Operator.at_origin());
    let mail = json!({ "email": "archive@example.com" }).to_string();
    let large = format!("{{\"email\":\"archive@example.com\",\"text\":\"{}\"}}", "x".repeat(100_000));
    let kind = "application/json";
    let pieces = |text: &str| text.as_bytes().chunks(40_000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
    for round in 0..3 {
        for client in [&owner, &operator] {
            for body in [&mail, &large] {
                client.post("/conversations/1/download").body(kind, body.clone()).await;
                client.post("/conversations/1/download").chunks(kind, pieces(body)).await;
            }
            // The last chunk on its own, after the others.
            let mut raw = client.raw().await;
            let cookie = if round % 2 == 0 { Persona::SuperAdmin } else { Persona::Operator }.at_origin();
            raw.write(format!(
                "POST /conversations/1/download HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{mail}\r\n",
                mail.len()
            ))
            .await;
            raw.write("0\r\n\r\n").await;
            assert_eq!(answer(&mut raw).await.status(), 200);
            client.get("/api/next").await;
        }
    }
    for arrival in origin.seen() {
        assert!(arrival.whole, "{arrival:?}");
        match arrival.line() {
            "POST /conversations/1/download HTTP/1.1" => {
                assert!(
                    arrival.body == mail.as_bytes() || arrival.body == large.as_bytes(),
                    "{}",
                    arrival.body.len()
                );
            }
            line => assert_eq!((line, arrival.body.len()), ("GET /api/next HTTP/1.1", 0)),
        }
    }
    assert_eq!(origin.seen().len(), 3 * 2 * 6);
    let connections = origin.seen().iter().map(|arrival| arrival.connection).max().unwrap();
    assert!(connections < 18, "connections are not used again: {connections}");
}

#[tokio::test]
async fn a_body_that_is_refused_late_never_becomes_a_complete_request() {
    let origin = Origin::start(|mut exchange| async move {
        exchange.read_body().await;
        exchange.answer("application/json", "{}").await;
        Some(exchange)
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let trainee = gateway.client().with("cookie", Persona::Trainee.at_origin());
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\nx\r\n--b--\r\n",
        "x".repeat(200_000)
    );
    let kind = "multipart/form-data; boundary=b";
    let pieces = || form.as_bytes().chunks(10_000).map(Bytes::copy_from_slice).collect();
    for call in
        [trainee.post("/api/any").body(kind, form.clone()), trainee.post("/api/any").chunks(kind, pieces())]
    {
        let refused = call.await;
        assert_eq!(refused.header("x-chatwarden-reason"), Some("file-send-blocked"));
    }
    for arrival in origin.seen() {
        assert!(!arrival.whole && arrival.body.is_empty(), "the app has {} bytes of it", arrival.body.len());
    }
    // And the same without the file arrives whole.
    let clean = form.replace("; filename=\"x\"", "");
    assert_eq!(trainee.post("/api/any").body(kind, clean.clone()).await.status(), 200);
    assert_eq!(origin.seen().last().unwrap().body, clean.as_bytes());
}

#[tokio::test]
async fn an_answer_that_comes_before_the_verdict_on_the_body_does_not_pass() {
    let origin = Origin::start(|mut exchange| async move {
        exchange.answer("application/json", r#"{"early":"secret"}"#).await;
        exchange.wait_for_the_peer_to_go().await;
        None
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let trainee = Persona::Trainee.at_origin();
    let mut raw = gateway.client().raw().await;
    raw.write(format!(
        "POST /api/any HTTP/1.1\r\nHost: a\r\nCookie: {trainee}\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n",
        70_000,
        "-".repeat(70_000)
    ))
    .await;
    assert_eventually!(!origin.seen().is_empty());
    let refused = answer(&mut raw).await;
    assert_eq!(
        (refused.status().as_u16(), refused.header("x-chatwarden-reason")),
        (502, Some("upstream-unavailable"))
    );
    assert!(!refused.text().contains("secret"));
}

#[tokio::test]
async fn a_second_attempt_brings_the_same_body() {
    let puts = Arc::new(AtomicUsize::new(0));
    let origin = Origin::start(move |mut exchange| {
        let puts = Arc::clone(&puts);
        async move {
            if exchange.target() == "/api/put" && puts.fetch_add(1, Ordering::Relaxed) == 0 {
                // The connection is gone before the body is read.
                return None;
            }
            exchange.read_body().await;
            exchange.answer("application/json", "{}").await;
            Some(exchange)
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let cookie = Persona::Trainee.at_origin();
    assert_eq!(gateway.client().with("cookie", cookie).get("/api/get").await.status(), 200);
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(150_000)
    );
    let mut raw = gateway.client().raw().await;
    raw.write(format!(
        "PUT /api/put HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n{}",
        form.len(),
        form
    ))
    .await;
    assert_eq!(answer(&mut raw).await.status(), 200);
    let [get, first, second] = &origin.seen()[..] else { panic!("more than two attempts") };
    assert_eq!(first.connection, get.connection, "the first attempt was not on the used connection");
    assert!(!first.whole && second.whole);
    assert!(second.body == form.as_bytes(), "{} bytes instead of {}", second.body.len(), form.len());
}

#[tokio::test]
async fn an_answer_that_the_app_cuts_is_cut_for_the_client() {
    let card = r#"{"client_phone":"+37061234567","a":1}"#;
    let cuts = [
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{card}"),
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n25\r\n{card}\r\n"
        ),
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n25\r\n{}",
            &card[..20]
        ),
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}", &card[..20]),
    ];
    let origin = Origin::start(move |mut exchange| {
        let cut = exchange
            .target()
            .strip_prefix("/api/")
            .and_then(|number| number.parse().ok())
            .map(|number: usize| cuts[number].clone());
        async move {
            exchange.send(cut.unwrap()).await;
            None
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for persona in [Persona::Operator, Persona::Supervisor] {
        let client = gateway.client().with("cookie", persona.at_origin());
        for number in 0..3 {
            assert_not_whole(&client.get(&format!("/api/{number}")).await);
        }
    }
    // Without a length only its grammar tells that JSON is cut.
    assert_not_whole(&gateway.client().with("cookie", Persona::Operator.at_origin()).get("/api/3").await);
}

/// Cut where the answer had begun, else a refusal in its place.
#[track_caller]
fn assert_not_whole(answer: &Response) {
    if answer.status() == 200 {
        answer.assert_cut();
    } else {
        assert!(
            answer.header("x-chatwarden-reason").is_some() && answer.status() == 502,
            "{}",
            answer.status()
        );
    }
}

#[tokio::test]
async fn an_answer_may_grow_beyond_its_length() {
    let body = format!("[{}]", vec![r#"{"client_name":"X"}"#; 500].join(","));
    let text = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"a\"\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let origin = Origin::answering(text).await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let grown = gateway.client().with("cookie", Persona::Operator.at_origin()).get("/api/any").await;
    assert!(grown.text().len() > body.len());
    assert_eq!(grown.json().as_array().unwrap().len(), 500);
    assert_eq!(grown.header("content-length"), None);
}

#[tokio::test]
async fn an_old_client_gets_a_body_without_chunks_and_a_closed_connection() {
    let (_gateway, operator) = signed_in(Persona::Operator).await;
    for (version, fields) in
        [("1.0", ""), ("1.0", "Connection: keep-alive\r\n"), ("1.1", "Connection: close\r\n")]
    {
        let mut raw = operator.raw().await;
        raw.write(format!(
            "GET /api/conversations HTTP/{version}\r\nHost: a\r\nCookie: {}\r\n{fields}\r\n",
            operator.cookie()
        ))
        .await;
        let text = String::from_utf8_lossy(&raw.rest().await).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.0 200"), "{head}");
        if version == "1.0" {
            assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
            assert!(body.starts_with('{') && body.ends_with('}'), "{}", &body[..body.len().min(80)]);
        }
    }
}

#[tokio::test]
async fn an_old_client_that_does_not_ask_to_keep_the_connection_has_it_closed() {
    let (_gateway, owner) = signed_in(Persona::SuperAdmin).await;
    let mut raw = owner.raw().await;
    raw.write(format!("GET /api/me HTTP/1.0\r\nHost: a\r\nCookie: {}\r\n\r\n", owner.cookie())).await;
    let own = answer(&mut raw).await;
    assert_eq!(own.assert_passed(200).header("connection"), Some("close"));
    assert!(own.header("content-length").is_some() && raw.response().await.is_none());
}

#[tokio::test]
async fn an_answer_without_a_body_is_an_answer_without_a_body() {
    let (_gateway, operator) = signed_in(Persona::Operator).await;
    let mut raw = operator.raw().await;
    let cookie = operator.cookie().to_owned();
    for _ in 0..2 {
        raw.write(format!("HEAD /api/conversations HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n")).await;
        let head = raw.head_response().await.unwrap();
        assert_eq!(
            (head.status().as_u16(), head.header("content-length")),
            (200, None),
            "the length of the original"
        );
        for code in [204, 304] {
            raw.write(format!("GET /odd/status/{code} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n"))
                .await;
            assert_eq!(answer(&mut raw).await.status(), code);
        }
        raw.write(format!("HEAD /api/webhooks HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n")).await;
        let refused = raw.head_response().await.unwrap();
        assert_eq!(refused.header("x-chatwarden-reason"), Some("webhooks-panel-restricted"));
        raw.write(format!("GET /api/me HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n")).await;
        answer(&mut raw).await.assert_passed(200);
    }
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_refusal_and_closed_after_an_unread_body() {
    let (gateway, trainee) = signed_in(Persona::Trainee).await;
    let cookie = trainee.cookie();
    let mut raw = trainee.raw().await;
    for target in ["/files/invoice.pdf", "/a%2Fb", "/api/webhooks"] {
        raw.write(format!("GET {target} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n")).await;
        assert!(answer(&mut raw).await.status().is_client_error());
    }
    raw.write(format!("GET /api/me HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n")).await;
    answer(&mut raw).await.assert_passed(200);
    // The body of a refused request is not the next request.
    let smuggled = format!("GET /api/conversations HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n");
    raw.write(format!(
        "POST /upload HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    ))
    .await;
    answer(&mut raw).await.assert_refused(403, "file-send-blocked");
    raw.write(smuggled).await;
    assert!(raw.response().await.is_none(), "the connection is open");
    assert!(!gateway.seen().iter().any(|seen| seen.target == "/api/conversations"));
}

#[tokio::test]
async fn who_waits_for_100_continue_gets_it() {
    let (_gateway, operator) = signed_in(Persona::Operator).await;
    let (_other, trainee) = signed_in(Persona::Trainee).await;
    let small = json!({ "email": "archive@example.com" }).to_string();
    let large = format!("{{\"email\":\"archive@example.com\",\"x\":\"{}\"}}", "x".repeat(100_000));
    for (client, target, body) in [
        (&operator, "/conversations/901/download", &small), // read ahead
        (&operator, "/conversations/901/download", &large), // held
        (&operator, "/odd/echo", &small),                   // open
    ] {
        let mut raw = client.raw().await;
        raw.write(format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            client.cookie(),
            body.len()
        ))
        .await;
        assert_eq!(answer(&mut raw).await.status(), 100, "{target}");
        raw.write(body).await;
        let mut last = answer(&mut raw).await;
        while last.status() == 100 {
            last = answer(&mut raw).await;
        }
        assert!(last.status() != 100 && !last.status().is_server_error(), "{target}: {}", last.status());
    }
    // What is refused after it is refused.
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(100_000)
    );
    let mut raw = trainee.raw().await;
    raw.write(format!(
        "POST /odd/echo HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        trainee.cookie(),
        form.len()
    ))
    .await;
    assert_eq!(answer(&mut raw).await.status(), 100);
    raw.write(form).await;
    answer(&mut raw).await.assert_refused_for_its_body(403, "file-send-blocked");
    // A refusal comes at once, in place of it.
    let mut raw = trainee.raw().await;
    raw.write(format!(
        "POST /upload HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: image/png\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        trainee.cookie()
    ))
    .await;
    answer(&mut raw).await.assert_refused(403, "file-send-blocked");
}

#[tokio::test]
async fn a_chunked_body_of_nothing_is_judged_as_nothing_and_does_not_hang() {
    let (_gateway, operator) = signed_in(Persona::Operator).await;
    let (_other, owner) = signed_in(Persona::SuperAdmin).await;
    let head = |client: &Client, target: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            client.cookie()
        )
    };
    let mut raw = operator.raw().await;
    raw.write(head(&operator, "/conversations/901/download")).await;
    let refused = answer(&mut raw).await;
    assert!([403, 415].contains(&refused.status().as_u16()), "{}", refused.text());
    for target in ["/conversations/901/download", "/api/conversations/close", "/odd/echo"] {
        let mut raw = owner.raw().await;
        for _ in 0..2 {
            raw.write(head(&owner, target)).await;
            assert!(answer(&mut raw).await.seen().is_some(), "{target}");
        }
    }
    // By query: the body is read, found empty, and the request goes on.
    let mut raw = operator.raw().await;
    for _ in 0..2 {
        raw.write(format!(
            "POST /conversations/901/download?email=archive@example.com HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            operator.cookie()
        ))
        .await;
        answer(&mut raw).await.assert_passed(200);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_complete_request_and_no_trouble() {
    let origin =
        Origin::answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
            .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    for persona in [Persona::Trainee, Persona::SuperAdmin] {
        for (length, sent) in [(500, 100), (200_000, 100_000)] {
            let mut raw = gateway.client().raw().await;
            raw.write(format!(
                "POST /api/any HTTP/1.1\r\nHost: a\r\nCookie: {}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n",
                persona.at_origin()
            ))
            .await;
            raw.write("x".repeat(sent)).await;
            drop(raw);
        }
    }
    let well = gateway.client().with("cookie", Persona::SuperAdmin.at_origin()).get("/api/any").await;
    assert_eq!(well.status(), 200);
    let posts =
        || origin.seen().into_iter().filter(|arrival| arrival.line().starts_with("POST")).collect::<Vec<_>>();
    assert!(posts().iter().all(|post| !post.whole), "{:?}", posts());
}

#[tokio::test]
async fn an_old_app_is_answered_for_in_the_clients_version() {
    let body = r#"{"client_phone":"+37061234567"}"#;
    let old = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let origin = Origin::start(move |mut exchange| {
        let old = old.clone();
        async move {
            exchange.send(old).await;
            None
        }
    })
    .await;
    let gateway = Gateway::builder().upstream(origin.address()).start().await;
    let mut raw = gateway.client().raw().await;
    let cookie = Persona::Operator.at_origin();
    raw.write(format!("GET /api/any HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"))
        .await;
    let text = String::from_utf8_lossy(&raw.rest().await).into_owned();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.ends_with("0\r\n\r\n") && !text.contains("6123"),
        "{text}"
    );
}
