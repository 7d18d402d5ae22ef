//! The transaction as a whole, on real files, with a compiler that knows as little as possible.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

/// Compiles files line by line: `bad` is a diagnostic, `panic` a bug, `list: x` asks for a list.
pub(super) struct Toy;

/// Every file and list as text, by name.
pub(super) type Texts = std::collections::BTreeMap<String, String>;

impl Compiler for Toy {
    type Generation = Texts;
    type Diagnostic = String;

    fn compile(&self, snapshot: &Snapshot, before: Before<'_, Texts>) -> CompileResult<Toy> {
        let (mut texts, mut errors, mut warnings) = (Texts::new(), Vec::new(), Vec::new());
        for (name, bytes) in snapshot.rules() {
            let text = String::from_utf8(bytes.clone()).unwrap();
            if text.trim().is_empty() {
                errors.push(format!("{name}: empty"));
            }
            for line in text.lines() {
                match line {
                    "bad" => errors.push(format!("{name}: bad")),
                    "odd" => warnings.push(format!("{name}: odd")),
                    "panic" => panic!("a bug in the compiler"),
                    _ => {}
                }
                let Some(list) = line.strip_prefix("list: ") else { continue };
                match snapshot.read_list(list) {
                    Ok(bytes) => drop(texts.insert(list.to_owned(), String::from_utf8(bytes).unwrap())),
                    Err(error) => errors.push(format!("{name}: `{list}` {error}")),
                }
            }
            texts.insert(name.clone(), text);
        }
        let gone = before.in_force.iter().filter(|name| !snapshot.rules().contains_key(*name));
        errors.extend(gone.map(|name| format!("rule-file-missing: {name}")));
        if errors.is_empty() { Ok((texts, warnings)) } else { Err(errors) }
    }

    fn diagnostic(&self, problem: ReadProblem) -> String {
        problem.to_string()
    }

    fn brief(&self, diagnostic: &String) -> String {
        diagnostic.clone()
    }

    fn in_force(&self, generation: &Texts) -> Vec<String> {
        generation.keys().filter(|name| name.ends_with(".yaml")).cloned().collect()
    }
}

/// A directory with rules and state, and what a gateway would make of it.
pub(super) struct House {
    directory: TempDir,
    pub(super) metrics: Arc<Metrics>,
}

impl House {
    pub(super) fn new(files: &[(&str, &str)]) -> House {
        let metrics = Arc::new(Metrics::new([], []));
        let house = House { directory: tempfile::tempdir().unwrap(), metrics };
        fs::create_dir_all(house.rules().join("lists")).unwrap();
        files.iter().for_each(|(name, text)| house.write(name, text));
        house
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    pub(super) fn rules(&self) -> PathBuf {
        self.directory.path().join("rules")
    }

    pub(super) fn sources(&self) -> Sources {
        Sources { rules: self.rules(), profile: None }
    }

    pub(super) fn store(&self) -> LastGood {
        LastGood::new(&self.directory.path().join("state"))
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.rules().join(name), text).unwrap();
    }

    pub(super) fn boot(&self) -> Result<Arc<Reloader<Toy>>, BootError<String>> {
        Reloader::boot(Toy, self.sources(), self.store(), self.metrics.clone()).map(Arc::new)
    }

    pub(super) fn booted(&self) -> Arc<Reloader<Toy>> {
        self.boot().unwrap_or_else(|error| panic!("{error}: {:?}", error.diagnostics))
    }

    fn counted(&self, series: &str) -> u64 {
        let encoded = self.metrics.encode().unwrap();
        let line = encoded.lines().find_map(|line| line.strip_prefix(series)).unwrap();
        line.trim().parse().unwrap()
    }
}

impl Reloader<Toy> {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.current().generation.get(name).cloned()
    }
}

pub(super) fn eventually(within: Duration, what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn rejected(outcome: Outcome<Toy>) -> Arc<Rejection<String>> {
    match outcome {
        Outcome::Rejected(rejection) => rejection,
        Outcome::Applied(running) => panic!("applied as {}", running.number),
        Outcome::Unchanged(_) => panic!("unchanged"),
    }
}

fn applied(outcome: Outcome<Toy>) -> Arc<Running<Toy>> {
    match outcome {
        Outcome::Applied(running) => running,
        Outcome::Rejected(rejection) => panic!("rejected: {:?}", rejection.diagnostics),
        Outcome::Unchanged(_) => panic!("unchanged"),
    }
}

fn is_unchanged(outcome: Outcome<Toy>) -> bool {
    matches!(outcome, Outcome::Unchanged(_))
}

#[test]
fn an_edit_is_applied_whole_and_counted() {
    let house = House::new(&[("files.yaml", "one\nodd"), ("groups.yaml", "g")]);
    let reloader = house.booted();
    assert_eq!(reloader.current().number, 1);
    assert_eq!(reloader.current().warnings, ["files.yaml: odd"]);
    let held = reloader.current();
    let numbers = reloader.subscribe();
    house.write("files.yaml", "two");
    let running = applied(reloader.reload(Cause::Change));
    assert_eq!((running.number, reloader.text("files.yaml").as_deref()), (2, Some("two")));
    assert_eq!(held.generation["files.yaml"], "one\nodd", "a request keeps the generation it began with");
    assert_eq!(*numbers.borrow(), 2);
    assert_eq!(house.counted("chatwarden_rules_generation "), 2);
    assert_eq!(house.counted("chatwarden_rules_reloads_total{result=\"applied\"} "), 1);
}

#[test]
fn the_same_bytes_are_not_a_reload() {
    let house = House::new(&[("files.yaml", "list: lists/a"), ("lists/a", "10.0.0.0/8")]);
    let reloader = house.booted();
    house.write("files.yaml", "list: lists/a");
    house.write("lists/a", "10.0.0.0/8");
    house.write("lists/unnamed", "not asked for");
    assert!(is_unchanged(reloader.reload(Cause::Admin)));
    assert_eq!(reloader.current().number, 1);
}

#[test]
fn a_changed_list_is_a_change_of_the_rules() {
    let house = House::new(&[("files.yaml", "list: lists/a"), ("lists/a", "one")]);
    let reloader = house.booted();
    assert_eq!(reloader.watched().lists, BTreeSet::from(["lists/a".to_owned()]));
    house.write("lists/a", "two");
    assert_eq!(applied(reloader.reload(Cause::Change)).generation["lists/a"], "two");
    house.write("files.yaml", "list: lists/gone");
    let rejection = rejected(reloader.reload(Cause::Change));
    assert_eq!(rejection.diagnostics, ["files.yaml: `lists/gone` cannot be read: entity not found"]);
    assert!(reloader.watched().lists.contains("lists/gone"), "it may come yet");
    house.write("lists/gone", "here");
    assert_eq!(applied(reloader.reload(Cause::Change)).generation["lists/gone"], "here");
}

#[test]
fn a_bad_edit_leaves_the_running_rules_and_is_remembered() {
    let house = House::new(&[("files.yaml", "one"), ("groups.yaml", "g")]);
    let reloader = house.booted();
    house.write("files.yaml", "bad");
    house.write("groups.yaml", "bad");
    let rejection = rejected(reloader.reload(Cause::Change));
    assert_eq!(rejection.diagnostics, ["files.yaml: bad", "groups.yaml: bad"], "all at once");
    assert_eq!(reloader.text("files.yaml").as_deref(), Some("one"));
    assert_eq!(house.counted("chatwarden_rules_last_reload_successful "), 0);
    let status = reloader.status();
    assert_eq!(status["last_reload_successful"], false);
    assert_eq!(status["last_rejection"]["diagnostics"][0], "files.yaml: bad");
    assert_eq!(status["last_rejection"]["digest"], rejection.digest.unwrap().to_string());

    let again = rejected(reloader.reload(Cause::Change));
    assert!(Arc::ptr_eq(&rejection, &again), "the same bad files are one rejection");
    assert_eq!(house.counted("chatwarden_rules_reloads_total{result=\"rejected\"} "), 1);
    let asked = rejected(reloader.reload(Cause::Admin));
    assert!(!Arc::ptr_eq(&rejection, &asked), "who asks, gets an answer of now");

    house.write("files.yaml", "two");
    house.write("groups.yaml", "g");
    assert_eq!(applied(reloader.reload(Cause::Change)).number, 2);
    assert_eq!(house.counted("chatwarden_rules_last_reload_successful "), 1);
    assert_eq!(reloader.status()["last_reload_successful"], true);
}

#[test]
fn who_asks_for_a_reload_is_told_what_came_of_it() {
    let house = House::new(&[("files.yaml", "one")]);
    let reloader = house.booted();
    let reload = || {
        let outcome = reloader.reload(Cause::Admin);
        let report = outcome.report();
        (outcome.is_in_force(), report["result"].to_string(), report["diagnostics"].to_string())
    };
    assert_eq!(reload(), (true, r#""unchanged""#.to_owned(), "[]".to_owned()));
    house.write("files.yaml", "odd");
    assert_eq!(reload(), (true, r#""applied""#.to_owned(), r#"["files.yaml: odd"]"#.to_owned()));
    house.write("files.yaml", "bad");
    assert_eq!(reload(), (false, r#""rejected""#.to_owned(), r#"["files.yaml: bad"]"#.to_owned()));
}

#[test]
fn taking_a_bad_edit_back_is_good_news() {
    let house = House::new(&[("files.yaml", "one")]);
    let reloader = house.booted();
    house.write("files.yaml", "bad");
    rejected(reloader.reload(Cause::Change));
    house.write("files.yaml", "one");
    assert!(is_unchanged(reloader.reload(Cause::Change)));
    assert_eq!(reloader.status()["last_reload_successful"], true);
    assert_eq!(house.counted("chatwarden_rules_last_reload_successful "), 1);
    house.write("files.yaml", "bad");
    rejected(reloader.reload(Cause::Change));
    assert_eq!(house.counted("chatwarden_rules_reloads_total{result=\"rejected\"} "), 2);
}

#[test]
fn deletion_and_emptying_are_rejected() {
    let house = House::new(&[("files.yaml", "one"), ("groups.yaml", "g")]);
    let reloader = house.booted();
    fs::remove_file(house.rules().join("files.yaml")).unwrap();
    assert_eq!(rejected(reloader.reload(Cause::Change)).diagnostics, ["rule-file-missing: files.yaml"]);
    house.write("files.yaml", "");
    assert_eq!(rejected(reloader.reload(Cause::Change)).diagnostics, ["files.yaml: empty"]);
    fs::remove_dir_all(house.rules()).unwrap();
    let rejection = rejected(reloader.reload(Cause::Change));
    assert!(rejection.diagnostics[0].starts_with("rules-missing: there is no directory `rules`"));
    assert!(Arc::ptr_eq(&rejection, &rejected(reloader.reload(Cause::Change))));
    assert_eq!(reloader.text("files.yaml").as_deref(), Some("one"));
}

#[test]
fn a_panic_in_the_compiler_costs_one_edit() {
    let house = House::new(&[("files.yaml", "one")]);
    let reloader = house.booted();
    house.write("files.yaml", "panic");
    assert!(rejected(reloader.reload(Cause::Change)).diagnostics[0].starts_with("internal-error"));
    house.write("files.yaml", "two");
    assert_eq!(applied(reloader.reload(Cause::Change)).number, 2);
}

#[test]
fn bad_files_at_start_boot_the_last_good_rules() {
    let house = House::new(&[("files.yaml", "list: lists/a"), ("lists/a", "one")]);
    drop(house.booted());
    house.write("files.yaml", "bad");
    let reloader = house.booted();
    assert!(reloader.is_degraded());
    assert_eq!(reloader.current().number, 1);
    assert_eq!(reloader.text("lists/a").as_deref(), Some("one"));
    assert_eq!(reloader.status()["degraded"], true);
    assert_eq!(reloader.status()["last_rejection"]["diagnostics"][0], "files.yaml: bad");
    assert_eq!(house.counted("chatwarden_rules_last_reload_successful "), 0);
    house.write("files.yaml", "two");
    assert_eq!(applied(reloader.reload(Cause::Change)).number, 2);
    assert!(!reloader.is_degraded());
}

#[test]
fn putting_the_last_good_rules_back_ends_a_degraded_start() {
    let house = House::new(&[("files.yaml", "one")]);
    drop(house.booted());
    house.write("files.yaml", "bad");
    let reloader = house.booted();
    house.write("files.yaml", "one");
    assert!(is_unchanged(reloader.reload(Cause::Change)));
    assert!(!reloader.is_degraded());
}

#[test]
fn a_file_that_went_away_while_the_gateway_was_down_is_missed() {
    let house = House::new(&[("files.yaml", "one"), ("groups.yaml", "g")]);
    drop(house.booted());
    fs::remove_file(house.rules().join("files.yaml")).unwrap();
    let reloader = house.booted();
    assert!(reloader.is_degraded());
    assert_eq!(reloader.text("files.yaml").as_deref(), Some("one"));
}

#[test]
fn bad_files_and_no_last_good_rules_are_an_error_with_everything_in_it() {
    let house = House::new(&[("files.yaml", "bad"), ("groups.yaml", "")]);
    let error = house.boot().err().unwrap();
    assert_eq!(error.diagnostics, ["files.yaml: bad", "groups.yaml: empty"]);
    assert_eq!(error.last_good, "none were ever kept");
    let error = House::new(&[]).boot().err().unwrap();
    assert!(error.diagnostics[0].starts_with("rules-empty"), "{:?}", error.diagnostics);
}

#[test]
fn numbers_count_on_over_restarts() {
    let house = House::new(&[("files.yaml", "one")]);
    let reloader = house.booted();
    house.write("files.yaml", "two");
    assert_eq!(applied(reloader.reload(Cause::Change)).number, 2);
    drop(reloader);
    assert_eq!(house.booted().current().number, 2, "the same rules are the same generation");
    house.write("files.yaml", "three");
    assert_eq!(house.booted().current().number, 3);
}

#[test]
fn rules_that_cannot_be_kept_are_applied_and_it_is_said() {
    let house = House::new(&[("files.yaml", "one")]);
    let reloader = house.booted();
    let place = house.path().join("state/last-good");
    fs::remove_dir_all(&place).unwrap();
    fs::write(&place, "in the way").unwrap();
    house.write("files.yaml", "two");
    assert_eq!(applied(reloader.reload(Cause::Change)).number, 2);
    reloader.wait_until_kept();
    assert_eq!(reloader.status()["last_good"]["kept"], false);
    assert!(reloader.status()["last_good"]["error"].is_string());
    fs::remove_file(&place).unwrap();
    house.write("files.yaml", "three");
    applied(reloader.reload(Cause::Change));
    reloader.wait_until_kept();
    assert_eq!(reloader.status()["last_good"]["kept"], true);
}
