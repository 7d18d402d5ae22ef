//! The selectors of all fields as one automaton.
//!
//! A state is the set of segments that may match next, one bit each, numbered in the order of declaration. A
//! step to a child is a shift and two masks, whatever the number of selectors; no order of selectors makes the
//! plan explode as a determinised one can. The empty set is a dead end: nothing below it needs a look. The
//! lowest bit that selects a value is of the field declared first, and so are the bits below that one.

use super::{
    Field, Treatment,
    names::{Clue, Clues, Key, Names},
};
use crate::{
    class::Class,
    scan::ones,
    selector::{Pick, Segment},
};

/// The automaton over segments. A state is `words` words of bits; bit `i` stands for segment `i`.
#[derive(Debug)]
pub(crate) struct Automaton {
    /// Words per state; at least one.
    words: usize,
    /// The segments that match from the root.
    start: Vec<u64>,
    /// The segments that go on matching at any depth.
    lasting: Vec<u64>,
    /// The segments that are the last of their selector.
    last: Vec<u64>,
    /// Those of them whose match decides over a value: all but those of keys.
    selecting: Vec<u64>,
    /// The segments of fields whose members' names are hidden.
    keys: Vec<u64>,
    has_keys: bool,
    has_exceptions: bool,
    /// The segments of fields with conditions.
    conditional: Vec<u64>,
    /// One mask per [`Label`]: the segments that match a child under it.
    matching: Vec<u64>,
    /// What each segment's field does to a value, and the field's place.
    owners: Vec<(Treatment, Place)>,
    /// The treatments of the whole document: the fields `$`.
    root: Vec<(Treatment, Place)>,
    names: Names,
    /// The indexes with a label of their own, sorted.
    indexes: Vec<(u64, Label)>,
    /// The same in one word, where that is all there is.
    simple: Option<Simple>,
}

/// The masks of an automaton of one word and of plain fields of names.
#[derive(Clone, Copy, Debug)]
struct Simple {
    selecting: u64,
    last: u64,
    lasting: u64,
    /// The segments whose match hides a child under any label.
    calm: u64,
}

impl Automaton {
    /// Compiles fields. The names of `members` get labels too.
    pub(super) fn compile<'f>(fields: &[Field], members: impl Iterator<Item = &'f str>) -> Automaton {
        let segments = || fields.iter().flat_map(|field| field.selector.segments().iter());
        let count: usize = fields.iter().map(Field::bits).sum();
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
        for member in members {
            labels += usize::from(names.insert(member, Label(labels)));
        }

        let mut automaton = Automaton {
            words,
            start: vec![0; words],
            lasting: vec![0; words],
            last: vec![0; words],
            selecting: vec![0; words],
            keys: vec![0; words],
            has_keys: fields.iter().any(|field| matches!(field.treatment, Treatment::Keys(_))),
            has_exceptions: fields.iter().any(|field| {
                matches!(field.treatment, Treatment::Keys(_) | Treatment::Keep | Treatment::Written)
            }),
            conditional: vec![0; words],
            matching: vec![0; words * labels],
            owners: Vec::with_capacity(count),
            root: Vec::new(),
            names,
            indexes,
            simple: None,
        };
        for field in fields {
            automaton.add(field);
        }
        let mut names = std::mem::take(&mut automaton.names);
        names.seal(|label| automaton.everywhere(label));
        automaton.names = names;
        let is_simple = words == 1
            && !automaton.has_exceptions
            && automaton.indexes.is_empty()
            && automaton.conditional[0] == 0;
        automaton.simple = is_simple.then(|| Simple {
            selecting: automaton.selecting[0],
            last: automaton.last[0],
            lasting: automaton.lasting[0],
            calm: automaton.matching[0] & automaton.selecting[0],
        });
        automaton
    }

    fn add(&mut self, field: &Field) {
        let place = Place(self.owners.len());
        let segments = field.selector.segments();
        let Some(last) = segments.len().checked_sub(1) else {
            // Its bit is in no state. It makes the places of fields differ.
            self.root.push((field.treatment, place));
            self.owners.push((field.treatment, place));
            return;
        };
        set(&mut self.start, place.0);
        set(&mut self.last, place.0 + last);
        match field.treatment {
            Treatment::Keys(_) => {}
            Treatment::Hide(_)
            | Treatment::HideIf(..)
            | Treatment::Keep
            | Treatment::Inner(_)
            | Treatment::Written => {
                set(&mut self.selecting, place.0 + last);
            }
        }
        for segment in segments {
            self.add_segment(segment, field.treatment, place);
        }
    }

    fn add_segment(&mut self, segment: &Segment, treatment: Treatment, place: Place) {
        let bit = self.owners.len();
        self.owners.push((treatment, place));
        match treatment {
            Treatment::Keys(_) => set(&mut self.keys, bit),
            Treatment::HideIf(..) => set(&mut self.conditional, bit),
            Treatment::Hide(_) | Treatment::Keep | Treatment::Inner(_) | Treatment::Written => {}
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
        self.root_candidates().next().map(|(treatment, _)| treatment)
    }

    /// The fields that decide over the document itself, first declared first.
    pub(crate) fn root_candidates(&self) -> impl Iterator<Item = (Treatment, Place)> {
        self.root.iter().copied().filter(|(treatment, _)| !matches!(treatment, Treatment::Keys(_)))
    }

    /// The class as which the document's own keys are hidden, and the place of the field that says so.
    pub(crate) fn root_keys(&self) -> Option<(Class, Place)> {
        self.root.iter().copied().find_map(hidden_keys)
    }

    /// The label of a member, by its decoded name.
    pub(crate) fn member(&self, name: &[u8]) -> Label {
        self.names.label(name).unwrap_or(Label::OTHER)
    }

    /// What the last bytes of keys say of them, if they are spelled without escapes.
    #[inline(always)]
    pub(crate) fn clues(&self) -> Clues<'_> {
        self.names.clues()
    }

    /// The key that ends before the colon at the end of `before`, if it is one of the plan's and spelled without
    /// escapes. Without a clue it is looked for.
    #[inline(always)]
    pub(crate) fn key(&self, clue: Clue, before: &[u8]) -> Option<Key> {
        self.names.key(clue, before)
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

    /// Whether any item has a label of its own; without, every item is [`Label::OTHER`].
    pub(crate) fn has_indexes(&self) -> bool {
        !self.indexes.is_empty()
    }

    /// The labels that an item of unknown index may have.
    pub(crate) fn items(&self) -> impl Iterator<Item = Label> {
        std::iter::once(Label::OTHER).chain(self.indexes.iter().map(|&(_, label)| label))
    }

    /// The longest name, in bytes, that any member is compared with.
    pub(crate) fn longest_name(&self) -> usize {
        self.names.longest()
    }

    /// The treatment of the child under `label`, by the field declared first.
    #[inline(always)]
    pub(crate) fn treatment(&self, state: &[u64], label: Label) -> Option<Treatment> {
        let matching = self.row(label);
        for (word, ((state, matching), selecting)) in
            state.iter().zip(matching).zip(&self.selecting).enumerate()
        {
            let selecting = state & matching & selecting;
            if selecting != 0 {
                return Some(self.owners[word * 64 + selecting.trailing_zeros() as usize].0);
            }
        }
        None
    }

    /// Every field that decides over the child under `label`, first declared first.
    pub(crate) fn candidates(&self, state: &[u64], label: Label) -> impl Iterator<Item = (Treatment, Place)> {
        let selecting = state.iter().zip(self.row(label)).zip(&self.selecting);
        let words = selecting.map(|((state, matching), selecting)| state & matching & selecting);
        words
            .enumerate()
            .flat_map(move |(word, bits)| ones(bits).map(move |bit| self.owners[word * 64 + bit]))
    }

    /// The class as which the keys of the child under `label` are hidden, by the first field that says so, and its
    /// place.
    pub(crate) fn keys(&self, state: &[u64], label: Label) -> Option<(Class, Place)> {
        if !self.has_keys {
            return None;
        }
        let ends = state.iter().zip(self.row(label)).zip(self.last.iter().zip(&self.keys));
        let words = ends.map(|((state, matching), (last, keys))| state & matching & last & keys);
        let mut bits = words.enumerate().flat_map(|(word, bits)| ones(bits).map(move |bit| word * 64 + bit));
        bits.find_map(|bit| hidden_keys(self.owners[bit]))
    }

    /// Whether anything in a hidden container may be treated apart: there are fields that are kept, or keys.
    pub(crate) fn has_exceptions(&self) -> bool {
        self.has_exceptions
    }

    /// Whether a field with conditions may match below this state.
    pub(crate) fn is_conditional(&self, state: &[u64]) -> bool {
        state.iter().zip(&self.conditional).any(|(state, conditional)| state & conditional != 0)
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

    /// The state below the child under `label` for an automaton of one word that knows only plain fields of names;
    /// `None` for any other automaton, and where the child is hidden itself.
    #[inline(always)]
    pub(crate) fn simple_step(&self, state: u64, label: Label) -> Option<u64> {
        let simple = self.simple.as_ref()?;
        let matching = state & self.matching.get(label.0)?;
        if matching & simple.selecting != 0 {
            return None;
        }
        Some((matching & !simple.last) << 1 | state & simple.lasting)
    }

    /// Whether nothing becomes of children under no name of the plan, whatever they are, and the state below them is the
    /// same.
    pub(crate) fn is_steady(&self, state: &[u64]) -> bool {
        let mut carry = 0;
        self.indexes.is_empty()
            && (0..self.words).all(|word| {
                let matching = state[word] & self.row(Label::OTHER)[word];
                let passed = matching & !self.last[word];
                let next = passed << 1 | carry | state[word] & self.lasting[word];
                carry = passed >> 63;
                matching & (self.selecting[word] | self.last[word] & self.keys[word]) == 0
                    && next == state[word]
            })
    }

    /// The treatment of the child under `label` in such a state; `None` for any other automaton.
    #[inline(always)]
    pub(crate) fn simple_treatment(&self, state: u64, label: Label) -> Option<Option<Treatment>> {
        let simple = self.simple.as_ref()?;
        let selecting = state & self.matching.get(label.0)? & simple.selecting;
        Some(self.owners.get(selecting.trailing_zeros() as usize).map(|owner| owner.0))
    }

    /// Whether in such a state nothing is hidden but under names of the plan.
    #[inline(always)]
    pub(crate) fn is_simple_calm(&self, state: u64) -> bool {
        self.simple.as_ref().is_some_and(|simple| state & simple.calm == 0)
    }

    /// The class as which a child under `label` is hidden in every state in which anything of the root is left, by the
    /// field declared first.
    fn everywhere(&self, label: Label) -> Option<Class> {
        let has = |row: &[u64], bit: usize| row[bit / 64] >> (bit % 64) & 1 != 0;
        let mut bits =
            (0..self.owners.len()).filter(|&bit| has(self.row(label), bit) && has(&self.selecting, bit));
        let first = bits.next()?;
        // It is the one segment of its field, and matches at any depth.
        let is_lasting = has(&self.start, first) && has(&self.lasting, first);
        match self.owners[first].0 {
            Treatment::Hide(class) if is_lasting => Some(class),
            Treatment::Hide(_)
            | Treatment::HideIf(..)
            | Treatment::Keys(_)
            | Treatment::Keep
            | Treatment::Inner(_)
            | Treatment::Written => None,
        }
    }

    /// Takes out of a state what has no say below a value that the field at `place` hides: fields not declared
    /// before it, and where nothing is kept those too. Keys are hidden still. Returns whether anything is left.
    pub(crate) fn restrict(&self, state: &mut [u64], place: Place) -> bool {
        let mut alive = 0;
        for (word, (state, keys)) in state.iter_mut().zip(&self.keys).enumerate() {
            let before = match place.0.checked_sub(word * 64) {
                Some(_) if !self.has_exceptions => 0,
                None => 0,
                Some(bits @ 0..64) => (1 << bits) - 1,
                Some(_) => u64::MAX,
            };
            *state &= before | keys;
            alive |= *state;
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
pub(crate) struct Label(pub(super) usize);

impl Label {
    /// A name or index that only wildcards match.
    pub(crate) const OTHER: Label = Label(0);
}

/// Where a field stands among those declared: the number of its first bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(usize);

impl Place {
    /// Behind every field.
    pub(crate) const LAST: Place = Place(usize::MAX);
}

fn hidden_keys((treatment, place): (Treatment, Place)) -> Option<(Class, Place)> {
    match treatment {
        Treatment::Keys(class) => Some((class, place)),
        Treatment::Hide(_)
        | Treatment::HideIf(..)
        | Treatment::Keep
        | Treatment::Inner(_)
        | Treatment::Written => None,
    }
}

fn picks(segment: &Segment) -> &[Pick] {
    match segment {
        Segment::Child(picks) | Segment::Descendant(picks) => picks,
    }
}

fn set(bits: &mut [u64], bit: usize) {
    bits[bit / 64] |= 1 << (bit % 64);
}
