//! JSON in the framings of real-time protocols, and behind guards: a lenient reader.
//!
//! One body is a row of frames, apart by line ends or U+001E, in any mixture of
//!
//! - JSON itself (SignalR, Phoenix, ActionCable, DDP), which may stand behind a guard at the start of the body:
//!   `)]}'`, `for(;;);`, `while(1);`, `{}&&`;
//! - Engine.IO and Socket.IO packets: digits, attachments, namespace, number of the answer, JSON ([`head`]);
//! - payloads of Engine.IO 3, each packet behind its length ([`payload`]);
//! - SockJS frames: `o`, `h`, `a[…]`, `m"…"`, `c[…]` ([`sockjs`]);
//! - STOMP frames with JSON bodies ([`stomp`]).
//!
//! Whatever else a frame begins with is an error, and so are binary packets. What passes besides JSON is too short
//! and too plain for contact data: bounded digits, fixed letters, names without long numbers. Header lines of
//! STOMP are free text.

use std::{mem, sync::Arc};

use crate::{
    error::RedactError,
    json::nested,
    plan::Plan,
    redactor::{Limits, Summary},
};

use head::{Head, Next};
use value::Value;

pub(crate) mod fuzz;
mod head;
pub(crate) mod jsonp;
mod payload;
pub(crate) mod sequence;
mod sockjs;
mod stomp;
#[cfg(test)]
mod tests;
mod value;

/// Rewrites a row of frames.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    limits: Limits,
    state: State,
    /// Whether this is a frame within another one, which may be no row of frames in turn.
    is_inner: bool,
    summary: Summary,
    offset: u64,
}

#[derive(Debug)]
enum State {
    /// At the start of the body, but for blanks.
    Start,
    /// A frame may begin.
    Between,
    /// Behind a frame that something has to end.
    Behind,
    /// Behind an `h`; there may be any number.
    Beats,
    Head(Head),
    Value(Box<Value>),
    Payload(payload::Packet),
    Messages(sockjs::Messages),
    Stomp(stomp::Frame),
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        Rewriter {
            plan,
            limits,
            state: State::Start,
            is_inner: false,
            summary: Summary::default(),
            offset: 0,
        }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut at = 0;
        let mut result = Ok(());
        while result.is_ok() && at < chunk.len() {
            result = self.step(chunk, &mut at, out);
        }
        self.offset += at as u64;
        result
    }

    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        let mut summary = self.summary;
        match self.state {
            State::Start | State::Between | State::Behind | State::Beats => {}
            State::Head(head) => head.end(out)?,
            State::Value(value) => summary.add(&value.finish(out)?),
            State::Payload(_) | State::Messages(_) | State::Stomp(_) => return Err(RedactError::Truncated),
        }
        Ok(summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on from `at`, which is in the chunk; on an error `at` is at the byte that it was found at.
    fn step(&mut self, chunk: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let Some(&byte) = chunk.get(*at) else { return Ok(()) };
        match &mut self.state {
            State::Start | State::Between | State::Behind | State::Beats if is_between(byte) => {
                if !matches!(self.state, State::Start) {
                    self.state = State::Between;
                }
                out.push(byte);
                *at += 1;
            }
            State::Beats if byte == b'h' => {
                out.push(byte);
                *at += 1;
            }
            State::Behind | State::Beats => return Err(RedactError::TrailingData),
            State::Start | State::Between => {
                let is_start = matches!(self.state, State::Start) && !self.is_inner;
                self.state = State::Head(Head::new(is_start));
            }
            State::Head(head) => match head.take(byte)? {
                None => *at += 1,
                Some(next) => {
                    let head = mem::take(head);
                    self.enter(next, &head, at, out)?;
                }
            },
            State::Value(value) => {
                if value.write(chunk, at, out)? {
                    if !value.is_apart() && chunk.get(*at).is_none_or(|&byte| !is_between(byte)) {
                        return Err(RedactError::TrailingData);
                    }
                    if let State::Value(value) = mem::replace(&mut self.state, State::Between) {
                        self.summary.add(&value.finish(out)?);
                    }
                }
            }
            State::Payload(packet) => {
                if packet.read(chunk, at, self.limits.message)? {
                    let packet = mem::take(packet);
                    self.redact_packet(&packet, out)?;
                    *at += 1;
                    self.state = State::Between;
                }
            }
            State::Messages(messages) => {
                if messages.read(chunk, at, self.limits.message, out)? == sockjs::Read::Message {
                    let raw = mem::take(&mut messages.raw);
                    self.redact_message(&raw, out)?;
                    out.push(b'"');
                }
                if let State::Messages(messages) = &self.state
                    && messages.is_over()
                {
                    self.state = State::Behind;
                }
            }
            State::Stomp(frame) => {
                if frame.read(chunk, at, self.limits.message)? {
                    let frame = mem::take(frame);
                    self.summary.add(&frame.redact(&self.plan, self.limits, out)?);
                    *at += 1;
                    self.state = State::Between;
                }
            }
        }
        Ok(())
    }

    /// Goes on behind the head of a frame.
    fn enter(
        &mut self,
        next: Next,
        head: &Head,
        at: &mut usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RedactError> {
        let value = || Box::new(Value::new(Arc::clone(&self.plan), self.limits));
        if !matches!(next, Next::Again | Next::Payload) {
            out.extend_from_slice(head.bytes());
        }
        self.state = match next {
            Next::End => State::Behind,
            Next::Beats => State::Beats,
            Next::Value => State::Value(value()),
            Next::Again => {
                let mut value = value();
                value.write(head.bytes(), &mut 0, out)?;
                State::Value(value)
            }
            Next::Payload if self.is_inner => return Err(RedactError::UnknownFraming),
            Next::Payload => {
                *at += 1;
                State::Payload(payload::Packet::new(head.bytes()))
            }
            Next::Messages => State::Messages(sockjs::Messages::list()),
            Next::Message => State::Messages(sockjs::Messages::one()),
            Next::Stomp => State::Stomp(stomp::Frame::default()),
        };
        Ok(())
    }

    /// Appends a packet behind its length, redacted.
    fn redact_packet(&mut self, packet: &payload::Packet, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut redacted = Vec::with_capacity(packet.bytes().len());
        self.redact_inner(packet.bytes(), &mut redacted)?;
        packet.write(&redacted, out);
        Ok(())
    }

    /// Appends the inside of a string that is a frame, redacted.
    fn redact_message(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let levels = self.limits.nesting;
        nested::rewrite_text(raw, levels, out, |text, out| self.redact_inner(text.as_bytes(), out))
    }

    /// Redacts a frame within a frame.
    fn redact_inner(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        if self.is_inner {
            return Err(RedactError::UnknownFraming);
        }
        let mut inner = Rewriter::new(Arc::clone(&self.plan), self.limits);
        inner.is_inner = true;
        inner.write(frame, out)?;
        self.summary.add(&inner.finish(out)?);
        Ok(())
    }
}

/// Whether a byte may stand between frames.
fn is_between(byte: u8) -> bool {
    matches!(byte, 0x1e | b'\n' | b'\r' | b' ' | b'\t')
}
