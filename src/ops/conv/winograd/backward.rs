//! Backward through a batch, microbatch by microbatch, whose parts of dU are added in their order.

use super::buffers::{Buffers, SPARE, Transformed};
use super::tile::Tile;
use super::transforms::{InputAdjoint, OutputAdjoint};
use super::{Winograd, nhwc};
use crate::ops::conv::layer::{LayerGradients, Outputs};
use crate::ops::conv::op::PackedWeights;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::{for_microbatches, sum_in_order};
use crate::ops::product::{Product, Strided, matrix_pitch, panels_pitch, pitch};
use crate::ops::recycled::Recycled;
use crate::ops::sums::{derived, sums_of_channels};
use crate::ops::windows::{MaxPoolBackward, Windows};

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Winograd<'_, F, IN, OUT, K>
{
    /// What [`backward`](super::backward) returns.
    pub(super) fn backward(
        &self,
        x: Images,
        outputs: Outputs,
        (weight, packed): (&[f32], &PackedWeights),
        input_too: bool,
    ) -> LayerGradients {
        let layer = self.layer;
        let (each, size) = (packed.images_at_a_time(x.count(), weight.len()), layer.output());
        let dz = derived(layer.level, layer.activation, outputs.y, outputs.gradient);
        let bias = sums_of_channels(Images { values: &dz, size, layout: ImageLayout::Nhwc });
        let [_, packing] = F::PACKINGS;
        let u =
            input_too.then(|| packed.get_or_pack(packing, || self.weights(weight, packed, true)));
        let mut dx = Recycled::unset(if input_too { x.values.len() } else { 0 });
        let mut parts = dx.chunks_mut(each * self.input.len());
        let groups = dz.chunks(each * size.len()).enumerate();
        let groups = groups.map(|(number, dz)| (number, dz, parts.next().unwrap_or_default()));
        let work = |(number, dz, dx): (usize, &[f32], &mut [f32])| {
            let (u, mut buffers) = (u.as_ref().map(|u| u.storage()), SPARE.take());
            let x = nhwc(x, number * each, each, &mut buffers.x);
            let transformed = &mut buffers.transformed;
            match layer.pool {
                None => self.backward_images(Some(x), dz, (dx, u), transformed, false),
                Some(windows) => {
                    let from = number * each * size.len();
                    let argmax = &outputs.argmax[from..from + dz.len()];
                    self.backward_pooled(windows, x, (dz, argmax), (dx, u), transformed);
                }
            }
            buffers
        };
        let sum = sum_in_order(groups, work, |sum: &mut Buffers, part| {
            packed.add(&mut sum.transformed.du, &part.transformed.du);
            SPARE.give_back(part);
        });
        let sum = sum.expect("a batch has images");
        let weight = self.weight_gradient(&sum.transformed.du, packed);
        SPARE.give_back(sum);
        let input = input_too.then_some((dx, ImageLayout::Nhwc));
        LayerGradients { input, weight, bias }
    }

    /// What [`transposed`](super::transposed) returns.
    pub(super) fn inputs(
        &self,
        dz: Images,
        (weight, packed): (&[f32], &PackedWeights),
    ) -> Recycled {
        let each = packed.images_at_a_time(dz.count(), weight.len());
        let [_, packing] = F::PACKINGS;
        let u = packed.get_or_pack(packing, || self.weights(weight, packed, true));
        let mut dx = Recycled::unset(dz.count() * self.input.len());
        for_microbatches(&mut dx, each * self.input.len(), |number, dx| {
            let mut buffers = SPARE.take();
            let dz = nhwc(dz, number * each, each, &mut buffers.x);
            let u = Some(u.storage());
            self.backward_images(None, dz, (dx, u), &mut buffers.transformed, false);
            SPARE.give_back(buffers);
        });
        dx
    }

    /// [`Winograd::backward_images`] from the gradients of pooled outputs: of a few images at a time, whose maps' gradients
    /// stay in the cache.
    fn backward_pooled(
        &self,
        windows: Windows,
        x: &[f32],
        (dz, argmax): (&[f32], &[u8]),
        (dx, u): (&mut [f32], Option<&[f32]>),
        buffers: &mut Transformed,
    ) {
        let (size, level, layout) = (self.maps, self.layer.level, ImageLayout::Nhwc);
        let (input, output) = (self.input.len(), windows.output(size).len());
        let each = self.images_of_fewest_tiles();
        let mut all = std::mem::take(&mut buffers.maps);
        all.resize(each * size.len(), 0.0);
        let mut dxs = dx.chunks_mut(each * input);
        let parts = dz.chunks(each * output).zip(argmax.chunks(each * output));
        for (number, (x, (dz, argmax))) in x.chunks(each * input).zip(parts).enumerate() {
            let all = &mut all[..x.len() / input * size.len()];
            if !windows.cover(size) {
                all.fill(0.0);
            }
            let outputs = dz.chunks_exact(output).zip(argmax.chunks_exact(output));
            for (dx, (gradient, argmax)) in all.chunks_exact_mut(size.len()).zip(outputs) {
                level.run(MaxPoolBackward { windows, size, layout, argmax, gradient, dx });
            }
            let dx = dxs.next().unwrap_or_default();
            self.backward_images(Some(x), all, (dx, u), buffers, number > 0);
        }
        buffers.maps = all;
    }

    /// Backward through images, in NHWC, whose sums before the activation have the gradients `dz`, on this thread: writes
    /// those of their pixels to `dx`, where the transposed `u` is there, and, where the images `x` are, writes dU
    /// `[IN * IN, inputs, outputs]` to the buffers, or `adds` it.
    fn backward_images(
        &self,
        x: Option<&[f32]>,
        dz: &[f32],
        (dx, u): (&mut [f32], Option<&[f32]>),
        buffers: &mut Transformed,
        adds: bool,
    ) {
        let ([inputs, outputs], level, tile) = (self.weight_shape(), self.layer.level, self.tile);
        let Transformed { v, p, du, .. } = buffers;
        du.resize(IN * IN * matrix_pitch(inputs, outputs), 0.0);
        // Tiles overlap: what a pixel has in each is added up.
        dx.fill(0.0);
        for (number, tiles) in self.parts(dz.len() / self.maps.len()).enumerate() {
            let n = tiles.len();
            match x {
                Some(x) => self.input(&tiles, x, v),
                None => v.resize(IN * IN * matrix_pitch(n, inputs), 0.0),
            }
            p.resize(IN * IN * matrix_pitch(n, outputs), 0.0);
            let (images, size) = (dz, self.maps);
            level.run(OutputAdjoint::<F, IN, OUT, K> { tile, tiles: &tiles, images, size, out: p });
            let dps = p.chunks_exact(matrix_pitch(n, outputs));
            let vs = v.chunks_exact_mut(matrix_pitch(n, inputs));
            let dus = du.chunks_exact_mut(matrix_pitch(inputs, outputs));
            for (i, ((v, dp), out)) in vs.zip(dps).zip(dus).enumerate() {
                if x.is_some() {
                    let (a, b) = (Strided::columns(v, inputs), Strided::wide_rows(dp, outputs));
                    let (shape, adds) = ([inputs, n, outputs], adds || number > 0);
                    level.run(Product { shape, a, b, out, out_row: pitch(outputs), adds });
                }
                let Some(u) = u else { continue };
                let u = &u[i * panels_pitch(outputs, inputs)..];
                let (a, b) = (Strided::rows(dp, outputs), Strided::panels(u, outputs));
                let shape = [n, outputs, inputs];
                let out_row = pitch(inputs);
                level.run(Product { shape, a, b, out: v, out_row, adds: false });
            }
            if u.is_some() {
                let (tiles, gradient, images, size) = (&tiles, &*v, &mut *dx, self.input);
                level.run(InputAdjoint::<F, IN, OUT, K> { tile, tiles, gradient, images, size });
            }
        }
    }
}
