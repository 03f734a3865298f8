//! The windows of one image.
//!
//! An image in planes is as many images of one channel; one of pixels has the channels of a pixel
//! together, so that the inner loops run over neighbours in memory. They are safe loops that the
//! compiler turns into vectors, for the processor that the program finds itself on.

use crate::conv::images::{Order, Size};
use crate::conv::kernels::{Kernel, Simd};

/// Windows of `side` x `side` values, `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub side: usize,
    pub stride: usize,
}

/// `out` becomes the largest value of each window of `image`, in the order of the image.
pub(super) struct Largest<'a> {
    pub windows: Windows,
    pub image: &'a [f32],
    pub size: Size,
    pub order: Order,
    pub out: &'a mut [f32],
}

impl Kernel for Largest<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let Self { windows, image, size, order, out } = self;
        let (output, channels) = (windows.output(size), channels(size, order));
        for (image, out) in planes(image, size, order).zip(planes_mut(out, output, order)) {
            for (place, out) in out.chunks_exact_mut(channels).enumerate() {
                out.fill(f32::NEG_INFINITY);
                for from in windows.values(place, size, output) {
                    for (most, &value) in out.iter_mut().zip(&image[from * channels..]) {
                        *most = if value > *most || value.is_nan() { value } else { *most };
                    }
                }
            }
        }
    }
}

/// Adds the `gradient` of each of the `largest` values of `image` to `dx` where that value came from;
/// all are in the order of the image.
pub(super) struct Back<'a> {
    pub windows: Windows,
    pub image: &'a [f32],
    pub size: Size,
    pub order: Order,
    pub largest: &'a [f32],
    pub gradient: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Kernel for Back<'_> {
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

impl Back<'_> {
    /// `SHARED`: values may be in several windows, and get a gradient from each; else each is written
    /// once, without being read.
    #[inline(always)]
    fn spread<const SHARED: bool>(self) {
        let Self { windows, image, size, order, largest, gradient, dx } = self;
        let (output, channels) = (windows.output(size), channels(size, order));
        let mut left = vec![0.0; channels];
        let images = planes(image, size, order).zip(planes_mut(dx, size, order));
        let outputs = planes(largest, output, order).zip(planes(gradient, output, order));
        for ((image, dx), (largest, gradient)) in images.zip(outputs) {
            let places = largest.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            for (place, (largest, gradient)) in places.enumerate() {
                left.copy_from_slice(gradient);
                for from in windows.values(place, size, output) {
                    let values = image[from * channels..].iter().zip(largest);
                    let gradients = dx[from * channels..].iter_mut().zip(&mut left);
                    for ((value, largest), (dx, left)) in values.zip(gradients) {
                        let here = value == largest || value.is_nan();
                        let gradient = if here { *left } else { 0.0 };
                        *dx = if SHARED { *dx + gradient } else { gradient };
                        *left = if here { 0.0 } else { *left };
                    }
                }
            }
        }
    }
}

impl Windows {
    /// The size of what images of size `input` become.
    pub(super) fn output(self, input: Size) -> Size {
        let along = |values: usize| (values - self.side) / self.stride + 1;
        Size { rows: along(input.rows), columns: along(input.columns), ..input }
    }

    /// Where the values of the window of output number `place` lie in a plane, row by row.
    #[inline(always)]
    fn values(self, place: usize, input: Size, output: Size) -> impl Iterator<Item = usize> {
        let corner = place / output.columns * self.stride * input.columns
            + place % output.columns * self.stride;
        (0..self.side * self.side)
            .map(move |i| corner + i / self.side * input.columns + i % self.side)
    }
}

/// Channels that lie together.
fn channels(size: Size, order: Order) -> usize {
    if order == Order::Pixels { size.channels } else { 1 }
}

fn plane(size: Size, order: Order) -> usize {
    size.rows * size.columns * channels(size, order)
}

fn planes(image: &[f32], size: Size, order: Order) -> impl Iterator<Item = &[f32]> {
    image.chunks_exact(plane(size, order))
}

fn planes_mut(image: &mut [f32], size: Size, order: Order) -> impl Iterator<Item = &mut [f32]> {
    image.chunks_exact_mut(plane(size, order))
}
