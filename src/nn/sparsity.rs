//! What keeps the code of an autoencoder sparse: a penalty that is added to the loss of a training.
//!
//! A code h is `[batch, units, ...]`; of feature maps a unit is a map, at all its places. An image has n values.
//!
//! | `--sparsity` | penalty |
//! |---|---|
//! | `l1:λ` | λ · mean of abs(h), over all values |
//! | `kl:ρ`, `kl:ρ,β` | (β / n) Σ_j KL(ρ ‖ ρ̂_j), ρ̂_j the mean of a = (h - low) / (high - low) of unit j over batch and places; β is 3 unless given |
//!
//! with KL(ρ ‖ ρ̂) = ρ ln (ρ / ρ̂) + (1 - ρ) ln ((1 - ρ) / (1 - ρ̂)). Ng, "Sparse autoencoder" (CS294A lecture notes, 2011),
//! whose squared error is a sum over the n values, where ours is a mean: n times our loss is his, with his β. There a unit
//! of a sigmoid is inactive near 0 and one of tanh near -1, so that a tanh is brought to 0..=1 first. What has no bounds,
//! as a linear code or one of ReLUs, has no such activity, and is refused. ρ̂ is in 1e-7..=1 - 1e-7; beyond it there is no
//! gradient. `l1` is a mean over examples; `kl` is one of the whole batch, which is then not cut.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::ops::ordered_sum::{ordered_mean, ordered_sum};

/// The least mean activity, and 1 less the greatest.
const EPSILON: f64 = 1e-7;
/// β of Ng's exercises.
const BETA: f64 = 3.0;
/// What is answered to anything else.
const CHOICES: &str = "there are: l1:1e-4, kl:0.05 (or kl:0.05,3, with its weight), and none";

/// A kind of penalty, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Sparsity {
    /// The mean absolute value.
    L1 {
        /// λ, 0 or more.
        weight: f64,
    },
    /// The KL divergence of mean activities from a wanted one.
    Kl {
        /// ρ, between 0 and 1.
        activity: f64,
        /// β, 0 or more.
        weight: f64,
    },
}

impl Sparsity {
    /// None.
    pub const NONE: Self = Self::L1 { weight: 0.0 };

    /// Whether it changes nothing.
    pub fn is_none(self) -> bool {
        let (Self::L1 { weight } | Self::Kl { weight, .. }) = self;
        weight == 0.0
    }

    /// Whether it is one number of a batch as a whole, and no mean over its examples.
    pub fn is_of_whole_batches(self) -> bool {
        matches!(self, Self::Kl { .. })
    }

    /// Whether it takes codes between these `bounds`, `None` where a code has none.
    pub fn takes(self, bounds: Option<[f64; 2]>) -> bool {
        matches!(self, Self::L1 { .. }) || bounds.is_some()
    }

    /// The penalty `[1]` of the `code` `[batch, units, ...]`, whose values are between `bounds`, of images of so many
    /// `values`; `None` where it does not [take](Self::takes) such codes.
    pub fn penalty<const D: usize>(
        self,
        code: Tensor<D>,
        bounds: Option<[f64; 2]>,
        values: usize,
    ) -> Option<Tensor<1>> {
        match self {
            Self::L1 { weight } => Some(ordered_mean(code.abs()) * weight),
            Self::Kl { activity, weight } => {
                let means = activities(code, bounds?).clamp(EPSILON, 1.0 - EPSILON);
                let entropy = activity * activity.ln() + (1.0 - activity) * (1.0 - activity).ln();
                let cross =
                    means.clone().log() * activity + (-means + 1.0).log() * (1.0 - activity);
                Some(ordered_sum(-cross + entropy) * (weight / values as f64))
            }
        }
    }

    /// The same of the mean activities of all units, as they are known of many batches.
    pub(crate) fn of_activities(self, means: &[f64], values: usize) -> f64 {
        let Self::Kl { activity, weight } = self else { return 0.0 };
        let divergence = |mean: f64| {
            let mean = mean.clamp(EPSILON, 1.0 - EPSILON);
            activity * (activity / mean).ln()
                + (1.0 - activity) * ((1.0 - activity) / (1.0 - mean)).ln()
        };
        weight / values as f64 * means.iter().copied().map(divergence).sum::<f64>()
    }

    /// As a part of a file's name.
    pub fn file_name(self) -> String {
        self.to_string().replace(':', "-")
    }
}

/// The mean activity `[units]` of each unit of a `code` `[batch, units, ...]` between these bounds: 0 at the lower one, 1
/// at the upper.
pub(crate) fn activities<const D: usize>(code: Tensor<D>, [low, high]: [f64; 2]) -> Tensor<1> {
    let dims = code.dims();
    let (batch, units) = (dims[0], dims[1]);
    let places = dims[2..].iter().product::<usize>();
    // In two steps: fewer numbers in a sum are fewer roundings.
    let means = code.reshape([batch, units, places]).mean_dim(2).reshape([batch, units]);
    let means: Tensor<1> = means.mean_dim(0).reshape([units]);
    (means - low) / (high - low)
}

impl FromStr for Sparsity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = &*text.trim().to_lowercase();
        if ["none", "0"].contains(&text) {
            return Ok(Self::NONE);
        }
        let unknown = || format!("there is no sparsity `{text}`; {CHOICES}");
        let (name, numbers) = text.split_once(':').ok_or_else(unknown)?;
        let number = |text: &str| text.trim().parse::<f64>().unwrap_or(f64::NAN);
        let weight = |text: &str, what: &str| {
            let weight = number(text);
            let fits = weight >= 0.0 && weight <= f64::from(f32::MAX);
            fits.then_some(weight).ok_or(format!("{name} takes {what}, 0 or more"))
        };
        match (name.trim(), numbers.split_once(',')) {
            ("l1", _) => Ok(Self::L1 { weight: weight(numbers, "the weight, as l1:1e-4")? }),
            ("kl", of_two) => {
                let (activity, given) = of_two.unzip();
                let activity = number(activity.unwrap_or(numbers));
                if !(EPSILON..=1.0 - EPSILON).contains(&activity) {
                    return Err("kl takes the mean activity that is wanted of each unit, between 0 and 1, as kl:0.05"
                        .into());
                }
                let given =
                    given.map(|text| weight(text, "a weight after the comma, as kl:0.05,3"));
                Ok(Self::Kl { activity, weight: given.transpose()?.unwrap_or(BETA) })
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Sparsity {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::L1 { weight } => write!(f, "l1:{}", number(*weight)),
            Self::Kl { activity, weight } if *weight == BETA => {
                write!(f, "kl:{}", number(*activity))
            }
            Self::Kl { activity, weight } => {
                write!(f, "kl:{},{}", number(*activity), number(*weight))
            }
        }
    }
}

/// A number in the shorter of the two ways to write it.
fn number(number: f64) -> String {
    let (plain, scientific) = (number.to_string(), format!("{number:e}"));
    if scientific.len() < plain.len() { scientific } else { plain }
}

impl TryFrom<String> for Sparsity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("sparsity: {error}"))
    }
}

impl From<Sparsity> for String {
    fn from(sparsity: Sparsity) -> Self {
        sparsity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::tensor::floats;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn what_is_read_is_what_is_said() {
        for (text, said) in [
            ("l1:0.0001", "l1:1e-4"),
            ("L1:0.5", "l1:0.5"),
            ("kl:0.05", "kl:0.05"),
            ("kl:0.05,3", "kl:0.05"),
            ("KL: 0.1, 0.5", "kl:0.1,0.5"),
        ] {
            let read: Sparsity = text.parse().unwrap();
            assert_eq!(read.to_string(), said);
            assert_eq!(said.parse(), Ok(read));
            assert_eq!(serde_json::to_value(read).unwrap(), said);
        }
        for none in ["none", "0", "l1:0", "kl:0.05,0"] {
            assert!(none.parse::<Sparsity>().unwrap().is_none(), "{none}");
        }
        for (text, needle) in [
            ("l2:1", "there are: l1:1e-4, kl:0.05"),
            ("l1", "there are: l1:1e-4"),
            ("l1:-1", "0 or more"),
            ("l1:inf", "0 or more"),
            ("l1:0.1,2", "0 or more"),
            ("kl:0", "between 0 and 1"),
            ("kl:1", "between 0 and 1"),
            ("kl:x", "between 0 and 1"),
            ("kl:0.05,-1", "0 or more"),
            ("kl:0.05,nan", "0 or more"),
        ] {
            let error = text.parse::<Sparsity>().unwrap_err();
            assert!(error.contains(needle), "{text}: {error}");
        }
    }

    /// By hand; and the two ways to the same number.
    #[test]
    fn penalties_of_two_units() {
        let device = Device::flex();
        // Two images, two units of two places each.
        let data = TensorData::new(vec![-1.0f32, 0., 1., 1., 0., 0., 0., 0.], [2, 2, 2]);
        let code = Tensor::<3>::from_data(data, &device);
        let l1 = Sparsity::L1 { weight: 2.0 };
        assert_eq!(floats(l1.penalty(code.clone(), None, 5).unwrap()), [2.0 * 3.0 / 8.0]);
        let means = activities(code.clone(), [-1.0, 1.0]);
        assert_eq!(floats(means), [0.375, 0.75]);
        let kl = Sparsity::Kl { activity: 0.375, weight: 10.0 };
        assert!(!kl.takes(None) && kl.penalty(code.clone(), None, 5).is_none());
        let made = floats(kl.penalty(code, Some([-1.0, 1.0]), 5).unwrap())[0];
        // That of the first unit is 0.
        let expected = 10.0 / 5.0 * (0.375 * 0.5f64.ln() + 0.625 * 2.5f64.ln());
        assert!((f64::from(made) - expected).abs() < 1e-6, "{made} {expected}");
        assert!((kl.of_activities(&[0.375, 0.75], 5) - expected).abs() < 1e-12);
    }
}
