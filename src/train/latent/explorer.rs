//! A trained model with a code, and images of a data set.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use indicatif::ProgressBar;

use super::{Codes, LatentSpace};
use crate::data::{Batch, DataLoader, Examples, Source, Split};
use crate::error::{Exit, Failure};
use crate::nn::{Kind, Prior};
use crate::registry;
use crate::run::{Checkpoint, find_checkpoint, run_of};
use crate::train::embed::{Album, of_split};
use crate::train::evaluate::restore;
use crate::train::objective::autoencoders_that;
use crate::train::predict::refuse_shape;
use crate::train::{AnyModel, embed};
use crate::util::bar::bar;
use crate::util::tensor::floats;

/// A trained model with a code.
pub struct Explorer {
    model: AnyModel,
    path: PathBuf,
    checkpoint: Checkpoint,
    prior: Prior,
    device: Device,
}

impl Explorer {
    /// The model of the checkpoint that `path` means, on `device`.
    ///
    /// # Errors
    /// When there is no such checkpoint, it is damaged, or its model has no code.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let (path, checkpoint) = find_checkpoint(path)?;
        let state = &checkpoint.state;
        refuse_shape(&checkpoint, &path)?;
        let name = &state.config.model;
        if registry::kind(name)? == Kind::Classifier {
            return Err(no_code(name, "it tells classes apart"));
        }
        let model = restore(&checkpoint, &path, (state.shape, 0), device)?;
        let why = "an autoencoder has one where its file in models/ implements `Latent`";
        let prior = model.prior().ok_or_else(|| no_code(name, why))?;
        Ok(Self { model, path, prior, device: device.clone(), checkpoint })
    }

    /// What the model knows of the distribution of its codes.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// Its name.
    pub fn model(&self) -> &str {
        &self.checkpoint.state.config.model
    }

    /// The folder of its run, where it is in one.
    pub fn run(&self) -> Option<PathBuf> {
        run_of(&self.path)
    }

    /// `[channels, height, width]` of its images.
    pub fn shape(&self) -> [usize; 3] {
        self.checkpoint.state.shape
    }

    /// The images of the `split` of the data set `dataset`, or else of the one that the model was trained on.
    ///
    /// # Errors
    /// When they cannot be had, or have another shape.
    pub fn split(&self, dataset: Option<&str>, split: Split, source: &Source) -> Result<Album> {
        of_split((&self.checkpoint, &self.path), dataset, split, (None, None), source)
    }

    /// The codes of `examples`.
    ///
    /// # Errors
    /// When there is none, one cannot be read, or all codes would take more than 4 GiB.
    pub fn codes(&self, examples: &Examples) -> Result<Codes> {
        let loader = DataLoader::new(examples.clone(), &self.device);
        let all: Vec<_> = (0..examples.len()).collect();
        let progress = bar("{msg} {bar:30} {pos}/{len}", all.len() as u64, "codes");
        codes(&self.model, &loader, &all, &progress)?.context("the model has a code")
    }

    /// The images of `examples` at `indices` `[indices, channels, height, width]`, in -1..=1.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn images(&self, examples: &Examples, indices: &[usize]) -> Result<Vec<f32>> {
        let loader = DataLoader::new(examples.clone(), &self.device);
        let bytes = loader.read(indices)?;
        Ok(floats(loader.images(Batch::plain(indices).with_bytes(&bytes))))
    }

    /// What can be seen of its code, as `codes` show it.
    ///
    /// # Panics
    /// Never: the model has a code.
    pub fn space<'a>(&'a self, codes: &'a Codes) -> LatentSpace<'a> {
        let of = (self.shape(), &self.device);
        LatentSpace::new(&self.model, of, codes).expect("the model has a code")
    }
}

/// The codes that `model` makes of the examples of `loader` at `indices`; `None` where it has none.
///
/// # Errors
/// When there is no example, one cannot be read, or all codes would take more than 4 GiB.
pub(super) fn codes(
    model: &AnyModel,
    loader: &DataLoader,
    indices: &[usize],
    progress: &ProgressBar,
) -> Result<Option<Codes>> {
    let batches: Vec<_> = indices.chunks(model.batch_size()).collect();
    let mut ahead = loader.read_ahead(&batches);
    let (mut values, mut numbers) = (Vec::new(), 0);
    for batch in batches {
        let bytes = ahead.next_batch()?;
        let images = loader.images(Batch::plain(batch).with_bytes(&bytes));
        let Some(codes) = model.encode(images) else { return Ok(None) };
        numbers = codes.dims()[1];
        embed::refuse_too_many(indices.len(), numbers, "look at a smaller split: --split")?;
        values.extend(floats(codes));
        progress.inc(batch.len() as u64);
    }
    progress.finish_and_clear();
    anyhow::ensure!(numbers > 0 && !values.is_empty(), "there is no image");
    Ok(Some(Codes::new(values, numbers)))
}

/// The error of the model `name` without a code, and `why` it has none.
fn no_code(name: &str, why: &str) -> anyhow::Error {
    let names = autoencoders_that(|model, _, _| model.prior().is_some()).join(", ");
    Failure::new(Exit::Usage, format!("{name} has no code that could be looked into"))
        .why(format!("{why}; there are: {names}"))
        .help("name a run of one of these; dytb embed RUN --layer NAME writes what any layer makes of images")
        .into()
}
