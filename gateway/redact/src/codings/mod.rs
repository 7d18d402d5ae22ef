//! Content codings (RFC 9110 §8.4): what a body is compressed with, undone and done again as it streams past.
//!
//! A [`Decoder`] appends no more bytes at a time than it is given room for, and knows from [`CodingLimits`] when a
//! body grows too much to be honest, so that a small body never becomes a large one in memory. What is malformed,
//! ends early or goes on behind its end is an error. An [`Encoder`] can be flushed, so that an event leaves when it
//! is written. It knows no headers but the two values that it parses.
//!
//! Memory of one decoder at most, and of one encoder at its default level:
//!
//! | coding | decoder | encoder |
//! |---|---|---|
//! | `gzip`, `deflate` | 48 KiB | 372 KiB |
//! | `br` | its window, up to 16 MiB (RFC 7932 §9.1), and some 100 KiB of tables | 3.7 MiB |
//! | `zstd` | its window, up to 8 MiB (RFC 9659), and 480 KiB | 1.8 MiB |
//!
//! ```
//! use chatwarden_redact::codings::{Coding, CodingLimits, Decoder, Encoder, Progress};
//!
//! let mut encoder = Encoder::new(Coding::Gzip);
//! let mut coded = Vec::new();
//! encoder.write(&[b'a'; 100_000], &mut coded)?;
//! encoder.finish(&mut coded)?;
//!
//! let mut decoder = Decoder::new(&[Coding::Gzip], CodingLimits::default());
//! let (mut input, mut total) = (&coded[..], 0);
//! loop {
//!     let mut piece = Vec::new();
//!     let progress = decoder.decode(&mut input, &mut piece, 16 * 1024)?;
//!     assert!(piece.len() <= 16 * 1024);
//!     total += piece.len();
//!     if progress == Progress::NeedsInput {
//!         break;
//!     }
//! }
//! decoder.finish()?;
//! assert_eq!(total, 100_000);
//! # Ok::<(), chatwarden_redact::codings::CodingError>(())
//! ```

use std::fmt;

pub use decoder::{Decoder, Progress};
pub use encoder::Encoder;
pub use header::{choose, parse_content_encoding};

mod brotli;
mod decoder;
mod encoder;
pub(crate) mod fuzz;
mod header;
#[cfg(test)]
mod tests;
mod zlib;
mod zstd;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip` or `x-gzip`: RFC 1952, as RFC 9110 §8.4.1.3 has it.
    Gzip,
    /// `deflate`: RFC 1950 around RFC 1951. Bare RFC 1951 is read too, as browsers do, and never written.
    Deflate,
    /// `br`: RFC 7932.
    Brotli,
    /// `zstd`: RFC 8878, in windows of up to 8 MiB (RFC 9659).
    Zstd,
    /// `identity`: none.
    Identity,
}

impl Coding {
    /// Every coding, `identity` last.
    pub const ALL: [Coding; 5] =
        [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd, Coding::Identity];

    /// Names the coding as headers do.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Identity => "identity",
        }
    }

    /// Finds a coding by its name in a header, in whatever case.
    pub fn named(name: &str) -> Option<Coding> {
        let is_named = |coding: &Coding| name.eq_ignore_ascii_case(coding.name());
        let old = name.eq_ignore_ascii_case("x-gzip").then_some(Coding::Gzip);
        Coding::ALL.into_iter().find(is_named).or(old)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a coded body may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodingLimits {
    /// The most bytes that a body may have when decoded.
    pub output_bytes: Option<u64>,
    /// How many bytes one coded byte may become, on average, in a body of more than 1 MiB. Honest bodies reach a few
    /// hundred; deflate cannot exceed 1032.
    pub ratio: u32,
    /// How many members a body of `gzip` may consist of (RFC 1952 §2.2), or frames one of `zstd` (RFC 8878 §3).
    pub members: u32,
}

impl Default for CodingLimits {
    fn default() -> CodingLimits {
        CodingLimits { output_bytes: None, ratio: 1000, members: 1024 }
    }
}

/// Why a body cannot be decoded, or encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// A coding that is not known here.
    #[error("an unknown content coding")]
    Unknown,
    /// More codings on top of each other than anybody needs.
    #[error("too many content codings on top of each other")]
    TooMany,
    /// The body is not of its coding, or its checksum is not its own.
    #[error("the coded body is malformed")]
    Malformed,
    /// The body ends before its coding does.
    #[error("the coded body ends early")]
    Truncated,
    /// The body goes on behind the end of its coding.
    #[error("something follows the coded body")]
    TrailingData,
    /// The body asks for a larger window than its coding may.
    #[error("the coded body needs too large a window")]
    WindowTooLarge,
    /// The body consists of more members than [`CodingLimits::members`].
    #[error("the coded body has too many members")]
    TooManyMembers,
    /// The body grows more than [`CodingLimits::ratio`].
    #[error("the coded body grows too much")]
    TooDense,
    /// The decoded body is longer than [`CodingLimits::output_bytes`].
    #[error("the decoded body is too long")]
    TooLong,
    /// The encoder failed, for want of memory or by a fault of its own.
    #[error("the body cannot be encoded")]
    Encoder,
}

impl CodingError {
    /// Names the error as logs and metrics do.
    pub const fn name(self) -> &'static str {
        match self {
            CodingError::Unknown => "unknown-coding",
            CodingError::TooMany => "too-many-codings",
            CodingError::Malformed => "malformed-coding",
            CodingError::Truncated => "truncated-coding",
            CodingError::TrailingData => "data-behind-coding",
            CodingError::WindowTooLarge => "window-too-large",
            CodingError::TooManyMembers => "too-many-members",
            CodingError::TooDense => "coding-too-dense",
            CodingError::TooLong => "decoded-too-long",
            CodingError::Encoder => "encoder-failed",
        }
    }
}

/// What one step of a decoder or encoder did.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// How many bytes of the input it took.
    taken: usize,
    /// How many bytes of output it gave.
    given: usize,
}

/// How much output is asked for in one step.
const STEP: usize = 16 * 1024;
