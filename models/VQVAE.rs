//! The vector-quantised autoencoder on the encoder and the decoder of [`ConvAE`](super::ConvAE).
//!
//! Each pixel of the encoder's maps, brought to z `[code]` by a 1x1 convolution, is replaced by the nearest of the
//! `codes` vectors e of a codebook. `[batch, 64, ⌈h / 4⌉, ⌈w / 4⌉]` -> `[batch, code, ⌈h / 4⌉, ⌈w / 4⌉]` -> the same of
//! vectors of the codebook -> `[batch, 64, ...]` by a 1x1 convolution. The loss is
//!
//! ```text
//! Σ (x' - x)² / 2n + mean (sg(z) - e)² + commitment · mean (z - sg(e))²
//! ```
//!
//! where nothing learns through sg; the gradient of what the decoder is given goes to z as it is. van den Oord et al.
//! 2017, "Neural discrete representation learning", with its commitment of 0.25. The codebook begins uniform in
//! ±1 / codes, as theirs does, and is not in the L2 penalty.

use anyhow::Result;
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

use super::ConvAE::{Decoder, Encoder, MAPS};
use dytb::nn::layers::{Conv, ConvConfig, nearest_rows};
use dytb::nn::{Argument, Latent, Limit, Prior, WeightInit};
use dytb::ops::ordered_sum::ordered_mean;
use dytb::{Activation, Autoencoder, ForwardContext, Initializer, Model};

/// A codebook. Its vectors are exported as they are: a `weight` would be taken for a fully connected layer's.
#[derive(Module, Debug)]
pub struct Codebook {
    vectors: Param<Tensor<2>>,
}

/// A vector-quantised autoencoder.
#[derive(Module, Debug)]
pub struct VQVAE {
    encode: Encoder,
    code: Conv,
    codebook: Codebook,
    expand: Conv,
    decode: Decoder,
    #[module(skip)]
    commitment: f64,
}

impl VQVAE {
    /// For images of `[channels, height, width]`, with `codes` vectors of `code` numbers.
    ///
    /// # Errors
    /// When the images cannot be halved twice.
    pub fn new(
        shape: [usize; 3],
        [code, codes]: [usize; 2],
        commitment: f64,
        init: &mut Initializer,
    ) -> Result<Self> {
        // Uniform within ±1 / √fan-in, here 1 / codes.
        let begin = WeightInit::Torch;
        Ok(Self {
            encode: Encoder::new("VQVAE", shape, init)?,
            code: ConvConfig::new([MAPS[1], code], [1, 1]).init(init),
            codebook: Codebook {
                vectors: init.weights(begin, [codes, code], [codes * codes, code]),
            },
            expand: ConvConfig::new([code, MAPS[1]], [1, 1])
                .with_activation(Activation::Relu)
                .init(init),
            decode: Decoder::new(shape[0], init),
            commitment,
        })
    }

    /// z `[pixels, code]` of `images`, the nearest vector of each, `[pixels, code]`, and their numbers `[pixels]`.
    fn quantise(
        &self,
        images: Tensor<4>,
        context: &mut ForwardContext,
    ) -> (Tensor<2>, Tensor<2>, Tensor<1, Int>) {
        let z = self.code.forward(self.encode.forward(images, context), context);
        let z: Tensor<2> = z.permute([0, 2, 3, 1]).flatten(0, 2);
        let (vectors, nearest) = nearest_rows(&z, &self.codebook.vectors, context);
        (z, vectors, nearest)
    }

    /// Images of this `size` `[h, w]` from `vectors` `[pixels, code]`.
    fn generate(
        &self,
        vectors: Tensor<2>,
        size: [usize; 2],
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        let [rows, columns] = size.map(|side| side.div_ceil(4));
        let [pixels, code] = vectors.dims();
        let maps = vectors.reshape([pixels / (rows * columns), rows, columns, code]);
        let maps = self.expand.forward(maps.permute([0, 3, 1, 2]), context);
        self.decode.forward(maps, size, context)
    }
}

/// A code is the vectors of all pixels, row by row: `[batch, ⌈h / 4⌉ ⌈w / 4⌉ code]`.
impl Latent for VQVAE {
    fn encode(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let [batch, ..] = images.dims();
        let (_, vectors, _) = self.quantise(images, context);
        let numbers = vectors.shape().num_elements() / batch;
        vectors.reshape([batch, numbers])
    }

    /// Of the vectors of the codebook that are nearest to those of `code`.
    fn decode(&self, code: Tensor<2>, size: [usize; 2], context: &mut ForwardContext) -> Tensor<4> {
        let [_, numbers] = self.codebook.vectors.dims();
        let z = code.clone().reshape([code.shape().num_elements() / numbers, numbers]);
        let (vectors, _) = nearest_rows(&z, &self.codebook.vectors, context);
        self.generate(vectors, size, context)
    }

    fn prior(&self) -> Prior {
        Prior::Codebook { numbers: self.codebook.vectors.val().dims()[1] }
    }
}

impl Autoencoder for VQVAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let [_, _, height, width] = images.dims();
        let codebook = self.codebook.vectors.val();
        if let Some(recorder) = context.recorder() {
            recorder.parameters(self.codebook.vectors.id, codebook.clone(), None);
        }
        let (_, vectors, nearest) = self.quantise(images, context);
        let codes = codebook.dims()[0];
        context.note_use("codebook_use", || {
            let used: Tensor<2> = nearest.clone().one_hot::<2>(codes).float();
            used.mean_dim(0).flatten(0, 1)
        });
        self.generate(vectors, [height, width], context)
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }

    fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
        let [_, _, height, width] = images.dims();
        let input = context.disturbed(images.clone());
        let (z, vectors, _) = self.quantise(input, context);
        let moved = ordered_mean((z.clone().detach() - vectors.clone()).square());
        let commitment = ordered_mean((z.clone() - vectors.clone().detach()).square());
        let straight_through = z.clone() + (vectors - z).detach();
        let images_made = self.generate(straight_through, [height, width], context);
        let error = self.reconstruction_loss(images_made, images, context);
        error + moved + commitment * self.commitment
    }
}

/// `--model VQVAE --model_args '{"code": 16, "codes": 128, "commitment": 0.25}'`
pub const MODEL: Model = Model::AutoencoderWith(
    &[
        Argument::whole("code", 16, [1, 1024]),
        Argument::whole("codes", 128, [2, 8192]),
        Argument::number("commitment", 0.25, Limit::NotNegative),
    ],
    |shape, arguments, init| {
        let sizes = [arguments.whole("code"), arguments.whole("codes")];
        Ok(Box::new(VQVAE::new(shape, sizes, arguments.number("commitment"), init)?))
    },
);
