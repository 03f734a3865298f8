//! n' = n + g², from n = `initial_accumulator_value`;
//! z ← z + g - (n'⁻ᵖ - n⁻ᵖ) θ / η, from z = 0, with p = `learning_rate_power`;
//! θ ← (sign(z) λ₁ - z) / (n'⁻ᵖ / η + 2 λ₂) where |z| > λ₁, else 0.
//!
//! McMahan et al. 2013. Source: TensorFlow's `ApplyFtrl` kernel (core/kernels/training_ops.cc).
//! With shrinkage (`ApplyFtrlV2`), g + 2 λₛ θ takes the place of g in z.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

optimizer! {
    /// `FtrlOptimizer`.
    tensorflow Ftrl {
        /// p, 0 or less.
        learning_rate_power: f64 = number(-0.5, Limit::NotPositive),
        /// What the sums of squares begin as.
        initial_accumulator_value: f64 = number(0.1, Limit::NotNegative),
        /// λ₁.
        l1_regularization_strength: f64 = number(0.0, Limit::NotNegative),
        /// λ₂.
        l2_regularization_strength: f64 = number(0.0, Limit::NotNegative),
        /// λₛ.
        l2_shrinkage_regularization_strength: f64 = number(0.0, Limit::NotNegative),
    }
}

impl Elementwise<2> for Ftrl {
    fn initial(&self) -> [f32; 2] {
        [self.initial_accumulator_value as f32, 0.0]
    }

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
        [squares, linear]: [X; 2],
    ) -> (X, [X; 2]) {
        let power = |n: X| match self.learning_rate_power == -0.5 {
            true => n.sqrt(),
            false => n.power(-self.learning_rate_power),
        };
        let new_squares = squares.clone() + gradient.clone().square();
        let rates = power(new_squares.clone());
        let shrunk =
            gradient + parameter.clone() * (2.0 * self.l2_shrinkage_regularization_strength);
        let linear = linear + shrunk - (rates.clone() - power(squares)) / learning_rate * parameter;
        let quadratic = rates / learning_rate + 2.0 * self.l2_regularization_strength;
        let parameter =
            (linear.clone().sign() * self.l1_regularization_strength - linear.clone()) / quadratic;
        let magnitude = linear.clone().abs();
        let parameter = parameter.zero_where_at_most(magnitude, self.l1_regularization_strength);
        (parameter, [new_squares, linear])
    }
}
