//! A text, and what in it is a copy.
//!
//! Tokens are read where they begin: digits with their separators, addresses around an `@`, words. A sieve turns
//! away nearly all of them; what passes is looked up by its keyed digest. Of what matches at one place the longest
//! is taken.

use std::{
    ops::Range,
    sync::{Arc, PoisonError, RwLockReadGuard},
};

use super::{
    Generation, ID_CLASS, Learnt, MAX_ID, MAX_WORDS, MIN_LINK, Original, ending, id_form, mail_form,
    national_form,
    number::{Forms, MIN_DIGITS},
    tail, whole_form, words,
};
use crate::{
    alias::AliasKey,
    class::Class,
    patterns::{
        glyph::{self, Kind},
        mail, next_sign, phone,
        run::Run,
    },
    percent,
    plan::Plan,
};

/// The set as it is for the time of a look.
pub(crate) struct Sweep<'s> {
    generations: RwLockReadGuard<'s, [Generation; 2]>,
    key: &'s AliasKey,
    has_words: bool,
    has_digits: bool,
    has_ids: bool,
}

/// Whether a text is all of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// An id, a word of a closed set, a key: short tokens that are the whole text stay.
    Value,
    /// Text, in which everything is looked up.
    Text,
}

/// A copy in a text.
pub(crate) struct Copy {
    pub(crate) range: Range<usize>,
    pub(crate) original: Arc<Original>,
    /// It was not seen since the set last turned.
    pub(crate) is_old: bool,
}

/// What stands in the place of a copy, percent-encoded if the copy was.
pub(crate) fn spelled_as(copy: &[u8], shown: String) -> String {
    if !copy.contains(&b'%') {
        return shown;
    }
    let mut spelled = Vec::with_capacity(shown.len() * 3);
    percent::encode_all(shown.as_bytes(), &mut spelled);
    String::from_utf8_lossy(&spelled).into_owned()
}

const MD5_DIGITS: usize = 32;
const SHA256_DIGITS: usize = 64;

/// What a look-up found.
pub(crate) struct Known {
    pub(crate) original: Arc<Original>,
    pub(crate) is_old: bool,
}

impl Known {
    fn at(self, range: Range<usize>) -> Copy {
        Copy { range, original: self.original, is_old: self.is_old }
    }
}

impl Learnt {
    /// Takes a look at the set; nothing is learnt meanwhile.
    pub(crate) fn sweep<'s>(&'s self, key: &'s AliasKey) -> Sweep<'s> {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let has_words = generations.iter().any(|generation| !generation.heads.is_empty());
        let has_digits = generations.iter().any(|generation| !generation.tails.is_empty());
        let has_ids = generations.iter().any(|generation| generation.has_ids);
        Sweep { generations, key, has_words, has_digits, has_ids }
    }

    /// The copies in a text from `from` on, in order; those that were seen are young again.
    pub(crate) fn find(&self, plan: &Plan, text: &str, from: usize, whole: Whole) -> Vec<Copy> {
        let mut found = Vec::new();
        let sweep = self.sweep(plan.key());
        if !sweep.is_idle() {
            sweep.find(text, from, whole, &mut found);
        }
        // To learn anew waits for the end of a look.
        drop(sweep);
        for copy in found.iter().filter(|copy| copy.is_old) {
            self.refresh(plan.key(), std::slice::from_ref(&copy.original));
        }
        found
    }

    /// Makes the values young again that were seen.
    pub(crate) fn refresh(&self, key: &AliasKey, seen: &[Arc<Original>]) {
        for original in seen {
            match original.is_id {
                true => self.learn_id(key, original.class, &original.value),
                false => self.learn(key, original.class, original.value.as_bytes()),
            }
        }
    }
}

impl Sweep<'_> {
    /// Whether there is nothing to look for.
    pub(crate) fn is_idle(&self) -> bool {
        self.generations.iter().all(|generation| generation.values.is_empty())
    }

    /// Appends the copies that begin from `from` on, in order. What stands before is read as context alone.
    pub(crate) fn find(&self, text: &str, from: usize, whole: Whole, found: &mut Vec<Copy>) {
        if whole == Whole::Value
            && from == 0
            && let Some(known) = self.link(text).or_else(|| self.picture(text))
        {
            found.push(known.at(0..text.len()));
            return;
        }
        let mut ids = Vec::new();
        if self.has_ids {
            self.find_ids(text, from, whole, &mut ids);
        }
        let others = found.len();
        match self.has_words {
            true => self.find_all(text, from, whole, found),
            false => self.find_signs(text, from, whole, found),
        }
        if !ids.is_empty() {
            // What else is in an id is part of it.
            let within =
                |copy: &Copy, id: &Copy| copy.range.start < id.range.end && id.range.start < copy.range.end;
            let rest = found.split_off(others);
            found.extend(rest.into_iter().filter(|copy| !ids.iter().any(|id| within(copy, id))));
            found.append(&mut ids);
            found[others..].sort_by_key(|copy| copy.range.start);
        }
    }

    /// Appends the ids that are all of a text, or stand whole between what separates the parts of links and the words of
    /// texts.
    fn find_ids(&self, text: &str, from: usize, whole: Whole, found: &mut Vec<Copy>) {
        if whole == Whole::Value
            && from == 0
            && let Some(known) = self.id(text)
        {
            return found.push(known.at(0..text.len()));
        }
        let bytes = text.as_bytes();
        let goes_on = from > 0 && !bytes.get(from - 1).is_none_or(|byte| is_separator(*byte));
        let length = |at: usize| bytes[at..].iter().take_while(|byte| !is_separator(**byte)).count();
        let mut at = from;
        if goes_on {
            at += length(at);
        }
        while at < bytes.len() {
            let end = at + length(at);
            let part = text[at..end].trim_end_matches(['.', ':', '!']);
            if let Some(known) = self.id(part) {
                found.push(known.at(at..at + part.len()));
            }
            at = end + 1;
        }
    }

    /// The learnt id that a text is, be it percent-encoded.
    fn id(&self, text: &str) -> Option<Known> {
        if text.len() > 3 * MAX_ID {
            return None;
        }
        let decoded = percent::decode(text.as_bytes());
        let form = id_form(std::str::from_utf8(&decoded).ok()?)?;
        self.original(ID_CLASS, &form)
    }

    /// The learnt number of all digits of a JSON number. Fewer than ten are an id's.
    pub(crate) fn number(&self, digits: &str) -> Option<Known> {
        let digits = digits.as_bytes();
        let (_, last) = digits.split_last_chunk::<MIN_DIGITS>()?;
        let value = |digit: u8| digit.wrapping_sub(b'0');
        if digits.len() < SURE_DIGITS || !self.may_end(&last.map(value)) {
            return None;
        }
        let digits: Vec<u8> = digits.iter().copied().map(value).collect();
        self.digits(&digits)
    }

    /// Without words every token has a sign that is searched for.
    fn find_signs(&self, text: &str, from: usize, whole: Whole, found: &mut Vec<Copy>) {
        let mut at = from;
        while let Some(place) = next_sign(text.as_bytes(), at) {
            let Some(glyph) = glyph::next(text, place) else { return };
            at = self.token(text, place, glyph, whole, from, found);
        }
    }

    fn find_all(&self, text: &str, from: usize, whole: Whole, found: &mut Vec<Copy>) {
        let mut at = from;
        // A word that began before is not looked up again from its middle.
        let goes_on = glyph::previous(text, at)
            .is_some_and(|glyph| matches!(glyph.kind(), Kind::Letter | Kind::Digit(_) | Kind::Invisible));
        if goes_on && let Some(word) = words::read(text, at, &mut ()) {
            at = word.end;
        }
        let bytes = text.as_bytes();
        while let Some(&byte) = bytes.get(at) {
            if words::is_plain(&bytes[at..]) {
                at = self.phrase(text, at, whole, found);
                continue;
            }
            // Nothing begins with most signs between words, and no glyph but itself is spelled by one.
            if byte.is_ascii() && !matches!(byte, b'0'..=b'9' | b'+' | b'@' | b'%' | b'&' | b'\\') {
                at += 1;
                continue;
            }
            let Some(glyph) = glyph::next(text, at) else { return };
            at = match glyph.kind() == Kind::Letter {
                true => self.phrase(text, at, whole, found),
                false => self.token(text, at, glyph, whole, from, found),
            };
        }
    }

    /// Takes what begins with a digit, a plus or an `@`; returns where to go on.
    fn token(
        &self,
        text: &str,
        at: usize,
        glyph: glyph::Glyph,
        whole: Whole,
        from: usize,
        found: &mut Vec<Copy>,
    ) -> usize {
        match glyph.kind() {
            Kind::Digit(_) | Kind::Plus if self.has_digits => match self.run(text, at, whole) {
                Ok(copy) => {
                    let end = copy.range.end;
                    found.push(copy);
                    end
                }
                Err(next) => next,
            },
            // Words of digits are words.
            Kind::Digit(_) if self.has_words => self.phrase(text, at, whole, found),
            Kind::At => {
                let Some(mut copy) = self.mail(text, at) else { return at + glyph.len };
                // Words and numbers of the address are part of it.
                while let Some(last) = found.pop_if(|last| last.range.end > copy.range.start) {
                    copy.range.start = copy.range.start.min(last.range.start);
                }
                copy.range.start = copy.range.start.max(from);
                let end = copy.range.end.max(at + glyph.len);
                found.push(copy);
                end
            }
            Kind::Digit(_)
            | Kind::Plus
            | Kind::Space
            | Kind::Dash
            | Kind::Dot
            | Kind::Slash
            | Kind::Open
            | Kind::Close
            | Kind::Invisible
            | Kind::Letter
            | Kind::Other => at + glyph.len,
        }
    }

    /// The number that begins with the digit or plus at `at`, or else where to look on.
    fn run(&self, text: &str, at: usize, whole: Whole) -> Result<Copy, usize> {
        let Some((first, behind_sign)) = phone::first_digit(text, at) else { return Err(text.len()) };
        let Some(first) = first else { return Err(behind_sign) };
        if let Some(end) = Run::plain_end(text, first, MIN_DIGITS) {
            return Err(end.max(behind_sign));
        }
        let run = Run::read(text, first);
        let groups = run.groups();
        for last in (0..groups.len()).rev() {
            let digits = run.digits(0..last + 1);
            if digits.len() < MIN_DIGITS {
                break;
            }
            if !self.may_end(digits) {
                continue;
            }
            let start = phone::opening_bracket(text, at, &run, last);
            let range = start..groups[last].end;
            if digits.len() < SURE_DIGITS && !is_apart(text, &range, whole) {
                continue;
            }
            if let Some(known) = self.digits(digits) {
                return Ok(known.at(range));
            }
        }
        Err(run.first_end().unwrap_or(behind_sign))
    }

    fn may_end(&self, digits: &[u8]) -> bool {
        let tail = tail(digits);
        self.generations.iter().any(|generation| generation.tails.may_have(tail))
    }

    fn digits(&self, digits: &[u8]) -> Option<Known> {
        let forms = Forms::of(digits)?;
        let whole = self.original(Class::Phone, &whole_form(&forms));
        whole.or_else(|| self.original(Class::Phone, &national_form(forms.national()?)))
    }

    /// The address around the `@` at `at`. What follows a sentence without a space is left off its domain.
    fn mail(&self, text: &str, at: usize) -> Option<Copy> {
        if !self.generations.iter().any(|generation| generation.has_mails) {
            return None;
        }
        let (mut range, _) = mail::read_any(text, at)?;
        for _ in 0..4 {
            let form = mail_form(&text[range.clone()])?;
            if let Some(known) = self.original(Class::Email, form.as_bytes()) {
                return Some(known.at(range));
            }
            range.end = at + text[at..range.end].rfind('.').filter(|dot| *dot > 0)?;
        }
        None
    }

    /// The words at `at`, if they are a copy; returns where to go on.
    fn phrase(&self, text: &str, at: usize, whole: Whole, found: &mut Vec<Copy>) -> usize {
        let Some(first) = words::read(text, at, &mut ()) else {
            return at + glyph::next(text, at).map_or(1, |glyph| glyph.len);
        };
        if !self.generations.iter().any(|generation| generation.heads.may_have(first.hash)) {
            return first.end;
        }
        let mut ends: [(usize, u64); MAX_WORDS] = [(first.end, words::joined(0, &first)); MAX_WORDS];
        let mut count = 1;
        while count < MAX_WORDS
            && let (end, phrase) = ends[count - 1]
            && let Some(place) = words::next_start(text, end)
            && let Some(word) = words::read(text, place, &mut ())
        {
            ends[count] = (word.end, words::joined(phrase, &word));
            count += 1;
        }
        for (more, &(end, phrase)) in ends[..count].iter().enumerate().rev() {
            let is_enum = more == 0 && whole == Whole::Value && at == 0 && end == text.len();
            if is_enum || !self.generations.iter().any(|generation| generation.phrases.may_have(phrase)) {
                continue;
            }
            let form = words::phrase(text, at, more + 1);
            if let Some(known) = self.original(Class::Name, form.as_bytes()) {
                found.push(known.at(at..end));
                return end;
            }
        }
        first.end
    }

    /// A whole value that is a learnt link.
    fn link(&self, text: &str) -> Option<Known> {
        let is_no_link = text.len() < MIN_LINK || text.len() > super::MAX_VALUE;
        if is_no_link || self.generations.iter().all(|generation| generation.ends.is_empty()) {
            return None;
        }
        let end = ending(text);
        if !self.generations.iter().any(|generation| generation.ends.may_have(end)) || !text.contains('/') {
            return None;
        }
        match text.contains('\\') {
            true => self.original(Class::Avatar, text.replace("\\/", "/").as_bytes()),
            false => self.original(Class::Avatar, text.as_bytes()),
        }
    }

    /// A whole value that is, or links to, the picture of a learnt mail address.
    fn picture(&self, text: &str) -> Option<Known> {
        let has_mails = self.generations.iter().any(|generation| generation.has_mails);
        if !has_mails || !(MD5_DIGITS..=super::MAX_VALUE).contains(&text.len()) {
            return None;
        }
        // A run that is long enough has a digit at one of these places.
        let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
        let bytes = text.as_bytes();
        let mut at = MD5_DIGITS - 1;
        while at < bytes.len() {
            let before = bytes[..at].iter().rev().take_while(|byte| is_hex(byte)).count();
            let behind = bytes[at..].iter().take_while(|byte| is_hex(byte)).count();
            let run = &bytes[at - before..at + behind];
            if behind > 0 && matches!(run.len(), MD5_DIGITS | SHA256_DIGITS) {
                let known = self.original(Class::Avatar, &run.to_ascii_lowercase());
                if known.is_some() {
                    return known;
                }
            }
            at += behind.next_multiple_of(MD5_DIGITS).max(MD5_DIGITS);
        }
        None
    }

    fn original(&self, class: Class, form: &[u8]) -> Option<Known> {
        let digest = self.key.digest(class, form).0;
        if self.generations.iter().any(|generation| generation.never.contains(&digest)) {
            return None;
        }
        let found = |generation: &Generation| generation.values.get(&digest).map(Arc::clone);
        let [young, old] = &*self.generations;
        found(young)
            .map(|original| Known { original, is_old: false })
            .or_else(|| found(old).map(|original| Known { original, is_old: true }))
    }
}

/// Whether few digits stand by themselves, and are not all of a value: then they are an id.
fn is_apart(text: &str, range: &Range<usize>, whole: Whole) -> bool {
    let glued = |glyph: glyph::Glyph| {
        matches!(glyph.kind(), Kind::Letter | Kind::Digit(_) | Kind::Dot | Kind::Dash | Kind::Slash)
    };
    let is_all =
        whole == Whole::Value && text[..range.start].trim().is_empty() && text[range.end..].trim().is_empty();
    let follows = |at: usize| match glyph::next(text, at) {
        Some(glyph) if matches!(glyph.kind(), Kind::Dot | Kind::Dash | Kind::Slash) => {
            glyph::next(text, at + glyph.len)
                .is_some_and(|glyph| matches!(glyph.kind(), Kind::Letter | Kind::Digit(_)))
        }
        Some(glyph) => glued(glyph),
        None => false,
    };
    !is_all && !glyph::previous(text, range.start).is_some_and(glued) && !follows(range.end)
}

/// Whether a byte separates parts of links, or words.
fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"/?&=#\"'`<>,;\\(){}|".contains(&byte)
}

/// So many digits are equal to a learnt number by no chance.
pub(super) const SURE_DIGITS: usize = 10;
