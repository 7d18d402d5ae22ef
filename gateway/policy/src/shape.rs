//! What a file may say.
//!
//! A `Shape` is a constant table: the keys of a file kind, what each means to the admin, what may stand under it and
//! what is not supported yet. `check` compares a document with it and reports every difference at once; `schema`
//! makes the editors' JSON Schema of the same table. What a value means is the business of the rule that reads it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_yaml::Value;

use crate::{
    diagnostic::{Diagnostic, Diagnostics, quote},
    suggest::nearest,
    units::{self, UnitError},
    yaml::{Document, Entry, Node},
};

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything; the rule looks for itself.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds, both inclusive.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// Text that is not empty, and what it is, with its article: "an e-mail address".
    Text(&'static str),
    /// One of a closed set of words.
    Words(&'static [Word]),
    /// A duration with its unit, such as `30s`, within bounds, both inclusive.
    Duration {
        /// The least.
        min: Duration,
        /// The most.
        max: Duration,
    },
    /// A size with its unit, such as `64KiB`, within bounds in bytes, both inclusive.
    Size {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A date such as `2027-01-31`.
    Date,
    /// So many in a time, such as `60/h`.
    Rate,
    /// A list of values of one form.
    List(&'static Shape),
    /// A mapping with the admin's own keys.
    Map {
        /// What a key is: "a group's name".
        key: &'static str,
        /// The form of what stands under each.
        of: &'static Shape,
    },
    /// A mapping with known keys.
    Object(&'static [Field]),
    /// A mapping with exactly one of the known keys, which says what the value is: `{ jwt: { … } }`.
    Tagged(&'static [Field]),
    /// One of several forms.
    Union(&'static [Shape]),
    /// A form that is known and not supported yet.
    Later(&'static Shape),
}

impl Shape {
    /// A network of addresses.
    pub const NETWORK: Shape = Shape::Text("a network such as `203.0.113.0/24`");
    /// A JSONPath selector.
    pub const JSON_PATH: Shape = Shape::Text("a JSONPath such as `$..phone`");
    /// A route pattern.
    pub const ROUTE: Shape = Shape::Text("a route such as `GET /files/**`");
    /// Any duration.
    pub const DURATION: Shape = Shape::Duration { min: Duration::ZERO, max: Duration::MAX };
    /// Any size.
    pub const SIZE: Shape = Shape::Size { min: 0, max: u64::MAX };
    /// A whole number that is not negative.
    pub const COUNT: Shape = Shape::Integer { min: 0, max: i64::MAX };
}

/// A key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    pub(crate) default: Option<&'static str>,
    pub(crate) support: Support,
}

/// Whether a key does something already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does.
    Now,
    /// It is known and refused.
    Later,
    /// Its default may be written; any other value is refused.
    DefaultOnly,
}

impl Field {
    /// An optional key; `doc` is what the admin reads about it.
    pub const fn new(name: &'static str, doc: &'static str, shape: Shape) -> Field {
        Field { name, doc, shape, required: false, default: None, support: Support::Now }
    }

    /// The key must be given.
    #[must_use]
    pub const fn required(mut self) -> Field {
        self.required = true;
        self
    }

    /// What holds where the key is not given, as one would write it: `false`, `[]`, `365d`.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Field {
        self.default = Some(default);
        self
    }

    /// The key is not supported yet.
    #[must_use]
    pub const fn later(mut self) -> Field {
        self.support = Support::Later;
        self
    }

    /// Nothing but the default is supported yet; the default is given here.
    #[must_use]
    pub const fn only(mut self, default: &'static str) -> Field {
        self.default = Some(default);
        self.support = Support::DefaultOnly;
        self
    }

    /// The key.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the admin reads about it.
    pub const fn doc(&self) -> &'static str {
        self.doc
    }
}

/// A word of a closed set.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) later: bool,
}

impl Word {
    /// A word; `doc` is what the admin reads about it.
    pub const fn new(name: &'static str, doc: &'static str) -> Word {
        Word { name, doc, later: false }
    }

    /// The word is not supported yet.
    #[must_use]
    pub const fn later(mut self) -> Word {
        self.later = true;
        self
    }
}

/// Every difference between a document and its shape, by place.
pub fn check(document: &Document, shape: &Shape) -> Vec<Diagnostic> {
    let mut found = Diagnostics::new();
    check_node(document.root(), shape, "the file", &mut found);
    found.into_vec()
}

/// `label` names the value in messages: its key in backticks, or "the file".
fn check_node(node: Node<'_>, shape: &Shape, label: &str, found: &mut Diagnostics) {
    if let Shape::Union(shapes) = shape {
        return check_union(node, shapes, label, found);
    }
    if !accepts(shape, node) {
        found.push(wrong_type(node, shape));
        return;
    }
    match shape {
        Shape::Any | Shape::Bool | Shape::Union(_) => {}
        Shape::Later(_) => {
            found.push(node.error("not-supported-yet", format!("this form of {label} is not supported yet")));
        }
        Shape::Integer { min, max } => match node.as_i64() {
            Some(number) => within(node, &number, min, max, i64::to_string, found),
            None => found.push(wrong_type(node, shape)),
        },
        Shape::Text(what) => {
            if node.written().trim().is_empty() {
                found.push(node.error("empty-value", format!("expected {what}, found empty text")));
            }
        }
        Shape::Words(words) => check_word(node, words, found),
        Shape::Duration { min, max } => match units::parse_duration(node.written()) {
            Ok(duration) => within(node, &duration, min, max, |bound| units::show_duration(*bound), found),
            Err(error) => found.push(malformed(node, shape, &error)),
        },
        Shape::Size { min, max } => match units::parse_size(node.written()) {
            Ok(size) => within(node, &size, min, max, |bound| units::show_size(*bound), found),
            Err(error) => found.push(malformed(node, shape, &error)),
        },
        Shape::Date => {
            if let Err(error) = units::parse_date(node.written()) {
                found.push(malformed(node, shape, &error));
            }
        }
        Shape::Rate => {
            if let Err(error) = units::parse_rate(node.written()) {
                found.push(malformed(node, shape, &error));
            }
        }
        Shape::List(of) => node.items().for_each(|item| check_node(item, of, label, found)),
        Shape::Map { key, of } => {
            for entry in node.entries() {
                if entry.key.trim().is_empty() {
                    found.push(
                        entry.error("empty-value", format!("expected {key} as the key, found empty text")),
                    );
                }
                check_node(entry.value, of, &quote(entry.key), found);
            }
        }
        Shape::Object(fields) => check_object(node, fields, found),
        Shape::Tagged(fields) => check_tagged(node, fields, found),
    }
}

fn check_object(node: Node<'_>, fields: &[Field], found: &mut Diagnostics) {
    node.entries().for_each(|entry| check_entry(entry, fields, found));
    // A mistyped key is not missing as well: one slip, one message.
    let meant = |name: &str| {
        node.entries()
            .any(|entry| field_of(entry, fields).is_none() && guess(entry.key, fields) == Some(name))
    };
    let absent = |field: &&Field| field.required && node.get(field.name).is_none() && !meant(field.name);
    for field in fields.iter().filter(absent) {
        let error = node.error("missing-key", format!("{} is missing", quote(field.name)));
        found.push(error.help(format!("add {}: {}", quote(field.name), field.doc)));
    }
}

fn check_tagged(node: Node<'_>, fields: &[Field], found: &mut Diagnostics) {
    node.entries().for_each(|entry| check_entry(entry, fields, found));
    let count = node.entries().count();
    if count != 1 {
        let message = format!(
            "expected exactly one key here, found {}",
            if count == 0 { "none".into() } else { count.to_string() }
        );
        found.push(node.error("not-one-key", message).help(format!("it is one of {}", names(fields))));
    }
}

fn check_entry(entry: Entry<'_>, fields: &[Field], found: &mut Diagnostics) {
    let Some(field) = fields.iter().find(|field| field.name == entry.key) else {
        let known = || supported(fields).map(|field| field.name);
        let guess = nearest(entry.key, known())
            .map(|name| format!("did you mean {}? ", quote(name)))
            .unwrap_or_default();
        let error = entry.error("unknown-key", format!("unknown key {}", quote(entry.key)));
        found.push(error.help(format!("{guess}known here: {}", names(fields))));
        return;
    };
    match field.support {
        Support::Now => check_node(entry.value, &field.shape, &quote(field.name), found),
        Support::Later => {
            let error =
                entry.error("not-supported-yet", format!("{} is not supported yet", quote(field.name)));
            found.push(error.help("remove the key"));
        }
        Support::DefaultOnly => {
            let default = field.default.unwrap_or_default();
            if !is_default(entry.value, default) {
                check_node(entry.value, &field.shape, &quote(field.name), found);
                let what = match entry.value.written() {
                    "" => quote(field.name),
                    written => quote(&format!("{}: {written}", field.name)),
                };
                let error = entry.value.error("not-supported-yet", format!("{what} is not supported yet"));
                found.push(error.help(format!(
                    "remove the key, or write {}",
                    quote(&format!("{}: {default}", field.name))
                )));
            }
        }
    }
}

fn field_of<'f>(entry: Entry<'_>, fields: &'f [Field]) -> Option<&'f Field> {
    fields.iter().find(|field| field.name == entry.key)
}

fn guess(key: &str, fields: &[Field]) -> Option<&'static str> {
    nearest(key, supported(fields).map(|field| field.name))
}

/// The alternative of the right kind with the fewest differences is the one that was meant.
fn check_union(node: Node<'_>, shapes: &'static [Shape], label: &str, found: &mut Diagnostics) {
    let candidates = shapes.iter().filter(|shape| accepts(shape, node));
    let results = candidates.map(|shape| {
        let mut own = Diagnostics::new();
        check_node(node, shape, label, &mut own);
        own.into_vec()
    });
    match results.min_by_key(Vec::len) {
        Some(result) => found.extend(result),
        None => found.push(wrong_type(node, &Shape::Union(shapes))),
    }
}

fn check_word(node: Node<'_>, words: &[Word], found: &mut Diagnostics) {
    let written = node.written();
    match words.iter().find(|word| word.name == written) {
        Some(word) if word.later => {
            let error = node.error("not-supported-yet", format!("{} is not supported yet", quote(written)));
            found.push(error.help(format!("use {}", word_names(words))));
        }
        Some(_) => {}
        None => {
            let known = words.iter().filter(|word| !word.later).map(|word| word.name);
            let guess = nearest(written, known)
                .map(|name| format!("did you mean {}? ", quote(name)))
                .unwrap_or_default();
            let error = node.error("unknown-value", format!("unknown value {}", quote(written)));
            found.push(error.help(format!("{guess}known here: {}", word_names(words))));
        }
    }
}

/// Whether a value is of the kind that a form asks for; bounds, words and keys are looked at later.
fn accepts(shape: &Shape, node: Node<'_>) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Union(shapes) => shapes.iter().any(|shape| accepts(shape, node)),
        Shape::Later(shape) => accepts(shape, node),
        Shape::Bool => node.value().is_bool(),
        Shape::Integer { .. } => node.value().is_number(),
        Shape::Text(_)
        | Shape::Words(_)
        | Shape::Duration { .. }
        | Shape::Size { .. }
        | Shape::Date
        | Shape::Rate => node.value().is_string(),
        Shape::List(_) => node.is_list(),
        Shape::Map { .. } | Shape::Object(_) | Shape::Tagged(_) => node.is_mapping(),
    }
}

fn is_default(node: Node<'_>, default: &str) -> bool {
    match default {
        "[]" => node.is_list() && node.items().next().is_none(),
        "{}" => node.is_mapping() && node.entries().next().is_none(),
        _ => node.written() == default && !node.is_list() && !node.is_mapping(),
    }
}

fn within<T: PartialOrd>(
    node: Node<'_>,
    value: &T,
    min: &T,
    max: &T,
    show: impl Fn(&T) -> String,
    found: &mut Diagnostics,
) {
    let bound = if value < min {
        format!("less than {}", quote(&show(min)))
    } else if value > max {
        format!("more than {}", quote(&show(max)))
    } else {
        return;
    };
    found.push(node.error("out-of-range", format!("{} is {bound}", quote(node.written()))));
}

fn malformed(node: Node<'_>, shape: &Shape, error: &UnitError) -> Diagnostic {
    let message = format!("expected {}, found {}", expected(shape), found_instead(node));
    node.error("malformed-value", message).help(error.to_string())
}

fn wrong_type(node: Node<'_>, shape: &Shape) -> Diagnostic {
    let message = format!("expected {}, found {}", expected(shape), found_instead(node));
    let error = node.error("wrong-type", message);
    match wrong_type_help(node, shape) {
        Some(help) => error.help(help),
        None => error,
    }
}

fn wrong_type_help(node: Node<'_>, shape: &Shape) -> Option<String> {
    let written = node.written();
    let forms = if let Shape::Union(shapes) = shape { shapes } else { std::slice::from_ref(shape) };
    let wants = |kind: fn(&Shape) -> bool| forms.iter().any(kind);
    match node.value() {
        Value::Null => Some("write a value, or remove the key".into()),
        Value::Bool(_) | Value::Number(_) if wants(|shape| matches!(shape, Shape::Text(_))) => {
            Some(format!("write it in quotes: {}", quote(&format!("\"{written}\""))))
        }
        Value::Number(_) if wants(|shape| matches!(shape, Shape::Duration { .. })) => {
            Some(units::DURATION_FORM.into())
        }
        Value::Number(_) if wants(|shape| matches!(shape, Shape::Size { .. })) => {
            Some(units::SIZE_FORM.into())
        }
        Value::String(_) if wants(|shape| matches!(shape, Shape::Bool)) => {
            Some("write `true` or `false`, without quotes; `yes`, `no`, `on` and `off` are text".into())
        }
        Value::String(text)
            if wants(|shape| matches!(shape, Shape::Integer { .. })) && text.parse::<i64>().is_ok() =>
        {
            Some("write it without quotes".into())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Mapping(_)
            if wants(|shape| matches!(shape, Shape::List(_))) =>
        {
            Some("write a list, also of one: `[ … ]`".into())
        }
        Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Sequence(_)
        | Value::Mapping(_)
        | Value::Tagged(_) => None,
    }
}

/// The form in words, as they stand after "expected".
fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Any => "a value".into(),
        Shape::Bool => "`true` or `false`".into(),
        Shape::Integer { .. } => "a whole number".into(),
        Shape::Text(what) => (*what).into(),
        Shape::Words(words) => word_names(words),
        Shape::Duration { .. } => "a duration such as `30s`".into(),
        Shape::Size { .. } => "a size such as `64KiB`".into(),
        Shape::Date => "a date such as `2027-01-31`".into(),
        Shape::Rate => "a rate such as `60/h`".into(),
        Shape::List(_) => "a list".into(),
        Shape::Map { .. } | Shape::Object(_) => "a mapping".into(),
        Shape::Tagged(fields) => format!("a mapping with one of the keys {}", names(fields)),
        Shape::Later(shape) => expected(shape),
        Shape::Union(shapes) => {
            let supported = shapes.iter().filter(|shape| !matches!(shape, Shape::Later(_)));
            let mut words: Vec<String> = supported.map(expected).collect();
            words.dedup();
            words.join(" or ")
        }
    }
}

fn found_instead(node: Node<'_>) -> String {
    match node.value() {
        Value::Null => "nothing".into(),
        Value::Bool(_) => format!("the truth value {}", quote(node.written())),
        Value::Number(_) => format!("the number {}", quote(node.written())),
        Value::String(text) => format!("the text {}", quote(text)),
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) | Value::Tagged(_) => "a mapping".into(),
    }
}

fn supported(fields: &[Field]) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| field.support != Support::Later)
}

fn names(fields: &[Field]) -> String {
    supported(fields).map(|field| quote(field.name)).collect::<Vec<_>>().join(", ")
}

fn word_names(words: &[Word]) -> String {
    words.iter().filter(|word| !word.later).map(|word| quote(word.name)).collect::<Vec<_>>().join(" or ")
}
