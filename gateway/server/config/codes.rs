//! The codes of what can be wrong with config.yaml and what it names, besides what any file can have wrong with it
//! (`rules::CODES` of the policy room).

/// Every code, with what it means.
pub const CODES: &[(&str, &str)] = &[
    ("unreadable-file", "config.yaml cannot be read"),
    ("rules-missing", "the directory of the rule files is not there"),
    ("rules-empty", "the directory of the rule files holds none"),
    ("rules-too-many", "the directory of the rule files holds more than a setting could need"),
    ("rules-unreadable", "the directory of the rule files cannot be read"),
    ("rules-changing", "the rule files do not stand still long enough to be read"),
    ("rule-file-unreadable", "a rule file cannot be read: no plain file, too large, or not allowed"),
    ("profile-unreadable", "the profile's file cannot be read"),
    ("undefined-variable", "a `${NAME}` stands for nothing in the environment"),
    ("no-listener", "there is no listener"),
    ("certificate", "a certificate or its key cannot be used"),
    ("upstream-header", "the secret of a header for the application cannot be used"),
    ("unknown-store", "the store of the action log is of no known kind"),
    ("no-alias-key", "a list of alias keys is empty"),
    ("repeated-alias-key", "an alias key is listed twice"),
    ("no-action-log", "the store of the action log is not there yet"),
    ("missing-token", "the admin listener is off loopback and has no token file"),
    ("identity-source", "an identity source cannot be built of its settings"),
    ("profile-needs-restart", "another profile file is named than the gateway started with"),
];
