//! Locks on files, where the file system has them. Some network and FUSE file systems have none: there a
//! second process cannot be noticed, which is told once, and is no reason not to train.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Once;

use crate::util::stderr::message;

/// Whether a lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It is ours, or the file system has no locks.
    Held,
    /// Another process has it.
    HeldElsewhere,
}

/// Locks `file`, which is at `path`, if no other process has.
///
/// # Errors
/// Those of the file system, but not that it has no locks.
pub(crate) fn try_lock(file: &File, path: &Path) -> Result<Lock> {
    match file.try_lock() {
        Ok(()) => Ok(Lock::Held),
        Err(TryLockError::WouldBlock) => Ok(Lock::HeldElsewhere),
        Err(TryLockError::Error(error)) => without(error, path).map(|()| Lock::Held),
    }
}

/// Waits until no other process has `file`, which is at `path`, locked, and locks it.
///
/// # Errors
/// Those of the file system, but not that it has no locks.
pub(crate) fn lock(file: &File, path: &Path) -> Result<()> {
    file.lock().or_else(|error| without(error, path))
}

/// Goes on without a lock if `error` says that there are none.
fn without(error: Error, path: &Path) -> Result<()> {
    if !has_no_locks(&error) {
        return Err(error);
    }
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let path = path.display();
        message(&format!(
            "note: the file system of `{path}` has no locks ({error}): two processes on one run would \
             not notice each other"
        ));
    });
    Ok(())
}

/// `EOPNOTSUPP` and `ENOSYS` are `Unsupported`; a network file system without its lock daemon says
/// `ENOLCK`, and some FUSE file systems `EINVAL` or `ENOTTY`.
fn has_no_locks(error: &Error) -> bool {
    const ENOLCK: i32 = if cfg!(target_os = "macos") { 77 } else { 37 };
    const ENOTTY: i32 = 25;
    let by_number = cfg!(unix) && [Some(ENOLCK), Some(ENOTTY)].contains(&error.raw_os_error());
    by_number || matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_waits_and_the_first_ends_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let [one, other] = [(); 2].map(|()| File::create(&path).unwrap());
        assert_eq!(try_lock(&one, &path).unwrap(), Lock::Held);
        assert_eq!(try_lock(&other, &path).unwrap(), Lock::HeldElsewhere);
        drop(one);
        lock(&other, &path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_system_without_locks_is_no_error_and_a_broken_one_is() {
        let path = Path::new("lock");
        // EOPNOTSUPP, ENOSYS, ENOLCK, ENOTTY, EINVAL; EIO, EACCES.
        for number in [95, 38, 37, 25, 22] {
            assert!(without(Error::from_raw_os_error(number), path).is_ok(), "{number}");
        }
        for number in [5, 13] {
            assert!(without(Error::from_raw_os_error(number), path).is_err(), "{number}");
        }
    }
}
