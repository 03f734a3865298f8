//! Winograd's minimal filtering: a 3x3 convolution with a quarter or half of the products.
//!
//! The outputs of an image are cut into tiles of 4 x 4 (of small maps 2 x 2), and
//!
//! ```text
//! V[p] [tiles, in] = transformed pixels        U[p] [in, out] = transformed weights        p < 36 (16)
//! P[p] = V[p] U[p]                             y = activation(transformed back P + bias)
//! ```
//!
//! where each [transform](tile) is linear, and the backward pass is that of a chain of linear maps:
//! dV[p] = dP[p] U[p]ᵀ, dU[p] = V[p]ᵀ dP[p]. The numbers are not those of the sum over the kernel to the last bit: the root mean square of the error is 4e-7 of that of the outputs for tiles of 2 x 2, as for
//! the sum itself, and 3e-6 for those of 4 x 4 (the test below).
//!
//! Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"; Winograd 1980.

mod buffers;
mod tile;
mod transforms;
mod weights;

use std::marker::PhantomData;

use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;

use self::buffers::Buffers;
use self::tile::{F2, F4, Tile};
use self::transforms::{Input, InputAdjoint, Output, OutputAdjoint, Tiles};
use self::weights::{Weights, WeightsAdjoint};
use crate::ops::conv::layer::{Layer, LayerGradients, Outputs};
use crate::ops::conv::op::PackedWeights;
use crate::ops::flex_tensor::flat;
use crate::ops::layout::{ImageLayout, Images, Size, place};
use crate::ops::parallel::{MICROBATCH, for_microbatches, zeros};
use crate::ops::product::{Matrices, pitch, products};
use crate::ops::simd::Activate;
use crate::ops::sums::{derived, sums_of_columns};
use crate::ops::windows::{MaxPool, Windows};

/// Tiles at a time, about: those of fewer images are products of small matrices, those of more leave the cache.
const TILES: usize = 256;

/// The sides of the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// 2 x 2 outputs.
    Two,
    /// 4 x 4 outputs.
    Four,
}

impl Side {
    /// That of a layer with `weight` `[outputs, inputs, rows, columns]` and maps of so many `rows` and `columns`; `None`
    /// where the sum over the kernel is as fast.
    pub fn of(weight: [usize; 4], [rows, columns]: [usize; 2]) -> Option<Self> {
        let [outputs, inputs, height, width] = weight;
        if [height, width] != [3, 3] || outputs.min(inputs) < 32 {
            return None;
        }
        match rows.min(columns) {
            // Of 2 x 2 outputs there is one tile, and U is 16/9 of the weights to be read for it.
            0..3 => None,
            3..6 => Some(Self::Two),
            6.. => Some(Self::Four),
        }
    }
}

/// The activated outputs of all images, in NHWC, and, of a pooling, their places in their windows.
pub(super) fn forward(
    side: Side,
    layer: &Layer,
    x: Images,
    weights: (&[f32], &PackedWeights),
    bias: &[f32],
) -> (Vec<f32>, Vec<u8>) {
    match side {
        Side::Two => Winograd::<F2, 4, 2>::new(layer).outputs(x, weights, bias),
        Side::Four => Winograd::<F4, 6, 4>::new(layer).outputs(x, weights, bias),
    }
}

/// The gradients, from that of the activated output.
pub(super) fn backward(
    side: Side,
    layer: &Layer,
    x: Images,
    outputs: Outputs,
    weights: (&[f32], &PackedWeights),
    input_too: bool,
) -> LayerGradients {
    match side {
        Side::Two => Winograd::<F2, 4, 2>::new(layer).backward(x, outputs, weights, input_too),
        Side::Four => Winograd::<F4, 6, 4>::new(layer).backward(x, outputs, weights, input_too),
    }
}

/// A layer's geometry in tiles.
struct Winograd<'a, F, const IN: usize, const OUT: usize> {
    tile: PhantomData<F>,
    layer: &'a Layer,
    /// Rows and columns of tiles.
    grid: [usize; 2],
    /// Of the padded input, as far as the tiles reach.
    padded: Size,
    /// Of the maps, before a pooling.
    output: Size,
}

impl<'a, F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Winograd<'a, F, IN, OUT> {
    fn new(layer: &'a Layer) -> Self {
        let output = layer.maps();
        let grid = [output.rows, output.columns].map(|side| side.div_ceil(OUT));
        let [rows, columns] = grid.map(|tiles| tiles * OUT + 2);
        let padded = Size { channels: layer.input.channels, rows, columns };
        Self { tile: PhantomData, layer, grid, padded, output }
    }

    /// Tiles of an image.
    fn tiles(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Images that are transformed at a time.
    fn images_at_a_time(&self) -> usize {
        TILES.div_ceil(self.tiles()).min(MICROBATCH)
    }

    /// Where the tiles of image `i` of `images` are among those of so many `channels`.
    fn tiles_of(&self, i: usize, images: usize, channels: usize) -> Tiles {
        let pitch = pitch(images * self.tiles() * channels);
        Tiles { grid: self.grid, first: i * self.tiles(), pitch }
    }

    /// What [`forward`] returns.
    fn outputs(
        &self,
        x: Images,
        weights: (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> (Vec<f32>, Vec<u8>) {
        match self.layer.pool {
            Some(windows) => self.forward_pooled(windows, x, weights, bias),
            None => (self.forward(x, weights, bias), Vec::new()),
        }
    }

    fn forward(
        &self,
        x: Images,
        (weight, packed): (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> Vec<f32> {
        let (input, output) = (x.size.len(), self.output.len());
        let u = packed.get_or_pack(F::PACKING, || self.weights(weight));
        let mut out = zeros(x.values.len() / input * output);
        for_microbatches(&mut out, MICROBATCH * output, |group, out| {
            let values = &x.values[group * MICROBATCH * input..][..out.len() / output * input];
            let (x, mut buffers) = (Images { values, ..x }, Buffers::take());
            self.forward_group(x, u.storage(), bias, out, &mut buffers);
            buffers.give_back();
        });
        out
    }

    /// The pooled outputs, and the places of the largest in their windows.
    fn forward_pooled(
        &self,
        windows: Windows,
        x: Images,
        (weight, packed): (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> (Vec<f32>, Vec<u8>) {
        let (input, maps, size) = (x.size.len(), self.output.len(), self.output);
        let output = windows.output(size).len();
        let u = packed.get_or_pack(F::PACKING, || self.weights(weight));
        let images = x.values.len() / input;
        let (mut out, mut argmax) = (zeros(images * output), vec![0; images * output]);
        let n = MICROBATCH * output;
        let mut groups: Vec<_> = out.chunks_mut(n).zip(argmax.chunks_mut(n)).collect();
        for_microbatches(&mut groups, 1, |group, parts| {
            let (out, argmax) = &mut parts[0];
            let values = &x.values[group * MICROBATCH * input..][..out.len() / output * input];
            let part = self.images_at_a_time();
            let parts = out.chunks_mut(part * output).zip(argmax.chunks_mut(part * output));
            let (mut buffers, mut all) = (Buffers::take(), Vec::new());
            for (values, (out, argmax)) in values.chunks(part * input).zip(parts) {
                let x = Images { values, ..x };
                all.resize(values.len() / input * maps, 0.0);
                self.forward_group(x, u.storage(), bias, &mut all, &mut buffers);
                let outputs = out.chunks_exact_mut(output).zip(argmax.chunks_exact_mut(output));
                for (image, (out, argmax)) in all.chunks_exact(maps).zip(outputs) {
                    let layout = ImageLayout::Nhwc;
                    self.layer.level.run(MaxPool { windows, image, size, layout, out, argmax });
                }
            }
            buffers.give_back();
        });
        (out, argmax)
    }

    /// Forward through the images `x`, on this thread.
    fn forward_group(
        &self,
        x: Images,
        u: &[f32],
        bias: &[f32],
        out: &mut [f32],
        buffers: &mut Buffers,
    ) {
        let (input, output) = (x.size.len(), self.output.len());
        let (part, [inputs, outputs]) = (self.images_at_a_time(), self.weight_shape());
        let u = Matrices::new(u, [inputs, outputs]);
        for (values, out) in x.values.chunks(part * input).zip(out.chunks_mut(part * output)) {
            self.input(Images { values, ..x }, buffers);
            let tiles = values.len() / input * self.tiles();
            let Buffers { v, p, .. } = buffers;
            p.resize(IN * IN * pitch(tiles * outputs), 0.0);
            products(Matrices::new(v, [tiles, inputs]), u, p, false);
            self.output(p, out);
            let activation = self.layer.activation;
            self.layer.level.run(Activate { activation, bias, out });
        }
    }

    fn backward(
        &self,
        x: Images,
        outputs: Outputs,
        (weight, packed): (&[f32], &PackedWeights),
        input_too: bool,
    ) -> LayerGradients {
        let (layer, input, output) = (self.layer, x.size.len(), self.output.len());
        let dz = derived(layer.level, layer.activation, outputs.y, outputs.gradient);
        let bias = sums_of_columns(&dz, layer.outputs);
        let u = input_too.then(|| packed.get_or_pack(F::PACKING, || self.weights(weight)));
        let mut dx = zeros(if input_too { x.values.len() } else { 0 });
        let mut dx_groups = dx.chunks_mut(MICROBATCH * input);
        let mut groups =
            x.values.chunks(MICROBATCH * input).zip(dz.chunks(MICROBATCH * output)).map(
                |(values, dz)| (Images { values, ..x }, dz, dx_groups.next().unwrap_or_default()),
            );
        let work = |(x, dz, dx)| {
            let (u, mut buffers) = (u.as_ref().map(|u| u.storage()), Buffers::take());
            self.backward_group(x, dz, (dx, u), &mut buffers);
            buffers
        };
        // As many at a time as there are threads: their sums are large. They are added up in their order.
        let mut sum = None::<Buffers>;
        loop {
            let some: Vec<_> = groups.by_ref().take(rayon::current_num_threads()).collect();
            let parts: Vec<_> = match some.len() {
                0 => break,
                1 => some.into_iter().map(work).collect(),
                _ => some.into_par_iter().map(work).collect(),
            };
            for part in parts {
                let Some(sum) = &mut sum else {
                    sum = Some(part);
                    continue;
                };
                sum.du.iter_mut().zip(&part.du).for_each(|(sum, part)| *sum += part);
                part.give_back();
            }
        }
        let sum = sum.expect("a batch has images");
        let mut weight = zeros(weight.len());
        let (tile, gradient, outputs) = (self.tile, &sum.du, layer.outputs);
        layer.level.run(WeightsAdjoint::<F, IN, OUT> { tile, gradient, outputs, out: &mut weight });
        sum.give_back();
        let input = input_too.then_some((dx, ImageLayout::Nhwc));
        LayerGradients { input, weight, bias }
    }

    /// Backward through the images `x`, whose sums before the activation have the gradients `dz`, on this thread: writes
    /// those of their pixels to `dx`, where `u` is there, and dU `[IN * IN, inputs, outputs]` to the buffers.
    fn backward_group(
        &self,
        x: Images,
        dz: &[f32],
        (dx, u): (&mut [f32], Option<&[f32]>),
        buffers: &mut Buffers,
    ) {
        let (input, output) = (x.size.len(), self.output.len());
        let part = self.images_at_a_time();
        let [inputs, outputs] = self.weight_shape();
        buffers.du.resize(IN * IN * pitch(inputs * outputs), 0.0);
        let mut dx = dx.chunks_mut(part * input);
        let parts = x.values.chunks(part * input).zip(dz.chunks(part * output));
        for (number, (values, dz)) in parts.enumerate() {
            let tiles = values.len() / input * self.tiles();
            self.output_adjoint(dz, &mut buffers.p);
            self.input(Images { values, ..x }, buffers);
            let v = Matrices::new(&buffers.v, [tiles, inputs]);
            let dp = Matrices::new(&buffers.p, [tiles, outputs]);
            products(v.transposed(), dp, &mut buffers.du, number > 0);
            if let (Some(u), Some(dx)) = (u, dx.next()) {
                let u = Matrices::new(u, [inputs, outputs]);
                products(dp, u.transposed(), &mut buffers.v, false);
                self.input_adjoint(dx, buffers);
            }
        }
    }

    /// Rows and columns of each matrix of U.
    fn weight_shape(&self) -> [usize; 2] {
        [self.layer.input.channels, self.layer.outputs]
    }

    /// U `[IN * IN, inputs, outputs]`.
    fn weights(&self, weight: &[f32]) -> FlexTensor {
        let (outputs, inputs) = (self.layer.outputs, self.layer.input.channels);
        let mut out = zeros(IN * IN * pitch(inputs * outputs));
        let tile = self.tile;
        self.layer.level.run(Weights::<F, IN, OUT> { tile, weight, outputs, out: &mut out });
        let shape = Shape::from([IN * IN, pitch(inputs * outputs)]);
        flat(out, Layout::contiguous(shape))
    }

    /// V `[IN * IN, tiles, inputs]` of the images `x`.
    fn input(&self, x: Images, buffers: &mut Buffers) {
        let images = x.values.len() / x.size.len();
        let [top, _, left, _] = self.layer.padding.map(|zeros| zeros as isize);
        let Buffers { padded: buffer, v: out, .. } = buffers;
        out.resize(IN * IN * pitch(images * self.tiles() * self.padded.channels), 0.0);
        buffer.clear();
        buffer.resize(self.padded.len(), 0.0);
        for i in 0..images {
            let (layout, offset) = (ImageLayout::Nhwc, [top, left]);
            place(x.image(i), x.layout, x.size, offset, buffer, layout, self.padded);
            self.layer.level.run(Input::<F, IN, OUT> {
                tile: self.tile,
                tiles: self.tiles_of(i, images, self.padded.channels),
                image: buffer,
                size: self.padded,
                out,
            });
        }
    }

    /// The gradients of the images' pixels, in NHWC, from that of V.
    fn input_adjoint(&self, dx: &mut [f32], buffers: &mut Buffers) {
        let size = self.layer.input;
        let images = dx.len() / size.len();
        let [top, _, left, _] = self.layer.padding.map(|zeros| -(zeros as isize));
        let Buffers { padded: buffer, v: gradient, .. } = buffers;
        for (i, dx) in dx.chunks_exact_mut(size.len()).enumerate() {
            buffer.clear();
            buffer.resize(self.padded.len(), 0.0);
            self.layer.level.run(InputAdjoint::<F, IN, OUT> {
                tile: self.tile,
                tiles: self.tiles_of(i, images, self.padded.channels),
                gradient,
                image: buffer,
                size: self.padded,
            });
            let layout = ImageLayout::Nhwc;
            place(buffer, layout, self.padded, [top, left], dx, layout, size);
        }
    }

    /// The sums of the images, in NHWC, from `products` `[IN * IN, tiles, outputs]`.
    fn output(&self, products: &[f32], out: &mut [f32]) {
        let images = out.len() / self.output.len();
        for (i, image) in out.chunks_exact_mut(self.output.len()).enumerate() {
            self.layer.level.run(Output::<F, IN, OUT> {
                tile: self.tile,
                tiles: self.tiles_of(i, images, self.output.channels),
                products,
                image,
                size: self.output,
            });
        }
    }

    /// dP `[IN * IN, tiles, outputs]`, from the gradient of the images' sums in NHWC.
    fn output_adjoint(&self, dz: &[f32], out: &mut Vec<f32>) {
        let images = dz.len() / self.output.len();
        out.resize(IN * IN * pitch(images * self.tiles() * self.output.channels), 0.0);
        for (i, image) in dz.chunks_exact(self.output.len()).enumerate() {
            self.layer.level.run(OutputAdjoint::<F, IN, OUT> {
                tile: self.tile,
                tiles: self.tiles_of(i, images, self.output.channels),
                image,
                size: self.output,
                out,
            });
        }
    }
}

#[cfg(test)]
mod tests;
