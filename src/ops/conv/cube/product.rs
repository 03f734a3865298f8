//! A convolution between many channels, as products of matrices of which one is the windows of the images (im2col).
//!
//! ```text
//! y[n r p][k]        = activation(Σ_ijc x[n][r + i - top][p + j - left][c] w[k][i j c] + b[k])
//! dW[k][c][i][j]     = Σ_nrp x[n][r + i - top][p + j - left][c] dz[n r p][k]
//! ```
//!
//! The gradient of x is such a convolution itself, of dz with the turned window.

use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::filter::{Filter, weight_at};
use crate::ops::cube::gemm::{Side, Sizes, Together, in_parts, multiply};
use crate::ops::cube::geometry::{Geometry, images};
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};

/// Channels on either side from which on a product is better off.
const FEWEST: usize = 16;

/// Whether a convolution of this kind is better off as a product.
pub(super) fn is_better(geometry: &Geometry) -> bool {
    geometry.inputs.min(geometry.outputs) >= FEWEST
}

/// The pixels of the output, from those of the input.
pub(super) fn run(geometry: &Geometry, x: &CubeTensor, filter: &Filter) -> CubeTensor {
    let sizes = Sizes {
        rows: images(x) * geometry.out_height * geometry.out_width,
        columns: geometry.outputs,
        inner: geometry.inputs * geometry.window(),
    };
    let windows = Side::windows(x.clone(), Together::Inner, *geometry);
    let then = filter.bias.as_ref().map(|bias| (bias, filter.activation));
    reshape(multiply(windows, packed(geometry, filter), sizes, then), geometry.output(x).into())
}

/// Outputs from which on their number is the height of the product that the gradient of the weight is.
const MANY: usize = 128;

/// The gradient of the weight `[out, in, kh, kw]` from the pixels of x and of the gradient of what is activated.
pub(super) fn backward_weight(g: &Geometry, x: &CubeTensor, dz: &CubeTensor) -> CubeTensor {
    let (outputs, taps) = (g.outputs, g.inputs * g.window());
    let inner = images(x) * g.out_height * g.out_width;
    let windows = Side::windows(x.clone(), Together::Rows, *g);
    let gradient = Side::matrix(reshape(dz.clone(), [inner, outputs].into()), Together::Rows);
    let is_high = outputs >= MANY;
    let (sums, parts) = match is_high {
        true => in_parts(gradient, windows, Sizes { rows: outputs, columns: taps, inner }, None),
        false => in_parts(windows, gradient, Sizes { rows: taps, columns: outputs, inner }, None),
    };
    let dw = empty_beside(x, [outputs, g.inputs, g.rows, g.columns]);
    let (count, size) = cubes(&dw, outputs * taps);
    let [from, to] = [&sums, &dw].map(buffer);
    unpack::launch(&dw.client, count, size, from, to, parts, is_high, *g);
    dw
}

/// The sums of the parts of a gradient `[out, kh, kw, in]` where it `is_high`, else `[kh, kw, in, out]`, as
/// `[out, in, kh, kw]`.
#[cube(launch)]
fn unpack(
    sums: &[f32],
    dw: &mut [f32],
    parts: usize,
    #[comptime] is_high: bool,
    #[comptime] g: Geometry,
) {
    if ABSOLUTE_POS >= dw.len() {
        terminate!();
    }
    let (inputs, outputs, window) = comptime!((g.inputs, g.outputs, g.window()));
    let (at, rest) = (ABSOLUTE_POS % window, ABSOLUTE_POS / window);
    let (c, k) = (rest % inputs, rest / inputs);
    let mut from = (at * inputs + c) * outputs + k;
    if is_high {
        from = (k * window + at) * inputs + c;
    }
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum += sums[part * dw.len() + from];
    }
    dw[ABSOLUTE_POS] = sum;
}

/// The weight as a side of the product: `[out, kh * kw * in]`, of a turned one `[kh * kw * in, out]`, so that units read numbers
/// beside each other.
fn packed(geometry: &Geometry, filter: &Filter) -> Side {
    let (outputs, taps) = (geometry.outputs, geometry.window() * geometry.inputs);
    let (shape, together) = match filter.turned {
        true => ([taps, outputs], Together::Rows),
        false => ([outputs, taps], Together::Inner),
    };
    let packed = empty_beside(&filter.weight, shape);
    let (count, size) = cubes(&packed, outputs * taps);
    let [from, to] = [&filter.weight, &packed].map(buffer);
    pack::launch(&packed.client, count, size, from, to, *geometry, filter.turned);
    Side::matrix(packed, together)
}

#[cube(launch)]
fn pack(weight: &[f32], packed: &mut [f32], #[comptime] g: Geometry, #[comptime] turned: bool) {
    if ABSOLUTE_POS >= packed.len() {
        terminate!();
    }
    let (inputs, outputs, window) = comptime!((g.inputs, g.outputs, g.window()));
    if turned {
        let (k, rest) = (ABSOLUTE_POS % outputs, ABSOLUTE_POS / outputs);
        let (c, at) = (rest % inputs, rest / inputs);
        packed[ABSOLUTE_POS] = weight[weight_at(k, c, at, g, turned)];
    } else {
        let (c, rest) = (ABSOLUTE_POS % inputs, ABSOLUTE_POS / inputs);
        let (at, k) = (rest % window, rest / window);
        packed[ABSOLUTE_POS] = weight[weight_at(k, c, at, g, turned)];
    }
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        let geometry = Geometry::new([128, 32, 14, 14], [64, 32, 5, 5], [2; 4]);
        for flag in [false, true] {
            assemble_for_cards!("weight in order", pack::Pack, any(), any(), geometry, flag);
            assemble_for_cards!("its gradient", unpack::Unpack, any(), any(), (), flag, geometry);
        }
    }
}
