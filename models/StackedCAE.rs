//! Nine convolutional autoencoders of one hidden layer, each trained on what the one before makes.
//!
//! Autoencoder k encodes its input x_k with two zeros on every side by a 3x3 convolution to 9 maps,
//! tanh, dropout (half of the neurons, in training), and decodes it by a 3x3 convolution back to the
//! image's channels, tanh: x_{k+1}. The loss is Σ_k mean((x_{k+1} - x_k)²) / 2, or that of `--loss`; no gradient
//! goes from one autoencoder to the one before. With `--noise` the first one's input is disturbed. The error, of the last output, is that of any autoencoder.
//!
//! Source: Dynamic Training Bench's `models/StackedCAE.py`. Only the encoders' weights are in the L2
//! penalty.

use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{Conv, ConvConfig, Dropout};
use dytb::{Activation, Autoencoder, ForwardContext, Initializer, Model};

/// Autoencoders that are stacked.
const DEPTH: usize = 9;
/// Maps of each hidden layer.
const MAPS: usize = 9;
/// The probability of a neuron to be kept in training.
pub(crate) const KEEP: f64 = 0.5;

/// Encoder and decoder.
#[derive(Module, Debug)]
pub struct Layer {
    encode: Conv,
    decode: Conv,
    /// Between which values the encoding is, if there are bounds.
    #[module(skip)]
    bounds: Option<[f64; 2]>,
}

impl Layer {
    /// What the autoencoder makes of `images`, of the same shape.
    pub fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let encoding = self.encode.forward(images, context);
        context.code(&encoding, self.bounds);
        self.decode.forward(Dropout::Inverted.forward(KEEP, encoding, context), context)
    }
}

/// Nine autoencoders for images of `[channels, height, width]`, whose encoders end in `activation`.
pub(crate) fn layers(
    channels: usize,
    activation: Activation,
    init: &mut Initializer,
) -> Vec<Layer> {
    let bounds = (activation == Activation::Tanh).then_some([-1.0, 1.0]);
    let mut layer = || Layer {
        bounds,
        encode: ConvConfig::new([channels, MAPS], [3, 3])
            .with_zero_padding(2)
            .with_activation(activation)
            .init(init),
        decode: ConvConfig::new([MAPS, channels], [3, 3])
            .with_activation(Activation::Tanh)
            .without_penalty()
            .init(init),
    };
    (0..DEPTH).map(|_| layer()).collect()
}

/// A stack of autoencoders.
#[derive(Module, Debug)]
pub struct StackedCAE {
    layers: Vec<Layer>,
}

impl Autoencoder for StackedCAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        self.layers.iter().fold(images, |images, layer| layer.forward(images, context))
    }

    fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
        let mut input = context.disturbed(images.clone());
        let (mut target, mut losses) = (images, Vec::new());
        for layer in &self.layers {
            let output = layer.forward(input, context);
            losses.push(self.reconstruction_loss(output.clone(), target, context));
            input = output.detach();
            target = input.clone();
        }
        Tensor::cat(losses, 0).sum()
    }
}

/// `--model StackedCAE`
pub const MODEL: Model = Model::Autoencoder(|[channels, _, _], init| {
    Ok(Box::new(StackedCAE { layers: layers(channels, Activation::Tanh, init) }))
});
