//! The PROXY protocol, versions 1 and 2 (haproxy's specification of it): what a balancer says of a connection before the
//! first byte of it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

use super::Malformed;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The connection is this client's.
    Client(IpAddr),
    /// It is the proxy's own, such as a health check, or it came to the proxy by no network.
    Own,
}

/// The first bytes of a header of version 2.
pub const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The first bytes of a header of version 1.
pub const WORD: &[u8; 6] = b"PROXY ";
/// The longest header of version 1, its line end included.
pub const MAX_LINE: usize = 107;
/// The head of version 2: signature, version, family and length.
pub const HEAD: usize = 16;
/// The most that may follow the head of version 2. The specification allows 64 KiB; what proxies write is some hundred
/// bytes.
pub const MAX_REST: usize = 4096;

/// Reads a header of version 1, its line end included.
///
/// # Errors
/// It is none.
pub fn parse_line(line: &[u8]) -> Result<Announced, Malformed> {
    if line.len() > MAX_LINE {
        return Err(Malformed);
    }
    let line = line.strip_suffix(b"\r\n").ok_or(Malformed)?;
    let line = str::from_utf8(line).map_err(|_| Malformed)?;
    if line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ") {
        return Ok(Announced::Own);
    }
    let words: Vec<&str> = line.split(' ').collect();
    let ["PROXY", family, source, destination, from, to] = *words else { return Err(Malformed) };
    let of_the_family = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Malformed),
        "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Malformed),
        _ => Err(Malformed),
    };
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port.to_string() == text);
    let source = of_the_family(source)?;
    of_the_family(destination)?;
    if is_port(from) && is_port(to) { Ok(Announced::Client(source)) } else { Err(Malformed) }
}

/// How many bytes follow the head of a header of version 2.
///
/// # Errors
/// It is no such head, or more follow than are read.
pub fn rest_of(head: &[u8; HEAD]) -> Result<usize, Malformed> {
    let [.., version, _, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if head.starts_with(SIGNATURE) && version >> 4 == 2 && length <= MAX_REST {
        Ok(length)
    } else {
        Err(Malformed)
    }
}

/// Reads a whole header of version 2.
///
/// # Errors
/// It is none, or its checksum is another.
pub fn parse_binary(header: &[u8]) -> Result<Announced, Malformed> {
    let (head, rest) = header.split_first_chunk::<HEAD>().ok_or(Malformed)?;
    if rest_of(head)? != rest.len() {
        return Err(Malformed);
    }
    let [.., command, family, _, _] = *head;
    let (length, announced) = match (command & 0xf, family) {
        // LOCAL: what follows is not looked at.
        (0, _) => return Ok(Announced::Own),
        (1, 0x11) => (12, Announced::Client(IpAddr::from(octets::<4>(rest)?))),
        (1, 0x21) => (36, Announced::Client(IpAddr::from(octets::<16>(rest)?))),
        (1, 0x31) => (216, Announced::Own),
        (1, 0x00) => (0, Announced::Own),
        // Datagrams, and what later versions may add, came over no connection.
        _ => return Err(Malformed),
    };
    check_values(header, HEAD + length)?;
    Ok(announced)
}

fn octets<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.first_chunk().copied().ok_or(Malformed)
}

/// Type of the value that holds the CRC-32C of the header, in which it is zero itself.
const CRC32C: u8 = 0x03;

/// Goes through the values behind the addresses: they must fill the header, and the checksum be right.
fn check_values(header: &[u8], mut at: usize) -> Result<(), Malformed> {
    let mut rest = header.get(at..).ok_or(Malformed)?;
    while let Some(([kind, high, low], value)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, next) = value.split_at_checked(length).ok_or(Malformed)?;
        if *kind == CRC32C {
            let told = u32::from_be_bytes(value.try_into().map_err(|_| Malformed)?);
            let mut zeroed = header.to_vec();
            zeroed.get_mut(at + 3..at + 7).ok_or(Malformed)?.fill(0);
            if crc32c(&zeroed) != told {
                return Err(Malformed);
            }
        }
        at += 3 + length;
        rest = next;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed) }
}

/// CRC-32C (RFC 9260, appendix A), bit by bit: headers are short.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}
