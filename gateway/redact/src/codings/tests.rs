//! Tests of content codings: round trips at every cut, bombs, and bodies that are cut or spoilt.

use super::*;

/// A page of a chat: text that repeats, with numbers that do not.
fn page(length: usize) -> Vec<u8> {
    let mut page = Vec::with_capacity(length + 100);
    let mut number = 7_u64;
    while page.len() < length {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let row = format!("{{\"id\": {}, \"text\": \"Good morning, how may I help you?\"}},\n", number >> 40);
        page.extend_from_slice(row.as_bytes());
    }
    page.truncate(length);
    page
}

fn encode(coding: Coding, level: u32, body: &[u8], cut: usize, flushes: bool) -> Vec<u8> {
    let mut encoder = Encoder::with_level(coding, level);
    let mut out = Vec::new();
    for chunk in body.chunks(cut) {
        encoder.write(chunk, &mut out).unwrap();
        if flushes {
            encoder.flush(&mut out).unwrap();
        }
    }
    encoder.finish(&mut out).unwrap();
    out
}

fn decode(codings: &[Coding], coded: &[u8], cut: usize, room: usize) -> Result<Vec<u8>, CodingError> {
    decode_under(CodingLimits::default(), codings, coded, cut, room)
}

fn decode_under(
    limits: CodingLimits,
    codings: &[Coding],
    coded: &[u8],
    cut: usize,
    room: usize,
) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(codings, limits);
    let mut out = Vec::new();
    for mut input in coded.chunks(cut.max(1)) {
        loop {
            let start = out.len();
            let progress = decoder.decode(&mut input, &mut out, room)?;
            assert!(out.len() - start <= room);
            if progress == Progress::NeedsInput {
                break;
            }
        }
        assert!(input.is_empty());
    }
    decoder.finish().map(|()| out)
}

const CODED: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

#[test]
fn every_coding_comes_back_at_every_level_cut_and_room() {
    let body = page(6_000);
    for coding in Coding::ALL {
        for level in [0, 1, 4, 9, 99] {
            for (cut, flushes) in [(body.len(), false), (777, true)] {
                let coded = encode(coding, level, &body, cut, flushes);
                for (cut, room) in [(coded.len(), 1 << 20), (1, 100), (99, 7)] {
                    assert_eq!(decode(&[coding], &coded, cut, room).as_ref(), Ok(&body), "{coding} {level}");
                }
                if coding != Coding::Identity && !flushes && level > 0 {
                    assert!(coded.len() * 3 < body.len(), "{coding} {level}: {}", coded.len());
                }
            }
        }
    }
}

#[test]
fn small_bodies_come_back_at_every_cut() {
    for coding in Coding::ALL {
        for length in [0, 1, 2, 30] {
            let body = page(length);
            let coded = encode(coding, 4, &body, 10, false);
            for cut in 1..=coded.len().max(1) {
                assert_eq!(decode(&[coding], &coded, cut, 5).as_ref(), Ok(&body), "{coding} by {cut}");
            }
        }
    }
}

#[test]
fn what_was_flushed_can_be_decoded_at_once() {
    for coding in Coding::ALL {
        let mut encoder = Encoder::new(coding);
        let mut decoder = Decoder::new(&[coding], CodingLimits::default());
        for event in 0..50 {
            let event = format!("data: {{\"event\": {event}}}\n\n");
            let (mut coded, mut out) = (Vec::new(), Vec::new());
            encoder.write(event.as_bytes(), &mut coded).unwrap();
            encoder.flush(&mut coded).unwrap();
            let mut input = &coded[..];
            assert_eq!(decoder.decode(&mut input, &mut out, 1000), Ok(Progress::NeedsInput), "{coding}");
            assert_eq!(out, event.as_bytes(), "{coding}");
        }
        // Nothing new, so nothing to decode.
        let (mut coded, mut out) = (Vec::new(), Vec::new());
        encoder.flush(&mut coded).unwrap();
        encoder.finish(&mut coded).unwrap();
        decoder.decode(&mut &coded[..], &mut out, 1000).unwrap();
        assert_eq!((decoder.finish(), out.len()), (Ok(()), 0), "{coding}");
    }
}

#[test]
fn codings_on_top_of_each_other_are_undone_in_reverse() {
    let body = page(8_000);
    for codings in [&[Coding::Gzip, Coding::Brotli][..], &[Coding::Zstd, Coding::Deflate, Coding::Gzip]] {
        let coded = codings.iter().fold(body.clone(), |body, &coding| encode(coding, 3, &body, 1000, true));
        for (cut, room) in [(coded.len(), 1 << 20), (1, 1000), (100, 13)] {
            assert_eq!(decode(codings, &coded, cut, room).as_ref(), Ok(&body), "{codings:?}");
        }
        for length in [1, coded.len() / 2, coded.len() - 1] {
            let result = decode(codings, &coded[..length], 100, 1000);
            assert_eq!(result, Err(CodingError::Truncated), "{codings:?} {length}");
        }
    }
}

#[test]
fn a_body_that_ends_early_or_goes_on_is_refused() {
    let body = page(3000);
    for coding in CODED {
        let coded = encode(coding, 4, &body, 1000, false);
        for length in 1..coded.len() {
            let result = decode(&[coding], &coded[..length], 64, 1000);
            assert_eq!(result, Err(CodingError::Truncated), "{coding} of {length} bytes");
        }
        for trailing in [&b"\0"[..], b"garbage behind the end", b"\x1e\x8b\x08"] {
            let coded = [&coded, trailing].concat();
            for cut in [1, coded.len()] {
                let result = decode(&[coding], &coded, cut, 1000);
                assert!(
                    matches!(result, Err(CodingError::TrailingData | CodingError::Truncated)),
                    "{coding}: {result:?}"
                );
            }
        }
        assert_eq!(decode(&[coding], b"", 1, 1), Ok(Vec::new()), "{coding}");
    }
}

#[test]
fn every_changed_byte_is_noticed_where_there_is_a_checksum() {
    let body = page(600);
    for coding in CODED {
        let coded = encode(coding, 4, &body, 100, true);
        for place in 0..coded.len() {
            for change in [0x01, 0x10, 0x80, 0xff] {
                let mut changed = coded.clone();
                changed[place] ^= change;
                match decode(&[coding], &changed, 50, 1000) {
                    // RFC 7932 has no checksum: a change may decode to something else, but to nothing endless.
                    Ok(out) if coding == Coding::Brotli => assert!(out.len() < 1 << 24),
                    Ok(out) => assert_eq!(out, body, "{coding} {place} {change:x}"),
                    Err(error) => assert!(!error.name().is_empty()),
                }
            }
        }
    }
}

#[test]
fn members_and_frames_follow_one_another() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let member = encode(coding, 4, b"member ", 100, false);
        let three = member.repeat(3);
        for cut in 1..three.len() {
            assert_eq!(decode(&[coding], &three, cut, 4).unwrap(), b"member member member ", "{coding}");
        }
        let limits = CodingLimits { members: 2, ..CodingLimits::default() };
        let result = decode_under(limits, &[coding], &three, 1000, 1000);
        assert_eq!(result, Err(CodingError::TooManyMembers), "{coding}");
    }
    let two = encode(Coding::Deflate, 4, b"one", 100, false).repeat(2);
    assert_eq!(decode(&[Coding::Deflate], &two, 100, 100), Err(CodingError::TrailingData));
}

#[test]
fn deflate_is_read_with_and_without_its_wrapper() {
    let body = page(5000);
    let wrapped = encode(Coding::Deflate, 4, &body, 1000, false);
    let bare = &wrapped[2..wrapped.len() - 4];
    for coded in [&wrapped, bare] {
        for cut in [1, 2, 3, 100, coded.len()] {
            assert_eq!(decode(&[Coding::Deflate], coded, cut, 100).as_ref(), Ok(&body), "by {cut}");
        }
    }
    // One stored block, and nothing: the smallest there are.
    assert_eq!(decode(&[Coding::Deflate], b"\x01\x01\x00\xfe\xffa", 1, 1).unwrap(), b"a");
    assert_eq!(decode(&[Coding::Deflate], b"\x03\x00", 1, 1).unwrap(), b"");
    // With a preset dictionary (RFC 1950 §2.2) nobody can read it.
    assert_eq!(decode(&[Coding::Deflate], b"\x78\xbb\0\0\0\x01", 1, 1), Err(CodingError::Malformed));
}

#[test]
fn ten_gigabytes_of_zeros_are_refused_by_their_ratio() {
    // A full megabyte of zeros, over and over, behind the header of a member.
    let zeros = vec![0; 1 << 20];
    let mut encoder = Encoder::with_level(Coding::Gzip, 9);
    let mut bomb = Vec::new();
    encoder.write(&zeros, &mut bomb).unwrap();
    encoder.flush(&mut bomb).unwrap();
    let head = bomb.len();
    encoder.write(&zeros, &mut bomb).unwrap();
    encoder.flush(&mut bomb).unwrap();
    let (head, block) = bomb.split_at(head);
    let block = block.repeat(100);

    let mut decoder = Decoder::new(&[Coding::Gzip], CodingLimits::default());
    let mut out = Vec::new();
    let mut total = 0;
    let blocks = std::iter::repeat_n(&block[..], 100);
    let result = std::iter::once(head).chain(blocks).try_for_each(|mut input| {
        loop {
            out.clear();
            let progress = decoder.decode(&mut input, &mut out, 16 * 1024)?;
            total += out.len();
            assert!(out.capacity() <= 64 * 1024);
            if progress == Progress::NeedsInput {
                return Ok(());
            }
        }
    });
    assert_eq!(result, Err(CodingError::TooDense));
    assert!((1 << 20..2 << 20).contains(&total), "{total}");
    assert_eq!(decoder.decode(&mut &b"more"[..], &mut out, 100), Err(CodingError::TooDense));
    assert_eq!(decoder.finish(), Err(CodingError::TooDense));
}

#[test]
fn bombs_of_other_codings_are_refused_too() {
    let zeros = vec![0; 3 << 20];
    for coding in [Coding::Brotli, Coding::Zstd] {
        let bomb = encode(coding, 6, &zeros, zeros.len(), false);
        assert_eq!(decode(&[coding], &bomb, 16, 4096), Err(CodingError::TooDense), "{coding}");
    }
    // Each layer is within its ratio, both together are not.
    let inner = encode(Coding::Gzip, 9, &zeros, zeros.len(), false);
    let bomb = encode(Coding::Gzip, 9, &inner, inner.len(), false);
    let limits = CodingLimits { ratio: 1100, ..CodingLimits::default() };
    assert!(decode_under(limits, &[Coding::Gzip], &inner, 100, 4096).is_ok());
    let result = decode_under(limits, &[Coding::Gzip, Coding::Gzip], &bomb, 100, 4096);
    assert_eq!(result, Err(CodingError::TooDense));
}

#[test]
fn a_decoded_body_may_be_as_long_as_the_limit_and_no_longer() {
    let body = page(10_000);
    for coding in Coding::ALL {
        let coded = encode(coding, 4, &body, 1000, false);
        for (limit, expected) in [(10_000, Ok(body.clone())), (9_999, Err(CodingError::TooLong))] {
            let limits = CodingLimits { output_bytes: Some(limit), ..CodingLimits::default() };
            for (cut, room) in [(100, 64), (coded.len(), 1 << 20)] {
                assert_eq!(decode_under(limits, &[coding], &coded, cut, room), expected, "{coding}");
            }
        }
    }
}

#[test]
fn windows_larger_than_their_coding_has_are_refused() {
    // RFC 8878 §3.1.1.1: no single segment; the windows have 8 MiB, 16 MiB and 2 TiB.
    let frame = |window: u8| [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, window][..], &[0x01, 0x00, 0x00]].concat();
    assert_eq!(decode(&[Coding::Zstd], &frame(13 << 3), 1, 100), Ok(Vec::new()));
    for window in [14 << 3, 31 << 3] {
        let result = decode(&[Coding::Zstd], &frame(window), 1, 100);
        assert_eq!(result, Err(CodingError::WindowTooLarge), "{window:x}");
    }
    // RFC 7932 §9.1: this pattern is of no window; large windows of brotli begin so.
    assert_eq!(decode(&[Coding::Brotli], &[0x11, 0x1e, 0x03], 1, 100), Err(CodingError::Malformed));
}

#[test]
fn a_frame_of_another_length_than_its_header_says_is_refused() {
    // RFC 8878 §3.1.1.1.4: one segment of 5 bytes; a raw block of 5, and an empty last one.
    let block = b"\x28\x00\x00hello\x01\x00\x00";
    let frame = |length: u8| [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, length], &block[..]].concat();
    for cut in [1, 4, 100] {
        assert_eq!(decode(&[Coding::Zstd], &frame(5).repeat(2), cut, 100).unwrap(), b"hellohello");
        assert_eq!(decode(&[Coding::Zstd], &frame(248), cut, 100), Err(CodingError::Malformed), "by {cut}");
    }
}

#[test]
fn codings_are_found_by_the_names_they_have() {
    for coding in Coding::ALL {
        assert_eq!(Coding::named(&coding.to_string().to_uppercase()), Some(coding));
    }
    assert_eq!(Coding::named("x-gzip"), Some(Coding::Gzip));
    assert_eq!(Coding::named("compress"), None);
    assert_eq!(Coding::named(""), None);
}

#[test]
fn decoders_and_encoders_can_be_carried_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<Decoder>();
    is_send::<Encoder>();
}
