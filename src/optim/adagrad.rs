//! a ← a + g², from a = `initial_accumulator_value`; θ ← θ - η g / √a.
//!
//! Duchi, Hazan and Singer 2011. Source: TensorFlow's `ApplyAdagrad` kernel
//! (core/kernels/training_ops.cc): no ε, the accumulator's beginning takes its place.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

optimizer! {
    /// `AdagradOptimizer`.
    tensorflow Adagrad {
        /// What the sums of squares begin as.
        initial_accumulator_value: f64 = number(0.1, Limit::Positive),
    }
}

impl Elementwise<1> for Adagrad {
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
        let change = gradient * learning_rate / accumulator.clone().sqrt();
        (parameter - change, [accumulator])
    }
}
