//! Selectors and the nodes they select: the part of JSONPath (RFC 9535) that is supported, and what is refused.
//!
//! Nodes are found by hiding them and told by JSON pointers (RFC 6901) to the leaves below: no leaf of these
//! documents is shown as what it is.

use std::sync::Arc;

use chatwarden_redact::{AliasKey, Class, Display, Limits, Plan, Selector};
use serde_json::Value;

use crate::cuts::{Cuts, redact_alike};

/// The example of RFC 9535 §1.5, shortened.
const STORE: &str = r#"{"store":{"book":[
    {"category":"reference","author":"Rees","title":"Sayings","price":8.95},
    {"category":"fiction","author":"Waugh","title":"Sword","price":12.99},
    {"category":"fiction","author":"Melville","title":"Moby","isbn":"0-553","price":8.99}],
    "bicycle":{"color":"red","price":399}}}"#;

/// Names of every kind.
const NAMES: &str = r#"{"a":{"b":"1","c":["2","3"],"":"4"},"":{"":"5"},"a.b":"6","a b":"7","'":"8","\"":"9","\\":"10",
    "\n":"11","é":"12","имя":"13","😀":{"😀":"14"},"_x1":"15","0":"16","*":"17","$":"18","@":"19","/":"20","[0]":"21",
    "\u0000":"22","phone":"23","A":"24","e\u0301":"25"}"#;

/// Arrays in arrays.
const ARRAYS: &str = r#"[["1","2",["3",{"x":"4"}]],{"x":["5",{"x":"6"}],"0":"7"},"8",[],{},[[["9"]]]]"#;

#[test]
fn every_selector_of_the_subset_selects_its_nodes() {
    let cases: [(&str, &str, &[&str]); 84] = [
        // The root (§2.2), names (§2.3.1).
        (STORE, "$", &["*"]),
        (STORE, "$.store", &["*"]),
        (STORE, "$.store.bicycle", &["/store/bicycle/color", "/store/bicycle/price"]),
        (STORE, "$['store']['bicycle']['color']", &["/store/bicycle/color"]),
        (STORE, "$[\"store\"].bicycle[\"color\"]", &["/store/bicycle/color"]),
        (STORE, "$.store.Bicycle", &[]),
        (STORE, "$.bicycle", &[]),
        (STORE, "$.store.book.author", &[]),
        // Wildcards (§2.3.2).
        (STORE, "$.*.bicycle.*", &["/store/bicycle/color", "/store/bicycle/price"]),
        (
            STORE,
            "$.store.book[*].author",
            &["/store/book/0/author", "/store/book/1/author", "/store/book/2/author"],
        ),
        (STORE, "$.store.*", &["*"]),
        (STORE, "$[*][*].color", &["/store/bicycle/color"]),
        (STORE, "$.store.bicycle.color.*", &[]),
        // Indexes (§2.3.3).
        (STORE, "$.store.book[2].title", &["/store/book/2/title"]),
        (STORE, "$.store.book[0,1].title", &["/store/book/0/title", "/store/book/1/title"]),
        (STORE, "$.store.book[3]", &[]),
        (STORE, "$.store[0]", &[]),
        (STORE, "$.store.book[9007199254740991]", &[]),
        // Descendants (§2.5.2).
        (STORE, "$..author", &["/store/book/0/author", "/store/book/1/author", "/store/book/2/author"]),
        (
            STORE,
            "$.store..price",
            &["/store/book/0/price", "/store/book/1/price", "/store/book/2/price", "/store/bicycle/price"],
        ),
        (
            STORE,
            "$..book[2]",
            &[
                "/store/book/2/category",
                "/store/book/2/author",
                "/store/book/2/title",
                "/store/book/2/isbn",
                "/store/book/2/price",
            ],
        ),
        (STORE, "$..book[2].author", &["/store/book/2/author"]),
        (STORE, "$..book[2].publisher", &[]),
        (STORE, "$..*", &["*"]),
        (STORE, "$..[*]", &["*"]),
        (STORE, "$..['isbn','color']", &["/store/book/2/isbn", "/store/bicycle/color"]),
        (STORE, "$..bicycle..color", &["/store/bicycle/color"]),
        (STORE, "$..store..book..isbn", &["/store/book/2/isbn"]),
        (
            STORE,
            "$..book..[1]",
            &["/store/book/1/category", "/store/book/1/author", "/store/book/1/title", "/store/book/1/price"],
        ),
        (STORE, "$..[1].title", &["/store/book/1/title"]),
        (STORE, "$..book.*.isbn", &["/store/book/2/isbn"]),
        // Unions of names and indexes, with blanks (§2.3, §2.1.1).
        (
            STORE,
            "$.store['bicycle','book'][1,'color']",
            &[
                "/store/book/1/category",
                "/store/book/1/author",
                "/store/book/1/title",
                "/store/book/1/price",
                "/store/bicycle/color",
            ],
        ),
        (
            STORE,
            "$.store.book[ 0 , 2 ]['title' , 'isbn']",
            &["/store/book/0/title", "/store/book/2/title", "/store/book/2/isbn"],
        ),
        (STORE, "$\n.store\t['bicycle']\r.color", &["/store/bicycle/color"]),
        (STORE, "$ ..color", &["/store/bicycle/color"]),
        (STORE, "$..['color','color']", &["/store/bicycle/color"]),
        (STORE, "$.store.book[0,0].isbn", &[]),
        (STORE, "$.store.book[*,0].isbn", &["/store/book/2/isbn"]),
        // Names in quotes and their escapes (§2.3.1.2).
        (NAMES, "$.a.b", &["/a/b"]),
        (NAMES, "$['a.b']", &["/a.b"]),
        (NAMES, "$['a b']", &["/a b"]),
        (NAMES, "$['']", &["//"]),
        (NAMES, "$['']['']", &["//"]),
        (NAMES, "$..['']", &["/a/", "//"]),
        (NAMES, "$.a['']", &["/a/"]),
        (NAMES, "$['\\'']", &["/'"]),
        (NAMES, "$[\"'\"]", &["/'"]),
        (NAMES, "$['\"']", &["/\""]),
        (NAMES, "$[\"\\\"\"]", &["/\""]),
        (NAMES, "$['\\\\']", &["/\\"]),
        (NAMES, "$['\\n']", &["/\n"]),
        (NAMES, "$['\\u000a']", &["/\n"]),
        (NAMES, "$['\\u000A']", &["/\n"]),
        (NAMES, "$['\\/','/']", &["/~1"]),
        (NAMES, "$['\\u0000']", &["/\0"]),
        (NAMES, "$['\\u0070hone']", &["/phone"]),
        (NAMES, "$[\"\\u00e9\"]", &["/é"]),
        (NAMES, "$['\\ud83d\\ude00']", &["/😀/😀"]),
        (NAMES, "$['\\uD83D\\uDE00'].😀", &["/😀/😀"]),
        (NAMES, "$['*']", &["/*"]),
        (NAMES, "$['$','@']", &["/$", "/@"]),
        (NAMES, "$['[0]']", &["/[0]"]),
        (NAMES, "$['0']", &["/0"]),
        (NAMES, "$[0]", &[]),
        (NAMES, "$['phone ']", &[]),
        // Shorthand names (§2.5.1.1): letters of every script, no normalization, no folding.
        (NAMES, "$.имя", &["/имя"]),
        (NAMES, "$.é", &["/é"]),
        (NAMES, "$.e\u{301}", &["/e\u{301}"]),
        (NAMES, "$..😀", &["/😀/😀"]),
        (NAMES, "$._x1", &["/_x1"]),
        (NAMES, "$.A", &["/A"]),
        (NAMES, "$.PHONE", &[]),
        (NAMES, "$.a.c[1]", &["/a/c/1"]),
        (NAMES, "$.a.c.*", &["/a/c/0", "/a/c/1"]),
        (NAMES, "$..c[0]", &["/a/c/0"]),
        // Arrays.
        (ARRAYS, "$[0][2][1].x", &["/0/2/1/x"]),
        (ARRAYS, "$[0][2]", &["/0/2/0", "/0/2/1/x"]),
        (ARRAYS, "$..[0]", &["/0/0", "/0/1", "/0/2/0", "/0/2/1/x", "/1/x/0", "/5/0/0/0"]),
        (ARRAYS, "$..x[0]", &["/1/x/0"]),
        (ARRAYS, "$..x..x", &["/1/x/1/x"]),
        (ARRAYS, "$[1]['0']", &["/1/0"]),
        (ARRAYS, "$[1][0]", &[]),
        (ARRAYS, "$[*][*][*]", &["/0/2/0", "/0/2/1/x", "/1/x/0", "/1/x/1/x", "/5/0/0/0"]),
        (ARRAYS, "$..[0][0]", &["/0/0", "/5/0/0/0"]),
    ];
    for (document, selector, nodes) in cases {
        let nodes: Vec<String> = match nodes {
            ["*"] => leaves(document).into_iter().map(|(node, _)| node).collect(),
            _ => nodes.iter().map(|&node| node.to_owned()).collect(),
        };
        let mut found = selected(document, selector);
        found.sort();
        let mut expected = nodes;
        expected.sort();
        assert_eq!(found, expected, "{selector}");
    }
}

#[test]
fn what_is_not_supported_is_refused_with_its_place_and_what_it_is() {
    let cases: [(&str, usize, &str); 44] = [
        // Filters (§2.3.5).
        ("$[?@.price < 10]", 2, "filters are not supported"),
        ("$..book[?@.isbn]", 8, "filters are not supported"),
        ("$.a['b', ?@.c]", 9, "filters are not supported"),
        ("$[?(@.a == 'b')]", 2, "filters are not supported"),
        ("$[ ?true]", 3, "filters are not supported"),
        ("@.a", 0, "a selector begins with `$`; `@` belongs to filters"),
        // Slices (§2.3.4).
        ("$[0:1]", 3, "slices are not supported"),
        ("$[:]", 2, "slices are not supported"),
        ("$[::2]", 2, "slices are not supported"),
        ("$.a[1 : 5 : 2]", 6, "slices are not supported"),
        ("$..[0, 1:]", 8, "slices are not supported"),
        // Indexes from the end, and what is no index (§2.3.3).
        ("$[-1]", 2, "indexes from the end are not supported"),
        ("$[0,-1]", 4, "indexes from the end are not supported"),
        ("$[-0]", 2, "indexes from the end are not supported"),
        ("$[-1:]", 2, "indexes from the end are not supported"),
        ("$[00]", 2, "an index has no leading zeros"),
        ("$[9007199254740992]", 2, "the index is over 2^53 - 1"),
        ("$[1.0]", 3, "expected `,` or `]`, found `.`"),
        ("$[1e2]", 3, "expected `,` or `]`, found `e`"),
        ("$[+1]", 2, "expected a name in quotes, an index or `*`"),
        // Functions (§2.4).
        ("$.a.length()", 4, "functions are not supported"),
        ("$..count(@)", 3, "functions are not supported"),
        // Names.
        ("$.client-phone", 8, "a name with `-` is written `['…']`"),
        ("$.1st", 2, "a name after `.` does not begin with a digit; write `['…']` or `[…]`"),
        ("$..0", 3, "a name after `.` does not begin with a digit; write `['…']` or `[…]`"),
        ("$.'a'", 2, "expected a name, `*` or `[` after the dot"),
        ("$.$", 2, "expected a name, `*` or `[` after the dot"),
        ("$.имя фамилия", 9, "expected `.` or `[`, found `ф`"),
        ("$[name]", 2, "expected a name in quotes, an index or `*`"),
        ("$['a\u{1}']", 4, "a control character in a name is written `\\uXXXX`"),
        ("$['\\a']", 3, "unknown escape"),
        ("$['\\u12']", 3, "`\\u` needs four hexadecimal digits"),
        ("$['\\udc00']", 3, "half of a surrogate pair"),
        ("$['a", 2, "this quote is not closed"),
        // Syntax.
        ("", 0, "the selector is empty; it begins with `$`"),
        ("a.b", 0, "a selector begins with `$`"),
        (" $", 0, "a selector begins with `$`"),
        ("$ ", 1, "white space after the selector"),
        ("$.", 2, "the selector ends after a dot"),
        ("$. a", 2, "expected a name, `*` or `[` after the dot"),
        ("$...a", 3, "expected a name, `*` or `[` after the dot"),
        ("$.a[", 3, "this `[` is not closed"),
        ("$[]", 2, "expected a name in quotes, an index or `*` before `]`"),
        ("$['a' 'b']", 6, "expected `,` or `]`, found `'`"),
    ];
    for (text, offset, message) in cases {
        let error = Selector::parse(text).expect_err(text);
        assert_eq!((error.offset, error.message.as_str()), (offset, message), "{text}");
        assert_eq!(error.to_string(), message);
    }
}

/// The leaves below what a selector selects, alike at every cut.
fn selected(document: &str, selector: &str) -> Vec<String> {
    let parsed = Selector::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"));
    let plan = Plan::builder().field(Class::Name, &parsed).display(Class::Name, Display::Hidden);
    let plan = Arc::new(plan.build(&AliasKey::new(&[7; 32]).unwrap()).unwrap());
    let cuts = [Cuts::Whole, Cuts::Every(3)];
    let outcome = redact_alike(&plan, Limits::default(), document.as_bytes(), &cuts);
    let out = String::from_utf8(outcome.out).unwrap();
    assert_eq!(
        outcome.result.map(|summary| summary.total()),
        Ok(count_changed(document, &out)),
        "{selector}"
    );
    let (before, after) = (leaves(document), leaves(&out));
    let changed = before.into_iter().zip(after).filter(|(before, after)| before.1 != after.1);
    changed.map(|((node, _), _)| node).collect()
}

fn count_changed(before: &str, after: &str) -> u64 {
    leaves(before).iter().zip(leaves(after)).filter(|(before, after)| before.1 != after.1).count() as u64
}

/// Every leaf of a document and the pointer to it.
fn leaves(document: &str) -> Vec<(String, Value)> {
    fn walk(pointer: &str, value: &Value, leaves: &mut Vec<(String, Value)>) {
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(&format!("{pointer}/{index}"), item, leaves);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    walk(&format!("{pointer}/{name}"), member, leaves);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                leaves.push((pointer.to_owned(), value.clone()));
            }
        }
    }
    let mut found = Vec::new();
    walk("", &serde_json::from_str(document).unwrap(), &mut found);
    found
}
