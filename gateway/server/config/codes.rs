//! The codes of what can be wrong with config.yaml and what it names, besides what any file can have wrong with it
//! (`rules::CODES` of the policy room).

/// Every code, with what it means.
pub const CODES: &[(&str, &str)] = &[
    ("unreadable-file", "a file or directory cannot be read"),
    ("undefined-variable", "a `${NAME}` stands for nothing in the environment"),
    ("no-listener", "there is no listener"),
    ("unknown-store", "the store of the action log is of no known kind"),
    ("missing-token", "the admin listener is off loopback and has no token file"),
    ("identity-source", "an identity source cannot be built of its settings"),
    ("profile-needs-restart", "another profile file is named than the gateway started with"),
];
