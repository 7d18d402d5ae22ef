//! Tables in CSV (RFC 4180 and what is written in practice), rewritten record by record.
//!
//! The header says what separates fields and which columns are declared. A record is held until its end, up to
//! `Limits::held_object`, and then judged as a whole:
//!
//! - Fields of declared columns are hidden, and quoted if they were or have to be. A masked phone begins with `+`, as
//!   phones do: whether a spreadsheet may take it for a formula is as before.
//! - A field of another column that begins as JSON is redacted as JSON, and where copies are hidden it is searched for
//!   them. Everything else leaves as it came.
//! - A record of fewer or more fields than the header, or with an end of line that the table does not use outside
//!   of quotes, shows nothing: somebody wrote a separator into it, and nobody can say where its fields belong. So
//!   does one that is too long to hold. None of them refuses the table, since clients can write them.
//! - In a table without a declared column every cell is free text, in which contacts are found by their shape. Without
//!   `PlanBuilder::patterns` it is refused.
//!
//! What is malformed is an error: a quote within a field that is not quoted, or text behind a closing one.

use std::sync::Arc;

use memchr::{memchr, memchr3};

use crate::{
    error::RedactError,
    plan::Plan,
    redactor::{Limits, Summary},
};

use head::{Head, LineEnd};
use record::{Sheet, Veil};

pub(crate) mod fuzz;
mod head;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use head::column_name;

/// Rewrites one table.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    limits: Limits,
    /// Until the header is complete.
    head: Option<Head>,
    /// From then on.
    sheet: Option<Sheet>,
    place: Place,
    /// The last byte of the record that was read outside of quotes.
    last: Option<u8>,
    /// Whether the record has an end of line that is none.
    is_doubtful: bool,
    /// The record so far, unless it is in one piece.
    held: Vec<u8>,
    /// Hides the record that is too long to hold.
    veil: Option<Veil>,
    offset: u64,
}

/// Where in a record the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Bare,
    Quoted,
    /// Behind a quote within quotes: the closing one, or the first of two.
    Closed,
    /// Behind a CR that may belong to an end of line.
    Return,
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        Rewriter {
            plan,
            limits,
            head: Some(Head::default()),
            sheet: None,
            place: Place::Bare,
            last: None,
            is_doubtful: false,
            held: Vec::new(),
            veil: None,
            offset: 0,
        }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut at = 0;
        while let Some(mut head) = self.head.take() {
            let Some(&byte) = chunk.get(at) else {
                self.head = Some(head);
                return Ok(());
            };
            if head.take(byte, self.limits.held_object)? {
                self.sheet = head.read(&self.plan, self.limits, out)?;
            }
            if self.sheet.is_none() {
                self.head = Some(head);
            }
            at += 1;
            self.offset += 1;
        }
        let Some(mut sheet) = self.sheet.take() else { return Ok(()) };
        let start = at;
        let result = self.records(&mut sheet, chunk, &mut at, out);
        self.offset += (at - start) as u64;
        self.sheet = Some(sheet);
        result
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if let Some(mut head) = self.head.take() {
            if head.is_within_quotes() {
                return Err(RedactError::Truncated);
            }
            self.sheet = head.read(&self.plan, self.limits, out)?;
            return Ok(self.sheet.map(|sheet| sheet.summary).unwrap_or_default());
        }
        let Some(mut sheet) = self.sheet.take() else { return Ok(Summary::default()) };
        match self.place {
            Place::Quoted => return Err(RedactError::Truncated),
            Place::Bare | Place::Closed if self.held.is_empty() && self.veil.is_none() => {}
            Place::Bare | Place::Closed => self.end_record(&mut sheet, &[], b"", out),
            Place::Return => self.end_record(&mut sheet, &[], b"\r", out),
        }
        Ok(sheet.summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads records to the end of the chunk. On an error `at` is the byte that is wrong.
    fn records(
        &mut self,
        sheet: &mut Sheet,
        chunk: &[u8],
        at: &mut usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RedactError> {
        let mut start = *at;
        if let Some(b'\n') = chunk.get(start)
            && sheet.take_line_feed()
        {
            out.push(b'\n');
            *at += 1;
            start = *at;
        }
        if start < chunk.len() {
            sheet.begin();
        }
        let mut result = Ok(());
        while *at < chunk.len() && result.is_ok() {
            match self.find_end(sheet, chunk, at) {
                Ok(Some(end)) => {
                    self.end_record(sheet, chunk.get(start..end).unwrap_or_default(), &chunk[end..*at], out);
                    start = *at;
                }
                Ok(None) => {}
                Err(error) => result = Err(error),
            }
        }
        self.hold(sheet, chunk.get(start..*at).unwrap_or_default(), out);
        result
    }

    /// Goes on to the end of a record. Returns where in the chunk its last byte, LF or CR, stands; `at` is behind it.
    fn find_end(
        &mut self,
        sheet: &Sheet,
        chunk: &[u8],
        at: &mut usize,
    ) -> Result<Option<usize>, RedactError> {
        while let Some(&byte) = chunk.get(*at) {
            match (self.place, byte) {
                (Place::Quoted, _) => match memchr(b'"', &chunk[*at..]) {
                    Some(run) => {
                        *at += run;
                        self.place = Place::Closed;
                    }
                    None => {
                        *at = chunk.len();
                        return Ok(None);
                    }
                },
                (Place::Return, b'\n') => {
                    *at += 1;
                    return Ok(Some(*at - 1));
                }
                (Place::Return, _) => {
                    self.is_doubtful = true;
                    self.place = Place::Bare;
                    self.last = Some(b'\r');
                    continue;
                }
                (Place::Closed, b'"') => self.place = Place::Quoted,
                (Place::Bare | Place::Closed, b'\r' | b'\n') => match (sheet.line_end(), byte) {
                    (LineEnd::LineFeed, b'\r') => self.place = Place::Return,
                    (LineEnd::LineFeed, _) | (LineEnd::Return, b'\r') => {
                        *at += 1;
                        return Ok(Some(*at - 1));
                    }
                    (LineEnd::Return, _) => {
                        self.is_doubtful = true;
                        self.place = Place::Bare;
                        self.last = Some(byte);
                    }
                },
                (Place::Closed, _) if byte == sheet.delimiter() => {
                    self.place = Place::Bare;
                    self.last = Some(byte);
                }
                (Place::Closed, _) => return Err(RedactError::MalformedTable),
                (Place::Bare, b'"') => match self.last {
                    Some(last) if last != sheet.delimiter() => return Err(RedactError::MalformedTable),
                    Some(_) | None => self.place = Place::Quoted,
                },
                (Place::Bare, _) => {
                    let rest = &chunk[*at..];
                    let run = memchr3(b'"', b'\n', b'\r', rest).unwrap_or(rest.len());
                    *at += run;
                    self.last = chunk.get(*at - 1).copied();
                    continue;
                }
            }
            *at += 1;
        }
        Ok(None)
    }

    /// Judges the record that is held and goes on with `rest`, and begins the next. `end` is what ended it, but for
    /// a CR that is read already.
    fn end_record(&mut self, sheet: &mut Sheet, rest: &[u8], end: &[u8], out: &mut Vec<u8>) {
        let mut held = std::mem::take(&mut self.held);
        let mut record = rest;
        if !held.is_empty() {
            held.extend_from_slice(rest);
            record = &held;
        }
        let is_returned = self.place == Place::Return;
        if is_returned && self.veil.is_none() {
            record = record.strip_suffix(b"\r").unwrap_or(record);
        }
        match &mut self.veil {
            Some(veil) => sheet.hide(veil, record, out),
            None if self.is_doubtful || record.len() > self.limits.held_object => {
                sheet.hide(&mut Veil::default(), record, out);
            }
            None => sheet.judge(record, out),
        }
        if is_returned && end != b"\r" {
            out.push(b'\r');
        }
        out.extend_from_slice(end);
        held.clear();
        self.held = held;
        self.veil = None;
        self.place = Place::Bare;
        self.last = None;
        self.is_doubtful = false;
    }

    /// Holds a piece of a record, or hides it if the record is too long. One byte more may be of its end.
    fn hold(&mut self, sheet: &mut Sheet, piece: &[u8], out: &mut Vec<u8>) {
        if let Some(veil) = &mut self.veil {
            sheet.hide(veil, piece, out);
        } else if self.held.len() + piece.len() > self.limits.held_object.saturating_add(1) {
            let mut veil = Veil::default();
            sheet.hide(&mut veil, &std::mem::take(&mut self.held), out);
            sheet.hide(&mut veil, piece, out);
            self.veil = Some(veil);
        } else {
            self.held.extend_from_slice(piece);
        }
    }
}
