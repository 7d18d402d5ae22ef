//! The forms in which one phone number is the same number.
//!
//! A number is looked up whole, its country code first, and as the national number that follows the code. A trunk
//! prefix or `00` before either changes nothing (ITU-T E.123 §2, E.164 §6).

use crate::patterns::numbering::country_code;

/// What the digits of a number are looked up by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forms {
    /// All digits but for `00`; the `8` of Russia is the `7` it stands for.
    pub(super) whole: Vec<u8>,
    /// How many of them are before the national number, if it has nine digits or more.
    national: Option<usize>,
}

impl Forms {
    /// The forms of a number of six digits or more.
    pub(super) fn of(digits: &[u8]) -> Option<Forms> {
        let mut whole = match digits {
            [0, 0, rest @ ..] if rest.len() >= 8 => rest.to_vec(),
            _ => digits.to_vec(),
        };
        if let [first @ 8, 3..=9, ..] = &mut *whole
            && digits.len() == 11
        {
            *first = 7;
        }
        let before = match *whole {
            [0, 1..=9, ..] => Some(1),
            _ if whole.len() >= 11 => country_code(&whole),
            _ => Some(0),
        };
        let national = before.filter(|before| (9..=11).contains(&(whole.len() - before)));
        ((MIN_DIGITS..=15).contains(&whole.len())).then_some(Forms { whole, national })
    }

    /// The number without its country code or trunk prefix.
    pub(super) fn national(&self) -> Option<&[u8]> {
        self.national.map(|before| &self.whole[before..])
    }
}

/// The fewest digits that are learnt.
pub(super) const MIN_DIGITS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
    }

    #[test]
    fn the_spellings_of_a_number_share_a_form() {
        let groups = [
            &["+7 900 123-45-67", "8 900 123-45-67", "007 900 1234567", "900 123 45 67", "79001234567"][..],
            &["+41 79 123 45 67", "079 123 45 67", "0041791234567", "41791234567", "79 123 45 67"],
        ];
        for group in groups {
            let forms: Vec<Forms> = group.iter().map(|number| Forms::of(&digits(number)).unwrap()).collect();
            for form in &forms {
                assert_eq!(form.national(), forms[0].national(), "{group:?}");
            }
        }
    }

    #[test]
    fn a_number_is_not_another_one() {
        let forms = |text| Forms::of(&digits(text));
        assert_eq!(forms("12345"), None);
        assert_eq!(forms("1234567890123456"), None);
        assert_eq!(forms("210700").unwrap().national(), None);
        assert_ne!(forms("79001234567").unwrap().whole, forms("79001234568").unwrap().whole);
        assert_eq!(forms("4512345678").unwrap().national().map(<[u8]>::len), Some(10));
    }
}
