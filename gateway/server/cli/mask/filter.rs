//! One document on its way: decoded, masked, encoded again.
//!
//! Codings stack as in `Content-Encoding`. After an error the coded output has no end, so that whoever decodes it sees
//! that it is cut.

use std::{fmt, sync::Arc};

use chatwarden_redact::{
    Format, Limits, Plan, RedactError, Redactor, Summary,
    codings::{Coding, CodingError, CodingLimits, Decoder, Encoder, Progress},
};

/// What is done to one document.
pub(super) struct Filter {
    decoder: Option<Decoder>,
    redactor: Redactor,
    encoders: Vec<Encoder>,
    /// How many coded bytes came.
    taken: u64,
    plain: Vec<u8>,
    masked: Vec<u8>,
}

/// Why a document is given up, and where.
#[derive(Debug)]
pub(super) struct Fault {
    offset: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Coding(CodingError),
    /// And whether the place is one of the decoded document.
    Document(RedactError, bool),
}

impl Filter {
    pub(super) fn new(plan: Arc<Plan>, format: Format, codings: &[Coding]) -> Filter {
        Filter {
            decoder: (!codings.is_empty()).then(|| Decoder::new(codings, CodingLimits::default())),
            redactor: Redactor::new(plan, format, Limits::default()),
            encoders: codings.iter().map(|coding| Encoder::new(*coding)).collect(),
            taken: 0,
            plain: Vec::new(),
            masked: Vec::new(),
        }
    }

    /// Takes bytes and appends to `out` what may leave; before a fault, too.
    pub(super) fn write(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let Some(mut decoder) = self.decoder.take() else { return self.mask(bytes, out) };
        let length = bytes.len();
        loop {
            let mut plain = std::mem::take(&mut self.plain);
            let progress = decoder.decode(&mut bytes, &mut plain, ROOM);
            let offset = self.taken + (length - bytes.len()) as u64;
            let progress = progress.map_err(|error| Fault { offset, what: What::Coding(error) })?;
            let masked = self.mask(&plain, out);
            plain.clear();
            self.plain = plain;
            masked?;
            if progress == Progress::NeedsInput {
                break;
            }
        }
        self.taken += length as u64;
        self.decoder = Some(decoder);
        Ok(())
    }

    fn mask(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.encoders.is_empty() {
            let result = self.redactor.write(plain, out);
            return result.map_err(|error| self.fault(error));
        }
        let mut masked = std::mem::take(&mut self.masked);
        let result = self.redactor.write(plain, &mut masked);
        let coded = encode(&mut self.encoders, &masked, out);
        masked.clear();
        self.masked = masked;
        result.map_err(|error| self.fault(error))?;
        coded.map_err(|error| coding(self.taken, error))
    }

    /// Ends the document.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<Summary, Fault> {
        if let Some(decoder) = self.decoder.take() {
            decoder.finish().map_err(|error| coding(self.taken, error))?;
        }
        let (offset, decoded) = (self.redactor.offset(), !self.encoders.is_empty());
        let mut rest = Vec::new();
        let summary = self.redactor.finish(&mut rest);
        let summary = summary.map_err(|error| Fault { offset, what: What::Document(error, decoded) });
        for mut encoder in self.encoders {
            let mut coded = Vec::new();
            let result = encoder.write(&rest, &mut coded);
            // A document that is cut has no end.
            let result =
                result.and_then(|()| if summary.is_ok() { encoder.finish(&mut coded) } else { Ok(()) });
            result.map_err(|error| coding(self.taken, error))?;
            rest = coded;
        }
        out.append(&mut rest);
        summary
    }

    fn fault(&self, error: RedactError) -> Fault {
        Fault { offset: self.redactor.offset(), what: What::Document(error, !self.encoders.is_empty()) }
    }
}

/// Through all the encoders, one on top of the other.
fn encode(encoders: &mut [Encoder], bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CodingError> {
    let Some((last, inner)) = encoders.split_last_mut() else {
        out.extend_from_slice(bytes);
        return Ok(());
    };
    let mut coded = Vec::new();
    encode(inner, bytes, &mut coded)?;
    last.write(&coded, out)
}

fn coding(offset: u64, error: CodingError) -> Fault {
    Fault { offset, what: What::Coding(error) }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.offset;
        match self.what {
            What::Coding(error) => write!(f, "offset {offset}: {error} ({})", error.name()),
            What::Document(error, false) => write!(f, "offset {offset}: {error} ({})", error.name()),
            What::Document(error, true) => {
                write!(f, "offset {offset} when decoded: {error} ({})", error.name())
            }
        }
    }
}

/// How much is decoded at a time.
const ROOM: usize = 64 * 1024;
