//! The head of a request, checked and brought into the one form that is judged and sent.
//!
//! What has two readings is refused: an attacker needs only one of them. What the application would believe about the
//! caller is ours to say: forwarding headers and URL overrides of the client never reach it.

use chatwarden_policy::{path::CanonicalPath, reason::Reason};
use http::{HeaderMap, HeaderName, Uri, header};
use pingora::http::RequestHeader;

/// The target of a request: the canonical path and the query as it came.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) path: CanonicalPath,
    pub(crate) query: Option<String>,
}

/// Checks the head and rewrites its target to the canonical form.
///
/// # Errors
/// The reason to refuse with.
pub(crate) fn normalise(request: &mut RequestHeader, header_limit: usize) -> Result<Target, Reason> {
    if header_bytes(request) > header_limit {
        return Err(Reason::LimitHeader);
    }
    check_framing(&request.headers)?;
    let target = target(request)?;
    if has_method_override(&request.headers, target.query.as_deref()) {
        return Err(Reason::RequestAmbiguous);
    }
    for name in OVERRIDES {
        request.remove_header(name);
    }
    let forwarded = match &target.query {
        Some(query) => format!("{}?{query}", target.path.as_str()),
        None => target.path.as_str().to_owned(),
    };
    request.set_uri(Uri::try_from(forwarded).map_err(|_| Reason::PathAmbiguous)?);
    Ok(target)
}

/// Method, target and header lines as they came over the wire, near enough for a limit.
fn header_bytes(request: &RequestHeader) -> usize {
    let lines: usize =
        request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    request.raw_path().len() + lines
}

/// RFC 9112 §3.2 and §6: one Host, one length, and `chunked` as the only transfer coding.
fn check_framing(headers: &HeaderMap) -> Result<(), Reason> {
    let one = |name: HeaderName| headers.get_all(name).iter().count() <= 1;
    let coding = headers.get(header::TRANSFER_ENCODING);
    let chunked = coding.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let sound = headers.contains_key(header::HOST)
        && one(header::HOST)
        && one(header::CONTENT_LENGTH)
        && one(header::TRANSFER_ENCODING)
        && one(header::CONTENT_TYPE)
        && headers.get(header::CONTENT_TYPE).is_none_or(|value| value.to_str().is_ok())
        && chunked
        && !(coding.is_some() && headers.contains_key(header::CONTENT_LENGTH));
    if sound { Ok(()) } else { Err(Reason::RequestAmbiguous) }
}

fn target(request: &RequestHeader) -> Result<Target, Reason> {
    let raw = std::str::from_utf8(request.raw_path()).map_err(|_| Reason::PathAmbiguous)?;
    // RFC 9112 §3.2.2: a server accepts the absolute form; pingora has compared its authority with Host.
    let origin_form = if raw.starts_with('/') {
        raw
    } else {
        request.uri.path_and_query().map(|target| target.as_str()).ok_or(Reason::PathAmbiguous)?
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
    let in_query = query.into_iter().flat_map(|query| query.split('&')).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        percent_encoding::percent_decode_str(name).decode_utf8_lossy().eq_ignore_ascii_case("_method")
    });
    in_query || METHOD_OVERRIDES.iter().any(|name| headers.contains_key(*name))
}

const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// What names another target, another caller's address or our own words: removed before anything is judged.
const OVERRIDES: [&str; 14] = [
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "x-chatwarden-reason",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("POST", target.as_bytes(), None).unwrap();
        for (name, value) in headers {
            request.append_header((*name).to_owned(), *value).unwrap();
        }
        request
    }

    fn refused(target: &str, headers: &[(&str, &str)]) -> Option<Reason> {
        normalise(&mut request(target, headers), 4096).err()
    }

    #[test]
    fn what_is_judged_is_what_is_sent() {
        let mut head = request("/a/./b/../%7Euser?x=%41", &[("host", "a")]);
        let target = normalise(&mut head, 4096).unwrap();
        assert_eq!(target.path.as_str(), "/a/~user");
        assert_eq!(head.uri.to_string(), "/a/~user?x=%41");
    }

    #[test]
    fn two_readings_are_refused() {
        let host = ("host", "a");
        let ambiguous = Some(Reason::RequestAmbiguous);
        assert_eq!(refused("/", &[]), ambiguous);
        assert_eq!(refused("/", &[host, ("content-length", "3"), ("content-length", "3")]), ambiguous);
        assert_eq!(
            refused("/", &[host, ("content-length", "3"), ("transfer-encoding", "chunked")]),
            ambiguous
        );
        assert_eq!(refused("/", &[host, ("transfer-encoding", "gzip, chunked")]), ambiguous);
        assert_eq!(refused("/", &[host, ("x-http-method-override", "DELETE")]), ambiguous);
        assert_eq!(refused("/?a=1&%5Fmethod=delete", &[host]), ambiguous);
        assert_eq!(refused("/a%2Fb", &[host]), Some(Reason::PathAmbiguous));
        assert_eq!(refused("/a", &[host, ("x", &"y".repeat(4096))]), Some(Reason::LimitHeader));
        assert_eq!(refused("/a?_methods=1", &[host]), None);
    }

    #[test]
    fn what_speaks_for_the_client_is_removed() {
        let mut head =
            request("/", &[("host", "a"), ("X-Original-URL", "/admin"), ("X-Forwarded-For", "10.0.0.1")]);
        normalise(&mut head, 4096).unwrap();
        assert!(
            head.headers.get("x-original-url").is_none() && head.headers.get("x-forwarded-for").is_none()
        );
    }
}
