//! Known of messages: whose each is, and the tickets that were handed out in them.
//!
//! A stream that travels in several connections is known by the name that the application gave it; the name is a secret
//! of whoever holds it, so it is kept as a digest, and what is known of it is forgotten when it is silent for long. What
//! is forgotten is nobody's.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chatwarden_policy::{
    account::{Account, Identity},
    extract,
    in_band::{Event, InBand},
    profile::StreamRules,
    reason::{Denial, Reason},
};
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// The streams of the gateway.
pub(crate) struct Known {
    named: Cache<[u8; 32], Stream>,
    tickets: Cache<[u8; 32], Arc<Account>>,
}

/// One stream, shared by all that carries it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream(Arc<Mutex<InBand>>);

/// Known with names, and tickets, that are known at once. Beyond it the ones that were used least are forgotten.
const MAX_KNOWN: u64 = 100_000;
/// Longer than any application lets a stream be silent.
const SILENCE: Duration = Duration::from_secs(600);

impl Known {
    pub(crate) fn new() -> Self {
        Self {
            named: Cache::builder().max_capacity(MAX_KNOWN).time_to_idle(SILENCE).build(),
            tickets: Cache::builder().max_capacity(MAX_KNOWN).time_to_live(SILENCE).build(),
        }
    }

    /// The stream of this name, if anything is known of it.
    pub(crate) fn find(&self, name: &str) -> Option<Stream> {
        self.named.get(&digest(name))
    }

    /// The stream of this name, known from here on.
    pub(crate) fn open(&self, name: &str) -> Stream {
        self.named.get_with(digest(name), Stream::default)
    }

    /// Whom a ticket was handed to.
    pub(crate) fn holder(&self, ticket: &str) -> Option<Arc<Account>> {
        self.tickets.get(&digest(ticket))
    }
}

impl Stream {
    /// Whose it is.
    pub(crate) fn identity(&self) -> Identity {
        self.with(|stream| stream.identity())
    }

    /// Notes what the client has sent.
    pub(crate) fn sent(&self, rules: &StreamRules, events: &[Event]) {
        self.with(|stream| stream.sent(&rules.sign_ins, events));
    }

    /// Notes that the client has sent what cannot be read.
    pub(crate) fn sent_unread(&self) {
        self.with(InBand::sent_unread);
    }

    /// Notes what the application has sent, and the tickets in it.
    pub(crate) fn heard(&self, known: &Known, rules: &StreamRules, events: &[Event]) {
        let identity = self.with(|stream| {
            stream.heard(&rules.sign_ins, events);
            stream.identity()
        });
        let Some(account) = identity.account() else { return };
        for mint in &rules.tickets {
            for event in events.iter().filter(|event| !event.is_answer() && event.is(&mint.event)) {
                if let [serde_json::Value::String(ticket)] = *extract::find(&mint.token, event.value()) {
                    known.tickets.insert(digest(ticket), Arc::clone(account));
                }
            }
        }
    }

    fn with<T>(&self, run: impl FnOnce(&mut InBand) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who calls, where HTTP says `found` and the messages of a stream, or a ticket, say `told`.
///
/// # Errors
/// They are two accounts.
pub(crate) fn merge(found: &Identity, told: &Identity) -> Result<Identity, Denial> {
    match (found, told) {
        (Identity::Verified(one), Identity::Verified(other)) if one.id != other.id => {
            Err(Reason::RequestAmbiguous.into())
        }
        (Identity::Nobody, _) => Ok(told.clone()),
        (Identity::Verified(_) | Identity::Unavailable, _) => Ok(found.clone()),
    }
}

fn digest(name: &str) -> [u8; 32] {
    Sha256::digest(name.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use chatwarden_policy::{in_band::events, profile::Profile};

    use super::*;

    fn profile() -> Profile {
        let text = r#"
app: x
events: { sign_in: [ { name: ask, account: "$[1].user", confirmed: taken } ] }
tickets: [ { event: ticket, token: "$[1]", spend: "POST /up/{token}" } ]
"#;
        Profile::parse("x.yaml", text.as_bytes(), &|_| None).unwrap().0
    }

    fn read(message: &str) -> Vec<Event> {
        events(message.as_bytes()).unwrap()
    }

    #[test]
    fn all_connections_of_a_stream_share_its_account() {
        let (streams, profile) = (Known::new(), profile());
        assert!(streams.find("s1").is_none());
        streams.open("s1").sent(profile.streams(), &read(r#"42["ask",{"user":"ieva"}]"#));
        streams.open("s2").heard(&streams, profile.streams(), &read(r#"42["taken"]"#));
        assert_eq!(streams.open("s1").identity(), Identity::Nobody);
        streams.find("s1").unwrap().heard(&streams, profile.streams(), &read(r#"42["taken"]"#));
        let whose = |name| streams.open(name).identity().account().map(|account| account.id.clone());
        assert_eq!((whose("s1").as_deref(), whose("s2")), (Some("ieva"), None));
    }

    #[test]
    fn a_ticket_is_its_holders_alone() {
        let (streams, profile) = (Known::new(), profile());
        let stream = Stream::default();
        let hear = |message| stream.heard(&streams, profile.streams(), &read(message));
        hear(r#"42["ticket","t1"]"#);
        assert!(streams.holder("t1").is_none(), "handed to nobody who is known");
        stream.sent(profile.streams(), &read(r#"42["ask",{"user":"ieva"}]"#));
        hear(r#"42["taken"]"#);
        for message in [r#"42["ticket","t2"]"#, r#"431["ticket","t3"]"#, r#"42["ticket",4]"#] {
            hear(message);
        }
        assert_eq!(streams.holder("t2").unwrap().id, "ieva");
        assert!(streams.holder("t3").is_none(), "an echo hands nothing out");
        assert!(streams.holder("t1").is_none());
    }
}
