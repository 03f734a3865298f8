//! The gradient of the weight of a convolution between few channels and many.
//!
//! ```text
//! dW[k][c][i][j] = Σ_nrp dz[n][r][p][k] x[n][r + i - top][p + j - left][c]        db[k] = Σ_nrp dz[n][r][p][k]
//! ```
//!
//! A unit has one channel of the side that has many, in some rows of one image; it keeps the sums of all that belong to
//! it in registers. The sums of all parts are added up in a second pass.

use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::geometry::Geometry;
use super::to_many::pixel;
use crate::ops::Activation;
use crate::ops::cube::activation::inactivated;
use crate::ops::cube::sums;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};

/// Units that are to have work: as many as the largest GPUs have at a time (132 multiprocessors of 2048 threads).
const UNITS: usize = 1 << 18;

/// Rows of an image that a unit goes through, of `height` rows of `batch` images in `channels` channels: as few as keep
/// all units busy, and so few sums to add up afterwards.
fn rows_each(batch: usize, height: usize, channels: usize) -> usize {
    (batch * height * channels).div_ceil(UNITS).next_power_of_two().clamp(1, height)
}

/// dW and db of a convolution from few channels to many, from the pixels of x, of y and of the gradient of y.
pub(super) fn by_outputs(
    geometry: &Geometry,
    x: &CubeTensor,
    y: &CubeTensor,
    dy: &CubeTensor,
    activation: Activation,
) -> (CubeTensor, CubeTensor) {
    let weights = geometry.outputs * geometry.inputs * geometry.window();
    let columns = weights + geometry.outputs;
    let rows = rows_each(geometry.batch.0, geometry.out_height, geometry.outputs);
    let parts = geometry.out_height.div_ceil(rows);
    let sums = empty_beside(x, [geometry.batch.0 * parts * columns]);
    let (count, size) = cubes(x, geometry.batch.0 * parts * geometry.outputs);
    outputs_kernel::launch(
        &x.client,
        count,
        size,
        buffer(x),
        buffer(y),
        buffer(dy),
        buffer(&sums),
        *geometry,
        activation,
        rows,
    );
    split(sums::over_rows(sums, columns), geometry)
}

/// dW of such a convolution from the gradient of what is activated.
pub(super) fn by_outputs_of(geometry: &Geometry, x: &CubeTensor, dz: &CubeTensor) -> CubeTensor {
    by_outputs(geometry, x, dz, dz, Activation::Identity).0
}

/// dW of a convolution from many channels to few, from the pixels of x and of the gradient of what is activated.
pub(super) fn by_inputs(geometry: &Geometry, x: &CubeTensor, dz: &CubeTensor) -> CubeTensor {
    let columns = geometry.outputs * geometry.inputs * geometry.window();
    let rows = rows_each(geometry.batch.0, geometry.height, geometry.inputs);
    let parts = geometry.height.div_ceil(rows);
    let sums = empty_beside(x, [geometry.batch.0 * parts * columns]);
    let (count, size) = cubes(x, geometry.batch.0 * parts * geometry.inputs);
    let turned = geometry.turned();
    inputs_kernel::launch(
        &x.client,
        count,
        size,
        buffer(x),
        buffer(dz),
        buffer(&sums),
        *geometry,
        turned,
        rows,
    );
    let Geometry { outputs, inputs, rows, columns: width, .. } = *geometry;
    reshape(sums::over_rows(sums, columns), [outputs, inputs, rows, width].into())
}

/// The gradients of the weight and the bias, which follow each other in `sums`.
fn split(sums: CubeTensor, g: &Geometry) -> (CubeTensor, CubeTensor) {
    let weight = empty_beside(&sums, [g.outputs, g.inputs, g.rows, g.columns]);
    let bias = empty_beside(&sums, [g.outputs]);
    let (count, size) = cubes(&sums, sums.meta.shape().num_elements());
    split_kernel::launch(&sums.client, count, size, buffer(&sums), buffer(&weight), buffer(&bias));
    (weight, bias)
}

#[cube(launch)]
fn split_kernel(sums: &[f32], weight: &mut [f32], bias: &mut [f32]) {
    if ABSOLUTE_POS < weight.len() {
        weight[ABSOLUTE_POS] = sums[ABSOLUTE_POS];
    } else if ABSOLUTE_POS < weight.len() + bias.len() {
        bias[ABSOLUTE_POS - weight.len()] = sums[ABSOLUTE_POS];
    }
}

#[cube(launch)]
fn outputs_kernel(
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    sums: &mut [f32],
    #[comptime] g: Geometry,
    #[comptime] activation: Activation,
    #[comptime] rows_each: usize,
) {
    let (rows, columns, inputs) = comptime!((g.rows, g.columns, g.inputs));
    let (outputs, out_height, out_width) = comptime!((g.outputs, g.out_height, g.out_width));
    let taps = comptime!(inputs * rows * columns);
    let parts = comptime!(out_height.div_ceil(rows_each));
    let k = ABSOLUTE_POS % outputs;
    let part = ABSOLUTE_POS / outputs;
    let all = comptime!(outputs * taps + outputs);
    if part * all >= sums.len() {
        terminate!();
    }
    let image = part / parts;
    let first = (part % parts) * rows_each;
    let end = min(first + rows_each, out_height.runtime());

    let mut own = Array::<f32>::new(taps);
    let mut window = Array::<f32>::new(taps);
    #[unroll]
    for place in 0..taps {
        own[place] = 0.0f32;
    }
    let mut bias = 0.0f32;
    for r in first..end {
        #[unroll]
        for c in 0..inputs {
            #[unroll]
            for i in 0..rows {
                #[unroll]
                for j in 1..columns {
                    let place = comptime!((c * rows + i) * columns + j);
                    window[place] =
                        pixel(x, image, r + i, comptime!(j - 1).runtime(), c.runtime(), g);
                }
            }
        }
        for p in 0..out_width {
            let at = ((image * out_height + r) * out_width + p) * outputs + k;
            let dz = inactivated(y[at], dy[at], activation);
            bias += dz;
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
                        own[place] += dz * window[place];
                    }
                }
            }
        }
    }
    #[unroll]
    for place in 0..taps {
        sums[part * all + k * taps + place] = own[place];
    }
    sums[part * all + comptime!(outputs * taps) + k] = bias;
}

/// `t` is the geometry of the turned convolution, whose input dz is.
#[cube(launch)]
fn inputs_kernel(
    x: &[f32],
    dz: &[f32],
    sums: &mut [f32],
    #[comptime] g: Geometry,
    #[comptime] t: Geometry,
    #[comptime] rows_each: usize,
) {
    let (rows, columns, inputs) = comptime!((g.rows, g.columns, g.inputs));
    let (outputs, height, width) = comptime!((g.outputs, g.height, g.width));
    let taps = comptime!(outputs * rows * columns);
    let parts = comptime!(height.div_ceil(rows_each));
    let c = ABSOLUTE_POS % inputs;
    let part = ABSOLUTE_POS / inputs;
    let all = comptime!(inputs * taps);
    if part * all >= sums.len() {
        terminate!();
    }
    let image = part / parts;
    let first = (part % parts) * rows_each;
    let end = min(first + rows_each, height.runtime());

    let mut own = Array::<f32>::new(taps);
    let mut window = Array::<f32>::new(taps);
    #[unroll]
    for place in 0..taps {
        own[place] = 0.0f32;
    }
    for r in first..end {
        #[unroll]
        for k in 0..outputs {
            #[unroll]
            for i in 0..rows {
                #[unroll]
                for j in 1..columns {
                    let place = comptime!((k * rows + i) * columns + j);
                    window[place] =
                        pixel(dz, image, r + i, comptime!(j - 1).runtime(), k.runtime(), t);
                }
            }
        }
        for p in 0..width {
            let value = x[((image * height + r) * width + p) * inputs + c];
            #[unroll]
            for k in 0..outputs {
                #[unroll]
                for i in 0..rows {
                    #[unroll]
                    for j in 0..columns {
                        let place = comptime!((k * rows + i) * columns + j);
                        if comptime!(j + 1 < columns) {
                            window[place] = window[comptime!(place + 1)];
                        } else {
                            window[place] = pixel(dz, image, r + i, p + j, k.runtime(), t);
                        }
                        own[place] += value * window[place];
                    }
                }
            }
        }
    }
    #[unroll]
    for k in 0..outputs {
        #[unroll]
        for at in 0..comptime!(rows * columns) {
            // The window is turned round.
            let turned = comptime!(k * rows * columns + rows * columns - 1 - at);
            sums[part * all + (comptime!(k * inputs) + c) * comptime!(rows * columns) + at] =
                own[turned];
        }
    }
}
