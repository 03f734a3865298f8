//! The windows of one image, and the largest value of each.
//!
//! `y[c][r][p] = max_ij x[c][r * stride + i][p * stride + j]`, 0 <= i, j < side. The place of a largest
//! value is `i * side + j`: the gradient of y goes there.
//!
//! An image in planes is as many images of one channel; one of pixels has the channels of a pixel
//! together, so that the inner loops run over neighbours in memory. They are safe loops that the
//! compiler turns into vectors, for the processor that the program finds itself on.

use crate::ops::layout::{ImageLayout, Size};
use crate::ops::simd::{Kernel, Simd};

/// Windows of `side` x `side` values, `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub side: usize,
    pub stride: usize,
}

/// `out` becomes the largest value of each window of `image`, `argmax` where it lies: the first of
/// equal ones, the last NaN. All are in the order of the image.
pub(crate) struct MaxPool<'a> {
    pub windows: Windows,
    pub image: &'a [f32],
    pub size: Size,
    pub layout: ImageLayout,
    pub out: &'a mut [f32],
    pub argmax: &'a mut [u8],
}

impl Kernel for MaxPool<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { windows, image, size, layout, out, argmax } = self;
        let (output, channels) = (windows.output(size), channels(size, layout));
        let outputs = planes_mut(out, output, layout).zip(planes_mut(argmax, output, layout));
        for (image, (out, argmax)) in planes(image, size, layout).zip(outputs) {
            let outputs = out.chunks_exact_mut(channels).zip(argmax.chunks_exact_mut(channels));
            for (window, (out, argmax)) in outputs.enumerate() {
                out.fill(f32::NEG_INFINITY);
                argmax.fill(0);
                for (number, from) in windows.values(window, size, output).enumerate() {
                    let outputs = out.iter_mut().zip(&mut *argmax);
                    for ((most, place), &value) in outputs.zip(&image[from * channels..]) {
                        // No short cut: a branch would be stores under a mask, which are slow.
                        let larger = (value > *most) | value.is_nan();
                        *most = if larger { value } else { *most };
                        *place = if larger { number as u8 } else { *place };
                    }
                }
            }
        }
    }
}

/// Adds the `gradient` of each largest value to `dx` at its place; all are in the order of the image.
pub(crate) struct MaxPoolBackward<'a> {
    pub windows: Windows,
    pub size: Size,
    pub layout: ImageLayout,
    pub argmax: &'a [u8],
    pub gradient: &'a [f32],
    /// Zeros, unless the windows [`cover`](Windows::cover) it.
    pub dx: &'a mut [f32],
}

impl Kernel for MaxPoolBackward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        if self.windows.side > self.windows.stride {
            self.spread::<true>()
        } else {
            self.spread::<false>()
        }
    }
}

impl MaxPoolBackward<'_> {
    /// `SHARED`: values may be in several windows, and get a gradient from each; else each is written
    /// once, without being read.
    #[inline(always)]
    fn spread<const SHARED: bool>(self) {
        let Self { windows, size, layout, argmax, gradient, dx } = self;
        let (output, channels) = (windows.output(size), channels(size, layout));
        let outputs = planes(argmax, output, layout).zip(planes(gradient, output, layout));
        for (dx, (argmax, gradient)) in planes_mut(dx, size, layout).zip(outputs) {
            let outputs = argmax.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            for (window, (argmax, gradient)) in outputs.enumerate() {
                for (number, to) in windows.values(window, size, output).enumerate() {
                    let outputs = argmax.iter().zip(gradient);
                    for (dx, (&place, &gradient)) in dx[to * channels..].iter_mut().zip(outputs) {
                        let gradient = if place == number as u8 { gradient } else { 0.0 };
                        *dx = if SHARED { *dx + gradient } else { gradient };
                    }
                }
            }
        }
    }
}

impl Windows {
    /// The largest side: the number of a place is a byte.
    pub(crate) const MAX_SIDE: usize = 16;

    /// The size of what images of size `input` become.
    pub(crate) fn output(self, input: Size) -> Size {
        let along = |values: usize| (values - self.side) / self.stride + 1;
        Size { rows: along(input.rows), columns: along(input.columns), ..input }
    }

    /// Whether each value of a plane is in one window.
    pub(crate) fn cover(self, input: Size) -> bool {
        let Self { side, stride } = self;
        side == stride && input.rows.is_multiple_of(side) && input.columns.is_multiple_of(side)
    }

    /// The places of a plane that are in no window.
    pub(crate) fn without(self, input: Size) -> impl Iterator<Item = usize> {
        let Self { side, stride } = self;
        let Size { rows, columns, .. } = self.output(input);
        let is_in = move |at: usize, windows: usize| at / stride < windows && at % stride < side;
        let row = move |row: usize| {
            let all_in = is_in(row, rows);
            let of_row = (0..input.columns).filter(move |&at| !all_in || !is_in(at, columns));
            of_row.map(move |at| row * input.columns + at)
        };
        (0..input.rows).flat_map(row)
    }

    /// Where the values of window number `window` lie in a plane, row by row.
    #[inline(always)]
    fn values(self, window: usize, input: Size, output: Size) -> impl Iterator<Item = usize> {
        let first = self.first(window, input, output);
        self.offsets(input).map(move |offset| first + offset)
    }

    /// Where the first value of window number `window` lies in a plane.
    #[inline(always)]
    pub(crate) fn first(self, window: usize, input: Size, output: Size) -> usize {
        let (row, column) = (window / output.columns, window % output.columns);
        (row * input.columns + column) * self.stride
    }

    /// Where the values of a window lie from its first one on, row by row.
    #[inline(always)]
    pub(crate) fn offsets(self, input: Size) -> impl Iterator<Item = usize> {
        (0..self.side * self.side).map(move |i| i / self.side * input.columns + i % self.side)
    }
}

/// Channels that lie together.
fn channels(size: Size, layout: ImageLayout) -> usize {
    if layout == ImageLayout::Nhwc { size.channels } else { 1 }
}

fn plane(size: Size, layout: ImageLayout) -> usize {
    size.rows * size.columns * channels(size, layout)
}

fn planes<T>(image: &[T], size: Size, layout: ImageLayout) -> impl Iterator<Item = &[T]> {
    image.chunks_exact(plane(size, layout))
}

fn planes_mut<T>(
    image: &mut [T],
    size: Size,
    layout: ImageLayout,
) -> impl Iterator<Item = &mut [T]> {
    image.chunks_exact_mut(plane(size, layout))
}
