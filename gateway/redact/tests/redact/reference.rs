//! The redactor again, the simple way: over a parsed document, trying every selector on every way.

use chatwarden_redact::{AliasKey, Class, Display, Pick, Segment, Selector, mask};
use serde_json::{Map, Value};

/// What the plan says, as plain data.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) fields: Vec<(Class, Selector)>,
    pub(crate) display: Display,
    pub(crate) key: AliasKey,
}

/// A document with its hidden values replaced, and these values.
pub(crate) fn hide(rules: &Rules, document: &Value) -> (Value, Vec<String>) {
    let mut hidden = Vec::new();
    let redacted = hide_at(rules, &mut Vec::new(), document, None, &mut hidden);
    (redacted, hidden)
}

fn hide_at(
    rules: &Rules,
    way: &mut Vec<Pick>,
    value: &Value,
    above: Option<Class>,
    hidden: &mut Vec<String>,
) -> Value {
    let found = || rules.fields.iter().find(|(_, selector)| fits(selector.segments(), way));
    let class = above.or_else(|| found().map(|(class, _)| *class));
    match (value, class) {
        (Value::Array(items), _) => {
            let mut shown = Vec::new();
            for (index, item) in items.iter().enumerate() {
                way.push(Pick::Index(index as u64));
                shown.push(hide_at(rules, way, item, class, hidden));
                way.pop();
            }
            Value::Array(shown)
        }
        (Value::Object(members), _) => {
            let mut shown = Map::new();
            for (name, member) in members {
                way.push(Pick::Name(name.clone()));
                shown.insert(name.clone(), hide_at(rules, way, member, class, hidden));
                way.pop();
            }
            Value::Object(shown)
        }
        (leaf, None) => leaf.clone(),
        (Value::Null, Some(_)) => Value::Null,
        (Value::Bool(_), Some(_)) => Value::Bool(false),
        (Value::Number(number), Some(class)) => {
            let shown = mask(class, rules.display, &number.to_string(), &rules.key);
            let digits = shown.strip_prefix("+999").and_then(|_| shown[1..].parse().ok());
            Value::Number(digits.unwrap_or(0_u64).into())
        }
        (Value::String(text), Some(class)) => {
            hidden.push(text.clone());
            Value::String(mask(class, rules.display, text, &rules.key))
        }
    }
}

/// Whether segments lead exactly this way.
pub(crate) fn fits(segments: &[Segment], way: &[Pick]) -> bool {
    let Some((segment, later)) = segments.split_first() else { return way.is_empty() };
    let Some((step, rest)) = way.split_first() else { return false };
    let picked = |picks: &[Pick]| picks.iter().any(|pick| *pick == Pick::Any || pick == step);
    match segment {
        Segment::Child(picks) => picked(picks) && fits(later, rest),
        Segment::Descendant(picks) => picked(picks) && fits(later, rest) || fits(segments, rest),
    }
}
