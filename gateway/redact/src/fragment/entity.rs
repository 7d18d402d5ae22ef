//! Character references of HTML (WHATWG HTML §13.2.5.72): all numeric ones, and the named ones that can stand in
//! or between the characters of a contact. Any other name stands for itself.

use crate::json::edit::{Sense, Spelling, Unit};

/// The spelling of text in HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Html {
    Text,
    /// In attributes some references need their semicolon.
    Attribute,
    /// In comments and elements of raw text there are no references.
    Raw,
}

impl Spelling for Html {
    fn unit(&self, raw: &str) -> Unit {
        let reference = match self {
            Html::Text => reference(raw, false),
            Html::Attribute => reference(raw, true),
            Html::Raw => return Unit { len: raw.len(), sense: Sense::Itself },
        };
        if let Some((len, character)) = reference {
            return Unit { len, sense: Sense::Character(character) };
        }
        let next = memchr::memchr(b'&', raw.as_bytes().get(1..).unwrap_or_default());
        Unit { len: next.map_or(raw.len(), |next| next + 1), sense: Sense::Itself }
    }

    fn spell(&self, text: &str, out: &mut String) {
        if *self == Html::Raw {
            out.push_str(text);
            return;
        }
        for character in text.chars() {
            match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                _ => out.push(character),
            }
        }
    }
}

/// The reference that `raw` begins with: its length and its character.
fn reference(raw: &str, in_attribute: bool) -> Option<(usize, char)> {
    let rest = raw.strip_prefix('&')?;
    if let Some(number) = rest.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
        if length == 0 {
            return None;
        }
        let code = digits[..length].bytes().fold(0_u32, |code, digit| {
            let digit = char::from(digit).to_digit(radix).unwrap_or_default();
            code.saturating_mul(radix).saturating_add(digit)
        });
        let ends = usize::from(digits.as_bytes().get(length) == Some(&b';'));
        return Some((raw.len() - digits.len() + length + ends, numbered(code)));
    }
    let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = &rest[..length];
    if rest.as_bytes().get(length) == Some(&b';') {
        let place = NAMED.binary_search_by_key(&name, |(known, _)| known).ok()?;
        return Some((1 + length + 1, NAMED[place].1));
    }
    let (name, character) = UNENDED.into_iter().find(|(known, _)| name.starts_with(known))?;
    let next = rest.as_bytes().get(name.len());
    let is_itself = in_attribute && next.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'=');
    (!is_itself).then_some((1 + name.len(), character))
}

fn numbered(code: u32) -> char {
    match code {
        0 => char::REPLACEMENT_CHARACTER,
        // Codes of Windows-1252: only its blanks and dashes can stand within a contact.
        0x96 => '\u{2013}',
        0x97 => '\u{2014}',
        _ => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// Names that need no semicolon.
const UNENDED: [(&str, char); 10] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("nbsp", '\u{a0}'),
    ("shy", '\u{ad}'),
];

/// Sorted by name.
const NAMED: [(&str, char); 68] = [
    ("AMP", '&'),
    ("GT", '>'),
    ("Hat", '^'),
    ("LT", '<'),
    ("NewLine", '\n'),
    ("NoBreak", '\u{2060}'),
    ("NonBreakingSpace", '\u{a0}'),
    ("QUOT", '"'),
    ("Tab", '\t'),
    ("ThinSpace", '\u{2009}'),
    ("UnderBar", '_'),
    ("VeryThinSpace", '\u{200a}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("bull", '\u{2022}'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dash", '\u{2010}'),
    ("dollar", '$'),
    ("emsp", '\u{2003}'),
    ("emsp13", '\u{2004}'),
    ("emsp14", '\u{2005}'),
    ("ensp", '\u{2002}'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("hairsp", '\u{200a}'),
    ("horbar", '\u{2015}'),
    ("hyphen", '\u{2010}'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lrm", '\u{200e}'),
    ("lsqb", '['),
    ("lt", '<'),
    ("mdash", '\u{2014}'),
    ("middot", '\u{b7}'),
    ("minus", '\u{2212}'),
    ("nbsp", '\u{a0}'),
    ("ndash", '\u{2013}'),
    ("num", '#'),
    ("numsp", '\u{2007}'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("puncsp", '\u{2008}'),
    ("quest", '?'),
    ("quot", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rlm", '\u{200f}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("shy", '\u{ad}'),
    ("sol", '/'),
    ("thinsp", '\u{2009}'),
    ("verbar", '|'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded_as_browsers_do() {
        let cases = [
            ("", "", ""),
            ("a & b", "a & b", "a & b"),
            ("&#43;&#x2B;&#X2b;&#043", "++++", "++++"),
            ("&#0;&#xd800;&#99999999999;", "\u{fffd}\u{fffd}\u{fffd}", "\u{fffd}\u{fffd}\u{fffd}"),
            ("&plus;&commat;&period;", "+@.", "+@."),
            ("&plus &unknown; &", "&plus &unknown; &", "&plus &unknown; &"),
            ("&ampx &amp= &amp", "&x &= &", "&ampx &amp= &"),
            ("&nbsp1 &#;&#x;", "\u{a0}1 &#;&#x;", "&nbsp1 &#;&#x;"),
            ("é&amp;é", "é&é", "é&é"),
        ];
        for (raw, text, attribute) in cases {
            assert_eq!(Html::Text.decode(raw).unwrap(), text, "{raw}");
            assert_eq!(Html::Attribute.decode(raw).unwrap(), attribute, "{raw}");
            assert_eq!(Html::Raw.decode(raw).unwrap(), raw);
        }
    }

    #[test]
    fn what_is_spelled_decodes_to_itself() {
        let text = "a&b<c>d\"e'f &amp; +é";
        for html in [Html::Text, Html::Attribute, Html::Raw] {
            let mut out = String::new();
            html.spell(text, &mut out);
            assert_eq!(html.decode(&out).unwrap(), text);
        }
    }

    #[test]
    fn the_names_are_sorted() {
        assert!(NAMED.is_sorted_by(|one, other| one.0 < other.0));
    }
}
