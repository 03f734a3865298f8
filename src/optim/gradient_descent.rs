//! θ ← θ - η g.
//!
//! Source: TensorFlow's `ApplyGradientDescent` kernel (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{Rule, optimizer};

optimizer! {
    /// `GradientDescentOptimizer`.
    tensorflow GradientDescent {
    }
}

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
