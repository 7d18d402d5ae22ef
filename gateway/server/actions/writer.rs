//! The writer: a bounded queue, and one thread that empties it into a sink.
//!
//! `append` takes a lock for the time of a push and never waits for the disk. The thread commits at the latest 100 ms
//! after the first waiting entry came, or at 500 of them. While the sink fails the entries wait in memory and are
//! tried again; at 10,000 the log is full, and what is lost from then on is counted and said loudly.
//!
//! A queue under one lock, not a channel: flushing, closing and the bound are then one consistent count.

use std::{
    collections::VecDeque,
    io, mem,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tracing::{debug, error, info, warn};

use super::{
    entry::Entry,
    store::{Sink, Store, StoreError},
};

/// The action log, as requests see it.
#[derive(Debug)]
pub struct ActionLog {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ActionLog {
    /// Opens the embedded store at `path` and starts the writer.
    pub fn open(path: &Path, options: Options) -> Result<ActionLog, StoreError> {
        let store = Store::open(path)?;
        ActionLog::start(Box::new(store), options)
            .map_err(|source| StoreError::Open { path: path.to_owned(), source })
    }

    /// Starts a writer in front of `sink`.
    pub fn start(sink: Box<dyn Sink>, options: Options) -> io::Result<ActionLog> {
        let state = State { keep_days: options.keep_days, ..State::default() };
        let shared = Arc::new(Shared {
            options,
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("action-log".to_owned())
            .spawn(move || Writer { shared: for_thread, sink, next_prune: Instant::now() }.run())?;
        Ok(ActionLog { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands an entry to the writer. Never waits; a refused entry is counted and logged here.
    pub fn append(&self, entry: Entry) -> Result<(), NotRecorded> {
        let mut state = self.shared.lock();
        if state.closing.is_some() || state.stopped {
            state.dropped += 1;
            drop(state);
            error!(action = entry.action(), "Action log is closed; an entry is lost");
            return Err(NotRecorded::Closed);
        }
        if state.waiting() >= self.shared.options.capacity {
            state.dropped += 1;
            let first = !mem::replace(&mut state.overflowing, true);
            drop(state);
            if first {
                error!("Action log is full; entries are being lost");
            }
            return Err(NotRecorded::Full);
        }
        if state.queue.is_empty() {
            state.first_at = Some(Instant::now());
        }
        state.queue.push_back(entry);
        state.accepted += 1;
        let length = state.queue.len();
        drop(state);
        if length == 1 || length == self.shared.options.batch {
            self.shared.work.notify_one();
        }
        Ok(())
    }

    /// Sets for how many days entries are kept, from now on; `None` keeps them for ever.
    pub fn keep(&self, days: Option<u32>) {
        let mut state = self.shared.lock();
        if mem::replace(&mut state.keep_days, days) != days {
            state.prune_now = true;
            self.shared.work.notify_one();
        }
    }

    /// Waits until everything accepted so far is on disk, at most for `patience`.
    pub fn flush(&self, patience: Duration) -> Result<(), Unwritten> {
        let mut state = self.shared.lock();
        let goal = state.accepted;
        let lost = state.lost;
        state.flush_to = goal;
        self.shared.work.notify_one();
        let (state, _) = self
            .shared
            .done
            .wait_timeout_while(state, patience, |state| state.settled < goal && !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        Unwritten::check(goal.saturating_sub(state.settled) + (state.lost - lost))
    }

    /// Takes no more entries, writes all that were accepted, and ends the thread. A failing disk is tried until
    /// `patience` is over; what could not be written by then is lost, counted and logged.
    pub fn close(&self, patience: Duration) -> Result<(), Unwritten> {
        let mut state = self.shared.lock();
        state.closing.get_or_insert_with(|| Instant::now() + patience);
        self.shared.work.notify_one();
        // A disk that hangs inside a call cannot be hurried: the thread is then left behind.
        let (state, _) = self
            .shared
            .done
            .wait_timeout_while(state, patience + GRACE, |state| !state.stopped)
            .unwrap_or_else(PoisonError::into_inner);
        let (stopped, unwritten) = (state.stopped, state.accepted - state.settled + state.lost);
        drop(state);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take_if(|_| stopped)
            && thread.join().is_err()
        {
            error!("Action log's writer panicked");
        }
        Unwritten::check(unwritten)
    }

    /// Counts and health, for `/status` and `/metrics`.
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        Status {
            written: state.settled - state.lost,
            waiting: state.waiting(),
            lost: state.dropped + state.lost,
            failing: state.failing.is_some() || (state.stopped && state.closing.is_none()),
            error: state.failing.clone(),
        }
    }
}

impl Drop for ActionLog {
    fn drop(&mut self) {
        if self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).is_some() {
            // What could not be written is counted and logged by the writer.
            let _ = self.close(GRACE);
        }
    }
}

/// How the writer works. The defaults are the product's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most entries that wait in memory.
    pub capacity: usize,
    /// The most entries of one transaction.
    pub batch: usize,
    /// The longest time that an entry waits for others to share its transaction.
    pub interval: Duration,
    /// For how many days entries are kept.
    pub keep_days: Option<u32>,
}

impl Default for Options {
    fn default() -> Options {
        Options { capacity: 10_000, batch: 500, interval: Duration::from_millis(100), keep_days: None }
    }
}

/// Why an entry was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRecorded {
    /// The queue is at its bound: the disk fails or cannot follow.
    #[error("the action log is full")]
    Full,
    /// The gateway is stopping.
    #[error("the action log is closed")]
    Closed,
}

/// Accepted entries that are not on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{entries} entries of the action log are not on disk")]
pub struct Unwritten {
    /// How many.
    pub entries: u64,
}

impl Unwritten {
    fn check(entries: u64) -> Result<(), Unwritten> {
        if entries == 0 { Ok(()) } else { Err(Unwritten { entries }) }
    }
}

/// Counts and health of the action log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Entries on disk, since start.
    pub written: u64,
    /// Entries that were accepted and are not on disk yet.
    pub waiting: usize,
    /// Entries that were refused at the bound, or given up at the end, since start.
    pub lost: u64,
    /// Whether the last attempt to write failed.
    pub failing: bool,
    /// Why it failed.
    pub error: Option<String>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    state: Mutex<State>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes whoever waits for the writer.
    done: Condvar,
}

impl Shared {
    /// No code panics while it holds the lock, so a poisoned state is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `settled + in_hand + queue.len() == accepted`, and `lost <= settled`.
#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Entry>,
    /// Entries that the writer has taken from the queue and not settled.
    in_hand: usize,
    /// Entries that `append` took.
    accepted: u64,
    /// Accepted entries that are on disk or given up.
    settled: u64,
    /// Accepted entries that were given up.
    lost: u64,
    /// Entries that `append` refused.
    dropped: u64,
    /// A wait for `settled` to reach this number is under way.
    flush_to: u64,
    /// When the oldest entry of the queue came, or earlier.
    first_at: Option<Instant>,
    overflowing: bool,
    failing: Option<String>,
    keep_days: Option<u32>,
    prune_now: bool,
    /// Set once the log is closing: until when it may try.
    closing: Option<Instant>,
    stopped: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.queue.len() + self.in_hand
    }
}

/// What the thread owns.
struct Writer {
    shared: Arc<Shared>,
    sink: Box<dyn Sink>,
    next_prune: Instant,
}

enum Job {
    Write(Vec<Entry>),
    Prune(u32),
    Stop,
}

impl Writer {
    fn run(mut self) {
        let _stopped = Stopped(Arc::clone(&self.shared));
        let mut pruned_last = false;
        loop {
            let job = self.next(pruned_last);
            pruned_last = matches!(job, Job::Prune(_));
            match job {
                Job::Write(entries) => self.write(&entries),
                Job::Prune(days) => self.prune(days),
                Job::Stop => break,
            }
        }
    }

    /// Waits for something to do. Pruning and writing take turns, so that neither starves the other.
    fn next(&mut self, pruned_last: bool) -> Job {
        let Options { batch, interval, .. } = self.shared.options;
        let mut state = self.shared.lock();
        loop {
            let now = Instant::now();
            let closing = state.closing.is_some();
            let commit_at = state.first_at.filter(|_| !state.queue.is_empty()).map(|first| first + interval);
            let commit = commit_at.is_some_and(|at| {
                closing || now >= at || state.queue.len() >= batch || state.flush_to > state.settled
            });
            if mem::take(&mut state.prune_now) {
                self.next_prune = now;
            }
            let prune_at = state.keep_days.map(|_| self.next_prune);
            if let Some(days) = state.keep_days
                && now >= self.next_prune
                && !closing
                && !(commit && pruned_last)
            {
                return Job::Prune(days);
            }
            if commit {
                let length = state.queue.len().min(batch);
                let entries: Vec<Entry> = state.queue.drain(..length).collect();
                state.in_hand = entries.len();
                return Job::Write(entries);
            }
            if closing {
                return Job::Stop;
            }
            let until = [commit_at, prune_at].into_iter().flatten().min();
            let timeout = until.map_or(IDLE, |until| until.saturating_duration_since(now));
            (state, _) =
                self.shared.work.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes until it is done, or until a closing log's patience is over.
    fn write(&mut self, entries: &[Entry]) {
        let mut attempt = 0;
        while let Err(error) = self.sink.write(entries) {
            attempt += 1;
            if !self.wait_after(&error, attempt) {
                return;
            }
        }
        let mut state = self.shared.lock();
        state.settled += entries.len() as u64;
        state.in_hand = 0;
        let recovered = state.failing.take().is_some();
        let relieved = state.overflowing && state.queue.len() <= self.shared.options.capacity / 2;
        if relieved {
            state.overflowing = false;
        }
        let (waiting, dropped) = (state.waiting(), state.dropped);
        drop(state);
        self.shared.done.notify_all();
        if recovered {
            info!(waiting, "Action log is written again");
        }
        if relieved {
            error!(lost = dropped, "Action log takes entries again; entries were lost since start");
        }
    }

    /// Waits before the next attempt. `false`: the log is closing and its time is over, so the entries are given up.
    fn wait_after(&self, error: &StoreError, attempt: u32) -> bool {
        match attempt {
            1 => warn!(%error, "Action log cannot be written; entries wait in memory"),
            STUCK => error!(%error, "Action log still cannot be written; entries wait in memory"),
            _ => debug!(%error, attempt, "Action log cannot be written"),
        }
        let delay = (FIRST_DELAY * 2_u32.saturating_pow(attempt.saturating_sub(1))).min(LAST_DELAY);
        let mut state = self.shared.lock();
        state.failing = Some(error.to_string());
        let resume = Instant::now() + delay;
        loop {
            let now = Instant::now();
            if let Some(deadline) = state.closing
                && now >= deadline
            {
                let lost = state.waiting() as u64;
                state.queue.clear();
                state.in_hand = 0;
                state.settled += lost;
                state.lost += lost;
                drop(state);
                error!(lost, %error, "Action log could not be written before the end; entries are lost");
                return false;
            }
            // A closing log does not wait out a long back-off.
            let resume = if state.closing.is_some() { resume.min(now + FIRST_DELAY) } else { resume };
            if now >= resume {
                return true;
            }
            (state, _) =
                self.shared.work.wait_timeout(state, resume - now).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Removes one small batch of old entries; the next one is due at once while there are more.
    fn prune(&mut self, days: u32) {
        let age = SignedDuration::from_hours(24 * i64::from(days));
        let removed = Timestamp::now().checked_sub(age).map_err(|_| ()).and_then(|before| {
            self.sink.prune(before, PRUNE_BATCH).map_err(|error| {
                warn!(%error, "Old entries of the action log cannot be removed");
            })
        });
        let pause = match removed {
            Ok(removed) if removed >= PRUNE_BATCH => Duration::ZERO,
            Ok(_) => PRUNE_EVERY,
            Err(()) => PRUNE_RETRY,
        };
        self.next_prune = Instant::now() + pause;
    }
}

/// Tells everyone that the thread has ended, also by a panic.
struct Stopped(Arc<Shared>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.done.notify_all();
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// The attempt at which a failing disk is somebody's business: after two to three seconds.
const STUCK: u32 = 6;
const GRACE: Duration = Duration::from_secs(1);
/// How long an idle writer sleeps where nothing is due.
const IDLE: Duration = Duration::from_secs(3600);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
const PRUNE_RETRY: Duration = Duration::from_secs(60);
const PRUNE_BATCH: usize = 500;

#[cfg(test)]
mod tests;
