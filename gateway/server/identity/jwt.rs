//! `jwt:` — tokens that the application signs and the gateway verifies by itself (RFC 7515, 7519, RFC 8725).
//!
//! What has the form of a JWS is this source's: three base64url parts, the first a JSON object. It then verifies or is
//! nobody's, and no other source is asked about it. The algorithm comes from the settings and the key, never from the
//! token alone. Times are judged by the system clock with a named leeway.

#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chatwarden_policy::account::{Account, Identity};
use jsonwebtoken::{Algorithm, Validation, decode};
use serde_json::{Map, Value};
use tracing::debug;

use super::{
    Area, Source, TwoAccounts,
    credentials::{Credentials, Place},
    fields::{FieldError, Fields},
    keys::{self, Keys, KeysUnavailable, VerificationKey},
    merge,
    settings::{ClaimSettings, JwtSettings, Problems},
};

/// Verifies the application's signed tokens.
pub(super) struct Jwt {
    from: Vec<Place>,
    keys: Keys,
    /// What a token of each accepted algorithm must fulfil.
    accepted: Vec<(Algorithm, Validation)>,
    claims: ClaimSettings,
}

impl Jwt {
    pub(super) fn new(settings: &JwtSettings, problems: &mut Problems<'_>) -> Option<Self> {
        let errors = problems.errors.len();
        let from = Place::list(&settings.from, problems);
        if from.contains(&Place::AllCookies) {
            let help = "name the cookie that holds the token: `{ cookie: session }`";
            problems.under("from", |problems| problems.error("`*` does not say which cookie", Some(help)));
        }
        let keys = keys::load(&settings.keys, problems);
        keys::check_algorithms(&settings.algorithms, keys.as_ref(), problems);
        problems.under("claims", |problems| {
            let ClaimSettings { account, name, email, role, groups } = &settings.claims;
            let optional = [("name", name), ("email", email), ("role", role), ("groups", groups)];
            let written = optional.iter().filter_map(|(key, path)| Some((*key, path.as_ref()?)));
            for (key, path) in written.chain([("account", account)]) {
                if path.split('.').any(str::is_empty) {
                    problems.under(key, |problems| {
                        problems.error(format!("`{path}` is not a dotted path of claim names"), None);
                    });
                }
            }
        });
        if problems.errors.len() > errors {
            return None;
        }
        Some(Self {
            from,
            keys: keys?,
            accepted: settings
                .algorithms
                .iter()
                .map(|algorithm| Algorithm::from(*algorithm))
                .map(|algorithm| (algorithm, validation(algorithm, settings)))
                .collect(),
            claims: settings.claims.clone(),
        })
    }

    /// Takes every place where a JWS stands.
    fn find(&self, credentials: &mut Credentials<'_>) -> Result<Vec<Jws>, TwoAccounts> {
        let mut found = Vec::new();
        for place in &self.from {
            let Some(credential) = credentials.at(place)? else { continue };
            if let Some(jws) = credential.text().and_then(|text| Jws::parse(&text)) {
                found.push(jws);
                credentials.take(place);
            }
        }
        Ok(found)
    }

    async fn verify(&self, jws: &Jws) -> Result<Account, Refusal> {
        if jws.text.len() > MAX_TOKEN {
            return Err(Refusal::TooLong);
        }
        // RFC 7515 §4.1.11: an extension that is not understood makes the token invalid, and none is understood here.
        if jws.header.contains_key("crit") {
            return Err(Refusal::Critical);
        }
        let named = jws.header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let (algorithm, validation) = self
            .accepted
            .iter()
            .find(|(algorithm, _)| named == Some(*algorithm))
            .ok_or(Refusal::Algorithm)?;
        let id = jws.header.get("kid");
        let keys = self.keys.get(|keys| candidates(keys, *algorithm, id).next().is_some()).await?;
        let claims = candidates(&keys, *algorithm, id)
            .find_map(|key| decode::<Map<String, Value>>(&jws.text, &key.key, validation).ok())
            .ok_or(Refusal::Invalid)?
            .claims;
        Ok(self.account(&claims)?)
    }

    fn account(&self, claims: &Map<String, Value>) -> Result<Account, FieldError> {
        let optional = |path: &Option<String>| path.iter().filter_map(|path| claim(claims, path)).collect();
        Fields {
            account: claim(claims, &self.claims.account).into_iter().collect(),
            name: optional(&self.claims.name),
            email: optional(&self.claims.email),
            role: optional(&self.claims.role),
            groups: optional(&self.claims.groups),
        }
        .account()
    }
}

#[async_trait]
impl Source for Jwt {
    fn name(&self) -> &'static str {
        "jwt"
    }

    async fn identify(
        &self,
        credentials: &mut Credentials<'_>,
        _area: Area,
    ) -> Result<Option<Identity>, TwoAccounts> {
        let mut answer = None;
        for jws in self.find(credentials)? {
            let identity = match self.verify(&jws).await {
                Ok(account) => Identity::Verified(Arc::new(account)),
                Err(Refusal::Keys(_)) => Identity::Unavailable,
                Err(refusal) => {
                    debug!(%refusal, "Token refused");
                    Identity::Nobody
                }
            };
            answer = merge(answer, Some(identity))?;
        }
        Ok(answer)
    }

    fn believed_for(&self, credentials: &mut Credentials<'_>, _: Area) -> Option<Duration> {
        // Whatever is ambiguous is nobody's from the start.
        let found = self.find(credentials).ok()?;
        let keys = self.keys.believed_for().filter(|_| !found.is_empty());
        found.iter().filter_map(Jws::expires_in).chain(keys).min()
    }

    async fn forget(&self, credentials: &mut Credentials<'_>) {
        // Nothing is remembered. What is ambiguous is nobody's anyway.
        let _ = self.find(credentials);
    }
}

/// The keys that may have signed a token: those of its `kid` and those without a name, of the right type.
fn candidates<'k>(
    keys: &'k [VerificationKey],
    algorithm: Algorithm,
    id: Option<&'k Value>,
) -> impl Iterator<Item = &'k VerificationKey> {
    let id = id.map(Value::as_str);
    keys.iter().filter(move |key| {
        let named = match (id, &key.id) {
            (Some(id), Some(key)) => id == Some(key.as_str()),
            (None, _) | (_, None) => true,
        };
        key.algorithm == algorithm && named
    })
}

fn validation(algorithm: Algorithm, settings: &JwtSettings) -> Validation {
    let (issuers, audiences) = (settings.issuer.as_slice(), settings.audience.as_slice());
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.validate_aud = !audiences.is_empty();
    if !audiences.is_empty() {
        validation.set_audience(audiences);
        validation.required_spec_claims.insert("aud".to_owned());
    }
    if !issuers.is_empty() {
        validation.set_issuer(issuers);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    validation
}

/// Why a token is nobody's, or cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("the token is longer than 8 KiB")]
    TooLong,
    #[error("the token has critical extensions")]
    Critical,
    #[error("the algorithm is not an accepted one")]
    Algorithm,
    #[error("no key verifies the token, or it is not valid here and now")]
    Invalid,
    #[error(transparent)]
    Keys(#[from] KeysUnavailable),
    #[error("the claims do not tell the account: {0}")]
    Claims(#[from] FieldError),
}

/// A text of the form of a JWS in compact serialisation (RFC 7515 §7.1); nothing of it is believed.
struct Jws {
    text: String,
    header: Map<String, Value>,
}

impl Jws {
    fn parse(text: &str) -> Option<Self> {
        // Padding does not belong here (RFC 7515 §2), but some verifiers read past it behind the signature.
        let text = text.trim().trim_end_matches('=');
        let mut parts = text.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || ![header, payload, signature].into_iter().all(is_base64url) {
            return None;
        }
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header = serde_json::from_slice(&header).ok()?;
        Some(Self { text: text.to_owned(), header })
    }
}

impl Jws {
    /// How long until a verifier refuses the token, by its own word.
    fn expires_in(&self) -> Option<Duration> {
        let payload = URL_SAFE_NO_PAD.decode(self.text.split('.').nth(1)?).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
        let end = Duration::try_from_secs_f64(claims.get("exp")?.as_f64()?).ok()?;
        let end = end.saturating_add(Duration::from_secs(LEEWAY_SECONDS));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(end.saturating_sub(now))
    }
}

fn is_base64url(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The claim at a dotted path. A claim whose own name has dots, such as a URL, is found by that name first.
fn claim<'c>(claims: &'c Map<String, Value>, path: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| match value {
        Value::Object(members) => members.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// How far the clocks of the gateway and of the application may be apart.
const LEEWAY_SECONDS: u64 = 30;
const MAX_TOKEN: usize = 8 * 1024;
