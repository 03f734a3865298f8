//! s ← s + (1 - δ) (g² - s), from s = 1; m ← μ m + η g / √(s + ε), from m = 0; θ ← θ - m.
//! Centered: c ← c + (1 - δ) (g - c), from c = 0, and s - c² in the place of s.
//!
//! Tieleman and Hinton 2012 (lecture 6.5). Source: TensorFlow's `ApplyRMSProp` and
//! `ApplyCenteredRMSProp` kernels (core/kernels/training_ops.cc) and `RMSPropOptimizer`, which lets
//! s begin as 1. burn's own has ε outside the root and s begin as 0, so it is not TensorFlow's.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

optimizer! {
    /// `RMSPropOptimizer`.
    tensorflow RMSProp {
        /// Decay δ of the means.
        decay: f64 = number(0.9, Limit::UpToOne),
        /// Decay μ of the accumulated changes.
        momentum: f64 = number(0.0, Limit::NotNegative),
        /// ε.
        epsilon: f64 = number(1e-10, Limit::NotNegative),
        /// Divide by the deviation from the mean gradient.
        centered: bool = flag(false),
    }
}

impl Elementwise<3> for RMSProp {
    fn initial(&self) -> [f32; 3] {
        [1.0, 0.0, 0.0]
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
        [squares, changes, means]: [X; 3],
    ) -> (X, [X; 3]) {
        let mean = |mean: X, new: X| mean.clone() + (new - mean) * (1.0 - self.decay);
        let squares = mean(squares, gradient.clone().square());
        let means = if self.centered { mean(means, gradient.clone()) } else { means };
        // Not centered, the means stay 0 and take nothing away.
        let divisor = (squares.clone() - means.clone().square() + self.epsilon).sqrt();
        let changes = changes * self.momentum + gradient * learning_rate / divisor;
        (parameter - changes.clone(), [squares, changes, means])
    }
}
