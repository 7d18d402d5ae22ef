//! Leaks: whether a masked operator can read any contact of the sample payloads, in whatever carrier and coding they come,
//! as answers and as messages of WebSockets, and wherever they are cut, and whether a super-admin gets the application's own bytes.
//!
//! The oracle and the spellings of pages, forms and tables are those of the engine's own tests. Every answer goes to an
//! account that has seen nothing before, so that nothing is hidden because of another answer. What a masked operator is
//! shown is looked into once for each carrier of a payload; in all codings and cuts it must be the same, byte for byte.

mod carriers;
mod live;
#[path = "../../../gateway/redact/tests/redact/oracle.rs"]
mod oracle;
#[path = "../../../gateway/redact/tests/redact/random.rs"]
#[allow(dead_code, reason = "the engine's tests draw more")]
mod random;
mod samples;
mod served;
#[path = "../../../gateway/redact/tests/redact/spelled.rs"]
mod spelled;
mod twice;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use self::{
    carriers::{CARRIERS, Carrier},
    oracle::Views,
    samples::Sample,
    served::{Answers, CODINGS, Cuts, Framing, Served, coded, decoded},
    spelled::{CARRIED, Spell, form, known_class, page, table},
};
use crate::harness::{Builder, Client, Gateway, Response};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_contact_of_chat2desk_can_be_read_in_any_carrier() {
    no_leak("chat2desk", include_str!("profiles/chat2desk.yaml"), ["super_admin", "operator"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_contact_of_chatwoot_can_be_read_in_any_carrier() {
    no_leak("chatwoot", include_str!("profiles/chatwoot.yaml"), ["administrator", "agent"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_contact_of_the_lounge_can_be_read_in_any_carrier() {
    no_leak("thelounge", include_str!("profiles/thelounge.yaml"), ["super_admin", "operator"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_copy_of_a_contact_can_be_read_in_pages_forms_and_tables() {
    let place = Place::start(include_str!("profiles/carried.yaml"), ["super_admin", "operator"]).await;
    let carriers: [(&str, &str, Spell); 3] = [
        ("a page", "text/html; charset=utf-8", page),
        ("a form", "application/x-www-form-urlencoded", form),
        ("a table", "text/csv; charset=utf-8", table),
    ];
    let mut trials = Vec::new();
    for sample in ["chat2desk", "chatwoot"].into_iter().flat_map(Sample::all) {
        let texts = texts(&sample.json);
        // What begins as JSON is none here; ids of one transport hold a number in base64, which no copy is found in.
        let is_text = |text: &&String| !text.contains(['{', '[', '"']) && !text.contains("wamid");
        let texts: Vec<&String> = texts.iter().filter(is_text).collect();
        let fields: Vec<_> =
            sample.secrets().filter_map(|secret| Some((known_class(secret)?, secret.clone()))).collect();
        for (carrier, content_type, spell) in carriers {
            let body = spell(&fields, &texts);
            let before = Views::of(body.as_bytes());
            let secrets: Vec<String> = fields.iter().map(|(_, secret)| secret.clone()).collect();
            let keep: Vec<String> = sample.keep.iter().filter(|kept| before.show(kept)).cloned().collect();
            let faults = move |shown: &[u8]| {
                let after = Views::of(shown);
                let read = secrets
                    .iter()
                    .filter(|secret| after.show(secret))
                    .map(|text| format!("{text} can be read"));
                read.chain(keep.iter().filter(|kept| !after.show(kept)).map(|text| format!("{text} is gone")))
                    .collect()
            };
            trials.push(Trial {
                name: format!("{} as {carrier}", sample.name),
                target: "/carried?".to_owned(),
                content_type,
                contact: None,
                body: body.into_bytes(),
                is_message: false,
                faults: Box::new(faults),
            });
        }
    }
    assert!(CARRIED.len() == 4 && trials.len() == 30, "{}", trials.len());
    place.try_all(trials).await;
}

/// Sends every payload of an application in every carrier.
async fn no_leak(app: &str, profile: &str, roles: [&'static str; 2]) {
    let place = Place::start(profile, roles).await;
    let mut trials = Vec::new();
    for sample in Sample::all(app).into_iter().map(Arc::new) {
        for Carrier { name, content_type, query, spell } in CARRIERS {
            let body = spell(&sample).into_bytes();
            let (judged, sent) = (Arc::clone(&sample), body.clone());
            // A header is judged before any body, so of its contacts only those with a shape are known.
            let contact =
                sample.contacts.iter().find(|contact| contact.len() > 9 && contact.contains(['@', '+']));
            trials.push(Trial {
                name: format!("{} as {name}", sample.name),
                target: format!("{}?x=1{query}", sample.path),
                content_type,
                contact: contact.cloned(),
                body,
                is_message: false,
                faults: Box::new(move |shown| judged.faults(&sent, shown)),
            });
        }
        trials.extend(live::trials(&sample));
    }
    place.try_all(trials).await;
}

/// What can be read of a body that should not be, or is missing.
type Faults = Box<dyn Fn(&[u8]) -> Vec<String> + Send + Sync>;

/// One payload in one carrier.
struct Trial {
    name: String,
    /// The request target, to which parameters can be added.
    target: String,
    content_type: &'static str,
    /// What the fields of the header say besides.
    contact: Option<String>,
    body: Vec<u8>,
    /// Whether the body is a message of a WebSocket.
    is_message: bool,
    /// What is wrong with what is shown in its place.
    faults: Faults,
}

/// A gateway in front of an origin that answers as it is told.
struct Place {
    gateway: Gateway,
    answers: Answers,
    /// The roles of a super-admin and of an operator.
    roles: [&'static str; 2],
    numbers: AtomicUsize,
}

impl Place {
    async fn start(profile: &str, roles: [&'static str; 2]) -> Arc<Place> {
        let answers = Answers::start().await;
        let gateway = builder(profile, roles[0]).upstream(answers.origin.address()).start().await;
        Arc::new(Place::of(gateway, answers, roles))
    }

    fn of(gateway: Gateway, answers: Answers, roles: [&'static str; 2]) -> Place {
        Place { gateway, answers, roles, numbers: AtomicUsize::new(0) }
    }

    /// Tries all, some at a time, and fails with all that is wrong.
    async fn try_all(self: Arc<Place>, trials: Vec<Trial>) {
        let permits = Arc::new(Semaphore::new(AT_A_TIME));
        let mut running = JoinSet::new();
        for (at, trial) in trials.into_iter().enumerate() {
            let (place, permits) = (Arc::clone(&self), Arc::clone(&permits));
            running.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                let faults = match trial.is_message {
                    true => place.try_message(at, &trial).await,
                    false => place.try_one(at, &trial).await,
                };
                faults.into_iter().map(|fault| format!("{}: {fault}", trial.name)).collect::<Vec<_>>()
            });
        }
        let mut faults = running.join_all().await.concat();
        faults.sort();
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    }

    async fn try_one(&self, at: usize, trial: &Trial) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expected: Option<Vec<u8>> = None;
        for (round, coding) in CODINGS.into_iter().enumerate() {
            let seed = (at * CODINGS.len() + round) as u64;
            let body = coded(coding, &trial.body);
            let cuts =
                if trial.body.len() < SMALL { Cuts::EveryByte } else { Cuts::Random { seed, count: 200 } };
            // A write for each byte costs much; most have one chunk for each in a single write.
            let framing = if (at + round).is_multiple_of(5) {
                Framing::ALL[1 + (at / 5 + round) % 3]
            } else {
                Framing::Chunks
            };
            let served = Served { head: trial.head(coding), body, cuts, framing };
            let told = format!("{coding:?}, {cuts:?}, {framing:?}");
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            self.answers.tell(number, served.clone());
            let target = format!("{}&case={number}", trial.target);
            let admin = self.client(number, self.roles[0]).get(&target).await;
            if admin.status() != 200 || admin.bytes() != served.body || !trial.is_original(&admin) {
                faults.push(format!("a super-admin does not get what came ({told}): {}", admin.status()));
            }
            let accepts = ["gzip", "", "br, zstd;q=0.1", "zstd", "deflate", "gzip, br"][(at + round) % 6];
            let operator = self.client(number, self.roles[1]);
            let shown = operator.get(&target).header("accept-encoding", accepts).await;
            if shown.status() != 200 {
                faults.push(format!("{} {:?} ({told})", shown.status(), shown.header("x-chatwarden-reason")));
                continue;
            }
            faults.extend(trial.header_faults(&shown));
            if !shown.is_complete() {
                faults.push(format!("the answer is cut ({told})"));
                continue;
            }
            let shown = decoded(shown.header("content-encoding").unwrap_or_default(), shown.bytes());
            match &expected {
                None => {
                    faults.extend((trial.faults)(&shown));
                    expected = Some(shown);
                }
                Some(expected) if *expected != shown => {
                    faults.push(format!("another coding or cut shows something else ({told})"));
                }
                Some(_) => {}
            }
        }
        faults
    }

    /// Somebody whom nothing was shown before.
    fn client(&self, number: usize, role: &str) -> Client {
        let token = token(&json!({ "sub": format!("{role} {number}"), "role": role }));
        self.gateway.client().with("authorization", &format!("Bearer {token}"))
    }
}

impl Trial {
    fn head(&self, coding: &str) -> String {
        let field = |name: &str, value: &str| {
            if value.is_empty() { String::new() } else { format!("{name}: {value}\r\n") }
        };
        let mut head = field("Content-Type", self.content_type) + &field("Content-Encoding", coding);
        for (name, value) in self.contact_fields() {
            head += &field(name, &value);
        }
        head
    }

    /// Fields that quote a contact.
    fn contact_fields(&self) -> Vec<(&'static str, String)> {
        let Some(contact) = &self.contact else { return Vec::new() };
        let encode = |byte: u8| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        let encoded: String = contact.bytes().map(encode).collect();
        let ascii: String = contact.chars().filter(char::is_ascii).collect();
        vec![
            ("Location", format!("/clients?q={encoded}&page=2")),
            ("Content-Disposition", format!("inline; filename*=UTF-8''{encoded}.json")),
            ("Link", format!("</clients/{encoded}?page=2>; rel=\"next\"")),
            ("X-Contact", ascii),
        ]
    }

    fn is_original(&self, answer: &Response) -> bool {
        self.contact_fields().iter().all(|(name, value)| answer.header(name) == Some(value))
    }

    fn header_faults(&self, answer: &Response) -> Option<String> {
        let contact = self.contact.as_ref()?;
        let values: Vec<String> = answer
            .headers()
            .values()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let values = values.join("\n");
        Views::of(values.as_bytes())
            .show(contact)
            .then(|| format!("{contact} can be read in the header: {values}"))
    }
}

/// The shipped gateway under a profile, with nothing to do but to hide contact data.
fn builder(profile: &str, super_admin: &str) -> Builder {
    let mut builder = Gateway::builder();
    for kind in ["ip-whitelist", "files", "downloads", "iframe", "webhooks", "action-log"] {
        builder = builder.without_rule(kind);
    }
    let source = json!({
        "from": [{ "header": "Authorization", "scheme": "Bearer" }],
        "keys": { "secret_file": "jwt.secret" },
        "algorithms": ["HS256"],
        "claims": { "account": "sub", "role": "role" },
    });
    builder
        .rule("personal-data", "message_text: hide\n")
        .file("profiles/leaks.yaml", profile)
        .file("jwt.secret", SECRET)
        .config("profile", json!("profiles/leaks.yaml"))
        .config("super_admin_roles", json!([super_admin]))
        .config("identity", json!([{ "jwt": source }]))
}

fn token(claims: &Value) -> String {
    let mut claims = claims.clone();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    claims["exp"] = json!(now + 600);
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// Every name, string and number of a document, decoded, and of JSON in its strings.
fn texts(document: &str) -> Vec<String> {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => texts.push(number.to_string()),
            Value::String(text) => {
                texts.push(text.clone());
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    collect(&inner, texts);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                texts.push(name.clone());
                collect(member, texts);
            }),
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(document).unwrap(), &mut found);
    found
}

/// Bodies below this size are cut at every byte.
const SMALL: usize = 2048;
const AT_A_TIME: usize = 6;
const SECRET: &str = "a secret of the tests, 32 bytes or more";
