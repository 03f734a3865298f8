//! How a model does on a part of a data set.

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

impl EvalReport {
    /// The score of each class; none of an autoencoder's.
    pub fn class_scores(&self) -> Vec<ClassScore> {
        let confusion = self.confusion.as_ref();
        confusion.map_or(Vec::new(), |confusion| confusion.class_scores(&self.class_names))
    }

    /// The value of `metric`, if there is one.
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        self.metrics.iter().find(|(other, _)| *other == metric).map(|(_, value)| *value)
    }
}
