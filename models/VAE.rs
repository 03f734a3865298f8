//! The variational autoencoder on the encoder and the decoder of [`ConvAE`](super::ConvAE).
//!
//! The encoder ends in the mean μ and the logarithm of the variance, ln σ², of each number of the code; in training the
//! code is z = μ + σ ε, ε of the standard normal, in evaluation it is μ. With n pixels an image and k numbers in the
//! code the loss is
//!
//! ```text
//! Σ (x' - x)² / 2n + β KL / n        KL = Σ_k (μ² + σ² - ln σ² - 1) / 2
//! ```
//!
//! as means over the images: with β = 1, n times it is the negative evidence lower bound of a decoder of normally
//! distributed pixels of variance 1, without its constant (Kingma and Welling 2013, "Auto-encoding variational Bayes").
//! Another `--loss` stands in the place of the first term; with `bce` the decoder's pixels have Bernoulli's distribution.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use super::ConvAE::{CODE, Decoder, Encoder, as_maps, neurons};
use dytb::nn::layers::{Dense, DenseConfig};
use dytb::nn::{Latent, Prior};
use dytb::{Activation, Autoencoder, ForwardContext, Initializer, Model};

/// A variational autoencoder.
#[derive(Module, Debug)]
pub struct VAE {
    encode: Encoder,
    mean: Dense,
    log_variance: Dense,
    expand: Dense,
    decode: Decoder,
    #[module(skip)]
    beta: f64,
}

impl VAE {
    /// The model called `name` for images of `[channels, height, width]`, with so many numbers in the `code`; `beta` is
    /// what the KL divergence weighs.
    ///
    /// # Errors
    /// When the images cannot be halved twice.
    pub fn new(
        name: &str,
        shape: [usize; 3],
        (code, beta): (usize, f64),
        init: &mut Initializer,
    ) -> Result<Self> {
        let [channels, height, width] = shape;
        let neurons = neurons([height, width]);
        Ok(Self {
            encode: Encoder::new(name, shape, init)?,
            mean: DenseConfig::new([neurons, code]).init(init),
            log_variance: DenseConfig::new([neurons, code]).init(init),
            expand: DenseConfig::new([code, neurons]).with_activation(Activation::Relu).init(init),
            decode: Decoder::new(channels, init),
            beta,
        })
    }

    /// μ and ln σ², `[batch, code]` each.
    fn posterior(&self, images: Tensor<4>, context: &mut ForwardContext) -> [Tensor<2>; 2] {
        let neurons: Tensor<2> = self.encode.forward(images, context).flatten(1, 3);
        let mean = self.mean.forward(neurons.clone(), context);
        [mean, self.log_variance.forward(neurons, context)]
    }
}

impl Latent for VAE {
    /// μ.
    fn encode(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let [mean, _] = self.posterior(images, context);
        mean
    }

    fn decode(&self, code: Tensor<2>, size: [usize; 2], context: &mut ForwardContext) -> Tensor<4> {
        let maps = as_maps(self.expand.forward(code, context), size);
        self.decode.forward(maps, size, context)
    }

    fn prior(&self) -> Prior {
        Prior::StandardNormal
    }
}

/// KL `[1]` of N(μ, σ²) from the standard normal: the mean over the images.
fn divergence([mean, log_variance]: [Tensor<2>; 2]) -> Tensor<1> {
    let terms = mean.square() + log_variance.clone().exp() - log_variance - 1.0;
    terms.sum_dim(1).mean() / 2.0
}

impl Autoencoder for VAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let [_, _, height, width] = images.dims();
        let [mean, log_variance] = self.posterior(images, context);
        context.note("kl", || divergence([mean.clone(), log_variance]));
        self.decode(mean, [height, width], context)
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
        let [_, channels, height, width] = images.dims();
        let input = context.disturbed(images.clone());
        let [mean, log_variance] = self.posterior(input, context);
        let noise = context.normal(mean.dims(), &mean.device());
        let code = mean.clone() + (log_variance.clone() / 2.0).exp() * noise;
        let divergence = divergence([mean, log_variance]);
        let made = self.decode(code, [height, width], context);
        let error = self.reconstruction_loss(made, images, context);
        error + divergence * (self.beta / (channels * height * width) as f64)
    }
}

/// `--model VAE --model_args '{"code": 32}'`
pub const MODEL: Model = Model::AutoencoderWith(&[CODE], |shape, arguments, init| {
    Ok(Box::new(VAE::new("VAE", shape, (arguments.whole("code"), 1.0), init)?))
});
