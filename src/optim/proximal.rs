//! The proximal step: p = θ - η g, θ ← sign(p) max(|p| - η λ₁, 0) / (1 + η λ₂).
//!
//! `ProximalGradientDescentOptimizer` takes η as it is (Duchi and Singer 2009);
//! `ProximalAdagradOptimizer` divides it by √a for each number, a ← a + g² from
//! a = `initial_accumulator_value`. Source: TensorFlow's `ApplyProximalGradientDescent` and
//! `ApplyProximalAdagrad` kernels (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `ProximalGradientDescentOptimizer`.
    tensorflow ProximalGradientDescent {
        /// λ₁.
        l1_regularization_strength: f64 = number(0.0, Limit::NotNegative),
        /// λ₂.
        l2_regularization_strength: f64 = number(0.0, Limit::NotNegative),
    }
}

optimizer! {
    /// `ProximalAdagradOptimizer`.
    tensorflow ProximalAdagrad {
        /// What the sums of squares begin as.
        initial_accumulator_value: f64 = number(0.1, Limit::Positive),
        /// λ₁.
        l1_regularization_strength: f64 = number(0.0, Limit::NotNegative),
        /// λ₂.
        l2_regularization_strength: f64 = number(0.0, Limit::NotNegative),
    }
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
        (
            proximal_step(
                parameter,
                gradient,
                rates,
                self.l1_regularization_strength,
                self.l2_regularization_strength,
            ),
            slots,
        )
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
        (
            proximal_step(
                parameter,
                gradient,
                rates,
                self.l1_regularization_strength,
                self.l2_regularization_strength,
            ),
            [accumulator],
        )
    }
}
