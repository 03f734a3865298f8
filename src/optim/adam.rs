//! m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², from m = v = 0;
//! θ ← θ - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε).
//!
//! Kingma and Ba 2014, in the order before section 2.1: ε stands outside the bias correction
//! ("epsilon hat"). burn's own Adam corrects ε too, so it is not TensorFlow's.
//!
//! Source: TensorFlow's `ApplyAdam` kernel (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `AdamOptimizer`.
    tensorflow Adam {
        /// Decay β₁ of the mean of the gradients.
        beta1: f64 = number(0.9, Limit::BelowOne),
        /// Decay β₂ of the mean of their squares.
        beta2: f64 = number(0.999, Limit::BelowOne),
        /// ε.
        epsilon: f64 = number(1e-8, Limit::NotNegative),
    }
}

impl Rule<2> for Adam {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [mean, mean_square]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        // The kernel adds (g - m) (1 - β₁) to m; so do we, for the same rounding.
        let change = (gradient.clone() - mean.clone()) * (1.0 - self.beta1);
        let mean = mean + change;
        let change = (gradient.square() - mean_square.clone()) * (1.0 - self.beta2);
        let mean_square = mean_square + change;

        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let rate = learning_rate * correction(self.beta2).sqrt() / correction(self.beta1);
        let divisor = mean_square.clone().sqrt() + self.epsilon;
        (parameter - mean.clone() * rate / divisor, [mean, mean_square])
    }
}
