//! Says when to look at the files again.
//!
//! The guarantee is a poll of fingerprints; the kernel's notifications shorten the delay and no more, so their failure
//! is told once and is not fatal. Directories are watched, never files: editors replace files, Kubernetes replaces
//! links, and a watch on a file dies with it. Events are coalesced over a quiet period. What has changed, and whether
//! it is any good, is for the reader to find out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tracing::{error, warn};

use super::Cause;
use super::sources::{Scan, Sources};

/// How the files are watched; the defaults are what the gateway runs with.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Whether the kernel is asked for notifications.
    pub notify: bool,
    /// How often fingerprints are compared.
    pub poll: Duration,
    /// How long nothing may change before the files are looked at.
    pub quiet: Duration,
    /// When they are looked at however busy it is; `quiet <= at_most`.
    pub at_most: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            notify: true,
            poll: Duration::from_secs(1),
            quiet: Duration::from_millis(100),
            at_most: Duration::from_millis(400),
        }
    }
}

/// What is watched: the sources, and the lists that the running rules name.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The rules directory and the profile.
    pub sources: Sources,
    /// Paths of lists inside the rules directory.
    pub lists: BTreeSet<String>,
}

/// Watches on a thread of its own until dropped.
pub struct Watcher {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts watching; `on_change` runs on the watcher's thread, once at the start and then after every change.
    ///
    /// What is watched is asked anew before every look, as it is the rules that name the lists.
    pub fn start(
        timing: Timing,
        watched: impl Fn() -> Watched + Send + 'static,
        on_change: impl FnMut(Cause) + Send + 'static,
    ) -> std::io::Result<Watcher> {
        let bell = Arc::new(Bell::default());
        let Watched { sources, lists } = watched();
        let rounds = Rounds {
            seen: Scan::take(&sources, &lists),
            pending: None,
            recheck: None,
            timing,
            watched: Box::new(watched),
            on_change: Box::new(on_change),
            notifications: Notifications::new(timing.notify.then(|| bell.clone())),
            bell: bell.clone(),
        };
        let thread =
            thread::Builder::new().name("chatwarden-watch".to_owned()).spawn(move || rounds.run())?;
        Ok(Watcher { bell, thread: Some(thread) })
    }

    /// Has the files looked at now, whether or not anything seems to have changed (SIGHUP).
    pub fn trigger(&self) {
        self.bell.ring(|rung| rung.triggered = true);
    }
}

impl Drop for Watcher {
    /// Waits for a look that is under way.
    fn drop(&mut self) {
        self.bell.ring(|rung| rung.stopped = true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("The watcher of the rules ended in a panic");
        }
    }
}

/// What wakes the watcher's thread. Flags, not a queue: a flood of events takes no memory.
#[derive(Default)]
struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Rung {
    hinted: bool,
    triggered: bool,
    stopped: bool,
}

impl Bell {
    fn ring(&self, how: impl FnOnce(&mut Rung)) {
        how(&mut self.rung());
        self.changed.notify_one();
    }

    /// Waits for the bell, at most until `deadline`, and hands over what was rung.
    fn wait(&self, deadline: Instant) -> Rung {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let silent = |rung: &mut Rung| !(rung.hinted || rung.triggered || rung.stopped);
        let waited = self.changed.wait_timeout_while(self.rung(), timeout, silent);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *rung)
    }

    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The watcher's thread.
struct Rounds {
    timing: Timing,
    watched: Box<dyn Fn() -> Watched + Send>,
    on_change: Box<dyn FnMut(Cause) + Send>,
    notifications: Notifications,
    bell: Arc<Bell>,
    seen: Scan, // by the latest sample
    pending: Option<Pending>,
    recheck: Option<Instant>,
}

/// A change that has been seen and not yet been looked at; `first <= last`.
#[derive(Clone, Copy)]
struct Pending {
    first: Instant,
    last: Instant,
}

/// Hints that arrive faster than this are taken together: a busy directory costs little.
const SAMPLE_GAP: Duration = Duration::from_millis(20);

/// How often a directory that is gone is looked for, so that one that is replaced slowly is found soon.
const GONE_POLL: Duration = Duration::from_millis(100);

impl Rounds {
    fn run(mut self) {
        self.note(false);
        self.look(Cause::Change);
        loop {
            let rung = self.bell.wait(self.deadline());
            if rung.stopped {
                return;
            }
            if rung.hinted {
                thread::sleep(SAMPLE_GAP);
            }
            self.note(rung.hinted);
            let rested = self.pending.is_some_and(|pending| Instant::now() >= self.timing.due(pending));
            if rung.triggered {
                self.look(Cause::Signal);
            } else if rested {
                self.look(Cause::Change);
            }
        }
    }

    /// Takes a sample, and notes whether there is something to look at.
    fn note(&mut self, hinted: bool) {
        let sample = self.sample();
        let now = Instant::now();
        // A hint shortly after a look may be a change that left the same size and times behind.
        let hinted_anew = hinted && self.recheck.is_some();
        let due = self.recheck.take_if(|at| now >= *at).is_some();
        if sample != self.seen || hinted_anew || due {
            self.pending =
                Some(Pending { first: self.pending.map_or(now, |pending| pending.first), last: now });
        }
        self.seen = sample;
    }

    fn look(&mut self, cause: Cause) {
        let fresh = self.seen.is_fresh(SystemTime::now());
        if catch_unwind(AssertUnwindSafe(|| (self.on_change)(cause))).is_err() {
            error!("Looking at the rules ended in a panic; the running rules stay");
        }
        // What is watched may be something else now, and may have changed before it was.
        let sample = self.sample();
        let now = Instant::now();
        self.pending = (sample != self.seen).then_some(Pending { first: now, last: now });
        self.seen = sample;
        self.recheck = fresh.then(|| now + Scan::FRESH);
    }

    /// Watches the directories of now, then takes fingerprints: what changes in between, is seen in them.
    fn sample(&mut self) -> Scan {
        let Watched { sources, lists } = (self.watched)();
        let scan = Scan::take(&sources, &lists);
        if self.notifications.arm(&sources.directories(&lists, &scan)) {
            Scan::take(&sources, &lists)
        } else {
            scan
        }
    }

    fn deadline(&self) -> Instant {
        let poll =
            if self.seen.directory.is_err() { self.timing.poll.min(GONE_POLL) } else { self.timing.poll };
        let due = self.pending.map(|pending| self.timing.due(pending));
        [due, self.recheck].into_iter().flatten().fold(Instant::now() + poll, Instant::min)
    }
}

impl Timing {
    fn due(&self, pending: Pending) -> Instant {
        (pending.last + self.quiet).min(pending.first + self.at_most)
    }
}

/// The kernel's notifications, as far as they can be had.
struct Notifications {
    watcher: Option<RecommendedWatcher>,
    armed: BTreeMap<PathBuf, (u64, u64)>, // the directory's device and inode when it was armed
    told: bool,
}

impl Notifications {
    fn new(bell: Option<Arc<Bell>>) -> Notifications {
        let mut notifications = Notifications { watcher: None, armed: BTreeMap::new(), told: false };
        let hint = |bell: Arc<Bell>| {
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.map_or(true, |event| is_hint(event.kind)) {
                    bell.ring(|rung| rung.hinted = true);
                }
            })
        };
        match bell.map(hint).transpose() {
            Ok(watcher) => notifications.watcher = watcher,
            Err(error) => notifications.tell(&error),
        }
        notifications
    }

    /// Watches these directories and no others, again where one was replaced; says whether anything was armed.
    fn arm(&mut self, directories: &BTreeSet<PathBuf>) -> bool {
        let Some(mut watcher) = self.watcher.take() else { return false };
        let wanted: BTreeMap<&PathBuf, _> =
            directories.iter().filter_map(|directory| Some((directory, identity(directory)?))).collect();
        self.armed.retain(|directory, identity| {
            let stays = wanted.get(directory) == Some(identity);
            if !stays {
                // Most often it is gone with its directory, and there is nothing left to end.
                let _ = watcher.unwatch(directory);
            }
            stays
        });
        let mut armed = false;
        for (directory, identity) in wanted {
            if self.armed.contains_key(directory) {
                continue;
            }
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.armed.insert(directory.clone(), identity);
                    armed = true;
                }
                Err(error) => self.tell(&error),
            }
        }
        self.watcher = Some(watcher);
        armed
    }

    fn tell(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.told, true) {
            warn!(%error, "The kernel does not tell of changed rules; they are polled, which takes longer");
        }
    }
}

/// Whether an event may mean a change; our own reading of the files does not.
fn is_hint(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

fn identity(directory: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(directory).ok()?;
    metadata.is_dir().then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests;
