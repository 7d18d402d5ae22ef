//! What was changed between a JSON text and its redaction, token by token.
//!
//! A redaction keeps every token in its place, so the two texts are read side by side; of strings that hold JSON
//! themselves the insides are read so, too. However fine the edits come out, applied to the first text they give
//! the second: a coarse answer costs a change of spelling, never a value.

use super::{
    edit::{Edits, Spelling},
    nested::JsonText,
};

/// The edits that make `after` of `before`. `levels` bounds how deep strings are looked into.
pub(super) fn changes(before: &str, after: &str, levels: usize) -> Edits {
    let mut edits = Edits::default();
    if !by_token(before, after, levels, &mut edits) {
        edits = Edits::default();
        by_border(before, after, 0, &mut edits);
    }
    edits
}

/// Adds the changes between texts that have the same tokens, or returns `false`.
fn by_token(before: &str, after: &str, levels: usize, edits: &mut Edits) -> bool {
    let (mut old, mut new) = (Tokens { text: before, at: 0 }, Tokens { text: after, at: 0 });
    loop {
        match (old.next(), new.next()) {
            (None, None) => return true,
            (Some(Token::Other(old)), Some(Token::Other(new))) if old == new => {}
            (Some(Token::Scalar(start, was)), Some(Token::Scalar(_, is))) => {
                if was != is {
                    edits.replace(start..start + was.len(), is.to_owned());
                }
            }
            (Some(Token::Text(start, was)), Some(Token::Text(_, is))) => {
                if was != is && !by_inside(was, is, levels, start, edits) {
                    by_border(was, is, start, edits);
                }
            }
            _ => return false,
        }
    }
}

/// Adds the changes between two strings that both hold JSON, or returns `false`.
fn by_inside(before: &str, after: &str, levels: usize, base: usize, edits: &mut Edits) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return false };
    let (Some(was), Some(is)) = (JsonText::INNER.decode(before), JsonText::INNER.decode(after)) else {
        return false;
    };
    let mut inner = Edits::default();
    let is_alike = by_token(&was, &is, levels, &mut inner);
    if is_alike {
        inner.lift(before, &JsonText::INNER, base, edits);
    }
    is_alike
}

/// Adds one edit from the first difference to the last, without cutting an escape.
fn by_border(before: &str, after: &str, base: usize, edits: &mut Edits) {
    let is_whole = |at: usize| {
        let reach = before.as_bytes()[..at].iter().rev().take(LONGEST_ESCAPE - 1);
        before.is_char_boundary(at) && !reach.copied().any(|byte| byte == b'\\')
    };
    let common = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(was, is)| was == is).count();
    let mut start = common(&mut before.bytes().zip(after.bytes()));
    while start > 0 && !is_whole(start) {
        start -= 1;
    }
    let (was, is) = (&before.as_bytes()[start..], &after.as_bytes()[start..]);
    let mut tail = common(&mut was.iter().rev().copied().zip(is.iter().rev().copied()));
    while tail > 0 && !is_whole(before.len() - tail) {
        tail -= 1;
    }
    let replacement = after.get(start..after.len() - tail).unwrap_or_default();
    edits.replace(base + start..base + before.len() - tail, replacement.to_owned());
}

const LONGEST_ESCAPE: usize = r"\ud83d".len();

/// The tokens of a text that need not be JSON.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

/// A token and, where it may be replaced, its place.
#[derive(Clone, Copy)]
enum Token<'t> {
    /// The inside of a string.
    Text(usize, &'t str),
    /// A run of what numbers, words and escapes are made of.
    Scalar(usize, &'t str),
    /// Anything else.
    Other(u8),
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let first = *bytes.get(start)?;
        self.at += 1;
        if first == b'"' {
            loop {
                let run = memchr::memchr2(b'"', b'\\', &bytes[self.at..]);
                match run.map(|run| self.at + run) {
                    Some(end) if bytes[end] == b'"' => {
                        self.at = end + 1;
                        return Some(Token::Text(start + 1, &self.text[start + 1..end]));
                    }
                    Some(escape) if escape + 1 < bytes.len() => self.at = escape + 2,
                    Some(_) | None => {
                        self.at = start + 1;
                        return Some(Token::Other(first));
                    }
                }
            }
        }
        let is_scalar =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'\\');
        if is_scalar(&first) {
            self.at += bytes[self.at..].iter().take_while(|byte| is_scalar(byte)).count();
            return Some(Token::Scalar(start, &self.text[start..self.at]));
        }
        Some(Token::Other(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, levels: usize) {
        let mut out = Vec::new();
        changes(before, after, levels).apply(before, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), after, "from {before}");
    }

    #[test]
    fn applied_to_the_first_text_the_changes_give_the_second() {
        let texts = [
            "",
            "{}",
            r#"{"a":"b","c":1}"#,
            r#"{"a":"xb","c":22}"#,
            r#"{"a":"\ud83d\\\"b","c":true}"#,
            r#"{"a":"\ud83e\\\"b","c":true}"#,
            r#"{"a":"é","c":null} "#,
            r#"{"a":"è","c":null} "#,
            r#"["{\"a\":\"b\"}"]"#,
            r#"["{\"a\":\"longer\"}"]"#,
            r#"["#,
            r#"""#,
            r#""\"#,
            "plain",
            "plane",
        ];
        for before in texts {
            for after in texts {
                // Insides are compared decoded: with levels, the spelling of an inside need not be the second's.
                check(before, after, 0);
            }
        }
    }

    #[test]
    fn strings_of_json_are_compared_inside() {
        let before = r#"{"a":"{\u0022p\":\"1\",\"q\":\"{\\\"p\\\":\\\"2\\\"}\",\"r\":\"\/\"}"}"#;
        let after = r#"{"a":"{\"p\":\"one\",\"q\":\"{\\\"p\\\":\\\"two\\\"}\",\"r\":\"/\"}"}"#;
        let mut out = Vec::new();
        changes(before, after, 3).apply(before, &mut out);
        let expected = r#"{"a":"{\u0022p\":\"one\",\"q\":\"{\\\"p\\\":\\\"two\\\"}\",\"r\":\"\/\"}"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
