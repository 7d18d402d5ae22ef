//! From JSON to an account: what the values of a claim or an answer mean.
//!
//! Both the claims of a token and the answer of the application go through here, so that they mean the same. A role or
//! group that cannot be read is an error: left out, it would be a rule that does not hold.

use chatwarden_policy::account::Account;
use serde_json::Value;

/// The values found for each member of an account.
#[derive(Debug, Default)]
pub(super) struct Fields<'v> {
    pub(super) account: Vec<&'v Value>,
    pub(super) name: Vec<&'v Value>,
    pub(super) email: Vec<&'v Value>,
    pub(super) role: Vec<&'v Value>,
    pub(super) groups: Vec<&'v Value>,
}

impl Fields<'_> {
    /// The account that they describe.
    pub(super) fn account(&self) -> Result<Account, FieldError> {
        Ok(Account {
            id: id(&self.account)?,
            name: self.name.iter().find_map(|value| text(value)),
            email: self.email.iter().find_map(|value| text(value)),
            roles: texts(&self.role, "role")?
                .iter()
                .flat_map(|roles| roles.split_ascii_whitespace().map(str::to_owned))
                .collect(),
            groups: texts(&self.groups, "groups")?,
        })
    }
}

/// Why values do not make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    #[error("there is no account")]
    Missing,
    #[error("there is more than one account")]
    Several,
    #[error("`{0}` holds something other than texts and numbers")]
    Unreadable(&'static str),
}

fn id(values: &[&Value]) -> Result<String, FieldError> {
    let mut ids = values.iter().filter(|value| !value.is_null()).map(|value| text(value));
    let first = ids.next().flatten().ok_or(FieldError::Missing)?;
    if ids.all(|other| other.as_ref() == Some(&first)) { Ok(first) } else { Err(FieldError::Several) }
}

/// A text that is not blank, or a number as it is written.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Every text of the values and of lists among them.
fn texts(values: &[&Value], field: &'static str) -> Result<Vec<String>, FieldError> {
    let mut found = Vec::new();
    for value in values {
        match value {
            Value::Null => {}
            Value::String(_) | Value::Number(_) => found.extend(text(value)),
            Value::Array(items) => found.extend(texts(&items.iter().collect::<Vec<_>>(), field)?),
            Value::Bool(_) | Value::Object(_) => return Err(FieldError::Unreadable(field)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(id: &Value, role: &Value, groups: &Value) -> Result<Account, FieldError> {
        Fields { account: vec![id], role: vec![role], groups: vec![groups], ..Fields::default() }.account()
    }

    #[test]
    fn ids_are_texts_also_where_they_are_numbers() {
        assert_eq!(account(&json!(1043), &Value::Null, &Value::Null).unwrap().id, "1043");
        assert_eq!(account(&json!("1043"), &Value::Null, &Value::Null).unwrap().id, "1043");
        for id in [json!(null), json!(""), json!(" "), json!(true), json!([1]), json!({"id": 1})] {
            assert_eq!(account(&id, &Value::Null, &Value::Null), Err(FieldError::Missing), "{id}");
        }
    }

    #[test]
    fn two_different_ids_are_no_account() {
        let (one, two) = (json!(1), json!(2));
        let several = Fields { account: vec![&one, &two], ..Fields::default() };
        assert_eq!(several.account(), Err(FieldError::Several));
        let same = Fields { account: vec![&one, &one], ..Fields::default() };
        assert_eq!(same.account().unwrap().id, "1");
    }

    #[test]
    fn roles_split_at_spaces_and_groups_do_not() {
        let found = account(&json!(1), &json!("admin  agent"), &json!("Night shift")).unwrap();
        assert_eq!(found.roles, ["admin", "agent"]);
        assert_eq!(found.groups, ["Night shift"]);
        let found = account(&json!(1), &json!(["admin", "agent"]), &json!(["a", ["b", 7], null])).unwrap();
        assert_eq!(found.roles, ["admin", "agent"]);
        assert_eq!(found.groups, ["a", "b", "7"]);
    }

    #[test]
    fn a_group_that_cannot_be_read_is_not_left_out() {
        let objects = json!([{"title": "trainees"}]);
        assert_eq!(account(&json!(1), &Value::Null, &objects), Err(FieldError::Unreadable("groups")));
        assert_eq!(account(&json!(1), &json!(true), &Value::Null), Err(FieldError::Unreadable("role")));
    }
}
