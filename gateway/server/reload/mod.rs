//! A rule edit is a transaction.
//!
//! Read everything, compile everything, then swap; whatever goes wrong on the way leaves the running rules as they
//! are and is remembered as a [`Rejection`]. The last good set is kept on disk and boots the gateway when the files
//! are bad at start. What rules are, is the [`Compiler`]'s business; this room knows bytes, digests and generations.
//!
//! The new rules take effect first and are kept on disk then: a disk that fails, or is slow, must not hold up an edit.
//! That they could not be kept is said in the log and in the status, as long as it is so.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch as channel;
use tracing::{error, info, warn};

use crate::metrics::{Metrics, ReloadResult};

mod compile;
mod digest;
mod keeper;
mod last_good;
mod snapshot;
mod sources;
mod watch;

#[cfg(test)]
mod tests;

use compile::{Bad, Fresh, Refused, compile, load};
use keeper::Keeper;

pub use compile::{Before, CompileResult, Compiler, Examined, examine};
pub use digest::{Digest, NotADigest};
pub use last_good::{Kept, LastGood, LastGoodError};
pub use snapshot::{LIST_BYTES, ReadProblem, Snapshot, YAML_BYTES};
pub use sources::Sources;
pub use watch::{Timing, Watched, Watcher};

/// Why the files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The watcher saw a change.
    Change,
    /// SIGHUP.
    Signal,
    /// `POST /reload` on the admin listener.
    Admin,
}

/// The generation in force.
pub struct Running<C: Compiler> {
    /// What requests are judged by.
    pub generation: C::Generation,
    /// Its number, counted on over restarts.
    pub number: u64,
    /// The digest of its rule set.
    pub digest: Digest,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// What compilation warned of.
    pub warnings: Vec<C::Diagnostic>,
    lists: BTreeSet<String>,
    in_force: Vec<String>,
}

/// A rule set that was not applied.
#[derive(Debug)]
pub struct Rejection<D> {
    /// When.
    pub at: Timestamp,
    /// The digest of the set, if it could be read.
    pub digest: Option<Digest>,
    /// Everything that is wrong with it.
    pub diagnostics: Vec<D>,
}

/// How a look at the files ended.
pub enum Outcome<C: Compiler> {
    /// The files are now in force.
    Applied(Arc<Running<C>>),
    /// The files are what was in force already.
    Unchanged(Arc<Running<C>>),
    /// The files are bad; what was in force stays.
    Rejected(Arc<Rejection<C::Diagnostic>>),
}

impl<C: Compiler> Outcome<C> {
    /// Whether the files are what is in force now.
    pub fn is_in_force(&self) -> bool {
        match self {
            Outcome::Applied(_) | Outcome::Unchanged(_) => true,
            Outcome::Rejected(_) => false,
        }
    }

    /// What who asked for it is told.
    pub fn report(&self) -> Value {
        let in_force = |result, running: &Running<C>| {
            json!({
                "result": result,
                "generation": running.number,
                "digest": running.digest,
                "diagnostics": running.warnings,
            })
        };
        match self {
            Outcome::Applied(running) => in_force("applied", running),
            Outcome::Unchanged(running) => in_force("unchanged", running),
            Outcome::Rejected(rejection) => json!({
                "result": "rejected",
                "digest": rejection.digest,
                "diagnostics": rejection.diagnostics,
            }),
        }
    }
}

/// Neither the files nor a last good set can be used.
#[derive(Debug, thiserror::Error)]
#[error("the rules cannot be loaded, and there are no last good ones to start with: {last_good}")]
pub struct BootError<D> {
    /// Everything that is wrong with the files.
    pub diagnostics: Vec<D>,
    /// Why there is no last good set, in one clause.
    pub last_good: String,
}

/// Holds the generation in force and replaces it.
pub struct Reloader<C: Compiler> {
    compiler: C,
    sources: Sources,
    keeper: Keeper,
    metrics: Arc<Metrics>,
    running: ArcSwap<Running<C>>,
    degraded: AtomicBool,
    record: Mutex<Record<C::Diagnostic>>,
    turn: Mutex<()>, // one look at a time; taken before `record`, which is never held for long
    numbers: channel::Sender<u64>,
}

/// What became of the latest looks.
struct Record<D> {
    rejection: Option<Arc<Rejection<D>>>,
    successful: bool,
    pending: Option<Refused>, // what the files hold while the latest look was a rejection
}

impl<C: Compiler> Reloader<C> {
    /// Loads the files or, loudly, the last good set.
    pub fn boot(
        compiler: C,
        sources: Sources,
        store: LastGood,
        metrics: Arc<Metrics>,
    ) -> Result<Reloader<C>, BootError<C::Diagnostic>> {
        let stored = store.read().inspect_err(|error| warn!(%error, "The last good rules cannot be used"));
        let kept = stored.as_ref().ok().and_then(Option::as_ref).map(|(_, kept)| kept.clone());
        let before = Before { generation: None, in_force: kept.as_ref().map_or(&[], |kept| &kept.in_force) };
        let wanted = kept.as_ref().map(|kept| kept.lists.clone()).unwrap_or_default();
        let read = Snapshot::read(&sources, &wanted).map_err(|problems| Bad::unreadable(&compiler, problems));
        match read.and_then(|snapshot| load(&compiler, &sources, before, snapshot, wanted)) {
            Ok(Fresh { snapshot, lists, digest, generation, warnings }) => {
                let same = kept.as_ref().is_some_and(|kept| kept.digest == digest);
                let number = kept.as_ref().map_or(1, |kept| kept.generation + u64::from(!same));
                let running = Running::new(&compiler, generation, number, digest, warnings, lists);
                info!(generation = number, %digest, "Rules loaded");
                let is_kept = same && kept.is_some_and(|kept| kept.in_force == running.in_force);
                let reloader = Reloader::new(compiler, sources, store, metrics, running, None);
                if !is_kept {
                    reloader.keep(snapshot, &reloader.current());
                    reloader.wait_until_kept();
                }
                Ok(reloader)
            }
            Err(bad) => {
                let (snapshot, kept) = match stored {
                    Ok(Some(stored)) => stored,
                    Ok(None) => return Err(bad.without("none were ever kept".to_owned())),
                    Err(error) => return Err(bad.without(error.to_string())),
                };
                let before = Before { generation: None, in_force: &kept.in_force };
                match compile(&compiler, &snapshot, before) {
                    Ok((generation, warnings)) => {
                        let Kept { digest, generation: number, lists, .. } = kept;
                        let running = Running::new(&compiler, generation, number, digest, warnings, lists);
                        error!(
                            generation = number, %digest, kept_at = %kept.at,
                            "The rule files are bad; started on the last good rules"
                        );
                        Ok(Reloader::new(compiler, sources, store, metrics, running, Some(bad)))
                    }
                    Err(diagnostics) => {
                        let first = diagnostics.first().map_or_else(String::new, ToString::to_string);
                        Err(bad.without(format!("those kept are not good any more: {first}")))
                    }
                }
            }
        }
    }

    /// The generation in force; a request keeps the one that it began with.
    pub fn current(&self) -> Guard<Arc<Running<C>>> {
        self.running.load()
    }

    /// Whether the gateway started on the last good set and has not had better files since.
    pub fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Relaxed)
    }

    /// Follows the number of the generation in force; open streams are judged anew when it changes.
    pub fn subscribe(&self) -> channel::Receiver<u64> {
        self.numbers.subscribe()
    }

    /// The latest rejection, for whoever has to tell a new one from a known one.
    pub fn last_rejection(&self) -> Option<Arc<Rejection<C::Diagnostic>>> {
        self.record().rejection.clone()
    }

    /// Waits until the generation in force is on disk, as far as it can be; before the process ends.
    pub fn wait_until_kept(&self) {
        self.keeper.wait();
    }

    /// What a watcher of this reloader has to watch: the lists of the running rules and of a rejected edit.
    pub fn watched(&self) -> Watched {
        Watched { sources: self.sources.clone(), lists: self.wanted(&self.record()) }
    }

    /// What makes generations.
    pub fn compiler(&self) -> &C {
        &self.compiler
    }

    /// Looks at the files and puts them in force if they are good. Blocks; looks take turns.
    pub fn reload(&self, cause: Cause) -> Outcome<C> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(cause)
    }

    /// Changes the compiler and compiles the files anew, whether or not they changed. Blocks; looks take turns.
    ///
    /// Where that is rejected, `undo` puts the compiler back before another look can use it.
    pub fn recompile<T>(&self, change: impl FnOnce(&C) -> T, undo: impl FnOnce(&C, T)) -> Outcome<C> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&self.compiler);
        let running = self.running.load_full();
        let wanted = self.wanted(&self.record());
        let before = Before { generation: Some(&running.generation), in_force: &running.in_force };
        let loaded = Snapshot::read(&self.sources, &wanted)
            .map_err(|problems| Bad::unreadable(&self.compiler, problems))
            .and_then(|snapshot| load(&self.compiler, &self.sources, before, snapshot, wanted));
        match loaded {
            Ok(fresh) => self.apply(fresh, running.number + 1),
            Err(bad) => {
                undo(&self.compiler, changed);
                self.reject(bad)
            }
        }
    }

    fn look(&self, cause: Cause) -> Outcome<C> {
        let running = self.running.load_full();
        let (wanted, known) = {
            let record = self.record();
            (self.wanted(&record), record.pending.clone().zip(record.rejection.clone()))
        };
        // Only an explicit wish has a known rejection worked out and told again.
        let known = known.filter(|_| cause == Cause::Change);
        let snapshot = match Snapshot::read(&self.sources, &wanted) {
            Ok(snapshot) => snapshot,
            Err(problems) => {
                let bad = Bad::unreadable(&self.compiler, problems);
                return match known {
                    Some((refused, rejection)) if refused == bad.refused => Outcome::Rejected(rejection),
                    _ => self.reject(bad),
                };
            }
        };
        if snapshot.digest(&running.lists) == running.digest {
            return self.unchanged(running, cause);
        }
        if let Some((Refused::Set { digest, lists }, rejection)) = known
            && snapshot.digest(&lists) == digest
        {
            return Outcome::Rejected(rejection);
        }
        let before = Before { generation: Some(&running.generation), in_force: &running.in_force };
        match load(&self.compiler, &self.sources, before, snapshot, wanted) {
            Ok(fresh) if fresh.digest == running.digest => self.unchanged(running, cause),
            Ok(fresh) => self.apply(fresh, running.number + 1),
            Err(bad) => self.reject(bad),
        }
    }

    /// What the status tells of the rules.
    pub fn status(&self) -> Value {
        let running = self.current();
        let record = self.record();
        let (kept, unkept) = self.keeper.is_kept();
        let rejection = record.rejection.as_ref().map(|rejection| {
            json!({
                "at": rejection.at.to_string(),
                "digest": rejection.digest,
                "diagnostics": rejection.diagnostics,
            })
        });
        json!({
            "generation": running.number,
            "digest": running.digest,
            "loaded_at": running.loaded_at.to_string(),
            "degraded": self.is_degraded(),
            "warnings": running.warnings,
            "last_reload_successful": record.successful,
            "last_rejection": rejection,
            "last_good": { "kept": kept, "error": unkept },
        })
    }

    fn new(
        compiler: C,
        sources: Sources,
        store: LastGood,
        metrics: Arc<Metrics>,
        running: Running<C>,
        bad: Option<Bad<C::Diagnostic>>,
    ) -> Reloader<C> {
        let (numbers, _) = channel::channel(running.number);
        metrics.rules_loaded(running.number);
        let record = Record { rejection: None, successful: true, pending: None };
        let reloader = Reloader {
            compiler,
            sources,
            keeper: Keeper::new(store),
            metrics,
            running: ArcSwap::from_pointee(running),
            degraded: AtomicBool::new(bad.is_some()),
            record: Mutex::new(record),
            turn: Mutex::new(()),
            numbers,
        };
        if let Some(bad) = bad {
            reloader.reject(bad);
        }
        reloader
    }

    fn apply(&self, fresh: Fresh<C>, number: u64) -> Outcome<C> {
        let Fresh { snapshot, lists, digest, generation, warnings } = fresh;
        let running = Arc::new(Running::new(&self.compiler, generation, number, digest, warnings, lists));
        self.running.store(running.clone());
        self.degraded.store(false, Ordering::Relaxed);
        self.succeed();
        self.numbers.send_replace(number);
        self.metrics.rules_loaded(number);
        self.metrics.reloaded(ReloadResult::Applied);
        info!(generation = number, %digest, warnings = running.warnings.len(), "Rules applied");
        self.keep(snapshot, &running);
        Outcome::Applied(running)
    }

    /// The files hold what is in force: after a rejection, or a start on the last good set, that is good news.
    fn unchanged(&self, running: Arc<Running<C>>, cause: Cause) -> Outcome<C> {
        let news = self.degraded.swap(false, Ordering::Relaxed) | self.succeed();
        if news {
            info!(generation = running.number, "The rule files are again those in force");
        } else if cause != Cause::Change {
            info!(generation = running.number, "The rule files are those in force");
        }
        if news || cause != Cause::Change {
            self.metrics.reloaded(ReloadResult::Unchanged); // the watcher's second looks are not worth counting
        }
        Outcome::Unchanged(running)
    }

    fn reject(&self, bad: Bad<C::Diagnostic>) -> Outcome<C> {
        let generation = self.current().number;
        warn!(generation, problems = bad.diagnostics.len(), "Rule files rejected; the running rules stay");
        for diagnostic in bad.diagnostics.iter().take(TOLD) {
            let problem = self.compiler.brief(diagnostic);
            warn!(generation, problem, "Problem in the rule files");
        }
        let digest = match &bad.refused {
            Refused::Set { digest, .. } => Some(*digest),
            Refused::Unreadable(_) => None,
        };
        let rejection = Arc::new(Rejection { at: Timestamp::now(), digest, diagnostics: bad.diagnostics });
        let mut record = self.record();
        record.rejection = Some(rejection.clone());
        record.pending = Some(bad.refused);
        record.successful = false;
        self.metrics.reloaded(ReloadResult::Rejected);
        Outcome::Rejected(rejection)
    }

    /// Records that files and rules agree; says whether they did not before.
    fn succeed(&self) -> bool {
        let mut record = self.record();
        record.pending = None;
        !std::mem::replace(&mut record.successful, true)
    }

    fn keep(&self, snapshot: Snapshot, running: &Running<C>) {
        let kept = Kept {
            digest: running.digest,
            generation: running.number,
            at: running.loaded_at,
            in_force: running.in_force.clone(),
            lists: running.lists.clone(),
        };
        self.keeper.keep(snapshot, kept);
    }

    fn wanted(&self, record: &Record<C::Diagnostic>) -> BTreeSet<String> {
        let mut wanted = self.current().lists.clone();
        if let Some(Refused::Set { lists, .. }) = &record.pending {
            wanted.extend(lists.iter().cloned());
        }
        wanted
    }

    fn record(&self) -> MutexGuard<'_, Record<C::Diagnostic>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches what a reloader loads and has it reload, until the watcher is dropped.
pub fn watch<C: Compiler>(reloader: &Arc<Reloader<C>>, timing: Timing) -> std::io::Result<Watcher> {
    let (asked, told) = (reloader.clone(), reloader.clone());
    Watcher::start(timing, move || asked.watched(), move |cause| drop(told.reload(cause)))
}

/// So many diagnostics of one rejection go to the log; the status has them all.
const TOLD: usize = 20;

impl<C: Compiler> Running<C> {
    fn new(
        compiler: &C,
        generation: C::Generation,
        number: u64,
        digest: Digest,
        warnings: Vec<C::Diagnostic>,
        lists: BTreeSet<String>,
    ) -> Running<C> {
        let in_force = compiler.in_force(&generation);
        Running { generation, number, digest, loaded_at: Timestamp::now(), warnings, lists, in_force }
    }
}
