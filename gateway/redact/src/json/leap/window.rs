//! A window of blocks, and what each block has to know of those before it.
//!
//! Here the masks of bytes become the tokens of JSON: what is within strings is taken out, numbers and words are what is
//! left. Which token may follow which is not known here.

use crate::json::State;
use crate::scan::{BLOCK, Lanes, Masks};

/// What a block has to know of those before it: of `string`, `escape` and `key` one bit or all, of the others the
/// highest bit.
#[derive(Clone, Copy, Default)]
pub(super) struct Carry {
    /// All ones within a string.
    pub(super) string: u64,
    /// The last byte was a backslash that escapes the next one.
    pub(super) escape: u64,
    /// The string is a key.
    pub(super) key: u64,
    /// The last byte was part of a number or word.
    pub(super) scalar: u64,
    /// A value comes next: behind `[`, a colon, or a comma of an array.
    pub(super) value: u64,
    /// A key comes next: behind `{`, or a comma of an object.
    pub(super) member: u64,
    /// A colon comes next.
    pub(super) colon: u64,
    /// A comma or closing bracket comes next.
    pub(super) after: u64,
}

impl Carry {
    pub(super) fn of(state: State) -> Carry {
        let carry = Carry::default();
        match state {
            State::Value | State::FirstItem => Carry { value: 1 << 63, ..carry },
            State::FirstMember | State::Member => Carry { member: 1 << 63, ..carry },
            State::Text { .. } => Carry { string: !0, ..carry },
            State::After => Carry { after: 1 << 63, ..carry },
            State::Key { .. } | State::Colon | State::Inner { .. } => carry,
            State::Number { .. } | State::Word { .. } => carry,
        }
    }
}

/// Blocks in a window.
pub(super) const WINDOW: usize = 16;

/// Some blocks that follow each other.
pub(super) struct Window {
    pub(super) blocks: [Tokens; WINDOW],
    /// `length <= WINDOW`
    pub(super) length: usize,
    pub(super) has_white: bool,
    pub(super) has_backslash: bool,
}

/// The tokens of a block: those outside of strings, and the strings.
#[derive(Clone, Copy, Default)]
pub(super) struct Tokens {
    /// From each opening quote to the byte before the closing one.
    pub(super) string: u64,
    /// Quotes that are not escaped.
    pub(super) quote: u64,
    pub(super) open: u64,
    pub(super) close: u64,
    pub(super) comma: u64,
    pub(super) colon: u64,
    pub(super) white: u64,
    /// The bytes of numbers and words.
    pub(super) scalar: u64,
    pub(super) backslash: u64,
    /// The bytes that backslashes escape.
    pub(super) escaped: u64,
    /// The brackets that open an object.
    pub(super) curly: u64,
    /// Where the innermost container is an object.
    pub(super) objects: u64,
    /// Those colons that may be behind keys of the plan.
    pub(super) keys: u64,
}

/// What the next block has to know.
pub(super) struct Next {
    pub(super) string: u64,
    pub(super) escape: u64,
    /// What must not be.
    pub(super) wrong: u64,
}

/// The tokens of a block that begins within a string, or with an escaped byte, if the block before it says so.
#[inline(always)]
pub(super) fn tokens_of<L: Lanes>(
    lanes: L,
    block: &[u8; BLOCK],
    lowest: &mut L::Lowest,
    carry: Carry,
) -> (Tokens, Next) {
    let Masks { quote, backslash, white, open, close, comma, colon } = lanes.masks(block, lowest);
    let (escaped, escape) = escapes(backslash, carry.escape);
    let quote = quote & !escaped;
    let string = lanes.prefix_xor(quote) ^ carry.string;
    let white = white & !string;
    let (open, close, comma, colon) = (open & !string, close & !string, comma & !string, colon & !string);
    let scalar = !(string | quote | white | open | close | comma | colon);
    let next = Next { string: ((string as i64) >> 63) as u64, escape, wrong: backslash & !string };
    (
        Tokens {
            string,
            quote,
            open,
            close,
            comma,
            colon,
            white,
            scalar,
            backslash,
            escaped,
            curly: 0,
            objects: 0,
            keys: 0,
        },
        next,
    )
}

/// The bytes that a backslash escapes, and whether the first byte of the next block is one.
#[inline(always)]
pub(super) fn escapes(backslash: u64, carry: u64) -> (u64, u64) {
    if backslash == 0 {
        return (carry, 0);
    }
    // A run of backslashes escapes every second byte from its own second on. Adding the runs that begin at even
    // places to themselves moves their ends; what ends on the other parity is escaped.
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let runs = backslash & !carry;
    let follows = runs << 1 | carry;
    let odd_starts = runs & !EVEN & !follows;
    let (ends, over) = odd_starts.overflowing_add(runs);
    let inverted = ends << 1;
    let escaped = (EVEN ^ inverted) & follows;
    (escaped, u64::from(over))
}

/// The tokens that follow those of `tokens`, or begin at `starts`, whatever blanks there are between. The highest bit
/// of `carry` passes over the edge.
#[inline(always)]
pub(super) fn follow<const WHITE: bool>(tokens: u64, starts: u64, white: u64, carry: &mut u64) -> u64 {
    let starts = tokens << 1 | *carry >> 63 | starts;
    *carry = tokens;
    if !WHITE {
        return starts;
    }
    let (carried, over) = (starts & white).overflowing_add(white);
    *carry |= u64::from(over) << 63;
    (starts | carried) & !white
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_bytes_are_those_behind_an_odd_run_of_backslashes() {
        let mut random = 0x5eed_u64;
        let mut carry = 0;
        let mut is_escape = false;
        for _ in 0..100_000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let backslash = random & random.rotate_left(23) | random.rotate_left(5) & random.rotate_left(40);
            let mut expected = 0;
            for place in 0..64 {
                let is_backslash = backslash >> place & 1 != 0;
                expected |= u64::from(is_escape) << place;
                is_escape = is_backslash && !is_escape;
            }
            let (escaped, next) = escapes(backslash, carry);
            assert_eq!((escaped, next != 0), (expected, is_escape), "{backslash:b} after {carry}");
            carry = next;
        }
    }

    #[test]
    fn what_follows_a_token_is_found_over_blanks_and_edges() {
        let mut carry = 0;
        assert_eq!(follow::<true>(0b1, 0, 0b110, &mut carry), 0b1000);
        assert_eq!(follow::<true>(1 << 60, 0, 0b111 << 61, &mut carry), 0);
        assert_eq!(carry >> 63, 1);
        assert_eq!(follow::<true>(0, 0, !0, &mut carry), 0);
        assert_eq!(carry >> 63, 1);
        assert_eq!(follow::<true>(0b100, 0, 0b11, &mut carry), 0b1100);
        assert_eq!(carry >> 63, 0);
    }
}
