//! a ← a + g², from a = `initial_accumulator_value`; θ ← θ - η g / √a.
//!
//! Duchi, Hazan and Singer 2011. Source: TensorFlow's `ApplyAdagrad` kernel
//! (core/kernels/training_ops.cc): no ε, the accumulator's beginning takes its place.

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `AdagradOptimizer`.
    tensorflow Adagrad {
        /// What the sums of squares begin as.
        initial_accumulator_value: f64 = number(0.1, Limit::Positive),
    }
}

impl Rule<1> for Adagrad {
    fn initial(&self) -> [f32; 1] {
        [self.initial_accumulator_value as f32]
    }

    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [accumulator]: [Tensor<D>; 1],
    ) -> (Tensor<D>, [Tensor<D>; 1]) {
        let accumulator = accumulator + gradient.clone().square();
        let change = gradient * learning_rate / accumulator.clone().sqrt();
        (parameter - change, [accumulator])
    }
}
