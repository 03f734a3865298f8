//! How much the examples of each class weigh in the loss.
//!
//! ```text
//! balanced: w_c = n / (C n_c)    of n training examples n_c of the class c, C classes that have any
//! loss = Σ_i w_{y_i} l_i / Σ_i w_{y_i}    over the batch
//! ```
//!
//! The weights are scikit-learn's `compute_class_weight("balanced")` (King and Zeng 2001), the weighted mean that of
//! PyTorch's `CrossEntropyLoss(weight=w)`: a batch of one class alone has its plain mean. (Keras divides by the number
//! of examples instead.) Validation and test are not weighted.
//!
//! A batch is computed in parts, so what a part needs of the whole is the factor n / Σ_i w_{y_i}: an example then
//! weighs w_{y_i} times that, 1 on average over the batch.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What `--class_weights` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// All examples weigh the same.
    #[default]
    None,
    /// All classes weigh the same.
    Balanced,
}

impl ClassWeights {
    /// The weight of each of so many `classes`, of which the training examples have these `labels`; `None` where all
    /// examples weigh the same. A class without an example weighs nothing.
    ///
    /// # Panics
    /// When a label is none of the classes.
    pub fn of(self, labels: &[u32], classes: usize) -> Option<Vec<f32>> {
        if self == Self::None {
            return None;
        }
        let mut counts = vec![0u64; classes];
        labels.iter().for_each(|&label| counts[label as usize] += 1);
        let present = counts.iter().filter(|count| **count > 0).count() as f64;
        let weight = |count: &u64| match count {
            0 => 0.0,
            count => (labels.len() as f64 / (present * *count as f64)) as f32,
        };
        Some(counts.iter().map(weight).collect())
    }
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "balanced" => Ok(Self::Balanced),
            _ => Err("there are: balanced, none".into()),
        }
    }
}

impl fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::None { "none" } else { "balanced" })
    }
}

/// What the examples of a batch weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchWeights<'a> {
    /// By class.
    pub of_classes: &'a [f32],
    /// n / Σ_i w_{y_i} of the whole batch.
    pub own: f64,
    /// The same of the examples that they are mixed with.
    pub partners: f64,
}

impl<'a> BatchWeights<'a> {
    /// Of a batch whose examples have the labels `own`, and are mixed with those that have the labels `partners`.
    pub fn new(of_classes: &'a [f32], own: &[u32], partners: &[u32]) -> Self {
        let factor = |labels: &[u32]| {
            let sum: f64 = labels.iter().map(|&label| f64::from(of_classes[label as usize])).sum();
            labels.len() as f64 / sum
        };
        Self { of_classes, own: factor(own), partners: factor(partners) }
    }
}
