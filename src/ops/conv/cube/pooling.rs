//! The max pooling after a convolution, and the gradient of what it pools, bias and activation included.
//!
//! ```text
//! y[n][R][P][k]  = max_ij f(z)[n][side R + i][side P + j][k]
//! dz[n][r][p][k] = f'(y) dy[n][r / side][p / side][k]    where (r, p) is the place of the largest, else 0
//! ```
//!
//! A unit has four channels of a window; the places of their largest values, i * side + j, are the bytes of a word. Nothing
//! but these words and y is kept for the way back.

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::ops::Activation;
use crate::ops::cube::activation::{inactivated, rows_each};
use crate::ops::cube::geometry::Geometry;
use crate::ops::cube::sums;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside};
use crate::ops::windows::Windows;

/// Channels of a unit.
const CHANNELS: usize = 4;

/// Whether windows on maps of so many `channels` are pooled here: those beside each other, of which a byte can name the places.
pub(in crate::ops::conv) fn takes(channels: usize, windows: Windows) -> bool {
    let Windows { side, stride } = windows;
    side == stride && side <= Windows::MAX_SIDE && channels.is_multiple_of(CHANNELS)
}

/// Pixels of the largest values of the `maps` `[batch, h, w, channels]`, and where they were.
pub(super) fn pool(
    maps: &CubeTensor,
    g: &Geometry,
    Windows { side, .. }: Windows,
) -> [CubeTensor; 2] {
    let (height, width) = (g.out_height / side, g.out_width / side);
    let batch = maps.meta.shape()[0];
    let y = empty_beside(maps, [batch, height, width, g.outputs]);
    let shape = Shape::from([batch, height, width, g.outputs / CHANNELS]);
    let (client, device) = (maps.client.clone(), maps.device.clone());
    let places = empty_device_contiguous_dtype(client.clone(), device, shape, DType::U32);
    let (count, size) = cubes(maps, batch * height * width * g.outputs / CHANNELS);
    let [from, to, at] = [maps, &y, &places].map(buffer);
    pool_kernel::launch(&client, count, size, from, to, at, *g, side);
    [y, places]
}

/// dz `[batch, h, w, channels]` and db, from the pooled pixels y, their gradient, and where they were.
pub(super) fn unpooled(
    [y, dy, places]: [&CubeTensor; 3],
    activation: Activation,
    g: &Geometry,
    Windows { side, .. }: Windows,
) -> (CubeTensor, CubeTensor) {
    let batch = y.meta.shape()[0];
    let dz = empty_beside(y, [batch, g.out_height, g.out_width, g.outputs]);
    // Those that the image does not fill are there as well, with zeros.
    let windows = batch * g.out_height.div_ceil(side) * g.out_width.div_ceil(side);
    let groups = windows.div_ceil(rows_each(windows * g.outputs / CHANNELS));
    let sums = empty_beside(y, [groups * g.outputs]);
    let (count, size) = cubes(y, groups * g.outputs / CHANNELS);
    let [from, dy, at, to, parts] = [y, dy, places, &dz, &sums].map(buffer);
    unpool_kernel::launch(
        &y.client, count, size, from, dy, at, to, parts, windows, groups, *g, side, activation,
    );
    (dz, sums::over_rows(sums, g.outputs))
}

#[cube(launch)]
fn pool_kernel(
    maps: &[Vector<f32, Const<CHANNELS>>],
    y: &mut [Vector<f32, Const<CHANNELS>>],
    places: &mut [u32],
    #[comptime] g: Geometry,
    #[comptime] side: usize,
) {
    if ABSOLUTE_POS >= places.len() {
        terminate!();
    }
    let vectors = comptime!(g.outputs / CHANNELS);
    let (height, width) = comptime!((g.out_height / side, g.out_width / side));
    let (c, window) = (ABSOLUTE_POS % vectors, ABSOLUTE_POS / vectors);
    let (p, row) = (window % width, window / width);
    let (r, image) = (row % height, row / height);
    let corner = (image * comptime!(g.out_height) + r * side) * comptime!(g.out_width) + p * side;
    let mut largest = maps[corner * vectors + c];
    let mut at = 0u32;
    #[unroll]
    for place in 1..comptime!(side * side) {
        let (i, j) = comptime!((place / side, place % side));
        let values = maps[(corner + comptime!(i * g.out_width + j)) * vectors + c];
        #[unroll]
        for e in 0..CHANNELS {
            let (value, most) = (values.extract(e), largest.extract(e));
            // NaN is the largest of all.
            let is_larger = value > most || value.is_nan();
            largest.insert(e, select(is_larger, value, most));
            let others = at & comptime!(!(0xffu32 << (8 * e)));
            at = select(is_larger, others | comptime!((place as u32) << (8 * e)), at);
        }
    }
    y[ABSOLUTE_POS] = largest;
    places[ABSOLUTE_POS] = at;
}

#[cube(launch)]
fn unpool_kernel(
    y: &[Vector<f32, Const<CHANNELS>>],
    dy: &[Vector<f32, Const<CHANNELS>>],
    places: &[u32],
    dz: &mut [Vector<f32, Const<CHANNELS>>],
    sums: &mut [Vector<f32, Const<CHANNELS>>],
    windows: usize,
    groups: usize,
    #[comptime] g: Geometry,
    #[comptime] side: usize,
    #[comptime] activation: Activation,
) {
    let vectors = comptime!(g.outputs / CHANNELS);
    if ABSOLUTE_POS >= groups * vectors {
        terminate!();
    }
    let (height, width) = comptime!((g.out_height, g.out_width));
    let (whole_height, whole_width) = comptime!((height / side, width / side));
    let (down, across) = comptime!((height.div_ceil(side), width.div_ceil(side)));
    let (group, c) = (ABSOLUTE_POS / vectors, ABSOLUTE_POS % vectors);
    let mut sum = Vector::<f32, Const<CHANNELS>>::new(0.0f32);
    for window in range_stepped(group, windows, groups) {
        let (p, row) = (window % across, window / across);
        let (r, image) = (row % down, row / down);
        let is_whole = r < whole_height && p < whole_width;
        let from = ((image * whole_height + r) * whole_width + p) * vectors + c;
        let from = select(is_whole, from, 0usize);
        let (values, gradients, at) = (y[from], dy[from], places[from]);
        let mut own = Vector::<f32, Const<CHANNELS>>::empty();
        #[unroll]
        for e in 0..CHANNELS {
            let derived = inactivated(values.extract(e), gradients.extract(e), activation);
            own.insert(e, select(is_whole, derived, 0.0f32));
        }
        sum += own;
        #[unroll]
        for place in 0..comptime!(side * side) {
            let (i, j) = comptime!((place / side, place % side));
            let (r, p) = (r * side + i, p * side + j);
            if r < height && p < width {
                let mut there = Vector::<f32, Const<CHANNELS>>::empty();
                #[unroll]
                for e in 0..CHANNELS {
                    let is_it = (at >> comptime!(8 * e as u32)) & 0xff == comptime!(place as u32);
                    there.insert(e, select(is_it, own.extract(e), 0.0f32));
                }
                dz[((image * height + r) * width + p) * vectors + c] = there;
            }
        }
    }
    sums[ABSOLUTE_POS] = sum;
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        let geometry = Geometry::new([128, 32, 14, 14], [64, 32, 5, 5], [2; 4]);
        assemble_for_cards!("pooling", pool_kernel::PoolKernel, any(), any(), any(), geometry, 2);
        assemble_for_cards!(
            "its gradient",
            unpool_kernel::UnpoolKernel,
            any(),
            any(),
            any(),
            any(),
            any(),
            (),
            (),
            geometry,
            2,
            Activation::Relu
        );
    }
}
