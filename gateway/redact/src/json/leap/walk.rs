//! The walk over blocks that were read: from key to key of the plan, and from bracket to bracket where those matter.
//!
//! It keeps the stack, and hides what is to be hidden.

use super::{Leap, Stop, WINDOW, keys::Keys, read::Found, window::Window};
use crate::{
    class::Class,
    json::{Kind, State, number, text},
    plan::{Clue, Inner, Label, Treatment},
    scan::{self, BLOCK, Lanes, Work},
};

/// A hidden string: its opening quote, its class and its key.
#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) at: usize,
    class: Class,
    pub(super) label: Label,
}

/// A walk over blocks that were read.
pub(super) struct Walk<'w, 'l, 'c> {
    pub(super) leap: &'w mut Leap<'l, 'c>,
    pub(super) window: &'w Window,
    pub(super) found: &'w Found,
    pub(super) keys: &'w Keys,
}

/// What ends a walk.
pub(super) enum End {
    /// A place where the exact machine goes on.
    Stop(Stop),
    /// Something odd.
    Odd,
}

impl Work for Walk<'_, '_, '_> {
    type Output = Option<End>;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Option<End> {
        let Walk { leap, window, found, keys } = self;
        leap.close_open(window, found.count);
        // Up to where the window is done.
        let mut seen = 0;
        if leap.stack.is_empty() {
            let end = leap.bracket(leap.base);
            if end.is_some() {
                return end;
            }
            seen = 1;
        }
        let mut is_live = leap.stack.is_live();
        if leap.stack.is_steady() && !leap.is_container_ahead {
            let stopped = if is_live { leap.hide_everywhere(window, found, keys) } else { None };
            seen = match stopped {
                Some(place) => place,
                None if found.fall == usize::MAX => return None,
                None => {
                    // All containers are closed but for those on the stack.
                    leap.nest = leap.nest.up_to(leap.stack.depth());
                    leap.walked = leap.base + found.fall;
                    found.fall
                }
            };
        }
        // Whether brackets matter.
        let mut is_wary = leap.is_wary(found);
        if is_wary {
            leap.walk_to(window, found, leap.base + seen);
        }
        let rows = keys.rows(seen);
        for (block, &keys) in rows.iter().enumerate().take(found.count).skip(seen / BLOCK) {
            let brackets = window.open[block] | window.close[block];
            let mut events = if is_wary { keys | brackets } else { keys };
            if block == seen / BLOCK {
                events &= !0 << (seen % BLOCK);
            }
            let rare =
                if (found.escapes | found.odd) >> block & 1 != 0 { window.rare_keys(block) } else { 0 };
            while events != 0 {
                let bit = events & events.wrapping_neg();
                let at = leap.base + block * BLOCK + events.trailing_zeros() as usize;
                events ^= bit;
                if keys & bit == 0 {
                    let end = leap.bracket(at);
                    if end.is_some() {
                        return end;
                    }
                } else if is_live {
                    match leap.member(window, found, at, rare & bit != 0) {
                        Member::Passed => continue,
                        // What the label means for it is known on the stack alone.
                        Member::Container => leap.walk_to(window, found, at),
                        Member::End(end) => return Some(end),
                    }
                } else {
                    continue;
                }
                is_live = leap.stack.is_live();
                let was_wary = is_wary;
                is_wary = leap.is_wary(found);
                if is_wary && !was_wary {
                    events |= brackets & !(bit | (bit - 1));
                } else if !is_wary && was_wary {
                    events &= keys;
                }
            }
        }
        None
    }
}

/// What became of a member.
enum Member {
    /// Nothing, or it is hidden.
    Passed,
    /// Its value is a container that the plan may have something to say of.
    Container,
    /// It ends the walk.
    End(End),
}

impl Leap<'_, '_> {
    /// Whether brackets matter to the stack: where containers are not like the innermost one on the stack, or that one
    /// is closed.
    #[inline(always)]
    pub(super) fn is_wary(&self, found: &Found) -> bool {
        self.is_container_ahead
            || found.fall != usize::MAX
            || self.stack.depth() > found.floor.depth()
            || !self.stack.is_steady()
    }

    /// Takes brackets up to the place `to`, which matter to the nest alone.
    #[inline(never)]
    pub(super) fn walk_to(&mut self, window: &Window, found: &Found, to: usize) {
        let first = (self.walked - self.base) / BLOCK;
        for (block, (open, close)) in
            window.open.iter().zip(&window.close).enumerate().take(found.count).skip(first)
        {
            let base = self.base + block * BLOCK;
            if base >= to {
                break;
            }
            let mut brackets = (open | close) & !below(self.walked, base) & below(to, base);
            while brackets != 0 {
                let bracket = self.chunk[base + brackets.trailing_zeros() as usize];
                brackets &= brackets - 1;
                self.nest = match bracket {
                    b'{' | b'[' => self.nest.open(bracket == b'{'),
                    _ => self.nest.close(),
                };
            }
        }
        self.walked = self.walked.max(to);
    }

    /// Takes the bracket at `at`, and tells whether that ends the leap.
    #[inline]
    fn bracket(&mut self, at: usize) -> Option<End> {
        let bracket = self.chunk[at];
        self.walked = at + 1;
        self.is_container_ahead = false;
        if let b'{' | b'[' = bracket {
            let end = match self.stack.is_steady() && at != self.label_at {
                true => None,
                false => self.enter(bracket == b'{', at),
            };
            if !matches!(end, Some(End::Stop(stop)) if stop.at <= at) {
                self.nest = self.nest.open(bracket == b'{');
            }
            return end;
        }
        let is_on_stack = self.nest.depth() == self.stack.depth();
        self.nest = self.nest.close();
        if !is_on_stack {
            return None;
        }
        self.stack.close(self.plan.automaton());
        let is_end = self.stack.is_empty() || !self.stack.is_calm();
        is_end.then_some(End::Stop(Stop { at: at + 1, state: State::After }))
    }

    /// Puts on the stack what is not there yet.
    pub(super) fn settle(&mut self) {
        for depth in self.stack.depth() + 1..=self.nest.depth() {
            let kind = if self.nest.is_object(depth) { Kind::Object } else { Kind::Array };
            // What is deeper than the limit was not read.
            let _ = self.stack.open(self.plan.automaton(), kind, Label::OTHER, None, self.limits.depth);
        }
    }

    /// Opens the container at `at`, and tells whether that ends the leap.
    #[inline(never)]
    fn enter(&mut self, is_object: bool, at: usize) -> Option<End> {
        self.settle();
        let automaton = self.plan.automaton();
        let label = if at == self.label_at { self.label } else { Label::OTHER };
        let (kind, first) = match is_object {
            true => (Kind::Object, State::FirstMember),
            false => (Kind::Array, State::FirstItem),
        };
        let exact = Some(End::Stop(Stop { at, state: State::Value }));
        let is_calm = match self.stack.open_calm(automaton, kind, label, self.limits.depth) {
            Some(is_calm) => is_calm,
            None => {
                let treatment = self.stack.treatment(automaton, label);
                if treatment.and_then(Treatment::class).is_some() {
                    return exact;
                }
                if let Some(Treatment::Keep | Treatment::Written | Treatment::Inner(_)) = treatment
                    && self.is_marking
                {
                    return exact;
                }
                if self.stack.open(automaton, kind, label, treatment, self.limits.depth).is_err() {
                    return Some(End::Odd);
                }
                if self.stack.is_asked() {
                    // The exact machine opens it once more, to hear its members.
                    self.stack.close(automaton);
                    return exact;
                }
                self.stack.is_calm()
            }
        };
        (!is_calm).then_some(End::Stop(Stop { at: at + 1, state: first }))
    }

    /// Hides the strings behind keys that hide them everywhere. Returns the place in the window of the first colon
    /// behind which there is something else.
    #[inline(always)]
    fn hide_everywhere(&mut self, window: &Window, found: &Found, keys: &Keys) -> Option<usize> {
        let automaton = self.plan.automaton();
        let (chunk, base, count) = (self.chunk, self.base, found.count.min(WINDOW));
        let mut passed = self.passed;
        let mut stopped = None;
        for candidate in keys.all() {
            let place = usize::from(candidate.colon);
            if place > found.fall {
                break;
            }
            let colon = base + place;
            if candidate.clue == Clue::NONE && self.odd_key(colon).is_some() {
                stopped = Some(place);
                break;
            }
            let Some(key) = automaton.key(candidate.clue, &chunk[..colon]) else { continue };
            let at = colon + 1;
            let class = match (key.everywhere, chunk.get(at)) {
                (Some(class), Some(b'"')) => class,
                (Some(_), Some(b'n')) => continue,
                (Some(_) | None, _) => {
                    stopped = Some(place);
                    break;
                }
            };
            scan::append(self.out, chunk, passed, at);
            passed = at;
            // The quotes of the 64 bytes behind the opening one.
            let (block, bit) = ((at - base) / BLOCK, (at - base) % BLOCK);
            let quote = |block: usize| if block < count { window.quote[block] } else { 0 };
            let quotes = quote(block) >> bit >> 1 | quote(block + 1) << (63 - bit);
            let close = match quotes {
                0 => self.closing(at, window, count),
                _ => Some(at + 1 + quotes.trailing_zeros() as usize),
            };
            match (close, self.plan.constant(class)) {
                (Some(close), Some(constant)) if quotes & 1 == 0 => {
                    self.values.summary.hidden[class.index()] += 1;
                    constant.push(self.out);
                    passed = close + 1;
                }
                (Some(close), _) => {
                    self.show(class, at, close);
                    passed = close + 1;
                }
                (None, _) => self.open = Some(Open { at, class, label: key.label }),
            }
        }
        self.passed = passed;
        stopped
    }

    /// Takes the member whose key is before the colon at `colon`, if it is of the plan.
    #[inline(always)]
    fn member(&mut self, window: &Window, found: &Found, colon: usize, is_rare: bool) -> Member {
        if is_rare && let Some(end) = self.odd_key(colon) {
            return Member::End(end);
        }
        let Some(key) = self.plan.automaton().key(Clue::NONE, &self.chunk[..colon]) else {
            return Member::Passed;
        };
        match (key.everywhere, self.chunk.get(colon + 1)) {
            (Some(class), Some(b'"')) => self.hide(class, key.label, colon + 1, window, found),
            (Some(_) | None, _) => self.value(key.label, colon, window, found),
        }
    }

    /// Hides the string at `at`, as far as it is in the window.
    #[inline(always)]
    fn hide(&mut self, class: Class, label: Label, at: usize, window: &Window, found: &Found) -> Member {
        scan::append(self.out, self.chunk, self.passed, at);
        self.passed = at;
        match self.closing(at, window, found.count) {
            Some(close) => self.show(class, at, close),
            None => self.open = Some(Open { at, class, label }),
        }
        Member::Passed
    }

    /// Takes the value behind a key of the plan.
    #[inline(never)]
    fn value(&mut self, label: Label, colon: usize, window: &Window, found: &Found) -> Member {
        let mut at = colon + 1;
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.chunk.get(at) {
            at += 1;
        }
        self.label_at = at;
        self.label = label;
        let exact = Member::End(End::Stop(Stop { at, state: State::Value }));
        let first = self.chunk.get(at);
        self.is_container_ahead = matches!(first, Some(b'{' | b'['));
        let passed = if self.is_container_ahead { Member::Container } else { Member::Passed };
        let class = match self.stack.calm_treatment(self.plan.automaton(), label) {
            Some(Treatment::Keep | Treatment::Written | Treatment::Inner(_)) if self.is_marking => {
                return exact;
            }
            None | Some(Treatment::Keep | Treatment::Keys(_) | Treatment::Written) => return passed,
            Some(Treatment::HideIf(..) | Treatment::Inner(Inner::Id(_))) => return exact,
            // The exact machine looks into strings.
            Some(Treatment::Inner(_)) => return if first == Some(&b'"') { exact } else { passed },
            Some(Treatment::Hide(class)) => class,
        };
        match first {
            Some(b'"') => self.hide(class, label, at, window, found),
            None => Member::Passed,
            Some(first) => self.bare(class, at, *first, self.base + found.count * BLOCK),
        }
    }

    /// Leaves a key to the exact machine that has escapes in it.
    #[cold]
    fn odd_key(&self, colon: usize) -> Option<End> {
        let close = self.key_start(colon);
        let at = self.key_start(close);
        let has_escapes = memchr::memchr(b'\\', &self.chunk[at..close]).is_some();
        has_escapes.then_some(End::Stop(Stop { at, state: State::Member }))
    }

    /// Takes a hidden value that is no string.
    #[cold]
    fn bare(&mut self, class: Class, at: usize, first: u8, end: usize) -> Member {
        let exact = Member::End(End::Stop(Stop { at, state: State::Value }));
        let rest = &self.chunk[at..];
        let length = match first {
            b'n' => return Member::Passed,
            b'{' | b'[' => return exact,
            _ => match number::scalar(rest) {
                Some(length) => length,
                None => return Member::End(End::Odd),
            },
        };
        if at + length >= end || length == rest.len() {
            // It may go on in the next chunk, or the leap end within it.
            return exact;
        }
        scan::append(self.out, self.chunk, self.passed, at);
        self.passed = at + length;
        match first {
            b't' | b'f' => self.values.word(class, self.out),
            _ => {
                self.values.begin();
                text::Sink::bytes(&mut self.values.held, &rest[..length]);
                self.values.held_number(self.plan, class, self.out);
            }
        }
        Member::Passed
    }

    /// Emits what stands for the hidden string that is open, if its closing quote is in the window.
    #[inline(always)]
    fn close_open(&mut self, window: &Window, count: usize) {
        if let Some(Open { at, class, .. }) = self.open
            && let Some(close) = self.closing(at, window, count)
        {
            self.open = None;
            self.show(class, at, close);
        }
    }

    /// The closing quote of the string whose opening one is at `at`, if it is in the window.
    #[inline(always)]
    fn closing(&self, at: usize, window: &Window, count: usize) -> Option<usize> {
        let (mut block, mut mask) = match at.checked_sub(self.base) {
            Some(place) => (place / BLOCK, !1 << (place % BLOCK)),
            None => (0, !0),
        };
        while block < count.min(WINDOW) {
            let behind = window.quote[block] & mask;
            if behind != 0 {
                return Some(self.base + block * BLOCK + behind.trailing_zeros() as usize);
            }
            mask = !0;
            block += 1;
        }
        None
    }

    /// Emits what stands for the string between two quotes.
    #[inline(always)]
    fn show(&mut self, class: Class, open: usize, close: usize) {
        self.passed = close + 1;
        match self.plan.constant(class) {
            Some(constant) if close > open + 1 => {
                self.values.summary.hidden[class.index()] += 1;
                constant.push(self.out);
            }
            Some(_) | None => {
                self.values.raw_text(self.plan, class, &self.chunk[open + 1..close], self.out);
            }
        }
    }
}

/// The bits of the block at `base` below the place `at`.
#[inline(always)]
pub(super) fn below(at: usize, base: usize) -> u64 {
    match at.checked_sub(base) {
        Some(place @ 0..BLOCK) => (1 << place) - 1,
        Some(_) => !0,
        None => 0,
    }
}
