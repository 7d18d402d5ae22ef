//! A case asked of a gateway over sockets, in front of an origin that answers what the case says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response as Answer},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Told,
    file::{Caller, Case, Expect, Scripted, Set},
};
use crate::harness::{Gateway, Response, lines_with};

/// What a gateway says over sockets, and the entry that it leaves in the action log.
pub(super) async fn by_wire(set: &Set) -> Vec<Option<(Told, String)>> {
    let origin = Origin::start(set).await;
    let mut gateway = set.gateway(origin.address).await;
    let mut answers = Vec::new();
    for (at, case) in set.cases.iter().enumerate() {
        answers.push(if case.is_wired() { Some(ask(&gateway, at, case).await) } else { None });
    }
    // Stopped, all that is to be logged is.
    gateway.stop().await;
    let log = lines_with("request_id");
    let entries = gateway.actions_on_disk();
    let told = answers.into_iter().enumerate().map(|(at, answer)| {
        let answer = answer?;
        let id = answer.request_id().to_owned();
        let lines: Vec<Value> = log
            .iter()
            .filter(|line| line.contains(&id))
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let rules = |message: &str| {
            let said = lines
                .iter()
                .filter(|line| line["message"].as_str().is_some_and(|said| said.starts_with(message)));
            let mut rules: Vec<String> =
                said.filter_map(|line| Some(line["rule"].as_str()?.to_owned())).collect();
            rules.sort();
            rules
        };
        let reached = origin.seen(at);
        let entry = entries.iter().find(|entry| entry["request_id"] == id.as_str());
        let logged = entry.map_or("nothing", |entry| entry["type"].as_str().unwrap()).to_owned();
        let reason =
            answer.header("x-chatwarden-reason").map(|code| format!("{} {code}", answer.status().as_u16()));
        let verdict = match (&reason, reached) {
            (None, true) => Expect::Allowed,
            (Some(_), true) => Expect::AnswerRefused,
            (_, false) => Expect::Refused,
        };
        let passed = verdict == Expect::Allowed;
        let one = |name: &str| answer.header(name).map(str::to_owned).filter(|_| passed);
        let told = Told {
            verdict,
            reason,
            rule: rules("Request refused").into_iter().find(|rule| rule != "none"),
            shown: passed.then(|| answer.text().to_owned()),
            csp: one("content-security-policy"),
            xfo: one("x-frame-options"),
            monitored: rules("Would be refused"),
        };
        Some((told, logged))
    });
    told.collect()
}

async fn ask(gateway: &Gateway, at: usize, case: &Case) -> Response {
    let (method, target) = case.request.split_once(' ').unwrap();
    let client = gateway.client_at(case.from());
    let mut call = client.call(method.parse::<Method>().unwrap(), target);
    if !case.body.is_empty() {
        call = call.body("", case.body.clone());
    }
    for (name, value) in &case.headers {
        call = call.header(name, value);
    }
    call = call.header("x-case", &at.to_string());
    let credentials = match &case.account {
        None => return call.await,
        Some(Caller::Word(word)) => ("cookie", format!("account={word}")),
        Some(Caller::Account(person)) => {
            let groups: Vec<Value> = person.groups.iter().map(|title| json!({ "title": title })).collect();
            let me = json!({
                "id": person.id, "name": person.name, "email": person.email, "role": person.role, "groups": groups,
            });
            let digits: String = me.to_string().bytes().map(|byte| format!("{byte:02x}")).collect();
            if person.token {
                ("authorization", format!("Bearer {digits}"))
            } else {
                ("cookie", format!("account={digits}"))
            }
        }
    };
    call.header(credentials.0, &credentials.1).await
}

/// A server that answers what the cases say, and who is calling.
struct Origin {
    address: SocketAddr,
    script: Arc<Script>,
}

struct Script {
    answers: Vec<Scripted>,
    seen: Mutex<Vec<usize>>,
}

impl Origin {
    async fn start(set: &Set) -> Origin {
        let answers = set.cases.iter().map(|case| case.answer.clone()).collect();
        let script = Arc::new(Script { answers, seen: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(Origin::answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Origin { address, script }
    }

    fn seen(&self, case: usize) -> bool {
        self.script.seen.lock().unwrap().contains(&case)
    }

    async fn answer(State(script): State<Arc<Script>>, request: Request) -> Answer {
        let case =
            request.headers().get("x-case").and_then(|case| case.to_str().unwrap().parse::<usize>().ok());
        let Some(case) = case else { return me(request.headers()) };
        // Read to its end, or the next request would begin with it.
        let _ = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        script.seen.lock().unwrap().push(case);
        let Scripted { status, headers, body } = script.answers[case].clone();
        let fields = headers.iter().map(|(name, value)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        let fields: HeaderMap = fields.collect();
        let mut response = body.into_response();
        response.headers_mut().clear();
        response.headers_mut().extend(fields);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }
}

/// The answer to the gateway's question who is calling: the account stands in the credentials.
fn me(headers: &HeaderMap) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let digits = text("cookie").strip_prefix("account=").or(text("authorization").strip_prefix("Bearer "));
    match digits {
        None => StatusCode::UNAUTHORIZED.into_response(),
        Some("unavailable") => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(digits) => {
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            let me: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            ([("content-type", "application/json")], me).into_response()
        }
    }
}
