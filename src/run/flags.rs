//! A run's configuration as a flat table of flags and values: for people who compare runs, for
//! TensorBoard's HParams table, which knows numbers, texts and truth values.

use serde_json::{Map, Value, json};

use super::{LearningRateDecay, Plateau, RunConfig};
use crate::data::{ClassWeights, Normalize, ValidationSplit};
use crate::nn::ReconstructionLoss;

impl RunConfig {
    /// Every flag that says what the run is, by its name without `--`, in the order of the help; the
    /// arguments of the model and of the optimizer by theirs. What was not given and has no default is left out.
    pub fn flags(&self) -> Map<String, Value> {
        let mut flags = Map::new();
        let mut add = |name: &str, value: Value| {
            if !value.is_null() {
                flags.insert(name.to_owned(), value);
            }
        };
        add("model", json!(self.model));
        for (name, value) in self.model_args.iter() {
            add(name, value.clone());
        }
        add("dataset", json!(self.dataset));
        add("data_dir", json!(self.data.as_ref().map(|data| &data.name)));
        add(
            "image_size",
            json!(self.image_size.map(|[height, width]| format!("{height}x{width}"))),
        );
        add("classes", json!(self.classes_as_text()));
        add("optimizer", json!(self.optimizer));
        for (name, value) in self.optimizer_args.iter() {
            add(name, value.clone());
        }
        add("batch_size", json!(self.batch_size));
        add("epochs", json!(self.epochs));
        add("patience", json!(self.patience));
        add("min_delta", json!((self.min_delta > 0.0).then_some(self.min_delta)));
        add("l2_penalty", json!(self.l2_penalty));
        add("augment", json!(self.augment));
        for (name, number) in [
            ("mixup", self.mixup),
            ("cutmix", self.cutmix),
            ("label_smoothing", self.label_smoothing),
        ] {
            add(name, json!((number > 0.0).then_some(number)));
        }
        let is_weighted = self.class_weights != ClassWeights::None;
        add("class_weights", json!(is_weighted.then_some(self.class_weights)));
        add("clip_norm", json!(self.clip_norm));
        add("ema", json!(self.ema));
        let has_loss = self.loss != ReconstructionLoss::Mse;
        add("loss", json!(has_loss.then_some(self.loss)));
        add("noise", json!(self.noise));
        add("sparsity", json!(self.sparsity));
        add("normalize", json!((self.normalize != Normalize::Range).then_some(&self.normalize)));
        let shape = self.lr_schedule.shape;
        add("lr_schedule", json!(shape.name()));
        if let Some(LearningRateDecay { epochs, factor }) = shape.decay() {
            add("lr_decay_epochs", json!(epochs));
            add("lr_decay_factor", json!(factor));
        }
        if let Some(Plateau { patience, factor }) = shape.plateau() {
            add("lr_patience", json!(patience));
            add("lr_decay_factor", json!(factor));
        }
        let min_lr = self.lr_schedule.min_lr;
        add("min_lr", json!((min_lr > 0.0).then_some(min_lr)));
        add("warmup_epochs", json!(self.lr_schedule.warmup_epochs));
        match self.validation_split {
            Some(ValidationSplit::Share { share, .. }) => add("validation_split", json!(share)),
            Some(ValidationSplit::Fold { fold, folds, .. }) => {
                add("folds", json!(folds));
                add("fold", json!(fold));
            }
            None => {}
        }
        if let Some(
            ValidationSplit::Share { split_seed, .. } | ValidationSplit::Fold { split_seed, .. },
        ) = self.validation_split
        {
            add("split_seed", json!(split_seed.to_string()));
        }
        add("select", json!(self.select));
        add("comment", json!(self.comment));
        // A text: the largest seeds are no exact floating point numbers.
        add("seed", json!(self.seed.to_string()));
        if let Some(pretrained) = &self.pretrained {
            add("checkpoint_path", json!(pretrained.checkpoint_path));
            add("exclude_scopes", scopes(pretrained.exclude_scopes.as_ref()));
        }
        add("trainable_scopes", scopes(self.trainable_scopes.as_ref()));
        flags
    }
}

/// As they are given on the command line.
fn scopes(scopes: Option<&crate::nn::Scopes>) -> Value {
    json!(scopes.map(ToString::to_string))
}
