//! The body of the codings fuzz target.
//!
//! It takes any bytes: one picks the codings, two seed cuts and rooms. The rest is decoded as it is, and is coded and
//! decoded again. A panic is a finding.

use super::{Coding, CodingError, CodingLimits, Decoder, Encoder, Progress};

/// Decodes bytes at several cuts, and carries them there and back.
pub fn fuzz_codings(data: &[u8]) {
    let [pick, high, low, body @ ..] = data else { return };
    let mut random = u64::from(*high) << 8 | u64::from(*low);
    let mut next = |bound: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound
    };
    let codings = CODINGS[usize::from(*pick) % CODINGS.len()];

    let whole = decode(codings, body, |_| body.len(), || 1 << 20);
    let bytes = decode(codings, body, |_| 1, || 1 << 20);
    assert!(bytes.as_ref().ok() == whole.as_ref().ok(), "what is decoded depends on the cuts");
    let narrow = decode(codings, body, |_| body.len(), || 1 + next(40));
    assert!(narrow.as_ref().ok() == whole.as_ref().ok(), "what is decoded depends on the room");

    let mut coded = body.to_vec();
    for &coding in codings {
        let mut encoder = Encoder::with_level(coding, next(6) as u32);
        let mut out = Vec::new();
        let mut rest = &coded[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at((1 + next(200)).min(rest.len()));
            encoder.write(now, &mut out).expect("memory suffices");
            if next(4) == 0 {
                encoder.flush(&mut out).expect("memory suffices");
            }
            rest = later;
        }
        encoder.finish(&mut out).expect("memory suffices");
        coded = out;
    }
    let again = decode(codings, &coded, |_| coded.len(), || 1 << 20);
    assert!(again.as_deref() == Ok(body), "a body does not come back");
}

fn decode(
    codings: &[Coding],
    coded: &[u8],
    mut cut: impl FnMut(usize) -> usize,
    mut room: impl FnMut() -> usize,
) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(codings, LIMITS);
    let mut out = Vec::new();
    let mut at = 0;
    while at < coded.len() {
        let end = coded.len().min(at + cut(at));
        let mut input = &coded[at..end];
        loop {
            let (start, room) = (out.len(), room());
            let progress = decoder.decode(&mut input, &mut out, room)?;
            assert!(out.len() - start <= room, "more than there is room for");
            match progress {
                Progress::NeedsInput => break,
                Progress::NeedsRoom => assert!(out.len() - start == room.min(out.len() - start).max(1)),
            }
        }
        assert!(input.is_empty(), "input is left");
        at = end;
    }
    decoder.finish().map(|()| out)
}

const LIMITS: CodingLimits = CodingLimits { output_bytes: Some(64 * 1024), ratio: u32::MAX, members: 8 };

const CODINGS: [&[Coding]; 7] = [
    &[Coding::Gzip],
    &[Coding::Deflate],
    &[Coding::Brotli],
    &[Coding::Zstd],
    &[],
    &[Coding::Gzip, Coding::Brotli],
    &[Coding::Zstd, Coding::Deflate, Coding::Gzip],
];
