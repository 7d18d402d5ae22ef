//! How often something may be tried, in bounded memory: over the bound nobody may.
//!
//! Knocks: how often an address that no whitelist entry covers may come. `exempt_super_admin` opens sign-in and assets to
//! every address, so that a super-admin gets in from anywhere; whoever else comes gets no further, and not often.
//! Allowances: requests, sign-ins and writes into contact fields. The crowd: connections.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
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

/// Counts by key: each may do so much at once, and gets it back evenly over the period.
#[derive(Debug)]
pub(crate) struct Allowances<K> {
    /// What becomes of a new key when as many are counted as may be: refused, or not counted.
    refuses_when_full: bool,
    counted: Mutex<Counted<K>>,
}

#[derive(Debug)]
struct Counted<K> {
    /// When the allowance of each is whole again.
    whole: HashMap<K, Instant>,
    /// When those whose allowance is whole were forgotten last.
    swept: Option<Instant>,
}

/// Keys that are counted at once.
const MAX_KEYS: usize = 100_000;
/// How often keys are forgotten at most: it takes a look at each.
const SWEEP: Duration = Duration::from_secs(1);

impl<K: Eq + Hash> Allowances<K> {
    /// Of keys that are worth a refusal, such as accounts.
    pub(crate) fn closed() -> Self {
        Self::new(true)
    }

    /// Of keys that anybody has many of, such as addresses: who has more than are counted is not held up by it, and
    /// others must not be shut out.
    pub(crate) fn open() -> Self {
        Self::new(false)
    }

    fn new(refuses_when_full: bool) -> Self {
        let counted = Mutex::new(Counted { whole: HashMap::new(), swept: None });
        Self { refuses_when_full, counted }
    }

    /// Counts one, and tells whether it may pass.
    pub(crate) fn pass(&self, key: K, allowed: Rate, now: Instant) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { whole, swept } = &mut *counted;
        if whole.len() >= MAX_KEYS && !whole.contains_key(&key) {
            if swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP) {
                *swept = Some(now);
                whole.retain(|_, whole| *whole > now);
            }
            if whole.len() >= MAX_KEYS {
                return !self.refuses_when_full;
            }
        }
        let before = whole.get(&key).copied().filter(|whole| *whole > now).unwrap_or(now);
        let after = before + allowed.per / allowed.count.max(1);
        let passes = after.duration_since(now) <= allowed.per;
        if passes {
            whole.insert(key, after);
        }
        passes
    }
}

/// A client as it is counted: anybody who has one address of IPv6 has all of a network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey(u128);

impl From<ClientIp> for ClientKey {
    fn from(client: ClientIp) -> Self {
        match client.ip() {
            IpAddr::V4(address) => Self(u128::from(address.to_bits())),
            // Of those that begin by zeros nobody comes from afar.
            IpAddr::V6(address) => Self(address.to_bits() >> 64 << 64 | 1 << 63),
        }
    }
}

/// How many connections each client has open.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Mutex<HashMap<ClientKey, usize>>);

/// One connection among those of its client.
#[derive(Debug)]
pub(crate) struct Counts {
    crowd: Arc<Crowd>,
    client: ClientKey,
}

impl Crowd {
    /// Counts a connection for as long as the guard lives; none if the client has so many.
    pub(crate) fn enter(self: &Arc<Self>, client: ClientIp, most: usize) -> Option<Counts> {
        let client = ClientKey::from(client);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Counts { crowd: Arc::clone(self), client })
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        let mut open = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_spends_what_it_has_and_gets_it_back_evenly() {
        let (writes, start) = (Allowances::closed(), Instant::now());
        let allowed = Rate { count: 4, per: Duration::from_secs(60) };
        let pass = |account, after| writes.pass(account, allowed, start + Duration::from_secs(after));
        assert!((0..4).all(|_| pass("anna", 0)) && !pass("anna", 0));
        assert!(pass("paul", 0), "another account has its own count");
        assert!(!pass("anna", 14) && pass("anna", 15) && !pass("anna", 15));
        assert!((0..4).all(|_| pass("anna", 600)) && !pass("anna", 600));
    }

    #[test]
    fn keys_whose_allowance_is_whole_are_forgotten() {
        let (closed, open, start) = (Allowances::closed(), Allowances::open(), Instant::now());
        let allowed = Rate { count: 1, per: Duration::from_secs(60) };
        let passed =
            |all: &Allowances<usize>| (0..=MAX_KEYS).filter(|n| all.pass(*n, allowed, start)).count();
        assert_eq!((passed(&closed), passed(&open)), (MAX_KEYS, MAX_KEYS + 1));
        assert!(!open.pass(7, allowed, start), "who is counted stays counted");
        assert!(closed.pass(MAX_KEYS, allowed, start + Duration::from_secs(60)));
    }

    #[test]
    fn a_client_of_ipv6_is_its_network() {
        let key = |text: &str| ClientKey::from(ClientIp::new(text.parse().unwrap()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("203.0.113.9"), key("203.0.113.8"));
        assert_eq!(key("203.0.113.9"), key("::ffff:203.0.113.9"));
    }

    #[test]
    fn a_client_has_so_many_connections_at_once() {
        let crowd = Arc::<Crowd>::default();
        let held: Vec<_> = (0..3).map(|_| crowd.enter(address(1), 3)).collect();
        assert!(held.iter().all(Option::is_some) && crowd.enter(address(1), 3).is_none());
        assert!(crowd.enter(address(2), 3).is_some());
        drop(held);
        assert!(crowd.0.lock().unwrap().is_empty());
        assert!(crowd.enter(address(1), 3).is_some());
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
