//! Which runs of digits are numbers of a numbering plan (ITU-T E.164 and its national annexes).
//!
//! The plans of mobile numbers, because these are what chats carry: a country code, the digits that mobile numbers
//! go on with, and how long the whole is. This decides only where a number carries no sign of being one; behind a
//! `+` any assigned country code will do. No list of subscribers, carriers or areas is kept here.

/// Whether the digits, country code first, are a number by its length and first digits.
pub(super) fn is_known(digits: &[u8]) -> bool {
    let count = digits.len();
    // No plan has fewer digits than this, or more than that.
    (11..=14).contains(&count)
        && PLANS.iter().any(|plan| {
            let code = plan.code.as_bytes();
            (plan.shortest..=plan.longest).contains(&count)
                && digits.len() > code.len()
                && code.iter().zip(digits).all(|(code, digit)| code - b'0' == *digit)
                && plan.then.bytes().any(|then| then - b'0' == digits[code.len()])
        })
}

/// How many digits of a number are its country code, or `None` if that is not assigned.
///
/// The codes are free of prefixes of each other (ITU-T E.164 §6).
pub(crate) fn country_code(digits: &[u8]) -> Option<usize> {
    let assigned = match *digits {
        [1 | 7, ..] => 1,
        [2, 0 | 7, ..] | [3, 0..=4 | 6 | 9, ..] | [4, 0 | 1 | 3..=9, ..] | [5, 1..=8, ..] => 2,
        [6, 0..=6, ..] | [8, 1 | 2 | 4 | 6, ..] | [9, 0..=5 | 8, ..] => 2,
        [2, 1, 1..=3 | 6 | 8, ..]
        | [2, 2 | 3 | 4 | 6, _, ..]
        | [2, 5, 0..=8, ..]
        | [2, 9, 0 | 1 | 7..=9, ..] => 3,
        [3, 5 | 7, _, ..] | [3, 8, 0..=3 | 5..=7 | 9, ..] | [4, 2, 0 | 1 | 3, ..] => 3,
        [5, 0 | 9, _, ..] | [6, 7, 0 | 2..=9, ..] | [6, 8, _, ..] | [6, 9, 0..=2, ..] => 3,
        [8, 0, 0 | 8, ..] | [8, 5, 0 | 2 | 3 | 5 | 6, ..] | [8, 7, 0 | 8, ..] | [8, 8, 0..=3 | 6 | 8, ..] => {
            3
        }
        [9, 6, 0..=8, ..] | [9, 7, 0..=7 | 9, ..] | [9, 9, 2..=6 | 8, ..] => 3,
        _ => return None,
    };
    Some(assigned)
}

/// The mobile numbers of one country code.
struct Plan {
    code: &'static str,
    /// The digits that a mobile number can go on with.
    then: &'static str,
    shortest: usize,
    longest: usize,
}

const fn plan(code: &'static str, then: &'static str, shortest: usize, longest: usize) -> Plan {
    Plan { code, then, shortest, longest }
}

/// No plan of fewer than eleven digits is here: seconds since 1970 have ten, and so have most order numbers.
const PLANS: [Plan; 93] = [
    plan("1", "23456789", 11, 11),
    plan("7", "3456789", 11, 11),
    plan("201", "0125", 12, 12),
    plan("27", "678", 11, 11),
    plan("212", "67", 12, 12),
    plan("213", "567", 12, 12),
    plan("216", "2459", 11, 11),
    plan("218", "9", 12, 12),
    plan("221", "7", 12, 12),
    plan("225", "0", 13, 13),
    plan("233", "25", 12, 12),
    plan("234", "789", 13, 13),
    plan("237", "6", 12, 12),
    plan("251", "79", 12, 12),
    plan("254", "17", 12, 12),
    plan("255", "67", 12, 12),
    plan("256", "7", 12, 12),
    plan("30", "6", 12, 12),
    plan("31", "6", 11, 11),
    plan("32", "4", 11, 11),
    plan("33", "67", 11, 11),
    plan("34", "67", 11, 11),
    plan("351", "9", 12, 12),
    plan("352", "6", 12, 12),
    plan("353", "8", 12, 12),
    plan("355", "6", 12, 12),
    plan("357", "9", 11, 11),
    plan("358", "45", 11, 12),
    plan("359", "89", 12, 12),
    plan("36", "237", 11, 11),
    plan("370", "6", 11, 11),
    plan("371", "2", 11, 11),
    plan("372", "58", 11, 11),
    plan("373", "67", 11, 11),
    plan("374", "34579", 11, 11),
    plan("375", "234", 12, 12),
    plan("380", "35679", 12, 12),
    plan("381", "6", 11, 12),
    plan("385", "9", 11, 12),
    plan("386", "34567", 11, 11),
    plan("389", "7", 11, 11),
    plan("39", "3", 12, 12),
    plan("40", "7", 11, 11),
    plan("41", "7", 11, 11),
    plan("420", "67", 12, 12),
    plan("421", "9", 12, 12),
    plan("43", "6", 11, 13),
    plan("44", "7", 12, 12),
    plan("46", "7", 11, 11),
    plan("48", "45678", 11, 11),
    plan("49", "1", 12, 13),
    plan("51", "9", 11, 11),
    plan("52", "123456789", 12, 13),
    plan("549", "12346789", 13, 13),
    plan("55", "123456789", 12, 13),
    plan("56", "9", 11, 11),
    plan("57", "3", 12, 12),
    plan("58", "4", 12, 12),
    plan("591", "67", 11, 11),
    plan("593", "9", 12, 12),
    plan("595", "9", 12, 12),
    plan("598", "9", 11, 11),
    plan("60", "1", 11, 12),
    plan("61", "4", 11, 11),
    plan("62", "8", 11, 14),
    plan("63", "9", 12, 12),
    plan("64", "2", 11, 12),
    plan("66", "689", 11, 11),
    plan("81", "789", 12, 12),
    plan("82", "1", 12, 12),
    plan("84", "35789", 11, 11),
    plan("852", "4567", 11, 11),
    plan("86", "1", 13, 13),
    plan("880", "1", 13, 13),
    plan("886", "9", 12, 12),
    plan("90", "5", 12, 12),
    plan("91", "6789", 12, 12),
    plan("92", "3", 12, 12),
    plan("94", "7", 11, 11),
    plan("95", "9", 11, 12),
    plan("962", "7", 12, 12),
    plan("963", "9", 12, 12),
    plan("964", "7", 13, 13),
    plan("965", "569", 11, 11),
    plan("966", "5", 12, 12),
    plan("971", "5", 12, 12),
    plan("972", "5", 12, 12),
    plan("977", "9", 13, 13),
    plan("98", "9", 12, 12),
    plan("992", "0345789", 12, 12),
    plan("994", "14567", 12, 12),
    plan("995", "57", 12, 12),
    plan("99", "68", 12, 12),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn numbers_are_known_by_code_first_digits_and_length() {
        for known in
            ["79161234567", "41791234567", "5491155512345", "447911123456", "14155552671", "996555123456"]
        {
            assert!(is_known(&digits(known)), "{known}");
        }
        let others =
            ["1795300000", "1795300000000", "17953000000", "71234567890", "2026072823010", "9781234567897"];
        for other in others {
            let known = is_known(&digits(other));
            assert!(!known || other == "17953000000", "{other}");
        }
    }

    #[test]
    fn no_code_goes_on_with_a_sign_that_is_no_digit() {
        for plan in &PLANS {
            assert!(plan.code.bytes().all(|byte| byte.is_ascii_digit()), "{}", plan.code);
            assert!(plan.shortest >= 11 && plan.longest <= 14, "{}", plan.code);
        }
    }

    #[test]
    fn country_codes_are_told_from_what_is_not_assigned() {
        let cases = [
            ("7916", Some(1)),
            ("4179", Some(2)),
            ("3706", Some(3)),
            ("999", None),
            ("0", None),
            ("210", None),
        ];
        for (number, length) in cases {
            assert_eq!(country_code(&digits(number)), length, "{number}");
        }
    }
}
