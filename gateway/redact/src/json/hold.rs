//! Values that wait: whether they are hidden is known only when an object around them has ended.
//!
//! From the first such value on, output is held, with a note of every value that waits. When nothing waits any
//! more it leaves, at once and in order. Bytes and notes together are no more than `Limits::held_object`; then
//! whatever is undecided is decided to be hidden, for the rest of these objects too. The buffer itself can be
//! longer by what stands for one hidden value. Nothing is replayed and nothing held is read twice, but for the
//! values that turn out to be hidden.

use std::mem;

use crate::{
    class::Class,
    plan::{Inner, Label, Treatment},
};

use super::{
    Cursor, Rewriter, State,
    members::{Members, Moment, Reading},
    stack::Judgement,
    text::{Held, Sink, TextLexer},
    waits::{Chain, NoRoom, Outcome, Waits},
};

/// What is held, and why. Outside of [`Rewriter::write`] `aside` is what is held; inside, the output is, and what
/// has left is put aside.
#[derive(Debug, Default)]
pub(super) struct Hold {
    is_active: bool,
    aside: Vec<u8>,
    /// The values that wait, in order.
    values: Vec<Value>,
    /// The one that is being read; its end is not known.
    value: Option<Value>,
    /// What they wait for. While nothing does, nothing is held.
    waits: Waits,
    reading: Reading,
    /// Decodes values that turn out to be hidden.
    decoded: Held,
}

/// A number, a string or a word that waits.
#[derive(Clone, Copy, Debug)]
struct Value {
    /// Where it stands in what is held, as it came: `start <= end`.
    start: usize,
    end: usize,
    chain: Chain,
    /// Whether copies are looked for in it.
    has_copies: bool,
    /// What becomes of it if nothing of the chain hides it.
    treatment: Option<Treatment>,
}

impl Rewriter {
    /// Judges the value that begins here. If it has to wait, output is held from here on.
    pub(super) fn judge(&mut self, cursor: &mut Cursor) -> Judgement {
        let mut moment = Moment::Within;
        loop {
            let Some(hold) = &mut self.hold else {
                return self.stack.treatment(self.plan.automaton(), self.member).into();
            };
            // Beside a link there has to be room for a note on the value and its first byte.
            let room = hold.room(self.limits.held_object, cursor).saturating_sub(1) / NOTE_BYTES;
            let judgement = hold.waits.judge(
                self.plan.conditions(),
                self.stack.candidates(self.plan.automaton(), self.member),
                self.stack.chain(),
                self.stack.hidden(),
                moment,
                room.saturating_sub(1),
            );
            match judgement {
                Ok(judgement) => {
                    if !hold.waits.are_decided() {
                        hold.begin(cursor);
                        cursor.reach(hold.room(self.limits.held_object, cursor));
                    }
                    return judgement;
                }
                Err(NoRoom) => {
                    self.decide(cursor);
                    moment = Moment::Bound;
                }
            }
        }
    }

    /// Whether output is held.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_active)
    }

    /// Notes a scalar that waits, before its first byte. Returns what becomes of any other at once.
    pub(super) fn begin_waiting(&mut self, judgement: Judgement, cursor: &mut Cursor) -> Option<Treatment> {
        let has_copies = !self.is_marked();
        match &mut self.hold {
            Some(hold) if !judgement.chain.is_none() => {
                cursor.pass();
                let start = cursor.out.len();
                let Judgement { treatment, chain, place: _ } = judgement;
                hold.value = Some(Value { start, end: start, chain, has_copies, treatment });
                None
            }
            Some(_) | None => judgement.treatment,
        }
    }

    /// Behind the opening bracket of a container.
    pub(super) fn begin_container(&mut self) {
        if let Some(hold) = &mut self.hold
            && self.stack.is_asked()
        {
            hold.waits.objects.push(Members::default());
        }
    }

    /// Before the closing bracket of a container.
    pub(super) fn end_container(&mut self, cursor: &mut Cursor) {
        if let Some(hold) = &mut self.hold
            && self.stack.is_asked()
        {
            hold.waits.end_object(self.plan.conditions());
            if hold.waits.are_decided() && hold.is_active {
                self.release(cursor);
            }
        }
        self.unmark_container();
        self.stack.close(self.plan.automaton());
    }

    /// Behind the name of a member.
    #[inline]
    pub(super) fn begin_member(&mut self, label: Label) {
        self.member = label;
        if let Some(hold) = &mut self.hold
            && self.stack.is_asked()
        {
            let asking = self.plan.conditions().asking(label);
            if asking != 0 {
                hold.reading.begin(asking, &mut hold.waits.objects);
            }
        }
    }

    /// Before a step: lets no more be read than there is room to hold.
    pub(super) fn keep_bound(&mut self, cursor: &mut Cursor) {
        let Some(hold) = self.hold.as_ref().filter(|hold| hold.is_active) else { return };
        if self.state.is_holding() {
            // Of what is being read nothing is emitted before its end.
            cursor.reach(usize::MAX);
            return;
        }
        match hold.room(self.limits.held_object, cursor) {
            0 => self.decide(cursor),
            room => cursor.reach(room),
        }
    }

    /// After a step that began in a state and at a place: takes notice of what it read.
    pub(super) fn notice(&mut self, before: State, from: usize, cursor: &mut Cursor) {
        let Some(hold) = &mut self.hold else { return };
        if hold.reading.is_on() && before.is_value() {
            let conditions = self.plan.conditions();
            if self.state.is_value() || self.state.is_after() {
                hold.reading.take(&cursor.chunk[from..cursor.at], conditions);
            } else {
                hold.reading.end_container(&mut hold.waits.objects);
            }
            if self.state.is_after() {
                hold.reading.end_scalar(conditions, &mut hold.waits.objects);
            }
        }
        if self.state.is_after()
            && let Some(value) = hold.value.take()
        {
            cursor.pass();
            hold.values.push(Value { end: cursor.out.len(), ..value });
        }
    }

    /// Decides what is undecided, since no more may be held.
    fn decide(&mut self, cursor: &mut Cursor) {
        cursor.pass();
        let Some(hold) = &mut self.hold else { return };
        hold.waits.decide(self.plan.conditions());
        hold.waits.settle();
        self.stack.settle(self.plan.automaton(), |chain| hold.waits.outcome(chain));
        if let Some(value) = hold.value.take() {
            let treatment = hold.treatment(&value);
            if let (Some(inner), State::Text { .. }) = (treatment.and_then(Treatment::inner), self.state) {
                self.look_begun(inner, value.start, cursor);
            } else if let Some(class) = treatment.and_then(Treatment::class) {
                self.hide_begun(class, value.start, cursor);
            }
        }
        self.release(cursor);
    }

    /// Takes back what has been read of a value, to hide it when it is complete.
    fn hide_begun(&mut self, class: Class, start: usize, cursor: &mut Cursor) {
        let read = cursor.out.get(start..).unwrap_or_default();
        self.values.begin();
        match &mut self.state {
            State::Text { class: hidden, .. } => {
                let inside = read.get(1..).unwrap_or_default();
                // It has been found well-formed so far.
                let _ = TextLexer::Plain.advance(inside, &mut 0, &mut self.values.held);
                *hidden = Some(class);
            }
            State::Number { class: hidden, .. } => {
                self.values.held.bytes(read);
                *hidden = Some(class);
            }
            State::Word { class: hidden, .. } => *hidden = Some(class),
            State::Value
            | State::FirstItem
            | State::FirstMember
            | State::Member
            | State::Key { .. }
            | State::Colon
            | State::Inner { .. }
            | State::After => return,
        }
        cursor.out.truncate(start);
    }

    /// Takes back what has been read of a string, to look into it when it is complete.
    fn look_begun(&mut self, inner: Inner, start: usize, cursor: &mut Cursor) {
        if let State::Text { lexer, .. } = self.state {
            let inside = cursor.out.get(start + 1..).unwrap_or_default();
            let raw = self.raw.get_or_insert_default();
            raw.begin(self.limits.inner_bytes);
            raw.push(inside);
            self.state = State::Inner { lexer, inner };
            cursor.out.truncate(start);
        }
    }

    /// Lets go of what is held: everything is decided.
    fn release(&mut self, cursor: &mut Cursor) {
        cursor.pass();
        cursor.reach(usize::MAX);
        let Some(mut hold) = self.hold.take() else { return };
        hold.swap(cursor.out);
        hold.waits.settle();
        let mut passed = 0;
        for value in &hold.values {
            let treatment = hold.treatment(value);
            let spelling = &hold.aside[value.start..value.end];
            if let Some(inner) = treatment.and_then(Treatment::inner)
                && let [b'"', inside @ .., b'"'] = spelling
            {
                cursor.out.extend_from_slice(&hold.aside[passed..value.start]);
                passed = value.end;
                self.show_inner(inner, Some(inside), value.has_copies, cursor.out);
            } else if let Some(class) = treatment.and_then(Treatment::class) {
                cursor.out.extend_from_slice(&hold.aside[passed..value.start]);
                passed = value.end;
                match spelling.first() {
                    Some(b'"') => {
                        // `held` may hold what is being read.
                        hold.decoded.begin(self.limits.value_bytes);
                        let _ = TextLexer::Plain.advance(&spelling[1..], &mut 0, &mut hold.decoded);
                        self.values.text(&self.plan, class, hold.decoded.end(), cursor.out);
                    }
                    Some(b'n') => cursor.out.extend_from_slice(spelling),
                    Some(b't' | b'f') => self.values.word(class, cursor.out),
                    Some(_) | None => {
                        let is_short = spelling.len() <= self.limits.value_bytes;
                        self.values.number(&self.plan, class, is_short.then_some(spelling), cursor.out);
                    }
                }
            }
        }
        cursor.out.extend_from_slice(&hold.aside[passed..]);
        hold.clear();
        self.hold = Some(hold);
    }
}

impl Hold {
    /// Enters or leaves [`Rewriter::write`].
    pub(super) fn swap(&mut self, out: &mut Vec<u8>) {
        if self.is_active {
            mem::swap(&mut self.aside, out);
        }
    }

    /// Holds from here on, if nothing is held yet.
    fn begin(&mut self, cursor: &mut Cursor) {
        if !self.is_active {
            cursor.pass();
            self.is_active = true;
            self.swap(cursor.out);
        }
    }

    fn clear(&mut self) {
        self.is_active = false;
        self.aside.clear();
        self.values.clear();
        self.waits.clear();
    }

    /// How many more bytes may be held, at the cursor.
    fn room(&self, bound: usize, cursor: &Cursor) -> usize {
        let held = if self.is_active { cursor.out.len() + cursor.at - cursor.passed } else { 0 };
        bound.saturating_sub(held + (self.values.len() + self.waits.len()) * NOTE_BYTES)
    }

    /// What becomes of a value, when everything is decided.
    fn treatment(&self, value: &Value) -> Option<Treatment> {
        match self.waits.outcome(value.chain) {
            Outcome::Open => value.treatment,
            Outcome::Hidden(class, _) => Some(Treatment::Hide(class)),
            Outcome::Kept => Some(Treatment::Keep),
        }
    }
}

/// What a note of a value or of a field that waits counts as.
const NOTE_BYTES: usize = 96;

const _: () = assert!(size_of::<Value>() <= NOTE_BYTES && Waits::LINK_BYTES <= NOTE_BYTES);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{AliasKey, Condition, Limits, Plan, Selector, Test};

    #[test]
    fn what_is_held_is_longer_than_its_bound_by_no_more_than_one_masked_value() {
        let when = Condition { member: "a".into(), levels: 0..=1, test: Test::OneOf(vec!["b".into()]) };
        let selector = |text| Selector::parse(text).unwrap();
        let plan = Plan::builder()
            .field_when(Class::Phone, &selector("$..phone"), &[when])
            .field(Class::Avatar, &selector("$..picture"))
            .build(&AliasKey::new(&[7; 32]).unwrap());
        let plan = Arc::new(plan.unwrap());
        let item =
            br#"{"phone":["1",{"c":2}],"picture":"a","x":"a longer text","d":{"phone":3,"picture":"b"}},"#;
        let body = [b"{\"list\":[".as_slice(), &item.repeat(if cfg!(miri) { 8 } else { 40 })].concat();
        let masked = "\"/.chatwarden/avatar/0123456789.svg\"".len();
        let bounds = [0, 1, 200, 333, 700, 1_500, 5_000];
        for held_object in bounds.into_iter().step_by(if cfg!(miri) { 3 } else { 1 }) {
            let mut rewriter = Rewriter::new(Arc::clone(&plan), Limits { held_object, ..Limits::default() });
            let mut longest = 0;
            for byte in &body {
                rewriter.write(&[*byte], &mut Vec::new()).unwrap();
                let hold = rewriter.hold.as_ref().unwrap();
                let notes = (hold.values.len() + hold.waits.len()) * NOTE_BYTES;
                assert!(hold.aside.len() <= held_object + masked, "{} of {held_object}", hold.aside.len());
                assert!(hold.aside.len() + notes <= held_object + NOTE_BYTES, "{notes} of {held_object}");
                longest = longest.max(hold.aside.len() + notes);
            }
            // Below there is no room for notes: nothing is held at all.
            assert!(held_object < 300 || longest > held_object / 2, "{longest} of {held_object}");
        }
    }
}
