//! The folder of the store, and the names and locks of its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::data::download::{NameLock, lock};
use crate::data::files::cache;
use crate::error::{Exit, Failure};
use crate::util::hex::hex;

/// Another one where files of before are not to be believed any more.
const FORMAT: &str = concat!("1 of dytb ", env!("CARGO_PKG_VERSION"));

/// Where the store is, if the user has a cache folder.
pub(super) fn store_folder() -> Option<PathBuf> {
    cache("decoded")
}

/// A file of the store.
pub(super) struct Place {
    pub folder: PathBuf,
    /// Without its ending.
    pub name: String,
    /// What its content is decoded from, and into what.
    pub key: String,
}

impl Place {
    /// For the `count` images of `shape` of the `split` of a data set called `dataset` with this `fingerprint`.
    ///
    /// # Errors
    /// [`Exit::Unavailable`] where the user has no cache folder.
    pub fn of(
        [dataset, split]: [&str; 2],
        fingerprint: &str,
        count: usize,
        shape: [usize; 3],
    ) -> Result<Self, Failure> {
        let folder = store_folder().ok_or_else(|| {
            let what = format!("{dataset}: no folder to keep decoded images in");
            Failure::new(Exit::Unavailable, what)
                .why("they do not fit into memory, and this user has no cache folder: neither XDG_CACHE_HOME nor HOME is set")
                .help("set XDG_CACHE_HOME to a folder with room, or allow more memory with --memory")
        })?;
        let text = format!("{FORMAT}\n{dataset}\n{split}\n{count}\n{shape:?}\n{fingerprint}");
        let key = hex(&Sha256::digest(text));
        let name = format!("{dataset}_{split}_{}", &key[..16]);
        Ok(Self { folder, name, key })
    }

    /// Where it is when it is whole.
    pub fn whole(&self) -> PathBuf {
        self.folder.join(format!("{}.images", self.name))
    }

    /// Where it is until then.
    pub fn part(&self) -> PathBuf {
        self.folder.join(format!("{}.images.part", self.name))
    }

    /// Where it is if it is an unpacked archive.
    pub fn tar(&self) -> PathBuf {
        self.folder.join(format!("{}.tar", self.name))
    }

    /// Waits until no other process decodes or removes it; none does until what is returned is dropped.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn lock(&self) -> io::Result<NameLock> {
        fs::create_dir_all(&self.folder)?;
        lock(&self.folder, &self.name)
    }
}

/// Bytes that are free where `path` is, if the system tells.
#[cfg(unix)]
pub(super) fn free_space(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Bytes that are free where `path` is, if the system tells.
#[cfg(not(unix))]
pub(super) fn free_space(_: &Path) -> Option<u64> {
    None
}
