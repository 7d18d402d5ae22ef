//! JSON bodies (RFC 8259): the original read beside its trace.
//!
//! Strings become strings. A number becomes a number where its value is spelled as one, else a string. Members are left
//! out with one of the commas beside them; everything else leaves as it came.

use std::{collections::HashSet, ops::Range};

use super::{
    Act, Declared, Edits, Place, RestoreError, Restored, Restorer, Wanted, escapes,
    findings::{Findings, Found},
    tokens::{Token, Tokens},
};
use crate::{class::Class, plan::trace};

impl Restorer {
    /// Restores one JSON text. What `declared` tells of a member holds of everything in it.
    pub fn json<'b>(&self, body: &'b [u8], declared: Declared<'_>) -> Result<Restored<'b>, RestoreError> {
        let traced = self.trace(body)?;
        let mut walk = Walk {
            restorer: self,
            declared,
            body,
            traced: &traced,
            edits: Edits::default(),
            findings: Findings::default(),
            frames: Vec::new(),
            arrays: 0,
        };
        walk.run()?;
        let Walk { edits, findings, .. } = walk;
        if findings.count(Found::Restored) > 0 {
            let asked: HashSet<&str> = self.plan.asked_members().collect();
            if !asked.is_empty() && is_ambiguous(body, &asked) {
                return Err(RestoreError::Ambiguous);
            }
        }
        Ok(edits.apply(body, findings))
    }
}

struct Walk<'w> {
    restorer: &'w Restorer,
    declared: Declared<'w>,
    body: &'w [u8],
    traced: &'w [u8],
    edits: Edits,
    findings: Findings,
    frames: Vec<Frame>,
    /// How many of the frames are arrays.
    arrays: usize,
}

/// An open container.
struct Frame {
    is_object: bool,
    /// Where the member began that is being read.
    member: usize,
    /// The comma before it.
    comma: Option<usize>,
    /// Whether a member before it stays.
    has_kept: bool,
    /// Whether it is left out.
    is_dropped: bool,
    /// Whether its key has been read.
    is_value: bool,
    /// What is wanted around the container, and in the member that is being read.
    around: Option<Wanted>,
    wanted: Option<Wanted>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), RestoreError> {
        let mut theirs = Tokens::new(self.body);
        let mut ours = Tokens::new(self.traced);
        loop {
            let start = theirs.upcoming();
            let Some(token) = theirs.next() else { return Ok(()) };
            let traced = ours.next();
            match token {
                Token::Open(bracket) => {
                    let is_object = bracket == b'{';
                    self.arrays += usize::from(!is_object);
                    let around = self.frames.last().and_then(|frame| frame.wanted);
                    self.frames.push(Frame {
                        is_object,
                        member: theirs.upcoming(),
                        comma: None,
                        has_kept: false,
                        is_dropped: false,
                        is_value: !is_object,
                        around,
                        wanted: around,
                    });
                }
                Token::Close => {
                    self.end_member(start, theirs.at, None);
                    if let Some(Frame { is_object: false, .. }) = self.frames.pop() {
                        self.arrays -= 1;
                    }
                }
                Token::Colon => self.expect_value(true),
                Token::Comma => {
                    self.end_member(start, theirs.at, Some(theirs.upcoming()));
                    self.expect_value(false);
                }
                Token::Text(range) => {
                    let text = escapes::unescaped(inside(self.body, &range));
                    let is_value = self.frames.last().is_none_or(|frame| frame.is_value);
                    if let Some(frame) = self.frames.last_mut().filter(|frame| !frame.is_value) {
                        frame.wanted = (self.declared)(&text).or(frame.around);
                    }
                    let shown = match traced {
                        Some(Token::Text(range)) => inside(self.traced, &range),
                        _ => b"",
                    };
                    // Nothing but a key that is hidden is shown as another.
                    let is_hidden_key = !is_value && shown != inside(self.body, &range);
                    let shown = if is_value { shown } else { b"" };
                    let class = Class::ALL.into_iter().find(|class| trace::text(*class).as_bytes() == shown);
                    if let Some(value) = self.judge(class, &text, range.start, is_value, is_hidden_key)? {
                        let mut string = Vec::new();
                        escapes::push_json(&value, &mut string)?;
                        self.edits.replace(range, string, self.restorer.options.growth_bytes)?;
                    }
                }
                Token::Number(range) => {
                    let spelling = self.body.get(range.clone()).unwrap_or_default();
                    let shown = match traced {
                        Some(Token::Number(range)) => self.traced.get(range).unwrap_or_default(),
                        _ => b"",
                    };
                    let class = Class::ALL
                        .into_iter()
                        .find(|class| trace::number(*class).to_string().as_bytes() == shown);
                    let text = String::from_utf8_lossy(spelling);
                    if let Some(value) = self.judge(class, &text, range.start, true, false)? {
                        let mut number = Vec::new();
                        match escapes::is_number(&value) {
                            true => number = value,
                            false => escapes::push_json(&value, &mut number)?,
                        }
                        self.edits.replace(range, number, self.restorer.options.growth_bytes)?;
                    }
                }
                Token::Word => {}
            }
        }
    }

    fn judge(
        &mut self,
        class: Option<Class>,
        text: &str,
        at: usize,
        is_value: bool,
        opens: bool,
    ) -> Result<Option<Vec<u8>>, RestoreError> {
        let is_member = self.frames.last().is_some_and(|frame| frame.is_object);
        let may_drop = is_value && is_member && self.arrays == 0;
        let declared = self.frames.last().filter(|_| is_value).and_then(|frame| frame.wanted);
        let place = Place { wanted: declared.or(class.map(Wanted::Only)), opens, may_drop, at };
        match self.restorer.decide(place, text, &mut self.findings)? {
            Act::Keep => Ok(None),
            Act::Replace(value) => Ok(Some(value)),
            Act::Drop => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.is_dropped = true;
                }
                Ok(None)
            }
        }
    }

    /// Before a comma or a closing bracket at `end`; `next` is where the member behind the comma begins.
    fn end_member(&mut self, end: usize, behind: usize, next: Option<usize>) {
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.is_dropped {
            match (frame.has_kept, frame.comma, next) {
                (true, Some(comma), _) => self.edits.remove(comma..end),
                (_, _, Some(next)) => self.edits.remove(frame.member..next),
                (_, _, None) => self.edits.remove(frame.member..end),
            }
        } else {
            frame.has_kept = true;
        }
        frame.is_dropped = false;
        frame.comma = Some(behind - 1);
        if let Some(next) = next {
            frame.member = next;
        }
    }

    fn expect_value(&mut self, is_value: bool) {
        if let Some(frame) = self.frames.last_mut() {
            frame.is_value = is_value || !frame.is_object;
        }
    }
}

/// What stands between the quotes.
fn inside<'b>(body: &'b [u8], range: &Range<usize>) -> &'b [u8] {
    body.get(range.start + 1..range.end.saturating_sub(1)).unwrap_or_default()
}

/// Whether an object has two members of one name, or a member that is asked has no plain value: the redactor hides in
/// doubt, but in doubt nothing is restored.
fn is_ambiguous(body: &[u8], asked: &HashSet<&str>) -> bool {
    let mut open: Vec<Option<HashSet<String>>> = Vec::new();
    let mut may_be_key = false;
    let mut is_asked = false;
    for token in Tokens::new(body) {
        may_be_key = match token {
            Token::Open(_) if is_asked => return true,
            Token::Open(bracket) => {
                open.push((bracket == b'{').then(HashSet::new));
                true
            }
            Token::Close => {
                open.pop();
                false
            }
            Token::Colon => continue,
            Token::Comma => true,
            Token::Text(range) => {
                is_asked = false;
                if let (true, Some(Some(names))) = (may_be_key, open.last_mut()) {
                    let name = escapes::unescaped(inside(body, &range));
                    is_asked = asked.contains(&*name);
                    if !names.insert(name.into_owned()) {
                        return true;
                    }
                }
                false
            }
            Token::Number(_) | Token::Word => {
                is_asked = false;
                false
            }
        };
    }
    false
}
