//! Live events: the same messages as server-sent events on `/events` and as WebSocket messages on `/live`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::app::Shared;
use super::caller::Caller;
use super::recorder::lock;
use super::serve::{Stop, stopped};

pub(super) async fn events(State(shared): State<Arc<Shared>>, Caller(_): Caller) -> Response {
    let feed = Feed::new(&shared);
    let body = stream::unfold((Some(hello(&shared)), feed), |(first, mut feed)| async move {
        let text = match first {
            Some(first) => Some(first),
            None => feed.next().await,
        };
        // WHATWG HTML "server-sent events": one `data:` line, then an empty one; a line with a colon is a comment.
        let event = match text? {
            text if text.is_empty() => ": still here\n\n".to_owned(),
            text => format!("data: {text}\n\n"),
        };
        Some((Ok::<_, Infallible>(event), (None, feed)))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(body)).into_response()
}

pub(super) async fn socket(
    State(shared): State<Arc<Shared>>,
    Caller(_): Caller,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| talk(socket, shared))
}

/// Sends events as they come; answers `{"type":"ping"}` with `{"type":"pong"}` and echoes `{"type":"echo",…}`.
async fn talk(mut socket: WebSocket, shared: Arc<Shared>) {
    let mut feed = Feed::new(&shared);
    if socket.send(Message::text(hello(&shared))).await.is_err() {
        return;
    }
    loop {
        let out = tokio::select! {
            text = feed.next() => match text {
                Some(text) if text.is_empty() => continue,
                Some(text) => Message::text(text),
                None => break,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => match reply(&text) {
                    Some(reply) => Message::text(reply),
                    None => continue,
                },
                Some(Ok(Message::Binary(bytes))) => Message::text(json!({ "type": "file", "size": bytes.len() }).to_string()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        };
        if socket.send(out).await.is_err() {
            break;
        }
    }
}

fn reply(text: &str) -> Option<String> {
    let message: Value = serde_json::from_str(text).ok()?;
    match message.get("type")?.as_str()? {
        "ping" => Some(json!({ "type": "pong" }).to_string()),
        "echo" => Some(text.to_owned()),
        _ => None,
    }
}

/// The first event of every stream: who is being waited for.
fn hello(shared: &Shared) -> String {
    let state = lock(&shared.state);
    let open = state.conversations.iter().filter(|conversation| conversation.status == "open").count();
    let waiting = state.conversations.iter().find(|conversation| conversation.operator.is_none());
    let client = waiting.and_then(|conversation| state.client(conversation.client));
    json!({
        "webhook": "hello",
        "open_conversations": open,
        "waiting": client.map(|client| json!({ "from_user": client.sender() })),
    })
    .to_string()
}

/// Events until the app stops; an empty text now and then when nothing happens.
struct Feed {
    events: Receiver<String>,
    stop: Stop,
}

impl Feed {
    fn new(shared: &Shared) -> Feed {
        Feed { events: shared.events.subscribe(), stop: shared.stop.clone() }
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => return Some(event),
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(QUIET) => return Some(String::new()),
                () = stopped(self.stop.clone()) => return None,
            }
        }
    }
}

const QUIET: Duration = Duration::from_secs(15);
