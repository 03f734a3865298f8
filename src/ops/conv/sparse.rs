//! G `[output channels, pixels of the padded image]`: the gradient of pooled maps, before the activation.
//!
//! G[k][r * columns + p] = dz[k][r][p] = dy[k][w] f'(y[k][w]) if the largest value of a window w came
//! from row r, column p of map k, else 0; several windows' are added up. What lay under the kernel
//! there begins at the pixel r * columns + p of the padded image. After a 2x2 pooling at most a quarter
//! of dz is there, less after a ReLU. The weight gradient is summed over the rows of G, the input's
//! over its columns.

use crate::ops::Activation;
use crate::ops::conv::csr::CsrMatrix;
use crate::ops::conv::layer::{Layer, Outputs};
use crate::ops::layout::{ImageLayout, Size};
use crate::ops::simd::derived;
use crate::ops::windows::Windows;

/// Where the windows of a layer's maps lie in its padded input.
pub(super) struct Plan {
    activation: Activation,
    outputs: Size,
    layout: ImageLayout,
    /// The padded input.
    padded: Size,
    /// Of each window, the pixel of its first value.
    windows: Vec<u32>,
    /// From there to each of its values.
    values: Vec<u32>,
}

impl Plan {
    pub(super) fn new(layer: &Layer, Windows { side, stride }: Windows) -> Self {
        let (outputs, padded) = (layer.output(), layer.padded());
        let at = |r: usize, p: usize| u32::try_from(r * padded.columns + p).expect("a pixel");
        let windows = (0..outputs.rows * outputs.columns)
            .map(|i| at(i / outputs.columns * stride, i % outputs.columns * stride))
            .collect();
        let values = (0..side * side).map(|i| at(i / side, i % side)).collect();
        let (activation, layout) = (layer.activation, layer.output_layout());
        Self { activation, outputs, layout, padded, windows, values }
    }

    /// `by_channel` becomes G of image `i`, and the sums of its rows are added to `bias`. `scratch` is
    /// for images in another order.
    pub(super) fn read(
        &self,
        outputs: Outputs,
        i: usize,
        scratch: &mut [Vec<f32>; 2],
        by_channel: &mut CsrMatrix,
        bias: &mut [f32],
    ) {
        let [a, b] = scratch;
        let n = self.outputs.len();
        let dy = outputs.gradient.image_in(i, self.layout, a);
        let y = outputs.y.image_in(i, self.layout, b);
        let argmax = &outputs.argmax[i * n..][..n];
        let [channel, _, pixel] = self.outputs.strides(self.layout);
        let CsrMatrix { starts, ends, columns, entries } = by_channel;
        columns.resize(n, 0);
        entries.resize(n, 0.0);
        starts.clear();
        starts.extend((0..n).step_by(self.windows.len()));
        ends.clone_from(starts);
        for (window, first) in self.windows.iter().enumerate() {
            for (k, (end, bias)) in ends.iter_mut().zip(&mut *bias).enumerate() {
                let at = k * channel + window * pixel;
                let g = derived(self.activation, dy[at], y[at]);
                // Written in any case: whether it is zero cannot be predicted.
                columns[*end] = first + self.values[usize::from(argmax[at])];
                entries[*end] = g;
                *end += usize::from(g != 0.0);
                *bias += g;
            }
        }
    }

    /// Makes `by_pixel`, the transpose, of `by_channel`, by counting.
    pub(super) fn transpose(&self, by_channel: &CsrMatrix, by_pixel: &mut CsrMatrix) {
        let CsrMatrix { starts, ends, columns, entries } = by_pixel;
        columns.resize(by_channel.columns.len(), 0);
        entries.resize(by_channel.entries.len(), 0.0);
        starts.clear();
        starts.resize(self.padded.rows * self.padded.columns, 0);
        for (_, pixels, _) in by_channel.rows() {
            pixels.iter().for_each(|&pixel| starts[pixel as usize] += 1);
        }
        let mut next = 0;
        for start in &mut *starts {
            (*start, next) = (next, next + *start);
        }
        ends.clone_from(starts);
        for (channel, pixels, gradients) in by_channel.rows() {
            for (&pixel, &g) in pixels.iter().zip(gradients) {
                let end = &mut ends[pixel as usize];
                (columns[*end], entries[*end]) = (channel as u32, g);
                *end += 1;
            }
        }
    }
}
