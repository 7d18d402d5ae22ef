//! The switch of a connection: ends it from outside, whatever its task waits for.
//!
//! pingora's phases cannot wake by themselves, so whoever learns that a stream may not go on turns its switch, and the
//! connection's next look at its socket finds it turned.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use pingora::protocols::SocketDigest;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At once.
    Cut,
    /// With a close frame (RFC 6455 §5.5.1) where one may stand, else at once.
    Close {
        /// The status code of the frame (RFC 6455 §7.4).
        code: u16,
        /// Its reason: ASCII, of 123 bytes at most.
        reason: &'static str,
    },
}

/// The switch of one connection. Once turned it stays.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    end: OnceLock<End>,
    waker: AtomicWaker,
    announced: Option<IpAddr>,
    phase: AtomicU8,
}

/// Where a connection of HTTP/1.1 is. The proxy's phases tell when a head is complete and when a request is over; that
/// a head has begun to come, nobody but the connection sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Nothing of the next request has come.
    Waiting,
    /// Its head is coming.
    Head,
    /// It is under way.
    Request,
}

impl Switch {
    /// The address that a trusted proxy announced for the connection (PROXY protocol).
    pub(crate) fn announced(&self) -> Option<IpAddr> {
        self.announced
    }

    /// Notes that bytes have come, and tells whether a head is coming.
    pub(super) fn reads(&self) -> bool {
        let (waiting, head) = (Phase::Waiting as u8, Phase::Head as u8);
        let before = self.phase.compare_exchange(waiting, head, Ordering::AcqRel, Ordering::Acquire);
        before.unwrap_or_else(|before| before) != Phase::Request as u8
    }

    /// Whether a head is coming.
    pub(super) fn is_in_head(&self) -> bool {
        self.phase.load(Ordering::Acquire) == Phase::Head as u8
    }

    /// The head of a request has come.
    pub(crate) fn head_is_complete(&self) {
        self.phase.store(Phase::Request as u8, Ordering::Release);
    }

    /// A request is over.
    pub(crate) fn awaits_a_head(&self) {
        self.phase.store(Phase::Waiting as u8, Ordering::Release);
    }

    /// Ends the connection; the first end given stays.
    pub(crate) fn end(&self, end: End) {
        if self.end.set(end).is_ok() {
            self.waker.wake();
        }
    }

    /// How the connection is to end, and whom to wake when that is told.
    pub(super) fn look(&self, waker: &Waker) -> Option<End> {
        self.waker.register(waker);
        self.end.get().copied()
    }
}

/// The two addresses of an open connection.
type Ends = (SocketAddr, SocketAddr);

/// The switches of all open connections.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    open: Mutex<HashMap<Ends, Arc<Switch>>>,
}

impl Switches {
    /// The switch of a connection, for as long as the guard lives.
    pub(crate) fn install(self: &Arc<Self>, digest: &SocketDigest, announced: Option<IpAddr>) -> Installed {
        let switch = Arc::new(Switch { announced, ..Switch::default() });
        let ends = ends(digest);
        if let Some(ends) = ends {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.insert(ends, Arc::clone(&switch));
        }
        Installed { switches: Arc::clone(self), ends, switch }
    }

    /// The switch of the connection that this is the digest of.
    pub(crate) fn of(&self, digest: &SocketDigest) -> Option<Arc<Switch>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&ends(digest)?).cloned()
    }
}

fn ends(digest: &SocketDigest) -> Option<Ends> {
    let inet = |address: Option<&pingora::protocols::l4::socket::SocketAddr>| address?.as_inet().copied();
    Some((inet(digest.peer_addr())?, inet(digest.local_addr())?))
}

/// A switch among those of open connections.
#[derive(Debug)]
pub(crate) struct Installed {
    switches: Arc<Switches>,
    ends: Option<Ends>,
    switch: Arc<Switch>,
}

impl Installed {
    pub(super) fn switch(&self) -> &Switch {
        &self.switch
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if let Some(ends) = &self.ends {
            let mut open = self.switches.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.remove(ends);
        }
    }
}
