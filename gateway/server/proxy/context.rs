//! What one request carries from phase to phase.

use std::{sync::Arc, time::Instant};

use chatwarden_policy::{
    account::{ClientIp, Identity},
    path::CanonicalPath,
    policy::Policy,
    reason::Denial,
    verdict::Orders,
};
use chatwarden_redact::Class;
use uuid::Uuid;

use super::{
    answer_body::AnswerBody,
    in_band::Part,
    log::Noted,
    request_body::{Pace, RequestBody},
    tunnel::{Offer, Tunnel},
    validators::Word,
};
use crate::{config::Config, connection::Switch, generation::Running, live::Registered, peer::PeerIp};

/// The state of one request, from its first byte to its log entry.
pub(crate) struct Context {
    pub(crate) started: Instant,
    /// RFC 9562 version 7: sortable by time.
    pub(crate) request_id: String,
    /// The one generation of rules that judges this request, start to end.
    pub(crate) running: Arc<Running>,
    pub(crate) client_ip: Option<ClientIp>,
    /// That of the connection that the request came by.
    pub(crate) switch: Option<Arc<Switch>>,
    pub(crate) body_pace: Pace,
    /// Whether the client came in by TLS, to the gateway or to a trusted proxy.
    pub(crate) is_secure: bool,
    /// Whom the connection comes from.
    pub(crate) peer: Option<PeerIp>,
    pub(crate) path: Option<CanonicalPath>,
    pub(crate) identity: Identity,
    /// The part that this request has in a stream.
    pub(crate) in_band: Option<Part>,
    /// Set once the request is allowed.
    pub(crate) orders: Option<Box<Orders>>,
    /// Set once it is refused; the first refusal stays.
    pub(crate) denial: Option<Denial>,
    pub(crate) request_body: RequestBody,
    pub(crate) answer_body: AnswerBody,
    /// The answer among the open streams, if it is one.
    pub(crate) stream: Option<Registered>,
    /// What aliases of the request became.
    pub(crate) restored: Vec<(Class, Vec<u8>)>,
    /// What was offered of compression in the handshake of a WebSocket whose messages are read.
    pub(crate) offer: Option<Offer>,
    /// Set once such a WebSocket is open.
    pub(crate) tunnel: Option<Box<Tunnel>>,
    /// What the action log learns from the request.
    pub(crate) noted: Noted,
}

impl Context {
    /// The policy that judges this request.
    pub(crate) fn policy(&self) -> &Policy {
        &self.running.generation.policy
    }

    /// The settings that hold for this request.
    pub(crate) fn config(&self) -> &Config {
        &self.running.generation.config
    }

    /// The word of the caller's view, where the answer's validators carry one.
    pub(crate) fn word(&self) -> Option<Word> {
        self.orders.as_deref().and_then(|orders| Word::of(&self.running, orders))
    }

    pub(crate) fn new(running: Arc<Running>) -> Self {
        Self {
            started: Instant::now(),
            request_id: Uuid::now_v7().to_string(),
            running,
            client_ip: None,
            switch: None,
            body_pace: Pace::default(),
            is_secure: false,
            peer: None,
            path: None,
            identity: Identity::Nobody,
            in_band: None,
            orders: None,
            denial: None,
            request_body: RequestBody::Open,
            answer_body: AnswerBody::Pass,
            stream: None,
            restored: Vec::new(),
            offer: None,
            tunnel: None,
            noted: Noted::default(),
        }
    }

    /// Notes a refusal; the first one stays.
    pub(crate) fn refuse(&mut self, denial: Denial) {
        self.denial.get_or_insert(denial);
    }
}
