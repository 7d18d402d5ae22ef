//! Tests of mail addresses and their patterns.

use super::*;

fn list(text: &str) -> Result<Vec<String>, AddressError> {
    parse_recipients(text).map(|list| list.iter().map(Address::to_text).collect())
}

#[test]
fn lists_are_read_with_names_and_groups() {
    for (text, expected) in [
        ("a@example.com", &["a@example.com"][..]),
        (" a@example.com ", &["a@example.com"]),
        ("a@EXAMPLE.com", &["a@example.com"]),
        ("a@example.com.", &["a@example.com"]),
        ("a+tag@example.com", &["a+tag@example.com"]),
        ("o'neil.x@example.com", &["o'neil.x@example.com"]),
        ("a@example.com,b@example.com", &["a@example.com", "b@example.com"]),
        ("a@example.com; b@example.com;", &["a@example.com", "b@example.com"]),
        (",a@example.com,,", &["a@example.com"]),
        ("Boss <boss@evil.example>", &["boss@evil.example"]),
        ("<boss@evil.example>", &["boss@evil.example"]),
        ("John Q. Public <j@example.com>, B <b@example.com>", &["j@example.com", "b@example.com"]),
        ("\"Doe, John\" <j@example.com>", &["j@example.com"]),
        ("\"Joe \\\"X\\\"\" <j@example.com>", &["j@example.com"]),
        ("\"boss@evil.example\" <a@example.com>", &["boss@evil.example", "a@example.com"]),
        ("\u{160}ar\u{16b}nas <s@example.com>", &["s@example.com"]),
        ("Team: a@example.com, B <b@example.com>;", &["a@example.com", "b@example.com"]),
        ("Team: a@example.com; c@example.com", &["a@example.com", "c@example.com"]),
        ("\"a\"@example.com", &["a@example.com"]),
        ("\"a b\"@example.com", &["a b@example.com"]),
        ("a@b\u{fc}cher.example", &["a@xn--bcher-kva.example"]),
        ("a@XN--BCHER-KVA.example", &["a@xn--bcher-kva.example"]),
        ("a@\u{ff45}xample.com", &["a@example.com"]),
        ("anna\u{e9}@example.com", &["anna\u{e9}@example.com"]),
        ("anna\u{65}\u{301}@example.com", &["anna\u{e9}@example.com"]),
    ] {
        let expected: Vec<String> = expected.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(list(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_programs_read_differently_is_refused() {
    for (text, expected) in [
        ("", AddressError::Empty),
        (" ,; ", AddressError::Empty),
        ("Undisclosed:;", AddressError::Empty),
        ("boss", AddressError::Syntax),
        ("a@example.com b@evil.example", AddressError::Syntax),
        ("a@example.com <b@evil.example>", AddressError::Syntax),
        ("Boss b@evil.example", AddressError::Syntax),
        ("a@example.com@evil.example", AddressError::Syntax),
        ("a @example.com", AddressError::Syntax),
        ("a@ example.com", AddressError::Domain),
        ("a@example.com:25", AddressError::Syntax),
        ("mailto:a@example.com", AddressError::Unclosed),
        ("Team: a@example.com", AddressError::Unclosed),
        ("A: B: a@example.com;;", AddressError::Syntax),
        (": a@example.com;", AddressError::Syntax),
        ("<a@example.com", AddressError::Unclosed),
        ("a@example.com>", AddressError::Syntax),
        ("<a@example.com>b", AddressError::Syntax),
        ("<@relay.example:a@example.com>", AddressError::LocalPart),
        ("<>", AddressError::LocalPart),
        ("\"a@example.com", AddressError::Unclosed),
        ("\"boss@evil\\\" <x@y.example>", AddressError::Unclosed),
        ("\"see boss @ evil\" <a@example.com>", AddressError::DisplayName),
        ("\"boss@evil.example,\"@example.com", AddressError::LocalPart),
        ("\"boss@evil.example>\"@example.com", AddressError::LocalPart),
        ("\"\"@example.com", AddressError::Length),
        ("boss%evil.example@example.com", AddressError::Percent),
        ("\"boss%40evil.example\" <a@example.com>", AddressError::Percent),
        ("evil.example!boss@example.com", AddressError::LocalPart),
        ("boss%40evil.example", AddressError::Percent),
        ("a@example.com%0abcc:b@evil.example", AddressError::Percent),
        ("a@example.com\nbcc:b@evil.example", AddressError::Control),
        ("a@example.com\r\n", AddressError::Control),
        ("a\t@example.com", AddressError::Control),
        ("a@example.com\0", AddressError::Control),
        ("a@example.com(b@evil.example)", AddressError::Syntax),
        ("(b@evil.example)a@example.com", AddressError::Comment),
        ("=?utf-8?Q?b=40evil.example=2C?= <a@example.com>", AddressError::Comment),
        ("boss\u{ff20}evil.example", AddressError::LookAlike),
        ("boss\u{fe6b}evil.example, a@example.com", AddressError::LookAlike),
        ("a@example.com\u{ff0c}b@evil.example", AddressError::LookAlike),
        ("a@example.com\u{3002}evil.example", AddressError::LookAlike),
        ("a@exam\u{ad}ple.com", AddressError::LookAlike),
        ("a@example.com\u{200b}", AddressError::LookAlike),
        ("a\u{202e}@example.com", AddressError::LookAlike),
        ("a@example.com\u{a0}b@evil.example", AddressError::LookAlike),
        (".a@example.com", AddressError::LocalPart),
        ("a..b@example.com", AddressError::LocalPart),
        ("a.@example.com", AddressError::LocalPart),
        ("@example.com", AddressError::Syntax),
        ("a@", AddressError::Domain),
        ("a@.example.com", AddressError::Domain),
        ("a@example..com", AddressError::Domain),
        ("a@example.com..", AddressError::Domain),
        ("a@exa_mple.com", AddressError::Domain),
        ("a@-example.com", AddressError::Domain),
        ("a@[192.0.2.1]", AddressError::Domain),
        ("a@xn--\u{fc}.example", AddressError::Domain),
        ("'a@example.com'", AddressError::Domain),
    ] {
        assert_eq!(list(text).expect_err(text), expected, "{text}");
    }
    let long = format!("{}@example.com", "a".repeat(65));
    assert_eq!(list(&long), Err(AddressError::Length));
}

#[test]
fn one_address_is_one_address() {
    assert_eq!(parse_address("a@example.com").unwrap().to_text(), "a@example.com");
    for text in [" a@example.com", "a@example.com,", "A <a@example.com>", "<a@example.com>", ""] {
        assert!(parse_address(text).is_err(), "{text}");
    }
}

#[test]
fn patterns_name_an_address_or_a_domain() {
    for (pattern, address, expected) in [
        ("archive@example.com", "archive@example.com", true),
        ("archive@example.com", "Archive@Example.COM", true),
        ("archive@example.com", "archive@example.com.", true),
        ("archive@example.com", "\"archive\"@example.com", true),
        ("archive@example.com", "archive+x@example.com", false),
        ("archive@example.com", "archive@sub.example.com", false),
        ("archive@example.com", "archive@evil-example.com", false),
        ("archive@example.com", "archive@example.com.evil.example", false),
        ("archive@example.com", "xarchive@example.com", false),
        ("*@legal.example.com", "anyone@legal.example.com", true),
        ("*@legal.example.com", "anyone@LEGAL.example.com", true),
        ("*@legal.example.com", "anyone@example.com", false),
        ("*@legal.example.com", "anyone@x.legal.example.com", false),
        ("*@legal.example.com", "anyone@evillegal.example.com", false),
        ("*@b\u{fc}cher.example", "a@xn--bcher-kva.example", true),
        ("*@example.com", "a@ex\u{430}mple.com", false),
    ] {
        let pattern = AddressPattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(&parse_address(address).unwrap()), expected, "{pattern:?} {address}");
    }
}

#[test]
fn bad_patterns_get_a_word_of_help() {
    for (text, message, help) in [
        ("", "no `@`", "archive@example.com"),
        ("*", "no `@`", "archive@example.com"),
        ("example.com", "no `@`", "`*@example.com`"),
        ("@example.com", "before the `@`", "`*@example.com`"),
        ("*@*.example.com", "in a domain", "`*@example.com`"),
        ("arch*@example.com", "whole local part", "`*@example.com`"),
        ("*@com", "no dot", "domain"),
        ("Boss <boss@example.com>", "more than one", "by itself"),
        ("a@example.com, b@example.com", "more than one", "by itself"),
        ("a@exa_mple.com", "not a domain name", "archive@example.com"),
        ("a b@example.com", "not an address", "archive@example.com"),
    ] {
        let error = AddressPattern::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", error.help);
    }
}

#[test]
fn an_address_stays_out_of_debug_output() {
    assert_eq!(format!("{:?}", parse_address("anna@example.com")), "Ok(Address(***))");
}
