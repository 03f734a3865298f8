//! The proximal step: p = θ - η g, θ ← sign(p) max(|p| - η λ₁, 0) / (1 + η λ₂).
//!
//! `ProximalGradientDescentOptimizer` takes η as it is (Duchi and Singer 2009);
//! `ProximalAdagradOptimizer` divides it by √a for each number, a ← a + g² from
//! a = `initial_accumulator_value`. Source: TensorFlow's `ApplyProximalGradientDescent` and
//! `ApplyProximalAdagrad` kernels (core/kernels/training_ops.cc).

use super::{Elementwise, Limit, Numbers, Step, optimizer};

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
#[inline(always)]
fn proximal_step<X: Numbers>(parameter: X, gradient: X, rates: X, l1: f64, l2: f64) -> X {
    let moved = parameter - gradient * rates.clone();
    let shrunk = (moved.clone().abs() - rates.clone() * l1).at_least(0.0);
    moved.sign() * shrunk / (rates * l2 + 1.0)
}

impl Elementwise<0> for ProximalGradientDescent {
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
        slots: [X; 0],
    ) -> (X, [X; 0]) {
        let rates = gradient.like(learning_rate);
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

impl Elementwise<1> for ProximalAdagrad {
    fn initial(&self) -> [f32; 1] {
        [self.initial_accumulator_value as f32]
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
        [accumulator]: [X; 1],
    ) -> (X, [X; 1]) {
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
