//! A walk through a tree of pictures: what each file in it is for, and what is passed over.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::folder_layout::FolderLayout;
use super::ignored_files;
use super::image_format::io_reason;
use super::left_out::LeftOut;
use super::pictures::{Entry, EntryKind, Place, Tree};
use crate::data::Split;

/// A file in a class's folder.
#[derive(Debug)]
pub struct PictureFile {
    /// Where it is, for people.
    pub path: PathBuf,
    /// Where its bytes are.
    pub place: Place,
    /// Its path below the folder, its parts joined by `/`.
    pub name: Vec<u8>,
    /// Its length.
    pub bytes: u64,
    /// When it, or the archive that it is in, was written, if the file system tells.
    pub modified: Option<SystemTime>,
    /// What it is for.
    pub split: Split,
    /// The name of its class's folder, if it is in one.
    pub(super) class: Option<OsString>,
}

/// Of a file that has changed since it was found.
pub(super) const CHANGED: &str = "it is another picture than a moment ago";

impl PictureFile {
    /// Fails where the file has changed since it was found.
    pub(super) fn refuse_changed(&self) -> Result<(), String> {
        match self.place.has_changed(self.bytes, self.modified) {
            Ok(false) => Ok(()),
            Ok(true) => Err(CHANGED.into()),
            Err(error) => Err(io_reason(&error)),
        }
    }
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

    /// Looks at all that is in `tree`, which is laid out so.
    pub fn through(&mut self, tree: &Tree, layout: &FolderLayout) {
        let mut left_out = Vec::new();
        tree.walk(|entry| self.take(layout, entry), |one| left_out.push(one));
        self.left_out.extend(left_out);
    }

    /// Notes `entry`; whether what is in it is of interest, if it is a folder.
    fn take(&mut self, layout: &FolderLayout, Entry { path, relative, kind }: Entry) -> bool {
        let parts: Vec<&OsStr> = relative.iter().collect();
        let Some((&name, _)) = parts.split_last() else { return true };
        if ignored_files::is_service(name) {
            *self.skipped.entry(ignored_files::told_as(name)).or_default() += 1;
            return false;
        }
        if parts.len() == 1 && ignored_files::is_results(name) {
            self.outputs.push(path);
            return false;
        }
        match kind {
            EntryKind::Folder => {}
            EntryKind::Other(why) => {
                self.left_out.push(LeftOut { path, why });
                return false;
            }
            EntryKind::File { place, bytes, modified } => {
                match split_and_class(layout, &parts) {
                    Ok((name, split, class)) => {
                        let file = PictureFile { path, place, name, bytes, modified, split, class };
                        self.files.push(file);
                    }
                    Err(why) => self.left_out.push(LeftOut { path, why }),
                }
                return false;
            }
        }
        if self.outputs.contains(&path) {
            return false;
        }
        if ignored_files::is_output(&path) {
            self.outputs.push(path);
            return false;
        }
        if parts.len() == 1 && layout.depth() > 1 && layout.split(parts[0]).is_none() {
            let why = format!("it is beside {} and for none of them", layout.names());
            self.left_out.push(LeftOut { path, why });
            return false;
        }
        if parts.len() == layout.depth() {
            self.folders.push((name.to_owned(), path));
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

/// The name of the file of `layout` whose path has these parts, what it is for, and its class; or why it is not used.
fn split_and_class(
    layout: &FolderLayout,
    parts: &[&OsStr],
) -> Result<(Vec<u8>, Split, Option<OsString>), String> {
    let name = parts.join(OsStr::new("/")).into_encoded_bytes();
    let hashed = split_by_hash(&name);
    let split = match layout.split(parts[0]) {
        _ if layout.splits.is_empty() => hashed,
        Some(Split::Train) if !layout.has(hashed) => hashed,
        Some(split) => split,
        None => return Err(format!("it is in none of {}", layout.names())),
    };
    let class = (parts.len() > layout.depth()).then(|| parts[layout.depth() - 1].to_owned());
    Ok((name, split, class))
}

/// What the picture of this `name` is for where nothing else says it.
pub(super) fn split_by_hash(name: &[u8]) -> Split {
    let hash = Sha256::digest(name);
    let number = hash[..8].iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    match number % 10 {
        0 => Split::Test,
        1 => Split::Validation,
        _ => Split::Train,
    }
}
