//! What can be measured beside the loss, by name: of an autoencoder's reconstructions and of a classifier's
//! probabilities.
//!
//! | name | of | better | what |
//! |---|---|---|---|
//! | `mse`, `mae` | autoencoders | lower | mean squared and mean absolute error of the pixels, which are in [-1, 1]; `mse` is twice the `error` |
//! | `psnr` | autoencoders | higher | 10 log10(2² / mse) in dB; 2 is the range of the pixels |
//! | `ssim` | autoencoders | higher | structural similarity ([`ssim`](super::image_quality::ssim)) |
//! | `loss` | classifiers | lower | mean cross-entropy |
//! | `top1`, `top5` | classifiers | higher | share of the images whose class is the likeliest, or one of the five likeliest |
//! | `precision`, `recall`, `f1` | classifiers | higher | means over the classes |
//! | `auroc` | classifiers | higher | area under the ROC curve, one class against the rest, mean over the classes |
//! | `ece` | classifiers | lower | expected calibration error in 15 bins (Guo et al. 2017) |

use std::fmt;

use serde::{Deserialize, Serialize};

/// A measure beside the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the module's table says what each is")]
pub enum Metric {
    Mse,
    Mae,
    Psnr,
    Ssim,
    Loss,
    Top1,
    Top5,
    Precision,
    Recall,
    F1,
    Auroc,
    Ece,
}

/// All of them, in the order in which they are shown.
pub const METRICS: [Metric; 12] = [
    Metric::Mse,
    Metric::Mae,
    Metric::Psnr,
    Metric::Ssim,
    Metric::Loss,
    Metric::Top1,
    Metric::Top5,
    Metric::Precision,
    Metric::Recall,
    Metric::F1,
    Metric::Auroc,
    Metric::Ece,
];

impl Metric {
    /// What it is called in flags, tags and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Mae => "mae",
            Self::Psnr => "psnr",
            Self::Ssim => "ssim",
            Self::Loss => "loss",
            Self::Top1 => "top1",
            Self::Top5 => "top5",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::Auroc => "auroc",
            Self::Ece => "ece",
        }
    }

    /// The one called `name`.
    pub fn find(name: &str) -> Option<Self> {
        METRICS.into_iter().find(|metric| metric.name() == name)
    }

    /// Whether it is one of classifiers; the others are those of autoencoders.
    pub fn is_of_classifiers(self) -> bool {
        !matches!(self, Self::Mse | Self::Mae | Self::Psnr | Self::Ssim)
    }

    /// Whether more is better.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::Mse | Self::Mae | Self::Loss | Self::Ece)
    }

    /// Whether `value` beats `other`; an equal one does not, and NaN beats nothing.
    pub fn is_better(self, value: f64, other: f64) -> bool {
        if self.higher_is_better() { value > other } else { value < other }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json_and_unique() {
        for metric in METRICS {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
            assert_eq!(Metric::find(metric.name()), Some(metric));
        }
        assert_eq!(Metric::find("accuracy"), None);
    }

    #[test]
    fn the_better_one() {
        assert!(Metric::Psnr.is_better(20.0, 19.0) && !Metric::Psnr.is_better(19.0, 19.0));
        assert!(Metric::Ece.is_better(0.1, 0.2) && !Metric::Ece.is_better(f64::NAN, 0.2));
    }
}
