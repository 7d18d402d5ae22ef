//! From the head of a request to the verdict, and the verdict carried out.

use bytes::Bytes;
use chatwarden_policy::{
    account::{ClientIp, Identity},
    path::CanonicalPath,
    reason::{Denial, Reason},
    verdict::{Facts, Verdict},
};
use chatwarden_redact::Class;
use http::{HeaderValue, header};
use pingora::{http::RequestHeader, proxy::Session};
use tracing::debug;

use super::{
    context::Context,
    head::{self, Target},
    identicon, log,
    refusal::Refusal,
    request_body::{self, ReadAhead, RequestBody},
    stop,
};
use crate::{
    gateway::Shared,
    identity::{Area, Request},
};

/// Judges a request. True: it was answered here and does not go upstream.
pub(crate) async fn filter(
    shared: &Shared,
    session: &mut Session,
    ctx: &mut Context,
) -> pingora::Result<bool> {
    if session.get_keepalive().is_some() {
        // Where the client did not ask for the connection to be closed.
        session.set_keepalive(Some(ctx.config().limits.idle_timeout.as_secs().max(1)));
    }
    match judge(shared, session, ctx).await {
        Ok(Allowed::Upstream) => Ok(false),
        Ok(Allowed::Drawing { address, stands_in }) => {
            identicon::write(session, ctx, &address, stands_in).await?;
            Ok(true)
        }
        Err(denial) => {
            ctx.refuse(denial);
            refuse(session, ctx).await?;
            Ok(true)
        }
    }
}

/// Writes the refusal that the context holds.
pub(crate) async fn refuse(session: &mut Session, ctx: &Context) -> pingora::Result<()> {
    let Some(denial) = &ctx.denial else { return Ok(()) };
    let framing = ctx.policy().refusal_framing();
    Refusal {
        reason: denial.reason,
        request_id: &ctx.request_id,
        client_ip: ctx.client_ip,
        contact: ctx.config().refusal_contact.as_deref(),
        framing: framing.as_ref(),
    }
    .write(session)
    .await
}

enum Allowed {
    Upstream,
    /// A drawing of the gateway's own, by its address.
    Drawing {
        address: String,
        stands_in: bool,
    },
}

async fn judge(shared: &Shared, session: &mut Session, ctx: &mut Context) -> Result<Allowed, Denial> {
    let client_ip = client_ip(session)?;
    ctx.client_ip = Some(client_ip);
    let limit = ctx.config().limits.request_header;
    let raw = session.to_h1_raw();
    let target = head::normalise(session.req_header_mut(), &raw, limit)?;
    let running = std::sync::Arc::clone(&ctx.running);
    let policy = &running.generation.policy;
    let method = session.req_header().method.clone();
    let classified = policy.profile.classify(method.as_str(), &target.path);
    ctx.path = Some(target.path.clone());
    log::note(ctx, &classified, &target, method.as_str());
    let today = shared.clock.today();
    if let Some(denial) = policy.screen(client_ip, &classified, today) {
        return Err(denial);
    }
    if identicon::is_reserved(target.path.as_str()) {
        return Ok(Allowed::Drawing { address: target.path.as_str().to_owned(), stands_in: false });
    }
    ctx.identity = identify(ctx, session, classified.public).await?;
    let request = session.req_header();
    let facts = Facts {
        client_ip,
        identity: &ctx.identity,
        method: method.as_str(),
        path: &target.path,
        content_type: header_text(session, header::CONTENT_TYPE),
        upgrade: asks_for_websocket(request),
        body: has_body(session),
        today,
    };
    let verdict = policy.evaluate(&facts, &classified);
    let orders = match verdict {
        Verdict::Allow(orders) => orders,
        Verdict::Deny(denial) => return Err(denial),
    };
    debug!(request_id = %ctx.request_id, area = ?orders.area, "Request allowed");
    for denial in &orders.monitored {
        log::monitored(ctx, denial);
    }
    if let (true, Some(plan)) = (orders.drawing, &orders.masking.text) {
        let address = plan.show(Class::Avatar, target.path.as_str());
        ctx.orders = Some(orders);
        return Ok(Allowed::Drawing { address, stands_in: true });
    }
    if orders.standing.undeclared {
        shared.metrics.undeclared_groups.inc();
    }
    let signs_in = classified.sign_in && facts.body;
    if orders.by_exemption && !shared.knocks.pass(client_ip, signs_in, ctx.started) {
        return Err(Reason::LimitRate.into());
    }
    if facts.upgrade {
        session.set_read_timeout(Some(ctx.config().limits.stream_idle_timeout));
    }
    ctx.orders = Some(orders);
    inspect(session, ctx, &target).await?;
    Ok(Allowed::Upstream)
}

/// Reads and judges the body where a rule or the action log has to know it before the application does.
async fn inspect(session: &mut Session, ctx: &mut Context, target: &Target) -> Result<(), Denial> {
    let Some(orders) = ctx.orders.as_deref() else { return Ok(()) };
    let wanted = orders.judge_recipients.is_some() || orders.judge_multipart;
    let noted = orders.download || orders.action.as_ref().is_some_and(|action| action.reads_body());
    if !has_body(session) {
        return judge_body(ctx, session, target.query.as_deref(), &Bytes::new());
    }
    if !wanted && !noted {
        return Ok(());
    }
    let limits = &ctx.config().limits;
    match request_body::read_ahead(session, limits.inspected_body, limits.inspected_body_timeout).await {
        Ok(ReadAhead::Whole(body)) => {
            judge_body(ctx, session, target.query.as_deref(), &body)?;
            ctx.request_body = RequestBody::Judged;
        }
        Ok(ReadAhead::Partial(held)) => ctx.request_body = RequestBody::Held(held),
        Err(reason) => return Err(reason.into()),
    }
    Ok(())
}

fn judge_body(ctx: &mut Context, session: &Session, query: Option<&str>, body: &Bytes) -> Result<(), Denial> {
    let Some(orders) = ctx.orders.take() else { return Ok(()) };
    // What a body is under a coding is not known: judged like one of no type.
    let coded = session.req_header().headers.contains_key(header::CONTENT_ENCODING);
    let content_type = header_text(session, header::CONTENT_TYPE).filter(|_| !coded);
    let mut monitored = Vec::new();
    let judged = ctx.policy().judge_body(&orders, query, content_type, body, &mut monitored);
    for denial in &monitored {
        log::monitored(ctx, denial);
    }
    if let Ok(kind) = &judged {
        log::note_body(ctx, &orders, body, *kind);
    }
    ctx.orders = Some(orders);
    judged.map(|_| ())
}

/// A chunk of the request body on its way upstream.
pub(crate) fn body(
    session: &mut Session,
    body: &mut Option<Bytes>,
    end: bool,
    ctx: &mut Context,
) -> pingora::Result<()> {
    let whole = match ctx.request_body.take(body, end) {
        Ok(whole) => whole,
        Err(reason) => {
            ctx.refuse(reason.into());
            return Err(stop(reason));
        }
    };
    if let Some(whole) = whole {
        let query = session.req_header().uri.query().map(str::to_owned);
        if let Err(denial) = judge_body(ctx, session, query.as_deref(), &whole) {
            let reason = denial.reason;
            ctx.refuse(denial);
            return Err(stop(reason));
        }
        ctx.request_body = RequestBody::Judged;
        *body = Some(whole);
    }
    if end && body.as_ref().is_some_and(Bytes::is_empty) {
        // An empty last chunk would end a chunked request twice and leave the second end for the next one.
        *body = None;
    }
    Ok(())
}

/// The side of the application that a route belongs to.
pub(super) fn area(ctx: &Context, method: &str, path: &CanonicalPath) -> Area {
    match ctx.policy().profile.classify(method, path).public {
        true => Area::Public,
        false => Area::Operator,
    }
}

async fn identify(ctx: &Context, session: &Session, public: bool) -> Result<Identity, Denial> {
    let area = if public { Area::Public } else { Area::Operator };
    let headers = &session.req_header().headers;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let request = Request { headers, host, area };
    ctx.running.generation.identity.identify(&request).await.map_err(|_| Reason::RequestAmbiguous.into())
}

/// The address of the client: the peer's, as nobody is trusted to speak for another yet.
fn client_ip(session: &Session) -> Result<ClientIp, Denial> {
    let peer = session.client_addr().and_then(|address| address.as_inet());
    peer.map(|address| ClientIp::new(address.ip())).ok_or_else(|| Reason::InternalError.into())
}

fn header_text(session: &Session, name: header::HeaderName) -> Option<&str> {
    session.req_header().headers.get(name).and_then(|value| value.to_str().ok())
}

/// RFC 9112 §6.3: a request has a body where its head says so.
fn has_body(session: &Session) -> bool {
    let headers = &session.req_header().headers;
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

/// Whether this opens a WebSocket. A handshake with a body is none: the application may have to ask for the body first
/// (`Expect`, RFC 9110 §7.8).
pub(super) fn is_handshake(session: &Session) -> bool {
    asks_for_websocket(session.req_header()) && !has_body(session)
}

/// RFC 6455 §4.1; any other upgrade is not forwarded (`H1UpgradePolicy::WebSocketOnly`).
pub(super) fn asks_for_websocket(request: &RequestHeader) -> bool {
    let names_it =
        |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().windows(9).any(|w| w == b"websocket");
    request.headers.get_all(header::UPGRADE).iter().any(names_it)
}
