//! Why a request is refused: the closed, documented list of reason codes.
//!
//! A code names what was found, never what to do, and is never reused or renamed after a release. The table of status
//! and words is the only place where a reason becomes something a person reads.

use std::fmt;

use serde::{Serialize, Serializer};

/// Which rule decided: a file of `rules/` and the line in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleRef {
    /// The file's name, such as `files.yaml`.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Serialize for RuleRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! reasons {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal, $words:literal; )+) => {
        /// Why a request, or the answer to it, is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $( $(#[doc = $doc])+ $name, )+ }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Reason] = &[ $( Reason::$name, )+ ];

            /// The code that the response header, the log and the metrics carry.
            pub fn code(self) -> &'static str {
                match self { $( Reason::$name => $code, )+ }
            }

            /// The HTTP status of the refusal.
            pub fn status(self) -> u16 {
                match self { $( Reason::$name => $status, )+ }
            }

            /// One sentence for whoever is refused.
            pub fn words(self) -> &'static str {
                match self { $( Reason::$name => $words, )+ }
            }
        }
    };
}

reasons! {
    /// The client's address is in no entry of the whitelist that holds for the caller.
    IpNotWhitelisted = "ip-not-whitelisted", 403, "Operators may not come in from this network address.";
    /// A group of the caller may not send files.
    FileSendBlocked = "file-send-blocked", 403, "Sending files is blocked for your operator group.";
    /// A group of the caller may not receive files.
    FileReceiveBlocked = "file-receive-blocked", 403, "Receiving files is blocked for your operator group.";
    /// A recipient of a conversation download is not on the list, or does not parse as an address.
    DownloadRecipientNotListed = "download-recipient-not-listed", 403, "Conversations may not be downloaded to this e-mail address.";
    /// A conversation download without any recipient, straight to the browser.
    DownloadDirectBlocked = "download-direct-blocked", 403, "Conversations may not be downloaded to the browser, only to approved e-mail addresses.";
    /// The webhooks panel, opened by anybody but a super-admin.
    WebhooksPanelRestricted = "webhooks-panel-restricted", 403, "The webhooks panel is for the super-admin only.";
    /// A search, sort or filter of a masked caller that would tell what a hidden field holds.
    HiddenFieldQuery = "hidden-field-query", 403, "You can find clients by what you see of them, but not search, sort or filter by what is hidden from you.";
    /// A masked value where it would be written over a real one, or cannot become one again.
    MaskedValue = "masked-value", 409, "A hidden value came back in a place where the real one cannot be put in its stead, so nothing was changed.";
    /// An alias in a text that others will read.
    AliasInMessage = "alias-in-message", 409, "The text holds a stand-in that only you see, such as `Client 7F3KQ-2MX9T`. Write it without.";
    /// The path has more than one meaning.
    PathAmbiguous = "path-ambiguous", 400, "The address of this page is written in an ambiguous way.";
    /// The request has more than one meaning: framing, Host, method override, two accounts at once.
    RequestAmbiguous = "request-ambiguous", 400, "This request can be read in more than one way.";
    /// A request body that a rule has to read and cannot.
    UnscannableRequest = "unscannable-body", 415, "What was sent cannot be checked, so it was not passed on.";
    /// An answer that has to be rewritten and cannot be read.
    UnscannableAnswer = "unscannable-body", 502, "The answer of the application cannot be checked for contact data, so it is not shown.";
    /// A message that the application sends over a WebSocket, and that has to be rewritten and cannot be read.
    UnscannableMessage = "unscannable-stream", 502, "What the application sends over this live connection cannot be checked for contact data and files, so it was closed.";
    /// A message of a WebSocket client that breaks the protocol (RFC 6455), or a text that is not UTF-8.
    MalformedMessage = "malformed-message", 400, "A message of this live connection breaks the protocol, so it was closed.";
    /// An open stream whose account has signed out, or whose credentials have expired.
    SessionEnded = "session-ended", 403, "Your session has ended. Sign in again.";
    /// An open stream that the rules show differently from now on: it may be opened again.
    RulesChanged = "rules-changed", 503, "The rules for your account have changed. Reload the page.";
    /// A body or header over a limit of `config.yaml`.
    LimitBody = "limit-reached", 413, "What was sent is larger than this gateway accepts here.";
    /// A request header over `limits.request_header`.
    LimitHeader = "limit-reached", 431, "The header of this request is larger than this gateway accepts.";
    /// Too many requests of one kind.
    LimitRate = "limit-reached", 429, "Too many attempts. Try again in a minute.";
    /// More requests of one client or account than `limits` allow.
    LimitRequests = "limit-reached", 429, "Too many requests. Try again in a moment.";
    /// A write under a condition on what the caller was shown, which rules show differently now.
    PreconditionFailed = "precondition-failed", 412, "What you were shown has changed. Load it again, then save.";
    /// More writes into contact fields than `limits.contact_writes`.
    LimitWrites = "limit-reached", 429, "You have changed contact data too often. Try again later.";
    /// The body did not arrive in time.
    RequestTimeout = "request-timeout", 408, "The request did not arrive in time.";
    /// The application did not say who the caller is.
    IdentityUnavailable = "identity-unavailable", 503, "The application could not confirm who you are. Try again in a moment.";
    /// What aliases stand for cannot be looked up.
    VaultUnavailable = "vault-unavailable", 503, "What stands behind hidden values cannot be looked up at the moment. Try again later.";
    /// The application could not be reached.
    UpstreamUnavailable = "upstream-unavailable", 502, "The application cannot be reached. Try again in a moment.";
    /// The application did not answer in time.
    UpstreamTimeout = "upstream-timeout", 504, "The application did not answer in time.";
    /// A fault of the gateway itself.
    InternalError = "internal-error", 500, "The gateway could not complete this request.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A refusal: the reason, and the rule that decided where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The rule that decided; a refusal that no rule asked for, such as an ambiguous path, has none.
    pub rule: Option<RuleRef>,
}

impl Denial {
    /// A refusal by a rule.
    pub fn by(reason: Reason, rule: RuleRef) -> Self {
        Self { reason, rule: Some(rule) }
    }
}

impl From<Reason> for Denial {
    fn from(reason: Reason) -> Self {
        Self { reason, rule: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_and_words_are_sentences() {
        for reason in Reason::ALL {
            assert!(reason.code().bytes().all(|b| b == b'-' || b.is_ascii_lowercase()), "{reason}");
            assert!(reason.words().ends_with('.'), "{reason}");
            assert!((400..600).contains(&reason.status()), "{reason}");
        }
    }
}
