//! Words, in the form that names and handles are compared in.
//!
//! Letters count in lower case and without marks, so `Пётр` is `ПЕТР` and `Müller` is `Muller`; what separates words
//! does not count. A word is read glyph by glyph, as escapes spell it.

use std::num::NonZeroU8;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use crate::patterns::glyph::{self, Kind};

/// One word: where it ends, and what it is compared by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) end: usize,
    /// Of the letters and digits alone.
    pub(super) hash: u64,
}

/// Reads the word at `at`, and gives its letters to a form.
pub(super) fn read(text: &str, at: usize, form: &mut impl Form) -> Option<Word> {
    let mut letters = Letters::default();
    let bytes = text.as_bytes();
    let (mut place, mut end) = (at, at);
    loop {
        // Most words are of plain letters.
        while let Some(byte) = bytes.get(place)
            && let Some(letter) = PLAIN[usize::from(*byte)]
        {
            letters.take(letter.get());
            form.take(char::from(letter.get()));
            place += 1;
            end = place;
        }
        while let Some(rest @ [0xd0 | 0xd1, ..]) = bytes.get(place..) {
            let Some(letter) = cyrillic(rest) else { break };
            letters.take(byte_of(letter));
            form.take(letter);
            place += 2;
            end = place;
        }
        match bytes.get(place) {
            None => break,
            Some(b'%' | b'&' | b'\\' | 0x80..) => {}
            Some(byte) if PLAIN[usize::from(*byte)].is_some() => continue,
            Some(_) => break,
        }
        let Some(glyph) = glyph::next(text, place) else { break };
        let kind = glyph.kind();
        if kind.is_word() {
            fold(glyph.char, |letter| {
                letters.take(byte_of(letter));
                form.take(letter);
            });
            end = place + glyph.len;
        } else if kind != Kind::Invisible || letters.count == 0 {
            break;
        }
        place += glyph.len;
        if letters.count > MAX_LETTERS {
            break;
        }
    }
    (letters.count > 0).then(|| Word { end, hash: letters.hash() })
}

/// Whether a word begins with the plain letter, Latin or Cyrillic, that the bytes begin with.
#[inline]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    match bytes.first() {
        Some(b'0'..=b'9') | None => false,
        Some(byte) => PLAIN[usize::from(*byte)].is_some() || cyrillic(bytes).is_some(),
    }
}

/// The form of so many words from `at` on.
pub(super) fn phrase(text: &str, at: usize, words: usize) -> String {
    let mut form = String::new();
    let mut start = Some(at);
    for word in 0..words {
        let Some(place) = start else { break };
        if word > 0 {
            form.push(' ');
        }
        let Some(word) = read(text, place, &mut form) else { break };
        start = next_start(text, word.end);
    }
    form
}

/// The hash of a phrase that goes on with a word.
#[inline]
pub(super) fn joined(phrase: u64, word: &Word) -> u64 {
    (phrase.rotate_left(23) ^ word.hash).wrapping_mul(MIX)
}

/// Takes the letters that a word is compared by.
pub(super) trait Form {
    /// Takes the next letter or digit.
    fn take(&mut self, letter: char);
}

impl Form for String {
    fn take(&mut self, letter: char) {
        self.push(letter);
    }
}

/// Of most words the hash says enough.
impl Form for () {
    #[inline]
    fn take(&mut self, _: char) {}
}

/// Where the next word begins that is behind the end of one and belongs to the same phrase.
pub(super) fn next_start(text: &str, end: usize) -> Option<usize> {
    let mut at = end;
    for _ in 0..=MAX_GAP {
        let glyph = glyph::next(text, at)?;
        if glyph.kind().is_word() {
            return Some(at);
        }
        let is_end = matches!(glyph.char, '\n' | '\r' | ';' | '{' | '}' | '[' | ']' | '<' | '>');
        if is_end || glyph.kind() == Kind::At {
            return None;
        }
        at += glyph.len;
    }
    None
}

/// The letters of a word, hashed eight at a time: a first sieve, behind which keyed digests decide.
#[derive(Default)]
struct Letters {
    /// Of all that are not among the last.
    mixed: u64,
    /// A byte for each of the last eight at most.
    last: u64,
    count: usize,
}

impl Letters {
    #[inline]
    fn take(&mut self, byte: u8) {
        if self.count.is_multiple_of(8) {
            self.mixed = self.hash();
            self.last = 0;
        }
        self.last = self.last << 8 | u64::from(byte);
        self.count += 1;
    }

    #[inline]
    fn hash(&self) -> u64 {
        (self.mixed.rotate_left(23) ^ self.last).wrapping_mul(MIX)
    }
}

/// What a letter counts as in a hash; of ASCII what it is.
#[inline]
fn byte_of(letter: char) -> u8 {
    let code = u32::from(letter);
    (code ^ code >> 8) as u8
}

/// The letters, digits and `_` of ASCII in the form that they are compared in.
const PLAIN: [Option<NonZeroU8>; 256] = {
    let mut plain = [None; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            plain[byte as usize] = NonZeroU8::new(byte.to_ascii_lowercase());
        }
        byte += 1;
    }
    plain
};

/// The letter of two bytes that stands first, in the form that it is compared in.
#[inline]
fn cyrillic(bytes: &[u8]) -> Option<char> {
    let [lead @ (0xd0 | 0xd1), tail @ 0x80..=0xbf, ..] = *bytes else { return None };
    let code = u32::from(lead & 0x1f) << 6 | u32::from(tail & 0x3f);
    match code {
        0x439 | 0x419 => Some('и'),
        0x451 | 0x401 => Some('е'),
        0x410..=0x42f => char::from_u32(code + 0x20),
        0x430..=0x44f => char::from_u32(code),
        _ => None,
    }
}

/// The letters that a character is compared as.
fn fold(char: char, mut take: impl FnMut(char)) {
    match char {
        'а'..='и' | 'к'..='я' => take(char),
        'А'..='И' | 'К'..='Я' => take(char::from_u32(u32::from(char) + 0x20).unwrap_or(char)),
        'ё' | 'Ё' => take('е'),
        'й' | 'Й' => take('и'),
        'ß' => ['s', 's'].into_iter().for_each(take),
        _ => match Kind::of(char).digit() {
            Some(digit) => take(char::from(b'0' + digit)),
            None => decompose_canonical(char, |part| {
                if !is_combining_mark(part) {
                    part.to_lowercase().for_each(&mut take);
                }
            }),
        },
    }
}

/// 2^64 by the golden ratio: odd, and its bits have no pattern.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Longer words are cut into pieces of so many letters.
const MAX_LETTERS: usize = 64;

/// How many characters may stand between two words of a phrase.
const MAX_GAP: usize = 3;
