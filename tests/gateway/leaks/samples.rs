//! The sample payloads: what an application answers with, on which route, and what of it may be seen.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::oracle::Views;

/// A payload of `tests/payloads`.
pub(super) struct Sample {
    pub(super) name: &'static str,
    /// The route that it is the answer to.
    pub(super) path: &'static str,
    /// The payload as one JSON text, spelled as it came.
    pub(super) json: String,
    /// The payload as packets of Engine.IO, where that is how it came.
    pub(super) packets: Option<String>,
    /// The payload as messages of a WebSocket, where that is how it came.
    pub(super) frames: Vec<String>,
    pub(super) contacts: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) keep: Vec<String>,
}

/// What can be read all the same, and why; or is hidden though it may be read.
struct Known {
    sample: &'static str,
    why: &'static str,
    texts: &'static [&'static str],
}

impl Sample {
    /// Reads all payloads of an application.
    pub(super) fn all(app: &str) -> Vec<Sample> {
        let of_app = |(name, _): &&(&str, &str)| name.split('/').next() == Some(app);
        SAMPLES.iter().filter(of_app).map(|&(name, path)| Sample::read(name, path)).collect()
    }

    fn read(name: &'static str, path: &'static str) -> Sample {
        let list = |kind: &str| -> Vec<String> {
            let text = fs::read_to_string(folder().join(format!("{name}.{kind}.txt"))).unwrap_or_default();
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let text = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let packets = value["body"].as_str().map(str::to_owned);
        let frames = value.as_array().into_iter().flatten();
        let frames: Vec<String> = frames.filter_map(|frame| frame.as_str().map(str::to_owned)).collect();
        let json = match &packets {
            Some(packets) => {
                let events = packets.split('\u{1e}').map(|packet| packet.strip_prefix("42").unwrap());
                format!("[{}]", events.collect::<Vec<_>>().join(","))
            }
            None if !frames.is_empty() => format!("[{}]", frames.join(",\n")),
            None => text,
        };
        Sample {
            name,
            path,
            json,
            packets,
            frames,
            contacts: list("contacts"),
            names: list("names"),
            keep: list("keep"),
        }
    }

    /// All that may not be read.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.contacts.iter().chain(&self.names)
    }

    /// What is wrong with what a masked operator is shown in place of a body.
    pub(super) fn faults(&self, body: &[u8], shown: &[u8]) -> Vec<String> {
        let (before, after) = (Views::of(body), Views::of(shown));
        let mut faults = Vec::new();
        for secret in self.secrets() {
            assert!(before.show(secret), "{}: the oracle does not find {secret} in what came", self.name);
            match (after.show(secret), self.exception(SHOWN, secret)) {
                (true, None) => faults.push(format!("{secret} can be read")),
                (false, Some(why)) => faults.push(format!("{secret} is hidden now, though {why}")),
                (true, Some(_)) | (false, None) => {}
            }
        }
        for kept in &self.keep {
            assert!(before.show(kept), "{}: the oracle does not find {kept} in what came", self.name);
            match (after.show(kept), self.exception(HIDDEN, kept)) {
                (false, None) => faults.push(format!("{kept} is gone")),
                (true, Some(why)) => faults.push(format!("{kept} stays now, though {why}")),
                (false, Some(_)) | (true, None) => {}
            }
        }
        faults
    }

    fn exception(&self, list: &'static [Known], text: &str) -> Option<&'static str> {
        list.iter()
            .find(|known| known.sample == self.name && known.texts.contains(&text))
            .map(|known| known.why)
    }
}

#[test]
fn every_payload_is_a_sample_and_every_exception_is_of_one() {
    let mut count = 0;
    for app in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in fs::read_dir(&app).unwrap().map(|entry| entry.unwrap().path()) {
            count += usize::from(file.extension().is_some_and(|extension| extension == "json"));
        }
    }
    assert_eq!(count, SAMPLES.len());
    for known in SHOWN.iter().chain(HIDDEN) {
        let (name, path) = SAMPLES.iter().find(|(name, _)| *name == known.sample).unwrap();
        let sample = Sample::read(name, path);
        let lists: Vec<&String> = sample.secrets().chain(&sample.keep).collect();
        for text in known.texts {
            assert!(lists.iter().any(|listed| listed == text), "{name}: {text} is on no list");
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/payloads")
}

const SAMPLES: &[(&str, &str)] = &[
    ("chat2desk/client", "/v1/clients/17340089"),
    ("chat2desk/clients_list", "/v1/clients"),
    ("chat2desk/dialogs_list", "/v1/dialogs"),
    ("chat2desk/messages_list", "/v1/messages"),
    ("chat2desk/operators_list", "/v1/operators"),
    ("chat2desk/webhook_events", "/v1/events"),
    ("chatwoot/contacts_list", "/api/v1/accounts/1/contacts"),
    ("chatwoot/conversation_messages", "/api/v1/accounts/1/conversations/55/messages"),
    ("chatwoot/actioncable_frames", "/cable"),
    ("chatwoot/profile", "/api/v1/profile"),
    ("thelounge/engineio_poll", "/socket.io/"),
];

/// Secrets that can be read.
const SHOWN: &[Known] = &[
    Known { sample: "chat2desk/messages_list", why: MESSAGES, texts: &["Пётр Иванов"] },
    Known {
        sample: "chatwoot/conversation_messages",
        why: MESSAGES,
        texts: &["Zoë Müller", "Zoë", "Müller"],
    },
];

const MESSAGES: &str = "a message or mail has no copies of names: nothing tells what clients wrote from what operators did, who would learn a name by writing guesses";

const IDS: &str = "nothing beside it tells an id of the application's own from one in a messenger";
const NICKS: &str =
    "people on IRC look alike, and what marks an operator of a channel is no value that a profile may name";

/// What may stay and is hidden.
const HIDDEN: &[Known] = &[
    Known { sample: "chatwoot/contacts_list", why: IDS, texts: &["6f2b0c1e-9d2a-4f7e-8f0d-7b0a2d2a1c11"] },
    Known { sample: "thelounge/engineio_poll", why: NICKS, texts: &["op1"] },
];
