//! What comes before the records: a byte order mark, the `sep=;` that Excel writes, empty lines, the header.
//!
//! Nobody says what separates the fields, so the header decides: of comma, semicolon and tab the one by which most
//! declared columns are found, and among equals the one by which there are most columns.

use std::{ops::Range, sync::Arc};

use crate::{class::Class, error::RedactError, plan::Plan, redactor::Limits};

use super::record::{Fields, Sheet, unquoted};

/// The beginning of a table, as it is read.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// What has come of the line.
    line: Vec<u8>,
    is_quoted: bool,
    /// Whether a line has been read already.
    is_begun: bool,
    /// What a line said that separates fields.
    delimiter: Option<u8>,
}

/// What ends records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// LF, or CR LF.
    LineFeed,
    /// CR alone.
    Return,
}

impl Head {
    pub(super) fn is_within_quotes(&self) -> bool {
        self.is_quoted
    }

    /// Takes one byte; returns whether it ends a line.
    pub(super) fn take(&mut self, byte: u8, bound: usize) -> Result<bool, RedactError> {
        if byte == 0 || (self.line.is_empty() && !self.is_begun && matches!(byte, 0xfe | 0xff)) {
            return Err(RedactError::WrongCharset);
        }
        if self.line.len() > bound {
            return Err(RedactError::TableHeadTooLong);
        }
        self.line.push(byte);
        // Two quotes are one within quotes, and the end and the beginning of them: the same here.
        self.is_quoted ^= byte == b'"';
        Ok(!self.is_quoted && matches!(byte, b'\r' | b'\n'))
    }

    /// Reads the line that is complete. If it is the header, what follows are records.
    pub(super) fn read(
        &mut self,
        plan: &Arc<Plan>,
        limits: Limits,
        out: &mut Vec<u8>,
    ) -> Result<Option<Sheet>, RedactError> {
        let line = std::mem::take(&mut self.line);
        let text = std::str::from_utf8(&line).map_err(|_| RedactError::WrongCharset)?;
        let content = text.trim_end_matches(['\r', '\n']);
        let (mark, content) = match content.strip_prefix('\u{feff}') {
            Some(content) if !self.is_begun => ("\u{feff}", content),
            Some(_) | None => ("", content),
        };
        self.is_begun = true;
        if content.trim().is_empty() {
            out.extend_from_slice(&line);
            return Ok(None);
        }
        if self.delimiter.is_none()
            && let Some(delimiter) = announced(content)
        {
            self.delimiter = Some(delimiter);
            out.extend_from_slice(&line);
            return Ok(None);
        }
        let (delimiter, columns) = self.columns(content, plan)?;
        let line_end = match text.ends_with('\r') {
            true => LineEnd::Return,
            false => LineEnd::LineFeed,
        };
        out.extend_from_slice(mark.as_bytes());
        let mut sheet = Sheet::new(Arc::clone(plan), limits, delimiter, columns, line_end)?;
        sheet.show_header(content.as_bytes(), out);
        out.extend_from_slice(&text.as_bytes()[mark.len() + content.len()..]);
        Ok(Some(sheet))
    }

    /// What separates the fields of a header, and the classes of its columns.
    fn columns(&self, header: &str, plan: &Plan) -> Result<(u8, Vec<Option<Class>>), RedactError> {
        let announced = self.delimiter.as_slice();
        let delimiters = if announced.is_empty() { &DELIMITERS[..] } else { announced };
        let mut best: Option<(u8, Vec<Option<Class>>)> = None;
        let rank = |columns: &[Option<Class>]| (columns.iter().flatten().count(), columns.len());
        for &delimiter in delimiters {
            let Some(columns) = columns(header, delimiter, plan) else { continue };
            if best.as_ref().is_none_or(|(_, known)| rank(&columns) > rank(known)) {
                best = Some((delimiter, columns));
            }
        }
        best.ok_or(RedactError::MalformedTable)
    }
}

/// How the name of a column is compared: without blanks around it and without case.
pub(crate) fn column_name(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The classes of the columns of a header; `None` if it is malformed with this delimiter.
fn columns(header: &str, delimiter: u8, plan: &Plan) -> Option<Vec<Option<Class>>> {
    let class = |range: Range<usize>| {
        let field = header.get(range)?;
        let inside = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(field);
        let is_sound = !inside.replace("\"\"", "").contains('"') && (field != inside || !field.contains('"'));
        is_sound.then(|| plan.column(&String::from_utf8_lossy(&unquoted(field.as_bytes()))))
    };
    Fields::new(header.as_bytes(), delimiter).map(class).collect()
}

/// What `sep=;` says, which Excel writes and reads before the header.
fn announced(line: &str) -> Option<u8> {
    let line = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(line);
    match line.as_bytes() {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => {
            Some(*delimiter).filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != b'"')
        }
        _ => None,
    }
}

/// In the order in which they are preferred.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
