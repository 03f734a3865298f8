//! A file from the first of its mirrors that has it: `mirror -> name.part -> sha256 -> name`.
//!
//! ```no_run
//! use std::path::Path;
//! use dytb::data::download::{RemoteFile, fetch};
//!
//! let labels = RemoteFile {
//!     name: "t10k-labels-idx1-ubyte.gz",
//!     urls: &["https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz"],
//!     bytes: 4542,
//!     sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
//! };
//! let path = fetch(&labels, Path::new("data"))?;
//! # Ok::<(), dytb::data::download::Error>(())
//! ```
//!
//! What arrives goes to `name.part`; a connection that is cut, even by the end of the program, is
//! resumed where it stopped. Only what has the right checksum gets its name, in one step. A lock on
//! `name.lock` makes a second process wait and then use what the first one fetched. Proxies are
//! taken from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, except for this machine's own
//! addresses.

mod lock;
mod progress;
mod transfer;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub use lock::{NameLock, lock};
use sha2::{Digest, Sha256};

use crate::util::hex::hex;
use transfer::Stop;

/// A file, where to get it and how to know it.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    /// Its name in the data set's folder.
    pub name: &'a str,
    /// `http` and `https` addresses, tried in this order.
    pub urls: &'a [&'a str],
    /// Its size; nothing longer is written to the disk.
    pub bytes: u64,
    /// Its SHA-256, in lower-case hexadecimal digits.
    pub sha256: &'a str,
}

/// Why a file could not be fetched.
#[derive(Debug)]
pub enum Error {
    /// No mirror had it: each address with its reason.
    Mirrors(Vec<(String, String)>),
    /// The disk failed, at this path.
    Disk(PathBuf, io::Error),
}

impl fmt::Display for Error {
    /// One line, or one a mirror.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Disk(path, error) => write!(f, "{}: {error}", path.display()),
            Error::Mirrors(mirrors) => {
                let lines: Vec<_> =
                    mirrors.iter().map(|(url, why)| format!("{url}: {why}")).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for Error {}

/// Downloads `file` into `folder`, which is made where it is missing, and gives its path; does
/// nothing where it is there already.
///
/// Tells on stderr what is downloaded: a bar on a terminal, else one line an address.
///
/// # Errors
/// [`Error::Mirrors`] where no address gave the file, or all gave another one than promised;
/// [`Error::Disk`] where it cannot be written.
pub fn fetch(file: &RemoteFile<'_>, folder: &Path) -> Result<PathBuf, Error> {
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |error| Error::Disk(path, error)
    };
    let (path, part_path) = (folder.join(file.name), folder.join(format!("{}.part", file.name)));
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let _lock = lock(folder, file.name).map_err(disk(folder))?;
    if path.exists() {
        return Ok(path);
    }
    let mut part = open(&part_path).map_err(disk(&part_path))?;
    let agent = transfer::agent();
    let mut reasons = Vec::new();
    for &url in file.urls {
        match from_mirror(&agent, url, file, &mut part) {
            Ok(()) => {
                finish(&part, &part_path, &path).map_err(disk(&part_path))?;
                return Ok(path);
            }
            Err(Stop::Disk(error)) => return Err(Error::Disk(part_path, error)),
            Err(Stop::Mirror(why)) => reasons.push((url.to_owned(), why)),
        }
    }
    // An empty part is of no use to a later run.
    if part.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        fs::remove_file(&part_path).map_err(disk(&part_path))?;
    }
    Err(Error::Mirrors(reasons))
}

/// The part as earlier tries left it.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Completes `part` from `url` and checks it. A part that has bytes of another address or of an
/// earlier run and turns out wrong is fetched once more, from its start.
fn from_mirror(
    agent: &ureq::Agent,
    url: &str,
    file: &RemoteFile<'_>,
    part: &mut File,
) -> Result<(), Stop> {
    loop {
        let resumed = part.metadata()?.len() > 0;
        transfer::complete(agent, url, file, part)?;
        let found = sha256(part)?;
        if found == file.sha256 {
            return Ok(());
        }
        part.set_len(0)?;
        if !resumed {
            return Err(Stop::Mirror(format!("has another file, of sha256 {found}")));
        }
    }
}

/// SHA-256 of a file, from its start, in lower-case hexadecimal digits.
fn sha256(mut file: &File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// SHA-256 of the file at `path`, in lower-case hexadecimal digits.
///
/// # Errors
/// Those of opening and reading it.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    sha256(&File::open(path)?)
}

/// Gives the checked part its name, so that a power cut leaves the whole file or none.
fn finish(part: &File, from: &Path, to: &Path) -> io::Result<()> {
    part.sync_all()?;
    fs::rename(from, to)?;
    // The name is safe once the folder is written too; only Unix can open a folder for that.
    #[cfg(unix)]
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
