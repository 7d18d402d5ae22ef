//! The vault's file: an SQLite database in write-ahead mode, 0600, which one process at a time may have.
//!
//! Entries stand in the order in which they were given, without an index: what is looked up is looked up in memory, and
//! a row is found by its number. A commit is written to the log and not synced; that is the syncer's affair. A new file
//! is made whole beside its place, so that an empty one is damage; and once one was made, that it is missing is, too.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use chatwarden_redact::{Code, Digest, KeyId};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use tracing::warn;

use crate::durable;

/// An entry as it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its number.
    pub(super) row: u32,
    /// The number of its key.
    pub(super) key: i64,
    pub(super) code: Code,
    pub(super) digest: Digest,
    pub(super) sealed: Vec<u8>,
}

/// A connection to the file.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
}

/// How much of the log is written back into the file.
#[derive(Clone, Copy, Debug)]
pub(super) enum WriteBack {
    /// As far as nobody is in the way.
    WhatIsFree,
    /// All of it; writers wait.
    All,
}

impl Store {
    /// Connects to a file that is there.
    pub(super) fn open(path: &Path) -> Result<Store, VaultFileError> {
        let sqlite = |error| VaultFileError::from_sqlite(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(BUSY).map_err(sqlite)?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (application, version) =
            (pragma("application_id").map_err(sqlite)?, pragma("user_version").map_err(sqlite)?);
        if pragma("page_count").map_err(sqlite)? == 0 {
            return Err(VaultFileError::Damaged { path: path.to_owned() });
        }
        if application != APPLICATION_ID {
            return Err(VaultFileError::Foreign { path: path.to_owned() });
        }
        if version != SCHEMA_VERSION {
            return Err(VaultFileError::Newer { path: path.to_owned(), found: version });
        }
        write_ahead(&connection, path)?;
        connection.pragma_update(None, "synchronous", "normal").map_err(sqlite)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(sqlite)?;
        Ok(Store { path: path.to_owned(), connection })
    }

    /// The keys that the vault was opened with, with their numbers.
    pub(super) fn keys(&self) -> Result<Vec<(i64, KeyId)>, VaultFileError> {
        let keys =
            self.connection.prepare("SELECT number, id FROM keys ORDER BY number").and_then(|mut select| {
                let keys = select.query_map([], |row| Ok((row.get(0)?, KeyId(row.get(1)?))))?;
                keys.collect()
            });
        keys.map_err(|error| self.error(error))
    }

    /// Whether there is an entry of any key.
    pub(super) fn has_entries(&self) -> Result<bool, VaultFileError> {
        let exists = "SELECT EXISTS (SELECT 1 FROM entries)";
        self.connection.query_row(exists, [], |row| row.get(0)).map_err(|error| self.error(error))
    }

    /// Gives a key its number.
    pub(super) fn add_key(&mut self, id: KeyId) -> Result<i64, VaultFileError> {
        let added = self.connection.execute("INSERT INTO keys (id) VALUES (?)", [id.0]);
        added.map_err(|error| self.error(error))?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Reads every entry, in the order of their rows.
    pub(super) fn each(
        &self,
        mut each: impl FnMut(Row) -> Result<(), VaultFileError>,
    ) -> Result<(), VaultFileError> {
        let sqlite = |error| self.error(error);
        let mut select = self.connection.prepare(SELECT_ALL).map_err(sqlite)?;
        let mut rows = select.query([]).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            each(read_row(row).map_err(sqlite)?)?;
        }
        Ok(())
    }

    /// Writes an entry, in a transaction of its own.
    pub(super) fn append(&mut self, row: &Row) -> Result<(), VaultFileError> {
        let appended = self.connection.prepare(INSERT).and_then(|mut insert| {
            let (code, digest) = (row.code.to_bits().to_be_bytes(), row.digest.0.to_be_bytes());
            insert.execute(params![row.row, row.key, code, digest, row.sealed])
        });
        appended.map(drop).map_err(|error| self.error(error))
    }

    /// Reads an entry.
    pub(super) fn row(&self, row: u32) -> Result<Option<Row>, VaultFileError> {
        let found = self
            .connection
            .prepare(SELECT_ONE)
            .and_then(|mut select| select.query_row([row], read_row).optional());
        found.map_err(|error| self.error(error))
    }

    /// Writes the log back into the file.
    pub(super) fn write_back(&self, how: WriteBack) -> Result<(), VaultFileError> {
        let pragma = match how {
            WriteBack::WhatIsFree => "PRAGMA wal_checkpoint(PASSIVE)",
            WriteBack::All => "PRAGMA wal_checkpoint(RESTART)",
        };
        self.connection.query_row(pragma, [], |_| Ok(())).map_err(|error| self.error(error))
    }

    /// As if the disk were full.
    #[cfg(test)]
    pub(super) fn forbid_growth(&self) {
        self.connection.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
    }

    fn error(&self, error: rusqlite::Error) -> VaultFileError {
        VaultFileError::from_sqlite(&self.path, error)
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let bits = |column: usize| row.get(column).map(u128::from_be_bytes);
    let code = Code::from_bits(bits(2)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, 0))?;
    Ok(Row { row: row.get(0)?, key: row.get(1)?, code, digest: Digest(bits(3)?), sealed: row.get(4)? })
}

fn write_ahead(connection: &Connection, path: &Path) -> Result<(), VaultFileError> {
    let journal: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|error| VaultFileError::from_sqlite(path, error))?;
    match journal.as_str() {
        "wal" => Ok(()),
        _ => Err(VaultFileError::NoWal { path: path.to_owned() }),
    }
}

/// The files of a vault, which nobody else has as long as this lives.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    /// Which files the names of database and log stand for.
    identities: [Option<(u64, u64)>; 2],
    _lock: File,
}

impl Files {
    /// Takes the vault for this process, and makes it if there has never been one: then the second is `true`.
    pub(super) fn take(path: &Path) -> Result<(Files, bool), VaultFileError> {
        let (lock, was_made) = take_lock(path)?;
        let open = |source| VaultFileError::Open { path: path.to_owned(), source };
        let made = match fs::metadata(path) {
            Ok(metadata) => {
                if metadata.permissions().mode() & 0o077 != 0 {
                    warn!("The vault could be read by other users; its mode is set to 0600");
                    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(open)?;
                }
                false
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(open(error)),
            Err(_) if was_made => return Err(VaultFileError::Gone { path: path.to_owned() }),
            Err(_) => {
                make(path)?;
                true
            }
        };
        if !was_made {
            (&lock).write_all(MADE).and_then(|()| lock.sync_all()).map_err(open)?;
        }
        Ok((Files { path: path.to_owned(), identities: [None; 2], _lock: lock }, made))
    }

    /// Opens SQLite's log, which is there as long as there is a connection, and notes what the names stand for.
    pub(super) fn log(&mut self) -> Result<File, VaultFileError> {
        let opened = OpenOptions::new().write(true).open(log_of(&self.path));
        self.identities = self.named();
        opened.map_err(|source| VaultFileError::Open { path: self.path.clone(), source })
    }

    /// Whether the names still stand for the same files.
    pub(super) fn are_in_place(&self) -> bool {
        self.identities == self.named()
    }

    fn named(&self) -> [Option<(u64, u64)>; 2] {
        [&self.path, &log_of(&self.path)]
            .map(|path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino())))
    }
}

/// Locks the vault by a file beside it; says whether a vault was made there once.
fn take_lock(path: &Path) -> Result<(File, bool), VaultFileError> {
    let open = |source| VaultFileError::Open { path: path.to_owned(), source };
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.with_extension("lock"))
        .map_err(open)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(VaultFileError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(open(error)),
    }
    let mut written = Vec::new();
    lock.read_to_end(&mut written).map_err(open)?;
    Ok((lock, !written.is_empty()))
}

/// Makes an empty vault beside its place and moves it there.
fn make(path: &Path) -> Result<(), VaultFileError> {
    let open = |source| VaultFileError::Open { path: path.to_owned(), source };
    let beside = path.with_extension("db.new");
    for left in [beside.clone(), log_of(&beside)] {
        let _ = fs::remove_file(left); // by a crash
    }
    durable::write_new(&beside, b"").map_err(open)?;
    let sqlite = |error| VaultFileError::from_sqlite(path, error);
    let connection = Connection::open(&beside).map_err(sqlite)?;
    write_ahead(&connection, path)?;
    connection.execute_batch(SCHEMA).map_err(sqlite)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
    connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)?;
    connection.close().map_err(|(_, error)| sqlite(error))?;
    File::open(&beside).and_then(|file| file.sync_all()).map_err(open)?;
    fs::rename(&beside, path).map_err(open)?;
    durable::sync_directory(path.parent().unwrap_or(Path::new("."))).map_err(open)
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Why there is no vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultFileError {
    /// A file cannot be made or opened.
    #[error("cannot open the vault `{}`: {source}", path.display())]
    Open {
        /// The vault's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the vault `{}` is in use by another gateway: stop that one, or give this one a `state` of its own", path.display())]
    InUse {
        /// The vault's file.
        path: PathBuf,
    },
    /// There was one, and it is not there.
    #[error(
        "the vault `{}` is gone, and with it what aliases stand for: put it back from a backup; or make a new alias key \
         by `chatwarden keys new`, list it alone under `keys:` and remove `{}`, then every client gets a new alias",
        path.display(), path.with_extension("lock").display()
    )]
    Gone {
        /// The vault's file.
        path: PathBuf,
    },
    /// Its bytes make no sense.
    #[error(
        "the vault `{}` is damaged: put it back from a backup; or move it away, make a new alias key by `chatwarden keys \
         new`, list it alone under `keys:` and remove `{}`, then every client gets a new alias",
        path.display(), path.with_extension("lock").display()
    )]
    Damaged {
        /// The vault's file.
        path: PathBuf,
    },
    /// A database of something else.
    #[error("`{}` is a database, but no vault", path.display())]
    Foreign {
        /// The vault's file.
        path: PathBuf,
    },
    /// A later program made it.
    #[error(
        "the vault `{}` was written by a newer chatwarden (schema {found}, this one reads {SCHEMA_VERSION})",
        path.display()
    )]
    Newer {
        /// The vault's file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// None of the keys is one that it was written under.
    #[error(
        "the vault `{}` was not made with any of the alias keys: put the right key back, or list it under `keys:` after the \
         new one",
        path.display()
    )]
    OtherKey {
        /// The vault's file.
        path: PathBuf,
    },
    /// The file system has no shared memory for write-ahead mode.
    #[error("the file system of the vault `{}` cannot do SQLite's write-ahead mode: use a local disk", path.display())]
    NoWal {
        /// The vault's file.
        path: PathBuf,
    },
    /// Anything else that SQLite reports.
    #[error("the vault `{}`: {source}", path.display())]
    Sqlite {
        /// The vault's file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl VaultFileError {
    fn from_sqlite(path: &Path, source: rusqlite::Error) -> VaultFileError {
        let path = path.to_owned();
        let codes = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase];
        let is_damage = source.sqlite_error_code().is_some_and(|code| codes.contains(&code))
            || matches!(
                source,
                rusqlite::Error::FromSqlConversionFailure(..)
                    | rusqlite::Error::IntegralValueOutOfRange(..)
                    | rusqlite::Error::InvalidColumnType(..)
            );
        if is_damage { VaultFileError::Damaged { path } } else { VaultFileError::Sqlite { path, source } }
    }
}

/// Written to the lock once there is a vault.
const MADE: &[u8] =
    b"Locks vault.db, and tells that there is one. See docs/operations.md before removing it.\n";

/// Nobody holds a lock for long but [`WriteBack::All`].
const BUSY: Duration = Duration::from_secs(5);

/// `application_id` of SQLite's header: "ChWv".
const APPLICATION_ID: i64 = 0x4368_5776;
const SCHEMA_VERSION: i64 = 1;

/// `code` are the bits of a code, `digest` is what its value is looked up by, `sealed` the value (`AliasKey::seal_value`).
const SCHEMA: &str = "
CREATE TABLE keys (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE entries (
    row    INTEGER PRIMARY KEY,
    key    INTEGER NOT NULL,
    code   BLOB NOT NULL,
    digest BLOB NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
";

const INSERT: &str = "INSERT INTO entries (row, key, code, digest, sealed) VALUES (?, ?, ?, ?, ?)";
const SELECT_ALL: &str = "SELECT row, key, code, digest, sealed FROM entries ORDER BY row";
const SELECT_ONE: &str = "SELECT row, key, code, digest, sealed FROM entries WHERE row = ?";
