//! The forward and the backward pass of a batch, as they are handed to the optimizer.

use burn::module::ParamId;
use burn::optim::GradientsParams;
use burn::tensor::Device;

use super::any_model::BatchOutput;
use super::deferred::Layer;
use super::exchange::Exchange;
use crate::nn::Network;

/// What the passes of a batch give.
pub(crate) struct BatchStep {
    /// Still on the device; the loss has the penalty in it.
    pub output: BatchOutput,
    /// Of all parameters but those of the `layers`.
    pub gradients: GradientsParams,
    /// The large layers, with what their gradients are made of.
    pub(super) layers: Vec<Layer>,
    /// How many examples each rank has computed.
    pub(super) examples: Vec<usize>,
}

impl BatchStep {
    /// The parameters whose gradients are still to be made.
    pub fn left(&self) -> Vec<ParamId> {
        self.layers.iter().flat_map(Layer::parameters).collect()
    }

    /// Leaves in the layers what has passed through them on all ranks of `exchange`, and registers the gradients of
    /// their biases on `device`.
    pub(super) fn gather(&mut self, device: &Device, exchange: &Exchange) {
        for layer in &mut self.layers {
            layer.gather(exchange, &self.examples);
            layer.register_bias(&mut self.gradients, device);
        }
    }

    /// Whether `layer` alone makes the gradient of its weight.
    pub(super) fn is_only_one(&self, layer: &Layer) -> bool {
        let same = self.layers.iter().filter(|other| other.weight == layer.weight);
        same.count() == 1 && self.gradients.get::<2>(layer.weight).is_none()
    }

    /// The gradients of all parameters of `network`, those of the layers on `device`.
    pub(super) fn all_gradients(
        mut self,
        network: &dyn Network,
        device: &Device,
        exchange: &Exchange,
    ) -> (BatchOutput, GradientsParams) {
        self.gather(device, exchange);
        let Self { output, mut gradients, layers, .. } = self;
        for layer in layers {
            layer.register_weight(network, &mut gradients, (device, exchange));
        }
        (output, gradients)
    }
}
