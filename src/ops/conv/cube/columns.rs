//! The gradient of the weight of a convolution between many channels, as products of matrices (im2col).
//!
//! ```text
//! columns[n r p][i j c] = x[n][r + i - top][p + j - left][c]
//! dW[k][c][i][j] = Σ_g (columns[g]ᵀ dz[g])[i j c][k]
//! ```
//!
//! The gradient is small and its sums are long: one product would keep a dozen of a card's multiprocessors busy (burn's
//! took 1.4 of the 2.5 ms of a step of LeNet, batch 128, on an H100). It is one for each group g of images, all at once,
//! and the groups are added up afterwards, in their order.

use burn_cubecl::ops::{permute, reshape};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::geometry::{Geometry, images};
use super::window::place_of;
use crate::ops::cube::product::product;
use crate::ops::cube::sums;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};

/// Tiles that the products are to have together: two for each multiprocessor of the largest GPUs.
const TILES: usize = 264;
/// Sides of a tile.
const TILE: usize = 64;
/// Channels that a unit copies at once, where they are a multiple.
const VECTOR: usize = 4;

/// The gradient of the weight `[out, in, kh, kw]` from the pixels of x and of the gradient of what is activated.
pub(super) fn backward_weight(g: &Geometry, x: &CubeTensor, dz: &CubeTensor) -> CubeTensor {
    let inner = g.inputs * g.window();
    let tiles = inner.div_ceil(TILE) * g.outputs.div_ceil(TILE);
    let groups = groups_of(images(x), TILES.div_ceil(tiles));
    let each = images(x) / groups * g.out_height * g.out_width;
    let left = reshape(columns(g, x), [groups, each, inner].into());
    let right = reshape(dz.clone(), [groups, each, g.outputs].into());
    let parts = product(permute(left, &[0, 2, 1]), right);
    let sums = sums::over_rows(parts, inner * g.outputs);
    permute(reshape(sums, [g.rows, g.columns, g.inputs, g.outputs].into()), &[3, 2, 0, 1])
}

/// The largest number of groups of as many images each, but not more than `most`.
fn groups_of(batch: usize, most: usize) -> usize {
    (1..=most.min(batch)).rev().find(|groups| batch.is_multiple_of(*groups)).unwrap_or(1)
}

/// `[batch * out_height * out_width, rows * columns * inputs]`.
fn columns(g: &Geometry, x: &CubeTensor) -> CubeTensor {
    let rows = images(x) * g.out_height * g.out_width;
    if g.window() == 1 && [g.height, g.width] == [g.out_height, g.out_width] {
        return reshape(x.clone(), [rows, g.inputs].into());
    }
    let columns = empty_beside(x, [rows, g.inputs * g.window()]);
    let vector = if g.inputs.is_multiple_of(VECTOR) { VECTOR } else { 1 };
    let (count, size) = cubes(x, rows * g.inputs * g.window() / vector);
    kernel::launch(&x.client, count, size, vector, buffer(x), buffer(&columns), *g);
    columns
}

#[cube(launch)]
fn kernel<N: Size>(x: &[Vector<f32, N>], columns: &mut [Vector<f32, N>], #[comptime] g: Geometry) {
    if ABSOLUTE_POS >= columns.len() {
        terminate!();
    }
    let vectors = comptime!(g.inputs) / N::value();
    let (out_height, out_width) = comptime!((g.out_height, g.out_width));
    let (c, at) = (ABSOLUTE_POS % vectors, ABSOLUTE_POS / vectors);
    let (place, position) = (at % comptime!(g.window()), at / comptime!(g.window()));
    let (i, j) = (place / comptime!(g.columns), place % comptime!(g.columns));
    let (p, row) = (position % out_width, position / out_width);
    let (r, image) = (row % out_height, row / out_height);
    let (inside, from) = place_of(image, r + i, p + j, c, vectors, g);
    columns[ABSOLUTE_POS] = select(inside, x[from], Vector::new(0.0f32));
}
