//! The runs that a scanner passes over at once.
//!
//! Safe word-at-a-time code: eight bytes are judged by one subtraction each. Everything that reads a body byte
//! by byte goes through here, so a wider scanner has one place to go.

/// Counts leading white space (RFC 8259 §2).
#[inline]
pub(super) fn blanks(bytes: &[u8]) -> usize {
    // Most tokens follow each other without any.
    if bytes.first().is_none_or(|&byte| byte > b' ') {
        return 0;
    }
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

/// Counts the leading bytes of a string's inside that stand for themselves: whole characters in valid UTF-8, up
/// to a quote, a backslash, a control character, or a character that is malformed or cut off.
#[inline]
pub(super) fn text(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += ascii(&bytes[at..]);
        // Letters of two bytes come in words: of Cyrillic, Greek, Hebrew, Arabic.
        while let [0xc2..=0xdf, 0x80..=0xbf, ..] = bytes[at..] {
            at += 2;
        }
        let width = match bytes[at..] {
            [0..0x80, ..] if !is_odd(bytes[at]) => continue,
            [lead @ 0xe0..=0xef, second, third, ..] if is_second(lead, second) && is_continuation(third) => 3,
            [lead @ 0xf0..=0xf4, second, third, fourth, ..]
                if is_second(lead, second) && is_continuation(third) && is_continuation(fourth) =>
            {
                4
            }
            _ => return at,
        };
        at += width;
    }
}

/// How many continuation bytes follow a lead byte of UTF-8, if it is one (RFC 3629 §4).
pub(super) fn continuations(lead: u8) -> Option<u8> {
    match lead {
        0xc2..=0xdf => Some(1),
        0xe0..=0xef => Some(2),
        0xf0..=0xf4 => Some(3),
        _ => None,
    }
}

/// Whether `second` may follow `lead`: no overlong forms, no surrogates, nothing above U+10FFFF.
pub(super) fn is_second(lead: u8, second: u8) -> bool {
    match lead {
        0xe0 => (0xa0..=0xbf).contains(&second),
        0xed => (0x80..=0x9f).contains(&second),
        0xf0 => (0x90..=0xbf).contains(&second),
        0xf4 => (0x80..=0x8f).contains(&second),
        _ => is_continuation(second),
    }
}

pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Counts leading ASCII that stands for itself in a string.
#[inline]
fn ascii(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let odd = odd_bytes(u64::from_le_bytes(*eight));
        if odd != 0 {
            return at + (odd.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|&&byte| !is_odd(byte)).count()
}

/// Sets the high bit of each byte that ends a run of ASCII. Bits above the lowest one set may be wrong: a borrow
/// runs upwards only.
#[inline]
fn odd_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let controls = below(word, 0x20);
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
    (controls | quotes | backslashes | word) & HIGHS
}

fn is_odd(byte: u8) -> bool {
    !(0x20..0x80).contains(&byte) || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_ascii_ends_at_the_first_odd_byte_wherever_it_stands() {
        for length in (0..40).step_by(if cfg!(miri) { 13 } else { 1 }) {
            for place in 0..length {
                for odd in bytes() {
                    let mut bytes = vec![b'a'; length];
                    bytes[place] = odd;
                    let expected = if is_odd(odd) { place } else { length };
                    assert_eq!(ascii(&bytes), expected, "{odd:#x} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn two_odd_bytes_in_a_word_are_no_worse_than_one() {
        for first in bytes() {
            for second in bytes() {
                let bytes = [b'a', first, second, b'a', b'a', b'a', b'a', b'a'];
                let expected = bytes.iter().take_while(|&&byte| !is_odd(byte)).count();
                assert_eq!(ascii(&bytes), expected);
            }
        }
    }

    #[test]
    fn text_agrees_with_the_standard_library_about_utf_8() {
        let mut state = 1_u64;
        for _ in 0..if cfg!(miri) { 500 } else { 200_000 } {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Lead and continuation bytes in the top half, where the interesting ones are.
            let bytes: Vec<u8> = state.to_be_bytes()[..6].iter().map(|byte| byte | 0x80).collect();
            let valid = match std::str::from_utf8(&bytes) {
                Ok(all) => all.len(),
                Err(error) => error.valid_up_to(),
            };
            assert_eq!(text(&bytes), valid, "{bytes:x?}");
        }
        for character in ['a', 'é', '€', '😀', '\u{7ff}', '\u{800}', '\u{ffff}', '\u{10000}', '\u{10ffff}']
        {
            assert_eq!(text(character.to_string().as_bytes()), character.len_utf8());
        }
    }

    #[test]
    fn blanks_are_the_four_of_the_grammar() {
        assert_eq!(blanks(b" \t\r\n1"), 4);
        assert_eq!(blanks(b"\x0b "), 0);
        assert_eq!(blanks(b"\xc2\xa0"), 0);
    }

    /// Every byte; under Miri those at the edges of what ends a run.
    fn bytes() -> Vec<u8> {
        match cfg!(miri) {
            true => b"\x00\x1f !\"#[\\]\x7f\x80\xff".to_vec(),
            false => (0..=255).collect(),
        }
    }
}
