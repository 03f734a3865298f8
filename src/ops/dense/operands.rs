//! What the backward pass of a dense layer leaves for the gradients of its weight and its bias.

use std::sync::OnceLock;

use super::blocks::panels;
use crate::ops::recycled::Recycled;
use crate::ops::sums::sums_of_columns;

/// What the weight's gradient is made of: dW = xᵀ dz, db = Σ dz over the examples.
#[derive(Debug)]
pub struct Operands {
    x: Recycled,
    dz: Recycled,
    outputs: usize,
    /// dz as the products take it, once one of them has asked for it.
    panels: OnceLock<Recycled>,
}

impl Operands {
    /// Of `x` `[examples, inputs]` and the gradient before the activation, `dz` `[examples, outputs]`.
    pub(crate) fn new(x: Recycled, dz: Recycled, outputs: usize) -> Self {
        Self { x, dz, outputs, panels: OnceLock::new() }
    }

    /// Those of no example.
    pub fn none(outputs: usize) -> Self {
        Self::new(Recycled::default(), Recycled::default(), outputs)
    }

    /// Those of all examples of `parts`, in their order.
    ///
    /// # Panics
    /// When there is none.
    pub fn concat(parts: &[Self]) -> Self {
        let all = |values: fn(&Self) -> &[f32]| {
            Recycled::concat(&parts.iter().map(values).collect::<Vec<_>>())
        };
        Self::new(all(Self::x), all(Self::dz), parts[0].outputs)
    }

    /// `[examples, inputs]`.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// `[examples, outputs]`: the gradient before the activation.
    pub fn dz(&self) -> &[f32] {
        &self.dz
    }

    /// The same in [`panels`].
    pub(super) fn dz_in_panels(&self) -> &[f32] {
        self.panels.get_or_init(|| panels(&self.dz, self.outputs))
    }

    /// Outputs of the layer.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs of the layer, if there are examples.
    ///
    /// # Panics
    /// When there are none.
    pub fn inputs(&self) -> usize {
        self.x.len() / self.examples()
    }

    /// How many examples there are.
    pub fn examples(&self) -> usize {
        self.dz.len() / self.outputs
    }

    /// `[outputs]`: the gradient of the bias.
    pub fn bias_gradient(&self) -> Vec<f32> {
        sums_of_columns(&self.dz, self.outputs)
    }
}
