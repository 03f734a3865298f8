//! The article's convolutional autoencoder of one hidden layer.
//!
//! Two zeros on every side, 3x3 convolution to 32 maps, tanh; 3x3 convolution back to the image's
//! channels, tanh. `[batch, channels, height, width]` -> `[batch, 32, height + 2, width + 2]` ->
//! `[batch, channels, height, width]`. 288 encoder weights on MNIST, 864 on CIFAR-10.
//!
//! Source: "Convolutional Autoencoders in Tensorflow" (2016) and Dynamic Training Bench's
//! `models/SingleLayerCAE.py`. Only the encoder's weights are in the L2 penalty.

use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{Conv, ConvConfig};
use dytb::{Activation, Autoencoder, ForwardContext, Initializer, Model};

/// One hidden layer of 32 maps.
#[derive(Module, Debug)]
pub struct SingleLayerCAE {
    encode: Conv,
    decode: Conv,
}

impl SingleLayerCAE {
    /// For images of `[channels, height, width]`.
    pub fn new([channels, _, _]: [usize; 3], init: &mut Initializer) -> Self {
        Self {
            encode: ConvConfig::new([channels, 32], [3, 3])
                .with_zero_padding(2)
                .with_activation(Activation::Tanh)
                .init(init),
            decode: ConvConfig::new([32, channels], [3, 3])
                .with_activation(Activation::Tanh)
                .without_penalty()
                .init(init),
        }
    }
}

impl Autoencoder for SingleLayerCAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let encoding = self.encode.forward(images, context);
        context.code(&encoding, Some([-1.0, 1.0]));
        self.decode.forward(encoding, context)
    }
}

/// `--model SingleLayerCAE`
pub const MODEL: Model =
    Model::Autoencoder(|shape, init| Ok(Box::new(SingleLayerCAE::new(shape, init))));
