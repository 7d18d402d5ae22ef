//! What the members of open objects say to the conditions of a plan.
//!
//! Of each object in which a field with conditions may match, a few words are kept: which members have come, and
//! which were equal to what they are compared with. The members' own text is forgotten at once.

use crate::plan::{Check, Conditions, Probes};

use super::text::{Held, TextLexer};

/// What one open object has said so far. Bits are probes.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// The probes whose member has come.
    seen: Probes,
    /// Those of them whose member was among their values.
    equal: Probes,
    /// The probes that can have no answer here: the member came twice, is a container or came too late.
    unclear: Probes,
    /// The probes whose first answer is the last word, because there was no room to wait for another.
    settled: Probes,
    /// The first of the values that wait for this object.
    pub(super) waiting: Option<u32>,
}

/// What a condition says at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Met,
    NotMet,
    /// Not known before this object, by its number among the open ones, ends.
    Open(usize),
}

/// When a condition is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Within all open objects.
    Within,
    /// At the end of the innermost open object.
    End,
    /// Where no more can be held: the answer has to be given now, and stands for the rest of the object.
    Bound,
}

/// Which objects a value stands in, counted from the outermost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// How many objects were open at the value.
    pub(super) inside: usize,
    /// How many of them may still be asked: the others have ended and had nothing to say.
    pub(super) open: usize,
}

/// Asks a condition about a value.
///
/// The first answer of an open object is not believed yet if it shows the value: the member may come once more.
pub(super) fn ask(objects: &mut [Members], check: &Check, standing: Standing, moment: Moment) -> Answer {
    let innermost = objects.len();
    for level in check.levels.clone() {
        let Some(place) = standing.inside.checked_sub(usize::from(level) + 1) else { break };
        let Some(object) = objects.get_mut(place).filter(|_| place < standing.open) else { continue };
        let has_ended = moment == Moment::End && place + 1 == innermost;
        let has = |answers: Probes| answers & check.probe != 0;
        let answer = match has(object.seen) {
            _ if has(object.unclear) => return Answer::Met,
            true if has(object.equal) != check.is_negated => return Answer::Met,
            true if has_ended || has(object.settled) => return Answer::NotMet,
            false if has_ended => continue,
            true => Answer::NotMet,
            false => Answer::Met,
        };
        match (moment, answer) {
            (Moment::Within | Moment::End, _) => return Answer::Open(place),
            (Moment::Bound, Answer::NotMet) => object.settled |= check.probe,
            (Moment::Bound, Answer::Met | Answer::Open(_)) => object.unclear |= check.probe,
        }
        return answer;
    }
    if check.is_negated { Answer::Met } else { Answer::NotMet }
}

impl Members {
    /// Takes the name of a member that probes ask.
    fn begin(&mut self, asking: Probes) {
        self.unclear |= self.seen & asking;
    }

    /// Takes the member's value: the probes that have it among theirs, or `None` if it is a container.
    fn end(&mut self, asking: Probes, equal: Option<Probes>) {
        self.seen |= asking;
        match equal {
            Some(equal) => self.equal |= equal,
            None => self.unclear |= asking,
        }
    }
}

/// Reads the value of a member that probes ask.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The probes that ask; none if no value is being read.
    asking: Probes,
    /// The number of the object whose member it is.
    object: usize,
    /// The value as spelled, as far as it can be equal to anything.
    spelling: Vec<u8>,
    is_over: bool,
    decoded: Held,
}

impl Reading {
    pub(super) fn is_on(&self) -> bool {
        self.asking != 0
    }

    /// Begins behind the name of a member of the innermost object.
    pub(super) fn begin(&mut self, asking: Probes, objects: &mut [Members]) {
        if let Some(object) = objects.last_mut() {
            object.begin(asking);
            self.asking = asking;
            self.object = objects.len() - 1;
            self.spelling.clear();
            self.is_over = false;
        }
    }

    /// Takes what has been read of a scalar.
    pub(super) fn take(&mut self, bytes: &[u8], conditions: &Conditions) {
        let bytes = if self.spelling.is_empty() { bytes.trim_ascii_start() } else { bytes };
        // A byte is spelled by six at most, `\u0041`.
        let bound = conditions.longest_value() * 6 + 2;
        if self.is_over || bytes.len() > bound - self.spelling.len() {
            self.is_over = true;
        } else {
            self.spelling.extend_from_slice(bytes);
        }
        debug_assert!(self.spelling.len() <= bound);
    }

    /// Ends a scalar.
    pub(super) fn end_scalar(&mut self, conditions: &Conditions, objects: &mut [Members]) {
        let value = match self.spelling.split_first() {
            _ if self.is_over => None,
            Some((b'"', inside)) => {
                self.decoded.begin(conditions.longest_value());
                // The string has been found well-formed.
                let ended = TextLexer::Plain.advance(inside, &mut 0, &mut self.decoded);
                self.decoded.end().filter(|_| ended == Ok(true))
            }
            Some(_) | None => Some(&self.spelling[..]),
        };
        let equal = value.map_or(0, |value| conditions.equal(self.asking, value));
        self.end(Some(equal), objects);
    }

    /// Ends at the opening bracket of a container.
    pub(super) fn end_container(&mut self, objects: &mut [Members]) {
        self.end(None, objects);
    }

    fn end(&mut self, equal: Option<Probes>, objects: &mut [Members]) {
        if let Some(object) = objects.get_mut(self.object) {
            object.end(self.asking, equal);
        }
        self.asking = 0;
    }
}
