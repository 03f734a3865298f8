//! The checks of what is done to images and labels.

use anyhow::{Context, Result, anyhow};

use super::partial::PartialImages;
use crate::data::Normalize;
use crate::error::{Exit, Failure};
use crate::nn::Kind;
use crate::registry;

/// The A of mixup and CutMix: less is no mix at all, more is always half and half.
const LEAST_MIXING: f64 = 1e-3;
/// See [`LEAST_MIXING`].
const MOST_MIXING: f64 = 1e3;

impl PartialImages {
    /// Fails where a number is out of its bounds, or the `model` has no use for what is asked.
    pub(super) fn validate(&self, model: &str) -> Result<()> {
        let check = |name: &str, number: Option<f64>, check: fn(f64) -> Result<f64, String>| {
            number.map_or(Ok(()), |number| {
                check(number).map(drop).map_err(|why| anyhow!(why)).context(name.to_owned())
            })
        };
        check("mixup", self.mixup, check_mixing)?;
        check("cutmix", self.cutmix, check_mixing)?;
        check("label_smoothing", self.label_smoothing, check_smoothing)?;
        match registry::kind(model)? {
            Kind::Autoencoder => self.refuse_for_autoencoders(model),
            Kind::Classifier => Ok(()),
        }
    }

    fn refuse_for_autoencoders(&self, model: &str) -> Result<()> {
        let of_labels = [
            ("mixup", self.mixup),
            ("cutmix", self.cutmix),
            ("label_smoothing", self.label_smoothing),
        ];
        let given =
            of_labels.into_iter().find(|(_, number)| number.is_some_and(|number| number > 0.0));
        if let Some((flag, _)) = given {
            let what = format!("`--{flag}` with `--model {model}`: an autoencoder has no labels");
            let why = match flag {
                "label_smoothing" => "it changes the labels that a classifier is trained for",
                _ => {
                    "it mixes two images and their labels; without these it would be another image"
                }
            };
            return Err(Failure::new(Exit::Usage, what)
                .why(why)
                .help("leave it out; --augment changes the images of autoencoders too")
                .into());
        }
        match self.normalize.as_ref().filter(|normalize| **normalize != Normalize::Range) {
            None => Ok(()),
            Some(normalize) => {
                let what = format!("`--normalize {normalize}` with `--model {model}`");
                Err(Failure::new(Exit::Usage, what)
                    .why(
                        "an autoencoder reconstructs pixels in [-1, 1]: its last layer reaches no others, and its \
                         error is measured there",
                    )
                    .help("leave it out: --normalize range is the default")
                    .into())
            }
        }
    }
}

/// `a` of mixup or CutMix: 0, or from 0.001 to 1000.
///
/// # Errors
/// What it has to be.
pub fn check_mixing(a: f64) -> Result<f64, String> {
    match a == 0.0 || (LEAST_MIXING..=MOST_MIXING).contains(&a) {
        true => Ok(a),
        false => Err(format!(
            "it has to be the A of Beta(A, A), {LEAST_MIXING} to {MOST_MIXING}, as 0.2 or 1; 0 for none"
        )),
    }
}

/// `smoothing` of labels: 0 or more, less than 1.
///
/// # Errors
/// What it has to be.
pub fn check_smoothing(smoothing: f64) -> Result<f64, String> {
    match (0.0..1.0).contains(&smoothing) {
        true => Ok(smoothing),
        false => Err("it has to be 0 or more and less than 1, as 0.1".into()),
    }
}
