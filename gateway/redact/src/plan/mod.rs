//! What to hide, compiled: the selectors of all classes as one automaton, and the conditions of some.
//!
//! Which field decides over a value:
//!
//! 1. Of the fields that select the value the one declared first; one whose conditions are not met does not count.
//! 2. A field that hides a container hides everything in it: as the class of the outermost hidden container, and
//!    there of the field declared first.
//! 3. What is kept stays, with everything in it, if it is kept by a field declared before all those that hide it or
//!    a container around it.
//! 4. Strings are looked into by the first field that says so, if the value is neither hidden nor kept.
//! 5. Ids are judged with the fields, by their order; a string that one selects becomes a token, and everything else what
//!    a field of the class makes of it.
//! 6. The names of an object's members are apart from its values. They are hidden by the first field of
//!    [`PlanBuilder::contact_keys`] that selects the object, in a hidden container too, unless the object is kept
//!    by a field declared before it, or stands in a container that is kept.

use std::sync::Arc;

use crate::{
    alias::{AliasKey, Code},
    class::Class,
    copies::{Learnt, Original},
    csv::column_name,
    display::Display,
    html::rule::{Declared, HtmlRule, HtmlSelectorError, Rules},
    mask, scan,
    selector::Selector,
    vault::{Source, Vault},
};

pub(crate) use automaton::{Automaton, Label, Place};
pub(crate) use condition::{Check, Conditions, Probes, SetId};
pub use condition::{Condition, Test};
pub(crate) use names::{BEFORE, Clue};

mod automaton;
mod condition;
mod names;
pub(crate) mod trace;

/// A compiled set of declared fields, shared by every stream under it.
#[derive(Clone, Debug)]
pub struct Plan {
    fields: Arc<[Field]>,
    displays: [Display; Class::ALL.len()],
    key: AliasKey,
    vault: Option<Arc<dyn Vault>>,
    automaton: Arc<Automaton>,
    conditions: Arc<Conditions>,
    /// The constants of classes that show them, as JSON strings.
    constants: [Option<Constant>; Class::ALL.len()],
    /// What of HTML pages is hidden.
    html: Arc<Rules>,
    /// The classes of columns of tables, by their folded names.
    columns: Arc<[(String, Class)]>,
    /// Whether it shows classes in place of values, see [`trace`].
    is_tracing: bool,
    copies: bool,
    patterns: bool,
    /// The classes whose keys are shown as ids are.
    sealed_keys: [bool; Class::ALL.len()],
    /// What operators wrote and what is kept of JSON in strings, where there may be copies around it.
    marking: Option<Arc<Plan>>,
    /// Whether it is that of another plan.
    is_marking: bool,
    /// What the values of fields are learnt by, in the plan of one body.
    learnt: Option<Arc<Learnt>>,
}

impl Plan {
    /// Begins a plan without fields, in which every class shows aliases.
    pub fn builder() -> PlanBuilder {
        PlanBuilder {
            fields: Vec::new(),
            displays: [Display::default(); Class::ALL.len()],
            vault: None,
            html: Declared::default(),
            columns: Vec::new(),
            copies: false,
            patterns: false,
            sealed_keys: [false; Class::ALL.len()],
        }
    }

    /// The declared fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (Class, &Selector)> {
        self.fields.iter().filter_map(|field| match field.treatment {
            Treatment::Hide(class) | Treatment::HideIf(_, class) | Treatment::Inner(Inner::Id(class)) => {
                Some((class, &field.selector))
            }
            Treatment::Keys(_) | Treatment::Keep | Treatment::Inner(_) | Treatment::Written => None,
        })
    }

    /// The objects whose keys are hidden, in their order.
    pub fn contact_keys(&self) -> impl Iterator<Item = (Class, &Selector)> {
        self.fields.iter().filter_map(|field| match field.treatment {
            Treatment::Keys(class) => Some((class, &field.selector)),
            Treatment::Hide(_)
            | Treatment::HideIf(..)
            | Treatment::Keep
            | Treatment::Inner(_)
            | Treatment::Written => None,
        })
    }

    /// How values of a class are shown.
    pub fn display(&self, class: Class) -> Display {
        self.displays[class.index()]
    }

    /// Whether the plan hides nothing.
    pub fn is_empty(&self) -> bool {
        self.html.is_empty()
            && self.columns.is_empty()
            && self.fields.iter().all(|field| match field.treatment {
                Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keys(_) => false,
                // JSON in strings holds the same fields.
                Treatment::Keep | Treatment::Inner(Inner::Json) | Treatment::Written => true,
                Treatment::Inner(Inner::Text | Inner::Fragment | Inner::Id(_)) => false,
            })
    }

    /// The class of the column of this name in a table, by the first declared.
    pub(crate) fn column(&self, name: &str) -> Option<Class> {
        let name = column_name(name);
        self.columns.iter().find(|(known, _)| *known == name).map(|&(_, class)| class)
    }

    /// What of HTML pages is hidden.
    pub(crate) fn html(&self) -> &Rules {
        &self.html
    }

    /// Whether anything within JSON can be hidden.
    pub(crate) fn reaches_json(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether values of fields are hidden wherever else they stand.
    pub fn copies(&self) -> bool {
        self.copies
    }

    /// The plan that hides nothing and knows what in JSON in strings is no place for copies; `None` where everything is.
    pub(crate) fn marking(&self) -> Option<&Arc<Plan>> {
        self.marking.as_ref()
    }

    /// Whether JSON in strings has places in it that are none for copies.
    pub(crate) fn marks_inner(&self) -> bool {
        self.is_marking || self.marking.is_some()
    }

    /// Whether contacts are hidden by their shape in free text.
    pub fn patterns(&self) -> bool {
        self.patterns
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
        self.learn(class, value);
        self.show_copy(class, value, out);
    }

    /// The code of what a string of the class is shown as, if that is an alias.
    #[inline]
    pub(crate) fn alias(&self, class: Class, value: &[u8]) -> Option<Code> {
        if self.display(class) != Display::Alias || self.is_tracing || value.is_empty() {
            return None;
        }
        let Some(learnt) = &self.learnt else { return mask::code(class, value, self.source()) };
        // The set and the vault know a value by one digest.
        let class = mask::judged_class(class, value);
        let digest = self.key.digest(class, value);
        learnt.learn_digested(&self.key, class, value, digest);
        if class == Class::FileUrl { None } else { self.source().digested_code(class, value, digest) }
    }

    /// Appends what a value is shown as where it is found elsewhere than in its field.
    pub(crate) fn show_copy(&self, class: Class, value: &[u8], out: &mut String) {
        mask::write_text(class, self.display(class), value, self.source(), out);
    }

    /// Appends what a copy of a learnt value is shown as: what the field of the value shows.
    pub(crate) fn show_original(&self, original: &Original, out: &mut String) {
        match original.is_id {
            true => out.push_str(&self.key.seal(original.class, original.value.as_bytes())),
            false => self.show_copy(original.class, original.value.as_bytes(), out),
        }
    }

    /// What a text of the class is shown as in a field of its own, such as one of a header.
    pub fn show(&self, class: Class, value: &str) -> String {
        let mut shown = String::new();
        self.write_text(class, value.as_bytes(), &mut shown);
        shown
    }

    /// What an id of the class is shown as: a token, which its value comes out of again.
    pub(crate) fn seal(&self, class: Class, value: &str) -> String {
        if self.is_tracing {
            return trace::text(class).to_owned();
        }
        if let Some(learnt) = &self.learnt {
            learnt.learn_id(&self.key, class, value);
        }
        self.key.seal(class, value.as_bytes())
    }

    /// The plan of one body, by which a set learns the values of fields.
    pub(crate) fn teaching(&self, learnt: Arc<Learnt>) -> Plan {
        Plan { learnt: Some(learnt), ..self.clone() }
    }

    /// The set that copies are looked up in.
    pub(crate) fn learnt(&self) -> Option<&Arc<Learnt>> {
        self.learnt.as_ref()
    }

    #[inline]
    fn learn(&self, class: Class, value: &[u8]) {
        if let Some(learnt) = &self.learnt {
            learnt.learn(&self.key, class, value);
        }
    }

    pub(crate) fn key(&self) -> &AliasKey {
        &self.key
    }

    fn source(&self) -> Source<'_> {
        Source { key: &self.key, vault: self.vault() }
    }

    /// Where what aliases stand for is kept.
    pub(crate) fn vault(&self) -> Option<&dyn Vault> {
        self.vault.as_deref()
    }

    /// Appends what a key of the class is shown as. It is an alias whatever the display: constants would make
    /// many members one. Where ids are keys it is their token.
    pub(crate) fn write_key(&self, class: Class, key: &[u8], out: &mut String) {
        self.learn(class, key);
        if self.sealed_keys[class.index()] && !key.is_empty() {
            if let (Some(learnt), Ok(key)) = (&self.learnt, std::str::from_utf8(key)) {
                learnt.learn_id(&self.key, class, key);
            }
            return out.push_str(&self.key.seal(class, key));
        }
        mask::write_text(class, Display::Alias, key, self.source(), out);
    }

    /// What a number of the class is shown as.
    pub(crate) fn number(&self, class: Class, spelling: &[u8]) -> u64 {
        if self.is_tracing {
            return trace::number(class);
        }
        // Of what a hidden object holds only these are contacts.
        if matches!(class, Class::Phone | Class::Handle) {
            self.learn(class, spelling);
        }
        self.copied_number(class, spelling)
    }

    /// What a number is shown as that is a copy.
    pub(crate) fn copied_number(&self, class: Class, spelling: &[u8]) -> u64 {
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
    html: Declared,
    columns: Vec<(String, Class)>,
    copies: bool,
    patterns: bool,
    sealed_keys: [bool; Class::ALL.len()],
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

    /// Declares ids that are contacts. A string becomes a token, whatever the display, so that the application finds by it
    /// what the id names when it comes back; of other values becomes what [`field`](Self::field) makes of them.
    pub fn contact_id(self, class: Class, selector: &Selector) -> Self {
        self.declare(Treatment::Inner(Inner::Id(class)), selector, &[])
    }

    /// Declares objects whose keys are contacts: each key is hidden as a string of the class, as an alias, or a token if
    /// [`seal_keys`](Self::seal_keys) says so, whatever the display. The values below are judged by their own fields, on the keys as they came.
    pub fn contact_keys(self, class: Class, selector: &Selector) -> Self {
        self.declare(Treatment::Keys(class), selector, &[])
    }

    /// Has keys of a class be shown as tokens, as its ids are.
    pub fn seal_keys(mut self, class: Class) -> Self {
        self.sealed_keys[class.index()] = true;
        self
    }

    /// Declares a field that stays as it is with everything below it, unless a field declared before hides it or a
    /// container around it.
    pub fn keep(self, selector: &Selector) -> Self {
        self.declare(Treatment::Keep, selector, &[])
    }

    /// Declares strings that hold JSON, which is redacted by this plan from its root.
    ///
    /// As [`text`](Self::text) and [`html_in_string`](Self::html_in_string) it is of strings alone, and of those
    /// that no field hides or keeps, in whatever order they are declared.
    pub fn json_in_string(self, selector: &Selector) -> Self {
        self.declare(Treatment::Inner(Inner::Json), selector, &[])
    }

    /// Declares strings of free text, in which contact data is found by its shape.
    pub fn text(self, selector: &Selector) -> Self {
        self.declare(Treatment::Inner(Inner::Text), selector, &[])
    }

    /// Declares strings of HTML, in which contact data stands in links and in text.
    pub fn html_in_string(self, selector: &Selector) -> Self {
        self.declare(Treatment::Inner(Inner::Fragment), selector, &[])
    }

    /// Declares what operators wrote: messages of theirs, notes, templates. Copies are not looked for in it, so that
    /// nobody learns what a field holds by writing guesses. Fields in it are judged as everywhere, and so are the shapes
    /// of free text in strings that [`text`](Self::text) declares, too, whatever the order of declaration.
    pub fn operator_text(self, selector: &Selector) -> Self {
        self.declare(Treatment::Written, selector, &[])
    }

    /// Sets whether values of fields are hidden wherever else they stand; they are not by default.
    pub fn copies(mut self, copies: bool) -> Self {
        self.copies = copies;
        self
    }

    /// Sets whether contacts are hidden by their shape in free text; they are not by default.
    pub fn patterns(mut self, patterns: bool) -> Self {
        self.patterns = patterns;
        self
    }

    fn declare(mut self, treatment: Treatment, selector: &Selector, conditions: &[Condition]) -> Self {
        let (selector, conditions) = (selector.clone(), conditions.to_vec());
        self.fields.push(Field { treatment, selector, conditions });
        self
    }

    /// Declares a column of tables in CSV by its name in the header, compared without case and blanks around it. Of two
    /// of one name the first decides.
    pub fn column(mut self, name: &str, class: Class) -> Self {
        self.columns.push((column_name(name), class));
        self
    }

    /// Declares what of HTML pages is hidden. Of two rules that select one text or attribute the first decides.
    pub fn html(mut self, rule: HtmlRule) -> Self {
        self.html.rules.push(rule);
        self
    }

    /// Names a variable of HTML pages whose value must be JSON, else the page is refused. The JSON of other
    /// variables is redacted by the fields of this plan, too, but what is not JSON there is code.
    pub fn html_state(mut self, name: &str) -> Self {
        self.html.states.push(name.to_owned());
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
        // The first field that selects a value decides: those that hide go before those that look into strings.
        self.fields.sort_by_key(|field| match field.treatment {
            Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keys(_) | Treatment::Keep => 0,
            Treatment::Inner(Inner::Id(_)) => 0,
            Treatment::Inner(Inner::Json | Inner::Text | Inner::Fragment) => 1,
            Treatment::Written => 2,
        });
        let marking = self.marking(key)?;
        let segments = self.fields.iter().map(Field::bits).sum();
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
                Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keys(_) => {}
                Treatment::Keep | Treatment::Inner(_) | Treatment::Written => {}
            }
        }
        let automaton = Automaton::compile(&self.fields, conditions.members());
        conditions.set_labels(|member| automaton.member(member.as_bytes()));
        let constants = Class::ALL.map(|class| match self.displays[class.index()] {
            // A value that is not looked at is not learnt.
            Display::Hidden if !self.copies => {
                let mut hidden = String::new();
                mask::write_hidden(class, &mut hidden);
                Constant::of(&hidden)
            }
            Display::Hidden | Display::Alias | Display::Partial => None,
        });
        let PlanBuilder { fields, displays, vault, html, columns, copies, patterns, sealed_keys } = self;
        let html = Arc::new(html.compile()?);
        Ok(Plan {
            fields: fields.into(),
            displays,
            key: key.clone(),
            vault,
            automaton: Arc::new(automaton),
            conditions: Arc::new(conditions),
            constants,
            columns: columns.into(),
            copies,
            patterns,
            sealed_keys,
            marking,
            is_marking: false,
            learnt: None,
            html,
            is_tracing: false,
        })
    }
}

impl PlanBuilder {
    /// The plan of what is no place for copies in JSON in strings.
    fn marking(&self, key: &AliasKey) -> Result<Option<Arc<Plan>>, PlanError> {
        let has = |treatment| self.fields.iter().any(|field| field.treatment == treatment);
        if !(self.copies && has(Treatment::Written) && has(Treatment::Inner(Inner::Json))) {
            return Ok(None);
        }
        let marks = |field: &&Field| match field.treatment {
            Treatment::Keep | Treatment::Written | Treatment::Inner(Inner::Json) => true,
            Treatment::Hide(_)
            | Treatment::HideIf(..)
            | Treatment::Keys(_)
            | Treatment::Inner(Inner::Text | Inner::Fragment | Inner::Id(_)) => false,
        };
        let fields = self.fields.iter().filter(marks).cloned().collect();
        let plan = PlanBuilder { fields, ..Plan::builder() }.build(key)?;
        Ok(Some(Arc::new(Plan { is_marking: true, ..plan })))
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
    /// A selector of HTML that is none, or is not supported.
    #[error("the selector of HTML rule {rule}: {problem}")]
    HtmlSelector {
        /// Which rule it is of, in the order of their declaration, from 0.
        rule: usize,
        /// What is wrong with it.
        problem: HtmlSelectorError,
    },
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
    /// If it is a string, it is looked into; over other values this decides nothing, but for those of ids.
    Inner(Inner),
    /// Operators wrote it: it has no copies of what clients' fields have. Its own fields are judged as everywhere.
    Written,
}

impl Treatment {
    /// The class that a value is hidden as; a string that is looked into is not, but for an id.
    pub(crate) fn class(self) -> Option<Class> {
        match self {
            Treatment::Hide(class) | Treatment::HideIf(_, class) | Treatment::Inner(Inner::Id(class)) => {
                Some(class)
            }
            Treatment::Keys(_)
            | Treatment::Keep
            | Treatment::Inner(Inner::Json | Inner::Text | Inner::Fragment)
            | Treatment::Written => None,
        }
    }

    /// What a string is read as.
    pub(crate) fn inner(self) -> Option<Inner> {
        match self {
            Treatment::Inner(inner) => Some(inner),
            Treatment::Hide(_)
            | Treatment::HideIf(..)
            | Treatment::Keys(_)
            | Treatment::Keep
            | Treatment::Written => None,
        }
    }
}

/// What a string is read as, to look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inner {
    /// JSON, or free text if it does not begin as JSON does.
    Json,
    /// Free text.
    Text,
    /// HTML.
    Fragment,
    /// An id of this class, all of it.
    Id(Class),
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
        scan::append_block(out, &self.bytes, self.length);
    }
}

#[derive(Clone, Debug)]
struct Field {
    treatment: Treatment,
    selector: Selector,
    conditions: Vec<Condition>,
}

impl Field {
    /// How many bits of a state it takes: one for each segment, and one if there is none.
    fn bits(&self) -> usize {
        self.selector.segments().len().max(1)
    }
}

/// 64 words of state for each open container.
const MAX_SEGMENTS: usize = 4096;

#[cfg(test)]
mod tests;
