//! `events.out.tfevents.<10-digit seconds>.<host>.<pid>.<counter>[.cards]`: readers go through a folder's
//! files in name order, so a new file's seconds are later than those of every file there.
//!
//! Files of metadata are those of what a run says of itself, beside its curves. They are made anew where
//! the curves go on, and are event files for TensorBoard, not for [`event_files`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &str = "events.out.tfevents.";

/// The end of the name of a file of metadata: what a run says of itself at its beginning.
pub(super) const METADATA: &str = ".cards";

/// The last second that ten digits can say.
const LAST_SECOND: u64 = 9_999_999_999;

/// Event files that this process made.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// The event files of `dir` in name order, but for those of metadata.
///
/// # Errors
/// Those of reading the folder.
pub fn event_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(all(dir)?.into_iter().filter(|path| !is_metadata(path)).collect())
}

/// The files of metadata of `dir` in name order.
pub(super) fn metadata(dir: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(all(dir)?.into_iter().filter(|path| is_metadata(path)).collect())
}

/// All that TensorBoard reads.
fn all(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Whether an event file is one of metadata.
fn is_metadata(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(METADATA))
}

/// Makes a new event file in `dir`, whose name comes after all others there and ends with `end`.
pub(super) fn create_new(dir: &Path, end: &str) -> io::Result<(File, PathBuf)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let newest = all(dir)?.iter().filter_map(|path| seconds(path)).max();
    let mut seconds = now.max(newest.map_or(0, |newest| newest + 1));
    let (host, pid) = (host(), std::process::id());
    while seconds <= LAST_SECOND {
        let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = dir.join(format!("{PREFIX}{seconds:010}.{host}.{pid}.{counter}{end}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            // Another one has this name: of a container, say, with the same host and pid.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => seconds += 1,
            Err(error) => return Err(error),
        }
    }
    let why = format!("{}: no event file's name can come after those there", dir.display());
    Err(Error::new(ErrorKind::AlreadyExists, why))
}

/// The seconds of an event file's name.
fn seconds(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(PREFIX)?.split('.').next()?;
    (digits.len() == 10).then(|| digits.parse().ok())?
}

/// This machine's name, with nothing that a file name cannot have.
fn host() -> String {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    match host.chars().map(safe).collect::<String>() {
        host if host.is_empty() => "localhost".into(),
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_comes_after_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let made: Vec<_> = (0..12).map(|_| create_new(dir.path(), "").unwrap().1).collect();
        assert!(made.is_sorted());
        assert_eq!(event_files(dir.path()).unwrap(), made);
    }

    #[test]
    fn a_file_of_the_future_comes_before() {
        let dir = tempfile::tempdir().unwrap();
        let future = dir.path().join("events.out.tfevents.9000000000.zebra.1.0");
        File::create(&future).unwrap();
        let new = create_new(dir.path(), "").unwrap().1;
        assert!(new > future);
        assert!(new.to_string_lossy().contains("tfevents.9000000001."));
    }

    #[test]
    fn the_last_second_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join("events.out.tfevents.9999999999.a.1.0")).unwrap();
        assert_eq!(create_new(dir.path(), "").unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn metadata_is_apart() {
        let dir = tempfile::tempdir().unwrap();
        let ends = [METADATA, "", METADATA, ""];
        let made = ends.map(|end| create_new(dir.path(), end).unwrap().1);
        assert!(made.is_sorted());
        assert_eq!(metadata(dir.path()).unwrap(), [made[0].clone(), made[2].clone()]);
        assert_eq!(event_files(dir.path()).unwrap(), [made[1].clone(), made[3].clone()]);
    }

    #[test]
    fn other_files_are_none_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join("checkpoint")).unwrap();
        fs::create_dir(dir.path().join("events.out.tfevents.1000000000.folder")).unwrap();
        assert!(event_files(dir.path()).unwrap().is_empty());
    }
}
