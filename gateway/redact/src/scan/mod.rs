//! Blocks of 64 bytes as bit masks: where the quotes, brackets and blanks of a block stand.
//!
//! The one module with unsafe code: the intrinsics of the instruction sets. Each set fills the same [`Masks`], the
//! portable one in safe code, and which one runs is decided at run time, by a [`Set`]; so the callers above are written once,
//! in safe code, and compiled once per set. What a mask means for JSON is not known here.
#![expect(unsafe_code, reason = "intrinsics and calls of functions with target features")]

pub(crate) use append::{append, append_block};
use portable::Portable;

mod append;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Bytes in a block: one for each bit of a mask.
pub(crate) const BLOCK: usize = 64;

/// Which bytes of a block are what; bit `i` tells of byte `i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masks {
    /// `"`
    pub(crate) quote: u64,
    /// `\`
    pub(crate) backslash: u64,
    /// Space, tab, line feed, carriage return.
    pub(crate) white: u64,
    /// `{` and `[`
    pub(crate) open: u64,
    /// `}` and `]`
    pub(crate) close: u64,
    /// `,`
    pub(crate) comma: u64,
    /// `:`
    pub(crate) colon: u64,
    /// `0` to `9`
    pub(crate) digit: u64,
}

/// The numbers of the bits that are set, from the lowest.
#[inline]
pub(crate) fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

/// An instruction set. A value of it is the proof that the machine has it.
pub(crate) trait Lanes: Copy {
    /// The lowest bytes of blocks.
    type Lowest: Copy;

    /// Those of no block.
    fn highest(self) -> Self::Lowest;

    /// Looks at a block.
    fn masks(self, block: &[u8; BLOCK], lowest: &mut Self::Lowest) -> Masks;

    /// Whether a byte below 0x20 is among the lowest.
    fn has_control(self, lowest: Self::Lowest) -> bool;

    /// The bytes of a block below 0x20.
    fn controls(self, block: &[u8; BLOCK]) -> u64;

    /// Sets each bit to the exclusive or of it and all lower ones: from every odd bit to the next even one.
    fn prefix_xor(self, bits: u64) -> u64;
}

/// Something to do with the widest instruction set there is.
pub(crate) trait Work {
    /// What comes out of it.
    type Output;

    /// Does it. Implementations are `#[inline(always)]`, so that they are compiled for the set.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set(Kind);

/// The sets, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Set {
    /// The widest set of this machine.
    #[inline]
    pub(crate) fn widest() -> Set {
        #[cfg(target_arch = "x86_64")]
        return Set(match (x86::has_avx512(), x86::has_avx2()) {
            (true, _) => Kind::Avx512,
            (false, true) => Kind::Avx2,
            (false, false) => Kind::Sse2,
        });
        #[cfg(target_arch = "aarch64")]
        return Set(Kind::Neon);
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        return Set(Kind::Portable);
    }

    /// Every set of this machine, so that they can be compared.
    pub(crate) fn all() -> Vec<Set> {
        let mut all = vec![Kind::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            all.push(Kind::Sse2);
            all.extend(x86::has_avx2().then_some(Kind::Avx2));
            all.extend(x86::has_avx512().then_some(Kind::Avx512));
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Kind::Neon);
        all.into_iter().map(Set).collect()
    }

    /// Does `work` with the set.
    #[inline]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Kind::Portable => work.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Kind::Sse2 => work.run(x86::Sse2::new()),
            // SAFETY: a set of this kind is made only where the machine was found to have its features.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { x86::with_avx2(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { x86::with_avx512(work) },
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => work.run(neon::Neon::new()),
        }
    }
}
