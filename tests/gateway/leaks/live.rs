//! Payloads as messages of WebSockets: whole, in fragments, compressed, and cut anywhere on the wire.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Place, Trial,
    carriers::CARRIERS,
    samples::Sample,
    served::{Cuts, Framing, Served},
};
use crate::{
    harness::Raw,
    websocket::compressed::{Deflater, Inflater, frame},
};

#[tokio::test]
async fn live_events_of_chatwoot_lose_their_contacts_and_keep_their_subscription() {
    let place = Place::start(include_str!("profiles/chatwoot.yaml"), ["administrator", "agent"]).await;
    let sample = Sample::all("chatwoot").into_iter().find(|sample| !sample.frames.is_empty()).unwrap();
    let sent = sample.frames.iter().flat_map(|text| frames(text.as_bytes(), Cuts::None, false)).collect();
    place.answers.tell(0, switched(sent, Cuts::None, ""));
    let (_, mut raw) = place.client(0, "agent").raw_websocket("/cable?case=0").await.ok().unwrap();
    let mut shown = Vec::new();
    for text in &sample.frames {
        let message = message(&mut raw).await.unwrap();
        let start = text.find(",\"message\"").filter(|_| text.starts_with("{\"identifier\"")).unwrap_or(0);
        assert_eq!(message[..start], text[..start]);
        shown.push(message);
    }
    assert_eq!(sample.faults(sample.json.as_bytes(), shown.join("\n").as_bytes()), Vec::<String>::new());
}

/// What an application sends over WebSockets, of the carriers.
const LIVE: [&str; 8] = [
    "JSON",
    "packets of Engine.IO",
    "messages of SockJS",
    "messages of SignalR",
    "a frame of STOMP",
    "a message of Phoenix",
    "JSON in a string",
    "JSON in a string in a string",
];

/// The payload in each of them.
pub(super) fn trials(sample: &Arc<Sample>) -> impl Iterator<Item = Trial> {
    let live = CARRIERS.iter().filter(|carrier| LIVE.contains(&carrier.name));
    live.map(|carrier| {
        let body = (carrier.spell)(sample).into_bytes();
        let (judged, sent) = (Arc::clone(sample), body.clone());
        Trial {
            name: format!("{} as a message, {}", sample.name, carrier.name),
            target: format!("{}?x=1", sample.path),
            content_type: "",
            contact: None,
            body,
            is_message: true,
            faults: Box::new(move |shown| judged.faults(&sent, shown)),
        }
    })
}

impl Place {
    pub(super) async fn try_message(&self, at: usize, trial: &Trial) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expected: Option<String> = None;
        let many = if trial.body.len() < super::SMALL { Cuts::EveryByte } else { cuts(at, 200) };
        let ways = [(Cuts::None, false), (many, false), (Cuts::None, true), (many, true)];
        for (round, (fragments, is_deflated)) in ways.into_iter().enumerate() {
            let sent = frames(&trial.body, fragments, is_deflated);
            let accepted = if is_deflated { EXTENSION } else { "" };
            let told = format!("fragments {fragments:?}, compressed: {is_deflated}");
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            self.answers.tell(number, switched(sent.clone(), cuts(number, 20), accepted));
            let target = format!("{}&case={number}", trial.target);
            let open = async |role: &str| {
                let client = self.client(number, role).with("sec-websocket-extensions", "permessage-deflate");
                let handshake = client.raw_websocket(&target).await;
                handshake.map_err(|answer| {
                    format!("{} {:?}", answer.status(), answer.header("x-chatwarden-reason"))
                })
            };
            // Nobody reads a super-admin's messages: half of the ways tell as much as all of them.
            if (at + round).is_multiple_of(2) {
                match open(self.roles[0]).await {
                    Ok((_, mut raw)) => {
                        if raw.take(sent.len()).await != sent {
                            faults.push(format!("a super-admin does not get what came ({told})"));
                        }
                    }
                    Err(refusal) => faults.push(format!("a super-admin: {refusal} ({told})")),
                }
            }
            let shown = match open(self.roles[1]).await {
                Ok((_, mut raw)) => message(&mut raw).await,
                Err(refusal) => Err(refusal),
            };
            match (shown, &expected) {
                (Err(problem), _) => faults.push(format!("{problem} ({told})")),
                (Ok(shown), None) => {
                    faults.extend((trial.faults)(shown.as_bytes()));
                    expected = Some(shown);
                }
                (Ok(shown), Some(expected)) if *expected != shown => {
                    faults.push(format!("other fragments show something else ({told})"));
                }
                (Ok(_), Some(_)) => {}
            }
        }
        faults
    }
}

const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";

fn cuts(seed: usize, count: usize) -> Cuts {
    Cuts::Random { seed: seed as u64, count }
}

fn switched(body: Vec<u8>, cuts: Cuts, head: &str) -> Served {
    Served { head: head.to_owned(), body, cuts, framing: Framing::Switch }
}

/// A message of the application, with a ping between its fragments.
fn frames(text: &[u8], fragments: Cuts, is_deflated: bool) -> Vec<u8> {
    let payload = match is_deflated {
        true => Deflater::new(false).deflate(std::str::from_utf8(text).unwrap()),
        false => text.to_vec(),
    };
    let pieces = fragments.pieces(&payload);
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        // RFC 6455 §5.2: text, then continuations, the last one final; RFC 7692 §6: only the first is marked.
        let kind = match (at, is_deflated) {
            (0, true) => 0x41,
            (0, false) => 0x01,
            _ => 0,
        };
        let last = if at + 1 == pieces.len() { 0x80 } else { 0 };
        out.extend(frame(last | kind, piece, None));
        if at == pieces.len() / 2 && last == 0 {
            out.extend(frame(0x89, b"", None));
        }
    }
    out
}

/// The next message, put together and inflated.
async fn message(raw: &mut Raw) -> Result<String, String> {
    let (mut payload, mut is_deflated) = (Vec::new(), false);
    loop {
        let [first, length] = raw.take(2).await.try_into().unwrap();
        let length = match length {
            126 => usize::from(u16::from_be_bytes(raw.take(2).await.try_into().unwrap())),
            127 => u64::from_be_bytes(raw.take(8).await.try_into().unwrap()) as usize,
            short => usize::from(short),
        };
        let part = raw.take(length).await;
        match first & 0x0f {
            0x8 => return Err(format!("the connection is closed: {}", part.escape_ascii())),
            0x9 | 0xa => continue,
            0 => {}
            _ => is_deflated = first & 0x40 != 0,
        }
        payload.extend(part);
        if first & 0x80 != 0 {
            return Ok(match is_deflated {
                true => Inflater::new(false).inflate(&payload),
                false => String::from_utf8(payload).unwrap(),
            });
        }
    }
}
