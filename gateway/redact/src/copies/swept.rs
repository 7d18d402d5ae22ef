//! A JSON text whose copies are hidden: the rewriter with its trail, if the plan hides copies.

use std::sync::Arc;

use super::Trail;
use crate::{
    error::RedactError,
    json,
    plan::Plan,
    redactor::{Limits, Summary},
};

/// Rewrites one JSON text, copies included. In every respect but what it holds it is [`json::Rewriter`].
#[derive(Debug)]
pub(crate) struct Swept {
    rewriter: json::Rewriter,
    trail: Option<Box<Trail>>,
}

impl Swept {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Swept {
        let trail =
            plan.learnt().map(|learnt| Box::new(Trail::new(Arc::clone(&plan), Arc::clone(learnt), limits)));
        let mut rewriter = json::Rewriter::new(plan, limits);
        if trail.is_some() {
            rewriter.mark();
        }
        Swept { rewriter, trail }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let Some(trail) = &mut self.trail else { return self.rewriter.write(chunk, out) };
        let mut rest = chunk;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(trail.room(self.rewriter.offset(), rest));
            self.rewriter.write(now, trail.buffer())?;
            trail.step(self.rewriter.offset(), out);
            rest = later;
        }
        if self.rewriter.is_complete() {
            // Nothing but blanks can follow.
            trail.flush(out);
        }
        Ok(())
    }

    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        let Some(mut trail) = self.trail else { return self.rewriter.finish(out) };
        let mut summary = self.rewriter.finish(trail.buffer())?;
        trail.flush(out);
        summary.add(trail.summary());
        Ok(summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.rewriter.offset()
    }
}
