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
        place(self.image(i), self.layout, self.size, [0, 0], scratch, layout, self.size);
        scratch
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
