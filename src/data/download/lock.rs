//! One process at a time: a lock on the file `name.lock`.
//!
//! The file stays behind, empty: removing it would let two processes hold a lock on two files of
//! that name. The lock itself ends with the process that holds it, however that ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::util::file_lock::{self, Held, try_lock};
use crate::util::stderr::message;

/// A lock that is held until this is dropped.
#[must_use]
pub struct NameLock {
    /// Before the file: it is let go first.
    _held: Held,
    _file: File,
}

/// Waits for the lock of `name` in `folder`.
///
/// # Errors
/// When the lock file cannot be made or locked. A file system without locks is no error.
pub fn lock(folder: &Path, name: &str) -> io::Result<NameLock> {
    let path = folder.join(format!("{name}.lock"));
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
    let held = match try_lock(&file, &path)? {
        Some(held) => held,
        None => {
            message(&format!("{name}: another process is at work on it; waiting"));
            file_lock::lock(&file, &path)?
        }
    };
    Ok(NameLock { _held: held, _file: file })
}
