//! A profile and the rules that govern it: all that a decision stands on.

use std::sync::Arc;

use crate::{
    profile::Profile,
    rules::{Mode, Rules},
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
