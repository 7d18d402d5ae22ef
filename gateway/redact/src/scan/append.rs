//! Appending in steps of a block, without a call.

use super::BLOCK;

/// Longer pieces are appended by the standard library, which has faster ways to.
const LONGEST: usize = 1024;

/// Appends `chunk[from..to]`, as a rule in steps of a block: a bit more than that is read and written, within bounds.
#[inline(always)]
pub(crate) fn append(out: &mut Vec<u8>, chunk: &[u8], from: usize, to: usize) {
    let piece = &chunk[from..to];
    if piece.len() > LONGEST || chunk.len() - to < BLOCK {
        return out.extend_from_slice(piece);
    }
    out.reserve(piece.len() + BLOCK);
    let length = out.len();
    // SAFETY: a step begins at `done < piece.len()`, so it reads before `to + BLOCK`, which is within the chunk, and
    // writes before `length + piece.len() + BLOCK`, which is reserved. The bytes below the new length are written: the
    // steps leave no gap and reach `piece.len()`. A shared and an exclusive reference do not overlap.
    unsafe {
        let (source, target) = (piece.as_ptr(), out.as_mut_ptr().add(length));
        let mut done = 0;
        while done < piece.len() {
            target
                .add(done)
                .cast::<[u8; BLOCK]>()
                .write_unaligned(source.add(done).cast::<[u8; BLOCK]>().read_unaligned());
            done += BLOCK;
        }
        out.set_len(length + piece.len());
    }
}

/// Appends the first `length` bytes of a block.
#[inline(always)]
pub(crate) fn append_block(out: &mut Vec<u8>, block: &[u8; BLOCK], length: usize) {
    out.reserve(BLOCK);
    let end = out.len() + length.min(BLOCK);
    // SAFETY: a block is written behind the end, where one is reserved; of it at most all become part of the vector.
    unsafe {
        out.as_mut_ptr().add(out.len()).cast::<[u8; BLOCK]>().write_unaligned(*block);
        out.set_len(end);
    }
}
