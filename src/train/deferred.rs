//! The gradients that large layers leave to the batch.
//!
//! Microbatch m leaves x_m `[examples, in]` and dz_m `[examples, out]` of each such layer, and then
//!
//! ```text
//! dW = λ W + Σ_m x_mᵀ dz_m    λ the L2 penalty, of a weight that has it        db = Σ_m Σ_e dz_m[e]
//! ```
//!
//! in the order of the examples. Ranks send each other x and dz, compute some rows of dW each, and send each other
//! these: the numbers of one process, with less to send than dW from rank to rank.

use std::ops::Range;

use burn::module::ParamId;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use super::exchange::{Exchange, share};
use crate::nn::DeferredLayer;
use crate::ops::dense::{Operands, weight_gradient};
use crate::ops::simd::SimdLevel;
use crate::util::tensor::floats;

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
    weight: ParamId,
    bias: ParamId,
    inputs: usize,
    /// The weight, if it is in the L2 penalty.
    penalised: Option<Tensor<2>>,
    operands: Operands,
}

/// The layers of `microbatches`, each in the order of its forward pass: one that was passed twice is two.
///
/// # Panics
/// When the microbatches have passed through different layers.
pub(super) fn layers(microbatches: Vec<Vec<Passage>>) -> Vec<Layer> {
    let mut layers: Vec<Vec<Passage>> = Vec::new();
    for (number, passages) in microbatches.into_iter().enumerate() {
        if number == 0 {
            layers.resize_with(passages.len(), Vec::new);
        }
        assert_eq!(passages.len(), layers.len(), "microbatches pass through the same layers");
        layers.iter_mut().zip(passages).for_each(|(layer, passage)| layer.push(passage));
    }
    layers.into_iter().map(Layer::of).collect()
}

impl Layer {
    fn of(passages: Vec<Passage>) -> Self {
        let (layers, operands): (Vec<_>, Vec<_>) =
            passages.into_iter().map(|passage| (passage.layer, passage.operands)).unzip();
        let operands = Operands::concat(&operands);
        let inputs = operands.x.len() / operands.examples();
        let first = layers.into_iter().next().expect("a layer was passed");
        let DeferredLayer { weight, bias, penalised, .. } = first;
        Self { weight, bias, inputs, penalised, operands }
    }

    /// Its weight and its bias.
    pub fn parameters(&self) -> [ParamId; 2] {
        [self.weight, self.bias]
    }

    /// Which layer it is, and how large: `[weight, bias, inputs, outputs]`.
    pub fn to_numbers(&self) -> [u64; 4] {
        let [inputs, outputs] = [self.inputs, self.operands.outputs].map(|size| size as u64);
        [self.weight.val(), self.bias.val(), inputs, outputs]
    }

    /// The layer of these numbers, through which nothing has passed here.
    pub fn from_numbers(&[weight, bias, inputs, outputs]: &[u64; 4]) -> Self {
        let [weight, bias] = [weight, bias].map(ParamId::from);
        let operands = Operands { x: Vec::new(), dz: Vec::new(), outputs: outputs as usize };
        Self { weight, bias, inputs: inputs as usize, penalised: None, operands }
    }

    /// Registers its gradients on `device` among `gradients`, where it adds to those that are there. On rank r of
    /// `exchange` `examples[r]` examples have passed.
    pub fn add_to(
        mut self,
        gradients: &mut GradientsParams,
        l2_penalty: f64,
        device: &Device,
        (exchange, examples): (&Exchange, &[usize]),
    ) {
        self.gather(exchange, examples);
        let (inputs, outputs) = (self.inputs, self.operands.outputs);
        // A rank that it was not passed on does not have its weight.
        let active = examples.iter().filter(|examples| **examples > 0).count();
        let rows = |rank| if rank < active { share(rank, active, inputs) } else { 0..0 };
        let own = rows(exchange.rank());
        let mut dw = self.penalty(l2_penalty, own.clone());
        weight_gradient(SimdLevel::best(), &self.operands, own.start, &mut dw);
        let counts: Vec<_> = (0..examples.len()).map(|rank| rows(rank).len() * outputs).collect();
        let dw = TensorData::new(exchange.all_gather(dw, &counts), [inputs, outputs]);
        let db = TensorData::new(self.operands.bias_gradient(), [outputs]);
        add(gradients, self.weight, Tensor::<2>::from_data(dw, device));
        add(gradients, self.bias, Tensor::<1>::from_data(db, device));
    }

    /// Leaves in the operands those of all ranks.
    fn gather(&mut self, exchange: &Exchange, examples: &[usize]) {
        let Operands { x, dz, outputs } = &mut self.operands;
        for (values, size) in [(x, self.inputs), (dz, *outputs)] {
            let counts: Vec<_> = examples.iter().map(|examples| examples * size).collect();
            *values = exchange.all_gather(std::mem::take(values), &counts);
        }
    }

    /// The gradient of the penalty, of these rows of the weight `[rows, outputs]`.
    fn penalty(&self, l2_penalty: f64, rows: Range<usize>) -> Vec<f32> {
        match &self.penalised {
            Some(weight) if l2_penalty > 0.0 && !rows.is_empty() => {
                floats(weight.clone().slice([rows]) * l2_penalty)
            }
            _ => vec![0.0; rows.len() * self.operands.outputs],
        }
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
