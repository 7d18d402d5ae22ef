//! The head of a request, checked and brought into the one form that is judged and sent.
//!
//! What has two readings is refused: an attacker needs only one of them. What the application would believe about the
//! caller is ours to say: forwarding headers and URL overrides of the client never reach it.

use chatwarden_policy::{path::CanonicalPath, reason::Reason};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, Version, header};
use pingora::http::RequestHeader;

use crate::identity::Told;

/// The target of a request: the canonical path and the query as it came.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) path: CanonicalPath,
    pub(crate) query: Option<String>,
}

/// Checks the head and rewrites its target to the canonical form. `raw` are its bytes as they came; `told` knows the
/// headers that say who is calling.
///
/// # Errors
/// The reason to refuse with.
pub(crate) fn normalise(
    request: &mut RequestHeader,
    raw: &[u8],
    header_limit: usize,
    told: &dyn Fn(&HeaderName) -> Told,
) -> Result<Target, Reason> {
    if raw.len() > header_limit {
        return Err(Reason::LimitHeader);
    }
    check_raw(raw)?;
    if request.version == Version::HTTP_2 {
        bring_to_http1(request)?;
    }
    check_framing(&request.headers)?;
    if request.method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
        // RFC 9110 §9.1: `post` is not `POST`; frameworks that fold the two act on what no rule has judged.
        return Err(Reason::RequestAmbiguous);
    }
    let target = target(request)?;
    if has_method_override(&request.headers, target.query.as_deref()) {
        return Err(Reason::RequestAmbiguous);
    }
    remove_what_speaks_for_the_client(request, told);
    set_target(request, &target)?;
    Ok(target)
}

/// Puts another path and query into a request, in canonical form.
///
/// # Errors
/// The reason to refuse with.
pub(crate) fn retarget(
    request: &mut RequestHeader,
    path: &str,
    query: Option<String>,
) -> Result<Target, Reason> {
    let target = Target { path: CanonicalPath::parse(path).map_err(|_| Reason::PathAmbiguous)?, query };
    set_target(request, &target)?;
    Ok(target)
}

fn set_target(request: &mut RequestHeader, target: &Target) -> Result<(), Reason> {
    let forwarded = match &target.query {
        Some(query) => format!("{}?{query}", target.path.as_str()),
        None => target.path.as_str().to_owned(),
    };
    request.set_uri(Uri::try_from(forwarded).map_err(|_| Reason::PathAmbiguous)?);
    Ok(())
}

/// What the parser settles by itself before a filter sees the head: a length beside a transfer coding (RFC 9112 §6.3,
/// it drops the length), lines that end in a bare LF (§2.2), a fragment in the target (§3.2, it cuts it off).
fn check_raw(raw: &[u8]) -> Result<(), Reason> {
    let (mut length, mut coding) = (false, false);
    for (number, line) in raw.trim_ascii_start().split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r\n").ok_or(Reason::RequestAmbiguous)?;
        if number == 0 && line.contains(&b'#') {
            return Err(Reason::PathAmbiguous);
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        length |= name.eq_ignore_ascii_case(b"content-length");
        coding |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    if length && coding { Err(Reason::RequestAmbiguous) } else { Ok(()) }
}

/// RFC 9113 §8: what HTTP/2 says in other words, in those of HTTP/1.1, so that one set of checks holds for both.
fn bring_to_http1(request: &mut RequestHeader) -> Result<(), Reason> {
    // §8.2.2: a field of the connection makes a request malformed.
    if NOT_IN_HTTP2.iter().any(|name| request.headers.contains_key(*name)) {
        return Err(Reason::RequestAmbiguous);
    }
    // §8.3.1: the authority is the host, and Host may only repeat it.
    if let Some(authority) = request.uri.authority() {
        let differs =
            |host: &HeaderValue| !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes());
        if request.headers.get_all(header::HOST).iter().any(differs) || authority.as_str().contains('@') {
            return Err(Reason::RequestAmbiguous);
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Reason::RequestAmbiguous)?;
        request.insert_header(header::HOST, host).map_err(|_| Reason::RequestAmbiguous)?;
    }
    // §8.2.3: crumbs of the cookie are one field again.
    let crumbs: Vec<&[u8]> =
        request.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let cookie =
            HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).map_err(|_| Reason::RequestAmbiguous)?;
        request.insert_header(header::COOKIE, cookie).map_err(|_| Reason::RequestAmbiguous)?;
    }
    Ok(())
}

/// RFC 9112 §3.2 and §6: one Host, one length, and `chunked` as the only transfer coding.
fn check_framing(headers: &HeaderMap) -> Result<(), Reason> {
    let one = |name: HeaderName| headers.get_all(name).iter().count() <= 1;
    let chunked = headers
        .get(header::TRANSFER_ENCODING)
        .is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let sound = headers.contains_key(header::HOST)
        && one(header::HOST)
        && one(header::CONTENT_LENGTH)
        && one(header::TRANSFER_ENCODING)
        && one(header::CONTENT_TYPE)
        && headers.get(header::CONTENT_TYPE).is_none_or(|value| value.to_str().is_ok())
        && chunked
        && !has_twin_of(&FRAMING, headers)
        && !nominates_a_field(headers);
    if sound { Ok(()) } else { Err(Reason::RequestAmbiguous) }
}

/// RFC 9110 §7.6.1: a field that `Connection` names is not forwarded. Whoever names one that describes the message has
/// it judged with the field and received without.
fn nominates_a_field(headers: &HeaderMap) -> bool {
    let tokens = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    tokens.map(<[u8]>::trim_ascii).any(|token| {
        HeaderName::from_bytes(token)
            .is_ok_and(|name| headers.contains_key(&name) && !OF_THE_CONNECTION.contains(&name.as_str()))
    })
}

fn target(request: &RequestHeader) -> Result<Target, Reason> {
    let raw = std::str::from_utf8(request.raw_path()).map_err(|_| Reason::PathAmbiguous)?;
    // RFC 9112 §3.2.2: a server accepts the absolute form; pingora has compared its authority with Host.
    let absolute = raw
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let origin_form = match request.uri.path_and_query() {
        _ if raw.starts_with('/') => raw,
        Some(target) if absolute => target.as_str(),
        Some(_) | None => return Err(Reason::PathAmbiguous),
    };
    let (path, query) = match origin_form.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (origin_form, None),
    };
    let path = CanonicalPath::parse(path).map_err(|_| Reason::PathAmbiguous)?;
    Ok(Target { path, query })
}

/// A second method in a header or the query: which of the two the application acts on is not ours to guess.
fn has_method_override(headers: &HeaderMap, query: Option<&str>) -> bool {
    // `;` separates pairs for some frameworks, too.
    let mut pairs = query.into_iter().flat_map(|query| query.split(['&', ';']));
    pairs.any(|pair| names_a_method(pair.split('=').next().unwrap_or_default()))
        || METHOD_OVERRIDES.iter().any(|name| headers.contains_key(*name))
        || has_twin_of(&METHOD_OVERRIDES, headers)
}

/// Also as PHP reads names: leading spaces cut, `.` and a space as `_`, the rest of `_method[x]` or after a NUL not
/// part of the name.
fn names_a_method(name: &str) -> bool {
    let name = name.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&name).decode_utf8_lossy();
    let plain = decoded.trim_start().split(['[', '\0']).next().unwrap_or_default().replace(['.', ' '], "_");
    plain.eq_ignore_ascii_case("_method")
}

fn remove_what_speaks_for_the_client(request: &mut RequestHeader, told: &dyn Fn(&HeaderName) -> Told) {
    let speaks = |header: &HeaderName| {
        let name = header.as_str().replace('_', "-");
        match told(header) {
            Told::Believed => false,
            Told::Disbelieved => true,
            Told::Nothing => name.starts_with("x-forwarded") || OVERRIDES.contains(&name.as_str()),
        }
    };
    let found: Vec<HeaderName> = request.headers.keys().filter(|name| speaks(name)).cloned().collect();
    for name in found {
        request.remove_header(&name);
    }
}

/// Whether there is one of `names` spelled with `_`, which CGI and its heirs read like `-`.
fn has_twin_of(names: &[&str], headers: &HeaderMap) -> bool {
    let twins = headers.keys().map(HeaderName::as_str).filter(|name| name.contains('_'));
    twins.map(|name| name.replace('_', "-")).any(|name| names.contains(&name.as_str()))
}

/// What says how to read the message.
const FRAMING: [&str; 4] = ["content-length", "content-type", "content-encoding", "transfer-encoding"];

const METHOD_OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"];

/// What `Connection` may name.
const OF_THE_CONNECTION: [&str; 6] = ["close", "keep-alive", "upgrade", "te", "trailer", "http2-settings"];

const NOT_IN_HTTP2: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// What names another target, another caller's address or our own words: removed before anything is judged, together
/// with every `X-Forwarded…`.
const OVERRIDES: [&str; 17] = [
    "x-original-url",
    "x-original-uri",
    "x-original-host",
    "x-original-forwarded-for",
    "x-rewrite-url",
    "x-http-host-override",
    "x-host",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-chatwarden-reason",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> (RequestHeader, Vec<u8>) {
        let mut request = RequestHeader::build("POST", target.as_bytes(), None).unwrap();
        let mut raw = format!("POST {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            request.append_header((*name).to_owned(), *value).unwrap();
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        raw.push_str("\r\n");
        (request, raw.into_bytes())
    }

    fn refused(target: &str, headers: &[(&str, &str)]) -> Option<Reason> {
        let (mut request, raw) = request(target, headers);
        normalise(&mut request, &raw, 4096, &|_| Told::Nothing).err()
    }

    #[test]
    fn what_is_judged_is_what_is_sent() {
        let (mut head, raw) = request("/a/./b/../%7Euser?x=%41", &[("host", "a")]);
        let target = normalise(&mut head, &raw, 4096, &|_| Told::Nothing).unwrap();
        assert_eq!(target.path.as_str(), "/a/~user");
        assert_eq!(head.uri.to_string(), "/a/~user?x=%41");
    }

    #[test]
    fn two_readings_are_refused() {
        let host = ("host", "a");
        let ambiguous = Some(Reason::RequestAmbiguous);
        assert_eq!(refused("/", &[]), ambiguous);
        for header in [
            ("transfer-encoding", "gzip, chunked"),
            ("x-http-method-override", "DELETE"),
            ("X_HTTP_Method_Override", "DELETE"),
            ("content_length", "3"),
        ] {
            assert_eq!(refused("/", &[host, header]), ambiguous, "{header:?}");
        }
        let (length, coding) = (("content-length", "3"), ("transfer-encoding", "chunked"));
        assert_eq!(refused("/", &[host, length, length]), ambiguous);
        assert_eq!(refused("/", &[host, length, coding]), ambiguous);
        assert_eq!(refused("/", &[host, length, ("connection", "close, Content-Length")]), ambiguous);
        assert_eq!(refused("/", &[host, ("connection", "keep-alive, x-none")]), None);
        assert_eq!(refused("/a%2Fb", &[host]), Some(Reason::PathAmbiguous));
        assert_eq!(refused("/a#b", &[host]), Some(Reason::PathAmbiguous));
        assert_eq!(refused("a/b", &[host]), Some(Reason::PathAmbiguous));
        assert_eq!(refused("/a", &[host, ("x", &"y".repeat(4096))]), Some(Reason::LimitHeader));
    }

    #[test]
    fn what_the_parser_would_settle_is_read_from_the_bytes() {
        for (raw, sound) in [
            ("POST / HTTP/1.1\r\nhost: a\r\n\r\n", true),
            ("\r\nPOST / HTTP/1.1\r\nhost: a\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-encoding: chunked\r\n\r\n", false),
        ] {
            assert_eq!(check_raw(raw.as_bytes()).is_ok(), sound, "{raw:?}");
        }
    }

    #[test]
    fn a_method_in_the_query_is_found_in_every_spelling() {
        for query in [
            "_method=x",
            "a=1&%5Fmethod=x",
            "a=1;_METHOD=x",
            "+_method",
            ".method=x",
            "_method[]=x",
            "%20_method%00a",
        ] {
            assert!(has_method_override(&HeaderMap::new(), Some(query)), "{query}");
        }
        for query in ["_methods=1", "method=x", "x=_method", ""] {
            assert!(!has_method_override(&HeaderMap::new(), Some(query)), "{query}");
        }
    }

    #[test]
    fn what_speaks_for_the_client_is_removed() {
        for name in [
            "X-Original-URL",
            "X-Forwarded-For",
            "x_forwarded_for",
            "X-Forwarded-User",
            "Client-IP",
            "Forwarded",
        ] {
            let (mut head, raw) = request("/", &[("host", "a"), (name, "x"), ("api_access_token", "t")]);
            normalise(&mut head, &raw, 4096, &|_| Told::Nothing).unwrap();
            let left: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
            assert_eq!(left, ["host", "api_access_token"], "{name}");
        }
    }
}
