//! Tests of compiled plans: which place of a document belongs to which class.

use super::*;
use crate::selector::Pick;

fn plan(fields: &[(Class, &str)]) -> Plan {
    let mut builder = Plan::builder();
    for (class, selector) in fields {
        builder = builder.field(*class, &Selector::parse(selector).unwrap());
    }
    builder.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap()
}

/// The class at the end of a way from the root, and whether a selector could match below it.
fn walk(plan: &Plan, way: &[Pick]) -> (Option<Class>, bool) {
    let automaton = plan.automaton();
    let mut states = automaton.start().to_vec();
    let mut treatment = automaton.root();
    for (place, step) in way.iter().enumerate() {
        let label = match step {
            Pick::Name(name) => automaton.member(name.as_bytes()),
            Pick::Index(index) => automaton.item(*index),
            Pick::Any => unreachable!("a way has names and indexes"),
        };
        treatment = automaton.treatment(&states[states.len() - automaton.words()..], label);
        if !automaton.descend(&mut states, label) {
            let is_end = place + 1 == way.len();
            return (hidden(treatment.filter(|_| is_end)), false);
        }
    }
    (hidden(treatment), true)
}

fn hidden(treatment: Option<Treatment>) -> Option<Class> {
    match treatment {
        Some(Treatment::Hide(class) | Treatment::HideIf(_, class)) => Some(class),
        Some(Treatment::Keep | Treatment::Keys(_) | Treatment::Inner(_) | Treatment::Written) | None => None,
    }
}

fn way(text: &str) -> Vec<Pick> {
    let step = |step: &str| step.parse().map_or_else(|_| Pick::Name(step.to_owned()), Pick::Index);
    text.split('/').filter(|step| !step.is_empty()).map(step).collect()
}

#[test]
fn ways_through_a_document_are_selected_as_the_selectors_say() {
    let cases: [(&str, &[&str], &[&str]); 12] = [
        ("$", &[""], &["a"]),
        ("$.a", &["a"], &["", "b", "a/a", "0", "b/a"]),
        ("$.a.b", &["a/b"], &["a", "b", "a/b/b", "a/a/b", "a/0/b"]),
        ("$..a", &["a", "b/a", "0/a", "a/a", "b/0/c/a"], &["", "b", "a/b"]),
        ("$..a.b", &["a/b", "c/a/b", "a/a/b"], &["a", "b", "a/c/b"]),
        ("$..a..b", &["a/b", "c/a/d/b", "a/b/b"], &["b", "a", "b/a"]),
        ("$.*", &["a", "0"], &["", "a/b"]),
        ("$..*", &["a", "0", "a/b/0/c"], &[""]),
        ("$.a[1]", &["a/1"], &["a/0", "a/2", "1", "a/b"]),
        ("$[*].a", &["0/a", "7/a", "b/a"], &["a", "0/0/a"]),
        ("$['a',0,'b'].c", &["a/c", "0/c", "b/c"], &["c", "1/c", "d/c"]),
        ("$..[2]", &["2", "a/2", "2/2"], &["", "a", "1", "1000000"]),
    ];
    for (selector, selected, others) in cases {
        let plan = plan(&[(Class::Phone, selector)]);
        for text in selected {
            assert_eq!(walk(&plan, &way(text)).0, Some(Class::Phone), "{selector} {text}");
        }
        for text in others {
            assert_eq!(walk(&plan, &way(text)).0, None, "{selector} {text}");
        }
    }
}

#[test]
fn the_field_declared_first_decides_the_class() {
    let fields = [(Class::Name, "$.user.contact"), (Class::Phone, "$..contact"), (Class::Email, "$..*")];
    let first = plan(&fields);
    assert_eq!(walk(&first, &way("user/contact")).0, Some(Class::Name));
    assert_eq!(walk(&first, &way("contact")).0, Some(Class::Phone));
    assert_eq!(walk(&first, &way("user")).0, Some(Class::Email));
    let reversed = plan(&[fields[2], fields[1], fields[0]]);
    assert_eq!(walk(&reversed, &way("user/contact")).0, Some(Class::Email));
}

#[test]
fn what_is_kept_wins_over_fields_declared_later() {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let parse = |text| Selector::parse(text).unwrap();
    let fields = |builder: PlanBuilder| builder.field(Class::Name, &parse("$..name"));
    let kept = |builder: PlanBuilder| builder.keep(&parse("$.me.name"));
    let first = fields(kept(Plan::builder())).build(&key).unwrap();
    assert_eq!(walk(&first, &way("me/name")).0, None);
    assert_eq!(walk(&first, &way("you/name")).0, Some(Class::Name));
    let last = kept(fields(Plan::builder())).build(&key).unwrap();
    assert_eq!(walk(&last, &way("me/name")).0, Some(Class::Name));
    assert!(kept(Plan::builder()).build(&key).unwrap().is_empty());
}

#[test]
fn a_place_where_nothing_can_match_any_more_is_a_dead_end() {
    let anchored = plan(&[(Class::Phone, "$.data[*].phone")]);
    assert!(walk(&anchored, &way("data")).1);
    assert!(walk(&anchored, &way("data/0")).1);
    assert!(!walk(&anchored, &way("meta")).1);
    assert!(!walk(&anchored, &way("data/0/phone")).1);
    assert!(!walk(&anchored, &way("data/0/tags")).1);
    let descending = plan(&[(Class::Phone, "$..phone")]);
    assert!(walk(&descending, &way("a/b/c")).1);
}

#[test]
fn a_plan_without_descendants_skips_what_no_selector_leads_into() {
    let plan =
        plan(&[(Class::Phone, "$.data[*].phone"), (Class::Name, "$.owner.name"), (Class::Email, "$.me")]);
    for dead in ["meta", "0", "data/7/tags", "data/7/phone", "owner/name", "owner/data", "me"] {
        assert!(!walk(&plan, &way(dead)).1, "{dead}");
    }
    for live in ["data", "data/7", "owner"] {
        assert!(walk(&plan, &way(live)).1, "{live}");
    }
}

#[test]
fn a_plan_of_conditions_or_keys_is_not_empty_and_tells_them() {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let selector = Selector::parse("$..a").unwrap();
    let condition = Condition { member: "b".into(), levels: 0..=0, test: Test::OneOf(vec!["c".into()]) };
    let keys = Plan::builder().contact_keys(Class::Phone, &selector).build(&key).unwrap();
    assert!(!keys.is_empty() && keys.conditions().is_empty());
    assert_eq!(keys.contact_keys().collect::<Vec<_>>(), [(Class::Phone, &selector)]);
    assert_eq!(keys.fields().count(), 0);
    let when = Plan::builder().field_when(Class::Phone, &selector, &[condition]).build(&key).unwrap();
    assert!(!when.is_empty() && !when.conditions().is_empty());
    assert_eq!(when.fields().collect::<Vec<_>>(), [(Class::Phone, &selector)]);
    let always = Plan::builder().field_when(Class::Phone, &selector, &[]).build(&key).unwrap();
    assert!(always.conditions().is_empty());
}

#[test]
fn conditions_that_are_never_met_and_too_many_are_refused() {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let selector = Selector::parse("$..a").unwrap();
    let condition = |number: u8, levels, test| Condition { member: format!("m{number}"), levels, test };
    let build = |conditions: &[Condition]| {
        Plan::builder().field_when(Class::Phone, &selector, conditions).build(&key).map(drop)
    };
    let one_of = || Test::OneOf(vec!["x".into()]);
    #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake")]
    let none = condition(0, 1..=0, one_of());
    assert_eq!(build(&[none]), Err(PlanError::ImpossibleCondition));
    assert_eq!(build(&[condition(0, 0..=0, Test::OneOf(vec![]))]), Err(PlanError::ImpossibleCondition));
    assert_eq!(build(&[condition(0, 0..=0, Test::NoneOf(vec![]))]), Ok(()));
    let many: Vec<_> = (0..33).map(|number| condition(number, 0..=0, one_of())).collect();
    assert_eq!(build(&many), Err(PlanError::TooManyConditions));
    assert_eq!(build(&many[..32]), Ok(()));
    let fields = |count: u8| {
        let mut builder = Plan::builder();
        for number in 0..count {
            builder = builder.field_when(Class::Phone, &selector, &[condition(number, 0..=0, one_of())]);
        }
        builder.build(&key).map(drop)
    };
    assert_eq!(fields(64), Ok(()));
    assert_eq!(fields(65), Err(PlanError::TooManyConditions));
    let keys = Plan::builder().contact_keys(Class::FileUrl, &selector).build(&key).map(drop);
    assert_eq!(keys, Err(PlanError::FileKeys));
}

#[test]
fn more_segments_than_a_word_has_bits_carry_over() {
    let deep: String = std::iter::once("$").chain(std::iter::repeat_n(".a", 100)).collect();
    let plan = plan(&[(Class::Email, "$..b"), (Class::Phone, &deep), (Class::Name, "$..c.d")]);
    assert_eq!(plan.automaton().words(), 2);
    assert_eq!(walk(&plan, &vec![Pick::Name("a".into()); 100]).0, Some(Class::Phone));
    assert_eq!(walk(&plan, &vec![Pick::Name("a".into()); 99]).0, None);
    assert_eq!(walk(&plan, &way("a/a/c/d")).0, Some(Class::Name));
}

#[test]
fn a_state_is_alive_if_any_of_its_words_is() {
    let deep: String = std::iter::once("$").chain(std::iter::repeat_n(".a", 100)).collect();
    let plan = plan(&[(Class::Email, "$.b.c"), (Class::Phone, &deep), (Class::Name, "$.d.e")]);
    assert_eq!(walk(&plan, &way("b/c")).0, Some(Class::Email));
    assert_eq!(walk(&plan, &way("d/e")).0, Some(Class::Name));
}

#[test]
fn a_segment_does_not_run_on_into_the_next_selector() {
    let plan = plan(&[(Class::Phone, "$.a"), (Class::Email, "$.b.c")]);
    assert_eq!(walk(&plan, &way("a/b/c")), (None, false));
    assert_eq!(walk(&plan, &way("a/c")), (None, false));
}

#[test]
fn a_plan_is_bounded() {
    let long: String = std::iter::once("$").chain(std::iter::repeat_n(".a", 4097)).collect();
    let selector = Selector::parse(&long).unwrap();
    let key = AliasKey::new(&[7; 32]).unwrap();
    let error = Plan::builder().field(Class::Phone, &selector).build(&key).unwrap_err();
    assert_eq!(error, PlanError::TooManySegments { segments: 4097 });
}

#[test]
fn a_plan_tells_its_fields_and_displays() {
    let selector = Selector::parse("$.a").unwrap();
    let key = AliasKey::new(&[7; 32]).unwrap();
    let plan = Plan::builder()
        .field(Class::Phone, &selector)
        .display(Class::Phone, Display::Partial)
        .build(&key)
        .unwrap();
    assert_eq!(plan.fields().collect::<Vec<_>>(), [(Class::Phone, &selector)]);
    assert_eq!(plan.display(Class::Phone), Display::Partial);
    assert_eq!(plan.display(Class::Name), Display::Alias);
    assert!(!plan.is_empty());
}

#[test]
fn a_plan_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Plan>();
}
