//! The three products of a kernel that slides over the images of a batch, S the small images, L the large ones, W the
//! weights `[window, channels of the small images]`.
//!
//! ```text
//! S = columns(L) W          L = scatter(S Wᵀ)          dW = Σ columns(L)ᵀ S
//! ```
//!
//! where scatter adds what lies at a pixel in several windows (col2im; Chellapilla et al. 2006). A convolution is the
//! first one and has the others as its gradients; a transposed convolution is the second one. All images NHWC. The
//! products are of so many images that their columns stay in the cache. A group's images are a
//! fixed number and the sums of groups are added in their order: no bit depends on the threads.

use std::ops::Range;

use super::sliding::Sliding;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::{GROUP, for_groups};
use crate::ops::product::{Product, Strided, matrix_pitch, pitch};
use crate::ops::recycled::Recycled;
use crate::ops::simd::SimdLevel;
use crate::ops::spare::Spare;
use crate::ops::sums::total;

/// Numbers in the columns that are made at a time, if an image has no more: half a megabyte, the share of a core in
/// the second cache.
const NEAR: usize = 1 << 17;

/// What a thread needs for some images.
#[derive(Default)]
struct Buffers {
    /// A large image with its padding.
    image: Vec<f32>,
    columns: Vec<f32>,
    pixels: Vec<f32>,
}

static SPARE: Spare<Buffers> = Spare::new();

/// The weights of a kernel that slides.
pub(super) struct Products<'a> {
    pub sliding: Sliding,
    /// Channels of the small images.
    pub outputs: usize,
    /// `[channels of small images, channels of large images, kernel rows, kernel columns]`.
    pub weight: &'a [f32],
}

impl Products<'_> {
    /// Pixels of a small image.
    fn windows(&self) -> usize {
        let [rows, columns] = self.sliding.small();
        rows * columns
    }

    /// Images whose columns are made at a time.
    fn at_a_time(&self) -> usize {
        // Where the weights are no smaller than that, they are read once for more images.
        let near = NEAR.max(self.weight.len());
        (near / (self.windows() * self.sliding.width())).clamp(1, GROUP)
    }

    /// The small images of the `large` ones.
    pub fn small(&self, large: Images) -> Recycled {
        let (n, width) = (self.windows() * self.outputs, self.sliding.width());
        let mut weights = vec![0.0; matrix_pitch(width, self.outputs)];
        self.for_places(|of, k, place| weights[place * pitch(self.outputs) + k] = self.weight[of]);
        let mut out = Recycled::unset(large.count() * n);
        for_groups(&mut out, GROUP * n, |group, out| {
            let mut buffers = SPARE.take();
            for (part, out) in out.chunks_mut(self.at_a_time() * n).enumerate() {
                let first = group * GROUP + part * self.at_a_time();
                let windows = out.len() / self.outputs;
                self.columns(large, first..first + out.len() / n, &mut buffers);
                buffers.pixels.resize(matrix_pitch(windows, self.outputs), 0.0);
                SimdLevel::best().run(Product {
                    shape: [windows, width, self.outputs],
                    a: Strided::rows(&buffers.columns, width),
                    b: Strided::wide_rows(&weights, self.outputs),
                    out: &mut buffers.pixels,
                    adds: false,
                });
                let rows = buffers.pixels.chunks_exact(pitch(self.outputs));
                for (out, row) in out.chunks_exact_mut(self.outputs).zip(rows) {
                    out.copy_from_slice(&row[..self.outputs]);
                }
            }
            SPARE.give_back(buffers);
        });
        out
    }

    /// The large images of the `small` ones.
    pub fn large(&self, small: Images) -> Recycled {
        let (width, large) = (self.sliding.width(), self.sliding.large.len());
        let mut weights = vec![0.0; matrix_pitch(self.outputs, width)];
        self.for_places(|of, k, place| weights[k * pitch(width) + place] = self.weight[of]);
        let mut out = Recycled::unset(small.count() * large);
        for_groups(&mut out, GROUP * large, |group, out| {
            let mut buffers = SPARE.take();
            for (part, out) in out.chunks_mut(self.at_a_time() * large).enumerate() {
                let first = group * GROUP + part * self.at_a_time();
                let images = out.len() / large;
                pixels(small, first..first + images, &mut buffers.pixels);
                let windows = images * self.windows();
                buffers.columns.resize(matrix_pitch(windows, width), 0.0);
                SimdLevel::best().run(Product {
                    shape: [windows, self.outputs, width],
                    a: Strided::rows(&buffers.pixels, self.outputs),
                    b: Strided::wide_rows(&weights, width),
                    out: &mut buffers.columns,
                    adds: false,
                });
                let image = self.windows() * pitch(width);
                let columns = buffers.columns.chunks_exact(image);
                for (columns, out) in columns.zip(out.chunks_exact_mut(large)) {
                    self.scatter(columns, out, &mut buffers.image);
                }
            }
            SPARE.give_back(buffers);
        });
        out
    }

    /// The gradient of the weights, in their order.
    pub fn weights(&self, large: Images, small: Images) -> Vec<f32> {
        let (images, width) = (large.count(), self.sliding.width());
        let mut sums = vec![Vec::new(); images.div_ceil(GROUP)];
        for_groups(&mut sums, 1, |group, sum| {
            let (mut buffers, end) = (SPARE.take(), images.min((group + 1) * GROUP));
            sum[0] = vec![0.0; matrix_pitch(width, self.outputs)];
            for first in (group * GROUP..end).step_by(self.at_a_time()) {
                let part = first..end.min(first + self.at_a_time());
                self.columns(large, part.clone(), &mut buffers);
                pixels(small, part.clone(), &mut buffers.pixels);
                SimdLevel::best().run(Product {
                    shape: [width, part.len() * self.windows(), self.outputs],
                    a: Strided::columns(&buffers.columns, width),
                    b: Strided::wide_rows(&buffers.pixels, self.outputs),
                    out: &mut sum[0],
                    adds: true,
                });
            }
            SPARE.give_back(buffers);
        });
        let sum = total(sums);
        let mut values = vec![0.0; self.weight.len()];
        self.for_places(|of, k, place| values[of] = sum[place * pitch(self.outputs) + k]);
        values
    }

    /// What lies in the windows of these images, `[images · small pixels, window]` in the [`pitch`] of the windows.
    fn columns(&self, large: Images, images: Range<usize>, buffers: &mut Buffers) {
        let Buffers { image, columns, .. } = buffers;
        if self.sliding.is_pointwise() {
            return pixels(large, images, columns);
        }
        let width = self.sliding.width();
        columns.resize(matrix_pitch(images.len() * self.windows(), width), 0.0);
        let (taps, run) = self.runs();
        // What was there is of another layer: where this one has padding there must be zeros.
        image.clear();
        let mut rows = columns.chunks_exact_mut(pitch(width));
        for i in images {
            self.sliding.pad(large, i, image);
            for (window, row) in self.sliding.windows().zip(&mut rows) {
                for (tap, to) in taps.iter().zip(row.chunks_exact_mut(run)) {
                    to.copy_from_slice(&image[window + tap..][..run]);
                }
            }
        }
    }

    /// Adds the columns of an image up to the large one, `out`; `buffer` is for its padding.
    fn scatter(&self, columns: &[f32], out: &mut [f32], buffer: &mut Vec<f32>) {
        let width = self.sliding.width();
        let rows = columns.chunks_exact(pitch(width));
        if self.sliding.is_pointwise() {
            for (out, row) in out.chunks_exact_mut(width).zip(rows) {
                out.copy_from_slice(&row[..width]);
            }
            return;
        }
        buffer.clear();
        buffer.resize(self.sliding.padded().len(), 0.0);
        let (taps, run) = self.runs();
        for (from, values) in self.sliding.windows().zip(rows) {
            for (tap, values) in taps.iter().zip(values.chunks_exact(run)) {
                let pixels = &mut buffer[from + tap..][..run];
                pixels.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        self.sliding.crop(buffer, out);
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

    /// Calls `work` with the place of each weight in the weights, its output, and its place in a window.
    fn for_places(&self, mut work: impl FnMut(usize, usize, usize)) {
        let (channels, width) = (self.sliding.large.channels, self.sliding.width());
        let taps = width / channels;
        for k in 0..self.outputs {
            for channel in 0..channels {
                for tap in 0..taps {
                    work(k * width + channel * taps + tap, k, tap * channels + channel);
                }
            }
        }
    }
}

/// The pixels of these images, `[images · pixels, channels]` in the [`pitch`] of the channels.
fn pixels(all: Images, images: Range<usize>, out: &mut Vec<f32>) {
    let channels = all.size.channels;
    out.resize(matrix_pitch(images.len() * all.size.rows * all.size.columns, channels), 0.0);
    let (mut rows, mut scratch) = (out.chunks_exact_mut(pitch(channels)), Vec::new());
    for i in images {
        let image = all.image_in(i, ImageLayout::Nhwc, &mut scratch);
        for (pixel, row) in image.chunks_exact(channels).zip(&mut rows) {
            row[..channels].copy_from_slice(pixel);
        }
    }
}
