//! A convolution from few channels to many.
//!
//! A unit has one channel of one row of the output. It keeps its weights and the window in registers; as the window
//! moves on along the row, one column of it is read. Units beside each other have channels beside each other: they
//! read the same pixels, and write together.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::geometry::{self, Geometry};
use crate::ops::Activation;
use crate::ops::cube::activation::activated;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};

/// Numbers of a window that are kept in registers, of those that a unit has.
const MOST: usize = 75;

/// Whether a convolution of this kind is for these kernels.
pub(super) fn takes(geometry: &Geometry) -> bool {
    geometry.inputs * geometry.window() <= MOST
}

/// The pixels of the output: x are the pixels of the input, weight `[out, in, kh, kw]`, bias `[out]`.
pub(super) fn run(
    geometry: &Geometry,
    x: &CubeTensor,
    weight: &CubeTensor,
    bias: Option<&CubeTensor>,
    activation: Activation,
) -> CubeTensor {
    launch(geometry, x, weight, bias, (activation, false))
}

/// The gradient of the input of a convolution from many channels to few, whose sizes are those of the `geometry`
/// turned round, from that of its output.
pub(super) fn run_turned(geometry: &Geometry, dz: &CubeTensor, weight: &CubeTensor) -> CubeTensor {
    launch(geometry, dz, weight, None, (Activation::Identity, true))
}

fn launch(
    geometry: &Geometry,
    x: &CubeTensor,
    weight: &CubeTensor,
    bias: Option<&CubeTensor>,
    (activation, turned): (Activation, bool),
) -> CubeTensor {
    let y = empty_beside(x, geometry.output());
    let (count, size) = cubes(x, geometry.batch.0 * geometry.out_height * geometry.outputs);
    let weight = geometry::weight(weight);
    kernel::launch(
        &x.client,
        count,
        size,
        buffer(x),
        buffer(&weight),
        buffer(bias.unwrap_or(&weight)),
        buffer(&y),
        *geometry,
        activation,
        bias.is_some(),
        turned,
    );
    y
}

/// Where the weight of the output `k`, the input `c` and the place `at` in the window is.
#[cube]
pub(super) fn weight_at(
    k: usize,
    #[comptime] c: usize,
    #[comptime] at: usize,
    #[comptime] g: Geometry,
    #[comptime] turned: bool,
) -> usize {
    let window = comptime!(g.window());
    if turned {
        // [in, out, kh, kw], from its end.
        (c * comptime!(g.outputs) + k) * window + comptime!(window - 1 - at)
    } else {
        (k * comptime!(g.inputs) + c) * window + at
    }
}

/// The number of a row and a column of the padded image, in one channel: 0 outside of the image.
#[cube]
pub(super) fn pixel(
    x: &[f32],
    image: usize,
    row: usize,
    column: usize,
    c: usize,
    #[comptime] g: Geometry,
) -> f32 {
    let (top, left) = comptime!((g.top, g.left));
    let (height, width, inputs) = comptime!((g.height, g.width, g.inputs));
    let inside = row >= top && row < height + top && column >= left && column < width + left;
    let at = ((image * height + row - top) * width + column - left) * inputs + c;
    let at = select(inside, at, 0usize);
    select(inside, x[at], 0.0f32)
}

#[cube(launch)]
fn kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    #[comptime] g: Geometry,
    #[comptime] activation: Activation,
    #[comptime] has_bias: bool,
    #[comptime] turned: bool,
) {
    let (rows, columns, inputs) = comptime!((g.rows, g.columns, g.inputs));
    let (outputs, out_height, out_width) = comptime!((g.outputs, g.out_height, g.out_width));
    if ABSOLUTE_POS * out_width >= y.len() {
        terminate!();
    }
    let k = ABSOLUTE_POS % outputs;
    let row = ABSOLUTE_POS / outputs;
    let image = row / out_height;
    let r = row % out_height;

    let mut weights = Array::<f32>::new(comptime!(inputs * rows * columns));
    let mut window = Array::<f32>::new(comptime!(inputs * rows * columns));
    #[unroll]
    for c in 0..inputs {
        #[unroll]
        for i in 0..rows {
            #[unroll]
            for j in 0..columns {
                let place = comptime!((c * rows + i) * columns + j);
                let at = comptime!(i * columns + j);
                weights[place] = weight[weight_at(k, c, at, g, turned)];
                // The window as it is before its first step.
                if comptime!(j > 0) {
                    window[place] =
                        pixel(x, image, r + i, comptime!(j - 1).runtime(), c.runtime(), g);
                }
            }
        }
    }
    let mut start = 0.0f32;
    if has_bias {
        start = bias[k];
    }
    for p in 0..out_width {
        let mut sum = start;
        #[unroll]
        for c in 0..inputs {
            #[unroll]
            for i in 0..rows {
                #[unroll]
                for j in 0..columns {
                    let place = comptime!((c * rows + i) * columns + j);
                    if comptime!(j + 1 < columns) {
                        window[place] = window[comptime!(place + 1)];
                    } else {
                        window[place] = pixel(x, image, r + i, p + j, c.runtime(), g);
                    }
                    sum += window[place] * weights[place];
                }
            }
        }
        y[(row * out_width + p) * outputs + k] = activated(sum, activation);
    }
}
