//! The action log for people and programs: a table, JSON lines, or CSV.
//!
//! The first six columns are always account, target, type, IP address, date and time, note, in this order. Times are
//! RFC 3339 in UTC. The keys of JSON and the header of CSV are the same names and stay as they are.

use std::{
    fmt,
    io::{self, Write},
    ops::ControlFlow,
    path::Path,
};

use clap::ValueEnum;
use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{
    reader::{Query, Reader, Stored},
    store::StoreError,
};

/// How entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for a terminal; long texts are cut
    #[default]
    Table,
    /// One JSON object per line
    Json,
    /// Comma-separated values (RFC 4180)
    Csv,
}

/// Writes the wanted entries, the newest last, and says how many there were.
pub fn print(store: &Path, query: &Query, format: Format, out: &mut dyn Write) -> Result<usize, PrintError> {
    follow(store, query, format, out, &mut || ControlFlow::Break(()))
}

/// Like [`print()`], then goes on with what comes: `wait` is called when there is nothing more for now, and says whether
/// to look again.
pub fn follow(
    store: &Path,
    query: &Query,
    format: Format,
    out: &mut dyn Write,
    wait: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<usize, PrintError> {
    let mut reader = Reader::open(store)?;
    let mut after = reader.start(query)?;
    // The bound is on what is there at the start; what comes later is wanted without one.
    let mut bound = query.limit.unwrap_or(usize::MAX);
    let mut printer = Printer { format, widths: None };
    let mut count = 0;
    loop {
        let page = if bound == 0 { Vec::new() } else { reader.page(query, after, PAGE.min(bound))? };
        if let Some(last) = page.last() {
            after = last.seq;
            count += page.len();
            bound = bound.saturating_sub(page.len());
            printer.write(&page, out)?;
            continue;
        }
        if count == 0 {
            printer.write(&[], out)?;
        }
        out.flush()?;
        if wait().is_break() {
            return Ok(count);
        }
        bound = usize::MAX;
        if reader.is_stale() {
            match Reader::open(store) {
                Ok(fresh) => (reader, after) = (fresh, 0),
                // The gateway makes the new file with its next entry.
                Err(StoreError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Why printing ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrintError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The reader of the output is gone, or its disk is full.
    #[error("cannot write the action log's entries: {0}")]
    Output(#[from] io::Error),
}

struct Printer {
    format: Format,
    /// The table's column widths, set by the first page.
    widths: Option<[usize; COLUMNS]>,
}

impl Printer {
    fn write(&mut self, page: &[Stored], out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Table => self.table(page, out),
            Format::Json => page.iter().try_for_each(|stored| {
                serde_json::to_writer(&mut *out, &Record::of(stored))?;
                out.write_all(b"\n")
            }),
            Format::Csv => {
                if self.widths.replace([0; COLUMNS]).is_none() {
                    csv_line(&Record::NAMES.map(Some), out)?;
                }
                page.iter().try_for_each(|stored| Record::of(stored).csv(out))
            }
        }
    }

    fn table(&mut self, page: &[Stored], out: &mut dyn Write) -> io::Result<()> {
        let rows: Vec<[String; COLUMNS]> = page.iter().map(cells).collect();
        if self.widths.is_none() && !rows.is_empty() {
            let widths = std::array::from_fn(|column| {
                rows.iter()
                    .map(|row| row[column].width())
                    .chain([HEADER[column].width()])
                    .max()
                    .unwrap_or_default()
            });
            self.widths = Some(widths);
            table_line(&HEADER, &widths, out)?;
        }
        let widths = self.widths.unwrap_or_default();
        rows.iter().try_for_each(|row| table_line(row, &widths, out))
    }
}

fn cells(stored: &Stored) -> [String; COLUMNS] {
    let record = Record::of(stored);
    let reason = match (record.reason, record.rule) {
        (Some(reason), Some(rule)) => Some(format!("{reason} ({rule})")),
        (reason, rule) => reason.or(rule).map(str::to_owned),
    };
    let cell = |text: Option<&str>, most| text.map_or_else(|| "-".to_owned(), |text| clip(text, most));
    [
        cell(record.account, 32),
        cell(record.target, 32),
        clip(record.kind, 40),
        cell(record.ip, 45),
        format!("{:.0}", stored.entry.at),
        cell(record.note, 60),
        cell(reason.as_deref(), 60),
    ]
}

fn table_line(
    cells: &[impl AsRef<str>; COLUMNS],
    widths: &[usize; COLUMNS],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let cell = cell.as_ref();
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
    }
    writeln!(out, "{}", line.trim_end())
}

/// At most `most` columns of `text`; a cut ends in `…`.
fn clip(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut width = 1;
    let kept = text.chars().take_while(|c| {
        width += c.width().unwrap_or_default();
        width <= most
    });
    kept.chain(['…']).collect()
}

const COLUMNS: usize = 7;
const HEADER: [&str; COLUMNS] = ["ACCOUNT", "TARGET", "TYPE", "IP", "TIME", "NOTE", "REASON"];
const PAGE: usize = 500;

/// An entry as programs read it.
#[derive(Serialize)]
struct Record<'a> {
    /// The name of the account, or its id where it has no name.
    account: Option<&'a str>,
    target: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    ip: Option<&'a str>,
    time: String,
    note: Option<&'a str>,
    account_id: Option<&'a str>,
    reason: Option<&'a str>,
    rule: Option<&'a str>,
    request_id: Option<&'a str>,
    method: Option<&'a str>,
    route: Option<&'a str>,
    generation: u64,
    seq: i64,
    id: String,
}

impl<'a> Record<'a> {
    const NAMES: [&'static str; 15] = [
        "account",
        "target",
        "type",
        "ip",
        "time",
        "note",
        "account_id",
        "reason",
        "rule",
        "request_id",
        "method",
        "route",
        "generation",
        "seq",
        "id",
    ];

    fn of(stored: &'a Stored) -> Record<'a> {
        let entry = &stored.entry;
        let account_id = entry.account.as_ref().map(|account| account.id.as_str());
        Record {
            account: entry.account.as_ref().and_then(|account| account.name.as_deref()).or(account_id),
            target: entry.target.as_deref(),
            kind: &entry.action,
            ip: entry.ip.as_deref(),
            time: format!("{:.3}", entry.at),
            note: entry.note.as_deref(),
            account_id,
            reason: entry.reason.as_deref(),
            rule: entry.rule.as_deref(),
            request_id: entry.request_id.as_deref(),
            method: entry.method.as_deref(),
            route: entry.route.as_deref(),
            generation: entry.generation,
            seq: stored.seq,
            id: entry.id.to_string(),
        }
    }

    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let (generation, seq) = (self.generation.to_string(), self.seq.to_string());
        csv_line(
            &[
                self.account,
                self.target,
                Some(self.kind),
                self.ip,
                Some(&self.time),
                self.note,
                self.account_id,
                self.reason,
                self.rule,
                self.request_id,
                self.method,
                self.route,
                Some(&generation),
                Some(&seq),
                Some(&self.id),
            ],
            out,
        )
    }
}

fn csv_line(fields: &[Option<&str>], out: &mut dyn Write) -> io::Result<()> {
    for (index, field) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{}", Csv(field.unwrap_or_default()))?;
    }
    out.write_all(b"\r\n")
}

/// A field of RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe in front.
struct Csv<'a>(&'a str);

impl fmt::Display for Csv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The full-width forms count too: spreadsheets with East Asian input fold them.
        let formula = self.0.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
        let guard = if formula { "'" } else { "" };
        if self.0.contains(['"', ',', ';', '\r', '\n', '\t']) {
            write!(f, "\"{guard}{}\"", self.0.replace('"', "\"\""))
        } else {
            write!(f, "{guard}{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests;
