//! G ← G + g from 0, a ← a + g² from a = `initial_gradient_squared_accumulator_value`;
//! θ ← -η sign(G) max(|G| - λ₁ t, 0) / (√a + η λ₂ t).
//!
//! Dual averaging: θ is made anew from the sums, what it began as has no part in it. Duchi, Hazan
//! and Singer 2011. Source: TensorFlow's `ApplyAdagradDA` kernel (core/kernels/training_ops.cc); t is
//! `AdagradDAOptimizer`'s global step, 1 at first.

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `AdagradDAOptimizer`.
    tensorflow AdagradDA {
        /// What the sums of squares begin as.
        initial_gradient_squared_accumulator_value: f64 = number(0.1, Limit::Positive),
        /// λ₁.
        l1_regularization_strength: f64 = number(0.0, Limit::NotNegative),
        /// λ₂.
        l2_regularization_strength: f64 = number(0.0, Limit::NotNegative),
    }
}

impl Rule<2> for AdagradDA {
    fn initial(&self) -> [f32; 2] {
        [0.0, self.initial_gradient_squared_accumulator_value as f32]
    }

    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        _parameter: Tensor<D>,
        gradient: Tensor<D>,
        [gradients, squares]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let gradients = gradients + gradient.clone();
        let squares = squares + gradient.square();
        let step = step as f64;
        let shrunk =
            (gradients.clone().abs() - self.l1_regularization_strength * step).clamp_min(0.0);
        let divisor =
            squares.clone().sqrt() + self.l2_regularization_strength * step * learning_rate;
        let parameter = gradients.clone().sign() * shrunk * -learning_rate / divisor;
        (parameter, [gradients, squares])
    }
}
