//! Where in the document, and in the plan, the scanner stands.
//!
//! One frame for each open container. A container in which no selector can match, or which is hidden as a whole,
//! carries no state of the automaton, and its keys are not looked at.

use crate::{
    class::Class,
    error::RedactError,
    plan::{Automaton, Label, Place, Treatment},
};

use super::waits::{Chain, Outcome};

#[derive(Debug, Default)]
pub(super) struct Stack {
    frames: Vec<Frame>,
    /// One state of the automaton for each live frame.
    states: Vec<u64>,
}

impl Stack {
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Becomes the other stack, in the memory of this one.
    pub(super) fn copy_from(&mut self, other: &Stack) {
        self.frames.clone_from(&other.frames);
        self.states.clone_from(&other.states);
    }

    /// Whether nothing becomes of values in the innermost container but by the names of the plan.
    #[inline]
    pub(super) fn is_calm(&self) -> bool {
        self.frames.last().is_none_or(|frame| frame.is_calm)
    }

    /// Whether containers in the innermost one are like it, as long as no name of the plan leads to them.
    #[inline(always)]
    pub(super) fn is_steady(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_calm && frame.is_steady)
    }

    /// How many containers are open.
    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The kind of the innermost open container.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.frames.last().map(|frame| frame.kind)
    }

    /// The kinds of all open containers, the outermost first.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.frames.iter().map(|frame| frame.kind)
    }

    /// Whether the names of the innermost container's members matter.
    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_live)
    }

    /// The class as which the keys of the innermost container are hidden.
    #[inline]
    pub(super) fn keys(&self) -> Option<Class> {
        self.frames.last().and_then(|frame| frame.keys)
    }

    /// Whether members of the innermost container may be asked by conditions.
    #[inline]
    pub(super) fn is_asked(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.is_asked)
    }

    /// What the innermost container's values wait for: conditions of containers around them.
    pub(super) fn chain(&self) -> Chain {
        self.frames.last().map_or(Chain::NONE, |frame| frame.chain)
    }

    /// The treatment of the member under `label` of an object in which the state is that of the innermost container,
    /// which is calm: that one, or one in it that is not on the stack.
    #[inline(always)]
    pub(super) fn calm_treatment(&self, automaton: &Automaton, label: Label) -> Option<Treatment> {
        let state = self.states.last().filter(|_| self.is_live())?;
        match automaton.simple_treatment(*state, label) {
            Some(treatment) => treatment,
            // Not by the kind of the innermost container here: those deeper in it that are like it are not on the stack.
            None => automaton.treatment(self.state(automaton), label),
        }
    }

    /// The treatment of the next value; `member` is the label of its key, if it has one.
    #[inline]
    pub(super) fn treatment(&self, automaton: &Automaton, member: Label) -> Option<Treatment> {
        let Some(frame) = self.frames.last() else { return automaton.root() };
        let declared = match frame.is_live {
            true => automaton.treatment(self.state(automaton), frame.label(automaton, member)),
            false => None,
        };
        match (declared, frame.hidden) {
            (Some(Treatment::Keep), _) | (_, None) => declared,
            (_, Some(class)) => Some(Treatment::Hide(class)),
        }
    }

    /// Every field that decides over the next value, first declared first.
    pub(super) fn candidates<'s>(
        &'s self,
        automaton: &'s Automaton,
        member: Label,
    ) -> impl Iterator<Item = (Treatment, Place)> + 's {
        let root = self.frames.is_empty().then(|| automaton.root_candidates());
        let live = self.frames.last().filter(|frame| frame.is_live);
        let live =
            live.map(|frame| automaton.candidates(self.state(automaton), frame.label(automaton, member)));
        root.into_iter().flatten().chain(live.into_iter().flatten())
    }

    /// Whether operators wrote the next value, whatever else it is.
    pub(super) fn is_written(&self, automaton: &Automaton, member: Label) -> bool {
        self.candidates(automaton, member).any(|(treatment, _)| treatment == Treatment::Written)
    }

    /// The class as which every value in the innermost container is hidden that is not kept.
    pub(super) fn hidden(&self) -> Option<Class> {
        self.frames.last().and_then(|frame| frame.hidden)
    }

    /// Opens a container, of which it is known what becomes of it.
    pub(super) fn open(
        &mut self,
        automaton: &Automaton,
        kind: Kind,
        member: Label,
        judgement: impl Into<Judgement>,
        depth: usize,
    ) -> Result<(), RedactError> {
        if self.frames.len() >= depth {
            return Err(RedactError::TooDeep);
        }
        let Judgement { treatment, place, chain } = judgement.into();
        let place = match place {
            None if treatment.is_some() && automaton.has_exceptions() => {
                self.candidates(automaton, member).next().map(|(_, p)| p)
            }
            Some(_) | None => place,
        };
        let place = place.unwrap_or(Place::LAST);
        let (keys, mut is_live) = match self.frames.last() {
            None => {
                self.states.extend_from_slice(automaton.start());
                (automaton.root_keys(), true)
            }
            Some(frame) if frame.is_live => {
                let label = frame.label(automaton, member);
                let keys = automaton.keys(self.state(automaton), label);
                (keys, automaton.descend(&mut self.states, label))
            }
            Some(_) => (None, false),
        };
        let is_kept = treatment == Some(Treatment::Keep) && chain.is_none();
        let keys = keys.filter(|(_, of_keys)| !(is_kept && place < *of_keys)).map(|(class, _)| class);
        let hidden = treatment.and_then(Treatment::class);
        if is_live {
            let from = self.states.len() - automaton.words();
            is_live = match treatment {
                _ if is_kept => false,
                _ if hidden.is_some() => automaton.restrict(&mut self.states[from..], place),
                // It may be hidden yet; then what is declared before has its say.
                Some(Treatment::Keep) => automaton.restrict(&mut self.states[from..], place),
                Some(
                    Treatment::Hide(_)
                    | Treatment::HideIf(..)
                    | Treatment::Keys(_)
                    | Treatment::Inner(_)
                    | Treatment::Written,
                )
                | None => !(self.frames.is_empty() && automaton.is_dead()),
            };
            if !is_live {
                self.states.truncate(from);
            }
        }
        let is_conditional = is_live && automaton.is_conditional(self.state(automaton));
        let is_asked = is_conditional && kind == Kind::Object;
        let is_plain = hidden.is_none() && keys.is_none() && chain.is_none() && !is_conditional;
        let is_calm = is_plain
            && !(is_live
                && (kind == Kind::Array && automaton.has_indexes()
                    || automaton.treatment(self.state(automaton), Label::OTHER).is_some()));
        let is_steady = is_calm && (!is_live || automaton.is_steady(self.state(automaton)));
        self.frames.push(Frame {
            kind,
            is_live,
            is_calm,
            is_steady,
            is_asked,
            hidden,
            keys,
            chain,
            index: 0,
        });
        Ok(())
    }

    /// Opens a container in a calm one the short way, and tells whether it is calm; `None` if it takes the long way.
    #[inline(always)]
    pub(super) fn open_calm(
        &mut self,
        automaton: &Automaton,
        kind: Kind,
        member: Label,
        depth: usize,
    ) -> Option<bool> {
        let frame = self.frames.last()?;
        if self.frames.len() >= depth {
            return None;
        }
        let (mut is_live, mut is_calm, mut is_steady) = (false, true, true);
        if frame.is_live {
            let label = if frame.kind == Kind::Object { member } else { Label::OTHER };
            let state = automaton.simple_step(*self.states.last()?, label)?;
            if state != 0 {
                self.states.push(state);
                is_live = true;
                is_calm = automaton.is_simple_calm(state);
                is_steady = automaton.simple_step(state, Label::OTHER) == Some(state);
            }
        }
        self.frames.push(Frame {
            kind,
            is_live,
            is_calm,
            is_steady,
            is_asked: false,
            hidden: None,
            keys: None,
            chain: Chain::NONE,
            index: 0,
        });
        Some(is_calm)
    }

    /// Leaves the innermost container to the exact machine.
    pub(super) fn disturb(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.is_calm = false;
        }
    }

    /// Closes the innermost container.
    pub(super) fn close(&mut self, automaton: &Automaton) {
        if let Some(Frame { is_live: true, .. }) = self.frames.pop() {
            self.states.truncate(self.states.len() - automaton.words());
        }
    }

    /// Counts a comma of the innermost container.
    #[inline]
    pub(super) fn next_item(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.index += 1;
        }
    }

    /// Settles what open containers wait for, when all of it is decided.
    pub(super) fn settle(&mut self, automaton: &Automaton, outcome: impl Fn(Chain) -> Outcome) {
        let mut from = 0;
        for frame in &mut self.frames {
            let to = from + if frame.is_live { automaton.words() } else { 0 };
            let state = &mut self.states[from..to];
            // A state without a bit left is as good as none.
            match outcome(frame.chain) {
                Outcome::Open => {}
                Outcome::Hidden(class, first) => {
                    frame.hidden = Some(class);
                    automaton.restrict(state, first);
                }
                Outcome::Kept => {
                    frame.hidden = None;
                    state.fill(0);
                }
            }
            frame.chain = Chain::NONE;
            from = to;
        }
    }

    fn state(&self, automaton: &Automaton) -> &[u64] {
        &self.states[self.states.len() - automaton.words()..]
    }
}

/// What becomes of a value, as far as it is known at its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judgement {
    pub(super) treatment: Option<Treatment>,
    /// The place of the field whose treatment it is, where that is known already.
    pub(super) place: Option<Place>,
    /// What the value waits for; the treatment is what it gets if none of that hides it.
    pub(super) chain: Chain,
}

impl From<Option<Treatment>> for Judgement {
    fn from(treatment: Option<Treatment>) -> Judgement {
        Judgement { treatment, place: None, chain: Chain::NONE }
    }
}

/// What a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
}

#[derive(Clone, Debug)]
struct Frame {
    kind: Kind,
    /// Whether selectors may match here; if so the state is on the stack.
    is_live: bool,
    /// No value in it is treated but under a name of the plan, at once and by that name alone.
    is_calm: bool,
    /// Containers in it are as it is, unless a name of the plan leads to them.
    is_steady: bool,
    /// Whether conditions may ask members of this object. `is_asked` implies `is_live` and excludes `is_calm`.
    is_asked: bool,
    /// The class of every value below that is not kept.
    hidden: Option<Class>,
    /// The class of the keys of this object.
    keys: Option<Class>,
    chain: Chain,
    /// The index of the next item, in an array.
    index: u64,
}

impl Frame {
    #[inline]
    fn label(&self, automaton: &Automaton, member: Label) -> Label {
        match self.kind {
            Kind::Object => member,
            Kind::Array => automaton.item(self.index),
        }
    }
}
