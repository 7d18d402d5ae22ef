//! The writer: order, bound, failure, the end of the process.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
};

use super::{
    super::{
        reader::{Query, Reader},
        registry::{Action, Outcome},
    },
    *,
};

#[test]
fn ten_thousand_entries_are_all_there_and_in_order_after_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let log = ActionLog::open(&path, Options::default()).unwrap();
    for number in 0..10_000 {
        log.append(entry(number)).unwrap();
    }
    log.close(PATIENCE).unwrap();
    assert_eq!(generations(&path), (0..10_000).collect::<Vec<_>>());
    assert_eq!(log.append(entry(0)), Err(NotRecorded::Closed));
    let status = log.status();
    assert_eq!((status.written, status.waiting, status.lost, status.failing), (10_000, 0, 1, false));
}

#[test]
fn entries_of_many_threads_keep_each_threads_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let log = ActionLog::open(&path, Options::default()).unwrap();
    thread::scope(|scope| {
        for worker in 0..4 {
            let log = &log;
            scope.spawn(move || {
                (0..1000).for_each(|number| log.append(entry(worker * 1000 + number)).unwrap())
            });
        }
    });
    log.flush(PATIENCE).unwrap();
    let stored = generations(&path);
    for worker in 0..4 {
        let of_worker: Vec<u64> = stored.iter().copied().filter(|number| number / 1000 == worker).collect();
        assert_eq!(of_worker, (worker * 1000..(worker + 1) * 1000).collect::<Vec<_>>());
    }
}

#[test]
fn an_entry_is_on_disk_soon_without_a_flush() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let log = ActionLog::open(&path, Options::default()).unwrap();
    log.append(entry(7)).unwrap();
    eventually("the entry is on disk", || log.status().written == 1);
    assert_eq!(generations(&path), [7]);
}

#[test]
fn dropping_the_log_writes_what_it_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let log = ActionLog::open(&path, Options::default()).unwrap();
    (0..100).for_each(|number| log.append(entry(number)).unwrap());
    drop(log);
    assert_eq!(generations(&path).len(), 100);
}

#[test]
fn a_killed_process_leaves_everything_that_was_flushed_and_nothing_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "actions::writer::tests::child_that_is_killed"])
        .env(CHILD_STORE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let flushed =
        BufReader::new(child.stdout.take().unwrap()).lines().any(|line| line.unwrap().contains("flushed"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(flushed, "the child flushes before it is killed");
    // The gateway starts again on the same file.
    let log = ActionLog::open(&path, Options::default()).unwrap();
    log.append(entry(1_000_000)).unwrap();
    log.close(PATIENCE).unwrap();
    let stored = generations(&path);
    let (last, before) = stored.split_last().unwrap();
    assert_eq!(*last, 1_000_000);
    assert!(before.len() >= 1000, "{} entries survived", before.len());
    assert_eq!(before, (0..before.len() as u64).collect::<Vec<_>>(), "a gap or a torn batch");
}

#[test]
#[ignore = "run by the test of the killed process, as its child"]
fn child_that_is_killed() {
    let Some(path) = env::var_os(CHILD_STORE) else { return };
    let log = ActionLog::open(Path::new(&path), Options::default()).unwrap();
    (0..1000).for_each(|number| log.append(entry(number)).unwrap());
    log.flush(PATIENCE).unwrap();
    writeln!(io::stdout(), "flushed").unwrap();
    (1000..u64::MAX).for_each(|number| while log.append(entry(number)).is_err() {});
}

#[test]
fn a_full_log_refuses_counts_and_takes_entries_again() {
    let (sink, gate) = Gated::new();
    let log = ActionLog::start(Box::new(sink), Options { capacity: 10, ..Options::default() }).unwrap();
    for number in 0..10 {
        log.append(entry(number)).unwrap();
    }
    assert_eq!(log.append(entry(10)), Err(NotRecorded::Full));
    assert_eq!(log.append(entry(11)), Err(NotRecorded::Full));
    eventually("the failure shows", || log.status().failing);
    let status = log.status();
    assert_eq!((status.written, status.waiting, status.lost), (0, 10, 2));
    gate.open();
    log.flush(PATIENCE).unwrap();
    log.append(entry(12)).unwrap();
    log.close(PATIENCE).unwrap();
    assert_eq!(gate.written(), (0..10).chain([12]).collect::<Vec<_>>());
    let status = log.status();
    assert_eq!((status.written, status.waiting, status.lost, status.failing), (11, 0, 2, false));
}

#[test]
fn a_failing_disk_is_told_by_flush_and_loses_nothing() {
    let (sink, gate) = Gated::new();
    let log = ActionLog::start(Box::new(sink), Options::default()).unwrap();
    (0..700).for_each(|number| log.append(entry(number)).unwrap());
    assert_eq!(log.flush(Duration::from_millis(20)), Err(Unwritten { entries: 700 }));
    gate.open();
    log.flush(PATIENCE).unwrap();
    assert_eq!(gate.written(), (0..700).collect::<Vec<_>>());
}

#[test]
fn closing_on_a_dead_disk_ends_in_time_and_says_what_is_lost() {
    let (sink, gate) = Gated::new();
    let log = ActionLog::start(Box::new(sink), Options::default()).unwrap();
    (0..700).for_each(|number| log.append(entry(number)).unwrap());
    assert_eq!(log.close(Duration::from_millis(50)), Err(Unwritten { entries: 700 }));
    assert!(gate.written().is_empty());
    assert_eq!(log.status().lost, 700);
}

#[test]
fn a_locked_database_delays_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let log = ActionLog::open(&path, Options::default()).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (0..10).for_each(|number| log.append(entry(number)).unwrap());
    eventually("the lock is noticed", || log.status().failing);
    assert!(log.status().error.unwrap().contains("locked by another program"));
    other.execute_batch("ROLLBACK").unwrap();
    log.flush(PATIENCE).unwrap();
    assert_eq!(generations(&path), (0..10).collect::<Vec<_>>());
    assert!(!log.status().failing);
}

#[test]
fn a_panic_of_the_writer_is_a_failure_that_shows() {
    struct Panics;
    impl Sink for Panics {
        fn write(&mut self, _: &[Entry]) -> Result<(), StoreError> {
            panic!("a bug in the sink");
        }
        fn prune(&mut self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
            Ok(0)
        }
    }
    let log = ActionLog::start(Box::new(Panics), Options::default()).unwrap();
    log.append(entry(0)).unwrap();
    assert_eq!(log.flush(PATIENCE), Err(Unwritten { entries: 1 }));
    assert!(log.status().failing);
    assert_eq!(log.append(entry(1)), Err(NotRecorded::Closed));
}

#[test]
fn old_entries_go_at_start_and_when_the_kept_days_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let mut store = Store::open(&path).unwrap();
    let ages = [400, 366, 300, 20, 0];
    let aged = |days: i64| {
        let at = Timestamp::now() - SignedDuration::from_hours(24 * days);
        Entry::new(at, &Action::SignIn.into(), Outcome::Done, days.unsigned_abs())
    };
    store.write(&ages.map(aged)).unwrap();
    // More than one batch of them.
    let many: Vec<Entry> = (0..1200).map(|_| aged(500)).collect();
    store.write(&many).unwrap();
    drop(store);
    let log = ActionLog::open(&path, Options { keep_days: Some(365), ..Options::default() }).unwrap();
    eventually("entries older than a year are gone", || generations(&path) == [300, 20, 0]);
    log.keep(Some(30));
    eventually("entries older than a month are gone", || generations(&path) == [20, 0]);
    log.keep(None);
    log.close(PATIENCE).unwrap();
}

#[test]
fn pruning_and_writing_take_turns() {
    struct Endless(mpsc::Sender<usize>, Arc<AtomicUsize>);
    impl Sink for Endless {
        fn write(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
            self.0.send(entries.len()).unwrap();
            Ok(())
        }
        fn prune(&mut self, _: Timestamp, most: usize) -> Result<usize, StoreError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(most)
        }
    }
    let (sender, written) = mpsc::channel();
    let prunes = Arc::new(AtomicUsize::new(0));
    let options = Options { keep_days: Some(1), ..Options::default() };
    let log = ActionLog::start(Box::new(Endless(sender, Arc::clone(&prunes))), options).unwrap();
    log.append(entry(0)).unwrap();
    assert_eq!(written.recv_timeout(PATIENCE), Ok(1), "endless pruning does not hold an entry up");
    assert!(prunes.load(Ordering::Relaxed) > 0);
    log.close(PATIENCE).unwrap();
}

#[test]
fn a_reader_sees_an_unbroken_log_while_the_writer_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.db");
    let log = ActionLog::open(&path, Options { batch: 50, ..Options::default() }).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Acquire) {
                let seen = generations(&path);
                assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>());
                reads += 1;
            }
            reads
        });
        for number in 0..5000 {
            log.append(entry(number)).unwrap();
        }
        let flushed = log.flush(PATIENCE);
        done.store(true, Ordering::Release);
        flushed.unwrap();
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(generations(&path).len(), 5000);
    assert_eq!(log.status().lost, 0);
}

/// A sink that fails until its gate is opened.
struct Gated(Arc<Gate>);

#[derive(Default)]
struct Gate {
    open: AtomicBool,
    written: Mutex<Vec<u64>>,
}

impl Gated {
    fn new() -> (Gated, Arc<Gate>) {
        let gate = Arc::new(Gate::default());
        (Gated(Arc::clone(&gate)), gate)
    }
}

impl Gate {
    fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    fn written(&self) -> Vec<u64> {
        self.written.lock().unwrap().clone()
    }
}

impl Sink for Gated {
    fn write(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if !self.0.open.load(Ordering::Acquire) {
            return Err(StoreError::Full { path: "gated".into() });
        }
        self.0.written.lock().unwrap().extend(entries.iter().map(|entry| entry.generation));
        Ok(())
    }

    fn prune(&mut self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// An entry that carries `number` as its generation, to be told from others.
fn entry(number: u64) -> Entry {
    Entry::new(Timestamp::now(), &Action::OperatorCreate.into(), Outcome::Done, number).note("a note")
}

fn generations(path: &Path) -> Vec<u64> {
    let stored = Reader::open(path).unwrap().page(&Query::default(), 0, usize::MAX).unwrap();
    stored.into_iter().map(|stored| stored.entry.generation).collect()
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::yield_now();
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
const CHILD_STORE: &str = "CHATWARDEN_TEST_ACTION_STORE";
