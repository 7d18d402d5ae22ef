//! The values of `Content-Encoding` and `Accept-Encoding`.
//!
//! Both are lists as RFC 9110 §5.6.1 reads them: names without case, blanks around them, empty elements ignored.

use super::{Coding, CodingError};

/// Reads a `Content-Encoding`: the codings in the order in which they were applied, `identity` left out.
///
/// ```
/// use chatwarden_redact::codings::{Coding, CodingError, parse_content_encoding};
///
/// assert_eq!(parse_content_encoding("gzip, BR"), Ok(vec![Coding::Gzip, Coding::Brotli]));
/// assert_eq!(parse_content_encoding("compress"), Err(CodingError::Unknown));
/// ```
pub fn parse_content_encoding(value: &str) -> Result<Vec<Coding>, CodingError> {
    let mut codings = Vec::new();
    for name in elements(value) {
        match Coding::named(name).ok_or(CodingError::Unknown)? {
            Coding::Identity => {}
            coding @ (Coding::Gzip | Coding::Deflate | Coding::Brotli | Coding::Zstd) => codings.push(coding),
        }
        if codings.len() > MAX_CODINGS {
            return Err(CodingError::TooMany);
        }
    }
    Ok(codings)
}

/// Chooses the coding of an answer by the request's `Accept-Encoding` (RFC 9110 §12.5.3).
///
/// `offered` is in the order of our own preference, which decides between codings of equal weight; `identity` is
/// offered always, and last unless it is listed. Without the header anything is acceptable, but a client that cannot
/// decode would not say so: it gets `identity`. `None` means that the client refuses even that.
///
/// ```
/// use chatwarden_redact::codings::{Coding, choose};
///
/// let offered = [Coding::Zstd, Coding::Brotli, Coding::Gzip];
/// assert_eq!(choose(Some("gzip, deflate, br"), &offered), Some(Coding::Brotli));
/// assert_eq!(choose(Some("gzip;q=0.5, *;q=0"), &offered), Some(Coding::Gzip));
/// assert_eq!(choose(None, &offered), Some(Coding::Identity));
/// ```
pub fn choose(accept: Option<&str>, offered: &[Coding]) -> Option<Coding> {
    let Some(accept) = accept else { return Some(Coding::Identity) };
    let mut weights = [None; Coding::ALL.len()];
    let mut any = None;
    for element in elements(accept) {
        let (name, weight) = weighted(element);
        let slot = match Coding::named(name) {
            Some(coding) => &mut weights[coding as usize],
            None if name == "*" => &mut any,
            None => continue,
        };
        // Of two weights for one coding the first counts, but a refusal always.
        *slot = Some(slot.map_or(weight, |known| if weight == 0 { 0 } else { known }));
    }
    let weight = |coding: Coding| match (weights[coding as usize].or(any), coding) {
        (Some(weight), _) => weight,
        // Acceptable without being named, and less so than all that are.
        (None, Coding::Identity) => 1,
        (None, Coding::Gzip | Coding::Deflate | Coding::Brotli | Coding::Zstd) => 0,
    };
    let is_listed = offered.contains(&Coding::Identity);
    let offers = offered.iter().copied().chain((!is_listed).then_some(Coding::Identity));
    let mut best = None;
    for coding in offers {
        let weight = weight(coding);
        if weight > best.map_or(0, |(_, known)| known) {
            best = Some((coding, weight));
        }
    }
    best.map(|(coding, _)| coding)
}

fn elements(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(|element| element.trim_matches(BLANKS)).filter(|element| !element.is_empty())
}

/// An element's name and its weight in thousandths, plus one unless it is refused.
fn weighted(element: &str) -> (&str, u16) {
    let mut parts = element.split(';').map(|part| part.trim_matches(BLANKS));
    let name = parts.next().unwrap_or_default();
    // Whoever spells a weight in a way of their own does not get the coding.
    let weight = parts.next().map_or(Some(1000), |part| {
        let (key, value) = part.split_once('=')?;
        key.eq_ignore_ascii_case("q").then(|| thousandths(value)).flatten()
    });
    match weight {
        Some(weight) if weight > 0 && parts.next().is_none() => (name, weight + 1),
        Some(_) | None => (name, 0),
    }
}

/// A `qvalue` (RFC 9110 §12.4.2).
fn thousandths(value: &str) -> Option<u16> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u16 = is_fraction.then(|| format!("{fraction:0<3}").parse().ok()).flatten()?;
    match (whole, fraction) {
        ("0", _) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Nobody sends two; three are somebody's mistake.
const MAX_CODINGS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use Coding::{Brotli, Deflate, Gzip, Identity, Zstd};

    #[test]
    fn content_encodings_are_read_in_their_order() {
        let cases: [(&str, Result<&[Coding], CodingError>); 14] = [
            ("", Ok(&[])),
            ("gzip", Ok(&[Gzip])),
            ("GZip", Ok(&[Gzip])),
            ("x-gzip", Ok(&[Gzip])),
            ("gzip, br", Ok(&[Gzip, Brotli])),
            (" ,\tdeflate ,, zstd,", Ok(&[Deflate, Zstd])),
            ("identity", Ok(&[])),
            ("identity, gzip, identity", Ok(&[Gzip])),
            ("gzip,gzip,gzip", Ok(&[Gzip, Gzip, Gzip])),
            ("gzip,gzip,gzip,gzip", Err(CodingError::TooMany)),
            ("compress", Err(CodingError::Unknown)),
            ("gzip;q=1", Err(CodingError::Unknown)),
            ("gzip br", Err(CodingError::Unknown)),
            ("gzip, \u{a0}br", Err(CodingError::Unknown)),
        ];
        for (value, expected) in cases {
            assert_eq!(parse_content_encoding(value).as_deref(), expected.as_ref().copied(), "{value}");
        }
    }

    #[test]
    fn the_client_decides_and_then_our_own_order() {
        let offered = [Zstd, Brotli, Gzip];
        let cases = [
            (None, Some(Identity)),
            (Some(""), Some(Identity)),
            (Some("gzip"), Some(Gzip)),
            (Some("x-gzip"), Some(Gzip)),
            (Some("gzip, deflate, br, zstd"), Some(Zstd)),
            (Some("gzip, deflate, br"), Some(Brotli)),
            (Some("gzip;q=1.0, br;q=0.5"), Some(Gzip)),
            (Some("br;q=0.001, gzip;q=0.002"), Some(Gzip)),
            (Some("deflate"), Some(Identity)),
            (Some("*"), Some(Zstd)),
            (Some("*, zstd;q=0"), Some(Brotli)),
            (Some("*;q=0"), None),
            (Some("*;q=0, identity"), Some(Identity)),
            (Some("identity;q=0"), None),
            (Some("identity;q=0, gzip"), Some(Gzip)),
            (Some("identity, gzip;q=0.5"), Some(Identity)),
            (Some("identity;q=0.5, gzip"), Some(Gzip)),
            (Some("gzip;q=0"), Some(Identity)),
            (Some("gzip, gzip;q=0"), Some(Identity)),
            (Some("gzip;q=0, gzip"), Some(Identity)),
            (Some("GZIP ; Q=0.7 ,br;q=0.70"), Some(Brotli)),
            (Some("gzip;q=2"), Some(Identity)),
            (Some("gzip;q=1.001"), Some(Identity)),
            (Some("gzip;q=0.0001"), Some(Identity)),
            (Some("gzip;q=.5"), Some(Identity)),
            (Some("gzip;q=+1"), Some(Identity)),
            (Some("gzip;q"), Some(Identity)),
            (Some("gzip;level=9"), Some(Identity)),
            (Some("gzip;q=1;x=y"), Some(Identity)),
            (Some(",, gzip ,"), Some(Gzip)),
        ];
        for (accept, expected) in cases {
            assert_eq!(choose(accept, &offered), expected, "{accept:?}");
        }
        assert_eq!(choose(Some("gzip, identity"), &[Identity, Gzip]), Some(Identity));
        assert_eq!(choose(Some("gzip"), &[Identity, Gzip]), Some(Gzip));
        assert_eq!(choose(Some("gzip"), &[]), Some(Identity));
    }
}
