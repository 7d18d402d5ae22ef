//! Networks: whether an address is in any of a million of them.
//!
//! A whitelist asks for membership, not for the longest match: networks become disjoint ranges, ranges become sorted
//! boundaries, and the parity of an address's rank among them is the answer. IPv4 keeps two bits for every /24 (none
//! of it, all of it, some of it), so that only longer prefixes reach their boundaries. IPv4-mapped and NAT64 forms are
//! one address with their IPv4, on both sides.

mod parse;
mod v4;
mod v6;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

pub use self::parse::{
    ListError, MAX_LIST_BYTES, MAX_LIST_ERRORS, NetworkError, NetworkList, parse_list, parse_network,
};
use self::{v4::Ranges4, v6::Ranges6};
use crate::account::ClientIp;

/// A union of networks.
#[derive(Clone, Debug, Default)]
pub struct NetworkSet {
    v4: Ranges4,
    v6: Ranges6,
}

impl NetworkSet {
    /// Whether any of the networks holds the address.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ClientIp::new(ip).ip() {
            IpAddr::V4(ip) => self.v4.contains(ip.to_bits()),
            IpAddr::V6(ip) => self.v6.contains(ip.to_bits()),
        }
    }

    /// Whether no address is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges() == 0
    }

    /// How many disjoint ranges of addresses it comes to.
    pub fn ranges(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// What it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        self.v4.memory_bytes() + self.v6.memory_bytes()
    }
}

impl FromIterator<IpNet> for NetworkSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match normalise(network) {
                IpNet::V4(network) => v4.push((network.network().to_bits(), network.broadcast().to_bits())),
                IpNet::V6(network) => v6.push((network.network().to_bits(), network.broadcast().to_bits())),
            }
        }
        Self { v4: Ranges4::new(v4), v6: Ranges6::new(v6) }
    }
}

/// The IPv4 network of an IPv4-mapped or NAT64 one; every other as it is.
fn normalise(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let length = v6.prefix_len().checked_sub(96);
    match (ClientIp::new(IpAddr::V6(v6.addr())).ip(), length) {
        (IpAddr::V4(address), Some(length)) => IpNet::new(IpAddr::V4(address), length).unwrap_or(network),
        (IpAddr::V4(_) | IpAddr::V6(_), _) => network,
    }
}

/// Sorts ranges and joins those that overlap or touch. `0 <= start <= end` in each.
fn merge<N: Copy + Ord>(mut ranges: Vec<(N, N)>, next: impl Fn(N) -> Option<N>) -> Vec<(N, N)> {
    ranges.sort_unstable();
    ranges.dedup_by(|later, earlier| {
        // Nothing follows the highest address, so that all else is inside.
        let joined = next(earlier.1).is_none_or(|after| later.0 <= after);
        if joined {
            earlier.1 = earlier.1.max(later.1);
        }
        joined
    });
    ranges
}
