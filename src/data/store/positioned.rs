//! Reading and writing a file at a position, from any thread.
//!
//! Unix does it in one call (`pread`, `pwrite`), without a position that threads would share; elsewhere a lock is held
//! from the seek to the end of the access.

use std::fs::File;
use std::io::Result;

#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom, Write};
#[cfg(not(unix))]
use std::sync::{Mutex, PoisonError};

/// A file that several threads read and write.
pub(in crate::data) struct Positioned {
    #[cfg(unix)]
    file: File,
    #[cfg(not(unix))]
    file: Mutex<File>,
}

#[cfg(unix)]
impl Positioned {
    pub fn new(file: File) -> Self {
        Self { file }
    }

    /// Fills `bytes` with what is at `position`.
    pub fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, position)
    }

    /// Writes all `bytes` at `position`.
    pub fn write_all_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, position)
    }

    /// `work` with the file itself.
    pub fn with<T>(&self, work: impl FnOnce(&File) -> T) -> T {
        work(&self.file)
    }
}

#[cfg(not(unix))]
impl Positioned {
    pub fn new(file: File) -> Self {
        Self { file: Mutex::new(file) }
    }

    /// Fills `bytes` with what is at `position`.
    pub fn read_exact_at(&self, bytes: &mut [u8], position: u64) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(bytes)
    }

    /// Writes all `bytes` at `position`.
    pub fn write_all_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(position))?;
        file.write_all(bytes)
    }

    /// `work` with the file itself.
    pub fn with<T>(&self, work: impl FnOnce(&File) -> T) -> T {
        work(&self.file.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
