//! What a trained model makes of pictures that are in no data set.
//!
//! A classifier gives each class c the probability exp(z_c) / Σ_j exp(z_j) of its logits z. An autoencoder has the
//! error of its reconstruction, the PSNR of it, and a [score](AnomalyScore); where the run has a
//! [threshold](AnomalyThreshold) for that score and this model, an image is normal whose score is not above it.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor};

use super::AnyModel;
use super::anomalies::score_each;
use super::evaluate::{known_classes, restore};
use crate::data::image_file::LONGEST;
use crate::data::{Batch, DataLoader, Examples, Normalization};
use crate::error::{Exit, Failure};
use crate::metrics::AnomalyScore;
use crate::metrics::class_quality::softmax;
use crate::metrics::image_quality::{image_errors, psnr};
use crate::nn::Kind;
use crate::registry;
use crate::run::{AnomalyThreshold, Checkpoint, State, find_checkpoint, run_of};
use crate::util::tensor::floats;

/// A classifier is as large as its checkpoint says: it may say anything, and has no more classes than that.
const MOST_CLASSES: usize = 100_000;

/// A trained model that takes pictures.
pub struct Predictor {
    model: AnyModel,
    shape: [usize; 3],
    normalization: Option<Normalization>,
    class_names: Vec<String>,
    score: AnomalyScore,
    threshold: Threshold,
    device: Device,
}

/// From which score on an image is odd.
#[derive(Clone, Debug, PartialEq)]
enum Threshold {
    Known(f64),
    /// Why it is not known.
    Unknown(String),
}

/// What a model makes of a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// Of a classifier: all classes by name, each with its probability, the likeliest first.
    Classes(Vec<(String, f32)>),
    /// Of an autoencoder.
    Reconstruction {
        /// Half the mean squared error.
        error: f64,
        /// In dB.
        psnr: f64,
        /// How odd it is.
        score: f64,
        /// Whether that is normal, where it is known from which score on it is not.
        is_normal: Option<bool>,
    },
}

impl Predictor {
    /// The model of the checkpoint that `path` means, on `device`; of an autoencoder with this `score`, or else the
    /// one of the run's threshold.
    ///
    /// # Errors
    /// When there is no such checkpoint, it is damaged, or takes no pictures.
    pub fn open(path: &Path, score: Option<AnomalyScore>, device: &Device) -> Result<Self> {
        let (path, checkpoint) = find_checkpoint(path)?;
        let state = &checkpoint.state;
        refuse_shape(&checkpoint, &path)?;
        let class_names = classes_of(state)?;
        let size = (state.shape, class_names.len());
        let model = restore(&checkpoint, &path, size, device)?;
        let kept = match (model.kind(), run_of(&path)) {
            (Kind::Autoencoder, Some(run)) => AnomalyThreshold::read(&run)?,
            _ => None,
        };
        let score = score.or(kept.as_ref().map(|kept| kept.score)).unwrap_or_default();
        let threshold = Threshold::of(kept, score, state.step);
        let normalization = state.normalization()?.cloned();
        let (shape, device) = (state.shape, device.clone());
        Ok(Self { model, shape, normalization, class_names, score, threshold, device })
    }

    /// `[channels, height, width]` of the pictures.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// What it was trained for.
    pub fn kind(&self) -> Kind {
        self.model.kind()
    }

    /// The classes of a classifier.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Pictures that it takes at a time.
    pub fn batch_size(&self) -> usize {
        self.model.batch_size()
    }

    /// Why it is not known which images are normal to an autoencoder, if that is so.
    pub fn why_without_threshold(&self) -> Option<&str> {
        match &self.threshold {
            Threshold::Unknown(why) if self.kind() == Kind::Autoencoder => Some(why),
            _ => None,
        }
    }

    /// What the model makes of `pixels` `[pictures, channels, height, width]`, bytes from 0 black to 255 white.
    ///
    /// # Errors
    /// When they are no whole pictures.
    pub fn predict(&self, pixels: Vec<u8>) -> Result<Vec<Prediction>> {
        let count = pixels.len() / self.shape.iter().product::<usize>();
        if count == 0 {
            return Ok(Vec::new());
        }
        let examples = Examples::new(self.shape, pixels, vec![0; count])?;
        let loader = DataLoader::normalized(examples, &self.device, self.normalization.as_ref());
        let images = loader.images(Batch::plain(&(0..count).collect::<Vec<_>>()));
        match self.model.reconstruct(images.clone()) {
            Some(made) => Ok(self.reconstructions(&floats(images), &floats(made))),
            None => self.classes(images),
        }
    }

    fn classes(&self, images: Tensor<4>) -> Result<Vec<Prediction>> {
        let logits = self.model.logits(images).context("it is a classifier")?;
        let classes = self.class_names.len();
        let probabilities = softmax(&floats(logits), classes);
        let ranked = probabilities.chunks_exact(classes).map(|row| {
            let named = self.class_names.iter().cloned().zip(row.iter().copied());
            let mut ranked: Vec<_> = named.collect();
            // Stable: of equal ones the first class comes first, as in argmax.
            ranked.sort_by(|(_, one), (_, other)| other.total_cmp(one));
            Prediction::Classes(ranked)
        });
        Ok(ranked.collect())
    }

    fn reconstructions(&self, images: &[f32], made: &[f32]) -> Vec<Prediction> {
        let scores = score_each(self.score, images, made, self.shape);
        let errors = image_errors(images, made, self.shape.iter().product());
        let each = errors.into_iter().zip(scores).map(|(error, score)| {
            let is_normal = match self.threshold {
                Threshold::Known(threshold) => Some(score <= threshold),
                Threshold::Unknown(_) => None,
            };
            let (error, psnr) = (error.mse / 2.0, psnr(error.mse));
            Prediction::Reconstruction { error, psnr, score, is_normal }
        });
        each.collect()
    }
}

impl Threshold {
    /// That which a run has `kept`, for this `score` of the model of this `step`.
    fn of(kept: Option<AnomalyThreshold>, score: AnomalyScore, step: u64) -> Self {
        match kept {
            None => Self::Unknown(
                "the run has no threshold; dytb evaluate RUN --normal CLASS,... finds one"
                    .to_owned(),
            ),
            Some(kept) if kept.score != score => Self::Unknown(format!(
                "the run's threshold is one of the score {}; dytb evaluate RUN --normal {} --score {score} finds \
                 one of this",
                kept.score,
                kept.normal.join(",")
            )),
            Some(kept) if kept.step != step => Self::Unknown(format!(
                "the run's threshold is that of its model of step {}, and this one is of step {step}; dytb evaluate \
                 RUN --normal {} finds it anew",
                kept.step,
                kept.normal.join(",")
            )),
            Some(kept) => Self::Known(kept.threshold),
        }
    }
}

/// The names of the classes of a classifier that stands at `state`; none of an autoencoder.
pub(super) fn classes_of(state: &State) -> Result<Vec<String>> {
    Ok(match registry::kind(&state.config.model)? {
        Kind::Classifier if state.classes <= MOST_CLASSES => {
            known_classes(state, &state.config.dataset, &[])
        }
        _ => Vec::new(),
    })
}

/// Whether there are images of `[channels, height, width]`, with as many channels as one of `allowed`.
pub(super) fn is_possible([channels, height, width]: [usize; 3], allowed: &[usize]) -> bool {
    allowed.contains(&channels) && [height, width].iter().all(|side| (1..=LONGEST).contains(side))
}

/// Fails where the images of `checkpoint`, which was read from `path`, are of a shape that no picture is brought to. A
/// checkpoint may say anything.
pub(crate) fn refuse_shape(checkpoint: &Checkpoint, path: &Path) -> Result<()> {
    match is_possible(checkpoint.state.shape, &[1, 3]) {
        true => Ok(()),
        false => {
            let what = format!("`{}` takes no pictures", path.display());
            let why = format!("its images are {:?}", checkpoint.state.shape);
            Err(Failure::new(Exit::Failed, what).why(why).into())
        }
    }
}
