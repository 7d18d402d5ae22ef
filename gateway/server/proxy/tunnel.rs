//! An open WebSocket whose messages are read.
//!
//! Both directions go through the transformers of the redaction room, from the first byte behind the 101 on. Where a
//! message may not pass, the client gets a close frame that says why; then nothing passes in either direction, and the
//! connection stays until the client has answered or [`CLOSING`] is over, so that the frame is not lost. The app is told
//! by a close frame of its own when the client has answered, else by the end of its connection. From whom nothing is
//! kept has no tunnel: bytes pass.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chatwarden_policy::{
    in_band::{MAX_MESSAGE_BYTES, events},
    message::Messages,
    profile::StreamRules,
    reason::{Denial, Reason},
    verdict::Orders,
};
use chatwarden_redact::{
    Class, Learnt,
    websocket::{
        Admission, Binary, ClientMessages, CloseCode, Judge, Kind, Limits, Offers, Refusal, Reservation,
        ServerMessages, Verdict, WebSocketError, write_close,
    },
};
use http::header::SEC_WEBSOCKET_EXTENSIONS;
use pingora::{
    http::{RequestHeader, ResponseHeader},
    proxy::Session,
};
use tracing::debug;

use super::{answer_body::Finished, context::Context, in_band::Ear, log, restore, row::Listener, stop};
use crate::{gateway::Shared, generation::Running, in_band::Stream};

/// How long a client may take to answer a close frame, and to read it.
const CLOSING: Duration = Duration::from_secs(5);
/// How long the app may take to end the connection when both sides have been told.
const PARTING: Duration = Duration::from_millis(500);
/// How many contacts of earlier messages are looked for in later ones, of a caller without an account.
const LEARNT_VALUES: usize = 512;

/// What a handshake offers of compression.
#[derive(Default)]
pub(crate) struct Offer {
    offers: Offers,
    reservation: Option<Reservation>,
}

/// An open WebSocket whose messages are read.
pub(crate) struct Tunnel {
    request_id: String,
    running: Arc<Running>,
    messages: Messages,
    /// The stream whose account the messages may sign in.
    stream: Option<Stream>,
    server: ServerMessages,
    client: ClientMessages,
    /// The contacts that were seen, and those that the caller has written by their aliases: the app may repeat them.
    learnt: Arc<Learnt>,
    state: State,
    /// Held for as long as the tunnel is open.
    _reservation: Option<Reservation>,
}

enum State {
    Open,
    /// The client was sent a close frame; `told` once the app was as well.
    Closing {
        since: Instant,
        told: bool,
    },
}

/// Leaves of the extensions that a client offers what can be read.
///
/// From a caller from whom nothing is kept the offer goes upstream as it is.
pub(super) fn offer(shared: &Shared, request: &mut RequestHeader, ctx: &mut Context) -> pingora::Result<()> {
    let Some(orders) = ctx.orders.as_deref() else { return Ok(()) };
    if ctx.policy().messages(orders).is_none() {
        return Ok(());
    }
    let values = request.headers.get_all(SEC_WEBSOCKET_EXTENSIONS);
    let offers = Offers::parse(values.iter().map(|value| value.as_bytes()));
    request.remove_header(&SEC_WEBSOCKET_EXTENSIONS);
    // What the app accepts cannot be declined any more, so there must be room for it before.
    let reservation = if offers.is_empty() { None } else { shared.contexts.reserve() };
    ctx.offer = Some(if reservation.is_some() {
        request.insert_header(SEC_WEBSOCKET_EXTENSIONS, offers.to_header())?;
        Offer { offers, reservation }
    } else {
        Offer::default()
    });
    Ok(())
}

/// Begins a tunnel behind the answer that the protocols are switched, where its messages are to be read.
///
/// # Errors
/// The app has accepted what was not offered: its messages cannot be read.
pub(super) fn open(
    shared: &Shared,
    header: &ResponseHeader,
    ctx: &mut Context,
    orders: &Orders,
    learnt: Option<Arc<Learnt>>,
) -> Result<(), Denial> {
    let Some(messages) = ctx.policy().messages(orders) else { return Ok(()) };
    let Offer { offers, mut reservation } = ctx.offer.take().unwrap_or_default();
    let values = header.headers.get_all(SEC_WEBSOCKET_EXTENSIONS);
    let accepted = offers.accept(values.iter().map(|value| value.as_bytes()));
    let deflate = accepted.map_err(|_| messages.unscannable())?;
    if let Some(reservation) = &mut reservation {
        reservation.settle(deflate.as_ref());
    }
    let configured = ctx.config().limits;
    let limits = Limits { message: configured.message, redact: configured.redaction(), ..Limits::default() };
    let mut server = ServerMessages::new(deflate, &shared.contexts, limits);
    if messages.follows() {
        server.tell(MAX_MESSAGE_BYTES);
    }
    let mut tunnel = Tunnel {
        request_id: ctx.request_id.clone(),
        running: Arc::clone(&ctx.running),
        stream: ctx.in_band.as_ref().and_then(|part| part.stream(shared)).filter(|_| messages.follows()),
        server,
        client: ClientMessages::new(deflate, &shared.contexts, limits),
        // Of a caller whom nobody knows nothing is kept for others.
        learnt: learnt.unwrap_or_else(|| Arc::new(Learnt::new(LEARNT_VALUES))),
        state: State::Open,
        _reservation: reservation,
        messages,
    };
    tunnel.show()?;
    ctx.tunnel = Some(Box::new(tunnel));
    Ok(())
}

/// A chunk of the client on its way to the app.
pub(super) async fn from_client(
    shared: &Shared,
    session: &mut Session,
    body: &mut Option<Bytes>,
    ctx: &mut Context,
) {
    let Some(mut tunnel) = ctx.tunnel.take() else { return };
    // None: the client has gone, and the app's connection ends too.
    if let Some(chunk) = body.take() {
        let (out, denial) = tunnel.pass(shared, ctx, session, &chunk).await;
        if let Some(denial) = denial {
            ctx.refuse(denial);
        }
        // Where nothing is left to pass it is empty; none ends the tunnel.
        *body = out.map(Bytes::from);
    }
    ctx.tunnel = Some(tunnel);
}

/// A chunk of the app on its way to the client.
///
/// # Errors
/// A message that may not pass has begun to: the connection is cut.
pub(super) fn from_server(
    shared: &Shared,
    session: &mut Session,
    body: &mut Option<Bytes>,
    ctx: &mut Context,
) -> pingora::Result<()> {
    let (Some(mut tunnel), Some(chunk)) = (ctx.tunnel.take(), body.take()) else { return Ok(()) };
    if matches!(tunnel.state, State::Closing { .. }) {
        ctx.tunnel = Some(tunnel);
        return Ok(());
    }
    let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 8 + 64);
    let result = tunnel.carry(shared, ctx, &chunk, &mut out);
    let summary = tunnel.server.take_summary();
    let mut cut = None;
    if let Err((code, denial)) = result {
        if tunnel.server.is_between_frames() {
            write_close(code, denial.reason.code(), None, &mut out);
            tunnel.begin_closing(session);
        } else {
            cut = Some(stop(denial.reason));
        }
        ctx.refuse(denial);
    }
    ctx.tunnel = Some(tunnel);
    *body = (!out.is_empty()).then(|| out.into());
    if summary.total() > 0 {
        log::masked(shared, ctx, &Finished { summary, monitored: false });
    }
    cut.map_or(Ok(()), Err)
}

impl Tunnel {
    /// Has what follows be rewritten as the messages are judged.
    ///
    /// # Errors
    /// Nobody knows what may pass.
    fn show(&mut self) -> Result<(), Denial> {
        self.server.set_plan(self.messages.plan()?.cloned(), Some(Arc::clone(&self.learnt)));
        self.server.set_binary(match self.messages.receive_binary() {
            Ok(()) => Binary::Pass,
            Err(denial) => Binary::Refuse(refusal(&denial)),
        });
        Ok(())
    }

    /// Takes a chunk of the app, and appends what goes to the client.
    fn carry(
        &mut self,
        shared: &Shared,
        ctx: &mut Context,
        chunk: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), (CloseCode, Denial)> {
        let mut rest = chunk;
        // What signs in may have been said in another connection of the stream.
        let mut text = Some(Vec::new());
        while let Some(said) = text {
            self.hear(shared, ctx, &said).map_err(|denial| (CloseCode::Policy, denial))?;
            text = self.server.write_message(&mut rest, out).map_err(|error| self.blame_server(error))?;
        }
        Ok(())
    }

    /// Hears a message of the app, and judges what follows anew where it makes the stream somebody else's.
    fn hear(&mut self, shared: &Shared, ctx: &mut Context, text: &[u8]) -> Result<(), Denial> {
        if self.stream.is_none() {
            return Ok(());
        }
        let events = events(text).unwrap_or_default();
        let Some(heard) = (Ear { shared, ctx }).hear(&events)? else { return Ok(()) };
        let orders = ctx.orders.as_deref().ok_or(Reason::InternalError)?;
        self.messages = ctx.policy().messages(orders).ok_or(Reason::InternalError)?;
        if let Some(learnt) = heard.learnt {
            self.learnt = learnt;
        }
        self.show()
    }

    /// Takes a chunk of the client: what goes to the app, none if the tunnel ends, and why it closes.
    async fn pass(
        &mut self,
        shared: &Shared,
        ctx: &Context,
        session: &mut Session,
        chunk: &[u8],
    ) -> (Option<Vec<u8>>, Option<Denial>) {
        let mut out = Vec::new();
        let mut denied = None;
        match &self.state {
            State::Open => {
                if let Err((code, denial)) = self.judge(shared, ctx, chunk, &mut out) {
                    let is_told = self.tell_client(session, code, denial.reason).await;
                    denied = Some(denial);
                    if !is_told {
                        return (None, denied);
                    }
                }
            }
            State::Closing { since, .. } if since.elapsed() > CLOSING => return (None, None),
            State::Closing { .. } => self.client.drain(chunk),
        }
        if let State::Closing { told: told @ false, .. } = &mut self.state
            && self.client.is_closed()
        {
            *told = true;
            session.set_read_timeout(Some(PARTING));
            let Some(key) = masking_key() else { return (None, denied) };
            write_close(CloseCode::GoingAway, "", Some(key), &mut out);
        }
        (Some(out), denied)
    }

    fn judge(
        &mut self,
        shared: &Shared,
        ctx: &Context,
        chunk: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), (CloseCode, Denial)> {
        let rules = self.running.generation.policy.profile.streams();
        let stream = self.stream.as_ref().map(|stream| (stream, rules));
        let key = self.running.generation.aliases.keys.first();
        let learn = |class, value: &[u8]| self.learnt.learn(key, class, value);
        let mut seat = Seat { shared, ctx, messages: &self.messages, learn: &learn, stream, denied: None };
        let mut is_keyless = false;
        let mut keys = || {
            masking_key().unwrap_or_else(|| {
                is_keyless = true;
                [0; 4]
            })
        };
        let result = self.client.write(chunk, &mut seat, &mut keys, out);
        if is_keyless {
            out.clear();
            return Err((CloseCode::Internal, Reason::InternalError.into()));
        }
        result.map_err(|error| {
            debug!(error = error.name(), request_id = %self.request_id, "A message of the client does not pass");
            let code = error.close_code();
            let denial = seat.denied.unwrap_or_else(|| match code {
                CloseCode::Protocol | CloseCode::InvalidPayload => Reason::MalformedMessage.into(),
                CloseCode::TooBig => Reason::LimitBody.into(),
                CloseCode::GoingAway | CloseCode::Policy | CloseCode::Internal | CloseCode::Restart => {
                    Reason::InternalError.into()
                }
            });
            (code, denial)
        })
    }

    /// Why the connection closes over what the app sends.
    fn blame_server(&self, error: WebSocketError) -> (CloseCode, Denial) {
        debug!(error = error.name(), request_id = %self.request_id, "A message of the app does not pass");
        match (error, self.messages.receive_binary()) {
            (WebSocketError::Refused(refusal), Err(denial)) => (refusal.code, denial),
            // It is not the client who breaks the protocol, or whose message is too long.
            (_, _) => (CloseCode::Internal, self.messages.unscannable()),
        }
    }

    /// Sends the client a close frame. False: he cannot be told.
    async fn tell_client(&mut self, session: &mut Session, code: CloseCode, reason: Reason) -> bool {
        if !self.server.is_between_frames() {
            return false;
        }
        if self.server.is_closed() {
            // RFC 6455 §5.5.1: it has been told, by the app.
            self.begin_closing(session);
            return true;
        }
        let mut frame = Vec::new();
        write_close(code, reason.code(), None, &mut frame);
        let written = session.write_response_body(Some(frame.into()), false);
        let is_written = matches!(tokio::time::timeout(CLOSING, written).await, Ok(Ok(())));
        self.begin_closing(session);
        is_written
    }

    fn begin_closing(&mut self, session: &mut Session) {
        self.state = State::Closing { since: Instant::now(), told: false };
        session.set_read_timeout(Some(CLOSING));
    }
}

/// Judges a client's messages by the policy.
struct Seat<'t> {
    shared: &'t Shared,
    ctx: &'t Context,
    messages: &'t Messages,
    learn: &'t dyn Fn(Class, &[u8]),
    stream: Option<(&'t Stream, &'t StreamRules)>,
    denied: Option<Denial>,
}

impl Seat<'_> {
    /// What goes to the app instead of a message, if it changes.
    fn take(&self, kind: Kind, payload: &[u8]) -> Result<Option<Vec<u8>>, Denial> {
        let passage = self.messages.restore(kind, payload)?;
        self.messages.judge(&passage.body)?;
        if self.messages.hides() {
            let findings = &passage.findings;
            findings.values().for_each(|(class, value)| (self.learn)(class, value));
            restore::count(self.shared, self.ctx, findings)?;
        }
        self.note(kind, &passage.body)?;
        Ok(match passage.body {
            Cow::Borrowed(_) => None,
            Cow::Owned(changed) => Some(changed),
        })
    }

    /// Notes what a message says of whose the stream is, before the app sees it.
    fn note(&self, kind: Kind, payload: &[u8]) -> Result<(), Denial> {
        let Some((stream, rules)) = self.stream else { return Ok(()) };
        match kind {
            Kind::Text => stream.sent(rules, &events(payload).map_err(|_| Reason::UnscannableRequest)?),
            Kind::Binary => stream.sent_unread(),
        }
        Ok(())
    }

    fn refuse(&mut self, denial: Denial) -> Refusal {
        let refusal = refusal(&denial);
        self.denied = Some(denial);
        refusal
    }
}

impl Judge for Seat<'_> {
    fn admit(&mut self, kind: Kind) -> Admission {
        match self.messages.begin(kind) {
            Ok(()) => Admission::Hold,
            Err(denial) => Admission::Refuse(self.refuse(denial)),
        }
    }

    fn judge(&mut self, kind: Kind, payload: &[u8]) -> Verdict {
        match self.take(kind, payload) {
            Ok(None) => Verdict::Pass,
            Ok(Some(changed)) => Verdict::Replace(changed),
            Err(denial) => Verdict::Refuse(self.refuse(denial)),
        }
    }
}

fn refusal(denial: &Denial) -> Refusal {
    Refusal { code: CloseCode::Policy, reason: denial.reason.code() }
}

/// RFC 6455 §5.3: of strong entropy. None: the system has none to give.
fn masking_key() -> Option<[u8; 4]> {
    let mut key = [0; 4];
    getrandom::fill(&mut key).ok().map(|()| key)
}
