//! The window on the padded image, which a unit keeps in registers: `[in, kh, kw]`.
//!
//! As it moves on along a row, one column of it is read.

use cubecl::prelude::*;

use super::geometry::Geometry;

/// Whether a row and a column of the padded image are in the image, and where that pixel is, if each has `channels`
/// numbers; 0 outside.
#[cube]
pub(super) fn place_of(
    image: usize,
    row: usize,
    column: usize,
    c: usize,
    channels: usize,
    #[comptime] g: Geometry,
) -> (bool, usize) {
    let (top, left, height, width) = comptime!((g.top, g.left, g.height, g.width));
    let inside = row >= top && row < height + top && column >= left && column < width + left;
    let at = ((image * height + row - top) * width + column - left) * channels + c;
    (inside, select(inside, at, 0usize))
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
