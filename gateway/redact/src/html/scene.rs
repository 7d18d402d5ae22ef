//! What lol_html sees of a page: places in it, and what is to be done there.
//!
//! lol_html reads and matches, and changes nothing; it says up to where it has understood the page. The bytes are
//! kept in a window until then and leave from there, edited ([`super::splice`]). So whatever is not edited leaves as
//! it came, down to the white space within a tag.

use std::{collections::HashSet, ops::Range};

use crate::{error::RedactError, redactor::Summary};

/// The page between what has left and what has been read. Places are counted from the start of the page.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// The bytes from `base` on.
    pub(super) window: Vec<u8>,
    /// The place of the first byte of the window.
    pub(super) base: usize,
    /// What is to be done, nearly in the order of the places.
    pub(super) edits: Vec<Edit>,
    /// Where edits begin that are not empty.
    pub(super) edited: HashSet<usize>,
    /// What the script that is being read holds.
    pub(super) script: ScriptKind,
    pub(super) summary: Summary,
    pub(super) failure: Option<RedactError>,
}

impl Scene {
    /// The bytes at a place that has not left yet.
    pub(super) fn bytes(&self, place: &Range<usize>) -> Option<&[u8]> {
        let from = place.start.checked_sub(self.base)?;
        self.window.get(from..place.end.checked_sub(self.base)?)
    }

    /// The text at a place; all that enters the window is UTF-8.
    pub(super) fn text(&self, place: &Range<usize>) -> Option<&str> {
        std::str::from_utf8(self.bytes(place)?).ok()
    }

    /// Notes what is to be done at a place. What another edit of the same place does goes before.
    pub(super) fn edit(&mut self, place: Range<usize>, action: Action) -> Result<(), RedactError> {
        if place.start < self.base || self.bytes(&place).is_none() {
            return Err(self.fail(RedactError::UnscannableMarkup));
        }
        if !place.is_empty() {
            self.edited.insert(place.start);
        }
        self.edits.push(Edit { place, action });
        Ok(())
    }

    /// Whether something is to be done at a place already.
    pub(super) fn is_edited(&self, place: &Range<usize>) -> bool {
        self.edited.contains(&place.start)
    }

    /// Takes back what is to be done at a place and behind it.
    pub(super) fn take_back(&mut self, place: &Range<usize>) {
        while let Some(edit) = self.edits.pop_if(|edit| edit.place.start >= place.start) {
            self.edited.remove(&edit.place.start);
        }
    }

    /// Keeps the first failure, which lol_html would not carry.
    pub(super) fn fail(&mut self, failure: RedactError) -> RedactError {
        *self.failure.get_or_insert(failure)
    }
}

#[derive(Debug)]
pub(super) struct Edit {
    pub(super) place: Range<usize>,
    pub(super) action: Action,
}

/// What is done at a place.
#[derive(Debug)]
pub(super) enum Action {
    /// Other bytes stand there.
    Replace(Vec<u8>),
    /// A selected element begins or ends; nothing stands there.
    Boundary,
    /// Text of an element that a rule selects, and how it is spelled.
    Field { rule: usize, spelling: Spelling },
    /// Text that nothing selects, in which copies are hidden.
    Text(Spelling),
    /// Text of a script.
    Script { kind: ScriptKind, spelling: Spelling },
    /// Text that is markup where scripting is off.
    Fragment,
}

/// How text is written at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// With character references.
    References,
    /// As it is, for readers.
    Plain,
    /// As it is, for machines: scripts, styles, what is shown where something else is off.
    Raw,
}

/// What a script holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ScriptKind {
    /// Code, or anything unknown.
    #[default]
    Code,
    /// JSON.
    Json,
    /// Markup, a template.
    Fragment,
}

impl ScriptKind {
    /// What a script of a type holds.
    pub(super) fn of(media_type: &str) -> ScriptKind {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence == "application/json" || essence == "text/json" || essence.ends_with("+json") {
            ScriptKind::Json
        } else if essence == "text/html" || essence.contains("template") || essence.contains("handlebars") {
            ScriptKind::Fragment
        } else {
            ScriptKind::Code
        }
    }
}
