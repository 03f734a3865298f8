//! An archive's file, read at any position from any thread.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::data::store::Positioned;

/// The file of an archive, as it was when it was listed.
pub(super) struct ArchiveFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// When it was written.
    pub modified: Option<SystemTime>,
    file: Positioned,
}

impl ArchiveFile {
    /// Opens the archive at `path`.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path) -> io::Result<Arc<Self>> {
        let file = File::open(path)?;
        // One that was unpacked into the store is not removed while it is read.
        let _ = file.lock_shared();
        let metadata = file.metadata()?;
        let (bytes, modified) = (metadata.len(), metadata.modified().ok());
        let file = Positioned::new(file);
        Ok(Arc::new(Self { path: path.to_owned(), bytes, modified, file }))
    }

    /// Whether another file is at its path now, or this one has changed. In the store the time is that of its last use.
    pub fn has_changed(&self) -> bool {
        let now = self.path.metadata().ok().map(|now| (now.len(), now.modified().ok()));
        let in_store = crate::data::store::holds(&self.path);
        now.is_none_or(|(bytes, modified)| {
            bytes != self.bytes || (modified != self.modified && !in_store)
        })
    }

    /// At most `most` of the `bytes` bytes at `position`.
    ///
    /// # Errors
    /// Those of reading; where the file ends before.
    pub fn read(&self, position: u64, bytes: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut content = vec![0; bytes.min(most) as usize];
        self.file.read_exact_at(&mut content, position)?;
        Ok(content)
    }
}

/// Bytes that are read at once.
const WINDOW: usize = 1 << 14;

/// A reader of an archive with a position of its own; a copy has one, too.
pub(super) struct At {
    file: Arc<ArchiveFile>,
    position: u64,
    /// What was read last, from `start` on.
    window: Vec<u8>,
    start: u64,
}

impl At {
    /// The begin of `file`.
    pub fn begin(file: &Arc<ArchiveFile>) -> Self {
        Self { file: file.clone(), position: 0, window: Vec::new(), start: 0 }
    }
}

impl Clone for At {
    fn clone(&self) -> Self {
        Self { position: self.position, ..Self::begin(&self.file) }
    }
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.file.bytes.saturating_sub(self.position);
        if buffer.len() >= WINDOW {
            let count = left.min(buffer.len() as u64) as usize;
            self.file.file.read_exact_at(&mut buffer[..count], self.position)?;
            self.position += count as u64;
            return Ok(count);
        }
        let is_there = (self.start..self.start + self.window.len() as u64).contains(&self.position);
        if !is_there {
            // Taken out: after an error there is none, and not half of another one.
            let mut window = std::mem::take(&mut self.window);
            window.resize(left.min(WINDOW as u64) as usize, 0);
            self.file.file.read_exact_at(&mut window, self.position)?;
            (self.window, self.start) = (window, self.position);
        }
        let from = &self.window[(self.position - self.start) as usize..];
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for At {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.file.bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let error = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the begin");
        self.position = position.ok_or_else(error)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive that is cut while it is read.
    #[test]
    fn after_an_error_the_bytes_are_those_of_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        let bytes: Vec<u8> = (0..3 * WINDOW).map(|at| (at / 7) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let mut at = At::begin(&ArchiveFile::open(&path).unwrap());
        let mut read = |from: usize| {
            let mut buffer = [0; 100];
            at.seek(SeekFrom::Start(from as u64)).unwrap();
            at.read_exact(&mut buffer).map(|()| buffer)
        };
        assert_eq!(read(0).unwrap(), bytes[..100]);
        File::options().write(true).open(&path).unwrap().set_len(WINDOW as u64 * 3 / 2).unwrap();
        assert!(read(WINDOW).is_err());
        assert_eq!(read(100).unwrap(), bytes[100..200]);
    }
}
