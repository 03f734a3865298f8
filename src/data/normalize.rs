//! From bytes to the pixels that a model is given: z = (x / 255 - mean) / deviation, for each channel.
//!
//! | `--normalize` | mean, deviation | |
//! |---|---|---|
//! | `range` | 1/2, 1/2 | (x / 255 - 1/2) · 2, in -1..=1: Dynamic Training Bench's, and the default |
//! | `standard` | those of the training images, for each channel | z has the mean 0 and the deviation 1 |
//! | `MEAN/STD` | these, one number or one for each channel | `0.1307/0.3081`, `0.49,0.48,0.45/0.2,0.2,0.2` |
//!
//! The deviation is that of all pixels, √(Σ (x - mean)² / n), as NumPy's `std`; no order of the images or the threads
//! changes it ([`super::pixel_sums`]).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Examples;
use super::pixel_sums::PixelSums;
use anyhow::Result;

use crate::error::{Exit, Failure};

/// How images are normalised, as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Normalize {
    /// To -1..=1.
    #[default]
    Range,
    /// By mean and deviation of the training images.
    Standard,
    /// By these numbers.
    By(Normalization),
}

/// Mean and deviation of a channel each, of bytes / 255.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// One for each channel; as it was given, one for all.
    pub mean: Vec<f64>,
    /// As many.
    pub std: Vec<f64>,
}

impl Normalize {
    /// The numbers for images that are trained on, `train`; `None` for -1..=1.
    ///
    /// # Errors
    /// [`Exit::Usage`] where there are not as many numbers as channels; [`Exit::Failed`] where a channel has the same
    /// value everywhere and cannot be divided by its deviation.
    pub fn resolve(&self, train: &Examples) -> Result<Option<Normalization>> {
        let [channels, ..] = train.shape();
        self.refuse_channels(channels)?;
        match self {
            Self::Range => Ok(None),
            Self::Standard => Normalization::of(train).map(Some),
            Self::By(Normalization { mean, std }) => {
                let each = |numbers: &[f64]| match numbers {
                    [one] => vec![*one; channels],
                    numbers => numbers.to_vec(),
                };
                Ok(Some(Normalization { mean: each(mean), std: each(std) }))
            }
        }
    }

    /// Fails where the numbers that were given are not one or as many as `channels`.
    ///
    /// # Errors
    /// [`Exit::Usage`].
    pub fn refuse_channels(&self, channels: usize) -> Result<(), Failure> {
        let Self::By(Normalization { mean, std }) = self else { return Ok(()) };
        let fits = |numbers: &[f64]| [1, channels].contains(&numbers.len());
        if fits(mean) && fits(std) {
            return Ok(());
        }
        let channels =
            if channels == 1 { "one channel".into() } else { format!("{channels} channels") };
        let what = format!("`--normalize {self}`: the images have {channels}");
        Err(Failure::new(Exit::Usage, what)
            .help("give one mean and one deviation, or as many of each as there are channels"))
    }

    /// As a part of a file's name, which takes no slash.
    pub fn file_name(&self) -> String {
        self.to_string().replace('/', "-")
    }
}

impl Normalization {
    /// Mean and deviation of all pixels of each channel.
    fn of(train: &Examples) -> Result<Self> {
        let sums = PixelSums::of(train, "mean and deviation")?;
        let made = Self { mean: sums.mean(), std: sums.std() };
        match made.std.iter().position(|std| *std == 0.0) {
            None => Ok(made),
            Some(channel) => {
                let what = format!(
                    "`--normalize standard`: channel {channel} of the training images has one value everywhere"
                );
                Err(Failure::new(Exit::Failed, what).why("its standard deviation is 0").help("--normalize range needs no deviation; or give both, as --normalize 0.5/0.25").into())
            }
        }
    }

    /// Whether it is for images of so many `channels`, and divides by nothing that is not more than 0.
    pub fn fits(&self, channels: usize) -> bool {
        let Self { mean, std } = self;
        let is_mean = |mean: &f64| mean.is_finite();
        let is_std = |std: &f64| std.is_finite() && *std > 0.0;
        [mean.len(), std.len()] == [channels; 2]
            && mean.iter().all(is_mean)
            && std.iter().all(is_std)
    }

    /// Brings pixels `[images, channels, height, width]`, images of `plane` pixels a channel, from this normalisation to
    /// -1..=1, as pictures are shown.
    pub fn to_range(&self, pixels: &mut [f32], plane: usize) {
        let numbers = self.mean.iter().zip(&self.std).cycle();
        for (channel, (mean, std)) in pixels.chunks_exact_mut(plane).zip(numbers) {
            for pixel in channel {
                *pixel = ((f64::from(*pixel) * std + mean - 0.5) * 2.0) as f32;
            }
        }
    }
}

/// The pixel that each byte becomes, for each of `channels` channels; without a `normalization` in -1..=1.
///
/// # Panics
/// When the normalization does not [fit](Normalization::fits).
pub(super) fn tables(normalization: Option<&Normalization>, channels: usize) -> Vec<[f32; 256]> {
    let Some(normalization) = normalization else {
        return vec![std::array::from_fn(|byte| (byte as f32 / 255.0 - 0.5) * 2.0); channels];
    };
    assert!(normalization.fits(channels), "a normalisation of {channels} channels");
    let numbers = normalization.mean.iter().zip(&normalization.std);
    // In f32 as torchvision's `ToTensor` and `Normalize`.
    let table = |(mean, std): (&f64, &f64)| {
        std::array::from_fn(|byte| (byte as f32 / 255.0 - *mean as f32) / *std as f32)
    };
    numbers.map(table).collect()
}

impl FromStr for Normalize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_lowercase().as_str() {
            "range" => return Ok(Self::Range),
            "standard" => return Ok(Self::Standard),
            _ => {}
        }
        let choices =
            "there are: range, standard, MEAN/STD as 0.1307/0.3081 or 0.49,0.48,0.45/0.2,0.2,0.2";
        let (mean, std) = text
            .split_once('/')
            .ok_or_else(|| format!("there is no normalisation `{text}`; {choices}"))?;
        let numbers = |text: &str| -> Result<Vec<f64>, String> {
            let number = |text: &str| {
                let number = text.trim().parse::<f64>();
                number.map_err(|_| format!("`{}` is no number; {choices}", text.trim()))
            };
            text.split(',').map(number).collect()
        };
        let (mean, std) = (numbers(mean)?, numbers(std)?);
        let scale = "both are of bytes / 255, black 0 and white 1";
        if let Some(mean) = mean.iter().find(|mean| !(0.0..=1.0).contains(*mean)) {
            return Err(format!("the mean {mean} has to be 0 to 1: {scale}"));
        }
        if let Some(std) = std.iter().find(|std| !(**std > 0.0 && **std <= 1.0)) {
            return Err(format!(
                "the deviation {std} has to be more than 0 and 1 at the most: {scale}"
            ));
        }
        if mean.len() != std.len() && mean.len() != 1 && std.len() != 1 {
            return Err(format!("{} means and {} deviations: {choices}", mean.len(), std.len()));
        }
        Ok(Self::By(Normalization { mean, std }))
    }
}

impl fmt::Display for Normalize {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        match self {
            Self::Range => f.write_str("range"),
            Self::Standard => f.write_str("standard"),
            Self::By(Normalization { mean, std }) => write!(f, "{}/{}", list(mean), list(std)),
        }
    }
}

impl TryFrom<String> for Normalize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("normalize: {error}"))
    }
}

impl From<Normalize> for String {
    fn from(normalize: Normalize) -> Self {
        normalize.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_of_each_channel() {
        // Two images of two channels: 0, 255 and 10, 20, 30, 40.
        let bytes = vec![0, 255, 10, 20, 255, 0, 30, 40];
        let train = Examples::new([2, 1, 2], bytes, vec![0, 1]).unwrap();
        let made = Normalize::Standard.resolve(&train).unwrap().unwrap();
        // numpy 2.4: np.array([10, 20, 30, 40]).mean() / 255, .std() / 255.
        assert_eq!(made.mean, [0.5, 25.0 / 255.0]);
        assert_eq!(made.std[0], 0.5);
        assert!((made.std[1] - 11.180_339_887_498_949 / 255.0).abs() < 1e-17);
        let flat = Examples::new([1, 1, 2], vec![7; 4], vec![0, 1]).unwrap();
        let error = Normalize::Standard.resolve(&flat).unwrap_err().to_string();
        assert!(error.contains("channel 0"), "{error}");
    }

    #[test]
    fn tables_are_of_their_channel() {
        let by: Normalize = "0.5,0/0.5,1".parse().unwrap();
        let train = Examples::new([2, 1, 1], vec![0, 255], vec![0]).unwrap();
        let made = by.resolve(&train).unwrap().unwrap();
        let tables = tables(Some(&made), 2);
        // By a half each it is the range, to the last bit.
        assert_eq!(tables[0], super::tables(None, 1)[0]);
        assert_eq!([tables[1][0], tables[1][51], tables[1][255]], [0.0, 0.2, 1.0]);
        let mut pixels = [-1.0, 0.2, 1.0, 1.0];
        made.to_range(&mut pixels, 1);
        assert_eq!(pixels, [-1.0, -0.6, 1.0, 1.0]);
        assert_eq!(
            "0.1/0.2".parse::<Normalize>().unwrap().resolve(&train).unwrap().unwrap().mean,
            [0.1; 2]
        );
        let three: Normalize = "0.5,0.5,0.5/1".parse().unwrap();
        let error = three.resolve(&train).unwrap_err().to_string();
        assert!(error.contains("the images have 2 channels"), "{error}");
    }

    #[test]
    fn what_is_asked_for_is_read_as_it_is_written() {
        for text in ["range", "standard", "0.1307/0.3081", "0.49,0.48,0.45/0.2,0.2,0.2", "0/1"] {
            assert_eq!(text.parse::<Normalize>().unwrap().to_string(), text);
        }
        assert_eq!("0.5/0.25".parse::<Normalize>().unwrap().file_name(), "0.5-0.25");
        for (text, needle) in [
            ("", "there are: range"),
            ("minmax", "there is no normalisation `minmax`; there are: range, standard"),
            ("0.5", "there are"),
            ("a/b", "`a` is no number"),
            ("0.5/", "`` is no number"),
            ("0.5/0", "more than 0"),
            ("0.5/-1", "more than 0"),
            ("0.5/nan", "more than 0"),
            ("inf/1", "0 to 1"),
            ("127/128", "bytes / 255"),
            ("0.5/64", "bytes / 255"),
            ("0.1,0.2/0.1,0.2,0.3", "2 means and 3 deviations"),
        ] {
            let error = text.parse::<Normalize>().unwrap_err();
            assert!(error.contains(needle), "{text}: {error}");
        }
    }
}
