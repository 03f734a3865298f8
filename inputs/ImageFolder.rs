//! Pictures of your own: a folder for each class in the folder of `--data_dir`, or such folders in
//! its `train/`, `validation/` and `test/`; [`dytb::data::folder_layout`] has other names that these may
//! have. An autoencoder needs no classes: where no folder of a class has a picture, those that lie in
//! the folder itself (or in its `train/`, ...) are one class.
//!
//! ```text
//! cats/1.png               train/cats/1.png               1.png
//! cats/more/2.jpg    or    validation/cats/2.jpg    or    2.jpg
//! dogs/3.webp              test/dogs/3.webp               3.webp
//! ```
//!
//! - Instead of the folder, a zip, a tar or a tar.gz of it ([`pictures`](dytb::data::pictures)), or a CSV of paths and
//!   labels ([`list`](dytb::data::pictures::list)).
//! - Where there is no `validation/` or `test/`, a hash of a picture's path decides: about one
//!   picture in ten each. See [`class_folders`].
//! - Labels are the places of the classes' folders in the order of their names. Each class has a
//!   picture for training, and a name that nobody takes for another one's.
//! - PNG, JPEG, WebP, PNM, BMP and GIF; `[1, height, width]` where all of them are grey, else
//!   `[3, height, width]`; for a model that was trained on the other, what that one takes. See
//!   [`picture`].
//! - `--image_size` gives height and width: pictures are scaled to cover them and cut at the centre.
//!   Without it all must have one size.
//! - What cannot be read is left out, and reported; hidden files, those of other programs and what our
//!   own programs wrote are passed over.
//!
//! The pixels of the test pictures are read for the test alone; their headers tell the size of all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use anyhow::Result;
use rayon::prelude::*;

use dytb::data::class_folders;
use dytb::data::class_folders::{ClassFolders, LabelledFile, LeftOut};
use dytb::data::pictures::Tree;
use dytb::data::{image_file, left_out};
use dytb::util::stderr::message;
use dytb::{Dataset, DecodeImage, Examples, Exit, Failure, Identity, Input, Source, Split};

const NAME: &str = "ImageFolder";

/// Names in a list of classes or sizes; the others are counted.
const SHOWN: usize = 5;

/// `--dataset ImageFolder`
pub struct ImageFolder {
    folder: PathBuf,
    shape: [usize; 3],
    found: Arc<ClassFolders>,
    told: Once,
}

impl Dataset for ImageFolder {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn num_classes(&self) -> usize {
        self.found.classes.len()
    }

    fn class_names(&self) -> Vec<String> {
        self.found.classes.clone()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        self.told.call_once(|| self.tell());
        let indices: Vec<_> = (0..self.found.pictures.len())
            .filter(|&index| self.found.pictures[index].file.split == split)
            .collect();
        let name =
            |picture: &LabelledFile| String::from_utf8_lossy(&picture.file.name).into_owned();
        let names = self.of(split).map(name).collect();
        let size = |picture: &LabelledFile| picture.header.size.map(|side| side as u32);
        let sizes = self.of(split).map(size).collect();
        let labels = self.of(split).map(|picture| picture.label).collect();
        let fingerprint = class_folders::fingerprint_of_files(&self.folder, self.of(split));
        let pictures = Pictures { found: self.found.clone(), indices, shape: self.shape };
        let examples = Examples::on_demand(self.shape, labels, fingerprint, pictures)?;
        Ok(examples.with_names(names).with_original_sizes(sizes))
    }

    /// One that can be read is enough: those that cannot are left out.
    fn verify_test(&self) -> Result<()> {
        let test: Vec<_> = self.of(Split::Test).collect();
        let is_read = |picture: &&LabelledFile| picture.decode().is_ok();
        match test.into_par_iter().find_any(is_read) {
            Some(_) => Ok(()),
            None => {
                Err(unusable(&self.folder, "none of its pictures for the test can be read").into())
            }
        }
    }

    fn resizes(&self) -> bool {
        true
    }

    fn left_out(&self) -> Vec<LeftOut> {
        self.found.left_out.clone()
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity {
            name: folder_name(&self.folder),
            fingerprint: class_folders::fingerprint(&self.found.pictures),
        })
    }
}

/// The pictures of a split.
struct Pictures {
    found: Arc<ClassFolders>,
    /// Which of those that were found.
    indices: Vec<usize>,
    shape: [usize; 3],
}

impl DecodeImage for Pictures {
    fn decode(&self, index: usize) -> Result<Vec<u8>, String> {
        let picture = &self.found.pictures[self.indices[index]];
        let decoded = picture.decode()?;
        Ok(image_file::bytes(decoded, self.shape))
    }
}

impl ImageFolder {
    /// Looks through the folder of `source`.
    fn open(source: &Source) -> Result<Self, Failure> {
        let Some(folder) = &source.data_dir else {
            return Err(Failure::new(Exit::Usage, "ImageFolder without `--data_dir`")
                .why("its pictures are your own")
                .help(LAYOUT));
        };
        let found = find(folder)?;
        if found.pictures.is_empty() {
            tell_passed_over(&found, folder);
            return Err(unusable(folder, "there is no picture in it that can be read"));
        }
        let [height, width] = match source.image_size {
            Some(size) => size,
            None => only_size(folder, &found.pictures)?,
        };
        let grey = found.pictures.iter().all(|picture| picture.header.grey);
        let asked = source.channels.filter(|channels| [1, 3].contains(channels));
        let channels = asked.unwrap_or(if grey { 1 } else { 3 });
        let shape = [channels, height, width];
        let this = Self { folder: folder.clone(), shape, found: found.into(), told: Once::new() };
        for split in [Split::Train, Split::Validation, Split::Test] {
            if this.of(split).next().is_none() {
                tell_passed_over(&this.found, folder);
                return Err(this.lacks(split));
            }
        }
        this.needs_all_classes(
            &this.of(Split::Train).map(|picture| picture.label).collect::<Vec<_>>(),
        )?;
        Ok(this)
    }

    /// No picture is for `split`.
    fn lacks(&self, split: Split) -> Failure {
        let (of, splits) = (self.found.pictures.len(), &self.found.splits);
        let why = format!("none of its {of} pictures is for {}", split.purpose());
        let (by, help) = match splits.is_empty() {
            true => (
                "a hash of its path says what a picture is for, one in ten for validation and for the \
                 test each".to_owned(),
                "add pictures",
            ),
            false => (format!("its folders are {splits}"), "put pictures for it in a folder of its own"),
        };
        failure(&self.folder).why(format!("{why}: {by}")).help(format!(
            "{help}, or say yourself what each is for: DIR/train, DIR/validation and DIR/test, with \
             DIR/CLASS/NAME.png in each of them"
        ))
    }

    /// Refuses a class that is in none of the `labels` of the training pictures: nothing could be
    /// learnt of it.
    fn needs_all_classes(&self, labels: &[u32]) -> Result<(), Failure> {
        let labels: BTreeSet<_> = labels.iter().collect();
        let lacking = |label: &usize| !labels.contains(&(*label as u32));
        let lacking: Vec<_> = (0..self.num_classes()).filter(lacking).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let named = |&label: &usize| format!("`{}`", self.found.classes[label]);
        let names: Vec<_> = lacking.iter().take(SHOWN).map(named).collect();
        let more = if lacking.len() > SHOWN { ", ..." } else { "" };
        let (classes, have) =
            if lacking.len() == 1 { ("class", "has") } else { ("classes", "have") };
        let how = match self.found.splits.is_empty() {
            true => {
                "a hash of its path says what a picture is for, one in ten for validation and for \
                     the test each: add pictures to it, or use DIR/train, DIR/validation and DIR/test"
            }
            false => "put pictures of it in a folder of that name in the folder for training",
        };
        tell_passed_over(&self.found, &self.folder);
        Err(failure(&self.folder)
            .why(format!(
                "the {classes} {}{more} {have} no picture for training that can be read",
                names.join(", ")
            ))
            .help(format!("{how}; or move its folder out of `{}`", self.folder.display())))
    }

    /// The pictures of `split`.
    fn of(&self, split: Split) -> impl Iterator<Item = &LabelledFile> {
        self.found.pictures.iter().filter(move |picture| picture.file.split == split)
    }

    /// Says what was found.
    fn tell(&self) {
        let count = |split| self.of(split).count();
        let [train, validation, test] = [Split::Train, Split::Validation, Split::Test].map(count);
        let names: Vec<_> = self.found.classes.iter().take(SHOWN).map(String::as_str).collect();
        let more = if self.found.classes.len() > SHOWN { ", ..." } else { "" };
        let classes = match self.found.classes.len() {
            1 => "1 class".to_owned(),
            count => format!("{count} classes"),
        };
        message(&format!(
            "ImageFolder: {train} pictures for training, {validation} for validation, {test} for the \
             test, as {:?}; {classes}: {}{more}",
            self.shape,
            names.join(", "),
        ));
        tell_passed_over(&self.found, &self.folder);
    }
}

/// The pictures in the folder, the archive or the list at `path`.
fn find(path: &Path) -> Result<ClassFolders, Failure> {
    if path.is_dir() {
        return class_folders::find(path);
    }
    if !path.is_file() {
        return Err(unusable(path, "there is no such folder"));
    }
    if let Some(tree) = Tree::archive(path)? {
        return class_folders::find_in(&tree);
    }
    match path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) {
        true => class_folders::find_listed(path),
        false => Err(unusable(path, "it is neither a folder nor a zip, a tar, a tar.gz or a .csv")),
    }
}

/// What to do about a folder that cannot be used.
const LAYOUT: &str = "give a folder with `--data_dir` that has a folder for each class, with pictures \
    in it: DIR/CLASS/NAME.png; or such folders in DIR/train, DIR/validation and DIR/test; or, for an \
    autoencoder, with the pictures in it: DIR/NAME.png; or a zip, a tar or a tar.gz of such a folder; or a .csv of \
    lines `path,label`";

fn unusable(folder: &Path, why: impl Into<String>) -> Failure {
    failure(folder).why(why).help(LAYOUT)
}

fn failure(folder: &Path) -> Failure {
    let what = format!("ImageFolder cannot use `{}`", folder.display());
    Failure::new(Exit::Unavailable, what)
}

/// Tells of what is in `folder` and not used.
fn tell_passed_over(found: &ClassFolders, folder: &Path) {
    found.notes.iter().for_each(|note| message(note));
    left_out::tell_of(&found.left_out, NAME, folder, "headers");
}

/// The `[height, width]` of all pictures.
fn only_size(folder: &Path, pictures: &[LabelledFile]) -> Result<[usize; 2], Failure> {
    let mut counts = BTreeMap::new();
    for picture in pictures {
        *counts.entry(picture.header.size).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    if let [(size, _)] = counts[..] {
        return Ok(size);
    }
    // The most frequent first.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shown = counts.iter().take(SHOWN);
    let mut sizes: Vec<_> =
        shown.map(|([height, width], count)| format!("{count} of {height}x{width}")).collect();
    if counts.len() > SHOWN {
        sizes.push(format!("{} other sizes", counts.len() - SHOWN));
    }
    let [height, width] = counts[0].0;
    Err(Failure::new(
        Exit::Usage,
        format!("the pictures in `{}` have different sizes", folder.display()),
    )
    .why(format!("height x width: {}", sizes.join(", ")))
    .help(format!("scale them to one: --image_size {height}x{width}, or --image_size 64")))
}

/// The folder's own name, without what may not stand in the name of a run.
fn folder_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or(folder.to_owned());
    let whole = class_folders::archive_stem(&whole);
    let name = whole.file_name().unwrap_or("root".as_ref()).to_string_lossy();
    let allowed = |c: char| !c.is_control() && !"/\\:*?\"<>|".contains(c);
    name.chars().take(50).map(|c| if allowed(c) { c } else { '-' }).collect()
}

/// `--dataset ImageFolder`
pub const INPUT: Input = |source| Ok(Box::new(ImageFolder::open(source)?));
