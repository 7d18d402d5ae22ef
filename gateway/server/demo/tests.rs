//! The app over a socket, by a plain HTTP client; and the shipped files, held against what the app sends.

mod shipped;

use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::*;

#[tokio::test]
async fn a_persona_signs_in_and_is_known_until_sign_out() {
    let mut client = Client::start().await;
    assert_eq!(client.get("/api/me").await.json()["error"], "Empty token");
    client.sign_in("anna@example.com").await;
    let me = client.get("/api/me").await.json();
    assert_eq!(me["id"], 1003);
    assert_eq!(me["groups"], json!([{ "title": "Trainees" }]));
    assert_eq!(me["phone"], "+37060000103");
    assert_eq!(client.send(Method::POST, "/logout", "", "").await.status, StatusCode::OK);
    assert_eq!(client.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_signs_in_too_and_a_wrong_password_does_not() {
    let client = Client::start().await;
    let good = client.send(Method::POST, "/login", FORM, "email=owner%40example.com&password=demo").await;
    assert_eq!((good.status, good.header("location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = good.header("set-cookie");
    assert!(cookie.starts_with("session=") && cookie.ends_with("HttpOnly; SameSite=Lax"), "{cookie}");
    let bad = client.send(Method::POST, "/login", FORM, "email=owner%40example.com&password=x").await;
    assert_eq!((bad.header("location"), bad.header("set-cookie")), ("/login?failed", ""));
}

#[tokio::test]
async fn conversations_are_spelled_as_php_spells_them() {
    let client = Client::signed_in("simon@example.com").await;
    let answer = client.get("/api/conversations").await;
    assert!(answer.body.is_ascii(), "characters beyond ASCII are escaped");
    assert!(answer.text().contains(r"\/avatars\/501") && answer.text().contains(r"J\u016brat\u0117"));
    let answer = answer.json();
    assert_eq!(answer["status"], 200);
    let list = answer["data"].as_array().unwrap();
    assert_eq!(list.len(), 6);
    assert_eq!(list[0]["from_user"]["title"], "Мария Иванова", "the newest comes first");
    for conversation in list {
        assert!(conversation["last_message"]["text"].is_string());
    }
}

#[tokio::test]
async fn a_message_is_kept_and_told_to_both_live_streams() {
    let client = Client::signed_in("ieva@example.com").await;
    let mut events = client.open("/events").await;
    assert!(events.next_text().await.starts_with("data: {"));
    let mut request = format!("ws://{}/live", client.app.addr()).into_client_request().unwrap();
    request.headers_mut().insert(header::COOKIE, client.cookie.parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("hello"));

    let sent = json!({ "conversation_id": 901, "text": "On its way" }).to_string();
    let answer = client.send(Method::POST, "/api/conversations/send-message", JSON, &sent).await.json();
    assert_eq!(answer["data"]["operator"]["email"], "ieva@example.com");
    assert!(events.next_text().await.contains("On its way"));
    assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("On its way"));
    let messages = client.get("/api/conversations/901/messages").await.json();
    assert_eq!(messages["data"].as_array().unwrap().last().unwrap()["text"], "On its way");
}

#[tokio::test]
async fn live_streams_end_when_the_app_stops() {
    let client = Client::signed_in("ieva@example.com").await;
    let mut events = client.open("/events").await;
    assert!(!events.next_text().await.is_empty());
    drop(client.app);
    assert_eq!(events.next_text().await, "", "the stream has ended");
}

#[tokio::test]
async fn files_are_uploaded_sent_and_opened() {
    let client = Client::signed_in("ieva@example.com").await;
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nhello\r\n--x--\r\n";
    let answer = client.send(Method::POST, "/upload", "multipart/form-data; boundary=x", form).await.json();
    let url = answer["data"]["file_url"].as_str().unwrap().to_owned();
    let sent = json!({ "conversation_id": "901", "file_url": url }).to_string();
    let answer = client.send(Method::POST, "/api/conversations/send-file-message", JSON, &sent).await.json();
    assert_eq!(answer["data"]["type"], "file");
    let file = client.get(&url).await;
    assert_eq!(file.text(), "hello");
    assert!(file.header("content-disposition").starts_with("attachment;"));

    let invoice = client.get("/files/invoice.pdf").await;
    assert_eq!(invoice.header("content-type"), "application/pdf");
    assert!(invoice.text().starts_with("%PDF-1.4") && invoice.text().ends_with("%%EOF\n"));
    let picture = client.get("/files/parcel.png").await;
    assert!(picture.body.starts_with(b"\x89PNG") && picture.header("content-disposition").is_empty());
}

#[tokio::test]
async fn a_conversation_is_downloaded_to_addresses_or_directly() {
    let client = Client::signed_in("ieva@example.com").await;
    let path = "/conversations/901/download";
    let list = json!({ "email": ["archive@example.com", "b@example.com"] }).to_string();
    for (target, kind, body, to) in [
        (path.to_owned(), JSON, r#"{"email":"archive@example.com"}"#, vec!["archive@example.com"]),
        (path.to_owned(), JSON, list.as_str(), vec!["archive@example.com", "b@example.com"]),
        (
            path.to_owned(),
            FORM,
            "email=a%40example.com&email=b%40example.com",
            vec!["a@example.com", "b@example.com"],
        ),
        (format!("{path}?email=q@example.com"), "", "", vec!["q@example.com"]),
    ] {
        assert_eq!(client.send(Method::POST, &target, kind, body).await.json()["sent_to"], json!(to));
        assert_eq!(client.app.outbox().last().unwrap().to, to);
    }
    let direct = client.send(Method::POST, path, "", "").await;
    assert!(direct.header("content-disposition").starts_with("attachment;"));
    assert!(direct.text().contains("Jūratė Kazlauskienė"));
    assert_eq!(client.app.outbox().len(), 4);
}

#[tokio::test]
async fn the_clients_contacts_and_the_colleagues_are_in_their_fields() {
    let client = Client::signed_in("simon@example.com").await;
    let card = client.get("/api/users/501").await.json();
    assert_eq!(card["data"]["client_phone"], "+37061234567");
    assert_eq!(card["data"]["contacts"]["emails"][0]["value"], "jurate.k@example.com");
    assert_eq!(client.get("/api/users/503").await.json()["data"]["client_phone"], 37_061_234_570_u64);
    let saved = json!({ "user_id": 501, "client_phone": "+37061234500" }).to_string();
    let card = client.send(Method::POST, "/api/users/update", JSON, &saved).await.json();
    assert_eq!(card["data"]["client_phone"], "+37061234500");
    assert_eq!(card["data"]["client_name"], "Jūratė Kazlauskienė", "what is missing stays");
}

#[tokio::test]
async fn operators_and_webhooks_come_and_go() {
    let client = Client::signed_in("owner@example.com").await;
    let before = client.get("/api/operators/all").await.json()["data"].as_array().unwrap().len();
    let made = r#"{"operator_email":"new@example.com","operator_password":"x"}"#;
    let made = client.send(Method::POST, "/api/operators/create", JSON, made).await.json();
    let gone = json!({ "operator_id": made["data"]["id"] }).to_string();
    assert_eq!(client.send(Method::POST, "/api/operators/delete", JSON, &gone).await.status, StatusCode::OK);
    assert_eq!(client.get("/api/operators/all").await.json()["data"].as_array().unwrap().len(), before);

    let made =
        client.send(Method::POST, "/api/webhooks", JSON, r#"{"url":"https://a.example/h"}"#).await.json();
    let path = format!("/api/webhooks/{}", made["data"]["id"]);
    assert_eq!(client.send(Method::DELETE, &path, "", "").await.status, StatusCode::OK);
    assert_eq!(client.send(Method::DELETE, &path, "", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn visitors_write_without_signing_in() {
    let client = Client::start().await;
    let answer = client.send(Method::POST, "/widget/messages", JSON, r#"{"text":"Hello?"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    let update = r#"{"update_id":1,"message":{"text":"From Telegram"}}"#;
    assert_eq!(client.send(Method::POST, "/hooks/telegram", JSON, update).await.status, StatusCode::OK);
    let seen = client.get("/widget/messages").await.json();
    assert_eq!(seen["data"]["messages"][1]["text"], "Hello?");
}

#[tokio::test]
async fn pages_refuse_to_be_framed_and_carry_no_inline_script() {
    let client = Client::signed_in("simon@example.com").await;
    for path in ["/", "/login", "/settings/webhooks", "/widget"] {
        let page = client.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-frame-options"), if path == "/widget" { "" } else { "DENY" });
        assert!(!page.text().contains("style=") && !page.text().contains("<script>"), "{path}");
        for name in page.text().split(['"', '\'']).filter(|text| text.starts_with("/assets/")) {
            assert_eq!(client.get(name).await.status, StatusCode::OK, "{path} needs {name}");
        }
    }
    let stranger = Client::start().await;
    assert_eq!(stranger.get("/").await.header("location"), "/login");
}

#[tokio::test]
async fn an_api_answer_is_compressed_for_those_who_accept_it_and_validated_by_etag() {
    let client = Client::signed_in("simon@example.com").await;
    let plain = client.get("/api/users/501").await;
    let coded = client.get_with("/api/users/501", header::ACCEPT_ENCODING, "br, gzip;q=0.5").await;
    assert_eq!(coded.header("content-encoding"), "gzip");
    // Stored blocks: the plain bytes stand in the member as they are.
    assert_eq!(coded.body[15..coded.body.len() - 8], plain.body);
    assert_ne!(coded.header("etag"), plain.header("etag"));
    let again = client.get_with("/api/users/501", header::IF_NONE_MATCH, plain.header("etag")).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let refused = client.get_with("/api/users/501", header::ACCEPT_ENCODING, "gzip;q=0").await;
    assert_eq!(refused.header("content-encoding"), "");
}

#[tokio::test]
async fn requests_are_recorded_with_head_and_body() {
    let client = Client::signed_in("simon@example.com").await;
    client.app.forget_seen();
    client.send(Method::PATCH, "/odd/echo/%7Ex?a=%2F", JSON, r#"{"a":1}"#).await;
    client.send(Method::PUT, "/odd/echo?a=%2F", JSON, r#"{"a":1}"#).await;
    let seen = client.app.seen();
    assert_eq!(seen[0].target, "/odd/echo/%7Ex?a=%2F", "also what the app does not know, spelled as it came");
    assert_eq!((seen[1].method.as_str(), seen[1].body_len), ("PUT", 7));
    assert_eq!(seen[1].body, br#"{"a":1}"#);
    assert_eq!(seen[1].headers[header::CONTENT_TYPE], JSON);
}

#[tokio::test]
async fn oddities_are_as_odd_as_they_say() {
    let client = Client::start().await;
    assert_eq!(client.get("/odd/gzip").await.header("content-encoding"), "gzip");
    assert!(client.get("/odd/text-json").await.header("content-type").starts_with("text/plain"));
    assert_eq!(client.get("/odd/untyped").await.header("content-type"), "");
    assert!(serde_json::from_slice::<Value>(&client.get("/odd/broken").await.body).is_err());
    assert!(serde_json::from_slice::<Value>(&client.get("/odd/slow?bytes=64&ms=1").await.body).is_ok());
    let large = client.get("/odd/large?mb=3").await;
    assert!(large.body.len() > 2_900_000 && large.json()["data"].is_array());
    assert_eq!(client.get("/odd/redirect").await.status, StatusCode::FOUND);
    assert_eq!(client.get("/odd/status/503").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(client.try_get("/odd/cut").await.is_none(), "the body ends early");
    // A lone surrogate is legal JSON, though serde_json refuses it.
    let spellings = client.get("/odd/spellings").await.text().replace(r"\ud800", "");
    assert!(serde_json::from_str::<Value>(&spellings).is_ok());
}

#[tokio::test]
async fn an_open_app_takes_anybody_for_its_first_operator() {
    let app = App::start_open(([127, 0, 0, 1], 0).into()).await.unwrap();
    let client = Client { app, ..Client::start().await };
    assert_eq!(client.get("/api/me").await.json()["role"], "super_admin");
}

#[tokio::test]
async fn an_embedder_frames_the_app_and_nothing_else() {
    let url = "http://127.0.0.1:8080/; script-src *";
    let embedder = Embedder::start(([127, 0, 0, 1], 0).into(), url, "CRM <1>").await.unwrap();
    let client = Client::start().await;
    let page = client.fetch(&format!("http://{}/", embedder.addr()), HeaderMap::new()).await.unwrap();
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'self'; frame-src http://127.0.0.1:8080/"
    );
    assert!(page.text().contains("CRM &lt;1&gt;"));
}

/// An app with a client that keeps its cookie.
struct Client {
    app: App,
    http: HttpClient<HttpConnector, Full<bytes::Bytes>>,
    cookie: String,
}

impl Client {
    async fn start() -> Client {
        let app = App::start(([127, 0, 0, 1], 0).into()).await.unwrap();
        Client { app, http: HttpClient::builder(TokioExecutor::new()).build_http(), cookie: String::new() }
    }

    async fn signed_in(email: &str) -> Client {
        let mut client = Client::start().await;
        client.sign_in(email).await;
        client
    }

    async fn sign_in(&mut self, email: &str) {
        let body = json!({ "email": email, "password": "demo" }).to_string();
        let answer = self.send(Method::POST, "/login", JSON, &body).await;
        assert_eq!(answer.status, StatusCode::OK);
        self.cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    }

    async fn get(&self, target: &str) -> Answer {
        self.try_get(target).await.unwrap()
    }

    async fn try_get(&self, target: &str) -> Option<Answer> {
        self.fetch(&format!("http://{}{target}", self.app.addr()), HeaderMap::new()).await
    }

    async fn get_with(&self, target: &str, name: header::HeaderName, value: &str) -> Answer {
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        self.fetch(&format!("http://{}{target}", self.app.addr()), headers).await.unwrap()
    }

    async fn fetch(&self, url: &str, headers: HeaderMap) -> Option<Answer> {
        let mut request =
            Request::get(url).header(header::COOKIE, &self.cookie).body(Full::default()).unwrap();
        request.headers_mut().extend(headers);
        Answer::read(self.http.request(request).await.unwrap()).await
    }

    async fn send(&self, method: Method, target: &str, kind: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.app.addr()))
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, kind)
            .body(Full::from(body.to_owned()))
            .unwrap();
        Answer::read(self.http.request(request).await.unwrap()).await.unwrap()
    }

    async fn open(&self, target: &str) -> Events {
        let url = format!("http://{}{target}", self.app.addr());
        let request = Request::get(url).header(header::COOKIE, &self.cookie).body(Full::default()).unwrap();
        let response = self.http.request(request).await.unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Events(response.into_body())
    }
}

/// A stream of events; an empty text is its end.
struct Events(hyper::body::Incoming);

impl Events {
    async fn next_text(&mut self) -> String {
        let frame = tokio::time::timeout(Duration::from_secs(10), self.0.frame()).await.unwrap();
        frame.map_or(String::new(), |frame| {
            String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap()
        })
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// Nothing when the body ends early.
    async fn read(response: http::Response<hyper::body::Incoming>) -> Option<Answer> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        Some(Answer { status: parts.status, headers: parts.headers, body })
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
