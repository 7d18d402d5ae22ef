//! Files that survive a crash: written beside their place, synced, then moved into it.
//!
//! What lives in `state/` is the owner's alone: directories are 0700, files 0600.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Makes a directory, and those above it, for the owner alone; one that is there stays as it is.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a new file for the owner alone and has it on disk before it returns; one that is there is an error.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Has the names in a directory on disk.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file whole, unless it is there: then that one stays and this is `AlreadyExists`.
pub(crate) fn create_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let _ = fs::remove_file(&beside); // left by a crash of an earlier process of this number
    let linked = write_new(&beside, bytes).and_then(|()| fs::hard_link(&beside, path));
    let _ = fs::remove_file(&beside);
    linked?;
    path.parent().map_or(Ok(()), sync_directory)
}
