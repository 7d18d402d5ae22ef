//! The hops that forwarding headers name.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str,
};

use super::Malformed;

type Hop = Result<IpAddr, Malformed>;

/// The hops of `X-Forwarded-For`, the client's first. Several lines are one list; empty elements are left out (RFC 9110
/// §5.3 and §5.6.1).
pub(super) fn addresses(values: &[&[u8]]) -> Vec<Hop> {
    let elements = values.iter().flat_map(|value| value.split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty()).map(node).collect()
}

/// The hops of `Forwarded` (RFC 7239 §4), the client's first.
pub(super) fn elements(values: &[&[u8]]) -> Result<Vec<Hop>, Malformed> {
    let mut hops = Vec::new();
    for value in values {
        for element in split(value, b',')? {
            if !element.is_empty() {
                hops.push(forwarded_for(element));
            }
        }
    }
    Ok(hops)
}

/// An address as proxies write it: alone, in brackets, with a port behind it, with a zone (RFC 4007 §11), which means
/// nothing outside of the host that wrote it.
pub(super) fn node(text: &[u8]) -> Hop {
    let text = str::from_utf8(text).map_err(|_| Malformed)?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(Malformed)?;
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return Err(Malformed);
        }
        return v6(address);
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') && is_port(port) => v4(address),
        Some(_) => v6(text),
        None => v4(text),
    }
}

fn v4(text: &str) -> Hop {
    text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| Malformed)
}

fn v6(text: &str) -> Hop {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    if zone.is_empty() || !zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        return Err(Malformed);
    }
    address.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| Malformed)
}

fn is_port(text: &str) -> bool {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_hidden =
        text.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(is_hidden_byte));
    is_number || is_hidden
}

/// RFC 7239 §6.3.
fn is_hidden_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// What `for` of an element says; it may say it once.
fn forwarded_for(element: &[u8]) -> Hop {
    let mut found = None;
    for pair in split(element, b';')? {
        if pair.is_empty() {
            continue;
        }
        let at = pair.iter().position(|byte| *byte == b'=').ok_or(Malformed)?;
        let (name, value) = pair.split_at(at);
        if !name.eq_ignore_ascii_case(b"for") {
            continue;
        }
        if found.is_some() {
            return Err(Malformed);
        }
        found = Some(unquote(value.get(1..).unwrap_or_default())?);
    }
    let value = found.ok_or(Malformed)?;
    let address = node(&value)?;
    // §6: an address of IPv6 stands in brackets.
    if address.is_ipv6() && !value.starts_with(b"[") { Err(Malformed) } else { Ok(address) }
}

/// Splits at a byte outside of quoted strings, and trims the parts.
fn split(text: &[u8], at: u8) -> Result<Vec<&[u8]>, Malformed> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            byte if *byte == at && !quoted => {
                parts.push(text.get(start..index).unwrap_or_default().trim_ascii());
                start = index + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Malformed);
    }
    parts.push(text.get(start..).unwrap_or_default().trim_ascii());
    Ok(parts)
}

/// A token as it is, or what a quoted string holds (RFC 9110 §5.6.4).
fn unquote(value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let Some(inner) = value.strip_prefix(b"\"") else {
        // A colon or bracket makes it no token (RFC 9110 §5.6.2).
        let is_token = !value.is_empty() && !value.iter().any(|byte| b":[]\"\\".contains(byte));
        return if is_token { Ok(value.to_vec()) } else { Err(Malformed) };
    };
    let inner = inner.strip_suffix(b"\"").ok_or(Malformed)?;
    let (mut plain, mut bytes) = (Vec::with_capacity(inner.len()), inner.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(*bytes.next().ok_or(Malformed)?),
            b'"' => return Err(Malformed),
            byte => plain.push(*byte),
        }
    }
    Ok(plain)
}
