//! What backward passes have in common: the gradient before an activation, and sums over rows in their order.

use std::ops::{Deref, Range};

use crate::ops::Activation;
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::{GROUP, for_groups, of_images};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Derive, SimdLevel};

/// The gradient before an activation, in NHWC.
pub(crate) enum Derived<'a> {
    /// It is the one after.
    Same(&'a [f32]),
    Other(Recycled),
}

impl Deref for Derived<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Same(values) => values,
            Self::Other(values) => values,
        }
    }
}

/// dz = dy f'(y): the gradient before the activation from `y` and the `gradient` dy of it.
pub(crate) fn derived<'a>(
    level: SimdLevel,
    activation: Activation,
    y: Images,
    gradient: Images<'a>,
) -> Derived<'a> {
    let is_nhwc = gradient.layout == ImageLayout::Nhwc || gradient.size.is_flat();
    if activation == Activation::Identity && is_nhwc {
        return Derived::Same(gradient.values);
    }
    Derived::Other(derivative(level, activation, y, gradient))
}

/// The same in memory of its own, whatever the activation.
pub(crate) fn derivative(
    level: SimdLevel,
    activation: Activation,
    y: Images,
    gradient: Images,
) -> Recycled {
    type Scratch = (Vec<f32>, Vec<f32>);
    of_images(y.count(), y.size.len(), |i, (a, b): &mut Scratch, out| {
        let gradient = gradient.image_in(i, ImageLayout::Nhwc, a);
        if activation == Activation::Identity {
            return out.copy_from_slice(gradient);
        }
        let output = y.image_in(i, ImageLayout::Nhwc, b);
        level.run(Derive { activation, gradient, output, out });
    })
}

/// The sum of each channel over all pixels of NHWC images: of each group of images, then over the groups in order.
pub(crate) fn sums_of_channels(images: Images) -> Vec<f32> {
    let (group, channels) = (GROUP * images.size.len(), images.size.channels);
    let mut sums = vec![vec![0.0; channels]; images.values.len().div_ceil(group)];
    for_groups(&mut sums, 1, |number, sums| {
        let from = number * group;
        let values = &images.values[from..images.values.len().min(from + group)];
        add_rows(&mut sums[0], values);
    });
    total(sums)
}

/// The sums, so many, that `work` adds up for each group of `each` of `count` images, added in the order of the groups. It is
/// also given the group's part of `dx`, `n` numbers for each image: nothing, where `dx` is empty.
pub(crate) fn sums_of_groups(
    (count, each, sums): (usize, usize, usize),
    (dx, n): (&mut [f32], usize),
    work: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut parts = dx.chunks_mut((each * n).max(1));
    let mut of_groups: Vec<Vec<f32>> = vec![Vec::new(); count.div_ceil(each)];
    let with_part = |sums| (parts.next().unwrap_or_default(), sums);
    let mut groups: Vec<(&mut [f32], &mut Vec<f32>)> =
        of_groups.iter_mut().map(with_part).collect();
    for_groups(&mut groups, 1, |group, parts| {
        let (dx, of_group) = &mut parts[0];
        of_group.resize(sums, 0.0);
        work(group * each..count.min((group + 1) * each), dx, of_group);
    });
    total(of_groups)
}

/// The sum of each of so many `columns` of a matrix, over its rows in their order.
pub(crate) fn sums_of_columns(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    add_rows(&mut sums, matrix);
    sums
}

/// The sum of rows of the same length, in their order; empty without one.
pub(crate) fn total(rows: Vec<Vec<f32>>) -> Vec<f32> {
    let mut rows = rows.into_iter();
    let mut total = rows.next().unwrap_or_default();
    rows.for_each(|row| add_rows(&mut total, &row));
    total
}

/// Adds the rows of `matrix`, as long as `sums`, to these.
pub(crate) fn add_rows(sums: &mut [f32], matrix: &[f32]) {
    for row in matrix.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}
