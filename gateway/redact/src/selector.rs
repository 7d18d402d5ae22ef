//! Selectors: the part of JSONPath (RFC 9535) that names fields.
//!
//! Names, wildcards, indexes, descendants and unions of these. What needs more than the way from the root to a
//! value (filters, slices, indexes from the end) is refused with a message that says so and a byte offset,
//! because a stream is judged as it passes.

use std::fmt;

/// A parsed JSONPath query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    text: String,
    segments: Vec<Segment>,
}

impl Selector {
    /// Parses a query such as `$..client.phone`, `$['name']` or `$.items[*].contacts[0, 1]`.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        let segments = Parser { text, at: 0 }.query()?;
        Ok(Selector { text: text.to_owned(), segments })
    }

    /// The query as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The steps from the root to a selected value; none selects the root itself.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One step of a selector. A value is selected by it if any of its picks fits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// To the members or items of a value: `.name`, `['a','b']`, `[0]`, `.*`.
    Child(Vec<Pick>),
    /// To those of a value and of everything below it: `..name`, `..*`.
    Descendant(Vec<Pick>),
}

/// Which members or items a segment goes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// The members of this name, decoded.
    Name(String),
    /// The item at this index, from 0.
    Index(u64),
    /// Every member and item.
    Any,
}

/// Why a text is not a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SelectorError {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What was found, in one sentence.
    pub message: String,
}

impl SelectorError {
    fn new(offset: usize, message: impl Into<String>) -> SelectorError {
        SelectorError { offset, message: message.into() }
    }
}

/// Reads a query from the front. `at` is a character boundary of `text`.
struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn query(mut self) -> Result<Vec<Segment>, SelectorError> {
        match self.peek() {
            Some('$') => self.at += 1,
            Some('@') => return Err(self.error("a selector begins with `$`; `@` belongs to filters")),
            Some(_) => return Err(self.error("a selector begins with `$`")),
            None => return Err(self.error("the selector is empty; it begins with `$`")),
        }
        let mut segments = Vec::new();
        loop {
            let blank = self.at;
            self.skip_blanks();
            if self.peek().is_none() && blank != self.at {
                return Err(SelectorError::new(blank, "white space after the selector"));
            }
            match self.peek() {
                None => return Ok(segments),
                Some('[') => segments.push(Segment::Child(self.brackets()?)),
                Some('.') if self.text[self.at..].starts_with("..") => {
                    self.at += 2;
                    segments.push(Segment::Descendant(self.after_dots()?));
                }
                Some('.') => {
                    self.at += 1;
                    if self.peek() == Some('[') {
                        return Err(self.error("`.` before `[`; write `[…]` or `..[…]`"));
                    }
                    segments.push(Segment::Child(self.after_dots()?));
                }
                Some(other) => return Err(self.error(format!("expected `.` or `[`, found `{other}`"))),
            }
        }
    }

    /// What follows `.` or `..`: a name, a wildcard or brackets.
    fn after_dots(&mut self) -> Result<Vec<Pick>, SelectorError> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(vec![Pick::Any])
            }
            Some('[') => self.brackets(),
            Some(first) if is_name_first(first) => {
                let start = self.at;
                while self.peek().is_some_and(|c| is_name_first(c) || c.is_ascii_digit()) {
                    self.advance();
                }
                let name = &self.text[start..self.at];
                match self.peek() {
                    Some('(') => Err(SelectorError::new(start, "functions are not supported")),
                    Some('-') => Err(self.error("a name with `-` is written `['…']`")),
                    _ => Ok(vec![Pick::Name(name.to_owned())]),
                }
            }
            Some(first) if first.is_ascii_digit() => {
                Err(self.error("a name after `.` does not begin with a digit; write `['…']` or `[…]`"))
            }
            Some(_) => Err(self.error("expected a name, `*` or `[` after the dot")),
            None => Err(self.error("the selector ends after a dot")),
        }
    }

    fn brackets(&mut self) -> Result<Vec<Pick>, SelectorError> {
        let open = self.at;
        self.at += 1;
        let mut picks = Vec::new();
        loop {
            self.skip_blanks();
            picks.push(self.pick(open)?);
            self.skip_blanks();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => {
                    self.at += 1;
                    return Ok(picks);
                }
                Some(':') => return Err(self.error("slices are not supported")),
                Some(other) => return Err(self.error(format!("expected `,` or `]`, found `{other}`"))),
                None => return Err(SelectorError::new(open, "this `[` is not closed")),
            }
        }
    }

    fn pick(&mut self, open: usize) -> Result<Pick, SelectorError> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Pick::Any)
            }
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(Pick::Name),
            Some('0'..='9') => self.index(),
            Some('-') => Err(self.error("indexes from the end are not supported")),
            Some('?') => Err(self.error("filters are not supported")),
            Some(':') => Err(self.error("slices are not supported")),
            Some(']') => Err(self.error("expected a name in quotes, an index or `*` before `]`")),
            Some(_) => Err(self.error("expected a name in quotes, an index or `*`")),
            None => Err(SelectorError::new(open, "this `[` is not closed")),
        }
    }

    fn index(&mut self) -> Result<Pick, SelectorError> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(SelectorError::new(start, "an index has no leading zeros"));
        }
        match digits.parse() {
            Ok(index) if index <= MAX_INDEX => Ok(Pick::Index(index)),
            Ok(_) | Err(_) => Err(SelectorError::new(start, "the index is over 2^53 - 1")),
        }
    }

    /// A string literal (RFC 9535 §2.3.1.2), decoded.
    fn quoted(&mut self, quote: char) -> Result<String, SelectorError> {
        let open = self.at;
        self.at += 1;
        let mut name = String::new();
        loop {
            match self.peek() {
                None => return Err(SelectorError::new(open, "this quote is not closed")),
                Some(end) if end == quote => {
                    self.at += 1;
                    return Ok(name);
                }
                Some('\\') => name.push(self.escape(quote)?),
                Some(control) if control < ' ' => {
                    return Err(self.error("a control character in a name is written `\\uXXXX`"));
                }
                Some(character) => {
                    name.push(character);
                    self.advance();
                }
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<char, SelectorError> {
        let start = self.at;
        self.at += 1;
        let escaped = self.peek();
        self.advance();
        match escaped {
            Some('b') => Ok('\u{8}'),
            Some('t') => Ok('\t'),
            Some('n') => Ok('\n'),
            Some('f') => Ok('\u{c}'),
            Some('r') => Ok('\r'),
            Some(same @ ('/' | '\\')) => Ok(same),
            Some(same) if same == quote => Ok(same),
            Some('u') => {
                let unit = self.hex(start)?;
                let low = if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
                    self.at += 2;
                    Some(self.hex(start)?)
                } else {
                    None
                };
                match char::decode_utf16([unit].into_iter().chain(low)).next() {
                    Some(Ok(character)) => Ok(character),
                    Some(Err(_)) | None => Err(SelectorError::new(start, "half of a surrogate pair")),
                }
            }
            Some(_) | None => Err(SelectorError::new(start, "unknown escape")),
        }
    }

    fn hex(&mut self, start: usize) -> Result<u16, SelectorError> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|hex| u16::from_str_radix(hex, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| SelectorError::new(start, "`\\u` needs four hexadecimal digits"))
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn advance(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn error(&self, message: impl Into<String>) -> SelectorError {
        SelectorError::new(self.at, message)
    }
}

/// `name-first` of RFC 9535 §2.5.1.1.
fn is_name_first(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

/// The largest index that every JSON reader counts exactly (RFC 7493 §2.2).
const MAX_INDEX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests;
