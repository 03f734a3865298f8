//! m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², from m = v = 0;
//! θ ← θ - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε).
//!
//! Kingma and Ba 2014, in the order before section 2.1: ε stands outside the bias correction
//! ("epsilon hat"). burn's own Adam corrects ε too, so it is not TensorFlow's.
//!
//! Source: TensorFlow's `ApplyAdam` kernel (core/kernels/training_ops.cc).

use super::{Elementwise, Limit, Numbers, Step, optimizer};

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

impl Elementwise<2> for Adam {
    type Factors = f64;

    fn factors(&self, step: Step) -> f64 {
        let [mean, mean_square] = [self.beta1, self.beta2].map(|beta| step.correction(beta));
        step.learning_rate * mean_square.sqrt() / mean
    }

    #[inline(always)]
    fn update<X: Numbers>(
        &self,
        rate: f64,
        parameter: X,
        gradient: X,
        [mean, mean_square]: [X; 2],
    ) -> (X, [X; 2]) {
        // The kernel adds (g - m) (1 - β₁) to m; so do we, for the same rounding.
        let change = (gradient.clone() - mean.clone()) * (1.0 - self.beta1);
        let mean = mean + change;
        let change = (gradient.square() - mean_square.clone()) * (1.0 - self.beta2);
        let mean_square = mean_square + change;

        let divisor = mean_square.clone().sqrt() + self.epsilon;
        (parameter - mean.clone() * rate / divisor, [mean, mean_square])
    }
}
