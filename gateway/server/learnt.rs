//! What was learnt of contact data for each account, so that copies of it are hidden in later answers too.
//!
//! Bounded in accounts and, for each, in values; what an account has not asked for in an hour is forgotten, and what was
//! hidden under other rules is no copy of anything any more. Callers whom nobody knows share nothing: each of their answers
//! learns for itself.

use std::{sync::Arc, time::Duration};

use chatwarden_policy::account::Identity;
use chatwarden_redact::Learnt;
use moka::sync::Cache;

use crate::proxy::Word;

/// The sets of all accounts.
pub(crate) struct LearntSets {
    sets: Cache<String, Arc<Learnt>>,
}

/// Accounts that are remembered at once; the largest set takes a megabyte.
const MAX_ACCOUNTS: u64 = 1024;
const IDLE: Duration = Duration::from_secs(3600);

impl LearntSets {
    pub(crate) fn new() -> Self {
        Self { sets: Cache::builder().max_capacity(MAX_ACCOUNTS).time_to_idle(IDLE).build() }
    }

    /// The set of the caller's account under its view; none for a caller without an account.
    pub(crate) fn of(&self, identity: &Identity, word: &Word) -> Option<Arc<Learnt>> {
        let account = identity.account()?;
        let of_view = format!("{}{}", account.id, word.as_str());
        Some(self.sets.get_with(of_view, || Arc::new(Learnt::default())))
    }
}
