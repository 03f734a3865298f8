//! What is in the store, and its removal.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::decode::unwritable;
use super::folder::store_folder;

/// A file of decoded images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it takes on the disk; a file that is being decoded has holes.
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
    /// Whether a process reads or writes it now, or that cannot be known.
    pub is_in_use: bool,
    /// Whether it is whole: else its decoding was interrupted, or is going on.
    pub is_whole: bool,
}

/// The files of decoded images in the user's cache folder, in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn decoded_files() -> Result<Vec<DecodedFile>> {
    store_folder().map_or(Ok(Vec::new()), |folder| files_in(&folder))
}

/// Removes those of the [decoded files](decoded_files) that no process uses and that were not used for `age`. They are
/// decoded again where they are needed. The removed ones.
///
/// # Errors
/// When the folder cannot be read, or a file cannot be removed.
pub fn prune(age: Duration) -> Result<Vec<DecodedFile>> {
    store_folder().map_or(Ok(Vec::new()), |folder| prune_in(&folder, age))
}

fn prune_in(folder: &Path, age: Duration) -> Result<Vec<DecodedFile>> {
    let mut removed = Vec::new();
    for file in files_in(folder)? {
        // One of the future is new.
        let unused = file.used.elapsed().unwrap_or_default();
        if file.is_in_use || unused < age {
            continue;
        }
        // Nobody begins to use it between the look and the removal.
        let Some(_alone) = locked(&lock_of(&file.path)) else { continue };
        if is_in_use(&file.path) {
            continue;
        }
        fs::remove_file(&file.path).map_err(|error| unwritable(&file.path, &error))?;
        removed.push(file);
    }
    if files_in(folder)?.is_empty() {
        paths(folder, "sha256")?.iter().for_each(|path| drop(fs::remove_file(path)));
    }
    Ok(removed)
}

fn files_in(folder: &Path) -> Result<Vec<DecodedFile>> {
    let mut files = Vec::new();
    for (ending, is_whole) in [("images", true), ("part", false), ("tar", true)] {
        for path in paths(folder, ending)? {
            // It may be gone by now.
            let Ok(metadata) = path.metadata() else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let is_in_use = is_in_use(&path) || is_held(&lock_of(&path));
            files.push(DecodedFile { bytes: on_disk(&metadata), path, used, is_in_use, is_whole });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// The files in `folder` with this ending; none where there is no folder.
fn paths(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|error| unwritable(folder, &error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == ending)).collect())
}

/// The lock of the file at `path`, `name.images` or `name.images.part`.
fn lock_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or_default();
    path.with_file_name(format!("{stem}.lock"))
}

/// Whether another process has the file at `path` open, or that cannot be known.
fn is_in_use(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

/// Whether another process holds the lock file at `path`.
fn is_held(path: &Path) -> bool {
    let file = File::options().write(true).open(path);
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// The lock file at `path`, locked, unless another process holds it.
fn locked(path: &Path) -> Option<File> {
    let file = File::options().write(true).create(true).truncate(false).open(path).ok()?;
    file.try_lock().is_ok().then_some(file)
}

#[cfg(unix)]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn on_disk(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.images", "b.images", "c.images.part", "d.images.part", "1.sha256"] {
            fs::write(path(name), vec![7; 9000]).unwrap();
        }
        fs::write(path("note.txt"), "not ours").unwrap();
        let read = File::open(path("a.images")).unwrap();
        read.try_lock_shared().unwrap();
        let decoding = File::create(path("c.lock")).unwrap();
        decoding.try_lock().unwrap();
        let names = |files: &[DecodedFile]| -> Vec<_> {
            let name = |file: &DecodedFile| file.path.file_name().unwrap().to_owned();
            files.iter().map(name).collect()
        };
        let used = |files: &[DecodedFile]| files.iter().filter(|file| file.is_in_use).count();
        let found = files_in(folder.path()).unwrap();
        assert_eq!((found.len(), used(&found)), (4, 2));
        assert!(found.iter().all(|file| file.bytes >= 9000), "{found:?}");
        assert!(prune_in(folder.path(), Duration::from_secs(3600)).unwrap().is_empty());
        let removed = prune_in(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(names(&removed), ["b.images", "d.images.part"]);
        assert!(path("1.sha256").exists());
        drop((read, decoding));
        let removed = prune_in(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(names(&removed), ["a.images", "c.images.part"]);
        assert!(path("note.txt").exists() && !path("1.sha256").exists());
        assert!(prune_in(&path("nowhere"), Duration::ZERO).unwrap().is_empty());
    }
}
