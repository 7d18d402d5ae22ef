//! What is kept comes back as it was, or not at all.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::super::tests::House;
use super::*;

fn house() -> House {
    House::new(&[
        ("files.yaml", "list: lists/a"),
        ("groups.yaml", "g"),
        ("lists/a", "one"),
        ("list.yaml", "l"),
    ])
}

fn snapshot(house: &House, lists: &BTreeSet<String>) -> Snapshot {
    let profile = house.path().join("our.yaml");
    fs::write(&profile, "app: ours").unwrap();
    let sources = super::super::Sources { profile: Some(profile), ..house.sources() };
    Snapshot::read(&sources, lists).unwrap()
}

fn keep(house: &House, generation: u64) -> Kept {
    let lists = ["lists/a", "list.yaml"].map(str::to_owned).into();
    let snapshot = snapshot(house, &lists);
    let digest = snapshot.digest(&lists);
    let at = "2026-03-01T09:30:00Z".parse().unwrap();
    let kept = Kept { digest, generation, at, in_force: vec!["files".to_owned()], lists };
    house.store().write(&snapshot, &kept).unwrap();
    kept
}

fn error(house: &House) -> String {
    house.store().read().unwrap_err().to_string()
}

fn set(house: &House) -> PathBuf {
    house.path().join("state/last-good/current")
}

fn entries(house: &House) -> usize {
    fs::read_dir(house.path().join("state/last-good")).unwrap().count()
}

#[test]
fn what_was_kept_comes_back() {
    let house = house();
    assert!(house.store().read().unwrap().is_none());
    let kept = keep(&house, 7);
    let (snapshot, read) = house.store().read().unwrap().unwrap();
    assert_eq!(read, kept);
    assert_eq!(snapshot.rules()["groups.yaml"], b"g");
    assert_eq!(snapshot.profile(), Some(&b"app: ours"[..]));
    assert_eq!(snapshot.read_list("lists/a").unwrap(), b"one");
    assert_eq!(snapshot.read_list("list.yaml").unwrap(), b"l", "a rule file that is a list, too");
    assert_eq!(snapshot.read_list("lists/b").unwrap_err(), "is not in the last good set");
    assert_eq!(fs::read(set(&house).join("rules/lists/a")).unwrap(), b"one", "the tree can be copied back");
}

#[test]
fn a_newer_set_takes_the_place_of_the_older() {
    let house = house();
    keep(&house, 1);
    house.write("groups.yaml", "h");
    keep(&house, 2);
    keep(&house, 2);
    let (snapshot, kept) = house.store().read().unwrap().unwrap();
    assert_eq!((kept.generation, &snapshot.rules()["groups.yaml"][..]), (2, &b"h"[..]));
    assert_eq!(entries(&house), 2, "the set and the link");
}

#[test]
fn only_the_owner_reads_it() {
    let house = house();
    keep(&house, 1);
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(house.path().join("state")), 0o700);
    for directory in ["", "rules", "rules/lists"] {
        assert_eq!(mode(set(&house).join(directory)), 0o700, "{directory}");
    }
    for file in ["manifest.json", "profile.yaml", "rules/files.yaml", "rules/lists/a"] {
        assert_eq!(mode(set(&house).join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_changed_or_torn_file_is_refused() {
    let house = house();
    for (file, text) in [("rules/groups.yaml", "evil"), ("rules/lists/a", "on"), ("profile.yaml", "")] {
        keep(&house, 1);
        fs::write(set(&house).join(file), text).unwrap();
        let message = "of the last good rules is not what was kept: it was changed or damaged";
        assert_eq!(error(&house), format!("`{file}` {message}"));
    }
    keep(&house, 1);
    fs::remove_file(set(&house).join("rules/groups.yaml")).unwrap();
    let message = "`rules/groups.yaml` of the last good rules cannot be read: entity not found";
    assert_eq!(error(&house), message);
}

#[test]
fn a_changed_or_torn_manifest_is_refused() {
    let house = house();
    let edits: [fn(&mut serde_json::Value); 6] = [
        |manifest| drop(manifest["files"].as_array_mut().unwrap().remove(0)),
        |manifest| manifest["files"][0]["name"] = "other.yaml".into(),
        |manifest| manifest["files"][0]["name"] = "../../../admin.token".into(),
        |manifest| manifest["format"] = 2.into(),
        |manifest| manifest["digest"] = "00".repeat(32).into(),
        |manifest| manifest["at"] = "yesterday".into(),
    ];
    for edit in edits {
        keep(&house, 1);
        let path = set(&house).join(MANIFEST);
        let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut manifest);
        fs::write(&path, manifest.to_string()).unwrap();
        house.store().read().unwrap_err();
    }
    keep(&house, 1);
    let path = set(&house).join(MANIFEST);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(error(&house).starts_with("the manifest of the last good rules is damaged"));
}

#[test]
fn a_crash_in_the_middle_leaves_the_set_before() {
    let house = house();
    let kept = keep(&house, 1);
    let place = house.path().join("state/last-good");
    fs::create_dir_all(place.join("2-halfway/rules")).unwrap();
    fs::write(place.join("2-halfway/rules/files.yaml"), "hal").unwrap();
    symlink("2-halfway", place.join("current.new")).unwrap();
    assert_eq!(house.store().read().unwrap().unwrap().1, kept);
    let kept = keep(&house, 2);
    assert_eq!(house.store().read().unwrap().unwrap().1, kept);
    assert_eq!(entries(&house), 2, "what the crash left is gone");
}
