//! downloads.yaml: to which addresses conversations may be downloaded.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::harness::{Builder, Call, Client, Gateway, Persona, Response, would_be_refused};

const NOT_LISTED: &str = "download-recipient-not-listed";
const DIRECT: &str = "download-direct-blocked";
const UNSCANNABLE: &str = "unscannable-body";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_listed_recipient_gets_the_conversation_by_every_way_of_asking() {
    let gateway = Gateway::start().await;
    for persona in [Persona::Supervisor, Persona::Trainee, Persona::Partner, Persona::Operator] {
        let client = gateway.client().sign_in(persona).await;
        download(&client).json(&json!({ "email": "archive@example.com" })).await.assert_passed(200);
        download(&client).form("email=archive%40example.com").await.assert_passed(200);
        client.post("/conversations/901/download?email=archive@example.com").await.assert_passed(200);
    }
    // The app reads no multipart and takes this for a download to the browser.
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    download(&client).body(MULTIPART, multipart(&["archive@example.com"])).await.assert_passed(200);
}

#[tokio::test]
async fn the_list_is_read_as_addresses_are() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    for email in [
        json!("archive@example.com"),
        json!("ARCHIVE@EXAMPLE.COM"),
        json!("Archive <archive@example.com>"),
        json!("\"Legal, team\" <cases@legal.example.com>"),
        json!("cases@LEGAL.example.com, archive@example.com"),
        json!(["archive@example.com", "cases@legal.example.com"]),
        json!([{ "name": "Archive", "email": "archive@example.com" }]),
    ] {
        let answer = download(&client).json(&json!({ "email": email })).await;
        answer.assert_passed(200);
    }
    for email in [
        json!("boss@evil.example"),
        json!("archive@example.com.evil.example"),
        json!("archive@example.comx"),
        json!("xarchive@example.com"),
        json!("x@sub.legal.example.com"),
        json!("x@legal.example.com.evil.example"),
        json!("x@evillegal.example.com"),
        json!("archive@example.com, boss@evil.example"),
        json!("archive@example.com;boss@evil.example"),
        json!("archive@example.com <boss@evil.example>"),
        json!("Team: archive@example.com, boss@evil.example;"),
        json!(["archive@example.com", "boss@evil.example"]),
        json!([{ "email": "archive@example.com" }, { "email": "boss@evil.example" }]),
        json!({ "to": "archive@example.com", "bcc": "boss@evil.example" }),
        json!("archive@example.com\r\nBcc: boss@evil.example"),
        json!("archive@example.com boss@evil.example"),
        json!("archive@example.com%0abcc:boss@evil.example"),
        json!("boss"),
        json!("boss@"),
        json!("archive@ex\u{430}mple.com"),
        json!("archive\u{ff20}example.com"),
        json!(901),
    ] {
        download(&client).json(&json!({ "email": email })).await.assert_refused(403, NOT_LISTED);
    }
    assert!(gateway.app().outbox().iter().flat_map(|mail| &mail.to).all(|to| !to.contains("evil")));
}

#[tokio::test]
async fn an_address_counts_wherever_it_stands() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let refused: [Value; 6] = [
        json!({ "email": "archive@example.com", "cc": "boss@evil.example" }),
        json!({ "email": "archive@example.com", "Email": "boss@evil.example" }),
        json!({ "options": { "deep": [{ "to": "boss@evil.example" }] } }),
        json!({ "EMAIL": "boss@evil.example" }),
        json!({ "email": "archive@example.com", "boss@evil.example": true }),
        json!([{ "email": "boss@evil.example" }]),
    ];
    for body in refused {
        download(&client).json(&body).await.assert_refused(403, NOT_LISTED);
    }
    for (content_type, body) in [
        (JSON, r#"{"email":"archive@example.com","email":"boss@evil.example"}"#),
        (JSON, r#"{"email":"boss@evil.example","email":"archive@example.com"}"#),
        (JSON, r#"{"\u0065mail":"boss\u0040evil.example"}"#),
        (FORM, "email=archive@example.com&email=boss@evil.example"),
        (FORM, "email=archive@example.com&cc=boss%40evil.example"),
        (FORM, "email=archive@example.com&EMAIL%5B%5D=boss%2540evil.example"),
    ] {
        download(&client).body(content_type, body).await.assert_refused(403, NOT_LISTED);
    }
    let both = multipart(&["archive@example.com", "boss@evil.example"]);
    download(&client).body(MULTIPART, both).await.assert_refused(403, NOT_LISTED);
    // In the query beside a good body.
    for query in ["email=boss@evil.example", "cc=boss%40evil.example", "email[]=boss@evil.example"] {
        let target = format!("/conversations/901/download?{query}");
        let body = json!({ "email": "archive@example.com" });
        client.post(&target).json(&body).await.assert_refused(403, NOT_LISTED);
    }
    assert!(gateway.app().outbox().is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    for (content_type, body) in [
        (JSON, r#"{"email":"archive@example.com""#),
        (JSON, "email=archive@example.com"),
        ("text/plain", "archive@example.com"),
        ("application/xml", "<email>archive@example.com</email>"),
        ("application/json; charset=utf-16", "{}"),
        ("", r#"{"email":"archive@example.com"}"#),
        (FORM, r#"{"email":"boss"}"#),
        (MULTIPART, "archive@example.com"),
    ] {
        download(&client).body(content_type, body).await.assert_refused(415, UNSCANNABLE);
    }
    let coded = download(&client).header("content-encoding", "gzip").body(JSON, &b"\x1f\x8b"[..]).await;
    coded.assert_refused(415, UNSCANNABLE);
}

#[tokio::test]
async fn a_coding_of_the_request_does_not_hide_an_address() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    // A server that heeds the coding reads something else than what was judged.
    let body = json!({ "email": "archive@example.com" });
    let coded = |client: &Client| download(client).header("content-encoding", "br").json(&body);
    coded(&client).await.assert_refused(415, UNSCANNABLE);
    let gateway = Gateway::builder().monitor("downloads").start().await;
    let answer = coded(&gateway.client().sign_in(Persona::Supervisor).await).await;
    answer.assert_passed(200);
    assert_told(&answer, UNSCANNABLE);
}

#[tokio::test]
async fn a_large_request_is_judged_whole() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let body = |to: &str| json!({ "filler": "x".repeat(300_000), "email": to }).to_string();
    let chunks = |text: &str, size: usize| {
        text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect::<Vec<_>>()
    };
    for to in ["archive@example.com", "boss@evil.example"] {
        let text = body(to);
        for answer in [
            download(&client).body(JSON, text.clone()).await,
            download(&client).chunks(JSON, chunks(&text, 10_000)).await,
            download(&client).chunks(JSON, chunks(&text, 70_000)).await,
        ] {
            if to == "archive@example.com" {
                answer.assert_passed(200);
                assert_eq!(answer.seen().unwrap().body_len, text.len());
            } else {
                answer.assert_refused_for_its_body(403, NOT_LISTED);
            }
        }
    }
    let small = json!({ "email": "boss@evil.example" }).to_string();
    for size in [1, 5] {
        download(&client).chunks(JSON, chunks(&small, size)).await.assert_refused(403, NOT_LISTED);
    }
    assert_eq!(gateway.app().outbox().len(), 3);
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused() {
    let gateway = Gateway::builder().config("limits", json!({ "inspected_body": "100KiB" })).start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let text = json!({ "filler": "x".repeat(150_000), "email": "archive@example.com" }).to_string();
    download(&client).body(JSON, text.clone()).await.assert_refused(413, "limit-reached");
    let chunks = text.as_bytes().chunks(10_000).map(Bytes::copy_from_slice).collect();
    download(&client).chunks(JSON, chunks).await.assert_refused_for_its_body(413, "limit-reached");
    assert!(gateway.app().outbox().is_empty());
}

#[tokio::test]
async fn without_an_address_the_browser_gets_nothing() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    download(&client).await.assert_refused(403, DIRECT);
    download(&client).json(&json!({})).await.assert_refused(403, DIRECT);
    download(&client).json(&json!({ "email": null })).await.assert_refused(403, DIRECT);
    download(&client).json(&json!({ "email": "" })).await.assert_refused(403, DIRECT);
    download(&client).json(&json!({ "email": [] })).await.assert_refused(403, DIRECT);
    download(&client).form("email=").await.assert_refused(403, DIRECT);
    download(&client).form("format=txt").await.assert_refused(403, DIRECT);
    client.post("/conversations/901/download?email=").await.assert_refused(403, DIRECT);
}

#[tokio::test]
async fn direct_downloads_pass_where_they_are_allowed() {
    let gateway = rules("direct: allow\n").start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let answer = download(&client).json(&json!({})).await;
    answer.assert_passed(200);
    assert!(answer.header("content-disposition").unwrap().starts_with("attachment"));
    download(&client).json(&json!({ "email": "boss@evil.example" })).await.assert_refused(403, NOT_LISTED);
    // The transcript is a file, and names a client.
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    download(&trainee).await.assert_answer_refused(403, "file-receive-blocked");
    let operator = gateway.client().sign_in(Persona::Operator).await;
    download(&operator).await.assert_answer_refused(502, UNSCANNABLE);
}

#[tokio::test]
async fn a_super_admin_downloads_to_anywhere() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::SuperAdmin).await;
    download(&client).json(&json!({ "email": "boss@evil.example" })).await.assert_passed(200);
    download(&client).await.assert_passed(200);
    download(&client).body("text/plain", "whatever").await.assert_passed(200);
    assert_eq!(gateway.app().outbox()[0].to, ["boss@evil.example"]);
}

#[tokio::test]
async fn an_unknown_caller_is_judged_like_an_operator() {
    let gateway = Gateway::start().await;
    let stranger = gateway.client();
    download(&stranger).json(&json!({ "email": "boss@evil.example" })).await.assert_refused(403, NOT_LISTED);
    download(&stranger).await.assert_refused(403, DIRECT);
    download(&stranger).json(&json!({ "email": "archive@example.com" })).await.assert_passed(401);
}

#[tokio::test]
async fn no_spelling_of_the_route_gets_around_it() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    for path in [
        "/conversations/901/download/",
        "/Conversations/901/Download",
        "//conversations//901//download",
        "/conversations/901/./download",
        "/conversations/901/download;v=1",
        "/conversations/901/download.txt",
        "/conversations/901/%64ownload",
        "/widget/../conversations/901/download",
    ] {
        client
            .post(path)
            .json(&json!({ "email": "boss@evil.example" }))
            .await
            .assert_refused(403, NOT_LISTED);
    }
}

#[tokio::test]
async fn monitoring_tells_and_lets_pass() {
    let gateway = Gateway::builder().monitor("downloads").start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    let large = json!({ "email": "boss@evil.example", "filler": "x".repeat(200_000) });
    for (body, code) in
        [(json!({ "email": "boss@evil.example" }), NOT_LISTED), (json!({}), DIRECT), (large, NOT_LISTED)]
    {
        let answer = download(&client).json(&body).await;
        answer.assert_passed(200);
        assert_told(&answer, code);
    }
    assert_eq!(gateway.app().outbox().len(), 2);
    let listed = download(&client).json(&json!({ "email": "archive@example.com" })).await;
    assert_eq!(would_be_refused(listed.request_id()), []);
}

#[tokio::test]
async fn off_leaves_downloads_to_the_app() {
    let gateway = rules("enabled: false\n").start().await;
    let client = gateway.client().sign_in(Persona::Supervisor).await;
    download(&client).json(&json!({ "email": "boss@evil.example" })).await.assert_passed(200);
    download(&client).await.assert_passed(200);
}

fn download(client: &Client) -> Call {
    client.post("/conversations/901/download")
}

fn rules(more: &str) -> Builder {
    Gateway::builder().rule("downloads", &format!("emails: [archive@example.com]\n{more}"))
}

fn multipart(emails: &[&str]) -> String {
    let part = |email| format!("--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n{email}\r\n");
    emails.iter().map(part).collect::<String>() + "--b--\r\n"
}

#[track_caller]
fn assert_told(answer: &Response, code: &str) {
    let told = would_be_refused(answer.request_id());
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, code);
    assert!(told[0].1.starts_with("downloads.yaml:"), "{told:?}");
}

const MULTIPART: &str = "multipart/form-data; boundary=b";
