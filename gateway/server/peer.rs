//! The other end of a connection.
//!
//! Peer is not client: the peer is whoever holds the socket, a proxy as well as a browser, and what a header says of an
//! address never makes one. Whom the peer may speak for is asked of networks that ops list.

use std::net::IpAddr;

use chatwarden_policy::{account::ClientIp, networks::NetworkSet};

/// The address of a connection's other end, in the one form that networks compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerIp(IpAddr);

impl PeerIp {
    /// The address of a socket.
    pub fn new(address: IpAddr) -> Self {
        Self(ClientIp::new(address).ip())
    }

    /// Whether one of the networks holds it.
    pub fn is_in(self, networks: &NetworkSet) -> bool {
        networks.contains(self.0)
    }
}
