//! The case classes of the Autobahn suite as data: frames, and how a connection must end.
//!
//! Texts are JSON, so that they can be rewritten as well.

use super::{CloseCode, Item, Opcode, Wire};

/// A row of frames from one side.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) frames: Vec<Wire>,
    pub(super) ends: Ends,
}

/// How the connection stands behind the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    Open,
    Closed,
    Fails(CloseCode),
}

impl Case {
    /// The frames that count: up to the close frame.
    pub(super) fn before_close(&self) -> &[Wire] {
        let close = self.frames.iter().position(|frame| frame.opcode == Opcode::Close);
        close.map_or(&self.frames[..], |close| &self.frames[..=close])
    }

    /// What the other side must make of them.
    pub(super) fn shown(&self) -> Vec<Item> {
        let mut items = Vec::new();
        let mut open = None;
        for frame in self.before_close() {
            let Wire { opcode, payload, is_last, .. } = frame.clone();
            match opcode {
                Opcode::Close | Opcode::Ping | Opcode::Pong => items.push(Item::Control(opcode, payload)),
                Opcode::Text | Opcode::Binary => open = Some((opcode.kind().unwrap(), payload)),
                Opcode::Continuation => {
                    if let Some((_, open)) = &mut open {
                        open.extend(payload);
                    }
                }
            }
            if is_last && !matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong) {
                items.extend(open.take().map(|(kind, payload)| Item::Message(kind, payload)));
            }
        }
        items
    }
}

pub(super) fn all() -> Vec<Case> {
    let classes = [framing(), pings(), reserved(), fragments(), utf8(), closing(), limits()];
    classes.into_iter().flatten().collect()
}

const PROTOCOL: Ends = Ends::Fails(CloseCode::Protocol);
const INVALID: Ends = Ends::Fails(CloseCode::InvalidPayload);

fn case(name: &'static str, ends: Ends, frames: Vec<Wire>) -> Case {
    Case { name, frames, ends }
}

/// A JSON string of so many bytes in all; nothing at all, for none.
fn text(length: usize) -> String {
    match length {
        0 => String::new(),
        1 => "1".to_owned(),
        length => format!("\"{}\"", "*".repeat(length - 2)),
    }
}

fn framing() -> Vec<Case> {
    let lengths = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 200_000];
    let texts = lengths.map(|length| vec![Wire::whole(Opcode::Text, text(length))]);
    let binaries = lengths.map(|length| vec![Wire::whole(Opcode::Binary, vec![0xfe; length])]);
    let both = texts.into_iter().chain(binaries);
    both.map(|frames| case("1: framing", Ends::Open, frames)).collect()
}

fn pings() -> Vec<Case> {
    let ping = |payload: &[u8]| Wire::whole(Opcode::Ping, payload);
    let pong = |payload: &[u8]| Wire::whole(Opcode::Pong, payload);
    vec![
        case("2.1: a ping without payload", Ends::Open, vec![ping(b"")]),
        case("2.2: a ping with payload", Ends::Open, vec![ping(b"Hello, world!")]),
        case("2.3: a ping with binary payload", Ends::Open, vec![ping(b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")]),
        case("2.4: the longest ping", Ends::Open, vec![ping(&[0xfe; 125])]),
        case("2.5: a ping that is too long", PROTOCOL, vec![ping(&[0xfe; 126])]),
        case("2.7: a pong that nobody asked for", Ends::Open, vec![pong(b"")]),
        case("2.9: pong and ping", Ends::Open, vec![pong(b"a"), ping(b"b")]),
        case("2.10: ten pings", Ends::Open, (0..10).map(|n| ping(&[n])).collect()),
        case("2: a pong that is too long", PROTOCOL, vec![pong(&[1; 126])]),
    ]
}

fn reserved() -> Vec<Case> {
    let all = [Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];
    let bits = (1..8).flat_map(|reserved| {
        all.map(|opcode| {
            let payload: &[u8] = if opcode == Opcode::Close { &[3, 232] } else { b"1" };
            let wrong = Wire { reserved, ..Wire::whole(opcode, payload) };
            let before = Wire::whole(Opcode::Text, text(9));
            case("3: reserved bits", PROTOCOL, vec![before, wrong, Wire::whole(Opcode::Ping, "")])
        })
    });
    let opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(|number| {
        let wrong = Wire { number: Some(number), ..Wire::whole(Opcode::Text, "1") };
        case("4: reserved opcodes", PROTOCOL, vec![Wire::whole(Opcode::Text, text(9)), wrong])
    });
    let fragment =
        [Wire::part(Opcode::Text, "1"), Wire { reserved: 4, ..Wire::whole(Opcode::Continuation, "2") }];
    let fragment = case("3: a reserved bit on a continuation", PROTOCOL, fragment.to_vec());
    bits.chain(opcodes).chain([fragment]).collect()
}

fn fragments() -> Vec<Case> {
    use Opcode::{Binary, Continuation, Ping, Pong, Text};
    let begin = |text: &str| Wire::part(Text, text);
    let more = |text: &str| Wire::part(Continuation, text);
    let end = |text: &str| Wire::whole(Continuation, text);
    let ping = Wire::whole(Ping, "ping");
    let long = text(60_000);
    let mut pieces: Vec<Wire> =
        long.as_bytes().chunks(1300).map(|piece| Wire::part(Continuation, piece)).collect();
    pieces[0].opcode = Text;
    pieces.last_mut().unwrap().is_last = true;
    let mut bytes: Vec<Wire> = "\"héllo 😀\"".bytes().map(|byte| Wire::part(Continuation, [byte])).collect();
    bytes[0].opcode = Text;
    bytes.push(end(""));
    vec![
        case("5.1: a ping in fragments", PROTOCOL, vec![Wire::part(Ping, "a"), end("b")]),
        case("5.2: a pong in fragments", PROTOCOL, vec![Wire::part(Pong, "a"), end("b")]),
        case("5.3: a text in two fragments", Ends::Open, vec![begin("\"frag"), end("ment\"")]),
        case("5.6: a ping between fragments", Ends::Open, vec![begin("\"frag"), ping.clone(), end("ment\"")]),
        case("5.9: a fragment of nothing", PROTOCOL, vec![end("1"), Wire::whole(Text, "2")]),
        case("5.10: a first fragment of nothing", PROTOCOL, vec![more("1"), end("2")]),
        case("5.12: the same behind a message", PROTOCOL, vec![Wire::whole(Text, "1"), more("1")]),
        case(
            "5.15: a fragment behind the last one",
            PROTOCOL,
            vec![begin("1"), end("2"), more("3"), end("4")],
        ),
        case("5.18: a text within a text", PROTOCOL, vec![begin("1"), Wire::whole(Text, "2")]),
        case("5: a binary message within a text", PROTOCOL, vec![begin("1"), Wire::part(Binary, "2")]),
        case(
            "5.19: pings all over",
            Ends::Open,
            vec![
                begin("\"f1"),
                more("f2"),
                ping.clone(),
                more("f3"),
                more("f4"),
                ping.clone(),
                end("f5\""),
                ping,
            ],
        ),
        case("5: empty fragments", Ends::Open, vec![begin(""), more(""), more("1"), more(""), end("")]),
        case("5: nothing in three fragments", Ends::Open, vec![begin(""), more(""), end("")]),
        case("10.1: a long text in short fragments", Ends::Open, pieces),
        case("5: a text in bytes", Ends::Open, bytes),
        case("5: binary fragments", Ends::Open, vec![Wire::part(Binary, [0xff]), more("\0"), end("1")]),
    ]
}

fn utf8() -> Vec<Case> {
    let quoted = |bytes: &[u8]| [b"\"", bytes, b"\""].concat();
    let valid: [&[u8]; 9] = [
        "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
        "κόσμε".as_bytes(),
        b"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80",
        b"\xf4\x8f\xbf\xbf",
        b"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd",
        b"\xef\xbf\xbe\xef\xb7\x90",
        b"\xf0\x9f\xbf\xbe",
        b"",
        "日本語".as_bytes(),
    ];
    let invalid: [&[u8]; 18] = [
        b"\xce\xba\xed\xa0\x80edited",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\x80",
        b"\xbf",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xc0\x80",
        b"\xc3 ",
        b"\xe2\x82 ",
        b"\xf0\x9f\x98 ",
    ];
    let mut cases = Vec::new();
    for bytes in valid {
        let quoted = quoted(bytes);
        cases.push(case("6: valid UTF-8", Ends::Open, vec![Wire::whole(Opcode::Text, &quoted)]));
        for cut in 0..=quoted.len() {
            let (left, right) = quoted.split_at(cut);
            let frames = vec![Wire::part(Opcode::Text, left), Wire::whole(Opcode::Continuation, right)];
            cases.push(case("6: valid UTF-8 in fragments", Ends::Open, frames));
        }
    }
    for bytes in invalid {
        let quoted = quoted(bytes);
        cases.push(case("6: invalid UTF-8", INVALID, vec![Wire::whole(Opcode::Text, &quoted)]));
        let (left, right) = quoted.split_at(2);
        let frames = vec![Wire::part(Opcode::Text, left), Wire::whole(Opcode::Continuation, right)];
        cases.push(case("6: invalid UTF-8 in fragments", INVALID, frames));
        // 6.4: known before the message ends.
        cases.push(case("6.4: invalid UTF-8 at once", INVALID, vec![Wire::part(Opcode::Text, &quoted)]));
    }
    let short = vec![Wire::whole(Opcode::Text, b"\"\xce\xba\xe1\xbd")];
    cases.push(case("6: a character that is cut off", INVALID, short));
    cases.push(case("6: what is not text", Ends::Open, vec![Wire::whole(Opcode::Binary, b"\xff\xfe")]));
    cases
}

fn closing() -> Vec<Case> {
    let close = |payload: &[u8]| Wire::whole(Opcode::Close, payload);
    let coded = |code: u16, reason: &[u8]| close(&[&code.to_be_bytes(), reason].concat());
    let text = Wire::whole(Opcode::Text, "1");
    let mut cases = vec![
        case("7.1.1: a text, then a close frame", Ends::Closed, vec![text.clone(), close(b"")]),
        case("7.1.2: two close frames", Ends::Closed, vec![close(b""), close(b"")]),
        case("7.1.3: a ping behind it", Ends::Closed, vec![close(b""), Wire::whole(Opcode::Ping, "")]),
        case("7.1.4: a text behind it", Ends::Closed, vec![close(b""), text]),
        case(
            "7.1.5: within a message",
            Ends::Closed,
            vec![Wire::part(Opcode::Text, "1"), close(b""), Wire::whole(Opcode::Continuation, "2")],
        ),
        case("7: garbage behind it", Ends::Closed, vec![close(b""), Wire { reserved: 7, ..close(b"") }]),
        case("7.3.1: an empty one", Ends::Closed, vec![close(b"")]),
        case("7.3.2: one byte", PROTOCOL, vec![close(b"a")]),
        case("7.3.3: a code", Ends::Closed, vec![coded(1000, b"")]),
        case("7.3.4: a code and a reason", Ends::Closed, vec![coded(1000, b"bye")]),
        case("7.3.5: the longest reason", Ends::Closed, vec![coded(1000, &[b'a'; 123])]),
        case("7.3.6: a longer one", PROTOCOL, vec![coded(1000, &[b'a'; 124])]),
        case("7.5.1: a reason that is not UTF-8", INVALID, vec![coded(1000, b"\xce\xba\xed\xa0\x80")]),
        case("7: a close frame in fragments", PROTOCOL, vec![Wire { is_last: false, ..close(b"") }]),
    ];
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    {
        cases.push(case("7.7: codes that may be sent", Ends::Closed, vec![coded(code, b"code")]));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        cases.push(case("7.9: codes that must not be sent", PROTOCOL, vec![coded(code, b"code")]));
    }
    cases
}

fn limits() -> Vec<Case> {
    let message = text(1 << 18);
    let mut pieces: Vec<Wire> =
        message.as_bytes().chunks(64 * 1024).map(|piece| Wire::part(Opcode::Continuation, piece)).collect();
    pieces[0].opcode = Opcode::Text;
    pieces.last_mut().unwrap().is_last = true;
    vec![
        case("9.1: a long text", Ends::Open, vec![Wire::whole(Opcode::Text, &message)]),
        case("9.2: a long binary message", Ends::Open, vec![Wire::whole(Opcode::Binary, &message)]),
        case("9.3: a long text in fragments", Ends::Open, pieces),
    ]
}
