//! `zstd` (RFC 8878), by libzstd.

use zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, get_frame_content_size, is_error_kind,
    zstd_sys::{ZSTD_EndDirective, ZSTD_ErrorCode},
};

use super::{CodingError, STEP, Step};

/// Undoes `zstd`, of any number of frames.
pub(super) struct Decompressor {
    context: DCtx<'static>,
    /// How many more frames may follow.
    frames: u32,
    /// Between frames, or before the first.
    is_between: bool,
    is_begun: bool,
    /// Whether the last step had too little room; without, and without input, libzstd counts calls as a fault.
    is_full: bool,
    is_unusable: bool,
    /// The beginning of the frame, in which its header is.
    header: Vec<u8>,
    /// How many bytes the frame has given.
    given: u64,
}

impl Decompressor {
    pub(super) fn new(frames: u32) -> Decompressor {
        let mut context = DCtx::create();
        let is_unusable = context.set_parameter(DParameter::WindowLogMax(MAX_WINDOW)).is_err();
        Decompressor {
            context,
            frames,
            is_between: true,
            is_begun: false,
            is_full: false,
            is_unusable,
            header: Vec::new(),
            given: 0,
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.is_begun && self.is_between
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, CodingError> {
        if self.is_unusable {
            return Err(CodingError::Malformed);
        }
        if input.is_empty() && (self.is_between || !self.is_full) {
            return Ok(Step { taken: 0, given: 0 });
        }
        if self.is_between {
            self.frames = self.frames.checked_sub(1).ok_or(CodingError::TooManyMembers)?;
            self.is_between = false;
            self.header.clear();
            self.given = 0;
        }
        let (bytes, room) = (input, out.len());
        let (mut input, mut out) = (InBuffer::around(bytes), OutBuffer::around(out));
        let hint = self.context.decompress_stream(&mut out, &mut input).map_err(|code| {
            let is = |kind| is_error_kind(code, kind);
            if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
                CodingError::WindowTooLarge
            } else if self.is_begun && is(ZSTD_ErrorCode::ZSTD_error_prefix_unknown) {
                CodingError::TrailingData
            } else {
                CodingError::Malformed
            }
        })?;
        self.is_full = out.pos() == room;
        self.given += out.pos() as u64;
        let more = bytes.iter().take(input.pos()).take(MAX_HEADER - self.header.len());
        self.header.extend(more);
        if hint == 0 {
            // libzstd does not look at this behind an empty last block.
            if let Ok(Some(length)) = get_frame_content_size(&self.header)
                && length != self.given
            {
                return Err(CodingError::Malformed);
            }
            self.is_between = true;
            self.is_begun = true;
        }
        Ok(Step { taken: input.pos(), given: out.pos() })
    }
}

/// Does `zstd`.
pub(super) struct Compressor {
    context: CCtx<'static>,
}

impl Compressor {
    pub(super) fn new(level: u32) -> Result<Compressor, CodingError> {
        let mut context = CCtx::create();
        let level = i32::try_from(level.clamp(1, 19)).unwrap_or(1);
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::WindowLog(WINDOW),
            CParameter::ChecksumFlag(true),
        ] {
            context.set_parameter(parameter).map_err(|_| CodingError::Encoder)?;
        }
        Ok(Compressor { context })
    }

    pub(super) fn write(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(input, ZSTD_EndDirective::ZSTD_e_continue, out)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(&[], ZSTD_EndDirective::ZSTD_e_flush, out)
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(&[], ZSTD_EndDirective::ZSTD_e_end, out)
    }

    fn run(
        &mut self,
        input: &[u8],
        directive: ZSTD_EndDirective,
        out: &mut Vec<u8>,
    ) -> Result<(), CodingError> {
        let length = input.len();
        let mut input = InBuffer::around(input);
        loop {
            let start = out.len();
            out.resize(start + STEP, 0);
            let mut space = OutBuffer::around(out.get_mut(start..).unwrap_or_default());
            let left = self.context.compress_stream2(&mut space, &mut input, directive);
            let given = space.pos();
            out.truncate(start + given);
            let is_flushed = match directive {
                // What is left may wait for more input.
                ZSTD_EndDirective::ZSTD_e_continue => given < STEP,
                ZSTD_EndDirective::ZSTD_e_flush | ZSTD_EndDirective::ZSTD_e_end => {
                    left.map_err(|_| CodingError::Encoder)? == 0
                }
            };
            if left.is_err() {
                return Err(CodingError::Encoder);
            }
            if is_flushed && input.pos() == length {
                return Ok(());
            }
        }
    }
}

/// RFC 8878 §3.1.1: the magic number and the longest header.
const MAX_HEADER: usize = 18;

/// 8 MiB (RFC 9659 §3).
const MAX_WINDOW: u32 = 23;

/// 256 KiB: what a chat's page or stream refers back to.
const WINDOW: u32 = 18;
