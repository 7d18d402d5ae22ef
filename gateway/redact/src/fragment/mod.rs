//! Fragments of HTML, as applications keep them in strings: contact data in links, and in text by its shape.
//!
//! A tokenizer after WHATWG HTML §13.2.5 that knows tags, attributes, comments and elements of raw text, and
//! nothing of trees. It changes the hidden part of a link or a text alone. Where it would have to guess what a
//! browser makes of the markup (a tag without its end, foreign content, scripts within comments), it gives up,
//! and the fragment is hidden as a whole.

use std::ops::Range;

use crate::{
    class::Class,
    json::edit::{Edits, Spelling},
    link,
    plan::Plan,
    text,
};

pub(crate) use entity::Html;

mod entity;
#[cfg(test)]
mod tests;

/// Adds what the plan hides in a fragment of HTML, copies too unless there are to be none; `None` if it cannot be read.
pub(crate) fn scan(plan: &Plan, html: &str, has_copies: bool, edits: &mut Edits) -> Option<()> {
    Scanner { plan, html, has_copies, at: 0, in_foreign: false, edits }.run()
}

struct Scanner<'s> {
    plan: &'s Plan,
    html: &'s str,
    has_copies: bool,
    at: usize,
    /// Whether there was an element in which HTML's own rules do not hold.
    in_foreign: bool,
    edits: &'s mut Edits,
}

impl<'s> Scanner<'s> {
    fn run(&mut self) -> Option<()> {
        while self.at < self.html.len() {
            let end = markup(self.html, self.at);
            self.text(self.at..end, &Html::Text);
            self.at = end;
            match self.html.as_bytes()[end..] {
                [b'<', b'!', b'-', b'-', ..] => self.comment()?,
                [b'<', b'!', b'[', ..] if self.html[end..].starts_with("<![CDATA[") => return None,
                [b'<', b'/', b'a'..=b'z' | b'A'..=b'Z', ..] => self.tag(2).map(drop)?,
                [b'<', b'!' | b'?' | b'/', ..] => {
                    let end = self.find(">")?;
                    self.text(self.at..end, &Html::Raw);
                    self.at = end + 1;
                }
                [b'<', ..] => {
                    let name = self.tag(1)?;
                    self.element(&name)?;
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Reads what is not markup though it looks so, behind the start tag of an element.
    fn element(&mut self, name: &str) -> Option<()> {
        match name {
            "script" | "style" | "xmp" | "iframe" | "noembed" | "noframes" | "textarea" | "title" => {}
            "svg" | "math" => {
                self.in_foreign = true;
                return Some(());
            }
            // What these hold depends on the reader.
            "plaintext" | "noscript" => return None,
            _ => return Some(()),
        }
        let start = self.at;
        let end = end_tag(self.html, start, name)?;
        let inside = &self.html[start..end];
        if self.in_foreign || (name == "script" && inside.contains("<!--")) {
            return None;
        }
        let spelling = if matches!(name, "textarea" | "title") { Html::Text } else { Html::Raw };
        self.text(start..end, &spelling);
        self.at = end;
        Some(())
    }

    fn comment(&mut self) -> Option<()> {
        let start = self.at + "<!--".len();
        let rest = &self.html[start..];
        if let Some(short) = [">", "->"].into_iter().find(|short| rest.starts_with(short)) {
            self.at = start + short.len();
            return Some(());
        }
        let (end, close) = memchr::memchr_iter(b'>', rest.as_bytes()).find_map(|bracket| {
            let before = &rest.as_bytes()[..bracket];
            let close = [&b"--"[..], b"--!"].into_iter().find(|close| before.ends_with(close))?;
            Some((bracket - close.len(), bracket + 1))
        })?;
        self.text(start..start + end, &Html::Raw);
        self.at = start + close;
        Some(())
    }

    /// Reads a tag to its end, its name `skip` bytes from here; returns the name in lower case.
    fn tag(&mut self, skip: usize) -> Option<String> {
        self.at += skip;
        let name = self.take(|byte| !is_blank(byte) && !matches!(byte, b'/' | b'>'));
        let name = self.html[name].to_ascii_lowercase();
        loop {
            self.take(|byte| is_blank(byte) || byte == b'/');
            if *self.html.as_bytes().get(self.at)? == b'>' {
                self.at += 1;
                return Some(name);
            }
            self.attribute()?;
        }
    }

    fn attribute(&mut self) -> Option<()> {
        let start = self.at;
        self.at += self.html[self.at..].chars().next()?.len_utf8(); // may be `=`
        self.take(|byte| !is_blank(byte) && !matches!(byte, b'/' | b'>' | b'='));
        let name = self.html[start..self.at].to_ascii_lowercase();
        self.take(is_blank);
        if *self.html.as_bytes().get(self.at)? != b'=' {
            return Some(());
        }
        self.at += 1;
        self.take(is_blank);
        let value = match *self.html.as_bytes().get(self.at)? {
            b'>' => return Some(()),
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                let value = self.take(|byte| byte != quote);
                self.html.as_bytes().get(self.at)?;
                self.at += 1;
                value
            }
            _ => self.take(|byte| !is_blank(byte) && byte != b'>'),
        };
        self.value(&name, value);
        Some(())
    }

    /// Looks into the value of an attribute.
    fn value(&mut self, name: &str, range: Range<usize>) {
        let raw = &self.html[range.clone()];
        let Some(value) = Html::Attribute.decode(raw) else { return };
        let mut found = Edits::default();
        let contact = |class, address: &str| {
            let is_contact = matches!(class, Class::Phone | Class::Email) && !address.is_empty();
            is_contact.then(|| {
                let mut shown = String::new();
                self.plan.show_copy(class, address.as_bytes(), &mut shown);
                (class, shown)
            })
        };
        link::edit(&value, contact, &mut found);
        if found.is_empty() && matches!(name, "title" | "alt" | "value" | "placeholder" | "aria-label") {
            text::scan_text(self.plan, &value, self.has_copies, &mut found);
        }
        found.lift(raw, &Html::Attribute, range.start, self.edits);
    }

    /// Looks into text.
    fn text(&mut self, range: Range<usize>, spelling: &Html) {
        let raw = &self.html[range.clone()];
        let Some(text) = spelling.decode(raw) else { return };
        let mut found = Edits::default();
        text::scan_text(self.plan, &text, self.has_copies, &mut found);
        found.lift(raw, spelling, range.start, self.edits);
    }

    fn find(&self, needle: &str) -> Option<usize> {
        Some(self.at + self.html[self.at..].find(needle)?)
    }

    fn take(&mut self, is_part: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.at;
        let rest = &self.html.as_bytes()[start..];
        self.at += rest.iter().take_while(|&&byte| is_part(byte)).count();
        start..self.at
    }
}

/// Where the next markup begins: a `<` that is not text (WHATWG HTML §13.2.5.6).
fn markup(html: &str, from: usize) -> usize {
    let bytes = html.as_bytes();
    memchr::memchr_iter(b'<', &bytes[from..])
        .map(|place| from + place)
        .find(|&place| match bytes.get(place + 1) {
            Some(b'/') => place + 2 < bytes.len(),
            Some(next) => next.is_ascii_alphabetic() || matches!(next, b'!' | b'?'),
            None => false,
        })
        .unwrap_or(html.len())
}

/// Where the end tag of an element of raw text begins.
fn end_tag(html: &str, from: usize, name: &str) -> Option<usize> {
    let bytes = html.as_bytes();
    memchr::memmem::find_iter(&bytes[from..], "</").map(|place| from + place).find(|&place| {
        let rest = &bytes[place + 2..];
        let is_named = rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()));
        is_named && rest.get(name.len()).is_some_and(|&byte| is_blank(byte) || matches!(byte, b'/' | b'>'))
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}
