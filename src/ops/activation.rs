//! Activation functions, as a part of the operation before them or by themselves.

use std::f64::consts::SQRT_2;

use burn::tensor::{DType, Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::device::is_cpu;

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
    /// `min(max(x, 0), 6)`; its gradient is 0 from either end on, as TensorFlow's `relu6` and PyTorch's `ReLU6` have it.
    Relu6,
}

impl Activation {
    /// The activation of each value of `x`.
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => x,
            Self::Tanh => x.tanh(),
            Self::Relu => activation::relu(x),
            // Of a ReLU: burn's clamp has a gradient at 0.
            Self::Relu6 => activation::relu(x).clamp_max(6.0),
        }
    }
}

/// All of them, for tests.
#[cfg(test)]
pub(crate) const ACTIVATIONS: [Activation; 4] =
    [Activation::Identity, Activation::Tanh, Activation::Relu, Activation::Relu6];

/// The Gaussian error linear unit, `x Φ(x) = x / 2 (1 + erf(x / √2))`.
///
/// Not burn's on a GPU: its gradient there is that of the approximation by tanh (burn 0.22), up to 9e-4 away from its own
/// on the CPU.
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if is_cpu(&x.device()) {
        if D == 4 && x.dtype() == DType::F32 && x.shape().num_elements() > 0 {
            let images = Tensor::from_dispatch(x.into_dispatch());
            return Tensor::from_dispatch(super::gelu::gelu(images).into_dispatch());
        }
        return activation::gelu(x);
    }
    x.clone() * ((x / SQRT_2).erf() + 1.0) / 2.0
}
