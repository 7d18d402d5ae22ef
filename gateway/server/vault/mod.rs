//! The vault that outlives the process: what aliases stand for, sealed, in `state/vault.db`.
//!
//! What is asked for every value that is shown is in memory: which digest has which code, and which codes are taken. The
//! values themselves are on disk alone, sealed under the alias key, and are read when an alias comes back.
//!
//! **A code that anybody has seen is never given to another value.** A new value is written before its code is
//! returned, in a transaction of its own, while no other value is being given a code. What is behind is the sync:
//!
//! 1. *The process ends in any way, `kill -9` included.* A transaction that was written is in the kernel and survives, so
//!    nothing that was returned is lost. One that was being written is whole or absent, and nobody has seen its code.
//! 2. *The machine loses power.* What was written in the last tenth of a second may be gone, newest first, as the log is one
//!    file written from front to back. Codes are drawn from key and value alone. An entry whose first code was free is
//!    given that code again when its value is seen. One whose first code was taken got a later one, and was synced before
//!    that one was returned, together with everything written before it, the entry that holds its first code among them:
//!    an order that decided over codes is never forgotten. Until its value is seen a lost alias stands for nothing.
//!    What remains is a value never seen before, whose first code is that of a lost entry, and which comes before the
//!    value of that entry does: one chance in 10^10 for such a pair of phones, one in 2^40 for others.
//! 3. *A write fails.* The value is shown hidden. Whether the entry is on disk after all is read there before the next
//!    one is written. After a failed sync, or when the file was moved away, no new value is taken until a restart.
//!
//! Each entry names the key that it was made under. Those of every key in the ring are restored; those of a key that is
//! no longer listed cannot be read, and their codes stay taken. One process at a time has the vault, by a lock.

mod store;
mod sync;
mod tables;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chatwarden_redact::{AliasKey, Code, Digest, KeyId, KeyRing, Vault, VaultError};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use serde::Serialize;
use tracing::{error, info, warn};

pub use self::store::VaultFileError;
use self::{
    store::{Files, Row, Store},
    sync::Syncer,
    tables::Tables,
};

/// A vault in a file.
#[derive(Debug)]
pub struct StoredVault {
    path: PathBuf,
    tables: Tables,
    /// The keys that are listed, by their numbers in the file; the first makes new entries.
    keys: Vec<Numbered>,
    limit: usize,
    /// Whoever holds it may give codes.
    writer: Mutex<Writer>,
    /// For what comes back, so that it does not wait for new values. None once closed.
    reader: Mutex<Option<Store>>,
    syncer: Syncer,
    counts: Counts,
    is_failing: AtomicBool,
}

/// A key with its number in the file.
type Numbered = (i64, AliasKey);

/// What is counted for `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Values in the vault.
    pub values: Gauge,
    /// Values that were shown hidden, as they could not be kept.
    pub refused: Counter,
}

/// What `/status` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Values in the vault, those of keys that are no longer listed among them.
    pub values: usize,
    /// The most it takes.
    pub limit: usize,
    /// Values shown hidden since start, as they could not be kept.
    pub refused: u64,
    /// Whether the last value could not be written, or the last sync failed.
    pub failing: bool,
}

#[derive(Debug)]
struct Writer {
    hand: Hand,
    /// The row of the next entry.
    next: u32,
    is_full: bool,
    /// Given back when the vault is closed.
    files: Option<Files>,
}

/// What the writer has in hand.
#[derive(Debug)]
enum Hand {
    Store(Store),
    /// The last write failed; its entry may be on disk all the same.
    InDoubt,
    /// Closed, or no longer to be trusted.
    Nothing,
}

impl StoredVault {
    /// Opens the vault of a state directory, or makes it where there has never been one.
    ///
    /// # Errors
    /// A file that is in use, damaged, of something else, or of none of the keys.
    pub fn open(
        state: &Path,
        ring: &KeyRing,
        limit: usize,
        counts: Counts,
    ) -> Result<Arc<StoredVault>, VaultFileError> {
        let path = state.join(FILE);
        let (mut files, made) = Files::take(&path)?;
        let mut store = Store::open(&path)?;
        let (keys, unlisted) = number_keys(&mut store, ring, &path)?;
        let tables = Tables::default();
        let (next, unreadable) = load(&store, &tables, &keys, &path)?;
        counts.values.set(i64::try_from(tables.len()).unwrap_or(i64::MAX));
        if made {
            info!(file = %path.display(), "Made a new vault for what aliases stand for");
        }
        if unreadable > 0 {
            let keys: Vec<String> = unlisted.iter().map(ToString::to_string).collect();
            warn!(unreadable, keys = keys.join(" "), "Aliases of keys that are not listed have no way back");
        }
        if tables.len() >= limit {
            warn!(limit, "The vault is full: values that were never shown are hidden");
        }
        let syncer = Syncer::start(&path, files.log()?)?;
        // A process that was killed may have left something to sync.
        syncer.wrote();
        let writer = Writer { hand: Hand::Store(store), next, is_full: false, files: Some(files) };
        Ok(Arc::new(StoredVault {
            reader: Mutex::new(Some(Store::open(&path)?)),
            writer: Mutex::new(writer),
            is_failing: AtomicBool::new(false),
            path,
            tables,
            keys,
            limit,
            syncer,
            counts,
        }))
    }

    /// Counts and health.
    pub fn status(&self) -> Status {
        Status {
            values: self.tables.len(),
            limit: self.limit,
            refused: self.counts.refused.get(),
            failing: self.is_failing.load(Ordering::Relaxed) || self.syncer.has_failed(),
        }
    }

    /// Takes no more values, has everything on disk, and gives the file to whoever opens it next.
    ///
    /// # Errors
    /// What was written last may not be on disk.
    pub fn close(&self) -> Result<(), VaultError> {
        let mut writer = self.writer.lock().map_err(|_| VaultError::Unavailable)?;
        let hand = std::mem::replace(&mut writer.hand, Hand::Nothing);
        let synced = self.syncer.stop();
        // The last connection that closes writes the log back into the file.
        drop(self.reader.lock().map_err(|_| VaultError::Unavailable)?.take());
        drop(hand);
        drop(writer.files.take());
        if synced { Ok(()) } else { Err(VaultError::Unavailable) }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Writer>, VaultError> {
        self.writer.lock().map_err(|_| VaultError::Unavailable)
    }

    /// Gives a value a code that is free and has it written.
    fn give(
        &self,
        writer: &mut Writer,
        digest: Digest,
        value: &[u8],
        draw: &dyn Fn(u32) -> Option<Code>,
    ) -> Result<Code, VaultError> {
        self.settle(writer)?;
        // The entry in doubt may have been this one.
        if let Some(code) = self.tables.code(digest)? {
            return Ok(code);
        }
        if self.tables.len() >= self.limit {
            if !std::mem::replace(&mut writer.is_full, true) {
                error!(limit = self.limit, "The vault is full: values that were never shown are hidden");
            }
            return Err(VaultError::Full);
        }
        let (number, key) = self.keys.first().ok_or(VaultError::Unavailable)?;
        let mut is_contested = false;
        for code in (0..).map_while(draw) {
            if self.tables.row(code)?.is_some() {
                is_contested = true;
                continue;
            }
            let sealed = key.seal_value(code, digest, value);
            self.write(writer, Row { row: writer.next, key: *number, code, digest, sealed })?;
            if is_contested {
                self.sync_now(writer)?;
            }
            self.note(writer, digest, code)?;
            return Ok(code);
        }
        Err(VaultError::Exhausted)
    }

    fn write(&self, writer: &mut Writer, row: Row) -> Result<(), VaultError> {
        let Hand::Store(store) = &mut writer.hand else { return Err(VaultError::Unavailable) };
        if let Err(error) = store.append(&row) {
            writer.hand = Hand::InDoubt;
            if !self.is_failing.swap(true, Ordering::Relaxed) {
                error!(%error, "The vault cannot be written: values that were never shown are hidden");
            }
            return Err(VaultError::Unavailable);
        }
        if self.is_failing.swap(false, Ordering::Relaxed) {
            info!("The vault is written again");
        }
        self.syncer.wrote();
        Ok(())
    }

    fn sync_now(&self, writer: &mut Writer) -> Result<(), VaultError> {
        self.syncer.sync().map_err(|error| {
            self.give_up(writer, &error.to_string());
            VaultError::Unavailable
        })
    }

    /// Makes an entry that is written known to everybody.
    fn note(&self, writer: &mut Writer, digest: Digest, code: Code) -> Result<(), VaultError> {
        self.tables.insert(digest, code, writer.next)?;
        writer.next += 1;
        self.counts.values.inc();
        Ok(())
    }

    /// Sees that the file is still the one that the tables are of, and finds out what became of a write that failed.
    fn settle(&self, writer: &mut Writer) -> Result<(), VaultError> {
        if self.syncer.has_failed() || writer.next == u32::MAX {
            return Err(VaultError::Unavailable);
        }
        if writer.files.as_ref().is_some_and(|files| !files.are_in_place()) {
            self.give_up(writer, "it was moved or removed while the gateway ran");
        }
        match writer.hand {
            Hand::Store(_) => return Ok(()),
            Hand::Nothing => return Err(VaultError::Unavailable),
            Hand::InDoubt => {}
        }
        let found = Store::open(&self.path).and_then(|store| Ok((store.row(writer.next)?, store)));
        let (row, store) = found.map_err(|_| VaultError::Unavailable)?;
        writer.hand = Hand::Store(store);
        if let Some(row) = row {
            self.sync_now(writer)?;
            self.note(writer, row.digest, row.code)?;
        }
        Ok(())
    }

    /// Takes no new value any more: what would be written now could be lost, and its code be given again.
    fn give_up(&self, writer: &mut Writer, reason: &str) {
        let before = std::mem::replace(&mut writer.hand, Hand::Nothing);
        if matches!(before, Hand::Nothing) {
            return;
        }
        self.is_failing.store(true, Ordering::Relaxed);
        error!(
            file = %self.path.display(),
            reason,
            "The vault is out of order: values that were never shown are hidden until the gateway is started again"
        );
    }

    fn read(&self, row: u32) -> Result<Row, VaultError> {
        let mut reader = self.reader.lock().map_err(|_| VaultError::Unavailable)?;
        let store = reader.as_mut().ok_or(VaultError::Unavailable)?;
        match store.row(row) {
            Ok(Some(row)) => Ok(row),
            Ok(None) => Err(VaultError::Unavailable),
            Err(error) => {
                warn!(%error, "The vault cannot be read");
                // A new connection may fare better.
                if let Ok(fresh) = Store::open(&self.path) {
                    *store = fresh;
                }
                Err(VaultError::Unavailable)
            }
        }
    }
}

impl Vault for StoredVault {
    fn keep(
        &self,
        digest: Digest,
        value: &[u8],
        draw: &dyn Fn(u32) -> Option<Code>,
    ) -> Result<Code, VaultError> {
        if let Some(code) = self.tables.code(digest)? {
            return Ok(code);
        }
        let given = self.lock().and_then(|mut writer| match self.tables.code(digest)? {
            // Another stream may have shown the value while this one waited.
            Some(code) => Ok(code),
            None => self.give(&mut writer, digest, value, draw),
        });
        if given.is_err() {
            self.counts.refused.inc();
        }
        given
    }

    fn value(&self, code: Code) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(row) = self.tables.row(code)? else { return Ok(None) };
        let row = self.read(row)?;
        let Some((_, key)) = self.keys.iter().find(|(number, _)| *number == row.key) else { return Ok(None) };
        match key.open_value(code, row.digest, &row.sealed) {
            Some(value) if row.code == code => Ok(Some(value)),
            Some(_) | None => {
                error!(row = row.row, file = %self.path.display(), "An entry of the vault is damaged");
                Err(VaultError::Unavailable)
            }
        }
    }
}

impl Drop for StoredVault {
    fn drop(&mut self) {
        // A failed sync was logged by the thread.
        let _ = self.close();
    }
}

/// The listed keys with their numbers in the file, the first in front; and the ids of the others.
fn number_keys(
    store: &mut Store,
    ring: &KeyRing,
    path: &Path,
) -> Result<(Vec<Numbered>, Vec<KeyId>), VaultFileError> {
    let known = store.keys()?;
    let listed = |id: KeyId| ring.keys().find(|key| key.id() == id);
    if store.has_entries()? && !known.iter().any(|(_, id)| listed(*id).is_some()) {
        return Err(VaultFileError::OtherKey { path: path.to_owned() });
    }
    let mut keys = Vec::new();
    for key in ring.keys() {
        match known.iter().find(|(_, id)| *id == key.id()) {
            Some((number, _)) => keys.push((*number, key.clone())),
            None => keys.push((store.add_key(key.id())?, key.clone())),
        }
    }
    let unlisted = known.iter().map(|(_, id)| *id).filter(|id| listed(*id).is_none()).collect();
    Ok((keys, unlisted))
}

/// Reads every entry into the tables, and sees that each of a listed key opens. Returns the row of the next one, and how
/// many are of other keys.
fn load(
    store: &Store,
    tables: &Tables,
    keys: &[Numbered],
    path: &Path,
) -> Result<(u32, usize), VaultFileError> {
    let damaged = || VaultFileError::Damaged { path: path.to_owned() };
    let (mut next, mut unreadable) = (0, 0);
    store.each(|row| {
        next = row.row.checked_add(1).ok_or_else(damaged)?;
        match keys.iter().find(|(number, _)| *number == row.key) {
            Some((_, key)) => drop(key.open_value(row.code, row.digest, &row.sealed).ok_or_else(damaged)?),
            None => unreadable += 1,
        }
        // Two entries of one code or of one value are not of our making.
        if tables.insert(row.digest, row.code, row.row) == Ok(true) { Ok(()) } else { Err(damaged()) }
    })?;
    Ok((next, unreadable))
}

/// The vault's name in the state directory.
pub const FILE: &str = "vault.db";

/// How long what is written may wait for its sync.
const SYNC_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
