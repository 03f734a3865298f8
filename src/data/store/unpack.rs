//! A `.tar.gz` as a `.tar` in the store: gzip has no positions that could be read.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::decode::unwritable;
use super::folder::{Place, store_folder};
use crate::data::files::{damaged, unreadable};
use crate::error::{Exit, Failure};
use crate::util::atomic_file::sync_folder;
use crate::util::hex::hex;
use crate::util::stderr::message;

/// What an archive may unpack to: so many times its size, ...
const MOST_TIMES: u64 = 200;
/// ... and so many bytes in any case. Deflate packs zeros a thousand times, pictures hardly at all.
const ALWAYS: u64 = 1 << 30;

/// What `open` makes of the unpacked `archive`, which is unpacked unless it is there.
///
/// # Errors
/// [`Exit::Failed`] where it is damaged, unpacks to much more than pictures do, or the tar cannot be written;
/// [`Exit::Unavailable`] where there is no folder for it.
pub(crate) fn unpacked<T>(
    archive: &Path,
    open: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T, Failure> {
    let failed = |error| unreadable(archive, error);
    let whole = archive.canonicalize().map_err(failed)?;
    let metadata = whole.metadata().map_err(failed)?;
    let written = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let text = format!("{}\n{}\n{written:?}", whole.display(), metadata.len());
    let key = hex(&Sha256::digest(text));
    let folder = store_folder().ok_or_else(|| {
        Failure::new(
            Exit::Unavailable,
            format!("no folder to unpack `{}` in", archive.display()),
        )
        .why("this user has no cache folder: neither XDG_CACHE_HOME nor HOME is set")
        .help("set XDG_CACHE_HOME to a folder with room, or unpack the archive and name the folder")
    })?;
    let place = Place { folder, name: format!("unpacked_{}", &key[..16]), key };
    let tar = place.tar();
    let _alone = place.lock().map_err(|error| unwritable(&tar, &error))?;
    if tar.is_file() {
        // When it was last used.
        let file = File::options().write(true).open(&tar);
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    } else {
        message(&format!("unpacking {} once, to {}", archive.display(), tar.display()));
        unpack(archive, metadata.len(), &tar)?;
    }
    open(&tar).map_err(|error| unreadable(&tar, error))
}

/// Unpacks `archive` of `bytes` bytes to `tar`, whole or not at all.
fn unpack(archive: &Path, bytes: u64, tar: &Path) -> Result<(), Failure> {
    let part = tar.with_added_extension("part");
    let most = bytes.saturating_mul(MOST_TIMES).max(ALWAYS);
    let done = copy(archive, &part, most);
    if done.is_err() {
        // It is of no use, and may be large.
        let _ = fs::remove_file(&part);
    }
    done?;
    let renamed = fs::rename(&part, tar).and_then(|()| sync_folder(tar));
    renamed.map_err(|error| unwritable(tar, &error))
}

fn copy(archive: &Path, part: &PathBuf, most: u64) -> Result<(), Failure> {
    let packed = File::open(archive).map_err(|error| unreadable(archive, error))?;
    let mut unpacked = MultiGzDecoder::new(BufReader::new(packed));
    let mut file = File::create(part).map_err(|error| unwritable(part, &error))?;
    let (mut buffer, mut written) = (vec![0; 1 << 20], 0);
    loop {
        let count = unpacked.read(&mut buffer).map_err(|error| unreadable(archive, error))?;
        if count == 0 {
            break;
        }
        written += count as u64;
        if written > most {
            let why = format!("it unpacks to more than {most} bytes, {MOST_TIMES} times its size");
            return Err(damaged(archive, why));
        }
        file.write_all(&buffer[..count]).map_err(|error| unwritable(part, &error))?;
    }
    file.sync_all().map_err(|error| unwritable(part, &error))
}

/// Whether the file at `path` is in the store.
pub(crate) fn holds(path: &Path) -> bool {
    store_folder().is_some_and(|folder| path.starts_with(folder))
}
