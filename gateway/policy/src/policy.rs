//! A profile and the rules that govern it: all that a decision stands on.

use std::sync::Arc;

use chatwarden_redact::Plan;

use crate::{
    account::Standing,
    profile::{Classified, Profile},
    rules::{Direction, Mode, Rules},
    verdict::Framing,
};

/// What one generation of the gateway enforces.
#[derive(Debug)]
pub struct Policy {
    /// How the application spells things.
    pub profile: Arc<Profile>,
    /// What the admins want.
    pub rules: Rules,
}

impl Policy {
    /// The framing headers of the gateway's own pages: nobody else's host, so that no refusal can be dressed up.
    pub fn refusal_framing(&self) -> Option<Framing> {
        let iframe = self.rules.iframe.as_ref()?;
        let enforced = iframe.mode == Mode::Enforce;
        enforced.then(|| Framing {
            ancestors: Arc::clone(iframe.ancestors(None)),
            hosts: iframe.allows_hosts(None),
        })
    }
}

/// What an operator may not see of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Hidden<'p> {
    /// What hides it; `None` where everything is seen.
    pub plan: Option<&'p Arc<Plan>>,
    /// Whether contact data is of what is hidden.
    pub contacts: bool,
    /// Whether a rule by which something is hidden only monitors, so that the gateway would show it.
    pub monitored: bool,
}

impl Policy {
    /// What an operator of a standing may not see of the answers of a route, by every rule that is on, be it enforced
    /// or monitored.
    pub fn hidden_from(&self, standing: &Standing, classified: &Classified<'_>) -> Hidden<'_> {
        if classified.who_am_i || classified.asset {
            return Hidden { plan: None, contacts: false, monitored: false };
        }
        let personal_data = self.rules.personal_data.as_ref().filter(|rule| rule.hides_from(standing));
        let files =
            self.rules.files.as_ref().filter(|rule| rule.blocks(standing, Direction::Receive).is_some());
        let modes = [personal_data.map(|rule| rule.mode), files.map(|rule| rule.mode)];
        let plan = self.rules.plans.plan(classified.scope, personal_data.is_some(), files.is_some());
        let monitored = modes.contains(&Some(Mode::Monitor));
        Hidden { plan, contacts: personal_data.is_some(), monitored }
    }
}
