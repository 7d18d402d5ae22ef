//! What a profile says of messages in streams: how they sign in, which requests are one stream, and what tickets they
//! hand out.

use std::sync::Arc;

use chatwarden_redact::Selector;

use super::{Restriction, read::Reader};
use crate::{
    diagnostic::quote,
    in_band::{Event, SignIn},
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
    /// Whether a client asks for an account.
    pub fn ask(&self, events: &[Event]) -> bool {
        self.sign_ins.iter().any(|sign_in| events.iter().any(|event| event.is(&sign_in.name)))
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
                let text = |key: &str| node.get(key).map(|value| value.written().to_owned());
                let account = node.get("account").and_then(|path| self.selector(path));
                let (Some(name), Some(account), Some(confirmed)) = (text("name"), account, text("confirmed"))
                else {
                    continue;
                };
                let refused = text("refused");
                self.streams.sign_ins.push(SignIn { name, account, confirmed, refused });
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

/// The name of the query parameter that makes requests one stream.
pub(super) type Session = Arc<str>;
