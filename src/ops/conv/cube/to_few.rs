//! A convolution from many channels to few.
//!
//! As many units as a plane has, or as there are channels, have one row of the output, and each of them every so-many-th
//! channel. As they move on along the row they read one column of the window, and add it to the sums of all the outputs
//! whose window it is in; a sum that is complete is added up across the units.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::filter::{Filter, weight_at};
use super::window::pixel;
use crate::ops::Activation;
use crate::ops::cube::activation::activated;
use crate::ops::cube::geometry::{Geometry, images};
use crate::ops::cube::tensor::{buffer, empty_beside};

/// Weights that a unit keeps in registers, as many as of the other direction.
const MOST: usize = 75;
/// Channels that units have one each of, at most.
const PLANE: usize = 32;
/// Units in a cube on a GPU.
const UNITS: u32 = 128;

/// Whether a convolution of this kind is for these kernels.
pub(super) fn takes(geometry: &Geometry) -> bool {
    geometry.outputs * geometry.window() * geometry.inputs.div_ceil(PLANE) <= MOST
}

/// The pixels of the output, from those of the input.
pub(super) fn run(geometry: &Geometry, x: &CubeTensor, filter: &Filter) -> CubeTensor {
    let y = empty_beside(x, geometry.output(x));
    let hardware = &x.client.properties().hardware;
    // Where units cannot add up what they have, one has all channels.
    let lanes =
        match hardware.plane_size_min as usize >= PLANE && hardware.max_units_per_cube >= UNITS {
            true => geometry.inputs.next_power_of_two().min(PLANE),
            false => 1,
        };
    let rows = images(x) * geometry.out_height;
    let units = if lanes > 1 { UNITS } else { 1 };
    let cubes = (rows * lanes).div_ceil(units as usize);
    let count = cubecl::calculate_cube_count_elemwise(
        &x.client,
        cubes * units as usize,
        CubeDim::new_1d(units),
    );
    let [from, weight, bias, to] = [x, &filter.weight, filter.bias(), &y].map(buffer);
    let (has_bias, turned) = (filter.bias.is_some(), filter.turned);
    kernel::launch(
        &x.client,
        count,
        CubeDim::new_1d(units),
        from,
        weight,
        bias,
        to,
        rows,
        *geometry,
        filter.activation,
        has_bias,
        turned,
        lanes,
    );
    y
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
                let from =
                    select(inside, weight_at(k.runtime(), c, at.runtime(), g, turned), 0usize);
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

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};
    use crate::ops::cube::geometry::Geometry;

    #[test]
    fn cards() {
        let geometry = Geometry::new([128, 32, 30, 30], [1, 32, 3, 3], [0; 4]);
        assemble_for_cards!(
            "to few",
            kernel::Kernel,
            any(),
            any(),
            any(),
            any(),
            (),
            geometry,
            Activation::Tanh,
            true,
            false,
            8
        );
    }
}
