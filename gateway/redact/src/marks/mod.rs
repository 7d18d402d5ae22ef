//! Marks: what has been masked, recognised when it comes back.
//!
//! Between being shown and being sent back a masked value goes through an app, which may change its case, spacing and
//! escapes. An alias is recognised all the same, and its check characters say that it is none other; what has the form
//! of an alias but not its check is a near miss, to be refused. Partial forms and constants are recognised so that they
//! are never written over what they stand for. What an alias stands for is the [`Vault`](crate::Vault)'s to say.
//!
//! A few honest values are taken for marks: a client called `Hidden`, a phone `0`, a name with three bullets in a row.
//! Being refused costs them a message; being taken for themselves would cost others their data.
//!
//! An empty `file_url` is no mark: nothing tells it from a field that was always empty.

use std::{fmt, ops::Range};

use crate::{alias::Code, class::Class, display::Display, token::KeyRing};

use fold::{Fold, Folds, JOINER, OTHER, Symbol};
use forms::Form;

mod fold;
mod forms;
#[cfg(test)]
mod tests;

/// What a value is that stands, or should, in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// An alias, and nothing else.
    Alias(Code),
    /// A token of the field's class, and what it holds.
    Token(Opened),
    /// A partial form: `+•••••••07`.
    Partial,
    /// A constant: `hidden`, or zero.
    Hidden,
    /// The form of an alias or token without its check.
    NearMiss,
    /// Text that an alias stands within.
    Within,
}

/// What a token held: a value, kept from being printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened(pub(crate) Vec<u8>);

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(***)")
    }
}

/// What a value of a declared field is, if it is a mark.
///
/// `display` is how values of the class are shown: where names are shortened, everything like `Anna K.` is taken for a
/// shortened name, even where the word joiner in it was lost.
pub fn judge(class: Class, text: &str, keys: &KeyRing, display: Display) -> Option<Mark> {
    let mut symbols: Vec<Symbol> = Vec::with_capacity(text.len());
    let mut is_short_name = false;
    let mut last = OTHER;
    for Fold { symbol, .. } in Folds::new(text) {
        if symbol != JOINER {
            is_short_name |= last == JOINER && symbol == b'.';
            symbols.push(symbol);
        }
        last = symbol;
    }
    is_short_name |= class == Class::Name && display == Display::Partial && forms::is_short_name(&symbols);
    match forms::whole(class, &symbols) {
        Some(Form::Alias(code)) => Some(Mark::Alias(code)),
        Some(Form::Token(token)) => {
            let opened = keys.open(class, &token);
            Some(opened.map_or(Mark::NearMiss, |value| Mark::Token(Opened(value))))
        }
        Some(Form::Partial) => Some(Mark::Partial),
        Some(Form::Hidden) => Some(Mark::Hidden),
        Some(Form::Wrong) => Some(Mark::NearMiss),
        None if is_short_name => Some(Mark::Partial),
        None => find_marks(text).next().map(|_| Mark::Within),
    }
}

/// Finds aliases and tokens anywhere in a text, such as that of a message, by their places in it.
///
/// Partial forms and constants are not looked for: in free text they are words like others.
pub fn find_marks(text: &str) -> impl Iterator<Item = Range<usize>> {
    FindMarks { text, folds: Folds::new(text), last: OTHER }
}

struct FindMarks<'t> {
    text: &'t str,
    folds: Folds<'t>,
    /// The symbol before those of `folds`.
    last: Symbol,
}

impl Iterator for FindMarks<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = self.folds.clone();
            let first = self.folds.next()?;
            if first.symbol == JOINER {
                continue;
            }
            let is_inside = forms::is_word(&self.last) && forms::is_word(&first.symbol);
            self.last = first.symbol;
            if is_inside || !matches!(first.symbol, b'c' | b'+' | b'9' | b'@' | b'.') {
                continue;
            }
            let mut symbols = [0; WINDOW];
            let mut ends = [0; WINDOW];
            let mut count = 0;
            for fold in rest.filter(|fold| fold.symbol != JOINER).take(WINDOW) {
                symbols[count] = fold.symbol;
                ends[count] = fold.end;
                count += 1;
                if count == 3 && !forms::may_lead(&symbols[..count]) {
                    break;
                }
            }
            let length = forms::leading(&symbols[..count]);
            if let Some(last) = length.and_then(|length| length.checked_sub(1)) {
                self.last = symbols[last];
                self.folds = Folds::starting(self.text, ends[last]);
                return Some(first.start..ends[last]);
            }
        }
    }
}

/// The most symbols that an alias is spelled with, separators included.
const WINDOW: usize = 96;
