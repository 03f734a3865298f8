//! Metrics of a whole split, from what a model makes of its images.

use super::class_quality::{auroc, calibration_error, macro_scores, softmax, top_k};
use super::image_quality::{ImageError, psnr};
use super::{Confusion, ImageResults, Metric, Outcomes};

/// Bins of the calibration error.
const BINS: usize = 15;

/// What an autoencoder makes of images, image by image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconstructed {
    /// The errors of each.
    pub errors: Vec<ImageError>,
    /// The structural similarity of each; empty where it was not asked for.
    pub ssims: Vec<f64>,
}

/// What a classifier makes of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Classified {
    /// `[images, classes]`.
    pub logits: Vec<f32>,
    /// Number of classes.
    pub classes: usize,
}

impl Reconstructed {
    /// Those of `wanted` that are an autoencoder's, over all images.
    pub fn metrics(&self, wanted: &[Metric]) -> Vec<(Metric, f64)> {
        let mse = mean(self.errors.iter().map(|error| error.mse));
        let value = |metric: &Metric| match metric {
            Metric::Mse => Some(mse),
            Metric::Mae => Some(mean(self.errors.iter().map(|error| error.mae))),
            Metric::Psnr => Some(psnr(mse)),
            Metric::Ssim => Some(mean(self.ssims.iter().copied())),
            _ => None,
        };
        wanted.iter().filter_map(|metric| Some((*metric, value(metric)?))).collect()
    }

    /// Image by image: half the mean squared error of each, of these `labels`.
    pub fn images(&self, labels: &[u32]) -> ImageResults {
        let errors = self.errors.iter().map(|error| error.mse / 2.0).collect();
        ImageResults { labels: labels.to_vec(), outcomes: Outcomes::Errors(errors) }
    }
}

impl Classified {
    /// Those of `wanted` that are a classifier's and that there are, for images of these `labels`, where the
    /// mean cross-entropy is `loss`.
    pub fn metrics(&self, wanted: &[Metric], labels: &[u32], loss: f64) -> Vec<(Metric, f64)> {
        let classes = self.classes;
        let probabilities = softmax(&self.logits, classes);
        let confusion = Confusion::new(classes, labels, &self.predictions());
        let of_classes = macro_scores(confusion.counts(), classes);
        let value = |metric: &Metric| match metric {
            Metric::Loss => Some(loss),
            Metric::Top1 => Some(top_k(&probabilities, classes, labels, 1)),
            Metric::Top5 => (classes > 5).then(|| top_k(&probabilities, classes, labels, 5)),
            Metric::Precision => Some(of_classes.precision),
            Metric::Recall => Some(of_classes.recall),
            Metric::F1 => Some(of_classes.f1),
            Metric::Auroc => auroc(&probabilities, classes, labels),
            Metric::Ece => Some(calibration_error(&probabilities, classes, labels, BINS)),
            _ => None,
        };
        wanted.iter().filter_map(|metric| Some((*metric, value(metric)?))).collect()
    }

    /// Image by image: the predicted class and the cross-entropy ln Σ exp z - z of the true one's logit.
    pub fn images(&self, labels: &[u32]) -> ImageResults {
        let rows = self.logits.chunks_exact(self.classes.max(1));
        let loss = |(row, &label): (&[f32], &u32)| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exponentials = row.iter().map(|&logit| f64::from(logit - largest).exp());
            exponentials.sum::<f64>().ln() + f64::from(largest) - f64::from(row[label as usize])
        };
        let losses = rows.zip(labels).map(loss).collect();
        let outcomes = Outcomes::Predictions { classes: self.predictions(), losses };
        ImageResults { labels: labels.to_vec(), outcomes }
    }

    /// The class with the largest logit of each image, the first of several.
    fn predictions(&self) -> Vec<u32> {
        let rows = self.logits.chunks_exact(self.classes.max(1));
        let largest = |row: &[f32]| {
            let better = |best: usize, next: usize| if row[next] > row[best] { next } else { best };
            (1..row.len()).fold(0, better) as u32
        };
        rows.map(largest).collect()
    }
}

/// The mean; NaN of nothing.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_three_images() {
        let logits = vec![2.0, 0.0, 0.0, 3.0, 1.0, 1.0];
        let classified = Classified { logits, classes: 2 };
        let labels = [0, 1, 1];
        let metrics = classified.metrics(&[Metric::Top1, Metric::Top5, Metric::Psnr], &labels, 0.0);
        assert_eq!(metrics, [(Metric::Top1, 2.0 / 3.0)]);
        let images = classified.images(&labels);
        let Outcomes::Predictions { classes, losses } = images.outcomes else { panic!() };
        assert_eq!(classes, [0, 1, 0]);
        let expected = [(1.0 + (-2f64).exp()).ln(), (1.0 + (-3f64).exp()).ln(), 2f64.ln()];
        assert!(
            losses.iter().zip(expected).all(|(loss, expected)| (loss - expected).abs() < 1e-12)
        );
    }

    #[test]
    fn of_reconstructions() {
        let error = |mse| ImageError { mse, mae: 0.5 };
        let made = Reconstructed { errors: vec![error(0.01), error(0.03)], ssims: vec![] };
        let metrics = made.metrics(&[Metric::Mse, Metric::Psnr, Metric::F1]);
        assert_eq!((metrics.len(), metrics[0].1), (2, 0.02));
        assert!((metrics[1].1 - 10.0 * 200f64.log10()).abs() < 1e-9);
        assert_eq!(made.images(&[3, 4]).outcomes, Outcomes::Errors(vec![0.005, 0.015]));
    }
}
