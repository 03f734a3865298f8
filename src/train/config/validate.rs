//! The checks of a run's values, for flags and files alike.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value};

use super::partial::{
    self, Classes, NamedWeights, PartialImages, PartialRunConfig, PartialSchedule,
};
use crate::data::Identity;
use crate::data::image_file::LONGEST;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::metrics::{METRICS, Metric};
use crate::models::MODELS;
use crate::nn::{Kind, ModelArguments};
use crate::optim::{self, Arguments, Entry};
use crate::registry;
use crate::run::{LearningRateDecay, Plateau, RunConfig, Schedule, Shape};

/// The most epochs: as many, of any number of steps, can be counted.
pub const MAX_EPOCHS: u64 = u32::MAX as u64;

/// Dynamic Training Bench's defaults.
pub(super) const MOMENTUM: &str = "MomentumOptimizer";
const LEARNING_RATE: f64 = 1e-2;
const MOMENTUM_VALUE: f64 = 0.9;
const DECAY: LearningRateDecay = LearningRateDecay { epochs: 25, factor: 0.1 };
/// PyTorch's.
const PLATEAU: Plateau = Plateau { patience: 10, factor: 0.1 };
const BATCH_SIZE: usize = 128;
const EPOCHS: u64 = 150;

/// A run whose values are checked, but for those that only files know.
#[derive(Clone, Debug)]
pub struct ValidRunConfig {
    /// All values; the data's identity and the classes' labels are not known yet, the weights not read.
    pub(super) config: RunConfig,
    /// See [`PartialRunConfig::data`].
    pub(super) data: Option<Option<Identity>>,
    pub(super) classes: Option<Classes>,
    pub(super) weights: Option<NamedWeights>,
    /// Whether the seed was drawn here: the run that is there has another.
    pub(super) seed_is_drawn: bool,
}

impl PartialRunConfig {
    /// The defaults filled in, and all values checked.
    ///
    /// # Errors
    /// A [`Failure`] of [`Exit::Usage`] that names the flags where they contradict each other or an argument of
    /// the model or the optimizer is wrong; an error that names the value where it is out of its bounds, which the flags'
    /// parsers do not let through.
    ///
    /// # Panics
    /// When there is no model or no data set.
    pub fn validate(self) -> Result<ValidRunConfig> {
        let model = self.model.clone().expect("the parser wants --model or --config");
        let dataset = self.dataset.clone().expect("the parser wants --dataset or --config");
        known(&model, MODELS.iter().any(|(name, _)| *name == model))?;
        known(&dataset, INPUTS.iter().any(|(name, _)| *name == dataset))?;
        let given = self.model_args.clone().unwrap_or_default();
        let model_args = ModelArguments::of(&model, registry::model(&model)?.arguments(), &given)?;
        let entry = self.entry()?;
        let epochs = self.epochs.unwrap_or(EPOCHS);
        ensure!((1..=MAX_EPOCHS).contains(&epochs), "epochs: 1 to {MAX_EPOCHS}, not {epochs}");
        let batch_size = self.batch_size.unwrap_or(BATCH_SIZE);
        ensure!(batch_size > 0, "batch_size is 0");
        ensure!(self.patience != Some(0), "patience is 0");
        if let Some(Classes::Labels(labels)) = &self.classes {
            let increase = labels.is_sorted_by(|one, next| one < next);
            ensure!(!labels.is_empty() && increase, "classes: one or more, increasing");
        }
        let l2_penalty = self.l2_penalty.unwrap_or(0.0);
        let is_penalty = l2_penalty.is_finite() && l2_penalty >= 0.0;
        ensure!(is_penalty, "l2_penalty: 0 or more, not {l2_penalty}");
        if let Some(comment) = &self.comment {
            check_comment(comment).map_err(anyhow::Error::msg).context("comment")?;
        }
        for side in self.image_size.iter().flatten() {
            ensure!((1..=LONGEST).contains(side), "image_size: 1 to {LONGEST}, not {side}");
        }
        if let Some(split) = self.validation_split {
            ensure!(split.is_valid(), "validation_split: between 0 and 1, or one of several folds");
        }
        self.images.validate(&model)?;
        self.steps.validate(&model)?;
        let PartialImages { augment, mixup, cutmix, label_smoothing, normalize } =
            self.images.clone();
        let select = self.select.as_deref().map(|name| select(name, &model)).transpose()?.flatten();
        let optimizer_args = self.arguments(entry)?;
        let lr_schedule = self.schedule.validate(epochs, optimizer_args.learning_rate())?;
        let min_delta = self.min_delta.unwrap_or(0.0);
        ensure!(min_delta.is_finite() && min_delta >= 0.0, "min_delta: 0 or more, not {min_delta}");
        if min_delta > 0.0 && self.patience.is_none() && lr_schedule.shape.plateau().is_none() {
            return Err(Failure::new(
                Exit::Usage,
                "`--min_delta`: nothing waits for an improvement",
            )
            .why("it says by how much a validation has to be better to count as an improvement")
            .help("add --patience N for early stopping, or --lr_schedule plateau")
            .into());
        }
        let config = RunConfig {
            model,
            model_args,
            dataset,
            data: None,
            image_size: self.image_size,
            classes: None,
            optimizer: entry.name.to_owned(),
            optimizer_args,
            batch_size,
            epochs,
            patience: self.patience,
            min_delta,
            lr_schedule,
            l2_penalty,
            augment,
            mixup: mixup.unwrap_or(0.0),
            cutmix: cutmix.unwrap_or(0.0),
            label_smoothing: label_smoothing.unwrap_or(0.0),
            class_weights: self.steps.class_weights.unwrap_or_default(),
            clip_norm: self.steps.bound(),
            ema: self.steps.decay(),
            loss: self.steps.loss.unwrap_or_default(),
            noise: self.steps.noise.filter(|noise| !noise.is_none()),
            sparsity: self.steps.sparsity.filter(|sparsity| !sparsity.is_none()),
            normalize: normalize.unwrap_or_default(),
            validation_split: self.validation_split,
            select,
            seed: self.seed.unwrap_or_else(rand::random),
            seed_in_name: self.seed_in_name,
            comment: self.comment,
            pretrained: self.pretrained,
            trainable_scopes: self.trainable_scopes,
        };
        Ok(ValidRunConfig {
            config,
            data: self.data,
            classes: self.classes,
            weights: self.weights,
            seed_is_drawn: self.seed.is_none(),
        })
    }

    fn entry(&self) -> Result<&'static Entry> {
        let name = self.optimizer.as_deref().unwrap_or(MOMENTUM);
        optim::find(name).with_context(|| format!("there is no optimizer `{name}`"))
    }

    /// The arguments of the optimizer `entry`.
    fn arguments(&self, entry: &Entry) -> Result<Arguments> {
        let mut values = match &self.optimizer_args {
            Some(given) => given.values.clone(),
            None if entry.name == MOMENTUM && self.learning_rate.is_none() => {
                Map::from_iter([("learning_rate".to_owned(), Value::from(LEARNING_RATE))])
            }
            None => Map::new(),
        };
        if let Some(rate) = &self.learning_rate {
            values.insert("learning_rate".to_owned(), rate.clone());
        }
        // The default optimizer has its default; who names one follows TensorFlow, which wants it.
        let has_default = match &self.optimizer_args {
            Some(given) => !given.is_complete && self.optimizer.is_none(),
            None => true,
        };
        if entry.name == MOMENTUM && has_default && !values.contains_key("momentum") {
            values.insert("momentum".to_owned(), Value::from(MOMENTUM_VALUE));
        }
        Arguments::new(entry, values)
    }
}

impl PartialSchedule {
    /// The schedule of a run of `epochs` epochs, of an optimizer with this `learning_rate`.
    ///
    /// # Errors
    /// [`Exit::Usage`] where the schedule has no use for what is said, or nothing follows the warm-up; an error
    /// where a number is out of its bounds.
    fn validate(self, epochs: u64, learning_rate: f64) -> Result<Schedule> {
        let name = self.lr_schedule.unwrap_or("constant");
        let warmup_epochs = self.warmup_epochs.unwrap_or(0);
        if warmup_epochs >= epochs {
            return Err(Failure::new(
                Exit::Usage,
                format!("`--warmup_epochs {warmup_epochs}`: the run has {epochs} epochs"),
            )
            .why("the learning rate would still grow when the run ends")
            .help("give fewer, or more --epochs")
            .into());
        }
        let factor = |default| self.lr_decay_factor.unwrap_or(default);
        let decay = LearningRateDecay {
            epochs: self.lr_decay_epochs.unwrap_or(DECAY.epochs),
            factor: factor(DECAY.factor),
        };
        let plateau = Plateau {
            patience: self.lr_patience.unwrap_or(PLATEAU.patience),
            factor: factor(PLATEAU.factor),
        };
        let shape = partial::shape(name, decay, plateau);
        self.refuse_unused(name, shape)?;
        let min_lr = self.min_lr.unwrap_or(0.0);
        ensure!(min_lr.is_finite() && min_lr >= 0.0, "min_lr: 0 or more, not {min_lr}");
        if min_lr > 0.0 && min_lr >= learning_rate {
            let what = format!("`--min_lr {min_lr}`: the learning rate is {learning_rate}");
            return Err(Failure::new(Exit::Usage, what)
                .why("it is the least that the learning rate falls to")
                .help("give less than the learning rate")
                .into());
        }
        if let Some(LearningRateDecay { epochs, factor }) = shape.decay() {
            ensure!((1..=MAX_EPOCHS).contains(&epochs), "lr_schedule decays in {epochs} epochs");
            ensure!(factor.is_finite() && factor >= 0.0, "lr_schedule decays by {factor}");
        }
        if let Some(Plateau { patience, factor }) = shape.plateau() {
            ensure!(patience <= MAX_EPOCHS, "lr_schedule waits for {patience} epochs");
            if !(0.0..1.0).contains(&factor) {
                let what = format!("`--lr_decay_factor {factor}` with `--lr_schedule {name}`");
                return Err(Failure::new(Exit::Usage, what)
                    .why("the learning rate would not fall on a plateau")
                    .help("give 0 or more and less than 1, as 0.1")
                    .into());
            }
        }
        Ok(Schedule { shape, warmup_epochs, min_lr })
    }

    /// Fails where the schedule called `name` has no use for a flag.
    fn refuse_unused(&self, name: &str, shape: Shape) -> Result<()> {
        let (decays, is_plateau) = (shape.decay().is_some(), shape.plateau().is_some());
        let decaying = "--lr_schedule step (or --lr_decay) or --lr_schedule exponential";
        let falling = "--lr_schedule step (or --lr_decay), exponential or plateau";
        for (flag, is_given, is_used, schedules) in [
            ("lr_decay_epochs", self.lr_decay_epochs.is_some(), decays, decaying),
            ("lr_decay_factor", self.lr_decay_factor.is_some(), decays || is_plateau, falling),
            ("lr_patience", self.lr_patience.is_some(), is_plateau, "--lr_schedule plateau"),
            (
                "min_lr",
                self.min_lr.is_some_and(|least| least > 0.0),
                shape != Shape::Constant,
                "--lr_schedule cosine, or another one that falls",
            ),
        ] {
            if is_given && !is_used {
                let what = match flag {
                    "lr_patience" => "nothing waits for a plateau",
                    _ => "nothing decays",
                };
                return Err(Failure::new(Exit::Usage, format!("`--{flag}`: {what}"))
                    .why(format!("the learning rate's schedule is {name}"))
                    .help(format!("add {schedules}"))
                    .into());
            }
        }
        Ok(())
    }
}

/// The metric called `name`, by which the best `model` is picked; `None` for the score of its kind.
///
/// # Errors
/// [`Exit::Usage`] where the model has no such metric.
fn select(name: &str, model: &str) -> Result<Option<Metric>> {
    let name = &*name.to_lowercase();
    let kind = registry::kind(model)?;
    let score = if kind == Kind::Classifier { "accuracy" } else { "error" };
    if name == score {
        return Ok(None);
    }
    let of_kind = metrics_of(kind);
    let found = of_kind.iter().copied().find(|metric| metric.name() == name);
    found.map(Some).ok_or_else(|| {
        let names: Vec<_> = of_kind.iter().map(|metric| metric.name()).collect();
        Failure::new(Exit::Usage, format!("`--select {name}` with `--model {model}`"))
            .why(format!("its best model is picked by: {score}, {}", names.join(", ")))
            .help("name one of these, or leave the flag out")
            .into()
    })
}

/// The metrics of models of this `kind`.
pub fn metrics_of(kind: Kind) -> Vec<Metric> {
    let of_classifiers = kind == Kind::Classifier;
    METRICS.into_iter().filter(|metric| metric.is_of_classifiers() == of_classifiers).collect()
}

/// Fails unless `name` `is_there`.
fn known(name: &str, is_there: bool) -> Result<()> {
    ensure!(is_there, "there is no `{name}`");
    Ok(())
}

/// What may stand in the name of a folder.
///
/// # Errors
/// What it has to be, where it is not.
pub fn check_comment(text: &str) -> Result<(), String> {
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    if text.is_empty() || text.chars().count() > 100 || text.contains(forbidden) {
        return Err(
            "it becomes part of a folder's name: 1 to 100 characters, none of / \\ : * ? \" < > |"
                .into(),
        );
    }
    Ok(())
}
