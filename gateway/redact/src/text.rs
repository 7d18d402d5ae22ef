//! Free text: where a string is looked at by its shape alone.
//!
//! One function, for every place that free text stands in: strings of JSON, fragments of HTML, headers of frames.

use crate::{copies::Whole, json::edit::Edits, plain, plan::Plan};

/// Adds the contact data that the plan hides in free text, by its shape.
pub(crate) fn scan_text(plan: &Plan, text: &str, edits: &mut Edits) {
    if plan.patterns() {
        for plain::Hidden { range, class, value } in plain::find(plan, text, 0) {
            edits.hide(plan, class, &value, range, |shown| shown);
        }
    }
}

/// Adds the copies of learnt values in a value that nobody declared to be text.
pub(crate) fn scan_copies(plan: &Plan, text: &str, edits: &mut Edits) {
    let Some(learnt) = plan.learnt() else { return };
    let mut copies = Vec::new();
    let sweep = learnt.sweep(plan.key());
    if !sweep.is_idle() {
        sweep.find(text, 0, Whole::Value, &mut copies);
    }
    // Showing a copy learns its value anew, which waits for the end of a look.
    drop(sweep);
    for copy in copies {
        edits.hide(plan, copy.original.class, &copy.original.value, copy.range, |shown| shown);
    }
}
