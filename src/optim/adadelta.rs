//! a ← ρ a + (1 - ρ) g², u = g √(d + ε) / √(a + ε), d ← ρ d + (1 - ρ) u², from a = d = 0;
//! θ ← θ - η u.
//!
//! Zeiler 2012. Source: TensorFlow's `ApplyAdadelta` kernel (core/kernels/training_ops.cc).

use super::{Elementwise, Limit, Numbers, Step, optimizer};

optimizer! {
    /// `AdadeltaOptimizer`.
    tensorflow Adadelta {
        /// Decay ρ of both means.
        rho: f64 = number(0.95, Limit::UpToOne),
        /// ε.
        epsilon: f64 = number(1e-8, Limit::Positive),
    }
}

impl Elementwise<2> for Adadelta {
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
        [squares, updates]: [X; 2],
    ) -> (X, [X; 2]) {
        let mean = |mean: X, new: X| mean * self.rho + new.square() * (1.0 - self.rho);
        let squares = mean(squares, gradient.clone());
        let root = |numbers: &X| (numbers.clone() + self.epsilon).sqrt();
        let update = gradient * root(&updates) / root(&squares);
        let updates = mean(updates, update.clone());
        (parameter - update * learning_rate, [squares, updates])
    }
}
