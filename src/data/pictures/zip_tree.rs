//! The files in a zip.

use std::io::{self, Error, ErrorKind, Read};
use std::sync::Arc;

use zip::ZipArchive;
use zip::result::ZipError;

use super::archive_file::{ArchiveFile, At};
use super::place::Place;
use super::tree::Listed;

/// A zip whose entries are known.
pub struct ZipFile {
    file: Arc<ArchiveFile>,
    /// Copied for each reading: the list of entries is shared.
    archive: ZipArchive<At>,
}

/// The entries of the zip `file`: the path of each as it stands there, and the file, or why it is not used.
///
/// # Errors
/// [`ErrorKind::InvalidData`] where it is damaged; those of reading.
pub(super) fn list(file: &Arc<ArchiveFile>) -> io::Result<Vec<(Vec<u8>, Listed)>> {
    let archive = ZipArchive::new(At::begin(file)).map_err(error)?;
    let zip = Arc::new(ZipFile { file: file.clone(), archive });
    let entries = (0..zip.archive.len()).map(|index| {
        let entry = zip.archive.by_index_data(index).map_err(error)?;
        let listed = match () {
            () if entry.is_dir() => Listed::Folder,
            () if entry.encrypted() => Listed::LeftOut("it is encrypted".into()),
            () if entry.is_symlink() => Listed::LeftOut("it is a link within an archive".into()),
            () => Listed::File(entry.size(), Place::Zip(zip.clone(), index)),
        };
        let mut name = entry.name_raw().to_vec();
        // As some programs of Windows write them.
        if !name.contains(&b'/') {
            name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
        }
        Ok((name, listed))
    });
    entries.collect()
}

impl ZipFile {
    /// The archive's file.
    pub(super) fn file(&self) -> &ArchiveFile {
        &self.file
    }

    /// The first `most` bytes of the entry `index`, or all if there are fewer: what its size says is not believed. Its
    /// checksum is compared where its end is reached.
    pub(super) fn read(&self, index: usize, most: u64) -> io::Result<Vec<u8>> {
        let mut archive = self.archive.clone();
        let entry = archive.by_index(index).map_err(error)?;
        let mut bytes = Vec::new();
        entry.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn error(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => error,
        error => Error::new(ErrorKind::InvalidData, error.to_string()),
    }
}
