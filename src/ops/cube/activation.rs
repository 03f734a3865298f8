//! Bias and activation, and their gradient, on a GPU: one kernel each.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::ops::Activation;
use crate::ops::cube::tensor::{buffer, cubes, empty_like};

/// `activation(x)`.
#[cube]
pub(crate) fn activated(x: f32, #[comptime] activation: Activation) -> f32 {
    if comptime!(activation == Activation::Tanh) {
        x.tanh()
    } else if comptime!(activation == Activation::Relu) {
        select(x > 0.0, x, 0.0)
    } else if comptime!(activation == Activation::Relu6) {
        select(x > 6.0, 6.0, select(x > 0.0, x, 0.0))
    } else {
        x
    }
}

/// The gradient of what is activated, from that of `y`, the activation.
#[cube]
pub(crate) fn inactivated(y: f32, dy: f32, #[comptime] activation: Activation) -> f32 {
    if comptime!(activation == Activation::Tanh) {
        dy * (1.0 - y * y)
    } else if comptime!(activation == Activation::Relu) {
        select(y > 0.0, dy, 0.0)
    } else if comptime!(activation == Activation::Relu6) {
        select(y < 6.0, select(y > 0.0, dy, 0.0), 0.0)
    } else {
        dy
    }
}

/// `activation(z + bias)` of `z` `[.., channels]`, which lies in this order, and bias `[channels]`.
pub(crate) fn activate(z: CubeTensor, bias: &CubeTensor, activation: Activation) -> CubeTensor {
    let y = empty_like(&z);
    let (count, size) = cubes(&z, z.meta.shape().num_elements());
    let channels = bias.meta.shape().num_elements();
    let [from, to] = [&z, &y].map(buffer);
    activate_kernel::launch(&z.client, count, size, from, buffer(bias), to, channels, activation);
    y
}

/// The gradient of z, of that of `y = activation(z)`: `dy`, which lies as that does.
pub(crate) fn derived(y: CubeTensor, dy: CubeTensor, activation: Activation) -> CubeTensor {
    if activation == Activation::Identity {
        return dy;
    }
    let dz = empty_like(&y);
    let (count, size) = cubes(&y, y.meta.shape().num_elements());
    let [y_buffer, dy, dz_buffer] = [&y, &dy, &dz].map(buffer);
    derive_kernel::launch(&y.client, count, size, y_buffer, dy, dz_buffer, activation);
    dz
}

#[cube(launch)]
fn activate_kernel(
    z: &[f32],
    bias: &[f32],
    y: &mut [f32],
    channels: usize,
    #[comptime] activation: Activation,
) {
    if ABSOLUTE_POS < y.len() {
        let sum = z[ABSOLUTE_POS] + bias[ABSOLUTE_POS % channels];
        y[ABSOLUTE_POS] = activated(sum, activation);
    }
}

#[cube(launch)]
fn derive_kernel(y: &[f32], dy: &[f32], dz: &mut [f32], #[comptime] activation: Activation) {
    if ABSOLUTE_POS < dz.len() {
        dz[ABSOLUTE_POS] = inactivated(y[ABSOLUTE_POS], dy[ABSOLUTE_POS], activation);
    }
}
