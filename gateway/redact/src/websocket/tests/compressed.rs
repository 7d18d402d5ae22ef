//! permessage-deflate in both directions, by zlib-rs used apart from the code under test.

use zlib_rs::{Deflate as Zlib, DeflateConfig, DeflateFlush, Inflate, InflateFlush};

use super::*;

const PRIVATE: &str = r#"{"phone":"+37061234507","text":"hello hello hello"}"#;
const SHOWN: &str = r#"{"phone":"hidden","text":"hello hello hello"}"#;

/// One end of a connection.
struct Peer {
    takeover: bool,
    bits: u8,
    deflate: Zlib,
    inflate: Inflate,
}

impl Peer {
    fn new(takeover: bool, bits: u8) -> Peer {
        Peer { takeover, bits, deflate: deflater(bits), inflate: Inflate::new(false, bits) }
    }

    fn deflate(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.takeover {
            self.deflate = deflater(self.bits);
        }
        let mut out = vec![0; payload.len() * 2 + 100];
        let before = self.deflate.total_out();
        self.deflate.compress(payload, &mut out, DeflateFlush::SyncFlush).unwrap();
        out.truncate((self.deflate.total_out() - before) as usize);
        if out.is_empty() {
            // RFC 7692 §7.2.3.6.
            return vec![0];
        }
        let tail = out.split_off(out.len() - 4);
        assert_eq!(tail, [0, 0, 0xff, 0xff]);
        out
    }

    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.takeover {
            self.inflate = Inflate::new(false, self.bits);
        }
        let mut out = vec![0; 4 << 20];
        let before = self.inflate.total_out();
        let payload = [payload, &[0, 0, 0xff, 0xff]].concat();
        let taken = self.inflate.total_in();
        self.inflate.decompress(&payload, &mut out, InflateFlush::NoFlush).unwrap();
        assert_eq!(self.inflate.total_in() - taken, payload.len() as u64);
        out.truncate((self.inflate.total_out() - before) as usize);
        out
    }

    /// Inflates a compressed text.
    fn read(&mut self, item: &Item) -> String {
        let Item::Compressed(Kind::Text, coded) = item else { panic!("{item:?}") };
        String::from_utf8(self.inflate(coded)).unwrap()
    }
}

fn deflater(bits: u8) -> Zlib {
    Zlib::new_with_config(DeflateConfig { window_bits: -i32::from(bits.max(9)), ..DeflateConfig::new(6) })
}

fn agreed(takeover: bool, bits: u8) -> Deflate {
    Deflate {
        server_takeover: takeover,
        client_takeover: takeover,
        server_window_bits: bits,
        client_window_bits: bits,
    }
}

/// Messages with much and little in common, short and long ones.
fn payloads() -> Vec<Vec<u8>> {
    let words = ["\"alpha\"", "\"beta\"", "[1,2,3]", "{\"text\":\"gamma\"}"];
    let mut state = 1;
    let long: Vec<&str> = (0..8_000)
        .map(|_| {
            state = wire::next(state);
            words[(state >> 33) as usize % words.len()]
        })
        .collect();
    let long = format!("[{}]", long.join(","));
    [PRIVATE, "\"\"", &long, PRIVATE, "", "", "[]", &long].map(|text| text.as_bytes().to_vec()).to_vec()
}

#[test]
fn compressed_messages_of_a_server_are_rewritten_under_all_parameters() {
    for (takeover, bits) in
        [(false, 15), (true, 15), (false, 9), (true, 9), (true, 12), (false, 8), (true, 8)]
    {
        let mut server = Peer::new(takeover, bits);
        let frames: Vec<Wire> = payloads()
            .iter()
            .flat_map(|payload| {
                let coded = server.deflate(payload);
                let (left, right) = coded.split_at(coded.len() / 3);
                [Wire::part(Opcode::Text, left).compressed(), Wire::whole(Opcode::Continuation, right)]
            })
            .collect();
        let input = wire::server(&frames);
        let mut outs = Vec::new();
        for cut in Cut::all(input.len()) {
            let mut messages = ServerMessages::new(Some(agreed(takeover, bits)), &contexts(), LIMITS);
            messages.set_plan(Some(plan()), None);
            let mut out = Vec::new();
            cut.pieces(&input).for_each(|piece| messages.write(piece, &mut out).unwrap());
            assert_eq!(messages.take_summary().total(), 2);
            outs.push(out);
        }
        assert!(outs.iter().all(|out| *out == outs[0]), "what leaves depends on the cuts");
        let mut client = Peer::new(takeover, bits.max(9));
        let shown: Vec<String> =
            wire::read(Side::Server, &outs[0]).iter().map(|item| client.read(item)).collect();
        let expected: Vec<String> =
            payloads().iter().map(|text| String::from_utf8_lossy(text).replace(PRIVATE, SHOWN)).collect();
        assert!(shown == expected, "{takeover} {bits}");
    }
}

#[test]
fn compressed_messages_pass_as_they_came_until_one_was_rewritten() {
    for takeover in [false, true] {
        let (mut server, mut client) = (Peer::new(takeover, 15), Peer::new(takeover, 15));
        let mut messages = ServerMessages::new(Some(agreed(takeover, 15)), &contexts(), LIMITS);
        let mut send = |messages: &mut ServerMessages, text: &str| {
            let input =
                wire::server(&[Wire::whole(Opcode::Text, server.deflate(text.as_bytes())).compressed()]);
            let mut out = Vec::new();
            messages.write(&input, &mut out).unwrap();
            let items = wire::read(Side::Server, &out);
            (client.read(&items[0]), out == input && items.len() == 1)
        };
        assert_eq!(send(&mut messages, PRIVATE), (PRIVATE.to_owned(), true));
        messages.set_plan(Some(plan()), None);
        assert_eq!(send(&mut messages, PRIVATE), (SHOWN.to_owned(), false));
        assert_eq!(send(&mut messages, PRIVATE), (SHOWN.to_owned(), false));
        messages.set_plan(None, None);
        // The client has never seen what the server refers to, where messages build on one another.
        assert_eq!(send(&mut messages, PRIVATE).0, PRIVATE);
        assert_eq!(send(&mut messages, SHOWN).0, SHOWN);
    }
}

#[test]
fn messages_that_are_not_compressed_stay_so() {
    let mut messages = ServerMessages::new(Some(agreed(true, 15)), &contexts(), LIMITS);
    messages.set_plan(Some(plan()), None);
    let mut out = Vec::new();
    let (mut server, mut client) = (Peer::new(true, 15), Peer::new(true, 15));
    let frames = [
        Wire::whole(Opcode::Text, server.deflate(PRIVATE.as_bytes())).compressed(),
        Wire::whole(Opcode::Text, PRIVATE),
        Wire::whole(Opcode::Ping, "p"),
        Wire::whole(Opcode::Text, server.deflate(PRIVATE.as_bytes())).compressed(),
    ];
    messages.write(&wire::server(&frames), &mut out).unwrap();
    let items = wire::read(Side::Server, &out);
    assert_eq!(client.read(&items[0]), SHOWN);
    assert_eq!(items[1], Item::Message(Kind::Text, SHOWN.into()));
    assert_eq!(client.read(&items[3]), SHOWN);
}

#[test]
fn the_examples_of_rfc_7692_are_inflated() {
    // §7.2.3.1 to §7.2.3.5; each alone.
    let table: [&[&[u8]]; 5] = [
        &[b"\xf2\x48\xcd\xc9\xc9\x07\x00"],
        &[b"\xf2\x48\xcd", b"\xc9\xc9\x07\x00"],
        &[b"\x00\x05\x00\xfa\xffHello\x00"],
        &[b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"],
        &[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"],
    ];
    for payloads in table {
        let mut frames: Vec<Wire> =
            payloads.iter().map(|payload| Wire::part(Opcode::Continuation, payload)).collect();
        frames[0] = Wire { opcode: Opcode::Text, ..frames[0].clone() }.compressed();
        frames.last_mut().unwrap().is_last = true;
        let input = wire::client(&frames);
        for cut in Cut::all(input.len()) {
            let mut messages = ClientMessages::new(Some(agreed(false, 15)), &contexts(), LIMITS);
            let (mut judge, mut out, mut keys) = (Recorder::default(), Vec::new(), counter());
            cut.pieces(&input)
                .for_each(|piece| messages.write(piece, &mut judge, &mut keys, &mut out).unwrap());
            assert_eq!(judge.seen, [(Kind::Text, b"Hello".to_vec())]);
            let [Item::Compressed(Kind::Text, coded)] = &wire::read(Side::Client, &out)[..] else { panic!() };
            assert_eq!(Peer::new(false, 15).inflate(coded), b"Hello");
        }
    }
    // §7.2.3.2: the second message refers to the first.
    let [first, second]: [&[u8]; 2] = [b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00"];
    let frames = [first, second].map(|payload| Wire::whole(Opcode::Text, payload).compressed());
    for (takeover, expected) in [(true, Ok(())), (false, Err(WebSocketError::MalformedDeflate))] {
        let mut messages = ClientMessages::new(Some(agreed(takeover, 15)), &contexts(), LIMITS);
        let (mut judge, mut out) = (Recorder::default(), Vec::new());
        assert_eq!(messages.write(&wire::client(&frames), &mut judge, &mut counter(), &mut out), expected);
        assert_eq!(judge.seen.len(), if takeover { 2 } else { 1 });
    }
}

/// Replaces the text of one message.
struct Restorer;

impl Judge for Restorer {
    fn admit(&mut self, _: Kind) -> Admission {
        Admission::Hold
    }

    fn judge(&mut self, _: Kind, payload: &[u8]) -> Verdict {
        match payload == SHOWN.as_bytes() {
            true => Verdict::Replace(PRIVATE.into()),
            false => Verdict::Pass,
        }
    }
}

#[test]
fn compressed_messages_of_a_client_are_replaced_under_all_parameters() {
    for (takeover, bits) in [(false, 15), (true, 15), (true, 10), (false, 8)] {
        let (mut client, mut server) = (Peer::new(takeover, bits), Peer::new(takeover, bits.max(9)));
        let texts = ["\"first\"", SHOWN, "\"first\"", SHOWN, ""];
        let frames =
            texts.map(|text| Wire::whole(Opcode::Text, client.deflate(text.as_bytes())).compressed());
        let input = wire::client(&frames);
        let mut outs = Vec::new();
        for cut in Cut::all(input.len()) {
            let mut messages = ClientMessages::new(Some(agreed(takeover, bits)), &contexts(), LIMITS);
            let (mut out, mut keys) = (Vec::new(), counter());
            cut.pieces(&input)
                .for_each(|piece| messages.write(piece, &mut Restorer, &mut keys, &mut out).unwrap());
            outs.push(out);
        }
        assert!(outs.iter().all(|out| *out == outs[0]));
        let seen: Vec<String> =
            wire::read(Side::Client, &outs[0]).iter().map(|item| server.read(item)).collect();
        assert_eq!(seen, ["\"first\"", PRIVATE, "\"first\"", PRIVATE, ""], "{takeover} {bits}");
    }
}

#[test]
fn a_message_that_grows_over_a_limit_is_refused() {
    let coded = Peer::new(false, 15).deflate(&vec![b' '; 3 << 20]);
    assert!(coded.len() < 4096);
    let dense = Limits { message: 8 << 20, ratio: 100, ..LIMITS };
    let wide = Limits { message: 8 << 20, ratio: 2000, ..LIMITS };
    for (limits, expected) in
        [(LIMITS, Err(WebSocketError::TooLong)), (dense, Err(WebSocketError::TooDense)), (wide, Ok(()))]
    {
        let frame = [Wire::whole(Opcode::Text, &coded).compressed()];
        let mut messages = ServerMessages::new(Some(agreed(false, 15)), &contexts(), limits);
        messages.set_plan(Some(plan()), None);
        assert_eq!(messages.write(&wire::server(&frame), &mut Vec::new()), expected);
        let mut messages = ClientMessages::new(Some(agreed(false, 15)), &contexts(), limits);
        let result = messages.write(&wire::client(&frame), &mut Restorer, &mut counter(), &mut Vec::new());
        assert_eq!(result, expected);
        assert!(expected.is_ok() || expected.unwrap_err().close_code() == CloseCode::TooBig);
    }
}

#[test]
fn what_is_not_deflated_or_not_text_is_refused() {
    let not_text = Peer::new(false, 15).deflate(b"\"\xff\"");
    for (payload, error) in
        [(&b"\xff\xff\xff"[..], WebSocketError::MalformedDeflate), (&not_text, WebSocketError::InvalidUtf8)]
    {
        let frame = [Wire::whole(Opcode::Text, payload).compressed()];
        for plan in [None, Some(plan())] {
            let mut messages = ServerMessages::new(Some(agreed(false, 15)), &contexts(), LIMITS);
            messages.set_plan(plan, None);
            assert_eq!(messages.write(&wire::server(&frame), &mut Vec::new()), Err(error));
        }
        let mut messages = ClientMessages::new(Some(agreed(false, 15)), &contexts(), LIMITS);
        let result = messages.write(&wire::client(&frame), &mut Restorer, &mut counter(), &mut Vec::new());
        assert_eq!(result, Err(error));
        assert_eq!(error.close_code(), CloseCode::InvalidPayload);
    }
}

#[test]
fn contexts_that_stay_are_counted_and_given_back() {
    let contexts = Arc::new(Contexts::new(5));
    let mut first = contexts.reserve().unwrap();
    let second = contexts.reserve().unwrap();
    assert!(contexts.reserve().is_none(), "a tunnel may need two");
    assert_eq!(contexts.taken(), 4);
    first.settle(Some(&Deflate { client_takeover: false, ..agreed(true, 15) }));
    assert_eq!(contexts.taken(), 3);
    drop(second);
    assert_eq!(contexts.taken(), 1);
    let mut third = contexts.reserve().unwrap();
    third.settle(None);
    first.settle(Some(&agreed(false, 15)));
    assert_eq!(contexts.taken(), 0);
    drop((first, third));
    assert_eq!(contexts.taken(), 0);
}

#[test]
fn a_reserved_bit_means_nothing_without_the_extension_and_a_message_with_it() {
    let frame = wire::server(&[Wire::whole(Opcode::Text, "1").compressed()]);
    let mut messages = ServerMessages::new(None, &contexts(), LIMITS);
    assert_eq!(messages.write(&frame, &mut Vec::new()), Err(WebSocketError::ReservedBit));
    let wrong = [
        vec![Wire::whole(Opcode::Ping, "1").compressed()],
        vec![Wire { reserved: 2, ..Wire::whole(Opcode::Text, "1") }],
        vec![Wire::part(Opcode::Text, "1"), Wire::whole(Opcode::Continuation, "1").compressed()],
    ];
    for frames in wrong {
        let mut messages = ServerMessages::new(Some(agreed(false, 15)), &contexts(), LIMITS);
        let result = messages.write(&wire::server(&frames), &mut Vec::new());
        assert_eq!(result, Err(WebSocketError::ReservedBit));
    }
}
