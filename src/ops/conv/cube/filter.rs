//! What a convolution does to its input, and where in its weight a number is.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::ops::Activation;
use crate::ops::cube::geometry::Geometry;

/// What is applied to the input.
pub(super) struct Filter {
    /// `[out, in, kh, kw]`, of a turned one `[in, out, kh, kw]`, in this order.
    pub weight: CubeTensor,
    /// `[out]`.
    pub bias: Option<CubeTensor>,
    /// Applied to each output.
    pub activation: Activation,
    /// Whether the window is turned round, for the gradient of another convolution's input.
    pub turned: bool,
}

impl Filter {
    /// That of the forward pass.
    pub fn forward(weight: &CubeTensor, bias: CubeTensor, activation: Activation) -> Self {
        let weight = into_contiguous(weight.clone());
        Self { weight, bias: Some(bias), activation, turned: false }
    }

    /// That from the gradient of what is activated to the gradient of the input of a convolution with this weight, whose
    /// [geometry](Geometry::turned) is turned, too.
    pub fn turned(weight: &CubeTensor) -> Self {
        let weight = into_contiguous(weight.clone());
        Self { weight, bias: None, activation: Activation::Identity, turned: true }
    }

    /// The bias, or anything for a kernel to have in its place.
    pub fn bias(&self) -> &CubeTensor {
        self.bias.as_ref().unwrap_or(&self.weight)
    }
}

/// Where the weight of the output `k`, the input `c` and the place `at` in the window is.
#[cube]
pub(super) fn weight_at(
    k: usize,
    c: usize,
    at: usize,
    #[comptime] g: Geometry,
    #[comptime] turned: bool,
) -> usize {
    let window = comptime!(g.window());
    if turned {
        // [in, out, kh, kw], each window from its end.
        (c * comptime!(g.outputs) + k) * window + comptime!(window - 1) - at
    } else {
        (k * comptime!(g.inputs) + c) * window + at
    }
}
