//! The windows that a kernel slides over: large images `[channels, h, w]`, one small pixel for each window.
//!
//! ```text
//! small rows = ⌊(h + top + bottom - (dilation (kernel rows - 1) + 1)) / stride⌋ + 1
//! ```
//!
//! A convolution reads large images and writes small ones; a transposed one goes the other way. What lies in the
//! windows of an image is a matrix, its columns (im2col), `[small pixels, kernel rows · kernel columns · channels]`.

use crate::ops::layout::{ImageLayout, Images, Size, place};

/// How a kernel slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: usize,
    /// Rows and columns from one value of a window to the next.
    pub dilation: usize,
    /// Zeros on the top, bottom, left and right of the large images.
    pub padding: [usize; 4],
}

impl Geometry {
    /// Rows and columns of the small images of large ones of `[rows, columns]`; `None` where the kernel is larger than
    /// these with their padding.
    pub(crate) fn small(&self, [rows, columns]: [usize; 2]) -> Option<[usize; 2]> {
        let [top, bottom, left, right] = self.padding;
        let along = |values: usize, kernel: usize| {
            let reach = self.dilation * kernel.checked_sub(1)? + 1;
            Some(values.checked_sub(reach)?.checked_div(self.stride)? + 1)
        };
        let rows = along(rows + top + bottom, self.kernel[0])?;
        Some([rows, along(columns + left + right, self.kernel[1])?])
    }

    /// Rows and columns of `large` images at the bottom and on the right that no kernel reaches, where they have
    /// `small` ones of this size: those of which the stride leaves less than it is.
    pub(crate) fn unreached(&self, small: [usize; 2], large: [usize; 2]) -> [usize; 2] {
        let [top, bottom, left, right] = self.padding;
        let along = |at: usize, around: usize| {
            let reached = (small[at] - 1) * self.stride + self.dilation * (self.kernel[at] - 1) + 1;
            (large[at] + around).saturating_sub(reached)
        };
        [along(0, top + bottom), along(1, left + right)]
    }
}

/// A kernel that slides over large images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sliding {
    pub geometry: Geometry,
    pub large: Size,
}

impl Sliding {
    /// Rows and columns of a small image.
    pub fn small(&self) -> [usize; 2] {
        let size = [self.large.rows, self.large.columns];
        self.geometry.small(size).expect("the kernel is no larger than the images")
    }

    /// The size of a large image with its padding.
    pub fn padded(&self) -> Size {
        let [top, bottom, left, right] = self.geometry.padding;
        let Size { channels, rows, columns } = self.large;
        Size { channels, rows: rows + top + bottom, columns: columns + left + right }
    }

    /// Puts image `i` into `buffer`, which becomes NHWC with its padding; the padding is zero where it was before.
    pub fn pad(&self, x: Images, i: usize, buffer: &mut Vec<f32>) {
        buffer.resize(self.padded().len(), 0.0);
        let offset = self.corner();
        place(x.image(i), x.layout, x.size, offset, buffer, ImageLayout::Nhwc, self.padded());
    }

    /// Puts the padded image `buffer` without its padding into `image`, both NHWC.
    pub fn crop(&self, buffer: &[f32], image: &mut [f32]) {
        let (offset, layout) = (self.corner().map(|at| -at), ImageLayout::Nhwc);
        place(buffer, layout, self.padded(), offset, image, layout, self.large);
    }

    fn corner(&self) -> [isize; 2] {
        let [top, _, left, _] = self.geometry.padding;
        [top as isize, left as isize]
    }

    /// Whether a window is a pixel, and each pixel one: columns are the pixels as they lie.
    pub fn is_pointwise(&self) -> bool {
        let Geometry { kernel, stride, padding, .. } = self.geometry;
        kernel == [1, 1] && stride == 1 && padding == [0; 4]
    }

    /// Values in a window.
    pub fn width(&self) -> usize {
        let [rows, columns] = self.geometry.kernel;
        rows * columns * self.large.channels
    }

    /// Where the channels of each value of the kernel begin in a padded NHWC image, for the window at its corner.
    pub fn taps(&self) -> Vec<usize> {
        let Geometry { kernel: [rows, columns], dilation, .. } = self.geometry;
        let (padded, taps) = (self.padded(), 0..rows * columns);
        taps.map(|tap| {
            let (row, column) = (tap / columns * dilation, tap % columns * dilation);
            (row * padded.columns + column) * padded.channels
        })
        .collect()
    }

    /// Where each window begins in a padded NHWC image, row by row.
    pub fn windows(&self) -> impl Iterator<Item = usize> {
        let ([rows, columns], padded, stride) = (self.small(), self.padded(), self.geometry.stride);
        (0..rows * columns).map(move |window| {
            let (row, column) = (window / columns * stride, window % columns * stride);
            (row * padded.columns + column) * padded.channels
        })
    }
}
