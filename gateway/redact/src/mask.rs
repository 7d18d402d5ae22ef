//! What stands in the place of a hidden value.
//!
//! One table over class and display. Values stay of a form that applications accept: a masked mail address is
//! a mail address under `.invalid` (RFC 2606), a masked phone is in the unassigned country code 999. Partial
//! forms show nothing of a value that is too short or not of its class's form: it is hidden instead. An
//! empty value stays empty.

use std::str;

use crate::{
    alias::{AliasKey, Code},
    class::Class,
    display::Display,
    scan::{self, BLOCK},
    vault::Source,
};

/// Shows `value` as a declared field of its class would be shown.
///
/// ```
/// use chatwarden_redact::{AliasKey, Class, Display, mask};
///
/// let key = AliasKey::new(&[7; 32])?;
/// assert_eq!(mask(Class::Phone, Display::Partial, "+370 612 34507", &key), "+•••••••07");
/// assert_eq!(mask(Class::Email, Display::Hidden, "anna@example.com", &key), "hidden@client.invalid");
/// # Ok::<(), chatwarden_redact::KeyError>(())
/// ```
pub fn mask(class: Class, display: Display, value: &str, key: &AliasKey) -> String {
    let mut shown = String::new();
    write_text(class, display, value.as_bytes(), Source { key, vault: None }, &mut shown);
    shown
}

/// Appends what a string of the class is shown as.
///
/// The value may hold unpaired surrogates, spelled as WTF-8: JSON strings can (RFC 8259 §8.2). A value that the vault
/// refuses is hidden.
pub(crate) fn write_text(class: Class, display: Display, value: &[u8], source: Source<'_>, out: &mut String) {
    if value.is_empty() {
        return;
    }
    let class = match display {
        Display::Alias | Display::Partial => judged_class(class, value),
        Display::Hidden => class,
    };
    let shown = match (class, display) {
        (Class::Avatar, Display::Partial) | (_, Display::Alias) => {
            code(class, value, source).inspect(|code| write_code(*code, out)).is_some()
        }
        (_, Display::Partial) => str::from_utf8(value).is_ok_and(|value| write_partial(class, value, out)),
        (_, Display::Hidden) => false,
    };
    if !shown {
        write_hidden(class, out);
    }
}

/// What a number of the class is shown as, given its spelling: a number still.
pub(crate) fn number(class: Class, display: Display, spelling: &[u8], source: Source<'_>) -> u64 {
    match (judged_class(class, spelling), display) {
        (Class::Phone, Display::Alias) => {
            let code = source.code(Class::Phone, spelling);
            code.map_or(0, |code| PHONE_PREFIX * 10_u64.pow(12) + code.digits())
        }
        (Class::Phone, Display::Partial | Display::Hidden) => 0,
        (Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl, _) => 0,
    }
}

/// Appends the constant of a class, which tells nothing of the value.
pub(crate) fn write_hidden(class: Class, out: &mut String) {
    match class {
        Class::Phone | Class::Name | Class::Handle => out.push_str("hidden"),
        Class::Email => out.push_str("hidden@client.invalid"),
        Class::Avatar => write_code(Code::nobody(class), out),
        Class::FileUrl => {}
    }
}

/// The class whose alias or partial form a value takes: a name that is a number or an address is treated as one.
pub(crate) fn judged_class(class: Class, value: &[u8]) -> Class {
    match class {
        // Most names begin with a letter, and then only an address is in doubt. U+0400 to U+07FF are letters of
        // Cyrillic, Hebrew, Arabic and others: no digits of ours, no blanks.
        Class::Name
            if value
                .first()
                .is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, 0xd0..=0xdf))
                && memchr::memchr(b'@', value).is_none() =>
        {
            Class::Name
        }
        Class::Name => match str::from_utf8(value).map(str::trim) {
            Ok(name) if is_address(name) => Class::Email,
            Ok(name) if is_number(name) => Class::Phone,
            Ok(_) | Err(_) => Class::Name,
        },
        Class::Phone | Class::Email | Class::Handle | Class::Avatar | Class::FileUrl => class,
    }
}

/// The code of a value as a field of its class shows it; none where the vault refuses the value.
#[inline]
pub(crate) fn code(class: Class, value: &[u8], source: Source<'_>) -> Option<Code> {
    match judged_class(class, value) {
        Class::FileUrl => None,
        class @ (Class::Phone | Class::Email | Class::Name | Class::Handle | Class::Avatar) => {
            source.code(class, value)
        }
    }
}

/// Appends a code in the dress of its class.
pub(crate) fn write_code(code: Code, out: &mut String) {
    let mut block = [0; BLOCK];
    let length = dress(code, &mut block, 0);
    out.push_str(str::from_utf8(&block[..length]).unwrap_or_default()); // ASCII
}

/// Appends a code in the dress of its class, as a JSON string.
#[inline]
pub(crate) fn push_code(code: Code, out: &mut Vec<u8>) {
    let mut block = [b'"'; BLOCK];
    let length = dress(code, &mut block, 1);
    block[length] = b'"';
    scan::append_block(out, &block, length + 1);
}

/// Spells a code in the dress of its class from the place `at` of a block on, in ASCII that needs no escapes. Returns
/// where it ends: before the last byte.
#[inline]
fn dress(code: Code, block: &mut [u8; BLOCK], at: usize) -> usize {
    let mut place = [0; Code::MAX_LENGTH];
    let spelled = code.spell(&mut place);
    let (before, after): (&[u8], &[u8]) = match code.class() {
        Class::Name => {
            spelled.make_ascii_uppercase();
            (b"Client ", b"")
        }
        Class::Phone => (b"+999", b""),
        Class::Email => (b"c-", b"@client.invalid"),
        Class::Handle => (b"c_", b""),
        Class::Avatar => (b"/.chatwarden/avatar/", b".svg"),
        Class::FileUrl => return at,
    };
    let group = if code.class() == Class::Name { GROUP } else { Code::MAX_LENGTH };
    let mut end = at;
    let mut push = |bytes: &[u8]| {
        block[end..end + bytes.len()].copy_from_slice(bytes);
        end += bytes.len();
    };
    push(before);
    for (number, group) in spelled.chunks(group).enumerate() {
        if number > 0 {
            push(b"-");
        }
        push(group);
    }
    push(after);
    end
}

/// Appends the partial form, or nothing and `false` where it would show too much.
fn write_partial(class: Class, value: &str, out: &mut String) -> bool {
    match class {
        Class::Phone => write_partial_phone(value, out),
        Class::Email => write_partial_email(value, out),
        Class::Name => write_partial_name(value, out),
        Class::Handle => write_partial_handle(value, out),
        Class::Avatar | Class::FileUrl => false,
    }
}

/// `+•••••••07`: the last two of at least seven digits.
fn write_partial_phone(value: &str, out: &mut String) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit);
    if digits.clone().count() < 7 {
        return false;
    }
    let mut last = digits.rev();
    let (Some(one), Some(ten)) = (last.next(), last.next()) else { return false };
    out.push_str("+•••••••");
    out.push(char::from(ten));
    out.push(char::from(one));
    true
}

/// `m•••@•••.com`: the first of at least three characters, and the top-level domain.
fn write_partial_email(value: &str, out: &mut String) -> bool {
    let Some((local, domain)) = value.trim().rsplit_once('@') else { return false };
    let Some((site, top)) = domain.rsplit_once('.') else { return false };
    let Some(first) = local.chars().next().filter(|first| first.is_alphanumeric()) else { return false };
    let is_top_level = (2..=24).contains(&top.len()) && top.bytes().all(|byte| byte.is_ascii_alphabetic());
    if local.chars().count() < 3 || site.is_empty() || !is_top_level {
        return false;
    }
    out.push(first);
    out.push_str("•••@•••.");
    out.push_str(top);
    true
}

/// `Anna K.`: the first name and the initial of a surname of at least three letters.
///
/// People do write such names themselves. So that a shortened one is known when it comes back, a [`NAME_MARK`] stands
/// unseen before the full stop.
fn write_partial_name(value: &str, out: &mut String) -> bool {
    let mut words = value.split_whitespace();
    let (Some(first), Some(last)) = (words.next(), words.next_back()) else { return false };
    let is_word = |word: &str| word.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\'' | '’'));
    let Some(initial) = last.chars().next().filter(|initial| initial.is_alphabetic()) else { return false };
    if !is_word(first) || !is_word(last) || first.chars().count() > 24 || last.chars().count() < 3 {
        return false;
    }
    out.push_str(first);
    out.push(' ');
    out.push(initial);
    out.push(NAME_MARK);
    out.push('.');
    true
}

/// `@a•••`: the first of at least four characters.
fn write_partial_handle(value: &str, out: &mut String) -> bool {
    let handle = value.trim().trim_start_matches('@');
    let Some(first) = handle.chars().next().filter(|first| first.is_alphanumeric()) else { return false };
    if handle.chars().count() < 4 {
        return false;
    }
    out.push('@');
    out.push(first);
    out.push_str("•••");
    true
}

/// Whether a name is a mail address: one word, an `@`, a dot behind it.
fn is_address(name: &str) -> bool {
    let has_dot = |domain: &str| domain.trim_matches('.').contains('.');
    !name.contains(char::is_whitespace)
        && name.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && has_dot(domain))
}

/// Whether a name is a phone number: at least five digits, and nothing but what separates them.
fn is_number(name: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || matches!(c, '+' | '(' | ')' | '-' | '.' | '/' | '‐'..='―');
    name.chars().all(|c| c.is_ascii_digit() || separates(c))
        && name.bytes().filter(u8::is_ascii_digit).count() >= 5
}

/// Word joiner: no glyph, no white space, so neither trimmed nor collapsed, and no word or line breaks at it.
pub(crate) const NAME_MARK: char = '\u{2060}';

/// Characters of a code between two hyphens, in a name.
const GROUP: usize = 5;

/// A country code that is not assigned to anyone (ITU-T E.164).
const PHONE_PREFIX: u64 = 999;

#[cfg(test)]
mod tests;
