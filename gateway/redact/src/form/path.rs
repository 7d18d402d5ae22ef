//! The names of form fields, read as ways into a value.
//!
//! A form is flat (WHATWG URL §5), but applications nest values in it by the names they give: `contact[phone]`,
//! `contact.phone`, `phones[]`, `phones[0][number]`. Nothing says which of these a server takes for a path, so a
//! name is read in every notation, and a field is hidden if one of them leads to a hidden value. Unbalanced
//! brackets part a name like balanced ones.

use crate::{
    class::Class,
    plan::{Automaton, Inner, Label, Plan, Treatment},
};

/// What the plan makes of a field of this name, decoded. What one reading hides no other one keeps.
pub(crate) fn treatment(plan: &Plan, name: &str) -> Option<Treatment> {
    let automaton = plan.automaton();
    let treatment = |state: &[u64], step: Step<'_>, is_last| {
        let found = step.labels(automaton).filter_map(|label| automaton.treatment(state, label));
        strictest(found).filter(|treatment| match treatment {
            Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Keep | Treatment::Inner(Inner::Id(_)) => {
                true
            }
            // Over containers these decide nothing.
            Treatment::Keys(_)
            | Treatment::Inner(Inner::Json | Inner::Text | Inner::Fragment)
            | Treatment::Written => is_last,
        })
    };
    let found = readings(name).map(|notation| {
        let root = automaton.root().filter(|root| *root != Treatment::Written);
        root.or_else(|| walk(automaton, path(name, notation), treatment))
    });
    strictest(found.flatten())
}

/// Whether operators wrote what a field of this name holds, decoded, by one reading of it.
pub(crate) fn is_written(plan: &Plan, name: &str) -> bool {
    let automaton = plan.automaton();
    let written = |state: &[u64], step: Step<'_>, _| {
        let mut candidates = step.labels(automaton).flat_map(|label| automaton.candidates(state, label));
        candidates.any(|(treatment, _)| treatment == Treatment::Written).then_some(())
    };
    automaton.root_candidates().any(|(treatment, _)| treatment == Treatment::Written)
        || readings(name).any(|notation| walk(automaton, path(name, notation), written).is_some())
}

/// The class of a field of this name, decoded, where nothing is known of what its conditions ask: an alias that
/// comes back in it is restored only if the field would be hidden all the same.
pub(crate) fn declared_class(plan: &Plan, name: &str) -> Option<Class> {
    match treatment(plan, name)? {
        Treatment::Hide(class) | Treatment::Inner(Inner::Id(class)) => Some(class),
        Treatment::HideIf(conditions, class) => {
            plan.conditions().are_met_by_nothing(conditions).then_some(class)
        }
        Treatment::Keys(_)
        | Treatment::Keep
        | Treatment::Inner(Inner::Json | Inner::Text | Inner::Fragment)
        | Treatment::Written => None,
    }
}

/// The steps that a name spells in a notation.
pub(crate) fn path(name: &str, notation: Notation) -> impl Iterator<Item = Step<'_>> {
    let mut rest = Some(name);
    std::iter::from_fn(move || {
        if notation == Notation::Plain {
            return rest.take().map(Step::of);
        }
        let parts = |c: char| matches!(c, '[' | ']') || c == '.' && notation == Notation::Dots;
        let mut text = rest.take()?;
        loop {
            if let Some(later) = text.strip_prefix("[]") {
                rest = Some(later);
                return Some(Step::Next);
            }
            let (token, later) = text.split_at(text.find(parts).unwrap_or(text.len()));
            if !token.is_empty() {
                rest = Some(later);
                return Some(Step::of(token));
            }
            let mut behind = later.chars();
            behind.next()?;
            text = behind.as_str();
        }
    })
}

/// How a name may be read.
fn readings(name: &str) -> impl Iterator<Item = Notation> {
    let readings = match name.contains(['[', ']', '.']) {
        true => &[Notation::Plain, Notation::Brackets, Notation::Dots][..],
        false => &[Notation::Plain],
    };
    readings.iter().copied()
}

/// How a name spells a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// Not at all: the name is one member, whatever it looks like.
    Plain,
    /// By brackets: `a[b][0][]`.
    Brackets,
    /// By dots and brackets: `a.b.0[]`.
    Dots,
}

/// One step into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step<'n> {
    /// To the member of this name.
    Member(&'n str),
    /// To the item at this index, or to the member whose name is the number.
    Number(&'n str, u64),
    /// To one more item.
    Next,
}

impl<'n> Step<'n> {
    fn of(token: &'n str) -> Step<'n> {
        match token.bytes().all(|byte| byte.is_ascii_digit()).then(|| token.parse()) {
            Some(Ok(index)) => Step::Number(token, index),
            Some(Err(_)) | None => Step::Member(token),
        }
    }

    /// The labels that the step may stand for.
    fn labels(self, automaton: &Automaton) -> impl Iterator<Item = Label> {
        let (member, item, items) = match self {
            Step::Member(name) => (Some(automaton.member(name.as_bytes())), None, None),
            Step::Number(name, index) => {
                (Some(automaton.member(name.as_bytes())), Some(automaton.item(index)), None)
            }
            Step::Next => (None, None, Some(automaton.items())),
        };
        member.into_iter().chain(item).chain(items.into_iter().flatten())
    }
}

/// The first that is found on the way, given the state before a step, the step, and whether it is the last one.
fn walk<'n, T>(
    automaton: &Automaton,
    steps: impl Iterator<Item = Step<'n>>,
    find: impl Fn(&[u64], Step<'n>, bool) -> Option<T>,
) -> Option<T> {
    let words = automaton.words();
    let mut state = automaton.start().to_vec();
    let mut below = Vec::with_capacity(2 * words);
    let mut steps = steps.peekable();
    while let Some(step) = steps.next() {
        let found = find(&state, step, steps.peek().is_none());
        if found.is_some() {
            return found;
        }
        let mut next = vec![0; words];
        for label in step.labels(automaton) {
            below.clear();
            below.extend_from_slice(&state);
            if automaton.descend(&mut below, label) {
                next.iter_mut().zip(&below[words..]).for_each(|(next, below)| *next |= below);
            }
        }
        state = next;
    }
    None
}

/// What hides goes before what is looked into, and that before what is kept. Nobody says here whether conditions are
/// met: they are taken for met.
fn strictest(treatments: impl Iterator<Item = Treatment>) -> Option<Treatment> {
    let strictness = |treatment: &Treatment| match treatment {
        Treatment::Hide(_) | Treatment::HideIf(..) | Treatment::Inner(Inner::Id(_)) => 2,
        Treatment::Inner(Inner::Json | Inner::Text | Inner::Fragment) => 1,
        Treatment::Keys(_) | Treatment::Keep | Treatment::Written => 0,
    };
    treatments.reduce(|first, second| match strictness(&second) > strictness(&first) {
        true => second,
        false => first,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AliasKey, Condition, Selector, Test};

    #[test]
    fn names_are_read_in_each_notation() {
        use Step::{Member, Next, Number};
        let cases: [(&str, &[Step], &[Step]); 14] = [
            ("phone", &[Member("phone")], &[Member("phone")]),
            ("", &[], &[]),
            ("contact[phone]", &[Member("contact"), Member("phone")], &[Member("contact"), Member("phone")]),
            ("contact.phone", &[Member("contact.phone")], &[Member("contact"), Member("phone")]),
            ("a[]", &[Member("a"), Next], &[Member("a"), Next]),
            ("[]", &[Next], &[Next]),
            (
                "a[0][b]",
                &[Member("a"), Number("0", 0), Member("b")],
                &[Member("a"), Number("0", 0), Member("b")],
            ),
            ("a[][b.c]", &[Member("a"), Next, Member("b.c")], &[Member("a"), Next, Member("b"), Member("c")]),
            ("a[007]", &[Member("a"), Number("007", 7)], &[Member("a"), Number("007", 7)]),
            ("a[b", &[Member("a"), Member("b")], &[Member("a"), Member("b")]),
            ("a]b", &[Member("a"), Member("b")], &[Member("a"), Member("b")]),
            ("a[b]c", &[Member("a"), Member("b"), Member("c")], &[Member("a"), Member("b"), Member("c")]),
            ("[a].b", &[Member("a"), Member(".b")], &[Member("a"), Member("b")]),
            ("99999999999999999999", &[Member("99999999999999999999")], &[Member("99999999999999999999")]),
        ];
        for (name, brackets, dots) in cases {
            assert_eq!(path(name, Notation::Brackets).collect::<Vec<_>>(), brackets, "{name}");
            assert_eq!(path(name, Notation::Dots).collect::<Vec<_>>(), dots, "{name}");
            assert_eq!(path(name, Notation::Plain).count(), 1, "{name}");
        }
    }

    #[test]
    fn a_field_is_hidden_if_one_reading_of_its_name_is() {
        let hide = |class| Some(Treatment::Hide(class));
        let cases = [
            ("$..phone", "phone", true),
            ("$..phone", "contact[phone]", true),
            ("$..phone", "contact.phone", true),
            ("$..phone", "a[0][phone]", true),
            ("$..phone", "a[][phone][x]", true),
            ("$..phone", "telephone", false),
            ("$.phone", "contact[phone]", false),
            ("$.contact", "contact[phone]", true),
            ("$.contact", "contact.phone", true),
            ("$['contact.phone']", "contact.phone", true),
            ("$['contact[phone]']", "contact[phone]", true),
            ("$.phones[*]", "phones[]", true),
            ("$.phones[1]", "phones[]", true),
            ("$.phones[1]", "phones[1]", true),
            ("$.phones[1]", "phones[01]", true),
            ("$.phones[1]", "phones[0]", false),
            ("$.phones['1']", "phones[1]", true),
            ("$.phones[1].number", "phones[][number]", true),
            ("$.phones", "phones", true),
            ("$", "anything", true),
            ("$.a.b", "a", false),
            ("$.a..b", "a[x][y][b", true),
            ("$..phone", "note[phone]", true),
            ("$..phone", "free[phone]", true),
        ];
        for (selector, name, is_hidden) in cases {
            let parse = |selector| Selector::parse(selector).unwrap();
            // What is read as a text, or was written by operators, holds fields all the same.
            let plan = Plan::builder().operator_text(&parse("$..note")).text(&parse("$..free"));
            let plan =
                plan.field(Class::Phone, &parse(selector)).build(&AliasKey::new(&[7; 32]).unwrap()).unwrap();
            let expected = hide(Class::Phone).filter(|_| is_hidden);
            assert_eq!(treatment(&plan, name), expected, "{name} under {selector}");
        }
    }

    #[test]
    fn an_alias_comes_back_where_its_field_is_hidden_whatever_stands_beside_it() {
        let condition = |test| Condition { member: "role".to_owned(), levels: 0..=0, test };
        let roles = || vec!["operator".to_owned()];
        let selector = |text| Selector::parse(text).unwrap();
        let plan = Plan::builder()
            .field(Class::Phone, &selector("$..phone"))
            .field_when(Class::Name, &selector("$..client"), &[condition(Test::NoneOf(roles()))])
            .field_when(Class::Name, &selector("$..title"), &[condition(Test::OneOf(roles()))]);
        let plan = plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap();
        assert_eq!(declared_class(&plan, "a[0].phone"), Some(Class::Phone));
        assert_eq!(declared_class(&plan, "a[client]"), Some(Class::Name));
        assert_eq!(declared_class(&plan, "a[title]"), None);
        assert_eq!(declared_class(&plan, "role"), None);
    }

    #[test]
    fn what_one_reading_hides_no_other_one_keeps() {
        let selector = |text| Selector::parse(text).unwrap();
        let plan = Plan::builder().keep(&selector("$['a.b']")).field(Class::Name, &selector("$.a.b"));
        let plan = plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap();
        assert_eq!(treatment(&plan, "a.b"), Some(Treatment::Hide(Class::Name)));
        assert_eq!(treatment(&plan, "a[b]"), Some(Treatment::Hide(Class::Name)));
        assert_eq!(treatment(&plan, "[a.b]"), Some(Treatment::Hide(Class::Name)));
        assert_eq!(treatment(&plan, "c"), None);
    }
}
