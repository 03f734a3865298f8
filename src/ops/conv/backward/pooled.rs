//! The backward pass of pooled feature maps, image by image.
//!
//! With G of [`CsrMatrix`], `[out, pixels]`, the padded image x `[pixels, in]` and q = i * columns + j:
//! dW[k][i][j][c] = Σ_p G[k][p] x[p + q][c], dx[p + q][c] += Σ_k G[k][p] W[k][i][j][c],
//! db[k] = Σ_p G[k][p]. After a 2x2 pooling this is a quarter of the work of the whole gradient, or less.

use std::ops::Range;

use crate::ops::conv::backward::Back;
use crate::ops::conv::csr::CsrMatrix;
use crate::ops::conv::kernels::{SparseSums, Steps};
use crate::ops::conv::layer::{Layer, Outputs};
use crate::ops::conv::sparse::Plan;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::simd::{Aligned, MAX_LANES};
use crate::ops::windows::Windows;

/// The backward pass of a pooled layer.
pub(super) struct Pooled<'a> {
    layer: &'a Layer,
    plan: Plan,
    /// `[outputs, kernel rows, pitch]`, where the input's gradient is asked for.
    weight: Option<Aligned>,
}

impl<'a> Pooled<'a> {
    pub(super) fn new(layer: &'a Layer, windows: Windows, weight: &[f32], input_too: bool) -> Self {
        let plan = Plan::new(layer, windows);
        let weight = input_too.then(|| {
            let mut packed = Aligned::zeros(packed_len(layer));
            places(layer).zip(weight).for_each(|(at, &w)| packed[at] = w);
            packed
        });
        Self { layer, plan, weight }
    }

    /// Adds an image, padded, to the weight gradient.
    fn weight(&self, matrix: &CsrMatrix, image: &[f32], sums: &mut [f32]) {
        let Layer { level, kernel: [rows, _], .. } = *self.layer;
        let (n, x_steps, out_steps) =
            (under(self.layer), image_steps(self.layer), weight_steps(self.layer));
        level.run(SparseSums { matrix, rows, n, x: image, x_steps, out: sums, out_steps });
    }

    /// The gradient of an image of the input.
    fn input(&self, matrix: &CsrMatrix, weight: &[f32], buffer: &mut Aligned, dx: &mut [f32]) {
        let Layer { level, kernel: [rows, _], .. } = *self.layer;
        let (n, x_steps, out_steps) =
            (under(self.layer), weight_steps(self.layer), image_steps(self.layer));
        buffer.become_zeros(self.layer.padded().len() + MAX_LANES);
        level.run(SparseSums { matrix, rows, n, x: weight, x_steps, out: buffer, out_steps });
        self.layer.crop(buffer, dx);
    }
}

impl Back for Pooled<'_> {
    fn sums(&self) -> usize {
        packed_len(self.layer) + self.layer.outputs
    }

    fn input_layout(&self) -> ImageLayout {
        ImageLayout::Nhwc
    }

    fn group(
        &self,
        x: Images,
        outputs: Outputs,
        images: Range<usize>,
        dx: &mut [f32],
        sums: &mut [f32],
    ) {
        let layer = self.layer;
        let (weight_sums, bias) = sums.split_at_mut(packed_len(layer));
        let n = layer.input.len();
        let mut image = Aligned::zeros(layer.padded().len() + MAX_LANES);
        let (mut scratch, mut buffer) = (Default::default(), Aligned::default());
        let (mut by_channel, mut by_pixel) = (CsrMatrix::default(), CsrMatrix::default());
        for (number, i) in images.enumerate() {
            self.plan.read(outputs, i, &mut scratch, &mut by_channel, bias);
            layer.pad_into(x, i, ImageLayout::Nhwc, &mut image);
            self.weight(&by_channel, &image, weight_sums);
            if let Some(weight) = &self.weight {
                self.plan.transpose(&by_channel, &mut by_pixel);
                self.input(&by_pixel, weight, &mut buffer, &mut dx[number * n..][..n]);
            }
        }
    }

    fn unpack(&self, sums: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let layer = self.layer;
        let (weight, bias) = sums.split_at(packed_len(layer));
        (places(layer).map(|at| weight[at]).collect(), bias.to_vec())
    }
}

/// Floats under a row of the kernel.
fn under(layer: &Layer) -> usize {
    layer.kernel[1] * layer.input.channels
}

/// Of the padded image: from pixel to pixel, and from row to row.
fn image_steps(layer: &Layer) -> Steps {
    let [_, row, block] = layer.padded().strides(ImageLayout::Nhwc);
    Steps { block, row }
}

/// Of the packed weights: from one output channel to the next, and from one kernel row to the next.
fn weight_steps(layer: &Layer) -> Steps {
    Steps { block: layer.kernel[0] * pitch(layer), row: pitch(layer) }
}

/// From one kernel row of packed weights to the next.
fn pitch(layer: &Layer) -> usize {
    under(layer).next_multiple_of(MAX_LANES)
}

/// Floats in `[outputs, kernel rows, pitch]`.
fn packed_len(layer: &Layer) -> usize {
    layer.outputs * layer.kernel[0] * pitch(layer)
}

/// Where the numbers of `[outputs, inputs, kernel rows, kernel columns]` lie in `[outputs, kernel rows, pitch]`, one after
/// the other.
fn places(layer: &Layer) -> impl Iterator<Item = usize> {
    let ([rows, columns], inputs) = (layer.kernel, layer.input.channels);
    let pitch = pitch(layer);
    (0..layer.outputs).flat_map(move |k| {
        (0..inputs).flat_map(move |c| {
            (0..rows).flat_map(move |i| {
                let row = (k * rows + i) * pitch + c;
                (0..columns).map(move |j| row + j * inputs)
            })
        })
    })
}
