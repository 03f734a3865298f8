//! A convolution from many channels to few.
//!
//! As many units as a plane has, or as there are channels, have one row of the output, and each of them every so-many-th
//! channel. As they move on along the row they read one column of the window, and add it to the sums of all the outputs
//! whose window it is in; a sum that is complete is added up across the units.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::geometry::{self, Geometry};
use super::to_many::pixel;
use crate::ops::Activation;
use crate::ops::cube::activation::activated;
use crate::ops::cube::tensor::{buffer, empty_beside};

/// Weights that a unit keeps in registers.
const MOST: usize = 75;
/// Channels that units have one each of, at most.
const PLANE: usize = 32;
/// Units in a cube on a GPU.
const UNITS: u32 = 128;

/// Whether a convolution of this kind is for these kernels.
pub(super) fn takes(geometry: &Geometry) -> bool {
    geometry.outputs * geometry.window() * geometry.inputs.div_ceil(PLANE) <= MOST
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

/// The gradient of the input of a convolution from few channels to many, whose sizes are those of the `geometry`
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
    let hardware = &x.client.properties().hardware;
    // Where units cannot add up what they have, one has all channels.
    let lanes =
        match hardware.plane_size_min as usize >= PLANE && hardware.max_units_per_cube >= UNITS {
            true => geometry.inputs.next_power_of_two().min(PLANE),
            false => 1,
        };
    let rows = geometry.batch.0 * geometry.out_height;
    let units = if lanes > 1 { UNITS } else { 1 };
    let cubes = (rows * lanes).div_ceil(units as usize);
    let count = cubecl::calculate_cube_count_elemwise(
        &x.client,
        cubes * units as usize,
        CubeDim::new_1d(units),
    );
    let weight = geometry::weight(weight);
    kernel::launch(
        &x.client,
        count,
        CubeDim::new_1d(units),
        buffer(x),
        buffer(&weight),
        buffer(bias.unwrap_or(&weight)),
        buffer(&y),
        rows,
        *geometry,
        activation,
        bias.is_some(),
        turned,
        lanes,
    );
    y
}

/// Where the weight of the output `k`, the input `c` and the place `at` in the window is.
#[cube]
fn weight_at(
    #[comptime] k: usize,
    c: usize,
    #[comptime] at: usize,
    #[comptime] g: Geometry,
    #[comptime] turned: bool,
) -> usize {
    let window = comptime!(g.window());
    if turned {
        (c * comptime!(g.outputs) + k) * window + comptime!(window - 1 - at)
    } else {
        (k * comptime!(g.inputs) + c) * window + at
    }
}

#[cube(launch)]
fn kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    all_rows: usize,
    #[comptime] g: Geometry,
    #[comptime] activation: Activation,
    #[comptime] has_bias: bool,
    #[comptime] turned: bool,
    #[comptime] lanes: usize,
) {
    let (rows, columns, inputs) = comptime!((g.rows, g.columns, g.inputs));
    let (outputs, out_height, out_width) = comptime!((g.outputs, g.out_height, g.out_width));
    let share = comptime!(inputs.div_ceil(lanes));
    let lane = ABSOLUTE_POS % lanes;
    let own = ABSOLUTE_POS / lanes;
    let is_there = own < all_rows;
    // All units of a plane stay, to add up with each other.
    let row = select(is_there, own, 0usize);
    let image = row / out_height;
    let r = row % out_height;

    let mut weights = Array::<f32>::new(comptime!(outputs * rows * columns * share));
    #[unroll]
    for k in 0..outputs {
        #[unroll]
        for at in 0..comptime!(rows * columns) {
            #[unroll]
            for n in 0..share {
                let c = lane + comptime!(n * lanes);
                let place = comptime!((k * rows * columns + at) * share + n);
                let inside = c < inputs;
                let from = select(inside, weight_at(k, c, at, g, turned), 0usize);
                weights[place] = select(inside, weight[from], 0.0f32);
            }
        }
    }
    // Of the outputs whose windows have begun, the oldest first.
    let mut sums = Array::<f32>::new(comptime!(outputs * columns));
    #[unroll]
    for place in 0..comptime!(outputs * columns) {
        sums[place] = 0.0f32;
    }
    for q in 0..comptime!(out_width + columns - 1) {
        #[unroll]
        for n in 0..share {
            let c = lane + comptime!(n * lanes);
            let inside = c < inputs;
            let c = select(inside, c, 0usize);
            #[unroll]
            for i in 0..rows {
                let value = select(inside, pixel(x, image, r + i, q, c, g), 0.0f32);
                #[unroll]
                for k in 0..outputs {
                    #[unroll]
                    for j in 0..columns {
                        // Output q - j has it at j.
                        let weight_place =
                            comptime!((k * rows * columns + i * columns + j) * share + n);
                        let place = comptime!(k * columns + columns - 1 - j);
                        sums[place] += value * weights[weight_place];
                    }
                }
            }
        }
        #[unroll]
        for k in 0..outputs {
            let mut sum = sums[comptime!(k * columns)];
            #[unroll]
            for place in 0..columns {
                if comptime!(place + 1 < columns) {
                    sums[comptime!(k * columns + place)] = sums[comptime!(k * columns + place + 1)];
                } else {
                    sums[comptime!(k * columns + place)] = 0.0f32;
                }
            }
            #[unroll]
            for step in 0..comptime!(lanes.ilog2()) {
                sum += plane_shuffle_xor(sum, comptime!(1u32 << step));
            }
            if is_there && q + 1 >= columns && lane == 0 {
                let mut value = sum;
                if has_bias {
                    value += bias[k];
                }
                let p = q + 1 - columns;
                y[(row * out_width + p) * outputs + k] = activated(value, activation);
            }
        }
    }
}
