//! A stack of autoencoders like [`StackedCAE`](super::StackedCAE) that learns to take noise away.
//!
//! In training the first one's input is clip(x + u, -1, 1), u uniform in ±0.5, and every autoencoder's
//! output, after dropout (but for the last one's), is the next one's input. Each is compared with the
//! clean image: the loss is Σ_k mean((x_{k+1} - x)²) / 2. The encoders end in ReLUs. `--noise` and `--loss` stand in the
//! place of this noise and this error.
//!
//! Source: Dynamic Training Bench's `models/StackedDenoisingCAE.py`. Only the encoders' weights are
//! in the L2 penalty.

use burn::module::Module;
use burn::tensor::Tensor;

use super::StackedCAE::{KEEP, Layer, layers};
use dytb::nn::Noise;
use dytb::nn::layers::Dropout;
use dytb::{Activation, Autoencoder, ForwardContext, Model};

/// Without `--noise`.
const NOISE: Noise = Noise::uniform(0.5);

/// A stack of autoencoders.
#[derive(Module, Debug)]
pub struct StackedDenoisingCAE {
    layers: Vec<Layer>,
}

impl Autoencoder for StackedDenoisingCAE {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        self.layers.iter().fold(images, |images, layer| layer.forward(images, context))
    }

    fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
        let mut input = context.disturbed_or(NOISE, images.clone());
        let mut losses = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let mut output = layer.forward(input, context);
            if number + 1 < self.layers.len() {
                output = Dropout::Inverted.forward(KEEP, output, context);
            }
            losses.push(self.reconstruction_loss(output.clone(), images.clone(), context));
            input = output.detach();
        }
        Tensor::cat(losses, 0).sum()
    }
}

/// `--model StackedDenoisingCAE`
pub const MODEL: Model = Model::Autoencoder(|[channels, _, _], init| {
    Ok(Box::new(StackedDenoisingCAE { layers: layers(channels, Activation::Relu, init) }))
});
