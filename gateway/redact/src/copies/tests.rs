//! Tests of copies: which values are learnt, and where they are found again.

use super::*;

fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}

/// A set that has learnt these.
fn learnt(values: &[(Class, &str)]) -> Learnt {
    let learnt = Learnt::default();
    for (class, value) in values {
        learnt.learn(&key(), *class, value.as_bytes());
    }
    learnt
}

/// The text with the original of each copy in brackets.
fn shown(learnt: &Learnt, text: &str, whole: Whole) -> String {
    let key = key();
    let mut found = Vec::new();
    learnt.sweep(&key).find(text, 0, whole, &mut found);
    let (mut shown, mut at) = (String::new(), 0);
    for copy in found {
        shown.push_str(&text[at..copy.range.start]);
        shown.push_str(&format!("[{}]", copy.original.value));
        at = copy.range.end;
    }
    shown + &text[at..]
}

#[test]
fn values_are_learnt_from_six_digits_or_two_words_or_eight_letters_on() {
    let cases = [
        (Class::Phone, "+7 900 123-45-67", true),
        (Class::Phone, "210700", true),
        (Class::Phone, "21070", false),
        (Class::Phone, "[tg] 807892", true),
        (Class::Phone, "", false),
        (Class::Email, "a@b.ru", true),
        (Class::Email, "nobody", false),
        (Class::Name, "Пётр Иванов", true),
        (Class::Name, "Анна", false),
        (Class::Name, "Anna K", false),
        (Class::Name, "Bartholomew", true),
        (Class::Name, "79001234567", true),
        (Class::Name, "🦜", false),
        (Class::Handle, "@petr_vip", true),
        (Class::Handle, "juan_p", false),
        (Class::Handle, "crm-79001234567", true),
        (Class::Handle, "79001234567@s.whatsapp.net", true),
        (Class::Avatar, "https://example.com/a/1.jpg", true),
        (Class::Avatar, "", false),
    ];
    for (class, value, is_learnt) in cases {
        assert_eq!(!learnt(&[(class, value)]).is_empty(), is_learnt, "{class} {value}");
    }
}

#[test]
fn copies_are_found_in_other_spellings() {
    let phone = (Class::Phone, "+7 900 123-45-67");
    let swiss = (Class::Phone, "+41791234567");
    let mail = (Class::Email, "zoë.müller@example.ch");
    let name = (Class::Name, "Пётр Иванов");
    let cases: &[((Class, &str), &str, &str)] = &[
        (phone, "call 8 900 123-45-67 now", "call [] now"),
        (phone, "79001234567", "[]"),
        (phone, "+79001234567", "[]"),
        (phone, "9001234567", "[]"),
        (phone, "007 900 123 45 67", "[]"),
        (phone, "(900) 123-45-67", "[]"),
        (phone, "8\u{a0}900\u{a0}123\u{2011}45\u{2011}67", "[]"),
        (phone, "79001234567@c.us", "[]@c.us"),
        (phone, "crm-79001234567", "crm-[]"),
        (phone, "79001234567_voice.ogg", "[]_voice.ogg"),
        (phone, "https:\\/\\/x.example\\/79001234567_n.jpg?oh=1", "https:\\/\\/x.example\\/[]_n.jpg?oh=1"),
        (phone, "%2B79001234567", "[]"),
        (phone, "%2B7%20900%20123-45-67", "[]"),
        (phone, "&#43;7&nbsp;900&nbsp;123-45-67", "[]"),
        (phone, r"\u002b7\u00a0900 123\u201145\u201167", "[]"),
        (phone, r"{\\\u0022raw\\\u0022:\\\u002279001234567", r"{\\\u0022raw\\\u0022:\\\u0022[]"),
        (phone, "７９００１２３４５６７", "[]"),
        (phone, "28.07.2026 79001234567", "28.07.2026 []"),
        (phone, "790012345678", "790012345678"),
        (phone, "179001234567", "179001234567"),
        (phone, "79001234568", "79001234568"),
        (phone, "wamid.HBgLNzkwMDEyMzQ1NjcVAgASGBQzQTg", "wamid.HBgLNzkwMDEyMzQ1NjcVAgASGBQzQTg"),
        (swiss, "rufen Sie an: 079 123 45 67", "rufen Sie an: []"),
        (swiss, "0041 79 123 45 67", "[]"),
        (swiss, "Re: order 41791234 total 1791234567.00", "Re: order 41791234 total 1791234567.00"),
        (mail, "oder zoë.müller@example.ch.", "oder []."),
        (mail, "ZOË.MÜLLER@EXAMPLE.CH", "[]"),
        (mail, "?email=zo%C3%AB.m%C3%BCller%40example.ch&x", "?email=[]&x"),
        (mail, "mailto:zo&euml;.m&uuml;ller@example.ch", "mailto:[]"),
        (mail, r"zo\u00eb.m\u00fcller@example.ch", "[]"),
        (mail, "zoë.müller@example.ch.Danke", "[].Danke"),
        (mail, "anna.zoë.müller@example.ch", "anna.zoë.müller@example.ch"),
        (name, "это Пётр Иванов, мой", "это [], мой"),
        (name, "ПЕТР  ИВАНОВ", "[]"),
        (name, "Иванов Пётр", "[]"),
        (name, "Петр_Иванов", "Петр_Иванов"),
        (name, r"\u041f\u0451\u0442\u0440 \u0418\u0432\u0430\u043d\u043e\u0432", "[]"),
        (name, r"\\u041f\\u0451\\u0442\\u0440 \\u0418\\u0432\\u0430\\u043d\\u043e\\u0432", "[]"),
        (name, "%D0%9F%D1%91%D1%82%D1%80%20%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2", "[]"),
        (name, "Пётр и Иванов", "Пётр и Иванов"),
        (name, "Пётр\nИванов", "Пётр\nИванов"),
        (name, "суперПётр Иванов", "суперПётр Иванов"),
        ((Class::Handle, "@petr_vip"), "write to petr_vip!", "write to []!"),
        ((Class::Handle, "zoe.mueller.9"), "fb: zoe.mueller.9", "fb: []"),
        ((Class::Handle, "807892411"), "id 807892411 in the log", "id [] in the log"),
        ((Class::Handle, "807892411"), "a807892411 and 807892411-5", "a807892411 and 807892411-5"),
        ((Class::Avatar, "https://example.com/a/1.jpg"), "https:\\/\\/example.com\\/a\\/1.jpg", "[]"),
    ];
    for (value, text, expected) in cases {
        let expected = expected.replace("[]", &format!("[{}]", value.1));
        assert_eq!(shown(&learnt(&[*value]), text, Whole::Value), expected, "{text}");
    }
}

#[test]
fn an_address_is_one_copy_though_its_parts_are_copies_too() {
    let learnt = learnt(&[
        (Class::Name, "Anna Kovalenko"),
        (Class::Phone, "79001234567"),
        (Class::Email, "anna.kovalenko@example.com"),
        (Class::Email, "79001234567@example.com"),
    ]);
    let text = "mail anna.kovalenko@example.com or 79001234567@example.com";
    let expected = "mail [anna.kovalenko@example.com] or [79001234567@example.com]";
    assert_eq!(shown(&learnt, text, Whole::Text), expected);
}

#[test]
fn ids_words_of_closed_sets_and_what_is_kept_stay() {
    let set = learnt(&[
        (Class::Handle, "210700"),
        (Class::Handle, "807892411"),
        (Class::Name, "whatsapp"),
        (Class::Name, "Op One"),
        (Class::Phone, "79995550000"),
        (Class::Email, "op1@company.example"),
    ]);
    for text in ["210700", " 807892411 ", "whatsapp"] {
        assert_eq!(shown(&set, text, Whole::Value), text);
        assert_ne!(shown(&set, text, Whole::Text), text);
    }
    for kept in ["Op One", "+7 999 555-00-00", "OP1@company.example"] {
        assert_ne!(shown(&set, kept, Whole::Value), kept);
        set.learn_kept(&key(), kept);
        assert_eq!(shown(&set, kept, Whole::Value), kept);
    }
}

#[test]
fn a_phone_is_shown_as_the_phone_though_a_handle_has_its_digits() {
    for values in [["+79001234567", "79001234567@c.us"], ["79001234567@c.us", "+79001234567"]] {
        let values =
            values.map(|value| (if value.contains('@') { Class::Handle } else { Class::Phone }, value));
        assert_eq!(shown(&learnt(&values), "79001234567", Whole::Value), "[+79001234567]");
    }
}

#[test]
fn the_set_is_bounded_and_forgets_what_was_not_seen_for_long() {
    let set = Learnt::new(100);
    let number = |index: u32| format!("+7900{index:07}");
    for index in 0..10_000 {
        set.learn(&key(), Class::Phone, number(index).as_bytes());
        set.learn(&key(), Class::Phone, number(0).as_bytes());
        assert!(set.len() <= 2 * 102);
    }
    assert_eq!(shown(&set, "79000009999", Whole::Value), "[+79000009999]");
    assert_eq!(shown(&set, "79000000000", Whole::Value), "[+79000000000]");
    assert_eq!(shown(&set, "79000005000", Whole::Value), "79000005000");
    for index in 0..1_000 {
        set.learn_kept(&key(), &number(index));
        set.learn(
            &key(),
            Class::Avatar,
            format!("https://example.com/{index}/{}", "a".repeat(900)).as_bytes(),
        );
    }
    let generations = set.generations.read().unwrap();
    assert!(generations.iter().all(|generation| generation.bytes <= 100 * Learnt::BYTES + MAX_VALUE));
    assert!(generations.iter().all(|generation| generation.never.len() <= 102));
}

#[test]
fn a_set_prints_nothing_of_its_values() {
    assert_eq!(format!("{:?}", learnt(&[(Class::Phone, "210700")])), "Learnt { len: 1, .. }");
}

#[test]
fn pictures_are_known_by_the_digests_of_mail_addresses() {
    let learnt = learnt(&[(Class::Email, " Jurate.K@Example.com ")]);
    // md5 and sha256 of `jurate.k@example.com`.
    let md5 = "784ae1b9c528cdabc78bc3210a8369c8";
    let sha256 = "dc5d85b77f2ba63d1e81695093b24532421fa4aedcb6f8e4704dc1eba36a4333";
    for text in [md5.to_owned(), md5.to_uppercase(), format!("https://www.gravatar.com/avatar/{md5}?d=404")] {
        assert_eq!(shown(&learnt, &text, Whole::Value), "[ Jurate.K@Example.com ]", "{text}");
    }
    assert_eq!(
        shown(&learnt, &format!("//a.example/{sha256}.png"), Whole::Value),
        "[ Jurate.K@Example.com ]"
    );
    let other = format!("https://www.gravatar.com/avatar/{}", md5.replace('e', "f"));
    for text in [other, format!("{md5}0"), md5[1..].to_owned()] {
        assert_eq!(shown(&learnt, &text, Whole::Value), text);
    }
    learnt.learn_kept(&key(), "jurate.k@example.com");
    assert_eq!(shown(&learnt, md5, Whole::Value), md5);
}

#[test]
fn a_sieve_lets_what_it_has_through_and_little_else() {
    let mut sieve = Sieve::default();
    assert!(sieve.is_empty() && !(0..1000).any(|hash| sieve.may_have(hash)));
    for added in 1..=500_u64 {
        sieve.add(added * 7919);
        assert!((1..=added).all(|hash| sieve.may_have(hash * 7919)), "{added}");
        assert_eq!(sieve.fine.is_some(), added as usize > Sieve::FEW);
        let others = (0..10_000).filter(|other| sieve.may_have(1 << 40 | other)).count();
        assert!(others < 600, "{added}: {others}");
    }
}

#[test]
fn a_value_that_was_let_go_is_learnt_again_and_one_of_a_better_class_counts() {
    let learnt = Learnt::new(2);
    let found = |text: &str| shown(&learnt, text, Whole::Text) != text;
    learnt.learn(&key(), Class::Email, b"a@b.ru");
    for n in 0..20 {
        learnt.learn(&key(), Class::Email, format!("other{n}@example.com").as_bytes());
    }
    assert!(!found("write to a@b.ru"));
    learnt.learn(&key(), Class::Email, b"a@b.ru");
    assert!(found("write to a@b.ru"));
    learnt.learn(&key(), Class::Handle, b"79001234567");
    learnt.learn(&key(), Class::Phone, b"79001234567");
    let generations = learnt.generations.read().unwrap();
    assert!(
        generations
            .iter()
            .flat_map(|generation| generation.values.values())
            .any(|original| original.class == Class::Phone)
    );
}

#[test]
fn a_plain_address_has_the_form_that_its_glyphs_have() {
    for value in ["Anna.K+news_1@Example-shop.COM", "a@b.ru", "nobody", "@b.ru", "a@b", ""] {
        let form = spelled_out(value);
        assert_eq!(mail_form(value).unwrap_or_else(|| form.clone()), form, "{value}");
    }
    assert_eq!(mail_form("anna%40example.com"), mail_form("ANNA@example.com"));
}
