//! Appending in steps of a block, without a call.

use super::BLOCK;

/// Longer pieces are appended by the standard library, which has faster ways to.
const LONGEST: usize = 1024;

/// Appends `chunk[from..to]`, as a rule in steps of two blocks: a bit more than that is read and written, within
/// bounds.
#[inline(always)]
pub(crate) fn append(out: &mut Vec<u8>, chunk: &[u8], from: usize, to: usize) {
    const STEP: usize = 2 * BLOCK;
    let piece = &chunk[from..to];
    if piece.len() > LONGEST || chunk.len() - to < STEP {
        return out.extend_from_slice(piece);
    }
    out.reserve(piece.len() + STEP);
    let length = out.len();
    // SAFETY: a step begins at `done <= piece.len()`, so it reads before `to + STEP`, which is within the chunk, from
    // which the pointer is: one from the piece might not read beyond it. It writes before `length + piece.len() + STEP`,
    // which is reserved. The bytes below the new length are written: the steps leave no gap and reach `piece.len()`. A
    // shared and an exclusive reference do not overlap.
    unsafe {
        let (source, target) = (chunk.as_ptr().add(from), out.as_mut_ptr().add(length));
        let mut done = 0;
        loop {
            let step = source.add(done).cast::<[u8; STEP]>().read_unaligned();
            target.add(done).cast::<[u8; STEP]>().write_unaligned(step);
            done += STEP;
            if done >= piece.len() {
                break;
            }
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
