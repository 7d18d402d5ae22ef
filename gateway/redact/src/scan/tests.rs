//! Every instruction set says the same of every block, and what is appended is what was to be.

use super::*;

struct Look<'b>(&'b [u8; BLOCK]);

impl Work for Look<'_> {
    type Output = (Masks, u64, bool, u64);

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Self::Output {
        let word = u64::from_le_bytes(*self.0.first_chunk().unwrap());
        let mut lowest = lanes.highest();
        let masks = lanes.masks(self.0, &mut lowest);
        (masks, lanes.controls(self.0), lanes.has_control(lowest), lanes.prefix_xor(word))
    }
}

/// The masks by their definition.
fn plain(block: &[u8; BLOCK]) -> Masks {
    let bits = |is: &dyn Fn(u8) -> bool| {
        block.iter().enumerate().fold(0, |bits, (place, &byte)| bits | u64::from(is(byte)) << place)
    };
    Masks {
        quote: bits(&|byte| byte == b'"'),
        backslash: bits(&|byte| byte == b'\\'),
        white: bits(&|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')),
        open: bits(&|byte| matches!(byte, b'{' | b'[')),
        close: bits(&|byte| matches!(byte, b'}' | b']')),
        comma: bits(&|byte| byte == b','),
        colon: bits(&|byte| byte == b':'),
        digit: bits(&|byte| byte.is_ascii_digit()),
    }
}

#[test]
fn every_byte_in_every_place_is_seen_alike_by_every_instruction_set() {
    for byte in 0..=255 {
        let one = usize::from(byte) % BLOCK;
        // Miri sees every byte in one place, and every place four times.
        for place in if cfg!(miri) { one..one + 1 } else { 0..BLOCK } {
            let mut block = [b'a'; BLOCK];
            block[place] = byte;
            check(&block);
        }
    }
}

#[test]
fn random_blocks_are_seen_alike_by_every_instruction_set() {
    let mut random = 0x5eed_u64;
    for _ in 0..if cfg!(miri) { 40 } else { 20_000 } {
        let mut block = [0; BLOCK];
        for byte in &mut block {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let pick = (random >> 20) as usize;
            let tokens = b"\"\\{}[],: \n\t\r0123456789az\x00\x1f\x7f\x80\xff\x02\x5b\x7b";
            *byte = if pick.is_multiple_of(4) { (random >> 40) as u8 } else { tokens[pick % tokens.len()] };
        }
        check(&block);
    }
}

#[test]
fn a_prefix_xor_runs_from_each_odd_bit_to_the_next_even_one() {
    let mut block = [0; BLOCK];
    for bits in [0_u64, 1, 0b1001_0010, 1 << 63, !0] {
        block[..8].copy_from_slice(&bits.to_le_bytes());
        for set in Set::all() {
            let (_, _, _, xor) = set.run(Look(&block));
            assert_eq!(xor, parity(bits), "{set:?} of {bits:b}");
        }
    }
}

#[test]
fn a_piece_is_appended_as_it_is_at_every_edge_of_the_chunk_and_of_the_vector() {
    const STEP: usize = 2 * BLOCK;
    let bytes: Vec<u8> = (0..2_000_u16).map(|number| number as u8).collect();
    for length in [0, 1, BLOCK, STEP - 1, STEP, STEP + 1, 2 * STEP, 1_023, 1_024, 1_025] {
        for behind in [0, 1, STEP - 1, STEP, STEP + 1] {
            // The chunk and the vector fill their allocations, so that Miri sees each byte too many.
            let chunk: Box<[u8]> = bytes[..3 + length + behind].into();
            let piece = 3..3 + length;
            for spare in [0, length, length + STEP - 1, length + STEP, length + STEP + 1] {
                let mut out = Vec::with_capacity(1 + spare);
                out.push(b'x');
                append(&mut out, &chunk, piece.start, piece.end);
                assert_eq!(out, [b"x", &chunk[piece.clone()]].concat(), "{behind} behind, {spare} to spare");
            }
        }
    }
}

#[test]
fn of_a_block_as_much_is_appended_as_was_asked_for() {
    let block: [u8; BLOCK] = std::array::from_fn(|place| place as u8);
    for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1] {
        for spare in [0, length, BLOCK - 1, BLOCK, BLOCK + 1] {
            let mut out = Vec::with_capacity(1 + spare);
            out.push(b'x');
            append_block(&mut out, &block, length);
            assert_eq!(out, [b"x", &block[..length.min(BLOCK)]].concat(), "{spare} to spare");
        }
    }
}

fn parity(bits: u64) -> u64 {
    (0..64).fold(0, |out, place| out | u64::from((bits << (63 - place)).count_ones() % 2) << place)
}

fn check(block: &[u8; BLOCK]) {
    let controls = block.iter().rev().fold(0, |bits, &byte| bits << 1 | u64::from(byte < 0x20));
    let word = u64::from_le_bytes(*block.first_chunk().unwrap());
    let expected = (plain(block), controls, controls != 0, parity(word));
    for set in Set::all() {
        let seen = set.run(Look(block));
        assert_eq!(seen, expected, "{set:?}: {}", block.escape_ascii());
    }
}
