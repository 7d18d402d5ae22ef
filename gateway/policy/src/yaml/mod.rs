//! YAML files with the place of every key and value.
//!
//! `serde_yaml` says what a file means, an event pass over the same text says where everything stands, and the two
//! must agree. A `Document` is text without surprises: one document, no aliases, no tags, no key twice, bounded
//! depth and size. `Node` walks it; what a rule finds wrong with a value it reports at that value.

mod events;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde_yaml::Value;

use crate::{
    diagnostic::{Diagnostic, is_printable, quote},
    source::{SourceFile, Span},
};

use self::events::{Inside, Mark, Offsets};

/// A YAML file that was read whole.
#[derive(Debug)]
pub struct Document {
    file: SourceFile,
    root: Mark,
    value: Value,
}

impl Document {
    /// Reads a file; `name` is how diagnostics print it, such as `rules/files.yaml`.
    ///
    /// # Errors
    /// Everything that is wrong with the file as YAML.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Document, Vec<Diagnostic>> {
        if bytes.len() > MAX_BYTES {
            let message = format!("the file is larger than {} MiB", MAX_BYTES >> 20);
            let help = "long lists of networks belong into a list file, one network per line";
            return Err(vec![Diagnostic::about("file-too-large", name, message).help(help)]);
        }
        let file = SourceFile::decode(name, bytes).map_err(|error| vec![error])?;
        refuse_hidden_characters(&file).map_err(|error| vec![error])?;
        // The event pass refuses aliases, so it stands before anything that would expand them.
        let root = events::marks(&file)?;
        let value = serde_yaml::from_str(file.text()).map_err(|error| vec![unread(&file, &error)])?;
        agree(&file, &root, &value).map_err(|error| vec![error])?;
        if value.is_null() {
            return Err(vec![nothing(&file)]);
        }
        Ok(Document { file, root, value })
    }

    /// The value that is the whole file.
    pub fn root(&self) -> Node<'_> {
        Node { document: self, mark: &self.root, value: &self.value }
    }

    /// The value under a key of the file's mapping.
    pub fn get(&self, key: &str) -> Option<Node<'_>> {
        self.root().get(key)
    }

    /// The text and its name.
    pub fn source(&self) -> &SourceFile {
        &self.file
    }

    /// An error at a part of the file.
    pub fn error(&self, code: &'static str, span: Span, message: impl AsRef<str>) -> Diagnostic {
        self.file.error(code, span, message)
    }

    /// A warning at a part of the file.
    pub fn warning(&self, code: &'static str, span: Span, message: impl AsRef<str>) -> Diagnostic {
        self.file.warning(code, span, message)
    }

    /// Reads the file into a type, after its shape was checked. Variants are tagged by their name as the key.
    ///
    /// # Errors
    /// The type and the shape disagree.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Diagnostic> {
        self.root().read()
    }
}

/// A value of a document and its place.
#[derive(Clone, Copy, Debug)]
pub struct Node<'d> {
    document: &'d Document,
    mark: &'d Mark,
    value: &'d Value,
}

impl<'d> Node<'d> {
    /// Where the value stands.
    pub fn span(self) -> Span {
        self.mark.span
    }

    /// The line on which the value begins, counted from 1.
    pub fn line(self) -> u32 {
        self.document.file.line(self.mark.span.start)
    }

    /// The value itself.
    pub fn value(self) -> &'d Value {
        self.value
    }

    /// The text, where the value is one.
    pub fn as_str(self) -> Option<&'d str> {
        self.value.as_str()
    }

    /// The truth value, where the value is one.
    pub fn as_bool(self) -> Option<bool> {
        self.value.as_bool()
    }

    /// The whole number, where the value is one.
    pub fn as_i64(self) -> Option<i64> {
        self.value.as_i64()
    }

    /// Whether nothing (or `null`, `~`) is written.
    pub fn is_null(self) -> bool {
        self.value.is_null()
    }

    /// Whether the value is a list.
    pub fn is_list(self) -> bool {
        self.value.is_sequence()
    }

    /// Whether the value is a mapping.
    pub fn is_mapping(self) -> bool {
        self.value.is_mapping()
    }

    /// A scalar as it is written, without its quotes; empty for lists and mappings.
    pub fn written(self) -> &'d str {
        match &self.mark.inside {
            Inside::Scalar { text, .. } => text,
            Inside::Items(_) | Inside::Entries(_) => "",
        }
    }

    /// The value under a key, where this is a mapping that has it.
    pub fn get(self, key: &str) -> Option<Node<'d>> {
        self.entry(key).map(|entry| entry.value)
    }

    /// The key and its value, where this is a mapping that has it.
    pub fn entry(self, key: &str) -> Option<Entry<'d>> {
        self.entries().find(|entry| entry.key == key)
    }

    /// The entries of a list; none where this is no list.
    pub fn items(self) -> impl Iterator<Item = Node<'d>> {
        let marks = match &self.mark.inside {
            Inside::Items(marks) => marks.as_slice(),
            Inside::Scalar { .. } | Inside::Entries(_) => &[],
        };
        let values = self.value.as_sequence().map(Vec::as_slice).unwrap_or_default();
        marks.iter().zip(values).map(move |(mark, value)| Node { document: self.document, mark, value })
    }

    /// The keys and values of a mapping in the file's order; none where this is no mapping.
    pub fn entries(self) -> impl Iterator<Item = Entry<'d>> {
        let marks = match &self.mark.inside {
            Inside::Entries(marks) => marks.as_slice(),
            Inside::Scalar { .. } | Inside::Items(_) => &[],
        };
        let values = self.value.as_mapping().into_iter().flat_map(serde_yaml::Mapping::values);
        marks.iter().zip(values).map(move |((key, mark), value)| Entry {
            key: &key.text,
            key_span: key.span,
            value: Node { document: self.document, mark, value },
        })
    }

    /// A part of a text value, by byte offset and length in the text: for parsers that say where they stumbled. The
    /// whole value, where quoting or folding makes the two differ.
    pub fn part(self, offset: usize, length: usize) -> Span {
        let (raw, text) = (self.document.file.slice(self.mark.span), self.written());
        let quote = usize::from(raw.starts_with(['"', '\'']));
        if raw.get(quote..raw.len().saturating_sub(quote)) != Some(text) {
            return self.mark.span;
        }
        let start = self.mark.span.start + quote;
        Span::new(start, start + text.len()).within(offset, length.max(1))
    }

    /// An error at this value.
    pub fn error(self, code: &'static str, message: impl AsRef<str>) -> Diagnostic {
        self.document.error(code, self.span(), message)
    }

    /// A warning at this value.
    pub fn warning(self, code: &'static str, message: impl AsRef<str>) -> Diagnostic {
        self.document.warning(code, self.span(), message)
    }

    /// An error at a part of this text value.
    pub fn error_at(
        self,
        code: &'static str,
        offset: usize,
        length: usize,
        message: impl AsRef<str>,
    ) -> Diagnostic {
        self.document.error(code, self.part(offset, length), message)
    }

    /// The document it belongs to.
    pub fn document(self) -> &'d Document {
        self.document
    }

    /// Reads the value into a type, after its shape was checked. Variants are tagged by their name as the key.
    ///
    /// # Errors
    /// The type and the shape disagree.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Diagnostic> {
        serde_json::from_value(json(self.value))
            .map_err(|error| self.error("unreadable-value", error.to_string()))
    }
}

/// A key of a mapping with its value.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'d> {
    /// The key.
    pub key: &'d str,
    /// Where the key stands.
    pub key_span: Span,
    /// What is written under it.
    pub value: Node<'d>,
}

impl Entry<'_> {
    /// An error at the key.
    pub fn error(self, code: &'static str, message: impl AsRef<str>) -> Diagnostic {
        self.value.document.error(code, self.key_span, message)
    }

    /// A warning at the key.
    pub fn warning(self, code: &'static str, message: impl AsRef<str>) -> Diagnostic {
        self.value.document.warning(code, self.key_span, message)
    }

    /// The line of the key, counted from 1.
    pub fn line(self) -> u32 {
        self.value.document.file.line(self.key_span.start)
    }
}

/// Control characters, characters that turn the reading direction, and the line separators on which YAML 1.1 and 1.2
/// differ: with them a file could mean something else than what is seen.
fn refuse_hidden_characters(file: &SourceFile) -> Result<(), Diagnostic> {
    let hidden = |(_, c): &(usize, char)| !is_printable(*c) && !matches!(c, '\n' | '\r');
    let Some((at, c)) = file.text().char_indices().find(hidden) else { return Ok(()) };
    let span = Span::new(at, at + c.len_utf8());
    let message = format!("the character U+{:04X} cannot be seen", u32::from(c));
    Err(file
        .error("hidden-character", span, message)
        .help("remove it, or write it as an escape in double quotes"))
}

fn nothing(file: &SourceFile) -> Diagnostic {
    let error = file.error("empty-file", Span::default(), "the file has nothing in it");
    error.help("an empty file never stands for defaults: write at least one key")
}

fn syntax_error(file: &SourceFile, at: usize, message: &str) -> Diagnostic {
    let at = at.min(file.text().len());
    // At the end of the file the last line that says something is worth more than an empty one.
    let at = if file.text().get(at..).is_some_and(|rest| rest.trim().is_empty()) {
        let seen = file.text().trim_end();
        seen.char_indices().next_back().map_or(0, |(at, _)| at)
    } else {
        at
    };
    let error = file.error("yaml-syntax", Span::new(at, at + 1), message);
    let indent = error.source_line.chars().take_while(|c| c.is_whitespace());
    if indent.clone().any(|c| c == '\t') {
        error.help("indent with spaces: YAML has no tabs there")
    } else {
        error
    }
}

fn unread(file: &SourceFile, error: &serde_yaml::Error) -> Diagnostic {
    let text = error.to_string();
    let message = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let at = error.location().map_or(0, |location| Offsets::new(file.text()).at(location.index()));
    syntax_error(file, at, message)
}

/// Whether both readings of the text are the same; where they differ, nobody knows what the admin meant.
fn agree(file: &SourceFile, mark: &Mark, value: &Value) -> Result<(), Diagnostic> {
    match (&mark.inside, value) {
        (Inside::Scalar { text, .. }, Value::String(read)) if **text == **read => Ok(()),
        (Inside::Scalar { plain: true, .. }, Value::Null | Value::Bool(_)) => Ok(()),
        (Inside::Scalar { plain: true, .. }, Value::Number(number)) if number.is_finite() => Ok(()),
        (Inside::Scalar { plain: true, text }, Value::Number(_)) => {
            let error = file.error(
                "wrong-type",
                mark.span,
                format!("{} is not a number one can count to", quote(text)),
            );
            Err(error.help("if it is text, write it in quotes"))
        }
        (Inside::Items(marks), Value::Sequence(values)) if marks.len() == values.len() => {
            marks.iter().zip(values).try_for_each(|(mark, value)| agree(file, mark, value))
        }
        (Inside::Entries(marks), Value::Mapping(values)) if marks.len() == values.len() => {
            marks.iter().zip(values).try_for_each(|((key, mark), (name, value))| match name {
                Value::String(name) if **name == *key.text => agree(file, mark, value),
                Value::Null | Value::Bool(_) | Value::Number(_) => {
                    let error = file.error(
                        "key-not-text",
                        key.span,
                        format!("the key {} is not text", quote(&key.text)),
                    );
                    Err(error.help(format!("write it in quotes: `\"{}\"`", key.text)))
                }
                Value::String(_) | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => {
                    Err(ambiguous(file, key.span))
                }
            })
        }
        (Inside::Scalar { .. } | Inside::Items(_) | Inside::Entries(_), _) => Err(ambiguous(file, mark.span)),
    }
}

fn ambiguous(file: &SourceFile, span: Span) -> Diagnostic {
    let error = file.error("ambiguous-yaml", span, "YAML 1.1 and YAML 1.2 read this differently");
    error.help("write the text in double quotes, and lists and mappings on lines of their own")
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number
            .as_i64()
            .map(Into::into)
            .or_else(|| number.as_u64().map(Into::into))
            .or_else(|| number.as_f64().map(Into::into))
            .unwrap_or_default(),
        Value::String(text) => text.as_str().into(),
        Value::Sequence(values) => values.iter().map(json).collect(),
        Value::Mapping(values) => {
            values.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), json(value)))).collect()
        }
        Value::Tagged(tagged) => json(&tagged.value),
    }
}

/// The body of the fuzz target: whatever the bytes, a document or diagnostics that can be printed.
#[doc(hidden)]
pub fn fuzz_yaml(data: &[u8]) {
    match Document::parse("rules/fuzz.yaml", data) {
        Ok(document) => {
            let mut nodes = vec![document.root()];
            while let Some(node) = nodes.pop() {
                assert!(document.source().text().get(node.span().start..node.span().end).is_some());
                assert!(!node.error("fuzz", node.written()).help(node.written()).to_string().is_empty());
                nodes.extend(node.items());
                nodes.extend(node.entries().map(|entry| entry.value));
            }
        }
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                assert!(diagnostic.to_string().chars().all(|c| c == '\n' || is_printable(c)));
            }
        }
    }
}

/// The largest YAML file.
pub const MAX_BYTES: usize = 16 << 20;

/// How deep lists and mappings may stand in one another.
pub const MAX_DEPTH: usize = 64;

/// How many scalars, lists and mappings a file may hold.
pub const MAX_VALUES: usize = 1_000_000;
