//! Puts what was applied on disk, on a thread of its own.
//!
//! Syncing a set takes as long as the disk likes, and the next edit must not wait for it. Only the newest set waits its
//! turn: one that was replaced before it was written is not missed. That a set could not be kept is said in the log
//! and in the status, as long as it is so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tracing::error;

use super::last_good::{Kept, LastGood};
use super::snapshot::Snapshot;

/// Writes last good sets, the newest last.
pub(super) struct Keeper {
    desk: Arc<Desk>,
    /// None: there was no thread to be had, and whoever hands in a set waits for the disk.
    thread: Option<JoinHandle<()>>,
}

struct Desk {
    store: LastGood,
    papers: Mutex<Papers>,
    moved: Condvar,
}

#[derive(Default)]
struct Papers {
    next: Option<(Snapshot, Kept)>,
    writing: bool,
    stopped: bool,
    unkept: Option<String>,
}

impl Keeper {
    pub(super) fn new(store: LastGood) -> Keeper {
        let desk = Arc::new(Desk { store, papers: Mutex::default(), moved: Condvar::new() });
        let worked = Arc::clone(&desk);
        let thread = thread::Builder::new().name("chatwarden-keep".to_owned()).spawn(move || worked.work());
        let thread =
            thread.inspect_err(|error| error!(%error, "The last good rules are kept while edits wait")).ok();
        Keeper { desk, thread }
    }

    /// Has a set written, in the place of one that still waits.
    pub(super) fn keep(&self, snapshot: Snapshot, kept: Kept) {
        let mut papers = self.desk.papers();
        papers.next = Some((snapshot, kept));
        self.desk.moved.notify_all();
        if self.thread.is_none() {
            drop(self.desk.write_next(papers));
        }
    }

    /// Whether the newest set is on disk and, where it could not be written, why not.
    pub(super) fn is_kept(&self) -> (bool, Option<String>) {
        let papers = self.desk.papers();
        (papers.next.is_none() && !papers.writing && papers.unkept.is_none(), papers.unkept.clone())
    }

    /// Waits until nothing is left to be written.
    pub(super) fn wait(&self) {
        let papers = self.desk.papers();
        let busy = |papers: &mut Papers| papers.next.is_some() || papers.writing;
        drop(self.desk.moved.wait_while(papers, busy));
    }
}

impl Drop for Keeper {
    /// Waits for the disk: what was applied is what the next start begins with.
    fn drop(&mut self) {
        self.desk.papers().stopped = true;
        self.desk.moved.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("The keeper of the last good rules ended in a panic");
        }
    }
}

impl Desk {
    fn work(&self) {
        let mut papers = self.papers();
        loop {
            papers = if papers.next.is_some() {
                self.write_next(papers)
            } else if papers.stopped {
                return;
            } else {
                self.moved.wait(papers).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    fn write_next<'d>(&'d self, mut papers: MutexGuard<'d, Papers>) -> MutexGuard<'d, Papers> {
        let Some((snapshot, kept)) = papers.next.take() else { return papers };
        papers.writing = true;
        drop(papers);
        let written = catch_unwind(AssertUnwindSafe(|| self.store.write(&snapshot, &kept)));
        let unkept = match written {
            Ok(written) => written.err().map(|error| error.to_string()),
            Err(_) => Some("a bug in the gateway".to_owned()),
        };
        if let Some(error) = &unkept {
            error!(
                %error, generation = kept.generation,
                "The rules are in force, but could not be kept: a start on bad files would have no or older ones"
            );
        }
        let mut papers = self.papers();
        papers.unkept = unkept;
        papers.writing = false;
        self.moved.notify_all();
        papers
    }

    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
