//! A code of a few numbers that an autoencoder makes of an image and an image of: what `dytb latent` looks into.
//!
//! `[batch, channels, height, width]` -> `[batch, code]` -> `[batch, channels, height, width]`. A model with such a code
//! implements [`Latent`] and says so in its [`latent`](super::Autoencoder::latent):
//!
//! ```
//! use burn::module::Module;
//! use burn::tensor::Tensor;
//! use dytb::nn::Latent;
//! use dytb::nn::layers::{Dense, DenseConfig};
//! use dytb::{Autoencoder, ForwardContext, Initializer};
//!
//! /// One fully connected layer to the code, and one back.
//! #[derive(Module, Debug)]
//! pub struct Linear {
//!     down: Dense,
//!     up: Dense,
//! }
//!
//! impl Latent for Linear {
//!     fn encode(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
//!         self.down.forward(images.flatten(1, 3), context)
//!     }
//!
//!     fn decode(&self, code: Tensor<2>, size: [usize; 2], context: &mut ForwardContext) -> Tensor<4> {
//!         let [batch, _] = code.dims();
//!         self.up.forward(code, context).reshape([batch, 1, size[0], size[1]])
//!     }
//! }
//!
//! impl Autoencoder for Linear {
//!     fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
//!         let [_, _, height, width] = images.dims();
//!         let code = self.encode(images, context);
//!         self.decode(code, [height, width], context)
//!     }
//!
//!     fn latent(&self) -> Option<&dyn Latent> {
//!         Some(self)
//!     }
//! }
//! ```

use burn::tensor::Tensor;

use super::ForwardContext;

/// The two halves of an autoencoder with a code. In evaluation its [`forward`](super::Autoencoder::forward) is the one
/// after the other.
pub trait Latent {
    /// The codes `[batch, code]` of `images` `[batch, channels, height, width]`: what the decoder is given in evaluation.
    fn encode(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2>;

    /// Images `[batch, channels, height, width]` of this `size` `[height, width]` from `code` `[batch, code]`.
    fn decode(&self, code: Tensor<2>, size: [usize; 2], context: &mut ForwardContext) -> Tensor<4>;

    /// Where codes are to be found.
    fn prior(&self) -> Prior {
        Prior::Unknown
    }
}

/// What a model knows of the distribution of its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prior {
    /// Nothing: they are where the codes of images are.
    Unknown,
    /// It was trained for codes of the standard normal distribution.
    StandardNormal,
    /// A code is a row of vectors of a codebook, of so many numbers each. Which of them stand together nobody has learnt.
    Codebook {
        /// In a vector.
        numbers: usize,
    },
}
