//! The decision about a request body: recipients of a conversation download, file parts of a multipart form.
//!
//! What cannot be read is refused; nothing is guessed from a part of it.

use serde_json::Value;

use crate::{
    address::{Address, parse_recipients},
    extract,
    media_type::{self, MediaClass},
    multipart,
    policy::Policy,
    profile::{Download, Place},
    reason::{Denial, Reason},
    recipients::{RecipientError, recipients},
    rules::{Downloads, Mode},
    verdict::{FileBlock, Monitored, Orders},
};

/// How a conversation leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownloadKind {
    /// By e-mail.
    Send,
    /// Straight to the browser.
    Direct,
}

impl Policy {
    /// Judges a body that `orders` ask to be judged, with the query that came along.
    ///
    /// # Errors
    /// The refusal; what `mode: monitor` would refuse goes to `monitored`.
    pub fn judge_body(
        &self,
        orders: &Orders,
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
        monitored: &mut Monitored,
    ) -> Result<Option<DownloadKind>, Denial> {
        if let Some(block) = orders.send_block.filter(|_| orders.judge_multipart) {
            let denial = judge_parts(content_type, body, block);
            pass_or_monitor(denial, block.enforced, monitored)?;
        }
        let (Some(downloads), Some(route)) = (&self.rules.downloads, &orders.judge_recipients) else {
            return Ok(orders.download.then(|| unbound_kind(recipients(query, content_type, body))));
        };
        let enforced = downloads.mode == Mode::Enforce;
        let found = recipients(query, content_type, body);
        let found = found.and_then(|found| declared(route, query, content_type, body).map(|()| found));
        match judge_recipients(downloads, found) {
            Ok(kind) => Ok(Some(kind)),
            Err(denial) => pass_or_monitor(Some(denial), enforced, monitored).map(|()| None),
        }
    }
}

/// How a download leaves that nobody restricts: what cannot be read is taken for one to addresses.
fn unbound_kind(found: Result<Vec<Address>, RecipientError>) -> DownloadKind {
    match found {
        Ok(addresses) if addresses.is_empty() => DownloadKind::Direct,
        Ok(_) | Err(_) => DownloadKind::Send,
    }
}

fn judge_parts(content_type: Option<&str>, body: &[u8], block: FileBlock) -> Option<Denial> {
    match multipart::parts(content_type.unwrap_or_default(), body) {
        Ok(parts) if multipart::has_file(&parts) => Some(Denial::by(Reason::FileSendBlocked, block.rule)),
        Ok(_) => None,
        Err(_) => Some(Denial::by(Reason::UnscannableRequest, block.rule)),
    }
}

/// What stands where the profile says that recipients stand must be addresses: a bare `boss` is delivered somewhere too.
fn declared(
    route: &Download,
    query: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(), RecipientError> {
    let is_form = media_type::classify(content_type) == MediaClass::Form;
    for place in &route.email {
        match place {
            Place::Json(selector) if media_type::classify(content_type) == MediaClass::Json => {
                let body = extract::json(body).map_err(|_| RecipientError::Unscannable)?;
                extract::find_without_case(selector, &body).into_iter().try_for_each(must_be_addresses)?;
            }
            Place::Query(name) => pairs_must_be_addresses(query.unwrap_or_default().as_bytes(), name)?,
            Place::Form(name) if is_form => pairs_must_be_addresses(body, name)?,
            Place::Json(_) | Place::Form(_) | Place::Path(_) => {}
        }
    }
    Ok(())
}

fn must_be_addresses(value: &Value) -> Result<(), RecipientError> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => text_must_be_addresses(text),
        Value::Array(items) => items.iter().try_for_each(must_be_addresses),
        // `{ "name": …, "email": … }`: the addresses in it are found by their form.
        Value::Object(_) => Ok(()),
        Value::Bool(_) | Value::Number(_) => Err(RecipientError::NotAnAddress),
    }
}

fn pairs_must_be_addresses(text: &[u8], name: &str) -> Result<(), RecipientError> {
    let text = std::str::from_utf8(text).map_err(|_| RecipientError::Unscannable)?;
    let pairs = extract::pairs(text).map_err(|_| RecipientError::Unscannable)?;
    pairs
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .try_for_each(|(_, value)| text_must_be_addresses(value))
}

fn text_must_be_addresses(text: &str) -> Result<(), RecipientError> {
    if text.trim().is_empty() {
        return Ok(());
    }
    parse_recipients(text).map(|_| ()).map_err(|_| RecipientError::NotAnAddress)
}

fn judge_recipients(
    downloads: &Downloads,
    found: Result<Vec<Address>, RecipientError>,
) -> Result<DownloadKind, Denial> {
    match found {
        Err(RecipientError::Unscannable) => Err(Denial::by(Reason::UnscannableRequest, downloads.rule)),
        Err(RecipientError::NotAnAddress) => {
            Err(Denial::by(Reason::DownloadRecipientNotListed, downloads.rule))
        }
        Ok(addresses) if addresses.is_empty() && downloads.direct_allowed => Ok(DownloadKind::Direct),
        Ok(addresses) if addresses.is_empty() => {
            Err(Denial::by(Reason::DownloadDirectBlocked, downloads.direct_rule))
        }
        Ok(addresses) if addresses.iter().all(|address| downloads.lists(address)) => Ok(DownloadKind::Send),
        Ok(_) => Err(Denial::by(Reason::DownloadRecipientNotListed, downloads.rule)),
    }
}

fn pass_or_monitor(denial: Option<Denial>, enforced: bool, monitored: &mut Monitored) -> Result<(), Denial> {
    match denial {
        Some(denial) if enforced => Err(denial),
        Some(denial) => {
            monitored.push(denial);
            Ok(())
        }
        None => Ok(()),
    }
}
