//! TLS listeners: both versions of HTTP, certificates by name, and certificates that are renewed.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use chatwarden::gateway::StartError;
use futures_util::StreamExt;
use http::{Request, Response, Version, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Builder, Gateway, Origin, Persona};

const PHONE: &str = "+37061234567";
const CARD: &str = r#"{"client_phone":"+37061234567"}"#;

/// Certificates and the files that a gateway reads them from.
struct Authority {
    names: Vec<(&'static str, CertifiedKey<KeyPair>)>,
}

impl Authority {
    fn new(names: &[&'static str]) -> Authority {
        let made =
            |name: &&'static str| (*name, rcgen::generate_simple_self_signed([(*name).to_owned()]).unwrap());
        Authority { names: names.iter().map(made).collect() }
    }

    /// A gateway that listens with these certificates.
    fn serve(&self, builder: Builder) -> Builder {
        let files =
            |name: &str| json!({ "cert": format!("tls/{name}.pem"), "key": format!("tls/{name}.key") });
        let tls: Vec<_> = self.names.iter().map(|(name, _)| files(name)).collect();
        let builder = builder.config("listeners", json!([{ "address": "127.0.0.1:0", "tls": tls }]));
        self.names.iter().fold(builder, |builder, (name, made)| {
            builder
                .file(&format!("tls/{name}.pem"), &made.cert.pem())
                .file(&format!("tls/{name}.key"), &made.signing_key.serialize_pem())
        })
    }

    /// Connects by a name, with one of the protocols.
    async fn connect(
        &self,
        gateway: SocketAddr,
        name: &str,
        protocol: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        for (_, made) in &self.names {
            roots.add(made.cert.der().clone()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(gateway).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// What is answered over HTTP/2 or HTTP/1.1.
    async fn get(
        &self,
        gateway: &Gateway,
        version: Version,
        request: Request<Empty<Bytes>>,
    ) -> (Response<()>, String) {
        let protocol = if version == Version::HTTP_2 { "h2" } else { "http/1.1" };
        let stream = self.connect(gateway.address(), self.names[0].0, protocol).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        let io = TokioIo::new(stream);
        let answer = if version == Version::HTTP_2 {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
    }
}

/// A request as a client of this version writes it.
fn request(version: Version, path: &str, persona: Persona) -> http::request::Builder {
    let request = Request::get(if version == Version::HTTP_2 {
        format!("https://a.example{path}")
    } else {
        path.to_owned()
    })
    .header(header::COOKIE, persona.at_origin());
    if version == Version::HTTP_2 { request } else { request.header(header::HOST, "a.example") }
}

fn nothing(request: http::request::Builder) -> Request<Empty<Bytes>> {
    request.body(Empty::new()).unwrap()
}

/// An app that answers everything with a client's card.
async fn cards() -> Origin {
    Origin::start(async |mut exchange| {
        exchange.read_body().await;
        exchange.answer("application/json", CARD).await;
        Some(exchange)
    })
    .await
}

#[tokio::test]
async fn contact_data_is_hidden_over_both_versions_of_http() {
    let (authority, app) = (Authority::new(&["a.example"]), cards().await);
    let gateway = authority.serve(Gateway::builder()).upstream(app.address()).start().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let asked = |persona| nothing(request(version, "/api/users/501", persona));
        let (head, body) = authority.get(&gateway, version, asked(Persona::Operator)).await;
        assert_eq!((head.status().as_u16(), head.version()), (200, version));
        assert!(body.contains("+999") && !body.contains(PHONE), "{version:?} {body}");
        let (_, body) = authority.get(&gateway, version, asked(Persona::SuperAdmin)).await;
        assert_eq!(body, CARD);
        let (head, _) = authority
            .get(&gateway, version, nothing(request(version, "/files/a.pdf", Persona::Trainee)))
            .await;
        assert_eq!(head.headers().get("x-chatwarden-reason").unwrap(), "file-receive-blocked");
    }
    let seen = app.seen();
    let cards: Vec<_> = seen.iter().filter(|seen| seen.line().contains("/api/users/501")).collect();
    assert_eq!(cards.len(), 4);
    for card in cards {
        assert_eq!((card.field("x-forwarded-proto"), card.field("host")), (Some("https"), Some("a.example")));
    }
}

#[tokio::test]
async fn requests_of_http2_are_judged_as_those_of_http1() {
    let (authority, app) = (Authority::new(&["a.example"]), cards().await);
    let gateway = authority.serve(Gateway::builder()).upstream(app.address()).start().await;
    let ask = async |request| authority.get(&gateway, Version::HTTP_2, nothing(request)).await;
    let of = |path: &str| request(Version::HTTP_2, path, Persona::SuperAdmin);
    for (path, code) in [("/a%2Fb", "path-ambiguous"), ("/a%5Cb", "path-ambiguous")] {
        let (head, _) = ask(of(path)).await;
        assert_eq!(head.headers().get("x-chatwarden-reason").unwrap(), code, "{path}");
    }
    let (head, _) = ask(of("/a").header("x-http-method-override", "DELETE")).await;
    assert_eq!(head.headers().get("x-chatwarden-reason").unwrap(), "request-ambiguous");
    // Another host than the authority, which the parser sees before any phase does.
    let (head, _) = ask(of("/a").header(header::HOST, "b.example")).await;
    assert_eq!(head.status(), 400);
    assert!(app.seen().iter().all(|seen| !seen.line().contains("/a")), "{:?}", app.seen());
    // A cookie in crumbs is one field to an app of HTTP/1.1.
    let (_, body) =
        ask(of("/crumbs").header(header::HOST, "a.example").header(header::COOKIE, "theme=dark")).await;
    assert_eq!(body, CARD);
    let seen = app.seen();
    let crumbs = seen.iter().find(|seen| seen.line().contains("/crumbs")).unwrap();
    assert_eq!(crumbs.field("cookie"), Some("session=super-admin; theme=dark"));
}

#[tokio::test]
async fn live_events_are_rewritten_under_tls() {
    let authority = Authority::new(&["a.example"]);
    let app = Origin::start(async |exchange| {
        let mut socket = exchange.websocket("", b"").await;
        futures_util::SinkExt::send(&mut socket, Message::text(format!("42[\"new\",{CARD}]"))).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        None
    })
    .await;
    let gateway = authority.serve(Gateway::builder()).upstream(app.address()).start().await;
    let stream = authority.connect(gateway.address(), "a.example", "http/1.1").await.unwrap();
    let request = Request::get("wss://a.example/live")
        .header("host", "a.example")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("cookie", Persona::Operator.at_origin());
    let (mut socket, _) = tokio_tungstenite::client_async(request.body(()).unwrap(), stream).await.unwrap();
    let event = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(event.contains("+999") && !event.contains(PHONE), "{event}");
}

#[tokio::test]
async fn a_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let authority = Authority::new(&["a.example", "*.b.example"]);
    let gateway = authority.serve(Gateway::builder()).start().await;
    for (name, expected) in [("a.example", 0), ("x.b.example", 1)] {
        let stream = authority.connect(gateway.address(), name, "http/1.1").await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        assert_eq!(shown, *authority.names[expected].1.cert.der(), "{name}");
    }
    // Any other name is shown the first, and does not believe it.
    let error = authority.connect(gateway.address(), "c.example", "http/1.1").await.unwrap_err();
    assert!(error.to_string().contains("not valid for"), "{error}");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart_and_a_bad_one_is_not() {
    let (authority, renewed) = (Authority::new(&["a.example"]), Authority::new(&["a.example"]));
    let gateway = authority.serve(Gateway::builder()).start().await;
    let open = authority.connect(gateway.address(), "a.example", "http/1.1").await.unwrap();
    let (cert, key) = (gateway.path("tls/a.example.pem"), gateway.path("tls/a.example.key"));
    let (_, made) = &renewed.names[0];
    // The certificate comes before its key: until both are there the old ones stay.
    fs::write(&cert, made.cert.pem()).unwrap();
    assert_eventually!(
        crate::harness::lines_with("is not the key of the first certificate")
            .iter()
            .any(|line| line.contains("rejected"))
    );
    assert!(authority.connect(gateway.address(), "a.example", "http/1.1").await.is_ok());
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    assert_eventually!(renewed.connect(gateway.address(), "a.example", "http/1.1").await.is_ok());
    assert!(authority.connect(gateway.address(), "a.example", "http/1.1").await.is_err());
    drop(open);
}

#[tokio::test]
async fn a_listener_keeps_its_certificates_where_config_yaml_moves_it() {
    let authority = Authority::new(&["a.example"]);
    let gateway = authority.serve(Gateway::builder()).start().await;
    let before = fs::read_to_string(gateway.path("config.yaml")).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&before).unwrap();
    for listeners in
        [json!([{ "address": "127.0.0.1:1" }]), json!([{ "address": "127.0.0.1:1" }, config["listeners"][0]])]
    {
        config["listeners"] = listeners;
        fs::write(gateway.path("config.yaml"), config.to_string()).unwrap();
        gateway.product().reload().await;
        assert!(authority.connect(gateway.address(), "a.example", "h2").await.is_ok());
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_told_at_their_place() {
    let (authority, other) = (Authority::new(&["a.example"]), Authority::new(&["a.example"]));
    let key = other.names[0].1.signing_key.serialize_pem();
    let cases = [
        ("tls/a.example.key", key.as_str(), "a.example.key is not the key of the first certificate of"),
        ("tls/a.example.key", "", "a.example.key holds no private key in PEM"),
        ("tls/a.example.pem", "nothing", "a.example.pem holds no certificate in PEM"),
        (
            "tls/a.example.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "a.example.pem holds a certificate that cannot be read",
        ),
    ];
    for (file, text, expected) in cases {
        let started = authority.serve(Gateway::builder()).file(file, text).try_start().await;
        let Err(StartError::Files(problems)) = started else { panic!("{expected}: it starts") };
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].code == "certificate" && problems[0].message.contains(expected),
            "{:?}",
            problems[0]
        );
        assert!(problems[0].file.ends_with("config.yaml") && problems[0].line > 0);
    }
}

#[tokio::test]
async fn who_does_not_speak_tls_or_does_not_finish_is_closed() {
    let authority = Authority::new(&["a.example"]);
    let builder = authority.serve(Gateway::builder()).config("limits", json!({ "handshake_timeout": "1s" }));
    let gateway = builder.start().await;
    let mut plain = TcpStream::connect(gateway.address()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), plain.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let mut silent = TcpStream::connect(gateway.address()).await.unwrap();
    silent.write_all(b"\x16\x03\x01").await.unwrap();
    let ended = timeout(Duration::from_secs(10), silent.read(&mut [0; 16])).await.expect("it stays open");
    assert!(matches!(ended, Ok(0) | Err(_)));
}
