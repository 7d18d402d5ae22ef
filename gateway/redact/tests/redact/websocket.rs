//! WebSocket: the corpus, and drawn tunnels whose messages are known.

use std::sync::Arc;

use chatwarden_redact::{
    AliasKey, Class, Display, Format, Plan, Redactor, Selector, fuzz_websocket,
    websocket::{Admission, ClientMessages, Contexts, Judge, Kind, Limits, ServerMessages, Verdict},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::mutations;

#[test]
fn the_corpus_of_tunnels_and_its_mutations_hold_what_must_hold() {
    mutations::run("websocket", &TOKENS, 3_000, fuzz_websocket);
}

const TOKENS: [&[u8]; 24] = [
    b"\x81\x00",
    b"\x01\x01\"",
    b"\x80\x01\"",
    b"\x80\x00",
    b"\x00\x00",
    b"\x82\x01\xff",
    b"\x81\x02[]",
    b"\x89\x01p",
    b"\x8a\x00",
    b"\x88\x00",
    b"\x88\x02\x03\xe8",
    b"\xc1\x01\x00",
    b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
    b"\x41\x03\xf2\x48\xcd",
    b"\x81\x81\x00\x00\x00\x00a",
    b"\x01\x80\x01\x02\x03\x04",
    b"\x80\x80\x01\x02\x03\x04",
    b"\x81\x7e\x00\x7e",
    b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
    b"\"phone\":\"+37061234507\"",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"permessage-deflate",
    b"; client_max_window_bits=9",
];

/// One frame or message of a drawn tunnel.
#[derive(Clone, Debug)]
enum Step {
    Message(Kind, String, Vec<usize>),
    Ping(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let text = select(TEXTS.to_vec()).prop_map(str::to_owned);
    let cuts = vec(0_usize..40, 0..5);
    prop_oneof![
        4 => (text, cuts.clone()).prop_map(|(text, cuts)| Step::Message(Kind::Text, text, cuts)),
        1 => (".{0,300}", cuts).prop_map(|(text, cuts)| Step::Message(Kind::Binary, text, cuts)),
        1 => vec(any::<u8>(), 0..=125).prop_map(Step::Ping),
    ]
}

const TEXTS: [&str; 8] = [
    r#"{"type":"ping"}"#,
    r#"42["message",{"phone":"+37061234507","text":"héllo 😀"}]"#,
    r#"["3","7","room:1","new",{"body":{"phone":37061234507}}]"#,
    r#"a["{\"msg\":\"changed\",\"phone\":\"+37061234507\"}"]"#,
    "3probe",
    "2",
    "",
    r#"{"identifier":"{\"channel\":\"Room\"}","message":{"phone":null,"note":"   "}}"#,
];

/// The bytes of a row of steps; fragments of a message stand apart by pings where there are cuts.
fn bytes(steps: &[Step], key: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut frame = |first: u8, payload: &[u8]| {
        out.push(first);
        let masked = if key.is_some() { 0x80 } else { 0 };
        match payload.len() {
            length @ 0..=125 => out.push(masked | length as u8),
            length => {
                out.push(masked | 126);
                out.extend((length as u16).to_be_bytes());
            }
        }
        out.extend(key.into_iter().flatten());
        let key = key.unwrap_or_default();
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    };
    for step in steps {
        match step {
            Step::Ping(payload) => frame(0x89, payload),
            Step::Message(kind, text, cuts) => {
                let mut opcode = if *kind == Kind::Text { 1 } else { 2 };
                let mut rest = text.as_bytes();
                for cut in cuts {
                    let (fragment, later) = rest.split_at((*cut).min(rest.len()));
                    frame(opcode, fragment);
                    opcode = 0;
                    rest = later;
                }
                frame(0x80 | opcode, rest);
            }
        }
    }
    out
}

fn plan() -> Arc<Plan> {
    let key = AliasKey::new(&[7; 32]).unwrap();
    let phone = Selector::parse("$..phone").unwrap();
    let nested = Selector::parse("$..payload").unwrap();
    let plan = Plan::builder().field(Class::Phone, &phone).json_in_string(&nested);
    Arc::new(plan.display(Class::Phone, Display::Alias).build(&key).unwrap())
}

#[derive(Default)]
struct Recorder(Vec<(Kind, Vec<u8>)>);

impl Judge for Recorder {
    fn admit(&mut self, _: Kind) -> Admission {
        Admission::Hold
    }

    fn judge(&mut self, kind: Kind, payload: &[u8]) -> Verdict {
        self.0.push((kind, payload.to_vec()));
        Verdict::Pass
    }
}

/// The messages of frames, by the code that is tested elsewhere against a reader of its own.
fn messages(server: &[u8]) -> Vec<(Kind, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = server;
    let mut open: Option<(Kind, Vec<u8>)> = None;
    while let [first, second, later @ ..] = rest {
        let (length, later) = match second {
            126 => (usize::from(u16::from_be_bytes([later[0], later[1]])), &later[2..]),
            short => (usize::from(*short), later),
        };
        let (payload, later) = later.split_at(length);
        rest = later;
        match first & 0x0f {
            0 => open.as_mut().unwrap().1.extend_from_slice(payload),
            1 => open = Some((Kind::Text, payload.to_vec())),
            2 => open = Some((Kind::Binary, payload.to_vec())),
            _ => continue,
        }
        if first & 0x80 != 0 {
            found.extend(open.take());
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn each_text_of_a_server_is_redacted_as_a_body_of_its_own(
        steps in vec(step(), 0..12),
        cuts in vec(1_usize..60, 1..10),
    ) {
        let plan = plan();
        let input = bytes(&steps, None);
        let contexts = Arc::new(Contexts::new(0));
        let carry = |cuts: &[usize]| {
            let mut messages = ServerMessages::new(None, &contexts, Limits::default());
            messages.set_plan(Some(Arc::clone(&plan)), None);
            let (mut rest, mut out, mut cuts) = (&input[..], Vec::new(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(cuts.next().unwrap_or(&1).min(&rest.len()).to_owned());
                messages.write(piece, &mut out).unwrap();
                rest = later;
            }
            messages.finish().unwrap();
            out
        };
        let out = carry(&cuts);
        prop_assert_eq!(&carry(&[1]), &out, "byte by byte");
        prop_assert_eq!(&carry(&[input.len().max(1)]), &out, "whole");
        let expected: Vec<(Kind, Vec<u8>)> = messages(&input)
            .into_iter()
            .map(|(kind, payload)| {
                let mut alone = Vec::new();
                let mut redactor = Redactor::new(Arc::clone(&plan), Format::Framed, Limits::default().redact);
                match kind {
                    Kind::Text => {
                        redactor.write(&payload, &mut alone).unwrap();
                        redactor.finish(&mut alone).unwrap();
                    }
                    Kind::Binary => alone = payload,
                }
                (kind, alone)
            })
            .collect();
        prop_assert_eq!(messages(&out), expected);
    }

    #[test]
    fn each_message_of_a_client_is_judged_whole(
        steps in vec(step(), 0..12),
        key in any::<[u8; 4]>(),
        cuts in vec(1_usize..60, 1..10),
    ) {
        let input = bytes(&steps, Some(key));
        let contexts = Arc::new(Contexts::new(0));
        let mut tunnel = ClientMessages::new(None, &contexts, Limits::default());
        let (mut judge, mut out) = (Recorder::default(), Vec::new());
        let (mut rest, mut cuts) = (&input[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(cuts.next().unwrap_or(&1).min(&rest.len()).to_owned());
            tunnel.write(piece, &mut judge, &mut || [9; 4], &mut out).unwrap();
            rest = later;
        }
        let expected = messages(&bytes(&steps, None));
        prop_assert_eq!(&judge.0, &expected);
        // What leaves says the same to the next judge.
        let mut next = ClientMessages::new(None, &contexts, Limits::default());
        let mut judge = Recorder::default();
        next.write(&out, &mut judge, &mut || [9; 4], &mut Vec::new()).unwrap();
        prop_assert_eq!(judge.0, expected);
        let is_whole = steps.iter().all(|step| !matches!(step, Step::Message(_, _, cuts) if !cuts.is_empty()));
        prop_assert!(!is_whole || out == input, "what came in one frame is changed");
    }
}
