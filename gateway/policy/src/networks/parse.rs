//! Networks as admins write them: one spelling each, and a word of help for every other.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    str,
};

use ipnet::{IpNet, IpSubnets, Ipv4Net, Ipv4Subnets, Ipv6Subnets};

use super::normalise;

/// The largest list file that is read.
pub const MAX_LIST_BYTES: usize = 256 << 20;
/// The most errors of one list file that are kept.
pub const MAX_LIST_ERRORS: usize = 100;

/// Reads one network: an address, which stands for itself alone, or `address/length`.
///
/// IPv4-mapped and NAT64 networks become their IPv4 network.
///
/// # Errors
///
/// With what was found and what to write in its stead.
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    let text = text.trim_matches([' ', '\t']);
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(parsed) = address.parse::<IpAddr>() else { return Err(explain(text, address)) };
    let Some(length) = length else { return Ok(normalise(IpNet::from(parsed))) };
    let longest = if parsed.is_ipv4() { 32 } else { 128 };
    let bits = parse_length(parsed, length, longest)?;
    let network = IpNet::new(parsed, bits).map_err(|_| NetworkError::length(longest))?;
    if network.trunc() != network {
        return Err(NetworkError::new(
            format!("the address has bits set after the first {bits}"),
            format!("write `{}` for the network, or `{parsed}` for the one address", network.trunc()),
        ));
    }
    Ok(normalise(network))
}

/// Reads a list file: one network a line, `#` begins a comment.
///
/// Every line is judged; errors are counted, and the first of them kept.
pub fn parse_list(bytes: &[u8]) -> NetworkList {
    let mut list = NetworkList::default();
    if bytes.len() > MAX_LIST_BYTES {
        let help = "split it into several lists";
        list.fail(1, 0..0, NetworkError::new("the list is larger than 256 MiB", help));
        return list;
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        list.fail(1, 0..2, NetworkError::new("the list is UTF-16", "save it as UTF-8"));
        return list;
    }
    let mut start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut line = 1;
    while let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (text, _) = rest.split_at(end);
        list.line(line, start, text);
        start += end + 1;
        line += 1;
    }
    list
}

/// What a list file holds.
#[derive(Clone, Debug, Default)]
pub struct NetworkList {
    /// Its networks, in their order.
    pub networks: Vec<IpNet>,
    /// What is wrong with it: the first [`MAX_LIST_ERRORS`].
    pub errors: Vec<ListError>,
    /// How many errors there are in all.
    pub error_count: usize,
}

/// A line of a list file that is not a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListError {
    /// The line, from 1.
    pub line: usize,
    /// Where in the file it stands, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub error: NetworkError,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NetworkError {
    /// What was found.
    pub message: String,
    /// What to write in its stead.
    pub help: Option<String>,
}

impl NetworkError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }

    fn length(longest: u8) -> Self {
        Self::new(
            format!("the prefix length is not a number from 0 to {longest}"),
            format!("`/{longest}` is one address"),
        )
    }
}

impl NetworkList {
    fn line(&mut self, line: usize, start: usize, bytes: &[u8]) {
        let Ok(text) = str::from_utf8(bytes) else {
            let help = "save the file as UTF-8";
            return self.fail(
                line,
                start..start + bytes.len(),
                NetworkError::new("the line is not UTF-8", help),
            );
        };
        let text = text.split('#').next().unwrap_or_default();
        let trimmed = text.trim_ascii_start();
        let from = start + text.len() - trimmed.len();
        let trimmed = trimmed.trim_ascii_end();
        if trimmed.is_empty() {
            return;
        }
        match parse_network(trimmed) {
            Ok(network) => self.networks.push(network),
            Err(error) => {
                let several = trimmed.contains([' ', '\t', '\r', ',', ';']);
                let one = || {
                    NetworkError::new(
                        "more than a network on the line",
                        "one network a line; a comment begins with `#`",
                    )
                };
                self.fail(line, from..from + trimmed.len(), if several { one() } else { error });
            }
        }
    }

    fn fail(&mut self, line: usize, span: Range<usize>, error: NetworkError) {
        self.error_count += 1;
        if self.errors.len() < MAX_LIST_ERRORS {
            self.errors.push(ListError { line, span, error });
        }
    }
}

fn parse_length(address: IpAddr, text: &str, longest: u8) -> Result<u8, NetworkError> {
    if let (IpAddr::V4(address), Ok(mask)) = (address, text.parse::<Ipv4Addr>()) {
        let help = match Ipv4Net::with_netmask(address, mask) {
            Ok(network) => format!("write `{}`", network.trunc()),
            Err(_) => "write the number of leading bits, as in `10.0.0.0/8`".to_owned(),
        };
        return Err(NetworkError::new("a netmask stands where the prefix length belongs", help));
    }
    let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|digit| digit.is_ascii_digit());
    if !digits {
        return Err(NetworkError::length(longest));
    }
    if text.len() > 1 && text.starts_with('0') {
        let help = format!("write `/{}`", text.trim_start_matches('0'));
        return Err(NetworkError::new("the prefix length has a leading zero", help));
    }
    text.parse().ok().filter(|bits| *bits <= longest).ok_or_else(|| NetworkError::length(longest))
}

/// Why the part before the `/` is not an address.
fn explain(text: &str, address: &str) -> NetworkError {
    if text.is_empty() {
        return NetworkError::new("nothing stands where a network belongs", "for example `203.0.113.0/24`");
    }
    if let Some((first, last)) = text.split_once(['-', '\u{2013}'])
        && let (Ok(first), Ok(last)) = (first.trim().parse::<IpAddr>(), last.trim().parse::<IpAddr>())
    {
        return explain_range(first, last);
    }
    if let Some((bare, _)) = address.split_once('%')
        && bare.parse::<IpAddr>().is_ok()
    {
        let help = format!("write `{bare}`");
        return NetworkError::new("a zone id (`%…`) has a meaning on one machine only", help);
    }
    if let Some(bare) = without_port(address) {
        return NetworkError::new("a port or brackets stand with the address", format!("write `{bare}`"));
    }
    if address.contains('.') || address.bytes().all(|byte| byte.is_ascii_digit()) {
        let parts: Vec<&str> = address.split('.').collect();
        let numbers =
            parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        if numbers {
            return explain_numbers(&parts);
        }
        if parts.len() == 4 && parts.iter().all(|part| *part == "*" || part.parse::<u8>().is_ok()) {
            return explain_stars(&parts);
        }
    }
    if !address.contains(':') && address.chars().any(char::is_alphabetic) {
        let help = "names may lead elsewhere tomorrow; write the addresses";
        return NetworkError::new("a host name is not a network", help);
    }
    NetworkError::new("this is not an IP address", "for example `203.0.113.0/24` or `2001:db8::/48`")
}

fn explain_range(first: IpAddr, last: IpAddr) -> NetworkError {
    let message = "a range is not a network";
    let subnets = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
            IpSubnets::from(Ipv4Subnets::new(first, last, 0))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
            IpSubnets::from(Ipv6Subnets::new(first, last, 0))
        }
        _ => return NetworkError::new(message, "its ends are not in order; write networks"),
    };
    let networks: Vec<String> = subnets.take(9).map(|network| format!("`{network}`")).collect();
    if networks.len() > 8 {
        return NetworkError::new(message, "write the networks that it comes to");
    }
    NetworkError::new(message, format!("write {}", networks.join(", ")))
}

/// The address, where all that is wrong is what `host:port` notation adds.
fn without_port(address: &str) -> Option<IpAddr> {
    if let Some(inner) = address.strip_prefix('[') {
        return inner.split(']').next()?.parse().ok();
    }
    let (bare, port) = address.rsplit_once(':')?;
    port.bytes().all(|digit| digit.is_ascii_digit()).then(|| bare.parse::<Ipv4Addr>().ok().map(IpAddr::V4))?
}

fn explain_numbers(parts: &[&str]) -> NetworkError {
    if parts.len() != 4 {
        let padded: Vec<&str> = parts.iter().copied().chain(["0", "0", "0"]).take(4).collect();
        let full = padded.join(".");
        let help = match full.parse::<Ipv4Addr>() {
            Ok(_) if parts.len() < 4 => format!("write `{full}/{}`", parts.len() * 8),
            _ => "for example `203.0.113.0/24`".to_owned(),
        };
        return NetworkError::new("an IPv4 address has four numbers", help);
    }
    if let Some(part) = parts.iter().find(|part| part.len() > 1 && part.starts_with('0')) {
        let shown = part.get(..part.len().min(8)).unwrap_or_default();
        let decimal: String = parts
            .iter()
            .map(|part| match part.trim_start_matches('0') {
                "" => "0",
                digits => digits,
            })
            .collect::<Vec<_>>()
            .join(".");
        let help = match decimal.parse::<Ipv4Addr>() {
            Ok(address) => format!("write `{address}` if it is decimal"),
            Err(_) => "write it in decimal".to_owned(),
        };
        let message = format!("`{shown}` has a leading zero, which some programs read as octal");
        return NetworkError::new(message, help);
    }
    NetworkError::new("a number of an IPv4 address is at most 255", "for example `203.0.113.0/24`")
}

/// `10.0.*.*` is a network where the stars are at its end.
fn explain_stars(parts: &[&str]) -> NetworkError {
    let fixed = parts.iter().take_while(|part| **part != "*").count();
    let ends = parts.iter().skip(fixed).all(|part| *part == "*");
    let zeros: Vec<&str> = parts.iter().map(|part| if *part == "*" { "0" } else { *part }).collect();
    let help = if ends {
        format!("write `{}/{}`", zeros.join("."), fixed * 8)
    } else {
        "write networks, as in `203.0.113.0/24`".to_owned()
    };
    NetworkError::new("`*` does not stand in an address", help)
}
