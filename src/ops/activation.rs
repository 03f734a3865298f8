//! Activation functions, as a part of the operation before them or by themselves.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// What is applied to each output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Activation {
    /// `x`.
    #[default]
    Identity,
    /// `tanh(x)`.
    Tanh,
    /// `max(x, 0)`.
    Relu,
}

impl Activation {
    /// The activation of each value of `x`.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Tanh => x.tanh(),
            Self::Relu => activation::relu(x),
        }
    }
}
