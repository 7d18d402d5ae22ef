//! Searches, sorts and filters on what is hidden.
//!
//! Of an answer to "whose number begins with +370" every operator learns a digit, so a masked caller searches by exact
//! aliases alone. What a search over all fields would find in open ones cannot be told from what it finds in hidden ones.

use chatwarden_redact::{Class, Pick, Segment, Selector};
use serde_json::Value;

use super::WayBack;
use crate::{
    extract, multipart,
    profile::Term,
    reason::{Denial, Reason},
};

/// What hidden fields are called, as lists of words in lower case.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<Vec<String>>);

impl Names {
    /// The names of these fields, and those of their classes.
    pub(crate) fn of<'f>(fields: impl Iterator<Item = (Class, &'f Selector)>) -> Names {
        let mut names: Vec<Vec<String>> = Vec::new();
        for (class, selector) in fields {
            let named = selector.segments().iter().rev().find_map(|segment| {
                let (Segment::Child(picks) | Segment::Descendant(picks)) = segment;
                let names: Vec<&str> = picks.iter().filter_map(name).collect();
                (!names.is_empty()).then_some(names)
            });
            for name in named.unwrap_or_default().into_iter().chain([class.name()]) {
                let words = words(name);
                if !words.is_empty() && !names.contains(&words) {
                    names.push(words);
                }
            }
        }
        Names(names)
    }

    /// Whether a text, such as `-client.phone` or `clientPhone desc`, names one of them.
    pub(crate) fn are_named_by(&self, text: &str) -> bool {
        let words = words(text);
        self.0.iter().any(|name| words.windows(name.len()).any(|window| window == name))
    }
}

fn name(pick: &Pick) -> Option<&str> {
    match pick {
        Pick::Name(name) => Some(name),
        Pick::Index(_) | Pick::Any => None,
    }
}

/// The words of a name, parted by case and by what is no letter or digit.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in text.chars() {
        let parts = character.is_uppercase() && was_lower || !character.is_alphanumeric();
        if parts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
        was_lower = character.is_lowercase() || character.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

impl WayBack {
    fn asks(&self) -> bool {
        self.masked && !self.queries.is_empty()
    }

    /// Judges a value by its name, in a query, a form or a path.
    pub(super) fn judge_term(&self, name: &str, value: &str) -> Result<(), Denial> {
        if !self.asks() {
            return Ok(());
        }
        for query in &self.queries {
            let tells = match query.term(name.trim()) {
                Some((Term::Search, _)) => self.is_open_search(value),
                Some((Term::Filter(class), _)) => self.hides(class) && self.is_open_search(value),
                Some((Term::Sort, behind)) => {
                    [behind, value].iter().any(|text| self.fields.names.are_named_by(text))
                }
                None => false,
            };
            if tells {
                return Err(self.denial(Reason::HiddenFieldQuery));
            }
        }
        Ok(())
    }

    /// Judges a query or form. Where a semicolon parts pairs for some servers, it is read both ways.
    pub(super) fn judge_pairs(&self, text: &[u8]) -> Result<(), Denial> {
        if !self.asks() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(text);
        let parted = text.contains(';').then(|| text.replace(';', "&"));
        for text in [Some(&*text), parted.as_deref()].into_iter().flatten() {
            let pairs = extract::pairs(text).map_err(|_| self.denial(Reason::UnscannableRequest))?;
            pairs.iter().try_for_each(|(name, value)| self.judge_term(name, value))?;
        }
        Ok(())
    }

    pub(super) fn judge_parts(&self, content_type: &str, body: &[u8]) -> Result<(), Denial> {
        if !self.asks() {
            return Ok(());
        }
        let parts = multipart::parts(content_type, body);
        let parts = parts.map_err(|_| self.denial(Reason::UnscannableRequest))?;
        parts.iter().try_for_each(|part| self.judge_term(&part.name, &String::from_utf8_lossy(part.body)))
    }

    /// Judges JSON; what does not parse is left to whoever reads it next.
    pub(super) fn judge_json(&self, body: &[u8]) -> Result<(), Denial> {
        if !self.asks() {
            return Ok(());
        }
        match extract::json(body) {
            Ok(value) => self.judge_value(&value),
            Err(_) => Ok(()),
        }
    }

    fn judge_value(&self, value: &Value) -> Result<(), Denial> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.judge_value(item)),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                self.judge_leaves(name, member)?;
                self.judge_value(member)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    /// Judges everything in a member by its name. Names below are values of a sort, too.
    fn judge_leaves(&self, name: &str, value: &Value) -> Result<(), Denial> {
        if !self.queries.iter().any(|query| query.term(name).is_some()) {
            return Ok(());
        }
        match value {
            Value::Null | Value::Bool(_) => self.judge_term(name, ""),
            Value::Number(number) => self.judge_term(name, &number.to_string()),
            Value::String(text) => self.judge_term(name, text),
            Value::Array(items) => items.iter().try_for_each(|item| self.judge_leaves(name, item)),
            Value::Object(members) => members.iter().try_for_each(|(key, member)| {
                let sorts =
                    self.queries.iter().any(|query| matches!(query.term(name), Some((Term::Sort, _))));
                if sorts {
                    self.judge_term(name, key)?;
                }
                self.judge_leaves(name, member)
            }),
        }
    }

    fn hides(&self, class: Class) -> bool {
        self.fields.hidden.get(class.index()).copied().unwrap_or(true)
    }

    /// A search without a word finds everything, and tells nothing.
    fn is_open_search(&self, value: &str) -> bool {
        !value.trim().is_empty() && !self.fields.restorer.is_exact(value)
    }
}
