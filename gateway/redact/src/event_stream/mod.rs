//! Event streams (WHATWG HTML, "server-sent events", §9.2.6), rewritten as they stream past.
//!
//! The `data` lines of one event are one text, joined by line feeds; it is redacted as JSON. What frames them (line
//! ends of any kind, comments, the other fields, a byte order mark) leaves as it came.
//!
//! Browsers act on an event when its blank line arrives, so nothing is lost by keeping the output of the first
//! `Limits::value_bytes` of an event until then, and something is won: data that turns out not to be JSON can still
//! be judged as text ([`text`]), so that a client's odd words end no stream. Longer events stream; there, broken
//! JSON is an error.

use std::sync::Arc;

use memchr::memchr2;

use crate::{
    copies::Swept,
    error::RedactError,
    plan::Plan,
    redactor::{Limits, Summary},
};

use frames::Frames;

mod frames;
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
mod text;

/// Rewrites one event stream.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    limits: Limits,
    line: Line,
    /// Whether the last byte ended a line and a line feed would be part of that end.
    is_after_return: bool,
    /// How many bytes of the event have been taken, its framing included.
    taken: usize,
    event: Event,
    /// The first bytes of what begins as JSON, in case that it is none; `lead.len() <= MAX_ODD + 1`.
    lead: Vec<u8>,
    /// The framing of the event: each stands for the line feed between two data lines.
    frames: Frames,
    /// What may leave once the event has proved to be JSON, between two chunks.
    staged: Vec<u8>,
    /// Where in the output the data of the event begins.
    mark: usize,
    /// What the inner machine emits for a line feed.
    scratch: Vec<u8>,
    summary: Summary,
    offset: u64,
}

/// Where in a line the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the start of the stream, behind so many bytes of a byte order mark.
    Mark(usize),
    /// Behind so many bytes of `data`.
    Name(usize),
    /// Behind the colon of `data`, where one space is no part of the value.
    Space,
    /// In the value of `data`.
    Data,
    /// In a comment or any other field.
    Other,
}

/// The data of one event.
#[derive(Debug)]
enum Event {
    /// Nothing but blanks so far, which leave as they come.
    Empty,
    /// What begins as JSON.
    Json {
        inner: Box<Swept>,
        /// Whether output has left for good.
        is_committed: bool,
    },
    /// Anything else: held whole, or nothing of it where it is over its bound.
    Text { held: Vec<u8>, bound: usize, is_over: bool },
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        Rewriter {
            plan,
            limits,
            line: Line::Mark(0),
            is_after_return: false,
            taken: 0,
            event: Event::Empty,
            lead: Vec::new(),
            frames: Frames::default(),
            staged: Vec::new(),
            mark: 0,
            scratch: Vec::new(),
            summary: Summary::default(),
            offset: 0,
        }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        self.mark = out.len();
        out.append(&mut self.staged);
        let mut at = 0;
        let result = self.run(chunk, &mut at, out);
        self.offset += at as u64;
        if let Event::Json { is_committed: false, .. } = self.event {
            if result.is_ok() {
                self.staged.extend_from_slice(&out[self.mark..]);
            }
            out.truncate(self.mark);
        }
        result
    }

    /// Ends the stream. Browsers drop an event without its blank line; here it leaves if it is whole.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        self.mark = out.len();
        out.append(&mut self.staged);
        match std::mem::replace(&mut self.event, Event::Empty) {
            Event::Empty => {}
            Event::Json { inner, is_committed } => {
                self.scratch.clear();
                match inner.finish(&mut self.scratch) {
                    Ok(summary) => self.summary.add(&summary),
                    Err(_) => {
                        if !is_committed {
                            out.truncate(self.mark);
                        }
                        return Err(RedactError::Truncated);
                    }
                }
                self.frames.weave(&self.scratch, out);
            }
            Event::Text { held, is_over, .. } => self.show_text(&held, is_over, out),
        }
        self.frames.drain(out);
        Ok(self.summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    fn run(&mut self, chunk: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), RedactError> {
        while let Some(&byte) = chunk.get(*at) {
            if std::mem::take(&mut self.is_after_return) && byte == b'\n' {
                self.take(1)?;
                self.frame(b"\n", out);
                *at += 1;
                continue;
            }
            match self.line {
                Line::Mark(matched) => {
                    self.line = match BYTE_ORDER_MARK.get(matched) {
                        Some(&expected) if expected == byte => Line::Mark(matched + 1),
                        Some(_) if matched > 0 => Line::Other,
                        Some(_) | None => Line::Name(0),
                    };
                    if let Line::Mark(_) = self.line {
                        self.take(1)?;
                        self.frame(&[byte], out);
                        *at += 1;
                    }
                }
                // The name of nearly every line that matters, in one piece.
                Line::Name(0) if self.has_room(6) && chunk[*at..].starts_with(b"data: ") => {
                    self.take(b"data: ".len())?;
                    self.frame(b"data: ", out);
                    *at += b"data: ".len();
                    self.begin_data(out)?;
                    self.line = Line::Data;
                }
                Line::Name(matched) => {
                    let is_end = matches!(byte, b'\r' | b'\n');
                    if is_end && matched == 0 {
                        self.take(1)?;
                        self.dispatch(out)?;
                        out.push(byte);
                        self.is_after_return = byte == b'\r';
                        *at += 1;
                        continue;
                    }
                    self.line = match DATA.get(matched) {
                        Some(&expected) if expected == byte => Line::Name(matched + 1),
                        None if byte == b':' => Line::Space,
                        None if is_end => {
                            // A name without a colon has an empty value.
                            self.begin_data(out)?;
                            Line::Data
                        }
                        Some(_) | None => Line::Other,
                    };
                    if matches!(self.line, Line::Name(_) | Line::Space) {
                        self.take(1)?;
                        self.frame(&[byte], out);
                        *at += 1;
                    }
                }
                Line::Space => {
                    if byte == b' ' {
                        self.take(1)?;
                        self.frame(b" ", out);
                        *at += 1;
                    }
                    self.begin_data(out)?;
                    self.line = Line::Data;
                }
                Line::Data | Line::Other => {
                    let rest = &chunk[*at..];
                    let end = memchr2(b'\r', b'\n', rest);
                    let content = &rest[..end.unwrap_or(rest.len())];
                    let room = content.len().min(self.limits.message - self.taken);
                    let content = &content[..room];
                    match self.line {
                        Line::Data => self.data(content, at, out)?,
                        Line::Mark(_) | Line::Name(_) | Line::Space | Line::Other => {
                            self.frame(content, out);
                            *at += content.len();
                        }
                    }
                    self.taken += content.len();
                    if let Some(&byte) = chunk.get(*at) {
                        // What is left of the line is its end, or more than the event may have.
                        self.take(1)?;
                        self.frame(&[byte], out);
                        *at += 1;
                        self.is_after_return = byte == b'\r';
                        self.line = Line::Name(0);
                    }
                }
            }
        }
        Ok(())
    }

    fn has_room(&self, count: usize) -> bool {
        count <= self.limits.message - self.taken
    }

    /// Counts bytes of the event against `Limits::message`.
    fn take(&mut self, count: usize) -> Result<(), RedactError> {
        if !self.has_room(count) {
            return Err(RedactError::EventTooLarge);
        }
        self.taken += count;
        Ok(())
    }

    /// Passes bytes that are no data: at once, or between the data lines that they stand between.
    fn frame(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.event {
            Event::Empty => out.extend_from_slice(bytes),
            Event::Json { .. } | Event::Text { .. } => self.frames.push(bytes),
        }
    }

    /// At the value of a `data` line: before it stands a line feed, unless it is the first.
    fn begin_data(&mut self, out: &mut Vec<u8>) -> Result<(), RedactError> {
        match &self.event {
            Event::Empty => return Ok(()),
            Event::Json { .. } | Event::Text { .. } => self.frames.close(),
        }
        self.data(b"\n", &mut 0, out)
    }

    /// Takes data. On an error `at` is moved to the byte that is wrong, else behind the data.
    fn data(&mut self, data: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut data = data;
        if let Event::Empty = self.event {
            let blanks = data.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            out.extend_from_slice(&data[..blanks]);
            *at += blanks;
            data = &data[blanks..];
            self.event = match data.first() {
                None => return Ok(()),
                Some(b'{' | b'[' | b'"') => {
                    let inner = Box::new(Swept::new(Arc::clone(&self.plan), self.limits));
                    Event::Json { inner, is_committed: false }
                }
                Some(_) => Event::Text { held: Vec::new(), bound: self.limits.value_bytes, is_over: false },
            };
            self.lead.clear();
            self.mark = out.len();
        }
        match &mut self.event {
            Event::Empty => {}
            Event::Json { inner, is_committed } => {
                if !*is_committed {
                    let room = (MAX_ODD + 1).saturating_sub(self.lead.len());
                    self.lead.extend_from_slice(&data[..data.len().min(room)]);
                }
                let before = inner.offset();
                let written = if self.frames.are_pending() {
                    self.scratch.clear();
                    let written = inner.write(data, &mut self.scratch);
                    self.frames.weave(&self.scratch, out);
                    written
                } else {
                    inner.write(data, out)
                };
                let is_within = inner.offset() <= self.limits.value_bytes as u64;
                match written {
                    Ok(()) if is_within => {}
                    Ok(()) => {
                        *is_committed = true;
                        self.frames.forget_woven();
                    }
                    Err(_) if is_within => self.give_up_json(out),
                    Err(error) => {
                        *is_committed = true;
                        *at += usize::try_from(inner.offset() - before).unwrap_or(data.len());
                        return Err(error);
                    }
                }
            }
            Event::Text { held, bound, is_over } => {
                if data.len() > bound.saturating_sub(held.len()) {
                    *is_over = true;
                }
                if !*is_over {
                    held.extend_from_slice(data);
                }
            }
        }
        *at += data.len();
        Ok(())
    }

    /// Judges as text what began as JSON and is none. Nothing of it has left.
    fn give_up_json(&mut self, out: &mut Vec<u8>) {
        out.truncate(self.mark);
        self.frames.rewind();
        let held = std::mem::take(&mut self.lead);
        self.event = Event::Text { is_over: held.len() > MAX_ODD, held, bound: MAX_ODD };
    }

    /// At the blank line of an event, before its line end.
    fn dispatch(&mut self, out: &mut Vec<u8>) -> Result<(), RedactError> {
        match std::mem::replace(&mut self.event, Event::Empty) {
            Event::Empty => {}
            Event::Json { inner, is_committed } => {
                self.scratch.clear();
                match inner.finish(&mut self.scratch) {
                    Ok(summary) => {
                        self.summary.add(&summary);
                        self.frames.weave(&self.scratch, out);
                    }
                    Err(error) if is_committed => return Err(error),
                    Err(_) => {
                        self.give_up_json(out);
                        return self.dispatch(out);
                    }
                }
            }
            Event::Text { held, is_over, .. } => self.show_text(&held, is_over, out),
        }
        self.frames.drain(out);
        self.taken = 0;
        Ok(())
    }

    /// Emits what may be seen of data that is not JSON.
    fn show_text(&mut self, held: &[u8], is_over: bool, out: &mut Vec<u8>) {
        if is_over {
            self.summary.unscanned += 1;
            return self.frames.weave(text::HIDDEN, out);
        }
        let (shown, summary) = text::show(&self.plan, self.limits, held);
        self.summary.add(&summary);
        self.frames.weave(&shown, out);
    }
}

/// The name of the field that is redacted.
const DATA: &[u8] = b"data";

/// U+FEFF in UTF-8; one at the start of the stream is no part of its first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The longest data that begins like JSON, is none, and is judged as text: `[DONE]`, `[12:30] closed`. What is
/// longer is hidden.
const MAX_ODD: usize = 64;
