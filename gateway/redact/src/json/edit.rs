//! Changes to a text, kept apart from it: what is replaced by what, in order.
//!
//! Whoever looks into a string sees its decoded text; what leaves is its spelling. [`Edits`] name places in the
//! text, and [`Edits::lift`] carries them to the spelling by walking it once, so that everything between two
//! edits leaves as it was spelled. No map of positions is kept. Edits of an inner text lift to edits of the
//! outer one, level by level, each replacement spelled once per level.

use std::{borrow::Cow, ops::Range};

use crate::{class::Class, copies::Original, plan::Plan, redactor::Summary};

/// Replacements in one text, sorted and apart from each other.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    edits: Vec<Edit>,
    summary: Summary,
}

#[derive(Debug, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    replacement: String,
}

impl Edits {
    /// Replaces what stands at `range`, which is behind every range before.
    pub(crate) fn replace(&mut self, range: Range<usize>, replacement: String) {
        debug_assert!(range.start <= range.end);
        debug_assert!(self.edits.last().is_none_or(|last| last.range.end <= range.start));
        self.edits.push(Edit { range, replacement });
    }

    /// Replaces a copy, whose spelling stands at `range`, by the spelling of what the plan shows for it. An empty one
    /// stays.
    pub(crate) fn copy(
        &mut self,
        plan: &Plan,
        original: &Original,
        range: Range<usize>,
        spell: impl FnOnce(String) -> String,
    ) {
        if !original.value.is_empty() {
            let mut shown = String::new();
            plan.show_original(original, &mut shown);
            self.replace(range, spell(shown));
            self.summary.hidden[original.class.index()] += 1;
        }
    }

    /// Replaces all of a text by the token of the class. An empty one stays.
    pub(crate) fn seal(&mut self, plan: &Plan, class: Class, text: &str) {
        if !text.is_empty() {
            self.replace(0..text.len(), plan.seal(class, text));
            self.summary.hidden[class.index()] += 1;
        }
    }

    /// Counts what was hidden on the way to these edits.
    pub(crate) fn count(&mut self, summary: &Summary) {
        self.summary.add(summary);
    }

    /// What these edits hide.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Appends `text` with the replacements in their places.
    pub(crate) fn apply(&self, text: &str, out: &mut Vec<u8>) {
        let mut at = 0;
        for edit in &self.edits {
            out.extend_from_slice(&text.as_bytes()[at..edit.range.start]);
            out.extend_from_slice(edit.replacement.as_bytes());
            at = edit.range.end;
        }
        out.extend_from_slice(&text.as_bytes()[at..]);
    }

    /// Adds to `outer` these edits of a text, as edits of its spelling `raw`, which begins at `base` there.
    pub(crate) fn lift(&self, raw: &str, spelling: &impl Spelling, base: usize, outer: &mut Edits) {
        let mut walk = Walk { raw, spelling, at: 0, read: 0, run: 0 };
        for edit in &self.edits {
            let start = walk.seek(edit.range.start, Rounding::Down);
            let end = walk.seek(edit.range.end, Rounding::Up);
            let mut replacement = String::with_capacity(edit.replacement.len());
            spelling.spell(&edit.replacement, &mut replacement);
            outer.replace(base + start..base + end, replacement);
        }
        outer.summary.add(&self.summary);
    }
}

/// How a text is spelled within another one.
pub(crate) trait Spelling {
    /// Reads what `raw`, which is not empty, begins with.
    fn unit(&self, raw: &str) -> Unit;

    /// Appends the spelling of `text`.
    fn spell(&self, text: &str, out: &mut String);

    /// What `raw` stands for; `None` where that cannot be said in text.
    fn decode<'r>(&self, raw: &'r str) -> Option<Cow<'r, str>> {
        let mut rest = raw;
        let mut text = String::new();
        while !rest.is_empty() {
            let unit = self.unit(rest);
            match unit.sense {
                Sense::Itself if unit.len == raw.len() => return Some(Cow::Borrowed(raw)),
                Sense::Itself => text.push_str(&rest[..unit.len]),
                Sense::Character(character) => text.push(character),
                Sense::Half(half) => {
                    // Behind a backslash the escape that stands for the half would be read as two characters.
                    let backslashes = text.bytes().rev().take_while(|&byte| byte == b'\\').count();
                    if backslashes % 2 == 1 {
                        return None;
                    }
                    text.push_str(&half_escape(half));
                }
            }
            rest = &rest[unit.len..];
        }
        Some(Cow::Owned(text))
    }
}

/// A piece of a spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Its length; at least one, and up to the border of a character.
    pub(crate) len: usize,
    pub(crate) sense: Sense,
}

/// What a piece of a spelling stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    /// Each of its bytes for itself.
    Itself,
    Character(char),
    /// Half of a surrogate pair. Text cannot hold it; JSON in the text can, as an escape, which is what is put.
    Half(u16),
}

impl Sense {
    /// How long the text is that stands for something else than itself.
    fn len(self) -> usize {
        match self {
            Sense::Itself => 0,
            Sense::Character(character) => character.len_utf8(),
            Sense::Half(_) => HALF_ESCAPE,
        }
    }
}

fn half_escape(half: u16) -> String {
    format!("\\u{half:04x}")
}

const HALF_ESCAPE: usize = r"\ud83d".len();

/// A walk along a spelling that counts the text it stands for.
struct Walk<'w, S> {
    raw: &'w str,
    spelling: &'w S,
    /// The place in the spelling.
    at: usize,
    /// The place in the text.
    read: usize,
    /// How many bytes from here on are known to stand for themselves.
    run: usize,
}

/// Where to stop when the place that is sought is within what one escape stands for.
enum Rounding {
    Down,
    Up,
}

impl<S: Spelling> Walk<'_, S> {
    /// Goes on to a place in the text; returns the place in the spelling.
    fn seek(&mut self, place: usize, rounding: Rounding) -> usize {
        while self.read < place && self.at < self.raw.len() {
            if self.run > 0 {
                let step = self.run.min(place - self.read);
                self.at += step;
                self.read += step;
                self.run -= step;
                continue;
            }
            let Unit { len, sense } = self.spelling.unit(&self.raw[self.at..]);
            if sense == Sense::Itself {
                self.run = len;
                continue;
            }
            if self.read + sense.len() > place && matches!(rounding, Rounding::Down) {
                break;
            }
            self.at += len;
            self.read += sense.len();
        }
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `%hh` for one character below 0x80.
    struct Percent;

    impl Spelling for Percent {
        fn unit(&self, raw: &str) -> Unit {
            match raw.find('%') {
                Some(0) => {
                    let code = u8::from_str_radix(&raw[1..3], 16).unwrap();
                    Unit { len: 3, sense: Sense::Character(char::from(code)) }
                }
                Some(len) => Unit { len, sense: Sense::Itself },
                None => Unit { len: raw.len(), sense: Sense::Itself },
            }
        }

        fn spell(&self, text: &str, out: &mut String) {
            out.push_str(&text.replace('%', "%25"));
        }
    }

    fn edited(raw: &str, edits: &[(Range<usize>, &str)]) -> String {
        let mut inner = Edits::default();
        for (range, replacement) in edits {
            inner.replace(range.clone(), (*replacement).to_owned());
        }
        let mut outer = Edits::default();
        inner.lift(raw, &Percent, 0, &mut outer);
        let mut out = Vec::new();
        outer.apply(raw, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_between_two_edits_keeps_its_spelling() {
        assert_eq!(Percent.decode("a%62c%64é%65").unwrap(), "abcdée");
        assert_eq!(edited("a%62c%64é%65", &[]), "a%62c%64é%65");
        assert_eq!(edited("a%62c%64é%65", &[(0..1, "A")]), "A%62c%64é%65");
        assert_eq!(edited("a%62c%64é%65", &[(1..2, "%")]), "a%25c%64é%65");
        assert_eq!(edited("a%62c%64é%65", &[(1..2, "B"), (3..4, "D")]), "aBcDé%65");
        assert_eq!(edited("a%62c%64é%65", &[(4..7, "")]), "a%62c%64");
        assert_eq!(edited("a%62c%64é%65", &[(2..2, "+")]), "a%62+c%64é%65");
    }

    #[test]
    fn edits_lift_through_two_spellings() {
        let raw = "x%2531y%25%33%31z";
        let middle = Percent.decode(raw).unwrap();
        assert_eq!(middle, "x%31y%31z");
        assert_eq!(Percent.decode(&middle).unwrap(), "x1y1z");
        let mut inner = Edits::default();
        inner.replace(1..2, "%".to_owned());
        let (mut lifted, mut outer) = (Edits::default(), Edits::default());
        inner.lift(&middle, &Percent, 0, &mut lifted);
        lifted.lift(raw, &Percent, 0, &mut outer);
        let mut out = Vec::new();
        outer.apply(raw, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "x%2525y%25%33%31z");
    }
}
