//! The text of a selected element: one value, however it is marked up.
//!
//! All its text is one value, decoded and trimmed; what it is shown as stands where its first text stood. Markup and
//! the white space around the pieces stay. Besides the value, the markup behind its first piece is held, up to
//! `Limits::value_bytes`; at that bound what has been read by then decides what is shown, and of the text that
//! follows nothing is.

use super::{Context, entity, scene::Spelling};
use crate::{mask, redactor::Summary};

/// The text of one element, as it is read.
#[derive(Debug)]
pub(super) struct Run {
    rule: usize,
    /// The text since the last markup, as it is written.
    node: Vec<u8>,
    spelling: Spelling,
    /// Whether that was more than may be held.
    is_node_over: bool,
    /// The value so far, decoded, and the white space behind it.
    value: String,
    gap: String,
    /// Whether the value was more than may be held.
    is_over: bool,
    stage: Stage,
    /// What stands behind the first text.
    held: Vec<u8>,
}

/// How far the value has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing but white space so far.
    Blank,
    /// In the value; what follows its first text is held.
    Open,
    /// The value has been shown.
    Shown,
}

impl Run {
    pub(super) fn new(rule: usize) -> Run {
        Run {
            rule,
            node: Vec::new(),
            spelling: Spelling::References,
            is_node_over: false,
            value: String::new(),
            gap: String::new(),
            is_over: false,
            stage: Stage::Blank,
            held: Vec::new(),
        }
    }

    pub(super) fn is_of(&self, rule: usize) -> bool {
        self.rule == rule
    }

    /// Takes text of the element.
    pub(super) fn text(
        &mut self,
        context: &Context,
        spelling: Spelling,
        bytes: &[u8],
        summary: &mut Summary,
        out: &mut Vec<u8>,
    ) {
        if spelling != self.spelling {
            self.end_node(context, summary, out);
            self.spelling = spelling;
        }
        // Code and styles are no value and are not shown either.
        if spelling == Spelling::Raw {
            return;
        }
        if bytes.len() > context.limits.value_bytes.saturating_sub(self.node.len()) {
            self.is_node_over = true;
            self.node.clear();
        }
        if !self.is_node_over {
            self.node.extend_from_slice(bytes);
        }
    }

    /// Takes markup within the element.
    pub(super) fn pass(&mut self, context: &Context, bytes: &[u8], summary: &mut Summary, out: &mut Vec<u8>) {
        self.end_node(context, summary, out);
        self.emit(bytes, out);
        if self.held.len() > context.limits.value_bytes {
            self.show(context, summary, out);
        }
    }

    /// Ends the element.
    pub(super) fn finish(mut self, context: &Context, summary: &mut Summary, out: &mut Vec<u8>) {
        self.end_node(context, summary, out);
        self.show(context, summary, out);
    }

    /// Emits bytes that stay, or holds them behind a value that is not known yet.
    fn emit(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match self.stage {
            Stage::Blank | Stage::Shown => out.extend_from_slice(bytes),
            Stage::Open => self.held.extend_from_slice(bytes),
        }
    }

    /// At the end of text: white space stays, and the rest joins the value.
    fn end_node(&mut self, context: &Context, summary: &mut Summary, out: &mut Vec<u8>) {
        let node = std::mem::take(&mut self.node);
        if std::mem::take(&mut self.is_node_over) {
            self.is_over = true;
            self.open();
            return;
        }
        if node.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&node);
        let middle = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let decoded = match self.spelling {
            Spelling::References => entity::decode_text(middle),
            Spelling::Plain | Spelling::Raw => middle.into(),
        };
        if decoded.trim().is_empty() {
            self.gap.push_str(&text);
            self.emit(&node, out);
            return;
        }
        let start = text.len() - text.trim_ascii_start().len();
        let end = start + middle.len();
        self.emit(&node[..start], out);
        if self.stage == Stage::Open {
            self.value.push_str(&self.gap);
            self.value.push_str(&text[..start]);
        }
        self.open();
        self.value.push_str(&decoded);
        self.gap.clear();
        self.gap.push_str(&text[end..]);
        if self.value.len() > context.limits.value_bytes {
            self.is_over = true;
            self.value.clear();
        }
        self.emit(&node[end..], out);
        if self.held.len() > context.limits.value_bytes {
            self.show(context, summary, out);
        }
    }

    fn open(&mut self) {
        if self.stage == Stage::Blank {
            self.stage = Stage::Open;
        }
    }

    /// Shows the value, and what was held behind it.
    fn show(&mut self, context: &Context, summary: &mut Summary, out: &mut Vec<u8>) {
        if self.stage != Stage::Open {
            return;
        }
        self.stage = Stage::Shown;
        let Some(rule) = context.plan.html().rules.get(self.rule) else { return };
        let mut shown = String::new();
        match self.is_over {
            true => mask::write_hidden(rule.class, &mut shown),
            false => context.plan.write_text(rule.class, self.value.trim().as_bytes(), &mut shown),
        }
        entity::push_text(&shown, out);
        out.append(&mut self.held);
        summary.hidden[rule.class.index()] += 1;
        self.value = String::new();
    }
}
