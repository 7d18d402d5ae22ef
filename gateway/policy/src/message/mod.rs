//! The decision about messages of a WebSocket: what of them is kept from the caller, what he may not send.
//!
//! A message has no route. It is judged by its kind, its text and the names of events in it (`names`), under the orders
//! of the handshake. A rule in `mode: monitor` does not read messages.

use std::sync::Arc;

use chatwarden_redact::{Plan, websocket::Kind};

use crate::{
    policy::Policy,
    reason::{Denial, Reason, RuleRef},
    verdict::{Area, Orders},
    way_back::{Passage, WayBack},
};

mod names;

/// How the messages of one WebSocket are judged.
#[derive(Clone, Debug)]
pub struct Messages {
    plan: Option<Arc<Plan>>,
    /// The rule that hides contact data, if it is hidden.
    contacts: Option<Option<RuleRef>>,
    /// The rule by which anything is hidden.
    hides: Option<RuleRef>,
    send: Option<RuleRef>,
    receive: Option<RuleRef>,
    file_events: Arc<[String]>,
    /// How marks in the caller's messages are treated.
    way_back: Option<Arc<WayBack>>,
    /// Whether an account may sign in by them.
    follows: bool,
}

impl Policy {
    /// How the messages of a WebSocket are judged. None: nothing is kept from anybody, nobody signs in by them, and they pass
    /// unread.
    pub fn messages(&self, orders: &Orders) -> Option<Messages> {
        let enforced = |block: &crate::verdict::FileBlock| block.enforced.then_some(block.rule);
        let masking = &orders.masking;
        let messages = Messages {
            plan: masking.hide.clone(),
            contacts: masking.contacts.then_some(masking.rule),
            hides: masking.rule,
            send: orders.send_block.as_ref().and_then(enforced),
            receive: orders.receive_block.as_ref().and_then(enforced),
            file_events: self.profile.file_events(),
            way_back: orders.way_back.clone().filter(|way| way.is_enforced()),
            follows: !matches!(orders.area, Area::Public | Area::Assets) && self.profile.streams().sign_in(),
        };
        let reads = messages.plan.is_some() || messages.contacts.is_some() || messages.way_back.is_some();
        let blocks = messages.send.is_some() || messages.receive.is_some();
        (reads || blocks || messages.follows).then_some(messages)
    }
}

impl Messages {
    /// Whether an account may sign in by them, so that each has to be read for its events.
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// Whether contact data is hidden from the caller.
    pub fn hides(&self) -> bool {
        self.contacts.is_some()
    }

    /// What is hidden in the texts of the server.
    ///
    /// # Errors
    /// Contact data is to be hidden, and the profile names none: nobody knows what may pass.
    pub fn plan(&self) -> Result<Option<&Arc<Plan>>, Denial> {
        match (&self.plan, self.contacts) {
            (None, Some(_)) => Err(self.unscannable()),
            (plan, _) => Ok(plan.as_ref()),
        }
    }

    /// Judges binary messages of the server: they are files, and no plan reads them.
    ///
    /// # Errors
    /// The refusal of all of them.
    pub fn receive_binary(&self) -> Result<(), Denial> {
        if let Some(rule) = self.receive {
            return Err(Denial::by(Reason::FileReceiveBlocked, rule));
        }
        match self.contacts {
            Some(rule) => Err(Denial { reason: Reason::UnscannableMessage, rule }),
            None => Ok(()),
        }
    }

    /// The refusal of what the server sends and cannot be read.
    pub fn unscannable(&self) -> Denial {
        Denial { reason: Reason::UnscannableMessage, rule: self.hides.or(self.receive).or(self.send) }
    }

    /// Judges that the caller begins a message.
    ///
    /// # Errors
    /// The refusal: binary messages are files.
    pub fn begin(&self, kind: Kind) -> Result<(), Denial> {
        match (kind, self.send) {
            (Kind::Binary, Some(rule)) => Err(Denial::by(Reason::FileSendBlocked, rule)),
            (Kind::Binary | Kind::Text, _) => Ok(()),
        }
    }

    /// What goes to the application instead of a message of the caller: exact aliases are restored where the route of the
    /// handshake restores.
    ///
    /// # Errors
    /// The refusal of what must not be written over real data.
    pub fn restore<'m>(&self, kind: Kind, payload: &'m [u8]) -> Result<Passage<'m>, Denial> {
        match (&self.way_back, kind) {
            (Some(way), Kind::Text) => way.message(payload),
            (Some(way), Kind::Binary) => way.body(None, payload),
            (None, _) => Ok(Passage::unread(payload)),
        }
    }

    /// Judges a message of the caller in the form in which it goes on.
    ///
    /// # Errors
    /// The refusal of an event that sends a file.
    pub fn judge(&self, payload: &[u8]) -> Result<(), Denial> {
        let Some(rule) = self.send else { return Ok(()) };
        match names::holds(payload, &self.file_events) {
            Ok(false) => Ok(()),
            Ok(true) => Err(Denial::by(Reason::FileSendBlocked, rule)),
            Err(names::Unreadable) => Err(Denial::by(Reason::UnscannableRequest, rule)),
        }
    }
}
