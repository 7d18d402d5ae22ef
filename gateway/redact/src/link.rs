//! Links that hold a number or an address: `tel:`, `mailto:`, and those of messengers.
//!
//! A link is read as browsers read it: blanks around it and line ends within it do not count, schemes and hosts
//! have no case, a backslash is a slash. Of a link only the number or address is replaced.

use std::{fmt::Write, ops::Range};

use crate::{class::Class, json::edit::Edits, plan::Plan};

/// Adds what is to be hidden in a link, if `value` is one that holds contact data.
pub(super) fn scan(plan: &Plan, value: &str, edits: &mut Edits) {
    let is_skipped = |c: char| matches!(c, '\t' | '\n' | '\r');
    let trimmed = value.trim_matches(|c: char| c <= ' ');
    if !trimmed.contains(is_skipped) {
        let base = value.len() - value.trim_start_matches(|c: char| c <= ' ').len();
        return Link { plan, base, link: trimmed, edits }.scan();
    }
    // Rare and odd enough to be written anew as a whole.
    let link = trimmed.replace(is_skipped, "");
    let mut found = Edits::default();
    Link { plan, base: 0, link: &link, edits: &mut found }.scan();
    if !found.is_empty() {
        let mut shown = Vec::new();
        found.apply(&link, &mut shown);
        edits.replace(0..value.len(), String::from_utf8_lossy(&shown).into_owned());
        edits.count(found.summary());
    }
}

struct Link<'l> {
    plan: &'l Plan,
    /// Where the link begins in the value.
    base: usize,
    link: &'l str,
    edits: &'l mut Edits,
}

impl Link<'_> {
    fn scan(&mut self) {
        let end = self.link.len();
        let fragment = self.link.find('#').unwrap_or(end);
        let query = self.link[..fragment].find('?').unwrap_or(fragment);
        let scheme = self.link[..query].find(':').filter(|&end| is_scheme(&self.link[..end]));
        let path = scheme.map_or(0, |end| end + 1);
        let rest = query.min(fragment)..fragment;
        match scheme.map(|end| self.link[..end].to_ascii_lowercase()).as_deref() {
            Some("mailto") => {
                self.list(path..query, Class::Email);
                self.parameters(rest, &["to", "cc", "bcc"], Class::Email);
            }
            Some(
                "tel" | "callto" | "sms" | "smsto" | "mms" | "mmsto" | "facetime" | "facetime-audio"
                | "imessage" | "sip" | "sips",
            ) => {
                self.list(self.past_slashes(path)..query, Class::Phone);
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
            }
            Some("whatsapp" | "viber" | "tg" | "sgnl" | "intent") => {
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
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
                let number = self.past_slashes(path);
                let end = self.link[number..query].find(['/', '\\']).map_or(query, |slash| number + slash);
                if is_number(&decoded(&self.link[number..end])) {
                    self.hide(number..end, Class::Phone, false);
                }
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
            }
            "whatsapp.com" | "api.whatsapp.com" | "web.whatsapp.com" | "chat.whatsapp.com" => {
                self.parameters(rest, &PHONE_PARAMETERS, Class::Phone);
            }
            "signal.me" => self.anchor(fragment),
            _ => {}
        }
    }

    /// Values between commas or semicolons. Parameters of a value (RFC 3966 §3) stay unless they hold a number.
    fn list(&mut self, range: Range<usize>, class: Class) {
        let mut start = range.start;
        for item in self.link[range].split_inclusive([',', ';']) {
            let value = item.trim_end_matches([',', ';']);
            match value.split_once('=') {
                Some((name, argument)) => {
                    if is_number(&decoded(argument)) {
                        self.hide(start + name.len() + 1..start + value.len(), class, false);
                    }
                }
                None => self.hide(start..start + value.len(), class, false),
            }
            start += item.len();
        }
    }

    /// Parameters of a query, `range` beginning at its question mark.
    fn parameters(&mut self, range: Range<usize>, names: &[&str], class: Class) {
        let mut start = range.start;
        for item in self.link[range].split_inclusive(['?', '&', ';']) {
            let parameter = item.trim_end_matches(['?', '&', ';']);
            if let Some((name, value)) = parameter.split_once('=')
                && names.contains(&decoded(name).to_ascii_lowercase().as_str())
            {
                let mut at = start + name.len() + 1;
                for part in value.split_inclusive(',') {
                    let one = part.trim_end_matches(',');
                    self.hide(at..at + one.len(), class, true);
                    at += part.len();
                }
            }
            start += item.len();
        }
    }

    /// `#p/+37061234507`
    fn anchor(&mut self, fragment: usize) {
        if self.link[fragment..].starts_with("#p/") {
            self.hide(fragment + "#p/".len()..self.link.len(), Class::Phone, false);
        }
    }

    fn hide(&mut self, range: Range<usize>, class: Class, in_query: bool) {
        let value = decoded(&self.link[range.clone()]);
        let range = self.base + range.start..self.base + range.end;
        self.edits.hide(self.plan, class, value.trim(), range, |shown| encoded(&shown, in_query));
    }

    fn past_slashes(&self, start: usize) -> usize {
        start + self.link[start..].bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count()
    }
}

const PHONE_PARAMETERS: [&str; 6] = ["phone", "number", "to", "p", "recipient", "addresses"];

/// RFC 3986 §3.1
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether a part of a link can be a phone number.
fn is_number(text: &str) -> bool {
    let separates = |c: char| c.is_whitespace() || matches!(c, '+' | '(' | ')' | '-' | '.');
    text.bytes().filter(u8::is_ascii_digit).count() >= 5
        && text.chars().all(|c| c.is_ascii_digit() || separates(c))
}

/// Decodes percent signs (RFC 3986 §2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, later)) = rest.split_first() {
        let digit = |at: usize| later.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high << 4 | low));
                rest = &later[2..];
            }
            _ => {
                bytes.push(first);
                rest = later;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encodes what has no place in a link; in queries a plus sign would be read as a blank.
fn encoded(text: &str, in_query: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'+' if in_query => out.push_str("%2B"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'@' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}"); // writing to a String cannot fail
            }
        }
    }
    out
}
