//! θ ← θ (1 - η λ) - η sign(β₁ m + (1 - β₁) g), then m ← β₂ m + (1 - β₂) g, from m = 0.
//!
//! Every number moves by η: a learning rate a third to a tenth of Adam's suits it, and a λ as many
//! times larger. Chen et al. 2023 ("Symbolic Discovery of Optimization Algorithms"), algorithm 2 and
//! its defaults.

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `Lion`.
    later Lion {
        /// Share β₁ of the mean in the direction.
        beta_1: f64 = number(0.9, Limit::BelowOne),
        /// Decay β₂ of the mean of the gradients.
        beta_2: f64 = number(0.99, Limit::BelowOne),
        /// λ.
        weight_decay: f64 = number(0.0, Limit::NotNegative),
    }
}

impl Rule<1> for Lion {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [mean]: [Tensor<D>; 1],
    ) -> (Tensor<D>, [Tensor<D>; 1]) {
        let mix = |mean: Tensor<D>, beta: f64| mean * beta + gradient.clone() * (1.0 - beta);
        let direction = mix(mean.clone(), self.beta_1).sign();
        let decayed = parameter * (1.0 - learning_rate * self.weight_decay);
        (decayed - direction * learning_rate, [mix(mean, self.beta_2)])
    }
}
