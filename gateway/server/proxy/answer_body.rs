//! The body of an answer, chunk by chunk.
//!
//! Rewriting never lets a byte pass that it has not read; after an error nothing more leaves and the connection is
//! cut, so that the client sees an error and not a short answer.

use bytes::Bytes;
use chatwarden_redact::{Plan, RedactError, Redactor, Summary};
use std::sync::Arc;

/// How the chunks of one answer are treated.
#[derive(Default)]
pub(crate) enum AnswerBody {
    /// As they came.
    #[default]
    Pass,
    /// Left out.
    Drop,
    /// Rewritten as JSON. `started` is false until the first byte: an empty body has nothing to hide.
    Rewrite { redactor: Option<Box<Redactor>>, started: bool },
    /// Calls itself HTML; the first byte that is not white space tells whether it is JSON after all.
    Sniff { plan: Arc<Plan>, blank: Vec<u8> },
    /// Passes as it came; the plan counts beside.
    Count(Option<Box<Redactor>>),
    /// Nothing more leaves.
    Failed,
}

/// What a finished body tells: counts by class, and whether they were only counted (`mode: monitor`).
pub(crate) struct Finished {
    pub(crate) summary: Summary,
    pub(crate) monitored: bool,
}

/// The most white space that is held before the first byte that tells HTML from JSON.
const MAX_BLANK_BYTES: usize = 64 * 1024;

impl AnswerBody {
    pub(crate) fn json(plan: Arc<Plan>) -> Self {
        Self::Rewrite { redactor: Some(Box::new(Redactor::json(plan))), started: false }
    }

    pub(crate) fn count(plan: Arc<Plan>) -> Self {
        Self::Count(Some(Box::new(Redactor::json(plan))))
    }

    pub(crate) fn sniff(plan: Arc<Plan>) -> Self {
        Self::Sniff { plan, blank: Vec::new() }
    }

    /// Takes a chunk and leaves in its place what may leave.
    ///
    /// # Errors
    /// A body that cannot be rewritten; from then on nothing leaves.
    pub(crate) fn filter(
        &mut self,
        body: &mut Option<Bytes>,
        end: bool,
    ) -> Result<Option<Finished>, RedactError> {
        let result = self.advance(body, end);
        if result.is_err() {
            *self = Self::Failed;
            *body = None;
        }
        result
    }

    fn advance(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<Option<Finished>, RedactError> {
        if let Self::Sniff { plan, blank } = self {
            match sniff(blank, body, end) {
                Sniffed::Undecided => return Ok(None),
                Sniffed::Html => *self = Self::Pass,
                Sniffed::Json => *self = Self::json(Arc::clone(plan)),
            }
        }
        match self {
            Self::Pass | Self::Sniff { .. } => Ok(None),
            Self::Drop | Self::Failed => {
                *body = None;
                Ok(None)
            }
            Self::Rewrite { redactor, started } => {
                let chunk = body.take().unwrap_or_default();
                *started |= !chunk.is_empty();
                let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 8 + 64);
                if let Some(redactor) = redactor {
                    redactor.write(&chunk, &mut out)?;
                }
                let last = if end && *started { redactor.take() } else { None };
                let summary = last.map(|redactor| redactor.finish(&mut out)).transpose()?;
                *body = (!out.is_empty()).then(|| Bytes::from(out));
                Ok(summary.map(|summary| Finished { summary, monitored: false }))
            }
            Self::Count(counting) => {
                let chunk = body.as_deref().unwrap_or_default();
                let mut scratch = Vec::new();
                if counting.as_mut().is_some_and(|redactor| redactor.write(chunk, &mut scratch).is_err()) {
                    *counting = None;
                }
                let redactor = if end { counting.take() } else { None };
                Ok(redactor
                    .and_then(|redactor| redactor.finish(&mut scratch).ok())
                    .map(|summary| Finished { summary, monitored: true }))
            }
        }
    }
}

enum Sniffed {
    Undecided,
    Html,
    Json,
}

/// Holds leading white space until a byte tells; what was held then goes first.
fn sniff(blank: &mut Vec<u8>, body: &mut Option<Bytes>, end: bool) -> Sniffed {
    let chunk = body.take().unwrap_or_default();
    let first = chunk.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_none() && !end && blank.len() + chunk.len() <= MAX_BLANK_BYTES {
        blank.extend_from_slice(&chunk);
        return Sniffed::Undecided;
    }
    let json = matches!(first, Some(b'{' | b'['));
    let whole = if blank.is_empty() {
        chunk
    } else {
        blank.extend_from_slice(&chunk);
        Bytes::from(std::mem::take(blank))
    };
    *body = (!whole.is_empty()).then_some(whole);
    if json { Sniffed::Json } else { Sniffed::Html }
}
