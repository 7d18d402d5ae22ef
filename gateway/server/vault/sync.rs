//! The thread that has what was written on disk, a little later.
//!
//! It syncs SQLite's log through a descriptor of its own, so that no writer waits for the disk: a commit with SQLite's
//! own sync holds the lock meanwhile. When the log has grown it is written back into the file. A sync that failed cannot be
//! repeated, since the kernel may have dropped what it could not write: from then on the vault takes nothing.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use tracing::{error, warn};

use super::{
    SYNC_EVERY,
    store::{Store, VaultFileError, WriteBack},
};

#[derive(Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// How many syncs a writer has waited for.
    #[cfg(test)]
    pub(super) waited: std::sync::atomic::AtomicU32,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// SQLite's log.
    log: File,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_dirty: bool,
    has_failed: bool,
    is_stopping: bool,
}

impl Syncer {
    pub(super) fn start(path: &Path, log: File) -> Result<Syncer, VaultFileError> {
        let store = Store::open(path)?;
        let shared =
            Arc::new(Shared { path: path.to_owned(), log, state: Mutex::default(), work: Condvar::new() });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("vault".to_owned())
            .spawn(move || for_thread.run(store))
            .map_err(|source| VaultFileError::Open { path: path.to_owned(), source })?;
        Ok(Syncer {
            shared,
            thread: Mutex::new(Some(thread)),
            #[cfg(test)]
            waited: Default::default(),
        })
    }

    /// Something was written.
    pub(super) fn wrote(&self) {
        let mut state = self.shared.lock();
        if !std::mem::replace(&mut state.is_dirty, true) {
            self.shared.work.notify_one();
        }
    }

    /// Has everything that was written on disk before it returns.
    pub(super) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.waited.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.shared.sync()
    }

    /// As if a sync had failed.
    #[cfg(test)]
    pub(super) fn fail(&self) {
        self.shared.lock().has_failed = true;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.shared.lock().has_failed
    }

    /// Ends the thread after a last sync; says whether everything is on disk.
    pub(super) fn stop(&self) -> bool {
        self.shared.lock().is_stopping = true;
        self.shared.work.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = thread.is_none_or(|thread| thread.join().is_ok());
        ended && !self.has_failed()
    }
}

impl Shared {
    /// No code panics while it holds the lock, so a poisoned state is still whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, store: Store) {
        while self.wait() {
            if self.sync().is_err() {
                return;
            }
            let grown = self.log.metadata().map_or(0, |log| log.len());
            let how = match grown {
                ..WRITE_BACK => continue,
                WRITE_BACK..WRITE_BACK_ALL => WriteBack::WhatIsFree,
                WRITE_BACK_ALL.. => WriteBack::All,
            };
            if let Err(error) = store.write_back(how) {
                warn!(%error, "The vault's log cannot be written back; it grows");
            }
        }
    }

    /// Waits until there is something to sync, and a little longer, so that others share it. `false`: there is nothing
    /// left, and there will be no more.
    fn wait(&self) -> bool {
        let state = self.lock();
        let idle = |state: &mut State| !state.is_dirty && !state.is_stopping;
        let state = self.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let (mut state, _) = self
            .work
            .wait_timeout_while(state, SYNC_EVERY, |state| !state.is_stopping)
            .unwrap_or_else(PoisonError::into_inner);
        // What is written from here on asks again.
        std::mem::replace(&mut state.is_dirty, false)
    }

    fn sync(&self) -> io::Result<()> {
        self.log.sync_data().inspect_err(|error| {
            self.lock().has_failed = true;
            error!(
                %error,
                file = %self.path.display(),
                "The vault cannot be synced: values that were never shown are hidden until the gateway is started again"
            );
        })
    }
}

/// From this length on the log is written back as far as nobody is in the way.
const WRITE_BACK: u64 = 4 << 20;
/// From this length on writers wait until it is.
const WRITE_BACK_ALL: u64 = 64 << 20;
