//! Queries over a small log.

use std::fs;

use chatwarden_policy::account::Account;
use jiff::SignedDuration;

use super::{
    super::{
        registry::{Action, ActionType, Outcome},
        store::{Sink, Store},
    },
    *,
};

#[test]
fn an_entry_is_read_as_it_was_written() {
    let anna = Account { id: "1043".into(), name: Some("Anna Ž.".into()), ..Account::default() };
    let entry = Entry::new(at(0), &Action::OperatorDelete.into(), Outcome::Denied, 3)
        .by(&anna)
        .target("boris@example.com")
        .from_ip("2001:db8::1")
        .note("left the company")
        .because("operator-not-allowed", Some("groups.yaml:4"))
        .request("0190-id", "POST", Some("POST /api/operators/delete"));
    let (_folder, path) = store(std::slice::from_ref(&entry));
    assert_eq!(page(&path, &Query::default()), [Stored { seq: 1, entry }]);
}

#[test]
fn account_is_found_by_id_and_by_name_without_case() {
    let (_folder, path) = store(&sample());
    for (account, expected) in
        [("1", vec![1, 3, 5]), ("anna", vec![1, 3, 5]), ("BORIS", vec![2, 4]), ("ann", vec![])]
    {
        assert_eq!(
            seqs(&path, &Query { account: Some(account.into()), ..Query::default() }),
            expected,
            "{account}"
        );
    }
}

#[test]
fn types_are_found_by_pattern() {
    let (_folder, path) = store(&sample());
    for (patterns, expected) in [
        (&["operator.*"][..], vec![3, 4]),
        (&["*.denied"], vec![4, 5]),
        (&["operator.create"], vec![3]),
        (&["sign_in", "*.denied"], vec![1, 2, 4, 5]),
        (&["*"], vec![1, 2, 3, 4, 5, 6]),
        (&["sign.in"], vec![]),
    ] {
        let types = patterns.iter().map(|pattern| pattern.parse().unwrap()).collect();
        assert_eq!(seqs(&path, &Query { types, ..Query::default() }), expected, "{patterns:?}");
    }
}

#[test]
fn a_pattern_has_no_other_magic_than_the_star() {
    for pattern in ["", "[a-z]", "sign?in", "Operator", "a b", "'; --"] {
        assert!(pattern.parse::<TypePattern>().is_err(), "{pattern}");
    }
}

#[test]
fn since_and_limit_cut_the_older_part() {
    let (_folder, path) = store(&sample());
    assert_eq!(seqs(&path, &Query { since: Some(at(3)), ..Query::default() }), [4, 5, 6]);
    assert_eq!(seqs(&path, &Query { limit: Some(2), ..Query::default() }), [5, 6]);
    let both = Query { since: Some(at(1)), limit: Some(2), account: Some("1".into()), types: Vec::new() };
    assert_eq!(seqs(&path, &both), [3, 5]);
    assert_eq!(seqs(&path, &Query { since: Some(at(60)), ..Query::default() }), [] as [i64; 0]);
}

#[test]
fn a_missing_log_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    fs::write(&path, "").unwrap();
    assert!(matches!(Reader::open(&path).unwrap_err(), StoreError::Missing { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_reader_cannot_write() {
    let (_folder, path) = store(&sample());
    let reader = Reader::open(&path).unwrap();
    assert!(reader.connection.execute("DELETE FROM actions", []).is_err());
}

#[test]
fn text_that_came_into_the_file_otherwise_is_cleaned_too() {
    let (_folder, path) = store(&sample());
    let connection = Connection::open(&path).unwrap();
    connection
        .execute("UPDATE actions SET note = 'a' || char(27) || '[2Jb' || char(10) || 'c' WHERE seq = 1", [])
        .unwrap();
    assert_eq!(page(&path, &Query::default())[0].entry.note.as_deref(), Some("a\u{fffd}[2Jb c"));
}

/// Six entries, one a second; anna is account 1, boris account 2.
fn sample() -> Vec<Entry> {
    let account =
        |id: &str, name: &str| Account { id: id.into(), name: Some(name.into()), ..Account::default() };
    let (anna, boris) = (account("1", "Anna"), account("2", "Boris"));
    let entry =
        |second, action: Action, outcome| Entry::new(at(second), &ActionType::from(action), outcome, 1);
    vec![
        entry(0, Action::SignIn, Outcome::Done).by(&anna),
        entry(1, Action::SignIn, Outcome::Done).by(&boris),
        entry(2, Action::OperatorCreate, Outcome::Done).by(&anna),
        entry(3, Action::OperatorCreate, Outcome::Denied).by(&boris),
        entry(4, Action::FileSend, Outcome::Denied).by(&anna),
        entry(5, Action::RulesApplied, Outcome::Done),
    ]
}

fn store(entries: &[Entry]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    Store::open(&path).unwrap().write(entries).unwrap();
    (folder, path)
}

fn page(path: &Path, query: &Query) -> Vec<Stored> {
    let reader = Reader::open(path).unwrap();
    reader.page(query, reader.start(query).unwrap(), 100).unwrap()
}

fn seqs(path: &Path, query: &Query) -> Vec<i64> {
    page(path, query).into_iter().map(|stored| stored.seq).collect()
}

fn at(second: i64) -> Timestamp {
    "2026-11-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}
