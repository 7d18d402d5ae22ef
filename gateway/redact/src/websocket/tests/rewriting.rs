//! What the transformers change: fields of a server's texts, messages that a judge replaces.

use super::*;

const PRIVATE: &str = r#"{"phone":"+37061234507","text":"hello"}"#;
const SHOWN: &str = r#"{"phone":"hidden","text":"hello"}"#;

/// Sends frames through a server's direction and reads what comes out.
fn shown(messages: &mut ServerMessages, frames: &[Wire]) -> Vec<Item> {
    let mut out = Vec::new();
    messages.write(&wire::server(frames), &mut out).unwrap();
    wire::read(Side::Server, &out)
}

fn text(payload: impl AsRef<[u8]>) -> Item {
    Item::Message(Kind::Text, payload.as_ref().to_vec())
}

#[test]
fn a_field_is_hidden_however_its_message_is_fragmented_and_cut() {
    let socket_io = format!("42/chat,[\"new\",{PRIVATE}]");
    let expected = text(format!("42/chat,[\"new\",{SHOWN}]"));
    for at in 0..=socket_io.len() {
        let (left, right) = socket_io.split_at(at);
        let frames = [
            Wire::part(Opcode::Text, left),
            Wire::whole(Opcode::Ping, "p"),
            Wire::whole(Opcode::Continuation, right),
        ];
        let input = wire::server(&frames);
        for cut in Cut::all(input.len()) {
            let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
            messages.set_plan(Some(plan()), None);
            let mut out = Vec::new();
            cut.pieces(&input).for_each(|piece| messages.write(piece, &mut out).unwrap());
            let ping = Item::Control(Opcode::Ping, b"p".to_vec());
            assert_eq!(wire::read(Side::Server, &out), [ping, expected.clone()], "{at} {cut:?}");
            assert_eq!(messages.take_summary().hidden[Class::Phone.index()], 1);
            assert_eq!(messages.take_summary().total(), 0);
        }
    }
}

#[test]
fn a_long_message_leaves_in_fragments_before_it_ends() {
    let long = format!("[{}\"end\"]", "1,".repeat(100_000));
    let input = wire::server(&[Wire::whole(Opcode::Text, &long)]);
    let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
    messages.set_plan(Some(plan()), None);
    let (early, late) = input.split_at(input.len() / 2);
    let mut out = Vec::new();
    messages.write(early, &mut out).unwrap();
    assert!(out.len() > early.len() - 40_000, "{} of {} bytes have left", out.len(), early.len());
    messages.write(&[], &mut out).unwrap();
    // A control frame need not wait.
    assert!(messages.is_between_frames() && !messages.is_between_messages());
    messages.write(late, &mut out).unwrap();
    assert_eq!(wire::read(Side::Server, &out), [text(long)]);
}

#[test]
fn a_plan_takes_effect_at_the_next_message() {
    let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
    let begin = [Wire::part(Opcode::Text, &PRIVATE[..20])];
    let mut out = Vec::new();
    messages.write(&wire::server(&begin), &mut out).unwrap();
    messages.set_plan(Some(plan()), None);
    let rest = [Wire::whole(Opcode::Continuation, &PRIVATE[20..]), Wire::whole(Opcode::Text, PRIVATE)];
    messages.write(&wire::server(&rest), &mut out).unwrap();
    assert_eq!(wire::read(Side::Server, &out), [text(PRIVATE), text(SHOWN)]);
    messages.set_plan(None, None);
    assert_eq!(shown(&mut messages, &rest[1..]), [text(PRIVATE)]);
}

#[test]
fn a_message_that_was_told_decides_over_the_next_one_in_the_same_bytes() {
    let frames = [
        Wire::whole(Opcode::Text, PRIVATE),
        Wire::part(Opcode::Text, "[\"sh"),
        Wire::whole(Opcode::Ping, "p"),
        Wire::whole(Opcode::Continuation, "ow\"]"),
        Wire::whole(Opcode::Text, PRIVATE),
        Wire::whole(Opcode::Binary, "\u{1}"),
        Wire::whole(Opcode::Text, format!("[\"{}\"]", "x".repeat(64))),
    ];
    let input = wire::server(&frames);
    for cut in Cut::all(input.len()) {
        let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
        messages.set_plan(Some(plan()), None);
        messages.tell(64);
        let (mut out, mut told) = (Vec::new(), Vec::new());
        for mut piece in cut.pieces(&input) {
            while let Some(text) = messages.write_message(&mut piece, &mut out).unwrap() {
                if text == b"[\"show\"]" {
                    messages.set_plan(None, None);
                }
                told.push(String::from_utf8(text).unwrap());
            }
            assert!(piece.is_empty());
        }
        assert_eq!(told, [PRIVATE, "[\"show\"]", PRIVATE, "", ""], "{cut:?}");
        let shown = wire::read(Side::Server, &out);
        assert_eq!((&shown[0], &shown[3]), (&text(SHOWN), &text(PRIVATE)), "{cut:?}");
    }
}

#[test]
fn what_no_framing_begins_is_not_passed() {
    for (message, name) in [("Anna +37061234507", "unknown-framing"), ("{\"phone\":", "truncated")] {
        let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
        messages.set_plan(Some(plan()), None);
        let mut out = Vec::new();
        let frames = [Wire::whole(Opcode::Text, "[1]"), Wire::whole(Opcode::Text, message)];
        let error = messages.write(&wire::server(&frames), &mut out).unwrap_err();
        assert_eq!((error.name(), error.close_code()), (name, CloseCode::Internal));
        assert_eq!(wire::read(Side::Server, &out), [text("[1]")], "the messages before it have left");
        assert!(messages.is_between_frames());
    }
}

#[test]
fn the_reason_of_a_close_frame_passes_a_plan_only_as_a_plain_word() {
    let close = |reason: &str| [&4001_u16.to_be_bytes(), reason.as_bytes()].concat();
    for (reason, is_plain) in [
        ("session-expired", true),
        ("E_AUTH:403", true),
        ("", true),
        ("Anna Kovalenko has left", false),
        ("anna@example.com", false),
        ("37061234507", false),
    ] {
        let frames = [Wire::whole(Opcode::Close, close(reason))];
        let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
        let closed = |reason| [Item::Control(Opcode::Close, close(reason))];
        assert_eq!(shown(&mut messages, &frames), closed(reason));
        let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
        messages.set_plan(Some(plan()), None);
        assert_eq!(shown(&mut messages, &frames), closed(if is_plain { reason } else { "" }), "{reason}");
    }
}

#[test]
fn binary_messages_of_a_server_pass_or_are_refused() {
    let frames = [Wire::whole(Opcode::Text, SHOWN), Wire::whole(Opcode::Binary, [0xff; 300])];
    let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
    messages.set_plan(Some(plan()), None);
    assert_eq!(shown(&mut messages, &frames)[1], Item::Message(Kind::Binary, vec![0xff; 300]));
    let refusal = Refusal { code: CloseCode::Policy, reason: "file-receive-blocked" };
    messages.set_binary(Binary::Refuse(refusal));
    let mut out = Vec::new();
    // The head alone is enough.
    let error = messages.write(&wire::server(&frames[1..])[..4], &mut out).unwrap_err();
    assert_eq!(error, WebSocketError::Refused(refusal));
    assert_eq!(error.close_code(), CloseCode::Policy);
    assert!(out.is_empty() && messages.is_between_frames());
}

#[test]
fn a_frame_that_passes_and_breaks_off_leaves_no_room_for_another() {
    let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
    let mut out = Vec::new();
    let input = wire::server(&[Wire::whole(Opcode::Text, b"abc\xff")]);
    messages.write(&input[..4], &mut out).unwrap();
    assert!(!messages.is_between_frames());
    assert_eq!(messages.write(&input[4..], &mut out), Err(WebSocketError::InvalidUtf8));
    assert!(!messages.is_between_frames());
}

/// Replaces one text and refuses another.
struct Strict;

impl Judge for Strict {
    fn admit(&mut self, kind: Kind) -> Admission {
        match kind {
            Kind::Text => Admission::Hold,
            Kind::Binary => Admission::Refuse(REFUSAL),
        }
    }

    fn judge(&mut self, _: Kind, payload: &[u8]) -> Verdict {
        match payload {
            b"\"alias\"" => Verdict::Replace(b"\"+37061234507\"".to_vec()),
            b"\"long\"" => Verdict::Replace(vec![b' '; 10_000]),
            b"\"masked\"" => Verdict::Refuse(REFUSAL),
            _ => Verdict::Pass,
        }
    }
}

const REFUSAL: Refusal = Refusal { code: CloseCode::Policy, reason: "masked-value" };

#[test]
fn a_judge_replaces_messages_and_others_keep_their_bytes() {
    let frames = ["\"alias\"", "\"plain\"", "\"long\""].map(|text| Wire::whole(Opcode::Text, text));
    let input = wire::client(&frames);
    let mut outs = Vec::new();
    for cut in Cut::all(input.len()) {
        let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
        let (mut out, mut keys) = (Vec::new(), counter());
        cut.pieces(&input).for_each(|piece| messages.write(piece, &mut Strict, &mut keys, &mut out).unwrap());
        outs.push(out);
    }
    assert!(outs.iter().all(|out| *out == outs[0]));
    let expected = [text("\"+37061234507\""), text("\"plain\""), text([b' '; 10_000])];
    assert_eq!(wire::read(Side::Client, &outs[0]), expected);
    let plain = &input[wire::client(&frames[..1]).len()..wire::client(&frames[..2]).len()];
    assert!(outs[0].windows(plain.len()).any(|window| window == plain));
    assert_eq!(&outs[0][2..6], [0, 0, 0, 1], "a key of its own");
}

#[test]
fn a_judge_refuses_messages_and_kinds_of_them() {
    let first = Wire::whole(Opcode::Text, "\"plain\"");
    for refused in [Wire::whole(Opcode::Text, "\"masked\""), Wire::part(Opcode::Binary, "\0")] {
        let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
        let mut out = Vec::new();
        let input = wire::client(&[first.clone(), refused]);
        let result = messages.write(&input, &mut Strict, &mut counter(), &mut out);
        assert_eq!(result, Err(WebSocketError::Refused(REFUSAL)));
        assert!(out == wire::client(std::slice::from_ref(&first)));
    }
}

#[test]
fn after_a_refusal_the_close_frame_of_a_client_is_still_recognised() {
    let frames = [
        Wire::whole(Opcode::Binary, [0; 300]),
        Wire::whole(Opcode::Text, "\"plain\""),
        Wire::whole(Opcode::Close, [3, 240]),
    ];
    let input = wire::client(&frames);
    let before_close = input.len() - 8;
    for cut in Cut::all(input.len()) {
        let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
        let (mut out, mut taken) = (Vec::new(), 0);
        for piece in cut.pieces(&input) {
            let result = messages.write(piece, &mut Strict, &mut counter(), &mut out);
            taken += piece.len();
            assert!(taken < 8 || result == Err(WebSocketError::Refused(REFUSAL)));
            assert!(taken > before_close || !messages.is_closed());
        }
        assert!(messages.is_closed() && out.is_empty(), "{cut:?}");
    }
    // Behind what is no frame none can be found.
    let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
    let lost = [Wire { reserved: 7, ..frames[0].clone() }, frames[2].clone()];
    let result = messages.write(&wire::client(&lost), &mut Strict, &mut counter(), &mut Vec::new());
    assert_eq!((result, messages.is_closed()), (Err(WebSocketError::ReservedBit), false));
}

#[test]
fn a_client_message_over_the_limit_is_refused_when_its_head_says_so() {
    let limits = Limits { message: 10, ..LIMITS };
    let whole = wire::client(&[Wire::whole(Opcode::Text, [b'1'; 11])]);
    let parts =
        wire::client(&[Wire::part(Opcode::Text, [b'1'; 6]), Wire::whole(Opcode::Continuation, [b'1'; 5])]);
    let huge = [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4];
    for input in [&whole[..6], &parts[..18], &huge] {
        let mut messages = ClientMessages::new(None, &contexts(), limits);
        let mut out = Vec::new();
        let error = messages.write(input, &mut Strict, &mut counter(), &mut out).unwrap_err();
        assert_eq!((error, error.close_code()), (WebSocketError::TooLong, CloseCode::TooBig));
        assert!(out.is_empty());
    }
    let mut messages = ClientMessages::new(None, &contexts(), limits);
    let whole = wire::client(&[Wire::whole(Opcode::Text, [b'1'; 10])]);
    messages.write(&whole, &mut Strict, &mut counter(), &mut Vec::new()).unwrap();
}

#[test]
fn a_ping_of_a_client_overtakes_the_message_that_it_stands_within() {
    let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
    let frames = [
        Wire::part(Opcode::Text, "\"a"),
        Wire::whole(Opcode::Ping, "p"),
        Wire::whole(Opcode::Continuation, "\""),
    ];
    let mut out = Vec::new();
    messages.write(&wire::client(&frames), &mut Strict, &mut counter(), &mut out).unwrap();
    assert_eq!(wire::read(Side::Client, &out), [Item::Control(Opcode::Ping, b"p".to_vec()), text("\"a\"")]);
}

#[test]
fn fragments_that_leave_anew_are_no_longer_than_those_that_came() {
    for (length, expected) in [(1_000, 4096), (6_000, 6_000)] {
        let text: Vec<u8> = vec![b'1'; 40_000];
        let mut frames: Vec<Wire> =
            text.chunks(length).map(|piece| Wire::part(Opcode::Continuation, piece)).collect();
        frames[0].opcode = Opcode::Text;
        frames.last_mut().unwrap().is_last = true;
        let mut messages = ClientMessages::new(None, &contexts(), LIMITS);
        let mut out = Vec::new();
        messages.write(&wire::client(&frames), &mut Strict, &mut counter(), &mut out).unwrap();
        assert_eq!(u16::from_be_bytes([out[2], out[3]]), expected);
        assert_eq!(wire::read(Side::Client, &out), [Item::Message(Kind::Text, text)]);
    }
}
