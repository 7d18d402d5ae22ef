//! `chatwarden log`: reads the action log, also while the gateway runs.

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use clap::Args;
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use crate::actions::{Format, PrintError, Query, TypePattern, follow, print};

/// Arguments of `chatwarden log`.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// The gateway's configuration, which names the store
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only actions of this account: its id or its name
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Only actions of these types, `*` standing for any characters: operator.*, *.denied
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<TypePattern>,
    /// Only actions from then on: 2h, 7d, 2026-11-01, 2026-11-01T08:30:00Z
    #[arg(long, value_name = "TIME", value_parser = |text: &str| parse_since(text, Timestamp::now()))]
    pub since: Option<Timestamp>,
    /// Only the newest N [default: 100, or all with --since]
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Wait for more and show it as it comes
    #[arg(long)]
    pub follow: bool,
    /// How to write the entries
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Prints what the arguments ask for from the action log at `store`. Returns the exit code.
pub fn run(args: &LogArgs, store: &Path) -> anyhow::Result<u8> {
    let limit = args.limit.or_else(|| args.since.is_none().then_some(DEFAULT_LIMIT));
    let query = Query { account: args.account.clone(), types: args.types.clone(), since: args.since, limit };
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = if args.follow {
        follow(store, &query, args.format, &mut out, &mut || {
            thread::sleep(POLL);
            ControlFlow::Continue(())
        })
    } else {
        print(store, &query, args.format, &mut out)
    };
    match printed {
        Ok(0) => say(EMPTY),
        Ok(count) if args.limit.is_none() && limit == Some(count) => say(NEWEST),
        Ok(_) => {}
        // `chatwarden log | head` has seen enough.
        Err(PrintError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => return Err(error.into()),
    }
    Ok(0)
}

/// A word to the person, beside the output. Whoever closed stderr does not want it.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Reads a time: a span back from `now`, a date (its midnight, UTC), or RFC 3339.
fn parse_since(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is no time: write 2h, 7d, 2026-11-01 or 2026-11-01T08:30:00Z");
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<Date>() {
        return Ok(date.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp());
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    if span.is_negative() {
        return Err(wrong());
    }
    Ok(now.to_zoned(TimeZone::UTC).checked_sub(span).map_err(|_| wrong())?.timestamp())
}

const DEFAULT_LIMIT: usize = 100;
const POLL: Duration = Duration::from_millis(500);
const EMPTY: &str = "no recorded action matches";
const NEWEST: &str = "the newest 100 actions; --limit or --since shows more";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LogArgs,
    }

    #[test]
    fn arguments_are_read_as_the_manual_says() {
        let line = Line::parse_from([
            "log",
            "--type",
            "operator.*,*.denied",
            "--since",
            "2026-11-01",
            "--format",
            "csv",
        ]);
        assert_eq!(line.args.types, ["operator.*".parse().unwrap(), "*.denied".parse().unwrap()]);
        assert_eq!(line.args.since, Some("2026-11-01T00:00:00Z".parse().unwrap()));
        assert_eq!(line.args.format, Format::Csv);
        assert!(Line::try_parse_from(["log", "--type", "[a-z]"]).is_err());
        assert!(Line::try_parse_from(["log", "--since", "yesterday"]).is_err());
    }

    #[test]
    fn a_time_is_a_span_a_date_or_rfc_3339() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2h", "2026-11-22T10:00:00Z"),
            ("90m", "2026-11-22T10:30:00Z"),
            ("7d", "2026-11-15T12:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T08:30:00+02:00", "2026-11-01T06:30:00Z"),
        ] {
            assert_eq!(parse_since(text, now), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "2", "-2h", "2h ago", "01.11.2026", "2026-13-01"] {
            assert!(parse_since(text, now).is_err(), "{text}");
        }
    }
}
