//! x86-64: SSE2, which every such machine has, AVX2 and AVX-512.
//!
//! A value of a set is made only where the machine was found to have it, so its intrinsics may be called.

use std::arch::x86_64::*;

use super::{BLOCK, Lanes, Masks, Work};

#[inline]
pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

/// AVX-512 pays where its wide registers do not slow the machine down: from Ice Lake and Zen 4 on, which both
/// have VBMI2.
#[inline]
pub(super) fn has_avx512() -> bool {
    has_avx2() && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2")
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
pub(super) fn with_avx2<W: Work>(work: W) -> W::Output {
    // Else the compiler knows what is in the tables, and makes each anew from one byte wherever it is needed.
    let tables = std::hint::black_box(&TABLES);
    // SAFETY: the function has AVX2; a table has 32 bytes and is aligned to as many.
    let table = |Wide(table): &Wide| unsafe { _mm256_load_si256(table.as_ptr().cast()) };
    let [quote, backslash, open, close, comma, colon, case, blanks, digits, ten] = tables;
    work.run(Avx2 {
        quote: table(quote),
        backslash: table(backslash),
        open: table(open),
        close: table(close),
        comma: table(comma),
        colon: table(colon),
        case: table(case),
        blanks: table(blanks),
        digits: table(digits),
        ten: table(ten),
    })
}

#[target_feature(enable = "avx512bw,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
pub(super) fn with_avx512<W: Work>(work: W) -> W::Output {
    work.run(Avx512(()))
}

#[derive(Clone, Copy)]
pub(super) struct Sse2(());

impl Sse2 {
    #[inline(always)]
    pub(super) fn new() -> Sse2 {
        Sse2(())
    }
}

impl Lanes for Sse2 {
    type Lowest = __m128i;

    #[inline(always)]
    fn highest(self) -> __m128i {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_set1_epi8(-1) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], lowest: &mut __m128i) -> Masks {
        // SAFETY: SSE2 is part of x86-64; the loads are within the 64 bytes of the block.
        unsafe {
            let lanes = sse2_load(block);
            let equal =
                |byte: u8| sse2_bits(lanes.map(|lane| _mm_cmpeq_epi8(lane, _mm_set1_epi8(byte as i8))));
            // Bit 5 is the difference between round the corner: `{` and `[`, `}` and `]`.
            let joined = lanes.map(|lane| _mm_or_si128(lane, _mm_set1_epi8(0x20)));
            let bracket =
                |byte: u8| sse2_bits(joined.map(|lane| _mm_cmpeq_epi8(lane, _mm_set1_epi8(byte as i8))));
            let shifted = lanes.map(|lane| _mm_add_epi8(lane, _mm_set1_epi8((0x80 - b'0') as i8)));
            let digit = shifted.map(|lane| _mm_cmplt_epi8(lane, _mm_set1_epi8((0x80_u8 + 10) as i8)));
            for lane in lanes {
                *lowest = _mm_min_epu8(*lowest, lane);
            }
            Masks {
                quote: equal(b'"'),
                backslash: equal(b'\\'),
                white: equal(b' ') | equal(b'\n') | equal(b'\r') | equal(b'\t'),
                open: bracket(b'{'),
                close: bracket(b'}'),
                comma: equal(b','),
                colon: equal(b':'),
                digit: sse2_bits(digit),
            }
        }
    }

    #[inline(always)]
    fn has_control(self, lowest: __m128i) -> bool {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(lowest, _mm_set1_epi8(0x1f)), lowest)) != 0 }
    }

    #[inline(always)]
    fn controls(self, block: &[u8; BLOCK]) -> u64 {
        // SAFETY: SSE2 is part of x86-64.
        let low = |lane| unsafe { _mm_cmpeq_epi8(_mm_min_epu8(lane, _mm_set1_epi8(0x1f)), lane) };
        sse2_bits(sse2_load(block).map(low))
    }

    #[inline(always)]
    fn prefix_xor(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

#[inline(always)]
fn sse2_load(block: &[u8; BLOCK]) -> [__m128i; 4] {
    let from = block.as_ptr();
    // SAFETY: four loads of 16 bytes, which need no alignment, are the 64 bytes of the block.
    [0, 16, 32, 48].map(|at| unsafe { _mm_loadu_si128(from.add(at).cast()) })
}

#[inline(always)]
fn sse2_bits(lanes: [__m128i; 4]) -> u64 {
    // SAFETY: SSE2 is part of x86-64.
    let [a, b, c, d] = lanes.map(|lane| u64::from(unsafe { _mm_movemask_epi8(lane) } as u32));
    a | b << 16 | c << 32 | d << 48
}

/// With one table in a register for each thing that is looked for.
#[derive(Clone, Copy)]
struct Avx2 {
    quote: __m256i,
    backslash: __m256i,
    open: __m256i,
    close: __m256i,
    comma: __m256i,
    colon: __m256i,
    case: __m256i,
    blanks: __m256i,
    digits: __m256i,
    ten: __m256i,
}

impl Lanes for Avx2 {
    type Lowest = __m256i;

    #[inline(always)]
    fn highest(self) -> __m256i {
        // SAFETY: a value of this type exists only where AVX2 does.
        unsafe { _mm256_set1_epi8(-1) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], lowest: &mut __m256i) -> Masks {
        // SAFETY: a value of this type exists only where AVX2 does; the loads are within the block.
        unsafe {
            let lanes = avx2_load(block);
            let equal = |table| avx2_bits(lanes.map(|lane| _mm256_cmpeq_epi8(lane, table)));
            let joined = lanes.map(|lane| _mm256_or_si256(lane, self.case));
            let bracket = |table| avx2_bits(joined.map(|lane| _mm256_cmpeq_epi8(lane, table)));
            // A blank is the entry of the table at its own low four bits.
            let white = lanes.map(|lane| _mm256_cmpeq_epi8(_mm256_shuffle_epi8(self.blanks, lane), lane));
            // Moved to the lowest of all signed bytes, digits are below ten more than that.
            let digit = lanes.map(|lane| _mm256_cmpgt_epi8(self.ten, _mm256_add_epi8(lane, self.digits)));
            for lane in lanes {
                *lowest = _mm256_min_epu8(*lowest, lane);
            }
            Masks {
                quote: equal(self.quote),
                backslash: equal(self.backslash),
                white: avx2_bits(white),
                open: bracket(self.open),
                close: bracket(self.close),
                comma: equal(self.comma),
                colon: equal(self.colon),
                digit: avx2_bits(digit),
            }
        }
    }

    #[inline(always)]
    fn has_control(self, lowest: __m256i) -> bool {
        // SAFETY: a value of this type exists only where AVX2 does.
        unsafe { _mm256_movemask_epi8(avx2_low(lowest)) != 0 }
    }

    #[inline(always)]
    fn controls(self, block: &[u8; BLOCK]) -> u64 {
        // SAFETY: as above.
        unsafe { avx2_bits(avx2_load(block).map(|lane| avx2_low(lane))) }
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        // SAFETY: a value of this type exists only where PCLMULQDQ does.
        unsafe { carryless_prefix_xor(bits) }
    }
}

#[repr(align(32))]
struct Wide([u8; 32]);

static TABLES: [Wide; 10] = {
    let mut blanks = [0; 32];
    let mut at = 0;
    while at < 32 {
        blanks[at] = BLANKS[at % 16];
        at += 1;
    }
    [
        Wide([b'"'; 32]),
        Wide([b'\\'; 32]),
        Wide([b'{'; 32]),
        Wide([b'}'; 32]),
        Wide([b','; 32]),
        Wide([b':'; 32]),
        // Bit 5 is the difference between `{` and `[`, and between `}` and `]`.
        Wide([0x20; 32]),
        Wide(blanks),
        Wide([0x80 - b'0'; 32]),
        Wide([0x80 + 10; 32]),
    ]
};

/// Ones in the bytes below 0x20.
#[inline(always)]
unsafe fn avx2_low(lane: __m256i) -> __m256i {
    // SAFETY: the caller has AVX2.
    unsafe { _mm256_cmpeq_epi8(_mm256_min_epu8(lane, _mm256_set1_epi8(0x1f)), lane) }
}

#[inline(always)]
unsafe fn avx2_load(block: &[u8; BLOCK]) -> [__m256i; 2] {
    let from = block.as_ptr();
    // SAFETY: two loads of 32 bytes, which need no alignment, are the 64 bytes of the block.
    [0, 32].map(|at| unsafe { _mm256_loadu_si256(from.add(at).cast()) })
}

#[inline(always)]
unsafe fn avx2_bits(lanes: [__m256i; 2]) -> u64 {
    // SAFETY: the caller has AVX2.
    let [low, high] = lanes.map(|lane| u64::from(unsafe { _mm256_movemask_epi8(lane) } as u32));
    low | high << 32
}

#[derive(Clone, Copy)]
struct Avx512(());

impl Lanes for Avx512 {
    type Lowest = __m512i;

    #[inline(always)]
    fn highest(self) -> __m512i {
        // SAFETY: a value of this type exists only where AVX-512BW does.
        unsafe { _mm512_set1_epi8(-1) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], lowest: &mut __m512i) -> Masks {
        // SAFETY: a value of this type exists only where AVX-512BW does; the load is the block.
        unsafe {
            let lane = _mm512_loadu_si512(block.as_ptr().cast());
            let equal = |byte: u8| _mm512_cmpeq_epi8_mask(lane, _mm512_set1_epi8(byte as i8));
            let joined = _mm512_or_si512(lane, _mm512_set1_epi8(0x20));
            let bracket = |byte: u8| _mm512_cmpeq_epi8_mask(joined, _mm512_set1_epi8(byte as i8));
            *lowest = _mm512_min_epu8(*lowest, lane);
            let blanks = _mm512_broadcast_i32x4(_mm_loadu_si128(BLANKS.as_ptr().cast()));
            Masks {
                quote: equal(b'"'),
                backslash: equal(b'\\'),
                white: _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(blanks, lane), lane),
                open: bracket(b'{'),
                close: bracket(b'}'),
                comma: equal(b','),
                colon: equal(b':'),
                digit: _mm512_cmplt_epu8_mask(
                    _mm512_sub_epi8(lane, _mm512_set1_epi8(b'0' as i8)),
                    _mm512_set1_epi8(10),
                ),
            }
        }
    }

    #[inline(always)]
    fn has_control(self, lowest: __m512i) -> bool {
        // SAFETY: a value of this type exists only where AVX-512BW does.
        unsafe { _mm512_cmplt_epu8_mask(lowest, _mm512_set1_epi8(0x20)) != 0 }
    }

    #[inline(always)]
    fn controls(self, block: &[u8; BLOCK]) -> u64 {
        // SAFETY: as above; the load is the block.
        unsafe {
            let lane = _mm512_loadu_si512(block.as_ptr().cast());
            _mm512_cmplt_epu8_mask(lane, _mm512_set1_epi8(0x20))
        }
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        // SAFETY: a value of this type exists only where PCLMULQDQ does.
        unsafe { carryless_prefix_xor(bits) }
    }
}

/// The product without carries by a word of ones.
#[inline(always)]
unsafe fn carryless_prefix_xor(bits: u64) -> u64 {
    // SAFETY: the caller has PCLMULQDQ.
    unsafe {
        let product = _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product) as u64
    }
}

/// Each blank at the place of its low four bits; elsewhere bytes whose low four bits are others.
static BLANKS: [u8; 16] = [b' ', 0, 0, 0, 0, 0, 0, 0, 0, b'\t', b'\n', 0, 0, b'\r', 0, 0];
