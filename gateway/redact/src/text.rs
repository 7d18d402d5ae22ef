//! Free text: where a string is looked at by its shape alone.
//!
//! One function, for every place that free text stands in: strings of JSON, fragments of HTML, headers of frames.

use crate::{
    copies::{Copy, Whole, spelled_as},
    json::edit::Edits,
    plain,
    plan::Plan,
};

/// Adds the contact data that the plan hides in free text: by its shape, and copies unless there are to be none.
pub(crate) fn scan_text(plan: &Plan, text: &str, has_copies: bool, edits: &mut Edits) {
    if plan.patterns() {
        for hidden in plain::find(plan, text, 0, has_copies) {
            edits.copy(plan, &hidden.original, hidden.range, |shown| shown);
        }
    }
}

/// Adds the copies of learnt values in a value that nobody declared to be text.
pub(crate) fn scan_copies(plan: &Plan, text: &str, edits: &mut Edits) {
    let Some(learnt) = plan.learnt() else { return };
    for Copy { range, original, .. } in learnt.find(plan, text, 0, Whole::Value) {
        let spell = |shown| spelled_as(&text.as_bytes()[range.clone()], shown);
        edits.copy(plan, &original, range.clone(), spell);
    }
}
