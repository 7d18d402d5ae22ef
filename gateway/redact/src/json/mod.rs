//! JSON (RFC 8259), rewritten as it streams past.
//!
//! A strict grammar over resumable lexers. Whatever is not a hidden value leaves as a slice of the input; a hidden
//! one is held, decoded and bounded, until it is complete. Besides it at most one key is held, no longer than the
//! plan's longest name: a longer key equals none of them.

use std::sync::Arc;

use crate::{
    class::Class,
    error::RedactError,
    plan::{Inner, Label, Plan, Treatment},
    redactor::{Limits, Summary},
    scan::Set,
};

use hold::Hold;
use marks::Marks;
use number::{NumberLexer, WordLexer};
use show::Values;
use stack::{Judgement, Kind, Stack};
pub(crate) use text::{Ignore, TextLexer};

mod align;
pub(crate) mod edit;
pub(crate) mod fuzz;
mod hold;
mod leap;
mod marks;
mod members;
pub(crate) mod nested;
mod number;
mod scan;
mod show;
mod stack;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod waits;

/// Rewrites one JSON text.
#[derive(Debug)]
pub(crate) struct Rewriter {
    plan: Arc<Plan>,
    limits: Limits,
    state: State,
    stack: Stack,
    /// Where the stack was before a leap; kept for its memory.
    before: Stack,
    /// The instruction set of leaps.
    set: Set,
    /// The label of the last key, in a live object.
    member: Label,
    /// What becomes of hidden values.
    values: Values,
    /// The string to look into that is being read, once there is one.
    raw: Option<Box<nested::Raw>>,
    /// What is held for the sake of conditions, if the plan has any.
    hold: Option<Box<Hold>>,
    marks: Option<Box<Marks>>,
    offset: u64,
}

impl Rewriter {
    pub(crate) fn new(plan: Arc<Plan>, limits: Limits) -> Rewriter {
        let hold = (!plan.conditions().is_empty()).then(Box::default);
        Rewriter {
            plan,
            limits,
            state: State::Value,
            stack: Stack::default(),
            before: Stack::default(),
            set: Set::widest(),
            member: Label::OTHER,
            values: Values::new(limits.value_bytes),
            raw: None,
            hold,
            marks: None,
            offset: 0,
        }
    }

    /// Marks what is no place for copies, and aliases. Somebody has to take the marks out again:
    /// [`Trail`](crate::copies::Trail).
    pub(crate) fn mark(&mut self) {
        self.marks = Some(Box::default());
        self.values.is_marking = true;
    }

    pub(crate) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), RedactError> {
        let mut cursor = Cursor { whole: chunk, chunk, at: 0, passed: 0, text: None, may_leap: true, out };
        if let Some(hold) = &mut self.hold {
            hold.swap(cursor.out);
        }
        let result = self.run(&mut cursor);
        if !self.state.is_holding() {
            cursor.pass();
        }
        if let Some(hold) = &mut self.hold {
            hold.swap(cursor.out);
        }
        self.offset += cursor.at as u64;
        result
    }

    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, RedactError> {
        if let State::Number { lexer, class } = self.state
            && self.stack.is_empty()
            && lexer.is_complete()
        {
            if let Some(class) = class {
                self.values.held_number(&self.plan, class, out);
            }
            self.state = State::After;
        }
        if !self.stack.is_empty() {
            return Err(RedactError::Truncated);
        }
        match self.state {
            State::After => Ok(self.values.summary),
            State::Value => Err(RedactError::EmptyBody),
            State::FirstItem
            | State::FirstMember
            | State::Member
            | State::Key { .. }
            | State::Colon
            | State::Text { .. }
            | State::Inner { .. }
            | State::Number { .. }
            | State::Word { .. } => Err(RedactError::Truncated),
        }
    }

    /// Whether nothing but blanks can follow.
    pub(crate) fn is_complete(&self) -> bool {
        self.state.is_after() && self.stack.is_empty()
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the chunk to its end. On an error the cursor is at the byte that is wrong, wherever the cuts were.
    fn run(&mut self, cursor: &mut Cursor) -> Result<(), RedactError> {
        loop {
            if self.hold.is_some() && cursor.at < cursor.whole.len() {
                self.keep_bound(cursor);
            }
            if cursor.may_leap && !self.is_waiting() && self.can_leap(cursor.rest()) {
                cursor.may_leap = self.leap(cursor);
            }
            let (before, from) = (self.state, cursor.at);
            let goes_on = match self.state {
                State::Key { lexer, class } => self.read_key(lexer, class, cursor)?,
                State::Text { lexer, class } => self.read_text(lexer, class, cursor)?,
                State::Inner { lexer, inner } => self.read_inner(lexer, inner, cursor)?,
                State::Number { lexer, class } => self.read_number(lexer, class, cursor)?,
                State::Word { lexer, class } => self.read_word(lexer, class, cursor)?,
                State::Value
                | State::FirstItem
                | State::FirstMember
                | State::Member
                | State::Colon
                | State::After => {
                    cursor.at += scan::blanks(cursor.rest());
                    match cursor.rest().first() {
                        Some(&byte) => self.structure(byte, cursor).map(|()| true)?,
                        None => false,
                    }
                }
            };
            if self.hold.is_some() {
                self.notice(before, from, cursor);
            }
            self.end_mark(cursor);
            if !goes_on && cursor.at == cursor.whole.len() {
                return Ok(());
            }
        }
    }

    /// Takes the first byte of a token between values.
    fn structure(&mut self, byte: u8, cursor: &mut Cursor) -> Result<(), RedactError> {
        match (self.state, byte) {
            (State::FirstItem, b']') | (State::FirstMember, b'}') => {
                self.end_container(cursor);
                self.state = State::After;
            }
            (State::Value | State::FirstItem, _) => return self.begin_value(byte, cursor),
            (State::FirstMember | State::Member, b'"') => {
                cursor.at += 1;
                return self.begin_key(cursor);
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::After, _) => match (byte, self.stack.kind()) {
                (b',', Some(Kind::Object)) => self.state = State::Member,
                (b',', Some(Kind::Array)) => {
                    self.stack.next_item();
                    self.state = State::Value;
                }
                (b'}', Some(Kind::Object)) | (b']', Some(Kind::Array)) => {
                    self.end_container(cursor);
                }
                _ => return Err(self.fault(byte, cursor)),
            },
            _ => return Err(self.fault(byte, cursor)),
        }
        cursor.at += 1;
        Ok(())
    }

    fn begin_value(&mut self, byte: u8, cursor: &mut Cursor) -> Result<(), RedactError> {
        let judgement = self.judge(cursor);
        self.begin_mark(judgement.treatment, byte, cursor);
        let (kind, state) = match byte {
            b'"' => {
                let treatment = self.begin_waiting(judgement, cursor);
                return match treatment.and_then(Treatment::inner) {
                    Some(inner) => self.begin_inner(inner, cursor),
                    None => self.begin_text(treatment.and_then(Treatment::class), cursor),
                };
            }
            b'{' => (Kind::Object, State::FirstMember),
            b'[' => (Kind::Array, State::FirstItem),
            b'-' | b'0'..=b'9' => {
                let class = self.begin_scalar(judgement, cursor);
                self.begin_hidden(class, cursor);
                self.state = State::Number { lexer: NumberLexer::Start, class };
                return Ok(());
            }
            _ => {
                let lexer = WordLexer::begin(byte).ok_or_else(|| self.fault(byte, cursor))?;
                let class = self.begin_scalar(judgement, cursor);
                self.begin_hidden(class, cursor);
                self.state = State::Word { lexer, class };
                return Ok(());
            }
        };
        self.stack.open(self.plan.automaton(), kind, self.member, judgement, self.limits.depth)?;
        self.begin_container();
        self.mark_container();
        self.state = state;
        cursor.at += 1;
        Ok(())
    }

    /// The class that a scalar is hidden as, if it is and need not wait.
    fn begin_scalar(&mut self, judgement: Judgement, cursor: &mut Cursor) -> Option<Class> {
        self.begin_waiting(judgement, cursor).and_then(Treatment::class)
    }

    /// Behind the opening quote of a key. Most keys are in one piece and need no copy.
    #[inline]
    fn begin_key(&mut self, cursor: &mut Cursor) -> Result<(), RedactError> {
        let class = self.stack.keys();
        self.state = State::Key { lexer: TextLexer::Plain, class };
        match class {
            Some(_) => {
                cursor.pass();
                self.values.begin();
            }
            None if !self.stack.is_live() => {}
            None => match cursor.whole_text() {
                Some(key) => {
                    let label = self.plan.automaton().member(key);
                    self.begin_member(label);
                    cursor.at += key.len() + 1;
                    self.state = State::Colon;
                    if cursor.rest().first() == Some(&b':') {
                        cursor.at += 1;
                        self.state = State::Value;
                    }
                }
                None => self.values.held.begin(self.plan.automaton().longest_name()),
            },
        }
        Ok(())
    }

    fn read_key(
        &mut self,
        mut lexer: TextLexer,
        class: Option<Class>,
        cursor: &mut Cursor,
    ) -> Result<bool, RedactError> {
        let is_held = class.is_some() || self.stack.is_live();
        let ended = match is_held {
            true => lexer.advance(cursor.chunk, &mut cursor.at, &mut self.values.held)?,
            false => lexer.advance(cursor.chunk, &mut cursor.at, &mut Ignore)?,
        };
        self.state = State::Key { lexer, class };
        if ended {
            if is_held {
                if let Some(class) = class {
                    cursor.passed = cursor.at;
                    self.values.held_key(&self.plan, class, cursor.out);
                }
                let name = self.values.held.end();
                let label = name.map_or(Label::OTHER, |name| self.plan.automaton().member(name));
                self.begin_member(label);
            }
            self.state = State::Colon;
        }
        Ok(ended)
    }

    /// At the opening quote of a value. Most hidden ones are in one piece and need no copy.
    #[inline]
    fn begin_text(&mut self, class: Option<Class>, cursor: &mut Cursor) -> Result<(), RedactError> {
        self.begin_hidden(class, cursor);
        cursor.at += 1;
        if let Some(class) = class
            && let Some(value) = cursor.whole_text()
        {
            cursor.at += value.len() + 1;
            cursor.passed = cursor.at;
            self.values.plain_text(&self.plan, class, value, cursor.out);
            self.state = State::After;
            return Ok(());
        }
        self.state = State::Text { lexer: TextLexer::Plain, class };
        self.read_text(TextLexer::Plain, class, cursor).map(drop)
    }

    #[inline]
    fn read_text(
        &mut self,
        mut lexer: TextLexer,
        class: Option<Class>,
        cursor: &mut Cursor,
    ) -> Result<bool, RedactError> {
        let ended = match class {
            Some(_) => lexer.advance(cursor.chunk, &mut cursor.at, &mut self.values.held)?,
            None => lexer.advance(cursor.chunk, &mut cursor.at, &mut Ignore)?,
        };
        self.state = State::Text { lexer, class };
        if ended {
            if let Some(class) = class {
                cursor.passed = cursor.at;
                self.values.held_text(&self.plan, class, cursor.out);
            }
            self.state = State::After;
        }
        Ok(ended)
    }

    fn read_number(
        &mut self,
        mut lexer: NumberLexer,
        class: Option<Class>,
        cursor: &mut Cursor,
    ) -> Result<bool, RedactError> {
        let start = cursor.at;
        let ended = lexer.advance(cursor.chunk, &mut cursor.at)?;
        self.state = State::Number { lexer, class };
        if class.is_some() {
            text::Sink::bytes(&mut self.values.held, &cursor.chunk[start..cursor.at]);
        }
        if ended {
            if let Some(class) = class {
                cursor.passed = cursor.at;
                self.values.held_number(&self.plan, class, cursor.out);
            }
            self.state = State::After;
        }
        Ok(ended)
    }

    fn read_word(
        &mut self,
        mut lexer: WordLexer,
        class: Option<Class>,
        cursor: &mut Cursor,
    ) -> Result<bool, RedactError> {
        let ended = lexer.advance(cursor.chunk, &mut cursor.at)?;
        self.state = State::Word { lexer, class };
        if ended {
            if let Some(class) = class {
                cursor.passed = cursor.at;
                if lexer.is_null() {
                    cursor.out.extend_from_slice(b"null");
                } else {
                    self.values.word(class, cursor.out);
                }
            }
            self.state = State::After;
        }
        Ok(ended)
    }

    /// Before a value: lets go of everything up to here, and of nothing more if the value is hidden.
    fn begin_hidden(&mut self, class: Option<Class>, cursor: &mut Cursor) {
        if class.is_some() {
            cursor.pass();
            self.values.begin();
        }
    }

    /// Names what is wrong with a byte that the grammar has no place for.
    fn fault(&self, byte: u8, cursor: &Cursor) -> RedactError {
        let is_first = self.offset == 0 && cursor.at == 0;
        match (self.state, byte) {
            (_, 0xef) if is_first => RedactError::ByteOrderMark,
            (_, 0xfe | 0xff) if is_first => RedactError::WrongCharset,
            (_, 0) => RedactError::WrongCharset,
            (_, b'/') => RedactError::Comment,
            (State::Value, b']') if self.stack.kind() == Some(Kind::Array) => RedactError::TrailingComma,
            (State::Value | State::FirstItem, _) => RedactError::InvalidValue,
            (State::Member, b'}') => RedactError::TrailingComma,
            (State::Member | State::FirstMember, _) => RedactError::InvalidKey,
            (State::Colon, _) => RedactError::MissingColon,
            (State::After, _) if self.stack.is_empty() => RedactError::TrailingData,
            (State::After, b']' | b'}') => RedactError::MismatchedBracket,
            (State::After, _) => RedactError::MissingComma,
            (State::Key { .. } | State::Text { .. } | State::Inner { .. }, _) => RedactError::InvalidValue,
            (State::Number { .. } | State::Word { .. }, _) => RedactError::InvalidValue,
        }
    }
}

/// What the grammar expects next, or the token that is being read.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A value: at the top, behind a colon, behind a comma of an array.
    Value,
    /// A value or the end of an array.
    FirstItem,
    /// A key or the end of an object.
    FirstMember,
    /// A key, behind a comma.
    Member,
    /// The rest of a key.
    Key { lexer: TextLexer, class: Option<Class> },
    /// A colon.
    Colon,
    /// The rest of a string value.
    Text { lexer: TextLexer, class: Option<Class> },
    /// The rest of a string value to look into.
    Inner { lexer: TextLexer, inner: Inner },
    /// The rest of a number.
    Number { lexer: NumberLexer, class: Option<Class> },
    /// The rest of `true`, `false` or `null`.
    Word { lexer: WordLexer, class: Option<Class> },
    /// A comma or the end of a container; behind the whole value, white space.
    After,
}

impl State {
    /// Whether the bytes being read are of a hidden value or key.
    fn is_holding(self) -> bool {
        match self {
            State::Key { class, .. }
            | State::Text { class, .. }
            | State::Number { class, .. }
            | State::Word { class, .. } => class.is_some(),
            State::Inner { .. } => true,
            State::Value
            | State::FirstItem
            | State::FirstMember
            | State::Member
            | State::Colon
            | State::After => false,
        }
    }

    /// Whether a value is expected, or a scalar is being read.
    fn is_value(self) -> bool {
        match self {
            State::Value
            | State::Text { .. }
            | State::Inner { .. }
            | State::Number { .. }
            | State::Word { .. } => true,
            State::FirstItem
            | State::FirstMember
            | State::Member
            | State::Key { .. }
            | State::Colon
            | State::After => false,
        }
    }

    fn is_after(self) -> bool {
        matches!(self, State::After)
    }
}

/// A chunk on its way from input to output: `passed <= at <= chunk.len() <= whole.len()`.
struct Cursor<'c> {
    whole: &'c [u8],
    /// As much of it as may be read now.
    chunk: &'c [u8],
    /// The next byte to read.
    at: usize,
    /// What has been emitted or replaced.
    passed: usize,
    /// Up to where the chunk is known to be UTF-8.
    text: Option<usize>,
    /// Whether a leap may be worth it.
    may_leap: bool,
    out: &'c mut Vec<u8>,
}

impl<'c> Cursor<'c> {
    fn rest(&self) -> &'c [u8] {
        &self.chunk[self.at..]
    }

    /// Up to where the chunk is UTF-8, from a place between two characters on.
    fn text(&mut self) -> usize {
        let (chunk, at) = (self.chunk, self.at);
        *self.text.get_or_insert_with(|| match simdutf8::compat::from_utf8(&chunk[at..]) {
            Ok(text) => at + text.len(),
            Err(error) => at + error.valid_up_to(),
        })
    }

    /// The inside of a string that stands here in one piece, without escapes.
    #[inline]
    fn whole_text(&self) -> Option<&'c [u8]> {
        let rest = self.rest();
        let run = scan::text(rest);
        (rest.get(run) == Some(&b'"')).then(|| &rest[..run])
    }

    /// Lets so many more bytes be read.
    fn reach(&mut self, bytes: usize) {
        let end = self.at.saturating_add(bytes).min(self.whole.len());
        self.chunk = &self.whole[..end];
    }

    /// Emits everything read and not yet emitted.
    fn pass(&mut self) {
        // Pieces that stay in the first cache; memcpy has another, slower to start way for longer ones.
        for piece in self.chunk[self.passed..self.at].chunks(2048) {
            self.out.extend_from_slice(piece);
        }
        self.passed = self.at;
    }
}
