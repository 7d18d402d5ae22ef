//! Messages of real-time protocols, and other texts that may be JSON: packets of engine.io and socket.io, records between
//! 0x1E (RFC 7464, engine.io 4), lines, or a text and nothing else.
//!
//! JSON behind a short head is restored as JSON is; in what does not parse so aliases are looked for and none is restored.

use std::{borrow::Cow, ops::Range};

use super::{Declared, Edits, RestoreError, Restored, Restorer, findings::Findings};

impl Restorer {
    /// Restores a message, or a body of which it is not known whether it is JSON.
    pub fn message<'b>(&self, body: &'b [u8], declared: Declared<'_>) -> Result<Restored<'b>, RestoreError> {
        self.records(body, SEPARATOR, declared)
    }

    /// Restores lines of JSON, each a text of its own.
    pub fn lines<'b>(&self, body: &'b [u8], declared: Declared<'_>) -> Result<Restored<'b>, RestoreError> {
        self.records(body, b'\n', declared)
    }

    fn records<'b>(
        &self,
        body: &'b [u8],
        separator: u8,
        declared: Declared<'_>,
    ) -> Result<Restored<'b>, RestoreError> {
        let mut findings = Findings::default();
        let mut changed: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
        let mut start = 0;
        let mut room = self.options.growth_bytes;
        // A string of JSON holds no control character (RFC 8259 §7).
        for record in body.split(|byte| *byte == separator) {
            let head = head_length(record);
            let (before, value) = record.split_at(head);
            let (at, restored) = match self.json(value, declared) {
                Ok(restored) => {
                    findings.add(start, self.text(before)?.findings());
                    (start + head, restored)
                }
                Err(RestoreError::Malformed(_)) => (start, self.text(record)?),
                Err(error) => return Err(error),
            };
            findings.add(at, restored.findings());
            if let Cow::Owned(value) = restored.body {
                let grown = value.len().saturating_sub(start + record.len() - at);
                room = room.checked_sub(grown).ok_or(RestoreError::TooLarge)?;
                changed.push((at..start + record.len(), value));
            }
            start += record.len() + 1;
        }
        let edits = Edits { list: changed, grown: self.options.growth_bytes - room };
        Ok(edits.apply(body, findings))
    }
}

/// How much stands before what may be JSON: numbers and a namespace.
fn head_length(record: &[u8]) -> usize {
    let begins = |byte: &u8| matches!(byte, b'{' | b'[' | b'"');
    record.iter().take(HEAD_BYTES).position(begins).unwrap_or(0)
}

const SEPARATOR: u8 = 0x1e;

const HEAD_BYTES: usize = 256;
