//! Tests of the canonical path: one form of each, and none of what can be read twice.

use proptest::prelude::*;

use super::*;

fn canonical(raw: &str) -> Result<String, PathError> {
    CanonicalPath::parse(raw).map(|path| path.as_str().to_owned())
}

fn loose(raw: &str) -> Vec<String> {
    CanonicalPath::parse(raw).unwrap().loose().map(str::to_owned).collect()
}

#[test]
fn only_escapes_and_dots_are_normalised() {
    for (raw, expected) in [
        ("/", "/"),
        ("/api/me", "/api/me"),
        ("/%61pi/%4De", "/api/Me"),
        ("/%7euser/%2d%5F", "/~user/-_"),
        ("/a%3ab", "/a%3Ab"),
        ("/a%c3%a9", "/a%C3%A9"),
        ("/a\u{e9}", "/a\u{e9}"),
        ("/A//b/", "/A//b/"),
        ("//", "//"),
        ("/a;x=1/b", "/a;x=1/b"),
        ("/100%25", "/100%25"),
        ("/100%25z1", "/100%25z1"),
        ("/a%20b", "/a%20b"),
        ("/a/./b", "/a/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/..a/...", "/..a/..."),
        ("/x/..//", "//"),
        ("/a//../b", "/a/b"),
        ("/a/..", "/"),
        ("/.", "/"),
        ("/.well-known/x", "/.well-known/x"),
        ("/mail/a@b.example", "/mail/a@b.example"),
    ] {
        assert_eq!(canonical(raw).as_deref(), Ok(expected), "{raw}");
    }
}

#[test]
fn paths_that_servers_read_differently_are_refused() {
    for (raw, expected) in [
        ("", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("api/me", PathError::NotAbsolute),
        ("http://app/api", PathError::NotAbsolute),
        ("/a\\b", PathError::Backslash),
        ("/a%5cb", PathError::Backslash),
        ("/a/..%5c../b", PathError::Backslash),
        ("/a%2fb", PathError::EncodedSlash),
        ("/a%2Fb", PathError::EncodedSlash),
        ("/..%2f", PathError::EncodedSlash),
        ("/a%00.js", PathError::Nul),
        ("/a%0d%0ab", PathError::Control),
        ("/a%7F", PathError::Control),
        ("/a\u{7f}", PathError::Control),
        ("/a\tb", PathError::Control),
        ("/a%C2%85", PathError::Control),
        ("/a\u{85}", PathError::Control),
        ("/%252e%252e/b", PathError::DoubleEncoding),
        ("/a%252fb", PathError::DoubleEncoding),
        ("/a%25%32%65", PathError::DoubleEncoding),
        ("/a%25%34%31", PathError::DoubleEncoding),
        ("/a%2525", PathError::DoubleEncoding),
        ("/%c0%ae%c0%ae/b", PathError::InvalidUtf8),
        ("/%e0%80%af", PathError::InvalidUtf8),
        ("/%f0%80%80%af", PathError::InvalidUtf8),
        ("/%ed%a0%80", PathError::InvalidUtf8),
        ("/%ff", PathError::InvalidUtf8),
        ("/%c3/%a9", PathError::InvalidUtf8),
        ("/%c3/../b", PathError::InvalidUtf8),
        ("/a%", PathError::MalformedEscape),
        ("/a%2", PathError::MalformedEscape),
        ("/a%zz", PathError::MalformedEscape),
        ("/a%+1", PathError::MalformedEscape),
        ("/a%u002e", PathError::MalformedEscape),
        ("/a%%32%65", PathError::MalformedEscape),
        ("/a%2\u{e9}", PathError::MalformedEscape),
        ("/a b", PathError::Space),
        ("/a#b", PathError::Delimiter),
        ("/a?b", PathError::Delimiter),
        ("/..", PathError::AboveRoot),
        ("/../etc", PathError::AboveRoot),
        ("/%2e%2e/etc", PathError::AboveRoot),
        ("/a/../../etc", PathError::AboveRoot),
        ("/public/..;/admin", PathError::DotParameters),
        ("/public/..;x=1/admin", PathError::DotParameters),
        ("/public/..%3b/admin", PathError::DotParameters),
        ("/public/%2e%2e;/admin", PathError::DotParameters),
        ("/public/.;/admin", PathError::DotParameters),
    ] {
        assert_eq!(canonical(raw), Err(expected), "{raw}");
    }
}

#[test]
fn loose_forms_meet_lenient_routers() {
    for (raw, expected) in [
        ("/", &["/"][..]),
        ("/leads", &["/leads"]),
        ("/LEADS", &["/leads"]),
        ("/leads/", &["/leads"]),
        ("//leads///x//", &["/leads/x"]),
        ("//", &["/"]),
        ("/leads.json", &["/leads.json", "/leads"]),
        ("/Leads.JSON/", &["/leads.json", "/leads"]),
        ("/a.b/leads", &["/a.b/leads"]),
        ("/.env", &["/.env"]),
        ("/leads.", &["/leads.", "/leads"]),
        ("/leads;v=1/x", &["/leads;v=1/x", "/leads/x"]),
        ("/leads;v=1.json", &["/leads;v=1.json", "/leads;v=1", "/leads"]),
        ("/leads%3bv", &["/leads;v", "/leads"]),
        ("/;x/leads", &["/;x/leads", "/leads"]),
        ("/a%20b", &["/a b"]),
        ("/%C3%89t%C3%A9", &["/\u{e9}t\u{e9}"]),
        ("/\u{212a}ey", &["/key"]),
        ("/web%C5%BFocket", &["/websocket"]),
        ("/sett\u{131}ngs", &["/settings"]),
    ] {
        assert_eq!(loose(raw), expected, "{raw}");
    }
}

#[test]
fn decoding_keeps_the_segments() {
    let path = CanonicalPath::parse("/users/anna%40example.com/x%3fy").unwrap();
    assert_eq!(path.as_str(), "/users/anna%40example.com/x%3Fy");
    assert_eq!(path.decoded(), "/users/anna@example.com/x?y");
}

#[test]
fn seeded_noise_keeps_the_promises() {
    let alphabet: [&[u8]; 20] = [
        b"/",
        b"..",
        b".",
        b"%2e",
        b"%2E",
        b"%25",
        b"%2f",
        b"%5c",
        b";",
        b"a",
        b"Z",
        b"%c3%a9",
        b"%c0%ae",
        b"//",
        b"%3b",
        b"%41",
        b"\\",
        b"%",
        b"3",
        b"\xc3\xa9",
    ];
    let mut seed: u64 = 0x5eed;
    for _ in 0..20_000 {
        let mut data = b"/".to_vec();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            data.extend_from_slice(alphabet[(seed >> 33) as usize % alphabet.len()]);
        }
        fuzz_path(&data);
    }
}

proptest! {
    #[test]
    fn canonical_form_is_its_own_canonical_form(raw in "/([a-cA-C./;%éK]|%[2-7][0-9a-fA-F]|\\.\\.|/){0,24}") {
        fuzz_path(raw.as_bytes());
    }
}
