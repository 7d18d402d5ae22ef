//! Conditions: what members of the objects around a value must say for the value to be hidden.
//!
//! Compiled, a plan has a few probes, each a member's name and the values it is compared with, one bit each; what
//! an object says to all of them fits into a few words. A set is what one field asks of these answers.

use std::ops::RangeInclusive;

use super::{Label, PlanError};

/// What a member of an object around a selected value must say for the value to be hidden.
///
/// Where it cannot be told, the condition counts as met: the member stands twice in its object, or is an object
/// or array, or has not come by [`Limits::held_object`](crate::Limits::held_object). So an answer that shows the value
/// is believed at the end of the object, or at that limit; one that hides it at once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The member's name, decoded.
    pub member: String,
    /// The objects that are asked: 0 is the one that holds the selected value, 1 the next one around it; arrays
    /// between do not count. The nearest one that has the member decides.
    pub levels: RangeInclusive<u8>,
    /// What the member must be.
    pub test: Test,
}

/// What a member must be. A string is compared decoded; a number, `true`, `false` or `null` as it is spelled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The member is there and is one of these.
    OneOf(Vec<String>),
    /// The member is missing, or is none of these.
    NoneOf(Vec<String>),
}

/// The conditions of a plan.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    probes: Vec<Probe>,
    sets: Vec<Vec<Check>>,
    /// The probes that ask the member under each label; shorter than the labels.
    asking: Vec<Probes>,
    /// The longest value that any member is compared with, in bytes.
    longest_value: usize,
}

/// A set of probes, one bit each.
pub(crate) type Probes = u64;

/// Which of a plan's sets of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetId(u16);

/// One condition of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// One bit.
    pub(crate) probe: Probes,
    pub(crate) levels: RangeInclusive<u8>,
    /// Whether it is met by a member that is not among the probe's values.
    pub(crate) is_negated: bool,
}

/// A member and the values it is compared with.
#[derive(Debug, PartialEq, Eq)]
struct Probe {
    member: String,
    /// Sorted.
    values: Vec<String>,
}

impl Conditions {
    /// Adds what one field asks; equal sets are one.
    pub(super) fn add(&mut self, conditions: &[Condition]) -> Result<SetId, PlanError> {
        let set = conditions.iter().map(|condition| self.check(condition)).collect::<Result<Vec<_>, _>>()?;
        let place = self.sets.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        match u16::try_from(place) {
            Ok(id) if conditions.len() <= MAX_CHECKS => Ok(SetId(id)),
            Ok(_) | Err(_) => Err(PlanError::TooManyConditions),
        }
    }

    fn check(&mut self, condition: &Condition) -> Result<Check, PlanError> {
        let (values, is_negated) = match &condition.test {
            Test::OneOf(values) => (values, false),
            Test::NoneOf(values) => (values, true),
        };
        if !is_negated && values.is_empty() || condition.levels.is_empty() {
            return Err(PlanError::ImpossibleCondition);
        }
        let mut values = values.clone();
        values.sort();
        values.dedup();
        self.longest_value = values.iter().map(String::len).fold(self.longest_value, usize::max);
        let probe = Probe { member: condition.member.clone(), values };
        let place = self.probes.iter().position(|known| *known == probe).unwrap_or_else(|| {
            self.probes.push(probe);
            self.probes.len() - 1
        });
        if place >= Probes::BITS as usize {
            return Err(PlanError::TooManyConditions);
        }
        Ok(Check { probe: 1 << place, levels: condition.levels.clone(), is_negated })
    }

    /// Learns the labels of the members that are asked.
    pub(super) fn set_labels(&mut self, label: impl Fn(&str) -> Label) {
        for (place, probe) in self.probes.iter().enumerate() {
            let Label(label) = label(&probe.member);
            if self.asking.len() <= label {
                self.asking.resize(label + 1, 0);
            }
            self.asking[label] |= 1 << place;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The names of the members that are asked.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.probes.iter().map(|probe| probe.member.as_str())
    }

    /// The conditions of a set; all must be met.
    pub(crate) fn set(&self, SetId(set): SetId) -> &[Check] {
        &self.sets[usize::from(set)]
    }

    /// Whether a set is met where none of the members it asks is there.
    pub(crate) fn are_met_by_nothing(&self, set: SetId) -> bool {
        self.set(set).iter().all(|check| check.is_negated)
    }

    /// The probes that ask the member under a label.
    #[inline]
    pub(crate) fn asking(&self, Label(label): Label) -> Probes {
        self.asking.get(label).copied().unwrap_or(0)
    }

    /// Those of the probes that have the value among theirs.
    pub(crate) fn equal(&self, asking: Probes, value: &[u8]) -> Probes {
        let mut equal = 0;
        for (place, probe) in self.probes.iter().enumerate() {
            let bit = 1 << place;
            if asking & bit != 0 && probe.values.binary_search_by(|known| known.as_bytes().cmp(value)).is_ok()
            {
                equal |= bit;
            }
        }
        equal
    }

    pub(crate) fn longest_value(&self) -> usize {
        self.longest_value
    }
}

/// The conditions of one field; each has a bit in what a value waits for.
const MAX_CHECKS: usize = 32;
