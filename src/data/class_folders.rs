//! A folder of pictures: its classes, which picture is for what, and the pictures' headers.
//!
//! | below the folder | then |
//! |---|---|
//! | `CLASS/.../picture` | a hash of its path says what a picture is for, about one in ten for the test and for validation each: adding a picture moves no other |
//! | `train/CLASS/.../picture`, and `validation/` or `val/`, or `test/`, or both | used as they are; what has no folder is taken from `train/` by the same hash |
//!
//! The hash is the SHA-256 of the path below the folder, its parts joined by `/`: its first eight
//! bytes, as a big-endian number, are modulo 10 a 0 for the test and a 1 for validation.
//!
//! Links are followed, but not in circles.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::files::hex;
use super::picture::{self, Header};
use crate::{Exit, Failure, Split};

/// What is below a folder.
#[derive(Debug)]
pub struct ClassFolders {
    /// The names of the classes' folders, in order.
    pub classes: Vec<String>,
    /// The pictures, in the order of their paths.
    pub pictures: Vec<Picture>,
    /// What is not used.
    pub left_out: Vec<LeftOut>,
}

/// A file that has the header of a picture.
#[derive(Debug)]
pub struct Picture {
    /// The file.
    pub file: PictureFile,
    /// The number of its class.
    pub label: u32,
    /// Its size and kind.
    pub header: Header,
}

/// A file in a class's folder.
#[derive(Debug)]
pub struct PictureFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the folder, its parts joined by `/`.
    pub name: Vec<u8>,
    /// Its length.
    pub bytes: u64,
    /// What it is for.
    pub split: Split,
    /// The name of its class's folder.
    class: OsString,
}

/// A file or folder that is not used.
#[derive(Debug)]
pub struct LeftOut {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not, in a few words.
    pub why: String,
}

/// Looks through `folder`; reads the headers of the pictures, not their pixels.
///
/// # Errors
/// [`Exit::Usage`] where it has both `validation/` and `val/`.
pub fn find(folder: &Path) -> Result<ClassFolders, Failure> {
    let layout = Layout::of(folder)?;
    let (mut files, mut folders, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for entry in WalkDir::new(folder).min_depth(1).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {
                if let Some(class) = layout.class_folder(&parts(folder, &entry)) {
                    folders.push((class, entry.into_path()));
                }
            }
            Ok(entry) => match layout.place(&parts(folder, &entry), &entry) {
                Ok(file) => files.push(file),
                Err(why) => left_out.push(LeftOut { path: entry.into_path(), why }),
            },
            Err(error) => left_out.push(unreadable(folder, &error)),
        }
    }
    let (pictures, classes) = with_headers(files, &mut left_out);
    let is_empty = |(class, _): &(OsString, PathBuf)| !classes.contains(class);
    left_out.extend(
        folders
            .into_iter()
            .filter(is_empty)
            .map(|(_, path)| LeftOut { path, why: "a folder without pictures is no class".into() }),
    );
    let classes = classes.iter().map(|class| class.to_string_lossy().into_owned()).collect();
    Ok(ClassFolders { classes, pictures, left_out })
}

/// The pictures among `files` and the folders of their classes; what is no picture is added to
/// `left_out`.
fn with_headers(
    files: Vec<PictureFile>,
    left_out: &mut Vec<LeftOut>,
) -> (Vec<Picture>, Vec<OsString>) {
    let headers: Vec<_> = files.par_iter().map(|file| picture::header(&file.path)).collect();
    let (mut found, mut classes) = (Vec::new(), BTreeSet::new());
    for (file, header) in files.into_iter().zip(headers) {
        match header {
            Ok(header) => {
                classes.insert(file.class.clone());
                found.push((file, header));
            }
            Err(why) => left_out.push(LeftOut { path: file.path, why }),
        }
    }
    let classes: Vec<_> = classes.into_iter().collect();
    let labelled = found.into_iter().map(|(file, header)| {
        let place = classes.binary_search(&file.class);
        let label = place.expect("the class of every picture is in the list") as u32;
        Picture { file, label, header }
    });
    (labelled.collect(), classes)
}

/// Which of a folder's folders are splits, if any are.
struct Layout(Vec<(&'static str, Split)>);

impl Layout {
    fn of(folder: &Path) -> Result<Self, Failure> {
        let names = [
            ("train", Split::Train),
            ("validation", Split::Validation),
            ("val", Split::Validation),
            ("test", Split::Test),
        ];
        let is_there = |(name, _): &(&str, Split)| folder.join(name).is_dir();
        let there: Vec<_> = names.into_iter().filter(is_there).collect();
        let has = |split| there.iter().filter(|(_, other)| *other == split).count();
        if has(Split::Train) == 0 || there.len() == 1 {
            return Ok(Self(Vec::new()));
        }
        if has(Split::Validation) == 2 {
            let what = format!("{} has both validation/ and val/", folder.display());
            return Err(Failure::new(Exit::Usage, what).remedy("keep one of them"));
        }
        Ok(Self(there))
    }

    /// How many folders down the pictures of a class are.
    fn depth(&self) -> usize {
        if self.0.is_empty() { 1 } else { 2 }
    }

    /// The class whose folder has these parts in its path, if it is one's.
    fn class_folder(&self, parts: &[&OsStr]) -> Option<OsString> {
        let is_split = self.0.is_empty() || self.0.iter().any(|(name, _)| parts[0] == *name);
        (parts.len() == self.depth() && is_split).then(|| parts[self.depth() - 1].to_owned())
    }

    /// The file `entry`, whose path has these parts; or why it is not used.
    fn place(&self, parts: &[&OsStr], entry: &DirEntry) -> Result<PictureFile, String> {
        if !entry.file_type().is_file() {
            return Err("it is no regular file".into());
        }
        let bytes = entry.metadata().map_err(|error| error.to_string())?.len();
        let name = parts.join(OsStr::new("/")).into_encoded_bytes();
        let split = self.split(parts[0], &name);
        let split = split.ok_or("it is neither in train/ nor in validation/, val/ or test/")?;
        let class = match parts.len() > self.depth() {
            true => parts[self.depth() - 1].to_owned(),
            false => return Err("it is in no folder of a class".into()),
        };
        Ok(PictureFile { path: entry.path().to_owned(), name, bytes, split, class })
    }

    /// What the file `name` in the folder's folder `first` is for; `None` where that is no split.
    fn split(&self, first: &OsStr, name: &[u8]) -> Option<Split> {
        if self.0.is_empty() {
            return Some(by_hash(name));
        }
        let (_, split) = *self.0.iter().find(|(folder, _)| first == *folder)?;
        let hashed = by_hash(name);
        let is_lacking = self.0.iter().all(|(_, other)| *other != hashed);
        Some(if split == Split::Train && is_lacking { hashed } else { split })
    }
}

fn by_hash(name: &[u8]) -> Split {
    let hash = Sha256::digest(name);
    let number = hash[..8].iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    match number % 10 {
        0 => Split::Test,
        1 => Split::Validation,
        _ => Split::Train,
    }
}

/// The parts of the path of `entry` below `folder`.
fn parts<'a>(folder: &Path, entry: &'a DirEntry) -> Vec<&'a OsStr> {
    entry.path().strip_prefix(folder).unwrap_or(entry.path()).iter().collect()
}

fn unreadable(folder: &Path, error: &walkdir::Error) -> LeftOut {
    let why = match error.io_error() {
        Some(error) => error.to_string(),
        None => "a link that leads in a circle".into(),
    };
    LeftOut { path: error.path().unwrap_or(folder).to_owned(), why }
}

/// What tells one folder's pictures from another's, 16 hexadecimal digits: of the SHA-256 of their
/// paths, lengths and sizes. That a picture's pixels changed and nothing else does not show.
pub fn fingerprint(pictures: &[Picture]) -> String {
    let mut hash = Sha256::new();
    for Picture { file, header, .. } in pictures {
        let [height, width] = header.size.map(|side| side as u64);
        for number in [file.name.len() as u64, file.bytes, height, width] {
            hash.update(number.to_le_bytes());
        }
        hash.update(&file.name);
    }
    hex(&hash.finalize()[..8])
}
