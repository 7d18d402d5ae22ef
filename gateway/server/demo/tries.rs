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
    /// How the deciding line of that file begins.
    pub needle: &'static str,
}

/// The list that `chatwarden demo` prints; the embedders are the two pages, approved and not.
pub fn things_to_try(gateway_url: &str, approved_embedder: &str, other_embedder: &str) -> Vec<Try> {
    let gateway_url = gateway_url.trim_end_matches('/');
    let attempt =
        |persona, what: &str, rule_file, needle| Try { persona, what: what.to_owned(), rule_file, needle };
    vec![
        attempt(
            "trainee",
            &format!("open invoice.pdf, or {gateway_url}/files/invoice.pdf: refused"),
            "files.yaml",
            "- { group: trainees,",
        ),
        attempt(
            "partner",
            "open invoice.pdf: it opens; attach a file: refused",
            "files.yaml",
            "- { group: partners,",
        ),
        attempt(
            "trainee",
            "look at a client card: aliases and a drawing",
            "personal-data.yaml",
            "hide_avatars:",
        ),
        attempt(
            "trainee",
            "find the client by the alias of their phone number, save the card: the real number stays; find +370: refused",
            "personal-data.yaml",
            "display:",
        ),
        attempt(
            "supervisor",
            "look at the same card: the real client",
            "personal-data.yaml",
            "exempt_groups:",
        ),
        attempt(
            "supervisor",
            "download a conversation to boss@evil.example: refused; to archive@example.com: sent",
            "downloads.yaml",
            "emails:",
        ),
        attempt("supervisor", "save a conversation to this computer: refused", "downloads.yaml", "direct:"),
        attempt("supervisor", "open Settings: webhooks: refused", "webhooks.yaml", "panel:"),
        attempt(
            "super-admin",
            "do any of the above: nothing is refused, nothing hidden",
            "groups.yaml",
            "groups:",
        ),
        attempt(
            "",
            &format!("open {approved_embedder} and {other_embedder}: one may embed the app, the other not"),
            "iframe.yaml",
            "hosts:",
        ),
        attempt(
            "",
            "take this line out, save, reload the page: refused, with your address; put it back: welcome",
            "ip-whitelist.yaml",
            "- 127.0.0.0/8",
        ),
        attempt(
            "",
            "misspell this key and save: a message, and the old rules stay",
            "files.yaml",
            "enabled:",
        ),
        attempt("", "run `chatwarden log`: who did what, when and from where", "action-log.yaml", "enabled:"),
    ]
}
