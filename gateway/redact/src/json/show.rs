//! Hidden values on their way out: what is held of one, what it is shown as, and how many there were.

use super::text::{self, Held, Sink, TextLexer};
use crate::{class::Class, copies::ALIAS, mask, plan::Plan, redactor::Summary};

/// What stands in the place of hidden values, and what is kept to put it there.
#[derive(Debug)]
pub(super) struct Values {
    /// The key or the hidden value that is being read, when it is not in one piece.
    pub(super) held: Held,
    /// What the last hidden string is shown as; kept for its memory.
    shown: String,
    /// The longest hidden value that is held, in decoded bytes.
    longest: usize,
    /// Whether a mark is before every alias.
    pub(super) is_marking: bool,
    pub(super) summary: Summary,
}

impl Values {
    pub(super) fn new(longest: usize) -> Values {
        Values {
            held: Held::default(),
            shown: String::new(),
            longest,
            is_marking: false,
            summary: Summary::default(),
        }
    }

    /// Begins to hold a hidden value.
    pub(super) fn begin(&mut self) {
        self.held.begin(self.longest);
    }

    /// Emits what stands for a hidden string; one that was too long to hold has no value here.
    pub(super) fn text(&mut self, plan: &Plan, class: Class, value: Option<&[u8]>, out: &mut Vec<u8>) {
        if let Some(code) = value.and_then(|value| plan.alias(class, value)) {
            self.summary.hidden[class.index()] += 1;
            if self.is_marking {
                out.push(ALIAS);
            }
            return mask::push_code(code, out);
        }
        self.shown.clear();
        match value {
            Some(value) => plan.write_text(class, value, &mut self.shown),
            None => mask::write_hidden(class, &mut self.shown),
        }
        out.push(b'"');
        text::push_escaped(&self.shown, out);
        out.push(b'"');
        self.count(class, value);
    }

    /// Emits what stands for the string that is held.
    pub(super) fn held_text(&mut self, plan: &Plan, class: Class, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        self.text(plan, class, held.end(), out);
        self.held = held;
    }

    /// Emits what stands for a hidden string that is here as a whole, escapes and all.
    #[inline]
    pub(super) fn raw_text(&mut self, plan: &Plan, class: Class, raw: &[u8], out: &mut Vec<u8>) {
        let Some(first) = memchr::memchr(b'\\', raw) else {
            return self.plain_text(plan, class, raw, out);
        };
        self.begin();
        let (mut rest, mut escape) = (raw, Some(first));
        while let Some(at) = escape {
            let Some(character) = rest.get(at + 1).and_then(|letter| text::unescaped(*letter)) else { break };
            self.held.bytes(&rest[..at]);
            self.held.bytes(&[character]);
            rest = &rest[at + 2..];
            escape = memchr::memchr(b'\\', rest);
        }
        // What is left has no escapes, or some of digits. A leap hands over complete ones alone; of anything else the
        // decoded part is shown.
        let _ = TextLexer::Plain.advance(rest, &mut 0, &mut self.held);
        self.held_text(plan, class, out);
    }

    /// The same of one without escapes.
    #[inline]
    pub(super) fn plain_text(&mut self, plan: &Plan, class: Class, value: &[u8], out: &mut Vec<u8>) {
        self.text(plan, class, Some(value).filter(|value| value.len() <= self.longest), out);
    }

    /// Emits what stands for the number that is held.
    pub(super) fn held_number(&mut self, plan: &Plan, class: Class, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        self.number(plan, class, held.end(), out);
        self.held = held;
    }

    /// Emits what stands for a hidden number; one that was too long to hold has no spelling here.
    pub(super) fn number(&mut self, plan: &Plan, class: Class, spelling: Option<&[u8]>, out: &mut Vec<u8>) {
        let number = spelling.map_or(0, |spelling| plan.number(class, spelling));
        out.extend_from_slice(number.to_string().as_bytes());
        self.summary.hidden[class.index()] += 1;
    }

    /// Emits what stands for a hidden `true` or `false`.
    pub(super) fn word(&mut self, class: Class, out: &mut Vec<u8>) {
        out.extend_from_slice(b"false");
        self.summary.hidden[class.index()] += 1;
    }

    /// Emits the rest of the hidden key that is held, behind its opening quote.
    pub(super) fn held_key(&mut self, plan: &Plan, class: Class, out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        let key = held.end();
        self.shown.clear();
        match key {
            Some(key) => plan.write_key(class, key, &mut self.shown),
            None => mask::write_hidden(class, &mut self.shown),
        }
        text::push_escaped(&self.shown, out);
        out.push(b'"');
        self.count(class, key);
        self.held = held;
    }

    /// Empty strings are not hidden.
    fn count(&mut self, class: Class, value: Option<&[u8]>) {
        if value.is_none_or(|value| !value.is_empty()) {
            self.summary.hidden[class.index()] += 1;
        }
    }
}
