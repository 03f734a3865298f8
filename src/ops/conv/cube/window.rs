//! The window on the padded image, which a unit keeps in registers: `[in, kh, kw]`.
//!
//! As it moves on along a row, one column of it is read.

use std::ops::RangeInclusive;

use cubecl::prelude::*;

#[cfg(all(test, feature = "cuda"))]
use crate::ops::cube::cards::{Card, assemble};
use crate::ops::cube::geometry::{Geometry, place_of};
use crate::ops::cube::tensor::{UNITS, VECTOR, at_once};

/// Numbers of a window for which a unit has four channels: there are more to share than to keep in registers. (With 9
/// SingleLayerCAE was half as fast at batch 128 on an H100.)
const SHARED: RangeInclusive<usize> = 25..=27;

/// How many channels of the side that has many a unit has: four share what they read of the other, in images that are
/// enough for all units.
pub(super) fn channels_of_a_unit(geometry: &Geometry, images: usize) -> usize {
    let is_shared = SHARED.contains(&(geometry.inputs * geometry.window()));
    let is_enough = images * geometry.out_height * geometry.outputs / VECTOR >= UNITS;
    if is_shared && is_enough { at_once(geometry.outputs) } else { 1 }
}

/// Compiles the kernel of `name`, made for so many channels a unit, for cards, with each kind of window.
#[cfg(all(test, feature = "cuda"))]
pub(super) fn on_cards<K: CubeKernel>(name: &str, kernel: impl Fn(Card, usize, Geometry) -> K) {
    for (side, images) in [(3, 128), (5, 128), (5, 1024)] {
        let geometry = Geometry::new([images, 1, 28, 28], [32, 1, side, side], [side / 2; 4]);
        let channels = channels_of_a_unit(&geometry, images);
        let kernel = kernel(Card::new(256), channels, geometry);
        for capability in [75, 80, 90] {
            assemble(&format!("{name}, {side}x{side}, {channels} channels"), capability, &kernel);
        }
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
    let (inside, at) = place_of(image, row, column, c, comptime!(g.inputs).runtime(), g);
    select(inside, x[at], 0.0f32)
}

/// The window as it is before its first step along the output's row `r`.
#[cube]
pub(super) fn begin(
    window: &mut Array<f32>,
    x: &[f32],
    image: usize,
    r: usize,
    #[comptime] g: Geometry,
) {
    let (rows, columns, inputs) = comptime!((g.rows, g.columns, g.inputs));
    #[unroll]
    for c in 0..inputs {
        #[unroll]
        for i in 0..rows {
            #[unroll]
            for j in 1..columns {
                let place = comptime!((c * rows + i) * columns + j);
                window[place] = pixel(x, image, r + i, comptime!(j - 1).runtime(), c.runtime(), g);
            }
        }
    }
}

/// Moves the window on to the output's column `p`.
#[cube]
pub(super) fn advance(
    window: &mut Array<f32>,
    x: &[f32],
    image: usize,
    r: usize,
    p: usize,
    #[comptime] g: Geometry,
) {
    let (rows, columns, inputs) = comptime!((g.rows, g.columns, g.inputs));
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
            }
        }
    }
}
