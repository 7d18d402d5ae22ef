//! What remains of a request: its entry in the action log, its counts, its line in the log.
//!
//! The log holds no contact data, no credentials and no paths; who did what is for the action log alone.

use bytes::Bytes;
use chatwarden_policy::{
    account::Identity,
    body::DownloadKind,
    extract,
    profile::{Classified, Place},
    reason::{Denial, Reason},
    rules::Mode,
    verdict::{Area as PolicyArea, Orders},
};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use pingora::{Error, http::ResponseHeader, proxy::Session};
use tracing::{debug, info, warn};

use super::{answer_body::Finished, context::Context, head::Target};
use crate::{
    actions::{Action, ActionType, Entry, Outcome},
    gateway::Shared,
    identity::{Area, Request},
};

/// Fields of the request that the action log is told.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    action: Option<ActionType>,
    route: Option<String>,
    target: Option<String>,
    note: Option<String>,
    signs: bool,
    /// The cookies that a sign-in was answered with: they tell who signed in.
    fresh_cookies: Option<HeaderValue>,
}

/// Notes what the route alone tells.
pub(crate) fn note(ctx: &mut Context, classified: &Classified<'_>, target: &Target, method: &str) {
    let writes = !matches!(method, "GET" | "HEAD" | "OPTIONS");
    let own = if classified.webhooks_panel {
        Some(Action::WebhooksPanelOpen)
    } else if classified.download.is_some() {
        Some(Action::DownloadSend)
    } else if classified.file_send {
        Some(Action::FileSend)
    } else if classified.file_receive {
        Some(Action::FileReceive)
    } else if classified.sign_in && writes {
        Some(Action::SignIn)
    } else if classified.sign_out {
        Some(Action::SignOut)
    } else {
        None
    };
    ctx.noted.signs = classified.sign_out || (classified.sign_in && writes);
    ctx.noted.action = own.map(ActionType::from);
    let Some(action) = classified.action else { return };
    if let Ok(action_type) = ActionType::parse(&action.action_type) {
        ctx.noted.action = Some(action_type);
    }
    ctx.noted.route = Some(action.route.clone());
    let find = |place: &Option<Place>| match place {
        Some(Place::Path(name)) => {
            classified.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        }
        Some(Place::Query(name)) => in_pairs(target.query.as_deref().unwrap_or_default(), name),
        Some(Place::Json(_) | Place::Form(_)) | None => None,
    };
    ctx.noted.target = find(&action.target);
    ctx.noted.note = find(&action.note);
}

/// Notes what the body tells, once it is read.
pub(crate) fn note_body(ctx: &mut Context, orders: &Orders, body: &Bytes, kind: Option<DownloadKind>) {
    if kind == Some(DownloadKind::Direct) {
        ctx.noted.action = Some(Action::DownloadDirect.into());
    }
    let Some(action) = &orders.action else { return };
    let find = |place: &Option<Place>| match place {
        Some(Place::Json(selector)) => {
            let value = extract::json(body).ok()?;
            extract::joined(selector, &value)
        }
        Some(Place::Form(name)) => in_pairs(std::str::from_utf8(body).ok()?, name),
        Some(Place::Path(_) | Place::Query(_)) | None => None,
    };
    if let Some(target) = find(&action.target) {
        ctx.noted.target = Some(target);
    }
    if let Some(note) = find(&action.note) {
        ctx.noted.note = Some(note);
    }
}

fn in_pairs(text: &str, name: &str) -> Option<String> {
    let pairs = extract::pairs(text).ok()?;
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Tells what `mode: monitor` would have refused.
pub(crate) fn monitored(ctx: &Context, denial: &Denial) {
    info!(
        request_id = %ctx.request_id,
        generation = ctx.running.number,
        reason = denial.reason.code(),
        rule = %rule(denial),
        "Would be refused; the rule only monitors"
    );
}

/// Tells of a page whose framing headers a rule in `mode: monitor` left alone.
pub(crate) fn framing_monitored(ctx: &Context) {
    let Some(rule) = ctx.policy().rules.iframe.as_ref().filter(|rule| rule.mode == Mode::Monitor) else {
        return;
    };
    info!(
        request_id = %ctx.request_id,
        generation = ctx.running.number,
        rule = %rule.rule,
        "Framing headers would be set; the rule only monitors"
    );
}

/// Counts what was hidden.
pub(crate) fn masked(shared: &Shared, ctx: &Context, finished: &Finished) {
    let hidden: u64 = finished.summary.hidden.iter().sum();
    if finished.monitored {
        info!(request_id = %ctx.request_id, hidden, "Would be hidden; the rule only monitors");
    } else {
        shared.metrics.masked(&finished.summary.hidden);
        debug!(request_id = %ctx.request_id, hidden, "Contact data hidden");
    }
}

/// Notes what the answer to a sign-in hands out.
pub(crate) fn note_answer(ctx: &mut Context, header: &ResponseHeader) {
    if !ctx.noted.signs || header.status.is_client_error() || header.status.is_server_error() {
        return;
    }
    let cookies = header.headers.get_all(http::header::SET_COOKIE).iter();
    let pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).collect::<Vec<_>>();
    let fresh = (!pairs.is_empty()).then(|| HeaderValue::from_str(&pairs.join("; ")).ok()).flatten();
    ctx.noted.fresh_cookies = fresh;
}

/// Notes that messages of a stream have signed an account in.
pub(crate) fn note_sign_in(ctx: &mut Context, identity: &Identity) {
    if identity.account().is_some() {
        ctx.noted.action.get_or_insert_with(|| Action::SignIn.into());
    }
}

/// Who signed in: the identity sources are asked with what the application handed out.
async fn recognise(ctx: &mut Context, host: Option<&str>) {
    let Some(mut cookies) = ctx.noted.fresh_cookies.take() else { return };
    if ctx.identity.account().is_some() {
        return;
    }
    cookies.set_sensitive(true);
    let headers = HeaderMap::from_iter([(http::header::COOKIE, cookies)]);
    let request = Request { headers: &headers, host, peer: None, area: Area::Operator };
    if let Ok(identity) = ctx.running.generation.identity.identify(&request).await {
        ctx.identity = identity;
    }
}

/// Closes the books on a request.
pub(crate) async fn finish(shared: &Shared, session: &Session, error: Option<&Error>, ctx: &mut Context) {
    if let Some(switch) = &ctx.switch {
        switch.awaits_a_head();
    }
    let status = session.response_written().map_or(0, |header| header.status.as_u16());
    let (verdict, reason) = match &ctx.denial {
        Some(denial) => ("refused", denial.reason.code()),
        None if error.is_some() || status == 0 => ("aborted", "none"),
        None => ("allowed", "none"),
    };
    shared.metrics.request(verdict, reason, ctx.started.elapsed());
    if let Some(denial) = &ctx.denial {
        let fault = matches!(
            denial.reason,
            Reason::InternalError | Reason::UpstreamUnavailable | Reason::UpstreamTimeout
        );
        if fault {
            warn!(request_id = %ctx.request_id, generation = ctx.running.number, reason, error = error.map(|error| error.etype().as_str()), "Request failed");
        } else {
            debug!(request_id = %ctx.request_id, generation = ctx.running.number, reason, rule = %rule(denial), "Request refused");
        }
    }
    let headers = &session.req_header().headers;
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    recognise(ctx, host).await;
    record(shared, session, status, error.is_some(), ctx);
    forget(shared, session, status, ctx).await;
}

/// Forgets who the caller was, where it has signed in or out or the application does not know it any more.
///
/// Before the answer is passed on, as the next request may follow it at once; and at the end, when all of it is done.
pub(crate) async fn forget(shared: &Shared, session: &Session, status: u16, ctx: &Context) {
    if !ctx.noted.signs && status != 401 {
        return;
    }
    let headers = &session.req_header().headers;
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let request = Request { headers, host, peer: ctx.peer, area: Area::Operator };
    ctx.running.generation.identity.forget(&request).await;
    shared.streams.judge_account(&ctx.identity);
}

/// Writes the entry, where the request was an action.
fn record(shared: &Shared, session: &Session, status: u16, failed: bool, ctx: &Context) {
    let Some(rule) = &ctx.policy().rules.action_log else { return };
    let by_reason = ctx.denial.as_ref().and_then(|denial| by_reason(denial.reason)).map(ActionType::from);
    let Some(action) = by_reason.as_ref().or(ctx.noted.action.as_ref()) else { return };
    let end_user = ctx.orders.as_ref().is_some_and(|orders| orders.area == PolicyArea::Public);
    if end_user {
        return;
    }
    let outcome = match &ctx.denial {
        Some(denial) if denial.reason.status() < 500 => Outcome::Denied,
        Some(_) => Outcome::Failed,
        None if failed || status == 0 || status >= 400 => Outcome::Failed,
        None => Outcome::Done,
    };
    let mut entry = Entry::new(Timestamp::now(), action, outcome, ctx.running.number).request(
        &ctx.request_id,
        session.req_header().method.as_str(),
        ctx.noted.route.as_deref(),
    );
    if !rule.records(entry.action()) {
        return;
    }
    if let Some(account) = ctx.identity.account() {
        entry = entry.by(account);
    }
    if let Some(ip) = ctx.client_ip {
        entry = entry.from_ip(ip);
    }
    if let Some(target) = &ctx.noted.target {
        entry = entry.target(target);
    }
    if let Some(note) = &ctx.noted.note {
        entry = entry.note(note);
    }
    if let Some(denial) = &ctx.denial {
        entry = entry.because(denial.reason.code(), denial.rule);
    }
    if shared.actions.append(entry).is_err() {
        shared.metrics.action_log_dropped.inc();
    }
}

/// What a refusal by a rule says of the action, whatever the route was.
fn by_reason(reason: Reason) -> Option<Action> {
    match reason {
        Reason::FileSendBlocked => Some(Action::FileSend),
        Reason::FileReceiveBlocked => Some(Action::FileReceive),
        Reason::DownloadRecipientNotListed => Some(Action::DownloadSend),
        Reason::DownloadDirectBlocked => Some(Action::DownloadDirect),
        Reason::WebhooksPanelRestricted => Some(Action::WebhooksPanelOpen),
        Reason::IpNotWhitelisted
        | Reason::HiddenFieldQuery
        | Reason::MaskedValue
        | Reason::AliasInMessage
        | Reason::PathAmbiguous
        | Reason::RequestAmbiguous
        | Reason::UnscannableRequest
        | Reason::UnscannableAnswer
        | Reason::UnscannableMessage
        | Reason::MalformedMessage
        | Reason::LimitBody
        | Reason::LimitHeader
        | Reason::LimitRate
        | Reason::SessionEnded
        | Reason::RulesChanged
        | Reason::PreconditionFailed
        | Reason::LimitRequests
        | Reason::LimitWrites
        | Reason::RequestTimeout
        | Reason::IdentityUnavailable
        | Reason::VaultUnavailable
        | Reason::UpstreamUnavailable
        | Reason::UpstreamTimeout
        | Reason::InternalError => None,
    }
}

fn rule(denial: &Denial) -> String {
    denial.rule.map_or_else(|| "none".to_owned(), |rule| rule.to_string())
}
