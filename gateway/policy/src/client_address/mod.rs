//! The address of the client, where proxies in front of the gateway speak for it.
//!
//! Only a trusted proxy is believed, and only about the hop before it: the chain is walked from the right, from the peer
//! of the connection on, until an address comes that nobody trusts. What stands further left was written by that one.
//! What cannot be read on the way is an error, for nobody knows what the next hop would have made of it.

mod chain;
pub mod proxy_protocol;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{account::ClientIp, networks::NetworkSet};

/// The proxies whose word about the client is believed, and where they write it.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    trusted: NetworkSet,
    header: ForwardingHeader,
}

/// The field that trusted proxies write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// A list of addresses, each hop adding the one before it.
    #[default]
    XForwardedFor,
    /// The same by RFC 7239.
    Forwarded,
    /// A field of one address, in lower case.
    Single(String),
}

/// A chain that cannot be read as far as it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the forwarding header cannot be read")]
pub struct Malformed;

impl ForwardingHeader {
    /// The field of this name.
    pub fn named(name: &str) -> Self {
        match name.to_ascii_lowercase() {
            name if name == "x-forwarded-for" => ForwardingHeader::XForwardedFor,
            name if name == "forwarded" => ForwardingHeader::Forwarded,
            name => ForwardingHeader::Single(name),
        }
    }

    /// Its name, in lower case.
    pub fn name(&self) -> &str {
        match self {
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
            ForwardingHeader::Forwarded => "forwarded",
            ForwardingHeader::Single(name) => name,
        }
    }
}

impl Proxies {
    /// The proxies of these networks, which write this field.
    pub fn new(trusted: impl IntoIterator<Item = IpNet>, header: ForwardingHeader) -> Self {
        Self { trusted: trusted.into_iter().collect(), header }
    }

    /// The field that they write.
    pub fn header(&self) -> &ForwardingHeader {
        &self.header
    }

    /// Whether the word of this address is believed.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.trusted.contains(address)
    }

    /// Whether anybody's word is believed.
    pub fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// The client of a request that came from `peer` with these values of the field, in their order.
    ///
    /// Where a trusted peer says nothing it speaks for itself.
    ///
    /// # Errors
    /// A hop that had to be believed is no address.
    pub fn client(&self, peer: IpAddr, values: &[&[u8]]) -> Result<ClientIp, Malformed> {
        let mut client = ClientIp::new(peer);
        if !self.trust(client.ip()) {
            return Ok(client);
        }
        let hops = match (&self.header, values) {
            (_, []) => return Ok(client),
            (ForwardingHeader::Single(_), [one]) => vec![chain::node(one.trim_ascii())],
            (ForwardingHeader::Single(_), _) => return Err(Malformed),
            (ForwardingHeader::XForwardedFor, values) => chain::addresses(values),
            (ForwardingHeader::Forwarded, values) => chain::elements(values)?,
        };
        for hop in hops.into_iter().rev() {
            client = ClientIp::new(hop?);
            if !self.trust(client.ip()) {
                break;
            }
        }
        Ok(client)
    }
}
