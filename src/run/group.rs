//! Runs that are equal but for the seed and the fold: those that are averaged.
//!
//! ```text
//! MNIST_Adam_lr=1e-05_seed=1, MNIST_Adam_lr=1e-05_seed=2   ->   MNIST_Adam_lr=1e-05_seed=*
//! ```

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::RunConfig;
use super::config::shortened;
use crate::data::ValidationSplit;
use crate::util::hex::hex;

/// Hexadecimal digits of a group's identifier.
const DIGITS: usize = 8;

impl RunConfig {
    /// The whole configuration without the seed and the fold: the same text for runs that are averaged, and
    /// for no others.
    ///
    /// # Panics
    /// Never: a configuration is a JSON object.
    pub fn group_key(&self) -> String {
        let mut value = serde_json::to_value(self).expect("a configuration is JSON");
        let object = value.as_object_mut().expect("a configuration is an object");
        for name in ["seed", "seed_in_name"] {
            object.shift_remove(name);
        }
        if let Some(split) = object.get_mut("validation_split").and_then(Value::as_object_mut) {
            split.shift_remove("fold");
        }
        // Weights are what they are, wherever they lie.
        if let Some(weights) = object.get_mut("pretrained").and_then(Value::as_object_mut) {
            weights.shift_remove("checkpoint_path");
        }
        value.to_string()
    }

    /// The names of the runs of the group as a pattern: a `*` in the place of what differs.
    pub fn group_name(&self) -> String {
        let mut name = self.common_name();
        if let Some(ValidationSplit::Fold { folds, .. }) = self.validation_split {
            name += &format!("_fold=*of{folds}");
        }
        if self.seed_in_name {
            name += "_seed=*";
        }
        shortened(name)
    }

    /// The group for TensorBoard: its name, and digits that no other group has.
    pub fn group_id(&self) -> String {
        format!("{} {} {}", self.model, shortened(self.common_name()), self.group_digest())
    }

    /// The first digits of the SHA-256 of [`group_key`](Self::group_key).
    fn group_digest(&self) -> String {
        hex(&Sha256::digest(self.group_key()))[..DIGITS].to_owned()
    }

    /// The name of the folder of the group's mean: no other group has it, though the names of their runs may be
    /// alike.
    pub fn mean_name(&self) -> String {
        shortened(format!("{}_mean_{}", self.common_name(), self.group_digest()))
    }

    /// Which run of its group it is: those of two groups that have the same seed and fold are a pair.
    pub fn pair_key(&self) -> (u64, Option<u64>) {
        let fold = match self.validation_split {
            Some(ValidationSplit::Fold { fold, .. }) => Some(fold),
            _ => None,
        };
        (self.seed, fold)
    }
}
