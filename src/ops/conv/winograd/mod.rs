//! Winograd's minimal filtering: a 3x3 or 5x5 convolution with a quarter to a half of the products.
//!
//! The outputs of an image are cut into tiles of 4 x 4 (of small maps, and of kernels of 5 x 5, 2 x 2), and
//!
//! ```text
//! V[p] [tiles, in] = transformed pixels        U[p] [in, out] = transformed weights        p < 36 (16)
//! P[p] = V[p] U[p]                             y = activation(transformed back P + bias)
//! ```
//!
//! where each [transform](tile) is linear, and the backward pass is that of a chain of linear maps:
//! dV[p] = dP[p] U[p]ᵀ, dU[p] = V[p]ᵀ dP[p]. A few rows of tiles go all of this way at a time, so that their V and P stay in
//! the second cache, and their part of dU is added to that of those before: how many is a function of the shapes. The numbers are not those of the sum over the kernel to the last bit:
//! the root mean square of the error is 4e-7 of that of the outputs for tiles of 2 x 2 and kernels of 3 x 3, as for the sum
//! itself, and 3e-6 for the others (the test below).
//!
//! Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"; Winograd 1980.

mod buffers;
mod tile;
mod transforms;
mod weights;

use std::marker::PhantomData;
use std::ops::Range;

use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use self::buffers::{Buffers, SPARE, Transformed};
use self::tile::{Four, Six, Tile};
use self::transforms::{Input, InputAdjoint, Output, OutputAdjoint, Tiles};
use self::weights::{Weights, WeightsAdjoint};
use crate::ops::conv::kernel_block::places;
use crate::ops::conv::layer::{Layer, LayerGradients, Outputs};
use crate::ops::conv::op::PackedWeights;
use crate::ops::flex_tensor::flat;
use crate::ops::layout::{ImageLayout, Images, Size, place};
use crate::ops::parallel::{for_microbatches, sum_in_order};
use crate::ops::product::{Product, Strided, matrix_pitch, panels_pitch};
use crate::ops::recycled::Recycled;
use crate::ops::simd::Activate;
use crate::ops::sums::{add_rows, derived, sums_of_channels};
use crate::ops::windows::{MaxPool, Windows};

/// Numbers of V and P at a time, about: half a megabyte, the share of a core in the second cache. (`benches/peer.rs` with
/// VGG, ResNet20 and LeNetBN on an EPYC, Zen 4: half and double of it are within the noise.)
const NEAR: usize = 1 << 17;
/// Tiles at a time, at least: fewer are products of small matrices.
const FEWEST_TILES: usize = 32;

/// The kind of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tiling {
    /// 2 x 2 outputs of a 3x3 kernel.
    Small,
    /// 4 x 4 outputs of a 3x3 kernel.
    Large,
    /// 2 x 2 outputs of a 5x5 kernel.
    OfFive,
}

impl Tiling {
    /// That of a layer with `weight` `[outputs, inputs, rows, columns]` and maps of so many `rows` and `columns`; `None`
    /// where the sum over the kernel is as fast.
    pub fn of(weight: [usize; 4], [rows, columns]: [usize; 2]) -> Option<Self> {
        let [outputs, inputs, height, width] = weight;
        if outputs.min(inputs) < 32 {
            return None;
        }
        match ([height, width], rows.min(columns)) {
            ([3, 3], 3..6) => Some(Self::Small),
            ([3, 3], 6..) => Some(Self::Large),
            ([5, 5], 4..) => Some(Self::OfFive),
            // Of fewer outputs there is one tile, and U is more weights to be read for it than the kernel has.
            _ => None,
        }
    }
}

/// The activated outputs of all images, in NHWC, and, of a pooling, their places in their windows.
pub(super) fn forward(
    tiling: Tiling,
    layer: &Layer,
    x: Images,
    weights: (&[f32], &PackedWeights),
    bias: &[f32],
) -> (Recycled, Vec<u8>) {
    match tiling {
        Tiling::Small => Winograd::<Four, 4, 2, 3>::new(layer).outputs(x, weights, bias),
        Tiling::Large => Winograd::<Six, 6, 4, 3>::new(layer).outputs(x, weights, bias),
        Tiling::OfFive => Winograd::<Six, 6, 2, 5>::new(layer).outputs(x, weights, bias),
    }
}

/// The gradients, from that of the activated output.
pub(super) fn backward(
    tiling: Tiling,
    layer: &Layer,
    x: Images,
    outputs: Outputs,
    weights: (&[f32], &PackedWeights),
    input_too: bool,
) -> LayerGradients {
    match tiling {
        Tiling::Small => {
            Winograd::<Four, 4, 2, 3>::new(layer).backward(x, outputs, weights, input_too)
        }
        Tiling::Large => {
            Winograd::<Six, 6, 4, 3>::new(layer).backward(x, outputs, weights, input_too)
        }
        Tiling::OfFive => {
            Winograd::<Six, 6, 2, 5>::new(layer).backward(x, outputs, weights, input_too)
        }
    }
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

    /// Parts of the rows of tiles of so many images.
    fn parts(&self, images: usize) -> impl Iterator<Item = Tiles> {
        let near = NEAR / (IN * IN * (self.input.channels + self.maps.channels));
        let all = images * self.grid[0];
        let each = (near.max(FEWEST_TILES) / self.grid[1]).max(1);
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

    /// What [`forward`] returns.
    fn outputs(
        &self,
        x: Images,
        (weight, packed): (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> (Recycled, Vec<u8>) {
        let [packing, _] = F::PACKINGS;
        let u = packed.get_or_pack(packing, || self.weights(weight, false));
        let (u, images) = (u.storage::<f32>(), x.count());
        let each = packed.images_at_a_time(images, weight.len());
        let Some(windows) = self.layer.pool else {
            let mut out = Recycled::unset(images * self.maps.len());
            for_microbatches(&mut out, each * self.maps.len(), |number, out| {
                let mut buffers = SPARE.take();
                let x = nhwc(x, number * each, each, &mut buffers.x);
                self.forward_images(x, u, bias, out, &mut buffers.transformed);
                SPARE.give_back(buffers);
            });
            return (out, Vec::new());
        };
        let output = windows.output(self.maps).len();
        let (mut out, mut argmax) = (Recycled::unset(images * output), vec![0; images * output]);
        let n = each * output;
        let mut groups: Vec<_> = out.chunks_mut(n).zip(argmax.chunks_mut(n)).collect();
        for_microbatches(&mut groups, 1, |number, parts| {
            let (out, argmax) = &mut parts[0];
            let mut buffers = SPARE.take();
            let x = nhwc(x, number * each, each, &mut buffers.x);
            self.forward_pooled(windows, x, (u, bias), (out, argmax), &mut buffers.transformed);
            SPARE.give_back(buffers);
        });
        (out, argmax)
    }

    /// The pooled outputs of the images `x`, and the places of the largest in their windows, on this thread: of a few images
    /// at a time, whose maps stay in the cache.
    fn forward_pooled(
        &self,
        windows: Windows,
        x: &[f32],
        (u, bias): (&[f32], &[f32]),
        (out, argmax): (&mut [f32], &mut [u8]),
        buffers: &mut Transformed,
    ) {
        let (size, maps) = (self.maps, self.maps.len());
        let output = windows.output(size).len();
        let each = FEWEST_TILES.div_ceil(self.grid[0] * self.grid[1]);
        let mut all = vec![0.0; each * maps];
        let parts = out.chunks_mut(each * output).zip(argmax.chunks_mut(each * output));
        for (x, (out, argmax)) in x.chunks(each * self.input.len()).zip(parts) {
            let all = &mut all[..x.len() / self.input.len() * maps];
            self.forward_images(x, u, bias, all, buffers);
            let outputs = out.chunks_exact_mut(output).zip(argmax.chunks_exact_mut(output));
            for (image, (out, argmax)) in all.chunks_exact(maps).zip(outputs) {
                let layout = ImageLayout::Nhwc;
                self.layer.level.run(MaxPool { windows, image, size, layout, out, argmax });
            }
        }
    }

    /// Forward through the images `x`, in NHWC, on this thread.
    fn forward_images(
        &self,
        x: &[f32],
        u: &[f32],
        bias: &[f32],
        out: &mut [f32],
        buffers: &mut Transformed,
    ) {
        let ([inputs, outputs], level) = (self.weight_shape(), self.layer.level);
        for tiles in self.parts(x.len() / self.input.len()) {
            let (shape, tile) = ([tiles.len(), inputs, outputs], self.tile);
            let Transformed { v, p, .. } = &mut *buffers;
            self.input(&tiles, x, v);
            p.resize(IN * IN * matrix_pitch(tiles.len(), outputs), 0.0);
            for (i, out) in p.chunks_exact_mut(matrix_pitch(tiles.len(), outputs)).enumerate() {
                let v = &v[i * matrix_pitch(tiles.len(), inputs)..];
                let u = &u[i * panels_pitch(inputs, outputs)..];
                let (a, b) = (Strided::rows(v, inputs), Strided::panels(u, inputs));
                level.run(Product { shape, a, b, out, adds: false });
            }
            let (images, size) = (&mut *out, self.maps);
            level.run(Output::<F, IN, OUT, K> { tile, tiles: &tiles, products: p, images, size });
            let (activation, out) = (self.layer.activation, &mut out[self.pixels(&tiles)]);
            level.run(Activate { activation, bias, out });
        }
    }

    fn backward(
        &self,
        x: Images,
        outputs: Outputs,
        (weight, packed): (&[f32], &PackedWeights),
        input_too: bool,
    ) -> LayerGradients {
        let layer = self.layer;
        let each = packed.images_at_a_time(x.count(), weight.len());
        let dz = derived(layer.level, layer.activation, outputs.y, outputs.gradient);
        let maps = Images { values: &dz, size: self.maps, layout: ImageLayout::Nhwc };
        let bias = sums_of_channels(maps);
        let [_, packing] = F::PACKINGS;
        let u = input_too.then(|| packed.get_or_pack(packing, || self.weights(weight, true)));
        let mut dx = Recycled::unset(if input_too { x.values.len() } else { 0 });
        let mut parts = dx.chunks_mut(each * self.input.len());
        let groups = dz.chunks(each * self.maps.len()).enumerate();
        let groups = groups.map(|(number, dz)| (number, dz, parts.next().unwrap_or_default()));
        let work = |(number, dz, dx): (usize, &[f32], &mut [f32])| {
            let (u, mut buffers) = (u.as_ref().map(|u| u.storage()), SPARE.take());
            let x = nhwc(x, number * each, each, &mut buffers.x);
            self.backward_images(x, dz, (dx, u), &mut buffers.transformed);
            buffers
        };
        let sum = sum_in_order(groups, work, |sum: &mut Buffers, part| {
            add_rows(&mut sum.transformed.du, &part.transformed.du);
            SPARE.give_back(part);
        });
        let sum = sum.expect("a batch has images");
        let mut weight = vec![0.0; weight.len()];
        let (tile, gradient, outputs) = (self.tile, &sum.transformed.du, layer.outputs);
        let out = &mut weight;
        layer.level.run(WeightsAdjoint::<F, IN, OUT, K> { tile, gradient, outputs, out });
        SPARE.give_back(sum);
        let input = input_too.then_some((dx, ImageLayout::Nhwc));
        LayerGradients { input, weight, bias }
    }

    /// Backward through the images `x`, in NHWC, whose sums before the activation have the gradients `dz`, on this thread:
    /// writes those of their pixels to `dx`, where the transposed `u` is there, and writes dU `[IN * IN, inputs, outputs]`
    /// to the buffers.
    fn backward_images(
        &self,
        x: &[f32],
        dz: &[f32],
        (dx, u): (&mut [f32], Option<&[f32]>),
        buffers: &mut Transformed,
    ) {
        let ([inputs, outputs], level, tile) = (self.weight_shape(), self.layer.level, self.tile);
        let Transformed { v, p, du } = buffers;
        du.resize(IN * IN * matrix_pitch(inputs, outputs), 0.0);
        // Tiles overlap: what a pixel has in each is added up.
        dx.fill(0.0);
        for (number, tiles) in self.parts(x.len() / self.input.len()).enumerate() {
            let n = tiles.len();
            self.input(&tiles, x, v);
            p.resize(IN * IN * matrix_pitch(n, outputs), 0.0);
            let (images, size) = (dz, self.maps);
            level.run(OutputAdjoint::<F, IN, OUT, K> { tile, tiles: &tiles, images, size, out: p });
            let dps = p.chunks_exact(matrix_pitch(n, outputs));
            let vs = v.chunks_exact_mut(matrix_pitch(n, inputs));
            let dus = du.chunks_exact_mut(matrix_pitch(inputs, outputs));
            for (i, ((v, dp), out)) in vs.zip(dps).zip(dus).enumerate() {
                let (a, b) = (Strided::columns(v, inputs), Strided::wide_rows(dp, outputs));
                let (shape, adds) = ([inputs, n, outputs], number > 0);
                level.run(Product { shape, a, b, out, adds });
                let Some(u) = u else { continue };
                let u = &u[i * panels_pitch(outputs, inputs)..];
                let (a, b) = (Strided::rows(dp, outputs), Strided::panels(u, outputs));
                let shape = [n, outputs, inputs];
                level.run(Product { shape, a, b, out: v, adds: false });
            }
            if u.is_some() {
                let (tiles, gradient, images, size) = (&tiles, &*v, &mut *dx, self.input);
                level.run(InputAdjoint::<F, IN, OUT, K> { tile, tiles, gradient, images, size });
            }
        }
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

    /// U `[IN * IN, inputs, outputs]`, or its matrices transposed, in panels.
    fn weights(&self, weight: &[f32], transposed: bool) -> FlexTensor {
        let (shape, strides) = places([self.layer.outputs, self.input.channels], transposed);
        let mut out = vec![0.0; IN * IN * panels_pitch(shape[0], shape[1])];
        let (tile, level) = (self.tile, self.layer.level);
        level.run(Weights::<F, IN, OUT, K> { tile, weight, shape, strides, out: &mut out });
        let shape = Shape::from([out.len()]);
        flat(out, Layout::contiguous(shape))
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
        place(x.image(i), x.layout, x.size, [0, 0], out, ImageLayout::Nhwc, x.size);
    }
    other
}

#[cfg(test)]
mod tests;
