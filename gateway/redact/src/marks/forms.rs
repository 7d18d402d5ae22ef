//! The forms of marks, over folded symbols.
//!
//! [`whole`] judges a value: it may have lost or won blanks and hyphens, but must be nothing but the mark. [`leading`]
//! finds an alias in the midst of a text: there it must be whole and followed by no letter or digit. Both know the
//! grammar of codes from [`Code::parse`], and neither knows any value.

use super::fold::{BULLET, LETTER, Symbol};
use crate::{
    alias::{self, Code},
    class::Class,
    token,
};

/// What a whole value has the form of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An alias whose check is right.
    Alias(Code),
    /// A token, still sealed.
    Token(Vec<Symbol>),
    /// A partial form.
    Partial,
    /// A constant.
    Hidden,
    /// An alias whose check or length is wrong, or something else of what is reserved for masking.
    Wrong,
}

/// The form of a value, if it has one. The class is that of its field.
pub(super) fn whole(class: Class, symbols: &[Symbol]) -> Option<Form> {
    let text: Vec<Symbol> = symbols.iter().copied().filter(|&symbol| symbol != b' ').collect();
    if text.windows(3).any(|three| three == [BULLET; 3]) {
        return Some(Form::Partial);
    }
    if text == b"hidden" || is_zero(&text) {
        return Some(Form::Hidden);
    }
    email(&text)
        .or_else(|| avatar(&text))
        .or_else(|| sealed(&text))
        .or_else(|| handle(&text))
        .or_else(|| phone(class, &text))
        .or_else(|| name(&text))
}

/// Whether a value is `Anna K.`: a word, a blank, one letter and a full stop.
pub(super) fn is_short_name(symbols: &[Symbol]) -> bool {
    let is_letter = |symbol: &Symbol| symbol.is_ascii_alphabetic() || *symbol == LETTER;
    match symbols.trim_ascii() {
        [first, middle @ .., b' ', initial, b'.'] => {
            let is_word = |symbol: &Symbol| is_letter(symbol) || matches!(symbol, b'-' | b'\'' | b' ');
            is_letter(first) && is_letter(initial) && middle.iter().all(is_word)
        }
        _ => false,
    }
}

/// How many symbols an alias takes that the text begins with, if it does.
pub(super) fn leading(text: &[Symbol]) -> Option<usize> {
    match text {
        [b'@', ..] => reserved_domain(text),
        [b'.', ..] => {
            let rest = text.strip_prefix(AVATARS)?;
            let length = rest.iter().take_while(|symbol| is_word(symbol) || **symbol == b'.').count();
            Some(AVATARS.len() + length)
        }
        [b'+', rest @ ..] => leading_phone(rest, 2).map(|length| length + 1),
        [b'9', ..] => leading_phone(text, 0),
        [b'c', b'-', rest @ ..] => {
            let length = code_length(rest);
            let domain = reserved_domain(rest.get(length..)?)?;
            Code::parse(Class::Email, &rest[..length]).map(|_| 2 + length + domain)
        }
        [b'c', b'_', rest @ ..] => {
            let length = code_length(rest);
            let ends = !rest.get(length).is_some_and(is_word);
            Code::parse(Class::Handle, &rest[..length]).filter(|_| ends).map(|_| 2 + length)
        }
        [b'c', b't', b'_', rest @ ..] => {
            let length = rest.iter().take_while(|&&symbol| alias::base32(symbol).is_some()).count();
            (length >= token::SHORTEST).then_some(3 + length)
        }
        [b'c', ..] => leading_name(text),
        _ => None,
    }
}

/// Whether an alias could begin with these symbols: the first few that [`leading`] is asked about.
pub(super) fn may_lead(text: &[Symbol]) -> bool {
    matches!(
        text,
        [b'@', b'c', b'l', ..]
            | [b'.', b'c', b'h', ..]
            | [b'+', ..]
            | [b'9', b'9', b'9', ..]
            | [b'c', b'-' | b'_', ..]
            | [b'c', b't', b'_', ..]
            | [b'c', b'l', b'i', ..]
    )
}

/// Whether a word goes on with the symbol.
pub(super) fn is_word(symbol: &Symbol) -> bool {
    symbol.is_ascii_alphanumeric() || *symbol == LETTER
}

fn email(text: &[Symbol]) -> Option<Form> {
    memchr::memmem::find(text, &DOMAIN[1..])?;
    let text = text.strip_prefix(b"mailto:").unwrap_or(text);
    let Some(local) = text.strip_suffix(DOMAIN) else { return Some(Form::Wrong) };
    if local == b"hidden" {
        return Some(Form::Hidden);
    }
    let code = Code::parse(Class::Email, local.strip_prefix(b"c-").unwrap_or_default());
    Some(code.map_or(Form::Wrong, Form::Alias))
}

fn avatar(text: &[Symbol]) -> Option<Form> {
    let place = memchr::memmem::find(text, AVATARS)?;
    let (before, rest) = text.split_at(place);
    // Relative to nothing, to the root, or to any origin (RFC 3986 §4.2).
    let origin = before.strip_suffix(b"/").unwrap_or(before);
    let host = match memchr::memmem::find(origin, b"//") {
        Some(0) => Some(&origin[2..]),
        Some(slashes) if origin[..slashes].ends_with(b":") => Some(&origin[slashes + 2..]),
        Some(_) => None,
        None => matches!(origin, b"" | b".").then_some(origin),
    };
    if host.is_none_or(|host| host.iter().any(|symbol| matches!(symbol, b'/' | b'?' | b'#'))) {
        return Some(Form::Wrong);
    }
    let code = rest[AVATARS.len()..].strip_suffix(b".svg").unwrap_or_default();
    let code = Code::parse(Class::Avatar, code);
    Some(match code {
        Some(code) if code == Code::nobody(Class::Avatar) => Form::Hidden,
        Some(code) => Form::Alias(code),
        None => Form::Wrong,
    })
}

fn sealed(text: &[Symbol]) -> Option<Form> {
    let rest = text.strip_prefix(token::PREFIX.as_bytes())?;
    let is_long = rest.len() >= token::SHORTEST && rest.iter().all(u8::is_ascii_alphanumeric);
    is_long.then(|| Form::Token(text.to_vec()))
}

fn handle(text: &[Symbol]) -> Option<Form> {
    let rest = text.strip_prefix(b"@").unwrap_or(text).strip_prefix(b"c_")?;
    match Code::parse(Class::Handle, rest) {
        Some(code) => Some(Form::Alias(code)),
        None => is_code_like(rest).then_some(Form::Wrong),
    }
}

fn phone(class: Class, text: &[Symbol]) -> Option<Form> {
    let text = text.strip_prefix(b"tel:").unwrap_or(text);
    let number = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"00"));
    let is_international = number.is_some();
    let number = number.unwrap_or(text);
    let digits: Vec<Symbol> = if number.contains(&b'e') {
        whole_number(text)?
    } else if number.iter().all(|symbol| symbol.is_ascii_digit() || b"()-./".contains(symbol)) {
        number.iter().copied().filter(u8::is_ascii_digit).collect()
    } else {
        return None;
    };
    let rest = digits.strip_prefix(b"999")?;
    if let Some(code) = Code::parse(Class::Phone, rest) {
        return Some(Form::Alias(code));
    }
    let is_phone = matches!(class, Class::Phone | Class::Name);
    let is_close = match rest.len() {
        11..=13 => is_international || is_phone,
        10 | 14 => is_international,
        _ => false,
    };
    is_close.then_some(Form::Wrong)
}

fn name(text: &[Symbol]) -> Option<Form> {
    let rest = text.strip_prefix(b"client")?;
    let rest = rest.iter().position(|symbol| !matches!(symbol, b'-' | b'_')).map_or(rest, |at| &rest[at..]);
    let code: Vec<Symbol> = rest.iter().copied().filter(|&symbol| symbol != b'-').collect();
    match Code::parse(Class::Name, &code) {
        Some(code) => Some(Form::Alias(code)),
        None => {
            let has_digit = code.iter().any(u8::is_ascii_digit);
            let mut groups = rest.split(|&symbol| symbol == b'-');
            let is_grouped = groups.next().is_some_and(|group| group.len() == 5)
                && (9..=27).contains(&code.len())
                && code.iter().all(u8::is_ascii_alphanumeric)
                && (has_digit || groups.next().is_some_and(|group| group.len() == 5));
            (is_grouped && rest.contains(&b'-') || is_code_like(&code)).then_some(Form::Wrong)
        }
    }
}

/// Whether a text could be a code but for its check: of its length and characters, digits and letters mixed.
fn is_code_like(text: &[Symbol]) -> bool {
    (10..=Code::MAX_LENGTH).contains(&text.len())
        && text.len().is_multiple_of(2)
        && text.iter().all(|&symbol| alias::base32(symbol).is_some())
        && text.iter().any(u8::is_ascii_digit)
        && text.iter().any(u8::is_ascii_alphabetic)
}

/// Whether a text spells the number zero.
fn is_zero(text: &[Symbol]) -> bool {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let end = unsigned.iter().position(|&symbol| symbol == b'e').unwrap_or(unsigned.len());
    let (digits, power) = unsigned.split_at(end);
    digits.first() == Some(&b'0')
        && digits.iter().all(|symbol| matches!(symbol, b'0' | b'.'))
        && digits.iter().filter(|&&symbol| symbol == b'.').count() <= 1
        && power.iter().skip(1).all(|symbol| symbol.is_ascii_digit() || matches!(symbol, b'+' | b'-'))
}

/// The digits of a number with an exponent, if it is whole and exact in every JSON reader (RFC 7493 §2.2).
fn whole_number(text: &[Symbol]) -> Option<Vec<Symbol>> {
    let is_number = |symbol: &Symbol| symbol.is_ascii_digit() || b"+-.e".contains(symbol);
    let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|symbol| is_number(&symbol)))?;
    let number: f64 = text.parse().ok()?;
    let is_exact = number.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(&number);
    is_exact.then(|| format!("{number:.0}").into_bytes())
}

fn leading_name(text: &[Symbol]) -> Option<usize> {
    let rest = text.strip_prefix(b"client")?;
    let separators = |at: usize| {
        let is_separator = |symbol: &&Symbol| matches!(symbol, b' ' | b'-' | b'_');
        rest.get(at..).unwrap_or_default().iter().take(4).take_while(is_separator).count()
    };
    let mut at = separators(0);
    let mut code = [0; Code::MAX_LENGTH];
    let mut found = None;
    for length in 0..code.len() {
        let Some(&symbol) = rest.get(at).filter(|&&symbol| alias::base32(symbol).is_some()) else { break };
        code[length] = symbol;
        at += 1;
        let ends = !rest.get(at).is_some_and(is_word);
        if ends && Code::parse(Class::Name, &code[..=length]).is_some() {
            found = Some(b"client".len() + at);
        }
        at += separators(at);
    }
    found
}

/// A phone with up to so many separators between two digits, behind its plus.
fn leading_phone(text: &[Symbol], separators: usize) -> Option<usize> {
    let mut digits = [0; 15];
    let mut at = 0;
    for place in &mut digits {
        let skipped = text.get(at..)?.iter().take_while(|symbol| b" ()-./".contains(symbol)).count();
        if skipped > separators {
            return None;
        }
        at += skipped;
        *place = *text.get(at).filter(|symbol| symbol.is_ascii_digit())?;
        at += 1;
    }
    let ends = !text.get(at).is_some_and(is_word);
    let code = Code::parse(Class::Phone, digits.strip_prefix(b"999")?);
    code.filter(|_| ends).map(|_| at)
}

/// The length of [`DOMAIN`], if the text begins with it and the domain ends there.
fn reserved_domain(text: &[Symbol]) -> Option<usize> {
    let rest = text.strip_prefix(DOMAIN)?;
    let goes_on = match rest {
        [b'.' | b'-', next, ..] => is_word(next),
        [next, ..] => is_word(next),
        [] => false,
    };
    (!goes_on).then_some(DOMAIN.len())
}

/// How many characters of a code the text begins with, no more than one has.
fn code_length(text: &[Symbol]) -> usize {
    text.iter().take(Code::MAX_LENGTH).take_while(|&&symbol| alias::base32(symbol).is_some()).count()
}

/// Where the addresses are that stand for hidden ones (RFC 2606 §2).
const DOMAIN: &[u8] = b"@client.invalid";

/// What every address of a drawing holds.
const AVATARS: &[u8] = b".chatwarden/avatar/";
