//! Why a body cannot be redacted.
//!
//! Every error is final and means: what has not been emitted yet never will be. Names are stable, kebab-case and
//! say what was found; no error carries a byte of the body.

/// What was found in a body that is not well-formed, or is more than a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// There is no value at all.
    #[error("the body is empty")]
    EmptyBody,
    /// The body ends within its value.
    #[error("the body ends within a value")]
    Truncated,
    /// Something follows the value.
    #[error("something follows the value")]
    TrailingData,
    /// The body begins with a byte order mark, which RFC 8259 §8.1 forbids.
    #[error("the body begins with a byte order mark")]
    ByteOrderMark,
    /// The body is not UTF-8 but, by its bytes, UTF-16 or UTF-32.
    #[error("the body is not in UTF-8")]
    WrongCharset,
    /// A string is not UTF-8.
    #[error("a string is not valid UTF-8")]
    InvalidUtf8,
    /// A comment, which JSON does not have.
    #[error("a comment in JSON")]
    Comment,
    /// A comma before a closing bracket.
    #[error("a comma before a closing bracket")]
    TrailingComma,
    /// Something else than a comma or a closing bracket follows a value.
    #[error("no comma after a value")]
    MissingComma,
    /// Something else than a colon follows a key.
    #[error("no colon after a key")]
    MissingColon,
    /// Something that begins no key stands in the place of one.
    #[error("a key that is not a string")]
    InvalidKey,
    /// Something that begins no value stands in the place of one.
    #[error("something that is not a value")]
    InvalidValue,
    /// A word other than `true`, `false` and `null`.
    #[error("an unknown word")]
    InvalidLiteral,
    /// A number that JSON does not spell so.
    #[error("a malformed number")]
    InvalidNumber,
    /// An unknown or incomplete escape in a string.
    #[error("a malformed escape")]
    InvalidEscape,
    /// A raw control character in a string.
    #[error("a control character in a string")]
    ControlCharacter,
    /// A closing bracket of the other kind.
    #[error("a closing bracket of the wrong kind")]
    MismatchedBracket,
    /// Containers are nested deeper than `Limits::depth`.
    #[error("nested too deep")]
    TooDeep,
    /// A frame that begins as none of the known framings does, or text where none belongs.
    #[error("a framing that is not known")]
    UnknownFraming,
    /// A message that has to be held is longer than `Limits::message`.
    #[error("a message is too long to hold")]
    MessageTooLong,
    /// A frame is not as long as it says.
    #[error("a frame of another length than it says")]
    WrongLength,
    /// An event is longer than `Limits::message`.
    #[error("an event is too large")]
    EventTooLarge,
    /// A tag, comment or script of a page is longer than `Limits::markup`, or its elements are nested too deep.
    #[error("a piece of markup is too large")]
    MarkupTooLarge,
    /// Markup that browsers may read in more than one way.
    #[error("markup is ambiguous")]
    AmbiguousMarkup,
    /// Markup that cannot be followed.
    #[error("markup cannot be followed")]
    UnscannableMarkup,
    /// What is assigned to a state variable of a page is not JSON.
    #[error("the state of a page is not JSON")]
    InvalidState,
    /// A quote within a field of a table that is not quoted, or text behind a closing one.
    #[error("a quote in the wrong place of a table")]
    MalformedTable,
    /// The header of a table is longer than `Limits::held_object`.
    #[error("the header of a table is too long")]
    TableHeadTooLong,
    /// No column of a table is declared, and contacts are not found by their shape.
    #[error("a table without a declared column")]
    NoDeclaredColumn,
}

impl RedactError {
    /// Names the error as logs and metrics do.
    pub const fn name(self) -> &'static str {
        match self {
            RedactError::EmptyBody => "empty-body",
            RedactError::Truncated => "truncated",
            RedactError::TrailingData => "trailing-data",
            RedactError::ByteOrderMark => "byte-order-mark",
            RedactError::WrongCharset => "wrong-charset",
            RedactError::InvalidUtf8 => "invalid-utf-8",
            RedactError::Comment => "comment",
            RedactError::TrailingComma => "trailing-comma",
            RedactError::MissingComma => "missing-comma",
            RedactError::MissingColon => "missing-colon",
            RedactError::InvalidKey => "invalid-key",
            RedactError::InvalidValue => "invalid-value",
            RedactError::InvalidLiteral => "invalid-literal",
            RedactError::InvalidNumber => "invalid-number",
            RedactError::InvalidEscape => "invalid-escape",
            RedactError::ControlCharacter => "control-character",
            RedactError::MismatchedBracket => "mismatched-bracket",
            RedactError::TooDeep => "too-deep",
            RedactError::UnknownFraming => "unknown-framing",
            RedactError::MessageTooLong => "message-too-long",
            RedactError::WrongLength => "wrong-length",
            RedactError::EventTooLarge => "event-too-large",
            RedactError::MarkupTooLarge => "markup-too-large",
            RedactError::AmbiguousMarkup => "ambiguous-markup",
            RedactError::UnscannableMarkup => "unscannable-markup",
            RedactError::InvalidState => "invalid-state",
            RedactError::MalformedTable => "malformed-table",
            RedactError::TableHeadTooLong => "table-head-too-long",
            RedactError::NoDeclaredColumn => "no-declared-column",
        }
    }
}
