//! The stored vault: its contract, that a code is never given twice whatever ends the process, and what is told of files
//! that are not as they should be.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::PermissionsExt,
    process,
    sync::LazyLock,
    thread,
    time::Instant,
};

use chatwarden_redact::{Class, vault::contract};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

fn key(byte: u8) -> AliasKey {
    AliasKey::new(&[byte; 32]).unwrap()
}

/// The key of most tests.
static KEY: LazyLock<AliasKey> = LazyLock::new(|| key(7));

fn open_with(state: &Path, ring: &KeyRing, limit: usize) -> Result<Arc<StoredVault>, VaultFileError> {
    StoredVault::open(state, ring, limit, Counts::default())
}

fn open(state: &Path) -> Arc<StoredVault> {
    open_with(state, &KEY.clone().into(), 100_000).unwrap()
}

/// Keeps a value as a plan does that has this key first.
fn keep_by(vault: &StoredVault, key: &AliasKey, value: &[u8]) -> Result<Code, VaultError> {
    let draw = |attempt| key.draw(Class::Phone, value, attempt);
    vault.keep(key.digest(Class::Phone, value), value, &draw)
}

fn keep(vault: &StoredVault, value: &[u8]) -> Result<Code, VaultError> {
    keep_by(vault, &KEY, value)
}

/// Keeps a value whose first code is one of three, its second one of nine, and so on: most are contested.
fn keep_crowded(vault: &StoredVault, value: u32) -> Result<Code, VaultError> {
    keep_among(vault, value, 1)
}

/// The same with so many times as many codes.
fn keep_among(vault: &StoredVault, value: u32, more: u32) -> Result<Code, VaultError> {
    let bytes = value.to_be_bytes();
    let draw = |attempt: u32| {
        let places = 3_u32.pow(attempt + 1) * more;
        let place = [attempt, value.wrapping_mul(0x9e37_79b1) % places].map(u32::to_be_bytes).concat();
        (attempt < Code::ATTEMPTS).then(|| KEY.draw(Class::Handle, &place, 0)).flatten()
    };
    vault.keep(KEY.digest(Class::Handle, &bytes), &bytes, &draw)
}

fn value(vault: &StoredVault, code: Code) -> Option<Vec<u8>> {
    vault.value(code).expect("the vault answers")
}

/// What a crash leaves: the files as they are in the kernel at this moment.
fn crash(state: &Path) -> TempDir {
    let left = tempfile::tempdir().unwrap();
    for file in ["vault.db", "vault.db-wal", "vault.lock"] {
        fs::copy(state.join(file), left.path().join(file)).unwrap();
    }
    left
}

#[test]
fn it_keeps_the_contract_of_vaults() {
    let state = tempfile::tempdir().unwrap();
    contract(&*open_with(state.path(), &key(0x5c).into(), 100_000).unwrap());
}

#[test]
fn it_keeps_what_it_had_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let codes: Vec<Code> = (0..1000).map(|number| keep_crowded(&vault, number).unwrap()).collect();
    vault.close().unwrap();
    drop(vault);
    let vault = open(state.path());
    for (number, code) in (0..1000).zip(&codes) {
        assert_eq!(value(&vault, *code).as_deref(), Some(&u32::to_be_bytes(number)[..]));
    }
    // In another order the draws would have another outcome.
    for (number, code) in (0..1000).zip(&codes).rev() {
        assert_eq!(keep_crowded(&vault, number), Ok(*code));
    }
    assert_eq!(vault.status().values, 1000);
}

#[test]
fn a_process_that_is_killed_after_any_value_loses_none_and_gives_no_code_twice() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let mut shown: HashMap<Code, u32> = HashMap::new();
    let mut kept = Vec::new();
    for number in 0..60 {
        let left = crash(state.path());
        let survivor = open(left.path());
        for (code, number) in &shown {
            assert_eq!(value(&survivor, *code), Some(number.to_be_bytes().to_vec()));
        }
        // Others come first now, and want the same codes.
        for other in (1000..1060).chain(kept.iter().rev().copied()) {
            let code = keep_crowded(&survivor, other).unwrap();
            assert!(
                shown.get(&code).is_none_or(|shown| *shown == other),
                "{code} was shown for another value"
            );
        }
        shown.insert(keep_crowded(&vault, number).unwrap(), number);
        kept.push(number);
    }
    assert_eq!(shown.len(), 60);
}

#[test]
fn a_log_that_is_cut_anywhere_by_a_loss_of_power_leaves_whole_entries_in_their_order() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let codes: Vec<Code> = (0..20).map(|number| keep_crowded(&vault, number).unwrap()).collect();
    let whole = crash(state.path());
    let log = fs::read(whole.path().join("vault.db-wal")).unwrap();
    let mut seen = HashSet::new();
    for length in (0..=log.len()).rev().step_by(511) {
        let left = crash(whole.path());
        fs::write(left.path().join("vault.db-wal"), &log[..length]).unwrap();
        let Ok(survivor) = open_with(left.path(), &KEY.clone().into(), 100) else {
            panic!("{length} of {} bytes do not open", log.len());
        };
        let values = survivor.status().values;
        for (number, code) in codes.iter().enumerate() {
            let there = value(&survivor, *code);
            // The entries up to somewhere, and no other.
            assert_eq!(there.is_some(), number < values, "{number} of {values}");
            assert!(there.is_none_or(|there| there == (number as u32).to_be_bytes()));
        }
        // Who is seen again in the order in which they were given has the code that was shown.
        for (number, code) in (0..).zip(&codes) {
            assert_eq!(keep_crowded(&survivor, number), Ok(*code));
        }
        seen.insert(values);
    }
    assert!(seen.len() > 10, "cut between few entries: {seen:?}");
}

#[test]
fn what_a_loss_of_power_takes_is_given_the_same_code_in_whatever_order_it_comes_again() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let log = state.path().join("vault.db-wal");
    let length = || fs::metadata(&log).unwrap().len();
    let waited = || vault.syncer.waited.load(Ordering::Relaxed);
    let (mut synced, mut most_lost) = (length(), 0);
    let mut shown: Vec<(u32, Code)> = Vec::new();
    for number in 0..60 {
        let before = waited();
        shown.push((number, keep_among(&vault, number, 30).unwrap()));
        if waited() > before {
            synced = length();
        }
        // Nothing but what a writer waited for is on disk.
        let left = crash(state.path());
        let log = left.path().join("vault.db-wal");
        fs::OpenOptions::new().write(true).open(log).unwrap().set_len(synced).unwrap();
        let survivor = open(left.path());
        most_lost = most_lost.max(shown.len() - survivor.status().values);
        for (number, code) in shown.iter().rev() {
            assert!(value(&survivor, *code).is_none_or(|there| there == number.to_be_bytes()));
            assert_eq!(keep_among(&survivor, *number, 30), Ok(*code));
        }
    }
    assert!(most_lost > 3 && waited() > 5, "{most_lost} lost at most, {} contested", waited());
}

#[test]
fn a_contested_value_is_on_disk_before_its_code_is_returned() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let free = KEY.draw(Class::Handle, b"free", 0).unwrap();
    let later = KEY.draw(Class::Handle, b"later", 0).unwrap();
    let keep = |value: &[u8]| {
        let draw = |attempt: u32| [free, later].get(attempt as usize).copied();
        vault.keep(KEY.digest(Class::Handle, value), value, &draw)
    };
    let syncs = || vault.syncer.waited.load(Ordering::Relaxed);
    assert_eq!((keep(b"first"), syncs()), (Ok(free), 0));
    assert_eq!((keep(b"second"), syncs()), (Ok(later), 1));
}

#[test]
fn after_a_failed_sync_nothing_new_is_taken_and_the_old_is_known() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let code = keep(&vault, b"+37061234567").unwrap();
    vault.syncer.fail();
    assert_eq!(keep(&vault, b"+37061234568"), Err(VaultError::Unavailable));
    assert_eq!(keep(&vault, b"+37061234567"), Ok(code));
    assert_eq!(value(&vault, code).as_deref(), Some(&b"+37061234567"[..]));
    assert!(vault.status().failing);
    assert_eq!(vault.status().refused, 1);
}

#[test]
fn a_write_that_failed_but_is_on_disk_is_found_before_the_next() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    keep(&vault, b"before").unwrap();
    let (digest, code) = (KEY.digest(Class::Phone, b"doubt"), KEY.draw(Class::Phone, b"doubt", 0).unwrap());
    {
        let mut writer = vault.writer.lock().unwrap();
        let next = writer.next;
        let sealed = KEY.seal_value(code, digest, b"doubt");
        vault.write(&mut writer, Row { row: next, key: 1, code, digest, sealed }).unwrap();
        writer.hand = Hand::InDoubt;
    }
    // Another value wants the code of the entry in doubt.
    let draw = |attempt| if attempt == 0 { Some(code) } else { KEY.draw(Class::Phone, b"other", attempt) };
    let other = vault.keep(KEY.digest(Class::Phone, b"other"), b"other", &draw).unwrap();
    assert_ne!(other, code);
    assert_eq!(value(&vault, code).as_deref(), Some(&b"doubt"[..]));
    assert_eq!(keep(&vault, b"doubt"), Ok(code));
    assert_eq!(vault.status().values, 3);
}

#[test]
fn a_disk_that_is_full_hides_new_values_until_there_is_room() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let old = keep(&vault, b"old").unwrap();
    {
        let mut writer = vault.writer.lock().unwrap();
        let Hand::Store(store) = &mut writer.hand else { panic!("no store") };
        store.forbid_growth();
    }
    let large = [b'x'; 9000];
    assert_eq!(keep(&vault, &large), Err(VaultError::Unavailable));
    assert!(vault.status().failing);
    assert_eq!(keep(&vault, b"old"), Ok(old));
    // The next attempt has a new connection, which may grow.
    let code = keep(&vault, &large).unwrap();
    assert_eq!(value(&vault, code).as_deref(), Some(&large[..]));
    assert!(!vault.status().failing);
}

#[test]
fn a_full_vault_takes_no_new_value_and_says_so() {
    let state = tempfile::tempdir().unwrap();
    let counts = Counts::default();
    let vault = StoredVault::open(state.path(), &KEY.clone().into(), 2, counts.clone()).unwrap();
    let code = keep(&vault, b"a").unwrap();
    keep(&vault, b"b").unwrap();
    assert_eq!(keep(&vault, b"c"), Err(VaultError::Full));
    assert_eq!(keep(&vault, b"a"), Ok(code));
    let status = vault.status();
    assert_eq!(status, Status { values: 2, limit: 2, refused: 1, failing: false });
    assert_eq!((counts.values.get(), counts.refused.get()), (2, 1));
}

#[test]
fn old_keys_restore_and_the_first_makes_new_aliases() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let old = keep(&vault, b"+37061234567").unwrap();
    drop(vault);
    let ring = KeyRing::new(key(8), vec![KEY.clone()]);
    let vault = open_with(state.path(), &ring, 100).unwrap();
    let new = keep_by(&vault, &key(8), b"+37061234567").unwrap();
    assert_ne!(new, old);
    for code in [old, new] {
        assert_eq!(value(&vault, code).as_deref(), Some(&b"+37061234567"[..]));
    }
    drop(vault);
    // The old key is dropped: its aliases stand for nothing, and nobody else gets them.
    let vault = open_with(state.path(), &key(8).into(), 100).unwrap();
    assert_eq!(value(&vault, old), None);
    assert_eq!(value(&vault, new).as_deref(), Some(&b"+37061234567"[..]));
    let draw = |attempt| if attempt == 0 { Some(old) } else { key(8).draw(Class::Phone, b"other", attempt) };
    let other = vault.keep(key(8).digest(Class::Phone, b"other"), b"other", &draw).unwrap();
    assert_ne!(other, old, "a code of a key that is not listed was given again");
    drop(vault);
    // It is listed again, and everything is back.
    let vault = open_with(state.path(), &KeyRing::new(key(8), vec![KEY.clone()]), 100).unwrap();
    assert_eq!(value(&vault, old).as_deref(), Some(&b"+37061234567"[..]));
}

#[test]
fn no_value_and_no_key_can_be_read_in_the_files() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    keep(&vault, b"+37061234567").unwrap();
    for round in 0..2 {
        if round == 1 {
            vault.close().unwrap();
        }
        for file in fs::read_dir(state.path()).unwrap() {
            let file = file.unwrap().path();
            let bytes = fs::read(&file).unwrap();
            for secret in [&b"37061234567"[..], b"61234567", &[7; 16]] {
                let found = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!found, "{} tells {secret:?}", file.display());
            }
            assert_eq!(
                fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn a_vault_that_others_could_read_is_closed_to_them() {
    let state = tempfile::tempdir().unwrap();
    drop(open(state.path()));
    let file = state.path().join(FILE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(state.path()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_vault_has_one_gateway_at_a_time() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let error = open_with(state.path(), &KEY.clone().into(), 100).unwrap_err();
    assert!(matches!(error, VaultFileError::InUse { .. }), "{error}");
    vault.close().unwrap();
    open(state.path());
    assert_eq!(keep(&vault, b"late"), Err(VaultError::Unavailable), "a closed vault gives no code");
}

#[test]
fn a_vault_of_another_key_does_not_open_unless_it_is_empty() {
    let state = tempfile::tempdir().unwrap();
    drop(open_with(state.path(), &key(9).into(), 100).unwrap());
    keep(&open(state.path()), b"+37061234567").unwrap();
    let error = open_with(state.path(), &key(8).into(), 100).unwrap_err();
    assert!(matches!(error, VaultFileError::OtherKey { .. }), "{error}");
    open(state.path());
}

#[test]
fn damage_is_told_at_the_start_and_never_answered_by_a_new_vault() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    assert!((0..200_u32).all(|number| keep(&vault, &number.to_be_bytes()).is_ok()));
    vault.close().unwrap();
    drop(vault);
    let file = state.path().join(FILE);
    let sound = fs::read(&file).unwrap();
    let told = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = open_with(state.path(), &KEY.clone().into(), 1000).unwrap_err();
        assert!(error.to_string().contains("vault.db` is damaged: put it back from a backup"), "{error}");
        assert_eq!(fs::read(&file).unwrap().len(), bytes.len(), "the file was changed");
    };
    told(b"");
    told(&[b'x'; 8192]);
    told(&sound[..sound.len() / 2]);
    // A bit of an entry.
    let mut rotten = sound.clone();
    let place = rotten.len() - 100;
    rotten[place] ^= 1;
    told(&rotten);
    fs::write(&file, &sound).unwrap();
    assert_eq!(open(state.path()).status().values, 200);
}

#[test]
fn an_entry_that_was_given_to_two_is_damage() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    keep(&vault, b"a").unwrap();
    drop(vault);
    let connection = Connection::open(state.path().join(FILE)).unwrap();
    let twice = "INSERT INTO entries (row, key, code, digest, sealed) SELECT 5, key, code, digest, sealed FROM entries";
    connection.execute_batch(twice).unwrap();
    drop(connection);
    let error = open_with(state.path(), &KEY.clone().into(), 100).unwrap_err();
    assert!(matches!(error, VaultFileError::Damaged { .. }), "{error}");
}

#[test]
fn a_vault_that_is_gone_is_an_error_and_one_that_never_was_is_made() {
    let state = tempfile::tempdir().unwrap();
    drop(open(state.path()));
    fs::remove_file(state.path().join(FILE)).unwrap();
    let error = open_with(state.path(), &KEY.clone().into(), 100).unwrap_err();
    assert!(matches!(error, VaultFileError::Gone { .. }), "{error}");
    assert!(!state.path().join(FILE).exists());
    fs::remove_file(state.path().join("vault.lock")).unwrap();
    open(state.path());
}

#[test]
fn what_a_crash_left_of_a_vault_in_the_making_is_made_anew() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("vault.db.new"), "half").unwrap();
    fs::write(state.path().join("vault.db.new-wal"), "half").unwrap();
    fs::write(state.path().join("vault.lock"), "").unwrap();
    keep(&open(state.path()), b"a").unwrap();
    assert_eq!(open(state.path()).status().values, 1);
}

#[test]
fn a_foreign_or_newer_database_is_left_alone() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join(FILE);
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let error = open_with(state.path(), &KEY.clone().into(), 100).unwrap_err();
    assert!(matches!(error, VaultFileError::Foreign { .. }), "{error}");
    fs::remove_file(&file).unwrap();
    fs::remove_file(state.path().join("vault.lock")).unwrap();
    drop(open(state.path()));
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 9).unwrap();
    let error = open_with(state.path(), &KEY.clone().into(), 100).unwrap_err();
    assert!(matches!(error, VaultFileError::Newer { found: 9, .. }), "{error}");
}

#[test]
fn a_file_that_is_moved_away_while_in_use_takes_nothing_new() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let code = keep(&vault, b"a").unwrap();
    fs::rename(state.path().join(FILE), state.path().join("elsewhere.db")).unwrap();
    assert_eq!(keep(&vault, b"b"), Err(VaultError::Unavailable));
    fs::rename(state.path().join("elsewhere.db"), state.path().join(FILE)).unwrap();
    assert_eq!(keep(&vault, b"b"), Err(VaultError::Unavailable), "a restart is asked for");
    assert_eq!(value(&vault, code).as_deref(), Some(&b"a"[..]));
    drop(vault);
    assert_eq!(keep(&open(state.path()), b"a"), Ok(code));
}

#[test]
fn streams_restore_while_others_show_new_values_and_the_log_is_written_back() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    let show = |stream: u32| {
        for number in 0..400_u32 {
            // Every value of even streams is shown by two at once.
            let bytes = (number * 2 + stream % 2).to_be_bytes();
            let code = keep(&vault, &bytes).unwrap();
            if number % 16 == 0 {
                assert_eq!(value(&vault, code).as_deref(), Some(&bytes[..]));
            }
        }
    };
    thread::scope(|scope| {
        let streams = [0, 1, 2].map(|stream| scope.spawn(move || show(stream)));
        while !streams.iter().all(|stream| stream.is_finished()) {
            for how in [store::WriteBack::WhatIsFree, store::WriteBack::All] {
                Store::open(&state.path().join(FILE)).unwrap().write_back(how).unwrap();
            }
        }
    });
    assert_eq!(vault.status().values, 800);
    drop(vault);
    assert_eq!(open(state.path()).status().values, 800);
}

#[test]
fn it_prints_no_values() {
    let state = tempfile::tempdir().unwrap();
    let vault = open(state.path());
    keep(&vault, b"+37061234567").unwrap();
    let printed = format!("{vault:?}");
    assert!(!printed.contains("61234567") && printed.contains("AliasKey(***)"), "{printed}");
}

#[test]
#[ignore = "measures; run it with --release --nocapture"]
#[expect(clippy::print_stdout, reason = "it is for people")]
fn what_a_million_values_take() {
    let resident = || {
        let statm = fs::read_to_string(format!("/proc/{}/statm", process::id())).unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    };
    let state = tempfile::tempdir().unwrap();
    let (vault, before, start) =
        (open_with(state.path(), &KEY.clone().into(), 1_000_000).unwrap(), resident(), Instant::now());
    let values = || (0..1_000_000_u32).map(|number| format!("+3706{number:08}"));
    assert!(values().all(|number| keep(&vault, number.as_bytes()).is_ok()));
    println!("first sight: {:?} each", start.elapsed() / 1_000_000);
    println!("memory: {} bytes each", (resident() - before) / 1_000_000);
    let start = Instant::now();
    assert!(values().all(|number| keep(&vault, number.as_bytes()).is_ok()));
    println!("known: {:?} each", start.elapsed() / 1_000_000);
    vault.close().unwrap();
    println!("disk: {} bytes each", fs::metadata(state.path().join(FILE)).unwrap().len() / 1_000_000);
    let start = Instant::now();
    open_with(state.path(), &KEY.clone().into(), 1_000_000).unwrap();
    println!("start: {:?}", start.elapsed());
}
