//! What `mask` says on stderr: how far it is, and what was hidden. Whoever closed stderr does not want it.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use chatwarden_redact::{Class, Summary};

/// Counts, and tells them.
pub(super) struct Report {
    stats: bool,
    terminal: bool,
    start: Instant,
    /// When progress was told last.
    told: Option<Instant>,
    read: u64,
    written: u64,
    /// Where the file at hand ends, where that is known.
    end: Option<u64>,
    hidden: [u64; Class::ALL.len()],
    unscanned: u64,
}

impl Report {
    pub(super) fn new(stats: bool, terminal: bool) -> Report {
        Report {
            stats,
            terminal,
            start: Instant::now(),
            told: None,
            read: 0,
            written: 0,
            end: None,
            hidden: [0; Class::ALL.len()],
            unscanned: 0,
        }
    }

    /// A word beside the output.
    pub(super) fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// A file of this length begins.
    pub(super) fn begin(&mut self, length: Option<u64>) {
        self.end = length.map(|length| self.read + length);
    }

    /// So many bytes were read and done with.
    pub(super) fn read(&mut self, bytes: usize) {
        self.read += bytes as u64;
        if !self.terminal {
            return;
        }
        let pause = if self.told.is_some() { TICK } else { PATIENCE };
        if self.told.unwrap_or(self.start).elapsed() >= pause {
            self.told = Some(Instant::now());
            let line = progress(self.read, self.end, self.start.elapsed());
            let _ = write!(io::stderr(), "{CLEAR}{line}");
        }
    }

    pub(super) fn written(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    pub(super) fn add(&mut self, summary: &Summary) {
        for (sum, hidden) in self.hidden.iter_mut().zip(summary.hidden) {
            *sum += hidden;
        }
        self.unscanned += summary.unscanned;
    }

    /// Everything is done, or nothing more will be.
    pub(super) fn end(&mut self) {
        if self.told.take().is_some() {
            let _ = write!(io::stderr(), "{CLEAR}");
        }
        if self.stats {
            let _ = write!(io::stderr(), "{}", self.table(self.start.elapsed()));
        }
    }

    fn table(&self, took: Duration) -> String {
        let of_class = |class: &Class| (class.name(), self.hidden.get(class.index()).copied().unwrap_or(0));
        let hidden = Class::ALL.iter().map(of_class).chain([("unscanned", self.unscanned)]);
        let hidden: Vec<String> =
            hidden.filter(|(_, count)| *count > 0).map(|(class, count)| format!("{class} {count}")).collect();
        let hidden = if hidden.is_empty() { "nothing".to_owned() } else { hidden.join(", ") };
        let (read, written) = (self.read, self.written);
        let (seconds, rate) = (took.as_secs_f64(), rate(read, took));
        format!(
            "bytes in   {read}\nbytes out  {written}\nhidden     {hidden}\nseconds    {seconds:.3}\nMB/s       {rate:.1}\n"
        )
    }
}

/// `12.5 MB of 50.0 MB (25 %), 830.1 MB/s`
fn progress(read: u64, end: Option<u64>, took: Duration) -> String {
    let share = end.filter(|end| *end > 0).map(|end| {
        let percent = (u128::from(read) * 100 / u128::from(end)).min(100);
        format!(" of {:.1} MB ({percent} %)", megabytes(end))
    });
    format!("{:.1} MB{}, {:.1} MB/s", megabytes(read), share.unwrap_or_default(), rate(read, took))
}

fn rate(bytes: u64, took: Duration) -> f64 {
    megabytes(bytes) / took.as_secs_f64().max(1e-6)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Short inputs are done before anybody wonders.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(200);
/// To the start of the line, and nothing on it (ECMA-48).
const CLEAR: &str = "\r\x1b[K";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_bytes_rate_and_share() {
        let took = Duration::from_millis(500);
        assert_eq!(progress(12_500_000, Some(50_000_000), took), "12.5 MB of 50.0 MB (25 %), 25.0 MB/s");
        assert_eq!(progress(12_500_000, None, took), "12.5 MB, 25.0 MB/s");
        assert_eq!(progress(2_000_000, Some(1_000_000), took), "2.0 MB of 1.0 MB (100 %), 4.0 MB/s");
    }

    #[test]
    fn the_table_names_what_was_hidden() {
        let mut report = Report::new(true, false);
        report.read(2_000_000);
        report.written(1_900_000);
        report.add(&Summary { hidden: [3, 0, 2, 0, 0, 0], unscanned: 1 });
        let expected = "bytes in   2000000\nbytes out  1900000\nhidden     phone 3, name 2, unscanned 1\n\
                        seconds    2.000\nMB/s       1.0\n";
        assert_eq!(report.table(Duration::from_secs(2)), expected);
        let expected = "hidden     nothing\n";
        assert!(Report::new(true, false).table(Duration::from_secs(1)).contains(expected));
    }
}
