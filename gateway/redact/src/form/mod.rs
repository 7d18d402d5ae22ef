//! Form bodies, `application/x-www-form-urlencoded` (WHATWG URL §5), rewritten as they stream past.
//!
//! Any byte string is a form, so none is refused: an escape that is malformed stands for itself, here as in every
//! reader that follows the standard. A name leaves at once and is held, too; when it is complete, the plan says
//! what becomes of its value. Pairs without a hidden value leave as they came; of a pair with one the value is
//! spelled anew as the standard does. A value that begins as JSON is redacted as JSON. Names are never hidden, and
//! fields with conditions always: a form does not say which of its fields belong together. Where copies are hidden every
//! value that nobody declared is searched for them.
//!
//! What is too long to be judged is hidden: the value under a name longer than `Limits::value_bytes`, and a value to
//! be looked into that is longer than `Limits::inner_bytes`.

use std::sync::Arc;

use memchr::{memchr, memchr2};

use crate::{
    class::Class,
    error::RedactError,
    inner::{Seen, look_into},
    json::nested::{UNSCANNED, is_blank},
    mask, percent,
    plan::{Inner, Plan, Treatment},
    redactor::{Limits, Summary},
};

pub(crate) mod fuzz;
pub(crate) mod path;

/// Rewrites one form body.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    limits: Limits,
    state: State,
    /// The name, or the value that may have to change, as it is spelled.
    held: Vec<u8>,
    /// Whether what is read is longer than may be held; then nothing of it is.
    is_over: bool,
    /// How much of a held value is known to be blank.
    blank: usize,
    summary: Summary,
    offset: u64,
}

/// What is being read.
#[derive(Clone, Copy, Debug)]
enum State {
    Name,
    /// A value that stays as it is.
    Plain,
    /// A value that is kept where copies are hidden: it is no copy of anything.
    Kept,
    /// The beginning of a value, as long as it may turn out to be JSON.
    Beginning,
    /// A value that is looked into: as the plan says, or because it begins as JSON does.
    Inner {
        inner: Option<Inner>,
        is_written: bool,
    },
    /// A hidden value; of a name too long to be judged, without a class.
    Hidden(Option<Class>),
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        Rewriter {
            plan,
            limits,
            state: State::Name,
            held: Vec::new(),
            is_over: false,
            blank: 0,
            summary: Summary::default(),
            offset: 0,
        }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        self.offset += chunk.len() as u64;
        let mut rest = chunk;
        loop {
            let end = match self.state {
                State::Name => memchr2(b'=', b'&', rest),
                State::Plain | State::Kept | State::Beginning | State::Inner { .. } | State::Hidden(_) => {
                    memchr(b'&', rest)
                }
            };
            let (part, later) = rest.split_at(end.unwrap_or(rest.len()));
            self.take(part, out);
            let [delimiter, later @ ..] = later else { return Ok(()) };
            match (self.state, delimiter) {
                (State::Name, b'=') => self.state = self.judge(),
                (State::Name, _) => {}
                (
                    State::Plain | State::Kept | State::Beginning | State::Inner { .. } | State::Hidden(_),
                    _,
                ) => {
                    self.end_value(out);
                    self.state = State::Name;
                }
            }
            self.begin();
            out.push(*delimiter);
            rest = later;
        }
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        self.end_value(out);
        Ok(self.summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes a part of a name or value.
    fn take(&mut self, mut part: &[u8], out: &mut Vec<u8>) {
        while let State::Beginning = self.state {
            if part.is_empty() {
                return;
            }
            // A few bytes decide, and none of them is over the bound: how long the part is decides nothing.
            let few = self.room().clamp(1, 16).min(part.len());
            self.hold(&part[..few]);
            part = &part[few..];
            match begins_json(&self.held, &mut self.blank) {
                // Too long for what it begins as.
                None if self.is_over => self.state = self.begun(),
                None => {}
                Some(true) => self.state = self.begun(),
                Some(false) => {
                    self.state = State::Plain;
                    out.extend_from_slice(&self.held);
                }
            }
        }
        match self.state {
            State::Name | State::Kept => {
                out.extend_from_slice(part);
                self.hold(part);
            }
            State::Plain => out.extend_from_slice(part),
            State::Beginning | State::Inner { .. } | State::Hidden(_) => self.hold(part),
        }
    }

    /// What is read is JSON. Where copies are hidden, only of what operators wrote the beginning is looked at.
    fn begun(&self) -> State {
        State::Inner { inner: None, is_written: self.plan.learnt().is_some() }
    }

    fn begin(&mut self) {
        self.held.clear();
        self.is_over = false;
        self.blank = 0;
    }

    fn hold(&mut self, part: &[u8]) {
        if self.is_over || part.len() > self.room() {
            self.is_over = true;
            self.blank = 0;
            self.held.clear();
        } else {
            self.held.extend_from_slice(part);
        }
    }

    /// How much more may be held.
    fn room(&self) -> usize {
        let bound = match self.state {
            // An escape has three bytes.
            State::Name | State::Kept | State::Hidden(_) => self.limits.value_bytes.saturating_mul(3),
            State::Plain | State::Beginning | State::Inner { .. } => self.limits.inner_bytes,
        };
        bound - self.held.len()
    }

    /// Behind a name: what becomes of the value.
    fn judge(&self) -> State {
        let Some(name) = self.decoded() else { return State::Hidden(None) };
        let name = String::from_utf8_lossy(&name);
        let is_written = self.plan.learnt().is_some() && path::is_written(&self.plan, &name);
        match path::treatment(&self.plan, &name) {
            Some(Treatment::Hide(class) | Treatment::HideIf(_, class)) => State::Hidden(Some(class)),
            Some(Treatment::Keep) if self.plan.learnt().is_some() => State::Kept,
            Some(Treatment::Keep) => State::Plain,
            Some(Treatment::Inner(inner)) => State::Inner { inner: Some(inner), is_written },
            Some(Treatment::Written) => State::Beginning,
            Some(Treatment::Keys(_)) | None => match self.plan.learnt() {
                Some(_) => State::Inner { inner: None, is_written },
                None => State::Beginning,
            },
        }
    }

    fn end_value(&mut self, out: &mut Vec<u8>) {
        match self.state {
            State::Name | State::Plain => {}
            State::Kept => {
                if let (Some(learnt), Some(value)) = (self.plan.learnt(), self.decoded()) {
                    learnt.learn_kept(self.plan.key(), &String::from_utf8_lossy(&value));
                }
            }
            State::Beginning => out.extend_from_slice(&self.held),
            State::Inner { .. } | State::Hidden(_) if self.held.is_empty() && !self.is_over => {}
            State::Hidden(None) => self.hide_unread(out),
            State::Hidden(Some(class)) => {
                let value = self.decoded();
                let mut shown = String::new();
                match value.as_deref().map(String::from_utf8_lossy) {
                    // Readers replace what is not UTF-8, so the value that they know is this one.
                    Some(value) => self.plan.write_text(class, value.as_bytes(), &mut shown),
                    None => mask::write_hidden(class, &mut shown),
                }
                push_encoded(shown.as_bytes(), out);
                self.summary.hidden[class.index()] += 1;
            }
            State::Inner { inner, is_written } => {
                let text = percent::decode_form(&self.held);
                let text = String::from_utf8_lossy(&text);
                let mut shown = Vec::new();
                let seen = match self.is_over {
                    true => Seen::Unreadable,
                    false => look_into(
                        &text,
                        inner,
                        !is_written,
                        &self.plan,
                        self.limits,
                        &mut self.summary,
                        &mut shown,
                    ),
                };
                match seen {
                    Seen::Plain => out.extend_from_slice(&self.held),
                    Seen::Redacted => push_encoded(&shown, out),
                    Seen::Unreadable => self.hide_unread(out),
                }
            }
        }
    }

    fn hide_unread(&mut self, out: &mut Vec<u8>) {
        push_encoded(UNSCANNED.as_bytes(), out);
        self.summary.unscanned += 1;
    }

    /// What is held, decoded; `None` if there was more than may be.
    fn decoded(&self) -> Option<Vec<u8>> {
        let decoded = (!self.is_over).then(|| percent::decode_form(&self.held));
        decoded.filter(|decoded| decoded.len() <= self.limits.value_bytes)
    }
}

/// Appends bytes, encoded as the standard's serializer does (WHATWG URL §5.2).
fn push_encoded(bytes: &[u8], out: &mut Vec<u8>) {
    for (place, word) in bytes.split(|&byte| byte == b' ').enumerate() {
        if place > 0 {
            out.push(b'+');
        }
        percent::encode(word, b"*", out);
    }
}

/// Whether a value begins as JSON, if that can be said yet; `blank` of its bytes are known to be blanks.
fn begins_json(spelling: &[u8], blank: &mut usize) -> Option<bool> {
    loop {
        let mut rest = &spelling[*blank..];
        let mut bytes = Vec::with_capacity(4);
        let character = loop {
            let may_go_on = rest.len() < 3 && rest.first() == Some(&b'%');
            let (byte, later) = percent::unit(rest, true).filter(|_| !may_go_on)?;
            bytes.push(byte);
            rest = later;
            match str::from_utf8(&bytes) {
                Ok(text) => break text.chars().next()?,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Some(false),
            }
        };
        match character {
            '{' | '[' | '"' => return Some(true),
            blank_character if is_blank(blank_character) => *blank = spelling.len() - rest.len(),
            _ => return Some(false),
        }
    }
}

#[cfg(test)]
mod tests;
