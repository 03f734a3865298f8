//! One process at a time: a lock on the file `name.lock`.
//!
//! The file stays behind, empty: removing it would let two processes hold a lock on two files of
//! that name. The lock itself ends with the process that holds it, however that ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::util::file_lock;
use crate::util::file_lock::{Lock, try_lock};
use crate::util::stderr::message;

/// Waits for the lock of `name` in `folder`; it is held until the file is dropped.
///
/// # Errors
/// When the lock file cannot be made or locked. A file system without locks is no error.
pub fn lock(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(format!("{name}.lock"));
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
    if try_lock(&file, &path)? == Lock::HeldElsewhere {
        message(&format!("{name}: another process is at work on it; waiting"));
        file_lock::lock(&file, &path)?;
    }
    Ok(file)
}
