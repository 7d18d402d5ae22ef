//! Tests of the JSONPath subset: what parses, and where the error of what does not stands.

use super::*;

fn name(text: &str) -> Pick {
    Pick::Name(text.to_owned())
}

#[test]
fn the_supported_subset_is_parsed() {
    use Pick::{Any, Index};
    use Segment::{Child, Descendant};
    let cases = [
        ("$", vec![]),
        ("$.phone", vec![Child(vec![name("phone")])]),
        ("$..phone", vec![Descendant(vec![name("phone")])]),
        ("$['phone']", vec![Child(vec![name("phone")])]),
        ("$[\"phone\"]", vec![Child(vec![name("phone")])]),
        ("$.data[*].phone", vec![Child(vec![name("data")]), Child(vec![Any]), Child(vec![name("phone")])]),
        ("$.*", vec![Child(vec![Any])]),
        ("$..*", vec![Descendant(vec![Any])]),
        ("$..[*]", vec![Descendant(vec![Any])]),
        ("$..['a', \"b\"]", vec![Descendant(vec![name("a"), name("b")])]),
        ("$[0,1]", vec![Child(vec![Index(0), Index(1)])]),
        ("$[ 'a' , 0 , * ]", vec![Child(vec![name("a"), Index(0), Any])]),
        ("$ .a ['b']", vec![Child(vec![name("a")]), Child(vec![name("b")])]),
        ("$._a1", vec![Child(vec![name("_a1")])]),
        ("$.имя", vec![Child(vec![name("имя")])]),
        ("$['']", vec![Child(vec![name("")])]),
        ("$['a b.c-d']", vec![Child(vec![name("a b.c-d")])]),
        ("$['\\'\\\\\\/\\b\\t\\n\\f\\r\"']", vec![Child(vec![name("'\\/\u{8}\t\n\u{c}\r\"")])]),
        ("$[\"\\u0070hone\\ud83d\\ude00\"]", vec![Child(vec![name("phone😀")])]),
        ("$[9007199254740991]", vec![Child(vec![Index(9_007_199_254_740_991)])]),
    ];
    for (text, expected) in cases {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selector.segments(), expected, "{text}");
        assert_eq!(selector.as_str(), text);
    }
}

#[test]
fn everything_else_is_an_error_that_says_where_and_why() {
    let cases = [
        ("", 0, "the selector is empty; it begins with `$`"),
        ("phone", 0, "a selector begins with `$`"),
        (" $.a", 0, "a selector begins with `$`"),
        ("@.a", 0, "a selector begins with `$`; `@` belongs to filters"),
        ("$phone", 1, "expected `.` or `[`, found `p`"),
        ("$.", 2, "the selector ends after a dot"),
        ("$..", 3, "the selector ends after a dot"),
        ("$...a", 3, "expected a name, `*` or `[` after the dot"),
        ("$. a", 2, "expected a name, `*` or `[` after the dot"),
        ("$.[0]", 2, "`.` before `[`; write `[…]` or `..[…]`"),
        ("$.a ", 3, "white space after the selector"),
        ("$.a]", 3, "expected `.` or `[`, found `]`"),
        ("$.a$", 3, "expected `.` or `[`, found `$`"),
        ("$.1a", 2, "a name after `.` does not begin with a digit; write `['…']` or `[…]`"),
        ("$.client-phone", 8, "a name with `-` is written `['…']`"),
        ("$.a.length()", 4, "functions are not supported"),
        ("$[?(@.a)]", 2, "filters are not supported"),
        ("$.a[?@.b == 1]", 4, "filters are not supported"),
        ("$[1:2]", 3, "slices are not supported"),
        ("$[:2]", 2, "slices are not supported"),
        ("$[-1]", 2, "indexes from the end are not supported"),
        ("$[01]", 2, "an index has no leading zeros"),
        ("$[9007199254740992]", 2, "the index is over 2^53 - 1"),
        ("$[99999999999999999999999]", 2, "the index is over 2^53 - 1"),
        ("$[]", 2, "expected a name in quotes, an index or `*` before `]`"),
        ("$['a',]", 6, "expected a name in quotes, an index or `*` before `]`"),
        ("$[phone]", 2, "expected a name in quotes, an index or `*`"),
        ("$.a[", 3, "this `[` is not closed"),
        ("$.a[0", 3, "this `[` is not closed"),
        ("$['a' 'b']", 6, "expected `,` or `]`, found `'`"),
        ("$['a]", 2, "this quote is not closed"),
        ("$['\\'", 2, "this quote is not closed"),
        ("$['\\\"']", 3, "unknown escape"),
        ("$['\\x']", 3, "unknown escape"),
        ("$['\\", 3, "unknown escape"),
        ("$['\\u00g0']", 3, "`\\u` needs four hexadecimal digits"),
        ("$['\\u00", 3, "`\\u` needs four hexadecimal digits"),
        ("$['\\ud83d']", 3, "half of a surrogate pair"),
        ("$['\\ud83d\\u0041']", 3, "half of a surrogate pair"),
        ("$['\\ude00']", 3, "half of a surrogate pair"),
        ("$['a\nb']", 4, "a control character in a name is written `\\uXXXX`"),
    ];
    for (text, offset, message) in cases {
        let error = Selector::parse(text).expect_err(text);
        assert_eq!((error.offset, error.message.as_str()), (offset, message), "{text}");
        assert!(text.is_char_boundary(error.offset), "{text}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let alphabet =
        ["$", ".", "..", "[", "]", "'", "\"", "\\u", "d83d", "*", ",", ":", "-", "0", "é", "😀", " ", "\\"];
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::from("$");
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(alphabet[(state >> 33) as usize % alphabet.len()]);
        }
        if let Err(error) = Selector::parse(&text) {
            assert!(text.is_char_boundary(error.offset), "{text}");
        }
    }
}
