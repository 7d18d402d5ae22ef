//! Request bodies that a rule has to read before the application does.
//!
//! A body whose length is told is read whole, up to `limits.inspected_body`, before the request goes upstream, so that
//! the application sees nothing of a refused one and is told the length of a changed one. So is one in chunks, up to
//! 64 KiB. Beyond that it is held in memory, up to the same limit, and leaves only when it is judged: the application
//! then has the header, but never a complete request, and no answer of it passes before the verdict.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use chatwarden_policy::reason::Reason;
use chatwarden_redact::{MultipartWatch, WatchError};
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
    /// Judged whole already; this goes upstream instead of what pingora replays.
    Whole(Whole),
    /// Held until its end.
    Held(Held),
    /// Watched as it passes.
    Watched(Box<Watched>),
}

/// What goes upstream.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// Whether it differs from what came, so that digests of that do not hold.
    pub(crate) changed: bool,
    /// Whether codings were undone.
    pub(crate) decoded: bool,
}

/// A body in chunks under inspection that is larger than pingora replays.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: BytesMut,
    /// The first bytes, read before the request went upstream: pingora does not bring them again.
    /// `ahead <= bytes.len()`.
    ahead: usize,
    limit: usize,
    deadline: Instant,
    holding: Holding,
}

/// How a body is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    pub(crate) overflow: Overflow,
    /// Whether it may leave changed, and leaves without its codings.
    pub(crate) transforms: bool,
}

/// What becomes of a body that is longer than may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// It is refused.
    Refuse,
    /// It passes unread.
    Release,
    /// It is watched as it passes.
    Watch,
}

/// A form that passes while it is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    /// As it was before the first byte.
    fresh: Option<MultipartWatch>,
    watch: Option<MultipartWatch>,
}

/// What taking a chunk came to.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The chunk, if it is not held, goes on.
    On,
    /// The body is whole and has to be judged.
    Whole(Bytes),
    /// The body is too long to be held; all of it goes on.
    Released,
    /// The body is too long to be held and has to be watched from here on; these are its first bytes.
    ToWatch(Bytes),
}

/// Why a body does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// For this reason.
    Reason(Reason),
    /// For what the watch saw.
    Watch(WatchError),
}

/// What reading ahead found.
pub(crate) enum ReadAhead {
    /// The whole body.
    Whole(Bytes),
    /// More than can be read ahead.
    Partial(Held),
}

/// The most that pingora keeps to send upstream later.
pub(crate) const REPLAY_LIMIT: usize = 64 * 1024;

/// Reads the body of a request, before anything of it goes upstream, as far as that is possible.
///
/// # Errors
/// The reason to refuse with: over `limit`, not there after `patience`, or broken.
pub(crate) async fn read_ahead(
    session: &mut Session,
    limit: usize,
    patience: Duration,
    holding: Holding,
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
    match tokio::time::timeout_at(deadline.into(), read(session, announced)).await {
        Ok(Ok(Read::Whole(body))) => Ok(ReadAhead::Whole(body)),
        Ok(Ok(Read::Truncated(bytes))) => {
            Ok(ReadAhead::Partial(Held { ahead: bytes.len(), bytes, limit, deadline, holding }))
        }
        Ok(Err(reason)) => Err(reason),
        Err(_) => Err(Reason::RequestTimeout),
    }
}

enum Read {
    Whole(Bytes),
    Truncated(BytesMut),
}

/// pingora calls the body filter for a body that was read before only if it kept some of it, and it keeps no more than
/// [`REPLAY_LIMIT`]. So of a body whose length is known it is told to keep the end alone; the filter then has the whole
/// body go on in its stead. No read brings more than the limit, so none skips the place where keeping begins.
async fn read(session: &mut Session, announced: Option<usize>) -> Result<Read, Reason> {
    let mut read = BytesMut::new();
    loop {
        let rest = announced.map_or(0, |length| length.saturating_sub(read.len()));
        if rest <= REPLAY_LIMIT {
            session.enable_retry_buffering();
        }
        match session.read_request_body().await {
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => break,
            // Where the client is gone, nobody reads the reason.
            Err(error) => return Err(failure(error.etype()).unwrap_or(Reason::RequestTimeout)),
        }
        // Only a chunked body gets here: it is not at its end before its last chunk was read, on its own.
        if session.retry_buffer_truncated() {
            return Ok(Read::Truncated(read));
        }
    }
    // A head of more than the limit that came in one read with all of its body.
    let is_lost = !read.is_empty() && session.get_retry_buffer().is_none();
    if is_lost { Err(Reason::LimitHeader) } else { Ok(Read::Whole(read.freeze())) }
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

/// The length that the head tells.
pub(crate) fn announced_length(session: &Session) -> Option<usize> {
    session.req_header().headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How fast a body comes.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    began: Option<Instant>,
    bytes: u64,
}

/// Before it a body is not judged by its pace.
const GRACE: Duration = Duration::from_secs(30);

impl Pace {
    /// Counts what has come, and tells whether all of it took too long.
    pub(crate) fn is_too_slow(&mut self, bytes: usize, rate: u64) -> bool {
        let now = Instant::now();
        self.bytes += bytes as u64;
        let began = *self.began.get_or_insert(now);
        self.is_behind(now.duration_since(began), rate)
    }

    fn is_behind(&self, elapsed: Duration, rate: u64) -> bool {
        elapsed > GRACE && self.bytes < elapsed.as_secs().saturating_mul(rate)
    }
}

impl RequestBody {
    /// A body to be watched from its first byte.
    pub(crate) fn watched(watch: Option<MultipartWatch>) -> RequestBody {
        RequestBody::Watched(Box::new(Watched { fresh: watch.clone(), watch }))
    }

    /// Takes a chunk, and leaves in its place what goes on now.
    ///
    /// # Errors
    /// Why the body does not go on.
    pub(crate) fn take(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<Taken, BodyError> {
        match self {
            Self::Open | Self::Judged => Ok(Taken::On),
            Self::Whole(whole) => {
                // An empty chunk, never none: none would tell pingora that the body is complete.
                *body = Some(if end { whole.bytes.clone() } else { Bytes::new() });
                Ok(Taken::On)
            }
            Self::Held(held) => {
                let taken = held.take(body, end);
                if matches!(taken, Ok(Taken::Released)) {
                    *self = Self::Open;
                }
                taken
            }
            Self::Watched(watched) => {
                watched.take(body.as_deref().unwrap_or_default(), end).map(|()| Taken::On)
            }
        }
    }

    /// Starts anew with another connection: pingora brings all that it has read since the first one again.
    pub(crate) fn restart(&mut self) {
        match self {
            Self::Open | Self::Judged | Self::Whole(_) => {}
            Self::Held(held) => held.bytes.truncate(held.ahead),
            Self::Watched(watched) => watched.watch.clone_from(&watched.fresh),
        }
    }

    /// Whether it is held, and may leave changed and without its codings.
    pub(crate) fn transforms(&self) -> bool {
        matches!(self, Self::Held(held) if held.holding.transforms)
    }

    /// Whether the verdict on the body is still out.
    pub(crate) fn pending(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}

impl Held {
    fn take(&mut self, body: &mut Option<Bytes>, end: bool) -> Result<Taken, BodyError> {
        let chunk = body.take().unwrap_or_default();
        if Instant::now() > self.deadline {
            return Err(BodyError::Reason(Reason::RequestTimeout));
        }
        self.bytes.extend_from_slice(&chunk);
        let is_over = self.bytes.len() > self.limit;
        *body = Some(Bytes::new());
        let mut all = || std::mem::take(&mut self.bytes).freeze();
        match self.holding.overflow {
            Overflow::Refuse if is_over => Err(BodyError::Reason(Reason::LimitBody)),
            Overflow::Watch if is_over => Ok(Taken::ToWatch(all())),
            Overflow::Release if is_over => {
                *body = Some(all());
                Ok(Taken::Released)
            }
            Overflow::Refuse | Overflow::Release | Overflow::Watch if end => Ok(Taken::Whole(all())),
            Overflow::Refuse | Overflow::Release | Overflow::Watch => Ok(Taken::On),
        }
    }
}

impl Watched {
    /// Lets a chunk pass, if it may.
    pub(crate) fn take(&mut self, chunk: &[u8], end: bool) -> Result<(), BodyError> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        watch.write(chunk).map_err(BodyError::Watch)?;
        match self.watch.take_if(|_| end) {
            Some(watch) => watch.finish().map_err(BodyError::Watch),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_judged_by_its_pace_after_a_while() {
        let behind =
            |bytes, seconds| Pace { began: None, bytes }.is_behind(Duration::from_secs(seconds), 256);
        assert!(!behind(0, 30) && behind(0, 31));
        assert!(behind(256 * 40 - 1, 40) && !behind(256 * 40, 40));
        let mut pace = Pace::default();
        assert!(!pace.is_too_slow(7, u64::MAX) && !pace.is_too_slow(7, u64::MAX));
        assert_eq!(pace.bytes, 14);
    }

    fn held(ahead: &[u8], limit: usize, patience: Duration) -> RequestBody {
        held_with(ahead, limit, patience, Overflow::Refuse)
    }

    fn held_with(ahead: &[u8], limit: usize, patience: Duration, overflow: Overflow) -> RequestBody {
        let holding = Holding { overflow, transforms: false };
        let deadline = Instant::now() + patience;
        RequestBody::Held(Held { bytes: BytesMut::from(ahead), ahead: ahead.len(), limit, deadline, holding })
    }

    const LONG: Duration = Duration::from_secs(3600);

    fn whole(taken: Result<Taken, BodyError>) -> Option<Bytes> {
        match taken {
            Ok(Taken::Whole(whole)) => Some(whole),
            Ok(Taken::On) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_held_body_leaves_whole_and_never_ends_early() {
        let mut held = held(b"ab", 6, LONG);
        let mut chunk = Some(Bytes::from_static(b"cd"));
        assert_eq!(whole(held.take(&mut chunk, false)), None);
        assert_eq!(chunk, Some(Bytes::new()));
        assert_eq!(whole(held.take(&mut None, true)), Some(Bytes::from_static(b"abcd")));
    }

    #[test]
    fn a_second_attempt_does_not_double_the_body() {
        let mut held = held(b"ab", 6, LONG);
        for attempt in [false, true] {
            held.restart();
            let whole = whole(held.take(&mut Some(Bytes::from_static(b"cd")), attempt));
            assert_eq!(whole, attempt.then(|| Bytes::from_static(b"abcd")));
        }
    }

    #[test]
    fn a_body_over_a_limit_is_an_error() {
        let chunk = || Some(Bytes::from_static(b"abcd"));
        let refused = |mut held: RequestBody| match held.take(&mut chunk(), false) {
            Err(BodyError::Reason(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(held(b"", 3, LONG)), Reason::LimitBody);
        assert_eq!(refused(held(b"", 9, Duration::ZERO)), Reason::RequestTimeout);
    }

    #[test]
    fn a_body_over_a_limit_is_released_once_and_passes_from_there_on() {
        let mut held = held_with(b"ab", 3, LONG, Overflow::Release);
        let mut chunk = Some(Bytes::from_static(b"cd"));
        assert!(matches!(held.take(&mut chunk, false), Ok(Taken::Released)));
        assert_eq!(chunk, Some(Bytes::from_static(b"abcd")));
        let mut chunk = Some(Bytes::from_static(b"efgh"));
        assert!(matches!(held.take(&mut chunk, true), Ok(Taken::On)));
        assert_eq!(chunk, Some(Bytes::from_static(b"efgh")));
    }

    #[test]
    fn a_judged_body_goes_on_at_its_end_in_place_of_what_is_replayed() {
        let bytes = Bytes::from_static(b"changed");
        let mut body = RequestBody::Whole(Whole { bytes, changed: true, decoded: false });
        for _attempt in 0..2 {
            body.restart();
            let mut chunk = Some(Bytes::from_static(b"raw"));
            assert!(matches!(body.take(&mut chunk, true), Ok(Taken::On)));
            assert_eq!(chunk, Some(Bytes::from_static(b"changed")));
        }
    }
}
