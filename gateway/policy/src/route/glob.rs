//! `*` within one segment: pieces of text with anything, also nothing, between them.

/// A segment with at least one `*` and at least one other character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    first: String,
    middle: Vec<String>,
    last: String,
}

impl Glob {
    /// The glob of a segment's text, or nothing where it has no `*`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (first, rest) = text.split_once('*')?;
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        let middle = middle.split('*').filter(|piece| !piece.is_empty()).map(str::to_owned).collect();
        Some(Self { first: first.to_owned(), middle, last: last.to_owned() })
    }

    /// The same with each piece of text changed.
    pub(super) fn map(&self, change: impl Fn(&str) -> String) -> Self {
        let middle = self.middle.iter().map(|piece| change(piece)).collect();
        Self { first: change(&self.first), middle, last: change(&self.last) }
    }

    /// How much of it is fixed; the longer, the more specific.
    pub(super) fn weight(&self) -> usize {
        self.first.len() + self.last.len() + self.middle.iter().map(String::len).sum::<usize>()
    }

    /// Whether the whole segment matches.
    pub(super) fn matches(&self, segment: &str) -> bool {
        let Some(inner) = segment.strip_prefix(&*self.first) else { return false };
        let Some(mut inner) = inner.strip_suffix(&*self.last) else { return false };
        // The leftmost place is always right: it leaves the most for the pieces that follow.
        for piece in &self.middle {
            let Some(at) = inner.find(&**piece) else { return false };
            inner = inner.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }

    /// Whether some segment matches both: their fixed beginnings agree, and so do their fixed ends.
    ///
    /// That is enough: between the ends each has a `*` that takes in whatever the other needs.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let begins = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
        let ends = |a: &str, b: &str| a.ends_with(b) || b.ends_with(a);
        begins(&self.first, &other.first) && ends(&self.last, &other.last)
    }
}
