//! Who is calling, and from where.
//!
//! An identity source of the server says who an account is (`Account`); the rules say what standing it has here
//! (`Standing`). Both addresses of a connection have a type: this room knows the client's alone.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// An account of the chat application, as an identity source describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The application's own id of the account.
    pub id: String,
    /// The name that people see.
    pub name: Option<String>,
    /// The verified e-mail address.
    pub email: Option<String>,
    /// Every role that the account holds.
    pub roles: Vec<String>,
    /// The titles of its operator groups, as the application spells them.
    pub groups: Vec<String>,
}

impl Account {
    /// The name for people to read: name, else e-mail address, else id.
    pub fn label(&self) -> &str {
        self.name.as_deref().or(self.email.as_deref()).unwrap_or(&self.id)
    }
}

/// The answer of the identity sources for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Credentials were found and are good.
    Verified(Arc<Account>),
    /// No credentials, or none that any source accepts.
    Nobody,
    /// A source that had to answer could not: too slow, down, or unreadable.
    Unavailable,
}

impl Identity {
    /// The account, where one is verified.
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Identity::Verified(account) => Some(account),
            Identity::Nobody | Identity::Unavailable => None,
        }
    }
}

/// The most operator groups that `groups.yaml` may declare.
pub const MAX_GROUPS: usize = 1024;

/// A set of declared operator groups, by their index in `groups.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSet {
    bits: [u64; MAX_GROUPS / 64],
}

impl GroupSet {
    /// The set without members.
    pub const EMPTY: Self = Self { bits: [0; MAX_GROUPS / 64] };

    /// Adds the group at `index`; an index of `MAX_GROUPS` or more is ignored.
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.bits.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    /// Whether the group at `index` is a member.
    pub fn contains(&self, index: usize) -> bool {
        self.bits.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Whether the two sets share a group.
    pub fn intersects(&self, other: &Self) -> bool {
        self.bits.iter().zip(&other.bits).any(|(a, b)| a & b != 0)
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|word| *word == 0)
    }
}

/// What the rules know of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Full access: by role, or by `super_admins` in `groups.yaml`.
    pub super_admin: bool,
    /// The declared groups that the account is in.
    pub groups: GroupSet,
    /// Judged by the strictest plan of all groups together: nobody verified, the source unavailable, or a group carried that is not declared.
    pub strict: bool,
    /// Carries a group that `groups.yaml` does not declare.
    pub undeclared: bool,
}

impl Standing {
    /// The standing of a caller of whom nothing is verified.
    pub const UNKNOWN: Self =
        Self { super_admin: false, groups: GroupSet::EMPTY, strict: true, undeclared: false };
}

/// The address of the client, in the one form that rules compare.
///
/// IPv4-mapped (RFC 4291 §2.5.5.2) and NAT64 (64:ff9b::/96, RFC 6052) addresses are their IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientIp(IpAddr);

impl ClientIp {
    /// The address in its normal form.
    pub fn new(address: IpAddr) -> Self {
        let IpAddr::V6(v6) = address else { return Self(address) };
        if let Some(v4) = v6.to_ipv4_mapped() {
            return Self(IpAddr::V4(v4));
        }
        match v6.octets() {
            [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
                Self(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            }
            _ => Self(address),
        }
    }

    /// The plain address.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> String {
        ClientIp::new(text.parse().unwrap()).to_string()
    }

    #[test]
    fn one_address_has_one_form() {
        assert_eq!(client("203.0.113.9"), "203.0.113.9");
        assert_eq!(client("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(client("64:ff9b::cb00:7109"), "203.0.113.9");
        assert_eq!(client("2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn group_sets_hold_the_first_and_the_last_group() {
        let mut set = GroupSet::EMPTY;
        assert!(set.is_empty());
        for index in [0, 63, 64, MAX_GROUPS - 1, MAX_GROUPS] {
            set.insert(index);
        }
        assert!([0, 63, 64, MAX_GROUPS - 1].into_iter().all(|index| set.contains(index)));
        assert!(!set.contains(1) && !set.contains(MAX_GROUPS));
        let mut other = GroupSet::EMPTY;
        other.insert(1);
        assert!(!set.intersects(&other));
        other.insert(64);
        assert!(set.intersects(&other));
    }
}
