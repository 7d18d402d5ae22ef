//! The instruction set of every machine: a table look-up for each byte, in safe code.
//!
//! It is what the others are tested against, and what Miri can run.

use super::{BLOCK, Lanes, Masks};

#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Lanes for Portable {
    type Lowest = u8;

    #[inline(always)]
    fn highest(self) -> u8 {
        u8::MAX
    }

    #[inline(always)]
    fn masks(self, block: &[u8; BLOCK], lowest: &mut u8) -> Masks {
        let mut classes = [0; BLOCK];
        for (class, byte) in classes.iter_mut().zip(block) {
            *class = CLASSES[usize::from(*byte)];
        }
        *lowest = block.iter().fold(*lowest, |lowest, &byte| lowest.min(byte));
        Masks {
            quote: gather(&classes, QUOTE),
            backslash: gather(&classes, BACKSLASH),
            white: gather(&classes, WHITE),
            open: gather(&classes, OPEN),
            close: gather(&classes, CLOSE),
            comma: gather(&classes, COMMA),
            colon: gather(&classes, COLON),
            digit: gather(&classes, DIGIT),
        }
    }

    #[inline(always)]
    fn has_control(self, lowest: u8) -> bool {
        lowest < 0x20
    }

    #[inline(always)]
    fn controls(self, block: &[u8; BLOCK]) -> u64 {
        block.iter().rev().fold(0, |bits, &byte| bits << 1 | u64::from(byte < 0x20))
    }

    #[inline(always)]
    fn prefix_xor(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

/// The bit `class` of each byte, eight bytes at a time: a multiplication moves the eight bits next to each other.
#[inline(always)]
fn gather(classes: &[u8; BLOCK], class: u8) -> u64 {
    let shift = class.trailing_zeros();
    let (words, _) = classes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        let ones = u64::from_le_bytes(*word) >> shift & 0x0101_0101_0101_0101;
        bits << 8 | ones.wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

const QUOTE: u8 = 1;
const BACKSLASH: u8 = 2;
const WHITE: u8 = 4;
const OPEN: u8 = 8;
const CLOSE: u8 = 16;
const COMMA: u8 = 32;
const COLON: u8 = 64;
const DIGIT: u8 = 128;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    classes[b' ' as usize] = WHITE;
    classes[b'\t' as usize] = WHITE;
    classes[b'\n' as usize] = WHITE;
    classes[b'\r' as usize] = WHITE;
    classes[b'"' as usize] = QUOTE;
    classes[b'\\' as usize] = BACKSLASH;
    classes[b'{' as usize] = OPEN;
    classes[b'[' as usize] = OPEN;
    classes[b'}' as usize] = CLOSE;
    classes[b']' as usize] = CLOSE;
    classes[b',' as usize] = COMMA;
    classes[b':' as usize] = COLON;
    let mut digit = b'0';
    while digit <= b'9' {
        classes[digit as usize] = DIGIT;
        digit += 1;
    }
    classes
};
