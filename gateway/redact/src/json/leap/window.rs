//! A window: some blocks that follow each other, and what is read from them step by step.
//!
//! Each step fills rows that the next one reads. Most are loops over rows of equal length, which the compiler turns into
//! vectors; what a block has to know of the one before it comes from the row beside.

#![expect(clippy::needless_range_loop, reason = "one index for many rows")]

use super::{
    WINDOW,
    nest::Nest,
    read::{Carry, Ended, Found},
};
use crate::scan::{BLOCK, Lanes};

/// One word for each block.
pub(super) type Row = [u64; WINDOW];

/// Blocks that follow each other: bit `i` of a row's word tells of byte `i` of its block. What is said of structure is
/// said of what is outside of strings.
///
/// A row for each thing, so that the compiler can take several blocks at once.
pub(super) struct Window {
    /// Quotes that are not escaped.
    pub(super) quote: Row,
    /// From each opening quote to the byte before the closing one.
    pub(super) string: Row,
    pub(super) open: Row,
    pub(super) close: Row,
    pub(super) comma: Row,
    pub(super) colon: Row,
    /// The bytes of numbers and words, their first ones, and those that are no digits.
    pub(super) scalar: Row,
    pub(super) starts: Row,
    pub(super) others: Row,
    /// What breaks the first rule, unless there are blanks between an opening bracket and its closing one; and the
    /// colons that do not directly follow a string.
    pub(super) odd: Row,
    /// Backslashes; and the bytes that they escape, for those blocks that [`Found`] names.
    pub(super) backslash: Row,
    pub(super) escaped: Row,
    white: Row,
    digit: Row,
    /// Closing quotes, but for those at the end of a block with backslashes.
    ended: Row,
    /// The tokens that values follow, and all others.
    before: Row,
    behind: Row,
    /// Whether a value is to begin, and whether a colon is to come, at the start of each block.
    value: Row,
    named: Row,
    /// Where the innermost container is an object.
    inside: Row,
    /// The nest at the start of each block.
    nest: Row,
}

impl Window {
    pub(super) const EMPTY: Window = {
        let row = [0; WINDOW];
        Window {
            quote: row,
            string: row,
            open: row,
            close: row,
            comma: row,
            colon: row,
            scalar: row,
            starts: row,
            others: row,
            odd: row,
            backslash: row,
            escaped: row,
            white: row,
            digit: row,
            ended: row,
            before: row,
            behind: row,
            value: row,
            named: row,
            inside: row,
            nest: row,
        }
    };

    /// The colons of keys with escapes in them, of those keys that end in a block, and of keys that are odd.
    #[inline(always)]
    pub(super) fn rare_keys(&self, block: usize) -> u64 {
        let string = self.string[block];
        // A carry that begins at any backslash of a string ends at its closing quote.
        let ended = string.wrapping_add(string & self.backslash[block]) & !string & self.quote[block];
        self.colon[block] & (ended << 1 | self.odd[block])
    }

    /// Whether there is a backslash in the string that goes on behind a block.
    #[inline(always)]
    fn is_escaped_at_end(&self, block: usize) -> bool {
        let last = 64 - self.quote[block].leading_zeros();
        self.string[block] >> 63 != 0 && self.backslash[block].checked_shr(last).unwrap_or(0) != 0
    }
}

impl Window {
    #[inline(always)]
    pub(super) fn look<L: Lanes>(
        &mut self,
        lanes: L,
        place: usize,
        block: &[u8; BLOCK],
        lowest: &mut L::Lowest,
    ) {
        let masks = lanes.masks(block, lowest);
        self.quote[place] = masks.quote;
        self.backslash[place] = masks.backslash;
        self.white[place] = masks.white;
        self.open[place] = masks.open;
        self.close[place] = masks.close;
        self.comma[place] = masks.comma;
        self.colon[place] = masks.colon;
        self.digit[place] = masks.digit;
    }

    /// Tells strings from the rest. Returns a bit for each block that has escapes.
    #[inline(always)]
    pub(super) fn strings<L: Lanes>(&mut self, lanes: L, count: usize, carry: &mut Carry) -> u64 {
        let mut escapes = 0;
        for place in 0..count.min(WINDOW) {
            let backslash = self.backslash[place];
            if backslash | carry.escape != 0 {
                let escaped;
                (escaped, carry.escape) = escaped_by(backslash, carry.escape);
                self.escaped[place] = escaped;
                self.quote[place] &= !escaped;
                escapes |= 1 << place;
            }
            let string = lanes.prefix_xor(self.quote[place]) ^ carry.string;
            self.string[place] = string;
            carry.string = ((string as i64) >> 63) as u64;
        }
        escapes
    }

    /// Tells tokens from each other.
    #[inline(always)]
    pub(super) fn tokens(&mut self, count: usize, scalar: u64) {
        for place in 0..whole(count) {
            let known = self.open[place] | self.close[place] | self.comma[place] | self.colon[place];
            self.scalar[place] = !(self.string[place] | self.quote[place] | self.white[place] | known);
        }
        let mut before = [scalar; WINDOW];
        before[1..].copy_from_slice(&self.scalar[..WINDOW - 1]);
        for place in 0..whole(count) {
            let outside = !self.string[place];
            self.open[place] &= outside;
            self.close[place] &= outside;
            self.comma[place] &= outside;
            self.colon[place] &= outside;
            let scalar = self.scalar[place];
            self.starts[place] = scalar & !(scalar << 1 | before[place] >> 63);
            self.others[place] = scalar & !self.digit[place];
            self.before[place] = self.open[place] | self.comma[place] | self.colon[place];
            self.behind[place] = self.close[place] | self.quote[place] & !outside | self.starts[place];
        }
    }

    /// Finds what breaks the first rule.
    #[inline(always)]
    pub(super) fn values(&mut self, count: usize, value: u64, ended: u64) -> u64 {
        let value = pending(&mut self.value, &self.before, &self.behind, count, value);
        for place in 0..whole(count) {
            let ended = self.quote[place] & !self.string[place];
            // Behind an edge nothing is known of escapes in the string.
            self.ended[place] = if self.backslash[place] == 0 { ended } else { ended & !(1 << 63) };
        }
        let mut before = [ended; WINDOW];
        before[1..].copy_from_slice(&self.ended[..WINDOW - 1]);
        for place in 0..whole(count) {
            let (open, close) = (self.open[place], self.close[place]);
            let begun = self.behind[place] & !close | open;
            let right = next(self.before[place] | self.behind[place], self.before[place], self.value[place]);
            let named = self.ended[place] << 1 | before[place] >> 63;
            self.odd[place] = (right ^ begun) & !(close & open << 1) | self.colon[place] & !named;
        }
        value
    }

    /// Goes from bracket to bracket, and finds what breaks the third rule.
    #[inline(always)]
    pub(super) fn brackets(
        &mut self,
        blocks: &[[u8; BLOCK]],
        edge: &[u8; BLOCK],
        found: &mut Found,
        mut nest: Nest,
        deepest: Nest,
        floor: Nest,
    ) -> Nest {
        for place in 0..found.count.min(WINDOW) {
            let open = self.open[place];
            let mut rest = open | self.close[place];
            let mut inside = nest.objects();
            self.nest[place] = nest.0;
            if rest != 0 {
                let block = blocks.get(place).unwrap_or(edge);
                let before = nest;
                while rest != 0 {
                    let bit = rest & rest.wrapping_neg();
                    // Bit 5 is the difference between `{` and `[`, and between `}` and `]`.
                    let kind = u64::from(block[(rest.trailing_zeros() & 63) as usize] >> 5 & 1);
                    rest &= rest - 1;
                    let outer = nest.0;
                    if open & bit != 0 {
                        if nest >= deepest {
                            (found.end, found.count) = (Ended::Deep, place);
                            return before;
                        }
                        nest = Nest(outer << 1 | kind);
                    } else {
                        if (outer ^ kind) & 1 != 0 {
                            (found.end, found.count) = (Ended::Odd, place);
                            return before;
                        }
                        nest = Nest(outer >> 1);
                        if nest < floor {
                            let within = 63 - bit.leading_zeros() as usize;
                            found.fall = found.fall.min(place * BLOCK + within);
                            if nest == Nest::EMPTY {
                                self.inside[place] = inside;
                                self.end(place, bit | (bit - 1));
                                (found.end, found.count) = (Ended::Root(within), place + 1);
                                return nest;
                            }
                        }
                    }
                    // Ones above the bit, if it changes.
                    inside ^= (bit << 1).wrapping_neg() & ((outer ^ nest.0) & 1).wrapping_neg();
                }
            }
            self.inside[place] = inside;
        }
        nest
    }

    /// Takes out of a block all but what was seen.
    #[inline(never)]
    fn end(&mut self, place: usize, seen: u64) {
        for row in [
            &mut self.string,
            &mut self.open,
            &mut self.close,
            &mut self.comma,
            &mut self.colon,
            &mut self.scalar,
            &mut self.starts,
            &mut self.others,
            &mut self.odd,
            &mut self.escaped,
        ] {
            row[place] &= seen;
        }
    }

    /// Finds what breaks the second rule, and names the blocks that have something odd.
    #[inline(always)]
    pub(super) fn names(&mut self, found: &mut Found, named: u64, nest: Nest) -> u64 {
        let count = found.count;
        let mut inside = [0; WINDOW];
        inside[..WINDOW - 1].copy_from_slice(&self.inside[1..]);
        if let Some(last) = count.checked_sub(1) {
            inside[last] = nest.0;
        }
        for place in 0..whole(count) {
            let curly = self.open[place] & (self.inside[place] >> 1 | inside[place] << 63);
            let marks = self.open[place] | self.close[place] | self.comma[place] | self.colon[place];
            self.before[place] = curly | self.comma[place] & self.inside[place];
            self.behind[place] = marks & !self.before[place];
        }
        let named = pending(&mut self.named, &self.before, &self.behind, count, named);
        let mut misnamed = [0; WINDOW];
        for place in 0..whole(count) {
            let names = next(self.before[place] | self.behind[place], self.before[place], self.named[place]);
            // What is odd is right or not, as will be seen: a closing bracket behind an opening one and blanks.
            let empty = self.close[place] & (self.open[place] << 1 | self.odd[place]);
            misnamed[place] = (names ^ self.colon[place]) & !empty;
        }
        let (mut all, mut odds) = (0, 0);
        for place in 0..whole(count) {
            all |= misnamed[place];
            odds |= self.odd[place];
        }
        if all | odds != 0 {
            for place in 0..count.min(WINDOW) {
                found.odd |= u64::from(self.odd[place] != 0) << place;
                if misnamed[place] != 0 {
                    found.end = Ended::Odd;
                }
            }
        }
        named
    }

    /// Leaves out what is behind a block that ends in a key with escapes.
    #[inline(always)]
    pub(super) fn cut_at_escaped_key(&self, found: &mut Found, named: u64) {
        let mut escapes = found.escapes;
        while escapes != 0 && found.end != Ended::Odd {
            let place = escapes.trailing_zeros() as usize;
            escapes &= escapes - 1;
            if place >= found.count {
                return;
            }
            let is_named = if place + 1 < found.count { self.named[place + 1] } else { named };
            if is_named != 0 && self.is_escaped_at_end(place) {
                (found.end, found.count) = (Ended::Key, place + 1);
                return;
            }
        }
    }

    /// What the next block has to know, given what the first one had to know and what one behind all blocks had to.
    #[inline(always)]
    pub(super) fn carry_behind(&self, found: &Found, count: usize, before: &Carry, behind: &Carry) -> Carry {
        let Some(last) = found.count.checked_sub(1) else { return *before };
        let (scalar, ended) = (self.scalar[last], self.ended[last]);
        if found.count == count {
            return Carry { scalar, ended, ..*behind };
        }
        let next = found.count;
        let (colon, nest) = match found.end {
            Ended::Key => (1, Nest(self.nest[next])),
            Ended::Whole | Ended::Root(_) | Ended::Deep | Ended::Odd => (behind.colon, behind.nest),
        };
        Carry {
            string: ((self.string[last] as i64) >> 63) as u64,
            escape: if found.escapes >> next & 1 != 0 { self.escaped[next] & 1 } else { 0 },
            scalar,
            ended,
            value: self.value[next],
            colon,
            nest,
        }
    }
}

/// As many blocks as the compiler likes to take at once.
#[inline(always)]
fn whole(count: usize) -> usize {
    count.next_multiple_of(4).min(WINDOW)
}

/// For each block whether the last token before it is of `before`, of which `behind` are the other tokens. Returns the
/// same of the block behind them.
#[inline(always)]
fn pending(row: &mut Row, before: &Row, behind: &Row, count: usize, is_before: u64) -> u64 {
    let mut ends = [is_before; WINDOW];
    let mut has_none = false;
    for place in 0..whole(count) {
        // The highest bit of both is of the greater one.
        ends[place] = u64::from(before[place] > behind[place]);
        has_none |= before[place] | behind[place] == 0;
    }
    row[0] = is_before;
    row[1..].copy_from_slice(&ends[..WINDOW - 1]);
    if has_none {
        // What is pending passes over a block without tokens.
        for place in 0..count.min(WINDOW - 1) {
            row[place + 1] = if before[place] | behind[place] == 0 { row[place] } else { ends[place] };
        }
    }
    match count.checked_sub(1) {
        Some(last) if before[last] | behind[last] == 0 => row[last],
        Some(last) => ends[last],
        None => is_before,
    }
}

/// Those of `tokens` whose token before them is of `first`, or before the block if there is none in it.
#[inline(always)]
fn next(tokens: u64, first: u64, is_before: u64) -> u64 {
    (!tokens).wrapping_add(first << 1 | is_before) & tokens
}

/// The bytes that a backslash escapes, and whether the first byte of the next block is one.
#[inline(always)]
fn escaped_by(backslash: u64, carry: u64) -> (u64, u64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_bytes_are_those_behind_an_odd_run_of_backslashes() {
        let mut random = 0x5eed_u64;
        let mut carry = 0;
        let mut is_escape = false;
        for _ in 0..if cfg!(miri) { 200 } else { 100_000 } {
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
            let (escaped, next) = escaped_by(backslash, carry);
            assert_eq!((escaped, next != 0), (expected, is_escape), "{backslash:b} after {carry}");
            carry = next;
        }
    }

    #[test]
    fn the_next_token_is_found_over_blanks_and_edges() {
        assert_eq!(next(0b1001, 0b1, 0), 0b1000);
        assert_eq!(next(0b1100, 0b1000, 1), 0b100);
        assert_eq!(next(0b11, 0b1, 1), 0b11);
        let mut row = [7; WINDOW];
        let (mut before, mut behind) = ([0; WINDOW], [0; WINDOW]);
        (before[0], behind[0]) = (1 << 9, 1 << 8);
        (before[2], behind[2]) = (1 << 8, 1 << 9);
        assert_eq!(pending(&mut row, &before, &behind, 4, 0), 0);
        assert_eq!(row[..4], [0, 1, 1, 0]);
    }
}
