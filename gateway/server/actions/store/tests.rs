//! The embedded store: its file, its errors, and that a repeated write is one entry.

use std::time::Duration as StdDuration;

use jiff::SignedDuration;

use super::{
    super::{
        reader::{Query, Reader},
        registry::{Action, Outcome},
    },
    *,
};

#[test]
fn folder_and_files_are_for_the_gateway_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/actions.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&[entry(0)]).unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in ["actions.db", "actions.db-wal", "actions.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    drop(Store::open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn the_store_is_write_ahead_and_fully_synchronous() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("actions.db")).unwrap();
    let connection = store.connection().unwrap();
    let journal: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!((journal.as_str(), synchronous), ("wal", 2));
}

#[test]
fn an_entry_that_is_written_twice_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut store = Store::open(&path).unwrap();
    let (first, second) = (entry(0), entry(1));
    store.write(std::slice::from_ref(&first)).unwrap();
    store.write(&[first.clone(), second.clone()]).unwrap();
    let stored = Reader::open(&path).unwrap().page(&Query::default(), 0, 10).unwrap();
    assert_eq!(stored.into_iter().map(|stored| stored.entry).collect::<Vec<_>>(), [first, second]);
}

#[test]
fn a_locked_store_says_so_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut store = Store::open(&path).unwrap();
    store.connection().unwrap().busy_timeout(StdDuration::ZERO).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.write(&[entry(0)]).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.write(&[entry(0)]).unwrap();
}

#[test]
fn a_full_store_says_so_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&[entry(0)]).unwrap();
    let connection = store.connection().unwrap();
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    let many: Vec<Entry> = (0..500).map(entry).collect();
    let error = store.write(&many).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(count(&path), 1, "a batch is written whole or not at all");
}

#[test]
fn a_damaged_file_is_told_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    fs::write(&path, vec![b'x'; 8192]).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), vec![b'x'; 8192]);
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE customers (phone TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::open(&path).unwrap_err(), StoreError::Foreign { .. }));
    assert!(matches!(Reader::open(&path).unwrap_err(), StoreError::Foreign { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    drop(Store::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert!(matches!(Store::open(&path).unwrap_err(), StoreError::Newer { found: 9, .. }));
    assert!(matches!(Reader::open(&path).unwrap_err(), StoreError::Newer { found: 9, .. }));
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&[entry(0)]).unwrap();
    fs::rename(&path, folder.path().join("actions.old")).unwrap();
    store.write(&[entry(1)]).unwrap();
    store.write(&[entry(2)]).unwrap();
    assert_eq!(count(&path), 2);
    assert_eq!(count(&folder.path().join("actions.old")), 1, "what was in the write-ahead file went along");
}

#[test]
fn pruning_takes_the_oldest_first_and_only_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut store = Store::open(&path).unwrap();
    let entries: Vec<Entry> = (0..10).map(entry).collect();
    store.write(&entries).unwrap();
    let before = START + SignedDuration::from_secs(7);
    assert_eq!(store.prune(before, 5).unwrap(), 5);
    assert_eq!(store.prune(before, 5).unwrap(), 2);
    assert_eq!(store.prune(before, 5).unwrap(), 0);
    let left = Reader::open(&path).unwrap().page(&Query::default(), 0, 10).unwrap();
    assert_eq!(left.into_iter().map(|stored| stored.entry).collect::<Vec<_>>(), entries[7..]);
}

fn entry(second: i64) -> Entry {
    let at = START + SignedDuration::from_secs(second);
    Entry::new(at, &Action::SignIn.into(), Outcome::Done, 1).from_ip("192.0.2.1")
}

fn count(path: &Path) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM actions", [], |row| row.get(0)).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const START: Timestamp = Timestamp::UNIX_EPOCH;
