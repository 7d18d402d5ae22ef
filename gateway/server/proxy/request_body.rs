//! Request bodies that a rule has to read before the application does.
//!
//! A body of up to 64 KiB is read whole before the request goes upstream, so that the application sees nothing of a
//! refused one. A larger body is held in memory, up to `limits.inspected_body`, and leaves only when it is judged:
//! the application then has the header, but never a complete request, and no answer of it passes before the verdict.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chatwarden_policy::reason::Reason;
use http::header;
use pingora::{ErrorType, proxy::Session};

/// The request body, as far as rules care.
#[derive(Debug, Default)]
pub(crate) enum RequestBody {
    /// Nothing to judge: chunks pass.
    #[default]
    Open,
    /// Judged whole already; what pingora replays passes.
    Judged,
    /// Held until its end.
    Held(Held),
}

/// A body under inspection that is larger than pingora replays.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: BytesMut,
    /// The first bytes, read before the request went upstream: pingora does not bring them again.
    /// `ahead <= bytes.len()`.
    ahead: usize,
    limit: usize,
    deadline: Instant,
}

/// What reading ahead found.
pub(crate) enum ReadAhead {
    /// The whole body.
    Whole(Bytes),
    /// More than can be read ahead.
    Partial(Held),
}

/// The most that pingora keeps to send upstream later.
const REPLAY_LIMIT: usize = 64 * 1024;

/// Reads the body of a request, before anything of it goes upstream, as far as it can be replayed.
///
/// # Errors
/// The reason to refuse with: over `limit`, not there after `patience`, or broken.
pub(crate) async fn read_ahead(
    session: &mut Session,
    limit: usize,
    patience: Duration,
) -> Result<ReadAhead, Reason> {
    let deadline = Instant::now() + patience;
    let announced = announced_length(session);
    if announced.is_some_and(|length| length > limit) {
        return Err(Reason::LimitBody);
    }
    if session.req_header().headers.contains_key(header::EXPECT) {
        session.write_continue_response().await.map_err(|_| Reason::RequestTimeout)?;
    }
    // Bounds the silence between two chunks of a held body; `take` bounds them all.
    session.set_read_timeout(Some(patience));
    let held = |bytes: BytesMut| ReadAhead::Partial(Held { ahead: bytes.len(), bytes, limit, deadline });
    if announced.is_some_and(|length| length > REPLAY_LIMIT) {
        return Ok(held(BytesMut::new()));
    }
    session.enable_retry_buffering();
    match tokio::time::timeout_at(deadline.into(), read_replayable(session)).await {
        Ok(Ok(Read::Whole(body))) => Ok(ReadAhead::Whole(body)),
        Ok(Ok(Read::Truncated(bytes))) => Ok(held(bytes)),
        Ok(Err(reason)) => Err(reason),
        Err(_) => Err(Reason::RequestTimeout),
    }
}

enum Read {
    Whole(Bytes),
    Truncated(BytesMut),
}

async fn read_replayable(session: &mut Session) -> Result<Read, Reason> {
    let mut read = BytesMut::new();
    loop {
        match session.read_request_body().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => return Ok(Read::Whole(read.freeze())),
            // Where the client is gone, nobody reads the reason.
            Err(error) => return Err(failure(error.etype()).unwrap_or(Reason::RequestTimeout)),
        }
        // Only a chunked body gets here: it is not at its end before its last chunk was read, on its own.
        if session.retry_buffer_truncated() {
            return Ok(Read::Truncated(read));
        }
    }
}

/// What a body that cannot be read to its end is refused with: nothing where the client is gone.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's open list")]
pub(crate) fn failure(kind: &ErrorType) -> Option<Reason> {
    match kind {
        ErrorType::ReadTimedout => Some(Reason::RequestTimeout),
        // RFC 9112 §7.1: chunks that do not parse have no end that two servers agree on. pingora's own error types.
        ErrorType::Custom(_) => Some(Reason::RequestAmbiguous),
        _ => None,
    }
}

fn announced_length(session: &Session) -> Option<usize> {
    session.req_header().headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl RequestBody {
    /// Takes a chunk; returns the whole body once it is complete and has to be judged.
    ///
    /// # Errors
    /// The body outgrew its limit or its time.
    pub(crate) fn take(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<Option<Bytes>, Reason> {
        let Self::Held(held) = self else { return Ok(None) };
        let chunk = body.take().unwrap_or_default();
        if held.bytes.len() + chunk.len() > held.limit {
            return Err(Reason::LimitBody);
        }
        if Instant::now() > held.deadline {
            return Err(Reason::RequestTimeout);
        }
        held.bytes.extend_from_slice(&chunk);
        // An empty chunk, never none: none would tell pingora that the body is complete.
        *body = Some(Bytes::new());
        Ok(end.then(|| std::mem::take(&mut held.bytes).freeze()))
    }

    /// Starts anew with another connection: pingora brings all that it has read since the first one again.
    pub(crate) fn restart(&mut self) {
        if let Self::Held(held) = self {
            held.bytes.truncate(held.ahead);
        }
    }

    /// Whether the verdict on the body is still out.
    pub(crate) fn pending(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(ahead: &[u8], limit: usize, patience: Duration) -> RequestBody {
        let deadline = Instant::now() + patience;
        RequestBody::Held(Held { bytes: BytesMut::from(ahead), ahead: ahead.len(), limit, deadline })
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_held_body_leaves_whole_and_never_ends_early() {
        let mut held = held(b"ab", 6, LONG);
        let mut chunk = Some(Bytes::from_static(b"cd"));
        assert_eq!(held.take(&mut chunk, false), Ok(None));
        assert_eq!(chunk, Some(Bytes::new()));
        let mut last = None;
        assert_eq!(held.take(&mut last, true), Ok(Some(Bytes::from_static(b"abcd"))));
    }

    #[test]
    fn a_second_attempt_does_not_double_the_body() {
        let mut held = held(b"ab", 6, LONG);
        for attempt in [false, true] {
            held.restart();
            let whole = held.take(&mut Some(Bytes::from_static(b"cd")), attempt);
            assert_eq!(whole, Ok(attempt.then(|| Bytes::from_static(b"abcd"))));
        }
    }

    #[test]
    fn a_body_over_a_limit_is_an_error() {
        let chunk = || Some(Bytes::from_static(b"abcd"));
        assert_eq!(held(b"", 3, LONG).take(&mut chunk(), false), Err(Reason::LimitBody));
        assert_eq!(held(b"", 9, Duration::ZERO).take(&mut chunk(), false), Err(Reason::RequestTimeout));
    }
}
