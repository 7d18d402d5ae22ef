//! Tests of the forms that stand in the place of a hidden value.

use super::*;

fn key() -> AliasKey {
    AliasKey::new(b"an alias key for tests, 32 bytes").unwrap()
}

fn source(key: &AliasKey) -> Source<'_> {
    Source { key, vault: None }
}

fn shown(class: Class, display: Display, value: &str) -> String {
    mask(class, display, value, &key())
}

#[test]
fn aliases_have_the_form_of_their_class() {
    let cases = [
        (Class::Name, "Anna Kovalenko", "Client XXXXX-XXXXX"),
        (Class::Phone, "+370 612 34567", "+999000000000000"),
        (Class::Email, "anna@example.com", "c-xxxxxxxxxx@client.invalid"),
        (Class::Handle, "@anna", "c_xxxxxxxxxx"),
        (Class::Avatar, "https://example.com/a.jpg", "/.chatwarden/avatar/xxxxxxxxxx.svg"),
        (Class::FileUrl, "https://example.com/a.pdf", ""),
    ];
    for (class, value, form) in cases {
        let alias = shown(class, Display::Alias, value);
        assert_eq!(alias.len(), form.len(), "{class}: {alias}");
        for (character, expected) in alias.chars().zip(form.chars()) {
            match expected {
                'X' => assert!(character.is_ascii_digit() || character.is_ascii_uppercase(), "{alias}"),
                'x' if class != Class::Avatar || character != 'x' => {
                    assert!(character.is_ascii_digit() || character.is_ascii_lowercase(), "{alias}");
                }
                '0' => assert!(character.is_ascii_digit(), "{alias}"),
                _ => assert_eq!(character, expected, "{alias}"),
            }
        }
    }
}

#[test]
fn an_alias_is_the_same_every_time_and_differs_between_values() {
    let alias = |value| shown(Class::Name, Display::Alias, value);
    assert_eq!(alias("Anna"), alias("Anna"));
    assert_ne!(alias("Anna"), alias("Anna "));
}

#[test]
fn aliases_never_change_between_releases() {
    assert_eq!(shown(Class::Name, Display::Alias, "Anna Kovalenko"), "Client VKFE2-6054X");
    assert_eq!(shown(Class::Phone, Display::Alias, "+37061234567"), "+999365396377606");
    assert_eq!(shown(Class::Email, Display::Alias, "anna@example.com"), "c-5s7jcgn70s@client.invalid");
}

#[test]
fn partial_forms_show_a_little() {
    let cases = [
        (Class::Phone, "+37061234507", "+•••••••07"),
        (Class::Phone, "8 (612) 345-07", "+•••••••07"),
        (Class::Phone, "79161112233@c.us", "+•••••••33"),
        (Class::Email, "maria@example.com", "m•••@•••.com"),
        (Class::Email, "mária.k@mail.example.org", "m•••@•••.org"),
        (Class::Handle, "@anna", "@a•••"),
        (Class::Handle, "807892411", "@8•••"),
        (Class::Name, "Anna Kovalenko", "Anna K\u{2060}."),
        (Class::Name, "  Пётр  Ильич Иванов ", "Пётр И\u{2060}."),
        (Class::Name, "Anna-Maria O’Neil", "Anna-Maria O\u{2060}."),
        (Class::FileUrl, "https://example.com/a.pdf", ""),
    ];
    for (class, value, expected) in cases {
        assert_eq!(shown(class, Display::Partial, value), expected, "{class} {value}");
    }
    assert_eq!(
        shown(Class::Avatar, Display::Partial, "https://example.com/a.jpg"),
        shown(Class::Avatar, Display::Alias, "https://example.com/a.jpg"),
    );
}

#[test]
fn a_value_too_short_or_of_another_form_shows_nothing_of_itself() {
    let cases: [(Class, &[&str], &str); 4] = [
        (Class::Phone, &["07", "612345", "[vk] 210700", "none", "٠٧٠٧٠٧٠٧٠٧"], "hidden"),
        (
            Class::Email,
            &[
                "m@e.com",
                "ab@e.com",
                "maria",
                "maria@localhost",
                "\"m a\"@e.com",
                "maria@[10.0.0.1]",
                "maria@.c",
            ],
            "hidden@client.invalid",
        ),
        (Class::Handle, &["@ann", "abc", "@", "[tg] 80789"], "hidden"),
        (
            Class::Name,
            &["Anna", "Anna K.", "Li Wu", "Anna (VIP)", "[vk] 2107", "Anna 12345", "+7900 Anna", "12", "?!"],
            "hidden",
        ),
    ];
    for (class, values, expected) in cases {
        for value in values {
            assert_eq!(shown(class, Display::Partial, value), expected, "{class} {value}");
        }
    }
}

#[test]
fn hidden_forms_are_constants() {
    let cases = [
        (Class::Phone, "hidden"),
        (Class::Email, "hidden@client.invalid"),
        (Class::Name, "hidden"),
        (Class::Handle, "hidden"),
        (Class::FileUrl, ""),
    ];
    for (class, expected) in cases {
        assert_eq!(shown(class, Display::Hidden, "Anna Kovalenko"), expected, "{class}");
    }
    let avatar = shown(Class::Avatar, Display::Hidden, "https://example.com/a.jpg");
    assert!(avatar.starts_with("/.chatwarden/avatar/00000000"), "{avatar}");
}

#[test]
fn an_empty_value_stays_empty() {
    for class in Class::ALL {
        for display in [Display::Alias, Display::Partial, Display::Hidden] {
            assert_eq!(shown(class, display, ""), "", "{class} {}", display.name());
        }
    }
}

#[test]
fn a_name_that_is_a_number_or_an_address_is_treated_as_one() {
    for display in [Display::Alias, Display::Partial] {
        for number in ["+37061234567", "8 (612) 345-67", "79161112233"] {
            assert_eq!(shown(Class::Name, display, number), shown(Class::Phone, display, number));
        }
        for address in ["anna@example.com", " anna@mail.example.com "] {
            assert_eq!(shown(Class::Name, display, address), shown(Class::Email, display, address));
        }
    }
    assert_eq!(shown(Class::Name, Display::Hidden, "anna@example.com"), "hidden");
    for name in ["Anna @ home", "@anna", "anna@home", "R2-D2", "1984", "Anna +37061234567"] {
        assert!(shown(Class::Name, Display::Alias, name).starts_with("Client "), "{name}");
    }
}

#[test]
fn a_number_stays_a_number() {
    let number = |class, display, spelling: &str| number(class, display, spelling.as_bytes(), source(&key()));
    let alias = number(Class::Phone, Display::Alias, "79161112233");
    assert_eq!(format!("+{alias}"), shown(Class::Phone, Display::Alias, "79161112233"));
    assert!(alias < 1 << 53);
    assert_eq!(number(Class::Name, Display::Alias, "79161112233"), alias);
    assert_eq!(number(Class::Name, Display::Alias, "7"), 0);
    assert_eq!(number(Class::Phone, Display::Partial, "79161112233"), 0);
    assert_eq!(number(Class::Phone, Display::Hidden, "79161112233"), 0);
    assert_eq!(number(Class::Handle, Display::Alias, "807892411"), 0);
}

#[test]
fn a_value_with_half_a_surrogate_pair_has_an_alias_and_no_partial_form() {
    let value = b"Anna \xed\xa0\xbd Kovalenko";
    let shown = |display| {
        let mut out = String::new();
        write_text(Class::Name, display, value, source(&key()), &mut out);
        out
    };
    assert!(shown(Display::Alias).starts_with("Client "));
    assert_eq!(shown(Display::Partial), "hidden");
    assert_eq!(shown(Display::Hidden), "hidden");
}
