//! The value of a selected attribute: the address in it is masked, and what is around the address stays.
//!
//! Addresses stand in [`link`]s (`tel:`, `mailto:`, the web addresses of messengers), in the candidates of a `srcset`
//! and in the `url()`s of a `style`. Any other value is one value.

use std::ops::Range;

use crate::{class::Class, json::edit::Edits, link, plan::Plan};

/// Shows the decoded value of an attribute. Returns how many values were hidden.
pub(super) fn show(plan: &Plan, class: Class, name: &str, value: &str, out: &mut String) -> u64 {
    match name {
        "srcset" | "imagesrcset" => {
            show_places(value, candidates(value), out, |url, out| show_whole(plan, class, url, out))
        }
        "style" => show_style(plan, class, value, out),
        _ => show_link(plan, class, value, out),
    }
}

/// Shows a value whole, white space around it kept. An empty one stays empty.
fn show_whole(plan: &Plan, class: Class, value: &str, out: &mut String) -> u64 {
    let trimmed = value.trim();
    if trimmed.is_empty() {
        out.push_str(value);
        return 0;
    }
    let start = value.len() - value.trim_start().len();
    out.push_str(&value[..start]);
    plan.write_text(class, trimmed.as_bytes(), out);
    out.push_str(&value[start + trimmed.len()..]);
    1
}

/// Shows a link by the addresses in it, or whole if it has none.
fn show_link(plan: &Plan, class: Class, value: &str, out: &mut String) -> u64 {
    let mut edits = Edits::default();
    let show = |_, address: &str| {
        let mut shown = String::new();
        plan.write_text(class, address.as_bytes(), &mut shown);
        (!address.is_empty()).then_some((class, shown))
    };
    if !link::edit(value, show, &mut edits) {
        return show_whole(plan, class, value, out);
    }
    let mut shown = Vec::with_capacity(value.len());
    edits.apply(value, &mut shown);
    out.push_str(&String::from_utf8_lossy(&shown));
    edits.summary().total()
}

/// The candidates of a list of images (WHATWG HTML §4.8.4.2.1), without their descriptors.
pub(super) fn candidates(value: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    loop {
        let rest = &value[at..];
        at += rest.find(|c: char| !c.is_ascii_whitespace() && c != ',').unwrap_or(rest.len());
        let rest = &value[at..];
        if rest.is_empty() {
            return places;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let url = rest[..end].trim_end_matches(',');
        places.push(at..at + url.len());
        at += url.len();
        let rest = &value[at..];
        if !rest.starts_with(',') {
            let mut depth = 0_usize;
            let is_end = |c: char| {
                match c {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                c == ',' && depth == 0
            };
            at += rest.find(is_end).unwrap_or(rest.len());
        }
    }
}

/// Shows every address and string of a style. One that has escapes or comments, in which more could hide, is
/// emptied.
fn show_style(plan: &Plan, class: Class, value: &str, out: &mut String) -> u64 {
    if value.contains('\\') || value.contains("/*") {
        return 1;
    }
    show_places(value, style_values(value), out, |url, out| {
        let mut shown = String::new();
        let hidden = show_whole(plan, class, url, &mut shown);
        out.extend(shown.chars().filter(|c| !matches!(c, '"' | '\'' | '(' | ')' | '\\' | '\n')));
        hidden
    })
}

/// Shows the parts of a value at some places, and the rest as it is.
fn show_places(
    value: &str,
    places: Vec<Range<usize>>,
    out: &mut String,
    show: impl Fn(&str, &mut String) -> u64,
) -> u64 {
    let mut hidden = 0;
    let mut passed = 0;
    for place in places {
        out.push_str(&value[passed..place.start]);
        hidden += show(&value[place.clone()], out);
        passed = place.end;
    }
    out.push_str(&value[passed..]);
    hidden
}

/// The insides of the strings and of the unquoted `url()`s (CSS Syntax §4.3) of a style.
pub(super) fn style_values(style: &str) -> Vec<Range<usize>> {
    let lower = style.to_ascii_lowercase();
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(found) = lower[at..].find(['"', '\'', '(']) {
        at += found + 1;
        let opener = lower.as_bytes().get(at - 1).copied();
        let closer = match opener {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            _ if !lower[..at].ends_with("url(") => continue,
            _ if lower[at..].trim_start().starts_with(['"', '\'']) => continue,
            _ => ')',
        };
        let end = lower[at..].find(closer).map_or(style.len(), |end| at + end);
        places.push(at..end);
        at = (end + 1).min(style.len());
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AliasKey, Display};

    fn plan(display: Display) -> Plan {
        let key = AliasKey::new(&[7; 32]).unwrap();
        let mut builder = Plan::builder();
        for class in Class::ALL {
            builder = builder.display(class, display);
        }
        builder.build(&key).unwrap()
    }

    fn shown(class: Class, display: Display, name: &str, value: &str) -> (String, u64) {
        let mut out = String::new();
        let hidden = show(&plan(display), class, name, value, &mut out);
        (out, hidden)
    }

    #[test]
    fn the_address_of_a_link_is_masked_within_it() {
        let cases = [
            ("tel:+37061234567", "tel:hidden", 1),
            (" TEL:+370%2061234567?x=1 ", " TEL:hidden?x=1 ", 1),
            ("https://wa.me/37061234567?text=hi", "https://wa.me/hidden?text=hi", 1),
            ("//www.wa.me/37061234567", "//www.wa.me/hidden", 1),
            (
                "https://api.whatsapp.com/send?text=a&phone=37061234567#x",
                "https://api.whatsapp.com/send?text=a&phone=hidden#x",
                1,
            ),
            ("viber://chat?number=%2B37061234567", "viber://chat?number=hidden", 1),
            ("+37061234567", "hidden", 1),
            ("  ", "  ", 0),
            ("tel:", "tel:", 0),
        ];
        for (value, expected, hidden) in cases {
            assert_eq!(
                shown(Class::Phone, Display::Hidden, "href", value),
                (expected.to_owned(), hidden),
                "{value}"
            );
        }
    }

    #[test]
    fn every_recipient_of_a_mail_link_is_masked() {
        let (out, hidden) = shown(
            Class::Email,
            Display::Hidden,
            "href",
            "mailto:a@b.example,c%40d.example?subject=x&CC=e@f.example",
        );
        assert_eq!(
            out,
            "mailto:hidden@client.invalid,hidden@client.invalid?subject=x&CC=hidden@client.invalid"
        );
        assert_eq!(hidden, 3);
    }

    #[test]
    fn what_a_url_cannot_spell_is_percent_encoded() {
        let (out, _) = shown(Class::Phone, Display::Partial, "href", "tel:+37061234507");
        assert_eq!(out, "tel:+%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A2%E2%80%A207");
    }

    #[test]
    fn candidates_of_a_srcset_are_masked_one_by_one() {
        let (out, hidden) =
            shown(Class::Phone, Display::Hidden, "srcset", " /a.png 1x, /b,c.png, /d (1,2) 2x,,/e");
        assert_eq!(out, " hidden 1x, hidden, hidden (1,2) 2x,,hidden");
        assert_eq!(hidden, 4);
    }

    #[test]
    fn addresses_of_a_style_are_masked_and_styles_that_could_hide_more_are_emptied() {
        let style = |value| shown(Class::Phone, Display::Hidden, "style", value);
        let (out, hidden) =
            style("color: red; background: URL( /a.png ), url('/b'), image-set(\"/c\" 1x); width: calc(1px)");
        assert_eq!(
            out,
            "color: red; background: URL( hidden ), url('hidden'), image-set(\"hidden\" 1x); width: calc(1px)"
        );
        assert_eq!(hidden, 3);
        assert_eq!(style("background: u\\72l(/a)"), (String::new(), 1));
        assert_eq!(style("background: url/**/(/a)"), (String::new(), 1));
        assert_eq!(style("background: url(/a"), ("background: url(hidden".to_owned(), 1));
    }
}
