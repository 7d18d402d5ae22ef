//! The way back of a request: what goes upstream instead of what came.
//!
//! The policy room says what; here it is read, decoded and put into the request. Path and query are restored before the
//! request goes upstream and judged again in their final form; a body when it is whole.

use std::{borrow::Cow, time::Instant};

use bytes::Bytes;
use chatwarden_policy::{
    reason::{Denial, Reason},
    verdict::Orders,
    way_back::{Carrier, Passage, WayBack},
};
use chatwarden_redact::{
    Findings, Found,
    codings::{CodingError, CodingLimits, Decoder, Progress, parse_content_encoding},
};
use http::{HeaderMap, header};
use tracing::debug;

use super::{
    context::Context,
    head::Target,
    log,
    request_body::{Overflow, REPLAY_LIMIT},
};
use crate::gateway::Shared;

/// What is to be done with the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It passes.
    Pass,
    /// It is held whole, if it is not longer than may be held.
    Hold(Overflow),
    /// It is watched as it passes.
    Watch,
}

/// What is to be done with a body by its head.
pub(crate) fn reading(
    orders: &Orders,
    headers: &HeaderMap,
    announced: Option<usize>,
    limit: usize,
) -> Reading {
    let Some(way) = enforced(orders) else { return Reading::Pass };
    let is_long = announced.is_some_and(|length| length > limit);
    let is_coded = headers.contains_key(header::CONTENT_ENCODING);
    // What has lost its codings on the head cannot be released with them.
    let released = if is_coded { Overflow::Refuse } else { Overflow::Release };
    match carrier(headers) {
        Carrier::File => Reading::Pass,
        // What nobody named is as long as files are.
        Carrier::Unknown if is_long => Reading::Pass,
        Carrier::Unknown => Reading::Hold(released),
        // Where nothing is changed a watch sees all that there is to see, and no upload has to wait for its end.
        Carrier::Multipart if !is_coded => {
            let is_watched = !way.changes() && announced.is_some_and(|length| length > REPLAY_LIMIT);
            if is_long || is_watched { Reading::Watch } else { Reading::Hold(Overflow::Watch) }
        }
        Carrier::Json | Carrier::Lines | Carrier::Form | Carrier::Text | Carrier::Multipart
            if way.is_masked() =>
        {
            Reading::Hold(Overflow::Refuse)
        }
        Carrier::Json | Carrier::Lines | Carrier::Form | Carrier::Text | Carrier::Multipart if is_long => {
            Reading::Pass
        }
        Carrier::Json | Carrier::Lines | Carrier::Form | Carrier::Text | Carrier::Multipart => {
            Reading::Hold(released)
        }
    }
}

/// Whether a body may leave changed, and leaves without its codings.
pub(crate) fn transforms(orders: &Orders, headers: &HeaderMap) -> bool {
    enforced(orders).is_some() && !is_file(headers)
}

/// Whether a body is of a type that holds no fields, and is not read.
pub(crate) fn is_file(headers: &HeaderMap) -> bool {
    carrier(headers) == Carrier::File
}

fn carrier(headers: &HeaderMap) -> Carrier {
    Carrier::of(content_type(headers))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// The way back, where it is carried out.
pub(crate) fn enforced(orders: &Orders) -> Option<&WayBack> {
    orders.way_back.as_deref().filter(|way| way.is_enforced())
}

/// The final form of path and query, if it is another.
///
/// # Errors
/// Why the request does not go on.
pub(crate) fn head(
    ctx: &mut Context,
    orders: &Orders,
    target: &Target,
) -> Result<Option<(String, Option<String>)>, Denial> {
    let Some(way) = orders.way_back.as_deref() else { return Ok(None) };
    match restored_head(way, target) {
        Ok((restored, findings)) if way.is_enforced() => {
            findings.iter().for_each(|findings| remember(ctx, way, findings));
            Ok(restored)
        }
        Ok(_) => Ok(None),
        Err(denial) if way.is_enforced() => Err(denial),
        Err(denial) => {
            log::monitored(ctx, &denial);
            Ok(None)
        }
    }
}

/// The final form, if it is another, and what was found.
type RestoredHead = (Option<(String, Option<String>)>, Vec<Findings>);

fn restored_head(way: &WayBack, target: &Target) -> Result<RestoredHead, Denial> {
    let (path, in_path) = changed(way.path(target.path.as_str())?);
    let query = target.query.as_deref().map(|query| way.query(query).map(changed)).transpose()?;
    let (query, in_query) = query.unwrap_or_default();
    if path.is_none() && query.is_none() {
        return Ok((None, Vec::new()));
    }
    let path = path.unwrap_or_else(|| target.path.as_str().to_owned());
    Ok((Some((path, query.or_else(|| target.query.clone()))), vec![in_path, in_query]))
}

/// What is spelled in percent escapes is ASCII.
fn changed(passage: Passage<'_>) -> (Option<String>, Findings) {
    let body = match passage.body {
        Cow::Borrowed(_) => None,
        Cow::Owned(body) => String::from_utf8(body).ok(),
    };
    (body, passage.findings)
}

/// The application may repeat a value that it was given: the answer has to know it again.
fn remember(ctx: &mut Context, way: &WayBack, findings: &Findings) {
    if way.is_masked() {
        ctx.restored.extend(findings.values().map(|(class, value)| (class, value.to_vec())));
    }
}

/// A body on its way upstream.
pub(crate) struct Final {
    /// What goes upstream.
    pub(crate) body: Bytes,
    /// What came, without its codings.
    pub(crate) came: Bytes,
    /// Whether codings were undone.
    pub(crate) decoded: bool,
}

/// The final form of a body that is whole.
///
/// # Errors
/// Why the request does not go on.
pub(crate) fn body(
    shared: &Shared,
    ctx: &mut Context,
    orders: &Orders,
    headers: &HeaderMap,
    writes: bool,
    body: &Bytes,
) -> Result<Final, Denial> {
    let as_it_came = Final { body: body.clone(), came: body.clone(), decoded: false };
    let Some(way) = enforced(orders) else { return Ok(as_it_came) };
    if !transforms(orders, headers) {
        return Ok(as_it_came);
    }
    let came = match decoded(headers, body, ctx.config().limits.inspected_body) {
        Ok(came) => came,
        Err(CodingError::TooLong) => return Err(Reason::LimitBody.into()),
        Err(_) => return way.undecodable().map_or(Ok(as_it_came), Err),
    };
    let is_decoded = came.is_some();
    let came = came.unwrap_or_else(|| body.clone());
    let passage = way.body(content_type(headers), &came)?;
    let findings = &passage.findings;
    if !findings.is_empty() {
        debug!(
            request_id = %ctx.request_id,
            restored = findings.count(Found::Restored),
            dropped = findings.count(Found::Dropped),
            "Masked values came back"
        );
    }
    remember(ctx, way, findings);
    if writes && way.is_masked() {
        count(shared, ctx, findings)?;
    }
    let body = match passage.body {
        Cow::Borrowed(_) => came.clone(),
        Cow::Owned(changed) => changed.into(),
    };
    Ok(Final { body, came, decoded: is_decoded })
}

/// Counts what a masked caller writes into contact fields in plain: whoever may can test guesses. Is it this number that
/// belongs to the client?
///
/// # Errors
/// It was too often.
pub(crate) fn count(shared: &Shared, ctx: &Context, findings: &Findings) -> Result<(), Denial> {
    if findings.plain() == 0 {
        return Ok(());
    }
    let account = ctx.identity.account().map_or("", |account| account.id.as_str());
    let allowed = ctx.config().limits.contact_writes;
    if shared.writes.pass(account.into(), allowed, Instant::now()) {
        Ok(())
    } else {
        Err(Reason::LimitWrites.into())
    }
}

/// The body without its codings; none if it has none.
fn decoded(headers: &HeaderMap, body: &[u8], limit: usize) -> Result<Option<Bytes>, CodingError> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        codings.extend(parse_content_encoding(value.to_str().map_err(|_| CodingError::Unknown)?)?);
    }
    if codings.is_empty() {
        return Ok(None);
    }
    let limits = CodingLimits { output_bytes: u64::try_from(limit).ok(), ..CodingLimits::default() };
    let mut decoder = Decoder::new(&codings, limits);
    let (mut input, mut out) = (body, Vec::new());
    while decoder.decode(&mut input, &mut out, PIECE)? == Progress::NeedsRoom {}
    decoder.finish()?;
    Ok(Some(out.into()))
}

/// How much is decoded at a time.
const PIECE: usize = 64 * 1024;
