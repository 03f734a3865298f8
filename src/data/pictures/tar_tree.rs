//! The files in a tar.

use std::io;
use std::sync::Arc;

use tar::{Archive, EntryType};

use super::archive_file::{ArchiveFile, At};
use super::place::{Place, TarFile};
use super::tree::Listed;

/// The entries of the tar `file`: the path of each as it stands there, and the file, or why it is not used.
///
/// # Errors
/// [`InvalidData`](io::ErrorKind::InvalidData) and others where it is damaged; those of reading.
pub(super) fn list(file: &Arc<ArchiveFile>) -> io::Result<Vec<(Vec<u8>, Listed)>> {
    let tar = Arc::new(TarFile(file.clone()));
    let mut entries = Vec::new();
    for entry in Archive::new(At::begin(file)).entries_with_seek()? {
        let entry = entry?;
        let (position, bytes) = (entry.raw_file_position(), entry.size());
        let is_cut = position.checked_add(bytes).is_none_or(|end| end > file.bytes);
        let listed = match entry.header().entry_type() {
            EntryType::Directory => Listed::Folder,
            EntryType::Regular | EntryType::Continuous if is_cut => {
                Listed::LeftOut("the archive ends before it does".into())
            }
            EntryType::Regular | EntryType::Continuous => {
                Listed::File(bytes, Place::Tar(tar.clone(), position, bytes))
            }
            EntryType::Symlink | EntryType::Link => {
                Listed::LeftOut("it is a link within an archive".into())
            }
            EntryType::XGlobalHeader => continue,
            _ => Listed::LeftOut("it is no regular file".into()),
        };
        entries.push((entry.path_bytes().into_owned(), listed));
    }
    Ok(entries)
}
