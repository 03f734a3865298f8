//! The checks of what is done to losses, gradients and weights.

use anyhow::{Context, Result, anyhow};

use super::partial::PartialSteps;
use crate::data::ClassWeights;
use crate::error::{Exit, Failure};
use crate::nn::Kind;
use crate::registry;

impl PartialSteps {
    /// Fails where a number is out of its bounds, the `model` has no classes that could weigh anything, or is a
    /// classifier that is to be trained as an autoencoder.
    pub(super) fn validate(&self, model: &str) -> Result<()> {
        let within = |name: &str, checked: Option<Result<f64, String>>| match checked {
            Some(Err(why)) => Err(anyhow!(why)).context(name.to_owned()),
            _ => Ok(()),
        };
        within("clip_norm", self.clip_norm.map(check_clip_norm))?;
        within("ema", self.ema.map(check_ema))?;
        self.refuse_for_classifiers(model)?;
        let weighs = self.class_weights.is_some_and(|weights| weights != ClassWeights::None);
        if !weighs || registry::kind(model)? == Kind::Classifier {
            return Ok(());
        }
        let what =
            format!("`--class_weights` with `--model {model}`: an autoencoder has no labels");
        Err(Failure::new(Exit::Usage, what)
            .why("it weighs the examples of a classifier's loss by their class")
            .help("leave it out")
            .into())
    }

    /// Fails where a classifier is to be trained as an autoencoder is.
    fn refuse_for_classifiers(&self, model: &str) -> Result<()> {
        let noise = self.noise.filter(|noise| !noise.is_none());
        let sparsity = self.sparsity.filter(|sparsity| !sparsity.is_none());
        let (flag, why) = match (self.loss, noise, sparsity) {
            (Some(loss), ..) => (
                format!("--loss {loss}"),
                "a classifier is trained on the cross-entropy of its labels",
            ),
            (_, Some(noise), _) => (
                format!("--noise {noise}"),
                "noise is what an autoencoder learns to take away from its images",
            ),
            (.., Some(sparsity)) => (
                format!("--sparsity {sparsity}"),
                "it is for the code of an autoencoder, and a classifier has none",
            ),
            (None, None, None) => return Ok(()),
        };
        if registry::kind(model)? == Kind::Autoencoder {
            return Ok(());
        }
        let help = match (self.loss, noise) {
            (Some(_), _) => "leave it out; --class_weights and --label_smoothing change its loss",
            (_, Some(_)) => "leave it out; --augment changes the images of classifiers",
            _ => "leave it out; --l2_penalty is for any model",
        };
        let what = format!("`{flag}` with `--model {model}`");
        Err(Failure::new(Exit::Usage, what).why(why).help(help).into())
    }

    /// The bound of the gradients' norm, if there is one.
    pub(super) fn bound(&self) -> Option<f64> {
        self.clip_norm.filter(|bound| *bound > 0.0)
    }

    /// The decay of the average, if there is one.
    pub(super) fn decay(&self) -> Option<f64> {
        self.ema.filter(|decay| *decay > 0.0)
    }
}

/// `bound` of the global norm of gradients: more than 0, or 0 for none.
///
/// # Errors
/// What it has to be.
pub fn check_clip_norm(bound: f64) -> Result<f64, String> {
    match bound.is_finite() && bound >= 0.0 {
        true => Ok(bound),
        false => Err("it has to be the most that the norm may be, as 1; 0 for no bound".into()),
    }
}

/// `decay` of an average of weights: 0 for none, less than 1.
///
/// # Errors
/// What it has to be.
pub fn check_ema(decay: f64) -> Result<f64, String> {
    match (0.0..1.0).contains(&decay) {
        true => Ok(decay),
        false => Err("it has to be the share of the average that a step leaves, less than 1, as 0.999; 0 for none".into()),
    }
}
