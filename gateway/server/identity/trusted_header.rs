//! `trusted_header:` — a proxy in front of the gateway says who the caller is.
//!
//! Believed only where the connection itself comes from one of the proxy's networks, whatever address a header names.
//! From every other peer the named headers are removed before anything is judged, in every spelling that an application
//! reads as the same name; from the proxy only the exact spelling counts, once.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chatwarden_policy::{
    account::{Account, Identity},
    networks::{NetworkSet, parse_network},
};
use http::HeaderName;
use serde_json::Value;
use tracing::debug;

use super::{
    Area, Source, Told, TwoAccounts,
    credentials::{Credentials, Place},
    fields::{FieldError, Fields},
    settings::{Problems, TrustedHeaderSettings},
};
use crate::peer::PeerIp;

/// Believes a proxy.
pub(super) struct TrustedHeader {
    peers: NetworkSet,
    account: HeaderName,
    name: Option<HeaderName>,
    email: Option<HeaderName>,
    role: Option<HeaderName>,
    groups: Option<HeaderName>,
}

impl TrustedHeader {
    pub(super) fn new(settings: &TrustedHeaderSettings, problems: &mut Problems<'_>) -> Option<Self> {
        let TrustedHeaderSettings { account, name, email, role, groups, peers } = settings;
        let peers = problems.under("peers", |problems| networks(peers, problems));
        let account = header("account", account, problems);
        let mut optional =
            |key, name: &Option<String>| name.as_deref().map(|name| header(key, name, problems));
        let (name, email) = (optional("name", name), optional("email", email));
        let (role, groups) = (optional("role", role), optional("groups", groups));
        // Some(None) is a header that was written and cannot be used.
        let usable = |name: Option<Option<HeaderName>>| match name {
            Some(None) => None,
            Some(Some(name)) => Some(Some(name)),
            None => Some(None),
        };
        Some(Self {
            peers: peers?,
            account: account?,
            name: usable(name)?,
            email: usable(email)?,
            role: usable(role)?,
            groups: usable(groups)?,
        })
    }

    /// What a header of this name is from this peer.
    pub(super) fn told(&self, peer: PeerIp, name: &HeaderName) -> Told {
        // CGI and its heirs read `_` like `-`.
        let folded = |name: &HeaderName| name.as_str().replace('_', "-");
        if self.names().any(|ours| ours == name) && peer.is_in(&self.peers) {
            Told::Believed
        } else if self.names().any(|ours| folded(ours) == folded(name)) {
            Told::Disbelieved
        } else {
            Told::Nothing
        }
    }

    fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let optional = [&self.name, &self.email, &self.role, &self.groups];
        [&self.account].into_iter().chain(optional.into_iter().flatten())
    }

    /// Takes what the proxy says. None: it says nothing, or nobody says so.
    fn find(&self, credentials: &mut Credentials<'_>) -> Result<Option<Word>, TwoAccounts> {
        if !credentials.peer().is_some_and(|peer| peer.is_in(&self.peers)) {
            return Ok(None);
        }
        let mut read = |name: &HeaderName| credentials.line(name).map(|line| line.map(text));
        let mut optional = |name: &Option<HeaderName>| name.as_ref().map_or(Ok(None), &mut read);
        let word = Word {
            name: optional(&self.name)?,
            email: optional(&self.email)?,
            role: optional(&self.role)?,
            groups: optional(&self.groups)?,
            account: match read(&self.account)? {
                Some(account) => account,
                None => return Ok(None),
            },
        };
        for name in self.names() {
            credentials.take(&Place::Header { name: name.clone(), scheme: None });
        }
        Ok(Some(word))
    }
}

#[async_trait]
impl Source for TrustedHeader {
    fn name(&self) -> &'static str {
        "trusted_header"
    }

    async fn identify(
        &self,
        credentials: &mut Credentials<'_>,
        _area: Area,
    ) -> Result<Option<Identity>, TwoAccounts> {
        let Some(word) = self.find(credentials)? else { return Ok(None) };
        Ok(Some(match word.account() {
            Ok(account) => Identity::Verified(Arc::new(account)),
            Err(error) => {
                debug!(%error, "Trusted header refused");
                Identity::Nobody
            }
        }))
    }

    fn believed_for(&self, credentials: &mut Credentials<'_>, _: Area) -> Option<Duration> {
        // As long as the connection lives: nobody tells when the proxy's session ends.
        let _ = self.find(credentials);
        None
    }

    async fn forget(&self, credentials: &mut Credentials<'_>) {
        // Nothing is remembered. What is ambiguous is nobody's anyway.
        let _ = self.find(credentials);
    }
}

/// The texts of the headers; null is one that is not UTF-8.
struct Word {
    account: Value,
    name: Option<Value>,
    email: Option<Value>,
    role: Option<Value>,
    groups: Option<Value>,
}

impl Word {
    fn account(&self) -> Result<Account, FieldError> {
        for (value, field) in [(&self.role, "role"), (&self.groups, "groups")] {
            if value == &Some(Value::Null) {
                return Err(FieldError::Unreadable(field));
            }
        }
        let listed = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(elements);
        let (role, groups) = (listed(&self.role), listed(&self.groups));
        Fields {
            account: vec![&self.account],
            name: self.name.iter().collect(),
            email: self.email.iter().collect(),
            role: role.iter().collect(),
            groups: groups.iter().collect(),
        }
        .account()
    }
}

fn text(line: &[u8]) -> Value {
    std::str::from_utf8(line).map_or(Value::Null, |text| Value::String(text.to_owned()))
}

/// The elements of a list; empty ones are left out (RFC 9110 §5.6.1).
fn elements(list: &str) -> Value {
    list.split(',').map(str::trim).filter(|element| !element.is_empty()).map(str::to_owned).collect()
}

fn header(key: &str, name: &str, problems: &mut Problems<'_>) -> Option<HeaderName> {
    problems.under(key, |problems| {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
        if parsed.is_none() {
            problems.error(format!("`{name}` cannot be the name of a header"), None);
        }
        let taken = |name: &HeaderName| TAKEN.contains(&name.as_str().replace('_', "-").as_str());
        if parsed.as_ref().is_some_and(taken) {
            let help = "name a header that the proxy in front writes for this alone: `X-Auth-User`";
            problems.error(format!("`{name}` means something else already"), Some(help));
            return None;
        }
        parsed
    })
}

fn networks(written: &[String], problems: &mut Problems<'_>) -> Option<NetworkSet> {
    let errors = problems.errors.len();
    if written.is_empty() {
        let help = "name the addresses of the proxy in front: `[10.0.0.5]`";
        problems.error("an empty list believes nobody", Some(help));
    }
    let mut networks = Vec::new();
    for (index, text) in written.iter().enumerate() {
        problems.under(&format!("[{index}]"), |problems| match parse_network(text) {
            Ok(network) if network.prefix_len() == 0 => {
                let help = "name the addresses of the proxy in front, and no other";
                problems.error(format!("`{text}` would believe everybody"), Some(help));
            }
            Ok(network) => networks.push(network),
            Err(error) => problems.error(format!("`{text}`: {}", error.message), error.help.as_deref()),
        });
    }
    (problems.errors.len() == errors).then(|| networks.into_iter().collect())
}

/// What describes the message or the connection, or is written by the gateway itself.
const TAKEN: [&str; 20] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-chatwarden-reason",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-http-method-override",
    "x-real-ip",
    "x-request-id",
];
