//! Case files: rules, a request and what must come of it, judged twice.
//!
//! `tests/cases/<kind>/*.yaml` are lists of sets; a set is a directory of rules and cases under them. `by_policy` asks
//! the policy room alone, `by_wire` a gateway in front of an origin that answers what the case says. Both must tell
//! the same, and what the file expects. A case whose address no socket of this machine can have is judged by policy
//! alone.

mod file;
mod policy;
mod wire;

use chatwarden_policy::{reason::Denial, rules::Kind};

use self::{
    file::{Case, Expect, Set, read},
    policy::by_policy,
    wire::by_wire,
};

macro_rules! kinds {
    ($($name:ident: $kind:literal;)+) => { $(
        #[tokio::test]
        async fn $name() {
            check_files($kind).await;
        }
    )+ };
}

kinds! {
    groups: "groups";
    ip_whitelist: "ip-whitelist";
    files: "files";
    downloads: "downloads";
    personal_data: "personal-data";
    iframe: "iframe";
    webhooks: "webhooks";
    action_log: "action-log";
}

#[test]
fn there_are_cases_of_every_kind_and_nearly_all_go_through_the_wire() {
    let sets: Vec<Set> =
        Kind::ALL.iter().flat_map(|kind| read(kind.name())).flat_map(|(_, sets)| sets).collect();
    let cases: Vec<&Case> = sets.iter().flat_map(|set| &set.cases).collect();
    let wired = cases.iter().filter(|case| case.is_wired()).count();
    assert!(cases.len() >= 60 && wired * 10 >= cases.len() * 9, "{wired} of {}", cases.len());
}

/// The one place where cases are run and compared.
async fn check_files(kind: &str) {
    let mut differences = Vec::new();
    for (file, sets) in read(kind) {
        for (at, set) in sets.iter().enumerate() {
            let names: Vec<String> = set
                .cases
                .iter()
                .map(|case| format!("{kind}/{file}, set {}: {}", at + 1, case.case))
                .collect();
            let policy = set.policy();
            let by_policy = set.cases.iter().map(|case| by_policy(&policy, set, case)).collect::<Vec<_>>();
            let by_wire = by_wire(set).await;
            for (((case, name), policy), wire) in set.cases.iter().zip(&names).zip(&by_policy).zip(&by_wire) {
                let expected = case.expected();
                if *policy != expected {
                    differences.push(format!("{name}\n  policy: {policy:?}\n  expect: {expected:?}"));
                }
                let Some((wire, logged)) = wire else { continue };
                if *wire != expected {
                    differences.push(format!("{name}\n  wire:   {wire:?}\n  expect: {expected:?}"));
                }
                if let Some(expected) = case.logged.as_ref().filter(|expected| *expected != logged) {
                    differences.push(format!("{name}\n  logged: {logged}\n  expect: {expected}"));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    verdict: Expect,
    reason: Option<String>,
    rule: Option<String>,
    shown: Option<String>,
    csp: Option<String>,
    xfo: Option<String>,
    monitored: Vec<String>,
}

impl Told {
    fn refused(verdict: Expect, denial: &Denial, monitored: Vec<String>) -> Told {
        let reason = format!("{} {}", denial.reason.status(), denial.reason.code());
        let rule = denial.rule.map(|rule| rule.to_string());
        Told { verdict, reason: Some(reason), rule, shown: None, csp: None, xfo: None, monitored }
    }
}
