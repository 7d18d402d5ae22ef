//! The text of a file, and places in it.
//!
//! A `SourceFile` is what the admin wrote, under the name that is printed; a `Span` is a part of it. Lines are
//! counted once, at the first diagnostic, so that a list of a million lines costs nothing while it is right.
//! It knows no format: rule files, lists and plain text files are all the same to it.

use std::{str, sync::OnceLock};

use crate::diagnostic::{Diagnostic, Severity};

/// A part of a file's text, in bytes: `start <= end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The part from `start` to `end`.
    pub const fn new(start: usize, end: usize) -> Span {
        Span { start, end: if end < start { start } else { end } }
    }

    /// The part of this part from byte `offset` on, `length` bytes long: for parsers that name an offset.
    pub fn within(self, offset: usize, length: usize) -> Span {
        let start = self.start.saturating_add(offset).min(self.end);
        Span { start, end: start.saturating_add(length).min(self.end) }
    }
}

/// A file's text under its printed name, such as `rules/files.yaml`.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    shown: usize,
    lines: OnceLock<Vec<usize>>,
}

impl SourceFile {
    /// A file whose diagnostics show up to 200 characters of the line.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> SourceFile {
        SourceFile { name: name.into(), text: text.into(), shown: 200, lines: OnceLock::new() }
    }

    /// A list file, whose diagnostics show up to 64 characters of the line.
    pub fn list(name: impl Into<String>, text: impl Into<String>) -> SourceFile {
        SourceFile { shown: 64, ..SourceFile::new(name, text) }
    }

    /// A rule file from its bytes; a byte order mark is left out.
    ///
    /// # Errors
    /// The bytes are not UTF-8; the diagnostic shows where.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<SourceFile, Diagnostic> {
        decode(bytes)
            .map(|text| SourceFile::new(name, text))
            .map_err(|invalid| invalid.report(SourceFile::new, name))
    }

    /// A list file from its bytes; a byte order mark is left out.
    ///
    /// # Errors
    /// The bytes are not UTF-8; the diagnostic shows where.
    pub fn decode_list(name: &str, bytes: &[u8]) -> Result<SourceFile, Diagnostic> {
        decode(bytes)
            .map(|text| SourceFile::list(name, text))
            .map_err(|invalid| invalid.report(SourceFile::list, name))
    }

    /// The name as it is printed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a part; empty where the part is not on character boundaries.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// The line of a byte, counted from 1.
    pub fn line(&self, offset: usize) -> u32 {
        let line = self.line_starts().partition_point(|&start| start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// An error at a part of this file.
    pub fn error(&self, code: &'static str, span: Span, message: impl AsRef<str>) -> Diagnostic {
        self.diagnostic(Severity::Error, code, span, message.as_ref())
    }

    /// A warning at a part of this file.
    pub fn warning(&self, code: &'static str, span: Span, message: impl AsRef<str>) -> Diagnostic {
        self.diagnostic(Severity::Warning, code, span, message.as_ref())
    }

    fn diagnostic(&self, severity: Severity, code: &'static str, span: Span, message: &str) -> Diagnostic {
        let starts = self.line_starts();
        let at = boundary(&self.text, span.start);
        let line = starts.partition_point(|&start| start <= at).max(1);
        let start = starts.get(line - 1).copied().unwrap_or(0);
        let next = starts.get(line).copied().unwrap_or(self.text.len());
        let whole = self.slice(Span::new(start, next)).trim_end_matches(['\n', '\r']);
        let inside = (at - start).min(whole.len());
        let before = whole.get(..inside).unwrap_or(whole);
        let end = boundary(&self.text, span.end.min(start + whole.len())).max(start + inside);
        let marked = self.slice(Span::new(start + inside, end)).trim_end();

        let column = before.chars().count();
        let length = marked.chars().count().max(1);
        let window = Window::around(whole, column, self.shown);
        Diagnostic::placed(
            severity,
            code,
            &self.name,
            message,
            (line, column + 1, length),
            (window.text, u32::try_from(window.caret).unwrap_or(u32::MAX)),
        )
    }

    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let breaks = memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at + 1);
            std::iter::once(0).chain(breaks).collect()
        })
    }
}

/// The last character boundary up to a byte offset.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// What is shown of a line, and where in it the caret stands (in characters).
struct Window {
    text: String,
    caret: usize,
}

impl Window {
    fn around(line: &str, column: usize, shown: usize) -> Window {
        // A long line is cut so that a third of what is shown stands before the caret.
        let skip = if line.chars().nth(shown).is_none() { 0 } else { column.saturating_sub(shown / 3) };
        let mut rest = line.chars().skip(skip);
        let mut text = String::from(if skip > 0 { "…" } else { "" });
        let room = if skip > 0 { shown - 1 } else { shown };
        let mut taken: String = rest.by_ref().take(room).collect();
        if rest.next().is_some() {
            taken.pop();
            taken.push('…');
        }
        text.push_str(&taken);
        Window { text, caret: column - skip + usize::from(skip > 0) }
    }
}

/// Bytes that are not UTF-8, as far as they can be shown.
struct Invalid {
    text: String,
    at: usize,
}

impl Invalid {
    fn report(self, file: impl Fn(String, String) -> SourceFile, name: &str) -> Diagnostic {
        let span = Span::new(self.at, self.at + '\u{fffd}'.len_utf8());
        let file = file(name.to_owned(), self.text);
        file.error("not-utf8", span, "this is not UTF-8 text").help("save the file as UTF-8")
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Invalid> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    str::from_utf8(bytes).map_err(|error| {
        // Up to the first bad byte the text is as it was, so the place is right; a little of the rest is shown.
        let at = error.valid_up_to();
        let shown = bytes.get(..bytes.len().min(at + 256)).unwrap_or(bytes);
        Invalid { text: String::from_utf8_lossy(shown).into_owned(), at }
    })
}
