//! `br` (RFC 7932), by the crate brotli.

use brotli::{
    BrotliDecompressStream, BrotliResult, BrotliState,
    enc::{
        StandardAlloc,
        encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct},
    },
};

use super::{CodingError, STEP, Step};

/// Undoes `br`, in windows of up to 16 MiB: large ones (`new_strict` has none) are not of this coding.
pub(super) struct Decompressor {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    total: usize,
    is_at_end: bool,
}

impl Decompressor {
    pub(super) fn new() -> Decompressor {
        let alloc = StandardAlloc::default;
        Decompressor { state: BrotliState::new_strict(alloc(), alloc(), alloc()), total: 0, is_at_end: false }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, CodingError> {
        if self.is_at_end {
            return match input {
                [] => Ok(Step { taken: 0, given: 0 }),
                [..] => Err(CodingError::TrailingData),
            };
        }
        let (mut left, mut taken, mut room, mut given) = (input.len(), 0, out.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut taken,
            input,
            &mut room,
            &mut given,
            out,
            &mut self.total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultSuccess => self.is_at_end = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(CodingError::Malformed),
        }
        Ok(Step { taken, given })
    }
}

/// Does `br`.
pub(super) struct Compressor {
    state: BrotliEncoderStateStruct<StandardAlloc>,
}

impl Compressor {
    pub(super) fn new(level: u32) -> Compressor {
        let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, level.min(11));
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, WINDOW);
        Compressor { state }
    }

    pub(super) fn write(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(input, BrotliEncoderOperation::BROTLI_OPERATION_PROCESS, out)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(&[], BrotliEncoderOperation::BROTLI_OPERATION_FLUSH, out)
    }

    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<(), CodingError> {
        self.run(&[], BrotliEncoderOperation::BROTLI_OPERATION_FINISH, out)?;
        match self.state.is_finished() {
            true => Ok(()),
            false => Err(CodingError::Encoder),
        }
    }

    fn run(
        &mut self,
        input: &[u8],
        operation: BrotliEncoderOperation,
        out: &mut Vec<u8>,
    ) -> Result<(), CodingError> {
        let (mut left, mut taken) = (input.len(), 0);
        loop {
            let start = out.len();
            out.resize(start + STEP, 0);
            let (mut room, mut given) = (STEP, 0);
            let is_fine = self.state.compress_stream(
                operation,
                &mut left,
                input,
                &mut taken,
                &mut room,
                out.get_mut(start..).unwrap_or_default(),
                &mut given,
                &mut None,
                &mut |_, _, _, _| (),
            );
            out.truncate(start + given);
            if !is_fine {
                return Err(CodingError::Encoder);
            }
            if left == 0 && !self.state.has_more_output() {
                return Ok(());
            }
        }
    }
}

/// 256 KiB: what a chat's page or stream refers back to.
const WINDOW: u32 = 18;
