//! `gzip` and `deflate`, by zlib-rs.
//!
//! Named by itself and not through flate2, whose backend is one for the whole binary: pingora chooses C there, and
//! what strangers send is better read by Rust.

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::{CodingError, STEP, Step};

/// Undoes `gzip`, of any number of members, or `deflate`.
pub(super) struct Inflater {
    /// None before the first bytes, which of `deflate` say how it is wrapped.
    inflate: Option<Inflate>,
    /// The first byte of `deflate`, when it came alone.
    first: Option<u8>,
    is_gzip: bool,
    is_at_end: bool,
    /// How many more members may follow.
    members: u32,
}

impl Inflater {
    pub(super) fn gzip(members: u32) -> Inflater {
        Inflater { inflate: None, first: None, is_gzip: true, is_at_end: false, members }
    }

    pub(super) fn deflate() -> Inflater {
        Inflater { inflate: None, first: None, is_gzip: false, is_at_end: false, members: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, CodingError> {
        let [byte, ..] = input else {
            // What is left to give is in the window.
            return match &mut self.inflate {
                Some(inflate) if !self.is_at_end => advance(inflate, input, out).map(|(step, ended)| {
                    self.is_at_end = ended;
                    step
                }),
                Some(_) | None => Ok(Step { taken: 0, given: 0 }),
            };
        };
        if self.is_at_end {
            // RFC 1952 §2.2: members follow one another, with nothing between them.
            if !self.is_gzip || *byte != GZIP_FIRST {
                return Err(CodingError::TrailingData);
            }
            self.inflate = None;
            self.is_at_end = false;
        }
        if self.inflate.is_none() && self.is_gzip {
            self.members = self.members.checked_sub(1).ok_or(CodingError::TooManyMembers)?;
            self.inflate = Some(Inflate::new(true, GZIP_WINDOW));
        }
        let mut given = 0;
        let inflate = match (&mut self.inflate, self.first.take(), input) {
            (Some(inflate), _, _) => inflate,
            (None, None, [first]) => {
                self.first = Some(*first);
                return Ok(Step { taken: 1, given: 0 });
            }
            (none @ None, None, [first, second, ..]) => {
                none.insert(Inflate::new(is_wrapped(*first, *second), WINDOW))
            }
            (none @ None, Some(first), _) => {
                let inflate = none.insert(Inflate::new(is_wrapped(first, *byte), WINDOW));
                given = advance(inflate, &[first], out)?.0.given;
                inflate
            }
            (None, None, []) => return Ok(Step { taken: 0, given: 0 }),
        };
        let (step, ended) = advance(inflate, input, out.get_mut(given..).unwrap_or_default())?;
        self.is_at_end = ended;
        Ok(Step { taken: step.taken, given: given + step.given })
    }
}

/// Whether the first two bytes of `deflate` are a header of RFC 1950 §2.2. Bare RFC 1951 has them only if its first
/// block is stored behind padding that no encoder writes.
fn is_wrapped(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7 && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31)
}

fn advance(inflate: &mut Inflate, input: &[u8], out: &mut [u8]) -> Result<(Step, bool), CodingError> {
    let (total_in, total_out) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, out, InflateFlush::NoFlush).map_err(|_| CodingError::Malformed)?;
    let step =
        Step { taken: passed(total_in, inflate.total_in()), given: passed(total_out, inflate.total_out()) };
    Ok((step, status == Status::StreamEnd))
}

/// Does `gzip` or `deflate`.
pub(super) struct Deflater {
    deflate: Deflate,
}

impl Deflater {
    pub(super) fn gzip(level: u32) -> Deflater {
        Deflater::new(level, GZIP_WINDOW)
    }

    pub(super) fn deflate(level: u32) -> Deflater {
        Deflater::new(level, WINDOW)
    }

    fn new(level: u32, window: u8) -> Deflater {
        let level = i32::try_from(level.min(9)).unwrap_or(9);
        let config = DeflateConfig { window_bits: i32::from(window), ..DeflateConfig::new(level) };
        Deflater { deflate: Deflate::new_with_config(config) }
    }

    pub(super) fn write(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(input, DeflateFlush::NoFlush, out).map(drop)
    }

    /// Ends a block at the border of a byte.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(&[], DeflateFlush::SyncFlush, out).map(drop)
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        match self.run(&[], DeflateFlush::Finish, out)? {
            Status::StreamEnd => Ok(()),
            Status::Ok | Status::BufError => Err(CodingError::Encoder),
        }
    }

    fn run(
        &mut self,
        mut input: &[u8],
        flush: DeflateFlush,
        out: &mut Vec<u8>,
    ) -> Result<Status, CodingError> {
        loop {
            let start = out.len();
            out.resize(start + STEP, 0);
            let (total_in, total_out) = (self.deflate.total_in(), self.deflate.total_out());
            let space = out.get_mut(start..).unwrap_or_default();
            let status = self.deflate.compress(input, space, flush);
            let given = passed(total_out, self.deflate.total_out());
            out.truncate(start + given);
            input = input.get(passed(total_in, self.deflate.total_in())..).unwrap_or_default();
            match status.map_err(|_| CodingError::Encoder)? {
                Status::StreamEnd => return Ok(Status::StreamEnd),
                // With room to spare everything has been given.
                status @ (Status::Ok | Status::BufError) if given < STEP => match input {
                    [] => return Ok(status),
                    [..] => return Err(CodingError::Encoder),
                },
                Status::Ok | Status::BufError => {}
            }
        }
    }
}

fn passed(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

/// RFC 1952 §2.3.1: ID1.
const GZIP_FIRST: u8 = 0x1f;

/// 32 KiB, as zlib writes it.
const WINDOW: u8 = 15;

/// The same within a gzip member.
const GZIP_WINDOW: u8 = 16 + WINDOW;
