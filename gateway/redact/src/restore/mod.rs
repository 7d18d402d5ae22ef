//! The way back: aliases in a request become the real values again.
//!
//! An exact alias is restored where, and only where, hiding its value would show that very alias: in a declared field
//! of its own class. Everything else that was masked must not be written: a partial form, a constant, an alias in
//! another place is dropped from an update whose missing members stay unchanged, and refused anywhere else; a near miss,
//! an alias that stands for nothing, and one within a text are refused always. What is left leaves as it came.
//!
//! Which fields are declared is asked of the redactor itself: of JSON by a trace (see [`trace`](crate::plan::trace)), of names by what it
//! makes of a form. Request bodies are small and held whole, so
//! this works on slices; what it returns does not grow beyond a bound. It knows no routes: whoever calls says whether
//! this one restores, and whether it is an update.
//!
//! A `false` in a declared field is taken for itself: it cannot be told from a hidden boolean.

use std::{borrow::Cow, ops::Range, sync::Arc};

use crate::{
    alias::Code,
    class::Class,
    display::Display,
    error::RedactError,
    form::path as names,
    json,
    marks::{self, Mark},
    mask,
    plan::{Plan, PlanError},
    redactor::Limits,
    token::KeyRing,
    vault::VaultError,
};

pub use findings::{Finding, Findings, Found, Refusal};
pub use watch::{MultipartWatch, WatchError};

mod escapes;
mod findings;
mod form;
mod fuzz;
mod json_body;
mod message;
mod multipart;
mod path;
#[cfg(test)]
mod tests;
mod tokens;
mod watch;

pub use fuzz::{fuzz_restore, fuzz_restore_form};

/// Restores what a request holds of aliases. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Restorer {
    plan: Arc<Plan>,
    tracing: Arc<Plan>,
    keys: Arc<KeyRing>,
    options: RestoreOptions,
}

/// What a route does with masked values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Whether aliases become values here. Where they do not, an alias is in the wrong place anywhere.
    pub restores: bool,
    /// Whether tokens become values here: in a declared field of their class, and in the segments of a path.
    pub opens: bool,
    /// Whether they do in every parameter of a query, too.
    pub opens_queries: bool,
    /// What becomes of values that must not be written.
    pub on_masked: OnMasked,
    /// The bounds of what is read. Values and objects are held whole whatever they say.
    pub limits: Limits,
    /// How many bytes a request may grow by.
    pub growth_bytes: usize,
}

impl Default for RestoreOptions {
    fn default() -> RestoreOptions {
        let limits = Limits::default();
        RestoreOptions {
            restores: true,
            opens: true,
            opens_queries: false,
            on_masked: OnMasked::Refuse,
            limits,
            growth_bytes: 256 * 1024,
        }
    }
}

/// What becomes of a member whose value must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnMasked {
    /// The request is refused.
    Refuse,
    /// The member is left out, in an update in which that means "unchanged". An item of an array cannot be: its
    /// array would replace the one that is there.
    Drop,
}

/// Of which class an alias must be, in a place that is declared apart from the plan's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Of this one.
    Only(Class),
    /// Of any, as in a search over all fields.
    Any,
}

/// What the names of parameters, form fields and JSON members want apart from the plan's fields: the terms of a search.
pub type Declared<'d> = &'d dyn Fn(&str) -> Option<Wanted>;

/// A request, or a part of it, after the way back.
#[derive(Debug)]
pub struct Restored<'b> {
    body: Cow<'b, [u8]>,
    findings: Findings,
}

impl<'b> Restored<'b> {
    /// What was found.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What goes upstream, unless the request is to be refused.
    pub fn into_body(self) -> Result<Cow<'b, [u8]>, Refusal> {
        match self.findings.refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(self.body),
        }
    }
}

/// Why a request cannot be brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// JSON that is not well-formed.
    #[error("{0}")]
    Malformed(#[from] RedactError),
    /// A multipart body that is not to the letter (RFC 7578).
    #[error("a multipart body that is not well-formed")]
    Multipart,
    /// Members of one name, or one that a condition asks and that has no plain value: where conditions decide what is
    /// declared, two readers may see two documents.
    #[error("the body decides in two ways what is declared")]
    Ambiguous,
    /// The place has no spelling for the value.
    #[error("a value cannot be spelled in its place")]
    Unrepresentable,
    /// The request would grow by more than [`RestoreOptions::growth_bytes`].
    #[error("the request grows too much")]
    TooLarge,
    /// The vault cannot be asked.
    #[error("{0}")]
    Vault(#[from] VaultError),
}

/// What becomes of a value.
enum Act {
    Keep,
    /// The real value, as bytes: WTF-8 where a JSON string was.
    Replace(Vec<u8>),
    Drop,
}

/// A value in its place.
#[derive(Clone, Copy)]
struct Place {
    wanted: Option<Wanted>,
    /// Whether a token of any class becomes its value here.
    opens: bool,
    /// Whether it is a member that can be left out.
    may_drop: bool,
    /// Where it begins, in bytes.
    at: usize,
}

impl Restorer {
    /// Makes a restorer for the fields that the plan hides, and the aliases of its vault.
    pub fn new(plan: Arc<Plan>, keys: Arc<KeyRing>, options: RestoreOptions) -> Result<Restorer, PlanError> {
        let tracing = Arc::new(plan.tracing()?);
        Ok(Restorer { plan, tracing, keys, options })
    }

    /// The same fields and keys under other options. Compiles nothing.
    #[must_use]
    pub fn with_options(&self, options: RestoreOptions) -> Restorer {
        Restorer { options, ..self.clone() }
    }

    /// Judges a text of no format that is known here. Nothing in it is restored.
    pub fn text<'b>(&self, body: &'b [u8]) -> Result<Restored<'b>, RestoreError> {
        let mut findings = Findings::default();
        let place = Place { wanted: None, opens: false, may_drop: false, at: 0 };
        self.decide(place, &String::from_utf8_lossy(body), &mut findings)?;
        Ok(Restored { body: Cow::Borrowed(body), findings })
    }

    /// Whether a text is an alias, or a token of these keys, and nothing else. What it stands for is not asked.
    pub fn is_exact(&self, text: &str) -> bool {
        matches!(self.judge_any(text), Some(Mark::Alias(_) | Mark::Token(_)))
    }

    /// The class of the declared field that a name spells, as a form spells it.
    pub fn class_of(&self, name: &str) -> Option<Class> {
        names::declared_class(&self.plan, name)
    }

    /// Judges a value, finds what it stands for and notes what was found.
    fn decide(&self, place: Place, text: &str, findings: &mut Findings) -> Result<Act, RestoreError> {
        if place.opens
            && self.options.opens
            && let Some((class, value)) = self.open_any(text)
        {
            findings.push(Finding { found: Found::Restored, class: Some(class), at: place.at });
            findings.note_value(class, &value);
            return Ok(Act::Replace(value));
        }
        let mark = match place.wanted {
            Some(Wanted::Only(class)) => marks::judge(class, text, &self.keys, self.plan.display(class)),
            Some(Wanted::Any) => self.judge_any(text),
            None => self.judge_elsewhere(text),
        };
        let class = match place.wanted {
            Some(Wanted::Only(class)) => Some(class),
            Some(Wanted::Any) | None => None,
        };
        let Some(mark) = mark else {
            findings.note_plain(class, text);
            return Ok(Act::Keep);
        };
        let mut note = |found| findings.push(Finding { found, class, at: place.at });
        let found = match mark {
            Mark::Alias(code) => match self.stands_for(place.wanted, code)? {
                Stands::For(value) => {
                    note(Found::Restored);
                    findings.note_value(code.class(), &value);
                    return Ok(Act::Replace(value));
                }
                Stands::Elsewhere => Found::AliasElsewhere,
                Stands::Nowhere => Found::Unknown,
            },
            Mark::Token(value) if self.options.opens && place.wanted.is_some() => {
                note(Found::Restored);
                findings.note_value(class.unwrap_or(Class::Handle), &value.0);
                return Ok(Act::Replace(value.0));
            }
            Mark::Token(_) => Found::AliasElsewhere,
            Mark::Partial | Mark::Hidden => Found::MaskedForm,
            Mark::NearMiss => Found::NearMiss,
            Mark::Within => Found::AliasInText,
        };
        let may_drop = place.may_drop && self.options.on_masked == OnMasked::Drop;
        if may_drop && matches!(found, Found::MaskedForm | Found::AliasElsewhere) {
            note(Found::Dropped);
            return Ok(Act::Drop);
        }
        note(found);
        Ok(Act::Keep)
    }

    fn stands_for(&self, wanted: Option<Wanted>, code: Code) -> Result<Stands, RestoreError> {
        let Some(wanted) = wanted.filter(|_| self.options.restores) else { return Ok(Stands::Elsewhere) };
        let value = match self.plan.vault() {
            Some(vault) => vault.value(code)?,
            None => None,
        };
        let Some(value) = value else { return Ok(Stands::Nowhere) };
        let fits = match wanted {
            Wanted::Only(class) => mask::judged_class(class, &value) == code.class(),
            Wanted::Any => true,
        };
        Ok(if fits { Stands::For(value) } else { Stands::Elsewhere })
    }

    /// What a token of any class holds, if a text is one and nothing else.
    fn open_any(&self, text: &str) -> Option<(Class, Vec<u8>)> {
        // Most values are none: told without judging them by class.
        marks::find_marks(text).next()?;
        Class::ALL.into_iter().find_map(|class| {
            match marks::judge(class, text, &self.keys, Display::Alias)? {
                Mark::Token(value) => Some((class, value.0)),
                Mark::Alias(_) | Mark::Partial | Mark::Hidden | Mark::NearMiss | Mark::Within => None,
            }
        })
    }

    /// In a search, words like `hidden` are words.
    fn judge_any(&self, text: &str) -> Option<Mark> {
        let judged = |class| marks::judge(class, text, &self.keys, Display::Alias);
        match judged(Class::Handle)? {
            Mark::NearMiss => {
                let opened = |class| judged(class).filter(|mark| matches!(mark, Mark::Token(_)));
                Some(Class::ALL.into_iter().find_map(opened).unwrap_or(Mark::NearMiss))
            }
            mark @ (Mark::Alias(_) | Mark::Token(_) | Mark::Within) => Some(mark),
            mark @ (Mark::Partial | Mark::Hidden) => (text.trim() != "0").then_some(mark),
        }
    }

    /// Where nothing is declared only aliases and tokens are looked for.
    fn judge_elsewhere(&self, text: &str) -> Option<Mark> {
        marks::find_marks(text).next()?;
        match marks::judge(Class::Handle, text, &self.keys, Display::Alias) {
            Some(mark @ (Mark::Alias(_) | Mark::Token(_))) => Some(mark),
            Some(Mark::Partial | Mark::Hidden | Mark::NearMiss | Mark::Within) | None => Some(Mark::Within),
        }
    }

    /// Redacts a JSON text so that it tells which of its values are declared.
    fn trace(&self, body: &[u8]) -> Result<Vec<u8>, RestoreError> {
        let mut limits = self.options.limits;
        // In doubt the redactor hides, and what is hidden would be restored. The body is held anyway, so nothing is left
        // in doubt for its length.
        limits.value_bytes = body.len();
        limits.held_object = usize::MAX / 2;
        let mut rewriter = json::Rewriter::new(Arc::clone(&self.tracing), limits);
        let mut traced = Vec::with_capacity(body.len());
        rewriter.write(body, &mut traced)?;
        rewriter.finish(&mut traced)?;
        Ok(traced)
    }
}

/// What a code stands for.
enum Stands {
    For(Vec<u8>),
    /// Not for a value of the class that is wanted, or not here.
    Elsewhere,
    Nowhere,
}

/// Changes of a body, in the order of their places.
#[derive(Default)]
struct Edits {
    list: Vec<(Range<usize>, Vec<u8>)>,
    grown: usize,
}

impl Edits {
    fn replace(&mut self, range: Range<usize>, by: Vec<u8>, bound: usize) -> Result<(), RestoreError> {
        debug_assert!(self.list.last().is_none_or(|(last, _)| last.end <= range.start));
        self.grown = self.grown.saturating_add(by.len().saturating_sub(range.len()));
        if self.grown > bound {
            return Err(RestoreError::TooLarge);
        }
        self.list.push((range, by));
        Ok(())
    }

    fn remove(&mut self, range: Range<usize>) {
        debug_assert!(self.list.last().is_none_or(|(last, _)| last.end <= range.start));
        self.list.push((range, Vec::new()));
    }

    fn apply<'b>(self, body: &'b [u8], findings: Findings) -> Restored<'b> {
        if self.list.is_empty() {
            return Restored { body: Cow::Borrowed(body), findings };
        }
        let mut out = Vec::with_capacity(body.len() + self.grown);
        let mut from = 0;
        for (range, by) in self.list {
            out.extend_from_slice(body.get(from..range.start).unwrap_or_default());
            out.extend_from_slice(&by);
            from = range.end;
        }
        out.extend_from_slice(body.get(from..).unwrap_or_default());
        Restored { body: Cow::Owned(out), findings }
    }
}
