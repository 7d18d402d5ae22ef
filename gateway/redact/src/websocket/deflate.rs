//! permessage-deflate (RFC 7692 §7.2): the payload of a message deflated and inflated.
//!
//! Without context takeover a connection has a context only while a message is under way, and [`Contexts`] keeps some
//! for the next. With it each direction keeps two, an inflater of 48 KiB and a deflater of some 370 KiB, for as long as
//! it is open: so those are counted, and a tunnel has to reserve them before it offers the extension.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::{Side, WebSocketError};

/// Compression contexts, shared by tunnels.
#[derive(Debug)]
pub struct Contexts {
    taken: AtomicUsize,
    limit: usize,
    spare: Mutex<Spare>,
}

#[derive(Default)]
struct Spare {
    inflaters: Vec<Inflate>,
    deflaters: Vec<Deflate>,
}

impl Contexts {
    /// Allows so many directions with context takeover at once.
    pub fn new(limit: usize) -> Contexts {
        Contexts { taken: AtomicUsize::new(0), limit, spare: Mutex::default() }
    }

    /// Reserves what both directions of a tunnel may need. None: too many are taken, and the extension must not be
    /// offered.
    pub fn reserve(self: &Arc<Contexts>) -> Option<Reservation> {
        let more = |taken: usize| taken.checked_add(DIRECTIONS).filter(|taken| *taken <= self.limit);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Reservation { contexts: Arc::clone(self), held: DIRECTIONS })
    }

    /// How many directions are reserved.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    fn inflater(&self) -> Inflate {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).inflaters.pop();
        spare.unwrap_or_else(|| Inflate::new(false, MAX_BITS))
    }

    fn deflater(&self, bits: u8) -> Deflate {
        if bits == MAX_BITS {
            let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).deflaters.pop();
            if let Some(deflate) = spare {
                return deflate;
            }
        }
        // A window of 2^8 bytes is not to be had of zlib; blocks that are stored look back at nothing.
        let level = if bits < MIN_BITS { 0 } else { LEVEL };
        let window_bits = -i32::from(bits.clamp(MIN_BITS, MAX_BITS));
        Deflate::new_with_config(DeflateConfig { window_bits, ..DeflateConfig::new(level) })
    }

    fn keep_inflater(&self, mut inflate: Inflate) {
        inflate.reset(false);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.inflaters.len() < MAX_SPARE {
            spare.inflaters.push(inflate);
        }
    }

    fn keep_deflater(&self, bits: u8, mut deflate: Deflate) {
        if bits == MAX_BITS {
            deflate.reset();
            let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.deflaters.len() < MAX_SPARE {
                spare.deflaters.push(deflate);
            }
        }
    }
}

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (inflaters, deflaters) = (self.inflaters.len(), self.deflaters.len());
        f.debug_struct("Spare").field("inflaters", &inflaters).field("deflaters", &deflaters).finish()
    }
}

/// Directions of one tunnel that may keep contexts, counted until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    contexts: Arc<Contexts>,
    held: usize,
}

impl Reservation {
    /// Gives back what the parameters that were agreed upon do not need.
    pub fn settle(&mut self, agreed: Option<&super::Deflate>) {
        let needed = agreed
            .map_or(0, |agreed| usize::from(agreed.server_takeover) + usize::from(agreed.client_takeover));
        self.contexts.taken.fetch_sub(self.held.saturating_sub(needed), Ordering::Relaxed);
        self.held = self.held.min(needed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.contexts.taken.fetch_sub(self.held, Ordering::Relaxed);
    }
}

/// Both ways of one direction, whose messages are read and written anew.
#[derive(Debug)]
pub(super) struct Coding {
    pub(super) inflater: Inflater,
    pub(super) deflater: Deflater,
    pub(super) has_takeover: bool,
}

impl Coding {
    pub(super) fn new(
        sender: Side,
        agreed: &super::Deflate,
        contexts: &Arc<Contexts>,
        limits: &super::Limits,
    ) -> Coding {
        let (has_takeover, bits) = match sender {
            Side::Client => (agreed.client_takeover, agreed.client_window_bits),
            Side::Server => (agreed.server_takeover, agreed.server_window_bits),
        };
        Coding {
            inflater: Inflater::new(Arc::clone(contexts), has_takeover, limits),
            deflater: Deflater::new(Arc::clone(contexts), has_takeover, bits),
            has_takeover,
        }
    }
}

/// Inflates the messages of one direction.
#[derive(Debug)]
pub(super) struct Inflater {
    contexts: Arc<Contexts>,
    takeover: bool,
    limit: u64,
    ratio: u32,
    inflate: Context<Inflate>,
    /// Of this message; given <= limit.
    taken: u64,
    given: u64,
}

impl Inflater {
    pub(super) fn new(contexts: Arc<Contexts>, takeover: bool, limits: &super::Limits) -> Inflater {
        Inflater {
            contexts,
            takeover,
            limit: limits.message as u64,
            ratio: limits.ratio,
            inflate: Context(None),
            taken: 0,
            given: 0,
        }
    }

    /// Takes the next bytes of a message, and gives what they stand for, in pieces. What stands before a fault is given
    /// before the error is.
    pub(super) fn write(
        &mut self,
        mut input: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), WebSocketError>,
    ) -> Result<(), WebSocketError> {
        let mut space = [0; STEP];
        loop {
            let inflate = self.inflate.0.get_or_insert_with(|| self.contexts.inflater());
            let (total_in, total_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(input, &mut space, InflateFlush::NoFlush);
            let (taken, given) = (inflate.total_in() - total_in, inflate.total_out() - total_out);
            let fits = given.min(self.limit - self.given);
            sink(space.get(..as_index(fits)).unwrap_or_default())?;
            self.taken += taken;
            self.given += fits;
            if fits < given {
                return Err(WebSocketError::TooLong);
            }
            if self.given > FREE_BYTES && self.given / u64::from(self.ratio.max(1)) > self.taken {
                return Err(WebSocketError::TooDense);
            }
            input = input.get(as_index(taken)..).unwrap_or_default();
            match status.map_err(|_| WebSocketError::MalformedDeflate)? {
                // RFC 7692 §7.2.3.4: a block may be marked as the last one, and others follow all the same. They cannot
                // refer to what is before it here; that is an error.
                Status::StreamEnd => {
                    self.inflate.0 = None;
                    if input.is_empty() {
                        return Ok(());
                    }
                }
                Status::Ok | Status::BufError if as_index(given) < STEP => match input {
                    [] => return Ok(()),
                    [..] => return Err(WebSocketError::MalformedDeflate),
                },
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Ends a message.
    pub(super) fn finish(
        &mut self,
        sink: impl FnMut(&[u8]) -> Result<(), WebSocketError>,
    ) -> Result<(), WebSocketError> {
        // What the sender has left out (RFC 7692 §7.2.2).
        self.write(&TAIL, sink)?;
        if !self.takeover
            && let Some(inflate) = self.inflate.0.take()
        {
            self.contexts.keep_inflater(inflate);
        }
        (self.taken, self.given) = (0, 0);
        Ok(())
    }
}

/// Deflates the messages of one direction.
#[derive(Debug)]
pub(super) struct Deflater {
    contexts: Arc<Contexts>,
    takeover: bool,
    bits: u8,
    deflate: Context<Deflate>,
}

impl Deflater {
    pub(super) fn new(contexts: Arc<Contexts>, takeover: bool, bits: u8) -> Deflater {
        Deflater { contexts, takeover, bits, deflate: Context(None) }
    }

    /// Takes the next bytes of a message and appends what is ready.
    pub(super) fn write(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), WebSocketError> {
        self.run(input, DeflateFlush::NoFlush, out)
    }

    /// Ends a message and appends what is left of it. `out` begins no later than what this message has appended since the
    /// last of its fragments.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), WebSocketError> {
        self.run(&[], DeflateFlush::SyncFlush, out)?;
        match out.strip_suffix(&TAIL).map(<[u8]>::len) {
            Some(length) => out.truncate(length),
            // Nothing since the last flush: the empty block that is left out was left out then, so one stands here
            // (RFC 7692 §7.2.3.6).
            None => out.push(0),
        }
        if !self.takeover
            && let Some(deflate) = self.deflate.0.take()
        {
            self.contexts.keep_deflater(self.bits, deflate);
        }
        Ok(())
    }

    fn run(
        &mut self,
        mut input: &[u8],
        flush: DeflateFlush,
        out: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        let deflate = self.deflate.0.get_or_insert_with(|| self.contexts.deflater(self.bits));
        loop {
            let start = out.len();
            out.resize(start + STEP, 0);
            let (total_in, total_out) = (deflate.total_in(), deflate.total_out());
            let status = deflate.compress(input, out.get_mut(start..).unwrap_or_default(), flush);
            let given = as_index(deflate.total_out() - total_out);
            out.truncate(start + given);
            input = input.get(as_index(deflate.total_in() - total_in)..).unwrap_or_default();
            match (status, input) {
                (Ok(Status::Ok | Status::BufError), []) if given < STEP => return Ok(()),
                (Ok(Status::Ok | Status::BufError), _) if given == STEP => {}
                (Ok(Status::Ok | Status::BufError | Status::StreamEnd) | Err(_), _) => {
                    return Err(WebSocketError::Encoder);
                }
            }
        }
    }
}

/// A context, if there is one.
struct Context<T>(Option<T>);

impl<T> std::fmt::Debug for Context<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Context" } else { "None" })
    }
}

fn as_index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The end of an empty stored block (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The largest window, in which all others can be read.
const MAX_BITS: u8 = 15;
/// The smallest that zlib compresses in.
const MIN_BITS: u8 = 9;
/// The level that pays for a body made on the fly, as of `deflate`.
const LEVEL: i32 = 4;
/// Of one tunnel.
const DIRECTIONS: usize = 2;
/// How many contexts of each sort wait for the next message.
const MAX_SPARE: usize = 16;
/// What a message may grow to at whatever ratio.
const FREE_BYTES: u64 = 1024 * 1024;
const STEP: usize = 16 * 1024;
