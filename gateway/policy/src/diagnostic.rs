//! What is wrong, where, and what to do.
//!
//! Every problem of a file is a `Diagnostic`: a code that never changes, a place, one short sentence, the line as
//! it stands in the file, and help. All of them are collected, sorted by place and printed together. What an admin
//! wrote is quoted without control characters, so that a file cannot write to the terminal that shows it.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The files are refused.
    Error,
    /// The files are accepted; someone should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One problem of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What was found, in kebab-case.
    pub code: &'static str,
    /// Whether the files are refused for it.
    pub severity: Severity,
    /// The file's name as printed.
    pub file: Box<str>,
    /// The line, counted from 1; 0 where the file as a whole is meant.
    pub line: u32,
    /// The column in characters, counted from 1; 0 where the file as a whole is meant.
    pub column: u32,
    /// How many characters are meant.
    pub length: u32,
    /// One short sentence.
    pub message: String,
    /// The line of the file, cut to what can be read.
    pub source_line: String,
    /// What to do.
    pub help: Option<Box<str>>,
    /// Where the caret stands in `source_line`, in characters.
    #[serde(skip)]
    caret: u32,
}

impl Diagnostic {
    /// An error about a file as a whole, such as one that is gone.
    pub fn about(code: &'static str, file: impl AsRef<str>, message: impl AsRef<str>) -> Diagnostic {
        Diagnostic::placed(
            Severity::Error,
            code,
            file.as_ref(),
            message.as_ref(),
            (0, 0, 0),
            (String::new(), 0),
        )
    }

    /// The same problem with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl AsRef<str>) -> Diagnostic {
        self.help = Some(printable(help.as_ref()).into());
        self
    }

    /// The same problem as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Diagnostic {
        self.severity = Severity::Warning;
        self
    }

    /// The same problem without the line of the file: for values that are not for every eye.
    #[must_use]
    pub fn without_source(mut self) -> Diagnostic {
        self.source_line.clear();
        self
    }

    /// The problem in one line without the file's own words, for a log that is not for every eye.
    pub fn brief(&self) -> String {
        let place = if self.line > 0 { format!(":{}:{}", self.line, self.column) } else { String::new() };
        let help = self.help.as_deref().map(|help| format!(" (help: {help})")).unwrap_or_default();
        format!("{}[{}] {}{place}: {}{help}", self.severity, self.code, self.file, self.message)
    }

    pub(crate) fn placed(
        severity: Severity,
        code: &'static str,
        file: &str,
        message: &str,
        (line, column, length): (usize, usize, usize),
        (source_line, caret): (String, u32),
    ) -> Diagnostic {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Diagnostic {
            code,
            severity,
            file: printable(file).into(),
            line: number(line),
            column: number(column),
            length: number(length),
            message: printable(message),
            source_line: printable(&source_line),
            help: None,
            caret,
        }
    }

    fn place(&self) -> (&str, u32, u32, &str, &str) {
        (&self.file, self.line, self.column, self.code, &self.message)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.line == 0 { 1 } else { self.line.to_string().len() };
        writeln!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        write!(f, "{:>1$}--> {2}", "", width + 1, self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if self.line > 0 && !self.source_line.is_empty() {
            let caret = usize::try_from(self.caret).unwrap_or(usize::MAX);
            let shown = self.source_line.chars().count();
            // Tabs are repeated under the line, so that the caret stands where the terminal puts the text.
            let indent = self.source_line.chars().take(caret).map(|c| if c == '\t' { '\t' } else { ' ' });
            let indent: String = indent.collect();
            let length =
                usize::try_from(self.length).unwrap_or(1).clamp(1, shown.saturating_sub(caret).max(1));
            write!(f, "\n{:>1$}|", "", width + 2)?;
            write!(f, "\n {} | {}", self.line, self.source_line)?;
            write!(f, "\n{:>1$}| {indent}{2}", "", width + 2, "^".repeat(length))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n{:>1$}= help: {help}", "", width + 2)?;
        }
        writeln!(f)
    }
}

/// The problems of a set of files. Of each severity the first 500 are kept; the rest is counted.
#[derive(Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= KEPT {
            self.kept.push(diagnostic);
        }
    }

    /// Whether a file is refused.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// All that are kept, by file and place, and a last word about those that are not.
    pub fn into_vec(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by(|a, b| a.place().cmp(&b.place()));
        self.kept.dedup();
        let last = self.kept.last().map(|diagnostic| diagnostic.file.clone()).unwrap_or_default();
        for (severity, count) in [(Severity::Error, self.errors), (Severity::Warning, self.warnings)] {
            if count > KEPT {
                let message = format!("{} more {severity}s are not shown", count - KEPT);
                let more = Diagnostic::about("too-many", &last, message);
                self.kept.push(if severity == Severity::Warning { more.as_warning() } else { more });
            }
        }
        self.kept
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }
}

impl From<Diagnostics> for Vec<Diagnostic> {
    fn from(diagnostics: Diagnostics) -> Vec<Diagnostic> {
        diagnostics.into_vec()
    }
}

/// What the admin wrote, in backticks and cut to 64 characters, for use in a message.
pub fn quote(text: &str) -> String {
    let mut rest = text.chars();
    let mut shown: String = rest.by_ref().take(64).collect();
    if rest.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Whether a character can stand in a file or message without writing to the terminal or turning the text around.
pub(crate) fn is_printable(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    !(c.is_control() && c != '\t' || turns || breaks)
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if is_printable(c) { c } else { '\u{fffd}' }).collect()
}

const KEPT: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceFile, Span};

    #[test]
    fn the_caret_stands_under_the_text_behind_tabs_and_in_long_lines() {
        let file = SourceFile::new(
            "lists/p.txt",
            format!("first\n\tä\tbad\r\n{} here {}", "x".repeat(300), "y".repeat(300)),
        );
        assert_eq!(
            file.error("bad-network", Span::new(10, 13), "this is no network").to_string(),
            "error[bad-network]: this is no network
  --> lists/p.txt:2:4
   |
 2 | \tä\tbad
   | \t \t^^^
"
        );
        let long = file.error("x", Span::new(316, 320), "y");
        assert_eq!((long.line, long.column, long.length), (3, 302, 4));
        assert_eq!(long.source_line.chars().count(), 200);
        let under: String =
            long.source_line.chars().skip(usize::try_from(long.caret).unwrap()).take(4).collect();
        assert_eq!(under, "here");
        assert!(long.source_line.starts_with('…') && long.source_line.ends_with('…'));
    }

    #[test]
    fn a_list_shows_at_most_64_characters() {
        let file = SourceFile::list("lists/p.txt", "z".repeat(1000));
        for at in [0, 1, 63, 64, 500, 999, 1000, 5000] {
            let error = file.error("x", Span::new(at, at + 1), "y");
            assert!(error.source_line.chars().count() <= 64, "{at}");
            assert!(error.caret <= 64, "{at}");
        }
    }

    #[test]
    fn lines_are_counted_once_however_many_are_wrong() {
        let file = SourceFile::list("lists/p.txt", "203.0.113.1/24\n".repeat(1_000_000));
        let mut found = Diagnostics::new();
        found.extend(
            (0..1_000_000).rev().map(|line| {
                file.error("host-bits", Span::new(line * 15, line * 15 + 14), "host bits are set")
            }),
        );
        assert!(found.has_errors());
        let found = found.into_vec();
        assert_eq!(found.len(), KEPT + 1);
        assert_eq!(found[0].line, 999_501);
        assert_eq!(found[KEPT].message, "999500 more errors are not shown");
    }

    #[test]
    fn a_file_cannot_write_to_the_terminal() {
        let file = SourceFile::new("a\x1b[2J.yaml", "k: \x1b[31m\u{202e}x");
        let error =
            file.error("x", Span::new(0, 1), format!("found {}", quote("\x1b]0;t\x07"))).help("\u{9b}1m");
        assert!(error.to_string().chars().all(|c| c == '\n' || is_printable(c)), "{error}");
    }

    #[test]
    fn a_program_reads_every_member() {
        let file = SourceFile::new("rules/files.yaml", "a: 1");
        let json = serde_json::to_value(file.warning("x", Span::new(3, 4), "y").help("z")).unwrap();
        let expected = serde_json::json!({
            "code": "x", "severity": "warning", "file": "rules/files.yaml", "line": 1, "column": 4, "length": 1,
            "message": "y", "source_line": "a: 1", "help": "z",
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_file_that_is_gone_has_no_place() {
        let gone = Diagnostic::about("rule-file-missing", "rules/files.yaml", "the file is gone");
        assert_eq!(gone.to_string(), "error[rule-file-missing]: the file is gone\n  --> rules/files.yaml\n");
    }
}
