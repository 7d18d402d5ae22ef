//! Characters as texts spell them: plain, percent-encoded, as a character reference of HTML, as an escape of JSON.
//!
//! A contact is the same contact as `+7`, `%2B7`, `&#43;7` and `\u002b7`. Everything that looks for contacts reads
//! glyphs, so the spellings are known in one place: RFC 3986 §2.1, also encoded twice; the WHATWG HTML references that
//! stand for digits, separators, signs and letters with marks; RFC 8259 §7, behind any number of backslashes, as
//! strings within strings have them. What is not such a spelling is its own character.

use unicode_normalization::char::compose;

/// One character, and how many bytes spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyph {
    pub(crate) char: char,
    pub(crate) len: usize,
}

impl Glyph {
    pub(crate) fn kind(self) -> Kind {
        Kind::of(self.char)
    }
}

/// What a character can be in a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A decimal digit of any script.
    Digit(u8),
    Plus,
    Space,
    Dash,
    Dot,
    Slash,
    Open,
    Close,
    At,
    /// Nothing to see: soft hyphens, joiners, marks of direction, variation selectors.
    Invisible,
    /// A letter, an underscore, or a mark on a letter.
    Letter,
    Other,
}

impl Kind {
    pub(crate) fn of(char: char) -> Kind {
        match char {
            '0'..='9' => Kind::Digit(char as u8 - b'0'),
            'a'..='z' | 'A'..='Z' | '_' => Kind::Letter,
            ' ' => Kind::Space,
            '+' => Kind::Plus,
            '-' => Kind::Dash,
            '.' => Kind::Dot,
            '/' => Kind::Slash,
            '(' => Kind::Open,
            ')' => Kind::Close,
            '@' => Kind::At,
            '\0'..='\x7f' => Kind::Other,
            'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ɏ' | 'Ѐ'..='ҁ' | 'Ҋ'..='ԯ' => Kind::Letter,
            _ => Kind::of_wide(char),
        }
    }

    fn of_wide(char: char) -> Kind {
        match char {
            '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
                Kind::Space
            }
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Kind::Dash,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{20e3}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' => Kind::Invisible,
            '\u{ff0b}' | '\u{fe62}' | '\u{207a}' => Kind::Plus,
            '\u{b7}' | '\u{ff0e}' | '\u{3002}' => Kind::Dot,
            '\u{2044}' | '\u{2215}' | '\u{ff0f}' => Kind::Slash,
            '\u{ff08}' => Kind::Open,
            '\u{ff09}' => Kind::Close,
            '\u{ff20}' | '\u{fe6b}' => Kind::At,
            _ => match wide_digit(char) {
                Some(digit) => Kind::Digit(digit),
                None if char.is_alphanumeric() || is_mark(char) => Kind::Letter,
                None => Kind::Other,
            },
        }
    }
}

impl Kind {
    /// Whether it is part of a word.
    #[inline]
    pub(crate) fn is_word(self) -> bool {
        matches!(self, Kind::Letter | Kind::Digit(_))
    }

    #[inline]
    pub(crate) fn digit(self) -> Option<u8> {
        if let Kind::Digit(digit) = self { Some(digit) } else { None }
    }
}

/// Reads the glyph at `at`.
#[inline]
pub(crate) fn next(text: &str, at: usize) -> Option<Glyph> {
    let rest = text.get(at..)?;
    let bytes = rest.as_bytes();
    let plain = match bytes.first()? {
        b'%' => return Some(percent(bytes).unwrap_or(Glyph { char: '%', len: 1 })),
        b'&' => return Some(reference(bytes).unwrap_or(Glyph { char: '&', len: 1 })),
        b'\\' => return Some(escape(bytes).unwrap_or(Glyph { char: '\\', len: 1 })),
        byte @ 0..0x80 => Glyph { char: char::from(*byte), len: 1 },
        _ => {
            let char = rest.chars().next()?;
            Glyph { char, len: char.len_utf8() }
        }
    };
    Some(plain)
}

/// Reads the glyph that ends before `at`.
pub(crate) fn previous(text: &str, at: usize) -> Option<Glyph> {
    let before = text.get(..at)?;
    let bytes = before.as_bytes();
    if may_end_escape(bytes) {
        let first = at.saturating_sub(LONGEST);
        for (start, byte) in (first..).zip(&bytes[first..]) {
            if matches!(byte, b'%' | b'&' | b'\\')
                && let Some(glyph) = next(text, start)
                && start + glyph.len == at
            {
                return Some(glyph);
            }
        }
    }
    let char = before.chars().next_back()?;
    Some(Glyph { char, len: char.len_utf8() })
}

/// Whether the last byte can be the last of an escape.
#[inline]
fn may_end_escape(bytes: &[u8]) -> bool {
    let back = |count: usize| bytes.len().checked_sub(count).map(|place| bytes[place]);
    match bytes.last() {
        Some(b';') => bytes.iter().rev().take(LONGEST).any(|byte| *byte == b'&'),
        Some(b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            back(3) == Some(b'%')
                || back(5) == Some(b'%')
                || back(5) == Some(b'u') && back(6) == Some(b'\\')
                || back(2) == Some(b'\\')
        }
        Some(b'n' | b'r' | b't' | b'/' | b'"') => back(2) == Some(b'\\'),
        Some(_) | None => false,
    }
}

/// As many as strings in strings in strings have.
const MAX_BACKSLASHES: usize = 8;

/// The longest spelling of one glyph, in bytes.
pub(crate) const LONGEST: usize = 32;

/// `%2B`, `%C2%A0`, `%252B`.
fn percent(bytes: &[u8]) -> Option<Glyph> {
    let (lead, mut len) = escaped_byte(bytes)?;
    let width = match lead {
        0..0x80 => return Some(Glyph { char: char::from(lead), len }),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut spelled = [lead, 0, 0, 0];
    for byte in &mut spelled[1..width] {
        let (next, next_len) = escaped_byte(bytes.get(len..)?)?;
        *byte = next;
        len += next_len;
    }
    let char = std::str::from_utf8(&spelled[..width]).ok()?.chars().next()?;
    Some(Glyph { char, len })
}

fn escaped_byte(bytes: &[u8]) -> Option<(u8, usize)> {
    let [b'%', rest @ ..] = bytes else { return None };
    // Within a link that is itself a parameter of a link, `%` is `%25`.
    let (rest, skipped) = match rest {
        [b'2', b'5', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => (&rest[2..], 2),
        _ => (rest, 0),
    };
    let [high, low, ..] = rest else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4 | digit(low)?, skipped + 3))
}

/// `\u002b`, `\\u002b`, `\/`, `\n`.
fn escape(bytes: &[u8]) -> Option<Glyph> {
    let backslashes = bytes.iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let len = backslashes + 1;
    let char = match bytes.get(backslashes)? {
        b'u' => {
            let unit = hex(bytes.get(len..len + 4)?)?;
            let len = len + 4;
            if let 0xd800..0xdc00 = unit {
                let low = bytes.get(len..)?.strip_prefix(&bytes[..backslashes])?.strip_prefix(b"u")?;
                let low = hex(low.get(..4)?).filter(|low| (0xdc00..0xe000).contains(low))?;
                let char = char::from_u32(0x10000 + ((unit & 0x3ff) << 10 | low & 0x3ff))?;
                return Some(Glyph { char, len: len + backslashes + 5 });
            }
            return Some(Glyph { char: char::from_u32(unit)?, len });
        }
        b'n' | b'r' | b'f' => '\n',
        b't' => '\t',
        b'b' => '\u{8}',
        same @ (b'/' | b'"') => char::from(*same),
        _ => return None,
    };
    Some(Glyph { char, len })
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// `&#43;`, `&#x2B;`, `&plus;`, `&amp;#43;`, `&euml;`.
fn reference(bytes: &[u8]) -> Option<Glyph> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    let mut name = &window[1..];
    let mut skipped = 1;
    if let Some(rest) = name.strip_prefix(b"amp;") {
        name = rest;
        skipped += 4;
    }
    let found = memchr::memchr(b';', name).and_then(|end| {
        let char = match &name[..end] {
            [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
            [b'#', digits @ ..] => number(digits, 10),
            name => named(name),
        };
        Some(Glyph { char: char?, len: skipped + end + 1 })
    });
    found.or_else(|| (skipped > 1).then_some(Glyph { char: '&', len: skipped }))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        value.checked_mul(radix)?.checked_add(char::from(*digit).to_digit(radix)?)
    });
    char::from_u32(value?)
}

fn named(name: &[u8]) -> Option<char> {
    let plain = NAMED.iter().find(|(known, _)| known.as_bytes() == name);
    if let Some((_, char)) = plain {
        return Some(*char);
    }
    let [letter, mark @ ..] = name else { return None };
    let (_, mark) = MARKS.iter().find(|(known, _)| known.as_bytes() == mark)?;
    compose(char::from(*letter), *mark).filter(|_| letter.is_ascii_alphabetic())
}

const NAMED: [(&str, char); 42] = [
    ("plus", '+'),
    ("commat", '@'),
    ("nbsp", '\u{a0}'),
    ("NonBreakingSpace", '\u{a0}'),
    ("ensp", '\u{2002}'),
    ("emsp", '\u{2003}'),
    ("emsp13", '\u{2004}'),
    ("emsp14", '\u{2005}'),
    ("numsp", '\u{2007}'),
    ("puncsp", '\u{2008}'),
    ("thinsp", '\u{2009}'),
    ("hairsp", '\u{200a}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("NoBreak", '\u{2060}'),
    ("shy", '\u{ad}'),
    ("hyphen", '\u{2010}'),
    ("dash", '\u{2010}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("horbar", '\u{2015}'),
    ("minus", '\u{2212}'),
    ("period", '.'),
    ("sol", '/'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lowbar", '_'),
    ("num", '#'),
    ("colon", ':'),
    ("equals", '='),
    ("comma", ','),
    ("percnt", '%'),
    ("quot", '"'),
    ("apos", '\''),
    ("lt", '<'),
    ("gt", '>'),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("szlig", 'ß'),
];

const MARKS: [(&str, char); 9] = [
    ("grave", '\u{300}'),
    ("acute", '\u{301}'),
    ("circ", '\u{302}'),
    ("tilde", '\u{303}'),
    ("uml", '\u{308}'),
    ("ring", '\u{30a}'),
    ("caron", '\u{30c}'),
    ("cedil", '\u{327}'),
    ("breve", '\u{306}'),
];

/// The value of a decimal digit outside of ASCII: full-width, mathematical, of the scripts that chats are written
/// in, and the signs that people type for digits.
fn wide_digit(char: char) -> Option<u8> {
    let code = u32::from(char);
    let zero = match char {
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6f0}'..='\u{6f9}' => 0x6f0,
        '\u{7c0}'..='\u{7c9}' => 0x7c0,
        '\u{966}'..='\u{96f}'
        | '\u{9e6}'..='\u{9ef}'
        | '\u{a66}'..='\u{a6f}'
        | '\u{ae6}'..='\u{aef}'
        | '\u{b66}'..='\u{b6f}'
        | '\u{be6}'..='\u{bef}'
        | '\u{c66}'..='\u{c6f}'
        | '\u{ce6}'..='\u{cef}'
        | '\u{d66}'..='\u{d6f}' => code & !0xf | 6,
        '\u{e50}'..='\u{e59}' | '\u{ed0}'..='\u{ed9}' => code & !0xf,
        '\u{f20}'..='\u{f29}' | '\u{1040}'..='\u{1049}' => code & !0xf,
        '\u{17e0}'..='\u{17e9}' | '\u{1810}'..='\u{1819}' | '\u{ff10}'..='\u{ff19}' => code & !0xf,
        '\u{2070}' | '\u{2074}'..='\u{2079}' => 0x2070,
        '\u{2080}'..='\u{2089}' => 0x2080,
        '\u{b9}' => 0xb8,
        '\u{b2}' | '\u{b3}' => 0xb0,
        '\u{24ea}' => 0x24ea,
        '\u{2460}'..='\u{2468}' => 0x245f,
        '\u{1d7ce}'..='\u{1d7ff}' => 0x1d7ce + (code - 0x1d7ce) / 10 * 10,
        '\u{1fbf0}'..='\u{1fbf9}' => 0x1fbf0,
        _ => return None,
    };
    code.checked_sub(zero).and_then(|digit| u8::try_from(digit).ok()).filter(|digit| *digit < 10)
}

/// Marks that stand on or between the letters of a word.
pub(crate) fn is_mark(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{33f}' | '\u{342}'..='\u{34e}' | '\u{350}'..='\u{36f}'
        | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{903}'
        | '\u{93a}'..='\u{94f}' | '\u{981}'..='\u{983}' | '\u{9bc}'..='\u{9cd}' | '\u{e31}' | '\u{e34}'..='\u{e4e}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glyph_is_read_alike_from_both_sides() {
        let cases = [
            ("+", '+'),
            ("%2B", '+'),
            ("%2b", '+'),
            ("%252B", '+'),
            ("&#43;", '+'),
            ("&#x2b;", '+'),
            ("&plus;", '+'),
            ("&amp;#43;", '+'),
            ("&amp;nbsp;", '\u{a0}'),
            ("%C3%AB", 'ë'),
            ("%25C3%25AB", 'ë'),
            ("&euml;", 'ë'),
            ("&Ccaron;", 'Č'),
            (r"\u002b", '+'),
            (r"\\u002B", '+'),
            (r"\\\\u0437", 'з'),
            (r"\ud83d\ude00", '😀'),
            (r"\\ud83d\\ude00", '😀'),
            (r"\n", '\n'),
            (r"\\\/", '/'),
            ("&amp;", '&'),
            ("%D0%BF", 'п'),
            ("ë", 'ë'),
            ("😀", '😀'),
        ];
        for (spelling, char) in cases {
            let glyph = Glyph { char, len: spelling.len() };
            assert_eq!(next(spelling, 0), Some(glyph), "{spelling}");
            assert_eq!(previous(spelling, spelling.len()), Some(glyph), "{spelling}");
            let within = format!("x{spelling}9");
            assert_eq!(next(&within, 1), Some(glyph), "{within}");
            assert_eq!(previous(&within, within.len() - 1), Some(glyph), "{within}");
        }
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for text in ["%", "%2", "%zz", "%ff", "%C3", "%C3x", "&", "&#;", "&#43", "&unknown;", "& plus;"] {
            let first = text.chars().next().unwrap();
            assert_eq!(next(text, 0), Some(Glyph { char: first, len: 1 }), "{text}");
        }
        assert_eq!(previous("", 0), None);
        assert_eq!(next("", 0), None);
    }

    #[test]
    fn digits_of_many_scripts_have_their_values() {
        for digits in [
            "0123456789",
            "０１２３４５６７８９",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "०१२३४५६७८९",
            "০১২৩৪৫৬৭৮৯",
            "๐๑๒๓๔๕๖๗๘๙",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
            "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
            "⁰¹²³⁴⁵⁶⁷⁸⁹",
            "₀₁₂₃₄₅₆₇₈₉",
            "⓪①②③④⑤⑥⑦⑧⑨",
        ] {
            for (value, digit) in (0..).zip(digits.chars()) {
                assert_eq!(Kind::of(digit), Kind::Digit(value), "{digit}");
            }
        }
    }
}
