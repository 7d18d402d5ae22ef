//! JSON Schemas for editors, made of the same tables that `shape::check` reads.
//!
//! Draft 2020-12; descriptions are the docs of the tables. What is not supported yet is left out, so that an editor
//! never offers what the gateway would refuse.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::shape::{Field, Shape, Support};

/// The schema of a file kind; `id` is its `$id`.
pub fn json_schema(shape: &Shape, title: &str, id: &str) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("$id".into(), id.into());
    schema.insert("title".into(), title.into());
    schema.extend(form(shape));
    Value::Object(schema)
}

fn form(shape: &Shape) -> Map<String, Value> {
    let schema = match shape {
        Shape::Any => json!({}),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer { min, max } if *max == i64::MAX => json!({ "type": "integer", "minimum": min }),
        Shape::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Text(_) => json!({ "type": "string", "minLength": 1 }),
        Shape::Words(words) => {
            let supported = || words.iter().filter(|word| !word.later);
            let names: Vec<_> = supported().map(|word| word.name).collect();
            // `markdownEnumDescriptions` is what yaml-language-server shows beside each word.
            let docs: Vec<_> = supported().map(|word| word.doc).collect();
            if docs.iter().all(|doc| doc.is_empty()) {
                json!({ "type": "string", "enum": names })
            } else {
                json!({ "type": "string", "enum": names, "markdownEnumDescriptions": docs })
            }
        }
        Shape::Duration { .. } => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Shape::Size { .. } => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB|KB|MB)$" }),
        Shape::Date => {
            json!({ "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" })
        }
        Shape::Rate => json!({ "type": "string", "pattern": "^[0-9]+/[smhd]$" }),
        Shape::List(of) => json!({ "type": "array", "items": form(of) }),
        Shape::Map { of, .. } => {
            json!({ "type": "object", "propertyNames": { "minLength": 1 }, "additionalProperties": form(of) })
        }
        Shape::Object(fields) => {
            let required: Vec<_> = fields.iter().filter(|field| field.required).map(Field::name).collect();
            let mut schema =
                json!({ "type": "object", "properties": properties(fields), "additionalProperties": false });
            if let (false, Value::Object(schema)) = (required.is_empty(), &mut schema) {
                schema.insert("required".into(), required.into());
            }
            schema
        }
        Shape::Tagged(fields) => json!({
            "type": "object",
            "properties": properties(fields),
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        }),
        Shape::Union(shapes) => {
            let supported = shapes.iter().filter(|shape| !matches!(shape, Shape::Later(_)));
            let mut forms: Vec<_> = supported.map(form).collect();
            if forms.len() == 1 {
                return forms.pop().unwrap_or_default();
            }
            json!({ "anyOf": forms })
        }
        // Where it stands alone nothing may be written.
        Shape::Later(_) => json!({ "not": {} }),
    };
    match schema {
        Value::Object(schema) => schema,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn properties(fields: &[Field]) -> Map<String, Value> {
    let supported = fields.iter().filter(|field| field.support != Support::Later);
    supported.map(|field| (field.name.to_owned(), Value::Object(property(field)))).collect()
}

fn property(field: &Field) -> Map<String, Value> {
    let mut schema = form(&field.shape);
    let default = field.default.map(|text| serde_yaml::from_str(text).unwrap_or_else(|_| Value::from(text)));
    if let Some(default) = default {
        if field.support == Support::DefaultOnly {
            schema = Map::from_iter([("const".into(), default.clone())]);
        }
        schema.insert("default".into(), default);
    }
    schema.insert("description".into(), field.doc.into());
    schema
}
