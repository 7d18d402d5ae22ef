//! Words, in the form that names and handles are compared in.
//!
//! Letters count in lower case and without marks, so `Пётр` is `ПЕТР` and `Müller` is `Muller`; what separates words
//! does not count. A word is read glyph by glyph, as escapes spell it.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

use crate::patterns::glyph::{self, Kind};

/// One word: where it ends, and what it is compared by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) end: usize,
    /// Of the letters and digits alone.
    pub(super) hash: u64,
    /// How many letters and digits it has.
    pub(super) len: usize,
    pub(super) letters: usize,
}

/// Reads the word at `at`, and appends its form where one is asked for.
pub(super) fn read(text: &str, at: usize, mut form: Option<&mut String>) -> Option<Word> {
    let mut word = Word { end: at, hash: SEED, len: 0, letters: 0 };
    let bytes = text.as_bytes();
    let mut place = at;
    loop {
        // Most words are of plain letters.
        while let Some(byte @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_')) = bytes.get(place) {
            let byte = byte.to_ascii_lowercase();
            word.take(char::from(byte), form.as_deref_mut());
            place += 1;
            word.end = place;
        }
        while let Some([lead @ (0xd0 | 0xd1), tail @ 0x80..=0xbf, ..]) = bytes.get(place..) {
            let Some(letter) = cyrillic(*lead, *tail) else { break };
            word.take(letter, form.as_deref_mut());
            place += 2;
            word.end = place;
        }
        let Some(glyph) = glyph::next(text, place) else { break };
        if matches!(glyph.char, ' ' | ',' | '"') {
            break;
        }
        let kind = glyph.kind();
        if kind.is_word() {
            fold(glyph.char, |char| word.take(char, form.as_deref_mut()));
            word.end = place + glyph.len;
        } else if kind != Kind::Invisible || word.len == 0 {
            break;
        }
        place += glyph.len;
        if word.len > MAX_LETTERS {
            break;
        }
    }
    (word.len > 0).then_some(word)
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

impl Word {
    #[inline]
    fn take(&mut self, char: char, form: Option<&mut String>) {
        // FNV-1a over characters: a first sieve, behind which keyed digests decide.
        self.hash = (self.hash ^ u64::from(u32::from(char))).wrapping_mul(0x0100_0000_01b3);
        self.len += 1;
        self.letters += usize::from(!char.is_ascii_digit());
        if let Some(form) = form {
            form.push(char);
        }
    }
}

/// A letter of two bytes in the form that it is compared in.
#[inline]
fn cyrillic(lead: u8, tail: u8) -> Option<char> {
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

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// Longer words are cut into pieces of so many letters.
const MAX_LETTERS: usize = 64;

/// How many characters may stand between two words of a phrase.
const MAX_GAP: usize = 3;
