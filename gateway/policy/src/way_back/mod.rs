//! The way back of a request: aliases become values where the profile restores, tokens of ids wherever they do not tell
//! what they hold, masked values are never written, and what is hidden is not asked for.
//!
//! It reads what a request carries and says what goes on instead, or why nothing does. Marks are known in the writes of every
//! caller; what cannot be read is refused to those from whom something is hidden, and passes as it came for the others, who
//! were shown no marks.

mod query;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, str, sync::Arc};

use chatwarden_redact::{
    Class, Findings, KeyRing, MultipartWatch, OnMasked, Plan, PlanError, Refusal, RestoreError,
    RestoreOptions, Restored, Restorer, Wanted, WatchError, find_marks,
};

pub(crate) use query::Names;

use crate::{
    format,
    media_type::{self, MediaClass},
    multipart,
    profile::{Classified, Query, Term},
    reason::{Denial, Reason, RuleRef},
};

/// What the way back of one scope needs, compiled at load.
#[derive(Debug)]
pub(crate) struct Fields {
    restorer: Restorer,
    /// What fields are called that are hidden.
    names: Names,
    /// Which classes are hidden.
    hidden: [bool; Class::ALL.len()],
}

impl Fields {
    pub(crate) fn new(
        plan: Arc<Plan>,
        keys: &Arc<KeyRing>,
        names: Names,
        hidden: [bool; Class::ALL.len()],
    ) -> Result<Fields, PlanError> {
        let restorer = Restorer::new(plan, Arc::clone(keys), RestoreOptions::default())?;
        Ok(Fields { restorer, names, hidden })
    }
}

/// How the marks of a request are treated.
#[derive(Clone, Debug)]
pub struct WayBack {
    fields: Arc<Fields>,
    options: RestoreOptions,
    /// Whether contact data is hidden from the caller.
    masked: bool,
    /// False in `mode: monitor`.
    enforced: bool,
    /// The line that hides.
    rule: RuleRef,
    /// What segments of the path want, where they name one.
    segments: Vec<(usize, Wanted)>,
    queries: Vec<Arc<Query>>,
    /// The values of the `{parameters}` of queries' routes.
    parameters: Vec<(String, String)>,
}

/// Who sends a request, and what the rule makes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) verified: bool,
    pub(crate) masked: bool,
    pub(crate) enforced: bool,
    pub(crate) rule: RuleRef,
}

/// What the body of a request is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// One JSON text.
    Json,
    /// Lines of JSON.
    Lines,
    /// A form.
    Form,
    /// A form with files.
    Multipart,
    /// Any other text: JSON if it parses, else a text that aliases are looked for in.
    Text,
    /// Bytes that nobody named: a text if they are one.
    Unknown,
    /// A file by its very type, which holds no fields.
    File,
}

impl Carrier {
    /// What a body of this type is read as.
    pub fn of(content_type: Option<&str>) -> Carrier {
        match media_type::classify(content_type) {
            MediaClass::Json => Carrier::Json,
            MediaClass::Other if content_type.is_some_and(format::is_lines) => Carrier::Lines,
            MediaClass::Form => Carrier::Form,
            MediaClass::Multipart => Carrier::Multipart,
            MediaClass::Html
            | MediaClass::Text
            | MediaClass::Events
            | MediaClass::Style
            | MediaClass::Script => Carrier::Text,
            MediaClass::Missing | MediaClass::Other => Carrier::Unknown,
            MediaClass::Font
            | MediaClass::Picture
            | MediaClass::Audio
            | MediaClass::Video
            | MediaClass::Document => Carrier::File,
        }
    }
}

/// What goes on instead of what came, and what was found in it.
#[derive(Debug)]
pub struct Passage<'b> {
    /// What goes on.
    pub body: Cow<'b, [u8]>,
    /// What was found.
    pub findings: Findings,
}

impl<'b> Passage<'b> {
    pub(crate) fn unread(body: &'b [u8]) -> Passage<'b> {
        Passage { body: Cow::Borrowed(body), findings: Findings::default() }
    }
}

impl WayBack {
    pub(crate) fn new(
        fields: &Arc<Fields>,
        classified: &Classified<'_>,
        sender: Sender,
        method: &str,
        content_type: Option<&str>,
    ) -> WayBack {
        let merge_patch = || {
            content_type
                .and_then(media_type::essence)
                .is_some_and(|kind| kind == "application/merge-patch+json")
        };
        let drops = classified.merge || method == "PATCH" || merge_patch();
        let options = RestoreOptions {
            // Nobody knows what a caller may see of whom nobody knows who it is.
            restores: classified.restores() && sender.verified,
            opens: !classified.tells() && sender.verified,
            // What writes could put the value where operators read it.
            opens_queries: matches!(method, "GET" | "HEAD"),
            on_masked: if drops { OnMasked::Drop } else { OnMasked::Refuse },
            ..RestoreOptions::default()
        };
        let queries: Vec<Arc<Query>> =
            classified.queries.iter().map(|queried| Arc::clone(queried.query)).collect();
        let mut way = WayBack {
            fields: Arc::clone(fields),
            options,
            masked: sender.masked,
            enforced: sender.enforced,
            rule: sender.rule,
            segments: Vec::new(),
            queries,
            parameters: classified.queries.iter().flat_map(|queried| queried.parameters.clone()).collect(),
        };
        let places = classified.restore.iter().flatten();
        way.segments = places.filter_map(|(at, name)| Some((*at, way.wanted_by(name)?))).collect();
        way
    }

    /// Whether it is carried out. Else only the head is judged, and what would be refused is told.
    pub fn is_enforced(&self) -> bool {
        self.enforced
    }

    /// Whether contact data is hidden from the caller: what cannot be read is then refused.
    pub fn is_masked(&self) -> bool {
        self.masked
    }

    /// Whether a body may leave changed by the profile's word: an alias restored, or a member left out. Tokens are opened in
    /// bodies that are held all the same; in one that is only watched they are refused.
    pub fn changes(&self) -> bool {
        self.options.restores || self.options.on_masked == OnMasked::Drop
    }

    /// What goes on instead of the path, and whether it differs.
    ///
    /// # Errors
    /// Why nothing goes on.
    pub fn path<'p>(&self, path: &'p str) -> Result<Passage<'p>, Denial> {
        for (name, value) in &self.parameters {
            self.judge_term(name, value)?;
        }
        // Most paths hold nothing: told without decoding their segments.
        if self.segments.is_empty() && find_marks(path).next().is_none() {
            return Ok(Passage::unread(path.as_bytes()));
        }
        let wanted = |number| self.segments.iter().find(|(at, _)| *at == number).map(|(_, wanted)| *wanted);
        self.pass(path.as_bytes(), self.restorer().path(path, &wanted))
    }

    /// What goes on instead of the query.
    ///
    /// # Errors
    /// Why nothing goes on.
    pub fn query<'q>(&self, query: &'q str) -> Result<Passage<'q>, Denial> {
        self.judge_pairs(query.as_bytes())?;
        self.pass(query.as_bytes(), self.restorer().query(query, &|name| self.term(name)))
    }

    /// What goes on instead of a body.
    ///
    /// # Errors
    /// Why nothing goes on.
    pub fn body<'b>(&self, content_type: Option<&str>, body: &'b [u8]) -> Result<Passage<'b>, Denial> {
        if body.is_empty() {
            return Ok(Passage::unread(body));
        }
        let restorer = self.restorer();
        let declared = |name: &str| self.term(name);
        let restored = match Carrier::of(content_type) {
            Carrier::Json => {
                self.judge_json(body)?;
                restorer.json(body, &declared)
            }
            Carrier::Lines => {
                body.split(|byte| *byte == b'\n').try_for_each(|line| self.judge_json(line))?;
                restorer.lines(body, &declared)
            }
            Carrier::Form => {
                self.judge_pairs(body)?;
                restorer.form(body, &declared)
            }
            Carrier::Multipart => match multipart::boundary(content_type.unwrap_or_default()) {
                Ok(boundary) => {
                    self.judge_parts(content_type.unwrap_or_default(), body)?;
                    restorer.multipart(&boundary, body, &declared)
                }
                Err(_) => Err(RestoreError::Multipart),
            },
            Carrier::Text => return self.message(body),
            Carrier::Unknown if str::from_utf8(body).is_ok() => return self.message(body),
            Carrier::Unknown | Carrier::File => {
                return Ok(Passage::unread(body));
            }
        };
        self.pass(body, restored)
    }

    /// What goes on instead of a message of a live stream, or of a text that may be JSON.
    ///
    /// # Errors
    /// Why nothing goes on.
    pub fn message<'b>(&self, message: &'b [u8]) -> Result<Passage<'b>, Denial> {
        self.judge_json(message)?;
        self.pass(message, self.restorer().message(message, &|name| self.term(name)))
    }

    /// Watches a multipart body that is too large to be held. Nothing in it is restored.
    ///
    /// # Errors
    /// Why nothing goes on. Nothing to watch is no error where what cannot be read passes.
    pub fn watch(&self, content_type: Option<&str>) -> Result<Option<MultipartWatch>, Denial> {
        let boundary = multipart::boundary(content_type.unwrap_or_default());
        let watch =
            boundary.ok().and_then(|boundary| MultipartWatch::new(&self.fields.restorer, &boundary).ok());
        match watch {
            None if self.masked => Err(self.denial(Reason::UnscannableRequest)),
            watch => Ok(watch),
        }
    }

    /// What an error of a watched body is refused with; none where what cannot be read passes.
    pub fn watched(&self, error: WatchError) -> Option<Denial> {
        match error {
            WatchError::Refused(refusal) => Some(self.refusal(refusal)),
            WatchError::TooLong => Some(self.denial(Reason::LimitBody)),
            WatchError::Unreadable(error) => self.unreadable(error),
        }
    }

    /// What a body is refused with that cannot be decoded, if what cannot be read is refused.
    pub fn undecodable(&self) -> Option<Denial> {
        self.masked.then(|| self.denial(Reason::UnscannableRequest))
    }

    /// The fields' restorer under the options of the route.
    fn restorer(&self) -> Restorer {
        self.fields.restorer.with_options(self.options)
    }

    fn pass<'b>(
        &self,
        came: &'b [u8],
        restored: Result<Restored<'b>, RestoreError>,
    ) -> Result<Passage<'b>, Denial> {
        let restored = match restored {
            Ok(restored) => restored,
            Err(error) => {
                return match self.unreadable(error) {
                    Some(denial) => Err(denial),
                    None => Ok(Passage::unread(came)),
                };
            }
        };
        let findings = restored.findings().clone();
        let body = restored.into_body().map_err(|refusal| self.refusal(refusal))?;
        Ok(Passage { body, findings })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's open list")]
    fn unreadable(&self, error: RestoreError) -> Option<Denial> {
        let reason = match error {
            RestoreError::Malformed(_) | RestoreError::Multipart if !self.masked => return None,
            RestoreError::Ambiguous => Reason::RequestAmbiguous,
            RestoreError::Unrepresentable => Reason::MaskedValue,
            RestoreError::TooLarge => Reason::LimitBody,
            RestoreError::Vault(_) => Reason::VaultUnavailable,
            // What is not named here is a way of not being readable.
            _ => Reason::UnscannableRequest,
        };
        Some(self.denial(reason))
    }

    fn refusal(&self, refusal: Refusal) -> Denial {
        self.denial(match refusal {
            Refusal::MaskedValue => Reason::MaskedValue,
            Refusal::AliasInMessage => Reason::AliasInMessage,
        })
    }

    fn denial(&self, reason: Reason) -> Denial {
        Denial::by(reason, self.rule)
    }

    /// What a term of the request's queries wants.
    fn term(&self, name: &str) -> Option<Wanted> {
        self.queries.iter().find_map(|query| match query.term(name)?.0 {
            Term::Search => Some(Wanted::Any),
            Term::Filter(class) => Some(Wanted::Only(class)),
            Term::Sort => None,
        })
    }

    /// What a parameter of the route that restores wants: by a query, or as a field of its name.
    fn wanted_by(&self, name: &str) -> Option<Wanted> {
        self.term(name).or_else(|| self.fields.restorer.class_of(name).map(Wanted::Only))
    }
}
