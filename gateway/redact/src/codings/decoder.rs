//! Undoing codings, one on top of the other.
//!
//! Each layer takes its input from the one above it through a buffer of a fixed size, and gives no more than it is
//! asked for. Growth is measured for each layer and for all of them together.

use std::fmt;

use super::{Coding, CodingError, CodingLimits, STEP, Step, brotli, zlib, zstd};

/// Undoes the codings of one body, however it is cut. After an error it repeats the error.
#[derive(Debug)]
pub struct Decoder {
    /// The coding that was applied last comes first. None of them is `identity`.
    layers: Vec<Layer>,
    limits: CodingLimits,
    growth: Growth,
    failure: Option<CodingError>,
}

/// Why [`Decoder::decode`] has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The input has been taken, and everything that it stands for has been appended.
    NeedsInput,
    /// As much has been appended as there was room for; there may be more.
    NeedsRoom,
}

impl Decoder {
    /// Begins a body to which these codings were applied, in this order.
    pub fn new(codings: &[Coding], limits: CodingLimits) -> Decoder {
        let layers = codings.iter().rev().filter_map(|&coding| Layer::new(coding, limits)).collect();
        Decoder { layers, limits, growth: Growth::default(), failure: None }
    }

    /// Takes bytes from the front of `input` and appends what they stand for to `out`, at most `room` bytes.
    pub fn decode(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        room: usize,
    ) -> Result<Progress, CodingError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let (before, start) = (input.len(), out.len());
        // One byte over the limit is enough to know.
        let limit = self.limits.output_bytes.map_or(u64::MAX, |limit| (limit - self.growth.given).max(1));
        let room = usize::try_from(limit).map_or(room, |limit| room.min(limit));
        let result = pull(&mut self.layers, input, out, room).and_then(|progress| {
            self.growth.add(before - input.len(), out.len() - start);
            self.growth.check(self.limits.ratio)?;
            match self.limits.output_bytes {
                Some(limit) if self.growth.given > limit => Err(CodingError::TooLong),
                Some(_) | None => Ok(progress),
            }
        });
        if result.is_err() {
            out.truncate(start);
        }
        result.inspect_err(|failure| self.failure = Some(*failure))
    }

    /// Ends the body. One without a byte is empty in every coding, as browsers have it.
    pub fn finish(self) -> Result<(), CodingError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        match self.growth.taken == 0 || self.layers.iter().all(Layer::is_at_end) {
            true => Ok(()),
            false => Err(CodingError::Truncated),
        }
    }
}

/// Decodes through all layers.
fn pull(
    layers: &mut [Layer],
    input: &mut &[u8],
    out: &mut Vec<u8>,
    room: usize,
) -> Result<Progress, CodingError> {
    let Some((last, above)) = layers.split_last_mut() else {
        let (now, later) = input.split_at(room.min(input.len()));
        out.extend_from_slice(now);
        *input = later;
        return Ok(if later.is_empty() { Progress::NeedsInput } else { Progress::NeedsRoom });
    };
    if above.is_empty() {
        return last.decode(input, out, room);
    }
    let end = out.len() + room;
    loop {
        let mut buffer = std::mem::take(&mut last.buffer);
        let mut rest = buffer.get(last.at..).unwrap_or_default();
        let progress = last.decode(&mut rest, out, end - out.len())?;
        last.at = buffer.len() - rest.len();
        if progress == Progress::NeedsInput {
            buffer.clear();
            last.at = 0;
            pull(above, input, &mut buffer, STEP)?;
        }
        let is_dry = buffer.is_empty();
        last.buffer = buffer;
        if progress == Progress::NeedsRoom || is_dry {
            return Ok(progress);
        }
    }
}

/// One coding that is being undone.
#[derive(Debug)]
struct Layer {
    engine: Engine,
    growth: Growth,
    ratio: u32,
    /// What the layer above has given; up to `at` it has been taken.
    buffer: Vec<u8>,
    at: usize,
}

impl Layer {
    fn new(coding: Coding, limits: CodingLimits) -> Option<Layer> {
        let engine = match coding {
            Coding::Gzip => Engine::Zlib(zlib::Inflater::gzip(limits.members)),
            Coding::Deflate => Engine::Zlib(zlib::Inflater::deflate()),
            Coding::Brotli => Engine::Brotli(Box::new(brotli::Decompressor::new())),
            Coding::Zstd => Engine::Zstd(zstd::Decompressor::new(limits.members)),
            Coding::Identity => return None,
        };
        Some(Layer { engine, growth: Growth::default(), ratio: limits.ratio, buffer: Vec::new(), at: 0 })
    }

    fn is_at_end(&self) -> bool {
        match &self.engine {
            Engine::Zlib(engine) => engine.is_at_end(),
            Engine::Brotli(engine) => engine.is_at_end(),
            Engine::Zstd(engine) => engine.is_at_end(),
        }
    }

    fn decode(&mut self, input: &mut &[u8], out: &mut Vec<u8>, room: usize) -> Result<Progress, CodingError> {
        let end = out.len() + room;
        while out.len() < end {
            let start = out.len();
            // Room is filled with zeros before it is used: a stream that comes byte by byte should not pay for much of it.
            let size = if input.len() < FEW { STEP / 16 } else { STEP }.min(end - start);
            out.resize(start + size, 0);
            let space = out.get_mut(start..).unwrap_or_default();
            let step = match &mut self.engine {
                Engine::Zlib(engine) => engine.step(input, space),
                Engine::Brotli(engine) => engine.step(input, space),
                Engine::Zstd(engine) => engine.step(input, space),
            };
            let Step { taken, given } = step.inspect_err(|_| out.truncate(start))?;
            debug_assert!(taken <= input.len() && given <= size);
            out.truncate(start + given);
            *input = input.get(taken..).unwrap_or_default();
            self.growth.add(taken, given);
            self.growth.check(self.ratio)?;
            if given < size && input.is_empty() {
                return Ok(Progress::NeedsInput);
            }
            if given == 0 && taken == 0 {
                return Err(CodingError::Malformed);
            }
        }
        Ok(Progress::NeedsRoom)
    }
}

enum Engine {
    Zlib(zlib::Inflater),
    Brotli(Box<brotli::Decompressor>),
    Zstd(zstd::Decompressor),
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Zlib(_) => "Zlib",
            Engine::Brotli(_) => "Brotli",
            Engine::Zstd(_) => "Zstd",
        })
    }
}

/// How much a body has grown so far.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    taken: u64,
    given: u64,
}

impl Growth {
    fn add(&mut self, taken: usize, given: usize) {
        self.taken += taken as u64;
        self.given += given as u64;
    }

    fn check(self, ratio: u32) -> Result<(), CodingError> {
        match self.given > FREE_BYTES && self.given / u64::from(ratio.max(1)) > self.taken {
            true => Err(CodingError::TooDense),
            false => Ok(()),
        }
    }
}

/// Fewer coded bytes than this seldom give a whole step.
const FEW: usize = 64;

/// What a body may grow to at whatever ratio.
const FREE_BYTES: u64 = 1024 * 1024;
