//! Copies in attributes and comments of a page, which no rule selects.
//!
//! What people read is searched as everywhere. What machines read (names, classes, types, code, the addresses of
//! scripts) is searched for numbers, mail addresses and links alone: there a word is a word of a closed set, and whoever
//! can choose a client's name must not be able to take one out of the page.

use std::ops::Range;

use super::{Context, attribute};
use crate::{
    class::Class,
    copies::{Copy, Whole, spelled_as},
    json::edit::Edits,
    redactor::Summary,
};

/// The decoded value of an attribute without the copies in it, if there are any.
pub(super) fn of_attribute(
    context: &Context,
    element: &str,
    name: &[u8],
    value: &str,
) -> Option<(String, Summary)> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let is_read = !is_code(&name, value)
        && NAMES.binary_search(&name.as_str()).is_err()
        && !(MACHINES.contains(&element) && ADDRESSES.contains(&name.as_str()));
    let places = match &*name {
        "style" => attribute::style_values(value),
        "srcset" | "imagesrcset" => attribute::candidates(value),
        _ => {
            let whole = 0..value.len();
            Vec::from([whole])
        }
    };
    let mut edits = Edits::default();
    for place in places {
        sweep(context, value, place, is_read, &mut edits);
    }
    applied(&edits, value)
}

/// Whether the value of an attribute is code or a style. What is shown of numbers and addresses can end no string in it.
fn is_code(name: &str, value: &str) -> bool {
    let scheme = value.trim_start_matches(|c: char| c <= ' ').get(.."javascript:".len());
    name == "style"
        || name.starts_with("on")
        || scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("javascript:"))
}

/// A comment, or other text that nobody decodes, without the copies in it, if there are any.
pub(super) fn of_comment(context: &Context, text: &str) -> Option<(String, Summary)> {
    let mut edits = Edits::default();
    let start = text.len() - text.trim_start().len();
    sweep(context, text, start..start + text.trim().len(), true, &mut edits);
    applied(&edits, text)
}

/// Adds the copies in a part of a text that is a value of its own.
fn sweep(context: &Context, text: &str, place: Range<usize>, is_read: bool, edits: &mut Edits) {
    let (plan, part) = (&context.plan, &text[place.clone()]);
    let Some(learnt) = plan.learnt() else { return };
    for Copy { range, original, .. } in learnt.find(plan, part, 0, Whole::Value) {
        let copy = &part[range.clone()];
        if !is_read && !is_sign(original.class, copy) {
            continue;
        }
        let spell = |shown: String| spelled_as(copy.as_bytes(), shown);
        let range = place.start + range.start..place.start + range.end;
        edits.copy(plan, &original, range, spell);
    }
}

/// Whether a copy is a number, a mail address or a link, and no words.
fn is_sign(class: Class, copy: &str) -> bool {
    match class {
        Class::Phone | Class::Email | Class::Avatar | Class::FileUrl => true,
        Class::Handle => copy.bytes().filter(u8::is_ascii_digit).count() >= 6 || copy.contains('@'),
        Class::Name => false,
    }
}

fn applied(edits: &Edits, text: &str) -> Option<(String, Summary)> {
    if edits.is_empty() {
        return None;
    }
    let mut shown = Vec::with_capacity(text.len());
    edits.apply(text, &mut shown);
    Some((String::from_utf8_lossy(&shown).into_owned(), *edits.summary()))
}

/// Attributes whose words are of closed sets or name parts of the page; sorted.
const NAMES: [&str; 40] = [
    "accept",
    "accept-charset",
    "allow",
    "aria-activedescendant",
    "aria-controls",
    "aria-describedby",
    "aria-details",
    "aria-errormessage",
    "aria-flowto",
    "aria-labelledby",
    "aria-live",
    "aria-owns",
    "as",
    "autocomplete",
    "charset",
    "class",
    "dir",
    "enctype",
    "for",
    "form",
    "headers",
    "http-equiv",
    "id",
    "integrity",
    "is",
    "itemprop",
    "itemtype",
    "lang",
    "list",
    "media",
    "method",
    "name",
    "part",
    "rel",
    "role",
    "sandbox",
    "slot",
    "target",
    "type",
    "xmlns",
];

/// Elements whose addresses are parts of the page, and the attributes that hold them.
const MACHINES: [&str; 6] = ["base", "button", "form", "iframe", "link", "script"];
const ADDRESSES: [&str; 4] = ["action", "formaction", "href", "src"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted() {
        assert!(NAMES.is_sorted());
    }
}
