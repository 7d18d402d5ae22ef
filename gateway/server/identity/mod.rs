//! Who is calling: the identity sources of config.yaml.
//!
//! Sources are asked in the order in which ops wrote them. A source finds the credentials that have its form, takes them
//! and decides; what it leaves, the next one may find. It promises one account, or nobody, or the plain statement that it
//! could not be told, which callers treat as the strictest case. It knows nothing of roles' and groups' meaning.
//! Logs name sources and outcomes, never a token, a cookie or a person.

mod credentials;
mod fields;
mod introspection;
mod jwt;
mod keys;
mod select;
mod settings;
#[cfg(test)]
mod tests;
mod tokens;
mod trusted_header;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use chatwarden_policy::account::Identity;
use http::{HeaderMap, HeaderName};
use tracing::debug;

use self::{
    credentials::Credentials, introspection::Introspection, jwt::Jwt, settings::Problems, tokens::Tokens,
    trusted_header::TrustedHeader,
};
use crate::peer::PeerIp;

pub use self::{
    introspection::Upstream,
    settings::{
        ClaimSettings, IntrospectionSettings, JwtAlgorithm, JwtSettings, KeySettings, OneOrMany,
        PlaceSettings, SettingError, SourceSettings, TokensSettings, TrustedHeaderSettings,
    },
    tokens::TokensReload,
};

/// The identity sources, ready to be asked.
pub struct Resolver {
    sources: Vec<Arc<dyn Source>>,
    tokens: Vec<Arc<Tokens>>,
    trusted_headers: Vec<Arc<TrustedHeader>>,
    warnings: Vec<SettingError>,
}

impl Resolver {
    /// Builds the sources of `identity:`; file names are relative to `base`, the directory of config.yaml.
    ///
    /// All problems are returned together. No connection is made before the first request.
    pub fn new(
        settings: &[SourceSettings],
        base: &Path,
        upstream: &Upstream,
    ) -> Result<Self, Vec<SettingError>> {
        let mut problems = Problems::new(base);
        let mut resolver = Self {
            sources: Vec::new(),
            tokens: Vec::new(),
            trusted_headers: Vec::new(),
            warnings: Vec::new(),
        };
        problems.under("identity", |problems| {
            for (index, source) in settings.iter().enumerate() {
                problems.under(&format!("[{index}]"), |problems| resolver.add(source, upstream, problems));
            }
        });
        resolver.warnings = problems.warnings;
        if problems.errors.is_empty() { Ok(resolver) } else { Err(problems.errors) }
    }

    /// What ops should know though it works, such as a secret file that others can read.
    pub fn warnings(&self) -> &[SettingError] {
        &self.warnings
    }

    /// Says who sends this request.
    ///
    /// Verified credentials win over ones that are nobody's. An unavailable source makes the whole answer unavailable,
    /// because the account that it would have named could be another one; on public routes it counts as nobody.
    pub async fn identify(&self, request: &Request<'_>) -> Result<Identity, TwoAccounts> {
        let mut credentials = request.credentials();
        let mut answer = None;
        for source in &self.sources {
            let found = source.identify(&mut credentials, request.area).await?;
            if let Some(identity) = &found {
                debug!(source = source.name(), outcome = outcome(identity), "Identity source decided");
            }
            let counted = match (found, request.area) {
                (Some(Identity::Unavailable), Area::Public) => Some(Identity::Nobody),
                (found, Area::Public | Area::Operator) => found,
            };
            answer = merge(answer, counted)?;
        }
        Ok(answer.unwrap_or(Identity::Nobody))
    }

    /// How long what [`Resolver::identify`] says of this request holds by itself; what is said then may be something else.
    pub fn believed_for(&self, request: &Request<'_>) -> Duration {
        let mut credentials = request.credentials();
        let sources = self.sources.iter();
        let all = sources.filter_map(|source| source.believed_for(&mut credentials, request.area));
        all.min().unwrap_or(MAX_BELIEF).clamp(MIN_BELIEF, MAX_BELIEF)
    }

    /// Forgets every remembered answer about the credentials of this request: after sign-in, sign-out, or a 401 of the
    /// application.
    pub async fn forget(&self, request: &Request<'_>) {
        let mut credentials = request.credentials();
        for source in &self.sources {
            source.forget(&mut credentials).await;
        }
    }

    /// What a header of this name says of the caller, where it comes from this peer.
    pub fn told(&self, peer: PeerIp, name: &HeaderName) -> Told {
        self.trusted_headers.iter().map(|source| source.told(peer, name)).max().unwrap_or(Told::Nothing)
    }

    /// Reads the token files anew; nothing changes before [`TokensReload::apply`].
    pub fn reload(&self) -> Result<TokensReload, Vec<SettingError>> {
        TokensReload::read(&self.tokens)
    }

    /// The files that [`Resolver::reload`] reads, to be watched.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.tokens.iter().map(|tokens| tokens.file())
    }

    fn add(&mut self, settings: &SourceSettings, upstream: &Upstream, problems: &mut Problems<'_>) {
        let SourceSettings { jwt, introspection, trusted_header, tokens } = settings;
        match (jwt, introspection, trusted_header, tokens) {
            (Some(jwt), None, None, None) => {
                let source = problems.under("jwt", |problems| Jwt::new(jwt, problems));
                self.sources.extend(source.map(|source| Arc::new(source) as Arc<dyn Source>));
            }
            (None, Some(introspection), None, None) => {
                let source = problems
                    .under("introspection", |problems| Introspection::new(introspection, upstream, problems));
                self.sources.extend(source.map(|source| Arc::new(source) as Arc<dyn Source>));
            }
            (None, None, Some(header), None) => {
                let source =
                    problems.under("trusted_header", |problems| TrustedHeader::new(header, problems));
                if let Some(source) = source.map(Arc::new) {
                    self.trusted_headers.push(Arc::clone(&source));
                    self.sources.push(source);
                }
            }
            (None, None, None, Some(tokens)) => {
                if let Some(source) = problems.under("tokens", |problems| Tokens::new(tokens, problems)) {
                    let source = Arc::new(source);
                    self.tokens.push(Arc::clone(&source));
                    self.sources.push(source);
                }
            }
            (_, _, _, _) => {
                let help = "write one source per list entry, each with its own `-`";
                let message = "an entry is one of `jwt`, `introspection`, `trusted_header`, `tokens`";
                problems.error(message, Some(help));
            }
        }
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|source| source.name())).finish()
    }
}

/// What of a request concerns identity. There is no Debug: headers hold credentials.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The caller's header fields.
    pub headers: &'r HeaderMap,
    /// The host that the application is told, as for the request itself; `None` is the upstream's own address.
    pub host: Option<&'r str>,
    /// Whom the connection comes from; `None` where the headers were not sent over one.
    pub peer: Option<PeerIp>,
    /// The area of the request's route.
    pub area: Area,
}

impl<'r> Request<'r> {
    fn credentials(&self) -> Credentials<'r> {
        Credentials::new(self.headers, self.host).sent_by(self.peer)
    }
}

/// What a header is to the sources that believe a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// A header like any other.
    Nothing,
    /// It would say who is calling, and nobody believes it: it has to be removed.
    Disbelieved,
    /// It says who is calling.
    Believed,
}

/// The side of the application that a route belongs to, as far as identity is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// End users' traffic: `{ cookie: "*" }` alone is no reason to ask the application.
    Public,
    /// Everything else.
    Operator,
}

/// The request carries credentials of two accounts, or two different values where one may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request carries credentials of two accounts")]
pub struct TwoAccounts;

/// A way to learn who is calling.
///
/// Implementations pass the contract test in `tests.rs`.
#[async_trait]
trait Source: Send + Sync {
    /// The name in config.yaml.
    fn name(&self) -> &'static str;

    /// Takes the credentials that have this source's form and decides; `None` where there are none.
    async fn identify(
        &self,
        credentials: &mut Credentials<'_>,
        area: Area,
    ) -> Result<Option<Identity>, TwoAccounts>;

    /// Takes the same credentials and says how long they are believed; `None` where there are none, or for ever.
    fn believed_for(&self, credentials: &mut Credentials<'_>, area: Area) -> Option<Duration>;

    /// Takes the same credentials and forgets what is remembered about them.
    async fn forget(&self, credentials: &mut Credentials<'_>);
}

/// Open streams are looked at as often as this, and as seldom.
const MIN_BELIEF: Duration = Duration::from_millis(500);
const MAX_BELIEF: Duration = Duration::from_secs(3600);

/// One answer of two: the same account twice is one account, and an answer that could not be had hides every other.
fn merge(first: Option<Identity>, second: Option<Identity>) -> Result<Option<Identity>, TwoAccounts> {
    let (Some(first), Some(second)) = (&first, &second) else { return Ok(first.or(second)) };
    Ok(Some(match (first, second) {
        (Identity::Verified(one), Identity::Verified(other)) if one.id != other.id => {
            return Err(TwoAccounts);
        }
        (Identity::Unavailable, _) | (_, Identity::Unavailable) => Identity::Unavailable,
        (Identity::Verified(account), _) | (Identity::Nobody, Identity::Verified(account)) => {
            Identity::Verified(Arc::clone(account))
        }
        (Identity::Nobody, Identity::Nobody) => Identity::Nobody,
    }))
}

fn outcome(identity: &Identity) -> &'static str {
    match identity {
        Identity::Verified(_) => "verified",
        Identity::Nobody => "nobody",
        Identity::Unavailable => "unavailable",
    }
}
