//! JSON on its way into a script element: nothing in it may end the element, or begin a comment in it.
//!
//! What came out of the page cannot, but a value that is put together anew could. In JSON a `<` stands in strings
//! alone, where `\u003c` means the same.

use memchr::memchr;

use crate::error::RedactError;

/// Watches a stream of JSON.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// The end of the stream, if it could begin one of [`MARKS`]; shorter than the longest of them.
    held: Vec<u8>,
}

impl Guard {
    /// Passes what `write` emits.
    pub(super) fn pass(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), RedactError>,
        out: &mut Vec<u8>,
    ) -> Result<(), RedactError> {
        let from = out.len();
        out.append(&mut self.held);
        let written = write(out);
        // Where there is no mark, as nearly always, nothing is copied.
        let mut at = from;
        while let Some(found) = memchr(b'<', &out[at..]) {
            let place = at + found;
            let rest = &out[place..];
            if is_mark(rest) {
                out.splice(place..=place, *b"\\u003c");
            } else if could_be_mark(rest) {
                self.held = out.split_off(place);
                break;
            }
            at = place + 1;
        }
        written
    }

    /// Ends the stream.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.held);
    }
}

fn is_mark(text: &[u8]) -> bool {
    MARKS.iter().any(|mark| text.get(..mark.len()).is_some_and(|text| text.eq_ignore_ascii_case(mark)))
}

fn could_be_mark(text: &[u8]) -> bool {
    MARKS.iter().any(|mark| mark.get(..text.len()).is_some_and(|mark| text.eq_ignore_ascii_case(mark)))
}

/// What changes how a script is read (WHATWG HTML §4.12.1.3).
const MARKS: [&[u8]; 3] = [b"</script", b"<script", b"<!--"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_escaped_wherever_they_are_cut_and_all_else_passes() {
        let text = b"\"<b></b> <</SCRIPT> <!-- <!- <scrip <script\" </scri";
        let expected = b"\"<b></b> <\\u003c/SCRIPT> \\u003c!-- <!- <scrip \\u003cscript\" </scri";
        for size in 1..=text.len() {
            let mut guard = Guard::default();
            let mut out = Vec::new();
            for piece in text.chunks(size) {
                let write = |shown: &mut Vec<u8>| {
                    shown.extend_from_slice(piece);
                    Ok(())
                };
                guard.pass(write, &mut out).unwrap();
            }
            guard.finish(&mut out);
            assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string(), "by {size}");
        }
    }
}
