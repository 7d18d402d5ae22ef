//! One record: its fields, what becomes of each, and of all of them where nobody can say which is which.

use std::{borrow::Cow, ops::Range, sync::Arc};

use memchr::memchr;

use super::head::LineEnd;
use crate::{
    class::Class,
    error::RedactError,
    inner::{Seen, look_into},
    json::nested::{self, UNSCANNED},
    mask,
    plan::{Inner, Plan},
    redactor::{Limits, Summary},
};

/// What the header says of every record, and what has been hidden.
#[derive(Debug)]
pub(super) struct Sheet {
    plan: Arc<Plan>,
    limits: Limits,
    delimiter: u8,
    columns: Vec<Option<Class>>,
    line_end: LineEnd,
    /// Whether the CR behind the header may be the first half of a line's end.
    is_first: bool,
    /// Whether the cells are free text, since no column is declared.
    is_text: bool,
    pub(super) summary: Summary,
}

impl Sheet {
    pub(super) fn new(
        plan: Arc<Plan>,
        limits: Limits,
        delimiter: u8,
        columns: Vec<Option<Class>>,
        line_end: LineEnd,
    ) -> Result<Sheet, RedactError> {
        let is_text = columns.iter().all(Option::is_none) && !plan.is_empty();
        if is_text && !plan.patterns() {
            return Err(RedactError::NoDeclaredColumn);
        }
        let (is_first, summary) = (true, Summary::default());
        Ok(Sheet { plan, limits, delimiter, columns, line_end, is_first, is_text, summary })
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn line_end(&self) -> LineEnd {
        self.line_end
    }

    /// Whether an LF before the first record belongs to the CR behind the header.
    pub(super) fn take_line_feed(&mut self) -> bool {
        let is_its = self.is_first && self.line_end == LineEnd::Return;
        if is_its {
            self.line_end = LineEnd::LineFeed;
            self.is_first = false;
        }
        is_its
    }

    /// Behind the header and its end.
    pub(super) fn begin(&mut self) {
        self.is_first = false;
    }

    /// Emits the header: as it came, unless it may be a record of a table that has none.
    pub(super) fn show_header(&mut self, header: &[u8], out: &mut Vec<u8>) {
        match self.is_text {
            true => self.judge(header, out),
            false => out.extend_from_slice(header),
        }
    }

    /// Emits a well-formed record with what is hidden of it.
    pub(super) fn judge(&mut self, record: &[u8], out: &mut Vec<u8>) {
        if record.is_empty() || self.plan.is_empty() {
            return out.extend_from_slice(record);
        }
        if !self.is_text && Fields::new(record, self.delimiter).count() != self.columns.len() {
            return self.hide(&mut Veil::default(), record, out);
        }
        // Declared columns first: what they hide is looked for in the others.
        let mut shown: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
        for is_declared in [true, false] {
            for (place, range) in Fields::new(record, self.delimiter).enumerate() {
                let field = record.get(range.clone()).unwrap_or_default();
                let class = self.columns.get(place).copied().flatten();
                let text = match class {
                    Some(class) if is_declared => self.mask(class, &unquoted(field)),
                    None if !is_declared => self.look_into(field),
                    Some(_) | None => None,
                };
                if let Some(text) = text {
                    shown.push((range, self.spelled(&text, field.first() == Some(&b'"'))));
                }
            }
        }
        shown.sort_by_key(|(range, _)| range.start);
        let mut passed = 0;
        for (range, field) in shown {
            out.extend_from_slice(record.get(passed..range.start).unwrap_or_default());
            out.extend_from_slice(&field);
            passed = range.end;
        }
        out.extend_from_slice(record.get(passed..).unwrap_or_default());
    }

    /// Emits a record, or a piece of one, of which nothing is shown but that it has fields.
    pub(super) fn hide(&mut self, veil: &mut Veil, piece: &[u8], out: &mut Vec<u8>) {
        for &byte in piece {
            if byte == self.delimiter && !veil.is_quoted {
                out.push(byte);
                veil.is_shown = false;
            } else if byte == b'"' {
                veil.is_quoted = !veil.is_quoted;
            } else if !veil.is_shown && !matches!(byte, b'\r' | b'\n') {
                out.extend_from_slice(UNSCANNED.as_bytes());
                veil.is_shown = true;
                self.summary.unscanned += 1;
            }
        }
    }

    /// What a declared value is shown as.
    fn mask(&mut self, class: Class, value: &[u8]) -> Option<Vec<u8>> {
        if value.is_empty() {
            return None;
        }
        let mut shown = String::new();
        match value.len() <= self.limits.value_bytes {
            true => self.plan.write_text(class, String::from_utf8_lossy(value).as_bytes(), &mut shown),
            false => mask::write_hidden(class, &mut shown),
        }
        self.summary.hidden[class.index()] += 1;
        Some(shown.into_bytes())
    }

    /// What the text of a field that is not declared is shown as, if it is changed.
    fn look_into(&mut self, field: &[u8]) -> Option<Vec<u8>> {
        let is_ascii = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'[' | b'"');
        if !self.is_text && self.plan.learnt().is_none() && field.first().is_none_or(is_ascii) {
            return None;
        }
        let value = unquoted(field);
        let text = String::from_utf8_lossy(&value);
        let mut shown = Vec::new();
        // What is no JSON is free text here, and copies in it are found with what has the shape of a contact.
        let passes: &[_] = match (self.is_text, nested::begins_as_json(&text)) {
            (false, _) => &[None],
            (true, false) => &[Some(Inner::Text)],
            (true, true) => &[None, Some(Inner::Text)],
        };
        for &inner in passes {
            shown.clear();
            match look_into(&text, inner, true, &self.plan, self.limits, &mut self.summary, &mut shown) {
                Seen::Plain => {}
                Seen::Redacted => return Some(shown),
                Seen::Unreadable => {
                    self.summary.unscanned += 1;
                    return Some(UNSCANNED.as_bytes().to_vec());
                }
            }
        }
        None
    }

    /// A field's spelling, in quotes if it was or has to be.
    fn spelled(&self, text: &[u8], was_quoted: bool) -> Vec<u8> {
        let needs_quotes = |byte: &u8| *byte == self.delimiter || matches!(byte, b'"' | b'\r' | b'\n');
        if !was_quoted && !text.iter().any(needs_quotes) {
            return text.to_vec();
        }
        let mut field = Vec::with_capacity(text.len() + 2);
        field.push(b'"');
        for &byte in text {
            if byte == b'"' {
                field.push(b'"');
            }
            field.push(byte);
        }
        field.push(b'"');
        field
    }
}

/// How far a record is that shows nothing.
#[derive(Debug, Default)]
pub(super) struct Veil {
    is_quoted: bool,
    /// Whether it is shown already that the field is not empty.
    is_shown: bool,
}

/// The places of a record's fields, quotes included.
#[derive(Debug)]
pub(super) struct Fields<'r> {
    record: &'r [u8],
    delimiter: u8,
    /// Where the next field begins; none behind the last.
    at: Option<usize>,
}

impl<'r> Fields<'r> {
    pub(super) fn new(record: &'r [u8], delimiter: u8) -> Fields<'r> {
        Fields { record, delimiter, at: Some(0) }
    }
}

impl Iterator for Fields<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at?;
        let rest = self.record.get(start..)?;
        let mut quoted = 0;
        if rest.first() == Some(&b'"') {
            quoted = 1;
            // The closing quote is the first that is not one of two.
            while let Some(run) = memchr(b'"', &rest[quoted..]) {
                quoted += run + 1;
                match rest.get(quoted) {
                    Some(b'"') => quoted += 1,
                    Some(_) | None => break,
                }
            }
        }
        let end = memchr(self.delimiter, &rest[quoted..]).map(|run| start + quoted + run);
        self.at = end.map(|end| end + 1);
        Some(start..end.unwrap_or(self.record.len()))
    }
}

/// The value of a field.
pub(super) fn unquoted(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(inside) = field.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return Cow::Borrowed(field);
    };
    if memchr(b'"', inside).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut value = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(run) = memchr(b'"', rest) {
        let (text, later) = rest.split_at(run + 1);
        value.extend_from_slice(text);
        rest = later.strip_prefix(b"\"").unwrap_or(later);
    }
    value.extend_from_slice(rest);
    Cow::Owned(value)
}
