//! [`VAE`](super::VAE) whose KL divergence weighs β: a larger one disentangles the numbers of the code and blurs the
//! images, a smaller one sharpens them.
//!
//! Higgins et al. 2017, "beta-VAE: learning basic visual concepts with a constrained variational framework", where β is
//! from 1 to 250.

use dytb::Model;
use dytb::nn::{Argument, Limit};

use super::ConvAE::CODE;
use super::VAE::VAE;

/// A variational autoencoder of another β.
pub type BetaVAE = VAE;

/// `--model BetaVAE --model_args '{"beta": 4, "code": 32}'`
pub const MODEL: Model = Model::AutoencoderWith(
    &[CODE, Argument::number("beta", 4.0, Limit::NotNegative)],
    |shape, arguments, init| {
        let of = (arguments.whole("code"), arguments.number("beta"));
        Ok(Box::new(VAE::new("BetaVAE", shape, of, init)?))
    },
);
