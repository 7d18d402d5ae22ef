//! How often something may be tried, in bounded memory: over the bound nobody may.
//!
//! Knocks: how often an address that no whitelist entry covers may come. `exempt_super_admin` opens sign-in and assets to every address, so that a super-admin gets in from anywhere; whoever
//! else comes gets no further, and not often. Writes: how often an account may write into contact fields.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chatwarden_policy::{account::ClientIp, units::Rate};

/// Counts by address within the running minute.
#[derive(Debug)]
pub(crate) struct Knocks {
    minute: Mutex<Minute>,
}

#[derive(Debug)]
struct Minute {
    began: Instant,
    counts: HashMap<ClientIp, u32>,
}

/// What an address may spend in a minute.
const ALLOWANCE: u32 = 300;
/// What an attempt to sign in costs; anything else costs one.
const SIGN_IN: u32 = 30;
/// Addresses that are counted at once.
const MAX_ADDRESSES: usize = 100_000;
const WINDOW: Duration = Duration::from_secs(60);

impl Knocks {
    pub(crate) fn new(now: Instant) -> Self {
        Self { minute: Mutex::new(Minute { began: now, counts: HashMap::new() }) }
    }

    /// Counts a request, and tells whether it may pass.
    pub(crate) fn pass(&self, address: ClientIp, signs_in: bool, now: Instant) -> bool {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(minute.began) >= WINDOW {
            *minute = Minute { began: now, counts: HashMap::new() };
        }
        if minute.counts.len() >= MAX_ADDRESSES && !minute.counts.contains_key(&address) {
            return false;
        }
        let spent = minute.counts.entry(address).or_insert(0);
        *spent = spent.saturating_add(if signs_in { SIGN_IN } else { 1 });
        *spent <= ALLOWANCE
    }
}

/// Counts writes by account: each has so many at once, and gets them back evenly over the period.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// By account: when its allowance is whole again.
    accounts: Mutex<HashMap<Box<str>, Instant>>,
}

/// Accounts that are counted at once.
const MAX_ACCOUNTS: usize = 100_000;

impl Writes {
    /// Counts a write, and tells whether it may pass. The empty name is that of all who have none.
    pub(crate) fn pass(&self, account: &str, allowed: Rate, now: Instant) -> bool {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(account) {
            accounts.retain(|_, whole| *whole > now);
            if accounts.len() >= MAX_ACCOUNTS {
                return false;
            }
        }
        let whole = accounts.get(account).copied().filter(|whole| *whole > now).unwrap_or(now);
        let whole = whole + allowed.per / allowed.count.max(1);
        let passes = whole.duration_since(now) <= allowed.per;
        if passes {
            accounts.insert(account.into(), whole);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_writes_so_often_and_gets_it_back_evenly() {
        let (writes, start) = (Writes::default(), Instant::now());
        let allowed = Rate { count: 4, per: Duration::from_secs(60) };
        let pass = |account, after| writes.pass(account, allowed, start + Duration::from_secs(after));
        assert!((0..4).all(|_| pass("anna", 0)) && !pass("anna", 0));
        assert!(pass("paul", 0), "another account has its own count");
        assert!(!pass("anna", 14) && pass("anna", 15) && !pass("anna", 15));
        assert!((0..4).all(|_| pass("anna", 600)) && !pass("anna", 600));
    }

    #[test]
    fn accounts_whose_allowance_is_whole_are_forgotten() {
        let (writes, start) = (Writes::default(), Instant::now());
        let allowed = Rate { count: 1, per: Duration::from_secs(60) };
        let passed = (0..=MAX_ACCOUNTS).filter(|n| writes.pass(&n.to_string(), allowed, start)).count();
        assert_eq!(passed, MAX_ACCOUNTS);
        assert!(writes.pass("late", allowed, start + Duration::from_secs(60)));
    }

    fn address(last: u8) -> ClientIp {
        ClientIp::new([203, 0, 113, last].into())
    }

    #[test]
    fn an_address_may_try_ten_times_a_minute() {
        let start = Instant::now();
        let knocks = Knocks::new(start);
        assert!((0..10).all(|_| knocks.pass(address(1), true, start)));
        assert!(!knocks.pass(address(1), true, start));
        assert!(knocks.pass(address(2), true, start), "another address has its own count");
        assert!(knocks.pass(address(1), true, start + WINDOW), "a new minute, a new count");
    }

    #[test]
    fn a_flood_of_addresses_is_refused_and_not_remembered() {
        let start = Instant::now();
        let knocks = Knocks::new(start);
        let flood = (0..=u32::try_from(MAX_ADDRESSES).unwrap())
            .map(|n| ClientIp::new(std::net::Ipv4Addr::from(n).into()));
        let passed = flood.filter(|address| knocks.pass(*address, false, start)).count();
        assert_eq!(passed, MAX_ADDRESSES);
    }
}
