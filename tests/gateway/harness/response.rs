//! An answer, and what may be said of it.

use std::sync::Arc;

use chatwarden::demo::{App, Seen};
use chatwarden_policy::reason::Reason;
use http::{HeaderMap, StatusCode, response::Parts};
use serde_json::Value;

/// An answer that was read to its end, or to where it was cut.
pub(crate) struct Response {
    head: Parts,
    body: Vec<u8>,
    complete: bool,
    app: Arc<App>,
}

impl Response {
    pub(super) fn new(head: Parts, body: Vec<u8>, complete: bool, app: Arc<App>) -> Response {
        check_fields(head.status, &head.headers);
        Response { head, body, complete, app }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The one value of a field; several are a failure.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.head.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice");
        Some(value.to_str().unwrap())
    }

    /// The values of a field, in their order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.head.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The whole body.
    #[track_caller]
    pub(crate) fn bytes(&self) -> &[u8] {
        assert!(self.complete, "the answer is cut after {} bytes", self.body.len());
        &self.body
    }

    /// Whether the body came to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The whole body, as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    /// The whole body, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The id that the gateway gave the request.
    #[track_caller]
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").expect("an answer without x-request-id")
    }

    /// How the request reached the app, if it did.
    pub(crate) fn seen(&self) -> Option<Seen> {
        let id = self.request_id();
        self.app
            .seen()
            .into_iter()
            .find(|seen| seen.headers.get("x-request-id").is_some_and(|seen| seen == id))
    }

    /// The request passed, and the app's answer came back with this status.
    #[track_caller]
    pub(crate) fn assert_passed(&self, status: u16) -> &Response {
        assert_eq!(self.status(), status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("x-chatwarden-reason"), None);
        assert!(self.seen().is_some(), "the app did not see the request");
        self
    }

    /// The request was refused, and the app saw nothing of it.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str) -> &Response {
        self.assert_refusal(status, code);
        assert!(self.seen().is_none(), "the app saw a request that was refused");
        self
    }

    /// The request was refused for its body, too large to be read before the head went on: the app saw no byte of it.
    #[track_caller]
    pub(crate) fn assert_refused_for_its_body(&self, status: u16, code: &str) -> &Response {
        self.assert_refusal(status, code);
        if let Some(seen) = self.seen() {
            assert_eq!(seen.body_len, 0, "the app saw a part of a body that was refused");
        }
        self
    }

    /// The app's answer was refused, and nothing of it came back.
    #[track_caller]
    pub(crate) fn assert_answer_refused(&self, status: u16, code: &str) -> &Response {
        self.assert_refusal(status, code);
        assert!(self.seen().is_some(), "the app did not see the request");
        self
    }

    /// The answer began and was cut: its bytes so far.
    #[track_caller]
    pub(crate) fn assert_cut(&self) -> &[u8] {
        assert!(!self.complete, "the answer is whole: {}", String::from_utf8_lossy(&self.body));
        &self.body
    }

    #[track_caller]
    fn assert_refusal(&self, status: u16, code: &str) {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(
            (self.status().as_u16(), self.header("x-chatwarden-reason")),
            (status, Some(code)),
            "{body}"
        );
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        let error = &self.json()["error"];
        assert_eq!(
            (error["code"].as_str(), error["request_id"].as_str()),
            (Some(code), Some(self.request_id()))
        );
        let words = error["message"].as_str().unwrap();
        assert!(
            Reason::ALL.iter().any(|reason| reason.code() == code && words.starts_with(reason.words())),
            "{words}"
        );
        assert_eq!(self.json().as_object().unwrap().len(), 1, "a refusal tells more than it may: {body}");
        assert_eq!(error.as_object().unwrap().len(), 3, "a refusal tells more than it may: {body}");
    }
}

/// Fails on a header field that no answer of app or gateway has a reason to carry.
#[track_caller]
pub(crate) fn check_fields(status: StatusCode, headers: &HeaderMap) {
    for (name, value) in headers {
        assert!(FIELDS.contains(&name.as_str()), "an answer carries {name}: {value:?}");
    }
    if let Some(reason) = headers.get("x-chatwarden-reason") {
        assert!(status.as_u16() >= 400, "{status} carries a reason");
        assert!(Reason::ALL.iter().any(|known| known.code() == reason), "{reason:?} is no reason");
    }
}

const FIELDS: [&str; 30] = [
    "accept-ranges",
    "allow",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-range",
    "content-security-policy",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "permissions-policy",
    "referrer-policy",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
    "vary",
    "www-authenticate",
    "x-chatwarden-reason",
    "x-contact",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];
