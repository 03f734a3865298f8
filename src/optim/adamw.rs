//! m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², from m = v = 0; θ ← θ (1 - η λ), then
//! θ ← θ - η m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).
//!
//! Loshchilov and Hutter 2019: the weights decay by themselves, not through the gradient. Every
//! parameter decays, biases too. Source: `torch.optim.AdamW`; its ε stands beside the corrected
//! root, unlike that of TensorFlow's `AdamOptimizer`. burn's own computes 1 - βᵗ in 32 bits, whose
//! first steps are off by up to 2e-5 of themselves. With λ = 0 it is `torch.optim.Adam`.

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `AdamW`.
    later AdamW {
        /// Decay β₁ of the mean of the gradients.
        beta_1: f64 = number(0.9, Limit::BelowOne),
        /// Decay β₂ of the mean of their squares.
        beta_2: f64 = number(0.999, Limit::BelowOne),
        /// ε.
        epsilon: f64 = number(1e-8, Limit::NotNegative),
        /// λ.
        weight_decay: f64 = number(0.01, Limit::NotNegative),
    }
}

impl AdamW {
    /// m̂ / (√v̂ + ε), and the next m and v.
    pub(super) fn direction<const D: usize>(
        &self,
        step: u64,
        gradient: Tensor<D>,
        [mean, mean_square]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let mean = mean * self.beta_1 + gradient.clone() * (1.0 - self.beta_1);
        let mean_square = mean_square * self.beta_2 + gradient.square() * (1.0 - self.beta_2);
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let root = mean_square.clone().sqrt() / correction(self.beta_2).sqrt();
        let direction = mean.clone() / correction(self.beta_1) / (root + self.epsilon);
        (direction, [mean, mean_square])
    }
}

impl Rule<2> for AdamW {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let (direction, slots) = self.direction(step, gradient, slots);
        let decayed = parameter * (1.0 - learning_rate * self.weight_decay);
        (decayed - direction * learning_rate, slots)
    }
}
