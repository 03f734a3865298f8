//! Files that are there whole or not at all: written to a temporary name, synchronised, renamed.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::error::{Exit, Failure};

/// Writes `bytes` to `path` so that a reader, also one after a crash, finds all of them or what was
/// there before: to a temporary name, to the disk, then renamed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically_with(path, |file| file.write_all(bytes))
}

/// [`write_atomically`] of what `write` writes, which has not to be in memory.
pub(crate) fn write_atomically_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let partial = partial(path);
    write_through(&partial, write)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_folder(path))
        .map_err(|error| {
            // It is not there if it could not be made.
            let _ = fs::remove_file(&partial);
            cannot_write(path, &error)
        })
}

/// Where a file is until it is whole.
pub(crate) fn partial(path: &Path) -> PathBuf {
    path.with_added_extension("partial")
}

fn write_through(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    // Gigabytes in pieces of a megabyte: with those of eight kilobytes the system calls would take longer.
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// Brings a rename in the folder of `path` to the disk. Only Unix opens folders.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        // That of a plain name is empty.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

pub(crate) fn cannot_write(path: &Path, error: &std::io::Error) -> anyhow::Error {
    use ErrorKind::{
        FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let help = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "free some space, or choose another place",
        PermissionDenied | ReadOnlyFilesystem => "make it writable, or choose another place",
        _ => "choose another place, or see what is wrong with this one",
    };
    Failure::new(Exit::Failed, format!("cannot write `{}`", path.display()))
        .why(error.to_string())
        .help(help)
        .into()
}
