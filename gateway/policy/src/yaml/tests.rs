//! Tests of reading YAML: what is refused, and where every value stands.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[test]
fn what_is_not_plain_yaml_is_refused_at_its_place() {
    let cases: &[(&str, &str)] = &[
        (
            "",
            "error[empty-file]: the file has nothing in it
  --> rules/files.yaml:1:1
   = help: an empty file never stands for defaults: write at least one key
",
        ),
        (
            "# only words\n",
            "error[empty-file]: the file has nothing in it
  --> rules/files.yaml:1:1
   |
 1 | # only words
   | ^
   = help: an empty file never stands for defaults: write at least one key
",
        ),
        (
            "~\n",
            "error[empty-file]: the file has nothing in it
  --> rules/files.yaml:1:1
   |
 1 | ~
   | ^
   = help: an empty file never stands for defaults: write at least one key
",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "error[several-documents]: a second document begins here
  --> rules/files.yaml:2:1
   |
 2 | ---
   | ^^^
   = help: a file holds one document: remove the `---` and what follows
",
        ),
        (
            "a: &x 1\nb: *x\n",
            "error[yaml-anchor]: anchors are not used here
  --> rules/files.yaml:1:4
   |
 1 | a: &x 1
   |    ^^^^
   = help: remove the `&name` before the value
error[yaml-alias]: aliases are not used here
  --> rules/files.yaml:2:4
   |
 2 | b: *x
   |    ^^
   = help: write the value out
",
        ),
        (
            "a: !!str 5\nb: !x y\n",
            "error[yaml-tag]: tags are not used here
  --> rules/files.yaml:1:4
   |
 1 | a: !!str 5
   |    ^^^^^^^
   = help: remove the `!…` before the value; text that looks like a number is written in quotes
error[yaml-tag]: tags are not used here
  --> rules/files.yaml:2:4
   |
 2 | b: !x y
   |    ^^^^
   = help: remove the `!…` before the value; text that looks like a number is written in quotes
",
        ),
        (
            "enabled: true\nenabled: false\n",
            "error[duplicate-key]: `enabled` was already given on line 1
  --> rules/files.yaml:2:1
   |
 2 | enabled: false
   | ^^^^^^^
   = help: keep one of the two
",
        ),
        (
            "1043: x\ntrue: y\n",
            "error[key-not-text]: the key `1043` is not text
  --> rules/files.yaml:1:1
   |
 1 | 1043: x
   | ^^^^
   = help: write it in quotes: `\"1043\"`
",
        ),
        (
            "[a]: x\n",
            "error[key-not-text]: a key must be text
  --> rules/files.yaml:1:1
   |
 1 | [a]: x
   | ^^^
   = help: write a word as the key
",
        ),
        (
            "a:\n\t- b\n",
            "error[yaml-syntax]: tabs disallowed within this context (block indentation)
  --> rules/files.yaml:2:2
   |
 2 | \t- b
   | \t^
   = help: indent with spaces: YAML has no tabs there
",
        ),
        (
            "a: [1, 2\n",
            "error[yaml-syntax]: while parsing a flow sequence, expected ',' or ']'
  --> rules/files.yaml:1:8
   |
 1 | a: [1, 2
   |        ^
",
        ),
        (
            "a: b: c\n",
            "error[yaml-syntax]: mapping values are not allowed in this context
  --> rules/files.yaml:1:5
   |
 1 | a: b: c
   |     ^
",
        ),
        (
            "a: \"x\n",
            "error[yaml-syntax]: while scanning a quoted scalar, found unexpected end of stream
  --> rules/files.yaml:1:4
   |
 1 | a: \"x
   |    ^
",
        ),
        (
            "a: é\nb: @x\n",
            "error[yaml-syntax]: unexpected character: `@'
  --> rules/files.yaml:2:4
   |
 2 | b: @x
   |    ^
",
        ),
        (
            "a: x\u{85}b: y\n",
            "error[hidden-character]: the character U+0085 cannot be seen
  --> rules/files.yaml:1:5
   |
 1 | a: x\u{fffd}b: y
   |     ^
   = help: remove it, or write it as an escape in double quotes
",
        ),
        (
            "a: x\u{202e}b\n",
            "error[hidden-character]: the character U+202E cannot be seen
  --> rules/files.yaml:1:5
   |
 1 | a: x\u{fffd}b
   |     ^
   = help: remove it, or write it as an escape in double quotes
",
        ),
        (
            "a: \u{1b}[31m\n",
            "error[hidden-character]: the character U+001B cannot be seen
  --> rules/files.yaml:1:4
   |
 1 | a: \u{fffd}[31m
   |    ^
   = help: remove it, or write it as an escape in double quotes
",
        ),
        (
            "a: .inf\n",
            "error[wrong-type]: `.inf` is not a number one can count to
  --> rules/files.yaml:1:4
   |
 1 | a: .inf
   |    ^^^^
   = help: if it is text, write it in quotes
",
        ),
        (
            "%YAML 1.1\n%YAML 1.1\n---\na: 1\n",
            "error[yaml-syntax]: duplicate version directive
  --> rules/files.yaml:2:1
   |
 2 | %YAML 1.1
   | ^
",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(render(text.as_bytes()), *expected, "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_shown() {
    assert_eq!(
        render(b"enabled: true\nnote: V\xe4xj\xf6"),
        "error[not-utf8]: this is not UTF-8 text
  --> rules/files.yaml:2:8
   |
 2 | note: V\u{fffd}xj\u{fffd}
   |        ^
   = help: save the file as UTF-8
"
    );
}

#[test]
fn large_and_deep_files_are_refused() {
    let refused = |bytes: &[u8]| Document::parse("rules/files.yaml", bytes).unwrap_err()[0].code;
    assert_eq!(refused(&vec![b'#'; MAX_BYTES + 1]), "file-too-large");
    assert_eq!(refused("[".repeat(65).as_bytes()), "too-deep");
    // The scanner has a limit of its own, which it may reach first.
    assert!(matches!(refused("[".repeat(1_000_000).as_bytes()), "too-deep" | "yaml-syntax"));
    assert!(matches!(refused("- ".repeat(1_000_000).as_bytes()), "too-deep" | "yaml-syntax"));
    assert_eq!(refused("- 1\n".repeat(MAX_VALUES).as_bytes()), "too-many-values");
    let deepest = format!("{}{}", "[".repeat(64), "]".repeat(64));
    assert!(Document::parse("rules/files.yaml", deepest.as_bytes()).is_ok());
}

#[test]
fn a_billion_laughs_end_at_the_first_anchor() {
    let mut text = String::from("a: &a [x, x]\n");
    for (this, last) in ('b'..='z').zip('a'..) {
        text.push_str(&format!("{this}: &{this} [*{last}, *{last}, *{last}]\n"));
    }
    let diagnostics = Document::parse("rules/files.yaml", text.as_bytes()).unwrap_err();
    assert_eq!((diagnostics[0].code, diagnostics[0].line), ("yaml-anchor", 1));
}

#[test]
fn words_of_yaml_1_1_are_text_and_leading_zeros_are_kept() {
    let document =
        Document::parse("x.yaml", b"[no, on, yes, 010, 1_000, 12:30:45, 2027-01-31, 010.0.0.1]").unwrap();
    let texts: Vec<_> = document.root().items().map(|node| node.as_str().unwrap_or("another type")).collect();
    assert_eq!(texts, ["no", "on", "yes", "010", "1_000", "12:30:45", "2027-01-31", "010.0.0.1"]);
    let document = Document::parse("x.yaml", b"[0o10, 0x10, 1e3, 1043, true, ~]").unwrap();
    assert!(document.root().items().all(|node| node.as_str().is_none()));
}

#[test]
fn every_key_and_value_knows_its_place() {
    let text = "\u{feff}# Līgums — é\ngroups:\n  - { group: \"Ā\", block: [send] }\n  -\nempty:\nlast: 'x'\r\nblock: |\n  two\n  lines\n";
    let document = Document::parse("rules/files.yaml", text.as_bytes()).unwrap();
    let shown = |node: Node<'_>| (node.line(), document.source().slice(node.span()).to_owned());
    let groups = document.get("groups").unwrap();
    let first = groups.items().next().unwrap();
    assert_eq!(shown(first), (3, "{ group: \"Ā\", block: [send] }".into()));
    assert_eq!(shown(first.get("group").unwrap()), (3, "\"Ā\"".into()));
    assert_eq!(shown(first.get("block").unwrap()), (3, "[send]".into()));
    assert_eq!(shown(document.get("empty").unwrap()), (5, "empty".into()));
    assert_eq!(shown(document.get("last").unwrap()), (6, "'x'".into()));
    assert_eq!(document.get("block").unwrap().as_str(), Some("two\nlines\n"));
    assert_eq!(document.root().entry("last").unwrap().line(), 6);
    assert!(groups.items().nth(1).unwrap().is_null());
    assert_eq!(groups.items().nth(1).unwrap().error("x", "y").line, 4);
    assert!(document.get("absent").is_none());
}

#[test]
fn a_part_of_a_text_is_pointed_at() {
    let document = Document::parse("p.yaml", b"a: \"$.x[?]\"\nb: \"\\u0024.x[?]\"\n").unwrap();
    let column = |key: &str| document.get(key).unwrap().error_at("x", 4, 1, "y").column;
    assert_eq!((column("a"), column("b")), (9, 4));
}

#[test]
fn a_document_reads_into_types() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Source {
        Cookie(String),
        Jwt { keep: bool },
    }
    let document = Document::parse("x.yaml", b"- cookie: session\n- jwt: { keep: true }\n").unwrap();
    let sources: Vec<Source> = document.read().unwrap();
    assert_eq!(sources, [Source::Cookie("session".into()), Source::Jwt { keep: true }]);
    assert_eq!(document.read::<BTreeMap<String, String>>().unwrap_err().code, "unreadable-value");
}

#[test]
fn arbitrary_bytes_never_panic() {
    let pieces: &[&[u8]] = &[
        b"a",
        b"key",
        b": ",
        b":",
        b"\n",
        b"\r\n",
        b"\r",
        b"  ",
        b"- ",
        b"\t",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"\"",
        b"'",
        b"#",
        b"&a ",
        b"*a",
        b"!t ",
        b"!!str ",
        b"---\n",
        b"...\n",
        b"? ",
        b"| ",
        b">-\n",
        b"%YAML 1.1\n",
        b"<<",
        b"0x1",
        b"1e9",
        b".nan",
        b"~",
        b"\\",
        b"\xc3\xa9",
        b"\xe2\x80\xa8",
        b"\xff",
        b"\0",
        b"\x85",
        b"\xf0\x9f\x98\x80",
        b"\xef\xbb\xbf",
        b"@",
        b"`",
    ];
    let seed: u64 = 0x5eed_cafe_f00d_0001;
    let mut state = seed;
    let mut next = |below: usize| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % below
    };
    for round in 0..20_000 {
        let mut data = Vec::new();
        for _ in 0..next(24) {
            data.extend_from_slice(
                pieces[next(if round % 4 == 0 { pieces.len() } else { pieces.len() - 9 })],
            );
        }
        let caught = std::panic::catch_unwind(|| fuzz_yaml(&data));
        assert!(caught.is_ok(), "seed {seed:#x}, round {round}: {:?}", String::from_utf8_lossy(&data));
    }
}

fn render(bytes: &[u8]) -> String {
    Document::parse("rules/files.yaml", bytes).unwrap_err().iter().map(ToString::to_string).collect()
}
