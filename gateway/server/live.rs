//! Open streams, and the word that they may not go on as they are.
//!
//! A request is judged once; an event stream or a WebSocket may outlive the rules, the session and the rights that it was
//! opened under. Each is registered with what it was asked with, and judged anew when the rules change, when its account
//! signs out, and when what is known of its credentials expires. A stream that is shown the same goes on; an event stream
//! that would be shown something else is ended, since browsers open it again at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chatwarden_policy::{
    account::{ClientIp, Identity},
    path::CanonicalPath,
    reason::Reason,
    verdict::{Facts, Orders, Verdict},
};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method};
use tokio::{sync::Notify, time::timeout};
use tracing::debug;

use crate::{
    connection::{End, Switch},
    gateway::Shared,
    generation::Running,
    identity::{Area, Request},
    in_band,
    peer::PeerIp,
    proxy::Word,
};

/// What a stream was asked for, and with what. There is no Debug: headers hold credentials.
pub(crate) struct Asked {
    pub(crate) client_ip: ClientIp,
    pub(crate) peer: PeerIp,
    pub(crate) method: Method,
    pub(crate) path: CanonicalPath,
    pub(crate) headers: HeaderMap,
    pub(crate) area: Area,
    /// Whether it is a WebSocket.
    pub(crate) upgrade: bool,
    /// The stream of messages that it carries, which may sign an account in.
    pub(crate) in_band: Option<in_band::Stream>,
}

/// What a stream shows its caller: as long as this is the same, it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The word of the caller's view; none where nothing governs it.
    word: Option<Word>,
    blocks: [bool; 2],
}

impl Shown {
    pub(crate) fn of(running: &Running, orders: &Orders) -> Self {
        let blocks = [&orders.send_block, &orders.receive_block];
        let blocks = blocks.map(|block| block.is_some_and(|block| block.enforced));
        Self { word: Word::of(running, orders), blocks }
    }
}

/// An open stream.
pub(crate) struct Stream {
    asked: Asked,
    /// The account that it was opened by, as its head tells.
    account: Option<String>,
    shown: Mutex<Shown>,
    switch: Arc<Switch>,
    due: Mutex<Instant>,
}

/// A stream among the open ones, until this is dropped.
pub(crate) struct Registered {
    number: u64,
    stream: Arc<Stream>,
    streams: Weak<Streams>,
}

impl Registered {
    /// Notes that it shows its caller this from here on.
    pub(crate) fn shows(&self, shown: Shown) {
        *self.stream.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(streams) = self.streams.upgrade() {
            streams.lock().remove(&self.number);
        }
    }
}

/// All open streams.
#[derive(Default)]
pub(crate) struct Streams {
    open: Mutex<HashMap<u64, Arc<Stream>>>,
    next: AtomicU64,
    /// Somebody is due before the clock would tell.
    kick: Notify,
}

/// How often it is looked who is due.
const PACE: Duration = Duration::from_millis(500);
/// Streams that are judged at the same time.
const AT_ONCE: usize = 64;
/// How long one may take to be judged: longer than any identity source.
const PATIENCE: Duration = Duration::from_secs(60);

impl Streams {
    /// Registers a stream of this account, which is shown this.
    pub(crate) fn register(
        self: &Arc<Self>,
        asked: Asked,
        identity: &Identity,
        shown: Shown,
        switch: Arc<Switch>,
    ) -> Registered {
        let account = identity.account().map(|account| account.id.clone());
        // Looked at soon: what its credentials are good for is learnt then.
        let due = Mutex::new(Instant::now());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let stream = Arc::new(Stream { asked, account, shown: Mutex::new(shown), switch, due });
        self.lock().insert(number, Arc::clone(&stream));
        Registered { number, stream, streams: Arc::downgrade(self) }
    }

    /// Has every stream judged anew: the rules have changed.
    pub(crate) fn judge_all(&self) {
        self.hurry(|_| true);
    }

    /// Has the streams of an account judged anew: it has signed out, or its credentials were refused.
    pub(crate) fn judge_account(&self, identity: &Identity) {
        let Some(account) = identity.account() else { return };
        let is_its = |stream: &Stream| {
            let told = stream.asked.in_band.as_ref().map(in_band::Stream::identity);
            let told = told.as_ref().and_then(Identity::account).map(|account| account.id.as_str());
            [stream.account.as_deref(), told].contains(&Some(&account.id))
        };
        self.hurry(is_its);
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn hurry(&self, which: impl Fn(&Stream) -> bool) {
        let now = Instant::now();
        for stream in self.lock().values().filter(|stream| which(stream)) {
            *stream.due.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
        self.kick.notify_one();
    }

    fn due(&self) -> Vec<Arc<Stream>> {
        let now = Instant::now();
        let is_due =
            |stream: &&Arc<Stream>| *stream.due.lock().unwrap_or_else(PoisonError::into_inner) <= now;
        self.lock().values().filter(is_due).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Stream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Judges whoever is due, for as long as the gateway runs.
pub(crate) async fn watch(shared: Arc<Shared>) {
    loop {
        // Whether a kick or the clock woke it makes no difference.
        let _ = timeout(PACE, shared.streams.kick.notified()).await;
        let due = shared.streams.due();
        stream::iter(due).for_each_concurrent(AT_ONCE, |stream| judge(&shared, stream)).await;
    }
}

async fn judge(shared: &Shared, stream: Arc<Stream>) {
    let running = shared.running();
    let found = timeout(PATIENCE, find(shared, &running, &stream)).await;
    let (reason, next) = found.unwrap_or((Some(Reason::IdentityUnavailable), PATIENCE));
    *stream.due.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + next;
    let Some(reason) = reason else { return };
    debug!(reason = reason.code(), generation = running.number, "Open stream ended");
    let code = if reason == Reason::RulesChanged { RESTART } else { POLICY };
    stream.switch.end(match stream.asked.upgrade {
        true => End::Close { code, reason: reason.code() },
        false => End::Cut,
    });
}

/// Why a stream has to end, if it has to, and when it is to be looked at again.
async fn find(shared: &Shared, running: &Running, stream: &Stream) -> (Option<Reason>, Duration) {
    let Asked { client_ip, peer, method, path, headers, area, upgrade: _, in_band } = &stream.asked;
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let request = Request { headers, host, peer: Some(*peer), area: *area };
    let resolver = &running.generation.identity;
    let next = resolver.believed_for(&request);
    let Ok(identity) = resolver.identify(&request).await else {
        return (Some(Reason::RequestAmbiguous), next);
    };
    let is_same = match &identity {
        Identity::Verified(account) => stream.account.as_deref() == Some(&account.id),
        Identity::Nobody => stream.account.is_none(),
        // Judged as strictly as a request would be.
        Identity::Unavailable => true,
    };
    if !is_same {
        return (Some(Reason::SessionEnded), next);
    }
    let told = in_band.as_ref().map_or(Identity::Nobody, in_band::Stream::identity);
    let identity = match in_band::merge(&identity, &told) {
        Ok(identity) => identity,
        Err(denial) => return (Some(denial.reason), next),
    };
    let policy = &running.generation.policy;
    let classified = policy.profile.classify(method.as_str(), path);
    let facts = Facts {
        client_ip: *client_ip,
        identity: &identity,
        method: method.as_str(),
        path,
        content_type: None,
        body: false,
        today: shared.clock.today(),
    };
    match policy.evaluate(&facts, &classified) {
        Verdict::Deny(denial) => (Some(denial.reason), next),
        Verdict::Allow(orders) => {
            let shown = stream.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let is_shown_else = Shown::of(running, &orders) != *shown;
            (is_shown_else.then_some(Reason::RulesChanged), next)
        }
    }
}

/// "Service restart": the client may come again at once (RFC 6455, IANA's registry).
const RESTART: u16 = 1012;
/// A message that violates the policy (RFC 6455 §7.4.1).
const POLICY: u16 = 1008;
