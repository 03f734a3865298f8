//! The exponential moving average of a network's trained parameters.
//!
//! ```text
//! a ← θ with the first step, then a ← a + (1 - d) (θ - a) after each, d the decay
//! ```
//!
//! PyTorch's `AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(d))` (Polyak and Juditsky 1992; Izmailov et al.
//! 2018). What is no trained parameter, as the moving averages of a batch normalisation, is the network's own, as
//! there with `use_buffers=False`.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::erased::{Boxed, Erased};
use super::visitors::boxed;

/// The averages of a network's trained parameters, in its order.
#[derive(Clone, Debug, Default)]
pub struct Average(Vec<Tensor<1>>);

impl Average {
    /// Whether no step has been taken yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The trained parameters of `network` as they are.
pub(super) fn values(network: &dyn Erased) -> Average {
    let mut values = Values(Vec::new());
    network.visit(&mut values);
    Average(values.0)
}

/// Brings `average` nearer to the trained parameters of `network`; where it is empty, to them.
pub(super) fn follow(network: &dyn Erased, average: &mut Average, decay: f64) {
    let Average(now) = values(network);
    if average.is_empty() {
        *average = Average(now);
        return;
    }
    let before = std::mem::take(&mut average.0).into_iter().zip(now);
    // The weight 1 - d in 64 bits, as PyTorch's lerp takes it.
    average.0 = before.map(|(mean, now)| (now - mean.clone()) * (1.0 - decay) + mean).collect();
}

/// A copy of `network` with `average` in the place of its trained parameters.
pub(super) fn averaged(network: &dyn Erased, average: &Average) -> Boxed {
    boxed(network).map(&mut Averaged { average: average.0.iter() })
}

struct Values(Vec<Tensor<1>>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            let values = param.val().inner();
            let len = values.shape().num_elements();
            self.0.push(values.reshape([len]));
        }
    }
}

struct Averaged<'a> {
    average: std::slice::Iter<'a, Tensor<1>>,
}

impl ModuleMapper for Averaged<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        let mean = self.average.next().expect("as many as the network has parameters").clone();
        param.map(|values| {
            let mean = mean.reshape(values.shape());
            Tensor::from_inner(mean).require_grad()
        })
    }
}
