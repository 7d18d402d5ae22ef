//! Tests of networks: what parses, and that a set answers like a walk over its members.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use proptest::{collection::vec, prelude::*};

use super::*;

fn set(texts: &[&str]) -> NetworkSet {
    texts.iter().map(|text| parse_network(text).unwrap()).collect()
}

fn holds(set: &NetworkSet, ip: &str) -> bool {
    set.contains(ip.parse().unwrap())
}

#[test]
fn membership_is_a_union() {
    let set = set(&["203.0.113.0/24", "203.0.113.7", "198.51.100.128/25", "2001:db8:40::/48", "2001:db8::1"]);
    for ip in [
        "203.0.113.0",
        "203.0.113.255",
        "198.51.100.128",
        "2001:db8:40::",
        "2001:db8:40:ffff::1",
        "2001:db8::1",
    ] {
        assert!(holds(&set, ip), "{ip}");
    }
    for ip in
        ["203.0.112.255", "203.0.114.0", "198.51.100.127", "2001:db8:41::", "2001:db8::2", "::", "0.0.0.0"]
    {
        assert!(!holds(&set, ip), "{ip}");
    }
    assert_eq!(set.ranges(), 4);
    assert!(!set.is_empty() && NetworkSet::default().is_empty());
    assert!(!holds(&NetworkSet::default(), "0.0.0.0") && !holds(&NetworkSet::default(), "::"));
}

#[test]
fn mapped_and_nat64_forms_are_their_ipv4() {
    let plain = set(&["203.0.113.0/24"]);
    assert!(holds(&plain, "::ffff:203.0.113.9") && holds(&plain, "64:ff9b::203.0.113.9"));
    for text in ["::ffff:203.0.113.0/120", "64:ff9b::203.0.113.0/120"] {
        assert_eq!(parse_network(text).unwrap().to_string(), "203.0.113.0/24");
        let raw: NetworkSet = [text.parse::<IpNet>().unwrap()].into_iter().collect();
        assert!(holds(&raw, "203.0.113.9") && !holds(&raw, "203.0.114.9"), "{text}");
    }
    assert!(!holds(&set(&["::/0"]), "203.0.113.9"));
}

#[test]
fn the_ends_of_the_address_space_are_inside() {
    let all = set(&["0.0.0.0/0", "::/0"]);
    for ip in ["0.0.0.0", "255.255.255.255", "127.0.0.1", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
        assert!(holds(&all, ip), "{ip}");
    }
    let last = set(&["255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]);
    assert!(holds(&last, "255.255.255.255") && !holds(&last, "255.255.255.254"));
    assert!(holds(&last, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") && !holds(&last, "::"));
}

/// Many single addresses, so that the /24 blocks are in use.
fn crowd() -> Vec<IpNet> {
    let host = |n: u32| IpNet::from(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n * 2)));
    (0..600).map(host).collect()
}

#[test]
fn large_sets_know_the_edges_of_every_prefix_length() {
    for length in 0..=32 {
        let network = Ipv4Net::new(Ipv4Addr::new(203, 0, 113, 77), length).unwrap().trunc();
        let set: NetworkSet = crowd().into_iter().chain([IpNet::V4(network)]).collect();
        let linear = |ip: u32| {
            network.contains(&Ipv4Addr::from_bits(ip))
                || crowd().iter().any(|n| n.contains(&IpAddr::V4(ip.into())))
        };
        let (start, end) = (network.network().to_bits(), network.broadcast().to_bits());
        for ip in
            [start, end, start.wrapping_sub(1), end.wrapping_add(1), start | 0xff, end & !0xff, u32::MAX, 0]
        {
            assert_eq!(
                set.contains(IpAddr::V4(ip.into())),
                linear(ip),
                "{network} {}",
                Ipv4Addr::from_bits(ip)
            );
        }
    }
}

#[test]
fn a_range_of_many_parts_is_whole() {
    // .3 - .2.5 over three blocks, as networks that touch.
    let start = u32::from(Ipv4Addr::new(192, 0, 0, 3));
    let hosts = (start..=start + 514).map(|ip| IpNet::from(IpAddr::V4(Ipv4Addr::from_bits(ip))));
    let set: NetworkSet = crowd().into_iter().chain(hosts).collect();
    for ip in start..=start + 514 {
        assert!(set.contains(IpAddr::V4(Ipv4Addr::from_bits(ip))));
    }
    assert!(!holds(&set, "192.0.0.2") && !holds(&set, "192.0.2.6"));
}

proptest! {
    #[test]
    fn ipv4_agrees_with_a_linear_search(
        networks in vec((any::<u32>(), 0u32..=0xffff, 6u8..=32), 0..80),
        crowded in any::<bool>(),
        probes in vec(any::<u32>(), 32),
    ) {
        // Half of the networks lie close together.
        let networks = networks.iter().map(|(far, near, length)| {
            let address = if far % 2 == 0 { *far } else { 0xc000_0000 | near };
            IpNet::V4(Ipv4Net::new(Ipv4Addr::from_bits(address), *length).unwrap())
        });
        let networks: Vec<IpNet> = networks.chain(if crowded { crowd() } else { Vec::new() }).collect();
        let set: NetworkSet = networks.iter().copied().collect();
        let edges = networks.iter().take(80).filter_map(|network| match network {
            IpNet::V4(network) => Some([network.network().to_bits(), network.broadcast().to_bits()]),
            IpNet::V6(_) => None,
        });
        let edges = edges.flatten().flat_map(|edge| [edge, edge.wrapping_sub(1), edge.wrapping_add(1)]);
        for ip in edges.chain(probes) {
            let ip = IpAddr::V4(Ipv4Addr::from_bits(ip));
            prop_assert_eq!(set.contains(ip), networks.iter().any(|network| network.contains(&ip)), "{}", ip);
        }
    }

    #[test]
    fn ipv6_agrees_with_a_linear_search(
        networks in vec((any::<u128>(), 0u128..=0xffff_ffff, 0u8..=3, 8u8..=128), 0..80),
        probes in vec(any::<u128>(), 16),
    ) {
        let networks = networks.iter().map(|(far, near, kind, length)| {
            let address = match kind {
                0 => *far,
                1 => (0x2001_0db8 << 96) | (near << 64),
                2 => (0x2001_0db8 << 96) | near,
                _ => (0x2000 << 112) | (far >> 3),
            };
            Ipv6Net::new(Ipv6Addr::from_bits(address), *length).unwrap()
        });
        let networks: Vec<Ipv6Net> = networks.collect();
        let set: NetworkSet = networks.iter().copied().map(IpNet::V6).collect();
        let edges = networks.iter().flat_map(|network| [network.network().to_bits(), network.broadcast().to_bits()]);
        let edges = edges.flat_map(|edge| [edge, edge.wrapping_sub(1), edge.wrapping_add(1)]);
        for ip in edges.chain(probes) {
            let ip = Ipv6Addr::from_bits(ip);
            if ClientIp::new(IpAddr::V6(ip)).ip().is_ipv6() {
                let linear = networks.iter().any(|network| network.contains(&ip));
                prop_assert_eq!(set.contains(IpAddr::V6(ip)), linear, "{}", ip);
            }
        }
    }

    #[test]
    fn lists_of_noise_neither_panic_nor_lose_a_line(text in "([0-9a-f.:/#% \r\n\t-]|10\\.0\\.0\\.0/8\n){0,80}") {
        let list = parse_list(text.as_bytes());
        let said = text.split('\n').filter(|line| {
            !line.split('#').next().unwrap().trim_ascii().is_empty()
        }).count();
        prop_assert_eq!(list.networks.len() + list.error_count, said);
    }
}

#[test]
fn networks_have_one_spelling() {
    for (text, expected) in [
        ("203.0.113.9", "203.0.113.9/32"),
        (" 203.0.113.0/24 ", "203.0.113.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("2001:DB8:40::/48", "2001:db8:40::/48"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
        ("64:ff9b::/96", "0.0.0.0/0"),
    ] {
        assert_eq!(parse_network(text).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn every_other_spelling_gets_a_word_of_help() {
    for (text, message, help) in [
        ("", "nothing stands", "203.0.113.0/24"),
        (
            "203.0.113.9/24",
            "bits set after the first 24",
            "`203.0.113.0/24` for the network, or `203.0.113.9`",
        ),
        ("2001:db8::1/64", "bits set after the first 64", "`2001:db8::/64`"),
        ("10.0.0.0/33", "from 0 to 32", "/32"),
        ("2001:db8::/129", "from 0 to 128", "/128"),
        ("10.0.0.0/", "from 0 to 32", "/32"),
        ("10.0.0.0/-8", "from 0 to 32", "/32"),
        ("10.0.0.0/+8", "from 0 to 32", "/32"),
        ("10.0.0.0/08", "leading zero", "`/8`"),
        ("10.0.0.0/8/8", "from 0 to 32", "/32"),
        ("10.0.0.0/255.0.0.0", "netmask", "`10.0.0.0/8`"),
        ("10.0.0.0/255.0.255.0", "netmask", "leading bits"),
        ("010.0.0.1", "`010` has a leading zero", "`10.0.0.1` if it is decimal"),
        ("10.0.0.01/32", "`01` has a leading zero", "`10.0.0.1`"),
        ("10.0.0.0-10.0.0.255", "a range", "`10.0.0.0/24`"),
        ("10.0.0.1 - 10.0.0.6", "a range", "`10.0.0.1/32`, `10.0.0.2/31`, `10.0.0.4/31`, `10.0.0.6/32`"),
        ("10.0.0.9-10.0.0.1", "a range", "not in order"),
        ("2001:db8::-2001:db8::ffff", "a range", "`2001:db8::/112`"),
        ("0.0.0.1-255.255.255.254", "a range", "write the networks"),
        ("office.example.com", "a host name", "addresses"),
        ("office.example.com/24", "a host name", "addresses"),
        ("localhost", "a host name", "addresses"),
        ("fe80::1%eth0", "a zone id", "`fe80::1`"),
        ("10.0.0.1:443", "a port", "`10.0.0.1`"),
        ("[2001:db8::1]:443", "a port or brackets", "`2001:db8::1`"),
        ("[2001:db8::1]", "a port or brackets", "`2001:db8::1`"),
        ("10/8", "four numbers", "`10.0.0.0/8`"),
        ("10.0.0", "four numbers", "`10.0.0.0/24`"),
        ("1.2.3.4.5", "four numbers", "203.0.113.0/24"),
        ("10.0.0.256", "at most 255", ""),
        ("10.0.*.*", "`*` does not", "`10.0.0.0/16`"),
        ("10.*.0.1", "`*` does not", "networks"),
        ("2001:db8:::1", "not an IP address", "2001:db8::/48"),
        ("10.0.0.1.", "not an IP address", ""),
        ("\u{ff11}0.0.0.1", "not an IP address", ""),
        ("0x0a000001", "a host name", ""),
    ] {
        let error = parse_network(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", error.help);
    }
}

#[test]
fn lists_are_read_line_by_line() {
    let list =
        parse_list(b"\xef\xbb\xbf# partners\r\n\r\n203.0.113.0/24\r\n  10.0.0.1 # gate\n2001:db8::/32");
    assert_eq!(list.errors, []);
    let networks: Vec<String> = list.networks.iter().map(IpNet::to_string).collect();
    assert_eq!(networks, ["203.0.113.0/24", "10.0.0.1/32", "2001:db8::/32"]);
    assert!(parse_list(b"").networks.is_empty());
}

#[test]
fn errors_of_a_list_have_line_and_place() {
    let bytes = b"10.0.0.1\n 10.0.0.1/8 # x\n10.0.0.2 10.0.0.3\n\xff\n10.0.0.4\n";
    let list = parse_list(bytes);
    assert_eq!(list.networks.len(), 2);
    let found: Vec<(usize, &[u8], &str)> = list
        .errors
        .iter()
        .map(|error| (error.line, &bytes[error.span.clone()], &*error.error.message))
        .collect();
    assert_eq!(found[0], (2, &b"10.0.0.1/8"[..], "the address has bits set after the first 8"));
    assert_eq!(found[1], (3, &b"10.0.0.2 10.0.0.3"[..], "more than a network on the line"));
    assert_eq!(found[2], (4, &b"\xff"[..], "the line is not UTF-8"));
    let many = parse_list("x\n".repeat(250).as_bytes());
    assert_eq!((many.errors.len(), many.error_count), (MAX_LIST_ERRORS, 250));
    assert!(parse_list(b"\xff\xfe1\x000\x00").errors[0].error.message.contains("UTF-16"));
}
