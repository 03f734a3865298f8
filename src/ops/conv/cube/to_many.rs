//! A convolution from few channels to many.
//!
//! A unit has four channels of one row of the output, or one, and their weights and the [window](super::window) in
//! registers. Units beside each other have channels beside each other: they read the same pixels, and write together.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::filter::{Filter, weight_at};
use super::window;
use crate::ops::Activation;
use crate::ops::cube::activation::activated;
use crate::ops::cube::geometry::{Geometry, images};
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
    let at_once = window::channels_of_a_unit(geometry, images(x));
    let (count, size) = cubes(x, images(x) * geometry.out_height * geometry.outputs / at_once);
    let [from, weight, bias, to] = [x, &filter.weight, filter.bias(), &y].map(buffer);
    let (has_bias, turned) = (filter.bias.is_some(), filter.turned);
    kernel::launch(
        &x.client,
        count,
        size,
        at_once,
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
fn kernel<N: Size>(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [Vector<f32, N>],
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
    let vectors = outputs / N::value();
    let k = ABSOLUTE_POS % vectors;
    let row = ABSOLUTE_POS / vectors;
    let image = row / out_height;
    let r = row % out_height;

    let mut weights = Array::<Vector<f32, N>>::new(comptime!(inputs * window_size));
    #[unroll]
    for c in 0..inputs {
        #[unroll]
        for at in 0..window_size {
            let mut of_channels = Vector::<f32, N>::empty();
            #[unroll]
            for e in 0..N::value() {
                let from = weight_at(k * N::value() + e, c.runtime(), at.runtime(), g, turned);
                of_channels.insert(e, weight[from]);
            }
            weights[comptime!(c * window_size + at)] = of_channels;
        }
    }
    let mut start = Vector::<f32, N>::new(0.0f32);
    if has_bias {
        #[unroll]
        for e in 0..N::value() {
            start.insert(e, bias[k * N::value() + e]);
        }
    }
    let mut own = Array::<f32>::new(comptime!(inputs * window_size));
    window::begin(&mut own, x, image, r, g);
    for p in 0..out_width {
        window::advance(&mut own, x, image, r, p, g);
        let mut sum = start;
        #[unroll]
        for place in 0..comptime!(inputs * window_size) {
            sum += Vector::new(own[place]) * weights[place];
        }
        #[unroll]
        for e in 0..N::value() {
            sum.insert(e, activated(sum.extract(e), activation));
        }
        y[(row * out_width + p) * vectors + k] = sum;
    }
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::any;

    #[test]
    fn cards() {
        window::on_cards("to many", |card, channels, geometry| {
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
                Activation::Relu,
                true,
                false,
            )
        });
    }
}
