//! Free text: where a string is looked at by its shape alone.
//!
//! One function, for every place that free text stands in: strings of JSON, fragments of HTML, headers of frames.

use crate::{json::edit::Edits, plain, plan::Plan};

/// Adds the contact data that the plan hides in free text, by its shape.
pub(crate) fn scan_text(plan: &Plan, text: &str, edits: &mut Edits) {
    if plan.patterns() {
        for plain::Hidden { range, class, value } in plain::find(plan, text, 0) {
            edits.hide(plan, class, &value, range, |shown| shown);
        }
    }
}
