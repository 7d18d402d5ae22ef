//! `introspection:` — the application itself is asked who the caller is, with the caller's own credentials.
//!
//! One question at a time for the same credentials, answers remembered for a set time, all of it bounded. 200 with an
//! account is that account, 401 and 403 are nobody, and everything else is unavailable: never a guess. What is remembered
//! is found by a keyed digest of the credentials, so that memory holds no cookie and no token beyond its request.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use chatwarden_policy::account::{Account, Identity};
use chatwarden_redact::Selector;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use moka::{Expiry, future::Cache};
use serde_json::Value;
use sha2::Sha256;
use tokio::{sync::Semaphore, time};
use tracing::{info, warn};

use super::{
    Area, Source, TwoAccounts,
    credentials::{Credentials, Place},
    fields::{FieldError, Fields},
    select,
    settings::{IntrospectionSettings, Problems},
};
use crate::secret::Secret;

/// The application, as the introspection calls reach it: plain HTTP/1.1 over TCP. There is no Debug: its headers
/// may hold a key.
#[derive(Clone)]
pub struct Upstream {
    /// `host:port`.
    pub address: String,
    /// Headers that let the application know the gateway; they join every call.
    pub headers: HeaderMap,
    /// The most calls at once, of all sources together.
    pub calls: Arc<Semaphore>,
}

/// Asks the application.
pub(super) struct Introspection {
    from: Vec<Place>,
    selectors: Selectors,
    uri: Uri,
    own_headers: HeaderMap,
    timeout: Duration,
    client: Client<HttpConnector, Empty<Bytes>>,
    slots: Arc<Semaphore>,
    answers: Cache<Key, Answer>,
    ttl: Duration,
    key: Secret<[u8; 32]>,
    /// Whether the last call got no answer: the log tells changes, not every call.
    failing: AtomicBool,
}

impl Introspection {
    pub(super) fn new(
        settings: &IntrospectionSettings,
        upstream: &Upstream,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let errors = problems.errors.len();
        let from = Place::list(&settings.from, problems);
        let uri = problems.under("path", |problems| uri(&settings.path, upstream, problems));
        let selectors = Selectors::new(settings, problems);
        let ttl = problems.duration("cache_ttl", settings.cache_ttl.as_deref(), DEFAULT_TTL, TTL);
        let timeout = problems.duration("timeout", settings.timeout.as_deref(), DEFAULT_TIMEOUT, TIMEOUT);
        let mut key = [0; 32];
        if getrandom::fill(&mut key).is_err() {
            problems.error("the operating system gives no random bytes for the cache's key", None);
        }
        if problems.errors.len() > errors {
            return None;
        }
        Some(Self {
            from,
            selectors: selectors?,
            uri: uri?,
            own_headers: upstream.headers.clone(),
            timeout,
            client: client(upstream.calls.available_permits()),
            slots: Arc::clone(&upstream.calls),
            ttl,
            answers: Cache::builder().max_capacity(MAX_ANSWERS).expire_after(Lifetime { ttl }).build(),
            key: Secret::new(key),
            failing: AtomicBool::new(false),
        })
    }

    /// Takes the credentials that the application would see, as headers for the call.
    fn find(&self, credentials: &mut Credentials<'_>, area: Area) -> Result<Option<Question>, TwoAccounts> {
        let mut headers = Vec::new();
        let mut named = Vec::new();
        for place in &self.from {
            let Some(credential) = credentials.at(place)? else { continue };
            named.push(place);
            if let Place::Header { name, .. } = place
                && !headers.iter().any(|(seen, _)| seen == name)
                && let Ok(mut value) = HeaderValue::from_bytes(credential.raw)
            {
                value.set_sensitive(true);
                headers.push((name.clone(), value));
            }
        }
        // A visitor's cookies are no reason to ask who the operator is.
        if area == Area::Public && named.is_empty() {
            return Ok(None);
        }
        if let Some(cookies) = credentials.cookie_header(&self.from) {
            headers.push((header::COOKIE, cookies));
        }
        if headers.is_empty() {
            return Ok(None);
        }
        named.into_iter().chain(self.from.iter().filter(|place| **place == Place::AllCookies)).for_each(
            |place| {
                credentials.take(place);
            },
        );
        let host = credentials.host().and_then(|host| HeaderValue::from_str(host).ok());
        Ok(Some(Question { host, headers }))
    }

    async fn ask(&self, question: Question) -> Answer {
        let call = async {
            let _slot = self.slots.acquire().await.map_err(|_| Failure::Timeout)?;
            self.call(question).await
        };
        let answer = time::timeout(self.timeout, call).await.unwrap_or(Err(Failure::Timeout));
        self.tell(answer.as_ref().err());
        match answer {
            Ok(Some(account)) => Answer::Account(Arc::new(account)),
            Ok(None) => Answer::Nobody,
            Err(_) => Answer::Unavailable,
        }
    }

    async fn call(&self, question: Question) -> Result<Option<Account>, Failure> {
        let mut request = http::Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.extend(question.host.map(|host| (header::HOST, host)));
        headers.extend(question.headers);
        for (name, value) in &self.own_headers {
            headers.insert(name, value.clone());
        }
        let response = self.client.request(request).await.map_err(|_| Failure::Connection)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(None),
            status => return Err(Failure::Status(status.as_u16())),
        }
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() { Failure::TooLarge } else { Failure::Connection }
        })?;
        let body: Value = serde_json::from_slice(&body.to_bytes()).map_err(|_| Failure::NotJson)?;
        Ok(Some(self.selectors.account(&body)?))
    }

    fn tell(&self, failure: Option<&Failure>) {
        let failed_before = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !failed_before => {
                warn!(%error, source = self.name(), "Application does not say who callers are");
            }
            None if failed_before => info!(source = self.name(), "Application says again who callers are"),
            Some(_) | None => {}
        }
    }
}

#[async_trait]
impl Source for Introspection {
    fn name(&self) -> &'static str {
        "introspection"
    }

    async fn identify(
        &self,
        credentials: &mut Credentials<'_>,
        area: Area,
    ) -> Result<Option<Identity>, TwoAccounts> {
        let Some(question) = self.find(credentials, area)? else { return Ok(None) };
        let key = question.key(&self.key);
        let answer = self.answers.get_with(key, self.ask(question)).await;
        Ok(Some(match answer {
            Answer::Account(account) => Identity::Verified(account),
            Answer::Nobody => Identity::Nobody,
            Answer::Unavailable => Identity::Unavailable,
        }))
    }

    fn believed_for(&self, credentials: &mut Credentials<'_>, area: Area) -> Option<Duration> {
        let question = self.find(credentials, area).ok()?;
        // What is remembered may be as old as that already, so it is looked at more often.
        question.map(|_| self.ttl / 4)
    }

    async fn forget(&self, credentials: &mut Credentials<'_>) {
        if let Ok(Some(question)) = self.find(credentials, Area::Operator) {
            self.answers.invalidate(&question.key(&self.key)).await;
        }
    }
}

/// What is asked: whose credentials these are, under the host that the caller addressed.
struct Question {
    host: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Question {
    /// HMAC-SHA256 of every part, each with its length, so that no two questions spell alike.
    fn key(&self, key: &Secret<[u8; 32]>) -> Key {
        let mut digest = Hmac::<Sha256>::new_from_slice(key.expose())
            .expect("HMAC takes keys of any length (RFC 2104 §3)");
        let mut part = |bytes: &[u8]| {
            digest.update(&bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        part(self.host.as_ref().map_or(b"", |host| host.as_bytes()));
        for (name, value) in &self.headers {
            part(name.as_str().as_bytes());
            part(value.as_bytes());
        }
        digest.finalize().into_bytes().into()
    }
}

type Key = [u8; 32];

#[derive(Clone, Debug)]
enum Answer {
    Account(Arc<Account>),
    Nobody,
    Unavailable,
}

/// How long an answer is remembered.
struct Lifetime {
    ttl: Duration,
}

impl Lifetime {
    fn of(&self, answer: &Answer) -> Duration {
        match answer {
            Answer::Account(_) => self.ttl,
            Answer::Nobody => self.ttl.min(NOBODY_TTL),
            Answer::Unavailable => self.ttl.min(UNAVAILABLE_TTL),
        }
    }
}

impl Expiry<Key, Answer> for Lifetime {
    fn expire_after_create(&self, _: &Key, answer: &Answer, _: Instant) -> Option<Duration> {
        Some(self.of(answer))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        answer: &Answer,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(self.of(answer))
    }
}

/// Why there is no answer. No text quotes the application's.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Timeout,
    #[error("the connection failed")]
    Connection,
    #[error("the answer has status {0}, neither 200 nor 401 nor 403")]
    Status(u16),
    #[error("the answer is larger than 256 KiB")]
    TooLarge,
    #[error("the answer is not JSON")]
    NotJson,
    #[error("the answer cannot be used: {0}")]
    Fields(#[from] FieldError),
}

/// Where in the answer an account's members stand.
struct Selectors {
    account: Selector,
    name: Option<Selector>,
    email: Option<Selector>,
    role: Option<Selector>,
    groups: Option<Selector>,
}

impl Selectors {
    fn new(settings: &IntrospectionSettings, problems: &mut Problems<'_>) -> Option<Self> {
        let mut parse = |key: &str, text: &str| {
            problems.under(key, |problems| match Selector::parse(text) {
                Ok(selector) => Some(selector),
                Err(error) => {
                    problems.error(format!("`{text}` is not a JSONPath: {error}"), None);
                    None
                }
            })
        };
        let account = parse("account", &settings.account);
        let mut optional = |key: &str, text: &Option<String>| text.as_ref().and_then(|text| parse(key, text));
        let name = optional("name", &settings.name);
        let email = optional("email", &settings.email);
        let role = optional("role", &settings.role);
        let groups = optional("groups", &settings.groups);
        Some(Self { account: account?, name, email, role, groups })
    }

    fn account(&self, answer: &Value) -> Result<Account, FieldError> {
        let optional = |selector: &Option<Selector>| {
            selector.as_ref().map(|selector| select::find(selector, answer)).unwrap_or_default()
        };
        Fields {
            account: select::find(&self.account, answer),
            name: optional(&self.name),
            email: optional(&self.email),
            role: optional(&self.role),
            groups: optional(&self.groups),
        }
        .account()
    }
}

fn uri(path: &str, upstream: &Upstream, problems: &mut Problems<'_>) -> Option<Uri> {
    let target = path.parse::<PathAndQuery>().ok().filter(|_| path.starts_with('/') && !path.contains('#'));
    let Some(target) = target else {
        let help = "write the path alone: `/api/me`";
        problems.error(format!("`{path}` is not a path on the upstream"), Some(help));
        return None;
    };
    let uri =
        Uri::builder().scheme("http").authority(upstream.address.as_str()).path_and_query(target).build();
    if uri.is_err() {
        problems.error(format!("the upstream `{}` is not `host:port`", upstream.address), None);
    }
    uri.ok()
}

/// No redirects: the client follows none by itself.
fn client(calls: usize) -> Client<HttpConnector, Empty<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(calls)
        .build(connector)
}

const DEFAULT_TTL: Duration = Duration::from_secs(30);
/// 0 asks anew for every request that is not waiting for the same answer already.
const TTL: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(3600));
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(30));
/// Short, because many applications sign in without changing the cookie: who has just signed in is not kept out.
const NOBODY_TTL: Duration = Duration::from_secs(2);
/// Shorter still: an application that is down is asked once a second for each caller, not once for each request.
const UNAVAILABLE_TTL: Duration = Duration::from_secs(1);
const MAX_ANSWERS: u64 = 10_000;
const MAX_BODY: usize = 256 * 1024;
const POOL_IDLE: Duration = Duration::from_secs(30);
