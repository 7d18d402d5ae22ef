//! The head of an answer judged, and its body rewritten.

use std::sync::Arc;

use bytes::Bytes;
use chatwarden_policy::{
    answer::{self, Answer, AnswerFacts},
    media_type::{self, MediaClass},
    reason::{Denial, Reason},
    verdict::{Area, Orders},
};
use http::{HeaderMap, HeaderName, StatusCode, Version, header};
use pingora::{http::ResponseHeader, proxy::Session};
use tracing::warn;

use super::{answer_body::AnswerBody, context::Context, framing, log, refusal, request, stop};
use crate::gateway::Shared;

/// Judges the head of an answer and prepares its body.
pub(crate) fn header(
    session: &mut Session,
    header: &mut ResponseHeader,
    ctx: &mut Context,
) -> pingora::Result<()> {
    header.remove_header(refusal::REASON_HEADER);
    header.insert_header(refusal::REQUEST_ID_HEADER, ctx.request_id.as_str())?;
    if header.status.is_informational() && header.status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(());
    }
    if ctx.request_body.pending() {
        // The application answers before the verdict on the request's body: that answer must not pass.
        ctx.refuse(Reason::UpstreamUnavailable.into());
        return Err(stop(Reason::UpstreamUnavailable));
    }
    log::note_answer(ctx, header);
    let Some(orders) = ctx.orders.take() else { return Err(stop(Reason::InternalError)) };
    let judged = judge(session, header, ctx, &orders);
    ctx.orders = Some(orders);
    judged
}

fn judge(
    session: &Session,
    header: &mut ResponseHeader,
    ctx: &mut Context,
    orders: &Orders,
) -> pingora::Result<()> {
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        if !request::asks_for_websocket(session.req_header()) {
            // RFC 9110 §15.2.2: only what the client asked for may be switched to.
            ctx.refuse(Reason::UpstreamUnavailable.into());
            return Err(stop(Reason::UpstreamUnavailable));
        }
        // Allowed only to callers from whom nothing is kept: their messages pass as they are.
        return Ok(());
    }
    let head = session.req_header().method == http::Method::HEAD;
    let (answer, seen) = judged(header, orders, head, ctx);
    let maskable = matches!(seen.class, MediaClass::Json | MediaClass::Html);
    let operator_area = matches!(orders.area, Area::Operator | Area::SignIn);
    if let Some(framing) = &orders.framing {
        framing::apply(framing, header)?;
    } else if operator_area && seen.class == MediaClass::Html {
        log::framing_monitored(ctx);
    }
    if orders.masking_governed && maskable && operator_area {
        header.insert_header(header::CACHE_CONTROL, "private, no-cache")?;
        header.remove_header(&header::LAST_MODIFIED);
    }
    if orders.masking.hide.is_some() && maskable && operator_area {
        for name in OF_THE_ORIGINAL {
            header.remove_header(&name);
        }
    }
    match (answer, &orders.masking.hide) {
        (Answer::Refuse(denial), _) => {
            let reason = denial.reason;
            ctx.refuse(denial);
            return Err(stop(reason));
        }
        (Answer::Drop, _) => {
            ctx.answer_body = AnswerBody::Drop;
            header.insert_header(header::CONTENT_LENGTH, "0")?;
            header.remove_header(&header::TRANSFER_ENCODING);
        }
        (Answer::Json, Some(plan)) => ctx.answer_body = AnswerBody::json(Arc::clone(plan)),
        (Answer::Html, Some(plan)) => ctx.answer_body = AnswerBody::sniff(Arc::clone(plan)),
        (Answer::Json | Answer::Html, None) => return Err(stop(Reason::InternalError)),
        (Answer::Pass, _) => count(ctx, orders, &seen),
    }
    if seen.body {
        delimit(session, header)?;
    }
    Ok(())
}

/// RFC 9112 §6.1: chunks for a body whose length is not known (any more), and none for a client that cannot read them:
/// there the end of the connection is the end of the body.
fn delimit(session: &Session, header: &mut ResponseHeader) -> pingora::Result<()> {
    if session.req_header().version < Version::HTTP_11 {
        header.remove_header(&header::TRANSFER_ENCODING);
    } else if !header.headers.contains_key(header::CONTENT_LENGTH) {
        header.set_version(Version::HTTP_11);
        header.insert_header(header::TRANSFER_ENCODING, "chunked")?;
    }
    Ok(())
}

/// What the head of an answer was seen to say.
struct Seen {
    class: MediaClass,
    coded: bool,
    body: bool,
}

fn judged(header: &ResponseHeader, orders: &Orders, head: bool, ctx: &Context) -> (Answer, Seen) {
    let dispositions: Vec<_> = header
        .headers
        .get_all(header::CONTENT_DISPOSITION)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let dispositions: Vec<&str> = dispositions.iter().map(|value| &**value).collect();
    let mut content_types = header.headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = match (content_types.next(), content_types.next()) {
        (Some(one), None) => one.to_str().ok(),
        // Two types are two readings: judged like none at all.
        (_, _) => None,
    };
    let facts = AnswerFacts {
        status: header.status.as_u16(),
        content_type,
        coded: is_coded(header),
        dispositions: &dispositions,
        body: has_body(head, header),
    };
    let mut monitored = Vec::new();
    let answer = answer::judge(orders, &facts, &mut monitored);
    for denial in &monitored {
        log::monitored(ctx, denial);
    }
    (answer, Seen { class: media_type::classify(content_type), coded: facts.coded, body: facts.body })
}

/// `mode: monitor`: the plan runs beside the answer.
fn count(ctx: &mut Context, orders: &Orders, seen: &Seen) {
    if let (Some(plan), Seen { class: MediaClass::Json, coded: false, body: true }) =
        (&orders.masking.count, seen)
    {
        ctx.answer_body = AnswerBody::count(Arc::clone(plan));
    }
}

/// A chunk of an answer on its way to the client.
pub(crate) fn body(
    shared: &Shared,
    body: &mut Option<Bytes>,
    end: bool,
    ctx: &mut Context,
) -> pingora::Result<()> {
    match ctx.answer_body.filter(body, end) {
        Ok(None) => Ok(()),
        Ok(Some(finished)) => {
            log::masked(shared, ctx, &finished);
            Ok(())
        }
        Err(error) => {
            warn!(error = error.name(), request_id = %ctx.request_id, "Answer cut: it cannot be checked");
            let rule = ctx.orders.as_ref().and_then(|orders| orders.masking.rule);
            ctx.refuse(Denial { reason: Reason::UnscannableAnswer, rule });
            Err(stop(Reason::UnscannableAnswer))
        }
    }
}

fn is_coded(header: &ResponseHeader) -> bool {
    header
        .headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

fn has_body(head: bool, header: &ResponseHeader) -> bool {
    !head
        && !is_empty(&header.headers)
        && !matches!(header.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Whether the length says that nothing follows, and nothing else says otherwise: a transfer coding overrides it (RFC
/// 9112 §6.3), and an answer that is taken for empty is not looked at.
fn is_empty(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next().is_some_and(|length| length.as_bytes() == b"0");
    length && lengths.next().is_none() && !headers.contains_key(header::TRANSFER_ENCODING)
}

/// What speaks of the original's bytes, and is wrong or tells on them once they are rewritten.
const OF_THE_ORIGINAL: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::ETAG,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: &[(&'static str, &'static str)]) -> ResponseHeader {
        let mut header = ResponseHeader::build(200, None).unwrap();
        for (name, value) in fields {
            header.append_header(*name, *value).unwrap();
        }
        header
    }

    #[test]
    fn only_a_length_that_nothing_contradicts_makes_an_answer_empty() {
        let length = ("content-length", "0");
        assert!(!has_body(false, &answer(&[length])));
        assert!(has_body(false, &answer(&[length, ("transfer-encoding", "chunked")])));
        assert!(has_body(false, &answer(&[length, ("content-length", "40")])));
        assert!(has_body(false, &answer(&[])));
        assert!(!has_body(true, &answer(&[])));
    }
}
