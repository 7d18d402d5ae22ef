//! What one request carries from phase to phase.

use std::{sync::Arc, time::Instant};

use chatwarden_policy::{
    account::{ClientIp, Identity},
    path::CanonicalPath,
    reason::Denial,
    verdict::Orders,
};
use uuid::Uuid;

use super::{answer_body::AnswerBody, request_body::RequestBody};
use crate::generation::Generation;

/// The state of one request, from its first byte to its log entry.
pub struct Context {
    pub(crate) started: Instant,
    /// RFC 9562 version 7: sortable by time.
    pub(crate) request_id: String,
    /// The one generation of rules that judges this request, start to end.
    pub(crate) generation: Arc<Generation>,
    pub(crate) client_ip: Option<ClientIp>,
    pub(crate) path: Option<CanonicalPath>,
    pub(crate) identity: Identity,
    /// Set once the request is allowed.
    pub(crate) orders: Option<Box<Orders>>,
    /// Set once it is refused; the first refusal stays.
    pub(crate) denial: Option<Denial>,
    pub(crate) upgraded: bool,
    pub(crate) request_body: RequestBody,
    pub(crate) answer_body: AnswerBody,
    /// What the action log learns from the request.
    pub(crate) noted: Noted,
}

/// Fields of the request that the profile names for the action log.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) target: Option<String>,
    pub(crate) note: Option<String>,
    /// The type of the action, where the request alone tells.
    pub(crate) action: Option<Arc<str>>,
}

impl Context {
    pub(crate) fn new(generation: Arc<Generation>) -> Self {
        Self {
            started: Instant::now(),
            request_id: Uuid::now_v7().to_string(),
            generation,
            client_ip: None,
            path: None,
            identity: Identity::Nobody,
            orders: None,
            denial: None,
            upgraded: false,
            request_body: RequestBody::Open,
            answer_body: AnswerBody::Pass,
            noted: Noted::default(),
        }
    }

    /// Notes a refusal; the first one stays.
    pub(crate) fn refuse(&mut self, denial: Denial) {
        self.denial.get_or_insert(denial);
    }
}
