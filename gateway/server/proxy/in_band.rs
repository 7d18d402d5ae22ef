//! Requests that carry messages of a stream: long polls and what is sent beside them, and WebSockets.
//!
//! The application signs its operators in by messages, so whose such a request is stands in no header: it is whose the
//! stream is, by the name that the request bears. What the client sends is read before the application sees it, and what
//! the application answers before the client does; where that makes the stream somebody else's, what follows in the same
//! answer is judged anew.

use std::sync::Arc;

use chatwarden_policy::{
    account::Identity,
    extract,
    in_band::{Event, events},
    profile::Classified,
    reason::{Denial, Reason},
    verdict::{Facts, Orders, Verdict},
};
use pingora::proxy::Session;

use super::{
    context::Context,
    log,
    request::is_handshake,
    row::{Heard, Listener},
};
use crate::{
    gateway::Shared,
    in_band::{Stream, merge},
    live::Shown,
};

/// The part that a request has in a stream.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The name that the application gave the stream; none before it has.
    name: Option<String>,
    /// The stream of a WebSocket, which may have no name.
    own: Option<Stream>,
    method: String,
    /// Who sends the request, as HTTP tells.
    found: Identity,
}

impl Part {
    /// The part of this request, if it is one.
    ///
    /// # Errors
    /// A query that has two readings, or names two streams.
    pub(crate) fn of(
        shared: &Shared,
        ctx: &Context,
        session: &Session,
        classified: &Classified<'_>,
        found: &Identity,
    ) -> Result<Option<Self>, Denial> {
        let request = session.req_header();
        let profile = &ctx.policy().profile;
        let opens = is_handshake(session) && profile.streams().sign_in();
        if classified.stream.is_none() && !opens {
            return Ok(None);
        }
        let name = match classified.stream {
            Some(parameter) => name(parameter, request.uri.query().unwrap_or_default())?,
            None => None,
        };
        let stream = || name.as_deref().map_or_else(Stream::default, |name| shared.in_band.open(name));
        let own = opens.then(stream);
        Ok(Some(Self { name, own, method: request.method.as_str().to_owned(), found: found.clone() }))
    }

    /// The stream, if anything is known of it.
    pub(crate) fn stream(&self, shared: &Shared) -> Option<Stream> {
        self.own.clone().or_else(|| shared.in_band.find(self.name.as_deref()?))
    }

    /// Who sends the request, as HTTP alone tells.
    pub(crate) fn found(&self) -> &Identity {
        &self.found
    }

    /// Who sends the request, as HTTP and the stream tell.
    ///
    /// # Errors
    /// They name two accounts.
    pub(crate) fn identity(&self, shared: &Shared) -> Result<Identity, Denial> {
        merge(&self.found, &self.stream(shared).map_or(Identity::Nobody, |stream| stream.identity()))
    }
}

/// The name of a stream in a query.
fn name(parameter: &str, query: &str) -> Result<Option<String>, Denial> {
    let pairs = extract::pairs(query).map_err(|_| Reason::RequestAmbiguous)?;
    let mut names = pairs.into_iter().filter(|(name, _)| name == parameter).map(|(_, value)| value);
    let name = names.next().filter(|name| !name.is_empty());
    if names.next().is_some() {
        return Err(Reason::RequestAmbiguous.into());
    }
    Ok(name)
}

/// Who spends a ticket, where HTTP says `found`.
///
/// # Errors
/// It was handed to another account.
pub(crate) fn spender(shared: &Shared, ticket: &str, found: &Identity) -> Result<Identity, Denial> {
    merge(found, &shared.in_band.holder(ticket).map_or(Identity::Nobody, Identity::Verified))
}

/// Judges and notes what a client sends in a stream, before the application sees it.
///
/// # Errors
/// What cannot be read for its events, and what the rules refuse of messages.
pub(crate) fn sent(
    shared: &Shared,
    ctx: &Context,
    orders: &Orders,
    is_read: bool,
    body: &[u8],
) -> Result<(), Denial> {
    let Some(part) = &ctx.in_band else { return Ok(()) };
    let policy = ctx.policy();
    let Some(messages) = policy.messages(orders) else { return Ok(()) };
    if !is_read {
        return Err(Reason::UnscannableRequest.into());
    }
    messages.judge(body)?;
    if !messages.follows() {
        return Ok(());
    }
    let events = events(body).map_err(|_| Reason::UnscannableRequest)?;
    let rules = policy.profile.streams();
    if let Some(name) = part.name.as_deref().filter(|_| rules.ask(&events)) {
        shared.in_band.open(name).sent(rules, &events);
    }
    Ok(())
}

/// Hears what the application answers.
pub(crate) struct Ear<'e> {
    pub(crate) shared: &'e Shared,
    pub(crate) ctx: &'e mut Context,
}

impl Listener for Ear<'_> {
    fn hear(&mut self, events: &[Event]) -> Result<Option<Heard>, Denial> {
        let running = Arc::clone(&self.ctx.running);
        let policy = &running.generation.policy;
        let Some(part) = &self.ctx.in_band else { return Ok(None) };
        let Some(stream) = part.stream(self.shared) else { return Ok(None) };
        stream.heard(&self.shared.in_band, policy.profile.streams(), events);
        let identity = part.identity(self.shared)?;
        if identity == self.ctx.identity {
            return Ok(None);
        }
        let (Some(client_ip), Some(path)) = (self.ctx.client_ip, self.ctx.path.clone()) else {
            return Err(Reason::InternalError.into());
        };
        let classified = policy.profile.classify(&part.method, &path);
        let facts = Facts {
            client_ip,
            identity: &identity,
            method: &part.method,
            path: &path,
            content_type: None,
            body: false,
            today: self.shared.clock.today(),
        };
        let orders = match policy.evaluate(&facts, &classified) {
            Verdict::Allow(orders) => orders,
            Verdict::Deny(denial) => return Err(denial),
        };
        let masking = &orders.masking;
        if masking.contacts && masking.hide.is_none() {
            return Err(Reason::InternalError.into());
        }
        let plan = masking.hide.clone();
        log::note_sign_in(self.ctx, &identity);
        self.ctx.identity = identity;
        self.ctx.orders = Some(orders);
        if let (Some(open), Some(orders)) = (&self.ctx.stream, &self.ctx.orders) {
            open.shows(Shown::of(&running, orders));
        }
        let word = self.ctx.word();
        let learnt = word.and_then(|word| self.shared.learnt.of(&self.ctx.identity, &word));
        Ok(Some(Heard { plan, learnt }))
    }
}
