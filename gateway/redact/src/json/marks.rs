//! Marks around what copies are not looked for in: what is kept, and what operators wrote; and before strings that have
//! such in the JSON in them.
//!
//! A mark is a byte that no UTF-8 has, so it can stand in the output and be held with it, until
//! [`Trail`](crate::copies::Trail) takes it out. There are none unless somebody does.

use super::{Cursor, Rewriter};
use crate::{
    copies::{END, KEPT, NESTED, WRITTEN},
    plan::{Inner, Treatment},
};

/// The marks that are open.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// The depths of containers that a mark is before.
    containers: Vec<usize>,
    /// A mark is before the value that begins, or is being read.
    is_begun: bool,
    /// The value has ended.
    is_ended: bool,
}

impl Rewriter {
    /// Before a value.
    pub(super) fn begin_mark(&mut self, treatment: Option<Treatment>, first: u8, cursor: &mut Cursor) {
        let Some(marks) = &mut self.marks else { return };
        let mark = match treatment {
            Some(Treatment::Keep) => KEPT,
            Some(Treatment::Written) => WRITTEN,
            // Who wrote a text, and what it is read as, are said by two fields.
            Some(Treatment::Inner(_)) if self.stack.is_written(self.plan.automaton(), self.member) => WRITTEN,
            // It needs no mark behind it: it is of the string that follows.
            Some(Treatment::Inner(Inner::Json)) if self.plan.marks_inner() && first == b'"' => {
                cursor.pass();
                return cursor.out.push(NESTED);
            }
            Some(Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keys(_) | Treatment::Inner(_))
            | None => return,
        };
        cursor.pass();
        cursor.out.push(mark);
        marks.is_begun = true;
        marks.is_ended = !matches!(first, b'{' | b'[');
    }

    /// Whether the value that is being read is no place for copies.
    pub(super) fn is_marked(&self) -> bool {
        self.marks.as_ref().is_some_and(|marks| marks.is_begun || !marks.containers.is_empty())
    }

    /// Behind the opening bracket of a container.
    pub(super) fn mark_container(&mut self) {
        if let Some(marks) = &mut self.marks
            && marks.is_begun
        {
            marks.is_begun = false;
            marks.containers.push(self.stack.depth());
            // Its closing bracket must be seen.
            self.stack.disturb();
        }
    }

    /// At the closing bracket of a container.
    pub(super) fn unmark_container(&mut self) {
        if let Some(marks) = &mut self.marks
            && marks.containers.pop_if(|depth| *depth == self.stack.depth()).is_some()
        {
            (marks.is_begun, marks.is_ended) = (true, true);
        }
    }

    /// After a step: behind a value that has ended.
    pub(super) fn end_mark(&mut self, cursor: &mut Cursor) {
        if let Some(marks) = &mut self.marks
            && marks.is_begun
            && marks.is_ended
            && self.state.is_after()
        {
            marks.is_begun = false;
            cursor.pass();
            cursor.out.push(END);
        }
    }
}
