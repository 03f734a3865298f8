//! The window on the padded image, which a unit keeps in registers: `[in, kh, kw]`.
//!
//! As it moves on along a row, one column of it is read.

use std::ops::RangeInclusive;

use cubecl::prelude::*;

use crate::ops::cube::geometry::{Geometry, place_of};

/// Numbers of a window for which a unit has four channels: there are more to share than to keep in registers. (With 9
/// SingleLayerCAE was half as fast at batch 128 on an H100.)
const SHARED: RangeInclusive<usize> = 25..=27;
/// Units that are to have work.
const UNITS: usize = 1 << 16;

/// How many channels of the side that has many a unit has: four share what they read of the other, in images that are
/// enough for all units.
pub(super) fn channels_of_a_unit(geometry: &Geometry, images: usize) -> usize {
    let is_shared = SHARED.contains(&(geometry.inputs * geometry.window()));
    let units = images * geometry.out_height * geometry.outputs / 4;
    let is_enough = units >= UNITS && geometry.outputs.is_multiple_of(4);
    if is_shared && is_enough { 4 } else { 1 }
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
