//! θ ← θ (1 - η λ) - η sign(β₁ m + (1 - β₁) g), then m ← β₂ m + (1 - β₂) g, from m = 0.
//!
//! Every number moves by η: a learning rate a third to a tenth of Adam's suits it, and a λ as many
//! times larger. Chen et al. 2023 ("Symbolic Discovery of Optimization Algorithms"), algorithm 2 and
//! its defaults.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

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

impl Elementwise<1> for Lion {
    type Factors = f64;

    fn factors(&self, step: Step) -> f64 {
        step.learning_rate
    }

    #[inline(always)]
    fn update<X: Numbers>(
        &self,
        learning_rate: f64,
        parameter: X,
        gradient: X,
        [mean]: [X; 1],
    ) -> (X, [X; 1]) {
        let mix = |mean: X, beta: f64| mean * beta + gradient.clone() * (1.0 - beta);
        let direction = mix(mean.clone(), self.beta_1).sign();
        let decayed = parameter * (1.0 - learning_rate * self.weight_decay);
        (decayed - direction * learning_rate, [mix(mean, self.beta_2)])
    }
}
