//! The body of an answer, chunk by chunk.
//!
//! Rewriting never lets a byte pass that it has not read; after an error nothing more leaves and the connection is
//! cut, so that the client sees an error and not a short answer.

use bytes::Bytes;
use chatwarden_redact::{Plan, RedactError, Redactor, Summary};
use std::sync::Arc;

/// How the chunks of one answer are treated.
#[derive(Default)]
pub(crate) enum AnswerBody {
    /// As they came.
    #[default]
    Pass,
    /// Left out.
    Drop,
    /// Rewritten as JSON. `started` is false until the first byte: an empty body has nothing to hide.
    Rewrite { redactor: Option<Box<Redactor>>, started: bool },
    /// Calls itself HTML; the first byte that is not white space tells whether it is JSON after all.
    Sniff { plan: Arc<Plan>, blank: Vec<u8> },
    /// Passes as it came; the plan counts beside.
    Count(Option<Box<Redactor>>),
    /// Nothing more leaves.
    Failed,
}

/// What a finished body tells: counts by class, and whether they were only counted (`mode: monitor`).
pub(crate) struct Finished {
    pub(crate) summary: Summary,
    pub(crate) monitored: bool,
}

/// The most white space that is held before the first byte that tells HTML from JSON.
const MAX_BLANK_BYTES: usize = 64 * 1024;
/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl AnswerBody {
    pub(crate) fn json(plan: Arc<Plan>) -> Self {
        Self::Rewrite { redactor: Some(Box::new(Redactor::json(plan))), started: false }
    }

    pub(crate) fn count(plan: Arc<Plan>) -> Self {
        Self::Count(Some(Box::new(Redactor::json(plan))))
    }

    pub(crate) fn sniff(plan: Arc<Plan>) -> Self {
        Self::Sniff { plan, blank: Vec::new() }
    }

    /// Takes a chunk and leaves in its place what may leave.
    ///
    /// # Errors
    /// A body that cannot be rewritten; from then on nothing leaves.
    pub(crate) fn filter(
        &mut self,
        body: &mut Option<Bytes>,
        end: bool,
    ) -> Result<Option<Finished>, RedactError> {
        let result = self.advance(body, end);
        if result.is_err() {
            *self = Self::Failed;
            *body = None;
        }
        result
    }

    fn advance(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<Option<Finished>, RedactError> {
        if let Self::Sniff { plan, blank } = self {
            match sniff(blank, body, end) {
                Sniffed::Undecided => return Ok(None),
                Sniffed::Html => *self = Self::Pass,
                Sniffed::Json => *self = Self::json(Arc::clone(plan)),
            }
        }
        match self {
            Self::Pass | Self::Sniff { .. } => Ok(None),
            Self::Drop | Self::Failed => {
                *body = None;
                Ok(None)
            }
            Self::Rewrite { redactor, started } => {
                let chunk = body.take().unwrap_or_default();
                *started |= !chunk.is_empty();
                let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 8 + 64);
                if let Some(redactor) = redactor {
                    redactor.write(&chunk, &mut out)?;
                }
                let last = if end && *started { redactor.take() } else { None };
                let summary = last.map(|redactor| redactor.finish(&mut out)).transpose()?;
                *body = (!out.is_empty()).then(|| Bytes::from(out));
                Ok(summary.map(|summary| Finished { summary, monitored: false }))
            }
            Self::Count(counting) => {
                let chunk = body.as_deref().unwrap_or_default();
                let mut scratch = Vec::new();
                if counting.as_mut().is_some_and(|redactor| redactor.write(chunk, &mut scratch).is_err()) {
                    *counting = None;
                }
                let redactor = if end { counting.take() } else { None };
                Ok(redactor
                    .and_then(|redactor| redactor.finish(&mut scratch).ok())
                    .map(|summary| Finished { summary, monitored: true }))
            }
        }
    }
}

enum Sniffed {
    Undecided,
    Html,
    Json,
}

/// Holds leading white space until a byte tells; what was held then goes first. White space without end is taken for
/// JSON, which the rewriter reads or refuses; so is JSON behind a byte order mark.
fn sniff(blank: &mut Vec<u8>, body: &mut Option<Bytes>, end: bool) -> Sniffed {
    let chunk = body.take().unwrap_or_default();
    let first = chunk.iter().find(|byte| !byte.is_ascii_whitespace() && !BYTE_ORDER_MARK.contains(byte));
    if first.is_none() && !end && blank.len() + chunk.len() <= MAX_BLANK_BYTES {
        blank.extend_from_slice(&chunk);
        return Sniffed::Undecided;
    }
    let json = match first {
        Some(byte) => matches!(byte, b'{' | b'['),
        None => !end,
    };
    let whole = if blank.is_empty() {
        chunk
    } else {
        blank.extend_from_slice(&chunk);
        Bytes::from(std::mem::take(blank))
    };
    *body = (!whole.is_empty()).then_some(whole);
    if json { Sniffed::Json } else { Sniffed::Html }
}

#[cfg(test)]
mod tests {
    use chatwarden_redact::{AliasKey, Class, Selector};

    use super::*;

    fn plan() -> Arc<Plan> {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let phone = Selector::parse("$..phone").unwrap();
        Arc::new(Plan::builder().field(Class::Phone, &phone).build(&key).unwrap())
    }

    /// What leaves of a body that calls itself HTML; `None` where it is cut.
    fn through(chunks: &[&[u8]]) -> Option<Vec<u8>> {
        let (mut answer, mut out) = (AnswerBody::sniff(plan()), Vec::new());
        for (index, chunk) in chunks.iter().enumerate() {
            let mut body = Some(Bytes::copy_from_slice(chunk));
            answer.filter(&mut body, index + 1 == chunks.len()).ok()?;
            out.extend_from_slice(&body.unwrap_or_default());
        }
        Some(out)
    }

    #[test]
    fn a_page_passes_and_json_that_calls_itself_one_is_rewritten() {
        assert_eq!(through(&[b" \n", b"<p>37061234567</p>"]).unwrap(), b" \n<p>37061234567</p>");
        assert_eq!(through(&[b" ", b"\n"]).unwrap(), b" \n");
        let json = through(&[b" \r\n", b"{\"phone\":\"37061", b"234567\"}"]).unwrap();
        assert!(json.starts_with(b" \r\n{\"phone\":\"+999"), "{}", String::from_utf8_lossy(&json));
    }

    #[test]
    fn json_does_not_hide_behind_a_mark_or_endless_blanks() {
        assert_eq!(through(&[b"\xef\xbb\xbf", b"{\"phone\":\"37061234567\"}"]), None);
        let blanks = vec![b' '; MAX_BLANK_BYTES + 1];
        let shown = through(&[&blanks, b"{\"phone\":\"37061234567\"}"]).unwrap();
        assert!(!shown.windows(11).any(|window| window == b"37061234567"));
    }
}
