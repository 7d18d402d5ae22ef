//! The fast way: whole blocks of 64 bytes at a time.
//!
//! A leap carries the grammar of JSON (RFC 8259) through bit masks: which tokens stand where, and whether each may
//! follow the one before it. It does the common work itself – keys of the plan, hidden strings and numbers,
//! containers – and leaves at an exact place where something needs more. It promises nothing about malformed
//! documents: where anything is odd it gives up without a trace, and the exact machine reads the same bytes again.

use super::{Cursor, Kind, Rewriter, State, TextLexer, number};
use crate::{
    class::Class,
    plan::{BEFORE, Label, Treatment},
    scan::{BLOCK, Lanes, Work},
};

use window::{Carry, Tokens, WINDOW, Window, follow, tokens_of};

mod window;

/// Fewer bytes are not worth the way in and out.
const WORTH: usize = 40;

impl Rewriter {
    /// Whether the next token may be read by a leap.
    #[inline]
    pub(in crate::json) fn can_leap(&self, rest: &[u8]) -> bool {
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
            | State::Inner { .. }
            | State::Number { .. }
            | State::Word { .. } => false,
        }
    }

    /// Reads as far as it can. Returns whether another leap in this chunk may be worth it.
    pub(in crate::json) fn leap(&mut self, cursor: &mut Cursor) -> bool {
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
            light: Light::default(),
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
    light: Light,
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

/// What a walk over a window came to.
enum Walk {
    /// Its end.
    Whole,
    /// A place where the exact machine goes on.
    Until(usize, State),
    /// Something odd.
    Odd,
}

impl Work for Leap<'_, '_> {
    type Output = Option<Place>;

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) -> Option<Place> {
        let mut carry = Carry::of(self.rewriter.state);
        let mut window =
            Window { blocks: [Tokens::default(); WINDOW], length: 0, has_white: false, has_backslash: false };
        loop {
            let is_last = self.fill(lanes, &mut carry, &mut window)?;
            let (blocks, seen, stop) = match self.walk(&mut window) {
                Walk::Whole => (window.length, 0, None),
                Walk::Odd => return None,
                Walk::Until(at, state) => {
                    let length = at - self.base;
                    let blocks = window.length.min(length / BLOCK);
                    (blocks, (1 << (length % BLOCK)) - 1, Some((at, state)))
                }
            };
            let is_right = match (window.has_white, window.has_backslash) {
                (false, false) => self.is_right::<false, false>(&window, blocks, seen, &mut carry),
                (false, true) => self.is_right::<false, true>(&window, blocks, seen, &mut carry),
                (true, _) => self.is_right::<true, true>(&window, blocks, seen, &mut carry),
            };
            if !is_right {
                return None;
            }
            if let Some((at, state)) = stop {
                self.settle();
                let member = if at == self.label_at { self.label } else { Label::OTHER };
                return Some(Place { at, passed: self.passed, state, member, is_end: false });
            }
            self.base = self.chunk.len().min(self.base + window.length * BLOCK);
            if is_last {
                self.settle();
                return Some(self.leave(carry));
            }
        }
    }
}

impl Leap<'_, '_> {
    /// Fills the window from `base` on. Returns whether it is the last one, or `None` if something is odd.
    ///
    /// A block is left out if its end is not known: within a string, number or word at the end of the chunk.
    #[inline(always)]
    fn fill<L: Lanes>(&self, lanes: L, carry: &mut Carry, window: &mut Window) -> Option<bool> {
        let rest = &self.chunk[self.base..];
        let (blocks, tail) = rest.as_chunks::<BLOCK>();
        let (mut whites, mut backslashes, mut wrong) = (0, 0, 0);
        let mut length = 0;
        let start = *carry;
        let mut lowest = lanes.highest();
        let mut is_last = blocks.len() < WINDOW;
        for (block, tokens) in blocks.iter().zip(&mut window.blocks) {
            let (found, next) = tokens_of(lanes, block, &mut lowest, *carry);
            *tokens = found;
            (carry.string, carry.escape) = (next.string, next.escape);
            whites |= found.white;
            backslashes |= found.backslash;
            wrong |= next.wrong;
            length += 1;
        }
        if length == blocks.len() && length < WINDOW && !tail.is_empty() {
            let mut padded = [b' '; BLOCK];
            padded[..tail.len()].copy_from_slice(tail);
            let (found, next) = tokens_of(lanes, &padded, &mut lowest, *carry);
            let is_open = (next.string | found.scalar >> (tail.len() - 1) & 1) != 0;
            if !is_open {
                window.blocks[length] = found;
                (carry.string, carry.escape) = (next.string, next.escape);
                whites |= found.white;
                backslashes |= found.backslash;
                wrong |= next.wrong | lanes.controls(&padded) & found.string;
                length += 1;
            }
        }
        if lanes.has_control(lowest) {
            // Blanks between tokens, or what no string may have.
            for (block, tokens) in blocks.iter().zip(&window.blocks) {
                wrong |= lanes.controls(block) & tokens.string;
            }
        }
        if backslashes | start.escape != 0
            && let Some(whole) = self.are_escapes(&window.blocks[..length])?
        {
            // An escape runs over the end of the chunk.
            is_last = true;
            length = whole;
            carry.escape = window.blocks[whole].escaped & 1;
            carry.string = match whole.checked_sub(1) {
                Some(last) => ((window.blocks[last].string as i64) >> 63) as u64,
                None => start.string,
            };
        }
        window.length = length;
        (window.has_white, window.has_backslash) = (whites != 0, backslashes != 0);
        (wrong == 0).then_some(is_last)
    }

    /// Goes from bracket to bracket and key to key: keeps the stack, and hides what is to be hidden.
    #[inline(always)]
    fn walk(&mut self, window: &mut Window) -> Walk {
        if let Some(hidden) = self.open
            && let Some(close) = self.closing(window, hidden.at)
        {
            self.open = None;
            self.show(hidden.class, hidden.at, close);
        }
        let chunk = self.chunk;
        let mut base = self.base;
        let mut objects = self.objects();
        let mut place = self.place();
        self.find_keys(window, place.is_live);
        for block in 0..window.length.min(WINDOW) {
            let Tokens { open, close, keys, .. } = window.blocks[block];
            let brackets = open | close;
            let mut events = brackets | keys;
            let mut curly = 0;
            let mut inside = objects;
            let mut stop = None;
            while events != 0 {
                let bit = events & events.wrapping_neg();
                let at = base + events.trailing_zeros() as usize;
                events ^= bit;
                if keys & bit != 0 {
                    if place.is_live
                        && let Some(label) = self.rewriter.plan.automaton().quoted(&chunk[..at])
                        && let Err(found) = self.value(window, label, at)
                    {
                        stop = Some(found.map_or(Walk::Odd, |at| Walk::Until(at, State::Value)));
                        break;
                    }
                    continue;
                }
                // Bit 5 is the difference between `{` and `[`, and between `}` and `]`.
                let is_object = chunk[at] & 0x20 != 0;
                let behind = !(bit | (bit - 1));
                if open & bit != 0 {
                    curly |= if is_object { bit } else { 0 };
                    if self.light.count < place.room && at != self.label_at {
                        self.light.push(is_object);
                    } else {
                        stop = self.enter(is_object, at);
                        if let Some(Walk::Until(_, State::Value) | Walk::Odd) = stop {
                            break;
                        }
                        place = self.place();
                    }
                    objects = if is_object { !0 } else { 0 };
                } else {
                    if (objects != 0) != is_object {
                        return Walk::Odd;
                    }
                    if self.light.count > 0 {
                        self.light.pop();
                    } else {
                        let stack = &mut self.rewriter.stack;
                        stack.close(self.rewriter.plan.automaton());
                        if stack.is_empty() || !stack.is_calm() {
                            stop = Some(Walk::Until(at + 1, State::After));
                        }
                        place = self.place();
                    }
                    objects = self.objects();
                }
                inside = inside & !behind | objects & behind;
                if stop.is_some() {
                    break;
                }
            }
            (window.blocks[block].curly, window.blocks[block].objects) = (curly, inside);
            if let Some(stop) = stop {
                return stop;
            }
            base += BLOCK;
        }
        Walk::Whole
    }

    /// What the innermost container on the stack says of containers in it.
    #[inline(always)]
    fn place(&self) -> Here {
        let Rewriter { stack, plan, limits, .. } = &*self.rewriter;
        let room = match stack.is_steady(plan.automaton()) {
            true => limits.depth.saturating_sub(stack.depth()).min(Light::MOST) as u32,
            false => 0,
        };
        Here { is_live: stack.is_live(), room }
    }

    /// Puts on the stack what is not there yet.
    #[inline(never)]
    fn settle(&mut self) {
        let Rewriter { stack, plan, limits, .. } = &mut *self.rewriter;
        for place in (0..self.light.count).rev() {
            let kind = if self.light.kinds >> place & 1 != 0 { Kind::Object } else { Kind::Array };
            // There was room for it: see `place`.
            let _ = stack.open(plan.automaton(), kind, Label::OTHER, None, limits.depth);
        }
        self.light = Light::default();
    }

    /// Judges each token of the first `blocks`, and of the next one those in `seen`, by the token before it.
    #[inline(always)]
    fn is_right<const WHITE: bool, const ESCAPES: bool>(
        &self,
        window: &Window,
        blocks: usize,
        seen: u64,
        carry: &mut Carry,
    ) -> bool {
        let mut before = *carry;
        let mut base = self.base;
        for tokens in &window.blocks[..blocks] {
            if !self.is_block_right::<WHITE, ESCAPES>(tokens, base, !0, &mut before) {
                return false;
            }
            base += BLOCK;
        }
        *carry = before;
        seen == 0
            || blocks == window.length
            || self.is_block_right::<WHITE, ESCAPES>(&window.blocks[blocks], base, seen, &mut before)
    }

    #[inline(always)]
    fn is_block_right<const WHITE: bool, const ESCAPES: bool>(
        &self,
        tokens: &Tokens,
        base: usize,
        seen: u64,
        carry: &mut Carry,
    ) -> bool {
        let Tokens { string, quote, open, close, comma, colon, scalar, curly, objects, .. } = *tokens;
        let white = if WHITE { tokens.white } else { 0 };
        let continued = scalar << 1 | carry.scalar >> 63;
        carry.scalar = scalar;
        let mut scalars = scalar & !continued & seen;
        let (opening, closing) = (quote & string, quote & !string);
        let values = follow::<WHITE>(colon | open & !curly | comma & !objects, 0, white, &mut carry.value);
        let members = follow::<WHITE>(curly | comma & objects, 0, white, &mut carry.member);
        // Adding the opening quotes of keys to their strings leaves their closing ones.
        let (ended, over) = string.overflowing_add(opening & members | carry.key);
        if ESCAPES && tokens.backslash & string & !ended != 0 {
            return false;
        }
        carry.key = u64::from(over);
        let named = ended & closing;
        let names = follow::<WHITE>(named, 0, white, &mut carry.colon);
        let ends = close | closing & !named;
        let afters = follow::<WHITE>(ends, continued & !scalar, white, &mut carry.after);
        let wrong =
            comma & !afters | colon & !names | opening & !(values | members) | (open | scalars) & !values;
        if wrong & seen != 0 {
            return false;
        }
        let empty = close & !afters & seen;
        if empty != 0 && !self.are_empty(base, empty) {
            return false;
        }
        while scalars != 0 {
            let at = base + scalars.trailing_zeros() as usize;
            scalars &= scalars - 1;
            if !number::is_scalar(&self.chunk[at..]) {
                return false;
            }
        }
        true
    }

    /// Ones if the innermost container is an object.
    #[inline(always)]
    fn objects(&self) -> u64 {
        if self.light.count > 0 {
            return (self.light.kinds & 1).wrapping_neg();
        }
        match self.rewriter.stack.kind() {
            Some(Kind::Object) => !0,
            Some(Kind::Array) | None => 0,
        }
    }

    /// The closing quote of the string that opens at `at`, if it is in the window.
    #[inline(always)]
    fn closing(&self, window: &Window, at: usize) -> Option<usize> {
        let (mut block, mut mask) = match at.checked_sub(self.base) {
            Some(place) => (place / BLOCK, !1 << (place % BLOCK)),
            None => (0, !0),
        };
        while block < window.length.min(WINDOW) {
            let closing = window.blocks[block].quote & mask;
            if closing != 0 {
                return Some(self.base + block * BLOCK + closing.trailing_zeros() as usize);
            }
            mask = !0;
            block += 1;
        }
        None
    }

    /// Finds the colons that may be behind keys of the plan. Where a bracket may change whether keys matter, all of
    /// them are looked at.
    #[inline(never)]
    fn find_keys(&self, window: &mut Window, mut is_live: bool) {
        let automaton = self.rewriter.plan.automaton();
        let mut base = self.base;
        for tokens in &mut window.blocks[..window.length] {
            is_live |= tokens.open | tokens.close != 0;
            if is_live {
                let before = base.checked_sub(BEFORE).and_then(|from| self.chunk[from..].first_chunk());
                tokens.keys = match before {
                    Some(bytes) => automaton.keys_before(bytes, tokens.colon),
                    None => tokens.colon,
                };
            }
            base += BLOCK;
        }
    }

    /// Takes the value behind the colon of a key of the plan. Where it does not know how, it fails with the place
    /// of the value, or with none if it is odd.
    #[inline(always)]
    fn value(&mut self, window: &Window, label: Label, colon: usize) -> Result<(), Option<usize>> {
        let mut at = colon + 1;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.chunk.get(at) {
            at += 1;
        }
        self.label_at = at;
        self.label = label;
        let rewriter = &mut *self.rewriter;
        let treatment = rewriter.stack.calm_treatment(rewriter.plan.automaton(), label);
        let class = match treatment {
            Some(Treatment::Keep | Treatment::Written) if rewriter.marks.is_some() => return Err(Some(at)),
            None | Some(Treatment::Keep | Treatment::Keys(_) | Treatment::Written) => return Ok(()),
            Some(Treatment::HideIf(..)) => return Err(Some(at)),
            Some(Treatment::Inner(_)) => {
                // The exact machine looks into strings.
                return if self.chunk.get(at) == Some(&b'"') { Err(Some(at)) } else { Ok(()) };
            }
            Some(Treatment::Hide(class)) => class,
        };
        let Some(&first) = self.chunk.get(at) else { return Ok(()) };
        if first == b'"' {
            self.out.extend_from_slice(&self.chunk[self.passed..at]);
            self.passed = at;
            match self.closing(window, at) {
                Some(close) => self.show(class, at, close),
                None => self.open = Some(Open { at, class, label }),
            }
            return Ok(());
        }
        self.bare(window, class, at, first)
    }

    /// Takes a hidden value that is no string.
    #[cold]
    fn bare(&mut self, window: &Window, class: Class, at: usize, first: u8) -> Result<(), Option<usize>> {
        let rest = &self.chunk[at..];
        let length = match first {
            b'n' => return Ok(()),
            b'{' | b'[' => return Err(Some(at)),
            _ => number::scalar(rest).ok_or(None)?,
        };
        if at + length >= self.base + window.length * BLOCK || length == rest.len() {
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
        if let Some(constant) = self.rewriter.plan.constant(class)
            && !value.is_empty()
        {
            self.rewriter.summary.hidden[class.index()] += 1;
            return constant.push(self.out);
        }
        self.rewriter.show_raw_text(class, value, self.out);
    }

    /// Opens the container at `at`, and tells whether that ends the leap.
    #[inline(never)]
    fn enter(&mut self, is_object: bool, at: usize) -> Option<Walk> {
        self.settle();
        let rewriter = &mut *self.rewriter;
        let automaton = rewriter.plan.automaton();
        let label = if at == self.label_at { self.label } else { Label::OTHER };
        let (kind, first) = match is_object {
            true => (Kind::Object, State::FirstMember),
            false => (Kind::Array, State::FirstItem),
        };
        let is_calm = match rewriter.stack.open_calm(automaton, kind, label, rewriter.limits.depth) {
            Some(is_calm) => is_calm,
            None => {
                let treatment = rewriter.stack.treatment(automaton, label);
                if let Some(Treatment::Hide(_) | Treatment::HideIf(..)) = treatment {
                    return Some(Walk::Until(at, State::Value));
                }
                if let Some(Treatment::Keep | Treatment::Written) = treatment
                    && rewriter.marks.is_some()
                {
                    return Some(Walk::Until(at, State::Value));
                }
                if rewriter.stack.open(automaton, kind, label, treatment, rewriter.limits.depth).is_err() {
                    return Some(Walk::Odd);
                }
                if rewriter.stack.is_asked() {
                    // The exact machine opens it once more, to hear its members.
                    rewriter.stack.close(automaton);
                    return Some(Walk::Until(at, State::Value));
                }
                rewriter.stack.is_calm()
            }
        };
        (!is_calm).then_some(Walk::Until(at + 1, first))
    }

    /// Looks at the escapes (RFC 8259 §7) of blocks from `base` on: `None` if one is none, else the block that holds
    /// one which runs over the end of the chunk.
    #[inline(never)]
    fn are_escapes(&self, blocks: &[Tokens]) -> Option<Option<usize>> {
        for (block, tokens) in blocks.iter().enumerate() {
            let mut escaped = tokens.escaped;
            while escaped != 0 {
                let at = self.base + block * BLOCK + escaped.trailing_zeros() as usize;
                escaped &= escaped - 1;
                match self.chunk.get(at) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') => match self.chunk.get(at + 1..at + 5) {
                        Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
                        Some(_) => return None,
                        None => return Some(Some(block)),
                    },
                    Some(_) => return None,
                    None => return Some(Some(block)),
                }
            }
        }
        Some(None)
    }

    /// Whether these closing brackets, which follow no value, follow an opening one.
    #[inline(never)]
    fn are_empty(&self, base: usize, mut close: u64) -> bool {
        while close != 0 {
            let at = base + close.trailing_zeros() as usize;
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
        if carry.scalar >> 63 != 0 {
            let is_bound = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b' ' | b'\n' | b'\r' | b'\t');
            let at = match before.iter().rposition(is_bound) {
                Some(bound) => self.start + bound + 1,
                None => self.start,
            };
            return place(at, State::Value, label(at));
        }
        if carry.colon >> 63 != 0 {
            let close = back(quote);
            let open =
                chunk[self.start..close].iter().rposition(quote).map_or(self.start, |at| self.start + at);
            return place(open, State::Member, Label::OTHER);
        }
        let is_text = |byte: &u8| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let last = before.iter().rfind(|byte| is_text(byte));
        let state = match (carry.value >> 63 != 0, carry.member >> 63 != 0, last) {
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

/// What the innermost container on the stack says of those in it.
#[derive(Clone, Copy)]
struct Here {
    /// Whether the names of members matter.
    is_live: bool,
    /// How many containers in it need not be on the stack.
    room: u32,
}

/// Containers that are not on the stack: in one that is steady, the kind of each is all that there is to know.
#[derive(Clone, Copy, Default)]
struct Light {
    /// One bit for each, the innermost the lowest: whether it is an object.
    kinds: u64,
    /// `count <= MOST`
    count: u32,
}

impl Light {
    const MOST: usize = 64;

    #[inline(always)]
    fn push(&mut self, is_object: bool) {
        self.kinds = self.kinds << 1 | u64::from(is_object);
        self.count += 1;
    }

    #[inline(always)]
    fn pop(&mut self) {
        self.kinds >>= 1;
        self.count -= 1;
    }
}
