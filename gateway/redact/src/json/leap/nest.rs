//! The containers that are open, a bit for each.

/// The kinds of the containers that are open: a one, and behind it a bit for each, the innermost the lowest, which is
/// one for an object. Of two nests the deeper one is the greater number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nest(pub(super) u64);

impl Nest {
    /// How deep a nest can be.
    pub(super) const DEEPEST: usize = 62;
    pub(super) const EMPTY: Nest = Nest(1);

    /// The nest of no container but those of a depth.
    pub(super) fn at(depth: usize) -> Nest {
        Nest(1 << depth.min(Nest::DEEPEST))
    }

    #[inline(always)]
    pub(super) fn depth(self) -> usize {
        63 - self.0.leading_zeros() as usize
    }

    #[inline(always)]
    pub(super) fn open(self, is_object: bool) -> Nest {
        Nest(self.0 << 1 | u64::from(is_object))
    }

    #[inline(always)]
    pub(super) fn close(self) -> Nest {
        Nest(self.0 >> 1)
    }

    /// Without the containers that are deeper.
    #[inline(always)]
    pub(super) fn up_to(self, depth: usize) -> Nest {
        Nest(self.0 >> self.depth().saturating_sub(depth))
    }

    /// Whether the container at a depth, of which the outermost is one, is an object.
    pub(super) fn is_object(self, depth: usize) -> bool {
        self.0 >> (self.depth() - depth) & 1 != 0
    }

    /// Ones if the innermost container is an object.
    #[inline(always)]
    pub(super) fn objects(self) -> u64 {
        (self.0 & 1).wrapping_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nest_knows_its_kinds() {
        let nest = Nest::EMPTY.open(true).open(false).open(true);
        assert_eq!(nest.depth(), 3);
        assert_eq!([1, 2, 3].map(|depth| nest.is_object(depth)), [true, false, true]);
        assert!(nest > Nest::at(3) && nest < Nest::at(4) && nest.close() < Nest::at(3));
        assert!(nest.close().close().close() == Nest::EMPTY);
        assert!(nest.up_to(1) == Nest::EMPTY.open(true) && nest.up_to(5) == nest);
    }
}
