//! a ← ρ a + (1 - ρ) g², u = g √(d + ε) / √(a + ε), d ← ρ d + (1 - ρ) u², from a = d = 0;
//! θ ← θ - η u.
//!
//! Zeiler 2012. Source: TensorFlow's `ApplyAdadelta` kernel (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{Limit, Rule, optimizer};

optimizer! {
    /// `AdadeltaOptimizer`.
    tensorflow Adadelta {
        /// Decay ρ of both means.
        rho: f64 = number(0.95, Limit::UpToOne),
        /// ε.
        epsilon: f64 = number(1e-8, Limit::Positive),
    }
}

impl Rule<2> for Adadelta {
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        _step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [squares, updates]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let mean =
            |mean: Tensor<D>, new: Tensor<D>| mean * self.rho + new.square() * (1.0 - self.rho);
        let squares = mean(squares, gradient.clone());
        let root = |tensor: &Tensor<D>| (tensor.clone() + self.epsilon).sqrt();
        let update = gradient * root(&updates) / root(&squares);
        let updates = mean(updates, update.clone());
        (parameter - update * learning_rate, [squares, updates])
    }
}
