//! The way out of a leap: where the exact machine goes on, and in which state.

use super::{Leap, Place, Stop, read::Carry};
use crate::{
    json::{State, TextLexer},
    plan::Label,
};

impl Leap<'_, '_> {
    /// Leaves at a place that was found.
    #[inline(never)]
    pub(super) fn stop(mut self, stop: Stop) -> Place {
        self.settle();
        let Stop { at, state } = stop;
        Place { at, passed: self.passed, state, member: self.label(at), is_end: false }
    }

    /// Leaves behind the last block that was read, unless that ends in something odd.
    #[inline(never)]
    pub(super) fn leave(mut self, carry: &Carry) -> Option<Place> {
        self.settle();
        let is_live = self.stack.is_live();
        let passed = self.passed;
        let place =
            |at: usize, state: State, member: Label| Some(Place { at, passed, state, member, is_end: true });
        if let Some(open) = self.open {
            return place(open.at, State::Value, open.label);
        }
        let is_key = carry.colon != 0;
        if carry.string != 0 {
            if is_key && is_live {
                return place(self.key_start(self.base), State::Member, Label::OTHER);
            }
            let lexer = TextLexer::Plain;
            let state =
                if is_key { State::Key { lexer, class: None } } else { State::Text { lexer, class: None } };
            return place(self.cut(carry), state, Label::OTHER);
        }
        let before = &self.chunk[self.start..self.base];
        let last = before.iter().rfind(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        if is_key && carry.value == 0 {
            if last != Some(&b'"') {
                // A number or word in the place of a key.
                return None;
            }
            if !is_live {
                return place(self.base, State::Colon, Label::OTHER);
            }
            let close = self.key_start(self.base);
            return place(self.key_start(close), State::Member, Label::OTHER);
        }
        if carry.scalar >> 63 != 0 {
            let at = self.scalar_start();
            return place(at, State::Value, self.label(at));
        }
        let state = match (carry.value != 0, is_key, last) {
            (_, _, None) => self.state,
            (true, true, Some(b'{')) => State::FirstMember,
            (true, true, Some(_)) => State::Member,
            (true, false, Some(b'[')) => State::FirstItem,
            (true, false, Some(_)) => State::Value,
            (false, _, Some(_)) => State::After,
        };
        let is_ahead = self.label_at != usize::MAX && self.label_at >= self.base;
        place(self.base, state, if is_ahead { self.label } else { Label::OTHER })
    }

    /// The label of the value at a place.
    fn label(&self, at: usize) -> Label {
        if at == self.label_at { self.label } else { Label::OTHER }
    }

    /// The opening quote of the string that the byte before `end` is in, or the quote that it is.
    pub(super) fn key_start(&self, mut end: usize) -> usize {
        while let Some(quote) = memchr::memrchr(b'"', &self.chunk[self.start..end]) {
            end = self.start + quote;
            let escapes = self.chunk[..end].iter().rev().take_while(|&&byte| byte == b'\\').count();
            if escapes % 2 == 0 {
                break;
            }
        }
        end
    }

    /// The end of what was read of a string: before an escape or a character that goes on in the next chunk.
    fn cut(&self, carry: &Carry) -> usize {
        let mut at = self.base - carry.escape as usize;
        while at > self.start && self.chunk.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
            at -= 1;
        }
        at
    }

    /// Where the number or word begins that goes on behind the last block.
    fn scalar_start(&self) -> usize {
        let is_bound = |byte: &u8| matches!(byte, b',' | b':' | b'[' | b' ' | b'\n' | b'\r' | b'\t');
        match self.chunk[self.start..self.base].iter().rposition(is_bound) {
            Some(bound) => self.start + bound + 1,
            None => self.start,
        }
    }
}
