//! The case classes of the Autobahn suite in both directions, and what the transformers add to them.

use std::sync::Arc;

use super::{frame::Opcode, *};
use crate::{alias::AliasKey, class::Class, display::Display, plan::Plan, selector::Selector};

use cases::{Case, Ends};
use wire::{Item, Wire};

mod cases;
mod compressed;
mod rewriting;
mod wire;

/// The limit of all tests, so that none of them needs long messages.
const LIMITS: Limits = Limits { message: 1 << 18, ratio: 1000, redact: redactor::Limits::DEFAULT };

#[test]
fn the_autobahn_cases_pass_or_fail_as_they_should_from_server_to_client() {
    for case in cases::all() {
        for plan in [None, Some(plan())] {
            let name = format!("{} under {}", case.name, if plan.is_some() { "a plan" } else { "none" });
            let input = wire::server(&case.frames);
            let mut outs = Vec::new();
            for cut in Cut::all(input.len()) {
                let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
                messages.set_plan(plan.clone(), None);
                let mut out = Vec::new();
                let result = cut.pieces(&input).try_for_each(|piece| messages.write(piece, &mut out));
                agrees(&case, &name, result, messages.is_closed());
                if result.is_ok() {
                    outs.push(out);
                }
            }
            for out in &outs {
                assert!(out == &outs[0], "{name}: what leaves depends on the cuts");
                match plan {
                    Some(_) => assert_eq!(wire::read(Side::Server, out), case.shown(), "{name}"),
                    None => assert!(*out == wire::server(case.before_close()), "{name}: changed"),
                }
            }
        }
    }
}

#[test]
fn the_autobahn_cases_pass_or_fail_as_they_should_from_client_to_server() {
    for case in cases::all() {
        let input = wire::client(&case.frames);
        let mut outs = Vec::new();
        for cut in Cut::all(input.len()) {
            let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
            let mut judge = Recorder::default();
            let mut out = Vec::new();
            let mut keys = counter();
            let result = cut
                .pieces(&input)
                .try_for_each(|piece| messages.write(piece, &mut judge, &mut keys, &mut out));
            agrees(&case, case.name, result, messages.is_closed());
            if result.is_ok() {
                let told: Vec<Item> =
                    judge.seen.into_iter().map(|(kind, payload)| Item::Message(kind, payload)).collect();
                let shown = case.shown();
                let expected: Vec<Item> =
                    shown.iter().filter(|item| matches!(item, Item::Message(..))).cloned().collect();
                assert_eq!(told, expected, "{}", case.name);
                outs.push(out);
            }
        }
        for out in &outs {
            assert!(out == &outs[0], "{}: what leaves depends on the cuts", case.name);
            assert_eq!(wire::read(Side::Client, out), case.shown(), "{}", case.name);
            let is_fragmented = case.frames.iter().any(|frame| frame.opcode == Opcode::Continuation);
            if !is_fragmented {
                assert!(*out == wire::client(case.before_close()), "{}: changed", case.name);
            }
        }
    }
}

fn agrees(case: &Case, name: &str, result: Result<(), WebSocketError>, is_closed: bool) {
    match case.ends {
        Ends::Open => assert_eq!((result, is_closed), (Ok(()), false), "{name}"),
        Ends::Closed => assert_eq!((result, is_closed), (Ok(()), true), "{name}"),
        Ends::Fails(code) => {
            let error = result.expect_err(name);
            assert_eq!(error.close_code(), code, "{name}: {error}");
        }
    }
}

#[test]
fn a_side_may_not_mask_as_the_other_does() {
    let frame = [Wire::whole(Opcode::Text, "\"a\"")];
    let mut out = Vec::new();
    let mut server = ServerMessages::new(None, &contexts(), LIMITS);
    assert_eq!(server.write(&wire::client(&frame), &mut out), Err(WebSocketError::WrongMasking));
    let mut client = ClientMessages::new(None, &contexts(), LIMITS);
    let result = client.write(&wire::server(&frame), &mut Recorder::default(), &mut counter(), &mut out);
    assert_eq!(result, Err(WebSocketError::WrongMasking));
    assert!(out.is_empty());
}

#[test]
fn lengths_are_spelled_as_short_as_they_can_be() {
    let table: [&[u8]; 5] = [
        &[0x82, 126, 0, 125],
        &[0x82, 126, 0, 0],
        &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
        &[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0],
    ];
    for head in table {
        let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
        let mut out = Vec::new();
        assert_eq!(messages.write(head, &mut out), Err(WebSocketError::MalformedLength), "{head:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn after_an_error_nothing_leaves_and_the_error_repeats() {
    let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
    let mut out = Vec::new();
    assert_eq!(messages.write(&[0xc1], &mut out), Err(WebSocketError::ReservedBit));
    assert_eq!(messages.write(b"\x81\x01a", &mut out), Err(WebSocketError::ReservedBit));
    assert_eq!(messages.finish(), Err(WebSocketError::ReservedBit));
    assert!(out.is_empty());
}

#[test]
fn a_connection_that_ends_within_a_message_is_cut() {
    for (input, is_whole) in [
        (&b""[..], true),
        (b"\x81\x01a", true),
        (b"\x81\x02a", false),
        (b"\x81", false),
        (b"\x01\x01a", false),
        (b"\x89\x02a", false),
        (b"\x01\x01a\x88\x00", true),
    ] {
        let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
        messages.write(input, &mut Vec::new()).unwrap();
        assert_eq!(messages.finish().is_ok(), is_whole, "{input:?}");
    }
}

#[test]
fn a_close_frame_is_written_for_either_side() {
    let mut out = Vec::new();
    write_close(CloseCode::Policy, "file-send-blocked", None, &mut out);
    write_close(CloseCode::TooBig, "", None, &mut out);
    let long = "é".repeat(70);
    write_close(CloseCode::Restart, &long, None, &mut out);
    let close = |code: u16, reason: &str| {
        Item::Control(Opcode::Close, [&code.to_be_bytes(), reason.as_bytes()].concat())
    };
    let expected = [close(1008, "file-send-blocked"), close(1009, ""), close(1012, &long[..122])];
    assert_eq!(wire::read(Side::Server, &out), expected);
    out.clear();
    write_close(CloseCode::GoingAway, "gone", Some([1, 2, 3, 4]), &mut out);
    assert_eq!(wire::read(Side::Client, &out), [close(1001, "gone")]);
}

#[test]
fn every_close_code_of_the_gateway_may_be_sent() {
    for code in [
        CloseCode::GoingAway,
        CloseCode::Protocol,
        CloseCode::InvalidPayload,
        CloseCode::Policy,
        CloseCode::TooBig,
        CloseCode::Internal,
        CloseCode::Restart,
    ] {
        let payload = code.number().to_be_bytes();
        assert_eq!(close::read(&payload), Ok(Some((code.number(), ""))));
    }
}

/// Lets all messages pass, and remembers them.
#[derive(Default)]
struct Recorder {
    seen: Vec<(Kind, Vec<u8>)>,
}

impl Judge for Recorder {
    fn admit(&mut self, _: Kind) -> Admission {
        Admission::Hold
    }

    fn judge(&mut self, kind: Kind, payload: &[u8]) -> Verdict {
        self.seen.push((kind, payload.to_vec()));
        Verdict::Pass
    }
}

/// How an input is cut into pieces.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Every(usize),
    Random(u64),
}

impl Cut {
    /// Whole, byte by byte unless that takes too long, and at random.
    fn all(length: usize) -> Vec<Cut> {
        let bytes = if length <= 1 << 18 { vec![Cut::Every(1)] } else { Vec::new() };
        [vec![Cut::Every(length.max(1)), Cut::Every(64 * 1024)], bytes, (0..6).map(Cut::Random).collect()]
            .concat()
    }

    fn pieces(self, input: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = input;
        let mut state = match self {
            Cut::Every(_) => 0,
            Cut::Random(seed) => seed + 1,
        };
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let length = match self {
                Cut::Every(length) => length,
                Cut::Random(seed) => {
                    state = wire::next(state);
                    1 + (state >> 33) as usize % if seed % 2 == 0 { 20 } else { 20_000 }
                }
            };
            let (piece, later) = rest.split_at(length.min(rest.len()));
            rest = later;
            Some(piece)
        })
    }
}

fn contexts() -> Arc<Contexts> {
    Arc::new(Contexts::new(100))
}

/// Keys that are all different.
fn counter() -> impl FnMut() -> [u8; 4] {
    let mut count = 0_u32;
    move || {
        count += 1;
        count.to_be_bytes()
    }
}

fn plan() -> Arc<Plan> {
    let key = AliasKey::new(&[7; AliasKey::MIN_BYTES]).unwrap();
    let selector = Selector::parse("$..phone").unwrap();
    let plan = Plan::builder().field(Class::Phone, &selector).display(Class::Phone, Display::Hidden);
    Arc::new(plan.build(&key).unwrap())
}
