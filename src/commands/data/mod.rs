//! `dytb data`: what is in a data set, how its images look to a training, and what is kept of those that do not fit
//! into memory.
//!
//! ```text
//! dytb data                                    the decoded files       decoded_files
//! dytb data --dataset Digits                   counts, pixels, copies  survey, report
//! dytb data --dataset Digits --preview a.png   a picture of images     preview
//! ```

mod decoded_files;
mod preview;
mod report;
mod survey;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;

use super::images::ChangeArgs;
use super::{SourceArgs, output, values};
use crate::data::resplit::{Resplit, SPLIT_SEED};
use crate::data::{Augmentation, Dataset, Source, Subset, ValidationSplit, subset};
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::registry;
use preview::Preview;
use survey::Survey;

/// Tell what is in a data set, or which decoded images are kept in the cache folder.
///
/// With --dataset: the images of each class and split, their sizes, mean and deviation of their pixels, what is left
/// out, and images that are there twice; with --preview a picture of what a training sees. Without: the files in the
/// user's cache folder into which data sets that do not fit into memory are decoded; one that was removed is made
/// again when it is needed.
#[derive(Args, Clone, Debug)]
pub struct Data {
    /// Data set to look at: a file of inputs/
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    /// Size that pictures are scaled to, for data sets of pictures of any size
    #[arg(long = "image_size", alias = "image-size", value_parser = values::image_size, value_name = "N|HxW")]
    image_size: Option<[usize; 2]>,
    /// Only these classes, by name or number, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Take this share of the images that are not for the test for validation, as a training with this flag does
    #[arg(long = "validation_split", alias = "validation-split", value_parser = values::share, allow_negative_numbers = true, value_name = "SHARE")]
    validation_split: Option<f64>,
    /// Random seed of --validation_split [default: 1]
    #[arg(long = "split_seed", alias = "split-seed", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N", requires = "validation_split")]
    split_seed: Option<u64>,
    /// Write a picture of training images, each beside what a training makes of it in its first epochs, to FILE.png
    #[arg(long, value_name = "FILE")]
    preview: Option<PathBuf>,
    #[command(flatten)]
    changes: ChangeArgs,
    /// Random seed of --preview, as that of a run [default: 1]
    #[arg(long, value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    seed: Option<u64>,
    /// Remove the decoded files that no running process uses
    #[arg(long)]
    prune: bool,
    /// With --prune: only those that were not used for so many days [default: 0]
    #[arg(long = "older_than", alias = "older-than", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "DAYS")]
    older_than: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Data {
    /// Tells what is in the data set, draws it, or lists or removes the decoded files.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the flags contradict each other; when the data set cannot be had, or a file cannot be
    /// read, written or removed.
    pub fn run(&self) -> Result<()> {
        self.refuse_contradictions()?;
        let Some(name) = &self.dataset else {
            let older_than = self.prune.then_some(self.older_than.unwrap_or(0));
            return decoded_files::run(older_than, self.json);
        };
        match &self.preview {
            Some(path) => self.draw(name, path),
            None => {
                let survey = Survey::of(name, &*self.open(name)?)?;
                output::print(&match self.json {
                    true => report::as_json(&survey),
                    false => report::as_text(&survey),
                })
            }
        }
    }

    /// Fails where a flag has no meaning beside the others.
    fn refuse_contradictions(&self) -> Result<(), Failure> {
        let refuse = |flag: &str, other: &str, why: &str, help: &str| {
            Err(Failure::new(Exit::Usage, format!("`--{flag}` {other}")).why(why).help(help))
        };
        if let Some(flag) = self.only_of_files().filter(|_| self.dataset.is_some()) {
            let why = "it removes decoded files, of whatever data set they are";
            return refuse(flag, "with `--dataset`", why, "give one of the two");
        }
        if self.older_than.is_some() && !self.prune {
            let why = "without it nothing is removed, and all files are listed";
            let help = "dytb data --prune --older_than 30";
            return refuse("older_than", "without `--prune`", why, help);
        }
        if let Some(flag) = self.only_of_datasets().filter(|_| self.dataset.is_none()) {
            let why = "without it the decoded files in the cache folder are listed";
            return refuse(flag, "without `--dataset`", why, "dytb data --dataset Digits");
        }
        let seed = self.seed.map(|_| "seed");
        if let Some(flag) = self.changes.first_given().or(seed).filter(|_| self.preview.is_none()) {
            let why = "the images are counted as they are, before a training changes them";
            return refuse(
                flag,
                "without `--preview`",
                why,
                "add --preview FILE.png, or leave it out",
            );
        }
        Ok(())
    }

    /// The first flag that was given and is of decoded files alone.
    fn only_of_files(&self) -> Option<&'static str> {
        match self {
            Self { prune: true, .. } => Some("prune"),
            Self { older_than: Some(_), .. } => Some("older_than"),
            _ => None,
        }
    }

    /// The first flag that was given and is of data sets alone.
    fn only_of_datasets(&self) -> Option<&'static str> {
        let SourceArgs { data_dir, offline, memory } = &self.source;
        let flags = [
            ("preview", self.preview.is_some()),
            ("data_dir", data_dir.is_some()),
            ("offline", *offline),
            ("memory", memory.is_some()),
            ("image_size", self.image_size.is_some()),
            ("classes", self.classes.is_some()),
            ("validation_split", self.validation_split.is_some()),
            ("seed", self.seed.is_some()),
        ];
        let given = flags.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag));
        given.or(self.changes.first_given())
    }

    /// The data set `name`, as a training with these flags has it.
    fn open(&self, name: &str) -> Result<Box<dyn Dataset>> {
        let source = Source { image_size: self.image_size, ..self.source.source() };
        let split_seed = self.split_seed.unwrap_or(SPLIT_SEED);
        let split = |share| ValidationSplit::Share { share, split_seed };
        let whole = registry::dataset(name, &source)?;
        let whole = Resplit::of(whole, self.validation_split.map(split));
        let classes = subset::labels_of(self.classes.as_deref(), &*whole)?;
        Subset::of(whole, classes.as_deref())
    }

    /// Draws images of the data set `name` into the file at `path`.
    fn draw(&self, name: &str, path: &Path) -> Result<()> {
        preview::refuse_path(path)?;
        let dataset = self.open(name)?;
        let ChangeArgs { augment, mixup, cutmix, normalize, .. } = self.changes.clone();
        if let Some(augment) = &augment {
            augment.refuse_larger(dataset.shape())?;
        }
        let preview = Preview {
            augmentation: Augmentation::of_run(augment.as_ref(), &*dataset),
            mixup: mixup.unwrap_or(0.0),
            cutmix: cutmix.unwrap_or(0.0),
            normalize: normalize.unwrap_or_default(),
            seed: self.seed.unwrap_or(1),
        };
        let drawn = preview.write(&*dataset, path)?;
        output::print(&if self.json { drawn.as_json(path) } else { drawn.as_text(path) })
    }
}
