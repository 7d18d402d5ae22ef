//! What stands between the data lines of one event, kept until the data before it has left.
//!
//! The inner text knows a single line feed in each of these places. It may hold that back for as long as it likes:
//! the n-th line feed of its output becomes the n-th frame.

use memchr::memchr;

/// The frames of one event, in their order.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// All of them, one behind the other, the open one last.
    bytes: Vec<u8>,
    /// Where each closed one ends; ascending, the last `<= bytes.len()`.
    ends: Vec<usize>,
    /// How many have left; `woven <= ends.len()`.
    woven: usize,
}

impl Frames {
    /// Adds to the open frame.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Closes the open frame: data follows.
    pub(super) fn close(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// Whether line feeds of the text are still to come.
    pub(super) fn are_pending(&self) -> bool {
        self.woven < self.ends.len()
    }

    /// Emits text with a frame in the place of each line feed.
    pub(super) fn weave(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        while let Some(place) = memchr(b'\n', rest) {
            out.extend_from_slice(&rest[..place]);
            out.extend_from_slice(self.frame(self.woven));
            self.woven = (self.woven + 1).min(self.ends.len());
            rest = &rest[place + 1..];
        }
        out.extend_from_slice(rest);
    }

    /// Lets go of what has left.
    pub(super) fn forget_woven(&mut self) {
        if self.woven > 0 && self.woven == self.ends.len() {
            let passed = self.ends.last().copied().unwrap_or(0);
            self.bytes.drain(..passed);
            self.ends.clear();
            self.woven = 0;
        }
    }

    /// Begins anew: what has left was taken back.
    pub(super) fn rewind(&mut self) {
        self.woven = 0;
    }

    /// Emits all that has not left, and forgets everything.
    pub(super) fn drain(&mut self, out: &mut Vec<u8>) {
        let from = if self.woven == 0 { 0 } else { self.ends[self.woven - 1] };
        out.extend_from_slice(&self.bytes[from..]);
        self.bytes.clear();
        self.ends.clear();
        self.woven = 0;
    }

    /// A closed frame; of line feeds that no frame stands for, themselves.
    fn frame(&self, place: usize) -> &[u8] {
        let from = if place == 0 { 0 } else { self.ends[place - 1] };
        self.ends.get(place).map_or(b"\n", |&end| &self.bytes[from..end])
    }
}
