//! The head of an answer judged, and its body rewritten.

use std::sync::Arc;

use bytes::Bytes;
use chatwarden_policy::{
    answer::{self, Answer, AnswerFacts},
    carrier::Carrier,
    media_type::{self, MediaClass},
    reason::{Denial, Reason},
    verdict::{Area, Orders},
};
use chatwarden_redact::{
    Learnt,
    codings::{self, Coding},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use pingora::{
    http::{RequestHeader, ResponseHeader},
    proxy::Session,
};
use tracing::warn;

use super::{
    answer_body::{AnswerBody, AnswerError, Rewriting},
    context::Context,
    fields, framing,
    glance::Glancing,
    in_band::{Ear, Part},
    log, refusal, request, stop, tunnel, validators,
};
use crate::{
    gateway::Shared,
    live::{Asked, Shown},
};

/// Judges the head of an answer and prepares its body.
pub(crate) fn header(
    shared: &Shared,
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
    let word = ctx.word();
    let Some(orders) = ctx.orders.take() else { return Err(stop(Reason::InternalError)) };
    let learnt = word.as_ref().and_then(|word| shared.learnt.of(&ctx.identity, word));
    if let Some(learnt) = &learnt {
        let key = ctx.running.generation.aliases.keys.first();
        ctx.restored.iter().for_each(|(class, value)| learnt.learn(key, *class, value));
    }
    let judged = judge(shared, session, header, ctx, &orders, learnt);
    ctx.orders = Some(orders);
    judged?;
    register(shared, session, header, ctx);
    // Added last: what is rewritten keeps its tag, as the word tells it from the original.
    word.map_or(Ok(()), |word| validators::mark(header, &word))
}

/// Registers an answer that may outlive the rules: an event stream, or a WebSocket.
fn register(shared: &Shared, session: &Session, header: &ResponseHeader, ctx: &mut Context) {
    let upgrade = header.status == StatusCode::SWITCHING_PROTOCOLS;
    let content_type = header.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_open = upgrade || media_type::classify(content_type) == MediaClass::Events;
    let (Some(orders), Some(path)) = (&ctx.orders, &ctx.path) else { return };
    let (Some(client_ip), Some(peer)) = (ctx.client_ip, ctx.peer) else { return };
    if !is_open || !matches!(orders.area, Area::Operator | Area::SignIn) {
        return;
    }
    let Some(switch) = ctx.switch.clone() else { return };
    let request = session.req_header();
    let asked = Asked {
        client_ip,
        peer,
        method: request.method.clone(),
        path: path.clone(),
        headers: request.headers.clone(),
        area: request::area(ctx, request.method.as_str(), path),
        upgrade,
        in_band: ctx.in_band.as_ref().and_then(|part| part.stream(shared)),
    };
    let shown = Shown::of(&ctx.running, orders);
    let found = ctx.in_band.as_ref().map_or(&ctx.identity, Part::found);
    ctx.stream = Some(shared.streams.register(asked, found, shown, switch));
}

fn judge(
    shared: &Shared,
    session: &Session,
    header: &mut ResponseHeader,
    ctx: &mut Context,
    orders: &Orders,
    learnt: Option<Arc<Learnt>>,
) -> pingora::Result<()> {
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        if !request::asks_for_websocket(session.req_header()) {
            // RFC 9110 §15.2.2: only what the client asked for may be switched to.
            ctx.refuse(Reason::UpstreamUnavailable.into());
            return Err(stop(Reason::UpstreamUnavailable));
        }
        return tunnel::open(shared, header, ctx, orders, learnt).map_err(|denial| {
            let reason = denial.reason;
            ctx.refuse(denial);
            stop(reason)
        });
    }
    let seen = Seen::of(session, header);
    let facts = seen.facts(session.req_header().uri.query());
    let mut monitored = Vec::new();
    let answer = answer::judge(orders, &facts, &mut monitored);
    for denial in &monitored {
        log::monitored(ctx, denial);
    }
    let is_maskable = Carrier::of(facts.content_type, facts.query).is_some();
    let is_governed = validators::governs(orders);
    if let Some(framing) = &orders.framing {
        framing::apply(framing, header)?;
    } else if matches!(orders.area, Area::Operator | Area::SignIn) && seen.is_page() {
        log::framing_monitored(ctx);
    }
    if is_governed && is_maskable {
        header.insert_header(header::CACHE_CONTROL, "private, no-cache")?;
        header.remove_header(&header::LAST_MODIFIED);
    }
    if is_governed && is_maskable && orders.masking.hide.is_some() {
        for name in OF_THE_ORIGINAL {
            header.remove_header(&name);
        }
    }
    fields::mask(header, &orders.masking, ctx.policy().profile.headers(), learnt.as_ref())?;
    let limits = ctx.config().limits.redaction();
    let listens = ctx.in_band.is_some() && !ctx.policy().profile.streams().sign_ins.is_empty();
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
            header.remove_header(&header::CONTENT_ENCODING);
        }
        (Answer::Rewrite(rewrite), Some(plan)) => {
            let shown = recode(header, session)?;
            let plan = Some(Arc::clone(plan));
            let rewriting = Rewriting::new(&rewrite, plan, learnt, limits, shown).listening(listens);
            ctx.answer_body = AnswerBody::Rewrite(Box::new(rewriting));
        }
        (Answer::Glance(glance), _) => {
            ctx.answer_body = AnswerBody::Glance(Box::new(Glancing::new(&glance)));
        }
        (Answer::Rewrite(_), None) => return Err(stop(Reason::InternalError)),
        (Answer::Pass, Some(_)) if is_maskable && !facts.body => {
            recode(header, session)?;
        }
        (Answer::Pass, _) => {
            let plan = orders.masking.count.clone();
            if let (true, Some(rewrite)) = (plan.is_some() || listens, answer::count(&facts)) {
                let rewriting = Rewriting::new(&rewrite, plan, learnt, limits, Coding::Identity);
                ctx.answer_body = AnswerBody::Beside(Some(Box::new(rewriting.listening(listens))));
            }
        }
    }
    if facts.body {
        delimit(session, header)?;
    }
    Ok(())
}

/// The coding of a rewritten answer, by what the client accepts. What costs the least comes first; a client that refuses
/// them all, and even to do without, gets what it can read.
pub(super) fn coding(request: &RequestHeader) -> Coding {
    let accepts: Vec<_> = request.headers.get_all(header::ACCEPT_ENCODING).iter().collect();
    if accepts.is_empty() {
        return Coding::Identity;
    }
    let joined = joined(accepts.into_iter().map(HeaderValue::as_bytes));
    let offered = [Coding::Zstd, Coding::Gzip, Coding::Brotli, Coding::Deflate];
    codings::choose(Some(&joined), &offered).unwrap_or(Coding::Identity)
}

/// Names the coding that the body leaves in: one of the client's if the application used any, else none.
fn recode(header: &mut ResponseHeader, session: &Session) -> pingora::Result<Coding> {
    if header.remove_header(&header::CONTENT_ENCODING).is_none() {
        return Ok(Coding::Identity);
    }
    let shown = coding(session.req_header());
    if shown != Coding::Identity {
        header.insert_header(header::CONTENT_ENCODING, shown.name())?;
    }
    header.append_header(header::VARY, "Accept-Encoding")?;
    Ok(shown)
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

/// What the head of an answer says.
struct Seen {
    status: u16,
    content_type: Option<String>,
    content_encoding: String,
    dispositions: Vec<String>,
    body: bool,
}

impl Seen {
    fn of(session: &Session, header: &ResponseHeader) -> Self {
        let all = |name| header.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let types: Vec<_> = all(header::CONTENT_TYPE).collect();
        let head = session.req_header().method == http::Method::HEAD;
        Self {
            status: header.status.as_u16(),
            // Two types are two readings: joined they are none that anybody knows.
            content_type: (!types.is_empty()).then(|| joined(types.into_iter())),
            content_encoding: joined(all(header::CONTENT_ENCODING)),
            dispositions: all(header::CONTENT_DISPOSITION)
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect(),
            body: has_body(head, header),
        }
    }

    fn is_page(&self) -> bool {
        media_type::classify(self.content_type.as_deref()) == MediaClass::Html
    }

    fn facts<'a>(&'a self, query: Option<&'a str>) -> AnswerFacts<'a> {
        AnswerFacts {
            status: self.status,
            content_type: self.content_type.as_deref(),
            content_encoding: &self.content_encoding,
            dispositions: &self.dispositions,
            body: self.body,
            query,
        }
    }
}

/// The values of a field as one (RFC 9110 §5.3).
fn joined<'v>(values: impl Iterator<Item = &'v [u8]>) -> String {
    values.map(String::from_utf8_lossy).collect::<Vec<_>>().join(", ")
}

/// A chunk of an answer on its way to the client.
pub(crate) fn body(
    shared: &Shared,
    body: &mut Option<Bytes>,
    end: bool,
    ctx: &mut Context,
) -> pingora::Result<()> {
    let mut answer_body = std::mem::take(&mut ctx.answer_body);
    let filtered = answer_body.filter(body, end, &mut Ear { shared, ctx });
    ctx.answer_body = answer_body;
    match filtered {
        Ok(None) => Ok(()),
        Ok(Some(finished)) => {
            log::masked(shared, ctx, &finished);
            Ok(())
        }
        Err(AnswerError::Denied(denial)) => {
            let reason = denial.reason;
            ctx.refuse(denial);
            Err(stop(reason))
        }
        Err(error) => {
            warn!(error = error.name(), request_id = %ctx.request_id, "Answer cut: it cannot be checked");
            let rule = ctx.orders.as_ref().and_then(|orders| orders.masking.rule);
            ctx.refuse(Denial { reason: Reason::UnscannableAnswer, rule });
            Err(stop(Reason::UnscannableAnswer))
        }
    }
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
const OF_THE_ORIGINAL: [HeaderName; 6] = [
    header::CONTENT_LENGTH,
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
