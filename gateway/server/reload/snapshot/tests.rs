//! What is read, what is refused, and that a set never mixes two moments.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::tests::House;
use super::*;

fn read(house: &House) -> Result<Snapshot, Vec<ReadProblem>> {
    Snapshot::read(&house.sources(), &BTreeSet::new())
}

fn codes(house: &House) -> Vec<&'static str> {
    read(house).unwrap_err().iter().map(|problem| problem.code).collect()
}

#[test]
fn only_rule_files_are_read() {
    let house = House::new(&[
        ("files.yaml", "f"),
        ("x.yml", "x"),
        ("unknown.yaml", "?"),
        (".files.yaml.swp", "swap"),
        ("files.yaml~", "backup"),
        ("#files.yaml#", "autosave"),
        ("4913", "vim"),
        ("lists/inner.yaml", "below"),
    ]);
    symlink("nobody@host.1", house.rules().join(".#files.yaml")).unwrap();
    let snapshot = read(&house).unwrap();
    assert_eq!(snapshot.rules().keys().collect::<Vec<_>>(), ["files.yaml", "unknown.yaml", "x.yml"]);
}

#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let house = House::new(&[("files.yaml", "f")]);
    fs::create_dir(house.rules().join("groups.yaml")).unwrap();
    let made = Command::new("mkfifo").arg(house.rules().join("iframe.yaml")).status().unwrap();
    assert!(made.success());
    symlink("/dev/zero", house.rules().join("webhooks.yaml")).unwrap();
    symlink("nowhere", house.rules().join("downloads.yaml")).unwrap();
    let problems = read(&house).unwrap_err();
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`rules/downloads.yaml` cannot be read: entity not found",
            "`rules/groups.yaml` is not a regular file",
            "`rules/iframe.yaml` is not a regular file",
            "`rules/webhooks.yaml` is not a regular file",
        ]
    );
}

#[test]
fn a_missing_or_empty_directory_is_a_problem() {
    let house = House::new(&[]);
    assert_eq!(codes(&house), ["rules-empty"]);
    fs::remove_dir_all(house.rules()).unwrap();
    assert_eq!(codes(&house), ["rules-missing"]);
    fs::write(house.rules(), "a file").unwrap();
    assert_eq!(codes(&house), ["rules-unreadable"]);
}

#[test]
fn sizes_are_bounded() {
    let house = House::new(&[("files.yaml", "f")]);
    let huge = fs::File::create(house.rules().join("groups.yaml")).unwrap();
    huge.set_len(YAML_BYTES).unwrap();
    assert!(read(&house).is_ok());
    huge.set_len(YAML_BYTES + 1).unwrap();
    assert_eq!(read(&house).unwrap_err()[0].message, "`rules/groups.yaml` is larger than 16 MiB");
    fs::remove_file(house.rules().join("groups.yaml")).unwrap();
    let huge = fs::File::create(house.rules().join("lists/huge")).unwrap();
    huge.set_len(LIST_BYTES + 1).unwrap();
    assert_eq!(read(&house).unwrap().read_list("lists/huge").unwrap_err(), "is larger than 256 MiB");
    for name in 0..257 {
        house.write(&format!("{name}.yaml"), "");
    }
    assert_eq!(codes(&house), ["rules-too-many"]);
}

#[test]
fn a_profile_is_part_of_the_set() {
    let house = House::new(&[("files.yaml", "f")]);
    let profile = house.path().join("profile.yaml");
    let sources = Sources { profile: Some(profile.clone()), ..house.sources() };
    let problems = Snapshot::read(&sources, &BTreeSet::new()).unwrap_err();
    assert_eq!(problems[0].code, "profile-unreadable");
    fs::write(&profile, "app: a").unwrap();
    let one = Snapshot::read(&sources, &BTreeSet::new()).unwrap();
    assert_eq!(one.profile(), Some(&b"app: a"[..]));
    fs::write(&profile, "app: b").unwrap();
    let other = Snapshot::read(&sources, &BTreeSet::new()).unwrap();
    assert_ne!(one.digest(&BTreeSet::new()), other.digest(&BTreeSet::new()));
}

#[test]
fn lists_stay_inside_the_rules_directory() {
    let house = House::new(&[("files.yaml", "f"), ("lists/a", "inside")]);
    fs::write(house.path().join("secret"), "outside").unwrap();
    fs::create_dir(house.path().join("rules-old")).unwrap();
    fs::write(house.path().join("rules-old/a"), "outside").unwrap();
    symlink("a", house.rules().join("lists/link")).unwrap();
    symlink("../../secret", house.rules().join("lists/out")).unwrap();
    symlink("../rules-old", house.rules().join("old")).unwrap();
    let snapshot = read(&house).unwrap();
    assert_eq!(snapshot.read_list("lists/a").unwrap(), b"inside");
    assert_eq!(snapshot.read_list("lists/link").unwrap(), b"inside");
    for name in ["lists/out", "old/a"] {
        assert_eq!(snapshot.read_list(name).unwrap_err(), "leads out of `rules`");
    }
    for name in ["../secret", "/etc/hostname", "lists/../../secret", ""] {
        assert_eq!(snapshot.read_list(name).unwrap_err(), "must be a path below `rules`, without `..`");
    }
    assert_eq!(snapshot.read_list("lists").unwrap_err(), "is not a regular file");
    assert_eq!(snapshot.read_list("lists/b").unwrap_err(), "cannot be read: entity not found");
}

#[test]
fn lists_may_lie_where_kubernetes_puts_them() {
    let house = House::new(&[("files.yaml", "f")]);
    let data = house.path().join("volume");
    fs::create_dir_all(data.join("lists")).unwrap();
    fs::write(data.join("lists/a"), "mounted").unwrap();
    symlink(&data, house.rules().join("..data")).unwrap();
    fs::remove_dir_all(house.rules().join("lists")).unwrap();
    symlink("..data/lists", house.rules().join("lists")).unwrap();
    assert_eq!(read(&house).unwrap().read_list("lists/a").unwrap(), b"mounted");
}

#[test]
fn a_list_read_after_a_change_tears_the_set() {
    let house = House::new(&[("files.yaml", "one"), ("lists/a", "one")]);
    let snapshot = read(&house).unwrap();
    snapshot.read_list("lists/a").unwrap();
    assert!(!snapshot.is_torn());
    let snapshot = read(&house).unwrap();
    house.write("files.yaml", "another");
    snapshot.read_list("lists/a").unwrap();
    assert!(snapshot.is_torn());
    let expected = Snapshot::read(&house.sources(), &BTreeSet::from(["lists/a".to_owned()])).unwrap();
    house.write("files.yaml", "a third");
    expected.read_list("lists/a").unwrap();
    assert!(!expected.is_torn(), "an expected list was read with the rest");
}

#[test]
fn a_set_never_mixes_two_moments() {
    let house = House::new(&[]);
    let rules = house.rules();
    let put = |version: u32| {
        let directory = rules.join(format!("..{version}"));
        fs::create_dir(&directory).unwrap();
        for name in ["a.yaml", "b.yaml", "list"] {
            fs::write(directory.join(name), version.to_string()).unwrap();
        }
        symlink(format!("..{version}"), rules.join("..data_tmp")).unwrap();
        fs::rename(rules.join("..data_tmp"), rules.join("..data")).unwrap();
    };
    put(0);
    for name in ["a.yaml", "b.yaml", "list"] {
        symlink(format!("..data/{name}"), rules.join(name)).unwrap();
    }
    let (done, wanted) = (AtomicBool::new(false), BTreeSet::from(["list".to_owned()]));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..400 {
                put(version);
                fs::remove_dir_all(rules.join(format!("..{}", version - 1))).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut whole = 0;
        while !done.load(Ordering::Relaxed) {
            let Ok(snapshot) = Snapshot::read(&house.sources(), &wanted) else { continue };
            assert_eq!(snapshot.rules()["a.yaml"], snapshot.rules()["b.yaml"]);
            assert_eq!(snapshot.rules()["a.yaml"], snapshot.read_list("list").unwrap());
            whole += 1;
        }
        assert!(whole > 0);
    });
    assert_eq!(Snapshot::read(&house.sources(), &wanted).unwrap().rules()["a.yaml"], b"399");
}
