//! Text as marks are looked for in it: what apps do to a text on its way is undone.
//!
//! Case, kinds of white space, hyphens and full-width letters are made one; what is invisible is left out; percent
//! escapes, character references and backslash escapes are read, also when they were escaped again. Each folded symbol
//! knows which bytes it comes from. Nothing is allocated, and each byte is looked at a bounded number of times.

/// A folded symbol: an ASCII character in lower case, or one of the constants below.
pub(super) type Symbol = u8;

/// Three of these are what partial forms have in place of a value.
pub(super) const BULLET: Symbol = 0x80;
/// A letter outside of ASCII.
pub(super) const LETTER: Symbol = 0x81;
/// Anything else.
pub(super) const OTHER: Symbol = 0x82;
/// [`mask::NAME_MARK`](crate::mask::NAME_MARK).
pub(super) const JOINER: Symbol = 0x83;

/// Folds a text from the front.
#[derive(Clone)]
pub(super) struct Folds<'t> {
    text: &'t str,
    at: usize,
}

/// A symbol and the bytes that it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fold {
    pub(super) symbol: Symbol,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'t> Folds<'t> {
    pub(super) fn new(text: &'t str) -> Folds<'t> {
        Folds::starting(text, 0)
    }

    /// `at` is where a symbol begins.
    pub(super) fn starting(text: &'t str, at: usize) -> Folds<'t> {
        Folds { text, at }
    }
}

impl Iterator for Folds<'_> {
    type Item = Fold;

    fn next(&mut self) -> Option<Fold> {
        loop {
            let rest = self.text.get(self.at..)?;
            let first = rest.chars().next()?;
            let (character, length) = match first {
                '%' => percent(rest),
                '&' => reference(rest),
                '\\' => escape(rest),
                plain => (plain, plain.len_utf8()),
            };
            let start = self.at;
            self.at += length;
            if let Some(symbol) = fold(character) {
                return Some(Fold { symbol, start, end: self.at });
            }
        }
    }
}

/// The symbol of a character, or none for what is invisible.
fn fold(character: char) -> Option<Symbol> {
    Some(match character {
        '!'..='~' => (character as u8).to_ascii_lowercase(),
        // The capitals and the dotless letter that some locales make of `i` and `k`.
        'İ' | 'ı' => b'i',
        '\u{212a}' => b'k',
        '\u{ff01}'..='\u{ff5e}' => ((character as u32 - 0xfee0) as u8).to_ascii_lowercase(),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => b'-',
        '\u{2024}' => b'.',
        '•' | '·' | '‧' | '∙' | '●' | '⋅' => BULLET,
        '\u{2060}' => JOINER,
        // Soft hyphen, combining dot (of a lower-cased `İ`) and grapheme joiner, zero width and direction marks,
        // variation selectors, byte order mark.
        '\u{ad}'
        | '\u{307}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2061}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => return None,
        blank if blank.is_whitespace() => b' ',
        letter if letter.is_alphabetic() => LETTER,
        _ => OTHER,
    })
}

/// The character at a `%`, and the length of its spelling: `%E2%80%A2`, `%25E2%2580%25A2`.
fn percent(rest: &str) -> (char, usize) {
    let plain = ('%', 1);
    let Some((lead, mut length)) = percent_byte(rest) else { return plain };
    let mut bytes = [lead, 0, 0, 0];
    let count = match lead {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        // A no-break space of Latin-1 is the one other byte that apps send so.
        0xa0 => return ('\u{a0}', length),
        _ => 1,
    };
    for place in bytes.iter_mut().take(count).skip(1) {
        let Some((byte, more)) = rest.get(length..).and_then(percent_byte) else { return plain };
        *place = byte;
        length += more;
    }
    let text = bytes.get(..count).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.and_then(|text| text.chars().next()).map_or(plain, |character| (character, length))
}

/// The byte that an escape stands for, however often its `%` was escaped again.
fn percent_byte(rest: &str) -> Option<(u8, usize)> {
    let bytes = rest.as_bytes();
    if bytes.first() != Some(&b'%') {
        return None;
    }
    let pair = |at: usize| {
        let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        Some((digit(at)? << 4 | digit(at + 1)?) as u8)
    };
    let mut at = 1;
    while pair(at) == Some(b'%') && pair(at + 2).is_some() {
        at += 2;
    }
    Some((pair(at)?, at + 2))
}

/// The character at a `&`: `&#8226;`, `&#x2022;`, `&bull;`, also behind `&amp;` (HTML §13.5).
fn reference(rest: &str) -> (char, usize) {
    let plain = ('&', 1);
    let mut at = 1;
    let has =
        |at: usize, word: &str| rest.get(at..at + word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word));
    while has(at, "amp;") {
        at += 4;
    }
    if !has(at, "#") {
        let named = NAMED.iter().find(|(name, _)| has(at, name));
        return named.map_or(plain, |(name, character)| (*character, at + name.len()));
    }
    at += 1;
    let (radix, start) = if has(at, "x") { (16, at + 1) } else { (10, at) };
    let digits = rest.get(start..).unwrap_or_default();
    let length = digits.bytes().take(8).take_while(|&byte| char::from(byte).is_digit(radix)).count();
    let code = digits.get(..length).and_then(|digits| u32::from_str_radix(digits, radix).ok());
    match code.and_then(char::from_u32) {
        Some(character) => (character, start + length + usize::from(has(start + length, ";"))),
        None => plain,
    }
}

/// The character at a backslash, in a text that was escaped for JSON or a script once more than it was read.
fn escape(rest: &str) -> (char, usize) {
    let run = rest.bytes().take_while(|&byte| byte == b'\\').count();
    let bytes = rest.as_bytes();
    let unit = |digits: usize| {
        let digits = rest.get(run + 1..run + 1 + digits)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        Some((char::from_u32(code)?, run + 1 + digits.len()))
    };
    let named = match bytes.get(run) {
        Some(b'u') => unit(4),
        Some(b'x') => unit(2),
        Some(&same @ (b'/' | b'"' | b'\'')) => Some((char::from(same), run + 1)),
        _ => None,
    };
    named.unwrap_or(('\\', run))
}

/// The named references of what marks are made of.
const NAMED: [(&str, char); 14] = [
    ("bull;", '•'),
    ("bullet;", '•'),
    ("nbsp;", ' '),
    ("NoBreak;", '\u{2060}'),
    ("shy;", '\u{ad}'),
    ("commat;", '@'),
    ("plus;", '+'),
    ("period;", '.'),
    ("lowbar;", '_'),
    ("hyphen;", '-'),
    ("dash;", '-'),
    ("sol;", '/'),
    ("lpar;", '('),
    ("rpar;", ')'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let symbols = Folds::new(text).map(|fold| match fold.symbol {
            BULLET => '*',
            LETTER => 'L',
            OTHER => '?',
            JOINER => '^',
            ascii => char::from(ascii),
        });
        symbols.collect()
    }

    #[test]
    fn what_apps_do_to_a_text_is_undone() {
        let cases = [
            ("Client 7F3KQ-2MX9T", "client 7f3kq-2mx9t"),
            ("CLİENT clıent cli\u{307}ent", "client client client"),
            ("7\u{ff26}3\u{212a}Q", "7f3kq"),
            ("a\u{a0}b\u{2009}c\u{3000}d\te", "a b c d e"),
            ("a\u{2010}b\u{2011}c\u{2013}d\u{2212}e", "a-b-c-d-e"),
            ("a\u{200b}b\u{ad}c\u{feff}d\u{200e}e", "abcde"),
            ("+•••07", "+***07"),
            ("K\u{2060}.", "k^."),
            ("Пётр 9️⃣", "LLLL 9?"),
            ("%2B999%20%E2%80%A2%c3%a9", "+999 *L"),
            ("%252B999%25E2%2580%25A2", "+999*"),
            ("%25252B %a0 %", "+   %"),
            ("%zz %e2%80 %ff %2", "%zz %e2%80 %ff %2"),
            ("&#8226;&#x2022;&bull;&amp;bull;&amp;amp;#8226;&#8226", "******"),
            ("a&nbsp;b&#160;c&commat;d & e&unknown; &#xd800; &#;", "a b c@d & e&unknown; &#xd800; &#;"),
            (r"\u2022 \\u2022 \\\\u2022 \x2b \/a \q \u20 \ud83d", r"* * * + /a \q \u20 \ud83d"),
        ];
        for (text, expected) in cases {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn every_symbol_knows_its_bytes() {
        for text in ["a%E2%80%A2b", "&bull;\\u0041\u{200b}é", "%%%&&&\\\\\\", "••"] {
            let mut last = 0;
            for fold in Folds::new(text) {
                assert!(last <= fold.start && fold.start < fold.end && fold.end <= text.len(), "{text}");
                assert!(text.is_char_boundary(fold.start) && text.is_char_boundary(fold.end), "{text}");
                last = fold.end;
            }
        }
    }
}
