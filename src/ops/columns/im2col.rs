//! The [products](super::products) of a kernel that slides over the images of a batch by way of the columns of the large
//! ones (im2col), S the small images, L the large ones, W the weights `[window, channels of the small images]`.
//!
//! ```text
//! S = columns(L) W          L = scatter(S Wᵀ)          dW = Σ columns(L)ᵀ S
//! ```
//!
//! where scatter adds what lies at a pixel in several windows (col2im; Chellapilla et al. 2006). All images NHWC. The
//! products are of so many images that their columns stay in the cache. A group's images are a
//! fixed number and the sums of groups are added in their order: no bit depends on the threads.

use std::ops::Range;

use super::products::{Ending, Products, end};
use super::sliding::Sliding;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::{GROUP, for_groups};
use crate::ops::product::{Product, Strided, matrix_pitch, pitch};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{MAX_LANES, SimdLevel};
use crate::ops::spare::Spare;
use crate::ops::sums::sums_of_groups;

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
pub(super) struct Im2col<'a> {
    pub sliding: Sliding,
    /// Channels of the small images.
    pub outputs: usize,
    /// `[channels of small images, channels of large images, kernel rows, kernel columns]`.
    pub weight: &'a [f32],
}

impl Im2col<'_> {
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

    /// What lies in the windows of these images, `[images · small pixels, window]`.
    fn columns<'s>(
        &self,
        large: Images<'s>,
        images: Range<usize>,
        (image, columns): (&mut Vec<f32>, &'s mut Vec<f32>),
    ) -> Rows<'s> {
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
            // Few values are copied as so many that their number is known when this is compiled, which is no call: what is too
            // much is written over by the next, or lies between the rows.
            image.resize(self.sliding.padded().len() + MAX_LANES, 0.0);
            for (window, row) in self.sliding.windows().zip(&mut rows) {
                for (number, tap) in taps.iter().enumerate() {
                    let (to, from) = (&mut row[number * run..], &image[window + tap..]);
                    match run <= MAX_LANES {
                        true => to[..MAX_LANES].copy_from_slice(&from[..MAX_LANES]),
                        false => to[..run].copy_from_slice(&from[..run]),
                    }
                }
            }
        }
        Rows { values: columns, row: pitch(width) }
    }

    /// Adds the columns of an image up to the large one, `out`; `buffer` is for its padding.
    fn scatter(&self, columns: &[f32], out: &mut [f32], buffer: &mut Vec<f32>) {
        let width = self.sliding.width();
        let rows = columns.chunks_exact(pitch(width));
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

impl Products for Im2col<'_> {
    fn small(&self, large: Images, ending: Option<Ending>) -> Recycled {
        let (n, width) = (self.windows() * self.outputs, self.sliding.width());
        let mut weights = vec![0.0; matrix_pitch(width, self.outputs)];
        self.for_places(|of, k, place| weights[place * pitch(self.outputs) + k] = self.weight[of]);
        let mut out = Recycled::unset(large.count() * n);
        for_groups(&mut out, GROUP * n, |group, out| {
            let mut buffers = SPARE.take();
            for (part, out) in out.chunks_mut(self.at_a_time() * n).enumerate() {
                let first = group * GROUP + part * self.at_a_time();
                let windows = out.len() / self.outputs;
                let Buffers { image, columns, pixels } = &mut buffers;
                let a = self.columns(large, first..first + out.len() / n, (image, columns));
                let a = Strided::rows_apart(a.values, a.row);
                let b = Strided::wide_rows(&weights, self.outputs);
                let shape = [windows, width, self.outputs];
                in_rows(out, self.outputs, pixels, |out, out_row| {
                    SimdLevel::best().run(Product { shape, a, b, out, out_row, adds: false });
                });
                end(ending, out);
            }
            SPARE.give_back(buffers);
        });
        out
    }

    fn large(&self, small: Images, ending: Option<Ending>) -> Recycled {
        let (width, large) = (self.sliding.width(), self.sliding.large.len());
        let mut weights = vec![0.0; matrix_pitch(self.outputs, width)];
        self.for_places(|of, k, place| weights[k * pitch(width) + place] = self.weight[of]);
        let mut out = Recycled::unset(small.count() * large);
        for_groups(&mut out, GROUP * large, |group, out| {
            let mut buffers = SPARE.take();
            for (part, out) in out.chunks_mut(self.at_a_time() * large).enumerate() {
                let first = group * GROUP + part * self.at_a_time();
                let images = out.len() / large;
                let Buffers { image, columns, pixels: buffer } = &mut buffers;
                let a = pixels(small, first..first + images, buffer);
                let (windows, a) = (images * self.windows(), Strided::rows_apart(a.values, a.row));
                let (shape, b) =
                    ([windows, self.outputs, width], Strided::wide_rows(&weights, width));
                let product = |out: &mut [f32], out_row| {
                    SimdLevel::best().run(Product { shape, a, b, out, out_row, adds: false });
                };
                if self.sliding.is_pointwise() {
                    in_rows(out, width, columns, product);
                    end(ending, out);
                    continue;
                }
                columns.resize(matrix_pitch(windows, width), 0.0);
                product(columns, pitch(width));
                let columns = columns.chunks_exact(self.windows() * pitch(width));
                for (columns, out) in columns.zip(out.chunks_exact_mut(large)) {
                    self.scatter(columns, out, image);
                    end(ending, out);
                }
            }
            SPARE.give_back(buffers);
        });
        out
    }

    fn weights(&self, large: Images, small: Images) -> Recycled {
        let (images, width) = (large.count(), self.sliding.width());
        let of = (images, GROUP, matrix_pitch(width, self.outputs));
        let sum = sums_of_groups(of, (&mut [], 0), |group, _, sum| {
            let (mut buffers, end) = (SPARE.take(), group.end);
            for first in group.step_by(self.at_a_time()) {
                let part = first..end.min(first + self.at_a_time());
                let Buffers { image, columns, pixels: buffer } = &mut buffers;
                let a = self.columns(large, part.clone(), (image, columns));
                let b = pixels(small, part.clone(), buffer);
                SimdLevel::best().run(Product {
                    shape: [width, part.len() * self.windows(), self.outputs],
                    a: Strided::columns_apart(a.values, a.row),
                    b: Strided::wide_rows_apart(b.values, b.row),
                    out: &mut *sum,
                    out_row: pitch(self.outputs),
                    adds: true,
                });
            }
            SPARE.give_back(buffers);
        });
        let mut dw = Recycled::unset(self.weight.len());
        self.for_places(|of, k, place| dw[of] = sum[place * pitch(self.outputs) + k]);
        dw
    }
}

/// A matrix whose rows lie so far apart.
struct Rows<'a> {
    values: &'a [f32],
    row: usize,
}

/// Channels whose pixels are a multiple of so many numbers apart fall on less than a quarter of the lines of the second cache.
const FEW_LINES: usize = 128;

/// The pixels of these images, `[images · pixels, channels]`: as they lie if that is in whole vectors and the lines of the
/// caches suffice, else copied in the [`pitch`] of the channels.
fn pixels<'s>(all: Images<'s>, images: Range<usize>, out: &'s mut Vec<f32>) -> Rows<'s> {
    let (channels, n) = (all.size.channels, all.size.len());
    let fits = channels.is_multiple_of(MAX_LANES) && !channels.is_multiple_of(FEW_LINES);
    if all.layout == ImageLayout::Nhwc && fits {
        return Rows { values: &all.values[images.start * n..images.end * n], row: channels };
    }
    out.resize(matrix_pitch(images.len() * all.size.rows * all.size.columns, channels), 0.0);
    let (mut rows, mut scratch) = (out.chunks_exact_mut(pitch(channels)), Vec::new());
    for i in images {
        let image = all.image_in(i, ImageLayout::Nhwc, &mut scratch);
        for (pixel, row) in image.chunks_exact(channels).zip(&mut rows) {
            row[..channels].copy_from_slice(pixel);
        }
    }
    Rows { values: out, row: pitch(channels) }
}

/// Calls `work` with rows of `columns` numbers, which it writes, and how far apart they are: those of `out` if they are whole
/// vectors, else others that are copied there.
fn in_rows(
    out: &mut [f32],
    columns: usize,
    buffer: &mut Vec<f32>,
    work: impl FnOnce(&mut [f32], usize),
) {
    if columns.is_multiple_of(MAX_LANES) {
        return work(out, columns);
    }
    buffer.resize(matrix_pitch(out.len() / columns, columns), 0.0);
    work(buffer, pitch(columns));
    let rows = buffer.chunks_exact(pitch(columns));
    for (out, row) in out.chunks_exact_mut(columns).zip(rows) {
        out.copy_from_slice(&row[..columns]);
    }
}
