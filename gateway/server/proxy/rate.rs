//! How often an address that no whitelist entry covers may knock.
//!
//! `exempt_super_admin` opens sign-in and assets to every address, so that a super-admin gets in from anywhere; whoever
//! else comes gets no further, and not often. Counted by the minute, in bounded memory: over the bound nobody passes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chatwarden_policy::account::ClientIp;

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

#[cfg(test)]
mod tests {
    use super::*;

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
