//! How a model does on a part of a data set.

use serde::Serialize;

use super::{ClassScore, Confusion, ImageResults, Metric, Score};

/// How a model does on some examples.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalReport {
    /// In all.
    pub score: Score,
    /// The metrics that were asked for, and that there are: `top5` needs six classes or more.
    pub metrics: Vec<(Metric, f64)>,
    /// Image by image, where that was asked for.
    pub images: Option<ImageResults>,
    /// The confusion matrix of a classifier.
    pub confusion: Option<Confusion>,
    /// The names of the classes, by label.
    pub class_names: Vec<String>,
    /// What the model notes of itself, by name, as the KL divergence of a variational autoencoder.
    pub notes: Vec<(String, f64)>,
}

/// Two classes that are confused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfusedPair {
    /// The name of the true one.
    pub class: String,
    /// That of the predicted one.
    pub taken_for: String,
    /// Examples of the one that are taken for the other.
    pub examples: u64,
    /// Their share of all examples of the true class.
    pub share: f64,
}

impl EvalReport {
    /// The score of each class; none of an autoencoder's.
    pub fn class_scores(&self) -> Vec<ClassScore> {
        let confusion = self.confusion.as_ref();
        confusion.map_or(Vec::new(), |confusion| confusion.class_scores(&self.class_names))
    }

    /// The `count` pairs of classes that are confused most often, as [`Confusion::most_confused`]; none of an
    /// autoencoder's.
    pub fn most_confused(&self, count: usize) -> Vec<ConfusedPair> {
        let Some(confusion) = &self.confusion else { return Vec::new() };
        let scores = confusion.class_scores(&self.class_names);
        let pair = |(class, taken_for, examples): (usize, usize, u64)| ConfusedPair {
            class: self.class_names[class].clone(),
            taken_for: self.class_names[taken_for].clone(),
            examples,
            share: examples as f64 / scores[class].examples as f64,
        };
        confusion.most_confused(count).into_iter().map(pair).collect()
    }

    /// The value of `metric`, if there is one.
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        self.metrics.iter().find(|(other, _)| *other == metric).map(|(_, value)| *value)
    }
}
