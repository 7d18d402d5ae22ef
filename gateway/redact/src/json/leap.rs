//! The fast way: whole blocks of 64 bytes at a time.
//!
//! A leap carries the grammar of JSON (RFC 8259) through bit masks: which tokens stand where, and whether each may
//! follow the one before it. It does the common work itself – keys of the plan, hidden strings and numbers,
//! containers – and leaves at an exact place where something needs more. It promises nothing about malformed
//! documents: where anything is odd it gives up without a trace, and the exact machine reads the same bytes again.

use super::{Cursor, Kind, Rewriter, State, TextLexer, number};
use crate::{
    class::Class,
    plan::{Label, Treatment},
    scan::{BLOCK, Lanes, Masks, Work},
};

/// Fewer bytes are not worth the way in and out.
const WORTH: usize = 40;

impl Rewriter {
    /// Whether the next token may be read by a leap.
    #[inline]
    pub(super) fn can_leap(&self, rest: &[u8]) -> bool {
        if rest.len() < WORTH {
            return false;
        }
        match self.state {
            State::Value => match self.stack.kind() {
                // What a key said of its value is known to the exact machine alone.
                Some(Kind::Object) => false,
                Some(Kind::Array) => self.stack.is_calm(),
                None => matches!(rest.first(), Some(b'{' | b'[')) && self.plan.automaton().root().is_none(),
            },
            State::FirstItem | State::FirstMember | State::Member => self.stack.is_calm(),
            State::After => !self.stack.is_empty() && self.stack.is_calm(),
            State::Text { lexer: TextLexer::Plain, class: None } => {
                !self.stack.is_empty() && self.stack.is_calm()
            }
            State::Key { .. }
            | State::Colon
            | State::Text { .. }
            | State::Number { .. }
            | State::Word { .. } => false,
        }
    }

    /// Reads as far as it can. Returns whether another leap in this chunk may be worth it.
    pub(super) fn leap(&mut self, cursor: &mut Cursor) -> bool {
        let text = cursor.text();
        if text < cursor.at + WORTH {
            return false;
        }
        self.before.copy_from(&self.stack);
        let (out, passed, summary, member) = (cursor.out.len(), cursor.passed, self.summary, self.member);
        let leap = Leap {
            chunk: &cursor.chunk[..text],
            base: cursor.at,
            start: cursor.at,
            passed: cursor.passed,
            out: cursor.out,
            open: None,
            label_at: usize::MAX,
            label: Label::OTHER,
            rewriter: self,
        };
        let set = leap.rewriter.set;
        match set.run(leap) {
            Some(place) => {
                cursor.at = place.at;
                cursor.passed = place.passed;
                self.state = place.state;
                self.member = place.member;
                !place.is_end
            }
            None => {
                cursor.out.truncate(out);
                cursor.passed = passed;
                self.summary = summary;
                self.member = member;
                std::mem::swap(&mut self.stack, &mut self.before);
                false
            }
        }
    }
}

/// One run of blocks.
struct Leap<'l, 'c> {
    rewriter: &'l mut Rewriter,
    /// Valid UTF-8 from `start` on.
    chunk: &'c [u8],
    out: &'l mut Vec<u8>,
    /// Where the leap began.
    start: usize,
    /// Where the next block begins.
    base: usize,
    /// What has been emitted or replaced.
    passed: usize,
    /// The hidden string whose closing quote is still to come.
    open: Option<Open>,
    /// Where the value of the last key of the plan begins, and what the key is.
    label_at: usize,
    label: Label,
}

/// A hidden string: its opening quote, its class and its key.
#[derive(Clone, Copy)]
struct Open {
    at: usize,
    class: Class,
    label: Label,
}

/// Where the exact machine goes on.
struct Place {
    at: usize,
    passed: usize,
    state: State,
    member: Label,
    /// A leap from here on finds no more.
    is_end: bool,
}

/// What a block has to know of those before it. All but `string` are one bit.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// All ones within a string.
    string: u64,
    /// The string is a key.
    key: u64,
    /// The last byte was a backslash that escapes the next one.
    escape: u64,
    /// The last byte was part of a number or word.
    scalar: u64,
    /// A value comes next: behind `[`, a colon, or a comma of an array.
    value: u64,
    /// A key comes next: behind `{`, or a comma of an object.
    member: u64,
    /// A colon comes next.
    colon: u64,
    /// A comma or closing bracket comes next.
    after: u64,
}

impl Carry {
    fn of(state: State) -> Carry {
        let carry = Carry::default();
        match state {
            State::Value | State::FirstItem => Carry { value: 1, ..carry },
            State::FirstMember | State::Member => Carry { member: 1, ..carry },
            State::Text { .. } => Carry { string: !0, ..carry },
            State::After => Carry { after: 1, ..carry },
            State::Key { .. } | State::Colon | State::Number { .. } | State::Word { .. } => carry,
        }
    }
}

/// How a block was read.
enum Read {
    /// To its end.
    Whole,
    /// Not at all: it needs bytes that are not here yet.
    Unread,
    /// Up to a place where the exact machine goes on.
    Until(usize, State),
    /// It is odd.
    Odd,
}

impl Work for Leap<'_, '_> {
    type Output = Option<Place>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) -> Option<Place> {
        let mut carry = Carry::of(self.rewriter.state);
        loop {
            let rest = &self.chunk[self.base..];
            let (read, length) = match rest.first_chunk() {
                Some(block) => (self.read::<L, BLOCK>(lanes, block, BLOCK, &mut carry), BLOCK),
                None if rest.is_empty() => return Some(self.leave(carry)),
                None => {
                    let mut block = [b' '; BLOCK];
                    block[..rest.len()].copy_from_slice(rest);
                    (self.read::<L, 0>(lanes, &block, rest.len(), &mut carry), rest.len())
                }
            };
            match read {
                Read::Whole => self.base += length,
                Read::Unread => return Some(self.leave(carry)),
                Read::Until(at, state) => {
                    let member = if at == self.label_at { self.label } else { Label::OTHER };
                    return Some(Place { at, passed: self.passed, state, member, is_end: false });
                }
                Read::Odd => return None,
            }
        }
    }
}

impl Leap<'_, '_> {
    /// Reads the block at `base`. `WHOLE` is its length if that is known to be the whole of it.
    #[inline(always)]
    fn read<L: Lanes, const WHOLE: usize>(
        &mut self,
        lanes: L,
        block: &[u8; BLOCK],
        length: usize,
        carry: &mut Carry,
    ) -> Read {
        let Masks { quote, backslash, white, control, open, close, comma, colon } = lanes.masks(block);
        let (escaped, escape) = escapes(backslash, carry.escape);
        let quote = quote & !escaped;
        // From each opening quote to the byte before the closing one.
        let string = lanes.prefix_xor(quote) ^ carry.string;
        let white = white & !string;
        let (open, close, comma, colon) = (open & !string, close & !string, comma & !string, colon & !string);
        let scalar = !(string | quote | white | open | close | comma | colon);
        let within = ((string as i64) >> 63) as u64;
        if WHOLE == 0 && (within != 0 || scalar >> (length - 1) & 1 != 0) {
            return Read::Unread;
        }
        if control & string != 0 {
            return Read::Odd;
        }
        if (backslash | escaped) != 0 {
            if backslash & !string != 0 {
                return Read::Odd;
            }
            match self.are_escapes(escaped) {
                Some(true) => {}
                Some(false) => return Read::Odd,
                None => return Read::Unread,
            }
        }
        let mut next = Carry { string: within, escape, scalar: scalar >> 63, ..*carry };
        if quote | open | close | comma | colon | scalar | carry.scalar == 0 {
            // Nothing but the inside of a string, or nothing but blanks.
            if carry.key & u64::from(backslash != 0) != 0 {
                return Read::Odd;
            }
            *carry = next;
            return Read::Whole;
        }

        let opening = quote & string;
        let closing = quote & !string;
        if let Some(hidden) = self.open
            && let Some(end) = first_after(closing, hidden.at, self.base)
        {
            self.open = None;
            self.show(hidden.class, hidden.at, self.base + end);
        }

        // Brackets and keys, in their order. `objects` tells where the innermost container is an object, `curly`
        // which brackets open one.
        let mut stop = None;
        let mut objects = self.objects();
        let mut curly = 0;
        let mut is_live = self.rewriter.stack.is_live();
        let mut events = open | close | colon;
        while events != 0 {
            let place = events.trailing_zeros();
            let bit = events & events.wrapping_neg();
            events ^= bit;
            let at = self.base + place as usize;
            if colon & bit != 0 {
                if is_live
                    && let Some(label) = self.key(at)
                    && let Err(found) = self.value(label, at, closing)
                {
                    match found {
                        Some(at) => stop = Some((at, State::Value)),
                        None => return Read::Odd,
                    }
                    break;
                }
                continue;
            }
            let behind = !(bit | (bit - 1));
            if open & bit != 0 {
                let is_object = block[place as usize] == b'{';
                let first = if is_object { State::FirstMember } else { State::FirstItem };
                let kind = if is_object { Kind::Object } else { Kind::Array };
                match self.enter(kind, at) {
                    Enter::Calm => {}
                    Enter::NotCalm => stop = Some((at + 1, first)),
                    Enter::Treated => stop = Some((at, State::Value)),
                    Enter::TooDeep => return Read::Odd,
                }
                if let Some((_, State::Value)) = stop {
                    break;
                }
                curly |= if is_object { bit } else { 0 };
                objects = objects & !behind | if is_object { behind } else { 0 };
            } else {
                // `{` and `}`, `[` and `]` differ by two.
                let is_object = block[place as usize] == b'}';
                let stack = &mut self.rewriter.stack;
                if (stack.kind() == Some(Kind::Object)) != is_object {
                    return Read::Odd;
                }
                stack.close(self.rewriter.plan.automaton());
                if stack.is_empty() || !stack.is_calm() {
                    stop = Some((at + 1, State::After));
                    break;
                }
                objects = objects & !behind | self.objects() & behind;
            }
            if stop.is_some() {
                break;
            }
            is_live = self.rewriter.stack.is_live();
        }

        // Each token by the token before it.
        let scalars = scalar & !(scalar << 1 | carry.scalar);
        let after_scalar = (scalar << 1 | carry.scalar) & !scalar;
        let before_value = colon | open & !curly | comma & !objects;
        let before_member = curly | comma & objects;
        let value = follow(before_value, white, &mut next.value);
        let member = follow(before_member, white, &mut next.member);
        let (ended, over) = string.overflowing_add(opening & member | carry.key);
        next.key = u64::from(over);
        let named = ended & closing;
        if backslash & !ended & string != 0 {
            // A key with escapes.
            return Read::Odd;
        }
        let name = follow(named, white, &mut next.colon);
        let mut after = close | closing & !named;
        let starts = after << 1 | carry.after | after_scalar;
        next.after = after >> 63;
        after = if white == 0 {
            starts
        } else {
            let (carried, over) = (starts & white).overflowing_add(white);
            next.after |= u64::from(over);
            (starts | carried) & !white
        };
        let mut wrong =
            comma & !after | colon & !name | opening & !(value | member) | (open | scalars) & !value;
        let mut empty = close & !after;
        let seen = match stop {
            Some((at, _)) if at - self.base < BLOCK => (1 << (at - self.base)) - 1,
            Some(_) | None => !0,
        };
        wrong &= seen;
        empty &= seen;
        if wrong != 0 || empty != 0 && !self.are_empty(empty) {
            return Read::Odd;
        }
        if scalar & seen != 0 && !self.are_scalars(lanes.digits(block), scalar, scalars, seen) {
            return Read::Odd;
        }
        *carry = next;
        match stop {
            Some((at, state)) => Read::Until(at, state),
            None => Read::Whole,
        }
    }

    /// Ones if the innermost container is an object.
    #[inline(always)]
    fn objects(&self) -> u64 {
        match self.rewriter.stack.kind() {
            Some(Kind::Object) => !0,
            Some(Kind::Array) | None => 0,
        }
    }

    /// The label of the key before the colon at `at`, if it is one of the plan's.
    #[inline(always)]
    fn key(&self, at: usize) -> Option<Label> {
        let mut end = at.checked_sub(1)?;
        while let b' ' | b'\n' | b'\r' | b'\t' = self.chunk.get(end)? {
            end = end.checked_sub(1)?;
        }
        self.rewriter.plan.automaton().quoted(&self.chunk[..end])
    }

    /// Takes the value behind the colon of a key of the plan. Where it does not know how, it fails with the place
    /// of the value, or with none if it is odd.
    #[inline(always)]
    fn value(&mut self, label: Label, colon: usize, closing: u64) -> Result<(), Option<usize>> {
        let mut at = colon + 1;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.chunk.get(at) {
            at += 1;
        }
        self.label_at = at;
        self.label = label;
        let rewriter = &mut *self.rewriter;
        let treatment = rewriter.stack.treatment(rewriter.plan.automaton(), label);
        let class = match treatment {
            None | Some(Treatment::Keep | Treatment::Keys(_)) => return Ok(()),
            Some(Treatment::HideIf(..)) => return Err(Some(at)),
            Some(Treatment::Hide(class)) => class,
        };
        let Some(&first) = self.chunk.get(at) else { return Ok(()) };
        if first == b'"' {
            self.out.extend_from_slice(&self.chunk[self.passed..at]);
            self.passed = at;
            match first_after(closing, at, self.base) {
                Some(end) => self.show(class, at, self.base + end),
                None => self.open = Some(Open { at, class, label }),
            }
            return Ok(());
        }
        self.bare(class, at, first)
    }

    /// Takes a hidden value that is no string.
    #[cold]
    fn bare(&mut self, class: Class, at: usize, first: u8) -> Result<(), Option<usize>> {
        let rest = &self.chunk[at..];
        let length = match first {
            b'n' => return Ok(()),
            b'{' | b'[' => return Err(Some(at)),
            _ => number::scalar(rest).ok_or(None)?,
        };
        if at + length >= self.base + BLOCK || length == rest.len() {
            // It may go on in the next chunk, or the leap end within it.
            return Err(Some(at));
        }
        self.out.extend_from_slice(&self.chunk[self.passed..at]);
        self.passed = at + length;
        match first {
            b't' | b'f' => {
                self.out.extend_from_slice(b"false");
                self.rewriter.summary.hidden[class.index()] += 1;
            }
            _ => {
                self.rewriter.held.begin(self.rewriter.limits.value_bytes);
                super::text::Sink::bytes(&mut self.rewriter.held, &rest[..length]);
                self.rewriter.show_held_number(class, self.out);
            }
        }
        Ok(())
    }

    /// Emits what stands for the hidden string between two quotes.
    #[inline(always)]
    fn show(&mut self, class: Class, open: usize, close: usize) {
        let value = &self.chunk[open + 1..close];
        self.passed = close + 1;
        self.rewriter.show_raw_text(class, value, self.out);
    }

    /// Opens the container at `at`.
    #[inline(always)]
    fn enter(&mut self, kind: Kind, at: usize) -> Enter {
        let rewriter = &mut *self.rewriter;
        let automaton = rewriter.plan.automaton();
        let label = if at == self.label_at { self.label } else { Label::OTHER };
        let treatment = rewriter.stack.treatment(automaton, label);
        if let Some(Treatment::Hide(_) | Treatment::HideIf(..)) = treatment {
            return Enter::Treated;
        }
        if rewriter.stack.open(automaton, kind, label, treatment, rewriter.limits.depth).is_err() {
            return Enter::TooDeep;
        }
        if rewriter.stack.is_asked() {
            // The exact machine opens it once more, to hear its members.
            rewriter.stack.close(automaton);
            return Enter::Treated;
        }
        if rewriter.stack.is_calm() { Enter::Calm } else { Enter::NotCalm }
    }

    /// Whether the escaped bytes of this block end escapes that there are (RFC 8259 §7); `None` if one runs over
    /// the end of the chunk.
    #[inline(never)]
    fn are_escapes(&self, mut escaped: u64) -> Option<bool> {
        while escaped != 0 {
            let at = self.base + escaped.trailing_zeros() as usize;
            escaped &= escaped - 1;
            match self.chunk.get(at)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let digits = self.chunk.get(at + 1..at + 5)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return Some(false);
                    }
                }
                _ => return Some(false),
            }
        }
        Some(true)
    }

    /// Whether these closing brackets, which follow no value, follow an opening one.
    #[inline(never)]
    fn are_empty(&self, mut close: u64) -> bool {
        while close != 0 {
            let at = self.base + close.trailing_zeros() as usize;
            close &= close - 1;
            let before = &self.chunk[self.start..at];
            let is_empty = match before.iter().rfind(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
                Some(last) => matches!(last, b'{' | b'['),
                None => matches!(self.rewriter.state, State::FirstItem | State::FirstMember),
            };
            if !is_empty {
                return false;
            }
        }
        true
    }

    /// Whether numbers and words are what the grammar has. One that began in an earlier block was judged there.
    #[inline(always)]
    fn are_scalars(&self, (digits, zeros): (u64, u64), scalar: u64, starts: u64, seen: u64) -> bool {
        // A run of digits that begins with no zero is a number. What is otherwise, or runs over the end, is read.
        let carried = if starts & 1 == 0 { scalar & !scalar.wrapping_add(1) } else { 0 };
        let odd = (scalar & !digits | starts & zeros & (scalar >> 1 | 1 << 63) | scalar & 1 << 63) & !carried;
        odd & seen == 0 || self.are_odd_scalars(odd & seen, scalar, starts)
    }

    #[inline(never)]
    fn are_odd_scalars(&self, mut odd: u64, scalar: u64, starts: u64) -> bool {
        while odd != 0 {
            let bit = odd & odd.wrapping_neg();
            let before = starts & (bit | (bit - 1));
            if before == 0 {
                return false;
            }
            let start = 63 - before.leading_zeros();
            let run = (scalar >> start).trailing_ones();
            let rest = &self.chunk[self.base + start as usize..];
            let Some(length) = number::scalar(rest) else { return false };
            let is_whole = match start + run {
                0..64 => length == run as usize,
                _ => rest
                    .get(length)
                    .is_none_or(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')),
            };
            if !is_whole {
                return false;
            }
            odd &= match start + run {
                end @ 0..64 => !0 << end,
                _ => 0,
            };
        }
        true
    }

    /// Where the exact machine goes on behind the last block that was read.
    #[inline(never)]
    fn leave(self, carry: Carry) -> Place {
        let chunk = self.chunk;
        let before = &chunk[self.start..self.base];
        let back = |is: fn(&u8) -> bool| before.iter().rposition(is).map_or(self.start, |at| self.start + at);
        let quote = |byte: &u8| *byte == b'"';
        let place = |at: usize, state: State, member: Label| Place {
            at,
            passed: self.passed,
            state,
            member,
            is_end: true,
        };
        let label = |at: usize| if at == self.label_at { self.label } else { Label::OTHER };
        if let Some(open) = self.open {
            return place(open.at, State::Value, open.label);
        }
        if carry.string != 0 {
            if carry.key != 0 {
                return place(back(quote), State::Member, Label::OTHER);
            }
            let mut at = self.base - carry.escape as usize;
            while at > self.start && chunk.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
                at -= 1;
            }
            return place(at, State::Text { lexer: TextLexer::Plain, class: None }, Label::OTHER);
        }
        if carry.scalar != 0 {
            let is_bound = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b' ' | b'\n' | b'\r' | b'\t');
            let at = match before.iter().rposition(is_bound) {
                Some(bound) => self.start + bound + 1,
                None => self.start,
            };
            return place(at, State::Value, label(at));
        }
        if carry.colon != 0 {
            let close = back(quote);
            let open =
                chunk[self.start..close].iter().rposition(quote).map_or(self.start, |at| self.start + at);
            return place(open, State::Member, Label::OTHER);
        }
        let is_text = |byte: &u8| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let last = before.iter().rfind(|byte| is_text(byte));
        let state = match (carry.value != 0, carry.member != 0, last) {
            (true, _, Some(b'[')) => State::FirstItem,
            (_, true, Some(b'{')) => State::FirstMember,
            (_, _, None) => self.rewriter.state,
            (true, _, Some(_)) => State::Value,
            (_, true, Some(_)) => State::Member,
            (false, false, Some(_)) => State::After,
        };
        let member =
            if self.label_at != usize::MAX && self.label_at >= self.base { self.label } else { Label::OTHER };
        place(self.base, state, member)
    }
}

/// What became of an opening bracket.
enum Enter {
    Calm,
    /// Opened, but every value in it needs a look.
    NotCalm,
    /// Not opened: something happens to the container as a whole.
    Treated,
    TooDeep,
}

/// The bytes that a backslash escapes, and whether the first byte of the next block is one.
#[inline(always)]
fn escapes(backslash: u64, carry: u64) -> (u64, u64) {
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

/// The tokens that follow those of `tokens`, whatever blanks there are between; `carry` passes over the edge.
#[inline(always)]
fn follow(tokens: u64, white: u64, carry: &mut u64) -> u64 {
    let starts = tokens << 1 | *carry;
    *carry = tokens >> 63;
    if white == 0 {
        return starts;
    }
    let (carried, over) = (starts & white).overflowing_add(white);
    *carry |= u64::from(over);
    (starts | carried) & !white
}

/// The first of `bits` behind the byte at `at`, in the block at `base`.
#[inline(always)]
fn first_after(bits: u64, at: usize, base: usize) -> Option<usize> {
    let later = match at.checked_sub(base) {
        None => bits,
        Some(place @ 0..63) => bits & !0 << (place + 1),
        Some(_) => 0,
    };
    (later != 0).then(|| later.trailing_zeros() as usize)
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
        assert_eq!(follow(0b1, 0b110, &mut carry), 0b1000);
        assert_eq!(follow(1 << 60, 0b111 << 61, &mut carry), 0);
        assert_eq!(carry, 1);
        assert_eq!(follow(0, !0, &mut carry), 0);
        assert_eq!(carry, 1);
        assert_eq!(follow(0b100, 0b11, &mut carry), 0b1100);
        assert_eq!(carry, 0);
    }
}
