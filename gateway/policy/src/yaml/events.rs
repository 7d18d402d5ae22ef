//! The event pass: where every key and value of a YAML text stands, and what is refused before a tree is built.
//!
//! Aliases, tags, a second document, deep nesting, keys that are no text and keys written twice end here. The pass
//! does not recurse and its memory is bounded by the number of values.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::{
    diagnostic::{Diagnostic, Diagnostics, quote},
    source::{SourceFile, Span},
};

/// Where a value stands, and those inside it.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) span: Span,
    pub(super) inside: Inside,
}

/// What a value is made of.
#[derive(Debug)]
pub(super) enum Inside {
    /// A scalar as it reads after unquoting; a plain one stands without quotes and may be a number or boolean.
    Scalar { text: Box<str>, plain: bool },
    /// A list.
    Items(Vec<Mark>),
    /// A mapping.
    Entries(Vec<(Key, Mark)>),
}

/// A key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) text: Box<str>,
    pub(super) span: Span,
}

/// Reads the events of `file` into marks.
pub(super) fn marks(file: &SourceFile) -> Result<Mark, Vec<Diagnostic>> {
    let mut pass = Pass::new(file);
    let outcome = pass.run();
    if let Err(diagnostic) = outcome {
        pass.found.push(diagnostic);
    }
    match pass.root {
        Some(root) if !pass.found.has_errors() => Ok(root),
        Some(_) | None => {
            if !pass.found.has_errors() {
                pass.found.push(super::nothing(file));
            }
            Err(pass.found.into_vec())
        }
    }
}

struct Pass<'s> {
    file: &'s SourceFile,
    offsets: Offsets<'s>,
    stack: Vec<Frame>,
    root: Option<Mark>,
    values: usize,
    documents: usize,
    found: Diagnostics,
}

/// A list or mapping that is still open.
struct Frame {
    span: Span,
    content: Content,
}

enum Content {
    Items(Vec<Mark>),
    Entries { done: Vec<(Key, Mark)>, key: Option<Key>, seen: HashMap<Box<str>, Span> },
}

impl<'s> Pass<'s> {
    fn new(file: &'s SourceFile) -> Pass<'s> {
        Pass {
            file,
            offsets: Offsets::new(file.text()),
            stack: Vec::new(),
            root: None,
            values: 0,
            documents: 0,
            found: Diagnostics::new(),
        }
    }

    fn run(&mut self) -> Result<(), Diagnostic> {
        let mut parser = Parser::new_from_str(self.file.text());
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            let span = Span::new(self.offsets.byte(&span.start), self.offsets.byte(&span.end));
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let error = self.file.error("several-documents", span, "a second document begins here");
                    return Err(error.help("a file holds one document: remove the `---` and what follows"));
                }
            }
            Event::Alias(_) => {
                self.refuse("yaml-alias", span, "aliases are not used here", "write the value out");
                self.scalar(span, "", true)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(anchor, tag.is_some(), span);
                self.scalar(span, &text, style == ScalarStyle::Plain)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.properties(anchor, tag.is_some(), span);
                self.open(span, Content::Items(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.properties(anchor, tag.is_some(), span);
                let content = Content::Entries { done: Vec::new(), key: None, seen: HashMap::new() };
                self.open(span, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
        }
        Ok(())
    }

    fn properties(&mut self, anchor: usize, tagged: bool, span: Span) {
        if anchor > 0 {
            self.refuse(
                "yaml-anchor",
                span,
                "anchors are not used here",
                "remove the `&name` before the value",
            );
        }
        if tagged {
            let help = "remove the `!…` before the value; text that looks like a number is written in quotes";
            self.refuse("yaml-tag", span, "tags are not used here", help);
        }
    }

    fn open(&mut self, span: Span, content: Content) -> Result<(), Diagnostic> {
        self.count(span)?;
        if self.stack.len() >= super::MAX_DEPTH {
            let message = format!("lists and mappings are nested more than {} deep", super::MAX_DEPTH);
            return Err(self.file.error("too-deep", span, message));
        }
        self.stack.push(Frame { span, content });
        Ok(())
    }

    fn close(&mut self, end: Span) {
        let Some(Frame { span, content }) = self.stack.pop() else { return };
        let bracket = self.file.slice(end).starts_with([']', '}']);
        let (inside, last) = match content {
            Content::Items(items) => {
                let last = items.last().map(|mark| mark.span.end);
                (Inside::Items(items), last)
            }
            Content::Entries { done, .. } => {
                let last = done.last().map(|(key, mark)| mark.span.end.max(key.span.end));
                (Inside::Entries(done), last)
            }
        };
        // The end of an indented list or mapping is noticed at the next token, so its last value says where it is.
        let end = if bracket { end.start + 1 } else { last.unwrap_or(end.end) };
        self.place(Mark { span: Span::new(span.start, end), inside });
    }

    fn scalar(&mut self, span: Span, text: &str, plain: bool) -> Result<(), Diagnostic> {
        self.count(span)?;
        self.place(Mark { span, inside: Inside::Scalar { text: text.into(), plain } });
        Ok(())
    }

    /// Puts a finished value where it belongs: into the open list, as key or value of the open mapping, or on top.
    fn place(&mut self, mut mark: Mark) {
        let Some(frame) = self.stack.last_mut() else {
            let nothing = matches!(&mark.inside, Inside::Scalar { text, plain: true } if text.is_empty());
            self.root = (!nothing).then_some(mark);
            return;
        };
        match &mut frame.content {
            Content::Items(items) => items.push(mark),
            Content::Entries { done, key, seen } => match key.take() {
                Some(key) => {
                    if mark.span.start == mark.span.end {
                        mark.span = key.span;
                    }
                    done.push((key, mark));
                }
                None => {
                    let span = mark.span;
                    let Inside::Scalar { text, .. } = mark.inside else {
                        *key = Some(Key { text: "".into(), span });
                        self.refuse("key-not-text", span, "a key must be text", "write a word as the key");
                        return;
                    };
                    let first = seen.get(&text).copied();
                    if first.is_none() {
                        seen.insert(text.clone(), span);
                    }
                    *key = Some(Key { text: text.clone(), span });
                    if let Some(first) = first {
                        let line = self.file.line(first.start);
                        let message = format!("{} was already given on line {line}", quote(&text));
                        self.refuse("duplicate-key", span, &message, "keep one of the two");
                    }
                }
            },
        }
    }

    fn count(&mut self, span: Span) -> Result<(), Diagnostic> {
        self.values += 1;
        if self.values <= super::MAX_VALUES {
            return Ok(());
        }
        let message = format!("the file holds more than {} values", super::MAX_VALUES);
        let error = self.file.error("too-many-values", span, message);
        Err(error.help("long lists of networks belong into a list file, one network per line"))
    }

    fn refuse(&mut self, code: &'static str, span: Span, message: &str, help: &str) {
        self.found.push(self.file.error(code, span, message).help(help));
    }

    fn syntax(&mut self, error: &ScanError) -> Diagnostic {
        let at = self.offsets.byte(error.marker());
        super::syntax_error(self.file, at, error.info())
    }
}

/// Character counts of the scanner as byte offsets.
pub(super) struct Offsets<'s> {
    text: &'s str,
    /// The byte offset of every `STEP`th character; empty where characters are bytes.
    steps: Vec<usize>,
}

impl<'s> Offsets<'s> {
    pub(super) fn new(text: &'s str) -> Offsets<'s> {
        let steps = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STEP).map(|(byte, _)| byte).collect()
        };
        Offsets { text, steps }
    }

    fn byte(&self, marker: &Marker) -> usize {
        self.at(marker.index())
    }

    pub(super) fn at(&self, character: usize) -> usize {
        if self.steps.is_empty() {
            return character.min(self.text.len());
        }
        let Some(&step) = self.steps.get(character / STEP) else { return self.text.len() };
        let rest = self.text.get(step..).unwrap_or("");
        rest.char_indices().nth(character % STEP).map_or(self.text.len(), |(byte, _)| step + byte)
    }
}

const STEP: usize = 128;
