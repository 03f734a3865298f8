//! a ← μ a + g, from a = 0; θ ← θ - η a, or with Nesterov's θ ← θ - (η g + η μ a).
//!
//! Source: TensorFlow's `ApplyMomentum` kernel (core/kernels/training_ops.cc).

use super::{Elementwise, Limit, Numbers, Step, optimizer};

optimizer! {
    /// `MomentumOptimizer`.
    tensorflow Momentum {
        /// Decay μ of the accumulated gradients.
        momentum: f64 = required(Limit::NotNegative),
        /// Nesterov's variant.
        use_nesterov: bool = flag(false),
    }
}

impl Elementwise<1> for Momentum {
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
        let accumulator = accumulator * self.momentum + gradient.clone();
        let change = match self.use_nesterov {
            true => gradient * learning_rate + accumulator.clone() * self.momentum * learning_rate,
            false => accumulator.clone() * learning_rate,
        };
        (parameter - change, [accumulator])
    }
}
