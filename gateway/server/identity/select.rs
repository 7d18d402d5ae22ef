<<<<<<< HEAD
//! JSONPath (RFC 9535) over the application's answer: names, indexes and wildcards.

use serde_json::Value;

/// A parsed query.
#[derive(Debug)]
pub(super) struct Selector {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Name(String),
    Index(usize),
    Any,
}

impl Selector {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.strip_prefix('$').ok_or("a selector begins with `$`")?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) =
                step(rest).ok_or_else(|| format!("`{rest}` is not `.name`, `['name']`, `[0]` or `[*]`"))?;
            steps.push(step);
            rest = after;
        }
        Ok(Self { steps })
    }
}

/// The values that the query selects.
pub(super) fn find<'v>(selector: &Selector, value: &'v Value) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in &selector.steps {
        found = found
            .into_iter()
            .flat_map(|value| match (step, value) {
                (Step::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
                (Step::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
                (Step::Any, Value::Object(members)) => members.values().collect(),
                (Step::Any, Value::Array(items)) => items.iter().collect::<Vec<_>>(),
                (Step::Name(_) | Step::Index(_) | Step::Any, _) => Vec::new(),
            })
            .collect();
    }
    found
}

fn step(rest: &str) -> Option<(Step, &str)> {
    if let Some(after) = rest.strip_prefix("[*]").or_else(|| rest.strip_prefix(".*")) {
        return Some((Step::Any, after));
    }
    if let Some(quoted) = rest.strip_prefix("['") {
        let (name, after) = quoted.split_once("']")?;
        return Some((Step::Name(name.to_owned()), after));
    }
    if let Some(bracket) = rest.strip_prefix('[') {
        let (index, after) = bracket.split_once(']')?;
        return Some((Step::Index(index.parse().ok()?), after));
    }
    let name = rest.strip_prefix('.')?;
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, after) = name.split_at(end);
    if name.is_empty() { None } else { Some((Step::Name(name.to_owned()), after)) }
=======
//! What a JSONPath selects in the application's answer (RFC 9535), document order, each place once.

use chatwarden_redact::{Pick, Segment, Selector};
use serde_json::Value;

/// The values that the selector selects.
pub(super) fn find<'v>(selector: &Selector, value: &'v Value) -> Vec<&'v Value> {
    selector.segments().iter().fold(vec![value], |values, segment| {
        let mut found = Vec::new();
        for value in values {
            match segment {
                Segment::Child(picks) => children(picks, value, &mut found),
                Segment::Descendant(picks) => descendants(picks, value, &mut found),
            }
        }
        found
    })
}

fn children<'v>(picks: &[Pick], value: &'v Value, found: &mut Vec<&'v Value>) {
    let picked = |name: Option<&str>, index: Option<usize>| {
        picks.iter().any(|pick| match pick {
            Pick::Any => true,
            Pick::Name(picked) => name == Some(picked),
            Pick::Index(picked) => index.is_some_and(|index| u64::try_from(index) == Ok(*picked)),
        })
    };
    match value {
        Value::Object(members) => {
            found.extend(
                members.iter().filter(|(name, _)| picked(Some(name), None)).map(|(_, member)| member),
            );
        }
        Value::Array(items) => {
            found.extend(
                items
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| picked(None, Some(*index)))
                    .map(|(_, item)| item),
            );
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The depth is the parser's, which reads no more than 128 levels.
fn descendants<'v>(picks: &[Pick], value: &'v Value, found: &mut Vec<&'v Value>) {
    children(picks, value, found);
    match value {
        Value::Object(members) => members.values().for_each(|member| descendants(picks, member, found)),
        Value::Array(items) => items.iter().for_each(|item| descendants(picks, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_find_what_they_name() {
        let answer = json!({
            "id": 1043,
            "user": {"id": 7, "groups": [{"title": "a"}, {"title": "b"}], "dotted.name": true}
        });
        let found = |selector: &str| json!(find(&Selector::parse(selector).unwrap(), &answer));
        assert_eq!(found("$.id"), json!([1043]));
        assert_eq!(found("$.user.groups[*].title"), json!(["a", "b"]));
        assert_eq!(found("$.user.groups[1]['title']"), json!(["b"]));
        assert_eq!(found("$.user['dotted.name', 'id']"), json!([true, 7]));
        assert_eq!(found("$..id"), json!([1043, 7]));
        assert_eq!(found("$..title"), json!(["a", "b"]));
        assert_eq!(found("$"), json!([answer]));
        for nothing in ["$.none", "$.id.id", "$.user[0]", "$.user.groups[2]", "$.user.groups.title"] {
            assert_eq!(found(nothing), json!([]), "{nothing}");
        }
    }
>>>>>>> identity
}
