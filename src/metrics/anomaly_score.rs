//! How odd an image x `[channels, height, width]` is, by its reconstruction y: the larger, the odder.
//!
//! With the errors of the pixels e_p = (y_p - x_p)² / 2, the mean over the channels:
//!
//! | name | score |
//! |---|---|
//! | `mean` | mean_p e_p: the image's `error` |
//! | `max` | max_p e_p |
//! | `p99` | the 99th percentile of e_p, numpy's: linear between two pixels |
//! | `ssim` | 1 - [`ssim`](super::image_quality::ssim) of the two |
//!
//! `mean` is what most papers take; `max` and `p99` see a small spot in a large image.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::image_quality::{image_errors, ssim};

/// How an image's reconstruction becomes a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnomalyScore {
    /// The mean error of its pixels.
    #[default]
    Mean,
    /// The largest one.
    Max,
    /// Their 99th percentile.
    P99,
    /// One less the structural similarity.
    Ssim,
}

/// All of them.
const ALL: [AnomalyScore; 4] =
    [AnomalyScore::Mean, AnomalyScore::Max, AnomalyScore::P99, AnomalyScore::Ssim];

impl AnomalyScore {
    /// What it is called in flags and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "max",
            Self::P99 => "p99",
            Self::Ssim => "ssim",
        }
    }

    /// The score of an `image` and what a model makes of it, both of `shape` `[channels, height, width]`. NaN
    /// where a value is NaN.
    ///
    /// # Panics
    /// Where a length is not that of `shape`.
    pub fn of(self, image: &[f32], reconstruction: &[f32], shape: [usize; 3]) -> f64 {
        let errors = || pixel_errors(image, reconstruction, shape);
        match self {
            Self::Mean => image_errors(image, reconstruction, image.len())[0].mse / 2.0,
            // `f64::max` would pass over NaN.
            Self::Max => errors()
                .into_iter()
                .fold(0.0, |most, e| if most > e || most.is_nan() { most } else { e }),
            Self::P99 => percentile(errors(), 0.99),
            Self::Ssim => 1.0 - ssim(image, reconstruction, shape),
        }
    }
}

impl fmt::Display for AnomalyScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AnomalyScore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = ALL.into_iter().find(|score| score.name() == text.to_lowercase());
        let names = || ALL.map(Self::name).join(", ");
        found.ok_or_else(|| format!("there is no score `{text}`; there are: {}", names()))
    }
}

/// e_p `[height · width]`.
fn pixel_errors(image: &[f32], reconstruction: &[f32], shape: [usize; 3]) -> Vec<f64> {
    let [channels, height, width] = shape;
    let pixels = height * width;
    assert_eq!([image.len(), reconstruction.len()], [channels * pixels; 2], "not {shape:?}");
    let square = |at: usize| (f64::from(reconstruction[at]) - f64::from(image[at])).powi(2);
    let error = |pixel| {
        (0..channels).map(|channel| square(channel * pixels + pixel)).sum::<f64>()
            / (2 * channels) as f64
    };
    (0..pixels).map(error).collect()
}

/// The quantile `share` of `values`, linear between the two at its sides; NaN of nothing, or with NaN.
fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let place = share * (values.len() - 1) as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_one_image() {
        // Two channels of four pixels: e = 0, 0.5, 1, 2.
        let image = [0.0; 8];
        let made = [0.0, 1.0, 0.0, 2.0, 0.0, 1.0, 2.0, 2.0];
        let of = |score: AnomalyScore| score.of(&image, &made, [2, 2, 2]);
        assert_eq!(of(AnomalyScore::Mean), 3.5 / 4.0);
        assert_eq!(of(AnomalyScore::Max), 2.0);
        // numpy.percentile([0, 0.5, 1, 2], 99)
        assert!((of(AnomalyScore::P99) - 1.97).abs() < 1e-12);
        assert!(of(AnomalyScore::Ssim) > 0.5);
        let same = |score: AnomalyScore| score.of(&made, &made, [2, 2, 2]);
        assert!(ALL.into_iter().all(|score| same(score).abs() < 1e-12));
    }

    #[test]
    fn a_score_of_nan_is_nan() {
        let made = [f32::NAN, 1.0, 2.0, 3.0];
        for score in ALL {
            assert!(score.of(&[0.0; 4], &made, [1, 2, 2]).is_nan(), "{score}");
        }
    }

    #[test]
    fn names() {
        assert!(ALL.into_iter().all(|score| score.name().parse() == Ok(score)));
        assert!("median".parse::<AnomalyScore>().unwrap_err().contains("mean, max, p99, ssim"));
    }
}
