//! What is below a folder, or in an archive as if it were one.
//!
//! An archive that has one folder at its top, with folders in it, is taken for that folder, as people pack them:
//! `pets.zip` with `pets/cats/1.png` has the class `cats`. A path that leads out of the archive (`../1.png`, `/1.png`)
//! is not used.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use super::archive_file::ArchiveFile;
use super::place::Place;
use super::{tar_tree, zip_tree};
use crate::data::files::{instead, unreadable};
use crate::data::folder_layout::{is_split, subfolders_on_disk};
use crate::data::ignored_files::is_service;
use crate::data::image_format::io_reason;
use crate::data::left_out::LeftOut;
use crate::data::store::unpacked;
use crate::error::{Exit, Failure};

/// What is below a folder.
pub struct Tree {
    /// What people know: the folder, or the archive with its one folder.
    root: PathBuf,
    /// `None` of a folder on the disk.
    listed: Option<Listing>,
}

/// What is in an archive.
#[derive(Default)]
struct Listing {
    /// By the path below the root; folders before what is in them.
    entries: BTreeMap<PathBuf, Listed>,
    /// What has no path in it: its name there, and why it is not used.
    outside: Vec<(String, String)>,
    modified: Option<SystemTime>,
}

/// An entry of an archive.
#[derive(Clone)]
pub(super) enum Listed {
    /// A folder.
    Folder,
    /// A file of so many bytes.
    File(u64, Place),
    /// What is not used, and why.
    LeftOut(String),
}

/// Something below a root.
pub struct Entry {
    /// Its path, for people.
    pub path: PathBuf,
    /// Its path below the root.
    pub relative: PathBuf,
    /// What it is.
    pub kind: EntryKind,
}

/// What an [`Entry`] is.
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// Where its bytes are.
        place: Place,
        /// How many these are.
        bytes: u64,
        /// When it, or its archive, was written.
        modified: Option<SystemTime>,
    },
    /// What is not used, and why.
    Other(String),
}

impl Tree {
    /// The folder at `path`.
    pub fn folder(path: &Path) -> Self {
        Self { root: path.to_owned(), listed: None }
    }

    /// The archive at `path`: a zip, a tar, or a tar packed by gzip; `None` where it is none, by its first bytes.
    ///
    /// # Errors
    /// [`Exit::Failed`] where it is damaged or cannot be read; [`Exit::Unavailable`] where it is packed in another
    /// way.
    pub fn archive(path: &Path) -> Result<Option<Self>, Failure> {
        let failed = |error| unreadable(path, error);
        let (file, entries) = match Packing::of(path).map_err(failed)? {
            Packing::None => return Ok(None),
            Packing::Other(name) => return Err(packed_otherwise(path, name)),
            Packing::Zip => {
                let file = ArchiveFile::open(path).map_err(failed)?;
                let entries = zip_tree::list(&file).map_err(failed)?;
                (file, entries)
            }
            Packing::Tar => {
                let file = ArchiveFile::open(path).map_err(failed)?;
                let entries = tar_tree::list(&file).map_err(failed)?;
                (file, entries)
            }
            Packing::TarGz => {
                let file = unpacked(path, ArchiveFile::open)?;
                let entries = tar_tree::list(&file).map_err(failed)?;
                (file, entries)
            }
        };
        // Of one that was unpacked that of the packed one.
        let modified = path.metadata().ok().and_then(|metadata| metadata.modified().ok());
        let mut listing = Listing { modified: modified.or(file.modified), ..Listing::default() };
        entries.into_iter().for_each(|(path, listed)| listing.add(&path, listed));
        let root = match listing.only_folder() {
            Some(top) => {
                listing.strip(&top);
                path.join(top)
            }
            None => path.to_owned(),
        };
        Ok(Some(Self { root, listed: Some(listing) }))
    }

    /// The folder, or the archive with its one folder, for people.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folders in the folder at `path`, which is below the root or the root, that are not hidden, in the order of
    /// their names.
    pub(in crate::data) fn subfolders(&self, path: &Path) -> Vec<PathBuf> {
        let Some(listing) = &self.listed else { return subfolders_on_disk(path) };
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        listing.subfolders(below).map(|path| self.root.join(path)).collect()
    }

    /// All that is below the root, a folder before what is in it, in the order of names; what is in those folders of
    /// which `is_wanted` says no is passed over.
    pub(in crate::data) fn walk(
        &self,
        mut is_wanted: impl FnMut(Entry) -> bool,
        mut left_out: impl FnMut(LeftOut),
    ) {
        match &self.listed {
            None => walk_disk(&self.root, is_wanted, left_out),
            Some(listing) => {
                for (name, why) in &listing.outside {
                    let path = format!("{}/{name}", self.root.display()).into();
                    left_out(LeftOut { path, why: why.clone() });
                }
                let mut skipped: Option<&Path> = None;
                for (relative, listed) in &listing.entries {
                    if skipped.is_some_and(|skipped| relative.starts_with(skipped)) {
                        continue;
                    }
                    let path = self.root.join(relative);
                    let kind = match listed {
                        Listed::Folder => EntryKind::Folder,
                        Listed::File(bytes, place) => EntryKind::File {
                            place: place.clone(),
                            bytes: *bytes,
                            modified: listing.modified,
                        },
                        Listed::LeftOut(why) => EntryKind::Other(why.clone()),
                    };
                    let is_folder = matches!(kind, EntryKind::Folder);
                    if !is_wanted(Entry { path, relative: relative.clone(), kind }) && is_folder {
                        skipped = Some(relative);
                    }
                }
            }
        }
    }
}

/// All that is below the folder `root` of the disk, as [`Tree::walk`].
fn walk_disk(
    root: &Path,
    mut is_wanted: impl FnMut(Entry) -> bool,
    mut left_out: impl FnMut(LeftOut),
) {
    let entries = WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name();
    let mut entries = entries.into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                unreadable_entry(root, &error).into_iter().for_each(&mut left_out);
                continue;
            }
        };
        let is_folder = entry.file_type().is_dir();
        let kind = match (is_folder, entry.file_type().is_file(), entry.metadata()) {
            (true, ..) => EntryKind::Folder,
            (_, false, _) => EntryKind::Other("it is no regular file".into()),
            (_, _, Err(error)) => EntryKind::Other(error.to_string()),
            (_, _, Ok(metadata)) => EntryKind::File {
                place: Place::File(entry.path().to_owned()),
                bytes: metadata.len(),
                modified: metadata.modified().ok(),
            },
        };
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
        if !is_wanted(Entry { path: entry.into_path(), relative, kind }) && is_folder {
            entries.skip_current_dir();
        }
    }
}

/// What of `folder` could not be looked at; hidden and service names are none of its pictures.
fn unreadable_entry(folder: &Path, error: &walkdir::Error) -> Option<LeftOut> {
    let path = error.path().unwrap_or(folder).to_owned();
    if path != folder && path.file_name().is_some_and(is_service) {
        return None;
    }
    let why = match error.io_error() {
        Some(error) => io_reason(error),
        None => "a link that leads in a circle".into(),
    };
    Some(LeftOut { path, why })
}

impl Listing {
    /// Adds what stands in the archive under the path `name`, and the folders that it is in.
    fn add(&mut self, name: &[u8], listed: Listed) {
        let path = path_of(name);
        let parts = path.components().filter(|part| *part != Component::CurDir);
        let path: PathBuf = parts.collect();
        if path.as_os_str().is_empty() {
            return;
        }
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            let name = String::from_utf8_lossy(name).into_owned();
            self.outside.push((name, "its path leads out of the archive".into()));
            return;
        }
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            self.entries.entry(folder.to_owned()).or_insert(Listed::Folder);
        }
        let is_folder = matches!(listed, Listed::Folder);
        match self.entries.get(&path) {
            None => drop(self.entries.insert(path, listed)),
            Some(Listed::Folder) if is_folder => {}
            Some(_) => {
                let why = "the archive has it twice".into();
                self.entries.insert(path, Listed::LeftOut(why));
            }
        }
    }

    /// The name of the only folder at the top, if it has folders in it and is no split.
    fn only_folder(&self) -> Option<PathBuf> {
        let is_visible = |path: &&PathBuf| !path.iter().next().is_some_and(is_service);
        let mut top =
            self.entries.keys().filter(is_visible).filter(|path| path.iter().count() == 1);
        let (only, None) = (top.next()?, top.next()) else { return None };
        (!is_split(only) && self.subfolders(only).next().is_some()).then(|| only.clone())
    }

    /// The folders in the one at `parent` that are not hidden, in the order of their names.
    fn subfolders<'a>(&'a self, parent: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let folders = self.entries.iter().filter(move |(path, listed)| {
            matches!(listed, Listed::Folder)
                && path.parent() == Some(parent)
                && !path.file_name().is_some_and(is_service)
        });
        folders.map(|(path, _)| path)
    }

    /// Takes the folder `top` off the paths.
    fn strip(&mut self, top: &Path) {
        let entries = std::mem::take(&mut self.entries);
        let stripped = entries.into_iter().filter_map(|(path, listed)| {
            let below = path.strip_prefix(top).map(Path::to_owned).unwrap_or(path);
            (!below.as_os_str().is_empty()).then_some((below, listed))
        });
        self.entries = stripped.collect();
    }
}

#[cfg(unix)]
fn path_of(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(name).into()
}

#[cfg(not(unix))]
fn path_of(name: &[u8]) -> PathBuf {
    String::from_utf8_lossy(name).into_owned().into()
}

/// How a file is packed, by its first bytes.
enum Packing {
    Zip,
    Tar,
    TarGz,
    /// In a way that is not read.
    Other(&'static str),
    /// Not at all.
    None,
}

impl Packing {
    fn of(path: &Path) -> io::Result<Self> {
        let mut head = Vec::new();
        File::open(path)?.take(512).read_to_end(&mut head)?;
        let is_tar = head.get(257..262) == Some(b"ustar");
        Ok(match &head[..] {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [0x1f, 0x8b, ..] => Self::TarGz,
            _ if is_tar => Self::Tar,
            [b'B', b'Z', b'h', ..] => Self::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Other("xz"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Other("zstd"),
            [b'7', b'z', 0xbc, 0xaf, ..] => Self::Other("7-Zip"),
            [b'R', b'a', b'r', b'!', ..] => Self::Other("RAR"),
            _ => Self::None,
        })
    }
}

fn packed_otherwise(path: &Path, packing: &str) -> Failure {
    let what = format!("ImageFolder cannot use `{}`", path.display());
    let why = instead(path).map_or_else(|| format!("it is packed by {packing}"), str::to_owned);
    Failure::new(Exit::Unavailable, what)
        .why(why)
        .help("zip, tar and tar.gz are read: pack it so, or unpack it and name the folder")
}
