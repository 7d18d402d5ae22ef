//! Tests of fragments: what is hidden in links, what stays, and what cannot be read.

use super::*;
use crate::{AliasKey, Class, Display};

fn plan() -> Plan {
    let builder =
        Plan::builder().display(Class::Phone, Display::Hidden).display(Class::Email, Display::Hidden);
    builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap()
}

/// The fragment redacted; `None` if it cannot be read.
fn redact(html: &str) -> Option<String> {
    let mut edits = Edits::default();
    scan(&plan(), html, true, &mut edits)?;
    let mut out = Vec::new();
    edits.apply(html, &mut out);
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn numbers_and_addresses_in_links_are_hidden_and_nothing_else() {
    // `@` stands for the hidden value, here and there.
    let number = "+37061234507";
    let links = [
        ("tel:@", "hidden"),
        ("TEL:@", "hidden"),
        (" tel:@ ", "hidden"),
        ("tel://@", "hidden"),
        ("tel:@;ext=12", "hidden"),
        ("callto:@", "hidden"),
        ("sms:@?body=hello", "hidden"),
        ("sms:@,@?body=hello", "hidden"),
        ("smsto:@;@", "hidden"),
        ("facetime-audio:@", "hidden"),
        ("https://wa.me/@", "hidden"),
        ("https://wa.me/@/?text=a&amp;b", "hidden"),
        ("HTTP://WWW.WA.ME:443/@?text=a", "hidden"),
        ("//wa.me/@", "hidden"),
        ("https:\\\\wa.me\\@", "hidden"),
        ("https://api.whatsapp.com/send?phone=@&amp;text=x", "hidden"),
        ("https://api.whatsapp.com/send/?text=x&phone=@#a", "hidden"),
        ("whatsapp://send?phone=@", "hidden"),
        ("whatsapp://send?text=x&#38;phone=@", "hidden"),
        ("viber://chat?number=@", "hidden"),
        ("viber://add?number=@&x=1", "hidden"),
        ("tg://resolve?phone=@", "hidden"),
        ("https://t.me/@", "hidden"),
        ("https://signal.me/#p/@", "hidden"),
    ];
    for (link, hidden) in links {
        for (open, close) in [("<a href=\"", "\">x</a>"), ("<a id=1 HREF = '", "'/>")] {
            let fragment = format!("<p class=x>a {open}{link}{close} &nbsp; b");
            let shown = redact(&fragment.replace('@', number)).unwrap();
            assert_eq!(shown, fragment.replace('@', hidden), "{link}");
        }
    }
    let mail = [
        ("mailto:a@b.cd", "mailto:hidden@client.invalid"),
        ("MailTo:a%40b.cd?subject=c%40d", "MailTo:hidden@client.invalid?subject=c%40d"),
        ("mailto:a@b.cd,e@f.gh", "mailto:hidden@client.invalid,hidden@client.invalid"),
        (
            "mailto:?cc=a@b.cd&amp;body=x&Bcc=e@f.gh",
            "mailto:?cc=hidden@client.invalid&amp;body=x&Bcc=hidden@client.invalid",
        ),
    ];
    for (link, expected) in mail {
        let shown = redact(&format!("<a href={link}>")).unwrap();
        assert_eq!(shown, format!("<a href={expected}>"));
    }
}

#[test]
fn spellings_of_a_link_do_not_hide_it_from_view() {
    for link in [
        "&#116;el:+37061234507",
        "tel&colon;&plus;370&#x36;1234507",
        "t&Tab;el:+370612\n34507",
        "&NewLine;tel:%2B370%2061234507",
        "\u{1}tel:+37061234507",
        "whatsapp://send?%70hone=37061234507",
        "https://wa.me/%2B370-612-34507",
        "https://user@wa.me./37061234507",
    ] {
        let shown = redact(&format!("<a href=\"{link}\">x</a>")).unwrap();
        assert!(shown.contains("hidden") && !shown.contains("4507"), "{link}: {shown}");
        assert!(shown.starts_with("<a href=\"") && shown.ends_with("\">x</a>"), "{shown}");
    }
}

#[test]
fn other_markup_leaves_as_it_came() {
    for html in [
        "",
        "text, no markup, 1 < 2 <3 & so on </",
        "<p>a</p >b<br/><br / >",
        "<a href=https://example.com/37061234507?phone=1>x</a>",
        "<a href=\"https://wa.me/message/ABC\">x</a>",
        "<a href=https://t.me/some_name>x</a>",
        "<a href=tel: title=>x</a><a href=\"mailto:\">",
        "<img alt='a > b' src=\"data:image/png;base64,AAAA\" =x='y' \"z\">",
        "<!-- <a href=\"tel:1234567\"> --><!--><!---><!-- a --!>b",
        "<!DOCTYPE html><?xml version=\"1.0\"?></ x>",
        "<style>a > b { content: \"<a href='tel:1'>\" }</style>c",
        "<textarea><a href=\"tel:1\"></textarea><TITLE><b></titles></TITLE>",
        "<é title=\"é\">é</é>",
        "<svg><path d=\"M0 0\"/></svg>",
    ] {
        assert_eq!(redact(html).as_deref(), Some(html));
    }
}

#[test]
fn what_a_browser_may_read_in_another_way_cannot_be_read() {
    for html in [
        "<a",
        "<a href",
        "<a href=",
        "<a href=x",
        "<a href=\"x",
        "<a href='x>",
        "<a href=\"x\"",
        "</a",
        "<!-- a",
        "<!doctype",
        "<style>a",
        "<script>a</script",
        "<script><!--<script></script>--></script>",
        "<svg><style><a href=\"tel:1\"></style></svg>",
        "<svg><![CDATA[>]]></svg>",
        "<noscript><p title=\"</noscript>\">",
        "<plaintext><a>",
    ] {
        assert_eq!(redact(html), None, "{html}");
    }
}
