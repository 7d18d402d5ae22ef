//! What a rewriter has written, swept for copies on its way out.
//!
//! A trail walks behind the rewriter that learns. The start of a body is held whole, up to `Limits::copies_window`,
//! so that a copy is hidden though it stands before its field; a longer body is swept step by step as it goes on. Steps
//! are at fixed places of the input, so that the output does not depend on cuts.
//!
//! It tells strings from what is between them, which is all that it knows of JSON: in strings every token is looked
//! up, between them numbers of ten digits and more. Regions between marks, which no UTF-8 has, are left as they are:
//! what is kept, and what operators wrote, also in strings that hold JSON. So are strings behind a mark that are aliases
//! of the rewriter's: half of a page of contacts. The marks end here.

use std::{ops::Range, sync::Arc};

use super::{
    Learnt, Original,
    repeated::Repeated,
    signs::Signs,
    sweep::{Copy, Known, Sweep, Whole, spelled_as},
};
use crate::{
    class::Class,
    json::nested,
    patterns::REACH,
    plan::Plan,
    redactor::{Limits, Summary},
    scan::Set,
};

/// A body on its way out.
#[derive(Debug)]
pub(crate) struct Trail {
    plan: Arc<Plan>,
    learnt: Arc<Learnt>,
    /// What the rewriter wrote and has not left; before `done`, what has left and is context.
    held: Vec<u8>,
    /// `done <= held.len()`
    done: usize,
    /// Of what is held, in a step.
    signs: Signs,
    /// The instruction set that they are found by.
    set: Set,
    /// Where the next step is, in bytes of the input.
    next_step: u64,
    /// How many regions are open that are left as they are.
    marked: usize,
    /// How many of them are kept.
    kept: usize,
    /// `done` is within a string, which was too long to be held.
    is_inside: bool,
    /// The string that comes next holds JSON.
    is_nested: bool,
    limits: Limits,
    summary: Summary,
}

impl Trail {
    pub(crate) fn new(plan: Arc<Plan>, learnt: Arc<Learnt>, limits: Limits) -> Trail {
        Trail {
            plan,
            learnt,
            held: Vec::new(),
            done: 0,
            signs: Signs::default(),
            set: Set::widest(),
            next_step: limits.copies_window.max(1) as u64,
            marked: 0,
            kept: 0,
            is_inside: false,
            is_nested: false,
            limits,
            summary: Summary::default(),
        }
    }

    /// How much of a chunk the rewriter may take before the next step, at an offset of the input.
    pub(crate) fn room(&self, offset: u64, chunk: &[u8]) -> usize {
        usize::try_from(self.next_step.saturating_sub(offset))
            .map_or(chunk.len(), |room| room.min(chunk.len()))
    }

    /// Where the rewriter writes to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// Goes a step where one is due, at an offset of the input.
    pub(crate) fn step(&mut self, offset: u64, out: &mut Vec<u8>) {
        if offset >= self.next_step {
            self.next_step = offset + STEP as u64;
            self.advance(false, out);
        }
    }

    /// Lets go of everything, which is complete.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        self.advance(true, out);
        self.held.clear();
        (self.done, self.marked, self.kept) = (0, 0, 0);
        (self.is_inside, self.is_nested) = (false, false);
    }

    /// What was hidden here.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    fn advance(&mut self, is_end: bool, out: &mut Vec<u8>) {
        self.signs.read(self.set, &self.held);
        self.learn_kept(is_end);
        let learnt = Arc::clone(&self.learnt);
        let plan = Arc::clone(&self.plan);
        let held = std::mem::take(&mut self.held);
        let signs = std::mem::take(&mut self.signs);
        let sweep = learnt.sweep(plan.key());
        let mut walk = Walk {
            trail: self,
            held: &held,
            signs: &signs,
            sweep: &sweep,
            passed: 0,
            seen: Vec::new(),
            found: Vec::new(),
            repeated: Repeated::default(),
            out,
        };
        walk.passed = walk.trail.done;
        walk.run(is_end);
        let (passed, seen) = (walk.passed, walk.seen);
        drop(sweep);
        learnt.refresh(plan.key(), &seen);
        self.held = held;
        self.signs = signs;
        self.done = passed;
        if self.done > 2 * REACH {
            let context = self.done - REACH;
            self.held.drain(..context);
            self.done = REACH;
        }
    }

    /// What is kept teaches what is no copy, before anything is looked up.
    fn learn_kept(&self, is_end: bool) {
        let rest = &self.held[self.done..];
        if self.kept == 0 && memchr::memchr(KEPT, rest).is_none() || self.is_inside {
            return;
        }
        let (mut at, mut kept, mut marked) = (self.done, self.kept, self.marked);
        while let Some(piece) = Piece::next(&self.held, &self.signs, at, is_end) {
            match &piece.kind {
                Kind::Text(text) if kept > 0 => {
                    if let Ok(text) = std::str::from_utf8(&self.held[text.clone()]) {
                        self.learnt.learn_kept(self.plan.key(), text);
                    }
                }
                Kind::Text(_) => {}
                Kind::Number(number) if kept > 0 => {
                    if let Ok(text) = std::str::from_utf8(&self.held[number.clone()]) {
                        self.learnt.learn_kept(self.plan.key(), text);
                    }
                }
                Kind::Number(_) | Kind::Alias(_) | Kind::Mark(NESTED) => {}
                Kind::Mark(mark) => count(*mark, &mut marked, &mut kept),
            }
            at = piece.end;
        }
    }
}

/// One step over what is held.
struct Walk<'w, 's> {
    trail: &'w mut Trail,
    held: &'w [u8],
    signs: &'w Signs,
    sweep: &'w Sweep<'s>,
    /// What has left or been replaced.
    passed: usize,
    /// What was seen of the older generation.
    seen: Vec<Arc<Original>>,
    /// Of the string that is looked at; kept for its memory.
    found: Vec<Copy>,
    /// Strings that have no copies.
    repeated: Repeated,
    out: &'w mut Vec<u8>,
}

impl Walk<'_, '_> {
    fn run(&mut self, is_end: bool) {
        let mut at = self.passed;
        if self.sweep.is_idle() && !self.trail.is_inside && is_end && !has_marks(&self.held[at..]) {
            self.pass(self.held.len());
            return;
        }
        if self.trail.is_inside {
            match closing(self.held, self.signs, at) {
                Some(end) => {
                    self.part(at, end, end);
                    self.trail.is_inside = false;
                    at = end + 1;
                }
                None => {
                    self.long_string(at, is_end);
                    return;
                }
            }
        }
        while let Some(piece) = Piece::next(self.held, self.signs, at, is_end) {
            at = piece.end;
            match piece.kind {
                Kind::Alias(mark) => {
                    self.pass(mark);
                    self.passed = mark + 1;
                }
                Kind::Text(text) => {
                    let is_nested = std::mem::take(&mut self.trail.is_nested);
                    if self.trail.marked == 0 && !(is_nested && self.nested(text.clone())) {
                        self.text(text);
                    }
                }
                Kind::Number(number) if self.trail.marked == 0 => self.number(number),
                Kind::Number(_) => {}
                Kind::Mark(mark) => {
                    self.pass(at - 1);
                    self.passed = at;
                    match mark {
                        NESTED => self.trail.is_nested = true,
                        mark => count(mark, &mut self.trail.marked, &mut self.trail.kept),
                    }
                }
            }
        }
        if is_end {
            self.pass(self.held.len());
            return;
        }
        // What begins here is not complete: a string, a number, or nothing.
        let rest = &self.held[at..];
        let open = memchr::memchr(b'"', rest).map_or(self.held.len(), |quote| at + quote);
        let is_number = Piece::number_end(self.held, open);
        if open < self.held.len() && self.held.len() - open > LONG {
            self.pass(open + 1);
            (self.trail.is_inside, self.trail.is_nested) = (true, false);
            self.long_string(open + 1, false);
        } else {
            self.pass(if open == self.held.len() { is_number } else { open });
        }
    }

    /// The start of a string that is too long to be held, from a place in it.
    fn long_string(&mut self, from: usize, is_end: bool) {
        let end = if is_end { self.held.len() } else { safe_end(self.held, from) };
        if end > from {
            self.part(from, end, self.held.len());
        }
    }

    /// A part of a string, of which so much more is seen.
    fn part(&mut self, from: usize, end: usize, seen: usize) {
        let context = from - (from.min(REACH));
        let start = (context..=from).find(|at| is_boundary(self.held, *at)).unwrap_or(from);
        let seen = &self.held[start..seen];
        let text = match std::str::from_utf8(seen) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&seen[..error.valid_up_to()]).unwrap_or_default(),
        };
        let mut found = Vec::new();
        if self.trail.marked == 0 && from - start <= text.len() {
            self.sweep.find(text, from - start, Whole::Text, &mut found);
        }
        for copy in found {
            if start + copy.range.start < end {
                self.hide(start, copy);
            }
        }
        self.pass(end.max(self.passed));
    }

    fn text(&mut self, range: Range<usize>) {
        if self.repeated.has(self.held, &range) {
            return;
        }
        let Ok(text) = std::str::from_utf8(&self.held[range.clone()]) else { return };
        let mut found = std::mem::take(&mut self.found);
        self.sweep.find(text, 0, Whole::Value, &mut found);
        if found.is_empty() {
            self.repeated.note(self.held, &range);
        }
        for copy in found.drain(..) {
            self.hide(range.start, copy);
        }
        self.found = found;
    }

    /// Sweeps JSON in a string value by value, for what is no place for copies in it; `false` if it is none.
    fn nested(&mut self, range: Range<usize>) -> bool {
        let Ok(raw) = std::str::from_utf8(&self.held[range.clone()]) else { return false };
        let (plan, learnt) = (Arc::clone(&self.trail.plan), Arc::clone(&self.trail.learnt));
        let mut inner = None;
        let edits = nested::sweep(raw, &plan, self.trail.limits, |marked, limits| {
            let mut trail = Trail::new(Arc::clone(&plan), learnt, limits);
            let mut out = Vec::with_capacity(marked.len());
            let mut signs = Signs::default();
            signs.read(trail.set, marked);
            let mut walk = Walk {
                trail: &mut trail,
                held: marked,
                signs: &signs,
                sweep: self.sweep,
                passed: 0,
                seen: Vec::new(),
                found: Vec::new(),
                repeated: Repeated::default(),
                out: &mut out,
            };
            walk.run(true);
            inner = Some((walk.seen, trail.summary));
            out
        });
        let Some(edits) = edits else { return false };
        if let Some((seen, summary)) = inner {
            self.seen.extend(seen);
            self.trail.summary.add(&summary);
        }
        if !edits.is_empty() {
            self.pass(range.start);
            edits.apply(raw, self.out);
            self.passed = range.end;
        }
        true
    }

    /// Shows what the field of the value shows. No form of any class has a sign that strings escape.
    fn hide(&mut self, base: usize, copy: Copy) {
        let Copy { range, original, is_old } = copy;
        self.pass(base + range.start);
        let mut shown = String::new();
        self.trail.plan.show_original(&original, &mut shown);
        let shown = spelled_as(&self.held[base + range.start..base + range.end], shown);
        self.out.extend_from_slice(shown.as_bytes());
        self.replaced(base + range.end, original, is_old);
    }

    fn number(&mut self, range: Range<usize>) {
        let digits = std::str::from_utf8(&self.held[range.clone()]).unwrap_or_default();
        let Some(Known { original, is_old }) = self.sweep.number(digits) else { return };
        self.pass(range.start);
        let class = match original.class {
            Class::Phone => Class::Phone,
            Class::Email | Class::Name | Class::Handle | Class::Avatar | Class::FileUrl => Class::Handle,
        };
        let number = self.trail.plan.copied_number(class, original.value.as_bytes());
        self.out.extend_from_slice(number.to_string().as_bytes());
        self.replaced(range.end, original, is_old);
    }

    fn replaced(&mut self, end: usize, original: Arc<Original>, is_old: bool) {
        self.passed = end;
        self.trail.summary.hidden[original.class.index()] += 1;
        if is_old && self.seen.last().is_none_or(|last| !Arc::ptr_eq(last, &original)) {
            self.seen.push(original);
        }
    }

    fn pass(&mut self, to: usize) {
        if let Some(bytes) = self.held.get(self.passed..to) {
            self.out.extend_from_slice(bytes);
            self.passed = to;
        }
    }
}

/// A string, a number or a mark, and where it ends.
struct Piece {
    kind: Kind,
    end: usize,
}

enum Kind {
    /// The inside of a string, as it is spelled.
    Text(Range<usize>),
    /// A string behind a mark, which is at this place.
    Alias(usize),
    /// Ten digits and more, and nothing else.
    Number(Range<usize>),
    Mark(u8),
}

impl Piece {
    /// The next piece from `from` on that is complete.
    fn next(held: &[u8], signs: &Signs, from: usize, is_end: bool) -> Option<Piece> {
        let mut at = from;
        while let Some(&byte) = held.get(at) {
            match byte {
                b'"' => {
                    let end = closing(held, signs, at + 1)?;
                    return Some(Piece { kind: Kind::Text(at + 1..end), end: end + 1 });
                }
                b'0'..=b'9' | b'-' => {
                    let end = at + held[at..].iter().take_while(|byte| is_numeric(**byte)).count();
                    if end == held.len() && !is_end {
                        return None;
                    }
                    let is_long = end - at >= 10 && held[at..end].iter().all(u8::is_ascii_digit);
                    if is_long {
                        return Some(Piece { kind: Kind::Number(at..end), end });
                    }
                    at = end;
                }
                ALIAS => {
                    let end = closing(held, signs, at + 2)?;
                    return Some(Piece { kind: Kind::Alias(at), end: end + 1 });
                }
                KEPT | WRITTEN | NESTED | END => return Some(Piece { kind: Kind::Mark(byte), end: at + 1 }),
                _ => at += 1,
            }
        }
        None
    }

    /// Where the number begins that ends at `end`.
    fn number_end(held: &[u8], end: usize) -> usize {
        end - held[..end].iter().rev().take_while(|byte| is_numeric(**byte)).count()
    }
}

fn is_numeric(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// Where the string ends that has `from` in it.
fn closing(held: &[u8], signs: &Signs, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = signs.next(at)?;
        if held[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Whether a byte is one of the marks.
pub(crate) fn is_mark(byte: u8) -> bool {
    matches!(byte, KEPT | WRITTEN | NESTED | ALIAS | END)
}

fn has_marks(held: &[u8]) -> bool {
    memchr::memchr3(KEPT, WRITTEN, END, held).or_else(|| memchr::memchr2(NESTED, ALIAS, held)).is_some()
}

fn count(mark: u8, marked: &mut usize, kept: &mut usize) {
    match mark {
        END => {
            *marked = marked.saturating_sub(1);
            *kept = (*kept).min(*marked);
        }
        mark => {
            *marked += 1;
            // Within what is kept everything is.
            if mark == KEPT || *kept > 0 {
                *kept = *marked;
            }
        }
    }
}

/// A place before the last [`REACH`] bytes that is within no character and no escape.
fn safe_end(held: &[u8], from: usize) -> usize {
    let latest = held.len().saturating_sub(REACH);
    let is_plain = |at: usize| {
        let near = &held[at.saturating_sub(crate::patterns::glyph::LONGEST)..at];
        is_boundary(held, at) && !near.iter().any(|byte| matches!(byte, b'\\' | b'%' | b'&'))
    };
    (from..=latest).rev().take(REACH).find(|at| is_plain(*at)).unwrap_or(from)
}

fn is_boundary(held: &[u8], at: usize) -> bool {
    held.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
}

/// Before a value that is kept.
pub(crate) const KEPT: u8 = 0xf8;

/// Before a value that operators wrote.
pub(crate) const WRITTEN: u8 = 0xf9;

/// Before a string that holds JSON.
pub(crate) const NESTED: u8 = 0xfa;

/// Before a string that is an alias.
pub(crate) const ALIAS: u8 = 0xfb;

/// Behind what is kept, and what operators wrote.
pub(crate) const END: u8 = 0xff;

/// How far apart steps are in the input, in bytes.
pub(super) const STEP: usize = 16 * 1024;

/// The longest string that is held behind the window, in bytes.
const LONG: usize = 64 * 1024;
