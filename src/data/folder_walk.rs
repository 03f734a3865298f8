//! A walk through a folder of pictures: what each file in it is for, and what is passed over.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

use super::folder_layout::FolderLayout;
use super::ignored_files;
use super::image_format::io_reason;
use super::left_out::LeftOut;
use crate::data::Split;

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
    pub(super) class: Option<OsString>,
}

/// What a walk through a folder comes by.
#[derive(Default)]
pub struct Walk {
    /// What may be pictures.
    pub files: Vec<PictureFile>,
    /// The folders of classes.
    pub folders: Vec<(OsString, PathBuf)>,
    /// What is not used.
    pub left_out: Vec<LeftOut>,
    /// Hidden and the like: how many of each name.
    skipped: BTreeMap<String, usize>,
    /// What our own programs wrote.
    outputs: Vec<PathBuf>,
}

impl Walk {
    /// None yet; `outputs` are known to be what our own programs wrote.
    pub fn new(outputs: Vec<PathBuf>) -> Self {
        Self { outputs, ..Self::default() }
    }

    /// Looks at all that is below `folder`, which is laid out so.
    pub fn through(&mut self, folder: &Path, layout: &FolderLayout) {
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
    fn take(&mut self, folder: &Path, layout: &FolderLayout, entry: DirEntry) -> bool {
        if ignored_files::is_service(entry.file_name()) {
            *self.skipped.entry(ignored_files::told_as(entry.file_name())).or_default() += 1;
            return false;
        }
        let parts = parts(folder, &entry);
        if parts.len() == 1 && ignored_files::is_results(entry.file_name()) {
            self.outputs.push(entry.into_path());
            return false;
        }
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
        if ignored_files::is_output(entry.path()) {
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

    /// What was passed over, in a line each.
    pub fn notes(&self) -> Vec<String> {
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
            let shown = self.outputs.iter().take(NAMES).map(|path| path.display().to_string());
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
fn place(layout: &FolderLayout, parts: &[&OsStr], entry: &DirEntry) -> Result<PictureFile, String> {
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
    if path != folder && path.file_name().is_some_and(ignored_files::is_service) {
        return None;
    }
    let why = match error.io_error() {
        Some(error) => io_reason(error),
        None => "a link that leads in a circle".into(),
    };
    Some(LeftOut { path, why })
}
