//! Forward through a batch, microbatch by microbatch.

use super::buffers::{SPARE, Transformed};
use super::tile::Tile;
use super::transforms::Output;
use super::{Winograd, nhwc};
use crate::ops::conv::op::PackedWeights;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::for_microbatches;
use crate::ops::product::{Product, Strided, matrix_pitch, panels_pitch, pitch};
use crate::ops::recycled::Recycled;
use crate::ops::simd::Activate;
use crate::ops::windows::{MaxPool, Windows};

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Winograd<'_, F, IN, OUT, K>
{
    /// What [`forward`](super::forward) returns.
    pub(super) fn outputs(
        &self,
        x: Images,
        (weight, packed): (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> (Recycled, Vec<u8>) {
        let [packing, _] = F::PACKINGS;
        let u = packed.get_or_pack(packing, || self.weights(weight, packed, false));
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
        let each = self.images_of_fewest_tiles();
        let mut all = std::mem::take(&mut buffers.maps);
        all.resize(each * maps, 0.0);
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
        buffers.maps = all;
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
                level.run(Product { shape, a, b, out, out_row: pitch(outputs), adds: false });
            }
            let (images, size) = (&mut *out, self.maps);
            level.run(Output::<F, IN, OUT, K> { tile, tiles: &tiles, products: p, images, size });
            let (activation, out) = (self.layer.activation, &mut out[self.pixels(&tiles)]);
            level.run(Activate { activation, bias, out });
        }
    }
}
