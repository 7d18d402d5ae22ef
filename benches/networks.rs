//! How long is a look-up among 100, 10,000 and 1,000,000 networks, and how long does it take to build them?
//!
//! The mix of prefix lengths is a routing table's; half of the addresses are inside. Memory is printed beside.
#![expect(clippy::print_stderr, reason = "memory stands beside the times")]
#![expect(clippy::unwrap_used, reason = "the inputs are fixed")]

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use chatwarden_policy::networks::NetworkSet;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::IpNet;

fn networks(criterion: &mut Criterion) {
    for size in [100, 10_000, 1_000_000] {
        for (family, make) in [("v4", network_v4 as fn(&mut Random) -> IpNet), ("v6", network_v6)] {
            let mut random = Random(0x5eed);
            let list: Vec<IpNet> = (0..size).map(|_| make(&mut random)).collect();
            let set: NetworkSet = list.iter().copied().collect();
            eprintln!(
                "{family} {size}: {} ranges, {:.1} MiB",
                set.ranges(),
                set.memory_bytes() as f64 / 1048576.0
            );
            let addresses: Vec<IpAddr> = (0..1 << 18).map(|_| address(&mut random, &list)).collect();
            let mut group = criterion.benchmark_group(format!("{family}/{size}"));
            group.sample_size(10);
            for (name, count) in [("random", addresses.len()), ("hot", 1024)] {
                group.throughput(Throughput::Elements(count as u64));
                group.bench_function(name, |bencher| {
                    bencher.iter(|| addresses[..count].iter().filter(|ip| set.contains(**ip)).count());
                });
            }
            group.throughput(Throughput::Elements(size));
            group.bench_function("build", |bencher| {
                let fresh = || list.clone();
                bencher.iter_batched(
                    fresh,
                    |list| black_box(list.into_iter().collect::<NetworkSet>()),
                    BatchSize::LargeInput,
                );
            });
        }
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

fn network_v4(random: &mut Random) -> IpNet {
    let length = match random.next() % 100 {
        0..55 => 24,
        55..65 => 22,
        65..75 => 23,
        75..82 => 20,
        82..87 => 19,
        87..90 => 16,
        90..92 => 28,
        _ => 32,
    };
    IpNet::new(IpAddr::V4(Ipv4Addr::from_bits(random.next() as u32)), length).unwrap().trunc()
}

fn network_v6(random: &mut Random) -> IpNet {
    let length = match random.next() % 100 {
        0..45 => 48,
        45..60 => 32,
        60..70 => 64,
        70..76 => 128,
        76..88 => 40,
        _ => 36,
    };
    let address = (random.wide() >> 3) | 1 << 125;
    IpNet::new(IpAddr::V6(Ipv6Addr::from_bits(address)), length).unwrap().trunc()
}

/// Inside a network, or anywhere in its family.
fn address(random: &mut Random, list: &[IpNet]) -> IpAddr {
    let inside = random.next().is_multiple_of(2);
    match list[random.next() as usize % list.len()] {
        IpNet::V4(network) if inside => {
            let host = random.next() as u32 & u32::from(network.hostmask());
            IpAddr::V4(Ipv4Addr::from_bits(network.network().to_bits() | host))
        }
        IpNet::V6(network) if inside => {
            let host = random.wide() & u128::from(network.hostmask());
            IpAddr::V6(Ipv6Addr::from_bits(network.network().to_bits() | host))
        }
        IpNet::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(random.next() as u32)),
        IpNet::V6(_) => IpAddr::V6(Ipv6Addr::from_bits((random.wide() >> 3) | 1 << 125)),
    }
}

criterion_group!(benches, networks);
criterion_main!(benches);
