//! What a decision looks like: facts in, a verdict out.
//!
//! The server translates a session into `Facts` in one place and carries out a `Verdict` in its phases. Neither type
//! knows HTTP libraries, so `check`, tests and serving share one decision.

use std::sync::Arc;

use chatwarden_redact::Plan;
use jiff::civil::Date;

use crate::{
    account::{ClientIp, Identity, Standing},
    path::CanonicalPath,
    profile::{Action, Download},
    reason::{Denial, RuleRef},
    way_back::WayBack,
};

/// All that a decision about a request may look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The client's address, never the peer's.
    pub client_ip: ClientIp,
    /// Who the caller is.
    pub identity: &'a Identity,
    /// The method, as it goes upstream.
    pub method: &'a str,
    /// The path, as it goes upstream.
    pub path: &'a CanonicalPath,
    /// The request's `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Whether a body follows.
    pub body: bool,
    /// Today, UTC.
    pub today: Date,
}

/// Which part of the application a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// End-user traffic: never whitelisted, masked or reframed.
    Public,
    /// Signing in: open to every address of the whitelist, whatever its groups.
    SignIn,
    /// The application's own scripts, styles, fonts and pictures.
    Assets,
    /// Everything else.
    Operator,
}

/// The decision about a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It goes upstream, under these orders.
    Allow(Box<Orders>),
    /// It is refused.
    Deny(Denial),
}

/// What a rule in `mode: monitor` would have refused; logged, not enforced.
pub type Monitored = Vec<Denial>;

/// A block of one direction of file traffic for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileBlock {
    /// The line that blocks.
    pub rule: RuleRef,
    /// False in `mode: monitor`.
    pub enforced: bool,
}

/// What of an answer a caller is shown: callers of one view share what caches hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    /// Which of the profile's scopes holds.
    pub scope: usize,
    /// Whether contact data is hidden.
    pub contacts: bool,
    /// Whether links to files are.
    pub links: bool,
}

/// How the answer's body is treated. Without plans the origin's bytes pass as they are.
#[derive(Clone, Debug, Default)]
pub struct Masking {
    /// What is hidden from the caller.
    pub hide: Option<Arc<Plan>>,
    /// What is hidden from the caller in text that no field of the profile describes: header fields.
    pub text: Option<Arc<Plan>>,
    /// What the caller is shown.
    pub view: View,
    /// Whether contact data is part of it: then what cannot be scanned is refused.
    pub contacts: bool,
    /// The line that hides.
    pub rule: Option<RuleRef>,
    /// `mode: monitor`: what would be hidden; run beside the answer, to count.
    pub count: Option<Arc<Plan>>,
}

/// The framing headers of an answer.
#[derive(Clone, Debug)]
pub struct Framing {
    /// The source list of `frame-ancestors` (CSP3 §6.4.2).
    pub ancestors: Arc<str>,
    /// Whether any other origin is allowed; else `X-Frame-Options: SAMEORIGIN` goes along.
    pub hosts: bool,
}

/// How an allowed request is carried out.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The part of the application.
    pub area: Area,
    /// What the rules know of the caller.
    pub standing: Standing,
    /// How the answer's body is treated.
    pub masking: Masking,
    /// A block on sending files, to be judged on the request's body.
    pub send_block: Option<FileBlock>,
    /// A block on receiving files, to be judged on the answer.
    pub receive_block: Option<FileBlock>,
    /// The route answers with a client's picture, and the caller is shown a drawing in its place.
    pub drawing: bool,
    /// Whether the route is one of the profile's `files.receive`.
    pub receive_route: bool,
    /// A conversation download, whoever may make it: the action log tells to addresses from straight to the browser.
    pub download: bool,
    /// A conversation download whose recipients in query and body must be judged before it goes upstream.
    pub judge_recipients: Option<Arc<Download>>,
    /// The body is multipart and must be judged for file parts before it goes upstream.
    pub judge_multipart: bool,
    /// How marks in the request are treated, where contact data is governed.
    pub way_back: Option<Arc<WayBack>>,
    /// Whether contact data is governed at all: answers of maskable types are then kept out of shared caches.
    pub masking_governed: bool,
    /// The framing headers, where the iframe rules govern.
    pub framing: Option<Framing>,
    /// The action that the log records.
    pub action: Option<Arc<Action>>,
    /// Admitted by `exempt_super_admin` alone: no whitelist entry covers the address.
    pub by_exemption: bool,
    /// What `mode: monitor` would have refused.
    pub monitored: Monitored,
}
