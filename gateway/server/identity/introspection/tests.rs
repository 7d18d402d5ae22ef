//! The source against a real server on a port of its own.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use futures_util::future::join_all;
use http::HeaderMap;
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::*;

#[tokio::test]
async fn the_application_says_who_the_caller_is() {
    let app = App::start(|_| json(r#"{"id": 1043, "name": "Anna", "email": "anna@example.com", "role": "agent lead", "groups": [{"title": "Trainees"}, {"title": "Night shift"}]}"#)).await;
    let source = app.source("");
    let identity = ask(&source, &[("cookie", "sid=a; theme=dark"), ("authorization", "Bearer t")]).await;
    let account = identity.unwrap();
    let account = account.account().unwrap();
    assert_eq!((account.id.as_str(), account.name.as_deref()), ("1043", Some("Anna")));
    assert_eq!(account.email.as_deref(), Some("anna@example.com"));
    assert_eq!(account.roles, ["agent", "lead"]);
    assert_eq!(account.groups, ["Trainees", "Night shift"]);

    let seen = app.requests();
    assert_eq!(seen[0].0, "GET /api/me?full=1");
    let header = |name: &str| seen[0].1.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("cookie"), Some("sid=a; theme=dark"));
    assert_eq!(header("authorization"), Some("Bearer t"));
    assert_eq!(header("accept"), Some("application/json"));
    assert_eq!(header("host"), Some("chat.example.com"));
    assert_eq!(header("x-gateway-key"), Some("known"));
    assert_eq!(header("user-agent"), None);
}

#[tokio::test]
async fn only_the_named_credentials_are_passed_on() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let source = app.source_from("[ { cookie: sid } ]", "");
    ask(&source, &[("cookie", "a=1; sid=s"), ("cookie", "b=2"), ("authorization", "Bearer t")]).await;
    let (_, headers) = app.requests().remove(0);
    assert_eq!(headers.get("cookie").unwrap(), "sid=s");
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test]
async fn without_credentials_nothing_is_asked() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let source = app.source("");
    assert_eq!(ask(&source, &[]).await, None);
    assert_eq!(ask(&source, &[("cookie", ""), ("accept", "*/*")]).await, None);
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn on_public_routes_cookies_in_general_are_no_reason_to_ask() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let source = app.source("");
    let public = async |lines: &[(&'static str, &str)]| {
        let headers = headers(lines);
        source.identify(&mut Credentials::new(&headers, None), Area::Public).await.unwrap()
    };
    assert_eq!(public(&[("cookie", "visitor=1")]).await, None);
    assert_eq!(app.calls(), 0);
    assert!(public(&[("cookie", "visitor=1"), ("authorization", "Bearer t")]).await.is_some());
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn every_other_answer_has_one_meaning() {
    let app = App::start(|request| match request.uri().query() {
        Some("401") => status(401, r#"{"id": 1}"#),
        Some("403") => status(403, ""),
        Some("500") => status(500, r#"{"id": 1}"#),
        Some("404") => status(404, r#"{"id": 1}"#),
        Some("201") => status(201, r#"{"id": 1}"#),
        Some("302") => {
            let mut response = status(302, "");
            response.headers_mut().insert("location", HeaderValue::from_static("/login"));
            response
        }
        Some("html") => json("<!doctype html><title>Sign in</title>"),
        Some("empty") => json(""),
        Some("missing") => json(r#"{"error": "not signed in"}"#),
        Some("null") => json("null"),
        Some("nested") => json(r#"{"id": {"value": 1}}"#),
        Some("groups") => json(r#"{"id": 1, "groups": [{"title": {"en": "Trainees"}}]}"#),
        Some("large") => json(&format!(r#"{{"id": 1, "padding": "{}"}}"#, "x".repeat(10 << 20))),
        Some("endless") => {
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 65536]))
            });
            Response::new(Body::from_stream(chunks))
        }
        _ => status(500, ""),
    })
    .await;
    let nobody = ["401", "403"];
    let unavailable = [
        "500", "404", "201", "302", "html", "empty", "missing", "null", "nested", "groups", "large",
        "endless",
    ];
    for (cases, expected) in [(&nobody[..], Identity::Nobody), (&unavailable[..], Identity::Unavailable)] {
        for case in cases {
            let source = app.source_at(&format!("/api/me?{case}"), FROM, "");
            assert_eq!(ask(&source, &[("cookie", "a=1")]).await, Some(expected.clone()), "{case}");
        }
    }
    assert_eq!(app.calls(), nobody.len() + unavailable.len(), "no redirect is followed, nothing is retried");
}

#[tokio::test]
async fn an_application_that_is_down_or_silent_is_unavailable() {
    let app = App::start(|_| json("{}")).await;
    let source = app.source("");
    app.stop().await;
    assert_eq!(ask(&source, &[("cookie", "a=1")]).await, Some(Identity::Unavailable));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let source = source_of(&address, "/api/me", FROM, "timeout: 50ms");
    assert_eq!(ask(&source, &[("cookie", "a=1")]).await, Some(Identity::Unavailable));
}

#[tokio::test]
async fn an_answer_that_trickles_is_cut_by_the_total_timeout() {
    let app = App::start(|_| {
        let chunks = futures_util::stream::unfold((), |()| async {
            time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        Response::new(Body::from_stream(chunks))
    })
    .await;
    let source = app.source("timeout: 100ms");
    let answer = time::timeout(Duration::from_secs(10), ask(&source, &[("cookie", "a=1")])).await;
    assert_eq!(answer.unwrap(), Some(Identity::Unavailable));
}

#[tokio::test]
async fn fifty_requests_at_once_are_one_question() {
    let gate = Arc::new(Notify::new());
    let app = App::start_async({
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                json(r#"{"id": 1}"#)
            }
        }
    })
    .await;
    let source = Arc::new(app.source("timeout: 10s"));
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { ask(&source, &[("cookie", "a=1")]).await })
        })
        .collect();
    eventually(|| app.calls() == 1).await;
    gate.notify_one();
    for answer in join_all(waiting).await {
        assert_eq!(answer.unwrap().unwrap().account().unwrap().id, "1");
    }
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_take_the_answer_along() {
    let gate = Arc::new(Notify::new());
    let app = App::start_async({
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                json(r#"{"id": 1}"#)
            }
        }
    })
    .await;
    let source = Arc::new(app.source("timeout: 10s"));
    let spawn = || {
        let source = Arc::clone(&source);
        tokio::spawn(async move { ask(&source, &[("cookie", "a=1")]).await })
    };
    let first = spawn();
    eventually(|| app.calls() == 1).await;
    let second = spawn();
    first.abort();
    eventually(|| app.calls() == 2).await;
    gate.notify_waiters();
    gate.notify_one();
    assert_eq!(second.await.unwrap().unwrap().account().unwrap().id, "1");
}

#[tokio::test]
async fn answers_are_remembered_for_each_caller_and_host() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let source = app.source("");
    for _ in 0..3 {
        ask(&source, &[("cookie", "a=1")]).await;
    }
    assert_eq!(app.calls(), 1);
    ask(&source, &[("cookie", "a=2")]).await;
    ask(&source, &[("cookie", "a=1"), ("authorization", "x")]).await;
    assert_eq!(app.calls(), 3);
    let headers = headers(&[("cookie", "a=1")]);
    let elsewhere = &mut Credentials::new(&headers, Some("other.example.com"));
    source.identify(elsewhere, Area::Operator).await.unwrap();
    assert_eq!(app.calls(), 4, "the application may know another caller under another host");
}

#[tokio::test]
async fn a_remembered_answer_ends_with_its_time() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let source = app.source("cache_ttl: 100ms");
    ask(&source, &[("cookie", "a=1")]).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while app.calls() < 2 {
        assert!(Instant::now() < deadline, "the answer is remembered for ever");
        ask(&source, &[("cookie", "a=1")]).await;
        tokio::task::yield_now().await;
    }
    let none = app.source("cache_ttl: 0s");
    let before = app.calls();
    ask(&none, &[("cookie", "a=1")]).await;
    ask(&none, &[("cookie", "a=1")]).await;
    assert_eq!(app.calls(), before + 2);
}

#[test]
fn nobody_and_unavailable_are_remembered_briefly() {
    let lifetime = Lifetime { ttl: Duration::from_secs(30) };
    let account = Answer::Account(Arc::new(Account::default()));
    assert_eq!(lifetime.of(&account), Duration::from_secs(30));
    assert_eq!(lifetime.of(&Answer::Nobody), Duration::from_secs(2));
    assert_eq!(lifetime.of(&Answer::Unavailable), Duration::from_secs(1));
    let short = Lifetime { ttl: Duration::from_millis(10) };
    assert_eq!(short.of(&Answer::Nobody), Duration::from_millis(10));
}

#[tokio::test]
async fn what_is_forgotten_is_asked_again() {
    let app = App::start(|_| status(401, "")).await;
    let source = app.source("");
    ask(&source, &[("cookie", "a=1")]).await;
    ask(&source, &[("cookie", "a=1")]).await;
    assert_eq!(app.calls(), 1);
    let headers = headers(&[("cookie", "a=1")]);
    source.forget(&mut Credentials::new(&headers, HOST)).await;
    ask(&source, &[("cookie", "a=1")]).await;
    assert_eq!(app.calls(), 2);
}

#[tokio::test]
async fn no_more_than_the_limit_of_calls_run_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let app = App::start_async({
        let gate = Arc::clone(&gate);
        move |_| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                json(r#"{"id": 1}"#)
            }
        }
    })
    .await;
    let source = Arc::new(app.source("timeout: 10s"));
    let callers: Vec<_> = (0..CALLS + 20)
        .map(|number| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { ask(&source, &[("cookie", &format!("a={number}"))]).await })
        })
        .collect();
    eventually(|| app.calls() == CALLS && source.slots.available_permits() == 0).await;
    gate.add_permits(1);
    eventually(|| app.calls() == CALLS + 1).await;
    gate.add_permits(callers.len());
    for answer in join_all(callers).await {
        assert!(answer.unwrap().unwrap().account().is_some());
    }
    assert_eq!(source.slots.available_permits(), CALLS);
}

#[tokio::test]
async fn who_waits_too_long_for_a_slot_gets_no_answer() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let source = app.source("timeout: 50ms");
    let all = source.slots.acquire_many(CALLS as u32).await.unwrap();
    assert_eq!(ask(&source, &[("cookie", "a=1")]).await, Some(Identity::Unavailable));
    drop(all);
    assert_eq!(app.calls(), 0);
    assert!(ask(&source, &[("cookie", "a=2")]).await.unwrap().account().is_some());
}

#[tokio::test]
async fn sources_of_one_application_share_the_limit() {
    let app = App::start(|_| json(r#"{"id": 1}"#)).await;
    let upstream = upstream(&app.address);
    let source = |path: &str| {
        let text = format!("{{ path: {path}, from: [ {{ cookie: a }} ], account: $.id, timeout: 50ms }}");
        let mut problems = Problems::new(Path::new("."));
        Introspection::new(&serde_yaml::from_str(&text).unwrap(), &upstream, &mut problems).unwrap()
    };
    let (one, other) = (source("/one"), source("/other"));
    let all = upstream.calls.acquire_many(CALLS as u32).await.unwrap();
    for source in [&one, &other] {
        assert_eq!(ask(source, &[("cookie", "a=1")]).await, Some(Identity::Unavailable));
    }
    assert_eq!(app.calls(), 0);
    drop(all);
    for source in [&one, &other] {
        assert!(ask(source, &[("cookie", "a=2")]).await.unwrap().account().is_some());
    }
}

#[tokio::test]
async fn credentials_of_any_length_are_asked_about_as_they_are() {
    let app = App::start(|request| {
        let length = request.headers().get("authorization").map_or(0, HeaderValue::len);
        json(&format!(r#"{{"id": {length}}}"#))
    })
    .await;
    let token = format!("Bearer {}", "x".repeat(100 << 10));
    let identity = ask(&app.source(""), &[("authorization", &token)]).await.unwrap();
    assert_eq!(identity.account().unwrap().id, token.len().to_string());
}

#[test]
fn memory_keys_tell_every_part_apart_and_hold_none() {
    let key = Secret::new([7; 32]);
    let question = |host: Option<&'static str>, headers: &[(&'static str, &'static str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Question { host: host.map(HeaderValue::from_static), headers: headers.collect() }.key(&key)
    };
    let different = [
        question(None, &[("cookie", "ab")]),
        question(Some("a"), &[("cookie", "ab")]),
        question(None, &[("cookie", "a"), ("x-b", "")]),
        question(None, &[("x-b", "ab")]),
        question(None, &[("x-ba", "b")]),
        question(Some("x-b"), &[("a", "b")]),
        question(None, &[("cookie", "a"), ("cookie", "b")]),
    ];
    for (index, one) in different.iter().enumerate() {
        assert!(different[index + 1..].iter().all(|other| one != other));
    }
    assert_ne!(
        Question { host: None, headers: Vec::new() }.key(&key),
        Question { host: None, headers: Vec::new() }.key(&Secret::new([8; 32]))
    );
}

#[test]
fn every_problem_of_the_settings_is_told() {
    let text = r#"
        path: api/me
        from: []
        account: id
        groups: "$.groups["
        cache_ttl: 30
        timeout: 5m
    "#;
    let mut problems = Problems::new(Path::new("."));
    let settings = serde_yaml::from_str(&text.replace("cache_ttl: 30", "cache_ttl: \"30\"")).unwrap();
    assert!(Introspection::new(&settings, &upstream("127.0.0.1:3000"), &mut problems).is_none());
    let paths: Vec<_> = problems.errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["from", "path", "account", "groups", "cache_ttl", "timeout"]);
}

async fn ask(source: &Introspection, lines: &[(&'static str, &str)]) -> Option<Identity> {
    let headers = headers(lines);
    source.identify(&mut Credentials::new(&headers, HOST), Area::Operator).await.unwrap()
}

/// An application that counts and keeps what it is asked.
struct App {
    address: String,
    seen: Arc<Seen>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    calls: AtomicUsize,
    requests: Mutex<Vec<(String, HeaderMap)>>,
}

impl App {
    async fn start(answer: impl Fn(&Request) -> Response + Clone + Send + Sync + 'static) -> Self {
        Self::start_async(move |request| {
            let response = answer(&request);
            async { response }
        })
        .await
    }

    async fn start_async<F>(answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send,
    {
        let seen = Arc::new(Seen::default());
        let handler = move |State(seen): State<Arc<Seen>>, request: Request| {
            seen.calls.fetch_add(1, Ordering::SeqCst);
            let line = format!("{} {}", request.method(), request.uri());
            seen.requests.lock().unwrap().push((line, request.headers().clone()));
            answer(request)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().fallback(handler).with_state(Arc::clone(&seen));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen, server }
    }

    async fn stop(self) {
        self.server.abort();
        let _ = self.server.await;
    }

    fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    fn requests(&self) -> Vec<(String, HeaderMap)> {
        self.seen.requests.lock().unwrap().clone()
    }

    fn source(&self, more: &str) -> Introspection {
        self.source_from(FROM, more)
    }

    fn source_from(&self, from: &str, more: &str) -> Introspection {
        self.source_at("/api/me?full=1", from, more)
    }

    fn source_at(&self, path: &str, from: &str, more: &str) -> Introspection {
        source_of(&self.address, path, from, more)
    }
}

fn source_of(address: &str, path: &str, from: &str, more: &str) -> Introspection {
    let text = format!(
        "path: {path}\nfrom: {from}\naccount: $.id\nname: $.name\nemail: $.email\nrole: $.role\n\
         groups: $.groups[*].title\n{more}\n"
    );
    let mut problems = Problems::new(Path::new("."));
    let source = Introspection::new(&serde_yaml::from_str(&text).unwrap(), &upstream(address), &mut problems);
    source.unwrap_or_else(|| panic!("{:?}", problems.errors))
}

fn upstream(address: &str) -> Upstream {
    Upstream {
        address: address.to_owned(),
        headers: headers(&[("x-gateway-key", "known")]),
        calls: Arc::new(Semaphore::new(CALLS)),
    }
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn json(body: &str) -> Response {
    status(200, body)
}

fn status(code: u16, body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

async fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition does not come true");
        sleep_until(Instant::now() + Duration::from_millis(1)).await;
    }
}

const FROM: &str = r#"[ { cookie: "*" }, { header: Authorization } ]"#;
const CALLS: usize = 8;
const HOST: Option<&str> = Some("chat.example.com");
