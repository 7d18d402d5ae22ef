//! Signing in by messages of a stream, for applications whose HTTP requests carry no identity.
//!
//! A client's message names an account, and a message of the application takes it: then the stream is that account's.
//! Before that, and wherever it cannot be told for which account the application spoke, it is nobody's, which rules
//! judge most strictly. An application answers sign-ins in an order of its own, so while two accounts are asked for none
//! is believed. Nothing here knows what a stream travels in; a long poll and a WebSocket may be one.

mod events;
#[cfg(test)]
mod tests;
mod watch;

use std::{collections::VecDeque, sync::Arc};

use chatwarden_redact::Selector;

pub use self::{
    events::{Event, Unreadable, events},
    watch::{MAX_MESSAGE_BYTES, Watch},
};
use crate::{
    account::{Account, Identity},
    extract,
};

/// How an application signs in within a stream.
#[derive(Debug)]
pub struct SignIn {
    /// The client's event.
    pub name: String,
    /// Where it names the account.
    pub account: Selector,
    /// The application's event that takes the account.
    pub confirmed: String,
    /// The application's event that does not.
    pub refused: Option<String>,
}

/// Whose a stream is, as its messages tell.
#[derive(Debug, Default)]
pub struct InBand {
    /// The accounts that were asked for and not answered; `None` where a message named no account, or several.
    asked: VecDeque<Option<Arc<str>>>,
    account: Option<Arc<Account>>,
    /// Messages have passed that could not be read, so sign-ins may be missing from `asked`.
    is_blind: bool,
}

/// The sign-ins of one stream that may wait for their answers.
const MAX_ASKED: usize = 16;

impl InBand {
    /// Notes the events of a message that the client has sent, before the application sees it.
    pub fn sent(&mut self, sign_ins: &[SignIn], events: &[Event]) {
        for event in events {
            for sign_in in sign_ins.iter().filter(|sign_in| event.is(&sign_in.name)) {
                self.ask(sign_in, event);
            }
        }
    }

    /// Notes the events of a message of the application, before anything of later ones is judged.
    pub fn heard(&mut self, sign_ins: &[SignIn], events: &[Event]) {
        for event in events.iter().filter(|event| !event.is_answer()) {
            if sign_ins.iter().any(|sign_in| event.is(&sign_in.confirmed)) {
                self.account = self
                    .answered()
                    .map(|id| Arc::new(Account { id: id.as_ref().to_owned(), ..Account::default() }));
            } else if sign_ins
                .iter()
                .any(|sign_in| sign_in.refused.as_deref().is_some_and(|name| event.is(name)))
            {
                self.answered();
            }
        }
    }

    /// Notes that the client has sent what cannot be read for events. Whose the stream is stays until the application
    /// takes an account again, which could be any.
    pub fn sent_unread(&mut self) {
        self.is_blind = true;
    }

    /// Whose the stream is.
    pub fn identity(&self) -> Identity {
        self.account.clone().map_or(Identity::Nobody, Identity::Verified)
    }

    fn ask(&mut self, sign_in: &SignIn, event: &Event) {
        if self.asked.len() >= MAX_ASKED {
            return self.sent_unread();
        }
        let named = match *extract::find(&sign_in.account, event.value()) {
            [serde_json::Value::String(id)] if !id.is_empty() => Some(id.as_str().into()),
            _ => None,
        };
        self.asked.push_back(named);
    }

    /// The account that an answer of the application is about: the one that is asked for, if there is only one.
    fn answered(&mut self) -> Option<Arc<str>> {
        let first = self.asked.front().cloned().flatten();
        if self.is_blind || first.is_none() || self.asked.iter().any(|asked| *asked != first) {
            return None;
        }
        self.asked.pop_front();
        first
    }
}
