//! Bodies through every coding, at any cut, and what cannot be read.

use chatwarden_redact::{AliasKey, Class, Selector};

use chatwarden_policy::in_band::Event;

use super::*;

/// Hears nothing.
struct Deaf;

impl Listener for Deaf {
    fn hear(&mut self, _: &[Event]) -> Result<Option<Heard>, Denial> {
        Ok(None)
    }
}

fn plan() -> Arc<Plan> {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let phone = Selector::parse("$..phone").unwrap();
    Arc::new(Plan::builder().field(Class::Phone, &phone).build(&key).unwrap())
}

fn begin(content_type: Option<&str>, codings: &[Coding], unknown: Unknown, shown: Coding) -> AnswerBody {
    let carrier = Carrier::of(content_type, None).unwrap();
    let rewrite = Rewrite { carrier, codings: codings.to_vec(), unknown };
    AnswerBody::Rewrite(Box::new(Rewriting::new(&rewrite, Some(plan()), None, Limits::default(), shown)))
}

/// What leaves of a body with each chunk, and behind the last one.
fn through(mut answer: AnswerBody, chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, AnswerError> {
    let mut left = Vec::new();
    for chunk in chunks {
        let mut body = Some(Bytes::copy_from_slice(chunk));
        answer.filter(&mut body, false, &mut Deaf)?;
        left.push(body.unwrap_or_default().to_vec());
    }
    let mut body = None;
    answer.filter(&mut body, true, &mut Deaf)?;
    left.push(body.unwrap_or_default().to_vec());
    Ok(left)
}

fn page(chunks: &[&[u8]]) -> Result<String, AnswerError> {
    let answer = begin(Some("text/html"), &[], Unknown::IsCut, Coding::Identity);
    through(answer, chunks).map(|left| String::from_utf8(left.concat()).unwrap())
}

fn coded(codings: &[Coding], plain: &[u8]) -> Vec<u8> {
    codings.iter().fold(plain.to_vec(), |body, &coding| {
        let (mut encoder, mut out) = (Encoder::new(coding), Vec::new());
        encoder.write(&body, &mut out).unwrap();
        encoder.finish(&mut out).unwrap();
        out
    })
}

fn decoded(coding: Coding, parts: &[Vec<u8>]) -> Vec<u8> {
    let (mut decoder, mut out) = (Decoder::new(&[coding], CodingLimits::default()), Vec::new());
    for part in parts {
        let mut input = &part[..];
        while decoder.decode(&mut input, &mut out, PIECE).unwrap() == Progress::NeedsRoom {}
    }
    decoder.finish().unwrap();
    out
}

const CARD: &[u8] = b"{\"phone\":\"37061234567\"}";

#[test]
fn a_page_passes_and_json_that_calls_itself_one_is_rewritten() {
    assert_eq!(page(&[b" \n", b"<p>Hello</p>"]).unwrap(), " \n<p>Hello</p>");
    assert_eq!(page(&[b" ", b"\n"]).unwrap(), " \n");
    assert_eq!(page(&[]).unwrap(), "");
    let json = page(&[b" \r\n", b"{\"phone\":\"37061", b"234567\"}"]).unwrap();
    assert!(json.starts_with(" \r\n{\"phone\":\"+999"), "{json}");
}

#[test]
fn json_does_not_hide_behind_a_mark_or_endless_blanks() {
    assert!(page(&[b"\xef\xbb\xbf", CARD]).is_err());
    let blanks = vec![b' '; 64 * 1024 + 1];
    assert!(!page(&[&blanks, CARD]).unwrap().contains("37061234567"));
}

#[test]
fn what_fits_no_grammar_is_cut_dropped_or_passes() {
    let text = &[&b"Anna, +37061234567"[..]];
    let answer = |unknown| begin(Some("text/plain"), &[], unknown, Coding::Identity);
    assert_eq!(through(answer(Unknown::IsCut), text), Err(AnswerError::Unknown));
    assert_eq!(through(answer(Unknown::IsDropped), text).unwrap().concat(), b"");
    assert_eq!(through(answer(Unknown::Passes), text).unwrap().concat(), text[0]);
}

#[test]
fn every_coding_is_undone_and_done_again_at_any_cut() {
    use Coding::{Brotli, Deflate, Gzip, Zstd};
    let plain = through(begin(Some("application/json"), &[], Unknown::IsCut, Coding::Identity), &[CARD]);
    let plain = plain.unwrap().concat();
    for codings in [&[Gzip][..], &[Deflate], &[Brotli], &[Zstd], &[Gzip, Brotli], &[Zstd, Deflate, Gzip]] {
        let body = coded(codings, CARD);
        for shown in Coding::ALL {
            let answer = || begin(Some("application/json"), codings, Unknown::IsCut, shown);
            for cut in [1, 2, 7, body.len()] {
                let chunks: Vec<&[u8]> = body.chunks(cut).collect();
                let left = through(answer(), &chunks).unwrap();
                assert_eq!(decoded(shown, &left), plain, "{codings:?} as {shown}, {cut} bytes a chunk");
            }
            for end in [1, body.len() / 2, body.len() - 1] {
                assert!(through(answer(), &[&body[..end]]).is_err(), "{codings:?} cut at {end}");
            }
        }
    }
}

#[test]
fn a_body_that_is_not_of_its_coding_or_grows_too_much_is_cut() {
    let answer =
        |codings: &[Coding]| begin(Some("application/json"), codings, Unknown::IsCut, Coding::Identity);
    assert!(through(answer(&[Coding::Gzip]), &[CARD]).is_err());
    let bomb = coded(&[Coding::Gzip], &[b"[", &vec![b' '; 64 << 20][..], b"]"].concat());
    assert_eq!(
        through(answer(&[Coding::Gzip]), &bomb.chunks(4096).collect::<Vec<_>>()),
        Err(AnswerError::Coding(CodingError::TooDense))
    );
}

#[test]
fn an_event_leaves_when_it_comes_in_every_coding() {
    let events: [&[u8]; 2] = [b"data: {\"phone\":\"37061234567\"}\n\n", b"data: {\"n\":2}\n\n"];
    for coding in Coding::ALL {
        let (mut encoder, mut chunks) = (Encoder::new(coding), Vec::new());
        for event in events {
            let mut chunk = Vec::new();
            encoder.write(event, &mut chunk).unwrap();
            encoder.flush(&mut chunk).unwrap();
            chunks.push(chunk);
        }
        let codings: Vec<Coding> = [coding].into_iter().filter(|&one| one != Coding::Identity).collect();
        let answer = begin(Some("text/event-stream"), &codings, Unknown::IsCut, coding);
        let mut answer = answer;
        let mut decoder = Decoder::new(&codings, CodingLimits::default());
        for (chunk, expected) in chunks.into_iter().zip(["data: {\"phone\":\"+999", "data: {\"n\":2}\n\n"]) {
            let mut body = Some(Bytes::from(chunk));
            answer.filter(&mut body, false, &mut Deaf).unwrap();
            let (left, mut shown) = (body.unwrap_or_default(), Vec::new());
            decoder.decode(&mut &left[..], &mut shown, PIECE).unwrap();
            let shown = String::from_utf8(shown).unwrap();
            assert!(shown.starts_with(expected) && shown.ends_with("\n\n"), "{coding}: {shown:?}");
        }
    }
}

#[test]
fn what_is_counted_passes_as_it_came_readable_or_not() {
    for (codings, body) in [
        (&[][..], CARD.to_vec()),
        (&[Coding::Gzip], coded(&[Coding::Gzip], CARD)),
        (&[Coding::Gzip], b"x".to_vec()),
    ] {
        let carrier = Carrier::of(Some("application/json"), None).unwrap();
        let rewrite = Rewrite { carrier, codings: codings.to_vec(), unknown: Unknown::Passes };
        let rewriting = Rewriting::new(&rewrite, Some(plan()), None, Limits::default(), Coding::Identity);
        let mut answer = AnswerBody::Beside(Some(Box::new(rewriting)));
        let mut chunk = Some(Bytes::from(body.clone()));
        let finished = answer.filter(&mut chunk, true, &mut Deaf).unwrap();
        assert_eq!(chunk.unwrap(), body);
        assert_eq!(finished.map(|finished| finished.summary.total()), (body != b"x").then_some(1));
    }
}

/// Has to hide something once it has heard a message.
struct Turn;

impl Listener for Turn {
    fn hear(&mut self, _: &[Event]) -> Result<Option<Heard>, Denial> {
        Ok(Some(Heard { plan: Some(plan()), learnt: None }))
    }
}

#[test]
fn a_body_that_passes_as_it_came_is_cut_where_something_has_to_be_hidden() {
    let carrier = Carrier::of(Some("text/plain"), None).unwrap();
    let rewrite = Rewrite { carrier, codings: vec![Coding::Gzip], unknown: Unknown::Passes };
    let rewriting = Rewriting::new(&rewrite, None, None, Limits::default(), Coding::Identity).listening(true);
    let mut answer = AnswerBody::Beside(Some(Box::new(rewriting)));
    let whole = coded(&[Coding::Gzip], b"42[\"taken\"]\x1e42[\"msg\",{\"phone\":\"37061234567\"}]");
    let mut body = Some(Bytes::from(whole));
    let cut = answer.filter(&mut body, false, &mut Turn);
    assert_eq!(cut.err(), Some(AnswerError::Denied(Reason::UnscannableAnswer.into())));
    assert_eq!(body, None);
}
