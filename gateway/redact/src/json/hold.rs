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
    plan::{Conditions, Inner, Label, Place, SetId, Treatment},
};

use super::{
    Cursor, Rewriter, State,
    members::{Answer, Members, Moment, Reading, Standing, ask},
    stack::{Judgement, Stack},
    text::{Held, Sink, TextLexer},
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
    waits: Vec<Wait>,
    /// How many of `waits` are undecided. Without any nothing is held.
    undecided: usize,
    /// The open objects that may be asked.
    objects: Vec<Members>,
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
    /// What becomes of it if nothing of the chain hides it.
    treatment: Option<Treatment>,
}

/// A field with conditions that may hide a value, with everything below it.
#[derive(Debug)]
struct Wait {
    /// What may hide a container around it, or is declared before it; that decides first.
    above: Option<u32>,
    /// The next one that waits for the same object.
    next: Option<u32>,
    class: Class,
    place: Place,
    set: SetId,
    /// The conditions that have no answer yet, one bit each.
    open: u32,
    standing: Standing,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Undecided,
    Hides,
    Shows,
}

/// What may hide a value: the last of the fields that wait, and through it those above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    last: Option<u32>,
    /// The field that keeps the value from those declared behind it.
    keeper: Place,
}

impl Chain {
    pub(super) const NONE: Chain = Chain { last: None, keeper: Place::LAST };

    pub(super) fn is_none(self) -> bool {
        self.last.is_none()
    }
}

/// There is no room to wait.
struct NoRoom;

impl Rewriter {
    /// Judges the value that begins here. If it has to wait, output is held from here on.
    pub(super) fn judge(&mut self, cursor: &mut Cursor) -> Judgement {
        let mut moment = Moment::Within;
        loop {
            let Some(hold) = &mut self.hold else {
                return self.stack.treatment(self.plan.automaton(), self.member).into();
            };
            let room = hold.room(self.limits.held_object, cursor);
            let (stack, plan) = (&self.stack, &*self.plan);
            match hold.judge(
                plan.conditions(),
                stack,
                stack.candidates(plan.automaton(), self.member),
                moment,
                room,
            ) {
                Ok(judgement) => {
                    if hold.undecided > 0 {
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
        match &mut self.hold {
            Some(hold) if !judgement.chain.is_none() => {
                cursor.pass();
                let start = cursor.out.len();
                let Judgement { treatment, chain, place: _ } = judgement;
                hold.value = Some(Value { start, end: start, chain, treatment });
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
            hold.objects.push(Members::default());
        }
    }

    /// Before the closing bracket of a container.
    pub(super) fn end_container(&mut self, cursor: &mut Cursor) {
        if let Some(hold) = &mut self.hold
            && self.stack.is_asked()
        {
            hold.end_object(self.plan.conditions());
            if hold.undecided == 0 && hold.is_active {
                self.release(cursor);
            }
        }
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
                hold.reading.begin(asking, &mut hold.objects);
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
                hold.reading.end_container(&mut hold.objects);
            }
            if self.state.is_after() {
                hold.reading.end_scalar(conditions, &mut hold.objects);
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
        hold.decide(self.plan.conditions());
        self.stack.settle(self.plan.automaton(), |chain| hold.resolve(chain));
        if let Some(value) = hold.value.take() {
            let treatment = hold.treatment(&value);
            if let Some(class) = treatment.and_then(Treatment::class) {
                self.hide_begun(class, value.start, cursor);
            } else if let Some(inner) = treatment.and_then(Treatment::inner) {
                self.look_begun(inner, value.start, cursor);
            }
        }
        self.release(cursor);
    }

    /// Takes back what has been read of a value, to hide it when it is complete.
    fn hide_begun(&mut self, class: Class, start: usize, cursor: &mut Cursor) {
        let read = cursor.out.get(start..).unwrap_or_default();
        self.held.begin(self.limits.value_bytes);
        match &mut self.state {
            State::Text { class: hidden, .. } => {
                let inside = read.get(1..).unwrap_or_default();
                // It has been found well-formed so far.
                let _ = TextLexer::Plain.advance(inside, &mut 0, &mut self.held);
                *hidden = Some(class);
            }
            State::Number { class: hidden, .. } => {
                self.held.bytes(read);
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
        let mut passed = 0;
        for value in &hold.values {
            let treatment = hold.treatment(value);
            let spelling = &hold.aside[value.start..value.end];
            if let Some(inner) = treatment.and_then(Treatment::inner)
                && let [b'"', inside @ .., b'"'] = spelling
            {
                cursor.out.extend_from_slice(&hold.aside[passed..value.start]);
                passed = value.end;
                self.show_inner(inner, Some(inside), cursor.out);
            } else if let Some(class) = treatment.and_then(Treatment::class) {
                cursor.out.extend_from_slice(&hold.aside[passed..value.start]);
                passed = value.end;
                match spelling.first() {
                    Some(b'"') => {
                        // `held` may hold what is being read.
                        hold.decoded.begin(self.limits.value_bytes);
                        let _ = TextLexer::Plain.advance(&spelling[1..], &mut 0, &mut hold.decoded);
                        self.show_text(class, hold.decoded.end(), cursor.out);
                    }
                    Some(b'n') => cursor.out.extend_from_slice(spelling),
                    Some(b't' | b'f') => self.show_word(class, cursor.out),
                    Some(_) | None => {
                        let is_short = spelling.len() <= self.limits.value_bytes;
                        self.show_number(class, is_short.then_some(spelling), cursor.out);
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

    fn judge(
        &mut self,
        conditions: &Conditions,
        stack: &Stack,
        candidates: impl Iterator<Item = (Treatment, Place)>,
        moment: Moment,
        mut room: usize,
    ) -> Result<Judgement, NoRoom> {
        let mut chain = stack.chain();
        for (treatment, place) in candidates {
            let (set, class) = match treatment {
                Treatment::HideIf(set, class) => (set, class),
                Treatment::Keep => {
                    chain = self.kept(chain, place);
                    return Ok(Judgement { treatment: Some(treatment), place: Some(place), chain });
                }
                Treatment::Hide(_) | Treatment::Keys(_) | Treatment::Inner(_) => {
                    return Ok(Judgement { treatment: Some(treatment), place: Some(place), chain });
                }
            };
            let standing = Standing { inside: self.objects.len(), open: self.objects.len() };
            let mut wait = Wait {
                above: chain.last,
                next: None,
                class,
                place,
                set,
                open: u32::MAX,
                standing,
                fate: Fate::Undecided,
            };
            let object = wait.ask(conditions, &mut self.objects, moment);
            match (wait.fate, object) {
                (Fate::Shows, _) => {}
                (Fate::Undecided, Some(object)) => {
                    // For this note, one of the value and its first byte.
                    room = room.checked_sub(NOTE_BYTES).filter(|&room| room > NOTE_BYTES).ok_or(NoRoom)?;
                    chain.last = Some(self.wait_for(object, wait)?);
                }
                (Fate::Hides | Fate::Undecided, _) => {
                    let treatment = Some(Treatment::Hide(class));
                    return Ok(Judgement { treatment, place: Some(place), chain });
                }
            }
        }
        Ok(Judgement { treatment: stack.hidden().map(Treatment::Hide), place: None, chain })
    }

    /// What may still hide a value that the field at a place keeps.
    fn kept(&self, chain: Chain, place: Place) -> Chain {
        let chain = Chain { keeper: place, ..chain };
        if self.above(chain).any(|wait| wait.place < place) { chain } else { Chain::NONE }
    }

    fn wait_for(&mut self, object: usize, wait: Wait) -> Result<u32, NoRoom> {
        let number = u32::try_from(self.waits.len()).map_err(|_| NoRoom)?;
        self.waits.push(wait);
        self.undecided += 1;
        self.link(number, object);
        Ok(number)
    }

    fn link(&mut self, number: u32, object: usize) {
        self.waits[number as usize].next = self.objects[object].waiting.replace(number);
    }

    /// Ends the innermost open object: what waits for it is decided, or waits for one around it.
    fn end_object(&mut self, conditions: &Conditions) {
        let mut next = self.objects.last_mut().and_then(|object| object.waiting.take());
        while let Some(number) = next {
            let wait = &mut self.waits[number as usize];
            next = wait.next.take();
            let object = wait.ask(conditions, &mut self.objects, Moment::End);
            wait.standing.open = self.objects.len() - 1;
            match object {
                Some(object) => self.link(number, object),
                None => self.undecided -= 1,
            }
        }
        self.objects.pop();
    }

    fn decide(&mut self, conditions: &Conditions) {
        for wait in self.waits.iter_mut().filter(|wait| wait.fate == Fate::Undecided) {
            let object = wait.ask(conditions, &mut self.objects, Moment::Bound);
            debug_assert!(object.is_none(), "at the bound every condition has an answer");
        }
        for object in &mut self.objects {
            object.waiting = None;
        }
        self.undecided = 0;
    }

    /// What becomes of a value, when everything is decided.
    fn treatment(&self, value: &Value) -> Option<Treatment> {
        self.resolve(value.chain).map(|(class, _)| Treatment::Hide(class)).or(value.treatment)
    }

    /// The outermost, or first declared, of what hides a value. What is undecided hides.
    fn resolve(&self, chain: Chain) -> Option<(Class, Place)> {
        let hides = |wait: &&Wait| wait.fate != Fate::Shows && wait.place < chain.keeper;
        self.above(chain).filter(hides).last().map(|wait| (wait.class, wait.place))
    }

    fn above(&self, chain: Chain) -> impl Iterator<Item = &Wait> {
        let wait = |number: u32| self.waits.get(number as usize);
        std::iter::successors(chain.last.and_then(wait), move |last| last.above.and_then(wait))
    }
}

impl Wait {
    /// Asks the conditions that have no answer yet. Returns the innermost object whose end has to be awaited;
    /// without one the fate is decided.
    fn ask(&mut self, conditions: &Conditions, objects: &mut [Members], moment: Moment) -> Option<usize> {
        let mut innermost = None;
        for (place, check) in conditions.set(self.set).iter().enumerate() {
            let bit = 1 << place;
            if self.open & bit == 0 {
                continue;
            }
            match ask(objects, check, self.standing, moment) {
                Answer::Met => self.open &= !bit,
                Answer::NotMet => {
                    self.fate = Fate::Shows;
                    return None;
                }
                Answer::Open(object) => innermost = innermost.max(Some(object)),
            }
        }
        if innermost.is_none() {
            self.fate = Fate::Hides;
        }
        innermost
    }
}

/// What a note of a value or of a field that waits counts as.
const NOTE_BYTES: usize = 80;
