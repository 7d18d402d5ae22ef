//! files.yaml: who may send files and who may receive them, by whatever way they travel.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::harness::{Call, Client, Gateway, Persona, Response, would_be_refused};

const SEND: &str = "file-send-blocked";
const RECEIVE: &str = "file-receive-blocked";
const MAY_SEND: [Persona; 3] = [Persona::SuperAdmin, Persona::Supervisor, Persona::Operator];
const MAY_RECEIVE: [Persona; 4] =
    [Persona::SuperAdmin, Persona::Supervisor, Persona::Partner, Persona::Operator];

#[tokio::test]
async fn who_may_receive_files_receives_them_as_they_are() {
    let gateway = Gateway::start().await;
    for persona in MAY_RECEIVE {
        let client = gateway.client().sign_in(persona).await;
        for path in ["/files/invoice.pdf", "/files/parcel.png"] {
            let (file, behind) = (client.get(path).await, client.behind().get(path).await);
            file.assert_passed(200);
            assert_eq!(file.bytes(), behind.bytes(), "{persona:?} {path}");
            for name in ["content-type", "content-disposition", "content-length"] {
                assert_eq!(file.header(name), behind.header(name));
            }
        }
    }
}

#[tokio::test]
async fn who_may_not_receive_files_is_refused_on_every_spelling_of_the_route() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    for path in [
        "/files/invoice.pdf",
        "/files/parcel.png",
        "/files",
        "/files/",
        "/Files/invoice.pdf",
        "/FILES/INVOICE.PDF",
        "//files/invoice.pdf",
        "/files//invoice.pdf",
        "/files/x/../invoice.pdf",
        "/./files/invoice.pdf",
        "/assets/../files/invoice.pdf",
        "/%66iles/invoice.pdf",
        "/files;v=1/invoice.pdf",
        "/files/invoice.pdf;v=1",
        "/files/invoice.pdf?inline=1",
        "/files.json",
        "/download/anything",
    ] {
        trainee.get(path).await.assert_refused(403, RECEIVE);
    }
    trainee.get("/files%2Finvoice.pdf").await.assert_refused(400, "path-ambiguous");
}

#[tokio::test]
async fn a_head_request_for_a_file_is_refused_too() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let partner = gateway.client().sign_in(Persona::Partner).await;
    let head = trainee.call(Method::HEAD, "/files/invoice.pdf").await;
    assert_eq!((head.status().as_u16(), head.header("x-chatwarden-reason")), (403, Some(RECEIVE)));
    assert!(head.seen().is_none());
    partner.call(Method::HEAD, "/files/invoice.pdf").await.assert_passed(200);
}

#[tokio::test]
async fn attachments_and_documents_are_files_on_every_route() {
    let gateway = Gateway::builder().edit_profile("    - \"GET /files/**\"\n", "").start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    for path in ["/files/invoice.pdf", "/odd/archive", "/odd/octets"] {
        let refusal = trainee.get(path).await;
        refusal.assert_answer_refused(403, RECEIVE);
        assert_eq!((refusal.header("content-disposition"), refusal.header("etag")), (None, None));
    }
    let supervisor = gateway.client().sign_in(Persona::Supervisor).await;
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    for client in [supervisor, admin] {
        for path in ["/files/invoice.pdf", "/odd/archive", "/odd/octets"] {
            client.get(path).await.assert_passed(200);
        }
    }
}

#[tokio::test]
async fn an_attachment_is_a_file_whatever_its_type() {
    let gateway = Gateway::builder()
        .edit_profile("    - \"GET /files/**\"\n", "")
        .rule("personal-data", "enabled: false\n")
        .start()
        .await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    let sent = upload(&operator, "/upload", &form("hello", Some("note.txt"))).await;
    let path = sent.json()["data"]["file_url"].as_str().unwrap().to_owned();
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    trainee.get(&path).await.assert_answer_refused(403, RECEIVE);
    // Pictures that a page shows are no attachments.
    trainee.get("/files/parcel.png").await.assert_passed(200);
    assert_eq!(operator.get(&path).await.assert_passed(200).text(), "hello");
}

#[tokio::test]
async fn links_to_files_are_kept_from_who_may_not_receive_them() {
    let gateway = Gateway::start().await;
    let links = async |persona| {
        let client: Client = gateway.client().sign_in(persona).await;
        let answer = client.get("/api/conversations/901/messages").await.json();
        let messages = answer["data"].as_array().unwrap().clone();
        messages
            .into_iter()
            .map(|message| message["file_url"].clone())
            .filter(|url| !url.is_null())
            .collect::<Vec<_>>()
    };
    assert_eq!(links(Persona::Partner).await, ["/files/parcel.png", "/files/invoice.pdf"]);
    assert_eq!(links(Persona::SuperAdmin).await, ["/files/parcel.png", "/files/invoice.pdf"]);
    assert_eq!(links(Persona::Trainee).await, ["", ""]);
}

#[tokio::test]
async fn the_apps_own_pictures_and_scripts_are_no_files() {
    let gateway = Gateway::start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    for path in ["/assets/app.js", "/assets/app.css", "/favicon.ico", "/avatars/operator-1005"] {
        trainee.get(path).await.assert_passed(200);
    }
}

#[tokio::test]
async fn who_may_send_files_sends_them_as_they_are() {
    let gateway = Gateway::start().await;
    for persona in MAY_SEND {
        let client = gateway.client().sign_in(persona).await;
        for size in [10, 300_000] {
            let body = form(&"x".repeat(size), Some("note.txt"));
            let answer = upload(&client, "/upload", &body).await;
            answer.assert_passed(200);
            assert_eq!(answer.json()["data"]["file_size"], size);
            assert_eq!(answer.seen().unwrap().body_len, body.len());
        }
        let link = json!({ "conversation_id": 901, "file_url": "/files/invoice.pdf" });
        client.post("/api/conversations/send-file-message").json(&link).await.assert_passed(200);
    }
}

#[tokio::test]
async fn who_may_not_send_files_is_refused_on_every_spelling_of_the_route() {
    let gateway = Gateway::start().await;
    let link = json!({ "conversation_id": 901, "file_url": "/files/invoice.pdf" });
    for persona in [Persona::Trainee, Persona::Partner] {
        let client = gateway.client().sign_in(persona).await;
        for path in [
            "/api/conversations/send-file-message",
            "/api/conversations/send-file-message/",
            "/api/conversations/send-file-message.json",
            "/API/conversations/Send-File-Message",
            "//api//conversations/send-file-message",
            "/api/conversations/./send-file-message;v=1",
            "/api/conversations/send%2Dfile-message",
            "/upload",
            "/upload/",
            "/upload/x/y",
            "/Upload",
            "/x/../upload",
        ] {
            client.post(path).json(&link).await.assert_refused(403, SEND);
        }
        client.post("/upload").await.assert_refused(403, SEND);
    }
}

#[tokio::test]
async fn a_form_with_a_file_is_refused_on_every_route() {
    let gateway = Gateway::start().await;
    for persona in [Persona::Trainee, Persona::Partner] {
        let client = gateway.client().sign_in(persona).await;
        for path in ["/odd/echo", "/api/conversations/send-message", "/logout"] {
            upload(&client, path, &form("hello", Some("note.txt"))).await.assert_refused(403, SEND);
        }
        // Just below and above of what can be read before the head goes on.
        for size in [60_000, 70_000, 300_000] {
            let body = form(&"x".repeat(size), Some("note.txt"));
            upload(&client, "/odd/echo", &body).await.assert_refused_for_its_body(403, SEND);
            let chunks = body.as_bytes().chunks(4_000).map(Bytes::copy_from_slice).collect();
            let answer = client.post("/odd/echo").chunks(FORM, chunks).await;
            answer.assert_refused_for_its_body(403, SEND);
        }
        // The session is not ended by the refused /logout.
        client.get("/api/me").await.assert_passed(200);
    }
}

#[tokio::test]
async fn who_is_refused_an_upload_is_told_so_however_large_it_is() {
    // A close with unread bytes resets the connection, and the refusal was lost on its way.
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Partner).await;
    for _ in 0..8 {
        client.post("/upload").body("image/png", vec![0; 8_000_000]).await.assert_refused(403, SEND);
        client.post("/odd/echo").body(FORM, vec![0; 8_000_000]).await.assert_refused(413, "limit-reached");
    }
}

#[tokio::test]
async fn a_small_form_with_a_file_is_refused_in_chunks_of_any_size() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Partner).await;
    let body = form("hello", Some("note.txt"));
    for size in [1, 7, body.len()] {
        let chunks = body.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect();
        client.post("/odd/echo").chunks(FORM, chunks).await.assert_refused(403, SEND);
    }
}

#[tokio::test]
async fn a_form_without_a_file_passes_byte_for_byte() {
    let gateway = Gateway::start().await;
    for persona in Persona::ALL {
        let client = gateway.client().sign_in(persona).await;
        for size in [5, 60_000, 70_000, 200_000] {
            let body = form(&"x".repeat(size), None);
            assert_arrived(&upload(&client, "/odd/echo", &body).await, body.as_bytes());
            let chunks = body.as_bytes().chunks(9_000).map(Bytes::copy_from_slice).collect();
            assert_arrived(&client.post("/odd/echo").chunks(FORM, chunks).await, body.as_bytes());
        }
    }
}

#[tokio::test]
async fn a_form_that_two_servers_read_differently_is_refused() {
    let gateway = Gateway::start().await;
    let client = gateway.client().sign_in(Persona::Partner).await;
    for body in [
        "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx".to_owned(),
        "--b\nContent-Disposition: form-data; name=\"a\"; filename=\"n\"\n\nx\n--b--\n".to_owned(),
        format!("preamble\r\n{}", form("x", None)),
        "no form at all".to_owned(),
    ] {
        upload(&client, "/odd/echo", &body).await.assert_refused(415, "unscannable-body");
    }
    let nested = client.post("/odd/echo").body("multipart/mixed; boundary=b", form("x", None)).await;
    nested.assert_refused(415, "unscannable-body");
}

#[tokio::test]
async fn a_body_that_is_a_file_by_its_type_is_refused_on_every_route() {
    let gateway = Gateway::start().await;
    let partner = gateway.client().sign_in(Persona::Partner).await;
    let operator = gateway.client().sign_in(Persona::Operator).await;
    for content_type in [
        "image/png",
        "application/pdf",
        "application/zip",
        "application/octet-stream",
        "video/mp4",
        "audio/ogg",
        "application/vnd.unknown",
        "not a type",
        "",
    ] {
        for method in [Method::POST, Method::PUT, Method::PATCH] {
            let put = |client: &Client| {
                client.call(method.clone(), "/odd/echo").body(content_type, Bytes::from_static(b"%PDF-1.7"))
            };
            put(&partner).await.assert_refused(403, SEND);
            put(&operator).await.assert_passed(200);
        }
    }
    for (content_type, body) in [
        ("application/json", "{}"),
        ("application/x-www-form-urlencoded", "a=b"),
        ("text/plain", "hello"),
        ("application/vnd.api+json; charset=utf-8", "{}"),
    ] {
        assert_arrived(&partner.post("/odd/echo").body(content_type, body).await, body.as_bytes());
    }
    partner.post("/odd/echo").await.assert_passed(200);
}

#[tokio::test]
async fn an_unknown_caller_neither_sends_nor_receives() {
    let gateway = Gateway::start().await;
    for stranger in [gateway.client(), gateway.client().with("cookie", "session=unknown")] {
        stranger.get("/files/invoice.pdf").await.assert_refused(403, RECEIVE);
        stranger.get("/odd/archive").await.assert_answer_refused(403, RECEIVE);
        upload(&stranger, "/upload", &form("x", Some("a"))).await.assert_refused(403, SEND);
        upload(&stranger, "/odd/echo", &form("x", Some("a"))).await.assert_refused(403, SEND);
        stranger.get("/assets/app.js").await.assert_passed(200);
    }
}

#[tokio::test]
async fn a_visitor_sends_what_the_public_area_takes() {
    let gateway = Gateway::start().await;
    let body = form("hello", Some("note.txt"));
    // The widget has no upload of its own; the app answers that it misses a text, and has read the form.
    let answer = upload(&gateway.client(), "/widget/messages", &body).await;
    answer.assert_passed(422);
    assert_eq!(answer.seen().unwrap().body_len, body.len());
}

#[tokio::test]
async fn any_blocking_group_blocks() {
    let gateway = Gateway::builder()
        .rule(
            "files",
            "groups:\n  - { group: support, block: [send] }\n  - { group: supervisors, block: [receive] }\n",
        )
        .start()
        .await;
    let both = gateway.client().sign_in(Persona::Supervisor).await;
    both.post("/upload").await.assert_refused(403, SEND);
    both.get("/files/invoice.pdf").await.assert_refused(403, RECEIVE);
    let support = gateway.client().sign_in(Persona::Operator).await;
    support.post("/upload").await.assert_refused(403, SEND);
    support.get("/files/invoice.pdf").await.assert_passed(200);
}

#[tokio::test]
async fn a_star_blocks_every_operator_and_no_super_admin() {
    let gateway = Gateway::builder()
        .rule("files", "groups: [{ group: \"*\", block: [send, receive] }]\n")
        .start()
        .await;
    for persona in [Persona::Supervisor, Persona::Trainee, Persona::Partner, Persona::Operator] {
        let client = gateway.client().sign_in(persona).await;
        client.get("/files/invoice.pdf").await.assert_refused(403, RECEIVE);
        client.post("/upload").await.assert_refused(403, SEND);
    }
    let admin = gateway.client().sign_in(Persona::SuperAdmin).await;
    admin.get("/files/invoice.pdf").await.assert_passed(200);
    upload(&admin, "/upload", &form("x", Some("a.txt"))).await.assert_passed(200);
}

#[tokio::test]
async fn monitoring_tells_and_lets_pass() {
    // Contact data is left alone here: it would refuse the archive by itself.
    let gateway = Gateway::builder().monitor("files").rule("personal-data", "enabled: false\n").start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    let file = trainee.get("/files/invoice.pdf").await;
    file.assert_passed(200);
    assert_told(&file, RECEIVE);
    let archive = trainee.get("/odd/archive").await;
    archive.assert_passed(200);
    assert_told(&archive, RECEIVE);
    for path in ["/upload", "/odd/echo"] {
        let sent = upload(&trainee, path, &form("hello", Some("note.txt"))).await;
        sent.assert_passed(200);
        assert_told(&sent, SEND);
    }
    let large = upload(&trainee, "/odd/echo", &form(&"x".repeat(200_000), Some("note.txt"))).await;
    large.assert_passed(200);
    assert_told(&large, SEND);
    let links = trainee.get("/api/conversations/901/messages").await;
    assert!(links.text().contains("/files/invoice.pdf"));
}

#[tokio::test]
async fn off_leaves_files_to_the_app() {
    let gateway = Gateway::builder().rule("files", "enabled: false\n").start().await;
    let trainee = gateway.client().sign_in(Persona::Trainee).await;
    trainee.get("/files/invoice.pdf").await.assert_passed(200);
    upload(&trainee, "/upload", &form("x", Some("a.txt"))).await.assert_passed(200);
}

fn upload(client: &Client, path: &str, body: &str) -> Call {
    client.post(path).body(FORM, body.to_owned())
}

/// One part, with a file name or without.
fn form(text: &str, file_name: Option<&str>) -> String {
    let file = file_name
        .map(|name| format!("; filename=\"{name}\"\r\nContent-Type: text/plain"))
        .unwrap_or_default();
    format!("--b\r\nContent-Disposition: form-data; name=\"file\"{file}\r\n\r\n{text}\r\n--b--\r\n")
}

#[track_caller]
fn assert_arrived(answer: &Response, body: &[u8]) {
    answer.assert_passed(200);
    let seen = answer.seen().unwrap();
    assert_eq!(seen.body_len, body.len());
    assert_eq!(seen.body, body);
    assert_eq!(answer.json()["body_len"], body.len());
}

#[track_caller]
fn assert_told(answer: &Response, code: &str) {
    let told = would_be_refused(answer.request_id());
    assert!(told.iter().any(|(told, _)| told == code), "{told:?}");
    assert!(told.iter().all(|(_, rule)| rule.starts_with("files.yaml:")), "{told:?}");
}

const FORM: &str = "multipart/form-data; boundary=b";
