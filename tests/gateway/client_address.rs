//! Who the client is where proxies stand in front: forwarding headers and the PROXY protocol, of trusted peers alone.

use chatwarden_policy::client_address::proxy_protocol::SIGNATURE;
use serde_json::json;

use crate::harness::{Builder, Client, Gateway, Persona, Raw};

/// Of the trusted proxies.
const PROXY: [u8; 4] = [127, 0, 2, 5];
const STRANGER: [u8; 4] = [127, 0, 9, 9];
/// On the whitelist.
const OFFICE: &str = "127.0.1.20";
const REFUSED: &str = "ip-not-whitelisted";

fn behind_proxies(header: &str) -> Builder {
    Gateway::builder()
        .config("client_address", json!({ "trusted_proxies": ["127.0.2.0/24"], "header": header }))
        .rule("ip-whitelist", "addresses: [127.0.1.0/24]\n")
}

async fn at(gateway: &Gateway, address: [u8; 4]) -> Client {
    gateway.client_at(address).sign_in_behind(Persona::SuperAdmin).await
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_about_the_hop_before_it_alone() {
    let gateway = behind_proxies("X-Forwarded-For").start().await;
    let client = at(&gateway, PROXY).await;
    let ask = async |chain: &str| client.get("/odd/echo").header("x-forwarded-for", chain).await;
    for chain in [
        OFFICE,
        "203.0.113.9, 127.0.1.20",
        "nonsense, 127.0.1.20, 127.0.2.9",
        "127.0.1.20:4711",
        "::ffff:127.0.1.20",
    ] {
        let seen = ask(chain).await.assert_passed(200).seen().unwrap();
        assert_eq!(seen.headers["x-forwarded-for"], OFFICE, "{chain}");
        assert_eq!(seen.headers["x-real-ip"], OFFICE);
        assert!(seen.headers["forwarded"].to_str().unwrap().starts_with("for=127.0.1.20;"));
    }
    let refused = ask("127.0.1.20, 203.0.113.9").await;
    assert!(refused.assert_refused(403, REFUSED).text().contains("203.0.113.9"));
    ask("127.0.1.20, nonsense").await.assert_refused(400, "request-ambiguous");
    // The proxy itself, without a word about anybody, comes from no office.
    client.get("/odd/echo").await.assert_refused(403, REFUSED);
}

#[tokio::test]
async fn a_stranger_is_not_believed_and_ops_are_told() {
    let gateway = behind_proxies("X-Forwarded-For").start().await;
    let client = at(&gateway, STRANGER).await;
    for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        client.get("/odd/echo").header(name, OFFICE).await.assert_refused(403, REFUSED);
    }
    assert_eq!(gateway.status()["untrusted_forwarders"], json!(["127.0.9.9"]));
    let told = crate::harness::lines_with("untrusted-forwarder");
    assert!(told.iter().any(|line| line.contains("trusted_proxies: [127.0.9.9]")), "{told:?}");
}

#[tokio::test]
async fn other_headers_say_it_too() {
    for (header, value) in
        [("Forwarded", "for=203.0.113.9, for=127.0.1.20;proto=https"), ("X-Client-Addr", OFFICE)]
    {
        let gateway = behind_proxies(header).start().await;
        let client = at(&gateway, PROXY).await;
        let seen = client.get("/odd/echo").header(header, value).await.assert_passed(200).seen().unwrap();
        assert_eq!(seen.headers["x-forwarded-for"], OFFICE, "{header}");
        assert!(!seen.headers.contains_key("x-client-addr"), "it is told in the usual names");
        let other = client.get("/odd/echo").header("x-forwarded-for", OFFICE).await;
        other.assert_refused(403, REFUSED);
        let twice = client.get("/odd/echo").header(header, value).header(header, "for=x").await;
        twice.assert_refused(400, "request-ambiguous");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_whether_the_client_came_by_tls() {
    let gateway = behind_proxies("X-Forwarded-For").without_rule("ip-whitelist").start().await;
    for (address, told, expected) in [
        (PROXY, "https", "https"),
        (PROXY, "http", "http"),
        (PROXY, "https, http", "http"),
        (STRANGER, "https", "http"),
    ] {
        let client = at(&gateway, address).await;
        let answer = client.get("/odd/echo").header("x-forwarded-proto", told).await;
        let seen = answer.assert_passed(200).seen().unwrap();
        assert_eq!(seen.headers["x-forwarded-proto"], expected, "{told}");
    }
}

fn announcing() -> Builder {
    behind_proxies("X-Forwarded-For")
        .config("listeners", json!([{ "address": "127.0.0.1:0", "proxy_protocol": true }]))
        .config("limits", json!({ "handshake_timeout": "1s" }))
}

/// A header of version 2 for a client of IPv4.
fn binary(client: [u8; 4]) -> Vec<u8> {
    [SIGNATURE, &[0x21, 0x11, 0, 12][..], &client, &[127, 0, 0, 1, 0x12, 0x34, 0, 80]].concat()
}

/// Sends a header and a request in one write, and reads the answer.
async fn announce(raw: &mut Raw, cookie: &str, header: &[u8]) -> Option<crate::harness::Response> {
    let request = format!("GET /odd/echo HTTP/1.1\r\nHost: a.example\r\nCookie: {cookie}\r\n\r\n");
    raw.write([header, request.as_bytes()].concat()).await;
    raw.response().await
}

#[tokio::test]
async fn a_balancer_announces_the_client_of_a_connection() {
    let gateway = announcing().start().await;
    let client = at(&gateway, PROXY).await;
    let line = b"PROXY TCP4 127.0.1.20 127.0.0.1 4711 80\r\n".to_vec();
    for header in [line, binary([127, 0, 1, 20])] {
        let mut raw = client.raw().await;
        let answer = announce(&mut raw, client.cookie(), &header).await.unwrap();
        let seen = answer.assert_passed(200).seen().unwrap();
        assert_eq!(seen.headers["x-forwarded-for"], OFFICE);
        // What was announced holds for every request of the connection.
        let again = announce(&mut raw, client.cookie(), b"").await.unwrap();
        assert_eq!(again.assert_passed(200).seen().unwrap().headers["x-forwarded-for"], OFFICE);
    }
    let answer = announce(&mut client.raw().await, client.cookie(), &binary([203, 0, 113, 9])).await.unwrap();
    assert!(answer.assert_refused(403, REFUSED).text().contains("203.0.113.9"));
    // A balancer's own check is the balancer's.
    let answer = announce(&mut client.raw().await, client.cookie(), b"PROXY UNKNOWN\r\n").await.unwrap();
    assert!(answer.assert_refused(403, REFUSED).text().contains("127.0.2.5"));
}

#[tokio::test]
async fn without_a_header_of_a_trusted_balancer_nobody_comes_in() {
    let gateway = announcing().start().await;
    let trusted = at(&gateway, PROXY).await;
    let stranger = at(&gateway, STRANGER).await;
    for (client, header) in [
        (&stranger, &b"PROXY TCP4 127.0.1.20 127.0.0.1 4711 80\r\n"[..]),
        (&trusted, b""),
        (&trusted, b"PROXY TCP4 127.0.1.20\r\n"),
    ] {
        assert!(announce(&mut client.raw().await, client.cookie(), header).await.is_none(), "{header:?}");
    }
    // One that is begun and not ended is not waited for.
    let mut raw = trusted.raw().await;
    raw.write(b"PROXY TCP4 127").await;
    assert!(raw.rest().await.is_empty());
}
