//! The decision about a request body: recipients of a conversation download, file parts of a multipart form.
//!
//! What cannot be read is refused; nothing is guessed from a part of it.

use crate::{
    address::Address,
    multipart,
    policy::Policy,
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
        let Some(downloads) = self.rules.downloads.as_ref().filter(|_| orders.judge_recipients) else {
            return Ok(None);
        };
        let enforced = downloads.mode == Mode::Enforce;
        match judge_recipients(downloads, recipients(query, content_type, body)) {
            Ok(kind) => Ok(Some(kind)),
            Err(denial) => pass_or_monitor(Some(denial), enforced, monitored).map(|()| None),
        }
    }
}

fn judge_parts(content_type: Option<&str>, body: &[u8], block: FileBlock) -> Option<Denial> {
    match multipart::parts(content_type.unwrap_or_default(), body) {
        Ok(parts) if multipart::has_file(&parts) => Some(Denial::by(Reason::FileSendBlocked, block.rule)),
        Ok(_) => None,
        Err(_) => Some(Denial::by(Reason::UnscannableRequest, block.rule)),
    }
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
