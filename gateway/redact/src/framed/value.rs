//! One JSON text of a body that goes on behind it.
//!
//! The JSON rewriter says where its text has ended by the error that something follows it; this is where the
//! framings hear that.

use std::sync::Arc;

use crate::{
    copies::Swept,
    error::RedactError,
    plan::Plan,
    redactor::{Limits, Summary},
};

#[derive(Debug)]
pub(super) struct Value {
    rewriter: Swept,
    /// The last byte that was read.
    last: Option<u8>,
}

impl Value {
    pub(super) fn new(plan: Arc<Plan>, limits: Limits) -> Value {
        Value { rewriter: Swept::new(plan, limits), last: None }
    }

    /// Reads on from `at`. Returns whether something that is no part of the text stands at `at`; else the chunk is
    /// used up. On an error `at` is at the byte that is wrong.
    pub(super) fn write(
        &mut self,
        chunk: &[u8],
        at: &mut usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, RedactError> {
        let rest = chunk.get(*at..).unwrap_or_default();
        let start = self.rewriter.offset();
        let result = self.rewriter.write(rest, out);
        let read = usize::try_from(self.rewriter.offset() - start).unwrap_or(rest.len());
        *at += read;
        if let Some(last) = read.checked_sub(1) {
            self.last = rest.get(last).copied();
        }
        match result {
            Ok(()) => Ok(false),
            Err(RedactError::TrailingData) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether blanks end what has been read.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.last, Some(b' ' | b'\n' | b'\r' | b'\t'))
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        self.rewriter.finish(out)
    }
}
