//! Paths: an alias or a token that is a segment.
//!
//! A value goes into a path as one segment, and nothing in it may be read as more: no dots alone, no separators, no
//! percent signs that a second decoding would read, no controls.

use super::{Act, Edits, Place, RestoreError, Restored, Restorer, Wanted, findings::Findings};
use crate::percent;

impl Restorer {
    /// Restores the path of a request. `declared` tells what the segment of a number, from 0, wants.
    pub fn path<'b>(
        &self,
        path: &'b str,
        declared: &dyn Fn(usize) -> Option<Wanted>,
    ) -> Result<Restored<'b>, RestoreError> {
        let mut edits = Edits::default();
        let mut findings = Findings::default();
        let mut start = usize::from(path.starts_with('/'));
        for (number, segment) in path[start..].split('/').enumerate() {
            let end = start + segment.len();
            let text = percent::decode(segment.as_bytes());
            let place = Place { wanted: declared(number), opens: true, may_drop: false, at: start };
            match self.decide(place, &String::from_utf8_lossy(&text), &mut findings)? {
                Act::Keep | Act::Drop => {}
                Act::Replace(value) => {
                    let value = String::from_utf8(value).map_err(|_| RestoreError::Unrepresentable)?;
                    if !is_plain(&value) {
                        return Err(RestoreError::Unrepresentable);
                    }
                    let mut segment = Vec::new();
                    percent::encode_all(value.as_bytes(), &mut segment);
                    edits.replace(start..end, segment, self.options.growth_bytes)?;
                }
            }
            start = end + 1;
        }
        Ok(edits.apply(path.as_bytes(), findings))
    }
}

/// Whether a value can be one segment, or one value of a query, whoever decodes it how often.
pub(super) fn is_plain(value: &str) -> bool {
    !matches!(value, "" | "." | "..")
        && !value.contains(|c: char| matches!(c, '/' | '\\' | '%' | '?' | '#') || c.is_control())
}
