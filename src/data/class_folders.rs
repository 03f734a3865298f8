//! A folder of pictures: its classes, which picture is for what, and the pictures' headers.
//!
//! | below the folder | then |
//! |---|---|
//! | `CLASS/.../picture` | a hash of its path says what a picture is for, about one in ten for the test and for validation each: adding a picture moves no other |
//! | `train/CLASS/.../picture`, and `validation/` or `test/`, or both | used as they are; what has no folder is taken from `train/` by the same hash. [`super::layout`] has the other names of these folders |
//! | pictures, and no folder of a class has one | they are one class, named like the folder |
//!
//! The hash is the SHA-256 of the path below the folder, its parts joined by `/`: its first eight
//! bytes, as a big-endian number, are modulo 10 a 0 for the test and a 1 for validation.
//!
//! Hidden files and folders, those of systems and of other programs, and what our own programs wrote
//! are passed over (`litter.rs`). Links are followed, but not in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::files::hex;
use super::layout::{Layout, subfolders};
pub use super::left_out::LeftOut;
use super::litter;
use super::names::two_alike;
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
    /// What was passed over, in a line each.
    pub notes: Vec<String>,
    /// The splits that have a folder, as `train/, val/`; empty where a hash decides.
    pub splits: String,
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
    /// The name of its class's folder, if it is in one.
    class: Option<OsString>,
}

/// Looks through `folder`; reads the headers of the pictures, not their pixels.
///
/// # Errors
/// [`Exit::Usage`] where it has two folders for one split or two for one class, or splits in the folder
/// of a class; [`Exit::DataUnavailable`] where there are splits, and none for training.
pub fn find(folder: &Path) -> Result<ClassFolders, Failure> {
    let is_class = |path: &PathBuf| !litter::holds_outputs(path);
    let (folders, outputs): (Vec<_>, Vec<_>) = subfolders(folder).into_iter().partition(is_class);
    let layout = Layout::of(folder, &folders)?;
    let mut walk = Walk { outputs, ..Walk::default() };
    walk.through(folder, &layout);
    let notes = layout.note.clone().into_iter().chain(walk.notes()).collect();
    let Walk { files, folders, mut left_out, .. } = walk;
    let (pictures, classes) = with_headers(files, folder, &mut left_out);
    let (used, empty): (Vec<_>, Vec<_>) =
        folders.into_iter().partition(|(class, _)| classes.contains(class));
    let why = "a folder without pictures is no class";
    left_out.extend(empty.into_iter().map(|(_, path)| LeftOut { path, why: why.into() }));
    let names: Vec<_> = classes.iter().map(|class| class.to_string_lossy().into_owned()).collect();
    if let Some((one, other)) = two_alike(&names) {
        let folder_of = |at: usize| used.iter().find(|(class, _)| *class == classes[at]);
        return Err(alike([one, other].map(|at| folder_of(at).map_or(folder, |(_, path)| path))));
    }
    Ok(ClassFolders { classes: names, pictures, left_out, notes, splits: layout.names() })
}

/// What a walk through a folder comes by.
#[derive(Default)]
struct Walk {
    files: Vec<PictureFile>,
    /// The folders of classes.
    folders: Vec<(OsString, PathBuf)>,
    left_out: Vec<LeftOut>,
    /// Hidden and the like: how many of each name.
    skipped: BTreeMap<String, usize>,
    /// Folders that our own programs wrote.
    outputs: Vec<PathBuf>,
}

impl Walk {
    fn through(&mut self, folder: &Path, layout: &Layout) {
        let entries = WalkDir::new(folder).min_depth(1).follow_links(true).sort_by_file_name();
        let mut entries = entries.into_iter();
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) => {
                    let is_folder = entry.file_type().is_dir();
                    if !self.take(folder, layout, entry) && is_folder {
                        entries.skip_current_dir();
                    }
                }
                Err(error) => self.left_out.extend(unreadable(folder, &error)),
            }
        }
    }

    /// Notes `entry`; whether what is in it is of interest, if it is a folder.
    fn take(&mut self, folder: &Path, layout: &Layout, entry: DirEntry) -> bool {
        if litter::is_service(entry.file_name()) {
            *self.skipped.entry(litter::told_as(entry.file_name())).or_default() += 1;
            return false;
        }
        let parts = parts(folder, &entry);
        if !entry.file_type().is_dir() {
            match place(layout, &parts, &entry) {
                Ok(file) => self.files.push(file),
                Err(why) => self.left_out.push(LeftOut { path: entry.into_path(), why }),
            }
            return false;
        }
        if self.outputs.iter().any(|output| output == entry.path()) {
            return false;
        }
        if litter::is_output(entry.path()) {
            self.outputs.push(entry.into_path());
            return false;
        }
        if parts.len() == 1 && layout.depth() > 1 && layout.split(parts[0]).is_none() {
            let why = format!("it is beside {} and for none of them", layout.names());
            self.left_out.push(LeftOut { path: entry.into_path(), why });
            return false;
        }
        if parts.len() == layout.depth() {
            self.folders.push((parts[parts.len() - 1].to_owned(), entry.into_path()));
        }
        true
    }

    /// What was passed over.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let count: usize = self.skipped.values().sum();
        if count > 0 {
            let mut names: Vec<_> = self.skipped.iter().collect();
            names.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let shown = names.iter().take(NAMES).map(|(name, count)| format!("{name} ({count})"));
            let more = if names.len() > NAMES { ", ..." } else { "" };
            let shown = shown.collect::<Vec<_>>().join(", ");
            notes.push(format!("note: {count} hidden or service files and folders: {shown}{more}"));
        }
        if !self.outputs.is_empty() {
            let shown = self.outputs.iter().take(NAMES).map(|path| format!("{}/", path.display()));
            let more = if self.outputs.len() > NAMES { ", ..." } else { "" };
            let shown = shown.collect::<Vec<_>>().join(", ");
            notes.push(format!("note: not used, because dytb wrote it: {shown}{more}"));
        }
        notes
    }
}

/// Names in a note; the others are not told.
const NAMES: usize = 5;

/// The file `entry` of `layout`, whose path has these parts; or why it is not used.
fn place(layout: &Layout, parts: &[&OsStr], entry: &DirEntry) -> Result<PictureFile, String> {
    if !entry.file_type().is_file() {
        return Err("it is no regular file".into());
    }
    let bytes = entry.metadata().map_err(|error| error.to_string())?.len();
    let name = parts.join(OsStr::new("/")).into_encoded_bytes();
    let hashed = by_hash(&name);
    let split = match layout.split(parts[0]) {
        _ if layout.splits.is_empty() => hashed,
        Some(Split::Train) if !layout.has(hashed) => hashed,
        Some(split) => split,
        None => return Err(format!("it is in none of {}", layout.names())),
    };
    let class = (parts.len() > layout.depth()).then(|| parts[layout.depth() - 1].to_owned());
    Ok(PictureFile { path: entry.path().to_owned(), name, bytes, split, class })
}

/// The pictures among `files` and the folders of their classes; what is no picture is added to
/// `left_out`, and so are pictures in no class's folder, unless all are: then `folder` is the class.
fn with_headers(
    files: Vec<PictureFile>,
    folder: &Path,
    left_out: &mut Vec<LeftOut>,
) -> (Vec<Picture>, Vec<OsString>) {
    let headers: Vec<_> = files.par_iter().map(|file| picture::header(&file.path)).collect();
    let is_picture =
        |(file, header): &(&PictureFile, &Result<_, _>)| header.is_ok() && file.class.is_some();
    let only_class = match files.iter().zip(&headers).any(|both| is_picture(&both)) {
        true => None,
        false => Some(own_name(folder)),
    };
    let mut found = Vec::new();
    for (file, header) in files.into_iter().zip(headers) {
        match (header, file.class.clone().or(only_class.clone())) {
            (Ok(header), Some(class)) => found.push((file, class, header)),
            (_, None) => {
                let why = "it is in no folder of a class".into();
                left_out.push(LeftOut { path: file.path, why });
            }
            (Err(why), Some(_)) => left_out.push(LeftOut { path: file.path, why }),
        }
    }
    let classes: BTreeSet<_> = found.iter().map(|(_, class, _)| class.clone()).collect();
    let classes: Vec<_> = classes.into_iter().collect();
    let labelled = found.into_iter().map(|(file, class, header)| {
        let place = classes.binary_search(&class);
        let label = place.expect("the class of every picture is in the list") as u32;
        Picture { file, label, header }
    });
    (labelled.collect(), classes)
}

/// The name of `folder` itself, also where it is given as `.`.
fn own_name(folder: &Path) -> OsString {
    let whole = folder.canonicalize().unwrap_or(folder.to_owned());
    whole.file_name().unwrap_or("pictures".as_ref()).to_owned()
}

fn alike([one, other]: [&Path; 2]) -> Failure {
    let what = format!("`{}` and `{}` are one class to a reader", one.display(), other.display());
    Failure::new(Exit::Usage, what)
        .why("their names differ in case, in spaces or in how an accent is encoded, and in nothing else")
        .remedy("give both the same name, letter by letter, or names that can be told apart")
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

/// What of `folder` could not be looked at; hidden and service names are none of its pictures.
fn unreadable(folder: &Path, error: &walkdir::Error) -> Option<LeftOut> {
    let path = error.path().unwrap_or(folder).to_owned();
    if path != folder && path.file_name().is_some_and(litter::is_service) {
        return None;
    }
    let why = match error.io_error() {
        Some(error) => picture::io_reason(error),
        None => "a link that leads in a circle".into(),
    };
    Some(LeftOut { path, why })
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
