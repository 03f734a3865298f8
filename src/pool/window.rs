//! The windows of one image.
//!
//! An image in planes is as many images of one channel; one of pixels has the channels of a pixel
//! together, so that the inner loops run over neighbours in memory.

use crate::conv::images::{Order, Size};

/// Windows of `side` x `side` values, `stride` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub side: usize,
    pub stride: usize,
}

impl Windows {
    /// The size of what images of size `input` become.
    pub(super) fn output(self, input: Size) -> Size {
        let along = |values: usize| (values - self.side) / self.stride + 1;
        Size { rows: along(input.rows), columns: along(input.columns), ..input }
    }

    /// The largest value of each window of `image`; `out` is in the order of the image.
    pub(super) fn largest(self, image: &[f32], (input, order): (Size, Order), out: &mut [f32]) {
        let output = self.output(input);
        for (image, out) in planes(image, input, order).zip(planes_mut(out, output, order)) {
            let channels = channels(input, order);
            for (place, out) in out.chunks_exact_mut(channels).enumerate() {
                out.fill(f32::NEG_INFINITY);
                for from in self.values(place, input, output) {
                    let values = &image[from * channels..][..channels];
                    for (most, &value) in out.iter_mut().zip(values) {
                        if value > *most || value.is_nan() {
                            *most = value;
                        }
                    }
                }
            }
        }
    }

    /// Adds the `gradient` of each largest value of `image` to `dx` where that value came from; all
    /// are in the order of the image.
    pub(super) fn back(
        self,
        image: &[f32],
        (input, order): (Size, Order),
        largest: &[f32],
        gradient: &[f32],
        dx: &mut [f32],
    ) {
        let (output, channels) = (self.output(input), channels(input, order));
        let mut left = vec![0.0; channels];
        let images = planes(image, input, order).zip(planes_mut(dx, input, order));
        let outputs = planes(largest, output, order).zip(planes(gradient, output, order));
        for ((image, dx), (largest, gradient)) in images.zip(outputs) {
            let places = largest.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            for (place, (largest, gradient)) in places.enumerate() {
                left.copy_from_slice(gradient);
                for from in self.values(place, input, output) {
                    let values = &image[from * channels..][..channels];
                    let dx = &mut dx[from * channels..][..channels];
                    for c in 0..channels {
                        let here = values[c] == largest[c] || values[c].is_nan();
                        dx[c] += if here { left[c] } else { 0.0 };
                        left[c] = if here { 0.0 } else { left[c] };
                    }
                }
            }
        }
    }

    /// Where the values of the window of output number `place` lie in a plane, row by row.
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
