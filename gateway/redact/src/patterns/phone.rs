//! Which runs of digits are phone numbers.
//!
//! Seven to fifteen digits (ITU-T E.164 §6) that carry a sign of being one. The signs, from the surest on:
//!
//! 1. a `+` before an assigned country code, `00` before a known number, a word or link that is of phones;
//! 2. eleven digits and more that a numbering plan knows, separated or bare; `8` in the place of `+7`;
//! 3. a national number: `0` and eight to eleven more, separated; `0` and nine or ten more, bare;
//! 4. ten digits separated like a number, `(916) 111-22-33`, `415-555-2671`, `98765 43210`; seven as `123-45-67`;
//! 5. ten bare digits with a `9` first, as mobile numbers in Russia are dictated. Seconds since 1970 will not have
//!    one before the year 2255.
//!
//! Whatever their digits, these are none: dates, money in groups of three, decimal fractions, addresses of
//! networks, card numbers, parts of longer tokens such as UUIDs, numbers in links, and bare or
//! loosely spaced ones that a word or sign before or a unit behind says to be of something else. Neither is what
//! an alias of a phone looks like: its country code is assigned to nobody.

use std::ops::Range;

use super::{
    context::{After, Before},
    glyph::{self, Kind},
    numbering,
    run::{Gap, Group, MAX_DIGITS, Run},
};

/// Judges the digit or plus at `at`: where the number is, or else where to look on.
pub(crate) fn read(text: &str, at: usize) -> Result<Range<usize>, usize> {
    let Some((first, behind_sign)) = first_digit(text, at) else { return Err(text.len()) };
    let Some(first) = first else { return Err(behind_sign) };
    if let Some(end) = Run::plain_end(text, first, MIN_DIGITS) {
        return Err(end.max(behind_sign));
    }
    let has_plus = first != at;
    let run = Run::read(text, first);
    let skip = run.first_end().unwrap_or(behind_sign);
    let enough = run.groups().last().is_some_and(|last| last.total() >= MIN_DIGITS);
    if !enough {
        // Nothing that begins within the run has more digits than the whole.
        return Err(run.end().unwrap_or(skip).max(skip));
    }
    let len = run.groups().first().map_or(0, |group| group.len());
    let before = Before::read(text, at, len);
    let judge = Judge { text, run: &run, before, has_plus };
    match judge.last() {
        Some(last) => {
            let start = opening_bracket(text, at, &run, last);
            Ok(start..run.groups()[last].end)
        }
        None => Err(skip),
    }
}

/// Where the first digit is of what begins with the digit or plus at `at`, and where that sign ends.
pub(crate) fn first_digit(text: &str, at: usize) -> Option<(Option<usize>, usize)> {
    let sign = glyph::next(text, at)?;
    let end = at + sign.len;
    Some((if sign.kind() == Kind::Plus { behind_plus(text, end) } else { Some(at) }, end))
}

/// The first digit behind a plus: `+7`, `+ 7`, `+(7`.
fn behind_plus(text: &str, mut at: usize) -> Option<usize> {
    for _ in 0..4 {
        let glyph = glyph::next(text, at)?;
        let kind = glyph.kind();
        if kind.digit().is_some() {
            return Some(at);
        }
        if !matches!(kind, Kind::Space | Kind::Open | Kind::Invisible) {
            return None;
        }
        at += glyph.len;
    }
    None
}

/// A bracket that opens before the first digit and closes within the number belongs to it.
pub(crate) fn opening_bracket(text: &str, at: usize, run: &Run, last: usize) -> usize {
    match glyph::previous(text, at) {
        Some(glyph)
            if glyph.kind() == Kind::Open && run.groups()[1..=last].iter().any(|group| group.bracket) =>
        {
            at - glyph.len
        }
        Some(_) | None => at,
    }
}

struct Judge<'j> {
    text: &'j str,
    run: &'j Run,
    before: Before,
    has_plus: bool,
}

impl Judge<'_> {
    /// The last group of the number that begins with the first one, if there is one.
    fn last(&self) -> Option<usize> {
        if self.before == Before::Glued && !self.has_plus {
            return None;
        }
        if !self.has_plus && (is_date(self.run) || self.is_card()) {
            return None;
        }
        let groups = self.run.groups();
        // Where a plan knows how long the number is, what follows is another one.
        let known = |last: &usize| numbering::is_known(self.run.digits(0..last + 1));
        let mut lasts = (0..groups.len()).rev();
        let mut ends = lasts.clone().filter(known);
        let alone = groups.first().filter(|group| group.len() >= MIN_DIGITS).map(|_| 0);
        ends.find(|&last| self.is_number(last))
            .or_else(|| alone.filter(|&last| self.is_number(last)))
            .or_else(|| lasts.find(|&last| self.is_number(last)))
    }

    fn is_number(&self, last: usize) -> bool {
        let groups = &self.run.groups()[..=last];
        let digits = self.run.digits(0..last + 1);
        if digits.len() < MIN_DIGITS || !self.is_plausible(digits, groups) {
            return false;
        }
        // The rest of the run is another number only behind a space, or a slash that divides two of them.
        let ends = match self.run.groups().get(last + 1) {
            Some(next) => match next.before {
                Gap::Space => true,
                Gap::Slash => next.len() >= 5,
                Gap::None | Gap::Dash | Gap::Dot => false,
            },
            None => true,
        };
        let Some(group) = groups.last() else { return false };
        let is_known = numbering::is_known(digits);
        match After::read(self.text, group.end, group.len()) {
            After::Glued => self.has_plus && is_known,
            After::Unit => ends && is_known && (self.has_plus || groups.len() > 1),
            After::Nothing => ends || self.has_plus && is_known,
        }
    }

    fn is_plausible(&self, digits: &[u8], groups: &[Group]) -> bool {
        if self.has_plus {
            return self.is_international(digits, groups);
        }
        match self.before {
            Before::Glued | Before::Link => return false,
            Before::Phone => {
                return digits.len() <= 15 && !is_dotted(groups) || is_bare_or_apart(digits, groups);
            }
            Before::Number if groups.len() == 1 => return false,
            Before::Number | Before::Nothing => {}
        }
        is_bare_or_apart(digits, groups)
    }

    /// Behind a plus: an assigned code, and no sum of money.
    fn is_international(&self, digits: &[u8], groups: &[Group]) -> bool {
        if numbering::is_known(digits) {
            return true;
        }
        let is_assigned = numbering::country_code(digits).is_some() && digits.len() <= 15;
        let is_clear = match self.before {
            Before::Glued => false,
            Before::Phone | Before::Number | Before::Link | Before::Nothing => true,
        };
        let is_long = match groups.len() {
            1 => digits.len() >= 9 || self.before == Before::Phone,
            _ => !is_thousands(groups) || digits.len() >= 10,
        };
        is_assigned && is_clear && is_long
    }

    /// Four groups of four, wherever in them the run begins.
    fn is_card(&self) -> bool {
        let groups = self.run.groups();
        let run = groups.iter().take_while(|group| group.len() == 4).count();
        let Some(first) = groups.first() else { return false };
        if run == 0 || groups.iter().skip(1).take(run - 1).any(|group| group.before == Gap::None) {
            return false;
        }
        let mut before = 0;
        let mut at = first.start;
        while before < 4 {
            let near = &self.text.as_bytes()[..at];
            let [.., a, b, c, d, b' ' | b'-'] = near else { break };
            if ![a, b, c, d].iter().all(|digit| digit.is_ascii_digit()) {
                break;
            }
            before += 1;
            at -= 5;
        }
        before + run >= 4
    }
}

/// Without any sign before it.
fn is_bare_or_apart(digits: &[u8], groups: &[Group]) -> bool {
    match groups {
        [_] => is_bare(digits),
        // Dictated digit by digit.
        _ if groups.iter().all(|group| group.len() == 1) => is_russian(digits) || numbering::is_known(digits),
        _ => is_apart(digits, groups),
    }
}

fn is_bare(digits: &[u8]) -> bool {
    match *digits {
        [0, 0, ref rest @ ..] => numbering::is_known(rest),
        [0, 1..=9, ..] => matches!(digits.len(), 10 | 11),
        [9, ..] if digits.len() == 10 => true,
        _ => is_russian(digits) || numbering::is_known(digits),
    }
}

fn is_apart(digits: &[u8], groups: &[Group]) -> bool {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
    let is_national = matches!(*digits, [0, 1..=9, ..]);
    if !has_even_separators(groups) || is_dotted(groups) || (is_thousands(groups) && digits[0] != 0) {
        return false;
    }
    let has_bracket = groups.iter().any(|group| group.bracket);
    // A single digit stands alone only in front: the trunk prefix, a code, the `9` of Argentina.
    let pieces = groups.iter().skip(2).all(|group| group.len() >= 2);
    let second = groups.get(1).map_or(0, |group| group.len());
    if !pieces || last.len() < 2 {
        return false;
    }
    if let [0, 0, rest @ ..] = digits {
        return numbering::is_known(rest)
            || groups.len() >= 3 && numbering::country_code(rest).is_some() && rest.len() >= 9;
    }
    if is_russian(digits) {
        return matches!(first.len(), 1 | 4) && second >= 2;
    }
    if numbering::is_known(digits) {
        // Sizes and years come in groups that are all alike.
        let is_row = groups.iter().all(|group| group.len() == first.len());
        return first.len() <= 4 && groups.len() >= 3 && !is_row;
    }
    if is_national {
        let is_long = (9..=12).contains(&digits.len());
        return is_long && second >= 2 && (groups.len() >= 3 || first.len() >= 3 || has_bracket);
    }
    match digits.len() {
        7 => {
            groups.len() == 3
                && (first.len(), second) == (3, 2)
                && digits[0] != 0
                && groups.iter().skip(1).all(|group| group.before == Gap::Dash)
        }
        10 if first.len() == 5 => {
            groups.len() == 2
                && digits[0] >= 6
                && groups.iter().skip(1).all(|group| group.before != Gap::Dot && group.before != Gap::Slash)
        }
        10 if has_bracket => (3..=5).contains(&first.len()) && digits[0] >= 2,
        10 => {
            first.len() == 3
                && groups.len() >= 3
                && digits[0] >= 2
                && groups.iter().skip(1).all(|group| group.len() <= 4)
        }
        _ => false,
    }
}

/// `8` or `7` and ten digits that begin as area and mobile codes do.
fn is_russian(digits: &[u8]) -> bool {
    digits.len() == 11 && matches!(*digits, [7 | 8, 3..=9, ..])
}

/// Dots separate all of a number or none of it, slashes only its first group.
fn has_even_separators(groups: &[Group]) -> bool {
    let gaps = || groups.iter().skip(1).map(|group| group.before);
    let dots = gaps().filter(|gap| *gap == Gap::Dot).count();
    let turns =
        gaps().zip(gaps().skip(1)).filter(|(gap, next)| *gap != Gap::Dot && *next == Gap::Dot).count();
    let starts = usize::from(gaps().next() == Some(Gap::Dot));
    let slashes = gaps().skip(1).filter(|gap| *gap == Gap::Slash).count();
    (dots == 0 || dots >= 2 && turns + starts <= 1) && slashes == 0
}

/// Addresses of IPv4, versions: up to four small numbers between dots.
fn is_dotted(groups: &[Group]) -> bool {
    groups.len() <= 4
        && groups.len() > 1
        && groups.iter().skip(1).all(|group| group.before == Gap::Dot)
        && (groups.len() == 2 || groups.iter().all(|group| group.len() <= 3) && groups.len() == 4)
}

/// Groups of three behind a shorter one, all separated alike: an amount.
fn is_thousands(groups: &[Group]) -> bool {
    let gap = groups.get(1).map_or(Gap::None, |group| group.before);
    groups.len() >= 2
        && groups[0].len() <= 3
        && matches!(gap, Gap::Space | Gap::Dot)
        && groups.iter().skip(1).all(|group| group.len() == 3 && group.before == gap && !group.bracket)
}

/// `28.07.2026`, `2026-07-28`, `7/28/26` at the front of a run.
fn is_date(run: &Run) -> bool {
    let [a, b, c, ..] = run.groups() else { return false };
    let value = |group: usize| {
        run.digits(group..group + 1).iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit))
    };
    let day = |group: usize| (1..=31).contains(&value(group));
    let year = |group: usize| (1900..2100).contains(&value(group));
    let is_even = b.before == c.before && matches!(b.before, Gap::Dash | Gap::Dot | Gap::Slash);
    is_even
        && match (a.len(), b.len(), c.len()) {
            (1..=2, 1..=2, 4) => day(0) && day(1) && year(2),
            (1..=2, 1..=2, 2) => {
                day(0) && day(1) && run.groups().get(3).is_none_or(|next| next.before == Gap::Space)
            }
            (4, 1..=2, 1..=2) => year(0) && day(1) && day(2),
            _ => false,
        }
}

/// The fewest digits a number has.
const MIN_DIGITS: usize = 7;

const _: () = assert!(MIN_DIGITS < MAX_DIGITS);
