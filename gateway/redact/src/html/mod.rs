//! HTML pages, rewritten as they stream past.
//!
//! lol_html reads the page and matches the selectors of the plan ([`handlers`]); the bytes of the page leave from a
//! window beside it, edited where something was found ([`splice`]). Read are UTF-8 and what lol_html is certain of:
//! markup that browsers could read otherwise is an error, never a guess.
//!
//! Hidden is what [`HtmlRule`]s select; where the plan has JSON fields, also these within JSON of scripts, attributes
//! and comments ([`script`]). Markup within `<noscript>`, `srcdoc` and comments is a page of its own.
//!
//! Within limits by name: an element that ends without an end tag (`<li>`, `<td>`, `<p>`) is open until its parent
//! ends, so more may be hidden than it holds. Text is hidden by selector or as a copy ([`line`], [`copies`]), never by
//! what it looks like. Of code no copies are hidden but those within its JSON, and of styles none at all.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use lol_html::{errors::RewritingError, send};

use crate::{
    error::RedactError,
    plan::Plan,
    redactor::{Limits, Summary},
};

use handlers::{Shared, lock};
use scene::Scene;
use splice::Splicer;

mod attribute;
mod copies;
mod entity;
mod field;
mod flight;
pub(crate) mod fuzz;
mod guard;
mod handlers;
mod js_string;
mod line;
mod markup;
pub(crate) mod rule;
mod scene;
mod script;
mod splice;
#[cfg(test)]
mod tests;

/// Rewrites one page.
#[derive(Debug)]
pub(crate) struct Rewriter {
    /// Reads the page; gone after its end. Nothing but `&mut` ever reaches it: the lock is there so that a stream
    /// can be shared between threads, as everything that a proxy keeps must be.
    reader: Option<Mutex<send::HtmlRewriter<'static, Understood>>>,
    understood: Arc<AtomicUsize>,
    scene: Shared,
    splicer: Splicer,
    /// The start of a character that is cut off.
    cut: Vec<u8>,
    offset: u64,
}

/// What everything that redacts a page needs to know.
#[derive(Debug)]
struct Context {
    plan: Arc<Plan>,
    limits: Limits,
    /// How many pages this one is within.
    depth: usize,
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        Rewriter::within(Arc::new(Context { plan, limits, depth: 0 }))
    }

    fn within(context: Arc<Context>) -> Rewriter {
        let scene = Shared::default();
        let understood = Arc::new(AtomicUsize::new(0));
        let settings = handlers::settings(&context, &scene);
        let reader = send::HtmlRewriter::new(settings, Understood(Arc::clone(&understood)));
        Rewriter {
            reader: Some(Mutex::new(reader)),
            understood,
            scene,
            splicer: Splicer::new(context),
            cut: Vec::new(),
            offset: 0,
        }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        for piece in chunk.chunks(PIECE) {
            self.write_piece(piece, out)?;
            self.offset += piece.len() as u64;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if !self.cut.is_empty() {
            return Err(RedactError::InvalidUtf8);
        }
        if let Some(reader) = self.reader.take() {
            let reader = reader.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            let read = reader.end();
            self.judge(read)?;
        }
        self.carry_out(out)?;
        let mut scene = lock(&self.scene);
        // Every byte was accounted for, or something was taken for what it is not.
        if !scene.window.is_empty() || !scene.edits.is_empty() {
            return Err(RedactError::UnscannableMarkup);
        }
        let mut summary = self.splicer.finish(out)?;
        summary.add(&std::mem::take(&mut scene.summary));
        Ok(summary)
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Hands whole characters to the reader.
    fn write_piece(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut piece = piece;
        while !self.cut.is_empty() {
            let Some((&byte, rest)) = piece.split_first() else { return Ok(()) };
            self.cut.push(byte);
            piece = rest;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => {
                    let character = std::mem::take(&mut self.cut);
                    self.read(&character, out)?;
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(RedactError::InvalidUtf8),
            }
        }
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => self.read(piece, out),
            Err(error) => {
                let (valid, rest) = piece.split_at(error.valid_up_to());
                self.read(valid, out)?;
                if error.error_len().is_some() {
                    return Err(RedactError::InvalidUtf8);
                }
                self.cut.extend_from_slice(rest);
                Ok(())
            }
        }
    }

    fn read(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        lock(&self.scene).window.extend_from_slice(piece);
        let Some(reader) = &mut self.reader else { return Err(RedactError::UnscannableMarkup) };
        let reader = reader.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let read = reader.write(piece);
        self.judge(read)?;
        self.carry_out(out)
    }

    /// Names what the reader found, or what a handler did.
    fn judge(&self, read: Result<(), RewritingError>) -> Result<(), RedactError> {
        let Err(error) = read else { return Ok(()) };
        Err(match error {
            RewritingError::MemoryLimitExceeded(_) => RedactError::MarkupTooLarge,
            RewritingError::ParsingAmbiguity(_) => RedactError::AmbiguousMarkup,
            // What a handler found, or what a later lol_html finds.
            RewritingError::ContentHandlerError(_) | _ => {
                lock(&self.scene).failure.unwrap_or(RedactError::UnscannableMarkup)
            }
        })
    }

    /// Emits what the reader has understood.
    fn carry_out(&mut self, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut scene = lock(&self.scene);
        let scene: &mut Scene = &mut scene;
        let understood = self.understood.load(Ordering::Relaxed);
        let end = understood.checked_sub(scene.base).filter(|&end| end <= scene.window.len());
        let end = end.ok_or(RedactError::UnscannableMarkup)?;
        // Two handlers may have found something in one tag, each in the order of its attributes.
        if !scene.edits.is_sorted_by_key(|edit| edit.place.start) {
            scene.edits.sort_by_key(|edit| edit.place.start);
        }
        let ready = scene.edits.iter().take_while(|edit| edit.place.end <= understood).count();
        let end = scene.edits.get(ready).map_or(end, |edit| end.min(edit.place.start - scene.base));
        let mut passed = 0;
        for edit in scene.edits.drain(..ready) {
            let (from, to) = (edit.place.start - scene.base, edit.place.end - scene.base);
            if from < passed {
                return Err(RedactError::UnscannableMarkup);
            }
            self.splicer.pass(&scene.window[passed..from], out)?;
            self.splicer.edit(edit.action, &scene.window[from..to], out)?;
            passed = to;
        }
        self.splicer.pass(&scene.window[passed..end], out)?;
        scene.window.drain(..end);
        // All that is found in one token is found at once.
        scene.edited.clear();
        scene.base += end;
        Ok(())
    }
}

/// Redacts markup that stands within a page.
fn redact_fragment(context: &Context, markup: &[u8]) -> Result<(Vec<u8>, Summary), RedactError> {
    if context.depth == MAX_DEPTH {
        return Err(RedactError::TooDeep);
    }
    let (plan, limits) = (Arc::clone(&context.plan), context.limits);
    let mut rewriter = Rewriter::within(Arc::new(Context { plan, limits, depth: context.depth + 1 }));
    let mut shown = Vec::with_capacity(markup.len());
    rewriter.write(markup, &mut shown)?;
    let summary = rewriter.finish(&mut shown)?;
    Ok((shown, summary))
}

/// Counts what the reader lets go of: it changes nothing, so that is how far it has understood.
struct Understood(Arc<AtomicUsize>);

impl lol_html::OutputSink for Understood {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.fetch_add(chunk.len(), Ordering::Relaxed);
    }
}

/// How much the reader gets at once; it bounds the window, and what is found in it.
const PIECE: usize = 32 * 1024;

/// A page in a page in a page in a page.
const MAX_DEPTH: usize = 3;
