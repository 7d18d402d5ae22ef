//! String literals of JavaScript (ECMA-262 §12.9.4), as far as data is written in them.

/// Reads the literal that begins with the quote at `start`. Returns what it stands for and where its closing quote
/// is; nothing where no literal begins there, or one that is put together at run time.
///
/// Half a surrogate pair stays an escape: the text is JSON, where it means the same.
pub(super) fn decode(code: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let quote = *code.get(start)?;
    let mut text = Vec::new();
    let mut at = start + 1;
    loop {
        let byte = *code.get(at)?;
        at += 1;
        match byte {
            _ if byte == quote => return Some((text, at - 1)),
            b'\\' => {
                let escape = *code.get(at)?;
                at += 1;
                match escape {
                    b'n' => text.push(b'\n'),
                    b'r' => text.push(b'\r'),
                    b't' => text.push(b'\t'),
                    b'b' => text.push(0x08),
                    b'f' => text.push(0x0c),
                    b'v' => text.push(0x0b),
                    b'0'..=b'9' => return None,
                    b'x' => {
                        let (unit, next) = hex(code, at, 2)?;
                        push_unit(unit, &mut text);
                        at = next;
                    }
                    b'u' => at = decode_unicode(code, at, &mut text)?,
                    b'\r' if code.get(at) == Some(&b'\n') => at += 1,
                    b'\r' | b'\n' => {}
                    _ => text.push(escape),
                }
            }
            b'\r' | b'\n' if quote != b'`' => return None,
            b'$' if quote == b'`' && code.get(at) == Some(&b'{') => return None,
            _ => text.push(byte),
        }
    }
}

/// Behind `\u`: four digits, or any number in braces; two halves of a pair are one character.
fn decode_unicode(code: &[u8], at: usize, text: &mut Vec<u8>) -> Option<usize> {
    if code.get(at) == Some(&b'{') {
        let digits = code[at + 1..].iter().position(|&byte| byte == b'}')?;
        let (unit, next) = hex(code, at + 1, digits.min(8))?;
        push_unit(unit, text);
        return (code.get(next) == Some(&b'}')).then_some(next + 1);
    }
    let (unit, next) = hex(code, at, 4)?;
    if (0xd800..0xdc00).contains(&unit)
        && code[next..].starts_with(b"\\u")
        && let Some((low, after)) = hex(code, next + 2, 4)
        && (0xdc00..0xe000).contains(&low)
    {
        push_unit(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), text);
        return Some(after);
    }
    push_unit(unit, text);
    Some(next)
}

fn hex(code: &[u8], at: usize, digits: usize) -> Option<(u32, usize)> {
    let digits = code.get(at..at + digits).filter(|digits| !digits.is_empty())?;
    let mut value = 0;
    for &byte in digits {
        value = value << 4 | char::from(byte).to_digit(16)?;
    }
    Some((value, at + digits.len()))
}

fn push_unit(unit: u32, text: &mut Vec<u8>) {
    match char::from_u32(unit) {
        Some(char) => text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.extend_from_slice(format!("\\u{unit:04x}").as_bytes()),
    }
}

/// Appends the inside of a literal that stands for a text, and that no other literal, template or markup around it
/// can mistake for its end.
pub(super) fn push(text: &[u8], out: &mut Vec<u8>) {
    for (place, &byte) in text.iter().enumerate() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 | b'"' | b'\'' | b'`' | b'<' | b'$' => {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
            0xe2 if is_line_separator(&text[place..]) => {
                out.extend_from_slice(if text[place + 2] == 0xa8 { b"\\u2028" } else { b"\\u2029" });
            }
            0x80 if place > 0 && is_line_separator(&text[place - 1..]) => {}
            0xa8 | 0xa9 if place > 1 && is_line_separator(&text[place - 2..]) => {}
            _ => out.push(byte),
        }
    }
}

/// Whether U+2028 or U+2029 comes next.
fn is_line_separator(text: &[u8]) -> bool {
    matches!(text, [0xe2, 0x80, 0xa8 | 0xa9, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_stands_for_its_character() {
        let code = br#"x = '\x7b\u0022a\u{22}\':\"\n\/\
\ud83d\ude00\ud83d\}' + 1"#;
        let (text, end) = decode(code, 4).unwrap();
        assert_eq!(text, "{\"a\"':\"\n/😀\\ud83d}".as_bytes());
        assert_eq!(&code[end..], b"' + 1");
    }

    #[test]
    fn what_is_no_literal_is_none() {
        for code in ["\"", "\"a\nb\"", "'\\01'", "'\\xg0'", "'\\u{}'", "'\\u{110000000}'", "`${a}`", ""] {
            assert_eq!(decode(code.as_bytes(), 0), None, "{code}");
        }
    }

    #[test]
    fn what_is_pushed_reads_the_same_in_any_quotes() {
        for text in ["{\"a\": 'b'}", "</script><!--", "`${a}`\\", "\u{2028}\u{2029}é\0\n\r\t"] {
            let mut inside = Vec::new();
            push(text.as_bytes(), &mut inside);
            for quote in [b'"', b'\'', b'`'] {
                let literal = [&[quote], &inside[..], &[quote]].concat();
                assert_eq!(decode(&literal, 0), Some((text.as_bytes().to_vec(), literal.len() - 1)));
            }
            let inside = String::from_utf8(inside).unwrap();
            assert!(!inside.contains(['<', '\u{2028}', '\u{2029}', '$']), "{inside}");
        }
    }
}
