//! `webhooks.yaml`: the webhooks panel is for super-admins only.

use super::{
    Kind, Mode,
    load::{ENABLED, Example, Loading, MODE, RuleFile, Setting},
};
use crate::{
    reason::RuleRef,
    shape::{Field, Shape, Word},
};

/// The compiled rule: nobody but a super-admin opens the panel.
#[derive(Debug)]
pub struct Webhooks {
    /// Whether it is carried out.
    pub mode: Mode,
    /// The line that says so.
    pub rule: RuleRef,
}

impl Setting for Webhooks {
    const KIND: Kind = Kind::Webhooks;

    fn compile(file: &RuleFile<'_>, _: &mut Loading<'_>) -> Self {
        Self { mode: file.mode(), rule: file.rule_of(&["panel", "enabled"]) }
    }

    fn judge_example(&self, _: Example<'_>, _: &mut Loading<'_>) {}
}

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new(
        "panel",
        "Who may open the app's webhooks panel, page and API.",
        Shape::Words(&[Word::new("super-admin", "Super-admins and nobody else.")]),
    )
    .default("super-admin"),
    Field::new("deliver", "Where the gateway's own events are sent.", Shape::Any).later(),
]);
