//! Bias and activation, and their gradient, on a GPU: one kernel each.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::ops::Activation;
use crate::ops::cube::sums;
use crate::ops::cube::tensor::{UNITS, at_once, buffer, cubes, empty_beside, empty_like};

/// `activation(x)`; NaN stays.
#[cube]
pub(crate) fn activated(x: f32, #[comptime] activation: Activation) -> f32 {
    if comptime!(activation == Activation::Tanh) {
        x.tanh()
    } else if comptime!(activation == Activation::Relu) {
        select(x < 0.0, 0.0, x)
    } else if comptime!(activation == Activation::Relu6) {
        select(x > 6.0, 6.0, select(x < 0.0, 0.0, x))
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

/// Rows that a unit goes through at most: as few as keep the largest GPUs busy.
const ROWS: usize = 64;

/// The gradient of z, of that of `y = activation(z)`: `dy`, which lies as that does; and its sum over the rows of
/// `[rows, channels]`, the gradient of a bias.
pub(crate) fn derived_and_summed(
    y: CubeTensor,
    dy: CubeTensor,
    activation: Activation,
    channels: usize,
) -> (CubeTensor, CubeTensor) {
    if activation == Activation::Identity {
        return (dy.clone(), sums::over_rows(dy, channels));
    }
    let rows = y.meta.shape().num_elements() / channels;
    let at_once = at_once(channels);
    let groups = rows.div_ceil(rows_each(rows * channels / at_once));
    let (dz, sums) = (empty_like(&y), empty_beside(&y, [groups * channels]));
    let (count, size) = cubes(&y, groups * channels / at_once);
    let client = y.client.clone();
    let [y, dy, to, parts] = [&y, &dy, &dz, &sums].map(buffer);
    derive_kernel::launch(
        &client, count, size, at_once, y, dy, to, parts, rows, groups, channels, activation,
    );
    (dz, sums::over_rows(sums, channels))
}

/// How many rows a unit goes through where there are so many vectors.
pub(crate) fn rows_each(vectors: usize) -> usize {
    (vectors / UNITS).next_power_of_two().min(ROWS)
}

/// Of the numbers of a vector.
#[cube]
pub(crate) fn inactivated_vector<N: Size>(
    y: Vector<f32, N>,
    dy: Vector<f32, N>,
    #[comptime] activation: Activation,
) -> Vector<f32, N> {
    let mut dz = Vector::<f32, N>::empty();
    #[unroll]
    for e in 0..N::value() {
        dz.insert(e, inactivated(y.extract(e), dy.extract(e), activation));
    }
    dz
}

#[cube(launch)]
fn derive_kernel<N: Size>(
    y: &[Vector<f32, N>],
    dy: &[Vector<f32, N>],
    dz: &mut [Vector<f32, N>],
    sums: &mut [Vector<f32, N>],
    rows: usize,
    groups: usize,
    channels: usize,
    #[comptime] activation: Activation,
) {
    let vectors = channels / N::value();
    if ABSOLUTE_POS >= groups * vectors {
        terminate!();
    }
    let (group, vector) = (ABSOLUTE_POS / vectors, ABSOLUTE_POS % vectors);
    let mut sum = Vector::<f32, N>::new(0.0f32);
    for row in range_stepped(group, rows, groups) {
        let at = row * vectors + vector;
        let own = inactivated_vector(y[at], dy[at], activation);
        dz[at] = own;
        sum += own;
    }
    sums[ABSOLUTE_POS] = sum;
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        assemble_for_cards!(
            "derivative",
            derive_kernel::DeriveKernel,
            any(),
            any(),
            any(),
            any(),
            (),
            (),
            (),
            4,
            Activation::Tanh
        );
    }
}
