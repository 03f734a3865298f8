//! Images `[images, channels, height, width]` in rows and columns:
//! `width = columns * cell + (columns - 1) * padding`, where `cell = enlarge * image width`.

use anyhow::Result;

use super::{Picture, Range};
use crate::error::{Exit, Failure};

/// How images are laid out, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Images in a row.
    pub columns: usize,
    /// Black pixels between two images; there are none around the grid.
    pub padding: usize,
    /// How many pixels wide and high one of an image is drawn.
    pub enlarge: usize,
}

impl Grid {
    /// Draws `images` `[images, channels, height, width]`; the last row may be part full. Of
    /// `shape`'s channels, 1 is drawn grey, 3 or more as red, green and blue; further ones are left
    /// out.
    ///
    /// # Errors
    /// When `images` do not have `shape`, there is no pixel, or there are two channels.
    pub fn draw(&self, images: &[f32], shape: [usize; 4], range: Range) -> Result<Picture> {
        check(images, shape)?;
        let [count, channels, height, width] = shape;
        let (columns, enlarge) = (self.columns.clamp(1, count), self.enlarge.max(1));
        let rows = count.div_ceil(columns);
        let size = |cells: usize, cell: usize| cells * cell * enlarge + (cells - 1) * self.padding;
        let mut picture = Picture::black(size(columns, width), size(rows, height), channels > 1);
        for (index, image) in images.chunks_exact(channels * height * width).enumerate() {
            let left = index % columns * (width * enlarge + self.padding);
            let top = index / columns * (height * enlarge + self.padding);
            for (y, x) in
                (0..height * enlarge).flat_map(|y| (0..width * enlarge).map(move |x| (y, x)))
            {
                let at = y / enlarge * width + x / enlarge;
                for (channel, byte) in picture.pixel_mut(left + x, top + y).iter_mut().enumerate() {
                    *byte = range.byte(image[channel * height * width + at]);
                }
            }
        }
        Ok(picture)
    }
}

/// Whether there are such images and they can be drawn.
pub(super) fn check(images: &[f32], shape: [usize; 4]) -> Result<()> {
    let size: usize = shape.iter().product();
    if size == 0 || images.len() != size || shape[1] == 2 {
        let what = format!("{} values of shape {shape:?} cannot be drawn", images.len());
        return Err(Failure::new(Exit::Failed, what)
            .why("a picture needs [images, channels, height, width] with 1 channel or 3")
            .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Image `i` has the value `i + 1` of `count` everywhere.
    fn ramp(count: usize, size: usize) -> Vec<f32> {
        (0..count * size).map(|at| (at / size + 1) as f32 / count as f32 * 2.0 - 1.0).collect()
    }

    #[test]
    fn places() {
        let grid = Grid { columns: 2, padding: 1, enlarge: 1 };
        let picture = grid.draw(&ramp(3, 2), [3, 1, 1, 2], Range::SIGNED).unwrap();
        assert_eq!((picture.width(), picture.height(), picture.channels()), (5, 3, 1));
        #[rustfmt::skip]
        assert_eq!(picture.bytes(), [
            85, 85, 0, 170, 170,
            0, 0, 0, 0, 0,
            255, 255, 0, 0, 0,
        ]);
    }

    #[test]
    fn whole_pixels_are_enlarged() {
        let grid = Grid { columns: 9, padding: 1, enlarge: 2 };
        let picture = grid.draw(&[1.0, -1.0, 0.0, 1.0], [2, 1, 1, 2], Range::SIGNED).unwrap();
        let row = [255, 255, 0, 0, 0, 128, 128, 255, 255];
        assert_eq!((picture.width(), picture.bytes()), (9, &[row, row].concat()[..]));
    }

    #[test]
    fn channels_become_the_last_dimension() {
        let grid = Grid { columns: 1, padding: 0, enlarge: 1 };
        let values = [-1.0, 1.0, 0.0, 0.0, 1.0, -1.0, 0.5, 0.5];
        let picture = grid.draw(&values[..6], [1, 3, 1, 2], Range::SIGNED).unwrap();
        assert_eq!(picture.bytes(), [0, 128, 255, 255, 128, 0]);
        // A fourth channel is left out.
        assert_eq!(grid.draw(&values, [1, 4, 1, 2], Range::SIGNED).unwrap(), picture);
    }

    #[test]
    fn what_cannot_be_drawn() {
        let grid = Grid { columns: 1, padding: 0, enlarge: 1 };
        for (count, shape) in [(5, [2, 1, 1, 2]), (0, [0, 1, 2, 2]), (4, [1, 2, 1, 2])] {
            let error = grid.draw(&vec![0.0; count], shape, Range::SIGNED).unwrap_err();
            assert!(error.to_string().contains(&format!("{shape:?}")), "{error}");
        }
    }
}
