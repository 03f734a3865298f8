//! What backward passes over images have in common: the gradient before an activation, and the sums of channels.

use crate::ops::Activation;
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::parallel::{GROUP, for_groups, of_images};
use crate::ops::simd::{Derive, SimdLevel};

/// Images of one size, NHWC.
pub(crate) struct Pixels(Vec<f32>);

impl Pixels {
    /// The images, of this size.
    pub fn images(&self, size: Size) -> Images<'_> {
        Images { values: &self.0, size, layout: ImageLayout::Nhwc }
    }
}

/// dz = dy f'(y): the gradient before the activation from `y` and the `gradient` dy of it.
pub(crate) fn derived(activation: Activation, y: Images, gradient: Images) -> Pixels {
    let n = y.size.len();
    type Scratch = (Vec<f32>, Vec<f32>);
    Pixels(of_images(y.values.len() / n, n, |i, (a, b): &mut Scratch, out| {
        let gradient = gradient.image_in(i, ImageLayout::Nhwc, a);
        let output = y.image_in(i, ImageLayout::Nhwc, b);
        SimdLevel::best().run(Derive { activation, gradient, output, out });
    }))
}

/// The sum of each channel over all pixels of NHWC images: of each group of images, then over the groups in order.
pub(crate) fn sums_of_channels(images: Images) -> Vec<f32> {
    let (group, channels) = (GROUP * images.size.len(), images.size.channels);
    let mut sums = vec![vec![0.0; channels]; images.values.len().div_ceil(group)];
    for_groups(&mut sums, 1, |number, sums| {
        let from = number * group;
        let values = &images.values[from..images.values.len().min(from + group)];
        for pixel in values.chunks_exact(channels) {
            sums[0].iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
        }
    });
    total(sums)
}

/// The sum of rows of the same length, in their order.
pub(crate) fn total(rows: Vec<Vec<f32>>) -> Vec<f32> {
    let mut rows = rows.into_iter();
    let mut total = rows.next().unwrap_or_default();
    for row in rows {
        total.iter_mut().zip(row).for_each(|(total, value)| *total += value);
    }
    total
}
