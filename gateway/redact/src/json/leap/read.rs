//! Blocks as the tokens of JSON, and whether each may follow the one before it.
//!
//! Every rule of the grammar (RFC 8259 §2) is one of three, once strings are known:
//!
//! 1. Behind an opening bracket, a comma or a colon a value begins, and nowhere else. Only behind an opening bracket
//!    its closing one may stand instead.
//! 2. Behind a brace and the commas of an object a key comes: the next bracket, comma or colon is a colon. No other is.
//! 3. A closing bracket is of the kind of the last one that was opened.
//!
//! "The next token" is found for all tokens of a block at once, whatever blanks there are between: in an addition, ones
//! between two tokens carry from the first to the second. What numbers, words and escapes there are is not known here.

#![expect(clippy::needless_range_loop, reason = "one index for many rows")]

use super::WINDOW;
use crate::{
    json::State,
    scan::{BLOCK, Lanes, Work},
};

/// What a block has to know of those before it.
#[derive(Clone, Copy)]
pub(super) struct Carry {
    /// All ones within a string.
    pub(super) string: u64,
    /// One if the last byte was a backslash that escapes the next one.
    pub(super) escape: u64,
    /// The highest bit: the last byte was part of a number or word.
    pub(super) scalar: u64,
    /// The highest bit: the last byte was the closing quote of a string without escapes.
    ended: u64,
    /// One where a value is to begin, by the first rule.
    pub(super) value: u64,
    /// One where a colon is to come, by the second.
    pub(super) colon: u64,
    pub(super) nest: Nest,
}

impl Carry {
    pub(super) fn of(state: State, nest: Nest) -> Carry {
        let carry = Carry { string: 0, escape: 0, scalar: 0, ended: 0, value: 0, colon: 0, nest };
        match state {
            State::Value | State::FirstItem => Carry { value: 1, ..carry },
            State::FirstMember | State::Member => Carry { value: 1, colon: 1, ..carry },
            State::Text { .. } => Carry { string: !0, ..carry },
            State::Key { .. }
            | State::Colon
            | State::Inner { .. }
            | State::Number { .. }
            | State::Word { .. }
            | State::After => carry,
        }
    }
}

/// The kinds of the containers that are open: a one, and behind it a bit for each, the innermost the lowest, which is
/// one for an object. Of two nests the deeper one is the greater number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nest(u64);

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

    /// Whether the container at a depth, of which the outermost is one, is an object.
    pub(super) fn is_object(self, depth: usize) -> bool {
        self.0 >> (self.depth() - depth) & 1 != 0
    }

    /// Ones if the innermost container is an object.
    #[inline(always)]
    fn objects(self) -> u64 {
        (self.0 & 1).wrapping_neg()
    }
}

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

/// Reads blocks.
pub(super) struct Read<'r> {
    pub(super) blocks: &'r [[u8; BLOCK]],
    /// One more block.
    pub(super) last: Option<&'r [u8; BLOCK]>,
    pub(super) window: &'r mut Window,
    pub(super) carry: &'r mut Carry,
    /// The least nest in which no container may be opened.
    pub(super) deepest: Nest,
    /// The least nest that is no fall.
    pub(super) floor: Nest,
}

/// What was found in blocks.
pub(super) struct Found {
    /// How many of them were read.
    pub(super) count: usize,
    pub(super) end: Ended,
    /// The floor that was given.
    pub(super) floor: Nest,
    /// The place in the window of the first bracket that closes a container of the floor; [`usize::MAX`] if there is
    /// none.
    pub(super) fall: usize,
    /// A bit for each block that has something odd.
    pub(super) odd: u64,
    /// A bit for each block that has backslashes or begins with an escaped byte.
    pub(super) escapes: u64,
}

/// What ended the reading of blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// There are no more.
    Whole,
    /// Behind this place of the last block that was read all containers are closed. What follows was not judged.
    Root(usize),
    /// In the next block containers are nested too deep.
    Deep,
    /// The last block that was read ends in a key that has escapes.
    Key,
    /// It is not JSON.
    Odd,
}

impl Work for Read<'_> {
    type Output = Found;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Found {
        let Read { blocks, last, window, carry, deepest, floor } = self;
        let edge = last.unwrap_or(&[b' '; BLOCK]);
        let mut count = blocks.len().min(WINDOW);
        let mut lowest = lanes.highest();
        for (place, block) in blocks[..count].iter().enumerate() {
            window.look(lanes, place, block, &mut lowest);
        }
        if let Some(last) = last
            && count < WINDOW
        {
            window.look(lanes, count, last, &mut lowest);
            count += 1;
        }
        let before = *carry;
        let escapes = window.strings(lanes, count, carry);
        let mut found = Found { count, end: Ended::Whole, floor, fall: usize::MAX, odd: 0, escapes };
        window.tokens(count, before.scalar);
        carry.value = window.values(count, before.value, before.ended);
        carry.nest = window.brackets(blocks, edge, &mut found, before.nest, deepest, floor);
        carry.colon = window.names(&mut found, before.colon, carry.nest);
        window.cut_at_escaped_key(&mut found, carry.colon);
        if found.fall >= found.count * BLOCK {
            found.fall = usize::MAX;
        }
        *carry = window.carry_behind(&found, count, &before, carry);
        if let Some(quote) = window.quote.get_mut(found.count) {
            // The next block was not read, as far as others are concerned.
            *quote = 0;
        }
        if lanes.has_control(lowest) {
            let blocks = blocks.iter().chain([edge]);
            let controls = blocks
                .zip(&window.string)
                .take(found.count)
                .map(|(block, string)| lanes.controls(block) & string);
            if controls.fold(0, |all, controls| all | controls) != 0 {
                found.end = Ended::Odd;
            }
        }
        found
    }
}

impl Window {
    #[inline(always)]
    fn look<L: Lanes>(&mut self, lanes: L, place: usize, block: &[u8; BLOCK], lowest: &mut L::Lowest) {
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
    fn strings<L: Lanes>(&mut self, lanes: L, count: usize, carry: &mut Carry) -> u64 {
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
    fn tokens(&mut self, count: usize, scalar: u64) {
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
    fn values(&mut self, count: usize, value: u64, ended: u64) -> u64 {
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
    fn brackets(
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
        ] {
            row[place] &= seen;
        }
    }

    /// Finds what breaks the second rule, and names the blocks that have something odd.
    #[inline(always)]
    fn names(&mut self, found: &mut Found, named: u64, nest: Nest) -> u64 {
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
    fn cut_at_escaped_key(&self, found: &mut Found, named: u64) {
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
    fn carry_behind(&self, found: &Found, count: usize, before: &Carry, behind: &Carry) -> Carry {
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

    #[test]
    fn a_nest_knows_its_kinds() {
        let nest = Nest::EMPTY.open(true).open(false).open(true);
        assert_eq!(nest.depth(), 3);
        assert_eq!([1, 2, 3].map(|depth| nest.is_object(depth)), [true, false, true]);
        assert!(nest > Nest::at(3) && nest < Nest::at(4) && nest.close() < Nest::at(3));
        assert!(nest.close().close().close() == Nest::EMPTY);
    }
}
