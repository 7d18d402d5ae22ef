//! The bare structural scan, a bound for everything that reads JSON: blocks of 64 bytes as bit masks of quotes,
//! backslashes and structure, strings told from the rest by carry-less multiplication, and nothing made of it but
//! a count of the structure outside of strings. It validates nothing, copies nothing and shares no code with the
//! engine, so that it stays where it is while the engine moves.
//!
//! It is written for AVX2, which callgrind knows as well, and elsewhere a loop over bytes.
#![allow(unsafe_code, reason = "loads of vectors, and a call where the instructions are found at run time")]

/// Counts brackets, colons and commas outside of strings.
pub(crate) fn scan(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("popcnt")
    {
        // SAFETY: the machine has the three features.
        return unsafe { avx2::scan(bytes) };
    }
    bytewise(bytes)
}

/// The same, byte by byte.
pub(crate) fn bytewise(bytes: &[u8]) -> u64 {
    let (mut count, mut in_string, mut escaped) = (0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'}' | b'[' | b']' | b':' | b',' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    };

    #[target_feature(enable = "avx2,pclmulqdq,popcnt")]
    pub(super) fn scan(bytes: &[u8]) -> u64 {
        let mut carry = Carry { escape: 0, string: 0, count: 0 };
        let (blocks, rest) = bytes.as_chunks::<64>();
        for block in blocks {
            block_of(block, &mut carry);
        }
        let mut last = [b' '; 64];
        last[..rest.len()].copy_from_slice(rest);
        block_of(&last, &mut carry);
        carry.count
    }

    struct Carry {
        /// Whether the first byte of the next block is escaped.
        escape: u64,
        /// All ones, if the next block begins within a string.
        string: u64,
        count: u64,
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt")]
    #[inline]
    fn block_of(block: &[u8; 64], carry: &mut Carry) {
        // SAFETY: both loads are within the block.
        let (low, high) = unsafe {
            let start = block.as_ptr().cast::<__m256i>();
            (_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1)))
        };
        let is = |vector, byte: u8| _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte.cast_signed()));
        let bits = |low, high| {
            let half = |vector| u64::from(_mm256_movemask_epi8(vector).cast_unsigned());
            half(low) | half(high) << 32
        };
        let quote = bits(is(low, b'"'), is(high, b'"'));
        let backslash = bits(is(low, b'\\'), is(high, b'\\'));
        let structure = |vector| {
            // The bit 0x20 tells `[` from `{` and `]` from `}`.
            let folded = _mm256_or_si256(vector, _mm256_set1_epi8(0x20));
            let brackets = _mm256_or_si256(is(folded, b'{'), is(folded, b'}'));
            _mm256_or_si256(brackets, _mm256_or_si256(is(vector, b':'), is(vector, b',')))
        };
        let structure = bits(structure(low), structure(high));

        let escaped = if backslash | carry.escape == 0 { 0 } else { escaped(backslash, &mut carry.escape) };
        let quote = _mm_set_epi64x(0, (quote & !escaped).cast_signed());
        let within = _mm_cvtsi128_si64(_mm_clmulepi64_si128(quote, _mm_set1_epi8(-1), 0));
        let within = within.cast_unsigned() ^ carry.string;
        carry.string = (within.cast_signed() >> 63).cast_unsigned();
        carry.count += u64::from((structure & !within).count_ones());
    }

    /// The bytes behind an odd run of backslashes, as simdjson finds them: by an addition that carries through runs.
    #[inline]
    fn escaped(backslash: u64, escape: &mut u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let backslash = backslash & !*escape;
        let follows = backslash << 1 | *escape;
        let (sequences, overflow) = (backslash & ODD & !follows).overflowing_add(backslash);
        *escape = u64::from(overflow);
        (!ODD ^ (sequences << 1)) & follows
    }
}
