//! What to hide, compiled: the selectors of all classes as one automaton, and the conditions of some.
//!
//! Which field decides over a value:
//!
//! 1. Of the fields that select the value itself the one declared first; one whose conditions are not met does not
//!    count.
//! 2. A field that hides or keeps a container decides over everything in it, and the outermost such field
//!    decides. But what is kept by a field declared before the one that hides the container stays.
//! 3. The names of an object's members are apart from its values: they are hidden by the first field of
//!    [`PlanBuilder::contact_keys`] that selects the object, hidden container or not, unless the object is kept by
//!    a field declared before it, or stands in a container that is kept.

use std::sync::Arc;

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    mask,
    selector::Selector,
    vault::{Source, Vault},
};

pub(crate) use automaton::{Automaton, Label, Place};
pub(crate) use condition::{Check, Conditions, Probes, SetId};
pub use condition::{Condition, Test};

mod automaton;
mod condition;
mod names;
pub(crate) mod trace;

/// A compiled set of declared fields, shared by every stream under it.
#[derive(Debug)]
pub struct Plan {
    fields: Vec<Field>,
    displays: [Display; Class::ALL.len()],
    key: AliasKey,
    vault: Option<Arc<dyn Vault>>,
    automaton: Automaton,
    conditions: Conditions,
    /// The constants of classes that show them, as JSON strings.
    constants: [Option<Constant>; Class::ALL.len()],
    /// Whether it shows classes in place of values, see [`trace`].
    is_tracing: bool,
}

impl Plan {
    /// Begins a plan without fields, in which every class shows aliases.
    pub fn builder() -> PlanBuilder {
        PlanBuilder { fields: Vec::new(), displays: [Display::default(); Class::ALL.len()], vault: None }
    }

    /// The declared fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (Class, &Selector)> {
        self.fields.iter().filter_map(|field| match field.treatment {
            Treatment::Hide(class) | Treatment::HideIf(_, class) => Some((class, &field.selector)),
            Treatment::Keys(_) | Treatment::Keep => None,
        })
    }

    /// The objects whose keys are hidden, in their order.
    pub fn contact_keys(&self) -> impl Iterator<Item = (Class, &Selector)> {
        self.fields.iter().filter_map(|field| match field.treatment {
            Treatment::Keys(class) => Some((class, &field.selector)),
            Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keep => None,
        })
    }

    /// How values of a class are shown.
    pub fn display(&self, class: Class) -> Display {
        self.displays[class.index()]
    }

    /// Whether the plan hides nothing.
    pub fn is_empty(&self) -> bool {
        self.fields().next().is_none() && self.contact_keys().next().is_none()
    }

    pub(crate) fn automaton(&self) -> &Automaton {
        &self.automaton
    }

    /// The conditions of its fields; none for most plans.
    pub(crate) fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// The members that conditions ask.
    pub(crate) fn asked_members(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().flat_map(|field| &field.conditions).map(|condition| condition.member.as_str())
    }

    /// What every string of the class is shown as, empty ones apart, if that does not depend on the string.
    #[inline]
    pub(crate) fn constant(&self, class: Class) -> Option<&Constant> {
        self.constants[class.index()].as_ref()
    }

    /// Appends what a string of the class is shown as.
    pub(crate) fn write_text(&self, class: Class, value: &[u8], out: &mut String) {
        if self.is_tracing && !value.is_empty() {
            return out.push_str(trace::text(class));
        }
        mask::write_text(class, self.display(class), value, self.source(), out);
    }

    fn source(&self) -> Source<'_> {
        Source { key: &self.key, vault: self.vault() }
    }

    /// Where what aliases stand for is kept.
    pub(crate) fn vault(&self) -> Option<&dyn Vault> {
        self.vault.as_deref()
    }

    /// Appends what a key of the class is shown as. It is an alias whatever the display: constants would make
    /// many members one.
    pub(crate) fn write_key(&self, class: Class, key: &[u8], out: &mut String) {
        mask::write_text(class, Display::Alias, key, self.source(), out);
    }

    /// What a number of the class is shown as.
    pub(crate) fn number(&self, class: Class, spelling: &[u8]) -> u64 {
        if self.is_tracing {
            return trace::number(class);
        }
        mask::number(class, self.display(class), spelling, self.source())
    }
}

/// Collects fields and displays for a [`Plan`]. The order of declaration decides between them.
#[derive(Clone, Debug)]
#[must_use]
pub struct PlanBuilder {
    fields: Vec<Field>,
    displays: [Display; Class::ALL.len()],
    vault: Option<Arc<dyn Vault>>,
}

impl PlanBuilder {
    /// Declares a field. Of two fields that name one value the first decides.
    pub fn field(self, class: Class, selector: &Selector) -> Self {
        self.declare(Treatment::Hide(class), selector, &[])
    }

    /// Declares a field whose values are hidden where all conditions are met. Where one is not, the value is
    /// judged as if the field were not there.
    pub fn field_when(self, class: Class, selector: &Selector, conditions: &[Condition]) -> Self {
        self.declare(Treatment::Hide(class), selector, conditions)
    }

    /// Declares objects whose keys are contacts: each key is hidden as a string of the class, as an alias
    /// whatever the display. The values below are judged by their own fields, on the keys as they came.
    pub fn contact_keys(self, class: Class, selector: &Selector) -> Self {
        self.declare(Treatment::Keys(class), selector, &[])
    }

    /// Declares a field that stays as it is with everything below it, unless a field declared before selects
    /// that very value, or a container around it is hidden by a field declared before.
    pub fn keep(self, selector: &Selector) -> Self {
        self.declare(Treatment::Keep, selector, &[])
    }

    fn declare(mut self, treatment: Treatment, selector: &Selector, conditions: &[Condition]) -> Self {
        let (selector, conditions) = (selector.clone(), conditions.to_vec());
        self.fields.push(Field { treatment, selector, conditions });
        self
    }

    /// Sets how values of a class are shown.
    pub fn display(mut self, class: Class, display: Display) -> Self {
        self.displays[class.index()] = display;
        self
    }

    /// Keeps what aliases stand for in a vault. Without one an alias is all that is left of its value: it cannot be
    /// restored, and by chance, one in 2^40 for a pair of values (phones: 10^10), two values share one.
    pub fn vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Compiles the plan.
    pub fn build(mut self, key: &AliasKey) -> Result<Plan, PlanError> {
        let segments = self.fields.iter().map(|field| field.selector.segments().len()).sum();
        if segments > MAX_SEGMENTS {
            return Err(PlanError::TooManySegments { segments });
        }
        let mut conditions = Conditions::default();
        for field in &mut self.fields {
            match field.treatment {
                Treatment::Hide(class) if !field.conditions.is_empty() => {
                    field.treatment = Treatment::HideIf(conditions.add(&field.conditions)?, class);
                }
                Treatment::Keys(Class::FileUrl) => return Err(PlanError::FileKeys),
                Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keys(_) | Treatment::Keep => {}
            }
        }
        let automaton = Automaton::compile(&self.fields, conditions.members());
        conditions.set_labels(|member| automaton.member(member.as_bytes()));
        let constants = Class::ALL.map(|class| match self.displays[class.index()] {
            Display::Hidden => {
                let mut hidden = String::new();
                mask::write_hidden(class, &mut hidden);
                Constant::of(&hidden)
            }
            Display::Alias | Display::Partial => None,
        });
        let PlanBuilder { fields, displays, vault } = self;
        Ok(Plan {
            fields,
            displays,
            key: key.clone(),
            vault,
            automaton,
            conditions,
            constants,
            is_tracing: false,
        })
    }
}

/// Why fields are not a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The selectors are more than a stream may carry state for.
    #[error("the selectors of this plan have {segments} segments together, more than {MAX_SEGMENTS}")]
    TooManySegments {
        /// How many there are.
        segments: usize,
    },
    /// The conditions are more than an object may carry answers for.
    #[error("the fields of this plan have too many different conditions")]
    TooManyConditions,
    /// A condition that no document meets, so that its field would hide nothing.
    #[error("a condition without values or without levels is never met")]
    ImpossibleCondition,
    /// File links have no alias, so their keys would become one.
    #[error("keys cannot be hidden as `file_url`, which has no aliases to tell them apart")]
    FileKeys,
}

/// What becomes of a value that a selector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is hidden as this class, with everything below it.
    Hide(Class),
    /// It is hidden so where these conditions are met; elsewhere the next field decides.
    HideIf(SetId, Class),
    /// The names of its members are hidden as this class; over values this decides nothing.
    Keys(Class),
    /// It stays as it is, with everything below it.
    Keep,
}

/// A JSON string of a length that is copied as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Constant {
    bytes: [u8; 64],
    /// `length <= bytes.len()`
    length: usize,
}

impl Constant {
    /// A text without anything to escape.
    fn of(text: &str) -> Option<Constant> {
        let text = format!("\"{text}\"");
        let mut bytes = [0; 64];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Constant { bytes, length: text.len() })
    }

    /// Appends the string.
    #[inline(always)]
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        let length = out.len() + self.length;
        out.extend_from_slice(&self.bytes);
        out.truncate(length);
    }
}

#[derive(Clone, Debug)]
struct Field {
    treatment: Treatment,
    selector: Selector,
    conditions: Vec<Condition>,
}

/// 64 words of state for each open container.
const MAX_SEGMENTS: usize = 4096;

#[cfg(test)]
mod tests;
