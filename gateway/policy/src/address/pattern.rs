//! The addresses that a rule names: one, or all of a domain.

use super::{Address, parse_address};

/// An entry of `downloads.yaml`: `archive@example.com` or `*@legal.example.com`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressPattern {
    /// Nothing: every local part.
    local: Option<String>,
    domain: String,
}

impl AddressPattern {
    /// Reads an entry.
    ///
    /// # Errors
    ///
    /// With what to write in its stead.
    pub fn parse(text: &str) -> Result<Self, AddressPatternError> {
        let text = text.trim_matches(' ');
        let Some((local, domain)) = text.rsplit_once('@') else {
            let help = if text.is_empty() || text.contains('*') {
                "for example `archive@example.com` or `*@legal.example.com`".to_owned()
            } else {
                format!("write `*@{text}` for every address of that domain")
            };
            return Err(AddressPatternError::new("there is no `@`", help));
        };
        if domain.contains('*') {
            let bare = domain.trim_start_matches("*.").trim_start_matches('*');
            let help = format!("name each domain: `{local}@{bare}`, `{local}@mail.{bare}` …");
            return Err(AddressPatternError::new("`*` does not stand in a domain", help));
        }
        if local.is_empty() {
            let help = format!("write `*@{domain}` for every address of that domain");
            return Err(AddressPatternError::new("nothing stands before the `@`", help));
        }
        if local != "*" && local.contains('*') {
            let help = format!("write whole addresses, or `*@{domain}` for every address of that domain");
            return Err(AddressPatternError::new("`*` stands for a whole local part only", help));
        }
        if local == "*" {
            // Any local part will do to have the domain read.
            let address = parse_address(&format!("any@{domain}")).map_err(AddressPatternError::address)?;
            if !address.domain().contains('.') {
                let help = format!("a domain such as `{domain}.example`");
                return Err(AddressPatternError::new("the domain has no dot", help));
            }
            return Ok(Self { local: None, domain: address.domain });
        }
        if text.contains(['<', '>', ',', ';', ':']) {
            let help = "each address by itself, without a name: `archive@example.com`";
            return Err(AddressPatternError::new("this is more than one plain address", help));
        }
        let address = parse_address(text).map_err(AddressPatternError::address)?;
        Ok(Self { local: Some(address.local), domain: address.domain })
    }

    /// Whether the address is the one named, or one of the domain named; a domain's subdomains are other domains.
    pub fn matches(&self, address: &Address) -> bool {
        let local = self.local.as_ref().is_none_or(|local| local.eq_ignore_ascii_case(address.local()));
        local && self.domain == address.domain()
    }
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AddressPatternError {
    /// What was found.
    pub message: String,
    /// What to write in its stead.
    pub help: Option<String>,
}

impl AddressPatternError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()) }
    }

    fn address(error: super::AddressError) -> Self {
        Self::new(error.to_string(), "for example `archive@example.com` or `*@legal.example.com`")
    }
}
