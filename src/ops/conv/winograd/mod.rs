//! Winograd's minimal filtering: a 2x2, 3x3 or 5x5 convolution with a sixth to a half of the products.
//!
//! The outputs of an image are cut into tiles of m x m, 4 x 4 or of small maps 2 x 2, and
//!
//! ```text
//! V[p] [tiles, in] = transformed pixels        U[p] [in, out] = transformed weights        p < (m + kernel - 1)²
//! P[p] = V[p] U[p]                             y = activation(transformed back P + bias)
//! ```
//!
//! where each [transform](tile) is linear, and the backward pass is that of a chain of linear maps:
//! dV[p] = dP[p] U[p]ᵀ, dU[p] = V[p]ᵀ dP[p]. A few rows of tiles go all of this way at a time, so that their V and P stay in
//! the second cache, or more where U does not, and their part of dU is added to that of those before: how many is a function
//! of the shapes. The
//! gradient of pooled maps goes through it whole, zeros included: a quarter of the products, in no order that is known
//! before, takes longer.
//!
//! The numbers are not those of the sum over the kernel to the last bit: the root mean square of the error is 4e-7 of that
//! of the outputs for tiles of 2 x 2, as for the sum itself, 2e-6 for those of 4 x 4 (1.3e-6 for kernels of 2 x 2) and 4e-6 for
//! kernels of 5 x 5 (the test below).
//!
//! Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"; Winograd 1980.

mod backward;
mod buffers;
mod forward;
mod tile;
mod transforms;
mod weights;

use std::marker::PhantomData;
use std::ops::Range;

use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use self::tile::{Eight, Five, Four, Six, Tile};
use self::transforms::{Input, Tiles};
use self::weights::{Weights, WeightsAdjoint};
use crate::ops::conv::kernel_block::{parts_of_panels, places};
use crate::ops::conv::layer::{Layer, LayerGradients, Outputs};
use crate::ops::conv::op::PackedWeights;
use crate::ops::flex_tensor::recycled;
use crate::ops::layout::{ImageLayout, Images, Size, reorder};
use crate::ops::product::{PANEL, matrix_pitch, panels_pitch};
use crate::ops::recycled::Recycled;

/// Numbers of V and P at a time, about: half a megabyte, the share of a core in the second cache. (`benches/peer.rs` with
/// VGG, ResNet20 and LeNetBN on an EPYC, Zen 4: half and double of it are within the noise.)
const NEAR: usize = 1 << 17;
/// Tiles at a time, at least: fewer are products of small matrices.
const FEWEST_TILES: usize = 32;
/// The same where U fits no second cache, and is read, and its gradient read and written, for each of these. (`benches/peer.rs`
/// with VGG on a Xeon with 2 MB of it: 1.15 times as fast as with 32, 256 as fast as 128 within the noise.)
const FEWEST_TILES_OF_MANY_WEIGHTS: usize = 128;
/// Numbers in such a U: two megabytes.
const MANY_WEIGHTS: usize = 1 << 19;

/// Channels from which on it is faster than the sum over the kernel: those of the widest vectors (`benches/peer.rs` with
/// ResNet20 on an EPYC, Zen 4: 1.18 times as fast as with 32).
const FEWEST_CHANNELS: usize = 16;

/// The kind of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Tiling {
    /// 2 x 2 outputs of a 3x3 kernel.
    Small,
    /// 4 x 4 outputs of a 3x3 kernel.
    Large,
    /// 4 x 4 outputs of a 5x5 kernel.
    OfFive,
    /// 4 x 4 outputs of a 2x2 kernel.
    OfTwo,
}

impl Tiling {
    /// That of a layer with `weight` `[outputs, inputs, rows, columns]` and maps of so many `rows` and `columns`; `None`
    /// where the sum over the kernel is as fast.
    pub fn of(weight: [usize; 4], [rows, columns]: [usize; 2]) -> Option<Self> {
        let [outputs, inputs, height, width] = weight;
        if outputs.min(inputs) < FEWEST_CHANNELS {
            return None;
        }
        match ([height, width], rows.min(columns)) {
            ([3, 3], 3..6) => Some(Self::Small),
            ([3, 3], 6..) => Some(Self::Large),
            ([5, 5], 4..) => Some(Self::OfFive),
            ([2, 2], 3..) => Some(Self::OfTwo),
            // Of fewer outputs there is one tile, and U is more weights to be read for it than the kernel has.
            _ => None,
        }
    }
}

/// Calls a method of the [`Winograd`] of a tiling.
macro_rules! tiled {
    ($tiling:expr, $layer:expr, $method:ident($($argument:expr),*)) => {
        match $tiling {
            Tiling::Small => Winograd::<Four, 4, 2, 3>::new($layer).$method($($argument),*),
            Tiling::Large => Winograd::<Six, 6, 4, 3>::new($layer).$method($($argument),*),
            Tiling::OfFive => Winograd::<Eight, 8, 4, 5>::new($layer).$method($($argument),*),
            Tiling::OfTwo => Winograd::<Five, 5, 4, 2>::new($layer).$method($($argument),*),
        }
    };
}

/// The activated outputs of all images, in NHWC, and, of a pooling, their places in their windows.
pub(in crate::ops) fn forward(
    tiling: Tiling,
    layer: &Layer,
    x: Images,
    weights: (&[f32], &PackedWeights),
    bias: &[f32],
) -> (Recycled, Vec<u8>) {
    tiled!(tiling, layer, outputs(x, weights, bias))
}

/// The gradients, from that of the activated output.
pub(in crate::ops) fn backward(
    tiling: Tiling,
    layer: &Layer,
    x: Images,
    outputs: Outputs,
    weights: (&[f32], &PackedWeights),
    input_too: bool,
) -> LayerGradients {
    tiled!(tiling, layer, backward(x, outputs, weights, input_too))
}

/// The gradient of the input alone, in NHWC, from that of the sums before the activation, `dz`: a transposed convolution. Of
/// a layer without a pooling.
pub(in crate::ops) fn transposed(
    tiling: Tiling,
    layer: &Layer,
    dz: Images,
    weights: (&[f32], &PackedWeights),
) -> Recycled {
    tiled!(tiling, layer, inputs(dz, weights))
}

/// A layer's geometry in tiles.
struct Winograd<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    tile: PhantomData<F>,
    layer: &'a Layer,
    /// Rows and columns of tiles.
    grid: [usize; 2],
    input: Size,
    /// Of the maps, before a pooling.
    maps: Size,
}

impl<'a, F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Winograd<'a, F, IN, OUT, K>
{
    fn new(layer: &'a Layer) -> Self {
        let maps = layer.maps();
        let grid = [maps.rows, maps.columns].map(|side| side.div_ceil(OUT));
        Self { tile: PhantomData, layer, grid, input: layer.input, maps }
    }

    /// So few images that a pooling goes through at a time.
    fn images_of_fewest_tiles(&self) -> usize {
        FEWEST_TILES.div_ceil(self.grid[0] * self.grid[1])
    }

    /// Parts of the rows of tiles of so many images.
    fn parts(&self, images: usize) -> impl Iterator<Item = Tiles> {
        let near = NEAR / (IN * IN * (self.input.channels + self.maps.channels));
        let all = images * self.grid[0];
        let fewest = match IN * IN * self.input.channels * self.maps.channels {
            MANY_WEIGHTS.. => FEWEST_TILES_OF_MANY_WEIGHTS,
            _ => FEWEST_TILES,
        };
        let each = (near.max(fewest) / self.grid[1]).max(1);
        (0..all).step_by(each).map(move |first| self.tiles(first..all.min(first + each)))
    }

    fn tiles(&self, rows: Range<usize>) -> Tiles {
        let [top, _, left, _] = self.layer.padding.map(|zeros| -(zeros as isize));
        Tiles { grid: self.grid, rows, corner: [top, left] }
    }

    /// Where the maps' pixels of `tiles` are among those of all images.
    fn pixels(&self, tiles: &Tiles) -> Range<usize> {
        let at = |row: usize| {
            let (image, row) = (row / self.grid[0], row % self.grid[0]);
            image * self.maps.len() + row * OUT * self.maps.columns * self.maps.channels
        };
        at(tiles.rows.start)..at(tiles.rows.end)
    }

    /// V of these `tiles` of the images `x`.
    fn input(&self, tiles: &Tiles, x: &[f32], out: &mut Vec<f32>) {
        out.resize(IN * IN * matrix_pitch(tiles.len(), self.input.channels), 0.0);
        let (tile, images, size) = (self.tile, x, self.input);
        self.layer.level.run(Input::<F, IN, OUT, K> { tile, tiles, images, size, out });
    }

    /// Rows and columns of each matrix of U.
    fn weight_shape(&self) -> [usize; 2] {
        [self.layer.input.channels, self.layer.outputs]
    }

    /// U `[IN * IN, inputs, outputs]`, or its matrices transposed, in panels, for those who share `packed`.
    fn weights(&self, weight: &[f32], packed: &PackedWeights, transposed: bool) -> FlexTensor {
        let ([rows, columns], strides) =
            places([self.layer.outputs, self.input.channels], transposed);
        let mut out = Recycled::unset(IN * IN * panels_pitch(rows, columns));
        let parts = parts_of_panels(&mut out, [rows, columns]);
        packed.for_items(parts, &|_, (columns, out): (Range<usize>, Vec<&mut [f32]>)| {
            let (tile, level) = (self.tile, self.layer.level);
            level.run(Weights::<F, IN, OUT, K> { tile, weight, rows, columns, strides, out });
        });
        let shape = Shape::from([out.len()]);
        recycled(out, Layout::contiguous(shape))
    }

    /// The gradient of the weights `[outputs, inputs, K, K]` from that of U, for those who share `packed`.
    fn weight_gradient(&self, gradient: &[f32], packed: &PackedWeights) -> Recycled {
        let [inputs, outputs] = self.weight_shape();
        let of_output = inputs * K * K;
        let mut dw = Recycled::unset(outputs * of_output);
        packed.for_items(dw.chunks_mut(PANEL * of_output), &|number, out: &mut [f32]| {
            let (tile, first) = (self.tile, number * PANEL);
            let kernel =
                WeightsAdjoint::<F, IN, OUT, K> { tile, gradient, inputs, outputs, first, out };
            self.layer.level.run(kernel);
        });
        dw
    }
}

/// The values of images of `x`, at most `count` from `first` on, in NHWC; `other` holds them if they must be reordered.
fn nhwc<'s, 'a: 's>(
    x: Images<'a>,
    first: usize,
    count: usize,
    other: &'s mut Vec<f32>,
) -> &'s [f32] {
    let (n, last) = (x.size.len(), x.count().min(first + count));
    if x.layout == ImageLayout::Nhwc || x.size.is_flat() {
        return &x.values[first * n..last * n];
    }
    other.resize((last - first) * n, 0.0);
    for (i, out) in (first..last).zip(other.chunks_exact_mut(n)) {
        reorder(x.image(i), x.size, x.layout, out);
    }
    other
}

#[cfg(test)]
pub(in crate::ops) mod tests;
