//! How the images of a batch lie in memory, and moving them about.

/// The order of an image's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageLayout {
    /// `[channels, rows, columns]`: a plane for each channel.
    Nchw,
    /// `[rows, columns, channels]`: the channels of a pixel together.
    Nhwc,
}

/// Channels, rows, columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Size {
    /// Values in an image.
    pub(crate) fn len(self) -> usize {
        self.channels * self.rows * self.columns
    }

    /// From one channel, row, column to the next, in values.
    pub(crate) fn strides(self, layout: ImageLayout) -> [usize; 3] {
        match layout {
            ImageLayout::Nchw => [self.rows * self.columns, self.columns, 1],
            ImageLayout::Nhwc => [1, self.columns * self.channels, self.channels],
        }
    }

    /// These rows of an image of pixels, whose channels lie together.
    pub(crate) fn rows_of(self, image: &[f32], rows: std::ops::Range<usize>) -> &[f32] {
        let row = self.columns * self.channels;
        &image[rows.start * row..rows.end * row]
    }

    /// Whether both orders are the same.
    pub(crate) fn is_flat(self) -> bool {
        self.channels == 1 || self.rows * self.columns == 1
    }
}

/// The images of a batch, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    pub values: &'a [f32],
    pub size: Size,
    pub layout: ImageLayout,
}

impl<'a> Images<'a> {
    /// How many there are.
    pub(crate) fn count(self) -> usize {
        self.values.len() / self.size.len()
    }

    /// Image `i`.
    pub(crate) fn image(self, i: usize) -> &'a [f32] {
        &self.values[i * self.size.len()..][..self.size.len()]
    }

    /// Image `i` in this order; `scratch` holds it if it must be reordered.
    pub(crate) fn image_in<'s>(
        self,
        i: usize,
        layout: ImageLayout,
        scratch: &'s mut Vec<f32>,
    ) -> &'s [f32]
    where
        'a: 's,
    {
        if self.layout == layout || self.size.is_flat() {
            return self.image(i);
        }
        scratch.resize(self.size.len(), 0.0);
        reorder(self.image(i), self.size, self.layout, scratch);
        scratch
    }
}

/// Writes an image in the order `from` to `out` in the other one.
pub(crate) fn reorder(image: &[f32], size: Size, from: ImageLayout, out: &mut [f32]) {
    let pixels = size.rows * size.columns;
    match from {
        ImageLayout::Nchw => {
            transpose([size.channels, pixels], (image, pixels), (out, size.channels))
        }
        ImageLayout::Nhwc => {
            transpose([pixels, size.channels], (image, size.channels), (out, pixels))
        }
    }
}

/// Side of the squares that are transposed one after the other, so that what they are read from and written to stays near.
pub(crate) const SQUARE: usize = 16;

/// `out[c][r] = from[r][c]` of `[rows, columns]`, whose rows are so far apart as the numbers after them say.
pub(crate) fn transpose(
    [rows, columns]: [usize; 2],
    (from, from_row): (&[f32], usize),
    (out, out_row): (&mut [f32], usize),
) {
    for first in (0..rows).step_by(SQUARE) {
        for column in (0..columns).step_by(SQUARE) {
            let [height, width] = [rows - first, columns - column].map(|rest| rest.min(SQUARE));
            let (from, out) =
                (&from[first * from_row + column..], &mut out[column * out_row + first..]);
            if [height, width] == [SQUARE; 2] {
                square((from, from_row), (out, out_row));
                continue;
            }
            for r in 0..height {
                for c in 0..width {
                    out[c * out_row + r] = from[r * from_row + c];
                }
            }
        }
    }
}

/// [`transpose`] of a whole square: its rows are read and written at once.
fn square((from, from_row): (&[f32], usize), (out, out_row): (&mut [f32], usize)) {
    let mut rows = [[0.0; SQUARE]; SQUARE];
    for (r, row) in rows.iter_mut().enumerate() {
        row.copy_from_slice(&from[r * from_row..][..SQUARE]);
    }
    for c in 0..SQUARE {
        let column: [f32; SQUARE] = std::array::from_fn(|r| rows[r][c]);
        out[c * out_row..][..SQUARE].copy_from_slice(&column);
    }
}

/// Copies an image of `size` into the larger or smaller image `out` of size `buffer`, its corner at
/// row and column `offset`. What lies outside of `buffer` is left out; what is outside of the image
/// stays as it is in `out`.
pub(crate) fn place(
    image: &[f32],
    from: ImageLayout,
    size: Size,
    offset: [isize; 2],
    out: &mut [f32],
    to: ImageLayout,
    buffer: Size,
) {
    let (rows, top) = overlap(size.rows, offset[0], buffer.rows);
    let (columns, left) = overlap(size.columns, offset[1], buffer.columns);
    let ([from_c, from_r, from_p], [to_c, to_r, to_p]) = (size.strides(from), buffer.strides(to));
    let n = columns.len();
    for (i, r) in rows.enumerate() {
        let (read, write) = (r * from_r + columns.start * from_p, (top + i) * to_r + left * to_p);
        if from == ImageLayout::Nhwc && to == ImageLayout::Nhwc {
            let n = n * size.channels;
            out[write..][..n].copy_from_slice(&image[read..][..n]);
            continue;
        }
        for c in 0..size.channels {
            let (read, write) = (read + c * from_c, write + c * to_c);
            if from_p == 1 && to_p == 1 {
                out[write..][..n].copy_from_slice(&image[read..][..n]);
            } else {
                for p in 0..n {
                    out[write + p * to_p] = image[read + p * from_p];
                }
            }
        }
    }
}

/// Which of `n` places fall inside `buffer` when the first is put at `at`, and where the first of
/// these falls.
fn overlap(n: usize, at: isize, buffer: usize) -> (std::ops::Range<usize>, usize) {
    let start = at.min(0).unsigned_abs().min(n);
    let first = at.max(0).unsigned_abs();
    let end = (start + buffer.saturating_sub(first)).min(n);
    (start..end, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_reordered_and_back() {
        for [channels, rows, columns] in [[1, 3, 5], [3, 4, 4], [64, 7, 7], [17, 8, 9], [32, 1, 16]]
        {
            let size = Size { channels, rows, columns };
            let image: Vec<f32> = (0..size.len()).map(|i| i as f32).collect();
            let mut nhwc = vec![f32::NAN; size.len()];
            reorder(&image, size, ImageLayout::Nchw, &mut nhwc);
            let pixels = rows * columns;
            let want = (0..size.len()).map(|i| image[i % channels * pixels + i / channels]);
            assert!(want.eq(nhwc.iter().copied()), "{size:?}");
            let mut back = vec![f32::NAN; size.len()];
            reorder(&nhwc, size, ImageLayout::Nhwc, &mut back);
            assert_eq!(back, image, "{size:?}");
        }
    }
}
