//! What stands around a run of digits, and says what it is a number of.
//!
//! A number behind `tel.` is a phone, one behind `№` is not, one within a link is part of the link. Only the near
//! context is read, and never across a line, so that a stream can decide with little in hand.

use super::glyph::{self, Kind};

/// What stands before a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// A word or a link that is of phones: `Тел.:`, `wa.me/`, `tel:`.
    Phone,
    /// A word or a sign that is of other numbers: `№`, `order`, `$`.
    Number,
    /// The rest of a longer word or number: the run does not begin here.
    Glued,
    /// A link that does not say what the number is.
    Link,
    /// Nothing that says anything.
    Nothing,
}

impl Before {
    /// Reads what stands before `at`, where a group of `len` digits or its plus begins.
    pub(super) fn read(text: &str, at: usize, len: usize) -> Before {
        let token = token_before(text, at);
        if token.len() > 3
            && token.bytes().any(|byte| matches!(byte, b'/' | b':' | b'=' | b'?' | b'%' | b'.'))
        {
            let lower = token.to_lowercase();
            let lower = lower.trim_end_matches(['+', ' ', '(']);
            if LINKS.iter().any(|link| lower.ends_with(link)) {
                return Before::Phone;
            }
            if is_link(lower) {
                return Before::Link;
            }
        }
        let (end, last) = skip_unseen(text, at);
        match last.map(|char| (char, Kind::of(char))) {
            None => return Before::Nothing,
            Some((_, Kind::Digit(_))) => return Before::Glued,
            Some((_, Kind::Letter)) => {
                return match is_phone_word(&word_before(text, at)) {
                    true => Before::Phone,
                    false => Before::Glued,
                };
            }
            Some((char, Kind::Dash | Kind::Dot | Kind::Slash)) => {
                let (before, char_before) = skip_unseen(text, end);
                let glued = match char_before.map(Kind::of) {
                    Some(Kind::Digit(_)) => !(char == '/' && digits_before(text, end) >= 5),
                    Some(Kind::Letter) => {
                        char.is_ascii() && char != '/' && !is_phone_word(&word_before(text, end))
                    }
                    Some(Kind::Dash | Kind::Dot | Kind::Slash) => {
                        matches!(
                            skip_unseen(text, before).1.map(Kind::of),
                            Some(Kind::Digit(_) | Kind::Letter)
                        )
                    }
                    Some(_) | None => false,
                };
                if glued {
                    return Before::Glued;
                }
            }
            Some((',' | ':', _)) => {
                // A decimal comma, hours and minutes; not the columns of a table.
                if len < LONG && (1..5).contains(&digits_before(text, end)) {
                    return Before::Glued;
                }
            }
            Some((char, _)) if is_number_sign(char) => return Before::Number,
            Some(_) => {}
        }
        judge_word(text, at)
    }
}

/// What stands behind a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The rest of a longer word or number: the run does not end here.
    Glued,
    /// A unit or a currency.
    Unit,
    /// Nothing that says anything.
    Nothing,
}

impl After {
    /// Reads what stands at `at`, behind a group of `len` digits.
    pub(super) fn read(text: &str, at: usize, len: usize) -> After {
        let (mut place, mut spaces, mut unseen) = (at, 0, 0);
        let mut sign = None;
        while let Some(glyph) = glyph::next(text, place) {
            match glyph.kind() {
                Kind::Invisible if unseen < super::run::MAX_UNSEEN => unseen += 1,
                Kind::Space if spaces < 2 && sign.is_none() => spaces += 1,
                Kind::Dash | Kind::Dot | Kind::Slash if spaces == 0 && sign.is_none() => {
                    sign = Some(glyph.char);
                }
                Kind::Other if matches!(glyph.char, ',' | ':') && spaces == 0 && sign.is_none() => {
                    sign = Some(glyph.char);
                }
                Kind::Digit(_) if spaces > 0 => return After::Nothing,
                Kind::Digit(_) => {
                    // Two numbers side by side, or one that goes on.
                    let is_list = match sign {
                        Some(',' | ':') => len >= LONG || digits_after(text, place) >= 5,
                        Some('/') => digits_after(text, place) >= 5,
                        Some(_) | None => false,
                    };
                    return if is_list { After::Nothing } else { After::Glued };
                }
                Kind::Letter => {
                    if spaces > 0 || sign == Some('.') {
                        return if is_unit(text, place) { After::Unit } else { After::Nothing };
                    }
                    return match sign {
                        Some('-') if glyph.char.is_ascii() => After::Glued,
                        Some(_) => After::Nothing,
                        None if glyph.char.is_ascii() => After::Glued,
                        None if is_unit(text, place) => After::Unit,
                        None => After::Nothing,
                    };
                }
                Kind::Other if sign.is_none() && is_currency(glyph.char) => return After::Unit,
                Kind::Plus
                | Kind::Space
                | Kind::Dash
                | Kind::Dot
                | Kind::Slash
                | Kind::Open
                | Kind::Close
                | Kind::At
                | Kind::Invisible
                | Kind::Other => return After::Nothing,
            }
            place += glyph.len;
        }
        After::Nothing
    }
}

/// The word, or the two, before a number say what it is.
fn judge_word(text: &str, at: usize) -> Before {
    let (mut end, mut signs) = (at, 0);
    // `Phone (mobile): `, `тел. — `
    while let Some(glyph) = glyph::previous(text, end) {
        if glyph.kind() == Kind::Letter {
            break;
        }
        if is_number_sign(glyph.char) {
            return Before::Number;
        }
        if glyph.kind().is_word() || glyph.char == '\n' || signs == 4 {
            return Before::Nothing;
        }
        signs += 1;
        end -= glyph.len;
    }
    let word = word_before(text, end);
    match () {
        () if is_phone_word(&word) => Before::Phone,
        () if is_number_word(&word) => Before::Number,
        () => Before::Nothing,
    }
}

/// The rest of the line's last token before `at`, down to blanks, quotes and angle brackets.
fn token_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    let mut start = at.saturating_sub(MAX_LINK);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let near = &before[start..];
    let edge = |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | '<' | '>' | '`' | '\\');
    near.rfind(edge).map_or(near, |place| {
        let width = near[place..].chars().next().map_or(0, char::len_utf8);
        &near[place + width..]
    })
}

fn is_link(token: &str) -> bool {
    token.contains("://")
        || token.starts_with("www.")
        || token.starts_with('/') && token.len() > 1 && token[1..].contains('/')
        || token.split_once('/').is_some_and(|(host, _)| {
            let top = host.rsplit_once('.').map_or("", |(_, top)| top);
            top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
}

/// The letters that end at `at`, in lower case; no more than a word has.
fn word_before(text: &str, at: usize) -> String {
    let letters: Vec<char> =
        text[..at].chars().rev().take(MAX_WORD).take_while(|char| is_letter(*char)).collect();
    letters.into_iter().rev().flat_map(char::to_lowercase).collect()
}

fn is_letter(char: char) -> bool {
    char != '_' && Kind::of(char) == Kind::Letter
}

fn digits_before(text: &str, at: usize) -> usize {
    text[..at].bytes().rev().take(8).take_while(u8::is_ascii_digit).count()
}

fn digits_after(text: &str, at: usize) -> usize {
    text[at..].bytes().take(8).take_while(u8::is_ascii_digit).count()
}

/// The place and the character before `at` that can be seen.
fn skip_unseen(text: &str, at: usize) -> (usize, Option<char>) {
    let mut end = at;
    for _ in 0..=super::run::MAX_UNSEEN {
        match glyph::previous(text, end) {
            Some(glyph) => {
                end -= glyph.len;
                if glyph.kind() != Kind::Invisible {
                    return (end, Some(glyph.char));
                }
            }
            None => return (end, None),
        }
    }
    (end, None)
}

fn is_number_sign(char: char) -> bool {
    matches!(char, '#' | '№' | '*') || is_currency(char)
}

fn is_currency(char: char) -> bool {
    matches!(char, '$' | '%' | '¢'..='¥' | '\u{20a0}'..='\u{20cf}' | '°')
}

fn is_phone_word(word: &str) -> bool {
    PHONE_WORDS.contains(&word) || PHONE_STEMS.iter().any(|stem| word.starts_with(stem))
}

fn is_number_word(word: &str) -> bool {
    NUMBER_WORDS.contains(&word) || NUMBER_STEMS.iter().any(|stem| word.starts_with(stem))
}

fn is_unit(text: &str, at: usize) -> bool {
    let word: String = text[at..].chars().take(MAX_WORD).take_while(|char| char.is_alphabetic()).collect();
    let word = word.to_lowercase();
    UNITS.contains(&word.as_str()) || word.starts_with("руб")
}

/// What links to a phone number ends with before it.
const LINKS: [&str; 20] = [
    "tel:",
    "tel://",
    "tel=",
    "sms:",
    "smsto:",
    "callto:",
    "fax:",
    "whatsapp:",
    "viber:",
    "wa.me/",
    "waid=",
    "wa_id=",
    "phone=",
    "phone_number=",
    "phone%3d",
    "mobile=",
    "msisdn=",
    "number=",
    "call?",
    "phone:",
];

const PHONE_WORDS: [&str; 18] = [
    "tel", "tél", "tlf", "ph", "cell", "mob", "móvil", "handy", "wa", "call", "sms", "fax", "тел", "т",
    "смс", "факс", "тг", "gsm",
];

const PHONE_STEMS: [&str; 18] = [
    "phone",
    "teleph",
    "telef",
    "téléph",
    "mobil",
    "whats",
    "viber",
    "telegram",
    "msisdn",
    "телеф",
    "телегр",
    "моб",
    "вайбер",
    "ватсап",
    "вотсап",
    "вацап",
    "звони",
    "позвон",
];

const NUMBER_WORDS: [&str; 24] = [
    "id",
    "ids",
    "ид",
    "no",
    "nr",
    "ref",
    "sku",
    "ean",
    "upc",
    "isbn",
    "imei",
    "iban",
    "pin",
    "пин",
    "инн",
    "кпп",
    "огрн",
    "бик",
    "снилс",
    "код",
    "чек",
    "код",
    "build",
    "v",
];

const NUMBER_STEMS: [&str; 23] = [
    "order",
    "заказ",
    "track",
    "трек",
    "трэк",
    "накладн",
    "invoice",
    "счет",
    "счёт",
    "артикул",
    "ticket",
    "тикет",
    "заявк",
    "total",
    "итого",
    "сумм",
    "account",
    "карт",
    "card",
    "token",
    "version",
    "договор",
    "штрих",
];

const UNITS: [&str; 22] = [
    "р", "р", "тыс", "млн", "коп", "грн", "usd", "eur", "rub", "kzt", "uah", "шт", "кг", "г", "км", "м",
    "мл", "ms", "мс", "сек", "bytes", "байт",
];

/// The fewest digits of a group that is no part of a sum or a time.
const LONG: usize = 10;

/// How far before a number a link is recognised, in bytes.
const MAX_LINK: usize = 256;

/// The longest word that is looked up, in characters.
const MAX_WORD: usize = 16;
