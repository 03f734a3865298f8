//! d = g - g₋₁ (0 in the first step); m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) d,
//! n ← β₃ n + (1 - β₃) (g + β₂ d)², from m = v = n = 0;
//! θ ← (θ - η (m̂ + β₂ v̂) / (√n̂ + ε)) / (1 + η λ), each hatted mean divided by 1 - βᵢᵗ.
//!
//! Xie et al. 2022 ("Adan: Adaptive Nesterov Momentum Algorithm"), algorithm 1, with the β of its
//! authors' program: the share of the old, 1 minus the paper's, corrected for the beginning at 0,
//! and their defaults. A learning rate five to ten times Adam's suits it.

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `Adan`.
    later Adan {
        /// Decay β₁ of the mean of the gradients.
        beta_1: f64 = number(0.98, Limit::BelowOne),
        /// Decay β₂ of the mean of their differences, and the differences' weight.
        beta_2: f64 = number(0.92, Limit::BelowOne),
        /// Decay β₃ of the mean of the squares.
        beta_3: f64 = number(0.99, Limit::BelowOne),
        /// ε.
        epsilon: f64 = number(1e-8, Limit::NotNegative),
        /// λ.
        weight_decay: f64 = number(0.0, Limit::NotNegative),
    }
}

impl Rule<4> for Adan {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [means, differences, squares, before]: [Tensor<D>; 4],
    ) -> (Tensor<D>, [Tensor<D>; 4]) {
        let mean = |mean: Tensor<D>, new: Tensor<D>, beta: f64| mean * beta + new * (1.0 - beta);
        let difference = match step {
            1 => gradient.zeros_like(),
            _ => gradient.clone() - before,
        };
        let ahead = gradient.clone() + difference.clone() * self.beta_2;
        let means = mean(means, gradient.clone(), self.beta_1);
        let differences = mean(differences, difference, self.beta_2);
        let squares = mean(squares, ahead.square(), self.beta_3);

        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let nesterov = differences.clone() * (self.beta_2 / correction(self.beta_2));
        let root = squares.clone().sqrt() / correction(self.beta_3).sqrt();
        let direction =
            (means.clone() / correction(self.beta_1) + nesterov) / (root + self.epsilon);
        let moved = parameter - direction * learning_rate;
        let parameter = moved / (1.0 + learning_rate * self.weight_decay);
        (parameter, [means, differences, squares, gradient])
    }
}
