//! What a model is, and what the bench asks of any network.
//!
//! A file of `models/` holds a burn module, its forward pass, and the constant `MODEL`:
//!
//! ```
//! use burn::module::Module;
//! use burn::tensor::Tensor;
//! use dytb::nn::layers::{Conv, ConvConfig};
//! use dytb::{Autoencoder, Initializer, Model, ForwardContext};
//!
//! #[derive(Module, Debug)]
//! pub struct OneConvolution {
//!     layer: Conv,
//! }
//!
//! impl Autoencoder for OneConvolution {
//!     fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
//!         self.layer.forward(images, context)
//!     }
//! }
//!
//! pub const MODEL: Model = Model::Autoencoder(|[channels, _, _], init| {
//!     Ok(Box::new(OneConvolution {
//!         layer: ConvConfig::new([channels, channels], [3, 3]).with_zero_padding(1).init(init),
//!     }))
//! });
//! ```

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use super::network::Network;
use super::visitors::fork;
use super::{ForwardContext, Initializer, Latent, ModelArguments, ReconstructionLoss, layers};
use crate::ops::square_error;
use crate::util::argument::Argument;

/// A network that reconstructs its input. Images are `[batch, channels, height, width]` in -1..=1.
pub trait Autoencoder: Network + ForkAutoencoder {
    /// The reconstructions of `images`, of the same shape.
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4>;

    /// Half the mean squared error, Σ (x' - x)² / 2n over all n pixels: `[1]`.
    fn error(&self, reconstructions: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
        square_error::half_mean(reconstructions, images)
    }

    /// What training brings down, `[1]`: the [loss](Self::reconstruction_loss) of the reconstructions of `images` that
    /// are [disturbed](ForwardContext::disturbed) where that is asked for, unless the model is trained on more than its
    /// output. The L2 penalty is added elsewhere.
    fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
        let input = context.disturbed(images.clone());
        let reconstructions = self.forward(input, context);
        self.reconstruction_loss(reconstructions, images, context)
    }

    /// How far `reconstructions` are from `images`, `[1]`, as `--loss` says: their error without that flag. For a model
    /// with a [`loss`](Self::loss) of its own, which calls it; no model has another.
    fn reconstruction_loss(
        &self,
        reconstructions: Tensor<4>,
        images: Tensor<4>,
        context: &mut ForwardContext,
    ) -> Tensor<1> {
        let loss = context.reconstruction_loss();
        let error = self.error(reconstructions.clone(), images.clone());
        if loss == ReconstructionLoss::Mse {
            return error;
        }
        let loss = loss.of(reconstructions, images, error.clone());
        context.report(error, loss.clone());
        loss
    }

    /// Its two halves, where it has a code of a few numbers between them: what `dytb latent` looks into.
    fn latent(&self) -> Option<&dyn Latent> {
        None
    }

    /// Whether the model computes across the examples of a batch, as a contrastive loss does: the CPU then
    /// does not cut its batches into microbatches. The layers of this crate are known without it.
    fn requires_full_batch(&self) -> bool {
        false
    }
}

/// A classifier. Images are `[batch, channels, height, width]` in -1..=1.
pub trait Classifier: Network + ForkClassifier {
    /// The logits `[batch, classes]` of `images`.
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2>;

    /// What training brings down, of each example `[batch]`: the cross-entropy of `logits` `[batch, classes]` and
    /// `labels` `[batch]`, unless the model has another. Its mean is the loss; `--class_weights` makes it a weighted
    /// one.
    fn losses(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        layers::softmax_cross_entropy(logits, labels)
    }

    /// Whether the model computes across the examples of a batch: the CPU then does not cut its batches into
    /// microbatches. The layers of this crate are known without it.
    fn requires_full_batch(&self) -> bool {
        false
    }
}

/// A copy of an autoencoder. Every autoencoder has it; nobody implements it by hand.
pub trait ForkAutoencoder {
    /// The same parameters with the same ids, in an autodiff graph of their own.
    fn fork(&self) -> Box<dyn Autoencoder>;

    /// The same on `device`.
    fn fork_to(&self, device: &Device) -> Box<dyn Autoencoder>;
}

/// A copy of a classifier. Every classifier has it; nobody implements it by hand.
pub trait ForkClassifier {
    /// The same parameters with the same ids, in an autodiff graph of their own.
    fn fork(&self) -> Box<dyn Classifier>;

    /// The same on `device`.
    fn fork_to(&self, device: &Device) -> Box<dyn Classifier>;
}

impl<M: Module + Autoencoder + 'static> ForkAutoencoder for M {
    fn fork(&self) -> Box<dyn Autoencoder> {
        let mut copy = self.clone();
        fork(&mut copy);
        Box::new(copy)
    }

    fn fork_to(&self, device: &Device) -> Box<dyn Autoencoder> {
        Box::new(Module::fork(self.clone(), device))
    }
}

impl<M: Module + Classifier + 'static> ForkClassifier for M {
    fn fork(&self) -> Box<dyn Classifier> {
        let mut copy = self.clone();
        fork(&mut copy);
        Box::new(copy)
    }

    fn fork_to(&self, device: &Device) -> Box<dyn Classifier> {
        Box::new(Module::fork(self.clone(), device))
    }
}

/// Builds an autoencoder for images of `[channels, height, width]`.
pub type BuildAutoencoder = fn([usize; 3], &mut Initializer) -> Result<Box<dyn Autoencoder>>;

/// Builds a classifier of images of `[channels, height, width]` and a number of classes.
pub type BuildClassifier = fn([usize; 3], usize, &mut Initializer) -> Result<Box<dyn Classifier>>;

/// [`BuildAutoencoder`] with the arguments of the model.
pub type BuildAutoencoderWith =
    fn([usize; 3], &ModelArguments, &mut Initializer) -> Result<Box<dyn Autoencoder>>;

/// [`BuildClassifier`] with the arguments of the model.
pub type BuildClassifierWith =
    fn([usize; 3], usize, &ModelArguments, &mut Initializer) -> Result<Box<dyn Classifier>>;

/// How to build a model: the constant `MODEL` that every file of `models/` ends with.
#[derive(Clone, Copy)]
pub enum Model {
    /// Trained by `train_autoencoder`; built for images of `[channels, height, width]`. It fails
    /// where they are too small for it.
    Autoencoder(BuildAutoencoder),
    /// Trained by `train_classifier`; built for images of `[channels, height, width]` and a
    /// number of classes. It fails where they are too small for it.
    Classifier(BuildClassifier),
    /// An autoencoder with these arguments, which `--model_args` gives.
    AutoencoderWith(&'static [Argument], BuildAutoencoderWith),
    /// A classifier with these arguments, which `--model_args` gives.
    ClassifierWith(&'static [Argument], BuildClassifierWith),
}

/// What a model is trained for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To reconstruct its input.
    Autoencoder,
    /// To classify its input.
    Classifier,
}

impl Model {
    /// What it is trained for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Autoencoder(_) | Self::AutoencoderWith(..) => Kind::Autoencoder,
            Self::Classifier(_) | Self::ClassifierWith(..) => Kind::Classifier,
        }
    }

    /// What `--model_args` may give.
    pub fn arguments(&self) -> &'static [Argument] {
        match self {
            Self::Autoencoder(_) | Self::Classifier(_) => &[],
            Self::AutoencoderWith(arguments, _) | Self::ClassifierWith(arguments, _) => arguments,
        }
    }
}
