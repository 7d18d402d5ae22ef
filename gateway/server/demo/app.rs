//! The app itself: its routes, what all handlers share, and the handle that tests and the `demo` command hold.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, post};
use axum::{Router, middleware};
use http::StatusCode;
use serde_json::Value;
use tokio::sync::broadcast;

use super::recorder::{Recorder, Seen, lock, record};
use super::serve::{Server, Stop};
use super::state::{Mail, State};
use super::{
    answer, caller, coding, conversations, files, live, odd, pages, people, seed, settings, visitors,
};

/// A running sample chat app; it stops when dropped.
pub struct App {
    server: Server,
    shared: Arc<Shared>,
    recorder: Recorder,
}

impl App {
    /// Starts the app; port 0 takes any free one. Must be called inside a tokio runtime.
    pub async fn start(addr: SocketAddr) -> io::Result<App> {
        App::launch(addr, false).await
    }

    /// Starts an app that takes callers without a session for its first operator: for tests whose callers are known
    /// to the gateway by other means (a JWT, an API token) than the app's own sign-in.
    pub async fn start_open(addr: SocketAddr) -> io::Result<App> {
        App::launch(addr, true).await
    }

    /// The address the app listens on.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The newest requests that reached the app, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.recorder.seen()
    }

    /// Forgets the recorded requests.
    pub fn forget_seen(&self) {
        self.recorder.forget();
    }

    /// The conversations sent by e-mail so far.
    pub fn outbox(&self) -> Vec<Mail> {
        lock(&self.shared.state).outbox.iter().cloned().collect()
    }

    async fn launch(addr: SocketAddr, open: bool) -> io::Result<App> {
        let recorder = Recorder::default();
        let mut shared = None;
        let server = Server::start(addr, |stop| {
            let made = Arc::new(Shared::new(open, stop));
            shared = Some(Arc::clone(&made));
            router(made).layer(middleware::from_fn_with_state(recorder.clone(), record))
        })
        .await?;
        let shared = shared.ok_or_else(|| io::Error::other("the server was started without its router"))?;
        Ok(App { server, shared, recorder })
    }
}

/// What every handler can reach.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) open: bool,
    pub(super) stop: Stop,
    pub(super) events: broadcast::Sender<String>,
}

impl Shared {
    fn new(open: bool, stop: Stop) -> Shared {
        Shared { state: Mutex::new(seed::state()), open, stop, events: broadcast::channel(64).0 }
    }

    /// Sends an event to all live streams; without any it goes nowhere.
    pub(super) fn tell(&self, event: &Value) {
        let _ = self.events.send(event.to_string());
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/api/me", get(caller::me))
        .route("/api/operators/all", get(people::operators))
        .route("/api/operators/groups", get(people::groups))
        .route("/api/operators/create", post(people::create_operator))
        .route("/api/operators/delete", post(people::delete_operator))
        .route("/api/users/update", post(people::update_user))
        .route("/api/users/{id}", get(people::user))
        .route("/api/search", get(people::search).post(people::search))
        .route("/api/clients/{phone}", get(people::by_phone))
        .route("/api/conversations", get(conversations::list))
        .route("/api/conversations/start", post(conversations::start))
        .route("/api/conversations/close", post(conversations::close))
        .route("/api/conversations/send-message", post(conversations::send_message))
        .route("/api/conversations/send-note", post(conversations::send_note))
        .route("/api/conversations/send-file-message", post(conversations::send_file_message))
        .route("/api/conversations/{id}/messages", get(conversations::messages))
        .route("/api/settings", get(settings::settings))
        .route("/api/webhooks", get(settings::webhooks).post(settings::create_webhook))
        .route("/api/webhooks/{id}", delete(settings::delete_webhook).put(settings::change_webhook))
        .layer(middleware::from_fn(coding::validate_and_compress));
    let operator_area = Router::new()
        .route("/", get(pages::inbox))
        .route("/settings/webhooks", get(pages::webhooks))
        .route("/login", get(pages::sign_in).post(caller::sign_in))
        .route("/logout", any(caller::sign_out))
        .route("/conversations/{id}/download", post(conversations::download))
        .route("/upload", post(files::upload))
        .route("/files/{name}", get(files::file))
        .route("/avatars/{id}", get(files::avatar))
        .route("/events", get(live::events))
        .route("/live", get(live::socket));
    let public_area = Router::new()
        .route("/widget", get(pages::widget))
        .route("/widget/messages", get(visitors::messages).post(visitors::write))
        .route("/hooks/telegram", post(visitors::telegram))
        .route("/assets/{name}", get(pages::asset))
        .route("/favicon.ico", get(pages::icon));
    Router::new()
        .merge(api)
        .merge(operator_area)
        .merge(public_area)
        .merge(odd::routes())
        .fallback(|| async { answer::error(StatusCode::NOT_FOUND, "Not found") })
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES))
        .with_state(shared)
}

const UPLOAD_BYTES: usize = 32 * 1024 * 1024;
