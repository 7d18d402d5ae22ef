//! What a profile says of messages in streams: how they sign in, which requests are one stream, and what tickets they
//! hand out.

use std::sync::Arc;

use chatwarden_redact::Selector;

use super::{Restriction, read::Reader};
use crate::{
    diagnostic::quote,
    in_band::{Event, Naming, SignIn},
    yaml::{Document, Node},
};

/// The messages of an application's streams that the gateway knows by name.
#[derive(Debug, Default)]
pub struct StreamRules {
    /// How an account signs in.
    pub sign_ins: Vec<SignIn>,
    /// What the application hands tickets out by.
    pub tickets: Vec<Mint>,
}

/// A message that hands out a ticket: spending it is judged as the account that it was handed to.
#[derive(Debug)]
pub struct Mint {
    /// The application's event.
    pub event: String,
    /// Where it holds the ticket.
    pub token: Selector,
}

impl StreamRules {
    /// Whether a client's events are worth a note: they ask for an account, or bear numbers that answers to such may.
    pub fn ask(&self, events: &[Event]) -> bool {
        let numbers = |sign_in: &SignIn| matches!(sign_in.account, Naming::Application(_));
        self.sign_ins
            .iter()
            .any(|sign_in| numbers(sign_in) || events.iter().any(|event| event.is(&sign_in.name)))
    }

    /// Whether accounts sign in by messages.
    pub fn sign_in(&self) -> bool {
        !self.sign_ins.is_empty()
    }
}

impl Reader {
    pub(super) fn streams(&mut self, document: &Document) {
        if let Some(events) = document.get("events") {
            for node in events.get("sign_in").into_iter().flat_map(Node::items) {
                let sign_in = self.sign_in(node);
                self.streams.sign_ins.extend(sign_in);
            }
        }
        for node in document.get("streams").into_iter().flat_map(Node::items) {
            if let (Some(route), Some(session)) = (node.get("route"), node.get("session")) {
                self.restrict(route, Restriction::Stream(session.written().into()));
            }
        }
        for node in document.get("tickets").into_iter().flat_map(Node::items) {
            self.ticket(node);
        }
    }

    fn sign_in(&mut self, node: Node<'_>) -> Option<SignIn> {
        let text = |key: &str| node.get(key).map(|value| value.written().to_owned());
        let name = if node.is_mapping() { text("name")? } else { node.written().to_owned() };
        let usual = |verb| {
            name.rsplit_once(':')
                .map_or_else(|| format!("{name}:{verb}"), |(area, _)| format!("{area}:{verb}"))
        };
        let id = match node.get("id") {
            Some(path) => Some(self.selector(path)?),
            None => None,
        };
        let account = match (node.get("account"), node.get("answered_account")) {
            (Some(_), Some(answered)) => {
                self.found.push(
                    answered.error("not-one-key", "`account` names the account already: one of the two"),
                );
                return None;
            }
            (None, Some(answered)) if id.is_none() => {
                let message =
                    "`answered_account` needs `id`: nothing else tells which answer names the account";
                self.found.push(answered.error("missing-key", message));
                return None;
            }
            (None, Some(answered)) => Naming::Application(self.selector(answered)?),
            (Some(named), None) => Naming::Client(self.selector(named)?),
            (None, None) => Naming::Client(Selector::parse(USUAL_ACCOUNT).ok()?),
        };
        let confirmed = text("confirmed").unwrap_or_else(|| usual("success"));
        let refused = text("refused").unwrap_or_else(|| usual("failed"));
        Some(SignIn { account, id, confirmed, refused, name })
    }

    fn ticket(&mut self, node: Node<'_>) {
        let (Some(event), Some(token), Some(spend)) =
            (node.get("event"), node.get("token"), node.get("spend"))
        else {
            return;
        };
        if !spend.written().contains(TOKEN) {
            let message = format!("the route has no parameter {}", quote(TOKEN));
            return self.found.push(spend.error("unknown-parameter", message));
        }
        if let Some(token) = self.selector(token) {
            self.streams.tickets.push(Mint { event: event.written().to_owned(), token });
            self.restrict(spend, Restriction::Spend);
        }
    }
}

/// The parameter of a route that holds a ticket.
const TOKEN: &str = "{token}";

/// Where a sign-in names its account, unless the profile says.
const USUAL_ACCOUNT: &str = "$..user";

/// The name of the query parameter that makes requests one stream.
pub(super) type Session = Arc<str>;
