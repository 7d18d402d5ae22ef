//! Tests of forms: names in each notation, values at every cut.

use super::*;
use crate::{AliasKey, Display, Format, Redactor, Selector};

/// Redacts under a small plan that shows constants: whole, byte by byte and in twos.
fn redact(form: &str) -> (String, u64) {
    redact_under(Limits::default(), form.as_bytes())
}

fn redact_under(limits: Limits, form: &[u8]) -> (String, u64) {
    let plan = ["$..phone", "$.contact.email", "$.phones[1]"].into_iter().fold(
        Plan::builder().display(Class::Phone, Display::Hidden).display(Class::Email, Display::Hidden),
        |builder, text| {
            let class = if text.ends_with("email") { Class::Email } else { Class::Phone };
            builder.field(class, &Selector::parse(text).unwrap())
        },
    );
    let plan = Arc::new(plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut outcomes = [form.len().max(1), 1, 2, 7].map(|size| {
        let mut redactor = Redactor::new(Arc::clone(&plan), Format::Form, limits);
        let mut out = Vec::new();
        form.chunks(size).for_each(|chunk| redactor.write(chunk, &mut out).unwrap());
        assert_eq!(redactor.offset(), form.len() as u64);
        let summary = redactor.finish(&mut out).unwrap();
        (String::from_utf8(out).unwrap(), summary.total())
    });
    let whole = std::mem::take(&mut outcomes[0]);
    outcomes[1..].iter().for_each(|pieces| assert_eq!(*pieces, whole, "{}", form.escape_ascii()));
    whole
}

#[test]
fn declared_fields_are_hidden_and_the_rest_leaves_as_it_came() {
    let cases = [
        ("", ""),
        ("phone=%2B37061234567", "phone=hidden"),
        ("id=7&phone=%2B370+612&x=%zz+%41", "id=7&phone=hidden&x=%zz+%41"),
        ("phone=", "phone="),
        ("phone", "phone"),
        ("phone&phone&=&&a", "phone&phone&=&&a"),
        ("=x&phone==1==2&a=b=c", "=x&phone=hidden&a=b=c"),
        ("contact[phone]=1&contact%5Bphone%5D=2", "contact[phone]=hidden&contact%5Bphone%5D=hidden"),
        ("contact.phone=1&contact[0][phone][]=2", "contact.phone=hidden&contact[0][phone][]=hidden"),
        ("contact[email]=a%40b.c&email=stays", "contact[email]=hidden%40client.invalid&email=stays"),
        ("phones[0]=1&phones[1]=2&phones[]=3", "phones[0]=1&phones[1]=hidden&phones[]=hidden"),
        ("%70hone=1&ph%6fne=2&%70%68%6F%6E%65=3", "%70hone=hidden&ph%6fne=hidden&%70%68%6F%6E%65=hidden"),
        ("ph%6zne=1&%=2&%7=3&p%", "ph%6zne=1&%=2&%7=3&p%"),
        ("PHONE=1", "PHONE=1"),
        ("phone=%ff%fe", "phone=hidden"),
        ("%ff=1&\u{e9}=2", "%ff=1&\u{e9}=2"),
        ("a=%20%7", "a=%20%7"),
        ("a=+++", "a=+++"),
    ];
    for (form, expected) in cases {
        assert_eq!(redact(form).0, expected, "{form}");
    }
}

#[test]
fn json_in_a_value_is_redacted_as_json() {
    let cases = [
        (
            r#"payload=%7B%22phone%22%3A%20%22%2B370%22%7D&x=1"#,
            "payload=%7B%22phone%22%3A+%22hidden%22%7D&x=1",
        ),
        (r#"payload={"phone":"1"}"#, "payload=%7B%22phone%22%3A%22hidden%22%7D"),
        ("payload=+%0a%20[{%22phone%22:1}]", "payload=+%0A+%5B%7B%22phone%22%3A0%7D%5D"),
        ("payload=%7B%22id%22:7%7d", "payload=%7B%22id%22:7%7d"),
        ("payload=%7B%22phone%22:7,%7d", "payload=hidden"),
        ("payload=%EF%BB%BF{%22phone%22:7}", "payload=hidden"),
        ("payload=%22{\\%22phone\\%22:7}%22", "payload=%22%7B%5C%22phone%5C%22%3A0%7D%22"),
        ("text=%22Well%22,+she+said&a=%22", "text=%22Well%22,+she+said&a=%22"),
        ("text=\u{a0}%C2%A0%E2%80%8B{%22phone%22:7}&a=%E2%80", "text=hidden&a=%E2%80"),
        ("text=[photo]&text=%5Bphoto%5D", "text=[photo]&text=%5Bphoto%5D"),
        ("%7B%22phone%22:7}", "%7B%22phone%22:7}"),
    ];
    for (form, expected) in cases {
        assert_eq!(redact(form).0, expected, "{form}");
    }
    assert_eq!(redact(r#"payload={"phone":"1","a":{"phone":2}}"#).1, 2);
}

#[test]
fn what_is_too_long_to_be_judged_is_hidden() {
    let limits = Limits { value_bytes: 8, inner_bytes: 24, ..Limits::default() };
    let cases = [
        ("phone=12345678", "phone=hidden"),
        ("phone=123456789&a=b", "phone=hidden&a=b"),
        ("a=a+value+longer+than+all+the+limits+of+it", "a=a+value+longer+than+all+the+limits+of+it"),
        ("a=%7B%7D%20%20%20%20%20%20", "a=%7B%7D%20%20%20%20%20%20"),
        ("a=%7B%7D%20%20%20%20%20%20+", "a=hidden"),
        ("a={}+++++++++++++++++++++++++++++&b=1", "a=hidden&b=1"),
        ("a=+++++++++++++++++++++++++++++{}&b=1", "a=hidden&b=1"),
        ("12345678=1&123456789=2&123456789=", "12345678=1&123456789=hidden&123456789="),
        ("a_name_longer_than_three_times_the_limit=1", "a_name_longer_than_three_times_the_limit=hidden"),
    ];
    for (form, expected) in cases {
        assert_eq!(redact_under(limits, form.as_bytes()).0, expected, "{form}");
    }
}

#[test]
fn a_value_of_a_megabyte_is_not_held() {
    let plan = Arc::new(Plan::builder().build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let mut rewriter = Rewriter::new(plan, Limits::default());
    let mut out = Vec::new();
    for form in ["a=", &"x".repeat(1 << 20), "&b=", &"[".repeat(2 << 20), "&c=d"] {
        rewriter.write(form.as_bytes(), &mut out).unwrap();
        assert!(rewriter.held.capacity() <= 2 * rewriter.limits.inner_bytes);
    }
    rewriter.finish(&mut out).unwrap();
    assert!(out.ends_with(b"xxx&b=hidden&c=d"));
}
