//! The case files of `tests/cases/check`: rule files as an admin might write them, and all that is said of them.
//!
//! Each case is an item of a list whose last key is `expect`. With `BLESS=1` in the environment what is said now is
//! written there, to be read before it is committed.

#![expect(clippy::disallowed_methods, reason = "tests read case files")]

use std::{collections::BTreeSet, fmt::Write, path::Path};

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    #[serde(default)]
    rules: BTreeMap<String, String>,
    #[serde(default)]
    lists: BTreeMap<String, String>,
    profile: Option<String>,
    #[serde(default)]
    in_force: Vec<String>,
    settings: Option<Vec<String>>,
    expect: String,
}

impl Case {
    fn compile(&self) -> (Option<Rules>, Vec<Diagnostic>) {
        let kinds = |names: &[String]| names.iter().map(|name| Kind::from_name(name).unwrap()).collect();
        let files = self.rules.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut fixture = Fixture::new(files);
        fixture.lists = self.lists.iter().map(|(path, text)| (path.clone(), text.clone().into())).collect();
        fixture.in_force = kinds(&self.in_force);
        fixture.settings = self.settings.as_deref().map(kinds);
        if let Some(text) = &self.profile {
            fixture.profile = profile(text);
        }
        fixture.compile()
    }
}

#[test]
fn every_case_is_told_as_its_file_expects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/check");
    let mut told = BTreeSet::new();
    let mut differences = String::new();
    for kind in std::fs::read_dir(root).unwrap() {
        for file in std::fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let cases: Vec<Case> = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            let mut outcomes = Vec::new();
            for case in &cases {
                let (rules, found) = case.compile();
                let is_refused = found.iter().any(|problem| problem.severity == Severity::Error);
                assert_eq!(rules.is_none(), is_refused, "{path:?}: {}", case.case);
                told.extend(found.iter().map(|problem| problem.code));
                let outcome: String = found.iter().map(ToString::to_string).collect();
                if outcome != case.expect {
                    let name = path.file_name().unwrap().display();
                    write!(differences, "== {name}: {}\n{outcome}", case.case).unwrap();
                }
                outcomes.push(outcome);
            }
            if std::env::var("BLESS").is_ok() {
                std::fs::write(&path, bless(&text, &outcomes)).unwrap();
            }
        }
    }
    assert!(differences.is_empty(), "said otherwise:\n{differences}");
    let known: BTreeSet<&str> = CODES.iter().map(|(code, _)| *code).collect();
    let unlisted: Vec<_> = told.difference(&known).collect();
    assert!(unlisted.is_empty(), "not in CODES: {unlisted:?}");
    let untold: Vec<_> = known.difference(&told).filter(|code| !ELSEWHERE.contains(code)).collect();
    assert!(untold.is_empty(), "no case for {untold:?}");
}

/// Codes that a case file cannot show well: they need bytes, masses or a fault of the gateway. Other tests of this
/// room show all but the last.
const ELSEWHERE: [&str; 11] = [
    "too-many",
    "too-many-groups",
    "not-utf8",
    "file-too-large",
    "hidden-character",
    "too-deep",
    "too-many-values",
    "not-one-key",
    "ambiguous-yaml",
    "plan-too-large",
    "unreadable-value",
];

/// The text with each `expect` replaced, in order.
fn bless(text: &str, outcomes: &[String]) -> String {
    let mut blessed = String::new();
    let mut outcomes = outcomes.iter();
    let mut skips = false;
    for line in text.lines() {
        skips &= line.starts_with("    ") || line.is_empty();
        if skips {
            continue;
        }
        if line.starts_with("- case") && !blessed.is_empty() && !blessed.ends_with("\n\n") {
            blessed.push('\n');
        }
        if !line.starts_with("  expect:") {
            writeln!(blessed, "{line}").unwrap();
            continue;
        }
        skips = true;
        match outcomes.next().map(String::as_str) {
            None | Some("") => writeln!(blessed, "  expect: \"\"").unwrap(),
            Some(outcome) => {
                writeln!(blessed, "  expect: |").unwrap();
                outcome.lines().for_each(|line| writeln!(blessed, "    {line}").unwrap());
            }
        }
    }
    blessed
}
