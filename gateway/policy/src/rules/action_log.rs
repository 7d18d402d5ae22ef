//! `action-log.yaml`: which actions are recorded, and for how long.
//!
//! A refused action ends in `.denied` and a failed one in `.failed`; both are types of their own, which a pattern
//! such as `*.denied` or `operator.*` takes in.

use std::time::Duration;

use super::{
    Kind, Mode,
    load::{ENABLED, Example, Loading, MODE, RuleFile, Seen, Setting},
};
use crate::{
    diagnostic::{Diagnostic, quote},
    reason::RuleRef,
    shape::{Field, Shape, Word},
    suggest::nearest,
    units::parse_duration,
    yaml::Node,
};

/// The compiled rule.
#[derive(Debug)]
pub struct ActionLog {
    /// The log refuses nothing, so both modes record.
    pub mode: Mode,
    /// The line of `types`.
    pub rule: RuleRef,
    /// How many days an entry is kept.
    pub keep_days: u32,
    /// Whether it is recorded who opened which client's card.
    pub views: bool,
    types: Types,
}

#[derive(Debug)]
enum Types {
    All,
    Listed(Vec<Pattern>),
}

/// A type, or the beginning or end of types.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    /// `operator.*`, with its dot.
    Prefix(String),
    /// `*.denied`, with its dot.
    Suffix(String),
}

impl ActionLog {
    /// Whether an action of the type is recorded.
    pub fn records(&self, action_type: &str) -> bool {
        let is_view =
            action_type == VIEW || action_type.strip_prefix(VIEW).is_some_and(|end| end.starts_with('.'));
        if is_view && !self.views {
            return false;
        }
        match &self.types {
            Types::All => true,
            Types::Listed(patterns) => patterns.iter().any(|pattern| pattern.matches(action_type)),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Pattern> {
        let literal = |text: &str| {
            let word = |part: &str| {
                !part.is_empty() && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            };
            text.split('.').all(word).then(|| text.to_owned())
        };
        if let Some(start) = text.strip_suffix(".*") {
            Some(Pattern::Prefix(literal(start)? + "."))
        } else if let Some(end) = text.strip_prefix("*.") {
            Some(Pattern::Suffix(format!(".{}", literal(end)?)))
        } else {
            literal(text).map(Pattern::Exact)
        }
    }

    fn matches(&self, action_type: &str) -> bool {
        match self {
            Pattern::Exact(exact) => exact == action_type,
            Pattern::Prefix(start) => action_type.starts_with(start),
            Pattern::Suffix(end) => action_type.ends_with(end),
        }
    }

    /// Whether an action can have a type that this matches.
    fn is_known<'t>(&self, mut types: impl Iterator<Item = &'t str>) -> bool {
        let text = match self {
            Pattern::Exact(text) | Pattern::Prefix(text) | Pattern::Suffix(text) => text,
        };
        let in_family = |family: &&str| text.strip_prefix(*family).is_some_and(|rest| rest.starts_with('.'));
        FAMILIES.iter().any(in_family)
            || types.any(|known| {
                let outcomes = OUTCOMES.iter().map(|outcome| format!("{known}{outcome}"));
                self.matches(known) || outcomes.into_iter().any(|known| self.matches(&known))
            })
    }
}

impl Setting for ActionLog {
    const KIND: Kind = Kind::ActionLog;

    fn compile(file: &RuleFile<'_>, loading: &mut Loading<'_>) -> Self {
        let views = file.flag("views", false);
        let types = match file.get("types").filter(|types| types.is_list()) {
            None => Types::All,
            Some(types) => Types::Listed(read_types(file, types, views, loading)),
        };
        Self {
            mode: file.mode(),
            rule: file.rule_of(&["types", "enabled"]),
            keep_days: file.get("keep").map_or(DEFAULT_DAYS, |keep| read_days(keep, loading)),
            views,
            types,
        }
    }

    fn judge_example(&self, _: Example<'_>, _: &mut Loading<'_>) {}
}

fn read_types(file: &RuleFile<'_>, types: Node<'_>, views: bool, loading: &mut Loading<'_>) -> Vec<Pattern> {
    if types.items().next().is_none() {
        let help = "write `types: all`, name types, or write `enabled: false`";
        loading.refuse_empty(file, types, "the log is on and records nothing", help);
    }
    let mut seen = Seen::default();
    let mut patterns = Vec::new();
    for node in types.items().filter(|node| node.as_str().is_some_and(|text| !text.trim().is_empty())) {
        let text = node.written();
        if let Some(line) = seen.again(text, node.line()) {
            let message = format!("{} stands in line {line} already", quote(text));
            loading.report(node.warning("repeated-type", message));
        }
        let profile = loading.context.profile;
        let types = || TYPES.iter().copied().chain(profile.action_types());
        match Pattern::parse(text) {
            Some(pattern) if pattern.is_known(types()) => {
                if text == VIEW && !views {
                    let message = format!("{} is not recorded while `views` is off", quote(VIEW));
                    loading.report(node.warning("views-off", message).help("write `views: true`"));
                }
                patterns.push(pattern);
            }
            Some(_) => loading.report(unknown_type(node, text, types())),
            None => {
                let message = format!("{} is neither a type nor a pattern of types", quote(text));
                let error = node.error("malformed-type", message);
                loading.report(
                    error.help("write a type such as `operator.create`, or `operator.*`, or `*.denied`"),
                );
            }
        }
    }
    patterns
}

fn unknown_type<'t>(node: Node<'_>, text: &str, types: impl Iterator<Item = &'t str>) -> Diagnostic {
    let mut known: Vec<&str> = types.collect();
    known.sort_unstable();
    known.dedup();
    let starts =
        known.iter().filter_map(|known| known.rsplit_once('.')).map(|(start, _)| format!("{start}.*"));
    let patterns: Vec<String> = starts.chain(OUTCOMES.iter().map(|outcome| format!("*{outcome}"))).collect();
    let candidates = known.iter().copied().chain(patterns.iter().map(String::as_str));
    let guess =
        nearest(text, candidates).map(|guess| format!("did you mean {}? ", quote(guess))).unwrap_or_default();
    let known = known.iter().map(|known| quote(known)).collect::<Vec<_>>().join(", ");
    let error = node.error("unknown-action-type", format!("no action has the type {}", quote(text)));
    error.help(format!("{guess}known here: {known}, and each with `.denied` or `.failed`"))
}

/// The days of `keep`; its bounds are the shape's business.
fn read_days(node: Node<'_>, loading: &mut Loading<'_>) -> u32 {
    let Ok(keep) = parse_duration(node.written()) else { return DEFAULT_DAYS };
    if !keep.as_secs().is_multiple_of(DAY) || keep.subsec_nanos() > 0 {
        let error =
            node.error("not-whole-days", format!("{} is not a number of whole days", quote(node.written())));
        loading.report(error.help("write it in days, such as `365d`"));
    }
    u32::try_from(keep.as_secs() / DAY).unwrap_or(DEFAULT_DAYS)
}

/// The types of actions that the gateway knows without a profile.
const TYPES: [&str; 19] = [
    "sign_in",
    "sign_out",
    "file.send",
    "file.receive",
    "download.send",
    "download.direct",
    "webhooks_panel.open",
    "operator.create",
    "operator.update",
    "operator.delete",
    "group.create",
    "group.update",
    "group.delete",
    VIEW,
    "rules.applied",
    "rules.rejected",
    "rules.restored",
    "stream.closed",
    "limit.reached",
];

/// Types of which more may come: whatever begins so is known.
const FAMILIES: [&str; 2] = ["group", "console"];

/// What is added to the type of an action that did not happen.
const OUTCOMES: [&str; 2] = [".denied", ".failed"];

const VIEW: &str = "client.view";
const DAY: u64 = 86_400;
const DEFAULT_DAYS: u32 = 365;

pub(super) const SHAPE: Shape = Shape::Object(&[
    ENABLED,
    MODE,
    Field::new(
        "keep",
        "How long an entry is kept, in days.",
        Shape::Duration { min: Duration::from_secs(DAY), max: Duration::from_secs(3650 * DAY) },
    )
    .default("365d"),
    Field::new(
        "types",
        "Which actions are recorded: `all`, or types and patterns such as `operator.*` and `*.denied`.",
        Shape::Union(&[
            Shape::Words(&[Word::new("all", "Every action.")]),
            Shape::List(&Shape::Text("an action type such as `operator.create`")),
        ]),
    )
    .default("all"),
    Field::new("views", "Whether it is recorded, too, who opened which client's card.", Shape::Bool)
        .default("false"),
    Field::new("strict", "Actions that wait until their entry is safe.", Shape::Any).later(),
]);
