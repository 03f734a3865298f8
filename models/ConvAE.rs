//! A convolutional autoencoder with a code of a few numbers: strided convolutions down, transposed ones up.
//!
//! 4x4 SAME convolutions of stride 2 with ReLU to 32 and to 64 maps; the code, fully connected; the same back, the last
//! one with tanh. `[batch, channels, h, w]` -> `[batch, 32, ⌈h / 2⌉, ⌈w / 2⌉]` -> `[batch, 64, ⌈h / 4⌉, ⌈w / 4⌉]` ->
//! `[batch, code]` -> `[batch, 64, ⌈h / 4⌉, ⌈w / 4⌉]` -> `[batch, channels, h, w]`.
//!
//! Hinton and Salakhutdinov 2006 ("Reducing the dimensionality of data with neural networks") with the layers of
//! Radford et al. 2015 (DCGAN). The layer before the pixels is not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{Conv, ConvConfig, ConvTranspose, ConvTransposeConfig, Dense, DenseConfig};
use dytb::nn::{Argument, Latent, ModelArguments, require_halvings};
use dytb::{Activation, Autoencoder, ForwardContext, Initializer, Model};

/// Maps of the two convolutions.
pub(crate) const MAPS: [usize; 2] = [32, 64];
/// `--model_args '{"code": 32}'`: numbers of the code.
pub(crate) const CODE: Argument = Argument::whole("code", 32, [1, 4096]);

/// Two convolutions, each of which halves the images.
#[derive(Module, Debug)]
pub struct Encoder {
    down1: Conv,
    down2: Conv,
}

impl Encoder {
    /// For images of `[channels, height, width]`, of the model called `name`.
    ///
    /// # Errors
    /// When they cannot be halved twice.
    pub fn new(
        name: &str,
        [channels, height, width]: [usize; 3],
        init: &mut Initializer,
    ) -> Result<Self> {
        require_halvings(name, [height, width], 2)?;
        let mut down = |from, to| {
            ConvConfig::new([from, to], [4, 4])
                .with_same_padding()
                .with_stride(2)
                .with_activation(Activation::Relu)
                .init(init)
        };
        Ok(Self { down1: down(channels, MAPS[0]), down2: down(MAPS[0], MAPS[1]) })
    }

    /// The maps `[batch, 64, ⌈h / 4⌉, ⌈w / 4⌉]` of `images`.
    pub fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let maps = self.down1.forward(images, context);
        self.down2.forward(maps, context)
    }
}

/// Two transposed convolutions, each of which doubles the maps.
#[derive(Module, Debug)]
pub struct Decoder {
    up1: ConvTranspose,
    up2: ConvTranspose,
}

impl Decoder {
    /// To images of so many `channels`.
    pub fn new(channels: usize, init: &mut Initializer) -> Self {
        let up = |from, to| ConvTransposeConfig::new([from, to], [4, 4]).with_same_padding();
        let up = |from, to| up(from, to).with_stride(2);
        Self {
            up1: up(MAPS[1], MAPS[0]).with_activation(Activation::Relu).init(init),
            up2: up(MAPS[0], channels)
                .with_activation(Activation::Tanh)
                .without_penalty()
                .init(init),
        }
    }

    /// Images of this `size` `[h, w]` from maps `[batch, 64, ⌈h / 4⌉, ⌈w / 4⌉]`.
    pub fn forward(
        &self,
        maps: Tensor<4>,
        size: [usize; 2],
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        let maps = self.up1.forward_to(maps, size.map(|side| side.div_ceil(2)), context);
        self.up2.forward_to(maps, size, context)
    }
}

/// Numbers in the maps of images of `[height, width]`.
pub(crate) fn neurons([height, width]: [usize; 2]) -> usize {
    MAPS[1] * height.div_ceil(4) * width.div_ceil(4)
}

/// `neurons` `[batch, 64 ⌈h / 4⌉ ⌈w / 4⌉]` as maps of images of this `size` `[h, w]`.
pub(crate) fn as_maps(neurons: Tensor<2>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, _] = neurons.dims();
    neurons.reshape([batch, MAPS[1], height.div_ceil(4), width.div_ceil(4)])
}

/// An autoencoder with a code.
#[derive(Module, Debug)]
pub struct ConvAE {
    encode: Encoder,
    code: Dense,
    expand: Dense,
    decode: Decoder,
}

impl ConvAE {
    /// For images of `[channels, height, width]`, with so many numbers in the `code`.
    ///
    /// # Errors
    /// When the images cannot be halved twice.
    pub fn new(shape: [usize; 3], code: usize, init: &mut Initializer) -> Result<Self> {
        let [channels, height, width] = shape;
        let neurons = neurons([height, width]);
        Ok(Self {
            encode: Encoder::new("ConvAE", shape, init)?,
            code: DenseConfig::new([neurons, code]).init(init),
            expand: DenseConfig::new([code, neurons]).with_activation(Activation::Relu).init(init),
            decode: Decoder::new(channels, init),
        })
    }
}

impl Latent for ConvAE {
    fn encode(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.encode.forward(images, context);
        self.code.forward(maps.flatten(1, 3), context)
    }

    fn decode(&self, code: Tensor<2>, size: [usize; 2], context: &mut ForwardContext) -> Tensor<4> {
        let maps = as_maps(self.expand.forward(code, context), size);
        self.decode.forward(maps, size, context)
    }
}

impl Autoencoder for ConvAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let [_, _, height, width] = images.dims();
        let code = self.encode(images, context);
        context.code(&code, None);
        self.decode(code, [height, width], context)
    }

    fn latent(&self) -> Option<&dyn Latent> {
        Some(self)
    }
}

/// `--model ConvAE --model_args '{"code": 32}'`
pub const MODEL: Model =
    Model::AutoencoderWith(&[CODE], |shape, arguments: &ModelArguments, init| {
        Ok(Box::new(ConvAE::new(shape, arguments.whole("code"), init)?))
    });
