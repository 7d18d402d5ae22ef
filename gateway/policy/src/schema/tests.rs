//! Tests of the JSON Schemas that editors read.

use super::*;
use crate::shape::Word;

#[test]
fn an_editor_gets_what_the_gateway_accepts() {
    const ENTRY: &[Field] = &[
        Field::new("group", "The group.", Shape::Text("a group")).required(),
        Field::new("until", "The last day.", Shape::Date).later(),
    ];
    const WORDS: &[Word] = &[Word::new("send", "Sending."), Word::new("preview", "Looking.").later()];
    const FILE: Shape = Shape::Object(&[
        Field::new("enabled", "Whether the setting is on.", Shape::Bool).default("true"),
        Field::new(
            "groups",
            "Who.",
            Shape::List(&Shape::Union(&[Shape::Words(WORDS), Shape::Object(ENTRY)])),
        )
        .required(),
        Field::new("tls", "Encryption.", Shape::Union(&[Shape::Bool, Shape::Later(&Shape::Any)])),
        Field::new("proxies", "Proxies.", Shape::List(&Shape::NETWORK)).only("[]"),
        Field::new("keep", "How long.", Shape::DURATION).default("365d"),
    ]);
    let expected = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "files.schema.json",
        "title": "files.yaml",
        "type": "object",
        "properties": {
            "enabled": { "type": "boolean", "default": true, "description": "Whether the setting is on." },
            "groups": { "type": "array", "description": "Who.", "items": { "anyOf": [
                { "type": "string", "enum": ["send"], "markdownEnumDescriptions": ["Sending."] },
                {
                    "type": "object",
                    "properties": { "group": { "type": "string", "minLength": 1, "description": "The group." } },
                    "required": ["group"],
                    "additionalProperties": false,
                },
            ] } },
            "tls": { "type": "boolean", "description": "Encryption." },
            "proxies": { "const": [], "default": [], "description": "Proxies." },
            "keep": { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "default": "365d", "description": "How long." },
        },
        "required": ["groups"],
        "additionalProperties": false,
    });
    assert_eq!(json_schema(&FILE, "files.yaml", "files.schema.json"), expected);
}
