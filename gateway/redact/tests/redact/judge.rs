//! Conditions, keys and what is kept again, the simple way: over a whole tree, asking every object around a value.
//!
//! A tree is spelled twice at once, as it is and as it should leave, so that blanks, escapes and duplicates compare
//! byte by byte. All values show constants.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Class, Condition, Display, Pick, Plan, Selector, Test, mask};

use crate::{
    documents::{Spelling, Tree},
    reference::fits,
};

/// One declared field.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) selector: Selector,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Hide(Class, Vec<Condition>),
    Keys(Class),
    Keep,
}

pub(crate) fn plan(rules: &[Rule]) -> Arc<Plan> {
    let mut builder = Plan::builder();
    for Rule { selector, what } in rules {
        builder = match what {
            What::Hide(class, conditions) => builder.field_when(*class, selector, conditions),
            What::Keys(class) => builder.contact_keys(*class, selector),
            What::Keep => builder.keep(selector),
        };
    }
    for class in Class::ALL {
        builder = builder.display(class, Display::Hidden);
    }
    Arc::new(builder.build(&key()).unwrap())
}

/// A tree as it is spelled, and what should become of it.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Vec<u8>,
    pub(crate) hidden: Vec<String>,
    pub(crate) count: u64,
}

pub(crate) fn judge(rules: &[Rule], tree: &Tree, seed: u64) -> Judged {
    let mut judge = Judge {
        rules,
        spelling: Spelling::new(seed),
        way: Vec::new(),
        objects: Vec::new(),
        judged: Judged::default(),
    };
    judge.value(tree, Around { hidden: None, is_kept: false });
    judge.judged
}

/// What the containers around a value came to.
#[derive(Clone, Copy)]
struct Around {
    /// The class of the outermost that is hidden, and the first of the rules that hide one.
    hidden: Option<(Class, usize)>,
    is_kept: bool,
}

struct Judge<'r, 't> {
    rules: &'r [Rule],
    spelling: Spelling,
    way: Vec<Pick>,
    /// The objects around, outermost first.
    objects: Vec<&'t [(String, Tree)]>,
    judged: Judged,
}

impl<'t> Judge<'_, 't> {
    fn value(&mut self, tree: &'t Tree, mut around: Around) {
        let keys = self.decide(&mut around);
        let class = around.hidden.filter(|_| !around.is_kept).map(|(class, _)| class);
        self.blanks();
        match tree {
            Tree::Array(items) => {
                self.both("[");
                for (index, item) in items.iter().enumerate() {
                    self.both(if index > 0 { "," } else { "" });
                    self.way.push(Pick::Index(index as u64));
                    self.value(item, around);
                    self.way.pop();
                }
                self.both("]");
            }
            Tree::Object(members) => {
                self.both("{");
                self.objects.push(members);
                for (place, (name, member)) in members.iter().enumerate() {
                    self.both(if place > 0 { "," } else { "" });
                    self.blanks();
                    self.name(name, keys);
                    self.both(":");
                    self.way.push(Pick::Name(name.clone()));
                    self.value(member, around);
                    self.way.pop();
                }
                self.objects.pop();
                self.both("}");
            }
            Tree::Null => self.both("null"),
            Tree::Bool(word) => self.leaf(&word.to_string(), class.map(|_| "false".to_owned())),
            Tree::Number(spelling) => self.leaf(spelling, class.map(|_| "0".to_owned())),
            Tree::Text(text) => {
                self.spelling.text(text);
                let spelled = std::mem::take(&mut self.spelling.out);
                let shown = class.filter(|_| !text.is_empty());
                if shown.is_some() {
                    self.judged.hidden.push(text.clone());
                }
                self.leaf(
                    &spelled,
                    shown.map(|class| format!("{:?}", mask(class, Display::Hidden, text, &key()))),
                );
            }
        }
        self.blanks();
    }

    /// Lets the rules that select the value speak. Returns the class of its keys.
    fn decide(&self, around: &mut Around) -> Option<Class> {
        let selecting =
            || self.rules.iter().enumerate().filter(|(_, rule)| fits(rule.selector.segments(), &self.way));
        if around.is_kept {
            return None;
        }
        let mut keeper = usize::MAX;
        for (place, rule) in selecting() {
            if around.hidden.is_some_and(|(_, first)| place >= first) {
                break;
            }
            match &rule.what {
                What::Hide(class, conditions)
                    if conditions.iter().all(|condition| self.is_met(condition)) =>
                {
                    around.hidden = Some((around.hidden.map_or(*class, |(outer, _)| outer), place));
                    break;
                }
                What::Keep => {
                    around.is_kept = true;
                    keeper = place;
                    break;
                }
                What::Hide(..) | What::Keys(_) => {}
            }
        }
        selecting().take_while(|(place, _)| *place < keeper).find_map(|(_, rule)| match rule.what {
            What::Keys(class) => Some(class),
            What::Hide(..) | What::Keep => None,
        })
    }

    fn is_met(&self, condition: &Condition) -> bool {
        let (values, is_negated) = match &condition.test {
            Test::OneOf(values) => (values, false),
            Test::NoneOf(values) => (values, true),
        };
        for level in condition.levels.clone() {
            let Some(object) = self.objects.iter().rev().nth(level.into()) else { break };
            let mut found = object.iter().filter(|(name, _)| *name == condition.member);
            let Some((_, value)) = found.next() else { continue };
            let value = match value {
                _ if found.next().is_some() => return true,
                Tree::Array(_) | Tree::Object(_) => return true,
                Tree::Null => "null".to_owned(),
                Tree::Bool(word) => word.to_string(),
                Tree::Number(spelling) => spelling.clone(),
                Tree::Text(text) => text.clone(),
            };
            return values.contains(&value) != is_negated;
        }
        is_negated
    }

    fn name(&mut self, name: &str, keys: Option<Class>) {
        self.spelling.text(name);
        let spelled = std::mem::take(&mut self.spelling.out);
        let shown = keys.filter(|_| !name.is_empty());
        self.leaf(&spelled, shown.map(|class| format!("{:?}", mask(class, Display::Alias, name, &key()))));
    }

    fn leaf(&mut self, spelled: &str, shown: Option<String>) {
        self.judged.count += u64::from(shown.is_some());
        self.judged.body.extend_from_slice(spelled.as_bytes());
        self.judged.expected.extend_from_slice(shown.as_deref().unwrap_or(spelled).as_bytes());
    }

    fn blanks(&mut self) {
        self.spelling.blanks();
        let blanks = std::mem::take(&mut self.spelling.out);
        self.both(&blanks);
    }

    fn both(&mut self, text: &str) {
        self.leaf(text, None);
    }
}

pub(crate) fn key() -> AliasKey {
    AliasKey::new(&[7; 32]).unwrap()
}
