//! Request bodies that a rule has to read before the application does.
//!
//! A body of up to 64 KiB is read whole before the request goes upstream, so that the application sees nothing of a
//! refused one. A larger body is held in memory, up to `limits.inspected_body`, and leaves only when it is judged:
//! the application then has the header, but never a complete request, and no answer of it passes before the verdict.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chatwarden_policy::reason::Reason;
use http::header;
use pingora::proxy::Session;

/// The request body, as far as rules care.
#[derive(Debug, Default)]
pub(crate) enum RequestBody {
    /// Nothing to judge: chunks pass.
    #[default]
    Open,
    /// Judged whole already; what pingora replays passes.
    Judged,
    /// Held until its end. `replayed` bytes of `bytes` were read before the request went upstream and pingora cannot
    /// replay them.
    Held { bytes: BytesMut, limit: usize },
}

/// What reading ahead found.
pub(crate) enum ReadAhead {
    /// The whole body.
    Whole(Bytes),
    /// More than can be read ahead: the part that pingora will not replay.
    Partial(BytesMut),
}

/// The most that pingora keeps to send upstream later.
const REPLAY_LIMIT: usize = 64 * 1024;
/// A client that needs longer than this for a body under inspection is not sending it in earnest.
const READ_DEADLINE: Duration = Duration::from_secs(30);

/// Reads the body of a request, before anything of it goes upstream, as far as it can be replayed.
///
/// # Errors
/// The reason to refuse with: over `limit`, too slow, or broken off.
pub(crate) async fn read_ahead(session: &mut Session, limit: usize) -> Result<ReadAhead, Reason> {
    let announced = announced_length(session);
    if announced.is_some_and(|length| length > limit) {
        return Err(Reason::LimitBody);
    }
    if announced.is_some_and(|length| length > REPLAY_LIMIT) {
        return Ok(ReadAhead::Partial(BytesMut::new()));
    }
    if session.req_header().headers.contains_key(header::EXPECT) {
        session.write_continue_response().await.map_err(|_| Reason::RequestTimeout)?;
    }
    session.enable_retry_buffering();
    match tokio::time::timeout(READ_DEADLINE, read_replayable(session)).await {
        Ok(read) => read,
        Err(_) => Err(Reason::RequestTimeout),
    }
}

async fn read_replayable(session: &mut Session) -> Result<ReadAhead, Reason> {
    let mut read = BytesMut::new();
    loop {
        match session.read_request_body().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => return Ok(ReadAhead::Whole(read.freeze())),
            Err(_) => return Err(Reason::RequestTimeout),
        }
        // Only a chunked body gets here: it is not at its end before its last chunk was read, on its own.
        if session.retry_buffer_truncated() {
            return Ok(ReadAhead::Partial(read));
        }
    }
}

fn announced_length(session: &Session) -> Option<usize> {
    session.req_header().headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl RequestBody {
    /// Takes a chunk; returns the whole body once it is complete and has to be judged.
    ///
    /// # Errors
    /// The body outgrew its limit.
    pub(crate) fn take(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<Option<Bytes>, Reason> {
        let Self::Held { bytes, limit } = self else { return Ok(None) };
        let chunk = body.take().unwrap_or_default();
        if bytes.len() + chunk.len() > *limit {
            return Err(Reason::LimitBody);
        }
        bytes.extend_from_slice(&chunk);
        // An empty chunk, never none: none would tell pingora that the body is complete.
        *body = Some(Bytes::new());
        Ok(end.then(|| std::mem::take(bytes).freeze()))
    }

    /// Whether the verdict on the body is still out.
    pub(crate) fn pending(&self) -> bool {
        matches!(self, Self::Held { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_body_leaves_whole_and_never_ends_early() {
        let mut held = RequestBody::Held { bytes: BytesMut::from(&b"ab"[..]), limit: 6 };
        let mut chunk = Some(Bytes::from_static(b"cd"));
        assert_eq!(held.take(&mut chunk, false).ok(), Some(None));
        assert_eq!(chunk, Some(Bytes::new()));
        let mut last = None;
        assert_eq!(held.take(&mut last, true).ok(), Some(Some(Bytes::from_static(b"abcd"))));
    }

    #[test]
    fn a_body_over_the_limit_is_an_error() {
        let mut held = RequestBody::Held { bytes: BytesMut::new(), limit: 3 };
        assert_eq!(held.take(&mut Some(Bytes::from_static(b"abcd")), false), Err(Reason::LimitBody));
    }
}
