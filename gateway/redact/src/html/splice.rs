//! The edits of a page, carried out on its bytes.
//!
//! Bytes arrive in order: as they are, replaced, or as text of some kind. Text that is judged whole (a field's, a
//! script's) is kept until something else comes; how often it was cut until then makes no difference.

use std::sync::Arc;

use super::{
    Context, entity,
    field::Run,
    flight::Flight,
    guard::Guard,
    line::Line,
    redact_fragment,
    scene::{Action, ScriptKind, Spelling},
    script,
};
use crate::{copies::Swept, error::RedactError, fragment::Html, redactor::Summary};

/// Takes a page in pieces and emits what may leave.
#[derive(Debug)]
pub(super) struct Splicer {
    context: Arc<Context>,
    text: Text,
    /// The rows of the page, which many scripts hold together.
    flight: Flight,
    summary: Summary,
}

/// The text that is being read.
#[derive(Debug)]
enum Text {
    None,
    /// Of an element that a rule selects.
    Field(Run),
    /// Of no such element, with the markup in it.
    Line(Line),
    /// A script, held whole.
    Script {
        kind: ScriptKind,
        spelling: Spelling,
        held: Vec<u8>,
    },
    /// A script of JSON, as it streams; blanks leave before there is a machine.
    Json(Option<(Box<Swept>, Guard)>),
    /// Markup for browsers without scripting, held whole.
    Fragment(Vec<u8>),
}

impl Splicer {
    pub(super) fn new(context: Arc<Context>) -> Splicer {
        Splicer { context, text: Text::None, flight: Flight::default(), summary: Summary::default() }
    }

    /// Takes bytes that stay as they are.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.text {
            Text::Field(run) => run.pass(&self.context, bytes, &mut self.summary, out),
            Text::Line(line) => line.markup(&self.context, bytes, &mut self.summary, out),
            Text::None | Text::Script { .. } | Text::Json(_) | Text::Fragment(_) => {
                self.settle(out)?;
                out.extend_from_slice(bytes);
            }
        }
        Ok(())
    }

    /// Takes the bytes of a place at which something is to be done.
    pub(super) fn edit(
        &mut self,
        action: Action,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RedactError> {
        match action {
            Action::Replace(bytes) => self.pass(&bytes, out),
            Action::Boundary => self.settle(out),
            Action::Field { rule, spelling } => {
                if !matches!(&self.text, Text::Field(run) if run.is_of(rule)) {
                    self.settle(out)?;
                    self.text = Text::Field(Run::new(rule));
                }
                if let Text::Field(run) = &mut self.text {
                    run.text(&self.context, spelling, bytes, &mut self.summary, out);
                }
                Ok(())
            }
            Action::Text(spelling) => {
                if !matches!(self.text, Text::Line(_)) {
                    self.settle(out)?;
                    self.text = Text::Line(Line::default());
                }
                let text = std::str::from_utf8(bytes).map_err(|_| RedactError::InvalidUtf8)?;
                let spelling = match spelling {
                    Spelling::References => Html::Text,
                    Spelling::Plain | Spelling::Raw => Html::Raw,
                };
                if let Text::Line(line) = &mut self.text {
                    line.text(&self.context, spelling, text, &mut self.summary, out);
                }
                Ok(())
            }
            Action::Script { kind: ScriptKind::Json, spelling: Spelling::Raw } => self.json(bytes, out),
            Action::Script { kind, spelling } => {
                if !matches!(&self.text, Text::Script { spelling: same, .. } if *same == spelling) {
                    self.settle(out)?;
                    self.text = Text::Script { kind, spelling, held: Vec::new() };
                }
                match &mut self.text {
                    Text::Script { held, .. } => hold(&self.context, held, bytes),
                    Text::None | Text::Field(_) | Text::Line(_) | Text::Json(_) | Text::Fragment(_) => Ok(()),
                }
            }
            Action::Fragment => {
                if !matches!(self.text, Text::Fragment(_)) {
                    self.settle(out)?;
                    self.text = Text::Fragment(Vec::new());
                }
                match &mut self.text {
                    Text::Fragment(held) => hold(&self.context, held, bytes),
                    Text::None | Text::Field(_) | Text::Line(_) | Text::Json(_) | Text::Script { .. } => {
                        Ok(())
                    }
                }
            }
        }
    }

    /// Ends the page.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        self.settle(out)?;
        self.summary.add(&self.flight.finish()?);
        Ok(self.summary)
    }

    fn json(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        if !matches!(self.text, Text::Json(_)) {
            self.settle(out)?;
            self.text = Text::Json(None);
        }
        let Text::Json(inner) = &mut self.text else { return Ok(()) };
        let mut bytes = bytes;
        if inner.is_none() {
            let text = bytes.trim_ascii_start();
            out.extend_from_slice(&bytes[..bytes.len() - text.len()]);
            bytes = text;
            if text.is_empty() {
                return Ok(());
            }
        }
        let (inner, guard) = inner.get_or_insert_with(|| {
            let inner = Swept::new(Arc::clone(&self.context.plan), self.context.limits);
            (Box::new(inner), Guard::default())
        });
        guard.pass(|shown| inner.write(bytes, shown), out)
    }

    /// Ends the text that is being read.
    fn settle(&mut self, out: &mut Vec<u8>) -> Result<(), RedactError> {
        let context = &self.context;
        match std::mem::replace(&mut self.text, Text::None) {
            Text::None | Text::Json(None) => {}
            Text::Field(run) => run.finish(context, &mut self.summary, out),
            Text::Line(line) => line.finish(context, &mut self.summary, out),
            Text::Json(Some((inner, mut guard))) => {
                let mut summary = Summary::default();
                guard.pass(|shown| inner.finish(shown).map(|all| summary = all), out)?;
                guard.finish(out);
                self.summary.add(&summary);
            }
            Text::Script { kind: ScriptKind::Fragment, spelling: Spelling::Raw, held }
            | Text::Fragment(held) => {
                let (shown, summary) = redact_fragment(context, &held)?;
                self.summary.add(&summary);
                out.extend_from_slice(&shown);
            }
            Text::Script { spelling: Spelling::References, held, .. } => {
                // A script within a drawing is text like any other, references included.
                let text = std::str::from_utf8(&held).map_err(|_| RedactError::InvalidUtf8)?;
                let code = entity::decode_text(text);
                let mut shown = Vec::with_capacity(held.len());
                script::redact(context, code.as_bytes(), &mut self.flight, &mut self.summary, &mut shown)?;
                if shown == code.as_bytes() {
                    out.extend_from_slice(&held);
                } else {
                    entity::push_text(&String::from_utf8_lossy(&shown), out);
                }
            }
            Text::Script { held, .. } => {
                script::redact(context, &held, &mut self.flight, &mut self.summary, out)?
            }
        }
        Ok(())
    }
}

/// Keeps text up to `Limits::markup`.
fn hold(context: &Context, held: &mut Vec<u8>, bytes: &[u8]) -> Result<(), RedactError> {
    if bytes.len() > context.limits.markup - held.len() {
        return Err(RedactError::MarkupTooLarge);
    }
    held.extend_from_slice(bytes);
    Ok(())
}
