//! The body of an answer, chunk by chunk: decoded, read and rewritten, encoded again.
//!
//! Rewriting never lets a byte pass that it has not read; after an error nothing more leaves and the connection is
//! cut, so that the client sees an error and not a short answer. What a chunk holds leaves with it, so that events and long
//! polls arrive when they happen.

use std::sync::Arc;

use bytes::Bytes;
use chatwarden_policy::{
    answer::{Rewrite, Unknown},
    carrier::{Carrier, Guess, Judged},
    reason::{Denial, Reason},
};
use chatwarden_redact::{
    Format, Learnt, Limits, Plan, RedactError, Redactor, Summary,
    codings::{Coding, CodingError, CodingLimits, Decoder, Encoder, Progress},
};

use super::{
    glance::Glancing,
    row::{Heard, Listener, Row},
};

/// How the chunks of one answer are treated.
#[derive(Default)]
pub(crate) enum AnswerBody {
    /// As they came.
    #[default]
    Pass,
    /// As they came, once the first ones let them.
    Glance(Box<Glancing>),
    /// Left out.
    Drop,
    /// Rewritten.
    Rewrite(Box<Rewriting>),
    /// They pass as they came, and are read beside: what would be hidden is counted, what signs in is heard.
    Beside(Option<Box<Rewriting>>),
    /// Nothing more leaves.
    Failed,
}

/// What a finished body tells: counts by class, and whether they were only counted (`mode: monitor`).
pub(crate) struct Finished {
    pub(crate) summary: Summary,
    pub(crate) monitored: bool,
}

/// Why a body is cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error(transparent)]
    Redact(#[from] RedactError),
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// No grammar fits its first bytes.
    #[error("the body is of no grammar that is known")]
    Unknown,
    /// What follows may not be seen by whose the stream has become.
    #[error("the stream has become somebody else's")]
    Denied(Denial),
}

impl From<Denial> for AnswerError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl AnswerError {
    /// Names the error as logs do.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            AnswerError::Redact(error) => error.name(),
            AnswerError::Coding(error) => error.name(),
            AnswerError::Unknown => "unknown-grammar",
            AnswerError::Denied(denial) => denial.reason.code(),
        }
    }
}

impl AnswerBody {
    /// Takes a chunk and leaves in its place what may leave.
    ///
    /// # Errors
    /// A body that cannot be rewritten; from then on nothing leaves.
    pub(crate) fn filter(
        &mut self,
        body: &mut Option<Bytes>,
        end: bool,
        listener: &mut dyn Listener,
    ) -> Result<Option<Finished>, AnswerError> {
        match self {
            Self::Pass => Ok(None),
            Self::Glance(glancing) => {
                let chunk = body.take().unwrap_or_default();
                match glancing.take(&chunk, end) {
                    Ok(None) => Ok(None),
                    Ok(Some(passed)) => {
                        *body = (!passed.is_empty()).then_some(passed);
                        *self = Self::Pass;
                        Ok(None)
                    }
                    Err(error) => {
                        *self = Self::Failed;
                        Err(error)
                    }
                }
            }
            Self::Drop | Self::Failed => {
                *body = None;
                Ok(None)
            }
            Self::Rewrite(rewriting) => {
                let chunk = body.take().unwrap_or_default();
                let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 8 + 64);
                match rewriting.take(&chunk, end, listener, &mut out) {
                    Ok(summary) => {
                        *body = (!out.is_empty()).then(|| Bytes::from(out));
                        Ok(summary.map(|summary| Finished { summary, monitored: false }))
                    }
                    Err(error) => {
                        *self = Self::Failed;
                        Err(error)
                    }
                }
            }
            Self::Beside(reading) => {
                let chunk = body.as_deref().unwrap_or_default();
                let mut scratch = Vec::new();
                let read = reading.as_mut().map(|reading| {
                    let summary = reading.take(chunk, end, listener, &mut scratch);
                    if reading.turns { Err(Denial::from(Reason::UnscannableAnswer).into()) } else { summary }
                });
                match read {
                    Some(Ok(summary)) => Ok(summary.map(|summary| Finished { summary, monitored: true })),
                    Some(Err(AnswerError::Denied(denial))) => {
                        *self = Self::Failed;
                        *body = None;
                        Err(AnswerError::Denied(denial))
                    }
                    // What cannot be read passes all the same.
                    Some(Err(_)) => {
                        *reading = None;
                        Ok(None)
                    }
                    None => Ok(None),
                }
            }
        }
    }
}

/// A body that is being rewritten.
pub(crate) struct Rewriting {
    /// Without one what is read passes.
    plan: Option<Arc<Plan>>,
    learnt: Option<Arc<Learnt>>,
    limits: Limits,
    decoder: Option<Decoder>,
    /// What is decoded of a chunk, a piece at a time.
    piece: Vec<u8>,
    stage: Stage,
    unknown: Unknown,
    encoder: Option<Encoder>,
    /// What goes into the encoder.
    plain: Vec<u8>,
    /// Whether any byte of the body has come: an empty one has nothing to hide.
    has_begun: bool,
    /// Whether messages are heard, if it is messages.
    listens: bool,
    /// Whether something has to be hidden since a message was heard.
    turns: bool,
}

enum Stage {
    /// The first bytes are held until they tell how to go on.
    Head {
        guess: Guess,
        held: Vec<u8>,
    },
    Redact(Box<Redactor>),
    /// Messages, each read for itself.
    Messages(Box<Row>),
    /// What is left passes.
    Clear,
    /// What is left is left out.
    Dropped,
    /// The body has ended.
    Over,
}

impl Rewriting {
    /// Begins a body that leaves in the coding `shown`.
    pub(crate) fn new(
        rewrite: &Rewrite,
        plan: Option<Arc<Plan>>,
        learnt: Option<Arc<Learnt>>,
        limits: Limits,
        shown: Coding,
    ) -> Self {
        let coding_limits = CodingLimits { ratio: MAX_RATIO, ..CodingLimits::default() };
        let mut rewriting = Self {
            plan,
            learnt,
            limits,
            decoder: (!rewrite.codings.is_empty()).then(|| Decoder::new(&rewrite.codings, coding_limits)),
            piece: Vec::new(),
            stage: Stage::Over,
            unknown: rewrite.unknown,
            encoder: (shown != Coding::Identity).then(|| Encoder::new(shown)),
            plain: Vec::new(),
            has_begun: false,
            listens: false,
            turns: false,
        };
        rewriting.stage = match &rewrite.carrier {
            Carrier::Typed(format) => rewriting.redact(*format),
            Carrier::Sniffed(guess) => Stage::Head { guess: guess.clone(), held: Vec::new() },
        };
        rewriting
    }

    /// Has the events of messages be heard as they pass.
    pub(crate) fn listening(mut self, listens: bool) -> Self {
        self.listens = listens;
        self
    }

    fn redact(&self, format: Format) -> Stage {
        let heard = Heard { plan: self.plan.clone(), learnt: self.learnt.clone() };
        if self.listens && format == Format::Framed {
            return Stage::Messages(Box::new(Row::new(heard, self.limits)));
        }
        heard.redactor(format, self.limits).map_or(Stage::Clear, |redactor| Stage::Redact(Box::new(redactor)))
    }

    fn take(
        &mut self,
        chunk: &[u8],
        end: bool,
        listener: &mut dyn Listener,
        out: &mut Vec<u8>,
    ) -> Result<Option<Summary>, AnswerError> {
        self.has_begun |= !chunk.is_empty();
        let Some(mut encoder) = self.encoder.take() else { return self.decode(chunk, end, listener, out) };
        let mut plain = std::mem::take(&mut self.plain);
        let summary = self.decode(chunk, end, listener, &mut plain)?;
        if !plain.is_empty() {
            encoder.write(&plain, out)?;
        }
        match end {
            true if self.has_begun => encoder.finish(out)?,
            true => {}
            false => {
                // More is at hand behind a full chunk; what comes in small ones may be an event that somebody waits for.
                if !plain.is_empty() && chunk.len() < FULL_CHUNK {
                    encoder.flush(out)?;
                }
                plain.clear();
                (self.encoder, self.plain) = (Some(encoder), plain);
            }
        }
        Ok(summary)
    }

    fn decode(
        &mut self,
        chunk: &[u8],
        end: bool,
        listener: &mut dyn Listener,
        out: &mut Vec<u8>,
    ) -> Result<Option<Summary>, AnswerError> {
        let Some(mut decoder) = self.decoder.take() else { return self.read(chunk, end, listener, out) };
        let (mut input, mut piece) = (chunk, std::mem::take(&mut self.piece));
        loop {
            piece.clear();
            let progress = decoder.decode(&mut input, &mut piece, PIECE)?;
            self.read(&piece, false, listener, out)?;
            if progress == Progress::NeedsInput {
                break;
            }
        }
        if end {
            decoder.finish()?;
            return self.read(&[], true, listener, out);
        }
        (self.decoder, self.piece) = (Some(decoder), piece);
        Ok(None)
    }

    /// Reads what is decoded.
    fn read(
        &mut self,
        text: &[u8],
        end: bool,
        listener: &mut dyn Listener,
        out: &mut Vec<u8>,
    ) -> Result<Option<Summary>, AnswerError> {
        if let Stage::Head { guess, held } = &mut self.stage {
            held.extend_from_slice(text);
            let judged = guess.judge(held, end);
            let held = std::mem::take(held);
            self.stage = match judged {
                Judged::More => {
                    self.hold(held);
                    return Ok(None);
                }
                Judged::As(format) => self.redact(format),
                Judged::Clear => Stage::Clear,
                Judged::Unknown => match self.unknown {
                    Unknown::Passes => Stage::Clear,
                    Unknown::IsDropped => Stage::Dropped,
                    Unknown::IsCut => return Err(AnswerError::Unknown),
                },
            };
            return self.write(&held, end, listener, out);
        }
        self.write(text, end, listener, out)
    }

    fn hold(&mut self, bytes: Vec<u8>) {
        if let Stage::Head { held, .. } = &mut self.stage {
            *held = bytes;
        }
    }

    fn write(
        &mut self,
        text: &[u8],
        end: bool,
        listener: &mut dyn Listener,
        out: &mut Vec<u8>,
    ) -> Result<Option<Summary>, AnswerError> {
        match &mut self.stage {
            Stage::Clear => out.extend_from_slice(text),
            Stage::Dropped | Stage::Over | Stage::Head { .. } => {}
            Stage::Redact(redactor) => redactor.write(text, out)?,
            Stage::Messages(row) => {
                row.write(text, listener, out)?;
                self.turns |= row.turns();
            }
        }
        if !end {
            return Ok(None);
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Redact(redactor) if self.has_begun => Ok(Some(redactor.finish(out)?)),
            Stage::Messages(mut row) => {
                let summary = row.finish(listener, out)?;
                self.turns |= row.turns();
                Ok(Some(summary))
            }
            Stage::Redact(_) | Stage::Clear | Stage::Dropped | Stage::Over | Stage::Head { .. } => Ok(None),
        }
    }
}

/// How much is decoded at a time.
const PIECE: usize = 16 * 1024;
/// How many bytes a coded byte may become. Pages and lists of records stay below a hundred; what grows more is made to fill
/// memory, or holds nothing that people read.
const MAX_RATIO: u32 = 250;
/// A chunk of this size is one of several.
const FULL_CHUNK: usize = 16 * 1024;

#[cfg(test)]
mod tests;
