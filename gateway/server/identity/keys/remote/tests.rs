//! The steps as a table of times, and the fetching against real servers.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

#[test]
fn a_set_is_fetched_when_it_is_needed_and_not_more_often() {
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let times = Times::default();
    let keys = || -> KeyList { parse_set(&set(&["a"])).unwrap().into_iter().flatten().flatten().collect() };
    let mut state = State::default();
    let name = |state: &State, seconds: u64, kid: &str| {
        let wanted = |keys: &[VerificationKey]| keys.iter().any(|key| key.id.as_deref() == Some(kid));
        match state.step(at(seconds), &times, &wanted) {
            Step::Use(_) => "use",
            Step::Refresh(_) => "refresh",
            Step::Fetch => "fetch",
            Step::Closed => "closed",
        }
    };
    assert_eq!(name(&state, 0, "a"), "fetch");
    state.fail(at(0));
    // Doubled by every failure, up to a minute.
    for (failures, pause) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60)] {
        assert_eq!(state.failures, failures);
        let failed = state.asked.unwrap().duration_since(start).as_secs();
        assert_eq!(name(&state, failed + pause - 1, "a"), "closed", "{failures}");
        assert_eq!(name(&state, failed + pause, "a"), "fetch", "{failures}");
        state.fail(at(failed + pause));
    }
    state.succeed(at(1000), keys());
    for (seconds, kid, step) in [
        (1000, "a", "use"),
        (1299, "a", "use"),
        (1300, "a", "refresh"),
        // A name that is not in the set: asked for once in ten seconds, else nobody's.
        (1009, "b", "use"),
        (1010, "b", "fetch"),
        // Older than the bound.
        (1000 + 6 * 3600 - 1, "a", "refresh"),
        (1000 + 6 * 3600, "a", "fetch"),
    ] {
        assert_eq!(name(&state, seconds, kid), step, "{seconds} {kid}");
    }
    state.fail(at(1300));
    for (seconds, kid, step) in [
        // The last good set holds, and what is not in it cannot be told.
        (1300, "a", "use"),
        (1300, "b", "closed"),
        (1301, "a", "refresh"),
        (1301, "b", "fetch"),
    ] {
        assert_eq!(name(&state, seconds, kid), step, "{seconds} {kid}");
    }
    state.fail(at(1000 + 6 * 3600 - 1));
    assert_eq!(name(&state, 1000 + 6 * 3600 - 1, "a"), "use");
    assert_eq!(name(&state, 1000 + 6 * 3600, "a"), "closed");
}

#[tokio::test]
async fn one_question_brings_the_keys_for_everybody() {
    let server = Server::start(vec![json_of(&set(&["a"]))]).await;
    let remote = Arc::new(server.remote(Times::default()));
    assert_eq!(server.calls(), 0, "nothing is fetched before a token comes");
    let all = join_all((0..20).map(|_| ids(&remote, "a"))).await;
    assert!(all.iter().all(|ids| ids.as_deref() == Ok(&["a".to_owned()][..])), "{all:?}");
    assert_eq!(server.calls(), 1);
    let request = server.requests.lock().unwrap().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /keys?v=1 http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\naccept: application/json\r\n"), "{request}");
    assert!(!request.contains("cookie") && !request.contains("authorization"), "{request}");
}

#[tokio::test]
async fn a_name_that_is_not_in_the_set_has_it_fetched_again_once() {
    let server = Server::start(vec![json_of(&set(&["a"])), json_of(&set(&["a", "b"]))]).await;
    let remote = server.remote(Times { pause: Duration::from_secs(3600), ..Times::default() });
    assert_eq!(ids(&remote, "a").await.unwrap(), ["a"]);
    assert_eq!(ids(&remote, "b").await.unwrap(), ["a"], "it is nobody's until the pause ends");
    assert_eq!(server.calls(), 1);
    let remote = server.remote(Times { pause: Duration::ZERO, ..Times::default() });
    assert_eq!(ids(&remote, "b").await.unwrap(), ["a", "b"]);
    assert_eq!(ids(&remote, "b").await.unwrap(), ["a", "b"]);
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn a_key_that_is_taken_out_ends_with_the_next_set() {
    let server = Server::start(vec![json_of(&set(&["a", "b"])), json_of(&set(&["b"]))]).await;
    let remote = server.remote(Times { ttl: Duration::ZERO, pause: Duration::ZERO, ..Times::default() });
    assert_eq!(ids(&remote, "a").await.unwrap(), ["a", "b"]);
    // Fetched beside: nobody waits for it while the old set holds.
    eventually(async || ids(&remote, "b").await.unwrap() == ["b"]).await;
}

#[tokio::test]
async fn answers_that_are_no_set_leave_the_last_good_one() {
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let secret =
        json!({"keys": [{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "kid": "a"}]});
    let moved = "HTTP/1.1 302 Found\r\nLocation: /keys\r\nContent-Length: 0\r\n\r\n".to_owned();
    let status = |status: &str| json_of(&set(&["a"])).replacen("200 OK", status, 1);
    for (bad, error) in [
        (json_of(b"<!doctype html><title>Sign in</title>"), "the answer is not a key set"),
        (json_of(b""), "the answer is not a key set"),
        (json_of(b"{}"), "the answer is not a key set"),
        (json_of(br#"{"keys": []}"#), "the answer holds no public key"),
        (json_of(secret.to_string().as_bytes()), "the answer holds no public key"),
        (json_of(&set(&many)), "the answer holds 33 keys"),
        (json_of(&[&set(&["a"])[..], &[b' '; 300 * 1024]].concat()), "the answer is larger than 256 KiB"),
        (moved, "the answer has status 302"),
        (status("500 Internal Server Error"), "the answer has status 500"),
        (status("201 Created"), "the answer has status 201"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(), "the connection failed"),
        ("rubbish\r\n\r\n".to_owned(), "the connection failed"),
    ] {
        let server = Server::start(vec![bad.clone(), json_of(&set(&["a"])), bad]).await;
        let times =
            Times { ttl: Duration::ZERO, pause: Duration::ZERO, retry: Duration::ZERO, ..Times::default() };
        let remote = server.remote(times);
        let failure = remote.shared.ask().await.err().unwrap().to_string();
        assert!(failure.starts_with(error), "{failure}");
        assert_eq!(server.calls(), 1, "{error}: no redirect is followed, nothing is asked twice");
        assert_eq!(ids(&remote, "a").await.unwrap(), ["a"], "{error}");
        eventually(async || {
            assert_eq!(ids(&remote, "a").await.unwrap(), ["a"], "{error}");
            remote.shared.state.lock().unwrap().failures > 0
        })
        .await;
        assert_eq!(ids(&remote, "b").await, Err(KeysUnavailable), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_or_gone_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let times = Times { timeout: Duration::from_millis(50), ..Times::default() };
    let remote = remote(&format!("http://{address}/keys"), times);
    assert_eq!(ids(&remote, "a").await, Err(KeysUnavailable));
    drop(silent);
    let remote = self::remote(&format!("http://{address}/keys"), Times::default());
    assert_eq!(ids(&remote, "a").await, Err(KeysUnavailable));
    assert_eq!(ids(&remote, "a").await, Err(KeysUnavailable), "and not asked again at once");
    assert_eq!(remote.shared.state.lock().unwrap().failures, 1);
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_left_out() {
    let mut mixed: Value = serde_json::from_slice(&set(&["a"])).unwrap();
    let private = json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "d": "AAAA", "kid": "p"});
    let others =
        [json!({"kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB"}), json!({"kid": "x"}), private];
    mixed["keys"].as_array_mut().unwrap().extend(others);
    let server = Server::start(vec![json_of(mixed.to_string().as_bytes())]).await;
    assert_eq!(ids(&server.remote(Times::default()), "a").await.unwrap(), ["a"]);
}

#[tokio::test]
async fn https_is_spoken_to_a_server_that_proves_its_name() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(json_of(&set(&["a"])).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let trust = |roots: RootCertStore| {
        let builder = HttpsConnectorBuilder::new().with_tls_config(trusting(roots).unwrap());
        over(builder.https_only().enable_http1().build())
    };
    let mut roots = RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let ask = async |url: String, roots: RootCertStore| {
        ids(&Remote::with(url.parse().unwrap(), trust(roots), Times::default()), "a").await
    };
    let named = format!("https://localhost:{port}/keys");
    assert_eq!(ask(named.clone(), roots.clone()).await.unwrap(), ["a"]);
    assert_eq!(ask(named, RootCertStore::empty()).await, Err(KeysUnavailable));
    assert_eq!(ask(format!("https://127.0.0.1:{port}/keys"), roots.clone()).await, Err(KeysUnavailable));
    assert_eq!(ask(format!("http://localhost:{port}/keys"), roots).await, Err(KeysUnavailable));
}

#[test]
fn urls_are_whole_and_those_without_tls_are_warned_of() {
    let read = |url: &str| {
        let mut problems = Problems::new(Path::new("."));
        let uri = parse(url, &mut problems);
        (uri.is_some(), problems.errors.len(), problems.warnings.len())
    };
    for (url, expected) in [
        ("https://id.example.com/.well-known/jwks.json", (true, 0, 0)),
        ("http://127.0.0.1:8080/keys", (true, 0, 0)),
        ("http://[::1]/keys", (true, 0, 0)),
        ("http://localhost/keys", (true, 0, 0)),
        ("http://id.example.com/keys", (true, 0, 1)),
        ("id.example.com/keys", (false, 1, 0)),
        ("/keys", (false, 1, 0)),
        ("file:///etc/keys", (false, 1, 0)),
        ("https://user:secret@id.example.com/", (false, 1, 0)),
        ("https://id.example.com/#keys", (false, 1, 0)),
        ("", (false, 1, 0)),
    ] {
        assert_eq!(read(url), expected, "{url}");
    }
}

/// The names of the keys that a token of the key `kid` is judged by.
async fn ids(remote: &Remote, kid: &str) -> Result<Vec<String>, KeysUnavailable> {
    let wanted = |keys: &[VerificationKey]| keys.iter().any(|key| key.id.as_deref() == Some(kid));
    let keys = remote.keys(wanted).await?;
    Ok(keys.iter().filter_map(|key| key.id.clone()).collect())
}

/// A server that gives its answers in order, and the last one ever after.
struct Server {
    url: String,
    calls: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?v=1", listener.local_addr().unwrap());
        let (calls, requests) = (Arc::new(AtomicUsize::new(0)), Arc::<Mutex<Vec<String>>>::default());
        let (counted, kept) = (Arc::clone(&calls), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answers.get(counted.fetch_add(1, Ordering::SeqCst)).or(answers.last()).unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).await.unwrap_or(0);
                kept.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, calls, requests }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn remote(&self, times: Times) -> Remote {
        remote(&self.url, times)
    }
}

fn remote(url: &str, times: Times) -> Remote {
    let uri: Uri = url.parse().unwrap();
    let client = client(&uri).unwrap();
    Remote::with(uri, client, times)
}

/// A set of one public key under these names.
fn set(ids: &[&str]) -> Vec<u8> {
    let key = |id: &&str| json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": id});
    json!({"keys": ids.iter().map(key).collect::<Vec<_>>()}).to_string().into_bytes()
}

fn json_of(body: &[u8]) -> String {
    let body = std::str::from_utf8(body).unwrap();
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

async fn eventually(mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(Instant::now() < deadline, "the condition does not come true");
        tokio::task::yield_now().await;
    }
}
