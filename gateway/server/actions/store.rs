//! Where entries are kept: the `Sink` trait, and the embedded SQLite store.
//!
//! The store is one file in write-ahead mode, so that `chatwarden log` reads while the gateway writes. Commits use
//! `synchronous=FULL`: a committed entry survives the loss of power, not only of the process, and costs one sync per
//! batch. The file is 0600 in a folder that is made 0700. A store that fails, or whose file was moved away, is opened
//! anew at the next write; an entry that is written twice is stored once.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};
use tracing::warn;

use super::entry::Entry;

/// A place that keeps entries.
pub trait Sink: Send {
    /// Keeps all of `entries` durably, or none. Called again with the same entries after an error.
    fn write(&mut self, entries: &[Entry]) -> Result<(), StoreError>;

    /// Removes entries that are older than `before`, at most `most` of them, and says how many it removed.
    fn prune(&mut self, before: Timestamp, most: usize) -> Result<usize, StoreError>;
}

/// The embedded store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    open: Option<Open>,
}

impl Store {
    /// Opens the store, and makes it where there is none.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let mut store = Store { path: path.to_owned(), open: None };
        store.connection()?;
        Ok(store)
    }

    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        if self.open.as_ref().is_some_and(|open| open.file != file_identity(&self.path)) {
            warn!("The action log's file was moved or removed; a new one is made");
            self.let_go();
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => Open::new(&self.path)?,
        };
        Ok(&mut self.open.insert(open).connection)
    }

    /// Leaves a file that was moved away complete: SQLite does not write the log back to a moved file when it closes.
    fn let_go(&mut self) {
        let written_back = self.open.take().map(|open| {
            open.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
        });
        if !matches!(written_back, None | Some(Ok(false))) {
            warn!("The newest entries are not in the file that was moved");
        }
    }

    /// Runs `work` in one transaction. After an error that a new connection might cure, the connection is dropped.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.connection()?;
        let done =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
                let value = work(&transaction)?;
                transaction.commit()?;
                Ok(value)
            });
        done.map_err(|error| {
            let error = StoreError::from_sqlite(&self.path, error);
            if !matches!(error, StoreError::Locked { .. } | StoreError::Full { .. }) {
                self.open = None;
            }
            error
        })
    }
}

impl Sink for Store {
    fn write(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        self.transaction(|transaction| {
            let mut insert = transaction.prepare(INSERT)?;
            for entry in entries {
                insert.execute(params![
                    entry.id.as_bytes(),
                    entry.at.as_millisecond(),
                    entry.account.as_ref().map(|account| &account.id),
                    entry.account.as_ref().and_then(|account| account.name.as_ref()),
                    entry.target,
                    entry.action,
                    entry.ip,
                    entry.note,
                    entry.reason,
                    entry.rule,
                    entry.request_id,
                    entry.method,
                    entry.route,
                    i64::try_from(entry.generation).unwrap_or(i64::MAX),
                ])?;
            }
            Ok(())
        })
    }

    fn prune(&mut self, before: Timestamp, most: usize) -> Result<usize, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.transaction(|transaction| transaction.execute(PRUNE, params![before.as_millisecond(), most]))
    }
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Which file the path named when it was opened.
    file: Option<(u64, u64)>,
}

impl Open {
    fn new(path: &Path) -> Result<Open, StoreError> {
        prepare_file(path).map_err(|source| StoreError::Open { path: path.to_owned(), source })?;
        let sqlite = |error| StoreError::from_sqlite(path, error);
        let mut connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(sqlite)?;
        connection.busy_timeout(BUSY).map_err(sqlite)?;
        // Whose file it is, is asked before anything is written to it.
        schema_of(&connection, path)?;
        let journal: String = connection
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
            .map_err(sqlite)?;
        if !journal.eq_ignore_ascii_case("wal") {
            return Err(StoreError::NoWal { path: path.to_owned() });
        }
        connection.pragma_update(None, "synchronous", "full").map_err(sqlite)?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        if schema_of(&transaction, path)? == 0 {
            transaction.execute_batch(SCHEMA).map_err(sqlite)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(sqlite)?;
            transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)?;
        }
        transaction.commit().map_err(sqlite)?;
        Ok(Open { connection, file: file_identity(path) })
    }
}

/// Makes folder and file with the permissions of a secret where they are missing, and takes them from the file where
/// they are wider. The folder of somebody else's making is only warned about.
///
/// The file is not opened once it exists: POSIX drops all of a process's locks on a file when any descriptor of it is
/// closed, also those of another connection of ours.
fn prepare_file(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
        warn!("The action log's folder can be entered by other users; its mode should be 0700");
    }
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
                warn!("The action log could be read by other users; its mode is set to 0600");
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The schema version of an action log, 0 for a database without anything in it.
pub(super) fn schema_of(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|error| StoreError::from_sqlite(path, error))
    };
    let (application, version, pages) =
        (pragma("application_id")?, pragma("user_version")?, pragma("page_count")?);
    if application != APPLICATION_ID && (application != 0 || version != 0 || pages > 1) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version });
    }
    Ok(version)
}

/// Device and inode of what the path names now.
pub(super) fn file_identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// What can be wrong with the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Folder or file cannot be made or entered.
    #[error("cannot open the action log `{}`: {source}", path.display())]
    Open {
        /// The store's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no file to read.
    #[error("there is no action log at `{}` yet: the gateway makes it when it starts", path.display())]
    Missing {
        /// The store's file.
        path: PathBuf,
    },
    /// Somebody else holds the lock.
    #[error("the action log `{}` is locked by another program", path.display())]
    Locked {
        /// The store's file.
        path: PathBuf,
    },
    /// No space is left.
    #[error("no space is left for the action log `{}`", path.display())]
    Full {
        /// The store's file.
        path: PathBuf,
    },
    /// The file's bytes make no sense.
    #[error("the action log `{}` is damaged: move it aside and the gateway makes a new one", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
    },
    /// A database of something else.
    #[error("`{}` is a database, but no action log", path.display())]
    Foreign {
        /// The store's file.
        path: PathBuf,
    },
    /// A later program made it.
    #[error(
        "the action log `{}` was written by a newer chatwarden (schema {found}, this one reads up to {SCHEMA_VERSION})",
        path.display()
    )]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The file system has no shared memory for write-ahead mode.
    #[error("the file system of the action log `{}` cannot do SQLite's write-ahead mode: use a local disk", path.display())]
    NoWal {
        /// The store's file.
        path: PathBuf,
    },
    /// Anything else that SQLite reports.
    #[error("the action log `{}`: {source}", path.display())]
    Sqlite {
        /// The store's file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    pub(super) fn from_sqlite(path: &Path, source: rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let code = source.sqlite_error_code();
        let is = |codes: &[ErrorCode]| code.is_some_and(|code| codes.contains(&code));
        if is(&[ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked]) {
            StoreError::Locked { path }
        } else if is(&[ErrorCode::DiskFull]) {
            StoreError::Full { path }
        } else if is(&[ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase]) {
            StoreError::Damaged { path }
        } else {
            StoreError::Sqlite { path, source }
        }
    }
}

/// The writer waits this long inside SQLite for a lock; its own back-off comes after.
const BUSY: Duration = Duration::from_millis(250);

/// `application_id` of SQLite's header: "ChWa".
const APPLICATION_ID: i64 = 0x4368_5761;
const SCHEMA_VERSION: i64 = 1;

/// `seq` is the order of recording and is never used twice; `at` is in milliseconds since 1970, UTC. The indexes serve
/// `chatwarden log`; every one of them has `seq` at its end, as SQLite's indexes do.
const SCHEMA: &str = "
CREATE TABLE actions (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           BLOB NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    account_id   TEXT COLLATE NOCASE,
    account_name TEXT COLLATE NOCASE,
    target       TEXT,
    type         TEXT NOT NULL,
    ip           TEXT,
    note         TEXT,
    reason       TEXT,
    rule         TEXT,
    request_id   TEXT,
    method       TEXT,
    route        TEXT,
    generation   INTEGER NOT NULL
) STRICT;
CREATE INDEX actions_by_time ON actions (at);
CREATE INDEX actions_by_account_id ON actions (account_id);
CREATE INDEX actions_by_account_name ON actions (account_name);
CREATE INDEX actions_by_type ON actions (type);
";

const INSERT: &str = "
INSERT INTO actions (id, at, account_id, account_name, target, type, ip, note, reason, rule, request_id, method, route, generation)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING";

const PRUNE: &str =
    "DELETE FROM actions WHERE seq IN (SELECT seq FROM actions WHERE at < ? ORDER BY at LIMIT ?)";

#[cfg(test)]
mod tests;
