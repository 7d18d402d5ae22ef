//! What passes as it came once its first bytes have been seen: pictures, fonts, sound, film and styles.
//!
//! The first bytes are held until they tell, decoded beside where the body is coded. Then what is held leaves as it came,
//! and nothing more is looked at; or the body is a text under a false name, and nothing of it leaves.

use bytes::Bytes;
use chatwarden_policy::{
    carrier::{Judged, MAX_HEAD_BYTES},
    glance::{Glance, Kind},
};
use chatwarden_redact::codings::{CodingLimits, Decoder, Progress};

use super::answer_body::AnswerError;

/// A body that is being glanced at.
pub(crate) struct Glancing {
    kind: Kind,
    decoder: Option<Decoder>,
    /// What has come, coded as it came.
    held: Vec<u8>,
    /// What it is without its codings, if it has any.
    decoded: Vec<u8>,
}

impl Glancing {
    pub(crate) fn new(glance: &Glance) -> Self {
        let decoder =
            (!glance.codings.is_empty()).then(|| Decoder::new(&glance.codings, CodingLimits::default()));
        Self { kind: glance.kind, decoder, held: Vec::new(), decoded: Vec::new() }
    }

    /// Takes a chunk; what has come so far once it may leave, and nothing before.
    ///
    /// # Errors
    /// A text, or what cannot be decoded.
    pub(crate) fn take(&mut self, chunk: &[u8], end: bool) -> Result<Option<Bytes>, AnswerError> {
        self.held.extend_from_slice(chunk);
        if self.held.is_empty() {
            return Ok(end.then(Bytes::new));
        }
        let head = match &mut self.decoder {
            None => &self.held,
            Some(decoder) => {
                let mut input = chunk;
                while self.decoded.len() < MAX_HEAD_BYTES
                    && decoder.decode(&mut input, &mut self.decoded, PIECE)? == Progress::NeedsRoom
                {
                }
                &self.decoded
            }
        };
        match self.kind.judge(head, end) {
            Judged::Clear => Ok(Some(std::mem::take(&mut self.held).into())),
            // What is coded may go on without saying anything.
            Judged::More if self.held.len() < MAX_HEAD_BYTES => Ok(None),
            Judged::More | Judged::As(_) | Judged::Unknown => Err(AnswerError::Unknown),
        }
    }
}

/// How much is decoded at a time.
const PIECE: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use chatwarden_redact::codings::{Coding, Encoder};

    use super::*;

    fn coded(body: &[u8], coding: Coding) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(coding), Vec::new());
        encoder.write(body, &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    }

    fn shown(codings: &[Coding], body: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut glancing = Glancing::new(&Glance { kind: Kind::Style, codings: codings.to_vec() });
        let mut shown = None;
        let chunks = body.chunks(size).map(|chunk| (chunk, false)).chain([(&b""[..], true)]);
        for (chunk, end) in chunks {
            match &mut shown {
                None => shown = glancing.take(chunk, end).ok()?.map(|bytes| bytes.to_vec()),
                Some(shown) => shown.extend_from_slice(chunk),
            }
        }
        Some(shown.unwrap_or_default())
    }

    #[test]
    fn styles_pass_as_they_came_and_texts_do_not_however_coded_and_cut() {
        let style = format!("[data-x] {{ color: red }}\n{}", "a { color: blue }\n".repeat(20_000));
        let text = br#"  {"phone": "+37061234567"}"#;
        assert_eq!(shown(&[], b"", 1).as_deref(), Some(&b""[..]));
        assert_eq!(shown(&[Coding::Gzip], b"", 1).as_deref(), Some(&b""[..]));
        for coding in
            [None, Some(Coding::Gzip), Some(Coding::Brotli), Some(Coding::Zstd), Some(Coding::Deflate)]
        {
            let codings: Vec<Coding> = coding.into_iter().collect();
            let code = |body: &[u8]| coding.map_or(body.to_vec(), |coding| coded(body, coding));
            for size in [1, 7, usize::MAX] {
                let style = code(style.as_bytes());
                assert_eq!(shown(&codings, &style, size).as_ref(), Some(&style), "{coding:?} {size}");
                assert_eq!(shown(&codings, &code(text), size), None, "{coding:?} {size}");
            }
        }
        assert_eq!(shown(&[Coding::Gzip], style.as_bytes(), 100), None);
    }
}
