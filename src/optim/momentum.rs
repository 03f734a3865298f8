//! a ← μ a + g, from a = 0; θ ← θ - η a, or with Nesterov's θ ← θ - (η g + η μ a).
//!
//! Source: TensorFlow's `ApplyMomentum` kernel (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `MomentumOptimizer`.
    tensorflow Momentum {
        /// Decay μ of the accumulated gradients.
        momentum: f64 = required(Limit::NotNegative),
        /// Nesterov's variant.
        use_nesterov: bool = flag(false),
    }
}

impl Rule<1> for Momentum {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [accumulator]: [Tensor<D>; 1],
    ) -> (Tensor<D>, [Tensor<D>; 1]) {
        let accumulator = accumulator * self.momentum + gradient.clone();
        let change = match self.use_nesterov {
            true => gradient * learning_rate + accumulator.clone() * self.momentum * learning_rate,
            false => accumulator.clone() * learning_rate,
        };
        (parameter - change, [accumulator])
    }
}
