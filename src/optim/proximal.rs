//! The proximal step: p = θ - η g, θ ← sign(p) max(|p| - η λ₁, 0) / (1 + η λ₂).
//!
//! `ProximalGradientDescentOptimizer` takes η as it is (Duchi and Singer 2009);
//! `ProximalAdagradOptimizer` divides it by √a for each number, a ← a + g² from
//! a = `initial_accumulator_value`. Source: TensorFlow's `ApplyProximalGradientDescent` and
//! `ApplyProximalAdagrad` kernels (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{ByRule, Entry, Limit, Parameter, Rule};

/// `ProximalGradientDescentOptimizer`.
#[derive(Clone, Debug)]
pub struct ProximalGradientDescent {
    /// λ₁.
    pub l1: f64,
    /// λ₂.
    pub l2: f64,
}

/// `ProximalAdagradOptimizer`.
#[derive(Clone, Debug)]
pub struct ProximalAdagrad {
    /// What the sums of squares begin as.
    pub initial_accumulator_value: f64,
    /// λ₁.
    pub l1: f64,
    /// λ₂.
    pub l2: f64,
}

/// The step with a learning rate of its own for each number.
fn proximal_step<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    rates: Tensor<D>,
    l1: f64,
    l2: f64,
) -> Tensor<D> {
    let moved = parameter - gradient * rates.clone();
    let shrunk = (moved.clone().abs() - rates.clone() * l1).clamp_min(0.0);
    moved.sign() * shrunk / (rates * l2 + 1.0)
}

impl Rule<0> for ProximalGradientDescent {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: [Tensor<D>; 0],
    ) -> (Tensor<D>, [Tensor<D>; 0]) {
        let rates = gradient.full_like(learning_rate);
        (proximal_step(parameter, gradient, rates, self.l1, self.l2), slots)
    }
}

impl Rule<1> for ProximalAdagrad {
    fn initial(&self) -> [f32; 1] {
        [self.initial_accumulator_value as f32]
    }

    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [accumulator]: [Tensor<D>; 1],
    ) -> (Tensor<D>, [Tensor<D>; 1]) {
        let accumulator = accumulator + gradient.clone().square();
        let rates = accumulator.clone().sqrt().recip() * learning_rate;
        (proximal_step(parameter, gradient, rates, self.l1, self.l2), [accumulator])
    }
}

/// λ₁ and λ₂.
const STRENGTHS: [Parameter; 2] = [
    Parameter::number("l1_regularization_strength", 0.0, Limit::NotNegative),
    Parameter::number("l2_regularization_strength", 0.0, Limit::NotNegative),
];

/// `--optimizer ProximalGradientDescentOptimizer`
pub const GRADIENT_DESCENT: Entry = Entry {
    name: "ProximalGradientDescentOptimizer",
    short: "ProximalGradientDescent",
    tensorflow: true,
    parameters: &STRENGTHS,
    build: |arguments| {
        ByRule(ProximalGradientDescent {
            l1: arguments.number("l1_regularization_strength"),
            l2: arguments.number("l2_regularization_strength"),
        })
        .into()
    },
};

/// `--optimizer ProximalAdagradOptimizer`
pub const ADAGRAD: Entry = Entry {
    name: "ProximalAdagradOptimizer",
    short: "ProximalAdagrad",
    tensorflow: true,
    parameters: &[
        Parameter::number("initial_accumulator_value", 0.1, Limit::Positive),
        STRENGTHS[0],
        STRENGTHS[1],
    ],
    build: |arguments| {
        ByRule(ProximalAdagrad {
            initial_accumulator_value: arguments.number("initial_accumulator_value"),
            l1: arguments.number("l1_regularization_strength"),
            l2: arguments.number("l2_regularization_strength"),
        })
        .into()
    },
};
