//! a ← μ a + g, from a = 0; θ ← θ - η a, or with Nesterov's θ ← θ - (η g + η μ a).
//!
//! Source: TensorFlow's `ApplyMomentum` kernel (core/kernels/training_ops.cc).

use burn::tensor::Tensor;

use super::{ByRule, Entry, Limit, Parameter, Rule};

/// `MomentumOptimizer`.
#[derive(Clone, Debug)]
pub struct Momentum {
    /// Decay μ of the accumulated gradients.
    pub momentum: f64,
    /// Nesterov's variant.
    pub use_nesterov: bool,
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

/// `--optimizer MomentumOptimizer`
pub const ENTRY: Entry = Entry {
    name: "MomentumOptimizer",
    short: "Momentum",
    tensorflow: true,
    parameters: &[
        Parameter::required("momentum", Limit::NotNegative),
        Parameter::flag("use_nesterov", false),
    ],
    build: |arguments| {
        ByRule(Momentum {
            momentum: arguments.number("momentum"),
            use_nesterov: arguments.flag("use_nesterov"),
        })
        .into()
    },
};
