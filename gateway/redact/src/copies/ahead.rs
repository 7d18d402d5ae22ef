//! A body that is read twice: a step ahead to learn its values, and then to be written without their copies.
//!
//! Pages, forms and tables are not swept as they leave, for their spellings are not those of JSON: each rewriter looks
//! up what it reads as it judges it. So that it knows what the body holds further on, a second one of its kind goes
//! before it, whose output nobody sees. Both get the same pieces, the start of the body up to `Limits::copies_window`
//! and then step by step, so that the output does not depend on cuts.

use super::trail::STEP;
use crate::{
    error::RedactError,
    redactor::{Limits, Summary},
    rewriter::Rewriter,
};

/// Two rewriters of one body.
#[derive(Debug)]
pub(crate) struct Ahead {
    teacher: Rewriter,
    writer: Rewriter,
    /// What neither has read; `held.len() < step`
    held: Vec<u8>,
    /// How long the piece is that they read next, in bytes.
    step: usize,
    /// What the teacher writes.
    unseen: Vec<u8>,
}

impl Ahead {
    /// Two rewriters that have read nothing, and learn and look up in one set.
    pub(crate) fn new(teacher: Rewriter, writer: Rewriter, limits: Limits) -> Ahead {
        let step = limits.copies_window.max(1);
        Ahead { teacher, writer, held: Vec::new(), step, unseen: Vec::new() }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.step - self.held.len()));
            self.held.extend_from_slice(now);
            rest = later;
            if self.held.len() == self.step {
                let held = std::mem::take(&mut self.held);
                let learnt = self.teach(&held);
                self.writer.write(&held, out)?;
                learnt?;
                self.held = held;
                self.held.clear();
                self.step = STEP;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        let held = std::mem::take(&mut self.held);
        // What is learnt at the end is learnt before anything more is written.
        let learnt = self.teach(&held).and_then(|()| self.teacher.finish(&mut self.unseen));
        self.writer.write(&held, out)?;
        let summary = self.writer.finish(out)?;
        learnt?;
        Ok(summary)
    }

    /// How many bytes have been taken.
    pub(crate) fn offset(&self) -> u64 {
        self.writer.offset() + self.held.len() as u64
    }

    /// What is wrong with the body the writer finds, too, and says where.
    fn teach(&mut self, held: &[u8]) -> Result<(), RedactError> {
        self.unseen.clear();
        self.teacher.write(held, &mut self.unseen)
    }
}
