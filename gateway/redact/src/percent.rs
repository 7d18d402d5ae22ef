//! Percent-encoding (RFC 3986 §2.1), read and written in one place for forms, queries, paths and links.
//!
//! What is no escape stands for itself, as in every reader that follows the WHATWG URL standard (§1.3). Which
//! characters need no escape depends on the place, so whoever writes says it.

/// Decodes escapes.
pub(crate) fn decode(spelling: &[u8]) -> Vec<u8> {
    decoded(spelling, false)
}

/// Decodes escapes, and `+` as a blank (WHATWG URL §5.1).
pub(crate) fn decode_form(spelling: &[u8]) -> Vec<u8> {
    decoded(spelling, true)
}

fn decoded(spelling: &[u8], is_form: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(spelling.len());
    let mut rest = spelling;
    while let Some((byte, later)) = unit(rest, is_form) {
        decoded.push(byte);
        rest = later;
    }
    decoded
}

/// The first byte that a spelling stands for, and what follows.
pub(crate) fn unit(spelling: &[u8], is_form: bool) -> Option<(u8, &[u8])> {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    match spelling {
        [] => None,
        [b'+', later @ ..] if is_form => Some((b' ', later)),
        [b'%', high, low, later @ ..] => match (hex(*high), hex(*low)) {
            // Both are below 16.
            (Some(high), Some(low)) => Some(((high << 4 | low) as u8, later)),
            (None, _) | (_, None) => Some((b'%', &spelling[1..])),
        },
        [byte, later @ ..] => Some((*byte, later)),
    }
}

/// Appends bytes, encoded but for letters, digits, `-`, `.`, `_` and what else is plain in its place.
pub(crate) fn encode(bytes: &[u8], plain: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') || plain.contains(&byte) {
            out.push(byte);
        } else {
            let digit = |value: u8| b"0123456789ABCDEF"[usize::from(value & 15)];
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        }
    }
}

/// Appends bytes with all but the unreserved characters (RFC 3986 §2.3) encoded.
pub(crate) fn encode_all(bytes: &[u8], out: &mut Vec<u8>) {
    encode(bytes, b"~", out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_to_itself_and_what_is_no_escape_stands_for_itself() {
        let text = "a b+%41~é/@";
        let mut spelled = Vec::new();
        encode_all(text.as_bytes(), &mut spelled);
        assert_eq!(spelled, b"a%20b%2B%2541~%C3%A9%2F%40");
        assert_eq!(decode(&spelled), text.as_bytes());
        spelled.clear();
        encode(text.as_bytes(), b"+@", &mut spelled);
        assert_eq!(spelled, b"a%20b+%2541%7E%C3%A9%2F@");
        assert_eq!(decode(&spelled), text.as_bytes());
        assert_eq!(decode(b"%zz%4+%"), b"%zz%4+%");
        assert_eq!(decode_form(b"%zz%4+%"), b"%zz%4 %");
    }
}
