//! The error or the accuracy of a trained model on a part of a data set.

use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::tensor::Device;

use crate::confusion::{ClassScore, Confusion};
use crate::feed::Feed;
use crate::run::{Checkpoint, State, latest};
use crate::subset::{self, Subset};
use crate::{Dataset, Exit, Failure, Init, Kind, Learner, Score, Source, Split, step, zoo};

/// Examples evaluated at a time, as Dynamic Training Bench did.
pub(crate) const BATCH: usize = 200;

/// What to evaluate, and on what.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// A file of `models/`.
    pub model: String,
    /// A file of `inputs/`.
    pub dataset: String,
    /// A run's folder (its best checkpoint, else its last), a folder of checkpoints (the newest), or
    /// a checkpoint.
    pub checkpoint: PathBuf,
    /// The part of the data set.
    pub split: Split,
    /// Its classes, by name or number; if there are none, those that the model was trained on.
    pub classes: Option<Vec<String>>,
    /// Where its files are.
    pub source: Source,
    /// What computes it.
    pub device: Device,
}

impl Evaluation {
    /// The labels of the classes of `dataset`, the whole, if not all are meant.
    fn classes_of(&self, state: &State, dataset: &dyn Dataset) -> Result<Option<Vec<u32>>> {
        let trained_on =
            || state.config.classes.clone().filter(|_| self.dataset == state.config.dataset);
        Ok(subset::labels_of(self.classes.as_deref(), dataset)?.or_else(trained_on))
    }
}

/// How a model does on some examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// In all.
    pub score: Score,
    /// Which classes it takes for which, if classes are what it tells.
    pub confusion: Option<Confusion>,
    /// The names of the classes, by label.
    pub class_names: Vec<String>,
}

impl Assessment {
    /// The score of each class; none of an autoencoder's.
    pub fn class_scores(&self) -> Vec<ClassScore> {
        let confusion = self.confusion.as_ref();
        confusion.map_or(Vec::new(), |confusion| confusion.class_scores(&self.class_names))
    }
}

/// How a trained model does.
///
/// # Errors
/// When there is no such checkpoint, it is damaged or another model's, or the data cannot be had.
pub fn evaluate(evaluation: &Evaluation) -> Result<Assessment> {
    let (path, checkpoint) = find(&evaluation.checkpoint)?;
    let found = &checkpoint.state.config.model;
    if *found != evaluation.model {
        return Err(Failure::new(
            Exit::Failed,
            format!("`{}` is no {}", path.display(), evaluation.model),
        )
        .why(format!("it is a checkpoint of {found}"))
        .remedy(format!("--model {found}, or another --checkpoint_dir"))
        .into());
    }
    let state = &checkpoint.state;
    let dataset = dataset_for(&checkpoint, &path, &evaluation.dataset, &evaluation.source)?;
    let classes = evaluation.classes_of(state, &*dataset)?;
    let dataset = Subset::of(dataset, classes.as_deref())?;
    let kind = zoo::kind(&evaluation.model)?;
    if kind == Kind::Classifier && dataset.num_classes() != state.classes {
        return Err(Failure::new(
            Exit::Failed,
            format!("`{}` cannot tell the classes of {}", path.display(), evaluation.dataset),
        )
        .why(format!(
            "it was trained on the {} classes of {}; {} has {}",
            state.classes,
            state.config.dataset,
            evaluation.dataset,
            dataset.num_classes()
        ))
        .into());
    }
    let size = (dataset.shape(), dataset.num_classes());
    let model = restore(&checkpoint, &path, size, &evaluation.device)?;
    let feed = Feed::new(dataset.load(evaluation.split)?, &evaluation.device);
    Ok(assess(&model, &feed, dataset.class_names()))
}

/// The data set `name`, whole, in the size of the images that `checkpoint` was trained on, and grey or in
/// colours as these were, if it resizes. The checkpoint was read from `path`.
///
/// # Errors
/// When it cannot be had, or its images have another shape.
pub(crate) fn dataset_for(
    checkpoint: &Checkpoint,
    path: &Path,
    name: &str,
    source: &Source,
) -> Result<Box<dyn Dataset>> {
    let state = &checkpoint.state;
    let dataset = zoo::dataset_of_shape(name, source, state.shape)?;
    if dataset.shape() == state.shape {
        return Ok(dataset);
    }
    Err(Failure::new(Exit::Failed, format!("`{}` cannot take {name}", path.display()))
        .why(format!(
            "it was trained on {} (images of {:?}); those of {name} are {:?}",
            state.config.dataset,
            state.shape,
            dataset.shape()
        ))
        .into())
}

/// How `model` does on the examples of `feed`, both on a device without autodiff.
pub(crate) fn assess(model: &Learner, feed: &Feed, class_names: Vec<String>) -> Assessment {
    let step::Evaluated { loss, predictions } = step::evaluate(model, feed, BATCH);
    let labels = feed.examples().labels();
    let score = model.score(loss, &predictions, labels);
    let confusion = (model.kind() == Kind::Classifier)
        .then(|| Confusion::new(class_names.len(), labels, &predictions));
    Assessment { score, confusion, class_names }
}

/// The model of `checkpoint`, which was read from `path`, for images of `shape` `[channels, height,
/// width]` in so many `classes`, on `device`. It is as large as these want it, whatever the checkpoint
/// says.
///
/// # Errors
/// When its parameters are not the model's.
pub(crate) fn restore(
    checkpoint: &Checkpoint,
    path: &Path,
    (shape, classes): ([usize; 3], usize),
    device: &Device,
) -> Result<Learner> {
    let state = &checkpoint.state;
    let mut init = Init::new(state.config.seed, device);
    let mut model = zoo::model(&state.config.model, shape, classes, &mut init)?;
    model.network_mut().load_bytes(checkpoint.model.clone()).map_err(|error| {
        Failure::new(Exit::Failed, format!("`{}` is no {}", path.display(), state.config.model))
            .why(format!("{error:#}"))
            .remedy("its file in models/ has changed since; --restart trains it anew")
    })?;
    Ok(model)
}

/// The checkpoint that `path` means: of a run's folder the best, of a folder of checkpoints the
/// newest.
///
/// # Errors
/// When there is none, or it is damaged.
pub(crate) fn find(path: &Path) -> Result<(PathBuf, Checkpoint)> {
    if path.is_file() {
        return Ok((path.to_owned(), Checkpoint::load(path)?));
    }
    for folder in [path.join("best"), path.join("checkpoints"), path.to_owned()] {
        if let Some(found) = latest(&folder)? {
            return Ok(found);
        }
    }
    Err(Failure::new(Exit::Failed, format!("there is no checkpoint in `{}`", path.display()))
        .why("neither in the folder itself nor in its best/ or checkpoints/")
        .remedy("name a run's folder, as log/SingleLayerCAE/MNIST_Adam_lr=1e-05")
        .into())
}
