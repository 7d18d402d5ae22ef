//! The proxy: pingora's callbacks, each one call into the file of its phase.
//!
//! Files in the order in which the bytes meet them: `head`, `request`, `in_band`, `request_body`, `restore`, `upstream`,
//! `handshake`, `response`, `answer_body`, `row`, `tunnel`, `log`; `refusal` is the table from a reason to a response.

mod answer_body;
mod context;
mod fields;
mod framing;
mod glance;
mod handshake;
mod head;
mod identicon;
mod in_band;
mod log;
mod rate;
mod refusal;
mod request;
mod request_body;
mod response;
mod restore;
mod row;
mod tunnel;
mod upstream;
mod validators;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chatwarden_policy::reason::Reason;
use http::StatusCode;
use pingora::{
    Error, ErrorSource, ErrorType,
    http::{RequestHeader, ResponseHeader},
    proxy::{FailToProxy, ProxyHttp, Session},
    upstreams::peer::HttpPeer,
};

pub(crate) use rate::{Allowances, ClientKey, Crowd, Knocks};
pub(crate) use refusal::REQUEST_ID_HEADER;
pub(crate) use validators::Word;

use context::Context;

use crate::gateway::Shared;

/// The gateway as pingora sees it.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy over the gateway's shared state.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        Context::new(self.shared.running())
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Context) -> pingora::Result<bool> {
        request::filter(&self.shared, session, ctx).await
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut Context,
    ) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(upstream::peer(ctx.config(), request::is_handshake(session))))
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        upstream::filter(&self.shared, session, request, ctx)
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        if ctx.tunnel.is_some() {
            tunnel::from_client(&self.shared, session, body, ctx).await;
            return Ok(());
        }
        request::body(&self.shared, session, body, end, ctx)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        header: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> pingora::Result<()> {
        log::forget(&self.shared, session, header.status.as_u16(), ctx).await;
        response::header(&self.shared, session, header, ctx)
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        ctx: &mut Context,
    ) -> pingora::Result<Option<Duration>> {
        if ctx.tunnel.is_some() {
            tunnel::from_server(&self.shared, session, body, ctx)?;
            return Ok(None);
        }
        response::body(&self.shared, body, end, ctx)?;
        Ok(None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, ctx: &mut Context) -> FailToProxy {
        let is_answer =
            |status: StatusCode| !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS;
        let answered = session.response_written().is_some_and(|header| is_answer(header.status));
        let reason = match &ctx.denial {
            Some(denial) => Some(denial.reason),
            None => failure(error, answered),
        };
        let Some(reason) = reason else {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        };
        ctx.refuse(reason.into());
        if !answered {
            // The client may be gone; then there is nobody left to tell.
            let _ = request::refuse(session, ctx).await;
        }
        FailToProxy { error_code: reason.status(), can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _: &Session, _: &Context, _: &Error) -> bool {
        // pingora's own lines carry the URL; the gateway's log phase tells the same without.
        true
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Context) {
        log::finish(&self.shared, session, error, ctx).await;
    }
}

/// Whose fault a failure is: none for a client that went away or has its answer.
fn failure(error: &Error, answered: bool) -> Option<Reason> {
    match error.esource() {
        ErrorSource::Upstream if timed_out(error) => Some(Reason::UpstreamTimeout),
        ErrorSource::Upstream => Some(Reason::UpstreamUnavailable),
        ErrorSource::Downstream if answered => None,
        ErrorSource::Downstream => request_body::failure(error.etype()),
        ErrorSource::Internal | ErrorSource::Unset => Some(Reason::InternalError),
    }
}

fn timed_out(error: &Error) -> bool {
    matches!(error.etype(), ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout)
}

/// The error that makes pingora stop a request that the context has refused.
fn stop(reason: Reason) -> Box<Error> {
    // Marked as downstream's, else an upstream over HTTP/2 would ignore it.
    Error::explain(ErrorType::HTTPStatus(reason.status()), reason.code()).into_down()
}
