//! The three products of a kernel that slides over the images of a batch, S the small images, L the large ones, W the
//! weights `[window, channels of the small images]`.
//!
//! ```text
//! S = columns(L) W          L = scatter(S Wᵀ)          dW = Σ columns(L)ᵀ S
//! ```
//!
//! where scatter adds what lies at a pixel in several windows (col2im; Chellapilla et al. 2006). A convolution is the
//! first one and has the others as its gradients; a transposed convolution is the second one. All images NHWC. The
//! products of matrices are burn's, of so many images that their columns stay in the cache. A group's images are a
//! fixed number and the sums of groups are added in their order: no bit depends on the threads.

use std::ops::Range;

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use super::sliding::Sliding;
use crate::ops::flex_tensor::flat;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::{GROUP, for_groups, zeros};

/// Numbers in the columns that are made at a time, if an image has no more: half a megabyte, the share of a core in
/// the second cache.
const NEAR: usize = 1 << 17;

/// The weights of a kernel that slides.
pub(super) struct Products<'a> {
    pub sliding: Sliding,
    /// Channels of the small images.
    pub outputs: usize,
    /// `[channels of small images, channels of large images, kernel rows, kernel columns]`.
    pub weight: &'a [f32],
}

impl Products<'_> {
    /// Numbers of a small image.
    fn small_len(&self) -> usize {
        let [rows, columns] = self.sliding.small();
        rows * columns * self.outputs
    }

    /// Images whose columns are made at a time.
    fn at_a_time(&self) -> usize {
        let [rows, columns] = self.sliding.small();
        // Where the weights are no smaller than that, they are read once for more images.
        let near = NEAR.max(self.weight.len());
        (near / (rows * columns * self.sliding.width())).clamp(1, GROUP)
    }

    /// The small images of the `large` ones.
    pub fn small(&self, large: Images) -> Vec<f32> {
        let (n, weights) = (self.small_len(), self.matrix());
        let mut out = zeros(large.values.len() / large.size.len() * n);
        for_groups(&mut out, GROUP * n, |group, out| {
            let mut buffer = Vec::new();
            for (part, out) in out.chunks_mut(self.at_a_time() * n).enumerate() {
                let first = group * GROUP + part * self.at_a_time();
                let columns = self.columns(large, first..first + out.len() / n, &mut buffer);
                out.copy_from_slice(product(columns, weights.clone()).storage::<f32>());
            }
        });
        out
    }

    /// The large images of the `small` ones.
    pub fn large(&self, small: Images) -> Vec<f32> {
        let weights = Flex::float_transpose(self.matrix());
        let (n, large) = (self.small_len(), self.sliding.large.len());
        let mut out = zeros(small.values.len() / n * large);
        for_groups(&mut out, GROUP * large, |group, out| {
            let mut buffer = vec![0.0; self.sliding.padded().len()];
            for (part, out) in out.chunks_mut(self.at_a_time() * large).enumerate() {
                let first = group * GROUP + part * self.at_a_time();
                let pixels = pixels(small, first..first + out.len() / large);
                let columns = product(pixels, weights.clone());
                let columns = columns.storage::<f32>();
                if self.sliding.is_pointwise() {
                    out.copy_from_slice(columns);
                    continue;
                }
                let images = columns.len() / (out.len() / large);
                for (columns, out) in columns.chunks_exact(images).zip(out.chunks_exact_mut(large))
                {
                    buffer.fill(0.0);
                    self.scatter(columns, &mut buffer);
                    self.sliding.crop(&buffer, out);
                }
            }
        });
        out
    }

    /// The gradient of the weights, in their order.
    pub fn weights(&self, large: Images, small: Images) -> Vec<f32> {
        let images = large.values.len() / large.size.len();
        let mut sums = vec![None::<FlexTensor>; images.div_ceil(GROUP)];
        for_groups(&mut sums, 1, |group, sum| {
            let (mut buffer, end) = (Vec::new(), images.min((group + 1) * GROUP));
            for first in (group * GROUP..end).step_by(self.at_a_time()) {
                let part = first..end.min(first + self.at_a_time());
                let columns = self.columns(large, part.clone(), &mut buffer);
                let product = product(Flex::float_transpose(columns), pixels(small, part));
                sum[0] = Some(match sum[0].take() {
                    Some(sum) => Flex::float_add(sum, product),
                    None => product,
                });
            }
        });
        let sum = sums.into_iter().flatten().reduce(Flex::float_add);
        self.as_given(sum.expect("a batch has images").storage::<f32>())
    }

    /// What lies in the windows of these images, `[images · small pixels, window]`.
    fn columns(&self, large: Images, images: Range<usize>, buffer: &mut Vec<f32>) -> FlexTensor {
        let ([rows, columns], width) = (self.sliding.small(), self.sliding.width());
        if self.sliding.is_pointwise() {
            return pixels(large, images);
        }
        let (count, pixels) = (images.len(), rows * columns);
        let mut values = Vec::with_capacity(count * pixels * width);
        let (taps, run) = self.runs();
        for i in images {
            self.sliding.pad(large, i, buffer);
            for window in self.sliding.windows() {
                for tap in &taps {
                    values.extend_from_slice(&buffer[window + tap..][..run]);
                }
            }
        }
        matrix(values, [count * pixels, width])
    }

    /// Adds the columns of an image to its padded pixels in `buffer`.
    fn scatter(&self, columns: &[f32], buffer: &mut [f32]) {
        let (taps, run) = self.runs();
        let windows = columns.chunks_exact(self.sliding.width());
        for (from, values) in self.sliding.windows().zip(windows) {
            for (tap, values) in taps.iter().zip(values.chunks_exact(run)) {
                let pixels = &mut buffer[from + tap..][..run];
                pixels.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// Where the values of a window that lie together begin, and how many they are.
    fn runs(&self) -> (Vec<usize>, usize) {
        let [_, columns] = self.sliding.geometry.kernel;
        let (taps, channels) = (self.sliding.taps(), self.sliding.large.channels);
        match self.sliding.geometry.dilation {
            1 => (taps.into_iter().step_by(columns).collect(), columns * channels),
            _ => (taps, channels),
        }
    }

    /// The weights as a matrix `[window, channels of small images]`.
    fn matrix(&self) -> FlexTensor {
        let (width, outputs) = (self.sliding.width(), self.outputs);
        let mut values = vec![0.0; self.weight.len()];
        for (k, weight) in self.weight.chunks_exact(width).enumerate() {
            self.for_places(|of, place| values[place * outputs + k] = weight[of]);
        }
        matrix(values, [width, outputs])
    }

    /// A matrix `[window, channels of small images]` in the order of the weights.
    fn as_given(&self, matrix: &[f32]) -> Vec<f32> {
        let (width, outputs) = (self.sliding.width(), self.outputs);
        let mut values = vec![0.0; matrix.len()];
        for (k, weight) in values.chunks_exact_mut(width).enumerate() {
            self.for_places(|of, place| weight[of] = matrix[place * outputs + k]);
        }
        values
    }

    /// Calls `work` with the place of each weight of an output in the weights, and in a window.
    fn for_places(&self, mut work: impl FnMut(usize, usize)) {
        let channels = self.sliding.large.channels;
        let taps = self.sliding.width() / channels;
        for (of, (channel, tap)) in
            (0..channels).flat_map(|channel| (0..taps).map(move |tap| (channel, tap))).enumerate()
        {
            work(of, tap * channels + channel);
        }
    }
}

/// The pixels of these images, `[images · pixels, channels]`.
fn pixels(all: Images, images: Range<usize>) -> FlexTensor {
    let (count, channels) = (images.len() * all.size.len(), all.size.channels);
    let (mut values, mut scratch) = (Vec::with_capacity(count), Vec::new());
    for i in images {
        values.extend_from_slice(all.image_in(i, ImageLayout::Nhwc, &mut scratch));
    }
    matrix(values, [count / channels, channels])
}

fn product(a: FlexTensor, b: FlexTensor) -> FlexTensor {
    Flex::float_matmul(a, b)
}

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> FlexTensor {
    flat(values, Layout::contiguous(Shape::from(shape)))
}
