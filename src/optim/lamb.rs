//! u = m̂ / (√v̂ + ε) + λ θ, m̂ and v̂ as in [`AdamW`]; θ ← θ - η ‖θ‖ / ‖u‖ u.
//!
//! The step of a layer is as long as the layer's weights are: made for large batches. You et al.
//! 2020 ("Large Batch Optimization for Deep Learning"), algorithm 2. Where ‖θ‖ or ‖u‖ is 0, the
//! quotient is 1. Biases and other vectors take u without λ and without the quotient, as is usual
//! (the authors' program and NVIDIA's leave them out of both): a bias that begins as 0 would
//! hardly leave it.

use burn::tensor::Tensor;

use crate::ops::ordered_sum::ordered_sum;

use super::{AdamW, Limit, Rule, Step, optimizer};

optimizer! {
    /// `Lamb`.
    later Lamb {
        /// Decay β₁ of the mean of the gradients.
        beta_1: f64 = number(0.9, Limit::BelowOne),
        /// Decay β₂ of the mean of their squares.
        beta_2: f64 = number(0.999, Limit::BelowOne),
        /// ε.
        epsilon: f64 = number(1e-6, Limit::NotNegative),
        /// λ.
        weight_decay: f64 = number(0.0, Limit::NotNegative),
    }
}

impl Lamb {
    /// The rule whose direction m̂ / (√v̂ + ε) it takes.
    fn adam(&self) -> AdamW {
        let Self { beta_1, beta_2, epsilon, weight_decay } = *self;
        AdamW { beta_1, beta_2, epsilon, weight_decay }
    }
}

impl Rule<2> for Lamb {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let corrections = self.adam().corrections(Step { learning_rate, number: step });
        let (direction, slots) = self.adam().direction(corrections, gradient, slots);
        if D < 2 {
            return (parameter - direction * learning_rate, slots);
        }
        let update = direction + parameter.clone() * self.weight_decay;
        let norm = |tensor: &Tensor<D>| ordered_sum(tensor.clone().square()).sqrt();
        let [ours, theirs] = [norm(&parameter), norm(&update)];
        let either_is_0 = ours.clone().equal_scalar(0.0).bool_or(theirs.clone().equal_scalar(0.0));
        let ratio = (ours / theirs).mask_fill(either_is_0, 1.0);
        (parameter - update * ratio.unsqueeze() * learning_rate, slots)
    }
}
