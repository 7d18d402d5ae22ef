//! The oracle of leaks: whether a secret can be read from some output, in whatever spelling.
//!
//! Whoever has the output may decode it. So does the oracle: escapes of JSON and scripts, percent encoding,
//! entities, markup between the parts of a text, base64 of tokens at every alignment, and all of these within each
//! other, four deep. Phones are also
//! found by their digits, whatever separates them and whatever prefix they have.

use std::collections::BTreeSet;

/// What a reader of the output may come to see.
pub(crate) struct Views {
    texts: BTreeSet<String>,
    numbers: BTreeSet<String>,
}

impl Views {
    pub(crate) fn of(output: &[u8]) -> Views {
        let mut texts = BTreeSet::new();
        let mut latest = vec![String::from_utf8_lossy(output).into_owned()];
        for _ in 0..DEPTH {
            let found: Vec<String> = latest.iter().flat_map(|text| decodings(text)).collect();
            texts.extend(latest.drain(..).map(|text| text.to_lowercase()));
            latest.extend(found.into_iter().filter(|text| !texts.contains(&text.to_lowercase())));
            latest.sort();
            latest.dedup();
        }
        let numbers = texts.iter().flat_map(|text| numbers(text)).collect();
        Views { texts, numbers }
    }

    /// Whether the secret is in one of the views: as it is, or, if it is a phone, by its digits.
    pub(crate) fn show(&self, secret: &str) -> bool {
        let lower = secret.to_lowercase();
        let is_shown = self.texts.iter().any(|text| text.contains(&lower));
        is_shown || self.show_phone(secret)
    }

    fn show_phone(&self, secret: &str) -> bool {
        let is_phone = secret.chars().all(|c| c.is_ascii_digit() || is_separator(c));
        let digits = digits(secret);
        // The last nine tell a subscriber from all others, with the codes of country and city before them or not.
        let Some(place) = digits.len().checked_sub(9).filter(|_| is_phone) else { return false };
        let subscriber = &digits[place..];
        self.numbers.iter().any(|number| number.ends_with(subscriber) && number.len() <= digits.len() + 3)
    }
}

const DEPTH: usize = 5;

/// Everything that a text decodes to in one step, where that is something else.
fn decodings(text: &str) -> Vec<String> {
    // In forms a plus is a blank, and in tables two quotes are one.
    let form = percent_decoded(&text.replace('+', " "));
    let cell = text.replace("\"\"", "\"");
    let steps = [unescaped(text), percent_decoded(text), form, cell, entities_decoded(text), untagged(text)];
    steps.into_iter().filter(|decoded| decoded != text).chain(base64_decoded(text)).collect()
}

/// Escapes of JSON and of JavaScript.
fn unescaped(text: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        let escape = if character == '\\' { rest.chars().next() } else { None };
        let unit = |digits: usize| {
            let unit = rest.get(1..=digits).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            unit.map(|unit| (unit, digits))
        };
        match escape {
            Some('u') => match unit(4) {
                Some((unit, digits)) => {
                    units.push(unit);
                    rest = &rest[1 + digits..];
                }
                None => units.push(u16::from(b'\\')),
            },
            Some('x') => match unit(2) {
                Some((unit, digits)) => {
                    units.push(unit);
                    rest = &rest[1 + digits..];
                }
                None => units.push(u16::from(b'\\')),
            },
            Some(escape) => {
                let meant = match escape {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'b' | 'f' => ' ',
                    other => other,
                };
                units.extend(meant.encode_utf16(&mut [0; 2]).iter());
                rest = &rest[escape.len_utf8()..];
            }
            None => units.extend(character.encode_utf16(&mut [0; 2]).iter()),
        }
    }
    String::from_utf16_lossy(&units)
}

/// Percent encoding.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What of a page is seen: no tags, no comments.
fn untagged(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let end = if rest[start..].starts_with("<!--") { "-->" } else { ">" };
        let Some(length) = rest[start..].find(end) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + length + end.len()..];
    }
    out + rest
}

/// Character references of HTML: by number, and the names that a page needs.
fn entities_decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(place) = rest.find('&') {
        out.push_str(&rest[..place]);
        rest = &rest[place..];
        let end = rest.find(';').filter(|end| *end < 12);
        let meant = end.and_then(|end| {
            let name = &rest[1..end];
            match name.strip_prefix('#') {
                Some(number) => {
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16),
                        None => number.parse(),
                    };
                    char::from_u32(code.ok()?).map(String::from)
                }
                None => {
                    ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, meant)| (*meant).to_owned())
                }
            }
        });
        match (meant, end) {
            (Some(meant), Some(end)) => {
                out.push_str(&meant);
                rest = &rest[end + 1..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

const ENTITIES: [(&str, &str); 13] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("euml", "ë"),
    ("uuml", "ü"),
    ("plus", "+"),
    ("commat", "@"),
    ("period", "."),
    ("lpar", "("),
    ("rpar", ")"),
];

/// What tokens of sixteen characters and more decode to as base64, by either alphabet (RFC 4648 §4, §5) and from
/// each of four places, for nobody says where in a token the encoding begins.
fn base64_decoded(text: &str) -> Vec<String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let tokens = text.as_bytes().split(|byte| !is_part(*byte)).filter(|token| token.len() >= 16);
    let mut out = Vec::new();
    for token in tokens {
        for place in 0..4 {
            let mut decoded = Vec::new();
            for group in token[place..].chunks(4) {
                let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | sextet(*byte));
                let bits = bits << (6 * (4 - group.len()));
                let [_, bytes @ ..] = bits.to_be_bytes();
                decoded.extend_from_slice(&bytes[..group.len() - 1]);
            }
            let decoded = String::from_utf8_lossy(&decoded).into_owned();
            // Of what is no text nobody reads anything.
            if decoded.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').count() * 2
                > decoded.chars().count()
            {
                out.push(decoded);
            }
        }
    }
    out
}

fn sextet(byte: u8) -> u32 {
    u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    })
}

/// The numbers of a text, by their digits: whatever separates digits without a letter between them.
fn numbers(text: &str) -> Vec<String> {
    text.split(|c: char| !(as_digit(c).is_some() || is_separator(c)))
        .map(digits)
        .filter(|digits| digits.len() >= 9)
        .collect()
}

fn digits(text: &str) -> String {
    text.chars().filter_map(as_digit).collect()
}

/// A digit, full-width ones included.
fn as_digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        _ => None,
    }
}

/// What people put between the digits of a phone.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '+' | '-' | '.' | '(' | ')' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}'
    )
}

#[test]
fn the_oracle_reads_every_spelling() {
    let phone = "+37061234567";
    for shown in [
        "+37061234567",
        "+370 (612) 34-567",
        "(+370) 612.34.567",
        "0037061234567",
        "37061234567@c.us",
        "tel:+370%2061234567",
        "%2B37061234567",
        "%252B37061234567",
        r"\u002b37061234567",
        r"+\u0033\u003706123\u00345\u0036\u0037",
        r#"{"a":"{\"b\":\"+370612\\u00334567\"}"}"#,
        "&#43;&#51;7061234567",
        "&plus;370612&#x33;4567",
        "&amp;#43;37061&#50;34567",
        "&#43;370<!-- x --><b title='y'>612</b>34567",
        "370\u{a0}612\u{2011}34\u{2013}567",
        "３７０６１２３４５６７",
        "wamid.HBgLMzcwNjEyMzQ1NjcVAgASGBQ",
        "x=eyJwIjoiKzM3MDYxMjM0NTY3In0=",
        "aAeyJwIjoiKzM3MDYxMjM0NTY3In0",
        "Y2FsbCArMzcwNjEyMzQ1Njc-",
    ] {
        assert!(Views::of(shown.as_bytes()).show(phone), "{shown}");
    }
    for hidden in
        ["+370 6•• •• •67", "37061234568", "370612345", "order 3706123456700, 34567", "3706, 1234567"]
    {
        assert!(!Views::of(hidden.as_bytes()).show(phone), "{hidden}");
    }
    let mail = "zoë.müller@example.ch";
    for shown in [
        "mailto:zo%C3%AB.m%C3%BCller@example.ch",
        "a=x+zo%C3%AB.m%C3%BCller%40example.ch",
        r"zo\u00eb.m\u00FCller@example.ch",
        "ZOË.MÜLLER@EXAMPLE.CH",
        "zo&#235;.m&#xfc;ller&commat;example.ch",
        "em/Dqy5tw7xsbGVyQGV4YW1wbGUuY2g=",
        "\"zem/Dqy5tw7xsbGVyQGV4YW1wbGUuY2g",
    ] {
        assert!(Views::of(shown.as_bytes()).show(mail), "{shown}");
    }
}
