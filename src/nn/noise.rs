//! What disturbs the images of a training, so that an autoencoder learns to take it away.
//!
//! Pixels are in -1..=1, black -1 and white 1; each value of each channel is disturbed on its own.
//!
//! | `--noise` | x becomes |
//! |---|---|
//! | `gaussian:S` | clip(x + S ε), ε of the standard normal |
//! | `uniform:A` | clip(x + u), u uniform in ±A |
//! | `mask:P` | -1 with the probability P, else x |
//! | `salt_pepper:P` | -1 with the probability P / 2, 1 with P / 2, else x |
//!
//! clip is to -1..=1. Vincent et al. 2010, "Stacked denoising autoencoders", section 3.3, where black is 0 (and Gaussian
//! noise is not clipped); uniform noise is that of Dynamic Training Bench's `StackedDenoisingCAE`.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::ForwardContext;

/// Black and white.
const RANGE: [f64; 2] = [-1.0, 1.0];

/// A kind of noise, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Noise {
    kind: NoiseKind,
    /// A deviation, a range or a probability.
    amount: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoiseKind {
    Gaussian,
    Uniform,
    Mask,
    SaltPepper,
}

const KINDS: [(&str, NoiseKind); 4] = [
    ("gaussian", NoiseKind::Gaussian),
    ("mask", NoiseKind::Mask),
    ("salt_pepper", NoiseKind::SaltPepper),
    ("uniform", NoiseKind::Uniform),
];
/// What is answered to anything else.
const CHOICES: &str = "there are: gaussian:0.2, mask:0.3, salt_pepper:0.1, uniform:0.5, and none";

impl Noise {
    /// None.
    pub const NONE: Self = Self::uniform(0.0);

    /// Uniform within ±`most`.
    pub const fn uniform(most: f64) -> Self {
        Self { kind: NoiseKind::Uniform, amount: most }
    }

    /// Whether it leaves images as they are.
    pub fn is_none(self) -> bool {
        self.amount == 0.0
    }

    /// `images` of pixels in -1..=1, disturbed; as they are where there is no noise, and then nothing is drawn.
    ///
    /// # Panics
    /// In a pass of evaluation, where there is noise.
    pub fn on(self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let (shape, device) = (images.dims(), images.device());
        let [black, white] = RANGE;
        let amount = self.amount as f32;
        if self.is_none() {
            return images;
        }
        match self.kind {
            NoiseKind::Gaussian => {
                let noise = context.normal(shape, &device) * self.amount;
                (images + noise).clamp(black, white)
            }
            NoiseKind::Uniform => {
                let noise = context.uniform([-amount, amount], shape, &device);
                (images + noise).clamp(black, white)
            }
            NoiseKind::Mask => {
                let masked = context.bernoulli(self.amount, shape, &device);
                images.mask_fill(masked.equal_elem(1.0), black)
            }
            NoiseKind::SaltPepper => {
                let place: Tensor<4> = context.uniform([0.0, 1.0], shape, &device);
                let half = self.amount / 2.0;
                let pepper = place.clone().lower_elem(half);
                let salt = place.greater_equal_elem(1.0 - half);
                images.mask_fill(pepper, black).mask_fill(salt, white)
            }
        }
    }

    /// As a part of a file's name.
    pub fn file_name(self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl FromStr for Noise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = &*text.trim().to_lowercase();
        if ["none", "0"].contains(&text) {
            return Ok(Self::NONE);
        }
        let unknown = || format!("there is no noise `{text}`; {CHOICES}");
        let (name, amount) = text.split_once(':').ok_or_else(unknown)?;
        let name = name.trim().replace('-', "_");
        let kind = KINDS.into_iter().find(|(known, _)| *known == name).ok_or_else(unknown)?.1;
        let amount: f64 = amount.trim().parse().unwrap_or(f64::NAN);
        let (fits, wanted) = match kind {
            NoiseKind::Gaussian => (amount >= 0.0, "a deviation, 0 or more, as 0.2"),
            NoiseKind::Uniform => (amount >= 0.0, "the most that is added, 0 or more, as 0.5"),
            NoiseKind::Mask | NoiseKind::SaltPepper => {
                ((0.0..1.0).contains(&amount), "a share of the pixels, 0 or more and less than 1")
            }
        };
        match fits && amount <= f64::from(f32::MAX) {
            true => Ok(Self { kind, amount }),
            false => Err(format!("{name} takes {wanted}; pixels are from -1, black, to 1, white")),
        }
    }
}

impl fmt::Display for Noise {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = KINDS[KINDS.iter().position(|(_, kind)| *kind == self.kind).unwrap_or(0)];
        write!(f, "{name}:{}", self.amount)
    }
}

impl TryFrom<String> for Noise {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("noise: {error}"))
    }
}

impl From<Noise> for String {
    fn from(noise: Noise) -> Self {
        noise.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::tensor::floats;
    use burn::tensor::Device;

    const SHAPE: [usize; 4] = [4, 3, 64, 64];
    const N: f64 = (4 * 3 * 64 * 64) as f64;

    /// A grey image, disturbed.
    fn disturbed(noise: &str, seed: u64) -> Vec<f64> {
        let images = Tensor::<4>::zeros(SHAPE, &Device::flex()) + 0.25;
        let noise: Noise = noise.parse().unwrap();
        let images = noise.on(images, &mut ForwardContext::training(seed));
        floats(images).into_iter().map(f64::from).collect()
    }

    /// Shares and moments, four deviations around what they should be.
    #[test]
    fn noise_is_as_it_says() {
        let share = |values: &[f64], of: f64| {
            values.iter().filter(|value| **value == of).count() as f64 / N
        };
        let near = |share: f64, p: f64| (share - p).abs() < 4.0 * (p * (1.0 - p) / N).sqrt();
        let masked = disturbed("mask:0.3", 1);
        assert!(near(share(&masked, -1.0), 0.3) && share(&masked, 0.25) > 0.65);
        let salted = disturbed("salt-pepper:0.1", 1);
        assert!(near(share(&salted, -1.0), 0.05) && near(share(&salted, 1.0), 0.05));
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / N;
            (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / N).sqrt())
        };
        // None is further from 0.25 than what is clipped.
        let (mean, deviation) = moments(&disturbed("gaussian:0.1", 1));
        assert!((mean - 0.25).abs() < 4.0 * 0.1 / N.sqrt() && (deviation - 0.1).abs() < 0.002);
        let uniform = disturbed("uniform:0.5", 1);
        let (mean, deviation) = moments(&uniform);
        assert!((mean - 0.25).abs() < 4.0 * 0.29 / N.sqrt(), "{mean}");
        assert!((deviation - 0.5 / 3f64.sqrt()).abs() < 0.002, "{deviation}");
        assert!(uniform.iter().all(|value| (-0.25..=0.75).contains(value)));
    }

    #[test]
    fn it_stays_in_the_range_and_is_the_seeds() {
        for noise in ["gaussian:3", "uniform:5", "mask:0.9", "salt_pepper:0.9"] {
            let values = disturbed(noise, 7);
            assert!(values.iter().all(|value| (-1.0..=1.0).contains(value)), "{noise}");
            assert_eq!(values, disturbed(noise, 7), "{noise}");
            assert_ne!(values, disturbed(noise, 8), "{noise}");
        }
        let mut context = ForwardContext::training(7);
        let images = Tensor::<4>::ones([1, 1, 2, 2], &Device::flex());
        for none in ["gaussian:0", "mask:0.0", "salt_pepper:0", "uniform:0", "none", "0"] {
            let noise: Noise = none.parse().unwrap();
            assert!(noise.is_none());
            assert_eq!(floats(noise.on(images.clone(), &mut context)), [1.0; 4]);
        }
        // Nothing was drawn.
        let draw = |context: &mut ForwardContext| {
            floats(context.uniform([0.0, 1.0], [3], &Device::flex()))
        };
        assert_eq!(draw(&mut context), draw(&mut ForwardContext::training(7)));
    }

    #[test]
    fn what_is_read_is_what_is_said() {
        for text in ["gaussian:0.2", "mask:0.3", "salt_pepper:0.1", "uniform:0.5"] {
            assert_eq!(text.parse::<Noise>().unwrap().to_string(), text);
            assert_eq!(text.to_uppercase().parse::<Noise>().unwrap().to_string(), text);
        }
        for (text, needle) in [
            ("snow:1", "salt_pepper:0.1"),
            ("gaussian", "there are: gaussian:0.2"),
            ("gaussian:-1", "0 or more"),
            ("gaussian:inf", "0 or more"),
            ("uniform:nan", "0 or more"),
            ("mask:1", "less than 1"),
            ("salt_pepper:", "less than 1"),
        ] {
            let error = text.parse::<Noise>().unwrap_err();
            assert!(error.contains(needle), "{text}: {error}");
        }
    }
}
