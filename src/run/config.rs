//! What a run is: everything that its numbers depend on.
//!
//! Its name, as Dynamic Training Bench made it, is a part of that:
//! `{dataset}_{optimizer}_lr={learning rate}[_exp_lr][_l2={penalty}][_{comment}]`, with
//! `_exponential_lr`, `_cosine_lr` and `_warmup={epochs}` for schedules that it did not have. A data
//! set of the user's own is followed by its name and, if one was asked for, the size of its images:
//! `ImageFolder_cats_64x64`. Before the optimizer stand the arguments of the model: `_code=32`. What is done to images and labels follows the penalty:
//! `_augment=crop-4,flip_mixup=0.2_cutmix=1.0_label_smoothing=0.1_normalize=standard`, and among it
//! `_class_weights=balanced_clip_norm=1.0_ema=0.999_loss=ssim_noise=gaussian-0.2_sparsity=kl-0.05`; to a schedule belong `_min_lr=` and, of a plateau, `_min_delta=`.
//! Last come `_validation_split={share}`, the comment and, of runs that are trained
//! together, `_fold={i}of{k}` and `_seed={seed}`. The whole is kept in `config.json` in the run's folder, so that another
//! run cannot go on in it by mistake.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Best, Improvement, Schedule};
use crate::data::{Augmentation, ClassWeights, Identity, Normalize, ValidationSplit};
use crate::error::{Exit, Failure};
use crate::metrics::{Metric, Score};
use crate::nn::{ModelArguments, Noise, Objective, ReconstructionLoss, Scopes, Sparsity};
use crate::optim;
use crate::optim::{Arguments, Entry};
use crate::util::defaults::is_default;
use crate::util::hex::hex;
use crate::util::python_number::python_repr;

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// A file of `models/`.
    pub model: String,
    /// The arguments of the model, the defaults filled in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub model_args: ModelArguments,
    /// A file of `inputs/`.
    pub dataset: String,
    /// Which one it is, where its name does not say that.
    #[serde(default)]
    pub data: Option<Identity>,
    /// `[height, width]` that its images were brought to, if a size was asked for.
    #[serde(default)]
    pub image_size: Option<[usize; 2]>,
    /// The labels of the classes that are trained on, if not all are; increasing.
    #[serde(default)]
    pub classes: Option<Vec<u32>>,
    /// The optimizer, by its whole name.
    pub optimizer: String,
    /// Its arguments, the defaults filled in.
    pub optimizer_args: Arguments,
    /// Examples per step.
    pub batch_size: usize,
    /// Epochs to train. A run may go on with more, but for a schedule that ends with them.
    pub epochs: u64,
    /// It ends after this many epochs without a better validation, if so. A run may go on with another
    /// patience.
    #[serde(default)]
    pub patience: Option<u64>,
    /// By how much a validation has to be better to count as one, for the patience and for a plateau.
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_delta: f64,
    /// How the learning rate changes.
    #[serde(default, alias = "lr_decay")]
    pub lr_schedule: Schedule,
    /// λ of the L2 penalty.
    pub l2_penalty: f64,
    /// What is done to the images that are trained on; `None` for what the data set does by itself.
    #[serde(default)]
    pub augment: Option<Augmentation>,
    /// A of mixup, 0 for none.
    #[serde(default)]
    pub mixup: f64,
    /// A of CutMix, 0 for none.
    #[serde(default)]
    pub cutmix: f64,
    /// The share of a target that all classes have alike.
    #[serde(default)]
    pub label_smoothing: f64,
    /// How much the examples of each class weigh in the loss.
    #[serde(default, skip_serializing_if = "is_default")]
    pub class_weights: ClassWeights,
    /// The most that the global norm of a step's gradients may be, if there is a bound.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clip_norm: Option<f64>,
    /// Decay of the moving average of the weights that is validated and kept, if one is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ema: Option<f64>,
    /// What the training of an autoencoder brings down.
    #[serde(default, skip_serializing_if = "is_default")]
    pub loss: ReconstructionLoss,
    /// What disturbs the images that an autoencoder is trained on; `None` for what its model does by itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub noise: Option<Noise>,
    /// What keeps the code of an autoencoder sparse, if anything does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sparsity: Option<Sparsity>,
    /// From bytes to pixels.
    #[serde(default)]
    pub normalize: Normalize,
    /// Which examples are for validation, where they are not the data set's own.
    #[serde(default)]
    pub validation_split: Option<ValidationSplit>,
    /// What picks the best model, where it is not the error or the accuracy.
    #[serde(default)]
    pub select: Option<Metric>,
    /// Random seed: of initial parameters, the order of the examples, dropout and augmentation.
    pub seed: u64,
    /// Whether the seed is a part of the name: it is one of several runs that are trained together.
    #[serde(default)]
    pub seed_in_name: bool,
    /// What the user added to the name.
    pub comment: Option<String>,
    /// The weights that it begins with, if not all are drawn.
    #[serde(default)]
    pub pretrained: Option<Pretrained>,
    /// The parameters that are trained, if not all are.
    #[serde(default)]
    pub trainable_scopes: Option<Scopes>,
}

/// Weights that were trained elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pretrained {
    /// The file or the run, as the user named it.
    pub checkpoint_path: PathBuf,
    /// [`Weights::sha256`](crate::weights::Weights::sha256) of all that is in it.
    pub sha256: String,
    /// What is not taken from it.
    pub exclude_scopes: Option<Scopes>,
}

/// The most bytes of a run's name: eCryptfs, as some home folders have it, takes no more.
const LONGEST_NAME: usize = 143;
/// Hexadecimal digits at the end of a name that was shortened.
const DIGITS: usize = 12;

impl RunConfig {
    /// The name of the run's folder: all that it is called or, where that is longer than 143
    /// bytes, its beginning, `...` and the first digits of its SHA-256.
    pub fn name(&self) -> String {
        shortened(self.whole_name())
    }

    /// All that a run's name says of it.
    pub(super) fn whole_name(&self) -> String {
        let mut name = self.common_name();
        if let Some(ValidationSplit::Fold { fold, folds, .. }) = self.validation_split {
            name += &format!("_fold={fold}of{folds}");
        }
        if self.seed_in_name {
            name += &format!("_seed={}", self.seed);
        }
        name
    }

    /// What the names of runs have in common that differ in seed and fold alone.
    pub(super) fn common_name(&self) -> String {
        let optimizer = self.optimizer_entry().map_or(self.optimizer.as_str(), |entry| entry.short);
        let learning_rate = match self.optimizer_args.learning_rate_json() {
            Value::Number(number) if number.is_f64() => {
                python_repr(self.optimizer_args.learning_rate())
            }
            whole => whole.to_string(),
        };
        let mut name = self.dataset.clone();
        if let Some(data) = &self.data {
            name += &format!("_{}", data.name);
        }
        if let Some([height, width]) = self.image_size {
            name += &format!("_{height}x{width}");
        }
        if let Some(classes) = self.classes_as_text() {
            name += &format!("_classes={classes}");
        }
        for (argument, value) in self.model_args.iter() {
            name += &format!("_{argument}={}", in_name(value));
        }
        name += &format!("_{optimizer}_lr={learning_rate}");
        name += &self.lr_schedule.suffix();
        if self.lr_schedule.shape.plateau().is_some() && self.min_delta > 0.0 {
            name += &format!("_min_delta={}", python_repr(self.min_delta));
        }
        if self.l2_penalty > 0.0 {
            name += &format!("_l2={}", python_repr(self.l2_penalty));
        }
        name += &self.images_in_name();
        if let Some(ValidationSplit::Share { share, .. }) = self.validation_split {
            name += &format!("_validation_split={}", python_repr(share));
        }
        if let Some(select) = self.select {
            name += &format!("_select={select}");
        }
        if let Some(comment) = &self.comment {
            name += &format!("_{comment}");
        }
        name
    }

    /// What is done to images, labels, gradients and weights, where that is not Dynamic Training Bench's.
    fn images_in_name(&self) -> String {
        let mut name = String::new();
        if let Some(augment) = &self.augment {
            name += &format!("_augment={}", augment.file_name());
        }
        let numbers = [
            ("mixup", self.mixup),
            ("cutmix", self.cutmix),
            ("label_smoothing", self.label_smoothing),
        ];
        for (flag, number) in numbers.into_iter().filter(|(_, number)| *number > 0.0) {
            name += &format!("_{flag}={}", python_repr(number));
        }
        if self.class_weights == ClassWeights::Balanced {
            name += "_class_weights=balanced";
        }
        for (flag, number) in [("clip_norm", self.clip_norm), ("ema", self.ema)] {
            if let Some(number) = number {
                name += &format!("_{flag}={}", python_repr(number));
            }
        }
        if self.loss != ReconstructionLoss::Mse {
            name += &format!("_loss={}", self.loss);
        }
        if let Some(noise) = self.noise {
            name += &format!("_noise={}", noise.file_name());
        }
        if let Some(sparsity) = self.sparsity {
            name += &format!("_sparsity={}", sparsity.file_name());
        }
        if self.normalize != Normalize::Range {
            name += &format!("_normalize={}", self.normalize.file_name());
        }
        name
    }

    /// The classes that are trained on, as `--classes` takes them.
    pub(super) fn classes_as_text(&self) -> Option<String> {
        let labels = self.classes.as_ref()?.iter().map(u32::to_string);
        Some(labels.collect::<Vec<_>>().join(","))
    }

    /// What an autoencoder is trained for.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.loss, noise: self.noise, sparsity: self.sparsity }
    }

    /// The optimizer's row in the table.
    ///
    /// # Errors
    /// When there is none of that name: the configuration was written by a later version.
    pub fn optimizer_entry(&self) -> Result<&'static Entry> {
        optim::find(&self.optimizer).ok_or_else(|| {
            Failure::new(Exit::Failed, format!("there is no optimizer `{}`", self.optimizer)).into()
        })
    }

    /// Whether a run that has finished so many `epochs`, the `best` validation after one of them and the last
    /// improvement, where they are counted by themselves, after `improved`, has nothing left to do.
    pub fn is_over(&self, epochs: u64, best: Option<Best>, improved: Option<u64>) -> bool {
        let improved = improved.filter(|_| self.counts_improvements());
        let improved = improved.or(best.map(|best| best.epoch));
        let since = epochs - improved.map_or(0, |improved| improved.min(epochs));
        epochs >= self.epochs || self.patience.is_some_and(|patience| since >= patience)
    }

    /// Whether improvements are counted by themselves: without a least one the best validation is the last one.
    pub fn counts_improvements(&self) -> bool {
        self.min_delta > 0.0 || self.lr_schedule.shape.plateau().is_some()
    }

    /// The last improvement of a run of which `best` and `before` are known and whose validation after
    /// `epochs` epochs was this one.
    pub fn improvement(
        &self,
        before: Option<Improvement>,
        best: Option<Best>,
        (score, selected, epochs): (Score, Option<f64>, u64),
    ) -> Improvement {
        let value = |score: Score, selected: Option<f64>| match (self.select, selected) {
            (Some(select), Some(value)) if select.higher_is_better() => -value,
            (Some(_), Some(value)) => value,
            _ => score.as_loss(),
        };
        let now = value(score, selected);
        let before = before.or_else(|| {
            best.map(|best| Improvement::first(value(best.score, best.selected), best.epoch))
        });
        let Some(before) = before else { return Improvement::first(now, epochs) };
        // What the learning rate has grown to is no plateau yet.
        let plateau = self.lr_schedule.shape.plateau();
        match epochs <= self.lr_schedule.warmup_epochs {
            true => Improvement { waited: 0, ..before.and_then(now, epochs, self.min_delta, None) },
            false => before.and_then(now, epochs, self.min_delta, plateau),
        }
    }

    /// The learning rate of `step` (0 is the first), after so many reductions of a plateau.
    pub fn learning_rate(&self, step: u64, steps_per_epoch: u64, reductions: u64) -> f64 {
        let initial = self.optimizer_args.learning_rate();
        self.lr_schedule.at(initial, step, (steps_per_epoch, self.epochs), reductions)
    }

    /// Fails where this run is not the one that lives at `path` and is `there`.
    ///
    /// # Errors
    /// A [`Failure`] that lists the differences.
    pub fn refuse_another(&self, there: &Self, path: &Path) -> Result<()> {
        let differences = self.differences(there);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failure::new(Exit::Failed, format!("`{}` holds another run", path.display()))
            .why(format!("it differs in\n{}", differences.join("\n")))
            .help("--comment gives this run a folder of its own; --restart deletes the other")
            .into())
    }

    /// `name: theirs, here ours` for each value in which this run differs from `other`. The patience is
    /// no difference, nor is the least improvement without a plateau, nor the number of epochs: a run may go on. But where the learning rate depends
    /// on it from the first step on it is one: a run that goes on has to be the one that never stopped.
    ///
    /// # Panics
    /// Never: a configuration is a JSON object.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let flat = |config: &Self| {
            let mut values = serde_json::to_value(config).expect("a configuration is JSON");
            let object = values.as_object_mut().expect("a configuration is an object");
            object.shift_remove("patience");
            if self.lr_schedule.shape.plateau().is_none() {
                object.shift_remove("min_delta");
            }
            object.shift_remove("seed_in_name");
            // Weights are what they are, wherever they lie.
            if let Some(pretrained) = object.get_mut("pretrained").and_then(Value::as_object_mut) {
                pretrained.shift_remove("checkpoint_path");
            }
            if !self.lr_schedule.depends_on_epochs() {
                object.shift_remove("epochs");
            }
            values
        };
        let (ours, theirs) = (flat(self), flat(other));
        // What has its default may be left out.
        let names = |values: &Value| -> Vec<String> {
            values.as_object().expect("an object").keys().cloned().collect()
        };
        let (names, more) = (names(&ours), names(&theirs));
        let more = more.iter().filter(|name| !names.contains(name));
        let differs =
            names.iter().chain(more).filter(|name| ours[name.as_str()] != theirs[name.as_str()]);
        let line = |name: &String| {
            format!("{name}: {} there, {} now", theirs[name.as_str()], ours[name.as_str()])
        };
        differs.map(line).collect()
    }
}

/// A value of an argument as it stands in a run's name.
fn in_name(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Number(number) if number.is_f64() => python_repr(number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}

/// `whole` or, where that is longer than a file's name may be, its beginning and digits of its SHA-256.
pub(super) fn shortened(whole: String) -> String {
    if whole.len() <= LONGEST_NAME {
        return whole;
    }
    let digest = hex(&Sha256::digest(&whole));
    let most = LONGEST_NAME - DIGITS - "...".len();
    let end = (0..=most).rev().find(|&end| whole.is_char_boundary(end)).unwrap_or(0);
    format!("{}...{}", &whole[..end], &digest[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{LearningRateDecay, Plateau, Shape};

    const DECAY: LearningRateDecay = LearningRateDecay { epochs: 25, factor: 0.1 };

    /// The article's run with `optimizer` and `arguments`.
    fn config(optimizer: &str, arguments: &str) -> RunConfig {
        let entry = optim::find(optimizer).unwrap();
        RunConfig {
            model: "SingleLayerCAE".into(),
            model_args: Default::default(),
            dataset: "MNIST".into(),
            data: None,
            image_size: None,
            classes: None,
            optimizer: entry.name.into(),
            optimizer_args: Arguments::new(entry, serde_json::from_str(arguments).unwrap())
                .unwrap(),
            batch_size: 1024,
            epochs: 150,
            patience: None,
            min_delta: 0.0,
            lr_schedule: Schedule::default(),
            l2_penalty: 0.0,
            augment: None,
            mixup: 0.0,
            cutmix: 0.0,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            clip_norm: None,
            ema: None,
            loss: ReconstructionLoss::Mse,
            noise: None,
            sparsity: None,
            normalize: Normalize::Range,
            validation_split: None,
            select: None,
            seed: 1,
            seed_in_name: false,
            comment: None,
            pretrained: None,
            trainable_scopes: None,
        }
    }

    /// The folders of the article's runs; later schedules have other names.
    #[test]
    fn names_are_dynamic_training_benchs() {
        let mut run = config("Adam", r#"{"learning_rate": 1e-5}"#);
        assert_eq!(run.name(), "MNIST_Adam_lr=1e-05");
        run.l2_penalty = 1e-9;
        assert_eq!(run.name(), "MNIST_Adam_lr=1e-05_l2=1e-09");
        run.lr_schedule.shape = Shape::Step(DECAY);
        run.comment = Some("again".into());
        assert_eq!(run.name(), "MNIST_Adam_lr=1e-05_exp_lr_l2=1e-09_again");
        run.lr_schedule = Schedule { shape: Shape::Cosine, warmup_epochs: 5, min_lr: 0.0 };
        assert_eq!(run.name(), "MNIST_Adam_lr=1e-05_cosine_lr_warmup=5_l2=1e-09_again");
        let run = config("Momentum", r#"{"learning_rate": 1, "momentum": 0.9}"#);
        assert_eq!(run.name(), "MNIST_Momentum_lr=1");
    }

    /// Some disks take no longer ones; two long names stay two.
    #[test]
    fn long_names_are_shortened() {
        let mut run = config("ProximalGradientDescent", r#"{"learning_rate": 1e-5}"#);
        let mut names = std::collections::HashSet::new();
        for comment in ["a".repeat(100), "a".repeat(99) + "b", "ä".repeat(100), "漢".repeat(100)]
        {
            run.data = Some(Identity { name: "写真".repeat(25), fingerprint: "0".into() });
            run.comment = Some(comment);
            let name = run.name();
            assert!(name.len() <= LONGEST_NAME && run.whole_name().len() > LONGEST_NAME, "{name}");
            assert!(name.starts_with("MNIST_写真") && names.insert(name.clone()), "{name}");
        }
        run.data = None;
        run.comment = Some("a".repeat(80));
        assert_eq!(run.name(), run.whole_name());
    }

    /// Without the flags the name is what it was; with them all characters are those of file names.
    #[test]
    fn what_is_done_to_images_is_in_the_name() {
        let mut run = config("Adam", r#"{"learning_rate": 1e-5}"#);
        run.augment = Some("scale:0.9..1.1,rand:2,9".parse().unwrap());
        run.mixup = 0.2;
        run.cutmix = 1.0;
        run.label_smoothing = 0.1;
        run.class_weights = ClassWeights::Balanced;
        run.clip_norm = Some(1.0);
        run.ema = Some(0.999);
        run.loss = ReconstructionLoss::MseSsim;
        run.noise = Some("salt_pepper:0.1".parse().unwrap());
        run.sparsity = Some("kl:0.05,0.5".parse().unwrap());
        run.normalize = "0.5/0.25".parse().unwrap();
        run.comment = Some("c".into());
        let name = run.name();
        let parts = "_augment=scale-0.9..1.1,rand-2,9_mixup=0.2_cutmix=1.0_label_smoothing=0.1\
                     _class_weights=balanced_clip_norm=1.0_ema=0.999_loss=mse+ssim_noise=salt_pepper-0.1_sparsity=kl-0.05,0.5";
        let whole = format!("MNIST_Adam_lr=1e-05{parts}_normalize=0.5-0.25_c");
        assert_eq!((run.whole_name(), name), (whole.clone(), shortened(whole)));
        let json = serde_json::to_value(&run).unwrap();
        assert_eq!(json["augment"], "scale:0.9..1.1,rand:2,9");
        assert_eq!(serde_json::from_value::<RunConfig>(json).unwrap(), run);
        run.augment = Some(Augmentation::default());
        assert!(run.name().contains("_augment=none_"));
    }

    #[test]
    fn patience() {
        let mut run = config("Adam", r#"{"learning_rate": 1e-5}"#);
        let best = |epoch| Some(Best::by_score(Score::Error { error: 0.1 }, epoch, epoch));
        assert!(run.is_over(150, best(1), None) && !run.is_over(149, best(1), None));
        run.patience = Some(3);
        assert!(!run.is_over(0, None, None) && !run.is_over(4, best(2), None));
        assert!(run.is_over(5, best(2), None) && run.is_over(150, best(150), None));
        // A least improvement is another one than the best validation.
        assert!(!run.is_over(5, best(4), Some(2)));
        run.min_delta = 0.1;
        assert!(run.is_over(5, best(4), Some(2)));
        run.min_delta = 0.0;
        // A run goes on with another one.
        assert!(run.differences(&config("Adam", r#"{"learning_rate": 1e-5}"#)).is_empty());
    }

    #[test]
    fn pictures_of_the_users_own() {
        let mut run = config("Adam", r#"{"learning_rate": 1e-5}"#);
        run.dataset = "ImageFolder".into();
        let data = Identity { name: "cats".into(), fingerprint: "0123".into() };
        run.data = Some(data);
        assert_eq!(run.name(), "ImageFolder_cats_Adam_lr=1e-05");
        run.image_size = Some([48, 64]);
        assert_eq!(run.name(), "ImageFolder_cats_48x64_Adam_lr=1e-05");
        let mut theirs = run.clone();
        theirs.data.as_mut().unwrap().fingerprint = "4567".into();
        let differences = run.differences(&theirs);
        assert!(differences[0].starts_with("data: ") && differences[0].contains("4567"));
    }

    #[test]
    fn other_weights_are_another_run() {
        let mut run = config("Adam", r#"{"learning_rate": 1e-5}"#);
        let name = run.name();
        run.trainable_scopes = Some("softmax_linear".parse().unwrap());
        run.pretrained = Some(Pretrained {
            checkpoint_path: "a.pt".into(),
            sha256: "0123".into(),
            exclude_scopes: Some("decode".parse().unwrap()),
        });
        assert_eq!(run.name(), name);
        let mut theirs = run.clone();
        assert!(run.differences(&theirs).is_empty());
        // The same weights by another path are the same run.
        theirs.pretrained.as_mut().unwrap().checkpoint_path = "../here/a.pt".into();
        assert!(run.differences(&theirs).is_empty());
        theirs.pretrained.as_mut().unwrap().sha256 = "4567".into();
        theirs.trainable_scopes = None;
        let differences = run.differences(&theirs);
        assert!(differences[0].starts_with("pretrained: ") && differences[0].contains("4567"));
        assert_eq!(differences[1], r#"trainable_scopes: null there, ["softmax_linear"] now"#);
    }

    /// Runs of before there were such data sets, and pretrained weights.
    #[test]
    fn old_configurations_are_read() {
        let config = config("Adam", r#"{"learning_rate": 1e-5}"#);
        let mut json = serde_json::to_value(&config).unwrap();
        for new in [
            "data",
            "image_size",
            "pretrained",
            "trainable_scopes",
            "validation_split",
            "select",
            "seed_in_name",
            "augment",
            "mixup",
            "cutmix",
            "label_smoothing",
            "normalize",
        ] {
            json.as_object_mut().unwrap().remove(new).unwrap();
        }
        assert_eq!(serde_json::from_value::<RunConfig>(json).unwrap(), config);
    }

    #[test]
    fn differences_are_named() {
        let ours = config("Adam", r#"{"learning_rate": 1e-5}"#);
        let mut theirs = ours.clone();
        theirs.epochs = 7;
        assert!(ours.differences(&theirs).is_empty());
        theirs.batch_size = 128;
        assert_eq!(ours.differences(&theirs), ["batch_size: 128 there, 1024 now"]);
        // Early stopping is no difference, a plateau is.
        theirs.min_delta = 0.1;
        assert_eq!(ours.differences(&theirs).len(), 1);
        theirs.clip_norm = Some(1.0);
        assert_eq!(ours.differences(&theirs)[1], "clip_norm: 1.0 there, null now");
        assert_eq!(theirs.differences(&ours)[1], "clip_norm: null there, 1.0 now");
        theirs.clip_norm = None;
        theirs.lr_schedule.warmup_epochs = 2;
        assert!(ours.differences(&theirs)[1].starts_with("lr_schedule: {"));

        let mut ours = config("Adam", r#"{"learning_rate": 1e-5}"#);
        ours.lr_schedule.shape = Shape::Cosine;
        let theirs = RunConfig { epochs: 7, ..ours.clone() };
        assert_eq!(ours.differences(&theirs), ["epochs: 7 there, 150 now"]);
    }

    #[test]
    fn configurations_survive_json() {
        let mut config = config("Momentum", r#"{"learning_rate": 0.1, "momentum": 0.3}"#);
        let plateau = Shape::Plateau(Plateau { patience: 3, factor: 0.5 });
        let decays = [Shape::Step(DECAY), Shape::Exponential(DECAY)];
        for shape in
            [Shape::Constant, Shape::Cosine, Shape::OneCycle, plateau].iter().chain(&decays)
        {
            config.lr_schedule = Schedule { shape: *shape, warmup_epochs: 2, min_lr: 1e-6 };
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<RunConfig>(&json).unwrap(), config);
        }
    }

    /// `config.json` had `lr_decay` before there were schedules.
    #[test]
    fn what_the_first_version_wrote_is_read() {
        let mut config = config("Adam", r#"{"learning_rate": 1e-5}"#);
        let mut json = serde_json::to_value(&config).unwrap();
        json.as_object_mut().unwrap().remove("lr_schedule");
        assert_eq!(serde_json::from_value::<RunConfig>(json.clone()).unwrap(), config);
        json["lr_decay"] = Value::Null;
        assert_eq!(serde_json::from_value::<RunConfig>(json.clone()).unwrap(), config);
        json["lr_decay"] = serde_json::json!({"epochs": 25, "factor": 0.1});
        config.lr_schedule.shape = Shape::Step(DECAY);
        assert_eq!(serde_json::from_value::<RunConfig>(json).unwrap(), config);
    }
}
