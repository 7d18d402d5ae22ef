//! Where in the document, and in the plan, the scanner stands.
//!
//! One frame for each open container. A container in which no selector can match, or which is hidden as a whole,
//! carries no state of the automaton, and its keys are not looked at.

use crate::{
    class::Class,
    error::RedactError,
    plan::{Automaton, Label, Treatment},
};

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

    /// The kind of the innermost open container.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.frames.last().map(|frame| frame.kind)
    }

    /// Whether the names of the innermost container's members matter.
    #[inline]
    pub(super) fn is_live(&self) -> bool {
        self.frames.last().is_some_and(|frame| matches!(frame.way, Way::Live))
    }

    /// The treatment of the next value; `member` is the label of its key, if it has one.
    #[inline]
    pub(super) fn treatment(&self, automaton: &Automaton, member: Label) -> Option<Treatment> {
        let Some(frame) = self.frames.last() else { return automaton.root() };
        match frame.way {
            Way::Live => {
                let state = &self.states[self.states.len() - automaton.words()..];
                automaton.treatment(state, frame.label(automaton, member))
            }
            Way::Dead => None,
            Way::Hidden(class) => Some(Treatment::Hide(class)),
        }
    }

    /// Opens a container that is treated as a whole, if it is.
    pub(super) fn open(
        &mut self,
        automaton: &Automaton,
        kind: Kind,
        member: Label,
        treatment: Option<Treatment>,
        depth: usize,
    ) -> Result<(), RedactError> {
        if self.frames.len() >= depth {
            return Err(RedactError::TooDeep);
        }
        let way = match (treatment, self.frames.last()) {
            (Some(Treatment::Hide(class)), _) => Way::Hidden(class),
            (Some(Treatment::Keep), _) => Way::Dead,
            (None, None) if automaton.is_dead() => Way::Dead,
            (None, None) => {
                self.states.extend_from_slice(automaton.start());
                Way::Live
            }
            (None, Some(frame)) => match frame.way {
                Way::Live if automaton.descend(&mut self.states, frame.label(automaton, member)) => Way::Live,
                Way::Live | Way::Dead => Way::Dead,
                Way::Hidden(class) => Way::Hidden(class),
            },
        };
        let is_calm = match way {
            Way::Live => {
                let state = &self.states[self.states.len() - automaton.words()..];
                !(automaton.has_indexes() && kind == Kind::Array)
                    && automaton.treatment(state, Label::OTHER).is_none()
            }
            Way::Dead => true,
            Way::Hidden(_) => false,
        };
        self.frames.push(Frame { kind, way, is_calm, index: 0 });
        Ok(())
    }

    /// Closes the innermost container.
    pub(super) fn close(&mut self, automaton: &Automaton) {
        if let Some(Frame { way: Way::Live, .. }) = self.frames.pop() {
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
    way: Way,
    /// No value in it is treated but under a name of the plan.
    is_calm: bool,
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

/// What the plan says of a container's inside.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Selectors may match here; the state is on the stack.
    Live,
    /// No selector matches from here on.
    Dead,
    /// Every value below is hidden as this class.
    Hidden(Class),
}
