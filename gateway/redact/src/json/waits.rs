//! What values wait for: fields whose conditions are not decided before an object around them ends.
//!
//! A value's chain leads from the innermost of these fields outwards, over the containers that they may hide and
//! those that others keep. Each field waits for one open object at a time, the innermost that it needs, so that the
//! end of an object looks at nothing but what it may decide.

use crate::{
    class::Class,
    plan::{Conditions, Place, SetId, Treatment},
};

use super::{
    members::{Answer, Members, Moment, Standing, ask},
    stack::Judgement,
};

/// What a value waits for: the last link of its chain, if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain(Option<u32>);

impl Chain {
    pub(super) const NONE: Chain = Chain(None);

    pub(super) fn is_none(self) -> bool {
        self.0.is_none()
    }
}

/// What a chain comes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// To nothing: none of its fields counts.
    Open,
    /// The value is hidden as this class; the first of the fields that hide it stands at this place.
    Hidden(Class, Place),
    Kept,
}

/// There is no room to wait.
#[derive(Debug)]
pub(super) struct NoRoom;

/// The fields that values wait for, and the objects that decide about them.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Each behind the one above it.
    links: Vec<Link>,
    undecided: usize,
    /// The open objects that may be asked.
    pub(super) objects: Vec<Members>,
}

/// A field of a chain.
#[derive(Debug)]
struct Link {
    /// That of a container around the value, or of a field that is declared before.
    above: Chain,
    place: Place,
    fate: Fate,
    /// What the chain comes to down to here, when everything is decided.
    outcome: Outcome,
}

#[derive(Debug)]
enum Fate {
    /// It may hide values as this class.
    Undecided(Class, Questions),
    Hides(Class),
    /// It does not count.
    Shows,
    /// It keeps values from what is declared behind it.
    Keeps,
}

/// The conditions of a field about one value.
#[derive(Debug)]
struct Questions {
    set: SetId,
    /// Those that have no answer yet, one bit each.
    open: u32,
    standing: Standing,
    /// The next link that waits for the same object.
    next: Option<u32>,
}

impl Waits {
    /// What a link takes.
    pub(super) const LINK_BYTES: usize = size_of::<Link>();

    /// Judges a value by the fields that select it, first declared first. `hidden` is the class of a container
    /// around it. There is room for as many links.
    pub(super) fn judge(
        &mut self,
        conditions: &Conditions,
        candidates: impl Iterator<Item = (Treatment, Place)>,
        mut chain: Chain,
        hidden: Option<Class>,
        moment: Moment,
        room: usize,
    ) -> Result<Judgement, NoRoom> {
        let full = self.links.len() + room;
        for (treatment, place) in candidates {
            let treatment = match treatment {
                Treatment::HideIf(set, class) => {
                    let class = hidden.unwrap_or(class);
                    let inside = self.objects.len();
                    let standing = Standing { inside, open: inside };
                    let mut questions = Questions { set, open: u32::MAX, standing, next: None };
                    match questions.ask(conditions, &mut self.objects, moment) {
                        Answer::Met => Treatment::Hide(class),
                        Answer::NotMet => continue,
                        Answer::Open(object) => {
                            chain = self.push(chain, place, Fate::Undecided(class, questions), full)?;
                            self.undecided += 1;
                            self.wait(chain, object);
                            continue;
                        }
                    }
                }
                Treatment::Keep if self.may_hide(chain, place) => {
                    chain = self.push(chain, place, Fate::Keeps, full)?;
                    treatment
                }
                Treatment::Keep => {
                    chain = Chain::NONE;
                    treatment
                }
                Treatment::Hide(_) | Treatment::Keys(_) | Treatment::Inner(_) | Treatment::Written => {
                    hidden.map_or(treatment, Treatment::Hide)
                }
            };
            return Ok(Judgement { treatment: Some(treatment), place: Some(place), chain });
        }
        Ok(Judgement { treatment: hidden.map(Treatment::Hide), place: Some(Place::LAST), chain })
    }

    /// How many links there are.
    pub(super) fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether nothing waits.
    pub(super) fn are_decided(&self) -> bool {
        self.undecided == 0
    }

    /// Forgets what is decided.
    pub(super) fn clear(&mut self) {
        self.links.clear();
    }

    /// Ends the innermost open object: what waits for it is decided, or waits for one around it.
    pub(super) fn end_object(&mut self, conditions: &Conditions) {
        let mut next = self.objects.last_mut().and_then(|object| object.waiting.take());
        while let Some(number) = next.take() {
            let Some(link) = self.links.get_mut(number as usize) else { break };
            let Fate::Undecided(class, questions) = &mut link.fate else { break };
            next = questions.next.take();
            match questions.ask(conditions, &mut self.objects, Moment::End) {
                Answer::Open(object) => {
                    questions.standing.open = self.objects.len() - 1;
                    self.wait(Chain(Some(number)), object);
                }
                Answer::Met => {
                    link.fate = Fate::Hides(*class);
                    self.undecided -= 1;
                }
                Answer::NotMet => {
                    link.fate = Fate::Shows;
                    self.undecided -= 1;
                }
            }
        }
        self.objects.pop();
    }

    /// Decides what is undecided, since nothing can wait any longer.
    pub(super) fn decide(&mut self, conditions: &Conditions) {
        for link in &mut self.links {
            if let Fate::Undecided(class, questions) = &mut link.fate {
                link.fate = match questions.ask(conditions, &mut self.objects, Moment::Bound) {
                    Answer::Met | Answer::Open(_) => Fate::Hides(*class),
                    Answer::NotMet => Fate::Shows,
                };
            }
        }
        for object in &mut self.objects {
            object.waiting = None;
        }
        self.undecided = 0;
    }

    /// Works out what every chain comes to, when everything is decided.
    ///
    /// The outermost field that hides a value decides over its class; what keeps it has to be declared before all
    /// those that hide it so far.
    pub(super) fn settle(&mut self) {
        for number in 0..self.links.len() {
            let above = self.outcome(self.links[number].above);
            let link = &mut self.links[number];
            link.outcome = match (&link.fate, above) {
                (_, Outcome::Kept) | (Fate::Shows, _) => above,
                (Fate::Keeps, Outcome::Hidden(_, first)) if first < link.place => above,
                (Fate::Keeps, Outcome::Hidden(..) | Outcome::Open) => Outcome::Kept,
                (Fate::Hides(class) | Fate::Undecided(class, _), Outcome::Open) => {
                    Outcome::Hidden(*class, link.place)
                }
                (Fate::Hides(_) | Fate::Undecided(..), Outcome::Hidden(class, first)) => {
                    Outcome::Hidden(class, first.min(link.place))
                }
            };
        }
    }

    /// What a chain comes to, once that has been worked out.
    pub(super) fn outcome(&self, chain: Chain) -> Outcome {
        let link = chain.0.and_then(|last| self.links.get(last as usize));
        link.map_or(Outcome::Open, |link| link.outcome)
    }

    fn push(&mut self, above: Chain, place: Place, fate: Fate, full: usize) -> Result<Chain, NoRoom> {
        let number = u32::try_from(self.links.len()).map_err(|_| NoRoom)?;
        if self.links.len() >= full {
            return Err(NoRoom);
        }
        self.links.push(Link { above, place, fate, outcome: Outcome::Open });
        Ok(Chain(Some(number)))
    }

    /// Lets the last link of a chain wait for an object.
    fn wait(&mut self, chain: Chain, object: usize) {
        if let Some(link) = chain.0.and_then(|last| self.links.get_mut(last as usize))
            && let Fate::Undecided(_, questions) = &mut link.fate
            && let Some(object) = self.objects.get_mut(object)
        {
            questions.next = std::mem::replace(&mut object.waiting, chain.0);
        }
    }

    /// Whether a field of the chain may yet hide what the field at a place keeps.
    fn may_hide(&self, chain: Chain, place: Place) -> bool {
        let link = |number: u32| self.links.get(number as usize);
        let mut links = std::iter::successors(chain.0.and_then(link), |last| last.above.0.and_then(link));
        links.any(|link| matches!(link.fate, Fate::Undecided(..)) && link.place < place)
    }
}

impl Questions {
    /// Asks the conditions that have no answer yet. Of the objects whose ends have to be awaited the innermost is
    /// the answer.
    fn ask(&mut self, conditions: &Conditions, objects: &mut [Members], moment: Moment) -> Answer {
        let mut innermost = None;
        for (place, check) in conditions.set(self.set).iter().enumerate() {
            let bit = 1 << place;
            if self.open & bit != 0 {
                match ask(objects, check, self.standing, moment) {
                    Answer::Met => self.open &= !bit,
                    Answer::NotMet => return Answer::NotMet,
                    Answer::Open(object) => innermost = innermost.max(Some(object)),
                }
            }
        }
        innermost.map_or(Answer::Met, Answer::Open)
    }
}
