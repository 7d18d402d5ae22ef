//! HTML.
use crate::{json::edit::Edits, plan::Plan};
pub(crate) fn scan(_plan: &Plan, _html: &str, _edits: &mut Edits) -> Option<()> {
    Some(())
}
