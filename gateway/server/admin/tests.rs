//! The admin listener over real sockets: who comes in, and who does not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// Sends one request, in which `{host}` is the listener's address, and gives the answer whole.
pub(crate) async fn ask(router: impl FnOnce(SocketAddr) -> Router, request: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(axum::serve(listener, router(address)).into_future());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        request.replace("{host}", &address.to_string()).replace("{port}", &address.port().to_string());
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    answer
}

fn router(address: SocketAddr) -> Router {
    let status = || json!({ "generation": 3 });
    let reload = || Reloaded { in_force: false, body: json!({ "diagnostics": ["bad"] }) };
    Admin::new(Token(TOKEN.to_owned()), Hosts::new(address, None), status, reload).router()
}

/// The status line and body of a request with these header lines.
async fn answer(line: &str, headers: &str) -> (String, String) {
    let answer = ask(router, &format!("{line}\n{headers}Connection: close\n\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(!head.contains("access-control-"), "{head}");
    let status = head.lines().next().unwrap().split_once(' ').unwrap().1.to_owned();
    (status, body.to_owned())
}

fn with_token(headers: &str) -> String {
    format!("{headers}Authorization: Bearer {TOKEN}\n")
}

#[tokio::test]
async fn the_token_opens_status_and_reload() {
    let headers = with_token("Host: {host}\n");
    let (status, body) = answer("GET /status HTTP/1.1", &headers).await;
    assert_eq!((status.as_str(), body.as_str()), ("200 ok", r#"{"generation":3}"#));
    let (status, body) = answer("POST /reload HTTP/1.1", &headers).await;
    assert_eq!((status.as_str(), body.as_str()), ("422 unprocessable entity", r#"{"diagnostics":["bad"]}"#));
    assert_eq!(answer("GET /reload HTTP/1.1", &headers).await.0, "405 method not allowed");
    assert_eq!(answer("GET /metrics HTTP/1.1", &headers).await.0, "404 not found");
}

#[tokio::test]
async fn without_the_token_there_is_nothing() {
    let wrong = TOKEN.replace('0', "1");
    let headers = [
        String::new(),
        format!("Authorization: Bearer {wrong}\n"),
        format!("Authorization: Bearer {TOKEN}x\n"),
        format!("Authorization: Basic {TOKEN}\n"),
        format!("Authorization: {TOKEN}\n"),
        "Authorization: Bearer \n".to_owned(),
        format!("Authorization: Bearer {TOKEN}\nAuthorization: Bearer {wrong}\n"),
    ];
    for header in headers {
        for line in ["GET /status HTTP/1.1", "POST /reload HTTP/1.1", "GET /nothing HTTP/1.1"] {
            let (status, body) = answer(line, &format!("Host: {{host}}\n{header}")).await;
            assert_eq!(status, "401 unauthorized", "{line} {header}");
            assert!(body.contains("token-missing"), "{body}");
        }
    }
}

#[tokio::test]
async fn a_rebound_name_is_refused_with_the_token_and_all() {
    for host in ["{host}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"] {
        let headers = with_token(&format!("Host: {host}\n"));
        assert_eq!(answer("GET /status HTTP/1.1", &headers).await.0, "200 ok", "{host}");
    }
    for host in ["evil.example:{port}", "localhost", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", ""] {
        let headers = with_token(&format!("Host: {host}\n"));
        assert_eq!(answer("GET /status HTTP/1.1", &headers).await.0, "421 misdirected request", "{host}");
    }
    let twice = with_token("Host: {host}\nHost: evil.example\n");
    assert_ne!(answer("GET /status HTTP/1.1", &twice).await.0, "200 ok");
    let absolute = "GET http://evil.example/status HTTP/1.1";
    assert_eq!(answer(absolute, &with_token("Host: {host}\n")).await.0, "421 misdirected request");
    assert_eq!(
        answer("GET /status HTTP/1.0", &with_token("")).await.0,
        "421 misdirected request",
        "no Host at all"
    );
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    for origin in ["https://evil.example", "null", "https://{host}", "http://localhost"] {
        let headers = with_token(&format!("Host: {{host}}\nOrigin: {origin}\n"));
        assert_eq!(answer("POST /reload HTTP/1.1", &headers).await.0, "403 forbidden", "{origin}");
    }
    let headers = with_token("Host: {host}\nOrigin: http://{host}\n");
    assert_eq!(answer("GET /status HTTP/1.1", &headers).await.0, "200 ok");
}

#[test]
fn a_listener_on_every_address_goes_by_any_address_but_no_name() {
    let hosts = Hosts::new("0.0.0.0:9180".parse().unwrap(), Some("Admin.internal:9180"));
    for host in ["10.1.2.3:9180", "[2001:db8::1]:9180", "admin.internal:9180", "localhost:9180"] {
        assert!(hosts.is_ours(host), "{host}");
    }
    for host in ["10.1.2.3:80", "10.1.2.3", "evil.example:9180"] {
        assert!(!hosts.is_ours(host), "{host}");
    }
    let hosts = Hosts::new("10.1.2.3:80".parse().unwrap(), None);
    assert!(hosts.is_ours("10.1.2.3"));
    assert!(!hosts.is_ours("10.1.2.4"));
}

#[test]
fn a_token_is_made_once_and_for_the_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let made = Token::in_state(&state).unwrap();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(&made.0).unwrap().len(), 32);
    assert_eq!(Token::in_state(&state).unwrap().0, made.0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join("admin.token"))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    assert_eq!(format!("{made:?}"), "Token(***)");
    let other = tempfile::tempdir().unwrap();
    assert_ne!(Token::in_state(other.path()).unwrap().0, made.0);
}

#[test]
fn a_token_that_is_no_token_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("admin.token");
    let token = |text: &str| {
        fs::write(&file, text).unwrap();
        Token::in_state(directory.path())
    };
    assert_eq!(token(&format!("{TOKEN}\n")).unwrap().0, TOKEN);
    assert!(matches!(token(""), Err(TokenError::Short { .. })));
    assert!(matches!(token(&TOKEN[..31]), Err(TokenError::Short { .. })));
    assert!(matches!(token(&format!("{TOKEN}\n\n")), Err(TokenError::Unsendable { .. })));
    assert!(matches!(token(&format!("base64:{TOKEN}")), Err(TokenError::Unsendable { .. })));
    assert!(matches!(Token::in_file(directory.path()), Err(TokenError::Unreadable { .. })));
    assert!(matches!(Token::in_file(Path::new("/nonexistent/x")), Err(TokenError::Unreadable { .. })));
}
