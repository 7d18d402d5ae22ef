//! The ways in which files change, each seen within a second, by real notifications and by the poll alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::tests::{House, Toy, eventually};
use super::super::{Outcome, Reloader, watch};
use super::*;

const BOUND: Duration = Duration::from_secs(1);

/// A gateway that watches its files.
struct Watching {
    house: House,
    reloader: Arc<Reloader<Toy>>,
    _watcher: Watcher,
    bound: Duration,
}

impl Watching {
    fn new(files: &[(&str, &str)]) -> Watching {
        Watching::with(House::new(files), Timing::default(), BOUND)
    }

    fn with(house: House, timing: Timing, bound: Duration) -> Watching {
        let reloader = house.booted();
        let _watcher = watch(&reloader, timing).unwrap();
        Watching { house, reloader, _watcher, bound }
    }

    /// Waits for the last edit to be in force.
    fn sees(&self, name: &str, text: &str) {
        eventually(self.bound, text, || self.reloader.text(name).as_deref() == Some(text));
    }

    /// Waits for the last edit to be rejected with this diagnostic.
    fn rejects(&self, diagnostic: &str) {
        eventually(self.bound, diagnostic, || {
            self.reloader.status()["last_rejection"]["diagnostics"][0].as_str() == Some(diagnostic)
        });
    }

    fn number(&self) -> u64 {
        self.reloader.current().number
    }

    fn is_unchanged(&self) -> bool {
        matches!(self.reloader.reload(Cause::Admin), Outcome::Unchanged(_))
    }

    fn rename_over(&self, name: &str, text: &str) {
        self.house.write(".new", text);
        fs::rename(self.house.rules().join(".new"), self.house.rules().join(name)).unwrap();
    }
}

#[test]
fn a_write_in_place_is_seen() {
    let watching = Watching::new(&[("files.yaml", "one")]);
    for text in ["two", "six", "ten"] {
        watching.house.write("files.yaml", text); // of one size, in quick succession
        watching.sees("files.yaml", text);
    }
    assert_eq!(watching.number(), 4);
}

#[test]
fn an_atomic_rename_is_seen() {
    let watching = Watching::new(&[("files.yaml", "one")]);
    for text in ["two", "three", "four"] {
        watching.rename_over("files.yaml", text);
        watching.sees("files.yaml", text);
    }
}

#[test]
fn a_save_with_a_backup_as_vim_does_it_is_seen() {
    let watching = Watching::new(&[("files.yaml", "one")]);
    let rules = watching.house.rules();
    for text in ["two", "three"] {
        watching.house.write("4913", "");
        fs::remove_file(rules.join("4913")).unwrap();
        watching.house.write(".files.yaml.swp", "swap");
        fs::rename(rules.join("files.yaml"), rules.join("files.yaml~")).unwrap();
        watching.house.write("files.yaml", text);
        fs::remove_file(rules.join("files.yaml~")).unwrap();
        watching.sees("files.yaml", text);
    }
    assert_eq!(watching.number(), 3, "and nothing in between was taken for a save");
}

#[test]
fn a_swap_of_links_as_kubernetes_does_it_is_seen() {
    let house = House::new(&[]);
    let rules = house.rules();
    let put = |version: &str| {
        let directory = rules.join(format!("..{version}"));
        fs::create_dir_all(directory.join("lists")).unwrap();
        fs::write(directory.join("files.yaml"), format!("list: lists/a\n{version}")).unwrap();
        fs::write(directory.join("lists/a"), version).unwrap();
        symlink(format!("..{version}"), rules.join("..data_tmp")).unwrap();
        fs::rename(rules.join("..data_tmp"), rules.join("..data")).unwrap();
    };
    fs::remove_dir(rules.join("lists")).unwrap();
    put("one");
    for name in ["files.yaml", "lists"] {
        symlink(format!("..data/{name}"), rules.join(name)).unwrap();
    }
    let watching = Watching::with(house, Timing::default(), BOUND);
    for (before, version) in [("one", "two"), ("two", "three")] {
        put(version);
        fs::remove_dir_all(rules.join(format!("..{before}"))).unwrap();
        watching.sees("files.yaml", &format!("list: lists/a\n{version}"));
        watching.sees("lists/a", version);
    }
}

#[test]
fn a_swap_of_the_link_to_the_directory_is_seen() {
    let house = House::new(&[("files.yaml", "one")]);
    let rules = house.rules();
    fs::rename(&rules, house.path().join("v1")).unwrap();
    symlink("v1", &rules).unwrap();
    let watching = Watching::with(house, Timing::default(), BOUND);
    for (version, text) in [("v2", "two"), ("v3", "three")] {
        let directory = watching.house.path().join(version);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("files.yaml"), text).unwrap();
        symlink(version, watching.house.path().join("next")).unwrap();
        fs::rename(watching.house.path().join("next"), &rules).unwrap();
        watching.sees("files.yaml", text);
        fs::write(directory.join("files.yaml"), version).unwrap();
        watching.sees("files.yaml", version);
    }
}

#[test]
fn a_replaced_directory_is_watched_anew() {
    let watching = Watching::new(&[("files.yaml", "one")]);
    let (rules, old) = (watching.house.rules(), watching.house.path().join("old"));
    fs::rename(&rules, &old).unwrap();
    fs::create_dir(&rules).unwrap();
    watching.house.write("files.yaml", "two");
    watching.sees("files.yaml", "two");
    fs::remove_dir_all(&rules).unwrap();
    let missing = "rules-missing: there is no directory `rules`";
    let help = "the directory holds one file per setting, and `groups.yaml`";
    watching.rejects(&format!("{missing}\n  help: {help}"));
    fs::create_dir(&rules).unwrap();
    watching.house.write("files.yaml", "three");
    watching.sees("files.yaml", "three");
    watching.house.write("files.yaml", "four");
    watching.sees("files.yaml", "four");
}

#[test]
fn deletion_emptying_and_bad_files_are_rejected_and_good_ones_taken() {
    let watching = Watching::new(&[("files.yaml", "one"), ("groups.yaml", "g")]);
    fs::remove_file(watching.house.rules().join("files.yaml")).unwrap();
    watching.rejects("rule-file-missing: files.yaml");
    watching.house.write("files.yaml", "");
    watching.rejects("files.yaml: empty");
    watching.house.write("files.yaml", "bad");
    watching.rejects("files.yaml: bad");
    assert_eq!(watching.number(), 1);
    watching.house.write("files.yaml", "good");
    watching.sees("files.yaml", "good");
    assert_eq!(watching.number(), 2);
}

#[test]
fn files_of_editors_beside_the_rules_are_left_alone() {
    let watching = Watching::new(&[("files.yaml", "one")]);
    for name in [".files.yaml.swp", "files.yaml~", "#files.yaml#", "4913", ".hidden.yaml", "notes.txt"] {
        watching.house.write(name, "bad");
    }
    assert!(watching.is_unchanged());
    watching.house.write("files.yaml", "two");
    watching.sees("files.yaml", "two");
    assert_eq!(watching.number(), 2);
    assert!(watching.reloader.status()["last_rejection"].is_null());
}

#[test]
fn a_hundred_saves_in_a_second_do_not_hold_up_the_effect() {
    let watching = Watching::new(&[("files.yaml", "one")]);
    let began = watching.number();
    for save in 0..100 {
        watching.house.write("files.yaml", &format!("save {save}"));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(watching.number() > began, "busy files are looked at all the same");
    watching.sees("files.yaml", "save 99");
    assert!(watching.number() < began + 12, "but not at every save");
}

#[test]
fn lists_and_links_into_other_directories_are_watched() {
    let house = House::new(&[("files.yaml", "list: lists/a"), ("lists/a", "one")]);
    let elsewhere = house.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("g"), "one").unwrap();
    symlink(elsewhere.join("g"), house.rules().join("groups.yaml")).unwrap();
    let watching = Watching::with(house, Timing::default(), BOUND);
    watching.house.write("lists/a", "two");
    watching.sees("lists/a", "two");
    fs::write(elsewhere.join("g.new"), "two").unwrap();
    fs::rename(elsewhere.join("g.new"), elsewhere.join("g")).unwrap();
    watching.sees("groups.yaml", "two");
    fs::create_dir(watching.house.rules().join("more")).unwrap();
    watching.house.write("more/b", "new");
    watching.house.write("files.yaml", "list: more/b");
    watching.sees("more/b", "new");
    watching.house.write("more/b", "newer");
    watching.sees("more/b", "newer");
}

#[test]
fn the_poll_alone_sees_every_kind_of_change() {
    let timing = Timing { notify: false, ..Timing::default() };
    let bound = Duration::from_secs(3);
    let watching = Watching::with(House::new(&[("files.yaml", "one")]), timing, bound);
    watching.house.write("files.yaml", "two");
    watching.sees("files.yaml", "two");
    watching.rename_over("files.yaml", "six");
    watching.sees("files.yaml", "six");
    let rules = watching.house.rules();
    fs::rename(&rules, watching.house.path().join("old")).unwrap();
    fs::create_dir(&rules).unwrap();
    watching.house.write("files.yaml", "ten");
    watching.sees("files.yaml", "ten");
    fs::remove_file(rules.join("files.yaml")).unwrap();
    watching.house.write("groups.yaml", "g");
    watching.rejects("rule-file-missing: files.yaml");
}

/// Counts looks instead of reading.
fn counting(house: &House, timing: Timing) -> (Watcher, Arc<AtomicU32>) {
    let looks = Arc::new(AtomicU32::new(0));
    let (counter, sources) = (looks.clone(), house.sources());
    let watched = move || Watched { sources: sources.clone(), lists: BTreeSet::new() };
    let look = move |_| {
        assert_ne!(counter.fetch_add(1, Ordering::Relaxed), 1, "the second look panics");
    };
    (Watcher::start(timing, watched, look).unwrap(), looks)
}

#[test]
fn a_trigger_has_the_files_looked_at_and_a_panic_ends_nothing() {
    let house = House::new(&[("files.yaml", "one")]);
    let timing = Timing { notify: false, poll: Duration::from_secs(3600), ..Timing::default() };
    let (watcher, looks) = counting(&house, timing);
    for look in 1..4 {
        eventually(BOUND, "a look", || looks.load(Ordering::Relaxed) >= look);
        watcher.trigger();
    }
    drop(watcher);
    let seen = looks.load(Ordering::Relaxed);
    house.write("files.yaml", "two");
    assert_eq!(looks.load(Ordering::Relaxed), seen, "a dropped watcher has ended");
}

#[test]
fn a_change_that_leaves_the_same_size_and_times_is_looked_for() {
    let house = House::new(&[("files.yaml", "one")]);
    let (_watcher, looks) = counting(&house, Timing { notify: false, ..Timing::default() });
    let bound = 3 * Scan::FRESH;
    eventually(bound, "a second look at a fresh file", || looks.load(Ordering::Relaxed) == 2);
}

#[test]
fn a_profile_is_watched_in_its_own_directory() {
    let house = House::new(&[("files.yaml", "one")]);
    let profile = house.path().join("profiles/ours.yaml");
    fs::create_dir(house.path().join("profiles")).unwrap();
    fs::write(&profile, "app: one").unwrap();
    let sources = Sources { profile: Some(profile.clone()), ..house.sources() };
    let reloader = Reloader::boot(Toy, sources, house.store(), house.metrics);
    let reloader = Arc::new(reloader.unwrap_or_else(|error| panic!("{error}")));
    let _watcher = watch(&reloader, Timing::default()).unwrap();
    fs::write(&profile, "app: two").unwrap();
    eventually(BOUND, "the profile", || reloader.current().number == 2);
}

#[test]
fn other_files_in_a_watched_directory_cost_no_looks() {
    let house = House::new(&[("files.yaml", "one")]);
    let (watcher, looks) = counting(&house, Timing::default());
    eventually(3 * Scan::FRESH, "the rules to have rested", || looks.load(Ordering::Relaxed) == 2);
    for entry in 0..50 {
        fs::write(house.path().join("busy.db"), format!("{entry}")).unwrap();
        thread::sleep(Duration::from_millis(10));
    }
    watcher.trigger();
    eventually(BOUND, "the trigger", || looks.load(Ordering::Relaxed) > 2);
    assert_eq!(looks.load(Ordering::Relaxed), 3, "the trigger's and no other");
}

#[test]
fn due_times_have_a_quiet_period_and_an_end() {
    let timing = Timing::default();
    let first = Instant::now();
    let after = |millis| first + Duration::from_millis(millis);
    assert_eq!(timing.due(Pending { first, last: first }), after(100));
    assert_eq!(timing.due(Pending { first, last: after(250) }), after(350));
    assert_eq!(timing.due(Pending { first, last: after(390) }), after(400));
}
