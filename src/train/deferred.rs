//! The gradients that large layers leave to the batch.
//!
//! Microbatch m leaves x_m `[examples, in]` and dz_m `[examples, out]` of each such layer, and then
//!
//! ```text
//! dW = λ W + Σ_m x_mᵀ dz_m    λ the L2 penalty, of a weight that has it        db = Σ_m Σ_e dz_m[e]
//! ```
//!
//! in the order of the examples. Ranks send each other x and dz, compute dW for some rows each, and send each other
//! these rows or, if they have [updated](super::updater) them, the new ones of W: the numbers of one process, with less
//! to send than dW from rank to rank.

use std::ops::Range;

use burn::module::ParamId;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use super::exchange::Exchange;
use crate::nn::{DeferredLayer, Network};
use crate::ops::dense::{Operands, rows_of_gradient, weight_gradient};
use crate::ops::simd::SimdLevel;

/// One passing of examples through a large layer.
pub(super) struct Passage {
    layer: DeferredLayer,
    operands: Operands,
}

/// What the `layers` have left after the backward pass; nothing of one that it did not come to.
pub(super) fn passages(layers: Vec<DeferredLayer>) -> Vec<Passage> {
    let passage =
        |layer: DeferredLayer| layer.operands.take().map(|operands| Passage { layer, operands });
    layers.into_iter().filter_map(passage).collect()
}

/// The weights and the biases of the layers that were passed.
pub(super) fn parameters(passages: &[Passage]) -> Vec<ParamId> {
    passages.iter().flat_map(|passage| [passage.layer.weight, passage.layer.bias]).collect()
}

/// A layer and what has passed through it, microbatch after microbatch.
pub(super) struct Layer {
    /// `[inputs, outputs]`.
    pub weight: ParamId,
    /// `[outputs]`.
    pub bias: ParamId,
    inputs: usize,
    /// λ; 0 where the weight is not in the penalty.
    penalty: f64,
    operands: Operands,
}

/// The layers of `microbatches`, each in the order of its forward pass: one that was passed twice is two.
///
/// # Panics
/// When the microbatches have passed through different layers.
pub(super) fn layers(microbatches: Vec<Vec<Passage>>, l2_penalty: f64) -> Vec<Layer> {
    let mut layers: Vec<Vec<Passage>> = Vec::new();
    for (number, passages) in microbatches.into_iter().enumerate() {
        if number == 0 {
            layers.resize_with(passages.len(), Vec::new);
        }
        assert_eq!(passages.len(), layers.len(), "microbatches pass through the same layers");
        layers.iter_mut().zip(passages).for_each(|(layer, passage)| layer.push(passage));
    }
    layers.into_iter().map(|passages| Layer::of(passages, l2_penalty)).collect()
}

impl Layer {
    fn of(passages: Vec<Passage>, l2_penalty: f64) -> Self {
        let (layers, operands): (Vec<_>, Vec<_>) =
            passages.into_iter().map(|passage| (passage.layer, passage.operands)).unzip();
        let operands = Operands::concat(&operands);
        let inputs = operands.inputs();
        let first = layers.into_iter().next().expect("a layer was passed");
        let DeferredLayer { weight, bias, penalised, .. } = first;
        let penalty = if penalised { l2_penalty } else { 0.0 };
        Self { weight, bias, inputs, penalty, operands }
    }

    /// Its weight and its bias.
    pub fn parameters(&self) -> [ParamId; 2] {
        [self.weight, self.bias]
    }

    /// Outputs: numbers in a row of the weight.
    pub fn outputs(&self) -> usize {
        self.operands.outputs()
    }

    /// λ; 0 where the weight is not in the penalty.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    /// The rows of the weight whose gradient is this rank's.
    pub fn rows(&self, exchange: &Exchange) -> Range<usize> {
        exchange.share(self.inputs)
    }

    /// How many numbers of the weight each rank has.
    pub fn counts(&self, exchange: &Exchange) -> Vec<usize> {
        exchange.row_counts(self.inputs, self.outputs())
    }

    /// Which layer it is, and how large: `[weight, bias, inputs, outputs, λ]`.
    pub fn to_numbers(&self) -> [u64; 5] {
        let [inputs, outputs] = [self.inputs, self.outputs()].map(|size| size as u64);
        [self.weight.val(), self.bias.val(), inputs, outputs, self.penalty.to_bits()]
    }

    /// The layer of these numbers, through which nothing has passed here.
    pub fn from_numbers(&[weight, bias, inputs, outputs, penalty]: &[u64; 5]) -> Self {
        let [weight, bias] = [weight, bias].map(ParamId::from);
        let operands = Operands::none(outputs as usize);
        let penalty = f64::from_bits(penalty);
        Self { weight, bias, inputs: inputs as usize, penalty, operands }
    }

    /// Leaves here what has passed through it on all ranks of `exchange`: on rank r `examples[r]` examples.
    pub fn gather(&mut self, exchange: &Exchange, examples: &[usize]) {
        if exchange.is_alone() {
            return;
        }
        let all = |values: &[f32], size: usize| {
            let counts: Vec<_> = examples.iter().map(|examples| examples * size).collect();
            exchange.all_gather(values.to_vec(), &counts).into()
        };
        let (x, dz) =
            (all(self.operands.x(), self.inputs), all(self.operands.dz(), self.outputs()));
        self.operands = Operands::new(x, dz, self.outputs());
    }

    /// Adds the gradient of the rows of its weight from `first` on, without the penalty, to `sums` `[rows, outputs]`: on
    /// this thread.
    pub fn add_rows(&self, first: usize, sums: &mut [f32]) {
        rows_of_gradient(SimdLevel::best(), &self.operands, first, sums);
    }

    /// Registers the gradient of its weight, a parameter of `network`, on `device` among `gradients`, where it adds to
    /// what is there.
    pub fn register_weight(
        &self,
        network: &dyn Network,
        gradients: &mut GradientsParams,
        (device, exchange): (&Device, &Exchange),
    ) {
        let (outputs, rows) = (self.outputs(), self.rows(exchange));
        let mut dw = vec![0.0; rows.len() * outputs];
        if self.penalty > 0.0 {
            let weight = network.value(self.weight).expect("it is trained");
            let weight = weight[rows.start * outputs..].iter();
            dw.iter_mut().zip(weight).for_each(|(dw, weight)| *dw = weight * self.penalty as f32);
        }
        weight_gradient(SimdLevel::best(), &self.operands, rows.start, &mut dw);
        let dw = exchange.all_gather(dw, &self.counts(exchange));
        let dw = TensorData::new(dw, [self.inputs, outputs]);
        add(gradients, self.weight, Tensor::<2>::from_data(dw, device));
    }

    /// Registers the gradient of its bias likewise.
    pub fn register_bias(&self, gradients: &mut GradientsParams, device: &Device) {
        let db = TensorData::new(self.operands.bias_gradient(), [self.outputs()]);
        add(gradients, self.bias, Tensor::<1>::from_data(db, device));
    }
}

/// Adds `gradient` to that of the parameter `id`, if it has one.
fn add<const D: usize>(gradients: &mut GradientsParams, id: ParamId, gradient: Tensor<D>) {
    let sum = match gradients.remove::<D>(id) {
        Some(first) => first + gradient,
        None => gradient,
    };
    gradients.register(id, sum);
}
