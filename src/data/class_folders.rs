//! A folder of pictures: its classes, which picture is for what, and the pictures' headers.
//!
//! | below the folder | then |
//! |---|---|
//! | `CLASS/.../picture` | a hash of its path says what a picture is for, about one in ten for the test and for validation each: adding a picture moves no other |
//! | `train/CLASS/.../picture`, and `validation/` or `test/`, or both | used as they are; what has no folder is taken from `train/` by the same hash. [`super::folder_layout`] has the other names of these folders |
//! | pictures, and no folder of a class has one | they are one class, named like the folder |
//!
//! The hash is the SHA-256 of the path below the folder, its parts joined by `/`: its first eight
//! bytes, as a big-endian number, are modulo 10 a 0 for the test and a 1 for validation.
//!
//! Hidden files and folders, those of systems and of other programs, and what our own programs wrote
//! are passed over (`litter.rs`). Links are followed, but not in circles.

use crate::util::hex::hex;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use image::DynamicImage;
use sha2::{Digest, Sha256};

use super::folder_layout::FolderLayout;
pub use super::folder_walk::PictureFile;
use super::folder_walk::{CHANGED, Walk};
use super::ignored_files;
use super::image_file::{self, Header};
pub use super::left_out::LeftOut;
use super::names::two_alike;
use super::pictures::{Tree, list};
use crate::error::{Exit, Failure};
use crate::util::parallel::map_items;

/// What is below a folder.
#[derive(Debug)]
pub struct ClassFolders {
    /// The names of the classes' folders, in order.
    pub classes: Vec<String>,
    /// The pictures, in the order of their paths.
    pub pictures: Vec<LabelledFile>,
    /// What is not used.
    pub left_out: Vec<LeftOut>,
    /// What was passed over, in a line each.
    pub notes: Vec<String>,
    /// The splits that have a folder, as `train/, val/`; empty where a hash decides.
    pub splits: String,
}

/// A file that has the header of a picture.
#[derive(Debug)]
pub struct LabelledFile {
    /// The file.
    pub file: PictureFile,
    /// The number of its class.
    pub label: u32,
    /// Its size and kind.
    pub header: Header,
}

/// Looks through `folder`; reads the headers of the pictures, not their pixels.
///
/// # Errors
/// [`Exit::Usage`] where it has two folders for one split or two for one class, or splits in the folder
/// of a class; [`Exit::Unavailable`] where there are splits, and none for training.
pub fn find(folder: &Path) -> Result<ClassFolders, Failure> {
    find_in(&Tree::folder(folder))
}

/// The same in `tree`, which may be in an archive.
///
/// # Errors
/// As those of [`find`].
pub fn find_in(tree: &Tree) -> Result<ClassFolders, Failure> {
    let folder = tree.root();
    let is_class = |path: &PathBuf| !ignored_files::holds_outputs(path);
    let (folders, outputs): (Vec<_>, Vec<_>) =
        tree.subfolders(folder).into_iter().partition(is_class);
    let layout = FolderLayout::of(tree, &folders)?;
    let mut walk = Walk::new(outputs);
    walk.through(tree, &layout);
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

/// The pictures among `files` and the folders of their classes; what is no picture is added to
/// `left_out`, and so are pictures in no class's folder, unless all are: then `folder` is the class.
fn with_headers(
    files: Vec<PictureFile>,
    folder: &Path,
    left_out: &mut Vec<LeftOut>,
) -> (Vec<LabelledFile>, Vec<OsString>) {
    let headers = map_items(&files, |_, file| image_file::header_at(&file.place));
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
        LabelledFile { file, label, header }
    });
    (labelled.collect(), classes)
}

/// The name of `folder` itself, also where it is given as `.`.
fn own_name(folder: &Path) -> OsString {
    let whole = folder.canonicalize().unwrap_or(folder.to_owned());
    let whole = archive_stem(&whole);
    whole.file_name().unwrap_or("pictures".as_ref()).to_owned()
}

fn alike([one, other]: [&Path; 2]) -> Failure {
    let what = format!("`{}` and `{}` are one class to a reader", one.display(), other.display());
    Failure::new(Exit::Usage, what)
        .why("their names differ in case, in spaces or in how an accent is encoded, and in nothing else")
        .help("give both the same name, letter by letter, or names that can be told apart")
}

/// `path` without what archives and lists end in: `.zip`, `.tar.gz`, `.csv`.
pub fn archive_stem(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [".zip", ".tar.gz", ".tgz", ".tar", ".csv"];
    let stem = endings.iter().find_map(|ending| {
        let (stem, end) = name.split_at_checked(name.len().checked_sub(ending.len())?)?;
        (end.eq_ignore_ascii_case(ending) && !stem.is_empty()).then(|| stem.to_owned())
    });
    stem.filter(|_| !path.is_dir()).map_or(path.to_owned(), |stem| path.with_file_name(stem))
}

/// The pictures of the [`list`] at `path`; reads their headers, not their pixels.
///
/// # Errors
/// Where a line makes no sense or a file is missing, and where two classes read alike.
pub fn find_listed(path: &Path) -> Result<ClassFolders, Failure> {
    let found = list::read(path)?;
    if let Some((one, other)) = two_alike(&found.classes) {
        return Err(alike([one, other].map(|at| Path::new(&found.classes[at]))));
    }
    let headers = map_items(&found.rows, |_, row| image_file::header_at(&row.file.place));
    let (mut pictures, mut left_out) = (Vec::new(), Vec::new());
    for (row, header) in found.rows.into_iter().zip(headers) {
        let label = found.classes.iter().position(|class| *class == row.class).unwrap_or(0) as u32;
        match header {
            Ok(header) => pictures.push(LabelledFile { file: row.file, label, header }),
            Err(why) => left_out.push(LeftOut { path: row.file.path, why }),
        }
    }
    let splits = if found.has_splits { "those of the list" } else { "" }.to_owned();
    Ok(ClassFolders { classes: found.classes, pictures, left_out, notes: Vec::new(), splits })
}

impl LabelledFile {
    /// The picture, if it is still the one that was found.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words.
    pub fn decode(&self) -> Result<DynamicImage, String> {
        self.file.refuse_changed()?;
        let decoded = image_file::open_at(&self.file.place)?;
        if [decoded.height(), decoded.width()].map(|side| side as usize) != self.header.size {
            return Err(CHANGED.into());
        }
        // It may have been written meanwhile.
        self.file.refuse_changed()?;
        Ok(decoded)
    }
}

/// What tells the files of `pictures` below `folder` from others: of their paths, lengths and times of modification, 64 hexadecimal
/// digits.
pub fn fingerprint_of_files<'a>(
    folder: &Path,
    pictures: impl Iterator<Item = &'a LabelledFile>,
) -> String {
    let whole = folder.canonicalize().unwrap_or(folder.to_owned());
    let mut hash = Sha256::new().chain_update(whole.as_os_str().as_encoded_bytes());
    for LabelledFile { file, label, .. } in pictures {
        let time = file.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hash.update((file.name.len() as u64).to_le_bytes());
        hash.update(&file.name);
        hash.update(file.bytes.to_le_bytes());
        hash.update(time.map_or(0, |time| time.as_nanos()).to_le_bytes());
        hash.update(label.to_le_bytes());
    }
    hex(&hash.finalize())
}

/// What tells one folder's pictures from another's, 16 hexadecimal digits: of the SHA-256 of their
/// paths, lengths and sizes. That a picture's pixels changed and nothing else does not show.
pub fn fingerprint(pictures: &[LabelledFile]) -> String {
    let mut hash = Sha256::new();
    for LabelledFile { file, header, .. } in pictures {
        let [height, width] = header.size.map(|side| side as u64);
        for number in [file.name.len() as u64, file.bytes, height, width] {
            hash.update(number.to_le_bytes());
        }
        hash.update(&file.name);
    }
    hex(&hash.finalize()[..8])
}
