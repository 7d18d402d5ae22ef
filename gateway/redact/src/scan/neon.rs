//! AArch64: NEON, which every such machine has.

use std::arch::aarch64::*;

use super::{BLOCK, Lanes, Masks};

#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    #[inline(always)]
    pub(super) fn new() -> Neon {
        Neon(())
    }
}

impl Lanes for Neon {
    type Lowest = uint8x16_t;

    #[inline(always)]
    fn highest(self) -> uint8x16_t {
        // SAFETY: NEON is part of AArch64.
        unsafe { vdupq_n_u8(0xff) }
    }

    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], lowest: &mut uint8x16_t) -> Masks {
        let lanes = load(block);
        // SAFETY: NEON is part of AArch64.
        unsafe {
            let equal = |byte: u8| bits(lanes.map(|lane| vceqq_u8(lane, vdupq_n_u8(byte))));
            let joined = lanes.map(|lane| vorrq_u8(lane, vdupq_n_u8(0x20)));
            let bracket = |byte: u8| bits(joined.map(|lane| vceqq_u8(lane, vdupq_n_u8(byte))));
            for lane in lanes {
                *lowest = vminq_u8(*lowest, lane);
            }
            Masks {
                quote: equal(b'"'),
                backslash: equal(b'\\'),
                white: equal(b' ') | equal(b'\n') | equal(b'\r') | equal(b'\t'),
                open: bracket(b'{'),
                close: bracket(b'}'),
                comma: equal(b','),
                colon: equal(b':'),
                digit: bits(lanes.map(|lane| vcltq_u8(vsubq_u8(lane, vdupq_n_u8(b'0')), vdupq_n_u8(10)))),
            }
        }
    }

    #[inline(always)]
    fn has_control(self, lowest: uint8x16_t) -> bool {
        // SAFETY: NEON is part of AArch64.
        unsafe { vminvq_u8(lowest) < 0x20 }
    }

    #[inline(always)]
    fn controls(self, block: &[u8; BLOCK]) -> u64 {
        // SAFETY: NEON is part of AArch64.
        bits(load(block).map(|lane| unsafe { vcltq_u8(lane, vdupq_n_u8(0x20)) }))
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
fn load(block: &[u8; BLOCK]) -> [uint8x16_t; 4] {
    let from = block.as_ptr();
    // SAFETY: four loads of 16 bytes are the 64 bytes of the block.
    [0, 16, 32, 48].map(|at| unsafe { vld1q_u8(from.add(at)) })
}

/// One bit of each byte, which are all ones or all zeros: pairwise sums of the bits in their places.
#[inline(always)]
fn bits(lanes: [uint8x16_t; 4]) -> u64 {
    static PLACES: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: NEON is part of AArch64; the load is the table.
    unsafe {
        let places = vld1q_u8(PLACES.as_ptr());
        let [a, b, c, d] = lanes.map(|lane| vandq_u8(lane, places));
        let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
    }
}
