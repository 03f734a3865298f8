//! How well an autoencoder tells images of the classes that are normal from those of other classes, by a score of
//! what it makes of them ([`AnomalyScore`]): an odd image is a positive, and the larger its score, the better.
//!
//! ```text
//! threshold = the least score that 95 % of the validation's normal images do not exceed
//! false alarms = share of the split's normal images above it, missed = share of the others not above it
//! ```
//!
//! The numbers over all thresholds are those of [`ranking`](crate::metrics::ranking).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;

use super::AnyModel;
use super::evaluate::{dataset_for, known_classes, refuse_other_model, restore, source_of};
use crate::data::{Batch, DataLoader, Dataset, Examples, Source, Split, subset};
use crate::error::{Exit, Failure};
use crate::metrics::AnomalyScore;
use crate::metrics::ranking::{Ranking, quantile};
use crate::nn::Kind;
use crate::registry;
use crate::run::{AnomalyThreshold, RunFolder, State, find_checkpoint, run_of};
use crate::util::bar::bar;
use crate::util::parallel::map_items;
use crate::util::stderr::message;
use crate::util::tensor::floats;

/// The share of the validation's normal images that the threshold keeps.
pub const KEPT: f64 = 0.95;

/// What to score, by which model.
#[derive(Clone, Debug)]
pub struct AnomalyRequest {
    /// The model that it has to be, a file of `models/`; `None` for any autoencoder.
    pub model: Option<String>,
    /// A file of `inputs/`; `None` for the data set that it was trained on.
    pub dataset: Option<String>,
    /// A run's folder, a folder of checkpoints, or a checkpoint.
    pub checkpoint: PathBuf,
    /// The part of the data set that is told apart.
    pub split: Split,
    /// The classes that are normal, by name or number; `None` for those that the model was trained on.
    pub normal: Option<Vec<String>>,
    /// The other classes; `None` for all that are not normal.
    pub others: Option<Vec<String>>,
    /// What an image is scored by.
    pub score: AnomalyScore,
    /// Where the data set's files are.
    pub source: Source,
    /// What computes it.
    pub device: Device,
}

/// How well normal images are told from others.
#[derive(Clone, Debug)]
pub struct AnomalyReport {
    /// The split.
    pub split: Split,
    /// What images were scored by.
    pub score: AnomalyScore,
    /// Those of the split, in its order.
    pub images: Vec<ScoredImage>,
    /// Over all thresholds.
    pub ranking: Ranking,
    /// The threshold of the validation's normal images.
    pub threshold: AnomalyThreshold,
    /// Whether it was found on the test images: the data set has no others for validation.
    pub validation_is_test: bool,
    /// The run in whose folder the threshold is kept, if it is.
    pub kept_in: Option<PathBuf>,
    /// Each class that is not normal.
    pub others: Vec<OddClass>,
}

/// An image and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredImage {
    /// Its number in the split, from 0 on.
    pub image: usize,
    /// What it is called in the data set, if it has a name there.
    pub name: Option<String>,
    /// Its class.
    pub class: String,
    /// Whether that is a normal one.
    pub is_normal: bool,
    /// The larger, the odder; finite.
    pub score: f64,
}

/// A class that is not normal.
#[derive(Clone, Debug, PartialEq)]
pub struct OddClass {
    /// Its name.
    pub class: String,
    /// Its images in the split.
    pub examples: usize,
    /// Of it against all normal images; `None` where it has no image.
    pub auroc: Option<f64>,
    /// The share of its images that the threshold takes for normal.
    pub missed: Option<f64>,
}

impl AnomalyReport {
    /// The scores of the normal images, or of the others.
    pub fn scores(&self, normal: bool) -> Vec<f64> {
        let of_kind = self.images.iter().filter(|image| image.is_normal == normal);
        of_kind.map(|image| image.score).collect()
    }

    /// The share of the normal images above the threshold.
    pub fn false_alarms(&self) -> f64 {
        1.0 - share_kept(&self.scores(true), self.threshold.threshold)
    }

    /// The share of the others that are not above the threshold.
    pub fn missed(&self) -> f64 {
        share_kept(&self.scores(false), self.threshold.threshold)
    }
}

/// How well a trained autoencoder tells the normal from the odd. The threshold is kept in its run's folder, where the
/// data set is the one that it was trained on.
///
/// # Errors
/// When there is no such checkpoint, it is no autoencoder's or another model's, there is no such class or none that is
/// not normal, the data cannot be had, have no image of one of the two kinds, or a score is no number.
pub fn tell_apart(request: &AnomalyRequest) -> Result<AnomalyReport> {
    let (path, checkpoint) = find_checkpoint(&request.checkpoint)?;
    let state = &checkpoint.state;
    refuse_other_model(request.model.as_deref(), None, state, &path)?;
    refuse_classifier(state, &path)?;
    let name = request.dataset.as_ref().unwrap_or(&state.config.dataset);
    let source = source_of(&path, name, state, &request.source)?;
    let dataset = dataset_for(&checkpoint, &path, name, &source)?;
    let names = dataset.class_names();
    let classes = Classes::of(request, state, name, &names)?;
    let size = (dataset.shape(), dataset.num_classes());
    let model = restore(&checkpoint, &path, size, &request.device)?;

    let wanted = |label: u32| classes.normal.contains(&label);
    let (_, validation) = load(&*dataset, Split::Validation, wanted)?;
    let validation = classes.need(validation, Split::Validation, true)?;
    let scores = score_all(&model, validation, request, "validation")?;
    let normal = classes.normal.iter().map(|&label| names[label as usize].clone()).collect();
    let threshold = AnomalyThreshold {
        score: request.score,
        threshold: quantile(&scores, KEPT),
        share: KEPT,
        normal,
        dataset: name.clone(),
        images: scores.len(),
        step: state.step,
    };

    let wanted = |label: u32| classes.normal.contains(&label) || classes.others.contains(&label);
    let (numbers, examples) = load(&*dataset, request.split, wanted)?;
    let examples = classes.need(examples, request.split, false)?;
    let labels = examples.labels().to_vec();
    let image_names: Vec<_> =
        (0..examples.len()).map(|at| examples.name(at).map(str::to_owned)).collect();
    let scores = score_all(&model, examples, request, request.split.name())?;
    let images = numbers.into_iter().zip(image_names).zip(labels).zip(scores);
    let images = images.map(|(((image, name), label), score)| ScoredImage {
        image,
        name,
        class: names[label as usize].clone(),
        is_normal: classes.normal.contains(&label),
        score,
    });
    let images: Vec<_> = images.collect();
    let all = images.iter().map(|image| (image.score, !image.is_normal));
    let ranking = Ranking::new(all).context("images of both kinds, with finite scores")?;
    let others = classes.others.iter().map(|&label| &names[label as usize]);
    let others = others.map(|class| odd_class(class, &images, threshold.threshold)).collect();
    // All is computed: a folder that cannot be written is no reason to tell nothing of it.
    let kept_in = keep(&threshold, state, &path).unwrap_or_else(|error| {
        message(&format!("warning: the threshold is not kept: {error:#}"));
        None
    });
    Ok(AnomalyReport {
        split: request.split,
        score: request.score,
        images,
        ranking,
        threshold,
        validation_is_test: dataset.validation_is_test(),
        kept_in,
        others,
    })
}

/// The classes by label.
struct Classes<'a> {
    normal: Vec<u32>,
    others: Vec<u32>,
    names: &'a [String],
}

impl<'a> Classes<'a> {
    /// Those of `request` among those called `names` of the `dataset`, for a model that stands at `state`.
    fn of(
        request: &AnomalyRequest,
        state: &State,
        dataset: &str,
        names: &'a [String],
    ) -> Result<Self> {
        let all = || names.join(", ");
        let normal = match &request.normal {
            Some(named) => subset::labels("--normal", named, names)?,
            None if state.config.classes.is_none() => {
                let what = "`--normal`: it has to be said which classes are normal";
                return Err(Failure::new(Exit::Usage, what)
                    .why(format!(
                        "the model was trained on all classes of {}",
                        state.config.dataset
                    ))
                    .help(format!("name some, as --normal {}; there are: {}", names[0], all()))
                    .into());
            }
            None => {
                let known = known_classes(state, dataset, names);
                subset::labels("--normal", &known, names)?
            }
        };
        let others = match &request.others {
            Some(named) => subset::labels("--classes", named, names)?,
            None => (0..names.len() as u32).collect(),
        };
        let others: Vec<_> = others.into_iter().filter(|label| !normal.contains(label)).collect();
        if others.is_empty() {
            let what = "`--normal`: no class is left that is not normal";
            return Err(Failure::new(Exit::Usage, what)
                .why(format!("the classes are: {}", all()))
                .help("name fewer of them with --normal, or others with --classes")
                .into());
        }
        Ok(Self { normal, others, names })
    }

    /// Fails where `examples` of the `split` lack normal images or, unless `only_normal` is asked for, others.
    fn need(
        &self,
        examples: Option<Examples>,
        split: Split,
        only_normal: bool,
    ) -> Result<Examples> {
        let has = |examples: &Examples, labels: &[u32]| {
            examples.labels().iter().any(|label| labels.contains(label))
        };
        let lacks = |labels: &[u32]| !examples.as_ref().is_some_and(|some| has(some, labels));
        let (kind, labels) = match lacks(&self.normal) {
            true => ("normal image", &self.normal),
            false if !only_normal && lacks(&self.others) => {
                ("image that is not normal", &self.others)
            }
            false => return examples.context("it lacks nothing"),
        };
        let classes: Vec<_> = labels.iter().map(|&at| self.names[at as usize].clone()).collect();
        let what = format!("`--normal`: there is no {kind} for {}", split.purpose());
        Err(Failure::new(Exit::Failed, what)
            .why(format!("no image there is of {}", classes.join(", ")))
            .help("name other classes, or bring images of these")
            .into())
    }
}

/// Fails where the checkpoint at `path`, which stands at `state`, is not of an autoencoder.
fn refuse_classifier(state: &State, path: &Path) -> Result<()> {
    let found = &state.config.model;
    if registry::kind(found)? == Kind::Classifier {
        let what = format!("`--normal`: `{}` is no autoencoder", path.display());
        return Err(Failure::new(Exit::Failed, what)
            .why(format!(
                "it is a checkpoint of {found}, a classifier: it makes no reconstructions whose error could be a score"
            ))
            .help("name a run of an autoencoder, or leave --normal out")
            .into());
    }
    Ok(())
}

/// The numbers in the `split` of the examples whose labels are `wanted`, and these; `None` without one.
fn load(
    dataset: &dyn Dataset,
    split: Split,
    wanted: impl Fn(u32) -> bool,
) -> Result<(Vec<usize>, Option<Examples>)> {
    let whole = dataset.load(split)?;
    let kept: Vec<_> = (0..whole.len()).filter(|&at| wanted(whole.labels()[at])).collect();
    let examples = (!kept.is_empty()).then(|| whole.pick(&kept)).transpose()?;
    Ok((kept, examples))
}

/// The score of each of the `examples`, which are `what`.
fn score_all(
    model: &AnyModel,
    examples: Examples,
    request: &AnomalyRequest,
    what: &str,
) -> Result<Vec<f64>> {
    let shape = examples.shape();
    let loader = DataLoader::new(examples, &request.device);
    let indices: Vec<_> = (0..loader.len()).collect();
    let batches: Vec<_> = indices.chunks(model.batch_size()).collect();
    let progress = bar("{msg} {bar:30} {pos}/{len}", loader.len() as u64, what);
    let mut ahead = loader.read_ahead(&batches);
    let mut scores = Vec::with_capacity(loader.len());
    for batch in batches {
        let bytes = ahead.next_batch()?;
        let images = loader.images(Batch::plain(batch).with_bytes(&bytes));
        let made = model.reconstruct(images.clone()).context("it is an autoencoder")?;
        scores.extend(score_each(request.score, &floats(images), &floats(made), shape));
        progress.inc(batch.len() as u64);
    }
    progress.finish_and_clear();
    let wrong = scores.iter().filter(|score| !score.is_finite()).count();
    if wrong > 0 {
        let what = format!("the score of {wrong} of {} images is no number", scores.len());
        return Err(Failure::new(Exit::Failed, what)
            .why("the model makes NaN or infinite pixels of them")
            .into());
    }
    Ok(scores)
}

/// Of `images` and what became of them, both `[images, channels, height, width]` of images of `shape`.
pub(crate) fn score_each(
    score: AnomalyScore,
    images: &[f32],
    made: &[f32],
    shape: [usize; 3],
) -> Vec<f64> {
    let size = shape.iter().product();
    let pairs = images.chunks_exact(size).zip(made.chunks_exact(size));
    map_items(pairs, |_, (image, made)| score.of(image, made, shape))
}

/// How the class called `class` is told from the normal ones.
fn odd_class(class: &str, images: &[ScoredImage], threshold: f64) -> OddClass {
    let own = |image: &&ScoredImage| !image.is_normal && image.class == class;
    let scores: Vec<_> = images.iter().filter(own).map(|image| image.score).collect();
    let with_normal = images.iter().filter(|image| image.is_normal || own(image));
    let ranking = Ranking::new(with_normal.map(|image| (image.score, !image.is_normal)));
    let missed = (!scores.is_empty()).then(|| share_kept(&scores, threshold));
    let auroc = ranking.map(|ranking| ranking.auroc());
    OddClass { class: class.to_owned(), examples: scores.len(), auroc, missed }
}

/// The share of `scores` that are not above the `threshold`.
fn share_kept(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|score| **score <= threshold).count() as f64 / scores.len() as f64
}

/// Keeps `threshold` in the folder of the run of the checkpoint at `path`, which stands at `state`, if it is of the
/// run's own data set and a run lives there; that folder.
fn keep(threshold: &AnomalyThreshold, state: &State, path: &Path) -> Result<Option<PathBuf>> {
    let run = run_of(path).filter(|run| RunFolder::is_run(run));
    let Some(run) = run.filter(|_| threshold.dataset == state.config.dataset) else {
        return Ok(None);
    };
    threshold.write(&run)?;
    Ok(Some(run))
}
