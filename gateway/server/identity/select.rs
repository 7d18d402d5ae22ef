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
}
