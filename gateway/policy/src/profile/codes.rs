//! The codes of what can be wrong with profiles, besides what any file can have wrong with it (`rules::CODES`).

/// Every code, with what it means.
pub const CODES: &[(&str, &str)] = &[
    ("unknown-profile", "no profile of that name is bundled"),
    ("malformed-route", "a route is not written as it must be"),
    ("malformed-jsonpath", "a path is not JSONPath, or beyond the part of it that is read"),
    ("unknown-parameter", "a place names a `{parameter}` that the route does not have"),
    ("too-many-scopes", "contact fields are scoped to more lists of routes than can be told apart"),
    ("malformed-condition", "a condition of `when` names no member, or no value"),
    ("malformed-css", "a selector of `html` is not CSS, or beyond the part of it that is read"),
    ("malformed-channel", "`channel` names no member, or no values"),
    ("malformed-header", "a key of `headers` is not the name of a header field"),
    ("empty-query", "an entry of `queries` names nothing"),
    ("malformed-query", "an entry of `queries` names something that is not a name"),
    (
        "restore-tells",
        "a route of `restore` is one where a restored value would tell what its alias stands for",
    ),
    (
        "query-without-restore",
        "no route of `restore` covers an entry of `queries`, so a search by alias is refused",
    ),
    ("route-overlap", "a public route is also one of a setting, which then decides"),
];
