//! Which folders of a folder of pictures are splits, and which are classes.
//!
//! | for | folders called |
//! |---|---|
//! | training | `train`, `training` |
//! | validation | `validation`, `valid`, `val`, `dev`, `development` |
//! | the test | `test`, `testing`, `eval`, `evaluation` |
//!
//! in any case, and with `set`, `data`, `dataset` or `images` behind it: `Train`, `test_set`,
//! `val-images`. Where one of them is there the folder is split, and what is beside them is no class;
//! but for one case: a `train/` without folders in it, beside other folders, is a class of trains.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::ignored_files::is_service;
use super::pictures::Tree;
use crate::data::Split;
use crate::error::{Exit, Failure};

/// What may follow the name of a split.
const ENDINGS: [&str; 4] = ["dataset", "set", "data", "images"];

/// Names shown in a list.
const SHOWN: usize = 5;

/// What the folders directly in a folder of pictures are.
#[derive(Debug, Default)]
pub struct FolderLayout {
    /// The splits; none if the folders are classes.
    pub splits: Vec<(OsString, Split)>,
    /// What has to be said of it.
    pub note: Option<String>,
}

impl FolderLayout {
    /// The layout of `tree`, in whose root there are `folders`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where two folders are for one split, or splits are within the folder of a class;
    /// [`Exit::Unavailable`] where there are splits, but none for training.
    pub fn of(tree: &Tree, folders: &[PathBuf]) -> Result<Self, Failure> {
        let folder = tree.root();
        let splits = splits_of(folders);
        let has = |split| splits.iter().filter(move |(_, other)| *other == split);
        for split in [Split::Train, Split::Validation, Split::Test] {
            if let [one, other, ..] = &has(split).collect::<Vec<_>>()[..] {
                return Err(twice(folder, split, &one.0, &other.0));
            }
        }
        if splits.is_empty() {
            refuse_splits_below(tree, folders)?;
            return Ok(Self::default());
        }
        if has(Split::Train).next().is_none() {
            return Err(no_training(folder, &splits));
        }
        let train = folder.join(&splits[0].0);
        if splits.len() == 1 && folders.len() > 1 && tree.subfolders(&train).is_empty() {
            let note = format!(
                "note: {}/ has no folders in it and is taken for a class, as the folders beside it are",
                train.display()
            );
            return Ok(Self { splits: Vec::new(), note: Some(note) });
        }
        Ok(Self { splits, note: None })
    }

    /// How many folders down the pictures of a class are.
    pub fn depth(&self) -> usize {
        if self.splits.is_empty() { 1 } else { 2 }
    }

    /// What the folder `name` is for, if it is a split.
    pub fn split(&self, name: &OsStr) -> Option<Split> {
        self.splits.iter().find(|(split, _)| split == name).map(|(_, split)| *split)
    }

    /// Whether there is a folder for `split`.
    pub fn has(&self, split: Split) -> bool {
        self.splits.iter().any(|(_, other)| *other == split)
    }

    /// The names of the splits, for people: `train/, val/`.
    pub fn names(&self) -> String {
        let names = self.splits.iter().map(|(name, _)| format!("{}/", name.to_string_lossy()));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The folders in `folder` on the disk that are not hidden, in the order of their names.
pub(super) fn subfolders_on_disk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let visible = entries.filter(|entry| !is_service(&entry.file_name()));
    let mut folders: Vec<_> = visible.map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

/// Those of `folders` whose names are those of splits, training first and the test last.
fn splits_of(folders: &[PathBuf]) -> Vec<(OsString, Split)> {
    let mut splits: Vec<_> = folders.iter().filter_map(|path| split(path)).collect();
    splits.sort_by_key(|(_, split)| *split as u8);
    splits
}

/// The name of the folder `path` and what it is for, if its name is that of a split.
fn split(path: &Path) -> Option<(OsString, Split)> {
    let name = path.file_name()?;
    Some((name.to_owned(), split_called(name)?))
}

/// Whether the folder at `path` has the name of a split.
pub(super) fn is_split(path: &Path) -> bool {
    split(path).is_some()
}

/// The split that `name` stands for.
pub(super) fn split_called(name: &OsStr) -> Option<Split> {
    let letters = name.to_string_lossy().to_lowercase().replace(['_', '-', ' ', '.'], "");
    let stem = ENDINGS.iter().find_map(|ending| letters.strip_suffix(ending));
    match stem.unwrap_or(&letters) {
        "train" | "training" => Some(Split::Train),
        "validation" | "valid" | "val" | "dev" | "development" => Some(Split::Validation),
        "test" | "testing" | "eval" | "evaluation" => Some(Split::Test),
        _ => None,
    }
}

fn twice(folder: &Path, split: Split, one: &OsStr, other: &OsStr) -> Failure {
    let [one, other] = [one, other].map(|name| name.to_string_lossy().into_owned());
    // The best known name first.
    let (one, other) = if other == split.name() { (other, one) } else { (one, other) };
    let what = format!("{} has both {one}/ and {other}/", folder.display());
    Failure::new(Exit::Usage, what)
        .why(format!("both are names for the {} pictures", split.name()))
        .help("keep one of them there, and move the other one elsewhere or rename it")
}

fn no_training(folder: &Path, splits: &[(OsString, Split)]) -> Failure {
    let layout = FolderLayout { splits: splits.to_vec(), note: None };
    let what = format!("ImageFolder cannot use `{}`", folder.display());
    Failure::new(Exit::Unavailable, what)
        .why(format!("it has {}, and no folder train/ for training", layout.names()))
        .help(
            "put the pictures for training in DIR/train, as DIR/train/CLASS/NAME.png; or, if these \
             folders are classes, rename them",
        )
}

/// Splits one folder further down are an archive within its own folder, or splits of each class: of
/// both all pictures would be mixed.
fn refuse_splits_below(tree: &Tree, folders: &[PathBuf]) -> Result<(), Failure> {
    for class in folders {
        let splits = splits_of(&tree.subfolders(class));
        let has_train = splits.iter().any(|(_, split)| *split == Split::Train);
        if has_train && splits.iter().any(|(_, split)| *split != Split::Train) {
            let splits = FolderLayout { splits, note: None };
            let mut help = format!("name that folder: `--data_dir {}`", class.display());
            if folders.len() > 1 {
                help += &format!(
                    "; or, if {} are classes, put the splits above them, as DIR/train/CLASS/NAME.png",
                    some(folders)
                );
            }
            let what = format!("{} has {} in it", class.display(), splits.names());
            return Err(Failure::new(Exit::Usage, what)
                .why("as a class it would mix pictures for training with the others")
                .help(help));
        }
    }
    Ok(())
}

/// The first names of `folders`.
fn some(folders: &[PathBuf]) -> String {
    let names = folders.iter().filter_map(|path| path.file_name()).take(SHOWN);
    let names: Vec<_> = names.map(OsStr::to_string_lossy).collect();
    names.join(", ") + if folders.len() > SHOWN { ", ..." } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_splits() {
        let split = |name: &str| split(Path::new(name)).map(|(_, split)| split);
        for (expected, names) in [
            (Some(Split::Train), "train Train TRAIN training train_set Training-Set train_images"),
            (Some(Split::Validation), "validation valid Val VALID val_set dev Dev validation_data"),
            (Some(Split::Test), "test Testing test_set testset TestImages eval evaluation"),
            (
                None,
                "trains trainer values devil tester evil set data images latest contest retrain",
            ),
        ] {
            for name in names.split(' ') {
                assert_eq!(split(name), expected, "{name}");
            }
        }
    }
}
