//! Contacts as pages, forms and tables spell them: in fields of their own, with texts before and behind.
//!
//! Shared with the tests of the gateway, which send them over sockets.

use chatwarden_redact::Class;

/// How contacts in fields, and texts around them, are a body of a format.
pub(crate) type Spell = fn(&[(Class, String)], &[&String]) -> String;

pub(crate) fn page(fields: &[(Class, String)], texts: &[&String]) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&#39;");
    let texts: String = texts
        .iter()
        .enumerate()
        .map(|(number, text)| match number % 4 {
            0 => format!("<p>{}</p>", escaped(text)),
            1 => {
                let references: String = text.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect();
                format!("<li><b>{references}</b>\n")
            }
            2 => format!("<a title='{}' href='/x'>x</a>", escaped(text)),
            _ => {
                let (one, other) =
                    text.split_at(text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at));
                format!("<div>{}<!-- --><i>{}</i></div>", escaped(one), escaped(other))
            }
        })
        .collect();
    let field = |(class, value): &(Class, String)| match class {
        Class::Avatar => format!("<img class=avatar src='{}'>", escaped(value)),
        Class::Phone | Class::Email | Class::Name | Class::Handle | Class::FileUrl => {
            format!("<i class={}>{}</i>", class.name(), escaped(value))
        }
    };
    let fields: String = fields.iter().map(field).collect();
    format!("<!doctype html>{texts}{fields}{texts}")
}

pub(crate) fn form(fields: &[(Class, String)], texts: &[&String]) -> String {
    let encoded = |text: &str| -> String {
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(encode).collect()
    };
    let texts: String = texts.iter().map(|text| format!("note[]={}&", encoded(text))).collect();
    let fields: String =
        fields.iter().map(|(class, value)| format!("{}={}&", class.name(), encoded(value))).collect();
    format!("{texts}{fields}{texts}")
}

pub(crate) fn table(fields: &[(Class, String)], texts: &[&String]) -> String {
    let texts: String =
        texts.iter().map(|text| format!(",,,,\"{}\"\r\n", text.replace('"', "\"\""))).collect();
    let field = |(class, value): &(Class, String)| {
        let cell = |column: &Class| {
            if column == class { format!("\"{}\"", value.replace('"', "\"\"")) } else { String::new() }
        };
        CARRIED.iter().map(|column| cell(column) + ",").collect::<String>() + "x\r\n"
    };
    let fields: String = fields.iter().map(field).collect();
    let names: String = CARRIED.iter().map(|class| class.name().to_owned() + ",").collect();
    format!("{names}note\r\n{texts}{fields}{texts}")
}

/// The classes that have a field in each carrier.
pub(crate) const CARRIED: [Class; 4] = [Class::Phone, Class::Email, Class::Name, Class::Avatar];

/// The class of a contact that is known wherever it stands: not of those that may be an id or a word where they are
/// all of a value.
pub(crate) fn known_class(secret: &str) -> Option<Class> {
    let letters = |word: &str| word.chars().filter(|c| c.is_alphabetic()).count();
    if secret.contains("://") {
        return Some(Class::Avatar);
    }
    if secret.contains('@') {
        return secret.contains('.').then_some(Class::Email).filter(|_| !secret.starts_with('@'));
    }
    if !secret.contains(char::is_alphabetic) {
        return (secret.chars().filter(char::is_ascii_digit).count() >= 10).then_some(Class::Phone);
    }
    (secret.split(' ').filter(|word| letters(word) >= 2).count() >= 2).then_some(Class::Name)
}
