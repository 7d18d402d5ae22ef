//! Who may embed the application: the headers of the iframe setting.
//!
//! The application's own policies stay; only their `frame-ancestors` are ours (CSP3 §6.4.2). Several policies
//! intersect, so each of them is rewritten, and old `X-Frame-Options` never contradicts them.

use chatwarden_policy::{csp, verdict::Framing};
use http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use pingora::http::ResponseHeader;

/// Rewrites the framing headers of an answer.
pub(crate) fn apply(framing: &Framing, header: &mut ResponseHeader) -> pingora::Result<()> {
    let policies: Vec<String> = header
        .headers
        .get_all(CONTENT_SECURITY_POLICY)
        .iter()
        .map(|value| {
            csp::with_frame_ancestors(&String::from_utf8_lossy(value.as_bytes()), &framing.ancestors)
        })
        .collect();
    header.remove_header(&CONTENT_SECURITY_POLICY);
    if policies.is_empty() {
        header.append_header(CONTENT_SECURITY_POLICY, format!("frame-ancestors {}", framing.ancestors))?;
    }
    for policy in policies {
        header.append_header(CONTENT_SECURITY_POLICY, policy)?;
    }
    header.remove_header(&X_FRAME_OPTIONS);
    if !framing.hosts {
        header.insert_header(X_FRAME_OPTIONS, "SAMEORIGIN")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply_to(header: &mut ResponseHeader, hosts: bool) -> (Vec<String>, Option<String>) {
        let framing = Framing { ancestors: "'self' https://crm.example.com".into(), hosts };
        apply(&framing, header).unwrap();
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        (
            header.headers.get_all(CONTENT_SECURITY_POLICY).iter().map(text).collect(),
            header.headers.get(X_FRAME_OPTIONS).map(text),
        )
    }

    #[test]
    fn every_policy_of_the_app_is_merged_and_the_old_header_goes() {
        let mut header = ResponseHeader::build(200, None).unwrap();
        header.append_header(CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors 'none'").unwrap();
        header.append_header(CONTENT_SECURITY_POLICY, "img-src *").unwrap();
        header.insert_header(X_FRAME_OPTIONS, "DENY").unwrap();
        let (policies, old) = apply_to(&mut header, true);
        assert_eq!(policies.len(), 2);
        assert!(
            policies.iter().all(|policy| policy.contains("frame-ancestors 'self' https://crm.example.com"))
        );
        assert!(!policies.iter().any(|policy| policy.contains("'none'")));
        assert_eq!(old, None);
    }

    #[test]
    fn an_answer_without_policies_gets_one() {
        let mut header = ResponseHeader::build(200, None).unwrap();
        let (policies, old) = apply_to(&mut header, false);
        assert_eq!(policies, ["frame-ancestors 'self' https://crm.example.com"]);
        assert_eq!(old.as_deref(), Some("SAMEORIGIN"));
    }
}
