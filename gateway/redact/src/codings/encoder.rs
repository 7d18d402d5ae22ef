//! Doing a coding.

use std::fmt;

use super::{Coding, CodingError, brotli, zlib, zstd};

/// Codes one body, however it is cut.
#[derive(Debug)]
pub struct Encoder {
    engine: Engine,
}

impl Encoder {
    /// Begins a body at the level that pays for an answer made on the fly: 4 of `gzip`, `deflate` and `br`, 3 of
    /// `zstd`.
    pub fn new(coding: Coding) -> Encoder {
        let level = match coding {
            Coding::Gzip | Coding::Deflate | Coding::Brotli => 4,
            Coding::Zstd => 3,
            Coding::Identity => 0,
        };
        Encoder::with_level(coding, level)
    }

    /// Begins a body at a level of the coding: up to 9 of `gzip` and `deflate`, 11 of `br`, 19 of `zstd`.
    pub fn with_level(coding: Coding, level: u32) -> Encoder {
        let engine = match coding {
            Coding::Gzip => Engine::Zlib(zlib::Deflater::gzip(level)),
            Coding::Deflate => Engine::Zlib(zlib::Deflater::deflate(level)),
            Coding::Brotli => Engine::Brotli(Box::new(brotli::Compressor::new(level))),
            Coding::Zstd => Engine::Zstd(zstd::Compressor::new(level)),
            Coding::Identity => Engine::Identity,
        };
        Encoder { engine }
    }

    /// Takes the next bytes of the body and appends to `out` what is ready of the coded one, if anything is.
    pub fn write(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodingError> {
        match &mut self.engine {
            Engine::Zlib(engine) => engine.write(input, out),
            Engine::Brotli(engine) => engine.write(input, out),
            Engine::Zstd(engine) => engine.as_mut().map_err(|error| *error)?.write(input, out),
            Engine::Identity => {
                out.extend_from_slice(input);
                Ok(())
            }
        }
    }

    /// Appends all that a client needs to decode what has been written so far, as at the end of an event. Costs a few
    /// bytes.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        match &mut self.engine {
            Engine::Zlib(engine) => engine.flush(out),
            Engine::Brotli(engine) => engine.flush(out),
            Engine::Zstd(engine) => engine.as_mut().map_err(|error| *error)?.flush(out),
            Engine::Identity => Ok(()),
        }
    }

    /// Ends the body.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        match self.engine {
            Engine::Zlib(engine) => engine.finish(out),
            Engine::Brotli(engine) => engine.finish(out),
            Engine::Zstd(engine) => engine?.finish(out),
            Engine::Identity => Ok(()),
        }
    }
}

enum Engine {
    Zlib(zlib::Deflater),
    Brotli(Box<brotli::Compressor>),
    /// Or why there is none.
    Zstd(Result<zstd::Compressor, CodingError>),
    Identity,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Zlib(_) => "Zlib",
            Engine::Brotli(_) => "Brotli",
            Engine::Zstd(_) => "Zstd",
            Engine::Identity => "Identity",
        })
    }
}
