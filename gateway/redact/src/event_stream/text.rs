//! Data of events that is not JSON: frames of real-time protocols, words, pings, whatever an application likes.
//!
//! What is JSON after all (a number, a word) is redacted as such, and frames as frames. Any other text is searched
//! for what looks like a contact. What has the quotes of JSON and is none, or is not UTF-8, is hidden whole.

use std::{borrow::Cow, sync::Arc};

use crate::{
    copies::Swept,
    error::RedactError,
    framed, plain,
    plan::Plan,
    redactor::{Limits, Summary},
};

/// What is shown in the place of a text that cannot be read.
pub(super) const HIDDEN: &[u8] = b"hidden";

/// Shows a text, or what stands in its place.
pub(super) fn show<'t>(plan: &Arc<Plan>, limits: Limits, text: &'t [u8]) -> (Cow<'t, [u8]>, Summary) {
    let is_broken = matches!(text.first(), Some(b'{' | b'[' | b'"')) && text.contains(&b'"');
    let shown = as_json(plan, limits, text)
        .or_else(|_| as_frames(plan, limits, text))
        .or_else(|error| if is_broken { Err(error) } else { as_text(plan, limits, text) });
    match shown {
        Ok((shown, summary)) => (shown.into(), summary),
        Err(_) => (HIDDEN.into(), Summary { unscanned: 1, ..Summary::default() }),
    }
}

type Shown = Result<(Vec<u8>, Summary), RedactError>;

fn as_json(plan: &Arc<Plan>, limits: Limits, text: &[u8]) -> Shown {
    let mut inner = Swept::new(Arc::clone(plan), limits);
    let mut out = Vec::with_capacity(text.len());
    inner.write(text, &mut out)?;
    let summary = inner.finish(&mut out)?;
    Ok((out, summary))
}

fn as_frames(plan: &Arc<Plan>, limits: Limits, text: &[u8]) -> Shown {
    let mut inner = framed::Rewriter::new(Arc::clone(plan), limits);
    let mut out = Vec::with_capacity(text.len());
    inner.write(text, &mut out)?;
    let summary = inner.finish(&mut out)?;
    Ok((out, summary))
}

fn as_text(plan: &Arc<Plan>, limits: Limits, text: &[u8]) -> Shown {
    let mut inner = plain::Rewriter::new(Arc::clone(plan), limits);
    let mut out = Vec::with_capacity(text.len());
    inner.write(text, &mut out)?;
    let summary = inner.finish(&mut out)?;
    Ok((out, summary))
}
