//! What the app has seen: every request that reached it, with as much of its body as was read.
//!
//! Bounded: the newest requests only, and of each body the first bytes; the length counts them all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;

/// One request as it reached the app.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request's method.
    pub method: Method,
    /// Path and query, exactly as they stood in the request line.
    pub target: String,
    /// All header fields, in the order of arrival per name.
    pub headers: HeaderMap,
    /// How many bytes of body were read so far.
    pub body_len: usize,
    /// The first bytes of the body: at most 256 KiB.
    pub body: Vec<u8>,
}

/// The newest requests, oldest first.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    newest: Arc<Mutex<VecDeque<Arc<Mutex<Seen>>>>>,
}

impl Recorder {
    pub(super) fn seen(&self) -> Vec<Seen> {
        lock(&self.newest).iter().map(|seen| lock(seen).clone()).collect()
    }

    pub(super) fn forget(&self) {
        lock(&self.newest).clear();
    }

    fn add(&self, seen: Seen) -> Arc<Mutex<Seen>> {
        let seen = Arc::new(Mutex::new(seen));
        let mut newest = lock(&self.newest);
        if newest.len() == REQUESTS {
            newest.pop_front();
        }
        newest.push_back(Arc::clone(&seen));
        seen
    }
}

/// The outermost layer of the app: notes the head at once and the body while a handler reads it.
pub(super) async fn record(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let seen = recorder.add(Seen {
        method: parts.method.clone(),
        target: parts.uri.to_string(),
        headers: parts.headers.clone(),
        body_len: 0,
        body: Vec::new(),
    });
    let body = body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            let mut seen = lock(&seen);
            let room = BODY_BYTES.saturating_sub(seen.body.len()).min(data.len());
            seen.body.extend_from_slice(&data[..room]);
            seen.body_len += data.len();
        }
        frame
    });
    next.run(Request::from_parts(parts, Body::new(body))).await
}

/// A panic of one handler must not silence the others.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const REQUESTS: usize = 1024;
const BODY_BYTES: usize = 256 * 1024;
