//! Where a file's bytes are.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::archive_file::ArchiveFile;
use super::zip_tree::ZipFile;

/// Where a file's bytes are.
#[derive(Clone)]
pub enum Place {
    /// In a file of its own.
    File(PathBuf),
    /// In a zip: its number there.
    Zip(Arc<ZipFile>, usize),
    /// In a tar: its position there, and its length.
    Tar(Arc<TarFile>, u64, u64),
}

/// A tar whose entries are known.
pub struct TarFile(pub(super) Arc<ArchiveFile>);

impl Place {
    /// The first `most` bytes, or all if there are fewer.
    ///
    /// # Errors
    /// Those of reading; [`InvalidData`](io::ErrorKind::InvalidData) where what is packed is damaged.
    pub fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        match self {
            Self::File(path) => {
                let mut bytes = Vec::new();
                File::open(path)?.take(most).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
            Self::Zip(zip, index) => zip.read(*index, most),
            Self::Tar(tar, position, bytes) => tar.0.read(*position, *bytes, most),
        }
    }

    /// Whether the file, or the archive that it is in, has changed since it had `bytes` bytes and was written at
    /// `modified`.
    ///
    /// # Errors
    /// Where a file is gone.
    pub(in crate::data) fn has_changed(
        &self,
        bytes: u64,
        modified: Option<SystemTime>,
    ) -> io::Result<bool> {
        match self {
            Self::File(path) => {
                let now = path.metadata()?;
                Ok((now.len(), now.modified().ok()) != (bytes, modified))
            }
            Self::Zip(zip, _) => Ok(zip.file().has_changed()),
            Self::Tar(tar, ..) => Ok(tar.0.has_changed()),
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Zip(zip, index) => write!(f, "{}: {index}", zip.file().path.display()),
            Self::Tar(tar, position, _) => write!(f, "{}: {position}", tar.0.path.display()),
        }
    }
}
