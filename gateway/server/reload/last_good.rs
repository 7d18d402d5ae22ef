//! The last good rule set, kept for the day the files are bad at start.
//!
//! `state/last-good/` holds one directory per set and `current`, a link to the one that counts; the link is replaced
//! in one step, so that a crash leaves the old set or the new one and never half of either. Every file is checked
//! against its digest when it is read back. The digests tell damage, not malice: whoever may write in `state/` holds
//! the gateway's keys, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::snapshot::{LIST_BYTES, Snapshot, YAML_BYTES};
use super::sources::{FileError, is_inner_path, read_file};
use crate::durable;

const CURRENT: &str = "current";
const MANIFEST: &str = "manifest.json";
const MANIFEST_BYTES: u64 = 16 << 20;
const FORMAT: u32 = 1;

/// The place where the last good set is kept.
#[derive(Clone, Debug)]
pub struct LastGood {
    directory: PathBuf,
}

/// What is kept beside the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The digest of the whole set.
    pub digest: Digest,
    /// The number of the generation made of it.
    pub generation: u64,
    /// When it was applied.
    pub at: Timestamp,
    /// The settings in force, by name: their files may not disappear.
    pub in_force: Vec<String>,
    /// The lists that the rules name.
    pub lists: BTreeSet<String>,
}

/// Why the last good set cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LastGoodError {
    /// A file of it cannot be read.
    #[error("`{file}` of the last good rules cannot be read: {error}")]
    Unreadable {
        /// The file, as it stands in the directory.
        file: String,
        /// Why.
        error: String,
    },
    /// The manifest is not one.
    #[error("the manifest of the last good rules is damaged: {0}")]
    Manifest(String),
    /// The bytes are not those that were written.
    #[error("`{0}` of the last good rules is not what was kept: it was changed or damaged")]
    Changed(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    digest: Digest,
    generation: u64,
    at: String,
    in_force: Vec<String>,
    files: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    role: Role,
    name: String,
    digest: Digest,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Rule,
    List,
    Profile,
}

impl Entry {
    /// Where the file lies in the set: the tree of the rules directory as it was, so that it can be copied back.
    fn path(&self) -> String {
        match self.role {
            Role::Rule | Role::List => format!("rules/{}", self.name),
            Role::Profile => "profile.yaml".to_owned(),
        }
    }
}

impl LastGood {
    /// The place in a state directory.
    pub fn new(state: &Path) -> LastGood {
        LastGood { directory: state.join("last-good") }
    }

    /// Keeps a set in place of the one before.
    pub fn write(&self, snapshot: &Snapshot, kept: &Kept) -> io::Result<()> {
        durable::make_directory(&self.directory)?;
        let name = format!("{}-{}", kept.generation, kept.digest.short());
        self.remove_all_but(self.current().as_deref());
        let name = if self.current().as_deref() == Some(&name) { format!("{name}-again") } else { name };
        self.write_set(&self.directory.join(&name), snapshot, kept)?;
        let link = self.directory.join(format!("{CURRENT}.new"));
        std::os::unix::fs::symlink(&name, &link)?;
        fs::rename(&link, self.directory.join(CURRENT))?;
        durable::sync_directory(&self.directory)?;
        self.remove_all_but(Some(&name));
        Ok(())
    }

    /// Reads the set back; none if there never was one.
    pub fn read(&self) -> Result<Option<(Snapshot, Kept)>, LastGoodError> {
        let set = self.directory.join(CURRENT);
        if fs::symlink_metadata(&set).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(None);
        }
        let bytes = read_part(&set, MANIFEST, MANIFEST_BYTES)?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|error| LastGoodError::Manifest(error.to_string()))?;
        read_set(&set, manifest).map(Some)
    }

    fn write_set(&self, set: &Path, snapshot: &Snapshot, kept: &Kept) -> io::Result<()> {
        let mut directories = BTreeSet::from([set.to_owned(), set.join("rules")]);
        let mut written = BTreeSet::new();
        let mut files = Vec::new();
        let mut keep = |role, name: &str, bytes: &[u8]| {
            let entry = Entry { role, name: name.to_owned(), digest: Digest::of(bytes) };
            let path = set.join(entry.path());
            files.push(entry);
            if !written.insert(path.components().collect::<PathBuf>()) {
                return Ok(()); // a rule file that is a list, too
            }
            let above = path.ancestors().skip(1).take_while(|above| above.starts_with(set));
            directories.extend(above.map(Path::to_owned));
            path.parent().map_or(Ok(()), durable::make_directory)?;
            durable::write_new(&path, bytes)
        };
        for (name, bytes) in snapshot.rules() {
            keep(Role::Rule, name, bytes)?;
        }
        if let Some(profile) = snapshot.profile() {
            keep(Role::Profile, "profile.yaml", profile)?;
        }
        for name in &kept.lists {
            let bytes = snapshot.list(name).ok_or(ErrorKind::NotFound)?;
            keep(Role::List, name, &bytes)?;
        }
        let manifest = Manifest {
            format: FORMAT,
            digest: kept.digest,
            generation: kept.generation,
            at: kept.at.to_string(),
            in_force: kept.in_force.clone(),
            files,
        };
        let mut json = serde_json::to_vec_pretty(&manifest)?;
        json.push(b'\n');
        durable::write_new(&set.join(MANIFEST), &json)?;
        directories.iter().try_for_each(|directory| durable::sync_directory(directory))
    }

    /// The name of the set that counts.
    fn current(&self) -> Option<String> {
        let target = fs::read_link(self.directory.join(CURRENT)).ok()?;
        Some(target.to_str()?.to_owned())
    }

    /// Removes older sets and what a crash left behind; what will not go, stays and does no harm.
    fn remove_all_but(&self, set: Option<&str>) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if name == CURRENT || set.is_some_and(|set| name == set) {
                continue;
            }
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let _ =
                if is_directory { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        }
    }
}

fn read_set(set: &Path, manifest: Manifest) -> Result<(Snapshot, Kept), LastGoodError> {
    if manifest.format != FORMAT {
        return Err(LastGoodError::Manifest(format!("its format is {}, not {FORMAT}", manifest.format)));
    }
    let at = manifest.at.parse().map_err(|_| LastGoodError::Manifest("its time is not one".to_owned()))?;
    let (mut rules, mut lists, mut profile) = (BTreeMap::new(), BTreeMap::new(), None);
    for entry in manifest.files {
        if !is_inner_path(&entry.name) {
            return Err(LastGoodError::Manifest("it names a file outside of its directory".to_owned()));
        }
        let limit = if entry.role == Role::List { LIST_BYTES } else { YAML_BYTES };
        let bytes = read_part(set, &entry.path(), limit)?;
        if Digest::of(&bytes) != entry.digest {
            return Err(LastGoodError::Changed(entry.path()));
        }
        match entry.role {
            Role::Rule => drop(rules.insert(entry.name, bytes)),
            Role::List => drop(lists.insert(entry.name, bytes)),
            Role::Profile => profile = Some(bytes),
        }
    }
    let names = lists.keys().cloned().collect();
    let snapshot = Snapshot::stored(rules, profile, lists);
    if snapshot.digest(&names) != manifest.digest {
        return Err(LastGoodError::Changed(MANIFEST.to_owned())); // a file was added to it or taken from it
    }
    let Manifest { digest, generation, in_force, .. } = manifest;
    Ok((snapshot, Kept { digest, generation, at, in_force, lists: names }))
}

fn read_part(set: &Path, file: &str, limit: u64) -> Result<Vec<u8>, LastGoodError> {
    let (bytes, _) = read_file(&set.join(file), limit).map_err(|error| {
        let error = match error {
            FileError::Io(kind) => kind.to_string(),
            FileError::NotRegular | FileError::TooLarge(_) => error.to_string(),
        };
        LastGoodError::Unreadable { file: file.to_owned(), error }
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
