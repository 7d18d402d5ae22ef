//! Mail addresses: what a recipient is, and which recipients a rule names.
//!
//! The grammar is that of RFC 5322 and RFC 6531 without what mail programs disagree on: comments, folded lines,
//! encoded words, routes, and quoting that hides a separator are refused. Domains are compared as A-labels in lower
//! case, local parts without ASCII case. No error text, and no `Debug`, holds an address.

mod list;
mod pattern;

#[cfg(test)]
mod tests;

use std::fmt;

use unicode_normalization::UnicodeNormalization;

pub(crate) use self::list::is_at;
pub use self::{
    list::{parse_address, parse_recipients},
    pattern::{AddressPattern, AddressPatternError},
};

/// A mail address in the one form that rules compare.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Unquoted, NFC.
    local: String,
    /// A-labels, lower case, no trailing dot.
    domain: String,
}

impl Address {
    fn new(local: &str, domain: &str) -> Result<Self, AddressError> {
        let local: String = local.nfc().collect();
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| AddressError::Domain)?;
        // RFC 5321 §4.5.3.1.
        if local.is_empty() || local.len() > 64 || domain.is_empty() || local.len() + domain.len() > 253 {
            return Err(AddressError::Length);
        }
        Ok(Self { local, domain })
    }

    /// What stands before the `@`, unquoted.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands after it, as A-labels in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The address as text, for a store that may hold it; never for a log.
    pub fn to_text(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(***)")
    }
}

/// Why a text is not a mail address, or not a list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing there.
    #[error("there is no address")]
    Empty,
    /// A local or domain part that is empty or longer than RFC 5321 allows.
    #[error("a part of the address is empty or too long")]
    Length,
    /// The part before the `@` is not a dot-atom or a plain quoted string.
    #[error("the part before the `@` is not well formed")]
    LocalPart,
    /// The part after it is not a domain name.
    #[error("the part after the `@` is not a domain name")]
    Domain,
    /// A control character, a line break among them.
    #[error("there is a control character or a line break")]
    Control,
    /// A character that some programs read as another, or do not show.
    #[error("there is a character that stands for another one or is invisible")]
    LookAlike,
    /// A comment in parentheses, or an encoded word.
    #[error("there is a comment or an encoded word")]
    Comment,
    /// A `%`.
    #[error("there is a `%`, which stands in no plain address")]
    Percent,
    /// A quote, bracket or group that does not end.
    #[error("there is a quote, bracket or group that does not end")]
    Unclosed,
    /// A display name that holds something like an address but is none.
    #[error("there is a display name that looks like an address")]
    DisplayName,
    /// Anything else.
    #[error("this is not an address or a list of addresses")]
    Syntax,
}
