//! Text that no rule selects, searched for copies however it is marked up.
//!
//! A line is what readers see as one line of text: elements within a line and comments do not end it, those that begin
//! lines of their own do. A copy may begin in one element and end in another; what stands in its place stands where it
//! began. Of a line no more than [`BOUND`] is held: of a longer one all leaves but the last bytes that a copy may
//! begin in, and what has left stays known as context. One that is nearly all markup ends there.

use std::borrow::Cow;

use super::{Context, markup};
use crate::{
    copies::{Copy, Whole, spelled_as},
    fragment::Html,
    json::edit::{Edits, Sense, Spelling},
    patterns::REACH,
    plan::Plan,
    redactor::Summary,
};

/// Text as it is read, with the markup in it.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What has left of the line, decoded.
    context: String,
    nodes: Vec<Node>,
    /// The markup behind the last of them.
    markup: Vec<u8>,
    /// How many bytes of both are held, but for the markup behind.
    held: usize,
}

/// Text without markup.
#[derive(Debug)]
struct Node {
    /// The markup before it.
    markup: Vec<u8>,
    text: String,
    spelling: Html,
}

impl Line {
    /// Takes text.
    pub(super) fn text(
        &mut self,
        context: &Context,
        spelling: Html,
        text: &str,
        summary: &mut Summary,
        out: &mut Vec<u8>,
    ) {
        if !self.markup.is_empty() && markup::ends_line(&self.markup) {
            std::mem::take(self).finish(context, summary, out);
        }
        if self.nodes.is_empty() && text.trim().is_empty() {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        match self.nodes.last_mut() {
            Some(last) if self.markup.is_empty() && last.spelling == spelling => last.text.push_str(text),
            Some(_) | None => {
                let markup = std::mem::take(&mut self.markup);
                self.held += markup.len();
                self.nodes.push(Node { markup, text: text.to_owned(), spelling });
            }
        }
        self.held += text.len();
        if self.held > BOUND {
            let text: usize = self.nodes.iter().map(|node| node.text.len()).sum();
            match text > BOUND / 2 {
                true => self.show(&context.plan, false, summary, out),
                // Pieces so far apart are seen as one by nobody.
                false => std::mem::take(self).finish(context, summary, out),
            }
        }
    }

    /// Takes markup.
    pub(super) fn markup(
        &mut self,
        context: &Context,
        markup: &[u8],
        summary: &mut Summary,
        out: &mut Vec<u8>,
    ) {
        self.markup.extend_from_slice(markup);
        if self.nodes.is_empty() || self.markup.len() > BOUND {
            std::mem::take(self).finish(context, summary, out);
        }
    }

    /// Ends the line.
    pub(super) fn finish(mut self, context: &Context, summary: &mut Summary, out: &mut Vec<u8>) {
        self.show(&context.plan, true, summary, out);
        out.extend_from_slice(&self.markup);
    }

    /// Shows what is held, or of a line that goes on what no copy can begin in that is not complete.
    fn show(&mut self, plan: &Plan, is_end: bool, summary: &mut Summary, out: &mut Vec<u8>) {
        let nodes = std::mem::take(&mut self.nodes);
        let texts: Vec<Cow<'_, str>> =
            nodes.iter().map(|node| node.spelling.decode(&node.text).unwrap_or_default()).collect();
        let from = self.context.len();
        let length = from + texts.iter().map(|text| text.len()).sum::<usize>();
        let is_whole = is_end && self.context.trim().is_empty();
        let mut copies = find(plan, &self.context, &texts, if is_whole { Whole::Value } else { Whole::Text });
        let mut end = if is_end { length } else { from.max(length.saturating_sub(REACH)) };
        if let Some(copy) = copies.iter().find(|copy| copy.range.start < end && end < copy.range.end) {
            end = copy.range.end;
        } else {
            end = up_to_character(&texts, from, end);
        }
        copies.retain(|copy| copy.range.start < end);
        for copy in &copies {
            summary.hidden[copy.original.class.index()] += 1;
        }
        let joined = texts.concat();
        let mut at = from;
        let mut rest = Vec::new();
        self.held = 0;
        for (node, text) in nodes.iter().zip(&texts) {
            let (start, stop) = (at, at + text.len());
            at = stop;
            let place = if stop <= end {
                node.text.len()
            } else {
                place_of(&node.text, node.spelling, end.saturating_sub(start))
            };
            let (now, later) = node.text.split_at(place);
            if place == 0 && !later.is_empty() {
                let (markup, spelling) = (node.markup.clone(), node.spelling);
                rest.push(Node { markup, text: later.to_owned(), spelling });
                self.held += later.len() + node.markup.len();
                continue;
            }
            out.extend_from_slice(&node.markup);
            let (mut found, mut edits) = (Edits::default(), Edits::default());
            for copy in copies.iter().filter(|copy| copy.range.start < stop && start < copy.range.end) {
                // Behind its first text nothing of a copy is left.
                let is_here = copy.range.start >= start;
                let shown = if is_here { shown(plan, copy, &joined, from) } else { String::new() };
                found.replace(copy.range.start.max(start) - start..copy.range.end.min(stop) - start, shown);
            }
            found.lift(now, &node.spelling, 0, &mut edits);
            edits.apply(now, out);
            if !later.is_empty() {
                rest.push(Node { markup: Vec::new(), text: later.to_owned(), spelling: node.spelling });
                self.held += later.len();
            }
        }
        self.context.push_str(&joined);
        self.context.truncate(end);
        let far = self.context.len().saturating_sub(REACH);
        let near = (far..=self.context.len()).find(|place| self.context.is_char_boundary(*place));
        self.context.drain(..near.unwrap_or(0));
        self.nodes = rest;
    }
}

/// The place, or that of the character it is within.
fn up_to_character(texts: &[Cow<'_, str>], from: usize, place: usize) -> usize {
    let mut start = from;
    for text in texts {
        if place < start + text.len() {
            let boundary = (0..=place - start).rev().find(|at| text.is_char_boundary(*at));
            return start + boundary.unwrap_or(0);
        }
        start += text.len();
    }
    place
}

/// What stands in the place of a copy.
fn shown(plan: &Plan, copy: &Copy, joined: &str, from: usize) -> String {
    let mut shown = String::new();
    plan.show_original(&copy.original, &mut shown);
    let spelling = joined.get(copy.range.start - from..copy.range.end - from).unwrap_or_default();
    spelled_as(spelling.as_bytes(), shown)
}

/// The copies in texts that follow on what has left, by their places in all of it.
fn find(plan: &Plan, before: &str, texts: &[Cow<'_, str>], whole: Whole) -> Vec<Copy> {
    let Some(learnt) = plan.learnt() else { return Vec::new() };
    let look = |text: &str| {
        // Blanks around a value are none of it.
        let lead = if whole == Whole::Value { text.len() - text.trim_start().len() } else { 0 };
        let (text, from) = match whole {
            Whole::Value => (text.trim(), 0),
            Whole::Text => (text, before.len()),
        };
        let mut found = learnt.find(plan, text, from, whole);
        for copy in &mut found {
            copy.range = copy.range.start + lead..copy.range.end + lead;
        }
        found
    };
    let mut joined = before.to_owned();
    texts.iter().for_each(|text| joined.push_str(text));
    let mut found = look(&joined);
    if texts.len() > 1 {
        // Elements may part words (`<i>Anna</i><i>Kovalenko</i>`), or a word (`Anna Kova<b>len</b>ko`).
        let mut parted = before.to_owned();
        let mut blanks = Vec::new();
        for text in texts {
            let is_parted = parted.ends_with(char::is_whitespace) || text.starts_with(char::is_whitespace);
            if !is_parted {
                blanks.push(parted.len());
                parted.push(' ');
            }
            parted.push_str(text);
        }
        for mut copy in look(&parted) {
            let joined = |place: usize| place - blanks.iter().filter(|blank| **blank < place).count();
            copy.range = joined(copy.range.start)..joined(copy.range.end);
            let overlaps =
                |known: &Copy| known.range.start < copy.range.end && copy.range.start < known.range.end;
            if !found.iter().any(overlaps) {
                found.push(copy);
            }
        }
        found.sort_by_key(|copy| copy.range.start);
        let mut at = before.len();
        for text in texts {
            let trimmed = text.trim();
            let start = at + text.len() - text.trim_start().len();
            at += text.len();
            // An id or a word in an element of its own is a value, whatever stands beside it.
            let is_all = |copy: &Copy| copy.range == (start..start + trimmed.len());
            if found.iter().any(is_all) && learnt.find(plan, trimmed, 0, Whole::Value).is_empty() {
                found.retain(|copy| !is_all(copy));
            }
        }
    }
    found
}

/// Where in a spelling the character stands that is at a place of the text.
fn place_of(raw: &str, spelling: Html, place: usize) -> usize {
    let (mut at, mut read) = (0, 0);
    while read < place && at < raw.len() {
        let unit = spelling.unit(&raw[at..]);
        match unit.sense {
            Sense::Itself => {
                let step = unit.len.min(place - read);
                (at, read) = (at + step, read + step);
            }
            Sense::Character(character) => (at, read) = (at + unit.len, read + character.len_utf8()),
            Sense::Half(_) => (at, read) = (at + unit.len, read + unit.len),
        }
    }
    at
}

/// How much text of a line, or markup within it, is held, in bytes.
const BOUND: usize = 64 * 1024;
