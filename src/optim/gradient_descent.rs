//! θ ← θ - η g.
//!
//! Source: TensorFlow's `ApplyGradientDescent` kernel (core/kernels/training_ops.cc).

use super::{Elementwise, Numbers, Step, optimizer};

optimizer! {
    /// `GradientDescentOptimizer`.
    tensorflow GradientDescent {
    }
}

impl Elementwise<0> for GradientDescent {
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
        (parameter - gradient * learning_rate, slots)
    }
}
