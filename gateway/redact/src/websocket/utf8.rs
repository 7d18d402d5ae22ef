//! UTF-8 that arrives in pieces.

use super::WebSocketError;

/// Checks a text as it comes, and knows of a fault at the first byte that makes one (RFC 6455 §8.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character that the last piece ended within; the first `held` bytes, 0 <= held <= 3.
    bytes: [u8; 4],
    held: usize,
}

impl Utf8 {
    /// Takes a piece. On an error it is the place of the byte that makes the fault.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), usize> {
        let mut begins = 0;
        while self.held > 0 {
            let (Some(&byte), Some(place)) = (piece.get(begins), self.bytes.get_mut(self.held)) else {
                return Ok(());
            };
            *place = byte;
            match std::str::from_utf8(self.bytes.get(..=self.held).unwrap_or_default()) {
                Ok(_) => self.held = 0,
                Err(error) if error.error_len().is_none() => self.held += 1,
                Err(_) => return Err(begins),
            }
            begins += 1;
        }
        let piece = piece.get(begins..).unwrap_or_default();
        let Err(error) = simdutf8::compat::from_utf8(piece) else { return Ok(()) };
        let rest = piece.get(error.valid_up_to()..).unwrap_or_default();
        match (error.error_len(), rest) {
            (None, _) => {
                for (place, byte) in self.bytes.iter_mut().zip(rest) {
                    *place = *byte;
                }
                self.held = rest.len();
                Ok(())
            }
            // What a character may begin with is at fault for what follows it only.
            (Some(length), [0xc2..=0xf4, ..]) => Err(begins + error.valid_up_to() + length),
            (Some(_), _) => Err(begins + error.valid_up_to()),
        }
    }

    pub(super) fn finish(self) -> Result<(), WebSocketError> {
        if self.held == 0 { Ok(()) } else { Err(WebSocketError::InvalidUtf8) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]]) -> Result<(), WebSocketError> {
        let mut utf8 = Utf8::default();
        let written = pieces.iter().try_for_each(|piece| utf8.write(piece));
        written.map_err(|_| WebSocketError::InvalidUtf8)?;
        utf8.finish()
    }

    #[test]
    fn a_text_is_judged_alike_at_every_cut() {
        let texts: [(&[u8], bool); 11] = [
            ("κόσμε 😀 a".as_bytes(), true),
            (b"", true),
            (b"\xf4\x8f\xbf\xbf", true),
            (b"\xf4\x90\x80\x80", false),
            (b"\xed\xa0\x80", false),
            (b"\xc0\x80", false),
            (b"\xe0\x80\x80", false),
            (b"a\x80", false),
            (b"\xce", false),
            (b"\xf0\x9f\x98", false),
            (b"\xff", false),
        ];
        for (text, is_valid) in texts {
            for cut in 0..=text.len() {
                let (left, right) = text.split_at(cut);
                assert_eq!(check(&[left, right]).is_ok(), is_valid, "{text:?} at {cut}");
            }
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(check(&bytes).is_ok(), is_valid, "{text:?}");
        }
    }

    #[test]
    fn a_fault_is_known_at_its_byte_at_every_cut() {
        let texts: [(&[u8], usize); 8] = [
            (b"ab\xf4\x90\x80\x80", 3),
            (b"\xf0\x9f\x98a", 3),
            (b"\xe2\x82 ", 2),
            (b"\xed\xa0\x80", 1),
            (b"a\xc0\xaf", 1),
            (b"\x80", 0),
            (b"\xce\xba\xce\xff", 3),
            (b"\xf5\x80", 0),
        ];
        for (text, fault) in texts {
            for cut in 0..=text.len() {
                let (left, right) = text.split_at(cut);
                let mut utf8 = Utf8::default();
                let found = utf8.write(left).err().or_else(|| Some(cut + utf8.write(right).err()?));
                assert_eq!(found, Some(fault), "{text:?} at {cut}");
            }
        }
    }
}
