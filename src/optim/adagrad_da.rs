//! G ← G + g from 0, a ← a + g² from a = `initial_gradient_squared_accumulator_value`;
//! θ ← -η sign(G) max(|G| - λ₁ t, 0) / (√a + η λ₂ t).
//!
//! Dual averaging: θ is made anew from the sums, what it began as has no part in it. Duchi, Hazan
//! and Singer 2011. Source: TensorFlow's `ApplyAdagradDA` kernel (core/kernels/training_ops.cc); t is
//! `AdagradDAOptimizer`'s global step, 1 at first.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

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

impl Elementwise<2> for AdagradDA {
    fn initial(&self) -> [f32; 2] {
        [0.0, self.initial_gradient_squared_accumulator_value as f32]
    }

    type Factors = [f64; 2];

    fn factors(&self, step: Step) -> [f64; 2] {
        [step.learning_rate, step.number as f64]
    }

    #[inline(always)]
    fn update<X: Numbers>(
        &self,
        [learning_rate, step]: [f64; 2],
        _parameter: X,
        gradient: X,
        [gradients, squares]: [X; 2],
    ) -> (X, [X; 2]) {
        let gradients = gradients + gradient.clone();
        let squares = squares + gradient.square();
        let shrunk =
            (gradients.clone().abs() - self.l1_regularization_strength * step).at_least(0.0);
        let divisor =
            squares.clone().sqrt() + self.l2_regularization_strength * step * learning_rate;
        let parameter = gradients.clone().sign() * shrunk * -learning_rate / divisor;
        (parameter, [gradients, squares])
    }
}
