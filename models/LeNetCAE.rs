//! LeNet as an autoencoder: its two convolutions with poolings, and two transposed convolutions back.
//!
//! 5x5 SAME convolution to 32 maps, ReLU, 2x2 max pooling; 5x5 SAME convolution to 64 maps, ReLU, pooling; 5x5
//! transposed convolutions of stride 2 to 32 maps, ReLU, and to the image, tanh. `[batch, channels, h, w]` ->
//! `[batch, 32, ⌊h / 2⌋, ⌊w / 2⌋]` -> `[batch, 64, ⌊h / 4⌋, ⌊w / 4⌋]` and back; sides are multiples of 4.
//!
//! The fields `conv1` and `conv2` have the names and shapes of those of [`LeNet`](super::LeNet), so that
//! `--checkpoint_path` takes them from one to the other. The layer before the pixels is not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{ConvBlock, ConvTranspose, ConvTransposeConfig, Regularizer};
use dytb::{Activation, Autoencoder, Exit, Failure, ForwardContext, Initializer, Model};

/// Two convolutions down, two transposed ones up.
#[derive(Module, Debug)]
pub struct LeNetCAE {
    conv1: ConvBlock,
    conv2: ConvBlock,
    up1: ConvTranspose,
    up2: ConvTranspose,
}

impl LeNetCAE {
    /// For images of `[channels, height, width]`.
    ///
    /// # Errors
    /// When their sides are no multiples of 4.
    pub fn new([channels, height, width]: [usize; 3], init: &mut Initializer) -> Result<Self> {
        if height % 4 != 0 || width % 4 != 0 {
            let what = format!("LeNetCAE cannot take images of {height}x{width}");
            return Err(Failure::new(Exit::Failed, what)
                .why("it halves them twice: their sides have to be multiples of 4")
                .into());
        }
        let up = |from, to| ConvTransposeConfig::new([from, to], [5, 5]).with_same_padding();
        let up = |from, to| up(from, to).with_stride(2);
        let none = Regularizer::None;
        Ok(Self {
            conv1: ConvBlock::new([channels, 32], 5, none, 1.0, init),
            conv2: ConvBlock::new([32, 64], 5, none, 1.0, init),
            up1: up(64, 32).with_activation(Activation::Relu).init(init),
            up2: up(32, channels).with_activation(Activation::Tanh).without_penalty().init(init),
        })
    }
}

impl Autoencoder for LeNetCAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let maps = self.conv1.forward_halved(images, context);
        let maps = self.conv2.forward_halved(maps, context);
        context.code(&maps, None);
        let maps = self.up1.forward(maps, context);
        self.up2.forward(maps, context)
    }
}

/// `--model LeNetCAE`
pub const MODEL: Model =
    Model::Autoencoder(|shape, init| Ok(Box::new(LeNetCAE::new(shape, init)?)));
