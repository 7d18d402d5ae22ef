//! JSON as the arguments of a function call: `callback({…});`.
//!
//! What stands around the JSON is the caller's own choice of a name and fixed text: `/**/` or the check
//! `typeof callback === 'function' &&` that servers put before it, one semicolon behind it. It is held until it is
//! known to be that. Anything else is an error.

use std::sync::Arc;

use crate::{
    error::RedactError,
    plan::Plan,
    redactor::{Limits, Summary},
};

use super::value::Value;

/// Rewrites one call.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    limits: Limits,
    state: State,
    summary: Summary,
    offset: u64,
}

#[derive(Debug)]
enum State {
    /// Before the opening parenthesis: what has been read.
    Callee(Vec<u8>),
    /// Within an argument, or before it.
    Argument(Box<Value>),
    /// Behind the closing parenthesis.
    Called,
    /// Behind the semicolon.
    Ended,
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        Rewriter { plan, limits, state: State::Callee(Vec::new()), summary: Summary::default(), offset: 0 }
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

    pub(crate) fn finish(self, _: &mut Vec<u8>) -> Result<Summary, RedactError> {
        match self.state {
            State::Called | State::Ended => Ok(self.summary),
            State::Callee(read) if read.trim_ascii().is_empty() => Err(RedactError::EmptyBody),
            State::Callee(_) | State::Argument(_) => Err(RedactError::Truncated),
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on from `at`, which is in the chunk.
    fn step(&mut self, chunk: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let Some(&byte) = chunk.get(*at) else { return Ok(()) };
        let next = match &mut self.state {
            State::Callee(read) if byte == b'(' => {
                if !is_callee(read) {
                    return Err(RedactError::UnknownFraming);
                }
                out.append(read);
                Some(State::Argument(Box::new(self.value())))
            }
            State::Callee(read) => {
                if read.len() >= MAX_CALLEE {
                    return Err(RedactError::UnknownFraming);
                }
                read.push(byte);
                *at += 1;
                return Ok(());
            }
            State::Argument(value) => {
                if !value.write(chunk, at, out)? {
                    return Ok(());
                }
                // A value, or the end of one, is at the place.
                let is_last = match chunk.get(*at) {
                    Some(b',') => false,
                    Some(b')') => true,
                    Some(_) | None => return Err(RedactError::TrailingData),
                };
                let next = if is_last { State::Called } else { State::Argument(Box::new(self.value())) };
                if let State::Argument(value) = std::mem::replace(&mut self.state, next) {
                    self.summary.add(&value.finish(out)?);
                }
                None
            }
            State::Called | State::Ended if is_blank(byte) => None,
            State::Called if byte == b';' => Some(State::Ended),
            State::Called | State::Ended => return Err(RedactError::TrailingData),
        };
        out.extend(chunk.get(*at));
        *at += 1;
        if let Some(next) = next {
            self.state = next;
        }
        Ok(())
    }

    fn value(&self) -> Value {
        Value::new(Arc::clone(&self.plan), self.limits)
    }
}

/// Whether this may stand before the opening parenthesis.
fn is_callee(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"/**/").unwrap_or(text).trim_ascii_start();
    let Some(check) = text.strip_prefix(b"typeof ") else { return is_name(text) };
    let name = check.split(|&byte| byte == b' ').next().unwrap_or_default();
    let call = check.strip_prefix(name).and_then(|rest| {
        let rest =
            rest.strip_prefix(b" === 'function' && ").or_else(|| rest.strip_prefix(b" == 'function' && "));
        rest.map(<[u8]>::trim_ascii_start)
    });
    is_name(name) && call == Some(name)
}

/// A name, with members as in `window.parent["handlers"][0]`.
fn is_name(text: &[u8]) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$');
    let is_part = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | b'[' | b']' | b'\'' | b'"')
    };
    text.first().is_some_and(is_first) && text.iter().all(is_part)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

const MAX_CALLEE: usize = 512;
