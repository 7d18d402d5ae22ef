//! Values that are hidden where members around them say so, keys that are contacts, and what is kept.

use std::sync::Arc;

use chatwarden_redact::{Class, Condition, Display, Limits, Plan, Selector, Summary, Test, mask};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::Value;

use crate::{
    cuts::{Cuts, redact, redact_alike},
    documents::{Tree, text, tree_of},
    judge::{Rule, What, judge, plan},
    properties::collect,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn what_conditions_keys_and_keepers_say_is_what_leaves(
        tree in tree(),
        seed: u64,
        rules in vec(rule(), 1..6).prop_map(settled),
    ) {
        let plan = plan(&rules);
        let judged = judge(&rules, &tree, seed);
        for cuts in [Cuts::Whole, Cuts::Every(1), Cuts::Drawn { seed, longest: 30 }] {
            let outcome = redact(&plan, Limits::default(), &judged.body, cuts);
            prop_assert_eq!(outcome.result.map(|summary| summary.total()), Ok(judged.count));
            prop_assert_eq!(String::from_utf8_lossy(&outcome.out), String::from_utf8_lossy(&judged.expected));
        }
    }

    #[test]
    fn at_the_bound_more_is_hidden_and_never_less(
        mut tree in tree(),
        seed: u64,
        rules in vec(rule(), 1..6).prop_map(settled),
        held_object in 0_usize..1_200,
    ) {
        forget_duplicates(&mut tree);
        let plan = plan(&rules);
        let judged = judge(&rules, &tree, seed);
        let limits = Limits { held_object, ..Limits::default() };
        let others = [Cuts::Whole, Cuts::Every(3), Cuts::Drawn { seed, longest: 30 }];
        let outcome = redact_alike(&plan, limits, &judged.body, &others);
        prop_assert!(outcome.result.unwrap().total() >= judged.count);
        let mut shown = Vec::new();
        collect(&serde_json::from_slice::<Value>(&outcome.out)?, &mut shown);
        // Short ones are discriminators, which stand in many places.
        for value in judged.hidden.iter().filter(|value| value.len() > 8) {
            prop_assert!(!shown.iter().any(|text| text.contains(value.as_str())), "{value:?} is in the output");
        }
    }
}

/// A condition on a member of the object itself, or of those around it.
fn when(member: &str, levels: std::ops::RangeInclusive<u8>, values: &[&str]) -> Condition {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Condition { member: member.to_owned(), levels, test: Test::OneOf(values) }
}

fn unless(member: &str, levels: std::ops::RangeInclusive<u8>, values: &[&str]) -> Condition {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    Condition { member: member.to_owned(), levels, test: Test::NoneOf(values) }
}

fn hide(selector: &str, conditions: &[Condition]) -> Rule {
    Rule { selector: Selector::parse(selector).unwrap(), what: What::Hide(Class::Phone, conditions.to_vec()) }
}

fn keep(selector: &str) -> Rule {
    Rule { selector: Selector::parse(selector).unwrap(), what: What::Keep }
}

fn keys(class: Class, selector: &str) -> Rule {
    Rule { selector: Selector::parse(selector).unwrap(), what: What::Keys(class) }
}

/// The output under default limits, the same at every cut.
fn shown(plan: &Arc<Plan>, body: &str) -> String {
    shown_within(plan, Limits::default(), body)
}

fn shown_within(plan: &Arc<Plan>, limits: Limits, body: &str) -> String {
    let outcome = redact_alike(plan, limits, body.as_bytes(), &[Cuts::Whole, Cuts::Every(2), Cuts::Every(7)]);
    outcome.result.unwrap_or_else(|error| panic!("{body}: {error}"));
    String::from_utf8(outcome.out).unwrap()
}

#[test]
fn a_field_is_hidden_where_a_member_of_its_object_says_so_before_or_behind_it() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default", "7", "true", "null"])])]);
    for (body, expected) in [
        (r#"{"phone":"1","role":"default"}"#, r#"{"phone":"hidden","role":"default"}"#),
        (r#"{"role":"default","phone":"1"}"#, r#"{"role":"default","phone":"hidden"}"#),
        (r#"{"phone":"1","role":"admin"}"#, r#"{"phone":"1","role":"admin"}"#),
        (r#"{"role":"admin","phone":"1"}"#, r#"{"role":"admin","phone":"1"}"#),
        (r#"{"phone":"1"}"#, r#"{"phone":"1"}"#),
        (r#"{"phone":"1","\u0072ole":"d\u0065fault"}"#, r#"{"phone":"hidden","\u0072ole":"d\u0065fault"}"#),
        (r#"{"phone":"1","role": 7 }"#, r#"{"phone":"hidden","role": 7 }"#),
        (r#"{"phone":"1","role":7.0}"#, r#"{"phone":"1","role":7.0}"#),
        (r#"{"phone":"1","role":true}"#, r#"{"phone":"hidden","role":true}"#),
        (r#"{"phone":"1","role":null}"#, r#"{"phone":"hidden","role":null}"#),
        (r#"{"phone":"1","role":"DEFAULT"}"#, r#"{"phone":"1","role":"DEFAULT"}"#),
        (r#"{"phone":"1","role":"defaults"}"#, r#"{"phone":"1","role":"defaults"}"#),
        (r#"{"phone":"1","role":"\ud83d"}"#, r#"{"phone":"1","role":"\ud83d"}"#),
        (r#"{"phone":"1","a":{"role":"default"}}"#, r#"{"phone":"1","a":{"role":"default"}}"#),
        (r#"{"role":"default","a":{"phone":"1"}}"#, r#"{"role":"default","a":{"phone":"1"}}"#),
        (r#"{"phone":79,"role":"default"}"#, r#"{"phone":0,"role":"default"}"#),
        (r#"{"phone":79,"role":"other"}"#, r#"{"phone":79,"role":"other"}"#),
        (r#"{"phone":null,"role":"default"}"#, r#"{"phone":null,"role":"default"}"#),
        (r#"{"phone":true,"role":"default"}"#, r#"{"phone":false,"role":"default"}"#),
        (r#"{"phone":["1",[2,{}]],"role":"default"}"#, r#"{"phone":["hidden",[0,{}]],"role":"default"}"#),
        (r#"{"phone":["1",[2,{}]],"role":"other"}"#, r#"{"phone":["1",[2,{}]],"role":"other"}"#),
        (r#"[{"phone":"1"},{"phone":"2","role":7}]"#, r#"[{"phone":"1"},{"phone":"hidden","role":7}]"#),
    ] {
        assert_eq!(shown(&plan, body), expected);
    }
}

#[test]
fn a_member_that_stands_twice_or_is_a_container_hides() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default"])])]);
    for body in [
        r#"{"phone":"1","role":"admin","role":"admin"}"#,
        r#"{"role":"admin","phone":"1","role":"admin"}"#,
        r#"{"role":"admin","role":"admin","phone":"1"}"#,
        r#"{"role":"default","phone":"1","role":"admin"}"#,
        r#"{"phone":"1","role":{"name":"admin"}}"#,
        r#"{"role":["admin"],"phone":"1"}"#,
    ] {
        assert_eq!(shown(&plan, body), body.replace("\"1\"", "\"hidden\""));
    }
}

#[test]
fn the_nearest_object_that_has_the_member_decides() {
    let plan = plan(&[hide("$..phone", &[unless("channel", 0..=255, &["web"])])]);
    for (body, expected) in [
        (r#"{"channel":"web","a":[{"phone":"1"}]}"#, r#"{"channel":"web","a":[{"phone":"1"}]}"#),
        (r#"{"a":[{"phone":"1"}],"channel":"web"}"#, r#"{"a":[{"phone":"1"}],"channel":"web"}"#),
        (r#"{"a":[{"phone":"1"}],"channel":"sms"}"#, r#"{"a":[{"phone":"hidden"}],"channel":"sms"}"#),
        (r#"{"a":[{"phone":"1"}]}"#, r#"{"a":[{"phone":"hidden"}]}"#),
        (
            r#"{"a":{"b":{"phone":"1"},"channel":"web"},"channel":"sms"}"#,
            r#"{"a":{"b":{"phone":"1"},"channel":"web"},"channel":"sms"}"#,
        ),
        (
            r#"{"channel":"web","a":[{"phone":"1","channel":"sms"},{"phone":"2"}]}"#,
            r#"{"channel":"web","a":[{"phone":"hidden","channel":"sms"},{"phone":"2"}]}"#,
        ),
        // What ended stays ended: the second object is not the first one's.
        (
            r#"{"a":[{"phone":"1"},{"phone":"2","channel":"sms"}],"channel":"web"}"#,
            r#"{"a":[{"phone":"1"},{"phone":"hidden","channel":"sms"}],"channel":"web"}"#,
        ),
        (r#"[[{"phone":"1"}]]"#, r#"[[{"phone":"hidden"}]]"#),
    ] {
        assert_eq!(shown(&plan, body), expected);
    }
}

#[test]
fn a_condition_may_ask_the_parent_alone() {
    let plan = plan(&[hide("$..phone", &[when("role", 1..=1, &["default"]), when("type", 0..=0, &["c"])])]);
    for (body, expected) in [
        (
            r#"{"a":[{"phone":"1","type":"c"}],"role":"default"}"#,
            r#"{"a":[{"phone":"hidden","type":"c"}],"role":"default"}"#,
        ),
        (
            r#"{"a":{"phone":"1","type":"d"},"role":"default"}"#,
            r#"{"a":{"phone":"1","type":"d"},"role":"default"}"#,
        ),
        (
            r#"{"a":{"phone":"1","type":"c","role":"default"}}"#,
            r#"{"a":{"phone":"1","type":"c","role":"default"}}"#,
        ),
        (
            r#"{"role":"default","a":{"b":{"phone":"1","type":"c"}}}"#,
            r#"{"role":"default","a":{"b":{"phone":"1","type":"c"}}}"#,
        ),
        (r#"{"phone":"1","type":"c","role":"default"}"#, r#"{"phone":"1","type":"c","role":"default"}"#),
    ] {
        assert_eq!(shown(&plan, body), expected);
    }
}

#[test]
fn where_a_condition_is_not_met_the_next_field_decides() {
    let name =
        Rule { selector: Selector::parse("$..phone").unwrap(), what: What::Hide(Class::Email, vec![]) };
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default"])]), name]);
    let masked = "hidden@client.invalid";
    assert_eq!(shown(&plan, r#"{"phone":"1"}"#), format!(r#"{{"phone":"{masked}"}}"#));
    assert_eq!(shown(&plan, r#"{"phone":"1","role":"default"}"#), r#"{"phone":"hidden","role":"default"}"#);
    assert_eq!(
        shown(&plan, r#"{"phone":{"phone":["1"]},"role":"x"}"#),
        format!(r#"{{"phone":{{"phone":["{masked}"]}},"role":"x"}}"#)
    );
}

#[test]
fn nothing_is_held_before_the_first_value_that_waits_nor_behind_the_object_that_decides() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default"])])]);
    let mut redactor = chatwarden_redact::Redactor::json(plan);
    let mut out = Vec::new();
    for (chunk, left) in [
        (r#"[{"id":1,"phone": "2"#, r#"[{"id":1,"phone": "#),
        (r#"3","name":"n""#, ""),
        (r#","role":"admin""#, ""),
        ("}", r#""23","name":"n","role":"admin"}"#),
        (r#",{"role":"default","phone":"4""#, r#",{"role":"default","phone":"hidden""#),
        (r#","a":"b"}]"#, r#","a":"b"}]"#),
    ] {
        out.clear();
        redactor.write(chunk.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), left, "{chunk}");
    }
    assert_eq!(redactor.finish(&mut out).unwrap().total(), 1);
}

#[test]
fn nothing_held_leaves_after_an_error() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default"])])]);
    for end in ["", "}", "]", r#","role":"admin",}"#, r#","role":"admin" "#] {
        let body = format!(r#"[{{"id":1,"phone":"2"{end}"#);
        let outcome = redact(&plan, Limits::default(), body.as_bytes(), Cuts::Every(1));
        match end {
            // The error comes behind the object that decides.
            "}" => assert_eq!(outcome.out, body.as_bytes()),
            _ => assert_eq!(outcome.out, br#"[{"id":1,"phone":"#, "{end}"),
        }
        assert!(outcome.result.is_err());
    }
}

#[test]
fn what_is_undecided_at_the_bound_is_hidden_for_the_rest_of_its_object() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default"])])]);
    let limits = Limits { held_object: 1_000, ..Limits::default() };
    let short = "x".repeat(400);
    let long = "x".repeat(1_000);
    let body = |first: &str, filling: &str, then: &str| {
        format!(r#"[{{{first}"a":"{filling}",{then}}},{{"phone":"3","role":"admin"}}]"#)
    };
    let first = r#""phone":"1","#;
    let then = r#""phone":"2","role":"admin""#;
    // Within the bound it is decided by the member behind it.
    assert_eq!(shown_within(&plan, limits, &body(first, &short, then)), body(first, &short, then));
    // Over it, it is hidden, and so is what comes later in that object; the next object is judged by itself.
    let hidden = (r#""phone":"hidden","#, r#""phone":"hidden","role":"admin""#);
    assert_eq!(shown_within(&plan, limits, &body(first, &long, then)), body(hidden.0, &long, hidden.1));
    // A member that came first is believed when there is no more room to wait for its double.
    let first = r#""role":"admin","phone":"1","#;
    let then = r#""phone":"2""#;
    assert_eq!(shown_within(&plan, limits, &body(first, &long, then)), body(first, &long, then));
    // Later values of that object show the double, if there is one.
    let double = r#""role":"admin","phone":"2""#;
    assert_eq!(
        shown_within(&plan, limits, &body(first, &long, double)),
        body(first, &long, r#""role":"admin","phone":"hidden""#)
    );
}

#[test]
fn at_the_bound_no_object_speaks_for_one_that_ended_in_its_place() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=255, &["default"])])]);
    let limits = Limits { held_object: 1_000, ..Limits::default() };
    let filling = "x".repeat(1_000);
    let body =
        |phone: &str| format!(r#"[{{"list":[{{"phone":"{phone}"}},{{"role":"admin","a":"{filling}"}}]}}]"#);
    assert_eq!(shown_within(&plan, limits, &body("1")), body("hidden"));
}

#[test]
fn a_value_that_is_cut_by_the_bound_is_hidden_whole() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=0, &["default"])])]);
    for held_object in 0..800 {
        let limits = Limits { held_object, ..Limits::default() };
        for value in [
            "\"\\u0031 long \\ud83d\\ude00é value\"",
            "12345678901234567890",
            "false",
            "[\"a\",[1,{\"b\":\"c\"}]]",
        ] {
            let body = format!(r#"{{"phone":{value},"b":{value},"role":"admin"}}"#);
            let hidden = match value.as_bytes() {
                [b'"', ..] => "\"hidden\"",
                [b'1', ..] => "0",
                [b'f', ..] => "false",
                _ => r#"["hidden",[0,{"b":"hidden"}]]"#,
            };
            let hidden = format!(r#"{{"phone":{hidden},"b":{value},"role":"admin"}}"#);
            let out = shown_within(&plan, limits, &body);
            assert!(out == body || out == hidden, "{held_object}: {out}");
            assert!(out == hidden || held_object > 160, "{held_object}: {out}");
        }
    }
}

#[test]
fn a_flood_in_an_undecided_object_is_not_held() {
    let plan = plan(&[hide("$..phone", &[when("role", 0..=255, &["default"])])]);
    let limits = Limits::default();
    let mut redactor = chatwarden_redact::Redactor::new(plan, chatwarden_redact::Format::Json, limits);
    let (mut taken, mut left) = (0, 0);
    let mut out = Vec::new();
    let mut write = |chunk: &[u8]| {
        out.clear();
        redactor.write(chunk, &mut out).unwrap();
        taken += chunk.len();
        left += out.len();
        assert!(taken < left + limits.held_object + limits.value_bytes, "{taken} {left}");
    };
    write(br#"{"phone":"1234567","list":["#);
    for _ in 0..2_000 {
        write(br#"{"name":"a name of some length","phone":"12345","tags":[1,2,3,4,5,6,7,8,9]},"#);
    }
    write(br#"{"a":"#);
    for _ in 0..100 {
        write(&[b' '; 10_000]);
    }
    write(br#"1}]}"#);
}

#[test]
fn keys_that_are_contacts_are_hidden_and_values_judged_by_the_keys_as_they_came() {
    let alias = |key: &str| mask(Class::Phone, Display::Alias, key, &crate::judge::key());
    let (one, two) = (alias("+37061234567"), alias("+37061234568"));
    assert_ne!(one, two);
    let rules = [keys(Class::Phone, "$..by_phone"), hide("$..by_phone['+37061234567'].name", &[])];
    let body = r#"{"by_phone":{"+3706123\u0034567":{"name":"a","id":1},"+37061234568":{"name":"b"},"":2},"+37061234567":3}"#;
    let expected = format!(
        r#"{{"by_phone":{{"{one}":{{"name":"hidden","id":1}},"{two}":{{"name":"b"}},"":2}},"+37061234567":3}}"#
    );
    let outcome =
        redact_alike(&plan(&rules), Limits::default(), body.as_bytes(), &[Cuts::Whole, Cuts::Every(5)]);
    assert_eq!(String::from_utf8(outcome.out).unwrap(), expected);
    let mut summary = Summary::default();
    summary.hidden[Class::Phone.index()] = 3;
    assert_eq!(outcome.result, Ok(summary));
}

#[test]
fn keys_are_hidden_in_hidden_containers_too_but_not_in_kept_ones() {
    let alias = mask(Class::Phone, Display::Alias, "+37061234567", &crate::judge::key());
    let body = r#"{"people":{"by_phone":{"+37061234567":"1"}},"me":{"by_phone":{"+37061234567":"2"}}}"#;
    let people = hide("$.people", &[]);
    let (me, by_phone) = (keep("$.me"), keys(Class::Phone, "$..by_phone"));
    let expected = format!(
        r#"{{"people":{{"by_phone":{{"{alias}":"hidden"}}}},"me":{{"by_phone":{{"+37061234567":"2"}}}}}}"#
    );
    for rules in [[people.clone(), by_phone.clone(), me.clone()], [me, people, by_phone]] {
        assert_eq!(shown(&plan(&rules), body), expected);
    }
}

#[test]
fn what_is_kept_stays_unless_a_field_declared_before_hides_it_or_a_container_around_it() {
    let body = r#"{"team":{"assignee":{"phone":"1"},"phone":"2","role":"x"}}"#;
    let kept = r#"{"team":{"assignee":{"phone":"1"},"phone":"hidden","role":"hidden"}}"#;
    let hidden = r#"{"team":{"assignee":{"phone":"hidden"},"phone":"hidden","role":"hidden"}}"#;
    let (team, assignee, phone) = (hide("$.team", &[]), keep("$..assignee"), hide("$..phone", &[]));
    let waiting = hide("$.team", &[when("none", 0..=0, &["x"])]);
    let certain = hide("$.team", &[unless("none", 0..=0, &["x"])]);
    for (rules, expected) in [
        (vec![assignee.clone(), team.clone()], kept),
        (vec![assignee.clone(), phone.clone(), team.clone()], kept),
        (vec![team, assignee.clone()], hidden),
        (vec![assignee.clone(), certain.clone()], kept),
        (vec![certain, assignee.clone()], hidden),
        (
            vec![waiting.clone(), assignee.clone(), phone.clone()],
            r#"{"team":{"assignee":{"phone":"1"},"phone":"hidden","role":"x"}}"#,
        ),
        (
            vec![waiting, phone, assignee],
            r#"{"team":{"assignee":{"phone":"1"},"phone":"hidden","role":"x"}}"#,
        ),
    ] {
        assert_eq!(shown(&plan(&rules), body), expected, "{rules:?}");
    }
}

#[test]
fn what_keeps_a_value_is_declared_before_all_that_wait_to_hide_it() {
    let role = |value: &str| [when("role", 0..=0, &[value])];
    let rules = [hide("$..phone", &role("a")), keep("$..phone.x"), hide("$..card", &role("b"))];
    let plan = plan(&rules);
    let body = |x: &str, y: &str, phone: &str, card: &str| {
        format!(r#"{{"card":{{"phone":{{"x":"{x}","y":"{y}"}},"role":"{phone}"}},"role":"{card}"}}"#)
    };
    for (phone, card, x, y, role) in [
        ("a", "b", "hidden", "hidden", "hidden"),
        ("a", "-", "hidden", "hidden", "a"),
        ("-", "b", "1", "hidden", "hidden"),
        ("-", "-", "1", "2", "-"),
    ] {
        assert_eq!(shown(&plan, &body("1", "2", phone, card)), body(x, y, role, card));
    }
}

/// Names that rules and conditions meet.
fn name() -> impl Strategy<Value = String> {
    select(["role", "role", "type", "phone", "phone", "name", "a", "box"].map(str::to_owned).to_vec())
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        1 => Just(Tree::Null),
        1 => any::<bool>().prop_map(Tree::Bool),
        1 => (0..3_u32).prop_map(|number| Tree::Number(number.to_string())),
        4 => select(vec!["default", "admin"]).prop_map(|text| Tree::Text(text.to_owned())),
        6 => text().prop_map(Tree::Text),
    ];
    tree_of(leaf, name)
}

fn rule() -> impl Strategy<Value = Rule> {
    let selectors = [
        "$..phone",
        "$..phone",
        "$..name",
        "$..*",
        "$..a",
        "$..box",
        "$..role",
        "$",
        "$.*.phone",
        "$..a[0]",
        "$..box.*",
        "$[*]..name",
        "$..a..phone",
    ];
    let class = || select(&Class::ALL[..5]);
    let what = prop_oneof![
        4 => (class(), vec(condition(), 0..3)).prop_map(|(class, conditions)| What::Hide(class, conditions)),
        1 => class().prop_map(What::Keys),
        2 => Just(What::Keep),
    ];
    (select(selectors.to_vec()), what)
        .prop_map(|(selector, what)| Rule { selector: Selector::parse(selector).unwrap(), what })
}

fn condition() -> impl Strategy<Value = Condition> {
    let levels = select(vec![0..=0, 0..=0, 1..=1, 0..=1, 0..=255, 1..=3]);
    let values = vec(select(vec!["default", "admin", "1", "true", "null"]), 1..3);
    (select(vec!["role", "role", "type"]), levels, values, any::<bool>()).prop_map(
        |(member, levels, values, is_negated)| match is_negated {
            true => unless(member, levels, &values),
            false => when(member, levels, &values),
        },
    )
}

/// Without keys where it may wait whether they are kept: keys do not wait, they are hidden then.
fn settled(mut rules: Vec<Rule>) -> Vec<Rule> {
    let waits = |rule: &Rule| matches!(&rule.what, What::Hide(_, conditions) if !conditions.is_empty());
    let keeps = |rule: &Rule| matches!(rule.what, What::Keep);
    if rules.iter().position(waits) < rules.iter().rposition(keeps) && rules.iter().any(waits) {
        rules.retain(|rule| !matches!(rule.what, What::Keys(_)));
    }
    rules
}

fn forget_duplicates(tree: &mut Tree) {
    match tree {
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) => {}
        Tree::Array(items) => items.iter_mut().for_each(forget_duplicates),
        Tree::Object(members) => {
            let mut names = Vec::new();
            members.retain(|(name, _)| {
                let is_new = !names.contains(name);
                names.push(name.clone());
                is_new
            });
            members.iter_mut().for_each(|(_, member)| forget_duplicates(member));
        }
    }
}
