//! How the images of a batch lie in memory, and moving them about.

/// The order of an image's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `[channels, rows, columns]`: a plane for each channel.
    Planes,
    /// `[rows, columns, channels]`: the channels of a pixel together.
    Pixels,
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
    pub(crate) fn strides(self, order: Order) -> [usize; 3] {
        match order {
            Order::Planes => [self.rows * self.columns, self.columns, 1],
            Order::Pixels => [1, self.columns * self.channels, self.channels],
        }
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
    pub order: Order,
}

impl<'a> Images<'a> {
    /// Image `i`.
    pub(crate) fn image(self, i: usize) -> &'a [f32] {
        &self.values[i * self.size.len()..][..self.size.len()]
    }

    /// Image `i` in this order; `scratch` holds it if it must be reordered.
    pub(crate) fn image_in<'s>(self, i: usize, order: Order, scratch: &'s mut Vec<f32>) -> &'s [f32]
    where
        'a: 's,
    {
        if self.order == order || self.size.is_flat() {
            return self.image(i);
        }
        scratch.resize(self.size.len(), 0.0);
        place(self.image(i), self.order, self.size, [0, 0], scratch, order, self.size);
        scratch
    }
}

/// Copies an image of `size` into the larger or smaller image `out` of size `room`, its corner at
/// row and column `corner`. What lies outside of `room` is left out; what is outside of the image
/// stays as it is in `out`.
pub(crate) fn place(
    image: &[f32],
    from: Order,
    size: Size,
    corner: [isize; 2],
    out: &mut [f32],
    to: Order,
    room: Size,
) {
    let (rows, top) = overlap(size.rows, corner[0], room.rows);
    let (columns, left) = overlap(size.columns, corner[1], room.columns);
    let ([from_c, from_r, from_p], [to_c, to_r, to_p]) = (size.strides(from), room.strides(to));
    let n = columns.len();
    for (i, r) in rows.enumerate() {
        let (read, write) = (r * from_r + columns.start * from_p, (top + i) * to_r + left * to_p);
        if from == Order::Pixels && to == Order::Pixels {
            let n = n * size.channels;
            out[write..][..n].copy_from_slice(&image[read..][..n]);
            continue;
        }
        for c in 0..size.channels {
            let (read, write) = (read + c * from_c, write + c * to_c);
            if from_p == 1 && to_p == 1 {
                out[write..][..n].copy_from_slice(&image[read..][..n]);
            } else {
                let values = image[read..].iter().step_by(from_p);
                let places = out[write..].iter_mut().step_by(to_p);
                places.zip(values).take(n).for_each(|(place, value)| *place = *value);
            }
        }
    }
}

/// Which of `n` places fall inside `room` when the first is put at `at`, and where the first of
/// these falls.
fn overlap(n: usize, at: isize, room: usize) -> (std::ops::Range<usize>, usize) {
    let start = at.min(0).unsigned_abs().min(n);
    let first = at.max(0).unsigned_abs();
    let end = (start + room.saturating_sub(first)).min(n);
    (start..end, first)
}
