//! The stream: bytes in, redacted bytes out, and what became of them.
//!
//! A redactor is synchronous and owns all its state, so that a proxy phase, a test and a fuzzer drive it alike.
//! It is fused: after an error it emits nothing more and repeats the error.

use std::sync::Arc;

use crate::{class::Class, error::RedactError, json, plan::Plan};

/// Redacts one body, however it is cut.
#[derive(Debug)]
pub struct Redactor {
    rewriter: Rewriter,
    failure: Option<RedactError>,
}

/// The grammar of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON text (RFC 8259).
    Json,
}

/// One rewriter for each format.
#[derive(Debug)]
enum Rewriter {
    Json(json::Rewriter),
}

impl Redactor {
    /// Begins a JSON text (RFC 8259) under the default limits.
    pub fn json(plan: Arc<Plan>) -> Redactor {
        Redactor::new(plan, Format::Json, Limits::default())
    }

    /// Begins a body of a format under limits.
    pub fn new(plan: Arc<Plan>, format: Format, limits: Limits) -> Redactor {
        let rewriter = match format {
            Format::Json => Rewriter::Json(json::Rewriter::new(plan, limits)),
        };
        Redactor { rewriter, failure: None }
    }

    /// Takes the next bytes of the body and appends to `out` what may leave.
    ///
    /// Bytes outside of hidden values leave at once and as they came; a hidden value leaves masked, when it is
    /// complete. On an error nothing of a hidden value has left, and the body must be given up.
    pub fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let result = match &mut self.rewriter {
            Rewriter::Json(rewriter) => rewriter.write(chunk, out),
        };
        result.inspect_err(|failure| self.failure = Some(*failure))
    }

    /// Ends the body.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match self.rewriter {
            Rewriter::Json(rewriter) => rewriter.finish(out),
        }
    }

    /// How many bytes have been taken; after an error, those before the byte that it was found at.
    pub fn offset(&self) -> u64 {
        match &self.rewriter {
            Rewriter::Json(rewriter) => rewriter.offset(),
        }
    }
}

/// The bounds of one stream's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep containers may be nested; one level more is an error.
    pub depth: usize,
    /// The longest hidden value that is held, in decoded bytes; a longer one shows the `hidden` form of its class.
    pub value_bytes: usize,
    /// How much of an object is held until a condition about it is decided, in bytes, notes on waiting values
    /// included; what is undecided then is hidden.
    pub held_object: usize,
    /// How much of the start of a body is held whole, in bytes, so that copies of values are hidden that stand before
    /// the field they are learnt from.
    pub copies_window: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 128, value_bytes: 64 * 1024, held_object: 64 * 1024, copies_window: 256 * 1024 }
    }
}

/// What was done to one body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many values were hidden, by [`Class::index`]. Empty strings and nulls are not counted: they stay.
    pub hidden: [u64; Class::ALL.len()],
}

impl Summary {
    /// How many values were hidden in all.
    pub fn total(&self) -> u64 {
        self.hidden.iter().sum()
    }
}
