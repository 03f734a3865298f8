//! What is said of a run: each value, or nothing.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::data::{Augmentation, ClassWeights, Identity, Normalize, ValidationSplit};
use crate::nn::{Noise, ReconstructionLoss, Scopes, Sparsity};
use crate::optim;
use crate::run::{LearningRateDecay, Plateau, Pretrained, RunConfig, Shape};

/// What flags or a file say of a run. The names are those of [`RunConfig`].
#[derive(Clone, Debug, Default)]
pub struct PartialRunConfig {
    /// A file of `models/`.
    pub model: Option<String>,
    /// Its arguments.
    pub model_args: Option<Map<String, Value>>,
    /// A file of `inputs/`.
    pub dataset: Option<String>,
    /// Which data they have to be, of a file; `Some(None)` for data that have no identity.
    pub data: Option<Option<Identity>>,
    /// `[height, width]`.
    pub image_size: Option<[usize; 2]>,
    /// The classes that are trained on.
    pub classes: Option<Classes>,
    /// The optimizer, by its whole name.
    pub optimizer: Option<String>,
    /// Its arguments.
    pub optimizer_args: Option<GivenArguments>,
    /// Its learning rate, if that is said by itself.
    pub learning_rate: Option<Value>,
    /// Examples per step.
    pub batch_size: Option<usize>,
    /// Epochs to train.
    pub epochs: Option<u64>,
    /// Early stopping.
    pub patience: Option<u64>,
    /// By how much a validation has to be better.
    pub min_delta: Option<f64>,
    /// How the learning rate changes.
    pub schedule: PartialSchedule,
    /// λ of the L2 penalty.
    pub l2_penalty: Option<f64>,
    /// What is done to images and labels.
    pub images: PartialImages,
    /// What is done to losses, gradients and weights.
    pub steps: PartialSteps,
    /// The examples for validation, where they are not the data set's own.
    pub validation_split: Option<ValidationSplit>,
    /// What picks the best model: a metric, or `error` or `accuracy`.
    pub select: Option<String>,
    /// The seed.
    pub seed: Option<u64>,
    /// Whether it is a part of the name.
    pub seed_in_name: bool,
    /// A part of the run's name.
    pub comment: Option<String>,
    /// The weights that it begins with, by name.
    pub weights: Option<NamedWeights>,
    /// Those of a file, which are known.
    pub pretrained: Option<Pretrained>,
    /// The parameters that are trained.
    pub trainable_scopes: Option<Scopes>,
}

/// Classes of a data set.
#[derive(Clone, Debug)]
pub enum Classes {
    /// By name or number, as a user gives them.
    Names(Vec<String>),
    /// By label.
    Labels(Vec<u32>),
}

/// Arguments of an optimizer.
#[derive(Clone, Debug)]
pub struct GivenArguments {
    /// By name.
    pub values: Map<String, Value>,
    /// Whether a file gave them, which gives all.
    pub is_complete: bool,
}

/// How the learning rate changes; the names are those of the flags.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartialSchedule {
    /// The name of a shape, as `step`.
    pub lr_schedule: Option<&'static str>,
    /// Epochs in which it grows to its value.
    pub warmup_epochs: Option<u64>,
    /// Epochs between two decays.
    pub lr_decay_epochs: Option<u64>,
    /// What a decay multiplies it by.
    pub lr_decay_factor: Option<f64>,
    /// Epochs without improvement that a plateau waits for.
    pub lr_patience: Option<u64>,
    /// The least that it falls to.
    pub min_lr: Option<f64>,
}

/// What is done to images and labels; the names are those of the flags.
#[derive(Clone, Debug, Default)]
pub struct PartialImages {
    /// What is done to the images that are trained on.
    pub augment: Option<Augmentation>,
    /// A of mixup.
    pub mixup: Option<f64>,
    /// A of CutMix.
    pub cutmix: Option<f64>,
    /// ε.
    pub label_smoothing: Option<f64>,
    /// From bytes to pixels.
    pub normalize: Option<Normalize>,
}

/// What is done to losses, gradients and weights; the names are those of the flags.
#[derive(Clone, Copy, Debug, Default)]
pub struct PartialSteps {
    /// What the classes weigh in the loss.
    pub class_weights: Option<ClassWeights>,
    /// The most that the global norm of the gradients may be; 0 for no bound.
    pub clip_norm: Option<f64>,
    /// Decay of the average of the weights; 0 for none.
    pub ema: Option<f64>,
    /// What the training of an autoencoder brings down.
    pub loss: Option<ReconstructionLoss>,
    /// What disturbs its images.
    pub noise: Option<Noise>,
    /// What keeps its code sparse.
    pub sparsity: Option<Sparsity>,
}

/// Weights that a run begins with.
#[derive(Clone, Debug)]
pub struct NamedWeights {
    /// A file or a run.
    pub checkpoint_path: PathBuf,
    /// What is not taken from it.
    pub exclude_scopes: Option<Scopes>,
}

impl PartialRunConfig {
    /// What this says and, where it says nothing, what `base` says. Of another data set the size of the
    /// images and the classes are its own, and so are the arguments of another model or optimizer.
    pub fn or(self, base: Self) -> Self {
        let same_dataset = self.dataset.is_none();
        let model = self.model.or(base.model.clone());
        let same_model = model == base.model;
        let optimizer = self.optimizer.or(base.optimizer.clone());
        let same_optimizer = optimizer == base.optimizer;
        let of_dataset = |value| if same_dataset { value } else { None };
        let schedule = self.schedule.or(base.schedule);
        let patience = self.patience.or(base.patience);
        let waits = patience.is_some() || schedule.lr_schedule == Some("plateau");
        let base_min_delta = base.min_delta.filter(|_| waits);
        Self {
            model,
            model_args: merged(self.model_args, base.model_args.filter(|_| same_model)),
            dataset: self.dataset.or(base.dataset),
            data: if same_dataset { base.data } else { None },
            image_size: self.image_size.or(of_dataset(base.image_size)),
            classes: self.classes.or(if same_dataset { base.classes } else { None }),
            optimizer,
            optimizer_args: GivenArguments::merged(
                self.optimizer_args,
                base.optimizer_args.filter(|_| same_optimizer),
            ),
            learning_rate: self.learning_rate,
            batch_size: self.batch_size.or(base.batch_size),
            epochs: self.epochs.or(base.epochs),
            patience,
            min_delta: self.min_delta.or(base_min_delta),
            schedule,
            l2_penalty: self.l2_penalty.or(base.l2_penalty),
            images: self.images.or(base.images),
            steps: self.steps.or(base.steps),
            validation_split: self.validation_split.or(base.validation_split),
            select: self.select.or(base.select),
            seed: self.seed.or(base.seed),
            seed_in_name: self.seed_in_name || base.seed_in_name,
            comment: self.comment.or(base.comment),
            weights: self.weights,
            pretrained: base.pretrained,
            trainable_scopes: self.trainable_scopes.or(base.trainable_scopes),
        }
    }
}

/// The `arguments` and, of those that they have not, the `base`'s.
fn merged(
    arguments: Option<Map<String, Value>>,
    base: Option<Map<String, Value>>,
) -> Option<Map<String, Value>> {
    let mut merged = base.unwrap_or_default();
    merged.extend(arguments.unwrap_or_default());
    Some(merged).filter(|merged| !merged.is_empty())
}

impl GivenArguments {
    /// Those of `given` and, of those that it has not, the `base`'s; all, where the base has all.
    fn merged(given: Option<Self>, base: Option<Self>) -> Option<Self> {
        let (Some(given), Some(base)) = (&given, &base) else { return given.or(base) };
        let mut values = base.values.clone();
        values.extend(given.values.clone());
        Some(Self { values, is_complete: base.is_complete })
    }
}

impl PartialSchedule {
    fn or(self, base: Self) -> Self {
        let lr_schedule = self.lr_schedule.or(base.lr_schedule);
        // The base's decay belongs to a shape that decays.
        let decays = matches!(lr_schedule, Some("step" | "exponential"));
        let is_plateau = lr_schedule == Some("plateau");
        let falls = !matches!(lr_schedule, None | Some("constant"));
        let base_decays = matches!(base.lr_schedule, Some("step" | "exponential"));
        let base_is_plateau = base.lr_schedule == Some("plateau");
        let is_alike = decays && base_decays || is_plateau && base_is_plateau;
        let base_factor = base.lr_decay_factor.filter(|_| is_alike);
        Self {
            lr_schedule,
            warmup_epochs: self.warmup_epochs.or(base.warmup_epochs),
            lr_decay_epochs: self.lr_decay_epochs.or(base.lr_decay_epochs.filter(|_| decays)),
            lr_decay_factor: self.lr_decay_factor.or(base_factor),
            lr_patience: self.lr_patience.or(base.lr_patience.filter(|_| is_plateau)),
            min_lr: self.min_lr.or(base.min_lr.filter(|_| falls)),
        }
    }
}

impl PartialImages {
    fn or(self, base: Self) -> Self {
        Self {
            augment: self.augment.or(base.augment),
            mixup: self.mixup.or(base.mixup),
            cutmix: self.cutmix.or(base.cutmix),
            label_smoothing: self.label_smoothing.or(base.label_smoothing),
            normalize: self.normalize.or(base.normalize),
        }
    }
}

impl PartialSteps {
    fn or(self, base: Self) -> Self {
        Self {
            class_weights: self.class_weights.or(base.class_weights),
            clip_norm: self.clip_norm.or(base.clip_norm),
            ema: self.ema.or(base.ema),
            loss: self.loss.or(base.loss),
            noise: self.noise.or(base.noise),
            sparsity: self.sparsity.or(base.sparsity),
        }
    }
}

impl From<RunConfig> for PartialRunConfig {
    /// All that is said by a run's file.
    fn from(config: RunConfig) -> Self {
        let schedule = config.lr_schedule;
        let (decay, plateau) = (schedule.shape.decay(), schedule.shape.plateau());
        let arguments = config.optimizer_args.iter();
        let values = arguments.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let whole_name = optim::find(&config.optimizer).map(|entry| entry.name.to_owned());
        Self {
            model: Some(config.model),
            model_args: Some(config.model_args.as_given()),
            dataset: Some(config.dataset),
            data: Some(config.data),
            image_size: config.image_size,
            classes: config.classes.map(Classes::Labels),
            optimizer: Some(whole_name.unwrap_or(config.optimizer)),
            optimizer_args: Some(GivenArguments { values, is_complete: true }),
            learning_rate: None,
            batch_size: Some(config.batch_size),
            epochs: Some(config.epochs),
            patience: config.patience,
            min_delta: Some(config.min_delta),
            schedule: PartialSchedule {
                lr_schedule: Some(schedule.shape.name()),
                warmup_epochs: Some(schedule.warmup_epochs),
                lr_decay_epochs: decay.map(|LearningRateDecay { epochs, .. }| epochs),
                lr_decay_factor: decay
                    .map(|LearningRateDecay { factor, .. }| factor)
                    .or(plateau.map(|Plateau { factor, .. }| factor)),
                lr_patience: plateau.map(|Plateau { patience, .. }| patience),
                min_lr: Some(schedule.min_lr),
            },
            l2_penalty: Some(config.l2_penalty),
            images: PartialImages {
                augment: config.augment,
                mixup: Some(config.mixup),
                cutmix: Some(config.cutmix),
                label_smoothing: Some(config.label_smoothing),
                normalize: Some(config.normalize),
            },
            steps: PartialSteps {
                class_weights: Some(config.class_weights),
                clip_norm: Some(config.clip_norm.unwrap_or(0.0)),
                ema: Some(config.ema.unwrap_or(0.0)),
                loss: (config.loss != ReconstructionLoss::Mse).then_some(config.loss),
                noise: config.noise,
                sparsity: config.sparsity,
            },
            validation_split: config.validation_split,
            select: config.select.map(|select| select.name().to_owned()),
            seed: Some(config.seed),
            seed_in_name: config.seed_in_name,
            comment: config.comment,
            weights: None,
            pretrained: config.pretrained,
            trainable_scopes: config.trainable_scopes,
        }
    }
}

/// The shape called `name`, with this `decay` where it decays, and this `plateau` where it falls on one.
pub(super) fn shape(name: &str, decay: LearningRateDecay, plateau: Plateau) -> Shape {
    match name {
        "step" => Shape::Step(decay),
        "exponential" => Shape::Exponential(decay),
        "cosine" => Shape::Cosine,
        "plateau" => Shape::Plateau(plateau),
        "one_cycle" => Shape::OneCycle,
        _ => Shape::Constant,
    }
}
