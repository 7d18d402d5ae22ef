//! From the head of a request to the verdict, and the verdict carried out.

use std::sync::Arc;

use bytes::Bytes;
use chatwarden_policy::{
    account::{ClientIp, Identity},
    path::CanonicalPath,
    profile::Classified,
    reason::{Denial, Reason},
    verdict::{Facts, Orders, Verdict},
};
use chatwarden_redact::Class;
use http::{HeaderName, HeaderValue, header};
use jiff::civil::Date;
use pingora::{http::RequestHeader, proxy::Session};
use tracing::debug;

use super::{
    context::Context,
    head::{self, Target},
    identicon,
    in_band::{self, Part},
    log,
    refusal::Refusal,
    request_body::{self, BodyError, Holding, Overflow, ReadAhead, RequestBody, Taken, Whole},
    restore::{self, Reading},
    stop,
};
use crate::{
    connection::Switch,
    gateway::Shared,
    identity::{Area, Request},
    peer::PeerIp,
};

/// Judges a request. True: it was answered here and does not go upstream.
pub(crate) async fn filter(
    shared: &Shared,
    session: &mut Session,
    ctx: &mut Context,
) -> pingora::Result<bool> {
    ctx.switch = switch(shared, session);
    if let Some(switch) = &ctx.switch {
        switch.head_is_complete();
    }
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

/// The switch of the connection that a request came by.
fn switch(shared: &Shared, session: &Session) -> Option<Arc<Switch>> {
    shared.switches.of(session.digest()?.socket_digest.as_ref()?)
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
    let client_ip = client_ip(shared, ctx, session)?;
    ctx.client_ip = Some(client_ip);
    let peer = peer_ip(session)?;
    ctx.peer = Some(peer);
    let limits = ctx.config().limits;
    if !shared.requests.pass(client_ip.into(), limits.requests_per_client, ctx.started) {
        return Err(Reason::LimitRequests.into());
    }
    let raw = session.to_h1_raw();
    let running = Arc::clone(&ctx.running);
    let told = |name: &HeaderName| running.generation.identity.told(peer, name);
    let target = head::normalise(session.req_header_mut(), &raw, limits.request_header, &told)?;
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
    let tries = classified.sign_in && !matches!(method.as_str(), "GET" | "HEAD");
    if tries && !shared.sign_ins.pass(client_ip.into(), limits.sign_ins_per_client, ctx.started) {
        return Err(Reason::LimitRate.into());
    }
    let found = identify(ctx, session, classified.public).await?;
    ctx.in_band = Part::of(shared, ctx, session, &classified, &found)?;
    ctx.identity = match (&ctx.in_band, &classified.ticket) {
        (Some(part), _) => part.identity(shared)?,
        (None, Some(ticket)) => in_band::spender(shared, ticket, &found)?,
        (None, None) => found,
    };
    if let Some(account) = ctx.identity.account()
        && !shared.account_requests.pass(account.id.as_str().into(), limits.requests_per_account, ctx.started)
    {
        return Err(Reason::LimitRequests.into());
    }
    let mut orders = evaluate(ctx, session, &target, &classified, client_ip, today)?;
    let mut target = target;
    if let Some((path, query)) = restore::head(ctx, &orders, &target)? {
        // Facts and decision are those of the final form.
        let final_form = head::retarget(session.req_header_mut(), &path, query)?;
        let reached = policy.profile.classify(method.as_str(), &final_form.path);
        orders = evaluate(ctx, session, &final_form, &reached, client_ip, today)?;
        // A value must lead to no route that does not take it: an alias's to none but those that restore.
        let is_astray = reached.tells() || classified.restores() && !reached.restores();
        if final_form.path != target.path && is_astray {
            return Err(Reason::MaskedValue.into());
        }
        ctx.path = Some(final_form.path.clone());
        target = final_form;
    }
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
    let signs_in = classified.sign_in && has_body(session);
    if orders.by_exemption && !shared.knocks.pass(client_ip, signs_in, ctx.started) {
        return Err(Reason::LimitRate.into());
    }
    if asks_for_websocket(session.req_header()) {
        session.set_read_timeout(Some(ctx.config().limits.stream_idle_timeout));
    }
    ctx.orders = Some(orders);
    inspect(shared, session, ctx, &target).await?;
    Ok(Allowed::Upstream)
}

fn evaluate(
    ctx: &Context,
    session: &Session,
    target: &Target,
    classified: &Classified<'_>,
    client_ip: ClientIp,
    today: Date,
) -> Result<Box<Orders>, Denial> {
    let request = session.req_header();
    let facts = Facts {
        client_ip,
        identity: &ctx.identity,
        method: request.method.as_str(),
        path: &target.path,
        content_type: header_text(session, header::CONTENT_TYPE),
        body: has_body(session),
        today,
    };
    match ctx.policy().evaluate(&facts, classified) {
        Verdict::Allow(orders) => Ok(orders),
        Verdict::Deny(denial) => Err(denial),
    }
}

/// Reads and judges the body where a rule or the action log has to know it before the application does.
async fn inspect(
    shared: &Shared,
    session: &mut Session,
    ctx: &mut Context,
    target: &Target,
) -> Result<(), Denial> {
    let Some(orders) = ctx.orders.as_deref() else { return Ok(()) };
    let wanted = orders.judge_recipients.is_some() || orders.judge_multipart || ctx.in_band.is_some();
    let noted = orders.download || orders.action.as_ref().is_some_and(|action| action.reads_body());
    if !has_body(session) {
        return judge_body(shared, ctx, session, target.query.as_deref(), &Bytes::new()).map(|_| ());
    }
    let limits = ctx.config().limits;
    let announced = request_body::announced_length(session);
    let headers = &session.req_header().headers;
    let reading = restore::reading(orders, headers, announced, limits.inspected_body);
    let holding = match reading {
        Reading::Hold(overflow) if !wanted && !noted => Holding { overflow, transforms: true },
        _ if wanted || noted => {
            Holding { overflow: Overflow::Refuse, transforms: restore::transforms(orders, headers) }
        }
        Reading::Watch => return watch(ctx, session, None),
        Reading::Pass | Reading::Hold(_) => return Ok(()),
    };
    let patience = limits.inspected_body_timeout;
    match request_body::read_ahead(session, limits.inspected_body, patience, holding).await {
        Ok(ReadAhead::Whole(body)) => {
            let whole = judge_body(shared, ctx, session, target.query.as_deref(), &body)?;
            let replays = !whole.changed && body.len() <= request_body::REPLAY_LIMIT;
            ctx.request_body = if replays { RequestBody::Judged } else { RequestBody::Whole(whole) };
        }
        Ok(ReadAhead::Partial(held)) => ctx.request_body = RequestBody::Held(held),
        Err(reason) => return Err(reason.into()),
    }
    Ok(())
}

/// Has the form be watched from here on; `began` is what of it has come.
fn watch(ctx: &mut Context, session: &Session, began: Option<&Bytes>) -> Result<(), Denial> {
    let Some(way) = ctx.orders.as_deref().and_then(restore::enforced) else { return Ok(()) };
    let watch = way.watch(header_text(session, header::CONTENT_TYPE))?;
    ctx.request_body = RequestBody::watched(watch);
    match began {
        Some(began) => watched(ctx, &mut Some(began.clone()), false),
        None => Ok(()),
    }
}

/// Has a chunk of a watched form pass, if it may.
fn watched(ctx: &mut Context, chunk: &mut Option<Bytes>, end: bool) -> Result<(), Denial> {
    let Err(error) = ctx.request_body.take(chunk, end) else { return Ok(()) };
    let denial = match error {
        BodyError::Reason(reason) => Some(reason.into()),
        BodyError::Watch(error) => {
            let way = ctx.orders.as_deref().and_then(restore::enforced);
            way.map_or(Some(Reason::InternalError.into()), |way| way.watched(error))
        }
    };
    match denial {
        Some(denial) => Err(denial),
        None => {
            // It cannot be read, and its sender was shown no marks.
            ctx.request_body = RequestBody::Open;
            Ok(())
        }
    }
}

/// Judges a body, and gives what goes upstream.
fn judge_body(
    shared: &Shared,
    ctx: &mut Context,
    session: &Session,
    query: Option<&str>,
    body: &Bytes,
) -> Result<Whole, Denial> {
    let Some(orders) = ctx.orders.take() else { return Err(Reason::InternalError.into()) };
    let judged = judge_under(&orders, shared, ctx, session, query, body);
    ctx.orders = Some(orders);
    judged
}

fn judge_under(
    orders: &Orders,
    shared: &Shared,
    ctx: &mut Context,
    session: &Session,
    query: Option<&str>,
    body: &Bytes,
) -> Result<Whole, Denial> {
    let request = session.req_header();
    let writes = !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    let restored = restore::body(shared, ctx, orders, &request.headers, writes, body)?;
    // What a body is under a coding is not known: judged like one of no type.
    let coded = request.headers.contains_key(header::CONTENT_ENCODING) && !restored.decoded;
    let content_type = header_text(session, header::CONTENT_TYPE).filter(|_| !coded);
    let mut monitored = Vec::new();
    let judged = ctx.policy().judge_body(orders, query, content_type, &restored.body, &mut monitored);
    for denial in &monitored {
        log::monitored(ctx, denial);
    }
    let kind = judged?;
    let is_read = !coded && !restore::is_file(&request.headers);
    in_band::sent(shared, ctx, orders, is_read, &restored.body)?;
    // The log is told what the caller wrote, never what it stands for.
    log::note_body(ctx, orders, &restored.came, kind);
    let changed = restored.decoded || restored.body != *body;
    Ok(Whole { bytes: restored.body, changed, decoded: restored.decoded })
}

/// A chunk of the request body on its way upstream.
pub(crate) fn body(
    shared: &Shared,
    session: &mut Session,
    body: &mut Option<Bytes>,
    end: bool,
    ctx: &mut Context,
) -> pingora::Result<()> {
    if !end && ctx.body_pace.is_too_slow(body.as_ref().map_or(0, Bytes::len), ctx.config().limits.body_rate) {
        ctx.refuse(Reason::RequestTimeout.into());
        return Err(stop(Reason::RequestTimeout));
    }
    if let Err(denial) = pass_body(shared, session, body, end, ctx) {
        let reason = denial.reason;
        ctx.refuse(denial);
        return Err(stop(reason));
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

fn pass_body(
    shared: &Shared,
    session: &Session,
    body: &mut Option<Bytes>,
    end: bool,
    ctx: &mut Context,
) -> Result<(), Denial> {
    if matches!(ctx.request_body, RequestBody::Watched(_)) {
        return watched(ctx, body, end);
    }
    match ctx.request_body.take(body, end) {
        Ok(Taken::On | Taken::Released) => Ok(()),
        Ok(Taken::ToWatch(began)) => {
            watch(ctx, session, Some(&began))?;
            if end {
                watched(ctx, &mut None, true)?;
            }
            *body = Some(began);
            Ok(())
        }
        Ok(Taken::Whole(whole)) => {
            let query = session.req_header().uri.query().map(str::to_owned);
            let whole = judge_body(shared, ctx, session, query.as_deref(), &whole)?;
            let coded = session.req_header().headers.contains_key(header::CONTENT_ENCODING);
            if coded && ctx.request_body.transforms() && !whole.decoded {
                // The head has gone without its codings.
                return Err(Reason::UnscannableRequest.into());
            }
            ctx.request_body = RequestBody::Judged;
            *body = Some(whole.bytes);
            Ok(())
        }
        Err(BodyError::Reason(reason)) => Err(reason.into()),
        Err(BodyError::Watch(_)) => Err(Reason::InternalError.into()),
    }
}

async fn identify(ctx: &Context, session: &Session, public: bool) -> Result<Identity, Denial> {
    let area = if public { Area::Public } else { Area::Operator };
    let headers = &session.req_header().headers;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let request = Request { headers, host, peer: ctx.peer, area };
    ctx.running.generation.identity.identify(&request).await.map_err(|_| Reason::RequestAmbiguous.into())
}

/// The address of the client: the peer's, or what trusted proxies say. Whether the client came in by TLS is noted, too.
fn client_ip(shared: &Shared, ctx: &mut Context, session: &Session) -> Result<ClientIp, Denial> {
    let digest = session.digest().ok_or(Reason::InternalError)?;
    let socket = digest.socket_digest.as_ref().ok_or(Reason::InternalError)?;
    let peer = socket.peer_addr().and_then(|address| address.as_inet()).ok_or(Reason::InternalError)?;
    let config = Arc::clone(&ctx.running.generation.config);
    let announced = ctx.switch.as_ref().and_then(|switch| switch.announced());
    let peer = announced.unwrap_or(peer.ip());
    let (proxies, headers) = (&config.proxies, &session.req_header().headers);
    ctx.is_secure = digest.ssl_digest.is_some();
    let field = proxies.header().name();
    if !proxies.trust(peer) {
        if let Some(field) =
            [field, "x-forwarded-for", "forwarded"].iter().find(|field| headers.contains_key(**field))
        {
            shared.forwarders.note(peer, field);
        }
        return Ok(ClientIp::new(peer));
    }
    if let Some(told) = headers.get_all(FORWARDED_PROTO).iter().next_back() {
        ctx.is_secure = told
            .as_bytes()
            .rsplit(|byte| *byte == b',')
            .next()
            .is_some_and(|last| last.trim_ascii() == b"https");
    }
    let values: Vec<&[u8]> = headers.get_all(field).iter().map(HeaderValue::as_bytes).collect();
    proxies.client(peer, &values).map_err(|_| Reason::RequestAmbiguous.into())
}

/// What a trusted proxy says of how the client came to it.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The address of the socket's other end, whatever is said of it.
fn peer_ip(session: &Session) -> Result<PeerIp, Denial> {
    let peer = session.client_addr().and_then(|address| address.as_inet());
    peer.map(|address| PeerIp::new(address.ip())).ok_or_else(|| Reason::InternalError.into())
}

fn header_text(session: &Session, name: HeaderName) -> Option<&str> {
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
