//! n' = n + g², from n = `initial_accumulator_value`;
//! z ← z + g - (n'⁻ᵖ - n⁻ᵖ) θ / η, from z = 0, with p = `learning_rate_power`;
//! θ ← (sign(z) λ₁ - z) / (n'⁻ᵖ / η + 2 λ₂) where |z| > λ₁, else 0.
//!
//! McMahan et al. 2013. Source: TensorFlow's `ApplyFtrl` kernel (core/kernels/training_ops.cc).
//! With shrinkage (`ApplyFtrlV2`), g + 2 λₛ θ takes the place of g in z.

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

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

impl Rule<2> for Ftrl {
    fn initial(&self) -> [f32; 2] {
        [self.initial_accumulator_value as f32, 0.0]
    }

    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [squares, linear]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let power = |n: Tensor<D>| match self.learning_rate_power == -0.5 {
            true => n.sqrt(),
            false => n.powf_scalar(-self.learning_rate_power),
        };
        let new_squares = squares.clone() + gradient.clone().square();
        let rates = power(new_squares.clone());
        let shrunk =
            gradient + parameter.clone() * (2.0 * self.l2_shrinkage_regularization_strength);
        let linear = linear + shrunk - (rates.clone() - power(squares)) / learning_rate * parameter;
        let quadratic = rates / learning_rate + 2.0 * self.l2_regularization_strength;
        let small = linear.clone().abs().lower_equal_elem(self.l1_regularization_strength);
        let parameter =
            (linear.clone().sign() * self.l1_regularization_strength - linear.clone()) / quadratic;
        (parameter.mask_fill(small, 0.0), [new_squares, linear])
    }
}
