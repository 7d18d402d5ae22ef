//! `downloads.yaml`: to which e-mail addresses conversations may be downloaded.

use super::{
    Kind, Mode,
    load::{ENABLED, EXPECT, Example, Loading, MODE, RuleFile, Seen, Setting, examples},
};
use crate::{
    address::{Address, AddressPattern, parse_recipients},
    reason::RuleRef,
    shape::{Field, Shape, Word},
    yaml::Node,
};

/// The compiled list.
#[derive(Debug)]
pub struct Downloads {
    /// Whether it is carried out.
    pub mode: Mode,
    /// The line of the list.
    pub rule: RuleRef,
    /// The line that says whether downloads straight to the browser pass.
    pub direct_rule: RuleRef,
    /// Whether they do.
    pub direct_allowed: bool,
    patterns: Vec<AddressPattern>,
}

impl Downloads {
    /// Whether conversations may be downloaded to the address.
    pub fn lists(&self, address: &Address) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(address))
    }
}

impl Setting for Downloads {
    const KIND: Kind = Kind::Downloads;

    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self {
        let mut patterns = Vec::new();
        let mut seen = Seen::default();
        for node in file.items("emails") {
            let Some(text) = node.as_str().filter(|text| !text.trim().is_empty()) else { continue };
            if let Some(line) = seen.again(text.trim().to_ascii_lowercase(), node.line()) {
                let message = format!("this address stands in line {line} already");
                loading.report(node.warning("repeated-address", message));
                continue;
            }
            match AddressPattern::parse(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => {
                    let problem = node.error("malformed-address", &error.message);
                    loading.report(match &error.help {
                        Some(help) => problem.help(help),
                        None => problem,
                    });
                }
            }
        }
        if file.items("emails").next().is_none() {
            loading.refuse_empty(
                file,
                file.node_of(&["emails"]),
                "the list is on and has no address in it",
                "write addresses under `emails`, or `enabled: false`",
            );
        }
        Self {
            mode: file.mode(),
            rule: file.rule_of(&["emails", "enabled"]),
            direct_rule: file.rule_of(&["direct", "emails", "enabled"]),
            direct_allowed: file.get("direct").and_then(Node::as_str) == Some("allow"),
            patterns,
        }
    }

    fn judge_example(&self, example: Example<'_>, loading: &mut Loading<'_>) {
        let Some(to) = example.get("to") else { return };
        let mut recipients = Vec::new();
        let one = to.as_str().is_some().then_some(to);
        for node in one.into_iter().chain(to.items()) {
            match parse_recipients(node.written()) {
                Ok(addresses) => recipients.extend(addresses),
                // What does not parse is refused, as it is on the way.
                Err(_) => {
                    let why =
                        |_: &Loading<'_>| "it is refused: a recipient is not an e-mail address".to_owned();
                    return example.expect("refused", why, loading);
                }
            }
        }
        let unlisted = recipients.iter().position(|address| !self.lists(address));
        let (allowed, why) = match (recipients.is_empty(), unlisted) {
            (true, _) if self.direct_allowed => {
                (true, format!("it is allowed: {} allows downloads to the browser", self.direct_rule))
            }
            (true, _) => {
                (false, format!("it is refused: {} blocks downloads to the browser", self.direct_rule))
            }
            (false, None) => (true, format!("it is allowed: {} lists every recipient", self.rule)),
            (false, Some(place)) => {
                (false, format!("it is refused: {} does not list recipient {}", self.rule, place + 1))
            }
        };
        example.expect(if allowed { "allowed" } else { "refused" }, |_| why, loading);
    }
}

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new(
        "emails",
        "The e-mail addresses that conversations may be downloaded to; `*@legal.example.com` is every address there. \
         Every recipient of a download must be listed. Super-admins are not affected.",
        Shape::List(&Shape::Text("an e-mail address such as `archive@example.com`")),
    ),
    Field::new(
        "direct",
        "Whether conversations may be downloaded straight to the browser.",
        Shape::Words(&[Word::new("block", "They may not."), Word::new("allow", "They may, by everybody.")]),
    )
    .default("block"),
    examples(&Shape::Object(&[
        Field::new(
            "to",
            "The recipients, as the app would send them; `[]` is a download to the browser.",
            Shape::Union(&[Shape::Text("a recipient"), Shape::List(&Shape::Text("a recipient"))]),
        )
        .required(),
        EXPECT,
    ])),
]);
