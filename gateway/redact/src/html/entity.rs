//! Character references (WHATWG HTML §13.2.5.72): read as browsers do, written only where they must be.

use std::borrow::Cow;

/// What a piece of text stands for.
pub(super) fn decode_text(text: &str) -> Cow<'_, str> {
    htmlize::unescape(text)
}

/// What the value of an attribute stands for.
pub(super) fn decode_attribute(value: &str) -> Cow<'_, str> {
    htmlize::unescape_attribute(value)
}

/// Appends text, so that it is text and nothing else.
pub(super) fn push_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(byte),
        }
    }
}

/// How the value of an attribute is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    Single,
    Double,
    /// Not at all: what replaces the value brings its own.
    None,
}

impl Quote {
    /// The quote of a value, by the byte before it.
    pub(super) fn before(byte: Option<u8>) -> Quote {
        match byte {
            Some(b'"') => Quote::Double,
            Some(b'\'') => Quote::Single,
            Some(_) | None => Quote::None,
        }
    }
}

/// Appends the value of an attribute in the place of another.
pub(super) fn push_attribute(value: &str, quote: Quote, out: &mut Vec<u8>) {
    if quote == Quote::None {
        out.push(b'"');
    }
    for byte in value.bytes() {
        match (byte, quote) {
            (b'&', _) => out.extend_from_slice(b"&amp;"),
            (b'<', _) => out.extend_from_slice(b"&lt;"),
            (b'"', Quote::Double | Quote::None) => out.extend_from_slice(b"&quot;"),
            (b'\'', Quote::Single) => out.extend_from_slice(b"&#39;"),
            _ => out.push(byte),
        }
    }
    if quote == Quote::None {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_attributes_come_back_as_they_went_in() {
        for value in ["", "a", "\"'&<>`= \n", "&amp;", "{\"a\":\"&quot;\"}"] {
            for quote in [Quote::Single, Quote::Double, Quote::None] {
                let mut out = Vec::new();
                push_attribute(value, quote, &mut out);
                let out = String::from_utf8(out).unwrap();
                let inside = if quote == Quote::None { &out[1..out.len() - 1] } else { &out };
                let delimiter = if quote == Quote::Single { '\'' } else { '"' };
                assert!(!inside.contains(delimiter), "{out}");
                assert_eq!(decode_attribute(inside), value);
            }
        }
    }

    #[test]
    fn references_are_read_as_browsers_do() {
        assert_eq!(decode_text("&#43;370&nbsp;6&#x31;&ampx;"), "+370\u{a0}61&x;");
        assert_eq!(decode_attribute("?a=1&copy=2&amp;b"), "?a=1&copy=2&b");
    }
}
