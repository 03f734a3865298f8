//! θ ← θ - η g.
//!
//! Source: TensorFlow's `ApplyGradientDescent` kernel (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{ByRule, Entry, Rule};

/// `GradientDescentOptimizer`.
#[derive(Clone, Debug)]
pub struct GradientDescent;

impl Rule<0> for GradientDescent {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: [Tensor<D>; 0],
    ) -> (Tensor<D>, [Tensor<D>; 0]) {
        (parameter - gradient * learning_rate, slots)
    }
}

/// `--optimizer GradientDescentOptimizer`
pub const ENTRY: Entry = Entry {
    name: "GradientDescentOptimizer",
    short: "GradientDescent",
    tensorflow: true,
    parameters: &[],
    build: |_| ByRule(GradientDescent).into(),
};
