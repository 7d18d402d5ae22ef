//! Where in its frames a WebSocket's server side is: a close frame may stand only between two (RFC 6455 §5.4).

/// Follows what is written, from the head of the answer that switches protocols.
#[derive(Debug, Default)]
pub(super) enum Written {
    /// Answers of HTTP.
    #[default]
    Http,
    /// The head of a `101 Switching Protocols`, with so many bytes of its last four seen.
    Switching(usize),
    Frames(Frames),
}

/// The place within a frame.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; MAX_HEAD],
    /// Bytes of the head that have been written, `have <= MAX_HEAD`.
    have: usize,
    /// Bytes of the payload that have not.
    left: u64,
}

/// Two bytes, a length of eight and a masking key.
const MAX_HEAD: usize = 14;
const BLANK_LINE: &[u8; 4] = b"\r\n\r\n";

impl Written {
    /// Takes what has been written.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        if matches!(self, Written::Http) && bytes.starts_with(b"HTTP/1.1 101 ") {
            *self = Written::Switching(0);
        }
        if let Written::Switching(seen) = self {
            let mut rest = bytes.iter();
            for byte in rest.by_ref() {
                let expected = BLANK_LINE.get(*seen) == Some(byte);
                *seen = if expected { *seen + 1 } else { usize::from(*byte == b'\r') };
                if *seen == BLANK_LINE.len() {
                    break;
                }
            }
            if *seen < BLANK_LINE.len() {
                return;
            }
            bytes = rest.as_slice();
            *self = Written::Frames(Frames::default());
        }
        if let Written::Frames(frames) = self {
            frames.take(bytes);
        }
    }

    /// Whether the connection carries frames.
    pub(super) fn is_switched(&self) -> bool {
        matches!(self, Written::Frames(_))
    }

    /// Whether a frame may stand here.
    pub(super) fn is_between_frames(&self) -> bool {
        matches!(self, Written::Frames(Frames { have: 0, left: 0, .. }))
    }
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let now = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= now as u64;
                bytes = bytes.get(now..).unwrap_or_default();
                continue;
            }
            if let (Some(slot), Some((byte, rest))) = (self.head.get_mut(self.have), bytes.split_first()) {
                *slot = *byte;
                self.have += 1;
                bytes = rest;
            }
            if let Some(length) = self.length() {
                (self.left, self.have) = (length, 0);
            }
        }
    }

    /// The length of the payload, once the head is complete (RFC 6455 §5.2).
    fn length(&self) -> Option<u64> {
        let second = *self.head.get(1).filter(|_| self.have >= 2)?;
        let wide = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let key = if second & 0x80 == 0 { 0 } else { 4 };
        if self.have < 2 + wide + key {
            return None;
        }
        let written = self.head.get(2..2 + wide)?;
        let length = written.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        Some(if wide == 0 { u64::from(second & 0x7f) } else { length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(parts: &[&[u8]]) -> bool {
        let mut written = Written::default();
        parts.iter().for_each(|part| written.take(part));
        written.is_between_frames()
    }

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn a_frame_may_stand_behind_the_head_and_between_frames_at_any_cut() {
        let medium = [&[0x82, 126, 1, 0][..], &[0; 256]].concat();
        let large = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[0; 65536]].concat();
        let masked = [&[0x81, 0x82, 1, 2, 3, 4][..], b"ab"].concat();
        let frames = [&[0x81, 2, b'a', b'b'][..], &[0x89, 0], &medium, &large, &masked].concat();
        let whole = [HEAD, &frames].concat();
        let mut ends = vec![HEAD.len()];
        for length in [4, 2, medium.len(), large.len(), masked.len()] {
            ends.push(ends.last().unwrap() + length);
        }
        for end in (0..HEAD.len() + 300).chain(whole.len() - 20..=whole.len()) {
            let part = &whole[..end];
            assert_eq!(between(&[part]), ends.contains(&end), "{end}");
            let bytes: Vec<&[u8]> = part.chunks(1).collect();
            // The first write of a head is never cut before its status.
            let cut = [&[&part[..end.min(13)]], &bytes[end.min(13)..]].concat();
            assert_eq!(between(&cut), ends.contains(&end), "{end}, byte by byte");
        }
    }

    #[test]
    fn nothing_stands_between_frames_of_http() {
        assert!(!between(&[]));
        assert!(!between(&[b"HTTP/1.1 200 OK\r\n\r\n"]));
        assert!(!Written::default().is_switched());
        assert!(between(&[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", HEAD]));
    }
}
