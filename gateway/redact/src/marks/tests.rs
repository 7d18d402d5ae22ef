//! Tests of marks: what is recognised however it was changed, and what is left alone.

use super::*;
use crate::{alias::AliasKey, mask};

fn keys() -> KeyRing {
    AliasKey::new(&[7; 32]).unwrap().into()
}

fn judged(class: Class, text: &str) -> Option<Mark> {
    judge(class, text, &keys(), Display::Alias)
}

fn code(class: Class, attempt: u32) -> Code {
    keys().first().draw(class, b"Anna", attempt).unwrap()
}

fn dressed(code: Code) -> String {
    let mut text = String::new();
    mask::write_code(code, &mut text);
    text
}

/// What apps do to a value on its way.
fn changes(text: &str) -> Vec<String> {
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let references = |text: &str| text.chars().map(|c| format!("&#{};", c as u32)).collect::<String>();
    let units = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    vec![
        text.to_owned(),
        text.to_uppercase(),
        text.to_lowercase(),
        format!("  {text}\t\n"),
        format!("\u{a0}{text}\u{feff}"),
        text.replace(' ', "\u{a0}"),
        text.replace(' ', "   "),
        text.replace('-', "\u{2011}"),
        text.replace('i', "ı").replace('I', "İ"),
        text.chars().flat_map(|c| [c, '\u{200b}']).collect(),
        text.chars()
            .map(|c| if c.is_ascii_graphic() { char::from_u32(c as u32 + 0xfee0).unwrap() } else { c })
            .collect(),
        percent(text),
        percent(text).replace('%', "%25"),
        percent(text).replace('%', "%2525"),
        references(text),
        references(text).replace('&', "&amp;"),
        units(text),
        units(text).replace('\\', "\\\\"),
        text.replace('+', "%2B").replace('@', "%40").replace(' ', "%20"),
        text.replace('/', "\\/"),
    ]
}

#[test]
fn an_alias_is_recognised_whatever_became_of_its_case_spacing_and_escapes() {
    for class in [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Avatar] {
        for attempt in 0..Code::ATTEMPTS {
            let code = code(class, attempt);
            for text in changes(&dressed(code)) {
                for field in Class::ALL {
                    assert_eq!(judged(field, &text), Some(Mark::Alias(code)), "{class} in {field}: {text:?}");
                }
            }
        }
    }
}

#[test]
fn each_class_has_spellings_of_its_own() {
    let phone = code(Class::Phone, 0);
    let d = dressed(phone)[1..].to_owned();
    let name = code(Class::Name, 0);
    let n = name.to_string();
    let longer = code(Class::Name, 1).to_string();
    let mail = dressed(code(Class::Email, 0));
    let handle = dressed(code(Class::Handle, 0));
    let avatar = dressed(code(Class::Avatar, 0));
    let cases = [
        (phone, d.clone()),
        (phone, format!("00{d}")),
        (phone, format!("tel:+{d}")),
        (phone, format!("+{} {} ({}) {}-{}", &d[..3], &d[3..6], &d[6..9], &d[9..12], &d[12..])),
        (phone, format!("+{}.{}/{}", &d[..3], &d[3..6], &d[6..])),
        (phone, format!("{}.{}e14", &d[..1], &d[1..])),
        (phone, format!("{}.{}E+14", &d[..1], &d[1..])),
        (name, format!("Client {n}")),
        (name, format!("client{n}")),
        (name, format!("Client  {} {}", &n[..5], &n[5..])),
        (name, format!("Client - {} - {}", &n[..5], &n[5..])),
        (name, format!("client_{n}")),
        (code(Class::Name, 1), format!("CLIENT {}-{}{}", &longer[..5], &longer[5..10], &longer[10..])),
        (code(Class::Email, 0), format!("mailto:{mail}")),
        (code(Class::Email, 0), mail.replace('@', " @ ")),
        (code(Class::Handle, 0), format!("@{handle}")),
        (code(Class::Avatar, 0), format!("https://chat.example.com{avatar}")),
        (code(Class::Avatar, 0), format!("https://chat.example.com:8443{avatar}")),
        (code(Class::Avatar, 0), format!("//chat.example.com{avatar}")),
        (code(Class::Avatar, 0), format!(".{avatar}")),
        (code(Class::Avatar, 0), avatar[1..].to_owned()),
    ];
    for (code, text) in cases {
        assert_eq!(judged(code.class(), &text), Some(Mark::Alias(code)), "{text}");
    }
}

#[test]
fn a_partial_or_hidden_form_is_recognised_whatever_became_of_its_case_spacing_and_escapes() {
    let values = [
        (Class::Phone, "+37061234507"),
        (Class::Email, "maria@example.com"),
        (Class::Name, "Anna Kovalenko"),
        (Class::Name, "Пётр Ильич Иванов"),
        (Class::Name, "Anna-Maria O’Neil"),
        (Class::Name, "+37061234507"),
        (Class::Name, "maria@example.com"),
        (Class::Handle, "@anna"),
        (Class::Handle, "807892411"),
        (Class::Avatar, "https://example.com/a.jpg"),
    ];
    for (class, value) in values {
        for (display, expected) in [(Display::Partial, Mark::Partial), (Display::Hidden, Mark::Hidden)] {
            if (class, display) == (Class::Avatar, Display::Partial) {
                continue; // an alias
            }
            let shown = mask(class, display, value, keys().first());
            for text in changes(&shown).into_iter().chain([shown.replace(' ', "")]) {
                assert_eq!(judged(class, &text), Some(expected.clone()), "{class} {text:?}");
            }
        }
    }
    for text in ["0", " 0 ", "0.0", "-0", "0e0", "00", "+0", "0E+7"] {
        assert_eq!(judged(Class::Phone, text), Some(Mark::Hidden), "{text}");
    }
}

#[test]
fn a_shortened_name_that_lost_its_mark_is_known_where_names_are_shortened() {
    for text in ["Anna K.", "anna k.", "  Anna   K. ", "Пётр И.", "Anna-Maria O.", "Anna&nbsp;K."] {
        assert_eq!(judge(Class::Name, text, &keys(), Display::Partial), Some(Mark::Partial), "{text}");
        assert_eq!(judge(Class::Name, text, &keys(), Display::Alias), None, "{text}");
        assert_eq!(judge(Class::Handle, text, &keys(), Display::Partial), None, "{text}");
    }
    for text in ["Anna Kovalenko", "Anna K", "K.", "A1 K.", "Anna 7."] {
        assert_eq!(judge(Class::Name, text, &keys(), Display::Partial), None, "{text}");
    }
}

#[test]
fn a_mistyped_alias_is_a_near_miss_and_never_another_alias() {
    for class in [Class::Email, Class::Name, Class::Handle, Class::Avatar, Class::Phone] {
        for attempt in [0, 1] {
            let right = dressed(code(class, attempt));
            let first = right.len()
                - code(class, attempt).to_string().len()
                - match class {
                    Class::Name => 1 + attempt as usize,
                    Class::Email => "@client.invalid".len(),
                    Class::Avatar => ".svg".len(),
                    Class::Phone | Class::Handle | Class::FileUrl => 0,
                };
            for place in first..right.len() {
                let mut wrong = right.clone().into_bytes();
                if !wrong[place].is_ascii_alphanumeric()
                    || (class == Class::Avatar && place + 4 >= right.len())
                {
                    continue;
                }
                wrong[place] = if wrong[place] == b'7' { b'8' } else { b'7' };
                let wrong = String::from_utf8(wrong).unwrap();
                assert_eq!(judged(class, &wrong), Some(Mark::NearMiss), "{wrong}");
                assert_eq!(
                    find_marks(&wrong).count(),
                    usize::from(matches!(class, Class::Email | Class::Avatar)),
                    "{wrong}"
                );
                break;
            }
        }
    }
    let cases = [
        (Class::Name, "Client 7F3KQ-2MX9"),
        (Class::Name, "Client 7F3KQ-2MX9TT"),
        (Class::Name, "Client 7F3KQ-2MXOT"),
        (Class::Email, "anna@client.invalid"),
        (Class::Email, "c-7f3kq2mx9@client.invalid"),
        (Class::Email, "Anna <c-7f3kq2mx9t@client.invalid>"),
        (Class::Phone, "999000000000001"),
        (Class::Phone, "+99900000000001"),
        (Class::Avatar, "/.chatwarden/avatar/7f3.svg"),
        (Class::Avatar, "/.chatwarden/avatar/"),
        (Class::Avatar, "https://evil.example/x/.chatwarden/avatar/0000000000.svg"),
        (Class::Handle, "ct_7f3kq2mx9t7f3kq2mx9t7f3kq2mx9t"),
    ];
    for (class, text) in cases {
        assert_eq!(judged(class, text), Some(Mark::NearMiss), "{text}");
    }
}

#[test]
fn honest_values_are_no_marks() {
    let cases = [
        (Class::Name, "Anna Kovalenko"),
        (Class::Name, "Client 79161112233"),
        (Class::Name, "Client 1234"),
        (Class::Name, "Client Manchester"),
        (Class::Name, "Client Room 2024"),
        (Class::Name, "Anna K."),
        (Class::Name, "• Anna •"),
        (Class::Phone, "+37061234567"),
        (Class::Phone, "+7 999 123-45-67"),
        (Class::Phone, "9991234567"),
        (Class::Phone, "999-12-34"),
        (Class::Phone, "107"),
        (Class::Email, "anna@example.com"),
        (Class::Email, "hidden@example.com"),
        (Class::Email, "c-7f3kq2mx9t@client.example"),
        (Class::Handle, "c_williamson"),
        (Class::Handle, "c_manchester"),
        (Class::Handle, "@anna"),
        (Class::Handle, "999123456789012"),
        (Class::Handle, "ct_short"),
        (Class::Avatar, "https://example.com/avatar/7.svg"),
        (Class::FileUrl, ""),
        (Class::Phone, ""),
        (Class::Name, "   "),
    ];
    for (class, text) in cases {
        assert_eq!(judged(class, text), None, "{class} {text}");
    }
}

#[test]
fn a_token_opens_in_its_class_alone() {
    let token = keys().first().seal(Class::Handle, b"79161112233@c.us");
    for text in changes(&token) {
        assert_eq!(
            judged(Class::Handle, &text),
            Some(Mark::Token(Opened(b"79161112233@c.us".to_vec()))),
            "{text:?}"
        );
        assert_eq!(judged(Class::Phone, &text), Some(Mark::NearMiss), "{text:?}");
    }
    assert_eq!(format!("{:?}", judged(Class::Handle, &token)), "Some(Token(Opened(***)))");
}

#[test]
fn aliases_are_found_in_the_midst_of_a_text() {
    for class in [Class::Phone, Class::Email, Class::Name, Class::Handle, Class::Avatar] {
        for attempt in 0..Code::ATTEMPTS {
            let alias = dressed(code(class, attempt));
            for (before, after) in
                [("Hello ", "!"), ("", ", call me"), ("(", ")"), ("Привет, ", " и всем"), ("", "")]
            {
                let text = format!("{before}{alias}{after}");
                let found: Vec<_> = find_marks(&text).collect();
                assert_eq!(found.len(), 1, "{text}");
                let found = &text[found[0].clone()];
                assert!(alias.contains(found) && alias.len() <= found.len() + 5, "{text}: {found}");
                let mark = match class {
                    Class::Email | Class::Avatar => Mark::NearMiss,
                    Class::Phone | Class::Name | Class::Handle | Class::FileUrl => Mark::Within,
                };
                assert_eq!(judged(Class::Name, &format!("x {text} x")), Some(mark), "{text}");
            }
        }
    }
    let token = keys().first().seal(Class::Handle, b"79161112233");
    let text =
        format!("see {token} and {}, {}", dressed(code(Class::Name, 0)), dressed(code(Class::Phone, 0)));
    let found: Vec<_> = find_marks(&text).map(|range| text[range].to_owned()).collect();
    assert_eq!(found, [token, dressed(code(Class::Name, 0)), dressed(code(Class::Phone, 0))]);
    assert_eq!(find_marks("write to anna@client.invalid.").count(), 1);
}

#[test]
fn a_text_without_aliases_has_none() {
    let texts = [
        "Our client is happy. Clients 12345 called +37061234567, order 999000000000001, c_x c-y ct_z",
        "anna@client.invalid.example, +999 12, client client client 0123456789",
        "9999999999999999999999999999999",
        "",
    ];
    for text in texts {
        assert_eq!(find_marks(text).next(), None, "{text}");
    }
}

#[test]
fn long_and_odd_texts_are_read_once() {
    for piece in ["c\u{200b}", "%25", "&amp;", "\\", "client ", "+9", "999", "c_0", "c-0", "•", "\u{2060}."]
    {
        let text = piece.repeat(20_000);
        let _ = find_marks(&text).count();
        let _ = judged(Class::Name, &text);
    }
}
