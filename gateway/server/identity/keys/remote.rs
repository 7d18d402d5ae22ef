//! A JSON Web Key Set behind a URL.
//!
//! Asked when the first token comes, again when the set is old, and when a token names a key that it does not hold: one
//! question at a time, with a pause between them. An answer that is no set changes nothing; the last good set holds
//! until a bound, and beyond it nobody can be told from anybody. Shared secrets are never taken from an answer.

#[cfg(test)]
mod tests;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header, uri::Scheme};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jsonwebtoken::Algorithm;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{
    sync::{Mutex as Flight, OwnedMutexGuard},
    time,
};
use tracing::{info, warn};

use super::{MAX_FILE, SetError, VerificationKey, parse_set};
use crate::identity::settings::Problems;

/// The keys, as far as they are known.
pub(in crate::identity) struct Remote {
    shared: Arc<Shared>,
}

/// They cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the keys cannot be fetched")]
pub(in crate::identity) struct KeysUnavailable;

impl Remote {
    pub(super) fn new(url: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let uri = parse(url, problems)?;
        match client(&uri) {
            Ok(client) => Some(Self::with(uri, client, Times::default())),
            Err(error) => {
                let help = "install the package `ca-certificates`, or name a file of them in `SSL_CERT_FILE`";
                problems.error(format!("no root certificates can be read: {error}"), Some(help));
                None
            }
        }
    }

    fn with(uri: Uri, client: HttpClient, times: Times) -> Self {
        let (state, flight) = (Mutex::default(), Arc::default());
        Self { shared: Arc::new(Shared { uri, client, times, state, flight }) }
    }

    /// The keys that hold now, fetched anew where none of them is `wanted`.
    pub(in crate::identity) async fn keys(
        &self,
        wanted: impl Fn(&[VerificationKey]) -> bool,
    ) -> Result<KeyList, KeysUnavailable> {
        let step = || self.shared.step(Instant::now(), &wanted);
        match step() {
            Step::Use(keys) => return Ok(keys),
            Step::Refresh(keys) => {
                if let Ok(flight) = Arc::clone(&self.shared.flight).try_lock_owned() {
                    tokio::spawn(Arc::clone(&self.shared).fetch(flight));
                }
                return Ok(keys);
            }
            Step::Closed => return Err(KeysUnavailable),
            Step::Fetch => {}
        }
        let flight = Arc::clone(&self.shared.flight).lock_owned().await;
        // Whoever had it may have brought what is wanted.
        if let Step::Fetch = step() {
            // A task of its own: the caller may leave, and the others still want it.
            let _ = tokio::spawn(Arc::clone(&self.shared).fetch(flight)).await;
        }
        match step() {
            Step::Use(keys) | Step::Refresh(keys) => Ok(keys),
            Step::Closed | Step::Fetch => Err(KeysUnavailable),
        }
    }

    /// How long a set is believed before it is asked for again.
    pub(in crate::identity) fn ttl(&self) -> Duration {
        self.shared.times.ttl
    }
}

/// A set of keys.
pub(in crate::identity) type KeyList = Arc<[VerificationKey]>;

type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

struct Shared {
    uri: Uri,
    client: HttpClient,
    times: Times,
    state: Mutex<State>,
    /// Held by whoever asks.
    flight: Arc<Flight<()>>,
}

impl Shared {
    fn step(&self, now: Instant, wanted: &dyn Fn(&[VerificationKey]) -> bool) -> Step {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).step(now, &self.times, wanted)
    }

    async fn fetch(self: Arc<Self>, _flight: OwnedMutexGuard<()>) {
        let answer = time::timeout(self.times.timeout, self.ask()).await.unwrap_or(Err(Failure::Timeout));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let failed_before = state.failures > 0;
        match answer {
            Ok(keys) => {
                if failed_before {
                    info!("Keys of tokens can be fetched again");
                }
                state.succeed(Instant::now(), keys);
            }
            Err(error) => {
                if !failed_before {
                    warn!(%error, "Keys of tokens cannot be fetched");
                }
                state.fail(Instant::now());
            }
        }
    }

    /// No redirects: the client follows none by itself.
    async fn ask(&self) -> Result<KeyList, Failure> {
        let request = Request::get(self.uri.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, "chatwarden")
            .body(Empty::new())
            .map_err(|_| Failure::Connection)?;
        let response = self.client.request(request).await.map_err(|_| Failure::Connection)?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status().as_u16()));
        }
        let limit = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Failure::TooLarge } else { Failure::Connection }
        })?;
        let members = parse_set(&body.to_bytes())?;
        // What cannot be used verifies nothing; the others are not worse for it.
        let keys = members.into_iter().filter_map(|key| key.ok().flatten());
        let keys: KeyList = keys.filter(|key| key.algorithm != Algorithm::HS256).collect();
        if keys.is_empty() { Err(Failure::NoKeys) } else { Ok(keys) }
    }
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When the last answer came, or failed to.
    asked: Option<Instant>,
    /// In a row.
    failures: u32,
}

struct Held {
    keys: KeyList,
    since: Instant,
}

/// What a token needs before it can be judged.
enum Step {
    Use(KeyList),
    /// The same, and a new set is wanted.
    Refresh(KeyList),
    /// A new set, first.
    Fetch,
    /// There is none.
    Closed,
}

impl State {
    fn step(&self, now: Instant, times: &Times, wanted: &dyn Fn(&[VerificationKey]) -> bool) -> Step {
        let age = |since: Instant| now.saturating_duration_since(since);
        let held = self.held.as_ref().filter(|held| age(held.since) < times.bound);
        let may_ask = self.asked.is_none_or(|asked| age(asked) >= times.pause(self.failures));
        match held {
            Some(held) if wanted(&held.keys) => {
                let keys = Arc::clone(&held.keys);
                if age(held.since) >= times.ttl && may_ask { Step::Refresh(keys) } else { Step::Use(keys) }
            }
            Some(_) | None if may_ask => Step::Fetch,
            // The set has just been read, and what is wanted is not in it.
            Some(held) if self.failures == 0 => Step::Use(Arc::clone(&held.keys)),
            Some(_) | None => Step::Closed,
        }
    }

    fn succeed(&mut self, now: Instant, keys: KeyList) {
        *self = Self { held: Some(Held { keys, since: now }), asked: Some(now), failures: 0 };
    }

    fn fail(&mut self, now: Instant) {
        self.asked = Some(now);
        self.failures = self.failures.saturating_add(1);
    }
}

#[derive(Clone, Copy)]
struct Times {
    /// A set is asked for again when it is older.
    ttl: Duration,
    /// Between an answer and the next question, whatever tokens name.
    pause: Duration,
    /// After the first failure; doubled by every further one, up to `longest_retry`.
    retry: Duration,
    longest_retry: Duration,
    /// The last good set holds so long.
    bound: Duration,
    /// For a whole answer.
    timeout: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(300),
            pause: Duration::from_secs(10),
            retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(60),
            bound: Duration::from_secs(6 * 3600),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Times {
    fn pause(&self, failures: u32) -> Duration {
        let Some(doubled) = failures.checked_sub(1) else { return self.pause };
        self.retry.saturating_mul(2_u32.saturating_pow(doubled)).min(self.longest_retry)
    }
}

/// Why there is no set. No text quotes the answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Timeout,
    #[error("the connection failed")]
    Connection,
    #[error("the answer has status {0}, not 200")]
    Status(u16),
    #[error("the answer is larger than 256 KiB")]
    TooLarge,
    #[error("the answer {0}")]
    Set(#[from] SetError),
    #[error("the answer holds no public key that verifies signatures")]
    NoKeys,
}

fn parse(url: &str, problems: &mut Problems<'_>) -> Option<Uri> {
    let uri = url.parse::<Uri>().ok().filter(|uri| {
        let is_http = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        is_http && uri.authority().is_some_and(|host| !host.as_str().contains('@')) && !url.contains('#')
    });
    let Some(uri) = uri else {
        let help = "write the whole of it: `https://id.example.com/.well-known/jwks.json`";
        problems.error(format!("`{url}` is not an https or http URL"), Some(help));
        return None;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if uri.scheme() == Some(&Scheme::HTTP) && !is_here {
        let help = "who answers in its place signs in as anyone; write `https://`";
        problems.warning(format!("`{url}` is fetched without TLS"), help);
    }
    Some(uri)
}

fn client(uri: &Uri) -> io::Result<HttpClient> {
    let builder = HttpsConnectorBuilder::new();
    Ok(if uri.scheme() == Some(&Scheme::HTTPS) {
        over(
            builder
                .with_provider_and_native_roots(ring::default_provider())?
                .https_only()
                .enable_http1()
                .build(),
        )
    } else {
        over(
            builder.with_tls_config(trusting(RootCertStore::empty())?).https_or_http().enable_http1().build(),
        )
    })
}

fn over(connector: HttpsConnector<HttpConnector>) -> HttpClient {
    // A question every few minutes keeps no connection.
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

fn trusting(roots: RootCertStore) -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
