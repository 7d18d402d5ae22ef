//! The codes of everything that can be wrong with rule files, in one place.
//!
//! A code names what was found. It is never reused and never renamed after a release: people search for it.

/// Every code that `compile` gives, with what it means.
pub const CODES: &[(&str, &str)] = &[
    // The directory.
    ("no-rule-files", "the directory has no rule file at all"),
    ("unknown-rule-file", "a YAML file of the directory has the name of no setting"),
    ("two-files", "a setting has a `.yaml` and a `.yml` file"),
    ("rule-file-missing", "the file of a setting in force is gone"),
    ("setting-not-available", "config.yaml does not let admins use this setting"),
    // The text of a file.
    ("not-utf8", "the file is not UTF-8 text"),
    ("file-too-large", "the file is larger than what is read"),
    ("empty-file", "the file has nothing in it but comments"),
    ("hidden-character", "a character that cannot be seen stands in the file"),
    ("yaml-syntax", "the file is not YAML"),
    ("yaml-alias", "the file uses an alias of YAML"),
    ("yaml-anchor", "the file uses an anchor of YAML"),
    ("yaml-tag", "the file uses a tag of YAML"),
    ("several-documents", "the file holds more than one YAML document"),
    ("duplicate-key", "a mapping has a key twice"),
    ("key-not-text", "a key is a number or a truth value"),
    ("ambiguous-yaml", "YAML 1.1 and 1.2 read the text differently"),
    ("too-deep", "lists and mappings stand too deep in one another"),
    ("too-many-values", "the file holds more values than are read"),
    ("too-many", "there are more problems than are shown"),
    // The keys and forms of values.
    ("unknown-key", "the file kind has no such key"),
    ("missing-key", "a key that must be there is not"),
    ("not-one-key", "exactly one of several keys belongs here"),
    ("wrong-type", "the value is of another kind than belongs here"),
    ("empty-value", "a text is empty"),
    ("unknown-value", "the word is none of those that belong here"),
    ("malformed-value", "the value is not written as it must be"),
    ("out-of-range", "the value is too small or too large"),
    ("unreadable-value", "the value cannot be read; a fault of the gateway"),
    ("not-supported-yet", "the key or value is known and does nothing yet"),
    // What settings have in common.
    ("setting-empty", "something is on and has nothing in it"),
    ("unknown-group", "groups.yaml declares no such group"),
    ("repeated-group", "a group is named twice"),
    ("example-failed", "an example has another outcome than it expects"),
    ("malformed-address", "an IP or e-mail address is not one"),
    // groups.yaml
    ("reserved-group", "a group is called `*`, which stands for every operator"),
    ("duplicate-group", "two names are one group"),
    ("too-many-groups", "more groups are declared than the gateway tells apart"),
    ("wildcard-account", "an account is written as a pattern"),
    ("repeated-account", "an account is named twice"),
    // ip-whitelist.yaml
    ("malformed-network", "a network is not one"),
    ("repeated-network", "a network stands in the file twice"),
    ("whole-internet", "an entry holds every address there is"),
    ("entry-expires", "an entry ends within seven days"),
    ("entry-expired", "an entry has ended"),
    ("whitelist-expired", "every entry has ended, so nobody can come in"),
    ("covers-trusted-proxy", "an entry holds the address of a trusted proxy"),
    ("list-outside", "a list's path leads out of the directory"),
    ("list-unreadable", "a list cannot be read"),
    ("repeated-list", "a list is named twice"),
    ("empty-list", "a list has no network in it"),
    // downloads.yaml
    ("repeated-address", "an e-mail address is named twice"),
    // personal-data.yaml
    ("nothing-to-hide", "the profile names no contact fields, or no texts of messages"),
    ("unknown-channel", "the profile knows no such channel"),
    ("repeated-channel", "a channel is named twice"),
    ("plan-too-large", "the profile names more contact fields than can be looked for"),
    ("not-one-value", "an example has no value to look at, or several"),
    // iframe.yaml
    ("malformed-host", "a host is not one that browsers can match"),
    ("host-without-scheme", "a host has no `https://`"),
    ("host-with-path", "a host has a path or ends with a slash"),
    ("wildcard-host", "a wildcard takes in too much"),
    ("insecure-host", "a host is reached by plain `http`"),
    ("repeated-host", "a host is named twice"),
    ("unknown-area", "the profile has no such part of the app"),
    ("repeated-area", "a part of the app is named twice"),
    ("areas-beside-all", "parts of the app are named beside `all`"),
    ("malformed-page", "the page of an example has no address"),
    // action-log.yaml
    ("unknown-action-type", "no action has this type"),
    ("malformed-type", "a text is neither a type nor a pattern of types"),
    ("repeated-type", "a type is named twice"),
    ("views-off", "a view is to be recorded while `views` is off"),
    ("not-whole-days", "a duration is not a number of whole days"),
];
