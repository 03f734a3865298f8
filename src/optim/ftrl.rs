//! n' = n + g², from n = `initial_accumulator_value`;
//! z ← z + g - (n'⁻ᵖ - n⁻ᵖ) θ / η, from z = 0, with p = `learning_rate_power`;
//! θ ← (sign(z) λ₁ - z) / (n'⁻ᵖ / η + 2 λ₂) where |z| > λ₁, else 0.
//!
//! McMahan et al. 2013. Source: TensorFlow's `ApplyFtrl` kernel (core/kernels/training_ops.cc).
//! With shrinkage (`ApplyFtrlV2`), g + 2 λₛ θ takes the place of g in z.

use burn::tensor::Tensor;

use super::{ByRule, Entry, Limit, Parameter, Rule};

/// `FtrlOptimizer`.
#[derive(Clone, Debug)]
pub struct Ftrl {
    /// p, 0 or less.
    pub learning_rate_power: f64,
    /// What the sums of squares begin as.
    pub initial_accumulator_value: f64,
    /// λ₁.
    pub l1: f64,
    /// λ₂.
    pub l2: f64,
    /// λₛ.
    pub l2_shrinkage: f64,
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
        let shrunk = gradient + parameter.clone() * (2.0 * self.l2_shrinkage);
        let linear = linear + shrunk - (rates.clone() - power(squares)) / learning_rate * parameter;
        let quadratic = rates / learning_rate + 2.0 * self.l2;
        let small = linear.clone().abs().lower_equal_elem(self.l1);
        let parameter = (linear.clone().sign() * self.l1 - linear.clone()) / quadratic;
        (parameter.mask_fill(small, 0.0), [new_squares, linear])
    }
}

/// `--optimizer FtrlOptimizer`
pub const ENTRY: Entry = Entry {
    name: "FtrlOptimizer",
    short: "Ftrl",
    tensorflow: true,
    parameters: &[
        Parameter::number("learning_rate_power", -0.5, Limit::NotPositive),
        Parameter::number("initial_accumulator_value", 0.1, Limit::NotNegative),
        Parameter::number("l1_regularization_strength", 0.0, Limit::NotNegative),
        Parameter::number("l2_regularization_strength", 0.0, Limit::NotNegative),
        Parameter::number("l2_shrinkage_regularization_strength", 0.0, Limit::NotNegative),
    ],
    build: |arguments| {
        ByRule(Ftrl {
            learning_rate_power: arguments.number("learning_rate_power"),
            initial_accumulator_value: arguments.number("initial_accumulator_value"),
            l1: arguments.number("l1_regularization_strength"),
            l2: arguments.number("l2_regularization_strength"),
            l2_shrinkage: arguments.number("l2_shrinkage_regularization_strength"),
        })
        .into()
    },
};
