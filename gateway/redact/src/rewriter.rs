//! One rewriter for each format, and the choice between them.

use std::sync::Arc;

use crate::{
    copies::{Ahead, Swept},
    csv,
    error::RedactError,
    event_stream, form,
    framed::{self, jsonp, sequence},
    html, plain,
    plan::Plan,
    redactor::{Format, Limits, Summary},
};

/// A body that is being rewritten.
#[derive(Debug)]
pub(crate) enum Rewriter {
    Json(Swept),
    JsonSequence(sequence::Rewriter),
    Jsonp(jsonp::Rewriter),
    Framed(framed::Rewriter),
    EventStream(event_stream::Rewriter),
    Html(Box<html::Rewriter>),
    Form(form::Rewriter),
    Csv(Box<csv::Rewriter>),
    Text(plain::Rewriter),
    /// Two of the above, one of which learns.
    Ahead(Box<Ahead>),
}

impl Rewriter {
    /// Begins a body. Where copies are hidden, formats that do not sweep what they have written are read ahead.
    pub(crate) fn new(plan: Arc<Plan>, format: Format, limits: Limits) -> Rewriter {
        match format {
            Format::Html | Format::Form | Format::Csv if plan.learnt().is_some() => {
                let [teacher, writer] = [(); 2].map(|()| Rewriter::of(Arc::clone(&plan), format, limits));
                Rewriter::Ahead(Box::new(Ahead::new(teacher, writer, limits)))
            }
            Format::Json
            | Format::JsonSequence
            | Format::Jsonp
            | Format::Framed
            | Format::EventStream
            | Format::Html
            | Format::Form
            | Format::Csv
            | Format::Text => Rewriter::of(plan, format, limits),
        }
    }

    fn of(plan: Arc<Plan>, format: Format, limits: Limits) -> Rewriter {
        match format {
            Format::Json => Rewriter::Json(Swept::new(plan, limits)),
            Format::JsonSequence => Rewriter::JsonSequence(sequence::Rewriter::new(plan, limits)),
            Format::Jsonp => Rewriter::Jsonp(jsonp::Rewriter::new(plan, limits)),
            Format::Framed => Rewriter::Framed(framed::Rewriter::new(plan, limits)),
            Format::EventStream => Rewriter::EventStream(event_stream::Rewriter::new(plan, limits)),
            Format::Html => Rewriter::Html(Box::new(html::Rewriter::new(plan, limits))),
            Format::Form => Rewriter::Form(form::Rewriter::new(plan, limits)),
            Format::Csv => Rewriter::Csv(Box::new(csv::Rewriter::new(plan, limits))),
            Format::Text => Rewriter::Text(plain::Rewriter::new(plan, limits)),
        }
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        match self {
            Rewriter::Json(rewriter) => rewriter.write(chunk, out),
            Rewriter::JsonSequence(rewriter) => rewriter.write(chunk, out),
            Rewriter::Jsonp(rewriter) => rewriter.write(chunk, out),
            Rewriter::Framed(rewriter) => rewriter.write(chunk, out),
            Rewriter::EventStream(rewriter) => rewriter.write(chunk, out),
            Rewriter::Html(rewriter) => rewriter.write(chunk, out),
            Rewriter::Form(rewriter) => rewriter.write(chunk, out),
            Rewriter::Csv(rewriter) => rewriter.write(chunk, out),
            Rewriter::Text(rewriter) => rewriter.write(chunk, out),
            Rewriter::Ahead(ahead) => ahead.write(chunk, out),
        }
    }

    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        match self {
            Rewriter::Json(rewriter) => rewriter.finish(out),
            Rewriter::JsonSequence(rewriter) => rewriter.finish(out),
            Rewriter::Jsonp(rewriter) => rewriter.finish(out),
            Rewriter::Framed(rewriter) => rewriter.finish(out),
            Rewriter::EventStream(rewriter) => rewriter.finish(out),
            Rewriter::Html(rewriter) => rewriter.finish(out),
            Rewriter::Form(rewriter) => rewriter.finish(out),
            Rewriter::Csv(rewriter) => rewriter.finish(out),
            Rewriter::Text(rewriter) => rewriter.finish(out),
            Rewriter::Ahead(ahead) => ahead.finish(out),
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        match self {
            Rewriter::Json(rewriter) => rewriter.offset(),
            Rewriter::JsonSequence(rewriter) => rewriter.offset(),
            Rewriter::Jsonp(rewriter) => rewriter.offset(),
            Rewriter::Framed(rewriter) => rewriter.offset(),
            Rewriter::EventStream(rewriter) => rewriter.offset(),
            Rewriter::Html(rewriter) => rewriter.offset(),
            Rewriter::Form(rewriter) => rewriter.offset(),
            Rewriter::Csv(rewriter) => rewriter.offset(),
            Rewriter::Text(rewriter) => rewriter.offset(),
            Rewriter::Ahead(ahead) => ahead.offset(),
        }
    }
}
