//! The stream: bytes in, redacted bytes out, and what became of them.
//!
//! A redactor is synchronous and owns all its state, so that a proxy phase, a test and a fuzzer drive it alike.
//! It is fused: after an error it emits nothing more and repeats the error.

use std::sync::Arc;

use crate::{class::Class, copies::Learnt, error::RedactError, plan::Plan, rewriter::Rewriter};

/// Redacts one body, however it is cut.
#[derive(Debug)]
pub struct Redactor {
    rewriter: Rewriter,
    /// As they were given, to begin anew.
    plan: Arc<Plan>,
    format: Format,
    limits: Limits,
    failure: Option<RedactError>,
}

/// The grammar of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One JSON text (RFC 8259).
    Json,
    /// JSON texts one after another: NDJSON, JSON text sequences (RFC 7464), or concatenated.
    JsonSequence,
    /// JSON as the arguments of a function call.
    Jsonp,
    /// Frames of real-time protocols and guarded JSON: Engine.IO and Socket.IO, SockJS, SignalR, Phoenix,
    /// ActionCable, DDP, STOMP, and JSON behind `)]}'` and the like.
    Framed,
    /// An event stream (WHATWG HTML §9.2.6) whose events hold JSON.
    EventStream,
    /// An HTML page in UTF-8.
    Html,
    /// `application/x-www-form-urlencoded` (WHATWG URL §5).
    Form,
    /// A table in CSV (RFC 4180) with a header, separated by commas, semicolons or tabs.
    Csv,
    /// Plain text in UTF-8, in which contacts are found by their shape.
    Text,
}

impl Redactor {
    /// Begins a JSON text (RFC 8259) under the default limits.
    pub fn json(plan: Arc<Plan>) -> Redactor {
        Redactor::new(plan, Format::Json, Limits::default())
    }

    /// Begins a body of a format under limits.
    pub fn new(plan: Arc<Plan>, format: Format, limits: Limits) -> Redactor {
        let copies = plan.copies().then(Arc::default);
        Redactor::begin(plan, format, limits, copies)
    }

    /// Looks for copies of the values that are in a set, and has it learn those of this body. Bodies of one account
    /// share one. It is given before the first byte; under a plan that does not hide copies it stays as it is.
    #[must_use]
    pub fn with_copies(self, learnt: Arc<Learnt>) -> Redactor {
        debug_assert_eq!(self.offset(), 0);
        let copies = self.plan.copies().then_some(learnt);
        Redactor::begin(self.plan, self.format, self.limits, copies)
    }

    fn begin(plan: Arc<Plan>, format: Format, limits: Limits, copies: Option<Arc<Learnt>>) -> Redactor {
        let given = Arc::clone(&plan);
        let plan = match copies {
            Some(learnt) => Arc::new(plan.teaching(learnt)),
            None => plan,
        };
        let rewriter = Rewriter::new(plan, format, limits);
        Redactor { plan: given, format, limits, rewriter, failure: None }
    }

    /// Takes the next bytes of the body and appends to `out` what may leave.
    ///
    /// Bytes outside of hidden values leave as they came, and at once unless a value before them waits for a
    /// condition; a hidden value leaves masked, when it is complete. On an error nothing of a hidden value has left, and the body must be given up.
    pub fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let result = self.rewriter.write(chunk, out);
        result.inspect_err(|failure| self.failure = Some(*failure))
    }

    /// Ends the body.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.rewriter.finish(out)
    }

    /// How many bytes have been taken; after an error, those before the byte that it was found at.
    pub fn offset(&self) -> u64 {
        self.rewriter.offset()
    }
}

/// The bounds of one stream's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep containers may be nested; one level more is an error.
    pub depth: usize,
    /// The longest hidden value that is held, in decoded bytes; a longer one shows the `hidden` form of its class.
    pub value_bytes: usize,
    /// How much output is held until conditions are decided, in bytes, 96 for each note on a value or field that
    /// waits included; what is undecided then is hidden. What is held is longer by at most one masked value.
    pub held_object: usize,
    /// The longest string that is looked into, in bytes as spelled; a longer one is hidden as a whole. Looking
    /// into one takes a few times its length for each level of nesting.
    pub inner_bytes: usize,
    /// How many levels of JSON in strings in JSON are looked into; what is nested deeper is hidden.
    pub nesting: usize,
    /// The longest message of a framing that tells lengths, and so must be held whole, and the longest event of an
    /// event stream, its framing included, in bytes; a longer one is an error.
    pub message: usize,
    /// How much of the start of a body is held whole, in bytes, so that copies of values are hidden that stand before
    /// the field they are learnt from. A longer body goes on in steps of 16 KiB, and behind its start a copy before its
    /// field is hidden only if both are within the same step; one behind its field is hidden wherever it stands.
    pub copies_window: usize,
    /// The longest tag, comment or held script of a page, in bytes; a longer one is an error.
    pub markup: usize,
}

impl Limits {
    /// The bounds where nobody says otherwise.
    pub const DEFAULT: Limits = Limits {
        depth: 128,
        value_bytes: 64 * 1024,
        held_object: 64 * 1024,
        inner_bytes: 1024 * 1024,
        nesting: 3,
        message: 16 * 1024 * 1024,
        copies_window: 256 * 1024,
        markup: 4 * 1024 * 1024,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}

/// What was done to one body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many values were hidden, by [`Class::index`]. Empty strings and nulls are not counted: they stay.
    pub hidden: [u64; Class::ALL.len()],
    /// How many strings were hidden as a whole, since they could not be looked into.
    pub unscanned: u64,
}

impl Summary {
    /// How many values were hidden in all.
    pub fn total(&self) -> u64 {
        self.hidden.iter().sum::<u64>() + self.unscanned
    }

    /// Adds what was done to a part of the body.
    pub fn add(&mut self, part: &Summary) {
        for (sum, hidden) in self.hidden.iter_mut().zip(part.hidden) {
            *sum += hidden;
        }
        self.unscanned += part.unscanned;
    }
}
