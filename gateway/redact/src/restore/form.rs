//! Forms (`application/x-www-form-urlencoded`, WHATWG URL §5) and queries: pairs of names and values.
//!
//! Names spell ways, and are read as they are when a form is redacted: `contact[phone]` and `contact.phone` are the
//! field `$.contact.phone`. Pairs that are not changed
//! leave as they came. A query is never an update, so nothing is dropped from it: a search without its filter finds more.

use std::ops::Range;

use super::{
    Act, Declared, Edits, Place, RestoreError, Restored, Restorer, Wanted, findings::Findings, path,
};
use crate::{
    form::path::{self as names, Notation, Step},
    percent,
};

impl Restorer {
    /// Restores a form.
    pub fn form<'b>(&self, body: &'b [u8], declared: Declared<'_>) -> Result<Restored<'b>, RestoreError> {
        self.pairs(body, true, declared)
    }

    /// Restores a query, without its `?`.
    pub fn query<'b>(&self, query: &'b str, declared: Declared<'_>) -> Result<Restored<'b>, RestoreError> {
        self.pairs(query.as_bytes(), false, declared)
    }

    fn pairs<'b>(
        &self,
        body: &'b [u8],
        is_body: bool,
        declared: Declared<'_>,
    ) -> Result<Restored<'b>, RestoreError> {
        let mut edits = Edits::default();
        let mut findings = Findings::default();
        let mut start = 0;
        // Whether a pair before this one stays, and whether all before this one were left out.
        let mut has_kept = false;
        while start <= body.len() {
            let rest = &body[start..];
            let end = start + memchr::memchr(b'&', rest).unwrap_or(rest.len());
            let pair = &body[start..end];
            let split = memchr::memchr(b'=', pair);
            let name = &pair[..split.unwrap_or(pair.len())];
            let value: Range<usize> = start + split.map_or(pair.len(), |split| split + 1)..end;
            let act = self.pair(name, &body[value.clone()], value.start, is_body, declared, &mut findings)?;
            match act {
                Act::Keep => has_kept = true,
                Act::Replace(real) => {
                    let real = String::from_utf8(real).map_err(|_| RestoreError::Unrepresentable)?;
                    if !is_body && !path::is_plain(&real) {
                        return Err(RestoreError::Unrepresentable);
                    }
                    let mut spelled = Vec::new();
                    percent::encode_all(real.as_bytes(), &mut spelled);
                    edits.replace(value, spelled, self.options.growth_bytes)?;
                    has_kept = true;
                }
                Act::Drop if has_kept => edits.remove(start - 1..end),
                Act::Drop => edits.remove(start..body.len().min(end + 1)),
            }
            start = end + 1;
        }
        Ok(edits.apply(body, findings))
    }

    fn pair(
        &self,
        name: &[u8],
        value: &[u8],
        at: usize,
        may_drop: bool,
        declared: Declared<'_>,
        findings: &mut Findings,
    ) -> Result<Act, RestoreError> {
        let decoded = |text| String::from_utf8_lossy(&percent::decode_form(text)).into_owned();
        let (name, value) = (decoded(name), decoded(value));
        let place = Place { wanted: None, opens: false, may_drop: false, at };
        if let Act::Drop | Act::Replace(_) = self.decide(place, &name, findings)? {
            return Err(RestoreError::Unrepresentable);
        }
        // What may be left out is of a body; a query is not.
        let opens = !may_drop && self.options.opens_queries;
        self.named(&name, &value, Place { opens, may_drop, ..place }, declared, findings)
    }

    /// Decides about the value of a field that is spelled by a name.
    pub(super) fn named(
        &self,
        name: &str,
        value: &str,
        place: Place,
        declared: Declared<'_>,
        findings: &mut Findings,
    ) -> Result<Act, RestoreError> {
        // Whatever may be an item of an array cannot be left out of it.
        let is_item = |step| matches!(step, Step::Number(..) | Step::Next);
        let may_drop = place.may_drop && !names::path(name, Notation::Dots).any(is_item);
        let declared = declared(name);
        let wanted = declared.or_else(|| names::declared_class(&self.plan, name).map(Wanted::Only));
        self.decide(Place { wanted, may_drop, ..place }, value, findings)
    }
}
