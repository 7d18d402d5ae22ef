//! The bytes of one rule set, read whole and consistently.
//!
//! A snapshot holds every rule file, the profile and, as compilation asks for them, the lists. What it holds stood in
//! the files at one moment: a read during which anything changed is thrown away and done anew. It knows nothing of
//! what the bytes mean.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::digest::{Digest, Digester};
use super::sources::{FileError, Fingerprint, Look, Scan, Sources, read_file};

/// The most bytes of one rule file or profile.
pub const YAML_BYTES: u64 = 16 << 20;

/// The most bytes of one list.
pub const LIST_BYTES: u64 = 256 << 20;

/// How often a read that something changed under is tried.
pub(super) const TRIES: u32 = 5;

/// One problem that kept the files from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadProblem {
    /// What was found: `rules-missing`, `rule-file-unreadable`, …
    pub code: &'static str,
    /// The file or directory, as printed.
    pub file: String,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}

impl Display for ReadProblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        self.help.map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl std::error::Error for ReadProblem {}

/// The bytes of one rule set.
#[derive(Debug)]
pub struct Snapshot {
    rules: BTreeMap<String, Vec<u8>>,
    profile: Option<Vec<u8>>,
    lists: Mutex<Lists>,
    sources: Option<Sources>, // none: from the last good set, with its lists in `lists`
}

/// The lists read so far and who asked.
#[derive(Debug)]
struct Lists {
    read: BTreeMap<String, List>,
    asked: BTreeSet<String>,
    scan: Option<Scan>,
    torn: bool,
}

/// One list's bytes, or why it has none.
type List = Result<Arc<[u8]>, String>;

impl Snapshot {
    /// Reads rule files, profile and the lists that are likely to be asked for, all as they stood at one moment.
    ///
    /// A list that cannot be read is no problem here: whoever asks for it, is told.
    pub fn read(sources: &Sources, wanted: &BTreeSet<String>) -> Result<Snapshot, Vec<ReadProblem>> {
        for attempt in 0..TRIES {
            let scan = Scan::take(sources, wanted);
            let mut read = Reading { sources, steady: true, problems: Vec::new() };
            let snapshot = read.everything(&scan);
            if read.steady && Scan::take(sources, wanted) == scan {
                return if read.problems.is_empty() { Ok(snapshot) } else { Err(read.problems) };
            }
            std::thread::sleep(Duration::from_millis(10 << attempt)); // an editor at work, or a swap halfway through
        }
        Err(vec![unsteady(sources)])
    }

    /// A rule set that does not come from the files.
    pub(super) fn stored(
        rules: BTreeMap<String, Vec<u8>>,
        profile: Option<Vec<u8>>,
        lists: BTreeMap<String, Vec<u8>>,
    ) -> Snapshot {
        let read = lists.into_iter().map(|(name, bytes)| (name, Ok(bytes.into()))).collect();
        let lists = Lists { read, asked: BTreeSet::new(), scan: None, torn: false };
        Snapshot { rules, profile, lists: Mutex::new(lists), sources: None }
    }

    /// The rule files by name, unknown names among them.
    pub fn rules(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.rules
    }

    /// The profile's bytes; none when the profile is one that the binary brings along.
    pub fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    /// The bytes of a list, by its path inside the rules directory; an error is a sentence without the path.
    pub fn read_list(&self, name: &str) -> Result<Vec<u8>, String> {
        let mut lists = self.lists();
        lists.asked.insert(name.to_owned());
        if !lists.read.contains_key(name) {
            let list = self.read_late(name, &mut lists);
            lists.read.insert(name.to_owned(), list);
        }
        match lists.read.get(name) {
            Some(Ok(bytes)) => Ok(bytes.to_vec()),
            Some(Err(error)) => Err(error.clone()),
            None => Err("was not read".to_owned()),
        }
    }

    /// The lists that were asked for.
    pub fn asked(&self) -> BTreeSet<String> {
        self.lists().asked.clone()
    }

    /// Names this set: rule files, profile and the given lists.
    pub fn digest(&self, lists: &BTreeSet<String>) -> Digest {
        let mut digester = Digester::default();
        for (name, bytes) in &self.rules {
            digester.part(b'r', name, bytes);
        }
        if let Some(profile) = &self.profile {
            digester.part(b'p', "", profile);
        }
        let read = &self.lists().read;
        for name in lists {
            match read.get(name) {
                Some(Ok(bytes)) => digester.part(b'l', name, bytes),
                Some(Err(error)) => digester.part(b'e', name, error.as_bytes()),
                None => digester.part(b'e', name, b""),
            }
        }
        digester.finish()
    }

    /// Whether something changed while a list was read late, so that this set never stood in the files.
    pub(super) fn is_torn(&self) -> bool {
        self.lists().torn
    }

    /// The bytes of a list that was read.
    pub(super) fn list(&self, name: &str) -> Option<Arc<[u8]>> {
        self.lists().read.get(name)?.as_ref().ok().cloned()
    }

    /// Reads a list that nobody expected to be asked for, and looks whether everything else still stands.
    fn read_late(&self, name: &str, lists: &mut Lists) -> List {
        let Some(sources) = &self.sources else { return Err("is not in the last good set".to_owned()) };
        let (list, fingerprint) = read_list(sources, name);
        let known = lists.read.keys().chain([&name.to_owned()]).cloned().collect();
        let now = Scan::take(sources, &known);
        if let Some(before) = &mut lists.scan {
            if let Some(look) = now.lists.get(name) {
                lists.torn |= fingerprint.is_some_and(|fingerprint| *look != Ok(fingerprint));
                before.lists.insert(name.to_owned(), *look);
            }
            lists.torn |= *before != now;
        }
        list
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt to read everything.
struct Reading<'s> {
    sources: &'s Sources,
    steady: bool,
    problems: Vec<ReadProblem>,
}

impl Reading<'_> {
    fn everything(&mut self, scan: &Scan) -> Snapshot {
        self.directory(scan);
        let rules = scan.rules.iter().filter_map(|(name, look)| self.rule(name, look)).collect();
        let profile = self.sources.profile.as_deref().zip(scan.profile.as_ref());
        let profile = profile
            .and_then(|(path, look)| self.yaml(path, look, path.display().to_string(), "profile-unreadable"));
        let lists = scan.lists.iter().map(|(name, look)| (name.clone(), self.list(name, look))).collect();
        let lists = Lists { read: lists, asked: BTreeSet::new(), scan: Some(scan.clone()), torn: false };
        Snapshot { rules, profile, lists: Mutex::new(lists), sources: Some(self.sources.clone()) }
    }

    fn directory(&mut self, scan: &Scan) {
        let directory = self.sources.printed();
        let help = "the directory holds one file per setting, and `groups.yaml`";
        let (code, message) = match scan.directory {
            Ok(_) if !scan.rules.is_empty() => return,
            Ok(_) => ("rules-empty", format!("there is no rule file in `{directory}`")),
            Err(ErrorKind::NotFound) => ("rules-missing", format!("there is no directory `{directory}`")),
            Err(ErrorKind::ArgumentListTooLong) => {
                ("rules-too-many", format!("there are too many YAML files in `{directory}`"))
            }
            Err(kind) => ("rules-unreadable", format!("`{directory}` cannot be read: {kind}")),
        };
        self.problems.push(ReadProblem { code, file: directory, message, help: Some(help) });
    }

    fn rule(&mut self, name: &OsStr, look: &Look) -> Option<(String, Vec<u8>)> {
        let printed = format!("{}/{}", self.sources.printed(), name.to_string_lossy());
        let path = self.sources.rules.join(name);
        let bytes = self.yaml(&path, look, printed.clone(), "rule-file-unreadable")?;
        if let Some(name) = name.to_str() {
            return Some((name.to_owned(), bytes));
        }
        let message = format!("the name of `{printed}` is not UTF-8");
        let help = Some("give the file its setting's name, such as `files.yaml`");
        self.problems.push(ReadProblem { code: "rule-file-unreadable", file: printed, message, help });
        None
    }

    fn yaml(&mut self, path: &Path, look: &Look, printed: String, code: &'static str) -> Option<Vec<u8>> {
        match read_file(path, YAML_BYTES) {
            Ok((bytes, fingerprint)) => {
                self.steady &= *look == Ok(fingerprint);
                Some(bytes)
            }
            Err(error) => {
                let message = match error {
                    FileError::Io(kind) => format!("`{printed}` cannot be read: {kind}"),
                    FileError::NotRegular | FileError::TooLarge(_) => format!("`{printed}` {error}"),
                };
                self.problems.push(ReadProblem { code, file: printed, message, help: None });
                None
            }
        }
    }

    fn list(&mut self, name: &str, look: &Look) -> List {
        let (list, fingerprint) = read_list(self.sources, name);
        self.steady &= fingerprint.is_none_or(|fingerprint| *look == Ok(fingerprint));
        list
    }
}

/// Reads a list that lies, symlinks followed, inside the rules directory or what its `..data` points to.
fn read_list(sources: &Sources, name: &str) -> (List, Option<Fingerprint>) {
    let Some(path) = sources.list(name) else {
        let directory = sources.printed();
        return (Err(format!("must be a path below `{directory}`, without `..`")), None);
    };
    let real = match fs::canonicalize(&path) {
        Ok(real) => real,
        Err(error) => return (Err(format!("cannot be read: {}", error.kind())), None),
    };
    let mut homes = [sources.rules.clone(), sources.rules.join("..data")].map(fs::canonicalize).into_iter();
    if !homes.any(|home| home.is_ok_and(|home| real.starts_with(home))) {
        return (Err(format!("leads out of `{}`", sources.printed())), None);
    }
    match read_file(&real, LIST_BYTES) {
        Ok((bytes, fingerprint)) => (Ok(bytes.into()), Some(fingerprint)),
        Err(FileError::Io(kind)) => (Err(format!("cannot be read: {kind}")), None),
        Err(error @ (FileError::NotRegular | FileError::TooLarge(_))) => (Err(error.to_string()), None),
    }
}

/// The problem of files that would not stand still.
pub(super) fn unsteady(sources: &Sources) -> ReadProblem {
    let file = sources.printed();
    let message = format!("the files in `{file}` kept changing while they were read");
    ReadProblem { code: "rules-changing", file, message, help: Some("they are read again when they rest") }
}

#[cfg(test)]
mod tests;
