//! Where credentials stand in a request, and who has taken them.
//!
//! A credential belongs to one source: what an earlier source has taken, a later one does not see, so that a token which
//! failed to verify cannot be vouched for elsewhere. Two different values where one may stand are refused, because the
//! application could read the other one. Credentials in the query are not supported: they end up in logs.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode;

use super::{
    TwoAccounts,
    settings::{PlaceSettings, Problems},
};
use crate::peer::PeerIp;

/// A place where credentials stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Every cookie that no earlier source has taken.
    AllCookies,
    /// The cookie of this name.
    Cookie(String),
    /// The header of this name, after the scheme where there is one.
    Header { name: HeaderName, scheme: Option<String> },
}

impl Place {
    /// Checks the places of a source; problems stand under its `from`.
    pub(super) fn list(settings: &[PlaceSettings], problems: &mut Problems<'_>) -> Vec<Place> {
        problems.under("from", |problems| {
            if settings.is_empty() {
                let help = "name a cookie or a header: `[ { cookie: session } ]`";
                problems.error("an empty list finds nobody", Some(help));
            }
            let places = settings.iter().enumerate();
            places
                .filter_map(|(index, place)| {
                    problems.under(&format!("[{index}]"), |problems| Place::new(place, problems))
                })
                .collect()
        })
    }

    fn new(settings: &PlaceSettings, problems: &mut Problems<'_>) -> Option<Self> {
        match (&settings.cookie, &settings.header, &settings.scheme) {
            (Some(name), None, None) if name == "*" => Some(Self::AllCookies),
            (Some(name), None, None) if is_token(name) => Some(Self::Cookie(name.clone())),
            (Some(name), None, None) => {
                problems.error(format!("`{name}` cannot be the name of a cookie (RFC 6265 §4.1.1)"), None);
                None
            }
            (None, Some(name), scheme) => {
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                    problems.error(format!("`{name}` cannot be the name of a header"), None);
                    return None;
                };
                if name == header::COOKIE {
                    problems.error("cookies are named one by one", Some("write `{ cookie: session }`"));
                    return None;
                }
                if let Some(scheme) = scheme
                    && !is_token(scheme)
                {
                    problems.error(format!("`{scheme}` cannot be a scheme (RFC 9110 §11.1)"), None);
                    return None;
                }
                Some(Self::Header { name, scheme: scheme.clone() })
            }
            (Some(_), None, Some(_)) => {
                problems.error("a cookie has no `scheme`", None);
                None
            }
            (Some(_), Some(_), _) | (None, None, _) => {
                let help = "write `{ cookie: session }` or `{ header: Authorization, scheme: Bearer }`";
                problems.error("a place is either a cookie or a header", Some(help));
                None
            }
        }
    }
}

/// The credentials of one request. There is no Debug: nothing of it may be printed.
pub(super) struct Credentials<'r> {
    headers: &'r HeaderMap,
    /// The host that the application will see.
    host: Option<&'r str>,
    peer: Option<PeerIp>,
    cookies: Vec<Cookie<'r>>,
    taken_headers: Vec<HeaderName>,
}

impl<'r> Credentials<'r> {
    pub(super) fn new(headers: &'r HeaderMap, host: Option<&'r str>) -> Self {
        let cookies =
            headers.get_all(header::COOKIE).iter().flat_map(|line| cookies(line.as_bytes())).collect();
        Self { headers, host, peer: None, cookies, taken_headers: Vec::new() }
    }

    /// The same as they come over a connection of this peer.
    pub(super) fn sent_by(self, peer: Option<PeerIp>) -> Self {
        Self { peer, ..self }
    }

    pub(super) fn peer(&self) -> Option<PeerIp> {
        self.peer
    }

    /// The only line of a header that is not taken and not blank.
    pub(super) fn line(&self, name: &HeaderName) -> Result<Option<&'r [u8]>, TwoAccounts> {
        if self.taken_headers.contains(name) {
            return Ok(None);
        }
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next().map(|line| line.as_bytes().trim_ascii()).filter(|line| !line.is_empty());
        if lines.next().is_some() { Err(TwoAccounts) } else { Ok(line) }
    }

    pub(super) fn host(&self) -> Option<&'r str> {
        self.host
    }

    /// What stands at the place and is not taken. Of `AllCookies` there is no one credential.
    pub(super) fn at(&self, place: &Place) -> Result<Option<Credential<'r>>, TwoAccounts> {
        match place {
            Place::AllCookies => Ok(None),
            Place::Cookie(name) => {
                let same =
                    self.cookies.iter().filter(|cookie| !cookie.taken && cookie.name == name.as_bytes());
                let value = one(same.map(|cookie| cookie.value))?.filter(|value| !value.is_empty());
                Ok(value.map(|value| Credential { raw: value, bare: value, cookie: true }))
            }
            Place::Header { name, scheme } => {
                if self.taken_headers.contains(name) {
                    return Ok(None);
                }
                let Some(raw) =
                    one(self.headers.get_all(name).iter().map(|line| line.as_bytes().trim_ascii()))?
                else {
                    return Ok(None);
                };
                let bare = match scheme {
                    Some(scheme) => after_scheme(raw, scheme),
                    None => Some(raw),
                };
                let bare = bare.filter(|bare| !bare.is_empty());
                Ok(bare.map(|bare| Credential { raw, bare, cookie: false }))
            }
        }
    }

    /// Marks the place as taken: later sources find nothing there.
    pub(super) fn take(&mut self, place: &Place) {
        match place {
            Place::AllCookies => self.cookies.iter_mut().for_each(|cookie| cookie.taken = true),
            Place::Cookie(name) => {
                let same = self.cookies.iter_mut().filter(|cookie| cookie.name == name.as_bytes());
                same.for_each(|cookie| cookie.taken = true);
            }
            Place::Header { name, .. } => self.taken_headers.push(name.clone()),
        }
    }

    /// A `Cookie` header of the cookies at these places that are not taken, as the caller sent them.
    pub(super) fn cookie_header(&self, places: &[Place]) -> Option<HeaderValue> {
        let all = places.contains(&Place::AllCookies);
        let named = |cookie: &Cookie<'_>| {
            places.iter().any(|place| matches!(place, Place::Cookie(name) if name.as_bytes() == cookie.name))
        };
        let mut header = Vec::new();
        for cookie in self.cookies.iter().filter(|cookie| !cookie.taken && (all || named(cookie))) {
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(cookie.name);
            header.push(b'=');
            header.extend_from_slice(cookie.value);
        }
        let mut header = HeaderValue::from_bytes(&header).ok().filter(|header| !header.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// One credential as it stands in the request.
#[derive(Clone, Copy)]
pub(super) struct Credential<'r> {
    /// The whole value of the cookie or header.
    pub(super) raw: &'r [u8],
    bare: &'r [u8],
    cookie: bool,
}

impl<'r> Credential<'r> {
    /// The credential as applications read it: without scheme, and a cookie without quotes and percent-encoding, which
    /// many frameworks undo. Otherwise a caller could hide a token from the gateway that the application still reads.
    pub(super) fn text(&self) -> Option<Cow<'r, str>> {
        if !self.cookie {
            return std::str::from_utf8(self.bare).ok().map(Cow::Borrowed);
        }
        let quoted = self.bare.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        percent_decode(quoted.unwrap_or(self.bare)).decode_utf8().ok()
    }
}

#[derive(Clone, Copy)]
struct Cookie<'r> {
    name: &'r [u8],
    value: &'r [u8],
    taken: bool,
}

/// The pairs of one `Cookie` line (RFC 6265 §4.2.1). A part without `=` or without a name is no cookie.
fn cookies(line: &[u8]) -> impl Iterator<Item = Cookie<'_>> {
    line.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair.get(..equals)?.trim_ascii(), pair.get(equals + 1..)?.trim_ascii());
        if name.is_empty() { None } else { Some(Cookie { name, value, taken: false }) }
    })
}

/// The one value, however often it is repeated.
fn one<'r>(mut values: impl Iterator<Item = &'r [u8]>) -> Result<Option<&'r [u8]>, TwoAccounts> {
    let Some(first) = values.next() else { return Ok(None) };
    if values.all(|value| value == first) { Ok(Some(first)) } else { Err(TwoAccounts) }
}

/// What follows the scheme, which is compared without case (RFC 9110 §11.1).
fn after_scheme<'r>(value: &'r [u8], scheme: &str) -> Option<&'r [u8]> {
    let (word, rest) = value.split_at_checked(scheme.len())?;
    let separated = rest.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    if separated && word.eq_ignore_ascii_case(scheme.as_bytes()) { Some(rest.trim_ascii()) } else { None }
}

/// A token of RFC 9110 §5.6.2: header names, schemes, cookie names.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let headers = headers(&[("cookie", "a=1; session=abc;session2=x; Session=y"), ("cookie", "b=2")]);
        assert_eq!(text(&headers, &cookie("session")), Ok(Some("abc".to_owned())));
        assert_eq!(text(&headers, &cookie("b")), Ok(Some("2".to_owned())));
        assert_eq!(text(&headers, &cookie("sess")), Ok(None));
        assert_eq!(text(&headers, &cookie("c")), Ok(None));
    }

    #[test]
    fn values_that_differ_under_one_name_are_refused() {
        for lines in [&[("cookie", "s=1; s=2")][..], &[("cookie", "s=1"), ("cookie", "s=2")]] {
            assert_eq!(text(&headers(lines), &cookie("s")), Err(TwoAccounts));
        }
        assert_eq!(text(&headers(&[("cookie", "s=1; s=; a=1")]), &cookie("s")), Err(TwoAccounts));
        assert_eq!(text(&headers(&[("cookie", "s=1; s=1")]), &cookie("s")), Ok(Some("1".to_owned())));
        let twice = headers(&[("authorization", "Bearer a"), ("authorization", "Basic b")]);
        assert_eq!(text(&twice, &bearer()), Err(TwoAccounts));
    }

    #[test]
    fn pairs_that_are_no_cookies_are_left_alone() {
        let headers = headers(&[("cookie", "; ;session;=x; session = \"a b\" ;;")]);
        assert_eq!(text(&headers, &cookie("session")), Ok(Some("a b".to_owned())));
        assert_eq!(text(&self::headers(&[("cookie", "session=")]), &cookie("session")), Ok(None));
    }

    #[test]
    fn a_cookie_is_read_as_applications_read_it() {
        for spelling in ["a.b", "\"a.b\"", "a%2Eb", "%61%2eb"] {
            let headers = headers(&[("cookie", &format!("s={spelling}"))]);
            assert_eq!(text(&headers, &cookie("s")), Ok(Some("a.b".to_owned())), "{spelling}");
        }
    }

    #[test]
    fn schemes_compare_without_case_and_end_at_white_space() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc ", "Bearer\tabc"] {
            let headers = headers(&[("authorization", value)]);
            assert_eq!(text(&headers, &bearer()), Ok(Some("abc".to_owned())), "{value}");
        }
        for value in ["Bearerabc", "Bearer", "Bearer ", "Basic abc", "abc"] {
            assert_eq!(text(&headers(&[("authorization", value)]), &bearer()), Ok(None), "{value}");
        }
        let raw = Place::Header { name: header::AUTHORIZATION, scheme: None };
        let headers = headers(&[("authorization", "abc")]);
        assert_eq!(text(&headers, &raw), Ok(Some("abc".to_owned())));
    }

    #[test]
    fn what_is_taken_is_not_seen_again() {
        let headers = headers(&[("cookie", "a=1; s=2; b=\"3\""), ("authorization", "Bearer x")]);
        let mut credentials = Credentials::new(&headers, None);
        let all = [Place::AllCookies];
        assert_eq!(credentials.cookie_header(&all).unwrap(), "a=1; s=2; b=\"3\"");
        credentials.take(&cookie("s"));
        credentials.take(&bearer());
        assert_eq!(credentials.cookie_header(&all).unwrap(), "a=1; b=\"3\"");
        assert_eq!(credentials.cookie_header(&[cookie("b"), cookie("s")]).unwrap(), "b=\"3\"");
        assert!(credentials.at(&cookie("s")).unwrap().is_none());
        let raw = Place::Header { name: header::AUTHORIZATION, scheme: None };
        assert!(credentials.at(&raw).unwrap().is_none());
        credentials.take(&Place::AllCookies);
        assert_eq!(credentials.cookie_header(&all), None);
    }

    #[test]
    fn every_bad_place_is_reported() {
        let settings: Vec<PlaceSettings> = serde_yaml::from_str(
            r#"[ {}, { cookie: a, header: b }, { cookie: "a b" }, { cookie: a, scheme: Bearer },
                 { header: "a b" }, { header: Cookie }, { header: a, scheme: "" }, { cookie: "*" } ]"#,
        )
        .unwrap();
        let mut problems = Problems::new(Path::new("."));
        assert_eq!(Place::list(&settings, &mut problems), [Place::AllCookies]);
        let paths: Vec<_> = problems.errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["from[0]", "from[1]", "from[2]", "from[3]", "from[4]", "from[5]", "from[6]"]);
        Place::list(&[], &mut problems);
        assert_eq!(problems.errors.last().unwrap().path, "from");
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn cookie(name: &str) -> Place {
        Place::Cookie(name.to_owned())
    }

    fn bearer() -> Place {
        Place::Header { name: header::AUTHORIZATION, scheme: Some("Bearer".to_owned()) }
    }

    fn text(headers: &HeaderMap, place: &Place) -> Result<Option<String>, TwoAccounts> {
        let found = Credentials::new(headers, None).at(place)?;
        Ok(found.and_then(|found| found.text()).map(Cow::into_owned))
    }
}
