//! Runs of digits with what separates them, as numbers are written: `8 (916) 111‑22‑33`.
//!
//! A run is read forward from a digit, and never further than a phone number can reach. What a run means is not
//! decided here.

use std::ops::Range;

use super::glyph::{self, Kind};

/// Groups of digits, apart by separators.
#[derive(Debug)]
pub(crate) struct Run {
    digits: [u8; MAX_DIGITS],
    groups: [Group; MAX_DIGITS],
    /// `groups <= digits <= MAX_DIGITS`
    count: usize,
    /// Where the first group ends, though it is too long to be kept.
    overlong: Option<usize>,
}

/// Digits with nothing visible between them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group {
    /// Where its first digit begins in the text.
    pub(crate) start: usize,
    /// Where its last digit ends.
    pub(crate) end: usize,
    /// How many digits the run has before it.
    first: u8,
    /// How many digits it has.
    len: u8,
    /// What is between it and the group before.
    pub(crate) before: Gap,
    /// Whether a bracket is among that.
    pub(crate) bracket: bool,
}

/// What separates two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing that numbers are separated by.
    #[default]
    None,
    Space,
    Dash,
    Dot,
    Slash,
}

impl Group {
    /// How many digits it has.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// How many digits the run has up to its end.
    pub(crate) fn total(&self) -> usize {
        usize::from(self.first) + self.len()
    }

    fn first(&self) -> usize {
        usize::from(self.first)
    }
}

impl Run {
    /// Where a run ends that is of plain digits and separators and has fewer than `enough` digits. Most have.
    pub(crate) fn plain_end(text: &str, at: usize, enough: usize) -> Option<usize> {
        let bytes = text.as_bytes().get(at..)?;
        let (mut digits, mut end) = (0, 0);
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    end = place + 1;
                    if digits >= enough {
                        return None;
                    }
                }
                b' ' | b'(' | b')' | b'-' | b'.' | b'/' if place - end < 4 => {}
                b'%' | b'&' | b'\\' | 0x80.. => return None,
                _ => break,
            }
        }
        Some(at + end)
    }

    /// Reads the run that begins with the digit at `at`.
    pub(crate) fn read(text: &str, at: usize) -> Run {
        let mut run =
            Run { digits: [0; MAX_DIGITS], groups: [Group::default(); MAX_DIGITS], count: 0, overlong: None };
        let mut start = at;
        let (mut before, mut bracket) = (Gap::None, false);
        while run.read_group(text, start, before, bracket) {
            let Some(last) = run.groups().last() else { break };
            let gap = Separator::read(text, last.end);
            let is_digit =
                matches!(glyph::next(text, gap.end).map(|glyph| glyph.kind()), Some(Kind::Digit(_)));
            if gap.gap == Gap::None || !is_digit {
                break;
            }
            (start, before, bracket) = (gap.end, gap.gap, gap.bracket);
        }
        run
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups[..self.count]
    }

    /// The digits of the groups up to and with `last`.
    pub(crate) fn digits(&self, groups: Range<usize>) -> &[u8] {
        match self.groups().get(groups) {
            Some([first, .., last]) => &self.digits[first.first()..last.total()],
            Some([only]) => &self.digits[only.first()..only.total()],
            Some([]) | None => &[],
        }
    }

    /// Where the first group ends.
    pub(crate) fn first_end(&self) -> Option<usize> {
        self.overlong.or_else(|| self.groups().first().map(|group| group.end))
    }

    /// Where the last group ends that was read.
    pub(crate) fn end(&self) -> Option<usize> {
        self.groups().last().map(|group| group.end).or(self.overlong)
    }

    /// Appends the group at `start`, unless it has more digits than there is room for.
    fn read_group(&mut self, text: &str, start: usize, before: Gap, bracket: bool) -> bool {
        let first = self.groups().last().map_or(0, Group::total);
        let (mut at, mut end, mut len, mut unseen) = (start, start, 0, 0);
        while let Some(glyph) = glyph::next(text, at) {
            let kind = glyph.kind();
            if let Some(digit) = kind.digit() {
                match self.digits.get_mut(first + len) {
                    Some(place) => *place = digit,
                    // A first group is passed as a whole, so that nobody starts within it.
                    None if self.count > 0 => return false,
                    None => {}
                }
                len += 1;
                unseen = 0;
                end = at + glyph.len;
            } else if kind == Kind::Invisible && unseen < MAX_UNSEEN {
                unseen += 1;
            } else {
                break;
            }
            at += glyph.len;
        }
        if len == 0 {
            return false;
        }
        if first + len > MAX_DIGITS || self.count == MAX_DIGITS {
            self.overlong = Some(end).filter(|_| self.count == 0);
            return false;
        }
        // No more than MAX_DIGITS.
        let (first, len) = (first as u8, len as u8);
        self.groups[self.count] = Group { start, end, first, len, before, bracket };
        self.count += 1;
        true
    }
}

/// What follows a group, up to what is no separator any more.
pub(crate) struct Separator {
    pub(crate) gap: Gap,
    pub(crate) bracket: bool,
    pub(crate) end: usize,
}

impl Separator {
    /// Reads at most three signs: spaces, brackets, and one dash, dot or slash.
    pub(crate) fn read(text: &str, at: usize) -> Separator {
        let mut read = Separator { gap: Gap::None, bracket: false, end: at };
        let (mut signs, mut unseen, mut spaces) = (0, 0, 0);
        while let Some(glyph) = glyph::next(text, read.end) {
            let sign = match glyph.kind() {
                Kind::Space => {
                    spaces += 1;
                    Gap::Space
                }
                Kind::Open | Kind::Close => {
                    read.bracket = true;
                    Gap::Space
                }
                Kind::Dash => Gap::Dash,
                Kind::Dot => Gap::Dot,
                Kind::Slash => Gap::Slash,
                Kind::Invisible if unseen < MAX_UNSEEN => {
                    unseen += 1;
                    read.end += glyph.len;
                    continue;
                }
                Kind::Digit(_) | Kind::Plus | Kind::At | Kind::Invisible | Kind::Letter | Kind::Other => {
                    break;
                }
            };
            signs += 1;
            read.gap = match (read.gap, sign) {
                (Gap::None | Gap::Space, sign) => sign,
                (gap, Gap::Space) => gap,
                (gap, sign) if gap == Gap::Dash && sign == Gap::Dash => gap,
                _ => {
                    read.gap = Gap::None;
                    return read;
                }
            };
            if signs > 4 {
                read.gap = Gap::None;
                return read;
            }
            read.end += glyph.len;
        }
        // The dot of a sentence and the slash of a choice stand beside a space.
        if spaces > 0 && matches!(read.gap, Gap::Dot | Gap::Slash) {
            read.gap = Gap::None;
        }
        read
    }
}

/// The digits of a number (ITU-T E.164 §6: fifteen) behind `00`.
pub(crate) const MAX_DIGITS: usize = 17;

/// How many invisible characters are passed over between two that are seen.
pub(crate) const MAX_UNSEEN: usize = 8;
