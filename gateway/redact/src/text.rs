//! Free text: where a string is looked at by its shape alone.
//!
//! One function, for every place that free text stands in: strings of JSON, fragments of HTML, headers of frames.

use crate::{json::edit::Edits, plan::Plan};

/// Adds the contact data that the plan hides in free text, by its shape.
pub(crate) fn scan_text(_plan: &Plan, _text: &str, _edits: &mut Edits) {}
