//! What to hide, compiled: the selectors of all classes as one automaton.
//!
//! A state is the set of segments that may match next, one bit each, numbered in the order of declaration. A
//! step to a child is a shift and two masks, whatever the number of selectors; no order of selectors makes the
//! plan explode as a determinised one can. The empty set is a dead end: nothing below it needs a look. Where
//! two fields name one value, the field declared first decides its class.

use std::sync::Arc;

use crate::{
    alias::AliasKey,
    class::Class,
    display::Display,
    mask,
    selector::{Pick, Segment, Selector},
    vault::{Source, Vault},
};

use names::Names;

mod names;

/// A compiled set of declared fields, shared by every stream under it.
#[derive(Debug)]
pub struct Plan {
    fields: Vec<Field>,
    displays: [Display; Class::ALL.len()],
    key: AliasKey,
    vault: Option<Arc<dyn Vault>>,
    automaton: Automaton,
}

impl Plan {
    /// Begins a plan without fields, in which every class shows aliases.
    pub fn builder() -> PlanBuilder {
        PlanBuilder { fields: Vec::new(), displays: [Display::default(); Class::ALL.len()], vault: None }
    }

    /// The declared fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (Class, &Selector)> {
        self.fields.iter().filter_map(|field| match field.treatment {
            Treatment::Hide(class) => Some((class, &field.selector)),
            Treatment::Keep => None,
        })
    }

    /// How values of a class are shown.
    pub fn display(&self, class: Class) -> Display {
        self.displays[class.index()]
    }

    /// Whether the plan hides nothing.
    pub fn is_empty(&self) -> bool {
        self.fields().next().is_none()
    }

    pub(crate) fn automaton(&self) -> &Automaton {
        &self.automaton
    }

    /// Appends what a string of the class is shown as.
    pub(crate) fn write_text(&self, class: Class, value: &[u8], out: &mut String) {
        mask::write_text(class, self.display(class), value, self.source(), out);
    }

    fn source(&self) -> Source<'_> {
        Source { key: &self.key, vault: self.vault() }
    }

    /// Where what aliases stand for is kept.
    pub(crate) fn vault(&self) -> Option<&dyn Vault> {
        self.vault.as_deref()
    }

    /// What a number of the class is shown as.
    pub(crate) fn number(&self, class: Class, spelling: &[u8]) -> u64 {
        mask::number(class, self.display(class), spelling, self.source())
    }
}

/// Collects fields and displays for a [`Plan`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PlanBuilder {
    fields: Vec<Field>,
    displays: [Display; Class::ALL.len()],
    vault: Option<Arc<dyn Vault>>,
}

impl PlanBuilder {
    /// Declares a field. Of two fields that name one value the first decides.
    pub fn field(mut self, class: Class, selector: &Selector) -> Self {
        self.fields.push(Field { treatment: Treatment::Hide(class), selector: selector.clone() });
        self
    }

    /// Declares a field that stays as it is with everything below it, unless a field declared before hides it.
    pub fn keep(mut self, selector: &Selector) -> Self {
        self.fields.push(Field { treatment: Treatment::Keep, selector: selector.clone() });
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
    pub fn build(self, key: &AliasKey) -> Result<Plan, PlanError> {
        let segments = self.fields.iter().map(|field| field.selector.segments().len()).sum();
        if segments > MAX_SEGMENTS {
            return Err(PlanError::TooManySegments { segments });
        }
        let automaton = Automaton::compile(&self.fields);
        let Self { fields, displays, vault } = self;
        Ok(Plan { fields, displays, key: key.clone(), vault, automaton })
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
}

/// What becomes of a value that a selector names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It is hidden as this class, with everything below it.
    Hide(Class),
    /// It stays as it is, with everything below it.
    Keep,
}

#[derive(Clone, Debug)]
struct Field {
    treatment: Treatment,
    selector: Selector,
}

/// The automaton over segments. A state is `words` words of bits; bit `i` stands for segment `i`.
#[derive(Debug)]
pub(crate) struct Automaton {
    /// Words per state; at least one.
    words: usize,
    /// The segments that match from the root.
    start: Vec<u64>,
    /// The segments that go on matching at any depth.
    lasting: Vec<u64>,
    /// The segments whose match selects a value.
    last: Vec<u64>,
    /// One mask per [`Label`]: the segments that match a child under it.
    matching: Vec<u64>,
    /// What each segment's field does to a value.
    treatments: Vec<Treatment>,
    /// The treatment of the whole document, if `$` is a field.
    root: Option<Treatment>,
    names: Names,
    /// The indexes with a label of their own, sorted.
    indexes: Vec<(u64, Label)>,
}

impl Automaton {
    fn compile(fields: &[Field]) -> Automaton {
        let segments = || fields.iter().flat_map(|field| field.selector.segments().iter());
        let count = segments().count();
        let words = count.div_ceil(64).max(1);

        let mut names = Names::new();
        let mut indexes = Vec::new();
        let mut labels = 1;
        for pick in segments().flat_map(picks) {
            let is_new = match pick {
                Pick::Name(name) => names.insert(name, Label(labels)),
                Pick::Index(index) => match indexes.binary_search_by_key(index, |&(known, _)| known) {
                    Ok(_) => false,
                    Err(place) => {
                        indexes.insert(place, (*index, Label(labels)));
                        true
                    }
                },
                Pick::Any => false,
            };
            labels += usize::from(is_new);
        }

        let mut automaton = Automaton {
            words,
            start: vec![0; words],
            lasting: vec![0; words],
            last: vec![0; words],
            matching: vec![0; words * labels],
            treatments: Vec::with_capacity(count),
            root: fields
                .iter()
                .find(|field| field.selector.segments().is_empty())
                .map(|field| field.treatment),
            names,
            indexes,
        };
        for field in fields {
            let segments = field.selector.segments();
            for (place, segment) in segments.iter().enumerate() {
                automaton.add(segment, field.treatment, place == 0, place + 1 == segments.len());
            }
        }
        automaton
    }

    fn add(&mut self, segment: &Segment, treatment: Treatment, is_first: bool, is_last: bool) {
        let bit = self.treatments.len();
        self.treatments.push(treatment);
        if is_first {
            set(&mut self.start, bit);
        }
        if is_last {
            set(&mut self.last, bit);
        }
        if matches!(segment, Segment::Descendant(_)) {
            set(&mut self.lasting, bit);
        }
        for pick in picks(segment) {
            let label = match pick {
                Pick::Name(name) => self.member(name.as_bytes()),
                Pick::Index(index) => self.item(*index),
                Pick::Any => {
                    for row in self.matching.chunks_exact_mut(self.words) {
                        set(row, bit);
                    }
                    continue;
                }
            };
            let row = label.0 * self.words;
            set(&mut self.matching[row..row + self.words], bit);
        }
    }

    /// The state at the root's children.
    pub(crate) fn start(&self) -> &[u64] {
        &self.start
    }

    /// Whether nothing below the root can be selected.
    pub(crate) fn is_dead(&self) -> bool {
        self.start.iter().all(|&word| word == 0)
    }

    /// How many words a state has.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// The treatment of the document itself.
    pub(crate) fn root(&self) -> Option<Treatment> {
        self.root
    }

    /// The label of a member, by its decoded name.
    pub(crate) fn member(&self, name: &[u8]) -> Label {
        self.names.label(name).unwrap_or(Label::OTHER)
    }

    /// The label of an item.
    pub(crate) fn item(&self, index: u64) -> Label {
        match self.indexes.last() {
            Some(&(last, _)) if index <= last => {
                let place = self.indexes.binary_search_by_key(&index, |&(known, _)| known);
                place.map_or(Label::OTHER, |place| self.indexes[place].1)
            }
            Some(_) | None => Label::OTHER,
        }
    }

    /// The longest name, in bytes, that any member is compared with.
    pub(crate) fn longest_name(&self) -> usize {
        self.names.longest()
    }

    /// The treatment of the child under `label`.
    #[inline]
    pub(crate) fn treatment(&self, state: &[u64], label: Label) -> Option<Treatment> {
        let matching = self.row(label);
        for (word, ((state, matching), last)) in state.iter().zip(matching).zip(&self.last).enumerate() {
            let selecting = state & matching & last;
            if selecting != 0 {
                return Some(self.treatments[word * 64 + selecting.trailing_zeros() as usize]);
            }
        }
        None
    }

    /// Appends the state below the child under `label`, or nothing and `false` if it is a dead end.
    ///
    /// The last `words` of `states` are the state that is left.
    pub(crate) fn descend(&self, states: &mut Vec<u64>, label: Label) -> bool {
        let from = states.len() - self.words;
        let mut carry = 0;
        let mut alive = 0;
        for word in 0..self.words {
            let state = states[from + word];
            let passed = state & self.row(label)[word] & !self.last[word];
            let next = passed << 1 | carry | state & self.lasting[word];
            carry = passed >> 63;
            alive |= next;
            states.push(next);
        }
        if alive == 0 {
            states.truncate(from + self.words);
        }
        alive != 0
    }

    fn row(&self, label: Label) -> &[u64] {
        let row = label.0 * self.words;
        &self.matching[row..row + self.words]
    }
}

/// What an automaton tells apart of the way to a child: a name or an index of the plan, or any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

impl Label {
    /// A name or index that only wildcards match.
    pub(crate) const OTHER: Label = Label(0);
}

fn picks(segment: &Segment) -> &[Pick] {
    match segment {
        Segment::Child(picks) | Segment::Descendant(picks) => picks,
    }
}

fn set(bits: &mut [u64], bit: usize) {
    bits[bit / 64] |= 1 << (bit % 64);
}

/// 64 words of state for each open container.
const MAX_SEGMENTS: usize = 4096;

#[cfg(test)]
mod tests;
