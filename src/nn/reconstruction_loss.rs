//! What the training of an autoencoder brings down: how far its reconstructions x' are from the images x.
//!
//! Both are `[batch, channels, height, width]` in -1..=1; a mean is over all n values.
//!
//! | `--loss` | |
//! |---|---|
//! | `mse` | the model's error, Σ (x' - x)² / 2n: the default |
//! | `l1` | mean of abs(x' - x) |
//! | `bce` | mean of -(t ln p + (1 - t) ln (1 - p)), t = (x + 1) / 2, p = (x' + 1) / 2 |
//! | `ssim` | 1 - SSIM of t and p, the mean over channels and windows inside the image ([`structural_similarity`]) |
//! | `mse+ssim` | the sum of the two |
//!
//! `bce` is the binary cross-entropy of pixels as probabilities, with p in 1e-7..=1 - 1e-7 as in Keras (beyond it there
//! is no gradient); of grey images its least value is their entropy, not 0. Whatever is trained, what is reported is
//! the error.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::structural_similarity::structural_similarity;
use crate::ops::ordered_sum::ordered_mean;

/// Keras' `epsilon()`: the least probability of a pixel.
const EPSILON: f64 = 1e-7;

/// What `--loss` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconstructionLoss {
    /// The error.
    #[default]
    Mse,
    /// The mean absolute difference.
    L1,
    /// The binary cross-entropy.
    Bce,
    /// One less the structural similarity.
    Ssim,
    /// Error and structural similarity.
    #[serde(rename = "mse+ssim")]
    MseSsim,
}

/// By name.
const LOSSES: [(&str, ReconstructionLoss); 5] = [
    ("mse", ReconstructionLoss::Mse),
    ("l1", ReconstructionLoss::L1),
    ("bce", ReconstructionLoss::Bce),
    ("ssim", ReconstructionLoss::Ssim),
    ("mse+ssim", ReconstructionLoss::MseSsim),
];

impl ReconstructionLoss {
    /// The loss `[1]` of the reconstructions `made` of `images`, whose `error` `[1]` is known.
    ///
    /// # Panics
    /// When the two have not the same shape.
    pub fn of(self, made: Tensor<4>, images: Tensor<4>, error: Tensor<1>) -> Tensor<1> {
        match self {
            Self::Mse => error,
            Self::L1 => ordered_mean((made - images).abs()),
            Self::Bce => cross_entropy(made, images),
            Self::Ssim => -structural_similarity(made, images) + 1.0,
            Self::MseSsim => error + (-structural_similarity(made, images) + 1.0),
        }
    }
}

/// The mean `[1]` of -(t ln p + (1 - t) ln (1 - p)).
fn cross_entropy(made: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
    let white = ((made + 1.0) / 2.0).clamp(EPSILON, 1.0 - EPSILON);
    let target = (images + 1.0) / 2.0;
    let black = (-white.clone() + 1.0).log();
    // t ln p + (1 - t) ln (1 - p)
    let likelihood = target * (white.log() - black.clone()) + black;
    -ordered_mean(likelihood)
}

impl FromStr for ReconstructionLoss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = match &*text.to_lowercase() {
            "mae" => "l1".to_owned(),
            "ssim+mse" => "mse+ssim".to_owned(),
            name => name.to_owned(),
        };
        let known = LOSSES.into_iter().find(|(known, _)| *known == name);
        let names = LOSSES.map(|(name, _)| name).join(", ");
        known.map(|(_, loss)| loss).ok_or(format!("there are: {names}"))
    }
}

impl fmt::Display for ReconstructionLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = LOSSES.into_iter().find(|(_, loss)| loss == self);
        f.write_str(found.map_or("mse", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (name, loss) in LOSSES {
            assert_eq!(name.parse(), Ok(loss));
            assert_eq!(loss.to_string(), name);
            assert_eq!(serde_json::to_value(loss).unwrap(), name);
        }
        assert_eq!("MAE".parse(), Ok(ReconstructionLoss::L1));
        let error = "huber".parse::<ReconstructionLoss>().unwrap_err();
        assert_eq!(error, "there are: mse, l1, bce, ssim, mse+ssim");
    }
}
