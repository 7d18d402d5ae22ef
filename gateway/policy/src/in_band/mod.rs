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

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use chatwarden_redact::Selector;

pub use self::{
    events::{Event, Unreadable, events},
    watch::{MAX_MESSAGE_BYTES, Watch},
};
use crate::account::{Account, Identity};

/// How an application signs in within a stream.
#[derive(Debug)]
pub struct SignIn {
    /// The client's event.
    pub name: String,
    /// Who names the account, and where. The selector goes on in strings that are JSON themselves.
    pub account: Naming,
    /// Where both events bear the number of the sign-in. Without, an answer is about whatever is asked for.
    pub id: Option<Selector>,
    /// The application's event that takes the account.
    pub confirmed: String,
    /// The application's event that does not.
    pub refused: String,
}

/// Who names the account.
#[derive(Debug)]
pub enum Naming {
    /// The client, and the application takes it.
    Client(Selector),
    /// The application, in the event that takes it.
    Application(Selector),
}

/// Whose a stream is, as its messages tell.
#[derive(Debug, Default)]
pub struct InBand {
    /// The accounts that were asked for and not answered; `None` where a message named no account, or several.
    asked: VecDeque<Option<Arc<str>>>,
    /// Those whose answers bear their numbers.
    numbered: Vec<Numbered>,
    /// Numbers of the client's other messages that are not answered, and how many bear each.
    open: BTreeMap<String, usize>,
    account: Option<Arc<Account>>,
    /// Messages have passed that could not be read, so sign-ins may be missing from `asked`.
    is_blind: bool,
}

#[derive(Debug)]
struct Numbered {
    name: String,
    id: String,
    /// `None` where nobody can tell which account an answer takes.
    asked: Option<Asked>,
}

#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Account(Arc<str>),
    /// Whom the application names.
    Anybody,
}

/// The sign-ins of one stream that may wait for their answers.
const MAX_ASKED: usize = 16;
/// Other messages of one stream that may wait for their answers. Beyond it no sign-in is believed any more.
const MAX_OPEN: usize = 512;
/// The longest number of a message.
const MAX_ID_BYTES: usize = 256;

impl InBand {
    /// Notes the events of a message that the client has sent, before the application sees it.
    pub fn sent(&mut self, sign_ins: &[SignIn], events: &[Event]) {
        for event in events {
            for sign_in in sign_ins {
                match &sign_in.id {
                    Some(id) => self.sent_numbered(sign_in, id, event),
                    None if event.is(&sign_in.name) => self.ask(sign_in, event),
                    None => {}
                }
            }
        }
    }

    /// Notes the events of a message of the application, before anything of later ones is judged.
    pub fn heard(&mut self, sign_ins: &[SignIn], events: &[Event]) {
        for event in events.iter().filter(|event| !event.is_answer()) {
            let (mut taken, mut refused) = (false, false);
            for sign_in in sign_ins {
                let confirms = event.is(&sign_in.confirmed);
                let refuses = event.is(&sign_in.refused);
                match &sign_in.id {
                    Some(id) if confirms || refuses => self.heard_numbered(sign_in, id, event, confirms),
                    Some(_) => {}
                    None => {
                        taken |= confirms;
                        refused |= refuses;
                    }
                }
            }
            if taken {
                let answered = self.answered();
                self.take(answered);
            } else if refused {
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

    fn take(&mut self, id: Option<Arc<str>>) {
        self.account = id.map(|id| Arc::new(Account { id: id.as_ref().to_owned(), ..Account::default() }));
    }

    fn ask(&mut self, sign_in: &SignIn, event: &Event) {
        if self.asked.len() >= MAX_ASKED {
            return self.sent_unread();
        }
        self.asked.push_back(match &sign_in.account {
            Naming::Client(account) => event.account(account),
            // Only an answer to this very message could name the account, and nothing tells which one is.
            Naming::Application(_) => None,
        });
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

    fn sent_numbered(&mut self, sign_in: &SignIn, id: &Selector, event: &Event) {
        let id = event.text(id).filter(|id| id.len() <= MAX_ID_BYTES);
        match (id, event.is(&sign_in.name)) {
            (Some(id), true) if self.numbered.len() < MAX_ASKED => self.ask_numbered(sign_in, id, event),
            (Some(_) | None, true) => self.sent_unread(),
            (Some(id), false) => self.spend(sign_in, id),
            (None, false) => {}
        }
    }

    fn ask_numbered(&mut self, sign_in: &SignIn, id: String, event: &Event) {
        let mut asked = match &sign_in.account {
            Naming::Client(account) => event.account(account).map(Asked::Account),
            Naming::Application(_) => Some(Asked::Anybody).filter(|_| !self.open.contains_key(&id)),
        };
        for other in self.numbered.iter_mut().filter(|other| other.is(sign_in, &id)) {
            if other.asked != asked {
                (other.asked, asked) = (None, None);
            }
        }
        self.numbered.push(Numbered { name: sign_in.name.clone(), id, asked });
    }

    /// Notes a message that is no sign-in. Its answer may name accounts, too, and be taken for that of a sign-in which
    /// bears the same number.
    fn spend(&mut self, sign_in: &SignIn, id: String) {
        if let Naming::Client(_) = sign_in.account {
            return;
        }
        for sign_in in self.numbered.iter_mut().filter(|other| other.is(sign_in, &id)) {
            sign_in.asked = None;
        }
        *self.open.entry(id).or_default() += 1;
        self.is_blind |= self.open.len() > MAX_OPEN;
        if self.is_blind {
            self.open.clear();
        }
    }

    fn heard_numbered(&mut self, sign_in: &SignIn, id: &Selector, event: &Event, confirms: bool) {
        let Some(id) = event.text(id) else { return };
        let Some(index) = self.numbered.iter().position(|asked| asked.is(sign_in, &id)) else {
            return self.answer(&id);
        };
        let Numbered { asked, .. } = self.numbered.swap_remove(index);
        if !confirms {
            return;
        }
        match (asked.filter(|_| !self.is_blind), &sign_in.account) {
            (Some(Asked::Account(account)), _) => self.take(Some(account)),
            // An answer that names nobody refuses.
            (Some(Asked::Anybody), Naming::Application(account)) => {
                if let Some(account) = event.account(account) {
                    self.take(Some(account));
                }
            }
            (Some(Asked::Anybody), Naming::Client(_)) | (None, _) => self.take(None),
        }
    }

    /// Notes that a message which is no sign-in is answered.
    fn answer(&mut self, id: &str) {
        if let Some(count) = self.open.get_mut(id) {
            *count -= 1;
            if *count == 0 {
                self.open.remove(id);
            }
        }
    }
}

impl Numbered {
    fn is(&self, sign_in: &SignIn, id: &str) -> bool {
        self.name == sign_in.name && self.id == id
    }
}
