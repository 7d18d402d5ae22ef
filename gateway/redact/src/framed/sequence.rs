//! JSON texts one after another: a line each (NDJSON), behind U+001E (RFC 7464), or simply concatenated.
//!
//! Each text is judged anew from the root of the plan. Between texts there may be blanks and U+001E; a text that
//! is no object or array has to be apart from its neighbours, or nobody could tell where it ends (RFC 7464 §2.4).

use std::{mem, sync::Arc};

use crate::{
    error::RedactError,
    plan::Plan,
    redactor::{Limits, Summary},
};

use super::{is_between, value::Value};

/// Rewrites a sequence of JSON texts.
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
    /// Between two texts.
    Between {
        /// Whether any text may follow, or only one that begins with a bracket.
        is_apart: bool,
    },
    /// Within a text, or the blanks behind it.
    Value { value: Box<Value>, is_scalar: bool },
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        let state = State::Between { is_apart: true };
        Rewriter { plan, limits, state, summary: Summary::default(), offset: 0 }
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

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if let State::Value { value, .. } = self.state {
            self.summary.add(&value.finish(out)?);
        }
        Ok(self.summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on from `at`, which is in the chunk.
    fn step(&mut self, chunk: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let Some(&byte) = chunk.get(*at) else { return Ok(()) };
        match &mut self.state {
            State::Between { is_apart } if is_between(byte) => {
                *is_apart = true;
                out.push(byte);
                *at += 1;
            }
            State::Between { is_apart } => {
                let is_scalar = !matches!(byte, b'{' | b'[');
                if is_scalar && !*is_apart {
                    return Err(RedactError::TrailingData);
                }
                let value = Box::new(Value::new(Arc::clone(&self.plan), self.limits));
                self.state = State::Value { value, is_scalar };
            }
            State::Value { value, is_scalar } => {
                if value.write(chunk, at, out)? {
                    let is_apart = value.is_apart();
                    let follows = chunk.get(*at).is_some_and(|&byte| is_between(byte));
                    if *is_scalar && !is_apart && !follows {
                        return Err(RedactError::TrailingData);
                    }
                    let ended = mem::replace(&mut self.state, State::Between { is_apart });
                    if let State::Value { value, .. } = ended {
                        self.summary.add(&value.finish(out)?);
                    }
                }
            }
        }
        Ok(())
    }
}
