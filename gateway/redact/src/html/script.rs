//! Scripts: code passes, the JSON in it is redacted.
//!
//! JSON is looked for without reading the code: whatever is written as an object or array of strict JSON is data,
//! be it assigned, handed to a function, nested in code or in a string. So is a string literal that holds a JSON
//! object or array (`JSON.parse("…")`), and the rows in which React streams ([`flight`]). What is not strict JSON (`{phone: "…"}` with a bare key, a value put together
//! at run time) is code and passes, unless it is assigned to a variable that the plan names: then it is an error.

use memchr::{memchr3, memmem};

use super::{
    Context,
    flight::{self, Flight},
    js_string,
};
use crate::{copies::Swept, error::RedactError, redactor::Summary};

/// Redacts the JSON in code.
pub(super) fn redact(
    context: &Context,
    code: &[u8],
    flight: &mut Flight,
    summary: &mut Summary,
    out: &mut Vec<u8>,
) -> Result<(), RedactError> {
    let states = state_values(context, code);
    // No attempt at reading JSON costs more than its length; all that fail may cost so much together.
    let mut budget = code.len().saturating_mul(16).saturating_add(1 << 16);
    let mut passed = 0;
    let mut at = 0;
    while let Some(found) = memchr3(b'{', b'[', b'\\', &code[at..]) {
        let place = at + found;
        at = place + 1;
        let literal = match code[place] {
            b'\\' if !is_escaped_bracket(&code[place..]) => continue,
            b'\\' => string_at(context, code, place, passed, &mut budget)?,
            _ => match rows_at(context, code, place, flight)? {
                Some(literal) => Some(literal),
                None => match string_at(context, code, place, passed, &mut budget)? {
                    Some(literal) => Some(literal),
                    None => literal_at(context, code, place, &mut budget)?,
                },
            },
        };
        match literal {
            Some(literal) => {
                summary.add(&literal.summary);
                out.extend_from_slice(&code[passed..literal.start]);
                out.extend_from_slice(&literal.shown);
                passed = literal.end;
                at = literal.end;
            }
            None if states.contains(&place) => return Err(RedactError::InvalidState),
            None => {}
        }
    }
    out.extend_from_slice(&code[passed..]);
    Ok(())
}

/// JSON in code, and what is shown of it.
struct Literal {
    start: usize,
    end: usize,
    shown: Vec<u8>,
    summary: Summary,
}

/// The rows of a page in the argument that begins at a bracket.
fn rows_at(
    context: &Context,
    code: &[u8],
    bracket: usize,
    flight: &mut Flight,
) -> Result<Option<Literal>, RedactError> {
    let Some(start) = flight::piece_at(code, bracket) else { return Ok(None) };
    let (text, end) = js_string::decode(code, start).ok_or(RedactError::UnscannableMarkup)?;
    let mut shown = Vec::with_capacity(text.len());
    flight.write(context, &text, &mut shown)?;
    let shown = spelled_anew(&text, &shown, &code[start + 1..end]);
    Ok(Some(Literal { start: start + 1, end, shown, summary: Summary::default() }))
}

/// The inside of a string literal: as it was where it stands for what it stood for.
fn spelled_anew(text: &[u8], shown: &[u8], spelling: &[u8]) -> Vec<u8> {
    if shown == text {
        return spelling.to_vec();
    }
    let mut inside = Vec::with_capacity(shown.len() + 16);
    js_string::push(shown, &mut inside);
    inside
}

/// The object or array that begins at a bracket.
fn literal_at(
    context: &Context,
    code: &[u8],
    start: usize,
    budget: &mut usize,
) -> Result<Option<Literal>, RedactError> {
    let next = code[start + 1..].iter().find(|byte| !is_blank(**byte));
    let is_plausible = match (code[start], next) {
        (_, None) => false,
        (b'{', Some(byte)) => *byte == b'"',
        (_, Some(byte)) => matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'),
    };
    if !is_plausible {
        return Ok(None);
    }
    let text = &code[start..];
    let mut inner = Swept::new(context.plan.clone(), context.limits);
    let mut shown = Vec::new();
    let is_text_end = match inner.write(text, &mut shown) {
        Ok(()) => true,
        // What follows the text is code, whatever the machine calls it.
        Err(RedactError::TrailingData | RedactError::Comment | RedactError::WrongCharset) => true,
        Err(_) => false,
    };
    let length = usize::try_from(inner.offset()).unwrap_or(text.len());
    let summary = if is_text_end { inner.finish(&mut shown).ok() } else { None };
    let Some(summary) = summary else {
        *budget = budget.checked_sub(length).ok_or(RedactError::UnscannableMarkup)?;
        return Ok(None);
    };
    let text = &text[..length];
    if shown != text && shown.iter().any(|byte| matches!(byte, b'\'' | b'`' | b'<' | 0xe2)) {
        shown = guarded(context, text);
    }
    Ok(Some(Literal { start, end: start + length, shown, summary }))
}

/// The string literal whose first character is the bracket at `bracket`.
fn string_at(
    context: &Context,
    code: &[u8],
    bracket: usize,
    passed: usize,
    budget: &mut usize,
) -> Result<Option<Literal>, RedactError> {
    let start = code[..bracket].iter().rposition(|byte| *byte != b' ');
    let Some(start) = start.filter(|&start| start >= passed && matches!(code[start], b'"' | b'\'' | b'`'))
    else {
        return Ok(None);
    };
    let Some((text, end)) = js_string::decode(code, start) else { return Ok(None) };
    let Some((shown, summary)) = json(context, &text) else {
        *budget = budget.checked_sub(end - start).ok_or(RedactError::UnscannableMarkup)?;
        return Ok(None);
    };
    let inside = spelled_anew(&text, &shown, &code[start + 1..end]);
    Ok(Some(Literal { start: start + 1, end, shown: inside, summary }))
}

/// Redacts a whole text as JSON; nothing if it is none.
pub(super) fn json(context: &Context, text: &[u8]) -> Option<(Vec<u8>, Summary)> {
    let mut inner = Swept::new(context.plan.clone(), context.limits);
    let mut shown = Vec::with_capacity(text.len());
    inner.write(text, &mut shown).ok()?;
    let summary = inner.finish(&mut shown).ok()?;
    Some((shown, summary))
}

/// Redacts a text that is JSON so that what is new in it can end no string, script or line around it.
///
/// Fed byte by byte, the machine tells what is new: whatever is not the byte itself.
fn guarded(context: &Context, text: &[u8]) -> Vec<u8> {
    let mut inner = Swept::new(context.plan.clone(), context.limits);
    let (mut shown, mut piece) = (Vec::new(), Vec::new());
    for byte in text.chunks(1) {
        piece.clear();
        if inner.write(byte, &mut piece).is_err() {
            return Vec::new();
        }
        if piece == byte {
            shown.extend_from_slice(byte);
        } else {
            push_guarded(&piece, &mut shown);
        }
    }
    piece.clear();
    if inner.finish(&mut piece).is_ok() {
        push_guarded(&piece, &mut shown);
    }
    shown
}

/// Appends JSON; within its strings, characters that mean something to code or markup become escapes.
fn push_guarded(json: &[u8], out: &mut Vec<u8>) {
    let mut rest = json;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'\'' | b'`' | b'<' => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            0xe2 if matches!(tail, [0x80, 0xa8 | 0xa9, ..]) => {
                out.extend_from_slice(if tail[1] == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                rest = &tail[2..];
            }
            _ => out.push(*byte),
        }
    }
}

/// Where the values begin that are assigned to the plan's state variables and are written as JSON.
fn state_values(context: &Context, code: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    for name in &context.plan.html().states {
        for found in memmem::find_iter(code, name.as_bytes()) {
            let end = found + name.len();
            let is_whole = |byte: Option<&u8>| !byte.is_some_and(|byte| is_name(*byte));
            if name.is_empty() || !is_whole(code[..found].last()) || !is_whole(code.get(end)) {
                continue;
            }
            let rest = skip(code, end, |byte| matches!(byte, b'"' | b'\'' | b']') || is_blank(byte));
            if code.get(rest) != Some(&b'=') || matches!(code.get(rest + 1), Some(b'=' | b'>')) {
                continue;
            }
            let mut value = skip(code, rest + 1, is_blank);
            if let Some(argument) = code[value..].strip_prefix(b"JSON.parse") {
                let argument = code.len() - argument.len();
                value = skip(code, argument, |byte| byte == b'(' || is_blank(byte));
            }
            // A string counts by the bracket that it begins with.
            places.push(skip(code, value, |byte| matches!(byte, b'"' | b'\'' | b'`' | b' ')));
        }
    }
    places
}

fn skip(code: &[u8], from: usize, is_skipped: impl Fn(u8) -> bool) -> usize {
    let rest = code.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| is_skipped(**byte)).count()
}

/// Whether a bracket is spelled as an escape.
fn is_escaped_bracket(code: &[u8]) -> bool {
    let spellings: [&[u8]; 6] = [b"\\x7b", b"\\x5b", b"\\u007b", b"\\u005b", b"\\u{7b}", b"\\u{5b}"];
    spellings.iter().any(|spelling| {
        code.get(..spelling.len()).is_some_and(|escape| escape.eq_ignore_ascii_case(spelling))
    })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
