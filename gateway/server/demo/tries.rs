//! What to try in the demo: for each setting a thing to do, and the rule that answers.

/// One thing to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// As whom: `trainee`; empty where it does not matter.
    pub persona: &'static str,
    /// What to do, in plain words.
    pub what: String,
    /// The rule file that decides, below `rules/`.
    pub rule_file: &'static str,
    /// A text that stands in the deciding line of that file.
    pub needle: &'static str,
}

/// The list that `chatwarden demo` prints; the embedders are the two pages, approved and not.
pub fn things_to_try(gateway_url: &str, approved_embedder: &str, other_embedder: &str) -> Vec<Try> {
    let attempt = |persona, what: String, rule_file, needle| Try { persona, what, rule_file, needle };
    let by_v6 = gateway_url.replace("127.0.0.1", "[::1]");
    vec![
        attempt("trainee", "open invoice.pdf".to_owned(), "files.yaml", "group: trainees"),
        attempt("partner", "send a file".to_owned(), "files.yaml", "group: partners"),
        attempt(
            "trainee",
            "look at the client card: aliases and a drawn avatar".to_owned(),
            "personal-data.yaml",
            "hide_avatars:",
        ),
        attempt(
            "supervisor",
            "look at the same card: the real name and phone".to_owned(),
            "personal-data.yaml",
            "exempt_groups:",
        ),
        attempt(
            "supervisor",
            "download a conversation to boss@evil.example".to_owned(),
            "downloads.yaml",
            "emails:",
        ),
        attempt("supervisor", "open Settings, Webhooks".to_owned(), "webhooks.yaml", "panel:"),
        attempt("", format!("open {approved_embedder} and {other_embedder}"), "iframe.yaml", "hosts:"),
        attempt(
            "",
            format!("come from an address that is not listed: {by_v6}"),
            "ip-whitelist.yaml",
            "addresses:",
        ),
        attempt(
            "super-admin",
            "all of the above, and nothing is refused but the embedder and the address".to_owned(),
            "groups.yaml",
            "groups:",
        ),
    ]
}
