//! Locks on files. Where the file system has none, as some network and FUSE file systems, a
//! [lease](super::lease) takes their place.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Once;

use super::lease::Lease;
use crate::util::stderr::message;

/// What holds a lock until it is dropped, beside the file, which has to be kept open, too.
#[derive(Debug)]
pub(crate) struct Held(Option<Lease>);

impl Held {
    /// Whether another process has the lock now, believing that this one is gone: only a lease can be lost.
    pub fn is_lost(&self) -> bool {
        self.0.as_ref().is_some_and(Lease::is_lost)
    }
}

/// Locks `file`, which is at `path`; `None` where another process has.
///
/// # Errors
/// Those of the file system, but not that it has no locks.
pub(crate) fn try_lock(file: &File, path: &Path) -> Result<Option<Held>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(Held(None))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            refuse_broken(error, path)?;
            Ok(Lease::try_take(path)?.map(|lease| Held(Some(lease))))
        }
    }
}

/// Waits until no other process has `file`, which is at `path`, locked, and locks it.
///
/// # Errors
/// Those of the file system, but not that it has no locks.
pub(crate) fn lock(file: &File, path: &Path) -> Result<Held> {
    let Err(error) = file.lock() else { return Ok(Held(None)) };
    refuse_broken(error, path)?;
    Ok(Held(Some(Lease::take(path)?)))
}

/// Whether a process has, or has left behind, a lease of `path`.
pub(crate) fn has_owner(path: &Path) -> bool {
    Lease::file_of(path).exists()
}

/// Fails with `error`, unless it says that there are no locks.
fn refuse_broken(error: Error, path: &Path) -> Result<()> {
    if !has_no_locks(&error) {
        return Err(error);
    }
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let path = path.display();
        message(&format!(
            "note: the file system of `{path}` has no locks ({error}): a file `.owner` takes their place"
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
        assert!(try_lock(&one, &path).unwrap().is_some());
        assert!(try_lock(&other, &path).unwrap().is_none());
        drop(one);
        lock(&other, &path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_system_without_locks_is_no_error_and_a_broken_one_is() {
        let path = Path::new("lock");
        // EOPNOTSUPP, ENOSYS, ENOLCK, ENOTTY, EINVAL; EIO, EACCES.
        for number in [95, 38, 37, 25, 22] {
            assert!(refuse_broken(Error::from_raw_os_error(number), path).is_ok(), "{number}");
        }
        for number in [5, 13] {
            assert!(refuse_broken(Error::from_raw_os_error(number), path).is_err(), "{number}");
        }
    }
}
