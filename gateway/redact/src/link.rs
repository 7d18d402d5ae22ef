//! Links that hold a number, an address or a handle: `tel:`, `mailto:`, and those of messengers.
//!
//! A link is read as browsers read it: blanks around it and line ends within it do not count, schemes and hosts
//! have no case, a backslash is a slash. Of a link only the address is replaced. What becomes of it says whoever asks:
//! where a profile declares an attribute the address is its value, whatever it is; elsewhere numbers and mail
//! addresses are contacts by their place, and handles are not known by it.

use std::{borrow::Cow, ops::Range};

use crate::{class::Class, json::edit::Edits, percent, redactor::Summary};

/// Replaces the addresses of a link, which `show` gets decoded, with the class that their place says, and returns as
/// what they are shown, and of which class they were; `None` leaves one as it is. Returns whether there are any, be
/// they empty.
pub(crate) fn edit(
    value: &str,
    mut show: impl FnMut(Class, &str) -> Option<(Class, String)>,
    edits: &mut Edits,
) -> bool {
    let trimmed = value.trim_matches(|c: char| c <= ' ');
    let base = value.len() - value.trim_start_matches(|c: char| c <= ' ').len();
    let is_skipped = |c: char| matches!(c, '\t' | '\n' | '\r');
    let is_odd = trimmed.contains(is_skipped);
    let link = if is_odd { Cow::Owned(trimmed.replace(is_skipped, "")) } else { Cow::Borrowed(trimmed) };
    let addresses = addresses(&link);
    let mut found = Edits::default();
    for Address { range, class, in_query } in &addresses {
        let address = percent::decode(link[range.clone()].as_bytes());
        if let Some((class, shown)) = show(*class, String::from_utf8_lossy(&address).trim()) {
            // Rare and odd enough to be written anew as a whole.
            let base = if is_odd { 0 } else { base };
            let edits = if is_odd { &mut found } else { &mut *edits };
            edits.replace(base + range.start..base + range.end, encoded(&shown, *in_query));
            let mut summary = Summary::default();
            summary.hidden[class.index()] = 1;
            edits.count(&summary);
        }
    }
    if !found.is_empty() {
        let mut shown = Vec::new();
        found.apply(&link, &mut shown);
        edits.replace(base..base + trimmed.len(), String::from_utf8_lossy(&shown).into_owned());
        edits.count(found.summary());
    }
    !addresses.is_empty()
}

/// An address in a link.
struct Address {
    /// Where it stands; it may be empty.
    range: Range<usize>,
    class: Class,
    /// Whether it is in a query, in which a plus sign would be read as a blank.
    in_query: bool,
}

/// The addresses of a link, in their order.
fn addresses(link: &str) -> Vec<Address> {
    let mut reader = Reader { link, found: Vec::new() };
    reader.read();
    reader.found.sort_by_key(|address| address.range.start);
    reader.found
}

struct Reader<'l> {
    link: &'l str,
    found: Vec<Address>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let end = self.link.len();
        let fragment = self.link.find('#').unwrap_or(end);
        let query = self.link[..fragment].find('?').unwrap_or(fragment);
        let scheme = self.link[..query].find(':').filter(|&end| is_scheme(&self.link[..end]));
        let path = scheme.map_or(0, |end| end + 1);
        let rest = query..fragment;
        match scheme.map(|end| self.link[..end].to_ascii_lowercase()).as_deref() {
            Some("mailto") => {
                self.list(path..query, Class::Email);
                self.parameters(rest, &["to", "cc", "bcc", "reply-to"], Class::Email);
            }
            Some(
                "tel" | "callto" | "sms" | "smsto" | "mms" | "mmsto" | "facetime" | "facetime-audio"
                | "imessage" | "sip" | "sips",
            ) => {
                self.list(self.past_slashes(path)..query, Class::Phone);
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
            }
            Some("xmpp" | "skype") => self.list(self.past_slashes(path)..query, Class::Handle),
            Some("whatsapp" | "viber" | "tg" | "sgnl" | "intent") => {
                self.parameters(rest.clone(), &PHONE_PARAMETERS, Class::Phone);
                self.parameters(rest, &["domain"], Class::Handle);
                self.anchor(fragment);
            }
            Some("http" | "https") => self.site(path, query, fragment),
            None if self.link.starts_with(['/', '\\']) => self.site(path, query, fragment),
            Some(_) | None => {}
        }
    }

    /// A link to a web site: host and path from `start`, behind its slashes.
    fn site(&mut self, start: usize, query: usize, fragment: usize) {
        let start = self.past_slashes(start);
        if start > query {
            return;
        }
        let path = self.link[start..query].find(['/', '\\']).map_or(query, |slash| start + slash);
        let host = self.link[start..path].to_ascii_lowercase();
        let host = host.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().trim_end_matches('.');
        let rest = query..fragment;
        match host.strip_prefix("www.").unwrap_or(host) {
            "wa.me" | "viber.click" | "t.me" | "telegram.me" => {
                let address = self.past_slashes(path).min(query);
                let end = self.link[address..query].find(['/', '\\']).map_or(query, |slash| address + slash);
                match is_number(&self.link[address..end]) {
                    true => self.push(address..end, Class::Phone, false),
                    false => self.push(address..query, Class::Handle, false),
                }
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
            }
            // What has digits there is an id.
            "vk.me" | "m.me" => self.push(self.past_slashes(path).min(query)..query, Class::Handle, false),
            "whatsapp.com" | "api.whatsapp.com" | "web.whatsapp.com" | "chat.whatsapp.com" => {
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
            }
            "signal.me" => self.anchor(fragment),
            _ => {}
        }
    }

    /// Values between commas or semicolons. Parameters of a value (RFC 3966 §3) stay unless they hold a number.
    fn list(&mut self, range: Range<usize>, class: Class) {
        for item in split(self.link, range, &[',', ';']) {
            match self.link[item.clone()].split_once('=') {
                Some((name, argument)) if is_number(argument) => {
                    self.push(item.start + name.len() + 1..item.end, class, false);
                }
                Some(_) => {}
                None => self.push(item, class, false),
            }
        }
    }

    /// Parameters of a query, `range` beginning at its question mark.
    fn parameters(&mut self, range: Range<usize>, names: &[&str], class: Class) {
        for item in split(self.link, range, &['?', '&', ';']) {
            if let Some((name, _)) = self.link[item.clone()].split_once('=')
                && names.contains(&decoded(name).to_ascii_lowercase().as_str())
            {
                for value in split(self.link, item.start + name.len() + 1..item.end, &[',']) {
                    self.push(value, class, true);
                }
            }
        }
    }

    /// `#p/+37061234507`
    fn anchor(&mut self, fragment: usize) {
        if self.link[fragment..].starts_with("#p/") {
            self.push(fragment + "#p/".len()..self.link.len(), Class::Phone, false);
        }
    }

    fn push(&mut self, range: Range<usize>, class: Class, in_query: bool) {
        self.found.push(Address { range, class, in_query });
    }

    fn past_slashes(&self, start: usize) -> usize {
        start + self.link[start..].bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count()
    }
}

/// The parts of a range between separators of one byte.
fn split(text: &str, range: Range<usize>, by: &[char]) -> Vec<Range<usize>> {
    let mut from = range.start;
    let mut parts = Vec::new();
    for part in text[range].split(by) {
        parts.push(from..from + part.len());
        from += part.len() + 1;
    }
    parts
}

const PHONE_PARAMETERS: [&str; 7] = ["phone", "number", "contact", "to", "p", "recipient", "addresses"];

/// RFC 3986 §3.1
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether a part of a link can be a phone number.
fn is_number(part: &str) -> bool {
    let text = decoded(part);
    let separates = |c: char| c.is_whitespace() || matches!(c, '+' | '(' | ')' | '-' | '.');
    text.bytes().filter(u8::is_ascii_digit).count() >= 5
        && text.chars().all(|c| c.is_ascii_digit() || separates(c))
}

fn decoded(part: &str) -> String {
    String::from_utf8_lossy(&percent::decode(part.as_bytes())).into_owned()
}

/// Encodes what has no place in a link; in queries a plus sign would be read as a blank.
fn encoded(text: &str, in_query: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    percent::encode(text.as_bytes(), if in_query { b"~@/" } else { b"~@/+" }, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_address_says_what_it_is() {
        let cases: &[(&str, &[(Class, &str)])] = &[
            ("", &[]),
            ("https://example.com/37061234567?phone=1", &[]),
            ("tel:", &[(Class::Phone, "")]),
            (" tel:%2B370-612;ext=12345 ", &[(Class::Phone, "+370-612"), (Class::Phone, "12345")]),
            (
                "mailto:a@b.cd,e@f.gh?reply-to=x",
                &[(Class::Email, "a@b.cd"), (Class::Email, "e@f.gh"), (Class::Email, "x")],
            ),
            ("https://t.me/37061234567", &[(Class::Phone, "37061234567")]),
            ("https://t.me/anna/1", &[(Class::Handle, "anna/1")]),
            ("https://m.me/100012345", &[(Class::Handle, "100012345")]),
            ("tg://resolve?domain=anna", &[(Class::Handle, "anna")]),
            ("skype:anna?call", &[(Class::Handle, "anna")]),
        ];
        for (link, expected) in cases {
            let mut seen = Vec::new();
            let note = |class, address: &str| {
                seen.push((class, address.to_owned()));
                None
            };
            let is_known = edit(link, note, &mut Edits::default());
            let expected: Vec<_> =
                expected.iter().map(|(class, address)| (*class, (*address).to_owned())).collect();
            assert_eq!(seen, expected, "{link}");
            assert_eq!(is_known, !expected.is_empty(), "{link}");
        }
    }
}
