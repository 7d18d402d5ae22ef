//! What was found of masked values in a request. Nothing of it prints a byte of them.

use crate::{class::Class, marks::Opened};

/// What was found, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub found: Found,
    /// The class of its field, if that is declared.
    pub class: Option<Class>,
    /// Where the value begins, in bytes from the start of what was restored.
    pub at: usize,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// An alias that became its value.
    Restored,
    /// A member that was left out, for its value must not be written.
    Dropped,
    /// A partial form or a constant.
    MaskedForm,
    /// An alias in a place that cannot restore it.
    AliasElsewhere,
    /// An alias within a text.
    AliasInText,
    /// Almost an alias.
    NearMiss,
    /// An alias that stands for nothing that is known.
    Unknown,
}

impl Found {
    /// Every kind, in the order of [`Found::index`].
    pub const ALL: [Found; 7] = [
        Found::Restored,
        Found::Dropped,
        Found::MaskedForm,
        Found::AliasElsewhere,
        Found::AliasInText,
        Found::NearMiss,
        Found::Unknown,
    ];

    /// Numbers the kinds from 0.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Names the kind as logs and metrics do.
    pub const fn name(self) -> &'static str {
        match self {
            Found::Restored => "restored",
            Found::Dropped => "dropped",
            Found::MaskedForm => "masked-form",
            Found::AliasElsewhere => "alias-elsewhere",
            Found::AliasInText => "alias-in-text",
            Found::NearMiss => "near-miss",
            Found::Unknown => "unknown-alias",
        }
    }

    /// Why a request with such a finding is refused, if it is.
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Found::Restored | Found::Dropped => None,
            Found::MaskedForm | Found::AliasElsewhere | Found::NearMiss | Found::Unknown => {
                Some(Refusal::MaskedValue)
            }
            Found::AliasInText => Some(Refusal::AliasInMessage),
        }
    }
}

/// Why a request is refused, as its reason code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A masked value would be written.
    MaskedValue,
    /// An alias stands within a text that others will read.
    AliasInMessage,
}

impl Refusal {
    /// The reason code.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::MaskedValue => "masked-value",
            Refusal::AliasInMessage => "alias-in-message",
        }
    }
}

/// Everything that was found: how much of each kind, and the first of it with its places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    counts: [u64; Found::ALL.len()],
    first: Vec<Finding>,
    plain: u64,
    values: Vec<(Class, Opened)>,
}

impl Findings {
    /// The most findings that are kept with their places.
    pub const MAX: usize = 64;

    /// How many there are of a kind.
    pub fn count(&self, found: Found) -> u64 {
        self.counts[found.index()]
    }

    /// The first [`Findings::MAX`] of all kinds.
    pub fn first(&self) -> &[Finding] {
        &self.first
    }

    /// Whether no marks were found.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Why the request is refused, if it is.
    pub fn refusal(&self) -> Option<Refusal> {
        let found = Found::ALL.into_iter().filter(|found| self.count(*found) > 0);
        found.filter_map(Found::refusal).next()
    }

    /// How many values of declared fields are no marks: what somebody wrote, and may have guessed.
    pub fn plain(&self) -> u64 {
        self.plain
    }

    /// The values that aliases became, for whoever has to know them again in the answer.
    pub fn values(&self) -> impl Iterator<Item = (Class, &[u8])> {
        self.values.iter().map(|(class, value)| (*class, &*value.0))
    }

    pub(super) fn note_value(&mut self, class: Class, value: &[u8]) {
        self.values.push((class, Opened(value.to_vec())));
    }

    pub(super) fn note_plain(&mut self, class: Option<Class>, text: &str) {
        self.plain += u64::from(class.is_some() && !text.is_empty());
    }

    /// Adds what was found in a part that begins at `start`.
    pub(super) fn add(&mut self, start: usize, other: &Findings) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.plain += other.plain;
        self.values.extend_from_slice(&other.values);
        let room = Findings::MAX - self.first.len();
        let moved =
            other.first.iter().take(room).map(|finding| Finding { at: start + finding.at, ..*finding });
        self.first.extend(moved);
    }

    pub(super) fn push(&mut self, finding: Finding) {
        self.counts[finding.found.index()] += 1;
        if self.first.len() < Findings::MAX {
            self.first.push(finding);
        }
    }
}
