//! One route as the profile writes it, checked whole: a route that can never match is an error, because a restriction
//! that never matches restricts nobody.

use std::cmp::Ordering;

use percent_encoding::percent_decode_str;

use super::glob::Glob;
use crate::path::{CanonicalPath, fold};

/// A route: methods and a path with places for what varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    methods: Methods,
    /// As written, which is canonical.
    pub(super) exact: Vec<Segment>,
    /// Decoded, folded, without empty segments.
    pub(super) loose: Vec<Segment>,
}

impl Pattern {
    /// Reads `METHOD[|METHOD] /path`.
    ///
    /// # Errors
    ///
    /// With the place of the first thing that is wrong, and what to write in its stead.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (methods, path) = text.split_once(' ').unwrap_or((text, ""));
        if methods.starts_with('/') {
            let help = format!("write `ANY {methods}` for every method");
            return Err(PatternError::new(0, "a route begins with its method", help));
        }
        let methods = Methods::parse(methods)?;
        let path = path.trim_start_matches(' ');
        let offset = text.len() - path.len();
        let path = path.trim_end_matches(' ');
        if !path.starts_with('/') {
            let named = text.split(' ').next().unwrap_or_default();
            let help = format!("write `{named} /{path}`");
            return Err(PatternError::new(offset, "the path of a route begins with `/`", help));
        }
        check_canonical(path, offset)?;
        let exact = parse_path(path, offset)?;
        let loose = exact.iter().filter(|segment| !segment.is_empty()).map(Segment::folded).collect();
        Ok(Self { text: text.to_owned(), methods, exact, loose })
    }

    /// The route as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some request matches both, as restricting routes match.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.methods.meet(&other.methods) && paths_meet(&self.loose, &other.loose)
    }

    /// The places of its `{x}` in the path as written, from 0, and their names.
    pub fn parameters(&self) -> impl Iterator<Item = (usize, &str)> {
        self.params(true).map(|(name, at)| (at, name))
    }

    /// The names and places of its `{x}`, among all segments as written or among those that are not empty.
    pub(super) fn params(&self, exact: bool) -> impl Iterator<Item = (&str, usize)> {
        let segments = if exact { &self.exact } else { &self.loose };
        segments.iter().enumerate().filter_map(|(at, segment)| match segment {
            Segment::Param(Some(name)) => Some((&**name, at)),
            Segment::Param(None) | Segment::Literal(_) | Segment::Partial(_) | Segment::Rest => None,
        })
    }

    /// Whether a granting route covers the method; methods are case-sensitive (RFC 9110 §9.1).
    pub(super) fn names(&self, method: &str) -> bool {
        self.methods.cover(|name| name == method, method == "HEAD")
    }

    /// Whether a restricting route covers the method; some applications put methods into upper case themselves.
    pub(super) fn names_loosely(&self, method: &str) -> bool {
        self.methods.cover(|name| name.eq_ignore_ascii_case(method), method.eq_ignore_ascii_case("HEAD"))
    }

    /// The most specific first: segment by segment from the left, then a named method before any.
    pub(super) fn by_specificity(&self, other: &Self) -> Ordering {
        let segments = self.exact.iter().zip(&other.exact).map(|(a, b)| a.by_specificity(b));
        let path = segments.fold(Ordering::Equal, Ordering::then);
        // `/x` before `/x/**`, both of which match `/x`.
        let path = path.then(self.exact.len().cmp(&other.exact.len()));
        path.then(self.methods.breadth().cmp(&other.methods.breadth()))
    }
}

/// What is wrong with a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// The place, in bytes from the beginning of the route.
    pub offset: usize,
    /// What was found.
    pub message: String,
    /// What to write in its stead.
    pub help: Option<String>,
}

impl PatternError {
    fn new(offset: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: Some(help.into()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Partial(Glob),
    /// `{x}`, or `*` alone: one segment, not empty.
    Param(Option<String>),
    /// `**`: whatever follows, also nothing.
    Rest,
}

impl Segment {
    fn is_empty(&self) -> bool {
        matches!(self, Segment::Literal(text) if text.is_empty())
    }

    fn folded(&self) -> Self {
        match self {
            Segment::Literal(text) => Segment::Literal(decode_and_fold(text)),
            Segment::Partial(glob) => Segment::Partial(glob.map(decode_and_fold)),
            Segment::Param(name) => Segment::Param(name.clone()),
            Segment::Rest => Segment::Rest,
        }
    }

    fn by_specificity(&self, other: &Self) -> Ordering {
        let class = |segment: &Self| match segment {
            Segment::Literal(_) => (0, 0),
            Segment::Partial(glob) => (1, usize::MAX - glob.weight()),
            Segment::Param(_) => (2, 0),
            Segment::Rest => (3, 0),
        };
        class(self).cmp(&class(other))
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            (Segment::Literal(text), Segment::Partial(glob))
            | (Segment::Partial(glob), Segment::Literal(text)) => glob.matches(text),
            (Segment::Partial(a), Segment::Partial(b)) => a.meets(b),
            (Segment::Param(_) | Segment::Rest, _) | (_, Segment::Param(_) | Segment::Rest) => true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Methods {
    /// Empty: any.
    names: Vec<&'static str>,
}

impl Methods {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if matches!(text, "ANY" | "*") {
            return Ok(Self { names: Vec::new() });
        }
        if text.is_empty() {
            return Err(PatternError::new(0, "a route begins with its method", "for example `GET /api/me`"));
        }
        let mut names = Vec::new();
        let mut offset = 0;
        for name in text.split('|') {
            names.push(method(name, offset)?);
            offset += name.len() + 1;
        }
        Ok(Self { names })
    }

    /// A HEAD is a GET without its body (RFC 9110 §9.3.2).
    fn cover(&self, is: impl Fn(&str) -> bool, head: bool) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| is(name) || (head && *name == "GET"))
    }

    fn meet(&self, other: &Self) -> bool {
        let covered =
            |a: &Self, b: &Self| a.names.iter().any(|name| b.cover(|other| other == *name, *name == "HEAD"));
        self.names.is_empty() || other.names.is_empty() || covered(self, other) || covered(other, self)
    }

    /// Explicit HEAD before the GET that includes it, named before any.
    fn breadth(&self) -> u8 {
        match self.names.as_slice() {
            [] => 2,
            names if names.contains(&"HEAD") => 0,
            _ => 1,
        }
    }
}

fn method(name: &str, offset: usize) -> Result<&'static str, PatternError> {
    if let Some(known) = METHODS.iter().find(|known| **known == name) {
        return Ok(known);
    }
    if matches!(name, "ANY" | "*") {
        let help = format!("leave out the others: `{name} /path`");
        return Err(PatternError::new(offset, format!("`{name}` stands alone"), help));
    }
    let upper = name.to_ascii_uppercase();
    if METHODS.contains(&&*upper) || upper == "ANY" {
        return Err(PatternError::new(
            offset,
            format!("`{name}` is not in upper case"),
            format!("write `{upper}`"),
        ));
    }
    let near = METHODS.iter().copied().min_by_key(|known| strsim::damerau_levenshtein(known, &upper));
    let help = match near.filter(|known| strsim::damerau_levenshtein(known, &upper) <= 2) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "a method is `GET`, `POST`, `PUT`, `PATCH`, `DELETE` …, or `ANY`".to_owned(),
    };
    Err(PatternError::new(offset, format!("`{name}` is not a method"), help))
}

fn check_canonical(path: &str, offset: usize) -> Result<(), PatternError> {
    match CanonicalPath::parse(path) {
        Ok(canonical) if canonical.as_str() == path => Ok(()),
        Ok(canonical) => {
            let help = format!("write `{}`", canonical.as_str());
            Err(PatternError::new(offset, "the path is not canonical and would never match", help))
        }
        Err(error) => {
            let help = "such a request is refused before any route is looked up";
            Err(PatternError::new(offset, error.to_string(), help))
        }
    }
}

fn parse_path(path: &str, offset: usize) -> Result<Vec<Segment>, PatternError> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut at = offset + 1;
    let mut texts = path.split('/').skip(1).peekable();
    while let Some(text) = texts.next() {
        let segment = parse_segment(text, at)?;
        if segment == Segment::Rest && texts.peek().is_some() {
            let help = "for one segment write `*` or `{name}`";
            return Err(PatternError::new(at, "`**` stands at the end of a path only", help));
        }
        if matches!(segment, Segment::Param(Some(_))) && segments.contains(&segment) {
            let help = "give each place its own name";
            return Err(PatternError::new(at, format!("`{text}` stands twice in one route"), help));
        }
        segments.push(segment);
        at += text.len() + 1;
    }
    Ok(segments)
}

fn parse_segment(text: &str, at: usize) -> Result<Segment, PatternError> {
    if text == "**" {
        return Ok(Segment::Rest);
    }
    if text == "*" {
        return Ok(Segment::Param(None));
    }
    if let Some(two) = text.find("**") {
        let help = "within a segment one `*` is enough; `/**` at the end is any rest";
        return Err(PatternError::new(at + two, "`**` stands for whole segments", help));
    }
    if let Some(name) = text.strip_prefix(':') {
        let help = format!("one segment is written `{{{name}}}`; a literal colon here `%3A{name}`");
        return Err(PatternError::new(at, format!("`{text}` would match only itself"), help));
    }
    let Some(brace) = text.find(['{', '}']) else {
        return Ok(match Glob::parse(text) {
            Some(glob) => Segment::Partial(glob),
            None => Segment::Literal(text.to_owned()),
        });
    };
    let Some(name) = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) else {
        let unclosed = text.starts_with('{') && !text.contains('}');
        let message = if unclosed { "`{` is not closed" } else { "`{…}` stands for a whole segment" };
        return Err(PatternError::new(at + brace, message, "write `{name}`, or `*` within a segment"));
    };
    let mut letters = name.bytes();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    if begins && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_') {
        return Ok(Segment::Param(Some(name.to_owned())));
    }
    let help = "a name is letters, digits and `_`; any rest is written `**`";
    Err(PatternError::new(at + 1, format!("`{name}` is not a name"), help))
}

/// The path was checked to be canonical, so that every escape decodes to UTF-8.
fn decode_and_fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold(&percent_decode_str(text).decode_utf8_lossy(), &mut folded);
    folded
}

fn paths_meet(a: &[Segment], b: &[Segment]) -> bool {
    match (a, b) {
        ([Segment::Rest, ..], _) | (_, [Segment::Rest, ..]) | ([], []) => true,
        ([a, more_a @ ..], [b, more_b @ ..]) => a.meets(b) && paths_meet(more_a, more_b),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

/// The registry of RFC 9110 §16.1.1, and `QUERY` and `PURGE`, which are in use.
#[rustfmt::skip]
const METHODS: [&str; 40] = [
    "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD",
    "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE",
    "MOVE", "OPTIONS", "ORDERPATCH", "PATCH", "POST", "PROPFIND", "PROPPATCH", "PURGE", "PUT", "QUERY",
    "REBIND", "REPORT", "SEARCH", "TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE",
    "UPDATEREDIRECTREF", "VERSION-CONTROL",
];
