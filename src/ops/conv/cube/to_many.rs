//! A convolution from few channels to many.
//!
//! A unit has one channel of one row of the output, and its weights and the [window](super::window) in registers. Units
//! beside each other have channels beside each other: they read the same pixels, and write together.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::filter::{Filter, weight_at};
use super::geometry::{Geometry, images};
use super::window;
use crate::ops::Activation;
use crate::ops::cube::activation::activated;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};

/// Numbers of a window that are kept in registers: those of 5x5 in three channels. (Not measured beyond.)
const MOST: usize = 75;

/// Whether a convolution of this kind is for these kernels.
pub(super) fn takes(geometry: &Geometry) -> bool {
    geometry.inputs * geometry.window() <= MOST
}

/// The pixels of the output, from those of the input.
pub(super) fn run(geometry: &Geometry, x: &CubeTensor, filter: &Filter) -> CubeTensor {
    let y = empty_beside(x, geometry.output(x));
    let (count, size) = cubes(x, images(x) * geometry.out_height * geometry.outputs);
    let [from, weight, bias, to] = [x, &filter.weight, filter.bias(), &y].map(buffer);
    let (has_bias, turned) = (filter.bias.is_some(), filter.turned);
    kernel::launch(
        &x.client,
        count,
        size,
        from,
        weight,
        bias,
        to,
        *geometry,
        filter.activation,
        has_bias,
        turned,
    );
    y
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
    let (window_size, inputs) = comptime!((g.window(), g.inputs));
    let (outputs, out_height, out_width) = comptime!((g.outputs, g.out_height, g.out_width));
    if ABSOLUTE_POS * out_width >= y.len() {
        terminate!();
    }
    let k = ABSOLUTE_POS % outputs;
    let row = ABSOLUTE_POS / outputs;
    let image = row / out_height;
    let r = row % out_height;

    let mut weights = Array::<f32>::new(comptime!(inputs * window_size));
    #[unroll]
    for c in 0..inputs {
        #[unroll]
        for at in 0..window_size {
            let from = weight_at(k, c.runtime(), at.runtime(), g, turned);
            weights[comptime!(c * window_size + at)] = weight[from];
        }
    }
    let mut start = 0.0f32;
    if has_bias {
        start = bias[k];
    }
    let mut own = Array::<f32>::new(comptime!(inputs * window_size));
    window::begin(&mut own, x, image, r, g);
    for p in 0..out_width {
        window::advance(&mut own, x, image, r, p, g);
        let mut sum = start;
        #[unroll]
        for place in 0..comptime!(inputs * window_size) {
            sum += own[place] * weights[place];
        }
        y[(row * out_width + p) * outputs + k] = activated(sum, activation);
    }
}
