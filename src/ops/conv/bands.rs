//! Images in bands of rows, so that what a kernel reads and writes at a time stays in the second cache.
//!
//! Of `h` rows a band has at most n, all but the last as many: 0..n, n..2n, ... What lies under a band of the output are
//! its rows of the padded input and `kernel rows - 1` more. Small images are one band.

use std::ops::Range;

use crate::ops::conv::layer::Layer;
use crate::ops::layout::{ImageLayout, Images, Size, place};

/// Numbers of a band, its input and its output: half a megabyte. SingleLayerCAE at 512x512 on a Zen 4 with a megabyte of
/// cache a core (`cargo bench --bench step`).
const MOST: usize = 1 << 17;

/// Rows of the bands of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bands {
    /// Of an image.
    height: usize,
    /// Of a band.
    pub rows: usize,
}

impl Bands {
    /// For `height` rows of so many `numbers` each.
    fn new(height: usize, numbers: usize) -> Self {
        let count = height.div_ceil((MOST / numbers).clamp(1, height));
        Self { height, rows: height.div_ceil(count) }
    }

    /// Whether there is one.
    pub fn is_one(self) -> bool {
        self.rows >= self.height
    }

    /// Where each begins.
    pub fn starts(self) -> impl Iterator<Item = usize> {
        (0..self.height).step_by(self.rows)
    }

    /// The rows of the band that begins at `start`, of an image of `height` rows, which may be none.
    pub fn of(self, start: usize, height: usize) -> Range<usize> {
        start.min(height)..(start + self.rows).min(height)
    }
}

impl Layer {
    /// The bands of the layer's input and of its maps, of which one may end before the other.
    pub(super) fn bands(&self) -> Bands {
        let (input, maps) = (self.input, self.maps());
        let columns = input.columns.max(maps.columns);
        Bands::new(input.rows.max(maps.rows), columns * (input.channels + maps.channels))
    }

    /// The padded input under `rows` of the maps of image `i`; `buffer` and `scratch` hold it where it must be copied.
    pub(super) fn pad_rows<'s, 'a: 's>(
        &self,
        (x, i, layout): (Images<'a>, usize, ImageLayout),
        (bands, rows): (Bands, &Range<usize>),
        buffer: &'s mut Vec<f32>,
        scratch: &'s mut Vec<f32>,
    ) -> &'s [f32] {
        if bands.is_one() {
            return self.pad(x, i, layout, buffer, scratch);
        }
        let more = self.kernel[0] - 1;
        if self.padding == [0; 4] && x.layout == layout && layout == ImageLayout::Nhwc {
            return x.size.rows_of(x.image(i), rows.start..rows.end + more);
        }
        let band = Size { rows: bands.rows + more, ..self.padded() };
        let [top, _, left, _] = self.padding.map(|zeros| zeros as isize);
        let first = rows.start as isize - top;
        place_band((x.image(i), x.layout, x.size), [first, left], (buffer, layout, band));
        buffer
    }
}

/// Puts the rows of an image from row `first` on, which may be before its first, and with so many columns before its own,
/// into a `buffer` of this size; what is outside of the image is zeros.
pub(super) fn place_band(
    (image, from, size): (&[f32], ImageLayout, Size),
    [first, left]: [isize; 2],
    (buffer, to, band): (&mut Vec<f32>, ImageLayout, Size),
) {
    let is_inside = first >= 0 && first + band.rows as isize <= size.rows as isize;
    if !is_inside || buffer.len() != band.len() {
        buffer.clear();
        buffer.resize(band.len(), 0.0);
    }
    // Else the columns beside the image are still zeros, and all others are written.
    place(image, from, size, [-first, left], buffer, to, band);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_have_every_row_once() {
        for (height, numbers) in [(1, 1), (28, 980), (512, 17920), (513, 17920), (100, 1 << 20)] {
            let bands = Bands::new(height, numbers);
            let rows: Vec<_> = bands.starts().flat_map(|start| bands.of(start, height)).collect();
            assert_eq!(rows, Vec::from_iter(0..height), "{height} {numbers}");
            assert!(bands.rows == 1 || bands.rows * numbers <= MOST, "{height} {numbers}");
        }
    }
}
