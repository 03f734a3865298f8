//! m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², from m = v = 0; θ ← θ (1 - η λ), then
//! θ ← θ - η m̂ / (√v̂ + ε), with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).
//!
//! Loshchilov and Hutter 2019: the weights decay by themselves, not through the gradient. Every
//! parameter decays, biases too. Source: `torch.optim.AdamW`; its ε stands beside the corrected
//! root, unlike that of TensorFlow's `AdamOptimizer`. burn's own computes 1 - βᵗ in 32 bits, whose
//! first steps are off by up to 2e-5 of themselves. With λ = 0 it is `torch.optim.Adam`.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

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
    /// 1 - β₁ᵗ and 1 - β₂ᵗ.
    pub(super) fn corrections(&self, step: Step) -> [f64; 2] {
        [self.beta_1, self.beta_2].map(|beta| step.correction(beta))
    }

    /// m̂ / (√v̂ + ε), and the next m and v.
    #[inline(always)]
    pub(super) fn direction<X: Numbers>(
        &self,
        [of_mean, of_square]: [f64; 2],
        gradient: X,
        [mean, mean_square]: [X; 2],
    ) -> (X, [X; 2]) {
        let mean = mean * self.beta_1 + gradient.clone() * (1.0 - self.beta_1);
        let mean_square = mean_square * self.beta_2 + gradient.square() * (1.0 - self.beta_2);
        let root = mean_square.clone().sqrt() / of_square.sqrt();
        let direction = mean.clone() / of_mean / (root + self.epsilon);
        (direction, [mean, mean_square])
    }
}

impl Elementwise<2> for AdamW {
    type Factors = [f64; 3];

    fn factors(&self, step: Step) -> [f64; 3] {
        let [mean, mean_square] = self.corrections(step);
        [step.learning_rate, mean, mean_square]
    }

    #[inline(always)]
    fn update<X: Numbers>(
        &self,
        [learning_rate, mean, mean_square]: [f64; 3],
        parameter: X,
        gradient: X,
        slots: [X; 2],
    ) -> (X, [X; 2]) {
        let (direction, slots) = self.direction([mean, mean_square], gradient, slots);
        let decayed = parameter * (1.0 - learning_rate * self.weight_decay);
        (decayed - direction * learning_rate, slots)
    }
}
