//! What people and programs get to read.

use std::path::PathBuf;

use chatwarden_policy::account::Account;
use jiff::{SignedDuration, Timestamp};

use super::{
    super::{
        entry::Entry,
        registry::{Action, Outcome},
        store::{Sink, Store},
    },
    *,
};

#[test]
fn the_table_has_the_six_columns_in_order_and_is_aligned() {
    let (_folder, path) = store(&sample());
    let expected = "\
ACCOUNT  TARGET             TYPE                    IP           TIME                  NOTE              REASON
Anna     boris@example.com  operator.delete         192.0.2.1    2026-11-01T10:00:00Z  left the company  -
李小龍   -                  download.direct.denied  2001:db8::1  2026-11-01T10:00:01Z  -                 download-direct (downloads.yaml:3)
-        -                  rules.applied           -            2026-11-01T10:00:02Z  -                 -
";
    assert_eq!(printed(&path, &Query::default(), Format::Table), expected);
}

#[test]
fn json_has_the_same_keys_on_every_line() {
    let (_folder, path) = store(&sample());
    let text = printed(&path, &Query::default(), Format::Json);
    for line in text.lines() {
        let names: Vec<usize> =
            Record::NAMES.iter().map(|name| line.find(&format!("\"{name}\":")).unwrap()).collect();
        assert!(names.is_sorted(), "{line}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(line).unwrap().as_object().unwrap().len(),
            Record::NAMES.len()
        );
    }
    let second: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["account"], "李小龍");
    assert_eq!(second["account_id"], "2");
    assert_eq!(second["target"], serde_json::Value::Null);
    assert_eq!(second["type"], "download.direct.denied");
    assert_eq!(second["time"], "2026-11-01T10:00:01.000Z");
    assert_eq!(second["rule"], "downloads.yaml:3");
}

#[test]
fn csv_quotes_and_disarms_formulas() {
    for (text, field) in [
        ("plain", "plain"),
        ("a, b", "\"a, b\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("=1+1", "'=1+1"),
        ("+37061234567", "'+37061234567"),
        ("-2", "'-2"),
        ("@SUM(A1,A2)", "\"'@SUM(A1,A2)\""),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
        ("a=b", "a=b"),
        ("", ""),
    ] {
        assert_eq!(Csv(text).to_string(), field, "{text}");
    }
}

#[test]
fn csv_starts_with_its_header_also_when_empty() {
    let header = "account,target,type,ip,time,note,account_id,reason,rule,request_id,method,route,generation,seq,id\r\n";
    let (_folder, path) = store(&[]);
    assert_eq!(printed(&path, &Query::default(), Format::Csv), header);
    let (_folder, path) = store(&sample());
    let text = printed(&path, &Query::default(), Format::Csv);
    let first = "Anna,boris@example.com,operator.delete,192.0.2.1,2026-11-01T10:00:00.000Z,left the company,1,,,r-1,POST,POST /api/operators/delete,3,1,";
    assert!(text.starts_with(&format!("{header}{first}")), "{text}");
    assert_eq!(text.matches("\r\n").count(), 4);
}

#[test]
fn no_format_shows_a_stored_terminal_escape() {
    let evil = "\u{1b}]0;owned\u{7}\u{9b}2J\nsign_in  admin\u{202e}";
    let account = Account { id: evil.into(), name: Some(evil.into()), ..Account::default() };
    let entry = Entry::new(at(0), &Action::OperatorCreate.into(), Outcome::Done, 1)
        .by(&account)
        .target(evil)
        .note(evil)
        .request(evil, evil, Some(evil));
    let (_folder, path) = store(&[entry]);
    for (format, lines) in [(Format::Table, 2), (Format::Json, 1), (Format::Csv, 2)] {
        let text = printed(&path, &Query::default(), format);
        assert_eq!(text.lines().count(), lines, "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn a_long_log_is_read_in_pages_and_a_limit_is_exact() {
    let entries: Vec<Entry> = (0..1234)
        .map(|second| Entry::new(at(second), &Action::SignIn.into(), Outcome::Done, second.unsigned_abs()))
        .collect();
    let (_folder, path) = store(&entries);
    assert_eq!(printed(&path, &Query::default(), Format::Json).lines().count(), 1234);
    let text = printed(&path, &Query { limit: Some(700), ..Query::default() }, Format::Json);
    assert_eq!(text.lines().count(), 700);
    assert!(text.lines().last().unwrap().contains("\"generation\":1233,"));
}

#[test]
fn a_limit_of_nothing_is_nothing() {
    let (_folder, path) = store(&sample());
    assert_eq!(printed(&path, &Query { limit: Some(0), ..Query::default() }, Format::Json), "");
}

#[test]
fn following_shows_what_comes_and_survives_a_new_file() {
    let (folder, path) = store(&sample());
    let mut writer = Store::open(&path).unwrap();
    let mut out = Vec::new();
    let mut polls = 0;
    let query = Query { limit: Some(1), ..Query::default() };
    let count = follow(&path, &query, Format::Json, &mut out, &mut || {
        polls += 1;
        let entry = |number| Entry::new(at(9), &Action::SignIn.into(), Outcome::Done, number);
        match polls {
            1 => writer.write(&[entry(100), entry(101)]).unwrap(),
            2 => {}
            3 => {
                std::fs::rename(&path, folder.path().join("actions.old")).unwrap();
                writer.write(&[entry(102)]).unwrap();
            }
            4 => {}
            _ => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let generations: Vec<u64> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["generation"].as_u64().unwrap())
        .collect();
    assert_eq!((count, generations), (4, vec![3, 100, 101, 102]));
}

#[test]
fn long_cells_are_cut_by_columns_of_the_terminal() {
    assert_eq!(clip("abcdef", 6), "abcdef");
    assert_eq!(clip("abcdefg", 6), "abcde…");
    assert_eq!(clip("李小龍李小龍", 6), "李小…");
}

#[test]
fn a_reader_that_went_away_is_an_output_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_folder, path) = store(&sample());
    for format in [Format::Table, Format::Json, Format::Csv] {
        let error = print(&path, &Query::default(), format, &mut Gone).unwrap_err();
        assert!(
            matches!(&error, PrintError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe),
            "{format:?}: {error}"
        );
    }
}

fn sample() -> Vec<Entry> {
    let anna = Account { id: "1".into(), name: Some("Anna".into()), ..Account::default() };
    let bruce = Account { id: "2".into(), name: Some("李小龍".into()), ..Account::default() };
    vec![
        Entry::new(at(0), &Action::OperatorDelete.into(), Outcome::Done, 3)
            .by(&anna)
            .target("boris@example.com")
            .from_ip("192.0.2.1")
            .note("left the company")
            .request("r-1", "POST", Some("POST /api/operators/delete")),
        Entry::new(at(1), &Action::DownloadDirect.into(), Outcome::Denied, 3)
            .by(&bruce)
            .from_ip("2001:db8::1")
            .because("download-direct", Some("downloads.yaml:3")),
        Entry::new(at(2), &Action::RulesApplied.into(), Outcome::Done, 3),
    ]
}

fn store(entries: &[Entry]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    Store::open(&path).unwrap().write(entries).unwrap();
    (folder, path)
}

fn printed(path: &Path, query: &Query, format: Format) -> String {
    let mut out = Vec::new();
    print(path, query, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn at(second: i64) -> Timestamp {
    "2026-11-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(second)
}
