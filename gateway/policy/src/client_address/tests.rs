//! Tables: chains and headers to addresses.

use proptest::prelude::*;

use super::{proxy_protocol::*, *};
use crate::networks::parse_network;

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "192.0.2.1", "2001:db8:ffff::/48"];

fn proxies(header: &str) -> Proxies {
    let trusted = TRUSTED.map(|network| parse_network(network).unwrap());
    Proxies::new(trusted, ForwardingHeader::named(header))
}

/// The client of a request, `400` where there is none.
#[track_caller]
fn client(header: &str, peer: &str, values: &[&str]) -> String {
    let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
    let client = proxies(header).client(peer.parse().unwrap(), &values);
    client.map_or_else(|_| "400".to_owned(), |client| client.to_string())
}

#[test]
fn lists_are_walked_from_the_right_as_far_as_they_are_trusted() {
    let cases: [(&str, &[&str], &str); 25] = [
        // A stranger is the client, whatever it writes.
        ("203.0.113.9", &[], "203.0.113.9"),
        ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
        ("203.0.113.9", &["nonsense"], "203.0.113.9"),
        // A proxy that says nothing speaks for itself.
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["", " , "], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
        // What stands left of the first stranger was written by that one.
        ("10.0.0.1", &["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["nonsense, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.7, 198.51.100.1 ,10.0.0.2,192.0.2.1"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.7", "198.51.100.1, 10.0.0.2", "10.0.0.3"], "198.51.100.1"),
        ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // Spellings.
        ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", &["[2001:DB8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", &["fe80::1%eth0"], "fe80::1"),
        ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &["64:ff9b::c633:6401"], "198.51.100.1"),
        ("10.0.0.1", &["198.51.100.1, ::ffff:10.0.0.2"], "198.51.100.1"),
        ("2001:db8:ffff::2", &["198.51.100.1"], "198.51.100.1"),
        // What had to be believed and cannot be read.
        ("10.0.0.1", &["198.51.100.1, nonsense"], "400"),
        ("10.0.0.1", &["198.51.100.1, unknown"], "400"),
        ("10.0.0.1", &["nonsense, 10.0.0.2"], "400"),
    ];
    for (peer, values, expected) in cases {
        assert_eq!(client("X-Forwarded-For", peer, values), expected, "{peer} {values:?}");
    }
    for wrong in [
        "198.51.100.01",
        "198.51.100",
        "198.51.100.1:",
        "198.51.100.1:123456",
        "198.51.100.1:x",
        "0x7f.1",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:",
        "[198.51.100.1]",
        "::1%",
        "::1%a/b",
        "1::2::3",
        "\"198.51.100.1\"",
        "a b",
        "198.51.100.1 198.51.100.2",
    ] {
        assert_eq!(client("X-Forwarded-For", "10.0.0.1", &[wrong]), "400", "{wrong}");
    }
}

#[test]
fn the_standard_header_is_read_by_its_grammar() {
    let cases: [(&[&str], &str); 14] = [
        (&["for=198.51.100.1"], "198.51.100.1"),
        (&["For=\"198.51.100.1:4711\";proto=https;by=10.0.0.1"], "198.51.100.1"),
        (&["proto=https; host=\"a,b;for=1.2.3.4\" ;FOR=\"[2001:db8::1]:4711\""], "2001:db8::1"),
        (&["for=\"[2001:db8::1]:_hidden\""], "2001:db8::1"),
        (&["for=198.51.100.7, for=198.51.100.1, for=10.0.0.2"], "198.51.100.1"),
        (&["for=198.51.100.7", "for=198.51.100.1,, for=\"10.0.0.2\""], "198.51.100.1"),
        (&["for=_hidden, for=198.51.100.1"], "198.51.100.1"),
        (&["for=\"198.51.1\\00.1\""], "198.51.100.1"),
        (&["for=unknown"], "400"),
        (&["for=_hidden, for=10.0.0.2"], "400"),
        (&["proto=https"], "400"),
        (&["for=198.51.100.1;for=198.51.100.2"], "400"),
        (&["for=[2001:db8::1]"], "400"),
        (&["for=\"2001:db8::1\""], "400"),
    ];
    for (values, expected) in cases {
        assert_eq!(client("Forwarded", "10.0.0.1", values), expected, "{values:?}");
    }
    for wrong in
        ["for", "for=", "for=\"", "for=\"198.51.100.1", "for=\"a\"b\"", "198.51.100.1", "for=198.51.100.1:80"]
    {
        assert_eq!(client("Forwarded", "10.0.0.1", &[wrong]), "400", "{wrong}");
    }
    // Quotes may not hide where an element ends.
    assert_eq!(client("Forwarded", "10.0.0.1", &["for=\"x, for=198.51.100.1"]), "400");
}

#[test]
fn a_field_of_one_address_holds_one() {
    assert_eq!(client("CF-Connecting-IP", "10.0.0.1", &[" 198.51.100.1 "]), "198.51.100.1");
    assert_eq!(client("CF-Connecting-IP", "10.0.0.1", &[]), "10.0.0.1");
    assert_eq!(client("CF-Connecting-IP", "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    for wrong in [&["198.51.100.1, 198.51.100.2"][..], &["198.51.100.1", "198.51.100.1"], &[""]] {
        assert_eq!(client("CF-Connecting-IP", "10.0.0.1", wrong), "400", "{wrong:?}");
    }
    assert_eq!(ForwardingHeader::named("CF-Connecting-IP").name(), "cf-connecting-ip");
}

#[test]
fn nobody_is_trusted_unless_told() {
    let nobody = Proxies::default();
    assert!(nobody.is_empty() && !nobody.trust("127.0.0.1".parse().unwrap()));
    let client = nobody.client("127.0.0.1".parse().unwrap(), &[b"198.51.100.1"]).unwrap();
    assert_eq!(client.to_string(), "127.0.0.1");
}

#[test]
fn lines_of_version_1_announce_a_client() {
    let client = |text: &str| Ok(Announced::Client(text.parse().unwrap()));
    let cases = [
        ("PROXY TCP4 198.51.100.1 192.0.2.7 56324 443\r\n", client("198.51.100.1")),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n", client("2001:db8::1")),
        ("PROXY UNKNOWN\r\n", Ok(Announced::Own)),
        ("PROXY UNKNOWN ffff::1 what ever\r\n", Ok(Announced::Own)),
    ];
    for (line, expected) in cases {
        assert_eq!(parse_line(line.as_bytes()), expected, "{line}");
    }
    for wrong in [
        "PROXY TCP4 198.51.100.1 192.0.2.7 56324 443\n",
        "PROXY TCP4 198.51.100.1 192.0.2.7 56324 443",
        "PROXY TCP4 198.51.100.1  192.0.2.7 56324 443\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.7 56324 443 \r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.7 56324 65536\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.7 056 443\r\n",
        "PROXY TCP4 198.51.100.1 192.0.2.7 +56 443\r\n",
        "PROXY TCP4 198.51.100.01 192.0.2.7 56 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 198.51.100.1 192.0.2.7 1 2\r\n",
        "PROXY UDP4 198.51.100.1 192.0.2.7 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "proxy UNKNOWN\r\n",
        "GET / HTTP/1.1\r\n",
        "",
    ] {
        assert_eq!(parse_line(wrong.as_bytes()), Err(Malformed), "{wrong}");
    }
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(MAX_LINE));
    assert_eq!(parse_line(long.as_bytes()), Err(Malformed));
}

/// A header of version 2.
fn binary(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_and_command, family][..], &length, rest].concat()
}

const V4: [u8; 12] = [198, 51, 100, 1, 192, 0, 2, 7, 0xdc, 0x04, 0x01, 0xbb];

fn v6() -> Vec<u8> {
    let address: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
    [&address.octets()[..], &[0; 16], &[0, 80, 0, 80]].concat()
}

#[test]
fn headers_of_version_2_announce_a_client() {
    let client = |text: &str| Ok(Announced::Client(text.parse().unwrap()));
    let with_values = [&V4[..], &[0x01, 0, 2, b'h', b'2', 0x04, 0, 0]].concat();
    let cases = [
        (binary(0x21, 0x11, &V4), client("198.51.100.1")),
        (binary(0x21, 0x11, &with_values), client("198.51.100.1")),
        (binary(0x21, 0x21, &v6()), client("2001:db8::1")),
        (binary(0x21, 0x31, &[b'/'; 216]), Ok(Announced::Own)),
        (binary(0x21, 0x00, &[]), Ok(Announced::Own)),
        (binary(0x20, 0x00, &[]), Ok(Announced::Own)),
        (binary(0x20, 0x11, &V4), Ok(Announced::Own)),
        (binary(0x20, 0xff, b"what ever"), Ok(Announced::Own)),
        (binary(0x11, 0x11, &V4), Err(Malformed)),
        (binary(0x22, 0x11, &V4), Err(Malformed)),
        (binary(0x21, 0x12, &V4), Err(Malformed)),
        (binary(0x21, 0x11, &V4[..11]), Err(Malformed)),
        (binary(0x21, 0x21, &V4), Err(Malformed)),
        (binary(0x21, 0x31, &[b'/'; 215]), Err(Malformed)),
        (binary(0x21, 0x11, &with_values[..with_values.len() - 1]), Err(Malformed)),
        (binary(0x21, 0x11, &[&V4[..], &[0x01, 0, 9, b'h']].concat()), Err(Malformed)),
        (binary(0x21, 0x00, &vec![0; MAX_REST + 1]), Err(Malformed)),
    ];
    for (header, expected) in cases {
        assert_eq!(parse_binary(&header), expected, "{header:x?}");
        assert_eq!(parse_binary(&header[..header.len() - 1]), Err(Malformed));
    }
}

#[test]
fn a_checksum_is_checked_where_there_is_one() {
    // The check value of the catalogue of CRCs.
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    let mut header = binary(0x21, 0x11, &[&V4[..], &[0x01, 0, 1, b'x', 0x03, 0, 4, 0, 0, 0, 0]].concat());
    let sum = crc32c(&header).to_be_bytes();
    let end = header.len();
    assert_eq!(parse_binary(&header), Err(Malformed));
    header[end - 4..].copy_from_slice(&sum);
    assert_eq!(parse_binary(&header), Ok(Announced::Client("198.51.100.1".parse().unwrap())));
    header[16] ^= 1;
    assert_eq!(parse_binary(&header), Err(Malformed));
    let short = binary(0x21, 0x11, &[&V4[..], &[0x03, 0, 2, 0, 0]].concat());
    assert_eq!(parse_binary(&short), Err(Malformed));
}

proptest! {
    #[test]
    fn a_chain_never_names_whom_a_stranger_could_have_written(
        left in "[ -~]{0,40}", stranger in any::<[u8; 4]>(), hops in 0_usize..4,
    ) {
        let stranger = std::net::Ipv4Addr::from(stranger);
        prop_assume!(!proxies("x-forwarded-for").trust(stranger.into()));
        let chain = format!("{left}, {stranger}{}", ", 10.0.0.2".repeat(hops));
        prop_assert_eq!(client("X-Forwarded-For", "10.0.0.1", &[&chain]), stranger.to_string());
    }

    #[test]
    fn no_bytes_make_the_readers_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_line(&bytes);
        let _ = parse_binary(&bytes);
        let _ = parse_binary(&[&SIGNATURE[..], &bytes].concat());
        for header in ["Forwarded", "X-Forwarded-For", "x-real-ip"] {
            let _ = proxies(header).client("10.0.0.1".parse().unwrap(), &[&bytes]);
        }
    }
}
