//! A plan that tells what it would hide, instead of hiding it.
//!
//! The way back has to know which fields of a request are declared. Rather than judge conditions, kept fields and
//! hidden containers a second time, it redacts the request by this plan, which shows each value as the name of the
//! class that it is hidden as, and reads the result beside the original.

use super::{Constant, Plan, PlanBuilder, PlanError, Treatment};
use crate::{class::Class, display::Display};

impl Plan {
    /// The same fields; every string is shown as [`text`] and every number as [`number`] of its class.
    pub(crate) fn tracing(&self) -> Result<Plan, PlanError> {
        let mut fields = self.fields.to_vec();
        for field in &mut fields {
            if let Treatment::HideIf(_, class) = field.treatment {
                field.treatment = Treatment::Hide(class);
            }
        }
        let displays = [Display::Hidden; Class::ALL.len()];
        let mut plan = PlanBuilder { fields, displays, sealed_keys: self.sealed_keys, ..Plan::builder() }
            .build(&self.key)?;
        plan.is_tracing = true;
        plan.constants = Class::ALL.map(|class| Constant::of(text(class)));
        Ok(plan)
    }
}

/// What a string of the class is shown as.
pub(crate) fn text(class: Class) -> &'static str {
    match class {
        Class::Phone => "declared phone",
        Class::Email => "declared email",
        Class::Name => "declared name",
        Class::Handle => "declared handle",
        Class::Avatar => "declared avatar",
        Class::FileUrl => "declared file_url",
    }
}

/// What a number of the class is shown as.
pub(crate) fn number(class: Class) -> u64 {
    7_777_000_000_000_000 + class.index() as u64
}
