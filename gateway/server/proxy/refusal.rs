//! The one table from a reason to a response.
//!
//! JSON for programs, a small page for people; the code stands in `x-chatwarden-reason`, the words say what was found
//! and whom to ask. Nothing else about the gateway or its rules is told.

use std::time::Duration;

use bytes::Bytes;
use chatwarden_policy::{account::ClientIp, reason::Reason, verdict::Framing};
use http::{HeaderMap, StatusCode, header};
use pingora::{http::ResponseHeader, proxy::Session};
use serde_json::json;

use super::framing;

/// The response header that names the reason of a refusal, and nothing else.
pub(crate) const REASON_HEADER: &str = "x-chatwarden-reason";
/// The header that names the request, on every answer.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";

/// What a refusal tells, besides its reason.
pub(crate) struct Refusal<'a> {
    pub(crate) reason: Reason,
    pub(crate) request_id: &'a str,
    /// The address that was judged, told where the address is the reason.
    pub(crate) client_ip: Option<ClientIp>,
    /// `refusals.contact` of config.yaml.
    pub(crate) contact: Option<&'a str>,
    pub(crate) framing: Option<&'a Framing>,
}

impl Refusal<'_> {
    /// Writes the refusal as the answer.
    pub(crate) async fn write(&self, session: &mut Session) -> pingora::Result<()> {
        let html = wants_html(&session.req_header().headers);
        let body = Bytes::from(if html { self.page() } else { self.object() });
        let mut header = ResponseHeader::build(self.status(), Some(8))?;
        header.insert_header(
            header::CONTENT_TYPE,
            if html { "text/html; charset=utf-8" } else { "application/json" },
        )?;
        header.insert_header(header::CONTENT_LENGTH, body.len())?;
        header.insert_header(header::CACHE_CONTROL, "no-store")?;
        header.insert_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")?;
        header.insert_header(REASON_HEADER, self.reason.code())?;
        header.insert_header(REQUEST_ID_HEADER, self.request_id)?;
        if html {
            header.insert_header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)?;
        }
        if let Some(framing) = self.framing {
            framing::apply(framing, &mut header)?;
        }
        write_last(session, header, body).await
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn words(&self) -> String {
        let mut words = self.reason.words().to_owned();
        if let (Reason::IpNotWhitelisted, Some(address)) = (self.reason, self.client_ip) {
            words.push_str(&format!(" The address that was judged is {address}."));
        }
        if let Some(contact) = self.contact {
            words.push_str(&format!(" If you need this, ask {contact}."));
        }
        words
    }

    fn title(&self) -> &'static str {
        match self.status() {
            StatusCode::FORBIDDEN => "Refused by the gateway",
            status => status.canonical_reason().unwrap_or("Not possible"),
        }
    }

    fn object(&self) -> String {
        let error =
            json!({ "code": self.reason.code(), "message": self.words(), "request_id": self.request_id });
        json!({ "error": error }).to_string()
    }

    fn page(&self) -> String {
        PAGE.replace("{title}", self.title())
            .replace("{code}", self.reason.code())
            .replace("{words}", &escape(&self.words()))
            .replace("{request_id}", &escape(self.request_id))
    }
}

/// Writes an answer of the gateway's own. Where the request's body is not read, the connection is closed after it.
///
/// Bytes that are unread at a close make the system reset the connection, and the client would lose the answer
/// (RFC 9112 §9.6): what is still coming is taken in first, for a while.
pub(crate) async fn write_last(
    session: &mut Session,
    header: ResponseHeader,
    body: Bytes,
) -> pingora::Result<()> {
    let unread = !session.is_body_done();
    if unread {
        session.set_keepalive(None);
    }
    let head = session.req_header().method == http::Method::HEAD;
    session.write_response_header(Box::new(header), head).await?;
    if !head {
        session.write_response_body(Some(body), true).await?;
    }
    // Who waits for 100 (RFC 9110 §10.1.1) and got a final answer sends no body.
    let waits = session.req_header().headers.contains_key(header::EXPECT) && session.body_bytes_read() == 0;
    if unread && !waits {
        session.set_total_drain_timeout(Some(LINGER));
        // Whatever becomes of the rest, the answer is out.
        let _ = session.drain_request_body().await;
    }
    Ok(())
}

/// How long the rest of a body is taken in.
const LINGER: Duration = Duration::from_secs(5);

/// A person's browser asks for a page by name; a program that takes anything gets JSON.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepts = |kind: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().contains(kind))
    };
    accepts("text/html") && !accepts("application/json")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const PAGE: &str = include_str!("refusal.html");

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(reason: Reason) -> Refusal<'static> {
        Refusal {
            reason,
            request_id: "01-x",
            client_ip: Some(ClientIp::new([203, 0, 113, 9].into())),
            contact: Some("Security, ext. <12>"),
            framing: None,
        }
    }

    #[test]
    fn the_page_escapes_and_names_the_judged_address() {
        let page = refusal(Reason::IpNotWhitelisted).page();
        assert!(
            page.contains("203.0.113.9") && page.contains("ext. &lt;12&gt;") && page.contains("01-x"),
            "{page}"
        );
        assert!(!page.contains('{') || !page.contains("{words}"));
    }

    #[test]
    fn only_a_refused_address_is_told_its_address() {
        assert!(!refusal(Reason::FileSendBlocked).object().contains("203.0.113.9"));
    }

    #[test]
    fn a_browser_gets_a_page_and_a_program_json() {
        for (accept, html) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json, text/html", false),
            ("TEXT/HTML", true),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_html(&headers), html, "{accept}");
        }
    }
}
