//! G ← G + g from 0, a ← a + g² from a = `initial_gradient_squared_accumulator_value`;
//! θ ← -η sign(G) max(|G| - λ₁ t, 0) / (√a + η λ₂ t).
//!
//! Dual averaging: θ is made anew from the sums, what it began as has no part in it. Duchi, Hazan
//! and Singer 2011. Source: TensorFlow's `ApplyAdagradDA` kernel (core/kernels/training_ops.cc); t is
//! `AdagradDAOptimizer`'s global step, 1 at first.

use burn::tensor::Tensor;

use super::{ByRule, Entry, Limit, Parameter, Rule};

/// `AdagradDAOptimizer`.
#[derive(Clone, Debug)]
pub struct AdagradDA {
    /// What the sums of squares begin as.
    pub initial_gradient_squared_accumulator_value: f64,
    /// λ₁.
    pub l1: f64,
    /// λ₂.
    pub l2: f64,
}

impl Rule<2> for AdagradDA {
    fn initial(&self) -> [f32; 2] {
        [0.0, self.initial_gradient_squared_accumulator_value as f32]
    }

    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        _parameter: Tensor<D>,
        gradient: Tensor<D>,
        [gradients, squares]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let gradients = gradients + gradient.clone();
        let squares = squares + gradient.square();
        let step = step as f64;
        let shrunk = (gradients.clone().abs() - self.l1 * step).clamp_min(0.0);
        let divisor = squares.clone().sqrt() + self.l2 * step * learning_rate;
        let parameter = gradients.clone().sign() * shrunk * -learning_rate / divisor;
        (parameter, [gradients, squares])
    }
}

/// `--optimizer AdagradDAOptimizer`
pub const ENTRY: Entry = Entry {
    name: "AdagradDAOptimizer",
    short: "AdagradDA",
    tensorflow: true,
    parameters: &[
        Parameter::number("initial_gradient_squared_accumulator_value", 0.1, Limit::Positive),
        Parameter::number("l1_regularization_strength", 0.0, Limit::NotNegative),
        Parameter::number("l2_regularization_strength", 0.0, Limit::NotNegative),
    ],
    build: |arguments| {
        ByRule(AdagradDA {
            initial_gradient_squared_accumulator_value: arguments
                .number("initial_gradient_squared_accumulator_value"),
            l1: arguments.number("l1_regularization_strength"),
            l2: arguments.number("l2_regularization_strength"),
        })
        .into()
    },
};
