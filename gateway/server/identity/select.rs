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
}
