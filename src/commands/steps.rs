//! The flags of what a step brings down, and of what is done to its losses, gradients and weights.

use clap::Args;

use super::values;
use crate::data::ClassWeights;
use crate::nn::{Noise, ReconstructionLoss, Sparsity};
use crate::train::config::PartialSteps;

/// What is done to losses, gradients and weights.
#[derive(Args, Clone, Debug)]
pub(super) struct StepArgs {
    /// What the examples of each class weigh in a classifier's loss: balanced (n / (classes x examples of the class), so
    /// that all classes weigh the same) or none [default: none]
    #[arg(long = "class_weights", aliases = ["class-weights", "class_weight", "class-weight"], value_parser = str::parse::<ClassWeights>, value_name = "NAME")]
    class_weights: Option<ClassWeights>,
    /// Clip the gradients of each step to this global norm; 0: never [default: 0]
    #[arg(long = "clip_norm", aliases = ["clip-norm", "clip_grad", "clip-grad", "max_grad_norm", "gradient_clip_val", "global_clipnorm"], value_parser = values::clip_norm, value_name = "X", allow_negative_numbers = true)]
    clip_norm: Option<f64>,
    /// Validate, keep and test an exponential moving average of the weights, of which each step leaves this share, as
    /// 0.999; 0: the weights themselves [default: 0]
    #[arg(long, aliases = ["ema_decay", "ema-decay", "model_ema_decay", "ema_momentum"], value_parser = values::ema, value_name = "DECAY", allow_negative_numbers = true)]
    ema: Option<f64>,
    /// What the training of an autoencoder brings down: mse (its error), l1, bce (binary cross-entropy), ssim (1 less the
    /// structural similarity) or mse+ssim; what is reported is the error all the same [default: mse]
    #[arg(long, aliases = ["loss_fn", "loss-fn", "criterion"], value_parser = str::parse::<ReconstructionLoss>, value_name = "NAME")]
    loss: Option<ReconstructionLoss>,
    /// Disturb the images that an autoencoder is trained on, which learns to make the clean ones of them: gaussian:S
    /// (standard deviation S), mask:P (black with probability P), salt_pepper:P (black or white), uniform:A (within ±A),
    /// of pixels from -1 to 1 [default: none, StackedDenoisingCAE: uniform:0.5]
    #[arg(long, value_parser = str::parse::<Noise>, value_name = "KIND:X")]
    noise: Option<Noise>,
    /// Keep the code of an autoencoder sparse: l1:W (W times the mean of its absolute values) or kl:R,W (the KL divergence of
    /// the mean activity of each unit from R, with the weight W / n of an image's n values, 3 unless given), as l1:1e-4 or kl:0.05
    /// [default: none]
    #[arg(long, aliases = ["activity_regularizer", "activity-regularizer", "sparse"], value_parser = str::parse::<Sparsity>, value_name = "KIND:X")]
    sparsity: Option<Sparsity>,
}

impl StepArgs {
    /// What the flags say.
    pub fn partial(&self) -> PartialSteps {
        let Self { class_weights, clip_norm, ema, loss, noise, sparsity } = *self;
        PartialSteps { class_weights, clip_norm, ema, loss, noise, sparsity }
    }
}
