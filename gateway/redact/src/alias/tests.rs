//! Tests of codes: what they depend on, and what their check notices.

use std::collections::HashSet;

use super::*;

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}

fn codes() -> impl Iterator<Item = Code> {
    let classes = [Class::Email, Class::Name, Class::Handle, Class::Avatar];
    let values = [&b"Anna"[..], b"", b"+37061234567", "Пётр".as_bytes()];
    classes.into_iter().flat_map(move |class| {
        values.into_iter().flat_map(move |value| {
            (0..Code::ATTEMPTS).map(move |attempt| key().draw(class, value, attempt).unwrap())
        })
    })
}

#[test]
fn a_key_shorter_than_32_bytes_is_refused() {
    assert_eq!(AliasKey::new(&[1; 31]).unwrap_err(), KeyError { length: 31 });
    assert!(AliasKey::new(&[1; 32]).is_ok());
}

#[test]
fn a_key_prints_stars() {
    assert_eq!(format!("{:?}", key()), "AliasKey(***)");
}

#[test]
fn a_code_and_a_digest_depend_on_key_class_and_value() {
    let other = AliasKey::new(&[8; 32]).unwrap();
    let of = |key: &AliasKey, class, value: &str| {
        (key.code(class, value.as_bytes()).value, key.digest(class, value.as_bytes()))
    };
    let all = [
        of(&key(), Class::Name, "Anna"),
        of(&key(), Class::Name, "anna"),
        of(&key(), Class::Handle, "Anna"),
        of(&key(), Class::Phone, "Anna"),
        of(&other, Class::Name, "Anna"),
    ];
    assert_eq!(all.iter().map(|(code, _)| code).collect::<HashSet<_>>().len(), 5);
    assert_eq!(all.iter().map(|(_, digest)| digest).collect::<HashSet<_>>().len(), 5);
    assert_eq!(of(&key(), Class::Name, "Anna"), all[0]);
}

#[test]
fn each_attempt_draws_another_code_and_there_is_a_last_one() {
    for class in Class::ALL {
        let drawn: HashSet<_> = (0..Code::ATTEMPTS).map(|n| key().draw(class, b"Anna", n).unwrap()).collect();
        assert_eq!(drawn.len(), Code::ATTEMPTS as usize, "{class}");
        assert_eq!(key().draw(class, b"Anna", Code::ATTEMPTS), None);
    }
    for attempt in 0..Code::ATTEMPTS {
        let name = key().draw(Class::Name, b"Anna", attempt).unwrap();
        assert_eq!(name.to_string().len(), 10 + 2 * attempt as usize);
        assert_eq!(key().draw(Class::Phone, b"Anna", attempt).unwrap().to_string().len(), 12);
    }
}

#[test]
fn what_is_spelled_parses_to_the_same_code() {
    for code in codes() {
        assert_eq!(Code::parse(code.class(), code.to_string().as_bytes()), Some(code), "{code}");
    }
    for number in 0..1000_u32 {
        let code = key().code(Class::Phone, number.to_string().as_bytes());
        assert_eq!(Code::parse(Class::Phone, code.to_string().as_bytes()), Some(code), "{code}");
        assert_eq!(code.to_string(), format!("{:012}", code.digits()));
    }
}

#[test]
fn a_code_is_the_number_of_its_bits_and_no_other_number_is_one() {
    let phones = (0..Code::ATTEMPTS).map(|attempt| key().draw(Class::Phone, b"Anna", attempt).unwrap());
    let all: Vec<Code> = codes().chain(phones).chain(Class::ALL.map(Code::nobody)).collect();
    for code in &all {
        assert_eq!(Code::from_bits(code.to_bits()), Some(*code), "{code}");
    }
    let widest = Code { class: Class::FileUrl, width: 24, value: (1 << 120) - 1 };
    assert_eq!(Code::from_bits(widest.to_bits()), Some(widest));
    let of = |class: u128, width: u128, value: u128| Code::from_bits(class << 125 | width << 120 | value);
    let phone = Class::Phone.index() as u128;
    let name = Class::Name.index() as u128;
    for (class, width, value) in [
        (6, 8, 1),
        (7, 8, 1),
        (phone, 8, 1),
        (phone, 10, 10_u128.pow(10)),
        (name, 6, 1),
        (name, 9, 1),
        (name, 26, 1),
        (name, 8, 1 << 40),
    ] {
        assert_eq!(of(class, width, value), None, "{class} {width} {value}");
    }
}

#[test]
fn every_wrong_character_and_every_swap_of_neighbours_is_noticed() {
    for code in codes() {
        let text = code.to_string().into_bytes();
        let is_valid = |text: &[u8]| Code::parse(code.class(), text).is_some();
        for place in 0..text.len() {
            for &character in ALPHABET {
                let mut wrong = text.clone();
                wrong[place] = character;
                assert_eq!(is_valid(&wrong), wrong == text, "{code}");
            }
            if place > 0 {
                let mut wrong = text.clone();
                wrong.swap(place - 1, place);
                assert_eq!(is_valid(&wrong), wrong == text, "{code}");
            }
        }
    }
}

#[test]
fn every_wrong_digit_and_every_swap_of_neighbours_in_a_phone_is_noticed() {
    for value in 0..200_u32 {
        let code = key().code(Class::Phone, value.to_string().as_bytes()).to_string().into_bytes();
        for place in 0..code.len() {
            for digit in b'0'..=b'9' {
                let mut wrong = code.clone();
                wrong[place] = digit;
                assert_eq!(Code::parse(Class::Phone, &wrong).is_some(), wrong == code);
            }
            if place > 0 {
                let mut wrong = code.clone();
                wrong.swap(place - 1, place);
                assert_eq!(Code::parse(Class::Phone, &wrong).is_some(), wrong == code);
            }
        }
    }
}

#[test]
fn a_code_is_not_valid_in_another_class() {
    for code in codes() {
        for class in Class::ALL {
            let parsed = Code::parse(class, code.to_string().as_bytes());
            assert_eq!(parsed.is_some(), class == code.class(), "{class}");
        }
    }
}

#[test]
fn what_is_no_code_does_not_parse() {
    let cases: [&[u8]; 8] =
        [b"", b"0", b"00", b"00000000", b"7F3KQ2MX9T", b"7f3kq2mx9", b"7f3kq-2mx9t", &[b'0'; 28]];
    for text in cases {
        for class in Class::ALL {
            assert_eq!(Code::parse(class, text), None, "{class} {}", text.escape_ascii());
        }
    }
}

#[test]
fn digits_of_a_phone_are_one_modulo_97_and_fit_twelve_places() {
    for value in 0..1000_u32 {
        for attempt in 0..Code::ATTEMPTS {
            let code = key().draw(Class::Phone, value.to_string().as_bytes(), attempt).unwrap();
            assert_eq!(code.digits() % 97, 1);
            assert!(code.digits() < 10_u64.pow(12));
        }
    }
}

#[test]
fn no_value_has_the_code_of_nobody() {
    // Of 40 bits it would be found by chance once in 2^40; here the draw itself is asked.
    assert_eq!(Code::nobody(Class::Avatar).value, 0);
    for code in codes() {
        assert!(code.value > 0);
    }
}
