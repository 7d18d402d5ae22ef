//! Reading the embedded store, while the gateway writes to it or after it stopped.
//!
//! Entries are read in pages, each a short statement of its own: a reader that sits in a pager holds no snapshot, so
//! the write-ahead file does not grow behind it. What comes out is cleaned again: the file may be from elsewhere.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, types::Value};
use uuid::Uuid;

use super::{
    entry::{Actor, Entry, MAX_NAME, MAX_NOTE},
    store::{StoreError, file_identity, schema_of},
    text::clean,
};

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only those of this account: its id or its name, without case in ASCII.
    pub account: Option<String>,
    /// Only those of one of these types; empty means all.
    pub types: Vec<TypePattern>,
    /// Only those from this time on.
    pub since: Option<Timestamp>,
    /// Only the newest so many.
    pub limit: Option<usize>,
}

/// A type, or several: `*` stands for any characters, as in `operator.*` and `*.denied`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypePattern(String);

impl FromStr for TypePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<TypePattern, String> {
        // What SQLite's GLOB gives a meaning besides `*` is not among these.
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '*');
        if text.is_empty() || !text.chars().all(known) {
            return Err(
                "a type is made of `a-z`, `0-9`, `_` and `.`, with `*` for any: `operator.*`".to_owned()
            );
        }
        Ok(TypePattern(text.to_owned()))
    }
}

/// An entry and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The order of recording.
    pub seq: i64,
    /// The entry.
    pub entry: Entry,
}

/// A store that is open for reading.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
    file: Option<(u64, u64)>,
}

impl Reader {
    /// Opens the store at `path` read-only.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        let file = file_identity(path).ok_or_else(|| StoreError::Missing { path: path.to_owned() })?;
        let sqlite = |error| StoreError::from_sqlite(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(BUSY).map_err(sqlite)?;
        if schema_of(&connection, path)? == 0 {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        Ok(Reader { path: path.to_owned(), connection, file: Some(file) })
    }

    /// Whether the path names another file by now, so that nothing more will come of this one.
    pub fn is_stale(&self) -> bool {
        file_identity(&self.path) != self.file
    }

    /// The place after which the wanted entries begin: with a limit, that of the newest so many.
    pub fn start(&self, query: &Query) -> Result<i64, StoreError> {
        let Some(limit) = query.limit else {
            return match query.since {
                // Most of a long log is passed over by the index on time.
                Some(since) => {
                    self.number("SELECT min(seq) - 1 FROM actions WHERE at >= ?", vec![time(since)])
                }
                None => Ok(0),
            };
        };
        let (condition, mut values) = condition(query);
        let sql = format!("SELECT seq - 1 FROM actions WHERE {condition} ORDER BY seq DESC LIMIT ?");
        values.push(integer(limit));
        self.number(&format!("SELECT min(\"seq - 1\") FROM ({sql})"), values)
    }

    /// At most `most` wanted entries after the place `after`, in the order of recording.
    pub fn page(&self, query: &Query, after: i64, most: usize) -> Result<Vec<Stored>, StoreError> {
        let (condition, mut values) = condition(query);
        let sql = format!("SELECT {COLUMNS} FROM actions WHERE {condition} AND seq > ? ORDER BY seq LIMIT ?");
        values.extend([Value::Integer(after), integer(most)]);
        self.sqlite(|connection| {
            connection.prepare(&sql)?.query_map(rusqlite::params_from_iter(values), stored)?.collect()
        })
    }

    /// The one number that `sql` selects, 0 where there is none.
    fn number(&self, sql: &str, values: Vec<Value>) -> Result<i64, StoreError> {
        self.sqlite(|connection| {
            connection.query_row(sql, rusqlite::params_from_iter(values), |row| row.get::<_, Option<i64>>(0))
        })
        .map(Option::unwrap_or_default)
    }

    fn sqlite<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.connection).map_err(|error| StoreError::from_sqlite(&self.path, error))
    }
}

fn condition(query: &Query) -> (String, Vec<Value>) {
    let mut conditions = vec!["1".to_owned()];
    let mut values = Vec::new();
    if let Some(account) = &query.account {
        conditions.push("(account_id = ? OR account_name = ?)".to_owned());
        values.extend([Value::Text(account.clone()), Value::Text(account.clone())]);
    }
    if !query.types.is_empty() {
        conditions.push(format!("({})", vec!["type GLOB ?"; query.types.len()].join(" OR ")));
        values.extend(query.types.iter().map(|pattern| Value::Text(pattern.0.clone())));
    }
    if let Some(since) = query.since {
        conditions.push("at >= ?".to_owned());
        values.push(time(since));
    }
    (conditions.join(" AND "), values)
}

fn time(at: Timestamp) -> Value {
    Value::Integer(at.as_millisecond())
}

fn integer(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let text = |index: usize, most: usize| -> rusqlite::Result<Option<String>> {
        Ok(row.get::<_, Option<String>>(index)?.map(|text| clean(&text, most)))
    };
    let name = text(4, MAX_NAME)?;
    let at: i64 = row.get(2)?;
    let entry = Entry {
        id: Uuid::from_bytes(row.get(1)?),
        at: Timestamp::from_millisecond(at).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Integer, error.into())
        })?,
        account: text(3, MAX_NAME)?.map(|id| Actor { id, name }),
        target: text(5, MAX_NAME)?,
        action: text(6, MAX_NAME)?.unwrap_or_default(),
        ip: text(7, MAX_NAME)?,
        note: text(8, MAX_NOTE)?,
        reason: text(9, MAX_NAME)?.map(Cow::Owned),
        rule: text(10, MAX_NAME)?,
        request_id: text(11, MAX_NAME)?,
        method: text(12, MAX_NAME)?,
        route: text(13, MAX_NAME)?,
        generation: u64::try_from(row.get::<_, i64>(14)?).unwrap_or_default(),
    };
    Ok(Stored { seq: row.get(0)?, entry })
}

const COLUMNS: &str = "seq, id, at, account_id, account_name, target, type, ip, note, reason, rule, request_id, method, route, generation";

/// A reader is a person's, who can wait.
const BUSY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
