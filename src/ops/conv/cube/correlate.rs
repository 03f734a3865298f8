//! The gradient of the weight of a convolution between few channels and many.
//!
//! ```text
//! dW[k][c][i][j] = Σ_nrp dz[n][r][p][k] x[n][r + i - top][p + j - left][c]        db[k] = Σ_nrp dz[n][r][p][k]
//! ```
//!
//! A unit has four channels of the side that has many, or one, in some rows of one image; it keeps the sums of all that
//! belong to them in registers. The sums of all parts are added up in a second pass. From many channels to few it is the
//! same of the turned convolution, from dz to x.

use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::filter::weight_at;
use super::window;
use crate::ops::Activation;
use crate::ops::cube::activation::inactivated_vector;
use crate::ops::cube::geometry::{Geometry, images};
use crate::ops::cube::sums;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};

/// Channels that are to have a unit: as many as the largest GPUs have threads at a time (132 multiprocessors of 2048).
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
    y_and_dy: [&CubeTensor; 2],
    activation: Activation,
) -> (CubeTensor, CubeTensor) {
    split(correlate(geometry, x, y_and_dy, activation, false), geometry)
}

/// dW of a convolution from many channels to few, from the pixels of x and of the gradient of what is activated: x has
/// the channels that are many.
pub(super) fn by_inputs(geometry: &Geometry, x: &CubeTensor, dz: &CubeTensor) -> CubeTensor {
    let sums = correlate(&geometry.turned(), dz, [x, x], Activation::Identity, true);
    let Geometry { outputs, inputs, rows, columns, .. } = *geometry;
    reshape(sums, [outputs, inputs, rows, columns].into())
}

/// dW in one row and, unless it is of a `turned` convolution, db after it. The `geometry` goes from `few` channels to
/// `many`, of which there are the activated values and their gradient.
fn correlate(
    geometry: &Geometry,
    few: &CubeTensor,
    [y, dy]: [&CubeTensor; 2],
    activation: Activation,
    turned: bool,
) -> CubeTensor {
    let (batch, outputs) = (images(few), geometry.outputs);
    let rows = rows_each(batch, geometry.out_height, outputs);
    let parts = batch * geometry.out_height.div_ceil(rows);
    let columns = sums_each(geometry, turned);
    let sums = empty_beside(few, [parts * columns]);
    let at_once = window::channels_of_a_unit(geometry, batch);
    let (count, size) = cubes(few, parts * outputs / at_once);
    let [x, y, dy, to] = [few, y, dy, &sums].map(buffer);
    kernel::launch(
        &few.client,
        count,
        size,
        at_once,
        x,
        y,
        dy,
        to,
        *geometry,
        activation,
        rows,
        turned,
    );
    sums::over_rows(sums, columns)
}

/// How many sums a part of the images has.
fn sums_each(geometry: &Geometry, turned: bool) -> usize {
    let biases = if turned { 0 } else { geometry.outputs };
    geometry.outputs * geometry.inputs * geometry.window() + biases
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
fn kernel<N: Size>(
    x: &[f32],
    y: &[Vector<f32, N>],
    dy: &[Vector<f32, N>],
    sums: &mut [f32],
    #[comptime] g: Geometry,
    #[comptime] activation: Activation,
    #[comptime] rows_each: usize,
    #[comptime] turned: bool,
) {
    let (window_size, inputs) = comptime!((g.window(), g.inputs));
    let (outputs, out_height, out_width) = comptime!((g.outputs, g.out_height, g.out_width));
    let taps = comptime!(inputs * window_size);
    let parts = comptime!(out_height.div_ceil(rows_each));
    let vectors = outputs / N::value();
    let k = ABSOLUTE_POS % vectors;
    let part = ABSOLUTE_POS / vectors;
    let own_sums = part * comptime!(sums_each(&g, turned));
    if own_sums >= sums.len() {
        terminate!();
    }
    let image = part / parts;
    let first = (part % parts) * rows_each;
    let end = min(first + rows_each, out_height.runtime());

    let mut dw = Array::<Vector<f32, N>>::new(taps);
    #[unroll]
    for place in 0..taps {
        dw[place] = Vector::new(0.0f32);
    }
    let mut db = Vector::<f32, N>::new(0.0f32);
    let mut own = Array::<f32>::new(taps);
    for r in first..end {
        window::begin(&mut own, x, image, r, g);
        for p in 0..out_width {
            window::advance(&mut own, x, image, r, p, g);
            let at = ((image * out_height + r) * out_width + p) * vectors + k;
            let dz = inactivated_vector(y[at], dy[at], activation);
            db += dz;
            #[unroll]
            for place in 0..taps {
                dw[place] += dz * Vector::new(own[place]);
            }
        }
    }
    #[unroll]
    for c in 0..inputs {
        #[unroll]
        for at in 0..window_size {
            let dw = dw[comptime!(c * window_size + at)];
            #[unroll]
            for e in 0..N::value() {
                let place = weight_at(k * N::value() + e, c.runtime(), at.runtime(), g, turned);
                sums[own_sums + place] = dw.extract(e);
            }
        }
    }
    if comptime!(!turned) {
        #[unroll]
        for e in 0..N::value() {
            sums[own_sums + comptime!(outputs * taps) + k * N::value() + e] = db.extract(e);
        }
    }
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::any;

    #[test]
    fn cards() {
        window::on_cards("its gradient", |card, channels, geometry| {
            let (settings, properties, target) = card.given();
            let [a, b, c, d] = [(); 4].map(|()| any());
            kernel::Kernel::new(
                settings,
                properties,
                target,
                a,
                b,
                c,
                d,
                channels,
                geometry,
                Activation::Tanh,
                4,
                false,
            )
        });
    }
}
