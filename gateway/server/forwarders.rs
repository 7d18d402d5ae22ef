//! Peers that forward for others without being trusted: most of the time a proxy that ops forgot to name.
//!
//! Nothing they say is believed. Anybody can write such a header, so only some are remembered, and each is told once.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use tracing::warn;

/// Those that were seen.
#[derive(Debug, Default)]
pub(crate) struct Forwarders(Mutex<Vec<IpAddr>>);

/// Remembered at most.
const MAX_SEEN: usize = 16;

impl Forwarders {
    /// Notes that this peer has written the field.
    pub(crate) fn note(&self, peer: IpAddr, field: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_SEEN || seen.contains(&peer) {
            return;
        }
        seen.push(peer);
        warn!(
            code = "untrusted-forwarder", %peer, field,
            "A peer speaks for others and is not believed; if it is your proxy, write `client_address: {{ trusted_proxies: [{peer}] }}` in config.yaml"
        );
    }

    /// All of them.
    pub(crate) fn seen(&self) -> Vec<IpAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_remembered_once_and_not_without_end() {
        let forwarders = Forwarders::default();
        for last in (0..40).chain(0..40) {
            forwarders.note(IpAddr::from([203, 0, 113, last]), "x-forwarded-for");
        }
        let seen = forwarders.seen();
        assert_eq!(
            (seen.len(), seen[0], seen[15]),
            (16, IpAddr::from([203, 0, 113, 0]), IpAddr::from([203, 0, 113, 15]))
        );
    }
}
