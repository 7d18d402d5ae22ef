//! Where the rules come from, and a cheap look at whether they changed.
//!
//! A [`Scan`] is what `stat` says about every file a generation is made of: identity, size and times, never
//! content. Two equal scans around a read prove that the read was not torn; two different ones are the watcher's
//! reason to look. Which names in the directory count is decided here, what they mean is decided by policy.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

/// More rule files than this are a mistake (a whole tree copied into the directory), and not read.
const RULE_FILES: usize = 256;

/// The places that a generation is read from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The directory of the rule files.
    pub rules: PathBuf,
    /// The profile's file; none when the profile is one that the binary brings along.
    pub profile: Option<PathBuf>,
}

impl Sources {
    /// The rules directory as diagnostics print it: its last component.
    pub fn printed(&self) -> String {
        let name = self.rules.file_name().unwrap_or(self.rules.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Every directory in which something may happen that changes the rules.
    ///
    /// The parent of the rules directory is among them, so that a replaced directory or symlink is noticed, and so
    /// is the directory that a symlinked file really lies in.
    pub(super) fn directories(&self, lists: &BTreeSet<String>, scan: &Scan) -> BTreeSet<PathBuf> {
        let rules = scan.rules.keys().map(|name| self.rules.join(name));
        let lists = lists.iter().filter_map(|name| self.list(name));
        let mut directories = BTreeSet::from([self.rules.clone(), parent(&self.rules)]);
        for file in rules.chain(lists).chain(self.profile.clone()) {
            directories.insert(parent(&file));
            if let Ok(real) = fs::canonicalize(&file) {
                directories.insert(parent(&real));
            }
        }
        directories
    }

    /// The path of a list, unless its name could lead out of the rules directory.
    pub(super) fn list(&self, name: &str) -> Option<PathBuf> {
        is_inner_path(name).then(|| self.rules.join(name))
    }
}

/// Whether a name is a relative path that goes down only.
pub(super) fn is_inner_path(name: &str) -> bool {
    let mut components = Path::new(name).components().peekable();
    components.peek().is_some()
        && !name.contains('\0')
        && components.all(|component| matches!(component, Component::Normal(_)))
}

/// What `stat` says about everything that a generation is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Device and inode of the rules directory.
    pub(super) directory: Result<(u64, u64), ErrorKind>,
    pub(super) rules: BTreeMap<OsString, Look>,
    pub(super) profile: Option<Look>,
    pub(super) lists: BTreeMap<String, Look>,
}

/// One file's fingerprint, or why there is none.
pub(super) type Look = Result<Fingerprint, ErrorKind>;

impl Scan {
    pub(super) fn take(sources: &Sources, lists: &BTreeSet<String>) -> Scan {
        let (directory, rules) = match rule_files(&sources.rules) {
            Ok((identity, rules)) => (Ok(identity), rules),
            Err(error) => (Err(error.kind()), BTreeMap::new()),
        };
        let lists =
            lists.iter().filter_map(|name| Some((name.clone(), look(&sources.list(name)?)))).collect();
        Scan { directory, rules, profile: sources.profile.as_deref().map(look), lists }
    }

    /// Whether a file was changed so shortly before `now` that another change could leave the same times behind.
    ///
    /// The kernel's clock of files ticks in milliseconds, that of some network file systems in seconds.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        let looks = self.rules.values().chain(&self.profile).chain(self.lists.values());
        looks.flatten().any(|fingerprint| fingerprint.changed_within(Scan::FRESH, now))
    }

    /// The coarsest tick of a file's times that is reckoned with.
    pub(super) const FRESH: Duration = Duration::from_secs(2);
}

/// Identity, size and times of one file, symlinks followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    regular: bool,
}

impl Fingerprint {
    fn new(metadata: &Metadata) -> Fingerprint {
        Fingerprint {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            regular: metadata.is_file(),
        }
    }

    fn changed_within(&self, span: Duration, now: SystemTime) -> bool {
        let (Ok(seconds), Ok(nanos)) = (u64::try_from(self.changed.0), u32::try_from(self.changed.1)) else {
            return false;
        };
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
        let distance = now.duration_since(changed).unwrap_or_else(|ahead| ahead.duration());
        distance < span
    }
}

/// Why a file's bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("{0}")]
    Io(ErrorKind),
    #[error("is not a regular file")]
    NotRegular,
    #[error("is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> FileError {
        FileError::Io(error.kind())
    }
}

/// Reads a regular file of at most `limit` bytes, never waiting for one that is not; gives its fingerprint, too.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<(Vec<u8>, Fingerprint), FileError> {
    // Opening a device can do things, so it is looked at first; O_NONBLOCK covers what takes its place meanwhile.
    if !fs::metadata(path)?.is_file() {
        return Err(FileError::NotRegular);
    }
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(FileError::NotRegular);
    }
    if before.len() > limit {
        return Err(FileError::TooLarge(limit));
    }
    let bytes = read_up_to(&file, before.len(), limit)?;
    Ok((bytes, Fingerprint::new(&file.metadata()?)))
}

fn read_up_to(file: &File, expected: u64, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(FileError::TooLarge(limit)) // it grew while being read
    }
}

/// The directory's identity and a look at each rule file in it.
fn rule_files(directory: &Path) -> io::Result<((u64, u64), BTreeMap<OsString, Look>)> {
    let metadata = fs::metadata(directory)?;
    let mut rules = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if is_rule_file(&name) && rules.len() <= RULE_FILES {
            let look = look(&directory.join(&name));
            rules.insert(name, look);
        }
    }
    if rules.len() > RULE_FILES {
        return Err(ErrorKind::ArgumentListTooLong.into());
    }
    Ok(((metadata.dev(), metadata.ino()), rules))
}

/// Whether a name counts: `*.yaml` or `*.yml`, not hidden.
///
/// The ending counts in any case, so that policy can say that `Files.YAML` is not `files.yaml`, instead of nobody
/// noticing that it has no effect.
fn is_rule_file(name: &OsStr) -> bool {
    let hidden = name.as_bytes().starts_with(b".");
    let extension = Path::new(name).extension().unwrap_or_default();
    !hidden && (extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

fn look(path: &Path) -> Look {
    fs::metadata(path).map(|metadata| Fingerprint::new(&metadata)).map_err(|error| error.kind())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_yaml_names_are_rule_files() {
        for name in ["files.yaml", "files.yml", "Files.YAML", "a.b.yaml"] {
            assert!(is_rule_file(OsStr::new(name)), "{name}");
        }
        for name in [
            "..data",
            ".files.yaml",
            ".files.yaml.swp",
            ".#files.yaml",
            "#files.yaml#",
            "files.yaml~",
            "files.yaml.bak",
            "4913",
            "lists",
            "yaml",
            ".yaml",
        ] {
            assert!(!is_rule_file(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn list_names_go_down_only() {
        assert!(is_inner_path("lists/partners.txt"));
        assert!(is_inner_path("partners.txt"));
        for name in ["", "/etc/passwd", "../x", "lists/../../x", "./x", ".", "x\0y"] {
            assert!(!is_inner_path(name), "{name:?}");
        }
    }

    #[test]
    fn a_change_in_the_same_tick_counts_as_fresh() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.yaml"), "x").unwrap();
        let sources = Sources { rules: directory.path().to_owned(), profile: None };
        let scan = Scan::take(&sources, &BTreeSet::new());
        let now = SystemTime::now();
        assert!(scan.is_fresh(now));
        assert!(!scan.is_fresh(now + 2 * Scan::FRESH));
        assert!(!scan.is_fresh(now - 2 * Scan::FRESH));
    }
}
